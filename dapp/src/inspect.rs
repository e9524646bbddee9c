//! Questions about the state, by path, and their answers in JSON. `dapp/API.md` documents both.

use alloy_primitives::{Address, U256};
use serde_json::{Value, json};

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
        ["balance", token, account] => balance(ledger, token, account, &mut Query::read("balance", query, &["at"])?)?,
        ["available", token, account] => {
            available(ledger, token, account, &mut Query::read("available", query, &["at"])?)?
        }
        ["streams", token, account] => {
            let names = ["direction", "after", "limit", "at"];
            streams(ledger, token, account, &mut Query::read("streams", query, &names)?)?
        }
        ["schedule", token, account] => {
            schedule(ledger, token, account, &mut Query::read("schedule", query, &["after", "limit"])?)?
        }
        ["stream", id] => stream(ledger, id, &mut Query::read("stream", query, &["at"])?)?,
        ["supply", token] => {
            Query::read("supply", query, &[])?;
            let token = read_token(token)?;
            json!({ "token": token, "supply": text(ledger.supply(token)?) })
        }
        ["solvency", token] => solvency(ledger, token, &mut Query::read("solvency", query, &["at"])?)?,
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
        _ => return Err(BadQuestion::UnknownRoute(shorten(question)).into()),
    };
    Ok(reply.to_string().into_bytes())
}

fn balance(ledger: &Ledger<'_>, token: &str, account: &str, query: &mut Query<'_>) -> Answer {
    let (token, account) = (read_token(token)?, read_account(account)?);
    let at = query.number("at", MAX_TIME)?.unwrap_or(ledger.now());
    let balance = ledger.balance_of(token, account, at)?;
    Ok(json!({ "token": token, "account": account, "at": at, "balance": text(balance) }))
}

fn available(ledger: &Ledger<'_>, token: &str, account: &str, query: &mut Query<'_>) -> Answer {
    let (token, account) = (read_token(token)?, read_account(account)?);
    let ledger = query.ledger_at(ledger)?;
    let available = ledger.available(token, account)?;
    Ok(json!({ "token": token, "account": account, "at": ledger.now(), "available": text(available) }))
}

fn streams(ledger: &Ledger<'_>, token: &str, account: &str, query: &mut Query<'_>) -> Answer {
    let (token, account) = (read_token(token)?, read_account(account)?);
    let ledger = query.ledger_at(ledger)?;
    let direction = match query.value("direction") {
        None | Some("outgoing") => Direction::Outgoing,
        Some("incoming") => Direction::Incoming,
        Some(other) => {
            let expected = "is neither incoming nor outgoing".to_owned();
            return Err(BadQuestion::BadValue { name: "direction", value: shorten(other), expected }.into());
        }
    };
    let (after, limit) = (query.number("after", u64::MAX)?.unwrap_or(0), query.limit()?);
    let streams = ledger.streams_of(token, account, direction, after, limit)?;
    let next = if streams.len() == limit { streams.last().map(|stream| stream.id) } else { None };
    let streams: Vec<Value> = streams.iter().map(|stream| describe(stream, ledger.now())).collect();
    Ok(json!({ "at": ledger.now(), "streams": streams, "next_after": next }))
}

fn schedule(ledger: &Ledger<'_>, token: &str, account: &str, query: &mut Query<'_>) -> Answer {
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

fn stream(ledger: &Ledger<'_>, id: &str, query: &mut Query<'_>) -> Answer {
    let id = number("stream", id, u64::MAX)?;
    let ledger = query.ledger_at(ledger)?;
    let stream = ledger.find_stream(id)?.ok_or(BadQuestion::StreamUnknown(id))?;
    Ok(describe(&stream, ledger.now()))
}

fn solvency(ledger: &Ledger<'_>, token: &str, query: &mut Query<'_>) -> Answer {
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
            let wrong = |why| BadQuestion::BadParameter { parameter: shorten(parameter), route: route.to_owned(), why };
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
        value: shorten(value),
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

/// Enough of a bad value to recognise it.
fn shorten(value: &str) -> String {
    value.chars().take(80).collect()
}
