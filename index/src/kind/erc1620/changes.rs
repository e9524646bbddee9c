//! What happened to streams in a range of blocks, in the order of their logs. Reads event tables, and believes no log that
//! the contract cannot have written.

use alloy::primitives::{Address, U256};
use stream::{Rate, Terms, Timeframe};

use super::version::{Change, Place, StreamKey};
use crate::{
    Error, Result,
    block::Blocks,
    database::Database,
    rows::{Row, Rows, Value},
};

/// A log that changes a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) key: StreamKey,
    pub(crate) change: Change,
}

/// The changes of `blocks`, in order.
pub(crate) fn changes(database: &mut dyn Database, prefix: &str, blocks: Blocks) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let created = ask(
        database,
        blocks,
        &format!(
            "SELECT block, idx, contract, stream_id, sender, recipient, token_address, start_block, stop_block, payment, \
             interval FROM {prefix}_log_create WHERE block BETWEEN ?1 AND ?2"
        ),
    )?;
    entry(&created, &mut entries, |row, key| {
        let change = Change::Create {
            sender: row.address(4)?,
            recipient: row.address(5)?,
            token: row.address(6)?,
            terms: terms(row, key, [7, 8, 9, 10])?,
        };
        Ok(change)
    })?;
    let withdrawn = ask(
        database,
        blocks,
        &format!(
            "SELECT block, idx, contract, stream_id, funds FROM {prefix}_log_withdraw WHERE block BETWEEN ?1 AND ?2"
        ),
    )?;
    entry(&withdrawn, &mut entries, |row, _| Ok(Change::Withdraw { amount: row.amount(4)? }))?;
    // The contract logs the start right after the execution.
    let updated = ask(
        database,
        blocks,
        &format!(
            "SELECT e.block, e.idx, e.contract, e.new_stream_id, e.new_token_address, s.start, e.new_stop_block, \
             e.new_payment, e.new_interval, s.update_epoch, s.deposit FROM {prefix}_log_execute_update e \
             LEFT JOIN {prefix}_log_update_start s ON s.block = e.block AND s.idx = e.idx + 1 \
             AND s.contract = e.contract AND s.stream_id = e.new_stream_id WHERE e.block BETWEEN ?1 AND ?2"
        ),
    )?;
    entry(&updated, &mut entries, |row, key| {
        if row.is_null(9) {
            return Err(contradiction(key, row.count(0)?, "an update executes, and no log tells its start"));
        }
        let change = Change::Update {
            token: row.address(4)?,
            terms: terms(row, key, [5, 6, 7, 8])?,
            update_epoch: row.amount(9)?,
            deposit: row.amount(10)?,
        };
        Ok(change)
    })?;
    let ended = ask(
        database,
        blocks,
        &format!(
            "SELECT block, idx, contract, stream_id, sender_balance, recipient_balance FROM {prefix}_log_redeem \
             WHERE block BETWEEN ?1 AND ?2"
        ),
    )?;
    entry(&ended, &mut entries, |row, _| {
        Ok(Change::End { sender_got: row.amount(4)?, recipient_got: row.amount(5)? })
    })?;
    entries.sort_unstable_by_key(|entry| entry.place);
    Ok(entries)
}

/// The contract is none of ours, or the source begins too late.
pub(crate) fn contradiction(key: StreamKey, block: u64, why: &str) -> Error {
    Error::Config(format!(
        "block {block}: {why}; if {} is a MoneyStreaming contract, set start_block at or before its deployment, else \
         remove it from the source",
        key.contract
    ))
}

/// All rows of `blocks`.
pub(crate) fn ask(database: &mut dyn Database, blocks: Blocks, sql: &str) -> Result<Rows> {
    Ok(database.ask(sql, &[Value::count(blocks.first), Value::count(blocks.last)])?)
}

fn entry(rows: &Rows, entries: &mut Vec<Entry>, change: impl Fn(&Row<'_>, StreamKey) -> Result<Change>) -> Result<()> {
    for row in rows.iter() {
        let place = Place { block: row.count(0)?, idx: row.count(1)? };
        let key = StreamKey { contract: row.address(2)?, id: row.amount(3)? };
        entries.push(Entry { place, key, change: change(&row, key)? });
    }
    Ok(())
}

/// The terms whose start, stop, payment and interval are in these columns.
fn terms(row: &Row<'_>, key: StreamKey, columns: [usize; 4]) -> Result<Terms> {
    let [start, stop, payment, interval] = columns.map(|i| row.amount(i));
    let (start, stop, payment, interval) = (start?, stop?, payment?, interval?);
    let refused = |why: &str| {
        let text = format!("{key} has start {start}, stop {stop}, payment {payment} and interval {interval}: {why}");
        Ok::<_, Error>(contradiction(key, row.count(0)?, &text))
    };
    let narrow = |number: U256| u64::try_from(number).ok();
    let (Some(start), Some(stop), Some(interval)) = (narrow(start), narrow(stop), narrow(interval)) else {
        return Err(refused("times have 48 bits")?);
    };
    let Ok(payment) = u128::try_from(payment) else { return Err(refused("payments have 128 bits")?) };
    match Terms::new(Timeframe { start, stop }, Rate { payment, interval }) {
        Ok(terms) => Ok(terms),
        Err(error) => Err(refused(&error.to_string())?),
    }
}

/// A change of the credits of a contract in a token: what the token refused to move, or what was claimed of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CreditChange {
    pub(crate) contract: Address,
    pub(crate) token: Address,
    pub(crate) amount: U256,
    pub(crate) is_claim: bool,
}

/// What was credited and claimed in `blocks`.
pub(crate) fn credits(database: &mut dyn Database, prefix: &str, blocks: Blocks) -> Result<Vec<CreditChange>> {
    let mut changes = Vec::new();
    for (event, is_claim) in [("log_credit", false), ("log_claim", true)] {
        let sql = format!("SELECT contract, token, amount FROM {prefix}_{event} WHERE block BETWEEN ?1 AND ?2");
        for row in ask(database, blocks, &sql)?.iter() {
            let (contract, token) = (row.address(0)?, row.address(1)?);
            changes.push(CreditChange { contract, token, amount: row.amount(2)?, is_claim });
        }
    }
    Ok(changes)
}
