//! What tokens say of themselves: symbol, name and decimals, read once for each and kept with the source that met it.
//!
//! They are read as of the block that the token is first met in, so that a node that comes late is told the same as one
//! that was there. Where no endpoint has that state any more they are read as of the newest block: for tokens that change
//! what they say of themselves, and for these alone, nodes may then differ.
//!
//! Tokens are strangers' code: whatever one answers is cut to size, and none of it is an error.

use std::collections::{BTreeMap, HashMap};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol,
    sol_types::{SolCall, SolValue},
};

use super::{Call, Reader};
use crate::{
    Error, Result,
    database::Database,
    rows::{Column, Row, Rows, Table, Type, Value},
};

sol! {
    function symbol() external view returns (string);
    function name() external view returns (string);
    function decimals() external view returns (uint8);
}

/// Characters of a symbol or a name that are kept.
const N_CHARACTERS: usize = 64;

/// Contracts that are asked at once, each of them a few questions.
pub(crate) const N_AT_ONCE: usize = 100;

/// The column `decimals` of a token that does not say how many it has.
const NO_DECIMALS: i64 = -1;

/// What a token says of itself.
///
/// ERC-20 leaves all three open. A symbol or name that is missing, or neither a string nor bytes32, is empty; decimals
/// that are missing, or above 255, are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) symbol: String,
    pub(crate) name: String,
    pub(crate) decimals: Option<u8>,
}

/// The tokens of a source: those in its table, and those that are read and not yet written.
#[derive(Debug)]
pub(crate) struct Tokens {
    table: String,
    read: HashMap<Address, Metadata>,
}

impl Tokens {
    /// In the table of this name.
    pub(crate) fn new(table: String) -> Self {
        Self { table, read: HashMap::new() }
    }

    /// The table: each token with the block that it is first met in. `decimals` is -1 for a token that does not say.
    pub(crate) fn table(&self) -> Table {
        let columns = [
            ("block", Type::Integer),
            ("address", Type::Blob),
            ("symbol", Type::Text),
            ("name", Type::Text),
            ("decimals", Type::Integer),
        ];
        Table {
            name: self.table.clone(),
            columns: columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).into(),
            n_key: 2,
            indexes: vec![vec!["address".to_owned()]],
        }
    }

    /// Asks those of `met` that are not known for what they say of themselves, in the first block that each is met in.
    pub(crate) fn prepare(
        &mut self,
        database: &mut dyn Database,
        reader: &dyn Reader,
        met: impl IntoIterator<Item = (u64, Address)>,
    ) -> Result<()> {
        let mut unknown: BTreeMap<u64, Vec<Address>> = BTreeMap::new();
        for (token, block) in first_met(met) {
            if !self.read.contains_key(&token) && !self.is_stored(database, token)? {
                unknown.entry(block).or_default().push(token);
            }
        }
        // What was read stays until it is seen in the database: a transaction may fail and be tried again.
        for token in self.read.keys().copied().collect::<Vec<_>>() {
            if self.is_stored(database, token)? {
                self.read.remove(&token);
            }
        }
        // Nodes that drop states drop the oldest: what is before a block without one is not asked for by hash.
        let mut stateless = Vec::new();
        for (block, some) in unknown.into_iter().rev() {
            if !stateless.is_empty() {
                stateless.extend(some);
                continue;
            }
            let hash = hash_of(database, block)?;
            match tokens(reader, &some, Some(hash)) {
                Err(Error::NoState { .. }) => stateless = some,
                read => self.read.extend(read?),
            }
        }
        self.read.extend(tokens(reader, &stateless, None)?);
        Ok(())
    }

    /// Writes what was read of those of `met`, with the first block that each is met in.
    pub(crate) fn write(
        &self,
        database: &mut dyn Database,
        met: impl IntoIterator<Item = (u64, Address)>,
    ) -> Result<()> {
        let mut rows = Rows::new(self.table().columns.len());
        for (token, block) in first_met(met) {
            let Some(metadata) = self.read.get(&token) else { continue };
            if !self.is_stored(database, token)? {
                rows.push_row(&[
                    Value::count(block),
                    Value::Blob(token.as_slice()),
                    Value::Text(&metadata.symbol),
                    Value::Text(&metadata.name),
                    Value::Integer(metadata.decimals.map_or(NO_DECIMALS, i64::from)),
                ]);
            }
        }
        database.insert(&self.table(), &rows)?;
        Ok(())
    }

    /// Forgets what was read and not written.
    pub(crate) fn forget(&mut self) {
        self.read.clear();
    }

    fn is_stored(&self, database: &mut dyn Database, token: Address) -> Result<bool> {
        let sql = format!("SELECT address FROM {} WHERE address = ?1", self.table);
        Ok(!database.ask(&sql, &[Value::Blob(token.as_slice())])?.is_empty())
    }
}

/// The first block of each token.
fn first_met(met: impl IntoIterator<Item = (u64, Address)>) -> BTreeMap<Address, u64> {
    let mut first: BTreeMap<Address, u64> = BTreeMap::new();
    for (block, token) in met {
        first.entry(token).and_modify(|first| *first = block.min(*first)).or_insert(block);
    }
    first
}

