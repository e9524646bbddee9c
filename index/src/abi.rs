//! Events as tables: a column for each argument, and logs as their rows.

use std::collections::HashSet;

use alloy::{
    dyn_abi::{DynSolType, Specifier as _},
    json_abi::{Event, EventParam},
    primitives::{Address, B256, I256, U256},
};

use crate::{
    Error, Result,
    rows::{Column, Rows, Table, Type, Value},
};

mod decode;
mod names;

use decode::{Budget, word_at};
use names::{column_name, snake_case};

/// Columns that every table of events has before those of the arguments: block, idx, tx, contract.
pub const N_PLACE: usize = 4;

/// Bytes that the name of a table may have, so that those of its indexes fit into PostgreSQL's 63.
const N_NAME: usize = 50;

/// The table of an event.
///
/// Its columns are `block`, `idx` (the log's place in the block), `tx`, `contract`, then one for each argument:
/// - INTEGER for booleans, for unsigned integers of up to 56 bits and for signed ones of up to 64;
/// - BLOB of 32 bytes, the highest first, for other integers. To signed ones 2^255 is added, so that they sort;
/// - BLOB for addresses, `bytes` and `bytesN`, and for the hash that stands for an indexed argument of many words;
/// - TEXT for strings, and, as JSON, for arrays and structs.
#[derive(Clone, Debug)]
pub struct EventTable {
    /// The event's name.
    pub event: String,
    /// The table.
    pub table: Table,
    /// What the cells of each column mean.
    pub meanings: Vec<Meaning>,
    /// The first topic of its logs.
    pub signature: B256,
    /// In order of the columns.
    arguments: Vec<Argument>,
    n_topics: usize,
    /// Bytes of the data that are at a fixed place.
    n_head: usize,
}

/// What the cells of a column mean beyond their type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An INTEGER that is 0 or 1.
    Flag,
    /// An INTEGER.
    Integer,
    /// An INTEGER: Unix seconds.
    Time,
    /// A BLOB of 32 bytes, the highest first.
    Unsigned,
    /// The same with 2^255 added.
    Signed,
    /// A BLOB of 20 bytes.
    Address,
    /// A BLOB: a hash, or bytes of any number.
    Bytes,
    /// TEXT.
    Text,
}

/// Where an argument is, and what.
#[derive(Clone, Debug)]
struct Argument {
    place: Place,
    kind: DynSolType,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// The topic of this number.
    Topic(usize),
    /// The byte of the data from which on it is, or the offset to it.
    Data(usize),
}

/// A log as the chain has it.
#[derive(Clone, Copy, Debug)]
pub struct RawLog<'a> {
    /// Its block.
    pub block: u64,
    /// Its place in the block.
    pub idx: u64,
    /// Its transaction.
    pub tx: B256,
    /// Whose it is.
    pub contract: Address,
    /// Its topics.
    pub topics: &'a [B256],
    /// What else it holds.
    pub data: &'a [u8],
}

impl EventTable {
    /// The table `source_event` of an event.
    ///
    /// # Errors
    /// If the event is anonymous, a type of it is none, or the table's name is too long.
    pub fn new(source: &str, event: &Event) -> Result<Self> {
        let refuse = |problem: &str| Err(Error::Config(format!("event {} of source {source} {problem}", event.name)));
        if event.anonymous {
            return refuse("is anonymous; leave it out");
        }
        let name = format!("{}_{}", source.replace('-', "_"), snake_case(&event.name));
        if name.len() > N_NAME || name.ends_with('_') {
            return refuse(&format!(
                "gives the table {name}, whose name must have 1 to {N_NAME} bytes; shorten the source's"
            ));
        }
        let place = [("block", Type::Integer), ("idx", Type::Integer), ("tx", Type::Blob), ("contract", Type::Blob)];
        let mut columns: Vec<Column> =
            place.into_iter().map(|(name, kind)| Column { name: name.to_owned(), kind }).collect();
        let mut meanings = vec![Meaning::Integer, Meaning::Integer, Meaning::Bytes, Meaning::Address];
        let mut taken: HashSet<String> = columns.iter().map(|column| column.name.clone()).collect();
        let (mut arguments, mut n_topics, mut n_head) = (Vec::new(), 1, 0);
        for (place, parameter) in event.inputs.iter().enumerate() {
            let kind = resolve(source, event, parameter)?;
            let meaning = if parameter.indexed && !is_word(&kind) { Meaning::Bytes } else { meaning(&kind) };
            let mut name = column_name(&parameter.name, place);
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            columns.push(Column { name, kind: meaning.column_type() });
            meanings.push(meaning);
            let place = if parameter.indexed { Place::Topic(n_topics) } else { Place::Data(n_head) };
            if parameter.indexed {
                n_topics += 1;
            } else {
                n_head += decode::n_head(&kind);
            }
            arguments.push(Argument { place, kind });
        }
        let by_contract = vec!["contract".to_owned(), "block".to_owned(), "idx".to_owned()];
        let table = Table { name, columns, n_key: 2, indexes: vec![by_contract] };
        let (event, signature) = (event.name.clone(), event.selector());
        Ok(Self { event, table, meanings, signature, arguments, n_topics, n_head })
    }

