//! Pairs, their tokens and reserves: as of a block, and at each place of an epoch that follows it.

use std::collections::HashMap;

use alloy::primitives::{Address, B256};

use super::{Side, Tables};
use crate::{
    Error, Result,
    block::Blocks,
    database::Database,
    epoch::Epoch,
    kind::metadata::decimals_of,
    rows::{Row, Value},
};

/// A place in the chain: after this log of this block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) block: u64,
    pub(crate) idx: u64,
}

impl Place {
    pub(crate) fn end_of(block: u64) -> Self {
        Self { block, idx: u64::MAX }
    }
}

/// A token of a pair. One that does not say its decimals has none, so that one unit is one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) address: Address,
    pub(crate) symbol: String,
    pub(crate) name: String,
    pub(crate) decimals: u8,
}

impl Token {
    /// Of columns address, symbol, name, decimals.
    pub(crate) fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            address: row.address(0)?,
            symbol: row.text(1)?.to_owned(),
            name: row.text(2)?.to_owned(),
            decimals: decimals_of(row, 3)?.unwrap_or_default(),
        })
    }
}

/// A pair, with the places of its tokens among the market's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) address: Address,
    pub(crate) tokens: [usize; 2],
}

/// All pairs up to the end of a block, and what they hold then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Market {
    /// The last block; none before the first.
    at: Option<(u64, B256)>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) pairs: Vec<Pair>,
    reserves: Vec<[u128; 2]>,
    by_address: HashMap<Address, usize>,
    token_by_address: HashMap<Address, usize>,
    /// By the smaller token's place, then the greater's.
    by_tokens: HashMap<(usize, usize), usize>,
}

/// Reserves at each place of an epoch.
#[derive(Debug)]
pub(crate) struct History {
    /// By pair, at the end of the block before.
    first: Vec<[u128; 2]>,
    /// By pair, in order.
    changes: Vec<Vec<(Place, [u128; 2])>>,
}

impl History {
    /// What a pair holds after `place`, which is in the epoch.
    pub(crate) fn reserves(&self, pair: usize, place: Place) -> [u128; 2] {
        let changes = &self.changes[pair];
        match changes.partition_point(|(changed, _)| *changed <= place).checked_sub(1) {
            Some(last) => changes[last].1,
            None => self.first[pair],
        }
    }

    /// What a pair holds after `place`, of the token that is this side of it first.
    pub(crate) fn sides(&self, (pair, side): Side, place: Place) -> [u128; 2] {
        let reserves = self.reserves(pair, place);
        [reserves[side], reserves[1 - side]]
    }
}

impl Market {
    /// As of the end of block `last`; without one, a market without pairs.
    pub(crate) fn load(database: &mut dyn Database, tables: &Tables, last: Option<u64>) -> Result<Self> {
        let mut market = Self::default();
        let Some(last) = last else { return Ok(market) };
        market.add_pairs(database, tables, Blocks { first: 0, last })?;
        // One question for all pairs, each of which is a seek: a pair without logs holds what it came in with.
        let last_of = |reserve: &str| {
            format!(
                "(SELECT {sync}.{reserve} FROM {sync} WHERE {sync}.contract = {pair}.address AND {sync}.block <= ?1 \
                 ORDER BY {sync}.block DESC, {sync}.idx DESC LIMIT 1)",
                sync = tables.sync,
                pair = tables.pair
            )
        };
        let sql = format!(
            "SELECT address, {}, {} FROM {} WHERE block <= ?1",
            last_of("reserve0"),
            last_of("reserve1"),
            tables.pair
        );
        for row in database.ask(&sql, &[Value::count(last)])?.iter().filter(|row| !row.is_null(1)) {
            let pair = market.pair(row.address(0)?)?;
            market.reserves[pair] = reserves_of(row, 1)?;
        }
        Ok(market)
    }

    /// Whether this is the market right before `epoch`, on the same fork.
    pub(crate) fn is_before(&self, epoch: &Epoch) -> bool {
        let before = epoch.blocks.first.checked_sub(1).map(|last| (last, epoch.begin_parent_hash));
        before.is_some() && self.at == before
    }

