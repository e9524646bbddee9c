//! Questions about the state, by path, and their answers in JSON. `dapp/API.md` documents both.

use alloy_primitives::{Address, U256};
use serde_json::{Value, json};

use crate::call::excerpt;
use crate::error::Stop;
use crate::json::{parse_address, parse_token};
use crate::ledger::Ledger;
use crate::stream::{MAX_TIME, Stream, whole_down};
use crate::view::{Direction, PAGE_LIMIT};

/// Rows in an answer that does not ask for a number.
const DEFAULT_LIMIT: usize = 50;

/// What can be asked.
const ROUTES: &str = "balance/{token}/{account}?at=, available/{token}/{account}?at=, \
                      streams/{token}/{account}?direction=&after=&limit=&at=, \
                      schedule/{token}/{account}?after=&limit=, stream/{id}?at=, supply/{token}, \
                      solvency/{token}?at=, stats";

/// Why a question has no answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadQuestion {
    /// Not a path at all.
    #[error("the question is not UTF-8 text; ask one of {ROUTES}")]
    NotText,
    /// No such route, or another number of parts.
    #[error("there is no answer to {0:?}; ask one of {ROUTES}")]
    UnknownRoute(String),
    /// A part that cannot be read.
    #[error("{name} {value:?} {expected}")]
    BadValue {
        /// Which part.
        name: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        expected: String,
    },
    /// A token or an account that is no address.
    #[error("{name} {error}")]
    BadAddress {
        /// Which part.
        name: &'static str,
        /// What is wrong with it.
        error: String,
    },
    /// A parameter that the route does not know, or that comes twice.
    #[error("parameter {parameter:?} of {route}: {why}")]
    BadParameter {
        /// What it says.
        parameter: String,
        /// Of which route.
        route: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The past of what is kept for the present only.
    #[error("at {at} is before {now}, the time of the last input; only balances are kept for the past")]
    Past {
        /// Seconds since 1970.
        at: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// No such stream.
    #[error("stream {0} does not exist")]
    StreamUnknown(u64),
}

impl From<BadQuestion> for Stop<BadQuestion> {
    fn from(question: BadQuestion) -> Self {
        Self::Reject(question)
    }
}

/// Answers the question in `payload`.
pub(crate) fn answer(ledger: &Ledger<'_>, payload: &[u8]) -> Result<Vec<u8>, Stop<BadQuestion>> {
    let question = std::str::from_utf8(payload).map_err(|_| BadQuestion::NotText)?;
    let (path, query) = question.split_once('?').unwrap_or((question, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let reply = match parts.as_slice() {
        ["balance", token, account] => balance(ledger, token, account, &Query::read("balance", query, &["at"])?)?,
        ["available", token, account] => available(ledger, token, account, &Query::read("available", query, &["at"])?)?,
        ["streams", token, account] => {
            let names = ["direction", "after", "limit", "at"];
            streams(ledger, token, account, &Query::read("streams", query, &names)?)?
        }
        ["schedule", token, account] => {
            schedule(ledger, token, account, &Query::read("schedule", query, &["after", "limit"])?)?
        }
        ["stream", id] => stream(ledger, id, &Query::read("stream", query, &["at"])?)?,
        ["supply", token] => {
            Query::read("supply", query, &[])?;
            let token = read_token(token)?;
            json!({ "token": token, "supply": text(ledger.supply(token)?) })
        }
        ["solvency", token] => solvency(ledger, token, &Query::read("solvency", query, &["at"])?)?,
        ["stats"] => {
            Query::read("stats", query, &[])?;
            let stats = ledger.stats()?;
            json!({
                "tokens": stats.tokens,
                "accounts": stats.accounts,
                "streams": stats.streams,
                "inputs": stats.last_input.map_or(0, |index| index.saturating_add(1)),
                "time": ledger.now(),
            })
        }
        _ => return Err(BadQuestion::UnknownRoute(excerpt(question)).into()),
    };
    Ok(reply.to_string().into_bytes())
}

fn balance(ledger: &Ledger<'_>, token: &str, account: &str, query: &Query<'_>) -> Answer {
    let (token, account) = (read_token(token)?, read_account(account)?);
    let at = query.number("at", MAX_TIME)?.unwrap_or(ledger.now());
    let balance = ledger.balance_of(token, account, at)?;
    Ok(json!({ "token": token, "account": account, "at": at, "balance": text(balance) }))
}

fn available(ledger: &Ledger<'_>, token: &str, account: &str, query: &Query<'_>) -> Answer {
    let (token, account) = (read_token(token)?, read_account(account)?);
    let ledger = query.ledger_at(ledger)?;
    let available = ledger.available(token, account)?;
    Ok(json!({ "token": token, "account": account, "at": ledger.now(), "available": text(available) }))
}

fn streams(ledger: &Ledger<'_>, token: &str, account: &str, query: &Query<'_>) -> Answer {
    let (token, account) = (read_token(token)?, read_account(account)?);
    let ledger = query.ledger_at(ledger)?;
    let direction = match query.value("direction") {
        None | Some("outgoing") => Direction::Outgoing,
        Some("incoming") => Direction::Incoming,
        Some(other) => {
            let expected = "is neither incoming nor outgoing".to_owned();
            return Err(BadQuestion::BadValue { name: "direction", value: excerpt(other), expected }.into());
        }
    };
    let (after, limit) = (query.number("after", u64::MAX)?.unwrap_or(0), query.limit()?);
    let streams = ledger.streams_of(token, account, direction, after, limit)?;
    let next = if streams.len() == limit { streams.last().map(|stream| stream.id) } else { None };
    let streams: Vec<Value> = streams.iter().map(|stream| describe(stream, ledger.now())).collect();
    Ok(json!({ "at": ledger.now(), "streams": streams, "next_after": next }))
}

fn schedule(ledger: &Ledger<'_>, token: &str, account: &str, query: &Query<'_>) -> Answer {
    let (token, account) = (read_token(token)?, read_account(account)?);
    let (after, limit) = (query.number("after", MAX_TIME)?.unwrap_or(ledger.now()), query.limit()?);
    let breakpoints = ledger.schedule_of(token, account, after, limit)?;
    let next = if breakpoints.len() == limit { breakpoints.last().map(|breakpoint| breakpoint.time) } else { None };
    let changes: Vec<Value> = breakpoints
        .iter()
        .map(|breakpoint| {
            json!({
                "time": breakpoint.time,
                "incoming_scaled": text(breakpoint.incoming),
                "outgoing_scaled": text(breakpoint.outgoing),
                "balance": text(breakpoint.balance),
            })
        })
        .collect();
    Ok(json!({ "token": token, "account": account, "changes": changes, "next_after": next }))
}

fn stream(ledger: &Ledger<'_>, id: &str, query: &Query<'_>) -> Answer {
    let id = number("stream", id, u64::MAX)?;
    let ledger = query.ledger_at(ledger)?;
    let stream = ledger.find_stream(id)?.ok_or(BadQuestion::StreamUnknown(id))?;
    Ok(describe(&stream, ledger.now()))
}

fn solvency(ledger: &Ledger<'_>, token: &str, query: &Query<'_>) -> Answer {
    let token = read_token(token)?;
    let ledger = query.ledger_at(ledger)?;
    let solvency = ledger.solvency(token)?;
    Ok(json!({
        "token": token,
        "at": ledger.now(),
        "deposited": text(solvency.deposited),
        "withdrawn": text(solvency.withdrawn),
        "supply": text(solvency.deposited - solvency.withdrawn),
        "locked": text(solvency.locked),
        "available": text(solvency.available),
        "flow_scaled": text(solvency.flow),
    }))
}

fn describe(stream: &Stream, at: u64) -> Value {
    let state = match () {
        () if stream.is_cancelled => "cancelled",
        () if at >= stream.stop => "ended",
        () if at < stream.start => "scheduled",
        () => "running",
    };
    json!({
        "id": stream.id,
        "token": stream.token,
        "sender": stream.sender,
        "recipient": stream.recipient,
        "start": stream.start,
        "stop": stream.stop,
        "amount": text(whole_down(stream.total)),
        "streamed": text(whole_down(stream.streamed_at(at))),
        "rate_scaled": text(stream.rate()),
        "state": state,
        "at": at,
    })
}

type Answer = Result<Value, Stop<BadQuestion>>;

/// The parameters after the question mark.
struct Query<'q> {
    pairs: Vec<(&'q str, &'q str)>,
}

impl<'q> Query<'q> {
    fn read(route: &str, query: &'q str, known: &[&str]) -> Result<Self, BadQuestion> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let wrong = |why| BadQuestion::BadParameter { parameter: excerpt(parameter), route: route.to_owned(), why };
            let (name, value) = parameter.split_once('=').ok_or_else(|| wrong("write name=value"))?;
            if !known.contains(&name) {
                return Err(wrong("the route does not know it"));
            }
            if pairs.iter().any(|pair| pair.0 == name) {
                return Err(wrong("it comes twice"));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    fn value(&self, name: &str) -> Option<&'q str> {
        self.pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    fn number(&self, name: &'static str, most: u64) -> Result<Option<u64>, BadQuestion> {
        self.value(name).map(|value| number(name, value, most)).transpose()
    }

    fn limit(&self) -> Result<usize, BadQuestion> {
        let limit = self.number("limit", PAGE_LIMIT as u64)?;
        Ok(limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DEFAULT_LIMIT).max(1))
    }

    /// The ledger at the moment that is asked for, or at the last input's.
    fn ledger_at<'c>(&self, ledger: &Ledger<'c>) -> Result<Ledger<'c>, BadQuestion> {
        let now = ledger.now();
        let at = self.number("at", MAX_TIME)?.unwrap_or(now);
        if at < now { Err(BadQuestion::Past { at, now }) } else { Ok(ledger.later(at)) }
    }
}

fn number(name: &'static str, value: &str, most: u64) -> Result<u64, BadQuestion> {
    let is_decimal = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_decimal { value.parse().ok().filter(|number| *number <= most) } else { None };
    number.ok_or_else(|| BadQuestion::BadValue {
        name,
        value: excerpt(value),
        expected: format!("is not a whole number from 0 to {most}"),
    })
}

fn read_token(value: &str) -> Result<Address, BadQuestion> {
    parse_token(value).map_err(|error| BadQuestion::BadAddress { name: "token", error })
}

fn read_account(value: &str) -> Result<Address, BadQuestion> {
    parse_address(value).map_err(|error| BadQuestion::BadAddress { name: "account", error })
}

/// Amounts are decimal text, since JSON's numbers end at 2^53 for many readers.
fn text(number: U256) -> Value {
    Value::String(number.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::Fault;
    use crate::ledger::Order;
    use crate::store::{Durability, Store};
    use alloy_primitives::address;

    const NOW: u64 = 1_700_000_000;
    const TOKEN: Address = address!("0xb7f8bc63bbcad18155201308c8f3540b07f84f5e");
    const ALICE: Address = address!("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    const BOB: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

    /// Alice has 1000 and streams 500 of it to Bob within 100 seconds.
    fn store() -> Store {
        let mut store = Store::open(Path::new(":memory:"), Durability::Machine).unwrap();
        let order = Order { token: TOKEN, recipient: BOB, amount: U256::from(500), start: 0, duration: 100 };
        store
            .change(NOW, |ledger| {
                ledger.mint(TOKEN, ALICE, U256::from(1_000))?;
                ledger.stream(ALICE, order)
            })
            .unwrap();
        store
    }

    fn ask(question: &[u8]) -> Result<String, BadQuestion> {
        match store().ask(NOW + 10, |ledger| answer(ledger, question)) {
            Ok(reply) => Ok(String::from_utf8(reply).unwrap()),
            Err(Stop::Reject(question)) => Err(question),
            Err(Stop::Halt(fault)) => panic!("{fault}"),
        }
    }

    #[track_caller]
    fn check(question: &str, expected: &str) {
        let question = question.replace("TOKEN", &TOKEN.to_string()).replace("ALICE", &ALICE.to_string());
        let expected = expected
            .replace("TOKEN", &format!("{TOKEN:?}").to_lowercase())
            .replace("ALICE", &format!("{ALICE:?}").to_lowercase())
            .replace("BOB", &format!("{BOB:?}").to_lowercase());
        assert_eq!(ask(question.as_bytes()).map_err(|error| error.to_string()), Ok(expected), "{question}");
    }

    #[track_caller]
    fn refuse(question: &str, expected: &str) {
        let question = question.replace("TOKEN", &TOKEN.to_string()).replace("ALICE", &ALICE.to_string());
        assert_eq!(ask(question.as_bytes()).unwrap_err().to_string(), expected, "{question}");
    }

    #[test]
    fn every_route_answers() {
        check("balance/TOKEN/ALICE", r#"{"account":"ALICE","at":1700000010,"balance":"950","token":"TOKEN"}"#);
        check("/balance/TOKEN/ALICE/?at=0", r#"{"account":"ALICE","at":0,"balance":"0","token":"TOKEN"}"#);
        check(
            "balance/TOKEN/ALICE?at=281474976710655",
            r#"{"account":"ALICE","at":281474976710655,"balance":"500","token":"TOKEN"}"#,
        );
        check("available/TOKEN/ALICE?", r#"{"account":"ALICE","at":1700000010,"available":"500","token":"TOKEN"}"#);
        check("supply/TOKEN", r#"{"supply":"1000","token":"TOKEN"}"#);
        check("supply/ether", r#"{"supply":"0","token":"0x0000000000000000000000000000000000000000"}"#);
        check("stats", r#"{"accounts":2,"inputs":0,"streams":1,"time":1700000010,"tokens":1}"#);
        let stream = r#"{"amount":"500","at":1700000010,"id":1,"rate_scaled":"92233720368547758080","recipient":"BOB","sender":"ALICE","start":1700000000,"state":"running","stop":1700000100,"streamed":"50","token":"TOKEN"}"#;
        check("stream/1", stream);
        let page = |streams: &str| format!(r#"{{"at":1700000010,"next_after":null,"streams":[{streams}]}}"#);
        check("streams/TOKEN/ALICE", &page(stream));
        check("streams/TOKEN/ALICE?direction=incoming", &page(""));
        check("streams/TOKEN/ALICE?limit=10&after=1", &page(""));
        check(
            "solvency/TOKEN",
            r#"{"at":1700000010,"available":"550","deposited":"1000","flow_scaled":"92233720368547758080","locked":"450","supply":"1000","token":"TOKEN","withdrawn":"0"}"#,
        );
        check(
            "schedule/TOKEN/ALICE",
            r#"{"account":"ALICE","changes":[{"balance":"500","incoming_scaled":"0","outgoing_scaled":"0","time":1700000100}],"next_after":null,"token":"TOKEN"}"#,
        );
    }

    #[test]
    fn other_paths_are_told_the_routes() {
        for path in
            ["", "/", "balance", "balance/TOKEN", "balance/TOKEN/ALICE/1", "Stats", "stats/1", "SELECT 1", "stats\0"]
        {
            let named = path.replace("TOKEN", &TOKEN.to_string()).replace("ALICE", &ALICE.to_string());
            refuse(path, &format!("there is no answer to {named:?}; ask one of {ROUTES}"));
        }
        assert_eq!(ask(b"stats\xff").unwrap_err(), BadQuestion::NotText);
        assert_eq!(BadQuestion::NotText.to_string(), format!("the question is not UTF-8 text; ask one of {ROUTES}"));
    }

    #[test]
    fn bad_parts_are_named() {
        let digits = "is not an address; write 0x and 40 hexadecimal digits";
        refuse("supply/eth", &format!(r#"token "eth" {digits}; or write "ether""#));
        refuse("balance/0x12/ALICE", &format!(r#"token "0x12" {digits}"#));
        refuse("balance/TOKEN/ether", &format!(r#"account "ether" {digits}"#));
        let wrong = "0xF39fd6e51aad88f6f4ce6ab8827279cfffb92266";
        refuse(
            &format!("available/TOKEN/{wrong}"),
            &format!("account the checksum of address {wrong} is wrong; a digit or a letter's case has changed"),
        );
        for id in ["-1", "+1", "1.0", "one", "18446744073709551616"] {
            refuse(
                &format!("stream/{id}"),
                &format!("stream {id:?} is not a whole number from 0 to 18446744073709551615"),
            );
        }
        refuse("stream/2", "stream 2 does not exist");
    }

    #[test]
    fn bad_parameters_are_named() {
        for (question, expected) in [
            ("stats?at=1", r#"parameter "at=1" of stats: the route does not know it"#),
            ("supply/TOKEN?at=1", r#"parameter "at=1" of supply: the route does not know it"#),
            ("balance/TOKEN/ALICE?at", r#"parameter "at" of balance: write name=value"#),
            ("balance/TOKEN/ALICE?at=1&at=2", r#"parameter "at=2" of balance: it comes twice"#),
            ("balance/TOKEN/ALICE?at=1?at=2", r#"at "1?at=2" is not a whole number from 0 to 281474976710655"#),
            ("balance/TOKEN/ALICE?at=", r#"at "" is not a whole number from 0 to 281474976710655"#),
            (
                "balance/TOKEN/ALICE?at=281474976710656",
                r#"at "281474976710656" is not a whole number from 0 to 281474976710655"#,
            ),
            ("streams/TOKEN/ALICE?direction=both", r#"direction "both" is neither incoming nor outgoing"#),
            ("streams/TOKEN/ALICE?after=-1", r#"after "-1" is not a whole number from 0 to 18446744073709551615"#),
            (
                "available/TOKEN/ALICE?at=1700000009",
                "at 1700000009 is before 1700000010, the time of the last input; only balances are kept for the past",
            ),
        ] {
            refuse(question, expected);
        }
        let over = PAGE_LIMIT + 1;
        for route in ["streams", "schedule"] {
            refuse(
                &format!("{route}/TOKEN/ALICE?limit={over}"),
                &format!(r#"limit "{over}" is not a whole number from 0 to {PAGE_LIMIT}"#),
            );
        }
    }

    #[test]
    fn an_answer_quotes_a_hostile_question_in_part() {
        let long = "x".repeat(60_000);
        for question in [
            long.clone(),
            format!("supply/{long}"),
            format!("stream/{long}"),
            format!("stats?{long}"),
            format!("stats?{long}=1"),
        ] {
            let error = ask(question.as_bytes()).unwrap_err().to_string();
            assert!(error.contains('…') && error.chars().count() < 400, "{error}");
        }
    }

    #[test]
    fn a_question_cannot_write() {
        let store = store();
        let written = store.ask(NOW, |ledger| match ledger.mint(TOKEN, BOB, U256::from(1)) {
            Err(Stop::Halt(fault)) => Err(fault),
            _ => Ok(()),
        });
        assert!(matches!(written, Err(Fault::Database(_))), "{written:?}");
    }
}