    /// The place of a column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.table.columns.iter().position(|column| column.name == name)
    }

    /// The type of the argument in column `i`; nothing where no argument is.
    #[must_use]
    pub fn argument(&self, i: usize) -> Option<&DynSolType> {
        self.arguments.get(i.checked_sub(N_PLACE)?).map(|argument| &argument.kind)
    }

    /// Adds the log's row, and says whether the event's ABI fits the log; if not, nothing is added.
    ///
    /// It does not fit if it has another number of topics, less data, bits where its types have none, offsets that lead
    /// out of it, or fewer words than its arrays have elements. Data behind the last argument is passed over. A byte that
    /// is no UTF-8 becomes U+FFFD, and so does a zero byte of a string.
    pub fn push(&self, rows: &mut Rows, log: &RawLog<'_>) -> bool {
        let fits = log.topics.first() == Some(&self.signature)
            && log.topics.len() == self.n_topics
            && log.data.len() >= self.n_head;
        if !fits {
            return false;
        }
        let mark = rows.mark();
        rows.push(Value::count(log.block));
        rows.push(Value::count(log.idx));
        rows.push(Value::Blob(log.tx.as_slice()));
        rows.push(Value::Blob(log.contract.as_slice()));
        let mut budget = Budget::of(log.data);
        let decoded = self.arguments.iter().try_for_each(|argument| match argument.place {
            Place::Topic(i) if is_word(&argument.kind) => push_word(rows, &argument.kind, &log.topics[i].0),
            Place::Topic(i) => {
                rows.push(Value::Blob(log.topics[i].as_slice()));
                Some(())
            }
            Place::Data(at) => push_data(rows, &argument.kind, log.data, at, &mut budget),
        });
        if decoded.is_none() {
            rows.undo(mark);
        }
        decoded.is_some()
    }
}

/// The number that a cell of [`Meaning::Signed`] stands for.
pub(crate) fn signed(shifted: U256) -> I256 {
    I256::from_raw(shifted ^ I256::MIN.into_raw())
}

impl Meaning {
    fn column_type(self) -> Type {
        match self {
            Self::Flag | Self::Integer | Self::Time => Type::Integer,
            Self::Unsigned | Self::Signed | Self::Address | Self::Bytes => Type::Blob,
            Self::Text => Type::Text,
        }
    }
}

/// Adds an argument of one word; nothing if the word is none of the type's.
fn push_word(rows: &mut Rows, kind: &DynSolType, word: &[u8; 32]) -> Option<()> {
    if !decode::is_clean(kind, word) {
        return None;
    }
    let low = i64::from_be_bytes(word[24..].try_into().expect("the end of a word has 8 bytes"));
    match (meaning(kind), kind) {
        (Meaning::Flag | Meaning::Integer | Meaning::Time, _) => rows.push(Value::Integer(low)),
        (Meaning::Signed, _) => {
            let mut shifted = *word;
            shifted[0] ^= 0x80;
            rows.push(Value::Blob(&shifted));
        }
        (Meaning::Address, _) => rows.push(Value::Blob(&word[12..])),
        (_, DynSolType::FixedBytes(n_bytes)) => rows.push(Value::Blob(&word[..*n_bytes])),
        (_, DynSolType::Function) => rows.push(Value::Blob(&word[..24])),
        _ => rows.push(Value::Blob(word)),
    }
    Some(())
}

/// Adds an argument that is in the data.
fn push_data(rows: &mut Rows, kind: &DynSolType, data: &[u8], at: usize, budget: &mut Budget) -> Option<()> {
    match kind {
        kind if is_word(kind) => return push_word(rows, kind, word_at(data, at)?),
        DynSolType::Bytes => rows.push(Value::Blob(decode::bytes(data, decode::offset(data, 0, at)?)?)),
        DynSolType::String => match std::str::from_utf8(decode::bytes(data, decode::offset(data, 0, at)?)?) {
            Ok(text) if !text.contains('\0') => rows.push(Value::Text(text)),
            _ => {
                let bytes = decode::bytes(data, decode::offset(data, 0, at)?)?;
                rows.push(Value::Text(&String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")));
            }
        },
        kind => rows.push(Value::Text(&decode::json(kind, data, 0, at, budget)?.to_string())),
    }
    Some(())
}

fn resolve(source: &str, event: &Event, parameter: &EventParam) -> Result<DynSolType> {
    parameter.resolve().map_err(|error| {
        Error::Config(format!("type {} in event {} of source {source}: {error}", parameter.ty, event.name))
    })
}

fn is_word(kind: &DynSolType) -> bool {
    !matches!(
        kind,
        DynSolType::String
            | DynSolType::Bytes
            | DynSolType::Array(_)
            | DynSolType::FixedArray(..)
            | DynSolType::Tuple(_)
    )
}

fn meaning(kind: &DynSolType) -> Meaning {
    match kind {
        DynSolType::Bool => Meaning::Flag,
        DynSolType::Uint(bits) if *bits < 64 => Meaning::Integer,
        DynSolType::Int(bits) if *bits <= 64 => Meaning::Integer,
        DynSolType::Uint(_) => Meaning::Unsigned,
        DynSolType::Int(_) => Meaning::Signed,
        DynSolType::Address => Meaning::Address,
        DynSolType::FixedBytes(_) | DynSolType::Function | DynSolType::Bytes => Meaning::Bytes,
        _ => Meaning::Text,
    }
}

#[cfg(test)]
mod tests;
