//! The history of a stream: all its logs, in order.

use alloy::primitives::B256;
use serde::Serialize;
use utoipa::ToSchema;

use super::{At, Checksummed, Decimal, Page, Part, Streams, filter::Bound};
use crate::{
    Result,
    kind::erc1620::version::StreamKey,
    rows::{Row, Rows},
};

/// The place of a log on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlaceKey {
    /// Its block.
    pub block: u64,
    /// Its place in the block.
    pub idx: u64,
}

/// Something that happened to a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// The block.
    pub block: u64,
    /// The log's place in the block.
    pub idx: u64,
    /// Unix seconds.
    pub timestamp: u64,
    /// The transaction.
    #[schema(value_type = String)]
    pub tx: B256,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened; amounts in units of the token, times in units of the contract's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It began.
    Created {
        /// Who pays.
        sender: Checksummed,
        /// Who is paid.
        recipient: Checksummed,
        /// When it starts.
        start: Decimal,
        /// By which terms.
        #[serde(flatten)]
        terms: TermsView,
    },
    /// The recipient was paid, at their wish or by an update.
    Withdrawn {
        /// To whom it belonged.
        recipient: Checksummed,
        /// How much.
        amount: Decimal,
    },
    /// A party consents to terms.
    Confirmed {
        /// Who.
        confirmer: Checksummed,
        /// To what.
        #[serde(flatten)]
        terms: TermsView,
    },
    /// A consent was withdrawn or refused.
    Revoked {
        /// By whom.
        revoker: Checksummed,
        /// To what.
        #[serde(flatten)]
        terms: TermsView,
    },
    /// Both parties consented, and the stream runs by these terms.
    Updated {
        /// How many updates there were, with this one.
        update_epoch: Decimal,
        /// When it starts again.
        start: Decimal,
        /// What funds it from then on.
        deposit: Decimal,
        /// By which terms.
        #[serde(flatten)]
        terms: TermsView,
    },
    /// It ended.
    Ended {
        /// What the sender got.
        sender_got: Decimal,
        /// What the recipient got.
        recipient_got: Decimal,
    },
    /// The token refused to move something, and the contract owes it.
    Credited {
        /// To whom.
        account: Checksummed,
        /// In what.
        token: Checksummed,
        /// How much.
        amount: Decimal,
    },
}

/// Terms as logs have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TermsView {
    /// In what.
    pub token: Checksummed,
    /// All has accrued at this time.
    pub stop: Decimal,
    /// What accrues at the end of each interval.
    pub payment: Decimal,
    /// Clock units between two payments.
    pub interval: Decimal,
}

/// An event's table, its column of the stream's number, the columns of what it says, and how these are read.
type Source = (&'static str, &'static str, &'static str, fn(&Row<'_>) -> Result<Event>);

/// The first column after block, idx, timestamp and tx.
const SAID: usize = 4;

const SOURCES: [Source; 6] = [
    (
        "log_create",
        "stream_id",
        "sender, recipient, start_block, token_address, stop_block, payment, interval",
        |row| {
            Ok(Event::Created {
                sender: address(row, 0)?,
                recipient: address(row, 1)?,
                start: decimal(row, 2)?,
                terms: terms(row, 3)?,
            })
        },
    ),
    ("log_withdraw", "stream_id", "recipient, funds", |row| {
        Ok(Event::Withdrawn { recipient: address(row, 0)?, amount: decimal(row, 1)? })
    }),
    (
        "log_confirm_update",
        "stream_id",
        "confirmer, new_token_address, new_stop_block, new_payment, new_interval",
        |row| Ok(Event::Confirmed { confirmer: address(row, 0)?, terms: terms(row, 1)? }),
    ),
    (
        "log_revoke_update",
        "stream_id",
        "revoker, new_token_address, new_stop_block, new_payment, new_interval",
        |row| Ok(Event::Revoked { revoker: address(row, 0)?, terms: terms(row, 1)? }),
    ),
    ("log_redeem", "stream_id", "sender_balance, recipient_balance", |row| {
        Ok(Event::Ended { sender_got: decimal(row, 0)?, recipient_got: decimal(row, 1)? })
    }),
    ("log_credit", "stream_id", "account, token, amount", |row| {
        Ok(Event::Credited { account: address(row, 0)?, token: address(row, 1)?, amount: decimal(row, 2)? })
    }),
];

