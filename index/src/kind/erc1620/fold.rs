//! The ledger and the passages as of a block, brought there from the database: on from where they are if they can be, else
//! from the beginning.

use alloy::primitives::{Address, B256, map::HashMap};
use bindings::Clock;

use super::{
    Wanted,
    changes::credits,
    ledger::{Book, Ledger},
    passage::Passages,
    version::{COLUMNS, Version},
};
use crate::{
    Error, Result,
    block::{Blocks, Checkpoint},
    database::Database,
    epoch::Epoch,
    rows::{Rows, Value},
};

/// Versions that are read at once.
const N_VERSIONS: u64 = 20_000;

/// Blocks whose credits and deposits are read at once.
const N_BLOCKS: u64 = 10_000;

/// Everything as of a block.
#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) ledger: Ledger,
    pub(crate) passages: Passages,
    /// The last block that is in it; nothing before the first.
    at: Option<Checkpoint>,
}

impl Fold {
    /// `before`, or one that is made anew, at the end of `epoch`: with what happened in the epoch, and nothing else. It
    /// has deposits of these tokens; none without a portal.
    pub(crate) fn reach(
        before: Option<Self>,
        database: &mut dyn Database,
        prefix: &str,
        deposits: Option<&Wanted>,
        epoch: &Epoch,
    ) -> Result<Self> {
        let last = epoch.blocks.first.checked_sub(1);
        let mut fold = match before {
            Some(fold) if fold.leads_to(database, epoch.blocks)? => fold,
            _ => Self::load(database, prefix, deposits, last)?,
        };
        let first = fold.at.map_or(0, |at| at.number + 1);
        if let Some(gap) = last.and_then(|last| Blocks::new(first, last)) {
            fold.take(database, prefix, deposits, gap)?;
        }
        fold.ledger.begin();
        fold.passages.begin();
        fold.take(database, prefix, deposits, epoch.blocks)?;
        fold.at = Some(Checkpoint { number: epoch.blocks.last, hash: epoch.end_hash });
        Ok(fold)
    }

    /// Whether it holds nothing of what came after block `to`.
    pub(crate) fn is_within(&self, to: u64) -> bool {
        self.at.is_none_or(|at| at.number <= to)
    }

    /// Whether it is as of a block before `blocks` that is still on the chain. Another process may have unwound.
    fn leads_to(&self, database: &mut dyn Database, blocks: Blocks) -> Result<bool> {
        let Some(at) = self.at.filter(|at| at.number < blocks.first) else { return Ok(false) };
        let rows = database.ask("SELECT hash FROM block WHERE number = ?1", &[Value::count(at.number)])?;
        let hash: Option<B256> = rows.first().map(|row| row.hash(0)).transpose()?;
        Ok(hash == Some(at.hash))
    }

    /// As of block `to`.
    fn load(database: &mut dyn Database, prefix: &str, deposits: Option<&Wanted>, to: Option<u64>) -> Result<Self> {
        let (mut ledger, mut passages) = (Ledger::default(), Passages::default());
        let Some(to) = to else { return Ok(Self { ledger, passages, at: None }) };
        // Streams may have left a book, or ended; it is still there.
        let books = format!("SELECT DISTINCT contract, token FROM {prefix}_version WHERE block <= ?1");
        for row in database.ask(&books, &[Value::count(to)])?.iter() {
            ledger.open_book(Book { contract: row.address(0)?, token: row.address(1)? });
        }
        let live = "until_block > ?1 AND state = 0 AND ";
        in_pages(database, prefix, Blocks { first: 0, last: to }, live, |version| {
            ledger.restore(version);
            Ok(())
        })?;
        take_credits(&mut ledger, database, prefix, Blocks { first: 0, last: to })?;
        if let Some(wanted) = deposits {
            passages = Passages::load(database, prefix, wanted, to)?;
        }
        // The hash is of use from the epoch's end on.
        Ok(Self { ledger, passages, at: Some(Checkpoint { number: to, hash: B256::ZERO }) })
    }

    fn take(
        &mut self,
        database: &mut dyn Database,
        prefix: &str,
        deposits: Option<&Wanted>,
        blocks: Blocks,
    ) -> Result<()> {
        in_pages(database, prefix, blocks, "", |version| self.ledger.take(version))?;
        take_credits(&mut self.ledger, database, prefix, blocks)?;
        if let Some(wanted) = deposits {
            pieces(blocks).try_for_each(|piece| self.passages.take(database, prefix, wanted, piece))?;
        }
        Ok(())
    }
}

/// The clocks of all contracts that have streams.
pub(crate) fn clocks(database: &mut dyn Database, prefix: &str) -> Result<HashMap<Address, Clock>> {
    let rows = database.ask(&format!("SELECT contract, clock FROM {prefix}_contract"), &[])?;
    rows.iter().map(|row| Ok((row.address(0)?, clock_of(row.integer(1)?)?))).collect()
}

/// The clock that the database has as this number.
pub(crate) fn clock_of(number: i64) -> Result<Clock> {
    match number {
        0 => Ok(Clock::Block),
        1 => Ok(Clock::Timestamp),
        _ => Err(Error::Damaged(format!("clock {number} is none"))),
    }
}

/// What the database has a clock as.
pub(crate) fn clock_number(clock: Clock) -> i64 {
    match clock {
        Clock::Block => 0,
        Clock::Timestamp => 1,
    }
}

/// Gives the versions that begin in `blocks` and meet `condition`, in order. In `condition`, `?1` is the last block.
fn in_pages(
    database: &mut dyn Database,
    prefix: &str,
    blocks: Blocks,
    condition: &str,
    mut take: impl FnMut(&Version) -> Result<()>,
) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {prefix}_version WHERE {condition}block <= ?1 AND (block, idx) > (?2, ?3) \
         ORDER BY block, idx LIMIT ?4"
    );
    let last = Value::count(blocks.last);
    // Before the first log of the first block.
    let (mut block, mut idx) = (i64::try_from(blocks.first).unwrap_or(i64::MAX), -1);
    loop {
        let page: Rows =
            database.ask(&sql, &[last, Value::Integer(block), Value::Integer(idx), Value::count(N_VERSIONS)])?;
        for row in page.iter() {
            (block, idx) = (row.integer(0)?, row.integer(1)?);
            take(&Version::read(&row)?.1)?;
        }
        if (page.len() as u64) < N_VERSIONS {
            return Ok(());
        }
    }
}

fn take_credits(ledger: &mut Ledger, database: &mut dyn Database, prefix: &str, blocks: Blocks) -> Result<()> {
    for piece in pieces(blocks) {
        // What is credited in a range and claimed in it has to come in this order.
        let (claims, credits): (Vec<_>, Vec<_>) =
            credits(database, prefix, piece)?.into_iter().partition(|change| change.is_claim);
        credits.iter().chain(&claims).try_for_each(|change| ledger.take_credit(change))?;
    }
    Ok(())
}

/// `blocks` in pieces that fit into memory.
fn pieces(blocks: Blocks) -> impl Iterator<Item = Blocks> {
    let step = usize::try_from(N_BLOCKS).expect("a few thousand fit");
    (blocks.first..=blocks.last)
        .step_by(step)
        .map(move |first| Blocks { first, last: first.saturating_add(N_BLOCKS - 1).min(blocks.last) })
}
