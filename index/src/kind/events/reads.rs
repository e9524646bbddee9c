//! What contracts say of themselves at the end of each epoch: answers of view functions, as of the last block's hash.
//!
//! Contracts may be strangers' code: whatever one answers is kept as it came or, beyond a bound, not at all, and none of
//! it is an error. What an endpoint lacks is one: a node that made up for it would say something else than the others.

use std::collections::{BTreeMap, HashSet};

use alloy::{
    dyn_abi::{DynSolType, DynSolValue, JsonAbiExt, Specifier},
    json_abi::{Event, EventParam, Function, JsonAbi, StateMutability},
    primitives::{Address, B256, Bytes},
};
use ipld_core::ipld::Ipld;

use super::row_ipld;
use crate::{
    Error, Result,
    abi::{EventTable, N_PLACE, RawLog},
    block::Blocks,
    config::EventsConfig,
    content::encode,
    database::Database,
    epoch::{Epoch, Epochs},
    kind::{Reader, metadata::ask},
    rows::{Column, Rows, Table, Type, Value},
    stage::{Derived, checkpoint},
};

/// Questions at the end of an epoch: what is read, times the contracts.
const N_QUESTIONS: usize = 256;

/// Bytes of an answer, as it comes and as it stands in a snapshot. All answers together leave half of a snapshot's two
/// mebibytes to the events.
const N_ANSWER_BYTES: usize = 2 << 10;

/// Bytes of what a read is called.
const N_NAME: usize = 128;

/// What is read of the contracts of a source, and what was read and is not yet written.
#[derive(Debug)]
pub(super) struct Reads {
    source: String,
    start_block: u64,
    /// In order.
    contracts: Vec<Address>,
    calls: Vec<Call>,
    epochs: Option<Epochs>,
    /// By block: the answers of the first contract, then those of the second, and so on.
    answers: BTreeMap<u64, Vec<Option<Bytes>>>,
}

/// A question to each contract.
#[derive(Debug)]
struct Call {
    /// What the answer stands under.
    name: String,
    input: Vec<u8>,
    /// An answer is decoded as the data of a log would be.
    answer: EventTable,
}

impl Reads {
    /// Of a source, with the functions of its ABI.
    ///
    /// # Errors
    /// If a function is not in the ABI, writes, answers nothing, or does not take these arguments; if something is to be
    /// read twice, or too much of it.
    pub(super) fn new(source: &str, start_block: u64, abi: &JsonAbi, config: &EventsConfig) -> Result<Self> {
        let refuse = |problem: String| Err(Error::Config(format!("reads of source {source}: {problem}")));
        let calls = config.reads.iter().map(|text| Call::new(source, abi, text)).collect::<Result<Vec<_>>>()?;
        let mut inputs = HashSet::new();
        if let Some(call) = calls.iter().find(|call| !inputs.insert(&call.input)) {
            return refuse(format!("{} is there twice; remove one", call.name));
        }
        if !calls.is_empty() && config.factory.is_some() {
            return refuse(
                "anybody can have a factory make more contracts than can be read; name contracts in place of it"
                    .to_owned(),
            );
        }
        let n_questions = calls.len().saturating_mul(config.contracts.len());
        if n_questions > N_QUESTIONS {
            return refuse(format!(
                "{} of {} contracts are {n_questions} questions at the end of each epoch, which are more than \
                 {N_QUESTIONS}; make several sources of it",
                calls.len(),
                config.contracts.len()
            ));
        }
        let mut contracts = config.contracts.clone();
        contracts.sort_unstable();
        let (source, answers) = (source.to_owned(), BTreeMap::new());
        Ok(Self { source, start_block, contracts, calls, epochs: None, answers })
    }

    /// Reads at the ends of these epochs from here on.
    pub(super) fn cut(&mut self, epochs: Epochs) {
        self.epochs = Some(epochs);
    }