/// The hash of block `number`, which is stored, or is the parent of one that is.
pub(crate) fn hash_of(database: &mut dyn Database, number: u64) -> Result<B256> {
    for (sql, number) in [
        ("SELECT hash FROM block WHERE number = ?1", number),
        ("SELECT parent FROM block WHERE number = ?1", number + 1),
    ] {
        if let Some(row) = database.ask(sql, &[Value::count(number)])?.first() {
            return row.hash(0);
        }
    }
    Err(Error::Damaged(format!("block {number} has events and is not stored")))
}

/// The decimals in column `i` of a row of a table of tokens; nothing for a token that does not say.
pub(crate) fn decimals_of(row: &Row<'_>, i: usize) -> Result<Option<u8>> {
    let decimals = row.integer(i)?;
    if decimals == NO_DECIMALS {
        return Ok(None);
    }
    u8::try_from(decimals).map(Some).map_err(|_| Error::Damaged(format!("a token has {decimals} decimals")))
}

/// Asks tokens for their metadata, as of the block of hash `at` or as of the newest.
fn tokens(reader: &dyn Reader, tokens: &[Address], at: Option<B256>) -> Result<HashMap<Address, Metadata>> {
    let mut read = HashMap::with_capacity(tokens.len());
    for some in tokens.chunks(N_AT_ONCE) {
        let inputs = [symbolCall {}.abi_encode(), nameCall {}.abi_encode(), decimalsCall {}.abi_encode()];
        let answers = ask(reader, some, &inputs, at)?;
        for (token, answers) in some.iter().zip(answers.chunks_exact(inputs.len())) {
            let text = |i: usize| answers[i].as_ref().map(|answer| text_of(answer)).unwrap_or_default();
            let decimals = answers[2].as_ref().and_then(|answer| u8::try_from(word(answer)?).ok());
            read.insert(*token, Metadata { symbol: text(0), name: text(1), decimals });
        }
    }
    Ok(read)
}

/// Each input to each contract.
pub(crate) fn ask(
    reader: &dyn Reader,
    contracts: &[Address],
    inputs: &[Vec<u8>],
    at: Option<B256>,
) -> Result<Vec<Option<Bytes>>> {
    if contracts.is_empty() {
        return Ok(Vec::new());
    }
    let call = |to: Address| inputs.iter().map(move |input| Call { to, input: input.clone().into() });
    let calls: Vec<Call> = contracts.iter().copied().flat_map(call).collect();
    let answers = reader.read(&calls, at)?;
    if answers.len() != calls.len() {
        return Err(Error::Endpoint(format!("{} calls got {} answers", calls.len(), answers.len())));
    }
    Ok(answers)
}

fn word(answer: &[u8]) -> Option<U256> {
    Some(U256::from_be_slice(answer.get(..32)?))
}

/// A string, or what old tokens have in its place: 32 bytes, up to the first zero.
fn text_of(answer: &[u8]) -> String {
    let text = match String::abi_decode(answer) {
        Ok(text) => text,
        Err(_) if answer.len() == 32 => {
            let end = answer.iter().position(|byte| *byte == 0).unwrap_or(answer.len());
            String::from_utf8_lossy(&answer[..end]).into_owned()
        }
        Err(_) => String::new(),
    };
    text.chars().filter(|character| !character.is_control()).take(N_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::hex;

    use super::*;

    #[track_caller]
    fn check(answer: &[u8], expected: &str) {
        assert_eq!(text_of(answer), expected);
    }

    #[test]
    fn texts_of_all_kinds_of_tokens() {
        check(&"USDC".to_owned().abi_encode(), "USDC");
        check(&hex!("4d4b520000000000000000000000000000000000000000000000000000000000"), "MKR");
        check(&[b'A'; 32], &"A".repeat(32));
        check(&[0; 32], "");
        check(&[], "");
        check(&[0xff; 31], "");
        check(&[0xff; 96], "");
        check(&"a\0b\nc".to_owned().abi_encode(), "abc");
        check(&"ä".repeat(1_000).abi_encode(), &"ä".repeat(N_CHARACTERS));
        check(&"A".repeat(1 << 20).abi_encode(), &"A".repeat(N_CHARACTERS));
        // An offset beyond the end, and a length beyond the end.
        check(&[[0xff; 32].as_slice(), &[0; 32]].concat(), "");
        check(&[U256::from(32).to_be_bytes::<32>(), U256::from(1_000_000).to_be_bytes()].concat(), "");
    }

    #[track_caller]
    fn check_decimals(answer: Option<&[u8]>, expected: Option<u8>) {
        struct Says(Option<Bytes>);
        impl Reader for Says {
            fn read(&self, calls: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
                let decimals = |call: &Call| call.input == decimalsCall {}.abi_encode();
                Ok(calls.iter().map(|call| self.0.clone().filter(|_| decimals(call))).collect())
            }
        }
        let token = Address::repeat_byte(1);
        let read = tokens(&Says(answer.map(Bytes::copy_from_slice)), &[token], None).unwrap();
        assert_eq!(read[&token], Metadata { decimals: expected, ..Metadata::default() });
    }

    #[test]
    fn decimals_are_small_or_none() {
        check_decimals(None, None);
        check_decimals(Some(&[]), None);
        check_decimals(Some(&[1; 32]), None);
        check_decimals(Some(&(U256::ONE << 255_usize).to_be_bytes::<32>()), None);
        check_decimals(Some(&U256::from(256).to_be_bytes::<32>()), None);
        check_decimals(Some(&U256::from(255).to_be_bytes::<32>()), Some(255));
        check_decimals(Some(&[0; 64]), Some(0));
        check_decimals(Some(&[0; 31]), None);
    }
}
