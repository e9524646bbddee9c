//! Streams of a contract in a token taken together, by their snapshots; and who the parties are.

use alloy::primitives::{Address, U256};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    At, Checksummed, Decimal, Page, Part, Streams,
    filter::{Bound, Bounds},
};
use crate::{
    Error, Result,
    kind::erc1620::{
        ClockName, DepositsPayload, StreamsPayload, ledger::Book, passage::Passage, payload, tables::CURRENT,
    },
    rows::{Row, Value},
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

/// What went into an application through StreamPortal in an epoch; what went there over many is in the sums of its
/// project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DepositTotals {
    /// What the snapshots and sums are kept under.
    pub project: Project,
    /// StreamPortal.
    pub portal: Checksummed,
    /// The application.
    pub app: Checksummed,
    /// The token; zero for Ether.
    pub token: Checksummed,
    /// The epoch.
    pub epoch: u64,
    /// Deposits in it.
    pub deposits: u64,
    /// Units of the token in them.
    pub deposited: Decimal,
    /// Those of the deposits that come out of streams and credits.
    pub forwards: u64,
    /// Units of the token in these.
    pub forwarded: Decimal,
}

/// A party of open streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartyView {
    /// Who.
    pub account: Checksummed,
    /// Open streams that it sends.
    pub sends: u64,
    /// Open streams that it receives.
    pub receives: u64,
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
        let read = |project: &str, content: &[u8]| Ok(Totals::new(project.to_owned(), decode(project, content)?));
        let rows = self.of_epoch(epoch, 2, &page, read)?;
        Ok(Part::new(rows, page.limit(), |totals| totals.project.clone()))
    }

    /// What went into each application in an epoch, in order of projects.
    ///
    /// # Errors
    /// As [`Streams::totals`].
    pub fn deposit_totals(&mut self, epoch: u64, page: Page<Project>) -> Result<Part<DepositTotals, Project>> {
        let read =
            |project: &str, content: &[u8]| Ok(DepositTotals::new(project.to_owned(), decode(project, content)?));
        let rows = self.of_epoch(epoch, 3, &page, read)?;
        Ok(Part::new(rows, page.limit(), |totals| totals.project.clone()))
    }

    /// The parties of the open streams of `contract` in `token` as of `at`, in order of addresses.
    ///
    /// # Errors
    /// Those of the database.
    pub fn parties(
        &mut self,
        contract: Address,
        token: Address,
        at: At,
        page: Page<Address>,
    ) -> Result<Part<PartyView, Address>> {
        let mut bounds = Bounds::default();
        let is_current = self.is_current(at)?;
        let open =
            format!("contract = {} AND token = {} AND state = 0", bounds.address(contract), bounds.address(token));
        let when = if is_current {
            format!("until_block = {}", bounds.bind(Bound::Integer(CURRENT)))
        } else {
            let block = bounds.bind(Bound::count(at.block));
            format!("block <= {block} AND until_block > {block}")
        };
        let after = page.after.map(|account| bounds.address(account));
        let select = |column: &str, sends: u8| {
            let after = after.as_ref().map_or(String::new(), |after| format!(" AND {column} > {after}"));
            format!(
                "SELECT {column} AS account, {sends} AS sends FROM {}_version WHERE {open} AND {when}{after}",
                self.prefix
            )
        };
        let limit = bounds.bind(Bound::count(page.limit()));
        // A sum of integers is wider than they are in some databases; a count is not.
        let sql = format!(
            "SELECT account, count(CASE sends WHEN 1 THEN 1 END), count(CASE sends WHEN 0 THEN 1 END) \
             FROM ({} UNION ALL {}) parties GROUP BY account ORDER BY account LIMIT {limit}",
            select("sender", 1),
            select("recipient", 0)
        );
        let rows = self.ask(&sql, &bounds.0)?;
        let party = |row: Row<'_>| {
            Ok(PartyView { account: Checksummed(row.address(0)?), sends: row.count(1)?, receives: row.count(2)? })
        };
        let parties = rows.iter().map(party).collect::<Result<Vec<_>>>()?;
        Ok(Part::new(parties, page.limit(), |party| party.account.0))
    }

    /// The source's snapshots of an epoch whose projects have so many parts after the source's name.
    fn of_epoch<T>(
        &mut self,
        epoch: u64,
        n_parts: usize,
        page: &Page<Project>,
        read: impl Fn(&str, &[u8]) -> Result<T>,
    ) -> Result<Vec<T>> {
        let limit = page.limit();
        let end = format!("{}0", self.source);
        let mut after = page.after.clone().unwrap_or_else(|| format!("{}/", self.source));
        let mut found = Vec::new();
        // The character after a slash is the zero.
        let sql = "SELECT project, content FROM snapshot WHERE epoch = ?1 AND project > ?2 AND project < ?3 \
                   ORDER BY project LIMIT ?4";
        loop {
            let values = [Value::count(epoch), Value::Text(&after), Value::Text(&end), Value::count(limit)];
            let rows = self.database.ask(sql, &values)?;
            for row in rows.iter().filter(|row| row.text(0).is_ok_and(|text| text.matches('/').count() == n_parts)) {
                if (found.len() as u64) < limit {
                    found.push(read(row.text(0)?, row.blob(1)?)?);
                }
            }
            let Some(last) = rows.iter().last().filter(|_| rows.len() as u64 == limit) else { return Ok(found) };
            if found.len() as u64 == limit {
                return Ok(found);
            }
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

impl DepositTotals {
    fn new(project: Project, payload: DepositsPayload) -> Self {
        Self {
            project,
            portal: Checksummed(payload.portal.0),
            app: Checksummed(payload.app.0),
            token: Checksummed(payload.token.0),
            epoch: payload.head.epoch.id,
            deposits: payload.deposits,
            deposited: decimal(payload.deposited),
            forwards: payload.forwards,
            forwarded: decimal(payload.forwarded),
        }
    }
}

fn decimal(word: Word) -> Decimal {
    Decimal(U256::from_be_bytes(word.0))
}

fn decode<T: serde::de::DeserializeOwned>(project: &str, content: &[u8]) -> Result<T> {
    serde_ipld_dagcbor::from_slice(content)
        .map_err(|error| Error::Damaged(format!("the snapshot of {project} is none of its kind: {error}")))
}
