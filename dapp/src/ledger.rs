//! Who has how much, and what may be done with it.
//!
//! An account's balance at any moment is what came in up to then less what went out up to then. What is `available` is
//! what came in up to this moment less all that the account has ever promised, whether it has streamed or not. An
//! operation is accepted if and only if it leaves that at zero or more.
//!
//! So no balance is ever negative, at any later time: what has gone out never exceeds what is promised, and what has
//! come in never falls, because a stream never runs backwards and a cancelled one keeps what it has streamed. No income
//! of the future can be spent.
//!
//! Every movement adds the same lines to the side of one account and to the side of another, so that the sum of all
//! balances is the supply at every moment, to the last 2^-64 of a unit.

use alloy_primitives::{Address, U256};
use rusqlite::Connection;

use crate::error::{Fault, Refusal, Stop};
use crate::line::Line;
use crate::rows::{Account, Parties, Token};
use crate::stream::{MAX_DURATION, MAX_TIME, Stream, StreamId, scaled, whole_down};
use crate::timeline::{Side, Timeline};

/// The most that can exist of one token: 2^128 - 1 base units.
pub const SUPPLY_CAP: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);

/// The state at a moment, inside a transaction. Times are seconds since 1970, amounts are base units of the token, and
/// the zero address as a token is Ether.
pub struct Ledger<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) now: u64,
}

/// What a sender asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The zero address for Ether.
    pub token: Address,
    /// Who is to be paid.
    pub recipient: Address,
    /// Base units in all.
    pub amount: U256,
    /// Seconds since 1970; 0 starts at once.
    pub start: u64,
    /// Seconds from the first to the last unit; 0 pays all of it at the start.
    pub duration: u64,
}

impl<'c> Ledger<'c> {
    pub(crate) fn new(connection: &'c Connection, now: u64) -> Self {
        Self { connection, now }
    }

    /// The moment at which this ledger acts, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The same ledger at `now` or later: what it will be if nobody does anything more.
    #[must_use]
    pub fn later(&self, now: u64) -> Self {
        Self { connection: self.connection, now: now.max(self.now) }
    }

    /// Credits a deposit of `amount`. Nothing happens to a deposit of 0.
    pub fn mint(&self, token: Address, account: Address, amount: U256) -> Result<(), Stop> {
        if amount.is_zero() {
            return Ok(());
        }
        let supply = self.supply(token)?;
        if amount > SUPPLY_CAP - supply {
            return Err(Refusal::ExceedsCap { token, amount, supply }.into());
        }
        let row = self.token_or_new(token)?;
        self.write_token(Token { deposited: row.deposited + amount, ..row })?;
        let account = self.account_or_new(row.id, account)?;
        self.add(Side::incoming(account.id), self.now, Line::flat(scaled(amount)))?;
        Ok(())
    }

    /// Destroys `amount` of what is available to `account`, which is then paid outside.
    pub fn burn(&self, token: Address, account: Address, amount: U256) -> Result<(), Stop> {
        let payer = self.spend(token, account, amount)?;
        let row = self.token_or_new(token)?;
        self.write_token(Token { withdrawn: row.withdrawn + amount, ..row })?;
        self.add(Side::outgoing(payer.id), self.now, Line::flat(scaled(amount)))?;
        Ok(())
    }

    /// Moves `amount` at once.
    pub fn transfer(&self, token: Address, sender: Address, recipient: Address, amount: U256) -> Result<(), Stop> {
        check_parties(sender, recipient)?;
        let payer = self.spend(token, sender, amount)?;
        let payee = self.account_or_new(payer.token, recipient)?;
        let line = Line::flat(scaled(amount));
        self.add(Side::outgoing(payer.id), self.now, line)?;
        self.add(Side::incoming(payee.id), self.now, line)?;
        Ok(())
    }

    /// Starts a stream, at once or later. The whole amount is committed from here on.
    pub fn stream(&self, sender: Address, order: Order) -> Result<Stream, Stop> {
        let Order { token, recipient, amount, start, duration } = order;
        check_parties(sender, recipient)?;
        let start = if start == 0 { self.now } else { start };
        if start < self.now {
            return Err(Refusal::StartPassed { start, now: self.now }.into());
        }
        if start > MAX_TIME {
            return Err(Refusal::StartTooLate(start).into());
        }
        if duration > MAX_DURATION {
            return Err(Refusal::DurationTooLong(duration).into());
        }
        let payer = self.spend(token, sender, amount)?;
        let payee = self.account_or_new(payer.token, recipient)?;
        let (stop, total) = (start + duration, scaled(amount));
        let mut stream = Stream {
            id: 0,
            token,
            sender,
            recipient,
            start,
            stop,
            since: start,
            streamed: U256::ZERO,
            total,
            is_cancelled: false,
        };
        let parties = Parties { token: payer.token, sender: payer.id, recipient: payee.id };
        stream.id = self.insert_stream(parties, &stream)?;
        self.add_stream(parties, &stream)?;
        self.promise(payer.token, total)?;
        Ok(stream)
    }

