//! Reading what the index knows of pairs: lists, what they are worth, what was traded over any window, and the newest
//! trades. Nothing is computed from floats, and nothing is written.
//!
//! A window is a run of epochs: those whose last blocks' times lie in it, both ends included. Its sums are the
//! difference of two prefix sums, so they cost the same for an hour and for a year.

use std::collections::{BTreeMap, HashMap};

use alloy::primitives::{Address, U256};
use serde::Serialize;

use super::{
    STREAMS, Tables, Token,
    payload::{Amount, TotalReserves, Totals},
    project,
};
use crate::{
    Error, Result,
    database::Database,
    rows::{Row, Value},
};

mod processed;
mod stats;
mod transaction;
mod window;

pub use processed::{CidRange, LiquidityProcessed};
pub use stats::{DayStats, PairStats, TokenStats, Traded};
pub use transaction::{Filter, Transaction};
pub use window::{EpochEnd, Window};

/// Seconds of 24 hours.
pub const DAY: u64 = 86_400;

/// Seconds of 7 days.
pub const WEEK: u64 = 7 * DAY;

/// Questions about one source.
pub struct Query<'a> {
    database: &'a mut dyn Database,
    source: &'a str,
    tables: Tables,
}

/// A pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PairRow {
    /// Where it is.
    #[schema(value_type = String)]
    pub address: Address,
    /// The block that it was made in, or the one before the source's first.
    pub block: u64,
    /// Its tokens, in order.
    pub tokens: [TokenRow; 2],
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TokenRow {
    /// Where it is.
    #[schema(value_type = String)]
    pub address: Address,
    /// What it says its symbol is.
    pub symbol: String,
    /// What it says its name is.
    pub name: String,
    /// Decimals of its amounts.
    pub decimals: u8,
}

impl<'a> Query<'a> {
    /// About the source of this name.
    pub fn new(database: &'a mut dyn Database, source: &'a str) -> Self {
        Self { database, source, tables: Tables::of(source) }
    }

    /// All tokens, by address.
    ///
    /// # Errors
    /// If the database does not answer, or is damaged; so it is with all of these functions.
    pub fn tokens(&mut self) -> Result<Vec<TokenRow>> {
        let sql = format!("SELECT address, symbol, name, decimals FROM {} ORDER BY address", self.tables.token);
        let rows = self.database.ask(&sql, &[])?;
        rows.iter().map(|row| Ok(Token::read(&row)?.into())).collect()
    }

    /// All pairs, in the order in which they were made.
    pub fn pairs(&mut self) -> Result<Vec<PairRow>> {
        let tokens: HashMap<Address, TokenRow> =
            self.tokens()?.into_iter().map(|token| (token.address, token)).collect();
        let sql = format!("SELECT block, address, token0, token1 FROM {} ORDER BY block, address", self.tables.pair);
        let rows = self.database.ask(&sql, &[])?;
        let token = |address: Address| {
            let token = tokens.get(&address).cloned();
            token.ok_or_else(|| Error::Damaged(format!("token {address} of a pair is not stored")))
        };
        let read = |row: Row<'_>| {
            let tokens = [token(row.address(2)?)?, token(row.address(3)?)?];
            Ok(PairRow { address: row.address(1)?, block: row.count(0)?, tokens })
        };
        rows.iter().map(read).collect()
    }

    /// What each pair with a project held at the end of an epoch, by address.
    pub(crate) fn reserves(&mut self, epoch: u64) -> Result<BTreeMap<Address, TotalReserves>> {
        let sql = "SELECT project, content FROM snapshot WHERE epoch = ?1 AND project LIKE ?2";
        let pattern = format!("{}/%/{}", self.source, STREAMS[0]);
        let rows = self.database.ask(sql, &[Value::count(epoch), Value::Text(&pattern)])?;
        let mut reserves = BTreeMap::new();
        for row in rows.iter() {
            let (name, content) = (row.text(0)?, row.blob(1)?);
            let Some(pair) = pair_of(self.source, name, STREAMS[0]) else { continue };
            let payload = serde_ipld_dagcbor::from_slice(content);
            let payload =
                payload.map_err(|error| Error::Damaged(format!("snapshot {name} of epoch {epoch}: {error}")))?;
            reserves.insert(pair, payload);
        }
        Ok(reserves)
    }

    /// What was traded in each pair in a window, by address; pairs without a project are not in it.
    pub fn totals(&mut self, window: Window) -> Result<BTreeMap<Address, Totals>> {
        self.totals_between(window.first.epoch, window.last.epoch)
    }

    /// The same from the epoch `from` to the epoch `to`.
    fn totals_between(&mut self, from: u64, to: u64) -> Result<BTreeMap<Address, Totals>> {
        let mut totals = self.prefix(to)?;
        if let Some(before) = from.checked_sub(1) {
            for (pair, earlier) in self.prefix(before)? {
                let later = totals.get_mut(&pair).ok_or_else(|| {
                    Error::Damaged(format!("pair {pair} has sums at epoch {before}, and none at {to}"))
                })?;
                *later = later.since(&earlier)?;
            }
        }
        Ok(totals)
    }

    /// Sums over all epochs up to this one.
    fn prefix(&mut self, epoch: u64) -> Result<BTreeMap<Address, Totals>> {
        let sql = "SELECT project, name, total FROM prefix_sum WHERE epoch = ?1";
        let rows = self.database.ask(sql, &[Value::count(epoch)])?;
        let mut totals: BTreeMap<Address, Totals> = BTreeMap::new();
        for row in rows.iter() {
            let Some(pair) = pair_of(self.source, row.text(0)?, STREAMS[1]) else { continue };
            totals.entry(pair).or_default().set(row.text(1)?, row.amount(2)?)?;
        }
        Ok(totals)
    }

    /// A snapshot's content.
    fn content<T: serde::de::DeserializeOwned>(
        &mut self,
        pair: Address,
        stream: &str,
        epoch: u64,
    ) -> Result<Option<T>> {
        let name = project(self.source, pair, stream);
        let sql = "SELECT content FROM snapshot WHERE project = ?1 AND epoch = ?2";
        let rows = self.database.ask(sql, &[Value::Text(&name), Value::count(epoch)])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let payload = serde_ipld_dagcbor::from_slice(row.blob(0)?);
        payload.map(Some).map_err(|error| Error::Damaged(format!("snapshot {name} of epoch {epoch}: {error}")))
    }
}

