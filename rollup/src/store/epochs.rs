//! Epochs and their claims.

use alloy::primitives::B256;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::outputs::Kept;
use super::{Epoch, EpochStatus, Page, Store, StoreError, optional_hash};
use crate::tree;

impl Store {
    /// Closes each open epoch that ends at or before `block` and whose inputs are all processed.
    pub fn close_epochs(&mut self, block: u64) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        let closed: Vec<(u64, u64)> = transaction
            .prepare_cached(
                "SELECT epoch.id, max(input.n_outputs) FROM epoch JOIN input ON input.epoch = epoch.id \
                 WHERE epoch.status = 'OPEN' AND (epoch.id + 1) * (SELECT epoch_length FROM setup) <= ?1 + 1 \
                 GROUP BY epoch.id HAVING count(*) = count(input.n_outputs) ORDER BY epoch.id",
            )?
            .query_map([block], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (epoch, n_outputs) in closed {
            let root = tree::root(&Kept(&transaction), n_outputs)?;
            transaction.execute(
                "UPDATE epoch SET n_outputs = ?2, outputs_root = ?3, status = 'CLAIM_COMPUTED' WHERE id = ?1",
                params![epoch, n_outputs, root.as_slice()],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Notes how the claim of an epoch goes.
    pub fn note_claim(&self, epoch: u64, status: EpochStatus, transaction: Option<B256>) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE epoch SET status = ?2, claim_transaction = ifnull(?3, claim_transaction) WHERE id = ?1",
            params![epoch, status.name(), transaction.as_ref().map(|hash| hash.as_slice())],
        )?;
        Ok(())
    }

    /// The epoch with this index.
    pub fn epoch(&self, index: u64) -> Result<Option<Epoch>, StoreError> {
        let sql = concat!(epoch_columns!(), " WHERE id = ?1");
        Ok(self.connection.prepare_cached(sql)?.query_row([index], read_epoch).optional()?)
    }

    /// Epochs in order, and how many there are in all.
    pub fn epochs(&self, status: Option<EpochStatus>, page: Page) -> Result<(Vec<Epoch>, u64), StoreError> {
        let status = status.map(EpochStatus::name);
        let sql = concat!(epoch_columns!(), " WHERE ?1 IS NULL OR status = ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
        let mut statement = self.connection.prepare_cached(sql)?;
        let epochs =
            statement.query_map(params![status, page.limit, page.offset], read_epoch)?.collect::<Result<_, _>>()?;
        let sql = "SELECT count(*) FROM epoch WHERE ?1 IS NULL OR status = ?1";
        Ok((epochs, self.connection.query_row(sql, [status], |row| row.get(0))?))
    }

    /// The last epoch whose claim the consensus has accepted.
    pub fn last_accepted_epoch(&self) -> Result<Option<Epoch>, StoreError> {
        let sql = concat!(epoch_columns!(), " WHERE status = 'CLAIM_ACCEPTED' ORDER BY id DESC LIMIT 1");
        Ok(self.connection.prepare_cached(sql)?.query_row([], read_epoch).optional()?)
    }
}

impl EpochStatus {
    /// As the node's JSON-RPC says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Computed => "CLAIM_COMPUTED",
            Self::Submitted => "CLAIM_SUBMITTED",
            Self::Accepted => "CLAIM_ACCEPTED",
        }
    }
}

pub(super) fn insert_epoch(transaction: &Transaction<'_>, epoch: u64) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO epoch (id, virtual_index, status) \
             VALUES (?1, (SELECT ifnull(max(virtual_index) + 1, 0) FROM epoch), 'OPEN')",
        )?
        .execute([epoch])?;
    Ok(())
}

pub(super) fn read_epoch(row: &Row<'_>) -> rusqlite::Result<Epoch> {
    let status: String = row.get(5)?;
    let status = match status.as_str() {
        "CLAIM_COMPUTED" => EpochStatus::Computed,
        "CLAIM_SUBMITTED" => EpochStatus::Submitted,
        "CLAIM_ACCEPTED" => EpochStatus::Accepted,
        _ => EpochStatus::Open,
    };
    Ok(Epoch {
        index: row.get(0)?,
        virtual_index: row.get(1)?,
        n_outputs: row.get(2)?,
        outputs_root: optional_hash(row, 3)?,
        claim_transaction: optional_hash(row, 4)?,
        status,
    })
}