    /// The table of answers: for each contract and read, whether there is one, and its bytes. None if nothing is read.
    pub(super) fn table(&self) -> Option<Table> {
        let columns = [
            ("block", Type::Integer),
            ("contract", Type::Blob),
            ("name", Type::Text),
            ("is_answered", Type::Integer),
            ("answer", Type::Blob),
        ];
        (!self.calls.is_empty()).then(|| Table {
            name: format!("{}_reads", self.source.replace('-', "_")),
            columns: columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).into(),
            n_key: 3,
            indexes: Vec::new(),
        })
    }

    /// Asks the contracts at each end of an epoch that is in `blocks`.
    pub(super) fn prepare(&mut self, database: &mut dyn Database, reader: &dyn Reader, blocks: Blocks) -> Result<()> {
        if self.calls.is_empty() {
            return Ok(());
        }
        // What was read stays until its blocks are done: a transaction may fail and be tried again.
        let done = checkpoint(database, Derived::NAME)?;
        self.answers.retain(|block, _| done.is_none_or(|done| *block > done.number));
        let inputs: Vec<Vec<u8>> = self.calls.iter().map(|call| call.input.clone()).collect();
        for (block, hash) in self.ends(database, blocks)? {
            let answers = ask(reader, &self.contracts, &inputs, Some(hash)).map_err(|error| match error {
                Error::NoState { .. } => Error::NoState {
                    block,
                    what: format!("what source {} reads at the end of an epoch", self.source),
                    remedy: "leave `reads` out and name another store: only archive nodes keep old states".to_owned(),
                },
                other => other,
            })?;
            let bounded = |answer: Bytes| Some(answer).filter(|answer| answer.len() <= N_ANSWER_BYTES);
            self.answers.insert(block, answers.into_iter().map(|answer| answer.and_then(bounded)).collect());
        }
        Ok(())
    }

    /// The blocks at which epochs end, with their hashes.
    fn ends(&self, database: &mut dyn Database, blocks: Blocks) -> Result<Vec<(u64, B256)>> {
        let Some(Epochs { genesis, size, .. }) = self.epochs else { return Ok(Vec::new()) };
        let sql = "SELECT number, hash FROM block WHERE number BETWEEN ?1 AND ?2 AND (number - ?3 + 1) % ?4 = 0";
        let first = blocks.first.max(genesis).max(self.start_block);
        let values = [first, blocks.last, genesis, size].map(Value::count);
        database.ask(sql, &values)?.iter().map(|row| Ok((row.count(0)?, row.hash(1)?))).collect()
    }

    /// Writes what was read at the ends of epochs that are in `blocks`.
    pub(super) fn write(&self, database: &mut dyn Database, blocks: Blocks) -> Result<()> {
        let Some(table) = self.table() else { return Ok(()) };
        let mut rows = Rows::new(table.columns.len());
        for (block, answers) in self.answers.range(blocks.first..=blocks.last) {
            let questions =
                self.contracts.iter().flat_map(|contract| self.calls.iter().map(move |call| (contract, call)));
            for ((contract, call), answer) in questions.zip(answers) {
                rows.push_row(&[
                    Value::count(*block),
                    Value::Blob(contract.as_slice()),
                    Value::Text(&call.name),
                    Value::Integer(answer.is_some().into()),
                    Value::Blob(answer.as_ref().map_or(&[], |answer| &answer[..])),
                ]);
            }
        }
        database.insert(&table, &rows)?;
        Ok(())
    }

    /// Forgets what was read and may not be written.
    pub(super) fn forget(&mut self) {
        self.answers.clear();
    }

    /// What the contracts say at the end of `epoch`, by address and read; nothing stands for a contract that does not
    /// answer, or whose answer its ABI does not fit. No contract is there before the source begins. None if nothing is
    /// read.
    pub(super) fn state(&self, database: &mut dyn Database, epoch: &Epoch) -> Result<Option<Ipld>> {
        let Some(table) = self.table() else { return Ok(None) };
        let end = epoch.blocks.last;
        let sql = format!("SELECT contract, name, is_answered, answer FROM {} WHERE block = ?1", table.name);
        let rows = database.ask(&sql, &[Value::count(end)])?;
        let n_expected = if end < self.start_block { 0 } else { self.contracts.len() * self.calls.len() };
        if rows.len() != n_expected {
            return Err(Error::Damaged(format!(
                "{} of {n_expected} answers of the contracts of source {} at block {end} are stored",
                rows.len(),
                self.source
            )));
        }
        let mut state: BTreeMap<String, Ipld> = BTreeMap::new();
        for row in rows.iter() {
            let (contract, name) = (row.address(0)?, row.text(1)?);
            let call = self.calls.iter().find(|call| call.name == name);
            let call = call.ok_or_else(|| Error::Damaged(format!("source {} does not read {name}", self.source)))?;
            let value = if row.integer(2)? == 0 { Ipld::Null } else { call.value(row.blob(3)?)? };
            let said = state.entry(format!("{contract:#x}")).or_insert_with(|| Ipld::Map(BTreeMap::new()));
            if let Ipld::Map(said) = said {
                said.insert(name.to_owned(), value);
            }
        }
        Ok(Some(Ipld::Map(state)))
    }
}

