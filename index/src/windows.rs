//! Sums over windows of epochs, by subtracting two prefix sums. Exact: nothing is added up twice, and nothing drifts.
//! Prefix sums are residues modulo 2^256, so that a window is exact if its own sum has 256 bits, and else a residue too.
//!
//! A project that begins inside a window was zero before. An epoch in which a project has no snapshot adds nothing.

use alloy::primitives::{Address, U256};

use crate::{
    Error, Result,
    database::Database,
    kind::uniswap_v2::query::Query,
    rows::{Row, Value},
    stage::{Snapshots, checkpoint},
};

/// Names of sums that a project can have at most; beyond them the database is damaged.
const N_NAMES: usize = 1_000;

/// Epochs from `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first epoch.
    pub from: u64,
    /// The last epoch.
    pub to: u64,
}

impl Window {
    /// From `from` to `to`; nothing if there are none.
    #[must_use]
    pub fn new(from: u64, to: u64) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }
}

/// The newest epoch up to which all sums are there; nothing before the first.
///
/// # Errors
/// Those of the database.
pub fn newest(database: &mut dyn Database) -> Result<Option<u64>> {
    let Some(done) = checkpoint(database, Snapshots::NAME)? else { return Ok(None) };
    let sql = "SELECT id FROM epoch WHERE last <= ?1 ORDER BY id DESC LIMIT 1";
    database.ask(sql, &[Value::count(done.number)])?.first().map(|row| row.count(0)).transpose()
}

/// What `name` of `project` comes to over `window`.
///
/// The caller keeps the window's end at or before [`newest`]: what is after it has not been added up.
///
/// # Errors
/// Those of the database.
pub fn sum(database: &mut dyn Database, project: &str, name: &str, window: Window) -> Result<U256> {
    let last = total(database, project, name, window.to)?;
    let before = match window.from.checked_sub(1) {
        Some(before) => total(database, project, name, before)?,
        None => U256::ZERO,
    };
    Ok(last.wrapping_sub(before))
}

/// All sums of `project` over `window`, in order of names; none if nothing of the project has been added up.
///
/// # Errors
/// As [`sum`].
pub fn sums(database: &mut dyn Database, project: &str, window: Window) -> Result<Vec<(String, U256)>> {
    let mut sums = Vec::new();
    let mut name = next_name(database, project, "")?;
    while let Some(at) = name {
        if sums.len() == N_NAMES {
            return Err(Error::Damaged(format!("{project} has more than {N_NAMES} sums")));
        }
        name = next_name(database, project, &at)?;
        let sum = sum(database, project, &at, window)?;
        sums.push((at, sum));
    }
    Ok(sums)
}

/// What was traded of `token` over `window` in all pairs of `source` that have projects, in order of names; none if no
/// such pair has the token by the end of the window. `source` is of kind `uniswap-v2`.
///
/// `volume`, `fee`, `mint` and `burn` are units of the token, and `volume_usd` is in dollars of 18 decimals; `n_swaps`,
/// `n_mints` and `n_burns` count trades in its pairs.
///
/// # Errors
/// As [`sum`].
pub fn token_sums(
    database: &mut dyn Database,
    source: &str,
    token: Address,
    window: Window,
) -> Result<Vec<(String, U256)>> {
    let sums = Query::new(database, source).token_sums(token, window.from, window.to)?;
    Ok(sums.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect())
}

/// The epochs up to `to` that end at most `seconds` before `to` ends. Times of blocks never fall, so that the first of
/// them is found by halving.
///
/// # Errors
/// If `to` has not ended, if an epoch before it is not there, and those of the database.
pub fn ending_at(database: &mut dyn Database, to: u64, seconds: u64) -> Result<Window> {
    let first = database.ask("SELECT id FROM epoch ORDER BY id LIMIT 1", &[])?;
    let mut low = first.first().map_or(Ok(to), |row| row.count(0))?.min(to);
    let since = end_timestamp(database, to)?.saturating_sub(seconds);
    let mut high = to;
    while low < high {
        let middle = low.midpoint(high);
        if end_timestamp(database, middle)? >= since {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(Window { from: low, to })
}

/// The sum over all epochs up to `epoch`.
fn total(database: &mut dyn Database, project: &str, name: &str, epoch: u64) -> Result<U256> {
    let sql =
        "SELECT total FROM prefix_sum WHERE project = ?1 AND name = ?2 AND epoch <= ?3 ORDER BY epoch DESC LIMIT 1";
    let rows = database.ask(sql, &[Value::Text(project), Value::Text(name), Value::count(epoch)])?;
    rows.first().map_or(Ok(U256::ZERO), |row: Row<'_>| row.amount(0))
}

/// One seek in the primary key, where a list of distinct names would walk over all epochs.
fn next_name(database: &mut dyn Database, project: &str, after: &str) -> Result<Option<String>> {
    let sql = "SELECT name FROM prefix_sum WHERE project = ?1 AND name > ?2 ORDER BY name LIMIT 1";
    let rows = database.ask(sql, &[Value::Text(project), Value::Text(after)])?;
    rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()
}

fn end_timestamp(database: &mut dyn Database, epoch: u64) -> Result<u64> {
    let rows = database.ask("SELECT end_timestamp FROM epoch WHERE id = ?1", &[Value::count(epoch)])?;
    match rows.first() {
        Some(row) if !row.is_null(0) => row.count(0),
        Some(_) => Err(Error::Damaged(format!("epoch {epoch} has sums and no end"))),
        None => Err(Error::Damaged(format!("epoch {epoch} is not there, and later ones are"))),
    }
}
