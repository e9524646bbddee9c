//! Whether the database is whole: every sum in it is added up again.

use std::collections::BTreeMap;

use alloy_primitives::U256;

use crate::error::Fault;
use crate::ledger::Ledger;
use crate::rows::{Account, Token, read_stream, stream_columns};
use crate::stream::{Stream, scaled};
use crate::timeline::{END, Side, Timeline};

/// The most findings that are told.
const MAX_FINDINGS: usize = 20;

/// What was looked at, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integrity {
    /// Tokens added up.
    pub tokens: u64,
    /// Accounts added up.
    pub accounts: u64,
    /// Streams added up.
    pub streams: u64,
    /// Sentences, at most 20. None means that the database is whole.
    pub findings: Vec<String>,
}

/// Sums over the accounts and streams of one token, scaled, modulo 2^256.
#[derive(Default)]
struct Sums {
    balances: U256,
    final_balances: U256,
    promised: U256,
    streamed: U256,
}

impl Ledger<'_> {
    /// Checks the file, and then that:
    ///
    /// 1. every group of a timeline holds the sum and the number of its rows, and all slopes end;
    /// 2. no account has promised more than came in, and what goes out of it in the end is what it has promised;
    /// 3. the balances of a token add up to its supply, at this moment and in the end;
    /// 4. the streams of a token add up to what is promised, and to what has streamed at this moment.
    pub fn check(&self) -> Result<Integrity, Fault> {
        let mut integrity = Integrity::default();
        self.check_file(&mut integrity)?;
        if !integrity.findings.is_empty() {
            return Ok(integrity);
        }
        let mut sums: BTreeMap<i64, Sums> = BTreeMap::new();
        self.check_accounts(&mut integrity, &mut sums)?;
        self.check_streams(&mut integrity, &mut sums)?;
        self.check_tokens(&mut integrity, &mut sums)?;
        Ok(integrity)
    }

    fn check_file(&self, integrity: &mut Integrity) -> Result<(), Fault> {
        let mut statement = self.connection.prepare(&format!("PRAGMA integrity_check({MAX_FINDINGS})"))?;
        for line in statement.query_map([], |row| row.get::<_, String>(0))? {
            let line = line?;
            if line != "ok" {
                integrity.find(format!("the file is damaged: {line}"));
            }
        }
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        for table in statement.query_map([], |row| row.get::<_, String>(0))? {
            integrity.find(format!("a row of table {} refers to a row that is not there", table?));
        }
        Ok(())
    }

    fn check_accounts(&self, integrity: &mut Integrity, sums: &mut BTreeMap<i64, Sums>) -> Result<(), Fault> {
        let mut statement = self.connection.prepare("SELECT id, token, committed FROM account ORDER BY id")?;
        for account in statement.query_map([], Account::read)? {
            let account = account?;
            integrity.accounts += 1;
            let incoming = self.check_side(integrity, Side::incoming(account.id))?;
            let outgoing = self.check_side(integrity, Side::outgoing(account.id))?;
            if outgoing.end != account.committed {
                integrity.find(format!("account {} has committed something else than goes out of it", account.id));
            }
            if incoming.present.wrapping_sub(account.committed) > scaled(crate::SUPPLY_CAP) {
                integrity.find(format!("account {} has promised more than it has", account.id));
            }
            let sums = sums.entry(account.token).or_default();
            sums.balances = sums.balances.wrapping_add(incoming.present).wrapping_sub(outgoing.present);
            sums.final_balances = sums.final_balances.wrapping_add(incoming.end).wrapping_sub(outgoing.end);
        }
        Ok(())
    }

    fn check_streams(&self, integrity: &mut Integrity, sums: &mut BTreeMap<i64, Sums>) -> Result<(), Fault> {
        let mut statement = self.connection.prepare(concat!(stream_columns!(), " ORDER BY stream.id"))?;
        for row in statement.query_map([], read_stream)? {
            let (parties, stream) = row?;
            integrity.streams += 1;
            if !is_ordered(&stream) {
                integrity.find(format!("stream {} ends before it begins, or streams more than its total", stream.id));
                continue;
            }
            let sums = sums.entry(parties.token).or_default();
            sums.promised = sums.promised.wrapping_add(stream.total);
            sums.streamed = sums.streamed.wrapping_add(stream.streamed_at(self.now));
        }
        Ok(())
    }

    fn check_tokens(&self, integrity: &mut Integrity, sums: &mut BTreeMap<i64, Sums>) -> Result<(), Fault> {
        let mut statement =
            self.connection.prepare("SELECT id, deposited, withdrawn, promised FROM token ORDER BY id")?;
        for token in statement.query_map([], Token::read)? {
            let token = token?;
            integrity.tokens += 1;
            let sums = sums.remove(&token.id).unwrap_or_default();
            let streams = self.check_side(integrity, Side::streams_of_token(token.id))?;
            let supply = scaled(token.supply());
            let facts = [
                (sums.balances == supply, "balances do not add up to the supply"),
                (sums.final_balances == supply, "balances in the end do not add up to the supply"),
                (sums.promised == token.promised, "streams do not add up to what is promised"),
                (streams.end == token.promised, "streams do not end at what is promised"),
                (streams.present == sums.streamed, "streams do not add up to what has streamed"),
            ];
            for (_, what) in facts.iter().filter(|fact| !fact.0) {
                integrity.find(format!("token {}: {what}", token.id));
            }
        }
        Ok(())
    }

    /// Adds up a side, and gives what it is worth at this moment and in the end.
    fn check_side(&self, integrity: &mut Integrity, side: Side) -> Result<Worth, Fault> {
        let timeline = Timeline::new(self.connection, side);
        for finding in timeline.check()? {
            integrity.find(finding);
        }
        let end = timeline.line_at(END)?;
        if !end.slope.0.is_zero() {
            integrity.find(format!("{side:?} flows for ever"));
        }
        Ok(Worth { present: timeline.value_at(self.now)?, end: end.intercept.0 })
    }
}

/// What a side is worth, scaled, modulo 2^256.
struct Worth {
    present: U256,
    end: U256,
}

impl Integrity {
    fn find(&mut self, finding: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }
}

fn is_ordered(stream: &Stream) -> bool {
    stream.start <= stream.since && stream.since <= stream.stop && stream.streamed <= stream.total
}
