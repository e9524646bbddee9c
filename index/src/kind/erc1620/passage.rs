//! Ways into rollups: how much went through StreamPortal to which application, epoch by epoch.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256};

use super::{Wanted, changes::ask};
use crate::{Result, block::Blocks, database::Database, rows::Value};

/// An application, and a token that goes there; zero stands for Ether.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Passage {
    pub(crate) app: Address,
    pub(crate) token: Address,
}

/// What went that way in an epoch. Amounts stop at the top, 2^256 - 1: a token of somebody's own making says of them what
/// it likes, and nothing that it says is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassageTally {
    pub(crate) n_deposits: u64,
    pub(crate) deposited: U256,
    /// Those of the deposits that came out of streams and credits.
    pub(crate) n_forwards: u64,
    pub(crate) forwarded: U256,
}

/// All ways that deposits of wanted tokens ever took, and what went there in the epoch.
#[derive(Debug, Default)]
pub(crate) struct Passages(pub(crate) BTreeMap<Passage, PassageTally>);

impl Passages {
    /// Those that there are as of block `to`; nothing has happened yet.
    pub(crate) fn load(database: &mut dyn Database, prefix: &str, wanted: &Wanted, to: u64) -> Result<Self> {
        let sql = format!("SELECT DISTINCT app, token FROM {prefix}_deposit WHERE block <= ?1");
        let mut passages = BTreeMap::new();
        for row in database.ask(&sql, &[Value::count(to)])?.iter() {
            let passage = Passage { app: row.address(0)?, token: row.address(1)? };
            if wanted.has(passage.token) {
                passages.insert(passage, PassageTally::default());
            }
        }
        Ok(Self(passages))
    }

    /// Begins an epoch.
    pub(crate) fn begin(&mut self) {
        self.0.values_mut().for_each(|tally| *tally = PassageTally::default());
    }

    /// Takes the deposits of `blocks`.
    pub(crate) fn take(
        &mut self,
        database: &mut dyn Database,
        prefix: &str,
        wanted: &Wanted,
        blocks: Blocks,
    ) -> Result<()> {
        let sql = format!("SELECT app, token, amount, origin FROM {prefix}_deposit WHERE block BETWEEN ?1 AND ?2");
        for row in ask(database, blocks, &sql)?.iter() {
            let passage = Passage { app: row.address(0)?, token: row.address(1)? };
            if !wanted.has(passage.token) {
                continue;
            }
            let (amount, is_forward) = (row.amount(2)?, row.integer(3)? != 0);
            let tally = self.0.entry(passage).or_default();
            tally.n_deposits += 1;
            tally.deposited = tally.deposited.saturating_add(amount);
            if is_forward {
                tally.n_forwards += 1;
                tally.forwarded = tally.forwarded.saturating_add(amount);
            }
        }
        Ok(())
    }
}
