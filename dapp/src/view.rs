//! What can be asked of the ledger. Nothing here writes, and no answer takes longer because there are many streams.

use alloy_primitives::{Address, U256};
use rusqlite::params;

use crate::error::Fault;
use crate::ledger::Ledger;
use crate::line::Line;
use crate::rows::{read_stream, stream_columns};
use crate::stream::{Stream, StreamId, scaled, whole_down};
use crate::timeline::{Side, Timeline};

/// The most rows that one answer holds.
pub const PAGE_LIMIT: usize = 1_000;

/// Whose streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Those that pay the account.
    Incoming,
    /// Those that the account pays.
    Outgoing,
}

/// A moment at which money begins or ceases to flow, or flows at another rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakpoint {
    /// Seconds since 1970.
    pub time: u64,
    /// What comes in each second from then on, scaled by 2^64.
    pub incoming: U256,
    /// What goes out each second from then on, scaled by 2^64.
    pub outgoing: U256,
    /// The balance at that moment, in base units, rounded down.
    pub balance: U256,
}

/// Whether a token's promises are covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Solvency {
    /// All that was ever deposited, in base units.
    pub deposited: U256,
    /// All that was ever withdrawn, in base units.
    pub withdrawn: U256,
    /// What all accounts together have promised and not yet streamed, in base units, rounded up.
    pub locked: U256,
    /// What all accounts together can spend at this moment, in base units, rounded down.
    pub available: U256,
    /// What all streams together move each second, scaled by 2^64.
    pub flow: U256,
}

/// How much there is in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Tokens that were ever deposited or tried.
    pub tokens: u64,
    /// Accounts, one for each token and address.
    pub accounts: u64,
    /// Streams that were ever started.
    pub streams: u64,
    /// The index of the last accepted input.
    pub last_input: Option<u64>,
}

impl Ledger<'_> {
    /// What `account` has, or had, or will have at `time` if nobody does anything more: base units, rounded down.
    pub fn balance_of(&self, token: Address, account: Address, time: u64) -> Result<U256, Fault> {
        let Some(row) = self.account(token, account)? else { return Ok(U256::ZERO) };
        let incoming = Timeline::new(self.connection, Side::incoming(row.id)).value_at(time)?;
        let outgoing = Timeline::new(self.connection, Side::outgoing(row.id)).value_at(time)?;
        Ok(whole_down(incoming.wrapping_sub(outgoing)))
    }

    /// What `account` can spend at this moment: base units, rounded down. Never what is committed to streams.
    pub fn available(&self, token: Address, account: Address) -> Result<U256, Fault> {
        match self.account(token, account)? {
            Some(row) => self.available_scaled(row).map(whole_down),
            None => Ok(U256::ZERO),
        }
    }

    /// The stream with this id.
    pub fn find_stream(&self, id: StreamId) -> Result<Option<Stream>, Fault> {
        Ok(self.stream_row(id)?.map(|(_, stream)| stream))
    }

    /// Streams of `account` in the order of their ids, from the one after `after` on, at most `limit`.
    pub fn streams_of(
        &self,
        token: Address,
        account: Address,
        direction: Direction,
        after: StreamId,
        limit: usize,
    ) -> Result<Vec<Stream>, Fault> {
        let Some(row) = self.account(token, account)? else { return Ok(Vec::new()) };
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let sql = match direction {
            Direction::Incoming => {
                concat!(
                    stream_columns!(),
                    " WHERE stream.recipient = ?1 AND stream.id > ?2 ORDER BY stream.id LIMIT ?3"
                )
            }
            Direction::Outgoing => {
                concat!(stream_columns!(), " WHERE stream.sender = ?1 AND stream.id > ?2 ORDER BY stream.id LIMIT ?3")
            }
        };
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![row.id, after, limit.min(PAGE_LIMIT)], read_stream)?;
        Ok(rows.map(|row| row.map(|(_, stream)| stream)).collect::<Result<_, _>>()?)
    }

    /// How the flow of `account` changes after `after`, in order, at most `limit` moments.
    pub fn schedule_of(
        &self,
        token: Address,
        account: Address,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Breakpoint>, Fault> {
        let Some(row) = self.account(token, account)? else { return Ok(Vec::new()) };
        let limit = limit.min(PAGE_LIMIT);
        let incoming = Timeline::new(self.connection, Side::incoming(row.id));
        let outgoing = Timeline::new(self.connection, Side::outgoing(row.id));
        let mut comes = incoming.events(after, limit)?.into_iter().peekable();
        let mut goes = outgoing.events(after, limit)?.into_iter().peekable();
        let (mut incoming, mut outgoing) = (incoming.line_at(after)?, outgoing.line_at(after)?);
        let mut breakpoints = Vec::new();
        while breakpoints.len() < limit {
            let next = comes.peek().into_iter().chain(goes.peek()).map(|event| event.0).min();
            let Some(time) = next else { break };
            incoming += comes.next_if(|event| event.0 == time).map_or(Line::ZERO, |event| event.1);
            outgoing += goes.next_if(|event| event.0 == time).map_or(Line::ZERO, |event| event.1);
            breakpoints.push(Breakpoint {
                time,
                incoming: incoming.slope.0,
                outgoing: outgoing.slope.0,
                balance: whole_down(incoming.at(time).wrapping_sub(outgoing.at(time))),
            });
        }
        Ok(breakpoints)
    }

    /// Base units of `token` that exist: deposited and not withdrawn.
    pub fn supply(&self, token: Address) -> Result<U256, Fault> {
        Ok(self.token(token)?.map_or(U256::ZERO, |row| row.supply()))
    }

    /// What is promised in `token` against what there is. `locked` and `available` together never exceed the supply.
    pub fn solvency(&self, token: Address) -> Result<Solvency, Fault> {
        let Some(row) = self.token(token)? else { return Ok(Solvency::default()) };
        let streams = Timeline::new(self.connection, Side::streams_of_token(row.id)).line_at(self.now)?;
        let locked = row.promised.wrapping_sub(streams.at(self.now));
        let supply = scaled(row.supply());
        if locked > supply {
            return Err(Fault::Damaged(format!("streams of token {token} promise more than its supply")));
        }
        Ok(Solvency {
            deposited: row.deposited,
            withdrawn: row.withdrawn,
            locked: row.supply() - whole_down(supply - locked),
            available: whole_down(supply - locked),
            flow: streams.slope.0,
        })
    }

    /// How much there is in the ledger.
    pub fn stats(&self) -> Result<Stats, Fault> {
        // Rows are never deleted, so the last id is their number.
        let mut statement = self.connection.prepare_cached(
            "SELECT (SELECT ifnull(max(id), 0) FROM token), (SELECT ifnull(max(id), 0) FROM account), \
             (SELECT ifnull(max(id), 0) FROM stream), (SELECT input_index FROM cursor)",
        )?;
        Ok(statement.query_row([], |row| {
            Ok(Stats { tokens: row.get(0)?, accounts: row.get(1)?, streams: row.get(2)?, last_input: row.get(3)? })
        })?)
    }
}
