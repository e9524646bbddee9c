//! Versions of streams: what each log makes of the stream before it. Pure; holds no time, because the logs tell what was
//! due when it mattered.

use std::fmt;

use alloy::primitives::{Address, U256};
use stream::{Rate, Terms, Timeframe};

use super::tables::CURRENT;
use crate::{
    Error, Result,
    rows::{Row, Rows, Value},
};

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// Its contract.
    pub contract: Address,
    /// Its number there.
    pub id: U256,
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {} of {}", self.id, self.contract)
    }
}

/// The place of a log on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) block: u64,
    pub(crate) idx: u64,
}

/// What a log does to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Create { sender: Address, recipient: Address, token: Address, terms: Terms },
    Withdraw { amount: U256 },
    Update { token: Address, terms: Terms, update_epoch: U256, deposit: U256 },
    End { sender_got: U256, recipient_got: U256 },
}

/// What the parties got at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) sender_got: u128,
    pub(crate) recipient_got: u128,
}

/// A stream between two logs; see [`super::tables::version`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) key: StreamKey,
    pub(crate) sender: Address,
    pub(crate) recipient: Address,
    pub(crate) token: Address,
    pub(crate) terms: Terms,
    pub(crate) withdrawn: u128,
    pub(crate) withdrawn_total: U256,
    pub(crate) deposit_total: U256,
    pub(crate) update_epoch: u16,
    pub(crate) ending: Option<Ending>,
}

/// The columns that [`Version::read`] takes, from `block` to `until_idx` and then the stream.
pub(crate) const COLUMNS: &str = "block, idx, contract, id, until_block, until_idx, sender, recipient, token, start, \
     stop, payment, interval, withdrawn, withdrawn_total, deposit, deposit_total, update_epoch, state, sender_got, \
     recipient_got";

impl Version {
    /// What `change` makes of the version before it, if there is one.
    ///
    /// # Errors
    /// A sentence that says why no such stream can have such a log; it becomes a part of an error.
    pub(crate) fn next(key: StreamKey, before: Option<&Self>, change: &Change) -> Result<Self, String> {
        match (before, *change) {
            (None, Change::Create { sender, recipient, token, terms }) => Ok(Self {
                key,
                sender,
                recipient,
                token,
                terms,
                withdrawn: 0,
                withdrawn_total: U256::ZERO,
                deposit_total: U256::from(terms.deposit()),
                update_epoch: 0,
                ending: None,
            }),
            (Some(_), Change::Create { .. }) => Err(format!("{key} is created twice")),
            (None, _) => Err(format!("{key} has a log, and no creation before it")),
            (Some(before), _) if before.ending.is_some() => Err(format!("{key} has a log after its end")),
            (Some(before), Change::Withdraw { amount }) => before.withdraw(amount),
            (Some(before), Change::Update { token, terms, update_epoch, deposit }) => {
                if deposit != U256::from(terms.deposit()) || update_epoch != U256::from(before.update_epoch) + U256::ONE
                {
                    return Err(format!(
                        "{key} is updated to epoch {update_epoch} with deposit {deposit}, after epoch {} and with terms \
                         that take {}",
                        before.update_epoch,
                        terms.deposit()
                    ));
                }
                before.update(token, terms)
            }
            (Some(before), Change::End { sender_got, recipient_got }) => before.end(sender_got, recipient_got),
        }
    }

    /// What is left in the stream, in units of the token.
    pub(crate) fn balance(&self) -> u128 {
        if self.ending.is_some() { 0 } else { self.terms.deposit() - self.withdrawn }
    }

    fn withdraw(&self, amount: U256) -> Result<Self, String> {
        let balance = self.balance();
        let amount = u128::try_from(amount)
            .ok()
            .filter(|amount| *amount <= balance)
            .ok_or_else(|| format!("withdrawal of {amount} exceeds balance {balance} of {}", self.key))?;
        let withdrawn_total = self.withdrawn_total.saturating_add(U256::from(amount));
        Ok(Self { withdrawn: self.withdrawn + amount, withdrawn_total, ..*self })
    }

    /// What was due has been withdrawn by a log of its own, so that the balance is what the sender gets or keeps.
    fn update(&self, token: Address, terms: Terms) -> Result<Self, String> {
        let update_epoch = self.update_epoch.checked_add(1).ok_or_else(|| format!("{} has no epoch left", self.key))?;
        let withdrawn_total = if token == self.token { self.withdrawn_total } else { U256::ZERO };
        let deposit_total = withdrawn_total.saturating_add(U256::from(terms.deposit()));
        Ok(Self { token, terms, withdrawn: 0, withdrawn_total, deposit_total, update_epoch, ..*self })
    }

