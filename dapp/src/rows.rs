//! The ledger's rows, read and written.

use alloy_primitives::{Address, U256};
use rusqlite::{OptionalExtension, Row, params};

use crate::column::Word;
use crate::error::Fault;
use crate::ledger::Ledger;
use crate::stream::{Stream, StreamId};
use crate::timeline::Side;

/// The columns that [`read_stream`] reads.
macro_rules! stream_columns {
    () => {
        "SELECT stream.id, token.address, payer.address, payee.address, stream.start, stream.stop, stream.total, \
         stream.since, stream.streamed, stream.cancelled, token.id, payer.id, payee.id \
         FROM stream JOIN account AS payer ON payer.id = stream.sender \
         JOIN account AS payee ON payee.id = stream.recipient JOIN token ON token.id = payer.token"
    };
}
pub(crate) use stream_columns;

/// A row of `account`.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) token: i64,
    /// All that has ever gone out or is to go out, scaled, modulo 2^256.
    pub(crate) committed: U256,
}

/// A row of `token`.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    pub(crate) id: i64,
    pub(crate) deposited: U256,
    pub(crate) withdrawn: U256,
    /// The totals of all streams, scaled, modulo 2^256.
    pub(crate) promised: U256,
}

impl Token {
    /// Base units that exist.
    pub(crate) fn supply(&self) -> U256 {
        self.deposited - self.withdrawn
    }
}

/// Whom a stream's lines belong to.
#[derive(Clone, Copy)]
pub(crate) struct Parties {
    pub(crate) token: i64,
    pub(crate) sender: i64,
    pub(crate) recipient: i64,
}

impl Parties {
    pub(crate) fn sides(self) -> [Side; 3] {
        [Side::outgoing(self.sender), Side::incoming(self.recipient), Side::streams_of_token(self.token)]
    }
}

impl Ledger<'_> {
    pub(crate) fn token(&self, address: Address) -> Result<Option<Token>, Fault> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, deposited, withdrawn, promised FROM token WHERE address = ?1")?;
        Ok(statement.query_row([address.as_slice()], Token::read).optional()?)
    }

    pub(crate) fn token_by_id(&self, id: i64) -> Result<Token, Fault> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, deposited, withdrawn, promised FROM token WHERE id = ?1")?;
        Ok(statement.query_row([id], Token::read)?)
    }

    pub(crate) fn token_or_new(&self, address: Address) -> Result<Token, Fault> {
        if let Some(token) = self.token(address)? {
            return Ok(token);
        }
        let zero = Word(U256::ZERO);
        self.connection
            .prepare_cached("INSERT INTO token (address, deposited, withdrawn, promised) VALUES (?1, ?2, ?2, ?2)")?
            .execute(params![address.as_slice(), zero])?;
        self.token_by_id(self.connection.last_insert_rowid())
    }

    pub(crate) fn write_token(&self, token: Token) -> Result<(), Fault> {
        self.connection
            .prepare_cached("UPDATE token SET deposited = ?2, withdrawn = ?3, promised = ?4 WHERE id = ?1")?
            .execute(params![token.id, Word(token.deposited), Word(token.withdrawn), Word(token.promised)])?;
        Ok(())
    }

    pub(crate) fn account(&self, token: Address, address: Address) -> Result<Option<Account>, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT account.id, account.token, account.committed FROM account JOIN token ON token.id = account.token \
             WHERE account.address = ?1 AND token.address = ?2",
        )?;
        Ok(statement.query_row(params![address.as_slice(), token.as_slice()], Account::read).optional()?)
    }

    pub(crate) fn account_by_id(&self, id: i64) -> Result<Account, Fault> {
        let mut statement = self.connection.prepare_cached("SELECT id, token, committed FROM account WHERE id = ?1")?;
        Ok(statement.query_row([id], Account::read)?)
    }

    pub(crate) fn account_or_new(&self, token: i64, address: Address) -> Result<Account, Fault> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, token, committed FROM account WHERE address = ?1 AND token = ?2")?;
        let found = statement.query_row(params![address.as_slice(), token], Account::read).optional()?;
        if let Some(account) = found {
            return Ok(account);
        }
        self.connection
            .prepare_cached("INSERT INTO account (address, token, committed) VALUES (?1, ?2, ?3)")?
            .execute(params![address.as_slice(), token, Word(U256::ZERO)])?;
        Ok(Account { id: self.connection.last_insert_rowid(), token, committed: U256::ZERO })
    }

    pub(crate) fn write_committed(&self, account: Account, committed: U256) -> Result<(), Fault> {
        self.connection
            .prepare_cached("UPDATE account SET committed = ?2 WHERE id = ?1")?
            .execute(params![account.id, Word(committed)])?;
        Ok(())
    }

    pub(crate) fn stream_row(&self, id: StreamId) -> Result<Option<(Parties, Stream)>, Fault> {
        if i64::try_from(id).is_err() {
            return Ok(None);
        }
        let mut statement = self.connection.prepare_cached(concat!(stream_columns!(), " WHERE stream.id = ?1"))?;
        Ok(statement.query_row([id], read_stream).optional()?)
    }

    pub(crate) fn insert_stream(&self, parties: Parties, stream: &Stream) -> Result<StreamId, Fault> {
        self.connection
            .prepare_cached("INSERT INTO stream (sender, recipient, start, stop, total) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![parties.sender, parties.recipient, stream.start, stream.stop, Word(stream.total)])?;
        StreamId::try_from(self.connection.last_insert_rowid())
            .map_err(|_| Fault::Damaged("the next stream's id is negative".to_owned()))
    }

    pub(crate) fn write_stream(&self, stream: &Stream) -> Result<(), Fault> {
        let since = (stream.since != stream.start).then_some(stream.since);
        let streamed = (!stream.streamed.is_zero()).then_some(Word(stream.streamed));
        let cancelled = stream.is_cancelled.then_some(1);
        self.connection
            .prepare_cached(
                "UPDATE stream SET stop = ?2, total = ?3, since = ?4, streamed = ?5, cancelled = ?6 WHERE id = ?1",
            )?
            .execute(params![stream.id, stream.stop, Word(stream.total), since, streamed, cancelled])?;
        Ok(())
    }
}

impl Token {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let word = |column| row.get(column).map(|Word(number)| number);
        Ok(Self { id: row.get(0)?, deposited: word(1)?, withdrawn: word(2)?, promised: word(3)? })
    }
}

impl Account {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let Word(committed) = row.get(2)?;
        Ok(Self { id: row.get(0)?, token: row.get(1)?, committed })
    }
}

pub(crate) fn read_stream(row: &Row<'_>) -> rusqlite::Result<(Parties, Stream)> {
    let address = |column| row.get::<_, [u8; 20]>(column).map(Address::from);
    let Word(total) = row.get(6)?;
    let start = row.get(4)?;
    let stream = Stream {
        id: row.get(0)?,
        token: address(1)?,
        sender: address(2)?,
        recipient: address(3)?,
        start,
        stop: row.get(5)?,
        since: row.get::<_, Option<u64>>(7)?.unwrap_or(start),
        streamed: row.get::<_, Option<Word>>(8)?.unwrap_or_default().0,
        total,
        is_cancelled: row.get::<_, Option<i64>>(9)?.is_some(),
    };
    Ok((Parties { token: row.get(10)?, sender: row.get(11)?, recipient: row.get(12)? }, stream))
}
