//! What snapshots say: their payloads, and what of them can be added up over epochs.

use std::borrow::Cow;

use alloy::primitives::{Address, U256};
use bindings::Clock;
use serde::{Deserialize, Serialize};

use super::{
    ledger::{Balance, Book, Tally},
    passage::{Passage, PassageTally},
};
use crate::{
    content::{DAG_CBOR, cid, encode},
    snapshot::{Account, EpochHead, Snapshot, Word},
};

/// The kind, as configurations name it.
pub(crate) const KIND: &str = "erc1620";

const SECS_PER_DAY: u64 = 86_400;

/// Streams of one contract in one token: what happened in an epoch, and how they stand at its end. Amounts are in units
/// of the token; words are integers of 32 bytes, the highest first; an address has 20 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamsPayload {
    /// Of which source and epoch.
    #[serde(flatten)]
    pub head: EpochHead,
    /// The contract.
    pub contract: Account,
    /// The token.
    pub token: Account,
    /// `block` or `timestamp`: the contract's clock.
    pub clock: ClockName,
    /// What the clock reads at the end of the epoch.
    pub time: u64,
    /// Streams created.
    pub created: u64,
    /// Updates executed, after which the stream is in this token.
    pub updated: u64,
    /// Streams redeemed or settled.
    pub redeemed: u64,
    /// Streams that came from another token by an update.
    pub moved_in: u64,
    /// Streams that left for another token by an update.
    pub moved_out: u64,
    /// Pulled from senders by creations and updates.
    pub deposited: Word,
    /// Withdrawn by recipients, or paid to them by updates.
    pub withdrawn: Word,
    /// Given back to senders by updates.
    pub refunded: Word,
    /// Given back to senders when streams ended.
    pub returned: Word,
    /// Paid to recipients when streams ended.
    pub settled: Word,
    /// What of these payments the token refused to move, so that the contract owes it.
    pub credited: Word,
    /// What was paid out of that.
    pub claimed: Word,
    /// What the contract owes at the end of the epoch.
    pub credits: Word,
    /// What is in open streams at the end of the epoch: `due + refundable`.
    pub locked: Word,
    /// Accrued and not withdrawn.
    pub due: Word,
    /// Not accrued.
    pub refundable: Word,
    /// Streams that have not ended.
    pub open: u64,
    /// Those of them between their start and their stop.
    pub active: u64,
    /// Parties of open streams.
    pub parties: u64,
    /// Accounts that were no party at the beginning of the epoch and became one.
    pub new_parties: u64,
    /// Accounts that were a party in the epoch and are none at its end.
    pub lost_parties: u64,
    /// How fast the active streams pay.
    pub flow: FlowRate,
}

/// Units of the token over time, in 18-decimal fixed point, rounded half to even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowRate {
    /// For each unit of the contract's clock: a block, or a second.
    pub per_unit: Word,
    /// For each day. With a clock of blocks it is by the pace of the chain over up to [`PACE_BLOCKS`] blocks, and `null`
    /// where these took no time.
    pub per_day: Option<Word>,
}

/// Blocks over which the pace of a chain is measured, back from the end of an epoch and not beyond the first epoch.
pub const PACE_BLOCKS: u64 = 7_200;

/// The pace of a chain: so many blocks in so many seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) n_blocks: u64,
    pub(crate) n_secs: u64,
}

/// Deposits of one token into one application through StreamPortal, in an epoch. A token can say any amount; where they
/// come to more than 256 bits hold, an amount stands at the top, 2^256 - 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DepositsPayload {
    /// Of which source and epoch.
    #[serde(flatten)]
    pub head: EpochHead,
    /// StreamPortal.
    pub portal: Account,
    /// The application.
    pub app: Account,
    /// The token; zero for Ether.
    pub token: Account,
    /// Deposits.
    pub deposits: u64,
    /// Units of the token in them.
    pub deposited: Word,
    /// Those of the deposits that forward what was due of a stream, or a credit.
    pub forwards: u64,
    /// Units of the token in these.
    pub forwarded: Word,
}

/// A clock by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockName {
    /// Block numbers.
    Block,
    /// Unix seconds.
    Timestamp,
}

impl From<Clock> for ClockName {
    fn from(clock: Clock) -> Self {
        match clock {
            Clock::Block => Self::Block,
            Clock::Timestamp => Self::Timestamp,
        }
    }
}