    /// Whether all that it knows comes from block `to` and those before it.
    pub(crate) fn is_of(&self, to: u64) -> bool {
        self.at.is_none_or(|(last, _)| last <= to)
    }

    /// Goes on to the end of `epoch`, and tells what pairs held on the way.
    pub(crate) fn follow(&mut self, database: &mut dyn Database, tables: &Tables, epoch: &Epoch) -> Result<History> {
        self.add_pairs(database, tables, epoch.blocks)?;
        let sql = format!(
            "SELECT contract, block, idx, reserve0, reserve1 FROM {} WHERE block BETWEEN ?1 AND ?2 ORDER BY block, idx",
            tables.sync
        );
        let rows = database.ask(&sql, &[Value::count(epoch.blocks.first), Value::count(epoch.blocks.last)])?;
        let mut changes = vec![Vec::new(); self.pairs.len()];
        for row in rows.iter() {
            let place = Place { block: row.count(1)?, idx: row.count(2)? };
            changes[self.pair(row.address(0)?)?].push((place, reserves_of(row, 3)?));
        }
        let first = self.reserves.clone();
        for (reserves, changes) in self.reserves.iter_mut().zip(&changes) {
            if let Some((_, last)) = changes.last() {
                *reserves = *last;
            }
        }
        self.at = Some((epoch.blocks.last, epoch.end_hash));
        Ok(History { first, changes })
    }

    fn add_pairs(&mut self, database: &mut dyn Database, tables: &Tables, blocks: Blocks) -> Result<()> {
        let range = [Value::count(blocks.first), Value::count(blocks.last)];
        let sql = format!(
            "SELECT address, symbol, name, decimals FROM {} WHERE block BETWEEN ?1 AND ?2 ORDER BY block, address",
            tables.token
        );
        for row in database.ask(&sql, &range)?.iter() {
            let token = Token::read(&row)?;
            self.token_by_address.insert(token.address, self.tokens.len());
            self.tokens.push(token);
        }
        let sql = format!(
            "SELECT address, token0, token1, reserve0, reserve1 FROM {} WHERE block BETWEEN ?1 AND ?2 \
             ORDER BY block, address",
            tables.pair
        );
        for row in database.ask(&sql, &range)?.iter() {
            let (address, tokens) = (row.address(0)?, [row.address(1)?, row.address(2)?]);
            let missing = || Error::Damaged(format!("a token of pair {address} is not stored"));
            let place = |token: Address| self.token_by_address.get(&token).copied().ok_or_else(missing);
            let pair = Pair { address, tokens: [place(tokens[0])?, place(tokens[1])?] };
            self.by_address.insert(address, self.pairs.len());
            let [a, b] = pair.tokens;
            self.by_tokens.insert((a.min(b), a.max(b)), self.pairs.len());
            self.pairs.push(pair);
            self.reserves.push(reserves_of(row, 3)?);
        }
        Ok(())
    }

    /// The place of a pair whose log is stored.
    pub(crate) fn pair(&self, address: Address) -> Result<usize> {
        let place = self.by_address.get(&address).copied();
        place.ok_or_else(|| {
            Error::Config(format!(
                "pair {address} has logs, and when it was made was not seen; set start_block of its source to the block \
                 in which its factory was made, and index again into another store"
            ))
        })
    }

    /// The place of a token, if a pair has it.
    pub(crate) fn token(&self, address: Address) -> Option<usize> {
        self.token_by_address.get(&address).copied()
    }

    /// The pair of two tokens, and which side of it the first of them is.
    pub(crate) fn pair_of(&self, token: usize, other: usize) -> Option<Side> {
        let pair = *self.by_tokens.get(&(token.min(other), token.max(other)))?;
        Some((pair, usize::from(self.pairs[pair].tokens[0] != token)))
    }
}

fn reserves_of(row: Row<'_>, i: usize) -> Result<[u128; 2]> {
    let reserve = |i: usize| {
        let amount = row.amount(i)?;
        u128::try_from(amount).map_err(|_| Error::Damaged(format!("a reserve of {amount} has more than 112 bits")))
    };
    Ok([reserve(i)?, reserve(i + 1)?])
}