    /// Adds `amount` and `duration` seconds to a stream of `sender` that has not ended. What has streamed stays as it is,
    /// and the rest streams evenly over the time that is left.
    pub fn extend(&self, sender: Address, id: StreamId, amount: U256, duration: u64) -> Result<Stream, Stop> {
        let (parties, stream) = self.open_stream(sender, id)?;
        if amount.is_zero() && duration == 0 {
            return Err(Refusal::NothingAdded.into());
        }
        let longest = MAX_DURATION - (stream.stop - self.now.max(stream.since));
        if duration > longest {
            return Err(Refusal::DurationTooLong(duration.saturating_add(MAX_DURATION - longest)).into());
        }
        if !amount.is_zero() {
            self.spend(stream.token, sender, amount)?;
            self.promise(parties.token, scaled(amount))?;
        }
        let extended = stream.extended_at(self.now, amount, duration);
        if extended.total - extended.streamed < scaled(U256::from(1)) {
            return Err(Refusal::TooLittleLeft(id).into());
        }
        self.close_stream(parties, &stream)?;
        self.add_stream(parties, &extended)?;
        self.write_stream(&extended)?;
        Ok(extended)
    }

    /// Ends a stream of `sender` that has not ended. The recipient keeps exactly what has streamed, fractions of a unit
    /// included; the rest is the sender's again. Gives the stream, and what came back to the sender, scaled by 2^64.
    pub fn cancel(&self, sender: Address, id: StreamId) -> Result<(Stream, U256), Stop> {
        let (parties, stream) = self.open_stream(sender, id)?;
        let cancelled = stream.cancelled_at(self.now);
        let refunded = stream.total - cancelled.total;
        self.close_stream(parties, &stream)?;
        self.write_stream(&cancelled)?;
        let payer = self.account_by_id(parties.sender)?;
        self.write_committed(payer, payer.committed.wrapping_sub(refunded))?;
        self.promise(parties.token, U256::ZERO.wrapping_sub(refunded))?;
        Ok((cancelled, refunded))
    }

    /// Takes `amount` from what is available to `account`, which must exist, by committing it.
    fn spend(&self, token: Address, account: Address, amount: U256) -> Result<Account, Stop> {
        if amount.is_zero() {
            return Err(Refusal::AmountZero.into());
        }
        let row = self.account(token, account)?;
        let available = match row {
            Some(row) => whole_down(self.available_scaled(row)?),
            None => U256::ZERO,
        };
        match row {
            Some(row) if amount <= available => {
                let committed = row.committed.wrapping_add(scaled(amount));
                self.write_committed(row, committed)?;
                Ok(Account { committed, ..row })
            }
            _ => Err(Refusal::ExceedsAvailable { account, token, amount, available }.into()),
        }
    }

    /// What came in up to this moment less all that is committed, scaled.
    pub(crate) fn available_scaled(&self, account: Account) -> Result<U256, Fault> {
        let came_in = Timeline::new(self.connection, Side::incoming(account.id)).value_at(self.now)?;
        let available = came_in.wrapping_sub(account.committed);
        if available > scaled(SUPPLY_CAP) {
            return Err(Fault::Damaged(format!("account {} has promised more than it has", account.id)));
        }
        Ok(available)
    }

    /// The stream, if it can still be changed, and `sender` is the one who may.
    fn open_stream(&self, sender: Address, id: StreamId) -> Result<(Parties, Stream), Stop> {
        let (parties, stream) = self.stream_row(id)?.ok_or(Refusal::StreamUnknown(id))?;
        if stream.sender != sender {
            return Err(Refusal::SenderOnly { stream: id, sender: stream.sender, account: sender }.into());
        }
        if stream.is_cancelled || self.now >= stream.stop {
            return Err(Refusal::StreamEnded { stream: id, stop: stream.stop, now: self.now }.into());
        }
        Ok((parties, stream))
    }

    /// Adds a stream's present terms to its parties and to its token.
    fn add_stream(&self, parties: Parties, stream: &Stream) -> Result<(), Fault> {
        for (time, line) in stream.lines() {
            for side in parties.sides() {
                self.add(side, time, line)?;
            }
        }
        Ok(())
    }

    /// Cuts the lines of a stream at this moment, so that exactly what has streamed stays.
    fn close_stream(&self, parties: Parties, stream: &Stream) -> Result<(), Fault> {
        for (time, line) in stream.lines() {
            for side in parties.sides() {
                self.add(side, time, -line)?;
            }
        }
        self.add_stream(parties, &stream.cancelled_at(self.now))
    }

    fn add(&self, side: Side, time: u64, line: Line) -> Result<(), Fault> {
        Timeline::new(self.connection, side).add(time, line)
    }

    fn promise(&self, token: i64, total: U256) -> Result<(), Fault> {
        let row = self.token_by_id(token)?;
        self.write_token(Token { promised: row.promised.wrapping_add(total), ..row })
    }
}

fn check_parties(sender: Address, recipient: Address) -> Result<(), Refusal> {
    if recipient.is_zero() {
        return Err(Refusal::RecipientZero);
    }
    if recipient == sender {
        return Err(Refusal::RecipientIsSender(sender));
    }
    Ok(())
}