    fn end(&self, sender_got: U256, recipient_got: U256) -> Result<Self, String> {
        let balance = self.balance();
        let parts = u128::try_from(sender_got).ok().zip(u128::try_from(recipient_got).ok());
        let (sender_got, recipient_got) = parts
            .filter(|(sender, recipient)| sender.checked_add(*recipient) == Some(balance))
            .ok_or_else(|| format!("{} ends with {sender_got} and {recipient_got} of {balance}", self.key))?;
        Ok(Self { ending: Some(Ending { sender_got, recipient_got }), ..*self })
    }

    /// Adds the row of the version that begins at `from` and ends at `until`.
    pub(crate) fn push(&self, rows: &mut Rows, from: Place, until: Option<Place>) {
        let amount = |amount: U256| amount.to_be_bytes::<32>();
        let Ending { sender_got, recipient_got } = self.ending.unwrap_or(Ending { sender_got: 0, recipient_got: 0 });
        let (until_block, until_idx) = until.map_or((Value::Integer(CURRENT), Value::Integer(CURRENT)), |until| {
            (Value::count(until.block), Value::count(until.idx))
        });
        rows.push_row(&[
            Value::count(from.block),
            Value::count(from.idx),
            Value::Blob(self.key.contract.as_slice()),
            Value::Blob(&amount(self.key.id)),
            until_block,
            until_idx,
            Value::Blob(self.sender.as_slice()),
            Value::Blob(self.recipient.as_slice()),
            Value::Blob(self.token.as_slice()),
            Value::count(self.terms.start()),
            Value::count(self.terms.stop()),
            Value::Blob(&amount(U256::from(self.terms.payment()))),
            Value::count(self.terms.interval()),
            Value::Blob(&amount(U256::from(self.withdrawn))),
            Value::Blob(&amount(self.withdrawn_total)),
            Value::Blob(&amount(U256::from(self.terms.deposit()))),
            Value::Blob(&amount(self.deposit_total)),
            Value::count(self.update_epoch.into()),
            Value::Integer(i64::from(self.ending.is_some())),
            Value::Blob(&amount(U256::from(sender_got))),
            Value::Blob(&amount(U256::from(recipient_got))),
        ]);
    }

    /// The version of a row of [`COLUMNS`], and where it begins.
    pub(crate) fn read(row: &Row<'_>) -> Result<(Place, Self)> {
        let place = Place { block: row.count(0)?, idx: row.count(1)? };
        let key = StreamKey { contract: row.address(2)?, id: row.amount(3)? };
        let timeframe = Timeframe { start: row.count(9)?, stop: row.count(10)? };
        let rate = Rate { payment: small(row, 11)?, interval: row.count(12)? };
        let damaged = |why: &dyn fmt::Display| Error::Damaged(format!("{key} at block {}: {why}", place.block));
        let terms = Terms::new(timeframe, rate).map_err(|error| damaged(&error))?;
        let withdrawn = small(row, 13)?;
        if withdrawn > terms.deposit() {
            return Err(damaged(&format_args!("withdrawn {withdrawn} exceeds the deposit {}", terms.deposit())));
        }
        let update_epoch = row.count(17)?;
        let ending = match row.integer(18)? {
            0 => None,
            _ => Some(Ending { sender_got: small(row, 19)?, recipient_got: small(row, 20)? }),
        };
        let version = Self {
            key,
            sender: row.address(6)?,
            recipient: row.address(7)?,
            token: row.address(8)?,
            terms,
            withdrawn,
            withdrawn_total: row.amount(14)?,
            deposit_total: row.amount(16)?,
            update_epoch: u16::try_from(update_epoch)
                .map_err(|_| damaged(&format_args!("update epoch {update_epoch} exceeds 65535")))?,
            ending,
        };
        Ok((place, version))
    }
}

/// An amount that fits 128 bits, as every deposit does.
fn small(row: &Row<'_>, i: usize) -> Result<u128> {
    let amount = row.amount(i)?;
    u128::try_from(amount).map_err(|_| Error::Damaged(format!("amount {amount} in column {i} exceeds 128 bits")))
}
