//! Streams and deposits of a source of kind erc1620.

use alloy::primitives::U256;
use axum::response::Response;
use utoipa::ToSchema;

use super::{
    Reading,
    asked::{address, cursor, number},
    failure::{Code, Failure},
};
use crate::{
    config::KindConfig,
    kind::erc1620::{
        StreamKey,
        query::{At, DepositFilter, Page, Part, PlaceKey, StreamFilter, Streams, Wanted},
    },
    read::{self, AsOf},
    windows,
};

/// What a state can be asked for by.
pub(super) const STATES: &[&str] = &["all", "open", "pending", "streaming", "stopped", "ended"];

/// The name of the kind.
const KIND: &str = "erc1620";

pub(super) fn streams(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (asked, source) = (reading.asked, reading.source(KIND)?);
    let filter = StreamFilter {
        contract: asked.address("contract")?,
        sender: asked.address("sender")?,
        recipient: asked.address("recipient")?,
        party: asked.address("party")?,
        token: asked.address("token")?,
        state: match asked.one_of("state")? {
            Some("open") => Wanted::Open,
            Some("pending") => Wanted::Pending,
            Some("streaming") => Wanted::Streaming,
            Some("stopped") => Wanted::Stopped,
            Some("ended") => Wanted::Ended,
            _ => Wanted::All,
        },
    };
    let after = asked.after(|parts| match parts {
        [contract, id] => Some(StreamKey { contract: address(contract)?, id: number(id)? }),
        _ => None,
    })?;
    let (page, Some((as_of, at))) = (page(reading, after)?, moment(reading)?) else { return reading.nothing() };
    let part = Streams::of(reading.database, &source.name).list(&filter, at, page)?;
    told(reading, as_of, part, |StreamKey { contract, id }| cursor(&[contract, id]))
}

pub(super) fn stream(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, key) = (reading.source(KIND)?, key(reading)?);
    let Some((as_of, at)) = moment(reading)? else { return Err(no_stream(key)) };
    let found = Streams::of(reading.database, &source.name).stream(key, at)?.ok_or_else(|| no_stream(key))?;
    Ok(reading.one_of(Some(as_of), found))
}

pub(super) fn history(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (source, key) = (reading.source(KIND)?, key(reading)?);
    let page = page(reading, reading.asked.after(place)?)?;
    let Some((as_of, at)) = moment(reading)? else { return Err(no_stream(key)) };
    let mut streams = Streams::of(reading.database, &source.name);
    let part = streams.history(key, at, page)?;
    if part.rows.is_empty() && streams.stream(key, at)?.is_none() {
        return Err(no_stream(key));
    }
    told(reading, as_of, part, |PlaceKey { block, idx }| cursor(&[block, idx]))
}

pub(super) fn deposits(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (asked, source) = (reading.asked, reading.source(KIND)?);
    if !matches!(&source.kind, KindConfig::Erc1620(config) if config.portal.is_some()) {
        let text = format!("source {} has no portal; set `portal` in the configuration", source.name);
        return Err(Failure::not_found(text));
    }
    let filter = DepositFilter {
        account: asked.address("account")?,
        app: asked.address("app")?,
        token: asked.address("token")?,
    };
    let page = page(reading, asked.after(place)?)?;
    let Some((as_of, at)) = moment(reading)? else { return reading.nothing() };
    let part = Streams::of(reading.database, &source.name).deposits(&filter, at, page)?;
    told(reading, as_of, part, |PlaceKey { block, idx }| cursor(&[block, idx]))
}

pub(super) fn totals(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let source = reading.source(KIND)?;
    let after = reading.asked.after(|parts| match parts {
        [project] => Some((*project).to_owned()),
        _ => None,
    })?;
    let page = page(reading, after)?;
    let Some((epoch, as_of)) = reading.epoch()? else { return reading.nothing() };
    let part = Streams::of(reading.database, &source.name).totals(epoch, page)?;
    told(reading, as_of, part, |project| cursor(&[project]))
}

impl Reading<'_> {
    /// The epoch that is asked for, or the newest that has all its snapshots, with its last block; nothing before the
    /// first.
    ///
    /// # Errors
    /// If the epoch that is asked for has no snapshots.
    pub(super) fn epoch(&mut self) -> Result<Option<(u64, AsOf)>, Failure> {
        let newest = windows::newest(self.database)?;
        let id = match (self.asked.count_if_taken("epoch")?, newest) {
            (Some(asked), Some(newest)) if asked <= newest => asked,
            (Some(asked), newest) => {
                let newest = newest.map_or_else(|| "there are none yet".to_owned(), |id| format!("the newest is {id}"));
                return Err(Failure::not_found(format!("epoch {asked} has no snapshots; {newest}")));
            }
            (None, Some(newest)) => newest,
            (None, None) => return Ok(None),
        };
        Ok(read::as_of_epoch(self.database, id)?.map(|as_of| (id, as_of)))
    }
}

/// The moment that streams are shown at: the end of the block that is asked for, or of the newest.
fn moment(reading: &mut Reading<'_>) -> Result<Option<(AsOf, At)>, Failure> {
    let Some(newest) = read::as_of(reading.database)? else { return Ok(None) };
    let as_of = match reading.asked.count_if_taken("block")? {
        Some(block) if block > newest.block => {
            let expected = format!("at most {}, the newest block", newest.block);
            return Err(Failure::bad("block", &block.to_string(), &expected));
        }
        Some(block) => read::as_of_block(reading.database, block)?
            .ok_or_else(|| Failure::not_found(format!("block {block} is not stored; the index begins after it")))?,
        None => newest,
    };
    let timestamp = as_of
        .timestamp
        .ok_or_else(|| Failure::new(Code::Unreadable, format!("block {} has rows, and is not stored", as_of.block)))?;
    Ok(Some((as_of, At { block: as_of.block, timestamp })))
}

fn key(reading: &Reading<'_>) -> Result<StreamKey, Failure> {
    let id: Option<U256> = reading.asked.amount("id")?;
    Ok(StreamKey { contract: reading.asked.address_in_path("contract")?, id: id.unwrap_or_default() })
}

fn no_stream(key: StreamKey) -> Failure {
    Failure::not_found(format!("{key} is not there; /v1/streams lists those that are"))
}

fn page<K>(reading: &Reading<'_>, after: Option<K>) -> Result<Page<K>, Failure> {
    Ok(Page { after, limit: reading.asked.limit()? as u64 })
}

fn place(parts: &[&str]) -> Option<PlaceKey> {
    match parts {
        [block, idx] => Some(PlaceKey { block: number(block)?, idx: number(idx)? }),
        _ => None,
    }
}

fn told<T: serde::Serialize + ToSchema, K>(
    reading: &Reading<'_>,
    as_of: AsOf,
    part: Part<T, K>,
    cursor: impl Fn(&K) -> String,
) -> Result<Response, Failure> {
    Ok(reading.page_of(Some(as_of), part.rows, part.next.as_ref().map(cursor)))
}
