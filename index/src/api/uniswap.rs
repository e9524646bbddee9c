//! Pairs, tokens and days of a source of kind uniswap-v2.

use alloy::primitives::Address;
use axum::response::Response;

use super::{
    Reading, Source,
    asked::{address, cursor, number},
    failure::Failure,
    kept::List,
};
use crate::{
    kind::uniswap_v2::{
        KIND,
        query::{EpochEnd, Filter, PairStats, Query, TokenStats, Transaction},
    },
    read::{self, AsOf},
};

/// Days that can be asked for at once.
const MAX_DAYS: u64 = 366;

/// Days that are told if none are asked for.
const DEFAULT_DAYS: u64 = 30;

pub(super) fn pairs(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let after = reading.asked.after(|parts| match parts {
        [block, pair] => Some((number::<u64>(block)?, address(pair)?)),
        _ => None,
    })?;
    let Some((as_of, stats)) = pair_stats(reading)? else { return reading.nothing() };
    let is_behind = |stats: &&PairStats| after.is_none_or(|after| (stats.pair.block, stats.pair.address) > after);
    let page = stats.iter().filter(is_behind).take(reading.asked.limit()? + 1).collect();
    reading.listed_of(Some(as_of), page, |stats: &&PairStats| cursor(&[&stats.pair.block, &stats.pair.address]))
}

pub(super) fn pair(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let pair = reading.asked.address_in_path("address")?;
    let (as_of, stats) = pair_stats(reading)?.ok_or_else(|| no_pair(pair))?;
    let found = stats.iter().find(|stats| stats.pair.address == pair).ok_or_else(|| no_pair(pair))?;
    Ok(reading.one_of(Some(as_of), found))
}

pub(super) fn tokens(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let after = reading.asked.after(|parts| match parts {
        [token] => address(token),
        _ => None,
    })?;
    let Some((as_of, stats)) = token_stats(reading)? else { return reading.nothing() };
    let is_behind = |stats: &&TokenStats| after.is_none_or(|after| stats.token.address > after);
    let page = stats.iter().filter(is_behind).take(reading.asked.limit()? + 1).collect();
    reading.listed_of(Some(as_of), page, |stats: &&TokenStats| cursor(&[&stats.token.address]))
}

pub(super) fn token(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let token = reading.asked.address_in_path("address")?;
    let (as_of, stats) = token_stats(reading)?.ok_or_else(|| no_token(token))?;
    let found = stats.iter().find(|stats| stats.token.address == token).ok_or_else(|| no_token(token))?;
    Ok(reading.one_of(Some(as_of), found))
}

pub(super) fn daily(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let n_days = reading.asked.count("days")?.unwrap_or(DEFAULT_DAYS);
    if !(1..=MAX_DAYS).contains(&n_days) {
        return Err(Failure::bad("days", &n_days.to_string(), &format!("a whole number from 1 to {MAX_DAYS}")));
    }
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end(reading, source)? else { return reading.nothing() };
    let days = Query::new(reading.database, &source.name).daily(at, n_days)?;
    Ok(reading.page_of(Some(as_of), days, None))
}

pub(super) fn pair_transactions(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, pair) = (reading.source(KIND)?, reading.asked.address_in_path("address")?);
    let found = trades(reading, source, Filter::Pair(pair))?;
    if found.is_empty() && !Query::new(reading.database, &source.name).pairs()?.iter().any(|it| it.address == pair) {
        return Err(no_pair(pair));
    }
    trades_told(reading, found)
}

pub(super) fn token_transactions(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, token) = (reading.source(KIND)?, reading.asked.address_in_path("address")?);
    let found = trades(reading, source, Filter::Token(token))?;
    if found.is_empty() && !Query::new(reading.database, &source.name).tokens()?.iter().any(|it| it.address == token) {
        return Err(no_token(token));
    }
    trades_told(reading, found)
}

/// The last block of the epoch that is asked for, or of the newest.
pub(super) fn end(reading: &mut Reading<'_>, source: &Source) -> Result<Option<(AsOf, EpochEnd)>, Failure> {
    let Some((epoch, as_of)) = reading.epoch()? else { return Ok(None) };
    Ok(Query::new(reading.database, &source.name).epoch(epoch)?.map(|at| (as_of, at)))
}

fn pair_stats(reading: &mut Reading<'_>) -> Result<Option<(AsOf, List<PairStats>)>, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end(reading, source)? else { return Ok(None) };
    Ok(Some((as_of, reading.pair_stats(source, at)?)))
}

fn token_stats(reading: &mut Reading<'_>) -> Result<Option<(AsOf, List<TokenStats>)>, Failure> {
    let source = reading.source(KIND)?;
    let Some((as_of, at)) = end(reading, source)? else { return Ok(None) };
    Ok(Some((as_of, reading.token_stats(source, at)?)))
}

fn trades(reading: &mut Reading<'_>, source: &Source, filter: Filter) -> Result<Vec<Transaction>, Failure> {
    let before = reading.asked.after(|parts| match parts {
        [block, idx] => Some((number(block)?, number(idx)?)),
        _ => None,
    })?;
    let limit = reading.asked.limit()? + 1;
    Ok(Query::new(reading.database, &source.name).transactions(filter, before, limit)?)
}

fn trades_told(reading: &mut Reading<'_>, found: Vec<Transaction>) -> Result<Response, Failure> {
    let as_of = read::as_of(reading.database)?;
    reading.listed_of(as_of, found, |trade| cursor(&[&trade.block, &trade.idx]))
}

fn no_pair(pair: Address) -> Failure {
    Failure::not_found(format!("{pair} is no pair with snapshots; /v1/pairs lists all of them"))
}

fn no_token(token: Address) -> Failure {
    Failure::not_found(format!("{token} is no token of a pair with snapshots; /v1/tokens lists all of them"))
}