/// The project of a book: `source/0x…/0x…`, in small letters.
pub(crate) fn streams_project(source: &str, book: Book) -> String {
    format!("{source}/{:#x}/{:#x}", book.contract, book.token)
}

/// The project of deposits: `source/portal/app/token`.
pub(crate) fn deposits_project(source: &str, portal: Address, passage: Passage) -> String {
    format!("{source}/{portal:#x}/{:#x}/{:#x}", passage.app, passage.token)
}

/// The snapshot of a book.
pub(crate) fn streams_snapshot(head: EpochHead, book: Book, balance: &Balance, pace: Pace) -> Option<Snapshot> {
    let tally = &balance.tally;
    let (numerator, denominator) = match balance.clock {
        Clock::Block => (pace.n_blocks * SECS_PER_DAY, pace.n_secs),
        Clock::Timestamp => (SECS_PER_DAY, 1),
    };
    let is_paced = numerator != 0 && denominator != 0;
    let per_day = if is_paced { Some(balance.flow.over(numerator, denominator)?.into()) } else { None };
    let project = streams_project(&head.source, book);
    let payload = StreamsPayload {
        head,
        contract: Account(book.contract),
        token: Account(book.token),
        clock: balance.clock.into(),
        time: balance.time,
        created: tally.n_created,
        updated: tally.n_updated,
        redeemed: tally.n_redeemed,
        moved_in: tally.n_moved_in,
        moved_out: tally.n_moved_out,
        deposited: tally.deposited.into(),
        withdrawn: tally.withdrawn.into(),
        refunded: tally.refunded.into(),
        returned: tally.returned.into(),
        settled: tally.settled.into(),
        credited: tally.credited.into(),
        claimed: tally.claimed.into(),
        credits: balance.credits.into(),
        locked: balance.locked.into(),
        due: balance.due.into(),
        refundable: balance.refundable.into(),
        open: balance.n_open,
        active: balance.n_active,
        parties: balance.n_parties,
        new_parties: balance.n_new_parties,
        lost_parties: balance.n_lost_parties,
        flow: FlowRate { per_unit: balance.flow.over(1, 1)?.into(), per_day },
    };
    Some(snapshot(project, &payload, stream_sums(tally, balance)))
}

/// The snapshot of deposits into an application.
pub(crate) fn deposits_snapshot(head: EpochHead, portal: Address, passage: Passage, tally: &PassageTally) -> Snapshot {
    let project = deposits_project(&head.source, portal, passage);
    let payload = DepositsPayload {
        head,
        portal: Account(portal),
        app: Account(passage.app),
        token: Account(passage.token),
        deposits: tally.n_deposits,
        deposited: tally.deposited.into(),
        forwards: tally.n_forwards,
        forwarded: tally.forwarded.into(),
    };
    let sums = [
        ("deposits", U256::from(tally.n_deposits)),
        ("deposited", tally.deposited),
        ("forwards", U256::from(tally.n_forwards)),
        ("forwarded", tally.forwarded),
    ];
    snapshot(project, &payload, sums.to_vec())
}

fn stream_sums(tally: &Tally, balance: &Balance) -> Vec<(&'static str, U256)> {
    vec![
        ("created", U256::from(tally.n_created)),
        ("updated", U256::from(tally.n_updated)),
        ("redeemed", U256::from(tally.n_redeemed)),
        ("moved_in", U256::from(tally.n_moved_in)),
        ("moved_out", U256::from(tally.n_moved_out)),
        ("deposited", tally.deposited),
        ("withdrawn", tally.withdrawn),
        ("refunded", tally.refunded),
        ("returned", tally.returned),
        ("settled", tally.settled),
        ("credited", tally.credited),
        ("claimed", tally.claimed),
        ("new_parties", U256::from(balance.n_new_parties)),
        ("lost_parties", U256::from(balance.n_lost_parties)),
    ]
}

fn snapshot<T: Serialize>(project: String, payload: &T, sums: Vec<(&'static str, U256)>) -> Snapshot {
    let bytes = encode(payload);
    let cid = cid(DAG_CBOR, &bytes);
    let sums = sums.into_iter().map(|(name, amount)| (Cow::Borrowed(name), amount)).collect();
    Snapshot { project, bytes, cid, sums }
}