impl Call {
    /// Of a function and its arguments, as in `totalSupply` and `balanceOf(0x…)`.
    fn new(source: &str, abi: &JsonAbi, text: &str) -> Result<Self> {
        let refuse = |problem: String| Error::Config(format!("reads of source {source}: {text} {problem}"));
        let (name, arguments) = match text.split_once('(').map(|(name, rest)| (name, rest.strip_suffix(')'))) {
            None => (text.trim(), ""),
            Some((name, Some(arguments))) => (name.trim(), arguments.trim()),
            Some((_, None)) => return Err(refuse("has no ) at its end; add it".to_owned())),
        };
        let is_view =
            |function: &&Function| matches!(function.state_mutability, StateMutability::View | StateMutability::Pure);
        let named: Vec<&Function> = abi.functions().filter(|function| function.name == name).collect();
        if named.is_empty() {
            let views: Vec<_> = abi.functions().filter(is_view).map(Function::signature).collect();
            return Err(refuse(format!("is not in its abi, which has {}", views.join(", "))));
        }
        let signatures = named.iter().map(|function| function.signature()).collect::<Vec<_>>().join(" and ");
        let views: Vec<&Function> = named.into_iter().filter(is_view).collect();
        if views.is_empty() {
            return Err(refuse(format!("is {signatures}, which writes; name a function that only reads")));
        }
        let fitting: Vec<_> = views.into_iter().filter_map(|view| Some((view, input(view, arguments)?))).collect();
        let [(function, input)] = &fitting[..] else {
            let problem = if fitting.is_empty() { "none" } else { "several" };
            return Err(refuse(format!("has arguments that fit {problem} of {signatures}; give those of one")));
        };
        let name = if arguments.is_empty() { name.to_owned() } else { format!("{name}({arguments})") };
        if name.len() > N_NAME {
            return Err(refuse(format!("has {} bytes, which are more than {N_NAME}; leave it out", name.len())));
        }
        if function.outputs.is_empty() {
            return Err(refuse("answers nothing; leave it out".to_owned()));
        }
        let answer = answer_table(source, function).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        Ok(Self { name, input: input.clone(), answer })
    }

    /// What an answer says: the value, or a list if the function has several. Nothing if it is none of the function's, or
    /// takes too many bytes.
    fn value(&self, answer: &[u8]) -> Result<Ipld> {
        let mut rows = Rows::new(self.answer.table.columns.len());
        let topics = [self.answer.signature];
        let log = RawLog { block: 0, idx: 0, tx: B256::ZERO, contract: Address::ZERO, topics: &topics, data: answer };
        if !self.answer.push(&mut rows, &log) {
            return Ok(Ipld::Null);
        }
        let row = rows.first().expect("a row was added");
        let Ipld::List(mut values) = row_ipld(&self.answer, row)? else { unreachable!("a row is a list") };
        values.drain(..N_PLACE);
        let value = if values.len() == 1 { values.remove(0) } else { Ipld::List(values) };
        Ok(if encode(&value).len() > N_ANSWER_BYTES { Ipld::Null } else { value })
    }
}

/// The bytes of a call with these arguments; nothing if the function does not take them.
fn input(function: &Function, arguments: &str) -> Option<Vec<u8>> {
    if function.inputs.is_empty() {
        return arguments.is_empty().then(|| function.selector().to_vec());
    }
    let kinds = function.inputs.iter().map(|input| input.resolve().ok()).collect::<Option<Vec<_>>>()?;
    let values = DynSolType::Tuple(kinds).coerce_str(&format!("({arguments})")).ok()?;
    let DynSolValue::Tuple(values) = values else { return None };
    function.abi_encode_input(&values).ok()
}

/// How what a function answers is decoded: as the data of an event with its outputs.
fn answer_table(source: &str, function: &Function) -> Result<EventTable> {
    let output = |output: &alloy::json_abi::Param| EventParam {
        ty: output.ty.clone(),
        name: output.name.clone(),
        indexed: false,
        components: output.components.clone(),
        internal_type: None,
    };
    let inputs = function.outputs.iter().map(output).collect();
    EventTable::new(source, &Event { name: "answer".to_owned(), inputs, anonymous: false })
}