impl Totals {
    /// Sets the sum of this name.
    fn set(&mut self, name: &str, sum: U256) -> Result<()> {
        let count = |sum: U256| u64::try_from(sum).map_err(|_| Error::Damaged(format!("{sum} is no count of trades")));
        let slot = match name {
            "n_swaps" => return count(sum).map(|count| self.n_swaps = count),
            "n_mints" => return count(sum).map(|count| self.n_mints = count),
            "n_burns" => return count(sum).map(|count| self.n_burns = count),
            "volume0" => &mut self.volume0,
            "volume1" => &mut self.volume1,
            "volume_usd0" => &mut self.volume_usd0,
            "volume_usd1" => &mut self.volume_usd1,
            "volume_usd" => &mut self.volume_usd,
            "fee0" => &mut self.fee0,
            "fee1" => &mut self.fee1,
            "fee_usd" => &mut self.fee_usd,
            "mint0" => &mut self.mint0,
            "mint1" => &mut self.mint1,
            "mint_usd" => &mut self.mint_usd,
            "burn0" => &mut self.burn0,
            "burn1" => &mut self.burn1,
            "burn_usd" => &mut self.burn_usd,
            _ => return Err(Error::Damaged(format!("pairs have no sum {name}"))),
        };
        *slot = Amount(sum);
        Ok(())
    }

    /// These sums without those up to an earlier epoch.
    fn since(&self, earlier: &Self) -> Result<Self> {
        let mut rest = Self::default();
        for ((name, sum), (_, before)) in self.named().into_iter().zip(earlier.named()) {
            rest.set(name, sum.wrapping_sub(before))?;
        }
        Ok(rest)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut both = Self::default();
        for ((name, sum), (_, more)) in self.named().into_iter().zip(other.named()) {
            both.set(name, sum.saturating_add(more)).expect("the name is one of ours, and counts have 64 bits");
        }
        both
    }
}

impl From<Token> for TokenRow {
    fn from(token: Token) -> Self {
        let Token { address, symbol, name, decimals } = token;
        Self { address, symbol, name, decimals }
    }
}

/// The pair that a project of this source and stream is of.
fn pair_of(source: &str, project: &str, stream: &str) -> Option<Address> {
    project.strip_prefix(source)?.strip_prefix('/')?.strip_suffix(stream)?.strip_suffix('/')?.parse().ok()
}

/// An amount as a number with all its decimals, without zeros at the end: `1.05`.
#[must_use]
pub fn decimal(amount: U256, decimals: u8) -> String {
    let digits = format!("{amount:0>width$}", width = usize::from(decimals) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(decimals));
    match part.trim_end_matches('0') {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(amount: u64, decimals: u8, expected: &str) {
        assert_eq!(decimal(U256::from(amount), decimals), expected);
    }

    #[test]
    fn decimals_are_exact() {
        check(0, 0, "0");
        check(0, 18, "0");
        check(1, 18, "0.000000000000000001");
        check(1_050_000, 6, "1.05");
        check(1_000_000, 6, "1");
        check(42, 0, "42");
        check(100, 0, "100");
        assert_eq!(decimal(U256::ONE, 255).len(), 257);
    }

    #[test]
    fn projects_of_others_are_no_pairs() {
        let pair = Address::repeat_byte(0xab);
        assert_eq!(pair_of("uni", &project("uni", pair, STREAMS[1]), STREAMS[1]), Some(pair));
        assert_eq!(pair_of("uni", &project("uni", pair, STREAMS[1]), STREAMS[0]), None);
        assert_eq!(pair_of("uni", &project("uni-2", pair, STREAMS[1]), STREAMS[1]), None);
        assert_eq!(pair_of("uni", "uni/trade_volume", STREAMS[1]), None);
    }

    #[test]
    fn every_sum_has_a_place() {
        let mut totals = Totals::default();
        for (i, (name, _)) in Totals::default().named().into_iter().enumerate() {
            totals.set(name, U256::from(i + 1)).unwrap();
        }
        let sums: Vec<U256> = totals.named().iter().map(|(_, sum)| *sum).collect();
        assert_eq!(sums, (1..=Totals::COUNT).map(U256::from).collect::<Vec<_>>());
        assert_eq!(totals.plus(&totals).since(&totals).unwrap(), totals);
        assert!(Totals::default().since(&totals).is_err());
        assert!(totals.set("volume", U256::ONE).is_err());
        assert!(totals.set("n_swaps", U256::MAX).is_err());
    }
}
