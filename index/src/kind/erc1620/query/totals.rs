//! Streams of a contract in a token taken together, by their snapshots.

use alloy::primitives::{Address, U256};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Checksummed, Decimal, Page, Part, Streams};
use crate::{
    Error, Result,
    kind::erc1620::{ClockName, StreamsPayload, ledger::Book, passage::Passage, payload},
    rows::Value,
    snapshot::{Project, Word},
};

/// The streams of a contract in a token at the end of an epoch; amounts in units of the token. What happened over many
/// epochs is in the sums of its project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Totals {
    /// What the snapshots and sums are kept under.
    pub project: Project,
    /// The contract.
    pub contract: Checksummed,
    /// The token.
    pub token: Checksummed,
    /// The contract's clock.
    pub clock: ClockName,
    /// What it reads.
    pub time: u64,
    /// The epoch, which ends with `block` at `timestamp`.
    pub epoch: u64,
    /// The last block.
    pub block: u64,
    /// Its Unix seconds.
    pub timestamp: u64,
    /// Streams that have not ended.
    pub open: u64,
    /// Those of them between their start and their stop.
    pub active: u64,
    /// Parties of open streams.
    pub parties: u64,
    /// What is in open streams.
    pub locked: Decimal,
    /// Accrued and not withdrawn.
    pub due: Decimal,
    /// Not accrued.
    pub refundable: Decimal,
    /// What the contract owes because the token refused it.
    pub credits: Decimal,
    /// For each unit of the clock, in 18-decimal fixed point.
    pub flow_per_unit: Decimal,
    /// For each day, in 18-decimal fixed point; `null` where nobody can tell.
    pub flow_per_day: Option<Decimal>,
}

/// The project of the streams of `contract` in `token`.
#[must_use]
pub fn streams_project(source: &str, contract: Address, token: Address) -> Project {
    payload::streams_project(source, Book { contract, token })
}

/// The project of deposits of `token` through `portal` into `app`.
#[must_use]
pub fn deposits_project(source: &str, portal: Address, app: Address, token: Address) -> Project {
    payload::deposits_project(source, portal, Passage { app, token })
}

impl Streams<'_> {
    /// The streams of each contract in each token at the end of an epoch, in order of projects.
    ///
    /// # Errors
    /// If a snapshot is none of this kind, and those of the database.
    pub fn totals(&mut self, epoch: u64, page: Page<Project>) -> Result<Part<Totals, Project>> {
        let limit = page.limit();
        let end = format!("{}0", self.source);
        let mut after = page.after.unwrap_or_else(|| format!("{}/", self.source));
        let mut found = Vec::new();
        // The character after a slash is the zero.
        let sql = "SELECT project, content FROM snapshot WHERE epoch = ?1 AND project > ?2 AND project < ?3 \
                   ORDER BY project LIMIT ?4";
        loop {
            let values = [Value::count(epoch), Value::Text(&after), Value::Text(&end), Value::count(limit)];
            let rows = self.database.ask(sql, &values)?;
            // Projects of deposits have three parts after the source's name.
            for row in rows.iter().filter(|row| row.text(0).is_ok_and(|text| text.matches('/').count() == 2)) {
                if (found.len() as u64) < limit {
                    let project = row.text(0)?;
                    found.push(Totals::new(project.to_owned(), decode(project, row.blob(1)?)?));
                }
            }
            let last = rows.iter().last().filter(|_| rows.len() as u64 == limit && (found.len() as u64) < limit);
            let Some(last) = last else { return Ok(Part::new(found, limit, |totals| totals.project.clone())) };
            after = last.text(0)?.to_owned();
        }
    }
}

impl Totals {
    fn new(project: Project, payload: StreamsPayload) -> Self {
        Self {
            project,
            contract: Checksummed(payload.contract.0),
            token: Checksummed(payload.token.0),
            clock: payload.clock,
            time: payload.time,
            epoch: payload.head.epoch.id,
            block: payload.head.epoch.end,
            timestamp: payload.head.end_timestamp,
            open: payload.open,
            active: payload.active,
            parties: payload.parties,
            locked: decimal(payload.locked),
            due: decimal(payload.due),
            refundable: decimal(payload.refundable),
            credits: decimal(payload.credits),
            flow_per_unit: decimal(payload.flow.per_unit),
            flow_per_day: payload.flow.per_day.map(decimal),
        }
    }
}

fn decimal(word: Word) -> Decimal {
    Decimal(U256::from_be_bytes(word.0))
}

fn decode(project: &str, content: &[u8]) -> Result<StreamsPayload> {
    serde_ipld_dagcbor::from_slice(content)
        .map_err(|error| Error::Damaged(format!("the snapshot of {project} is none of its kind: {error}")))
}
