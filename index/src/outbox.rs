//! What is to be told to the outside about final epochs. Written with the data that it tells of; sent by others, as often
//! as it takes, which does no harm, since each message has a key that its receiver can tell it by.

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    block::{Blocks, Checkpoint},
    database::Database,
    epoch::Epochs,
    rows::Value,
    snapshot::EpochRange,
    stage::{Stage, checkpoint, lower_checkpoint, note_change, set_checkpoint},
};

/// Epochs of one transaction.
const N_AT_ONCE: u32 = 64;

/// Changes that are kept for those who come back. An epoch makes two or more: two months of ten blocks of Ethereum.
const KEPT_CHANGES: i64 = 100_000;

/// Announces final epochs: to those who follow the changes, and to each sink by a message for each snapshot.
#[derive(Debug)]
pub struct Outbox {
    epochs: Epochs,
    sinks: Vec<String>,
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// Of what the snapshot is.
    pub project: String,
    /// Of which blocks.
    pub epoch: EpochRange,
    /// The hash of the epoch's last block.
    pub end_hash: B256,
    /// The content address of the snapshot.
    pub cid: String,
}

impl Outbox {
    /// The name of the cursor: up to it, all epochs are announced.
    pub const NAME: &str = "outbox";

    /// For these sinks.
    #[must_use]
    pub fn new(epochs: Epochs, sinks: Vec<String>) -> Self {
        Self { epochs, sinks }
    }

    fn announce(&self, database: &mut dyn Database, epoch: EpochRange, end_hash: B256) -> Result<()> {
        let sql = "SELECT project, cid FROM snapshot WHERE epoch = ?1 ORDER BY project";
        let snapshots = database.ask(sql, &[Value::count(epoch.id)])?;
        for snapshot in snapshots.iter() {
            let (project, cid) = (snapshot.text(0)?.to_owned(), snapshot.text(1)?.to_owned());
            let key = format!("{project}:{}:{end_hash}:{cid}", epoch.id);
            let body = Announcement { project, epoch, end_hash, cid };
            let body = serde_json::to_string(&body).expect("an announcement has a form in JSON");
            for sink in &self.sinks {
                database.run(
                    "INSERT INTO outbox (sink, dedupe_key, body, n_tries, next_at) VALUES (?1, ?2, ?3, 0, 0) \
                     ON CONFLICT DO NOTHING",
                    &[Value::Text(sink), Value::Text(&key), Value::Text(&body)],
                )?;
            }
        }
        Ok(())
    }
}

impl Stage for Outbox {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn execute(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<Option<Checkpoint>> {
        let mut done = checkpoint(database, Self::NAME)?;
        let first = done.and_then(|done| self.epochs.of(done.number)).map_or(0, |id| id + 1);
        let rows = database.ask(
            "SELECT id, first, last, end_hash FROM epoch WHERE id >= ?1 AND state = 2 AND last <= ?2 \
             ORDER BY id LIMIT ?3",
            &[Value::count(first), Value::count(blocks.last), Value::Integer(N_AT_ONCE.into())],
        )?;
        for row in rows.iter() {
            let epoch = EpochRange { id: row.count(0)?, begin: row.count(1)?, end: row.count(2)? };
            let end = Checkpoint { number: epoch.end, hash: row.hash(3)? };
            self.announce(database, epoch, end.hash)?;
            note_change(database, "final", Some(epoch.id), end)?;
            done = Some(end);
        }
        if !rows.is_empty() {
            set_checkpoint(database, Self::NAME, done)?;
            // The newest stay, since the next change gets its number from them.
            let sql = "DELETE FROM change WHERE id <= (SELECT max(id) FROM change) - ?1";
            database.run(sql, &[Value::Integer(KEPT_CHANGES)])?;
        }
        Ok(done)
    }

    /// What is not sent is not going to be; what is sent stays sent. Only the operator takes final epochs back.
    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<Option<Checkpoint>> {
        let before = checkpoint(database, Self::NAME)?;
        if before.is_none_or(|before| before.number <= to) {
            return Ok(before);
        }
        let first = (to + 1).checked_sub(self.epochs.genesis).map_or(0, |n_blocks| n_blocks / self.epochs.size);
        let taken = database
            .ask("SELECT project, epoch, end_hash, cid FROM snapshot WHERE epoch >= ?1", &[Value::count(first)])?;
        for row in taken.iter() {
            let key = format!("{}:{}:{}:{}", row.text(0)?, row.count(1)?, row.hash(2)?, row.text(3)?);
            database.run("DELETE FROM outbox WHERE dedupe_key = ?1", &[Value::Text(&key)])?;
        }
        match first.checked_sub(1).and_then(|id| self.epochs.blocks(id)) {
            Some(blocks) => lower_checkpoint(database, Self::NAME, blocks.last),
            None => set_checkpoint(database, Self::NAME, None).map(|()| None).map_err(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{
        database::Sqlite,
        read::{newest_change, oldest_change},
    };

    #[test]
    fn changes_are_kept_up_to_a_number() {
        let mut database = Sqlite::open(":memory:".as_ref()).unwrap();
        let epochs = Epochs { genesis: 0, size: 10, offset: 0 };
        let sql = "WITH RECURSIVE number(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < ?1) \
                   INSERT INTO change SELECT id, 'tentative', 0, 9, X'00' FROM number";
        database.run(sql, &[Value::Integer(KEPT_CHANGES)]).unwrap();
        let mut outbox = Outbox::new(epochs, Vec::new());
        let mut check = |n_epochs: u64, oldest: u64, newest: u64| {
            let first = database.ask("SELECT id FROM epoch", &[]).unwrap().len() as u64;
            for id in first..n_epochs {
                let [begin, end] = [0, 9].map(|place| Value::count(id * 10 + place));
                let hash = Value::Blob(&[7; 32]);
                let sql = "INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?4, 0, 2)";
                database.run(sql, &[Value::count(id), begin, end, hash]).unwrap();
            }
            outbox.execute(&mut database, Blocks { first: 0, last: n_epochs * 10 - 1 }).unwrap();
            assert_eq!(
                (oldest_change(&mut database).unwrap(), newest_change(&mut database).unwrap()),
                (Some(oldest), newest)
            );
        };
        let n = KEPT_CHANGES.cast_unsigned();
        check(1, 2, n + 1);
        check(3, 4, n + 3);
        // Nothing is final that was not so before.
        check(3, 4, n + 3);
    }
}