impl Streams<'_> {
    /// What happened to a stream until the end of a block, in order. An update is one entry, though two logs tell of it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn history(&mut self, key: StreamKey, at: At, page: Page<PlaceKey>) -> Result<Part<HistoryEntry, PlaceKey>> {
        let mut entries = Vec::new();
        for (event, id, said, read) in SOURCES {
            let sql = format!(
                "SELECT e.block, e.idx, b.timestamp, e.tx, {said} FROM {}_{event} e JOIN block b ON b.number = e.block \
                 WHERE {id} = ?1 AND e.contract = ?2 AND (e.block, e.idx) > (?3, ?4) AND e.block <= ?5 \
                 ORDER BY e.block, e.idx LIMIT ?6",
                self.prefix
            );
            take(&self.told(&sql, key, at, page)?, read, &mut entries)?;
        }
        let sql = format!(
            "SELECT e.block, e.idx, b.timestamp, e.tx, s.update_epoch, s.start, s.deposit, e.new_token_address, \
             e.new_stop_block, e.new_payment, e.new_interval FROM {0}_log_execute_update e \
             JOIN {0}_log_update_start s ON s.block = e.block AND s.idx = e.idx + 1 JOIN block b ON b.number = e.block \
             WHERE e.new_stream_id = ?1 AND e.contract = ?2 AND (e.block, e.idx) > (?3, ?4) \
             AND e.block <= ?5 ORDER BY e.block, e.idx LIMIT ?6",
            self.prefix
        );
        let updated = |row: &Row<'_>| {
            Ok(Event::Updated {
                update_epoch: decimal(row, 0)?,
                start: decimal(row, 1)?,
                deposit: decimal(row, 2)?,
                terms: terms(row, 3)?,
            })
        };
        take(&self.told(&sql, key, at, page)?, updated, &mut entries)?;
        entries.sort_unstable_by_key(|entry| (entry.block, entry.idx));
        entries.truncate(usize::try_from(page.limit()).unwrap_or(usize::MAX));
        Ok(Part::new(entries, page.limit(), |entry| PlaceKey { block: entry.block, idx: entry.idx }))
    }

    fn told(&mut self, sql: &str, key: StreamKey, at: At, page: Page<PlaceKey>) -> Result<Rows> {
        let (block, idx) = after(page.after);
        let bounds = [
            Bound::Blob(key.id.to_be_bytes::<32>().to_vec()),
            Bound::Blob(key.contract.to_vec()),
            block,
            idx,
            Bound::count(at.block),
            Bound::count(page.limit()),
        ];
        self.ask(sql, &bounds)
    }
}

/// What stands for a place, or for one before all.
pub(super) fn after(after: Option<PlaceKey>) -> (Bound, Bound) {
    after.map_or((Bound::Integer(-1), Bound::Integer(-1)), |place| (Bound::count(place.block), Bound::count(place.idx)))
}

fn take(rows: &Rows, read: impl Fn(&Row<'_>) -> Result<Event>, entries: &mut Vec<HistoryEntry>) -> Result<()> {
    for row in rows.iter() {
        entries.push(HistoryEntry {
            block: row.count(0)?,
            idx: row.count(1)?,
            timestamp: row.count(2)?,
            tx: row.hash(3)?,
            event: read(&row)?,
        });
    }
    Ok(())
}

fn address(row: &Row<'_>, i: usize) -> Result<Checksummed> {
    row.address(SAID + i).map(Checksummed)
}

fn decimal(row: &Row<'_>, i: usize) -> Result<Decimal> {
    row.amount(SAID + i).map(Decimal)
}

/// Token, stop, payment and interval, from column `i` on.
fn terms(row: &Row<'_>, i: usize) -> Result<TermsView> {
    Ok(TermsView {
        token: address(row, i)?,
        stop: decimal(row, i + 1)?,
        payment: decimal(row, i + 2)?,
        interval: decimal(row, i + 3)?,
    })
}
