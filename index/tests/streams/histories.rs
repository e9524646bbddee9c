//! Histories of streams, and their totals.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, U256};
use alloy::sol_types::SolEventInterface;
use bindings::IMoneyStreaming::IMoneyStreamingEvents as Raw;
use index::{
    database::Database as _,
    kind::erc1620::{
        StreamKey,
        query::{At, Event, HistoryEntry, Page, StreamFilter, Streams, streams_project},
    },
    rows::Value,
};

use crate::{
    loader::{Index, SOURCE, epoch},
    versions::all,
    world::World,
};

fn history(streams: &mut Streams<'_>, key: StreamKey, block: u64) -> Vec<HistoryEntry> {
    let at = At { block, timestamp: 0 };
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let part = streams.history(key, at, Page { after, limit: 2 }).unwrap();
        entries.extend(part.rows);
        after = Some(match part.next {
            Some(next) => next,
            None => return entries,
        });
    }
}

/// A log by its name here and its amounts.
fn told(event: &Event) -> (&'static str, Vec<U256>) {
    match event {
        Event::Created { start, terms, .. } => ("created", vec![start.0, terms.stop.0, terms.payment.0]),
        Event::Withdrawn { amount, .. } => ("withdrawn", vec![amount.0]),
        Event::Confirmed { terms, .. } => ("confirmed", vec![terms.stop.0, terms.payment.0, terms.interval.0]),
        Event::Revoked { terms, .. } => ("revoked", vec![terms.stop.0, terms.payment.0, terms.interval.0]),
        Event::Updated { update_epoch, start, deposit, terms } => {
            ("updated", vec![terms.stop.0, terms.payment.0, terms.interval.0, update_epoch.0, start.0, deposit.0])
        }
        Event::Ended { sender_got, recipient_got } => ("ended", vec![sender_got.0, recipient_got.0]),
        Event::Credited { amount, .. } => ("credited", vec![amount.0]),
    }
}

#[test]
fn histories_are_all_logs_of_a_stream_in_order() {
    type Told = (u64, u64, &'static str, Vec<U256>);
    let world = World::get();
    let mut expected: BTreeMap<(Address, U256), Vec<Told>> = BTreeMap::new();
    for log in &world.logs {
        let Ok(event) = Raw::decode_raw_log(&log.topics, &log.data) else { continue };
        let (id, name, amounts) = match event {
            Raw::LogCreate(log) => (log._streamId, "created", vec![log._startBlock, log._stopBlock, log._payment]),
            Raw::LogWithdraw(log) => (log._streamId, "withdrawn", vec![log._funds]),
            Raw::LogConfirmUpdate(log) => {
                (log._streamId, "confirmed", vec![log._newStopBlock, log._newPayment, log._newInterval])
            }
            Raw::LogRevokeUpdate(log) => {
                (log._streamId, "revoked", vec![log._newStopBlock, log._newPayment, log._newInterval])
            }
            Raw::LogExecuteUpdate(log) => {
                (log._newStreamId, "updated", vec![log._newStopBlock, log._newPayment, log._newInterval])
            }
            Raw::LogUpdateStart(update) => {
                // The other half of the entry before.
                let (_, _, name, amounts) =
                    expected.get_mut(&(log.contract, update.streamId)).unwrap().last_mut().unwrap();
                assert_eq!(*name, "updated");
                amounts.extend([update.updateEpoch, update.start, update.deposit]);
                continue;
            }
            Raw::LogRedeem(log) => (log._streamId, "ended", vec![log._senderBalance, log._recipientBalance]),
            Raw::LogCredit(log) => (log.streamId, "credited", vec![log.amount]),
            _ => continue,
        };
        expected.entry((log.contract, id)).or_default().push((log.block, log.idx, name, amounts));
    }
    let mut index = world.index(1_000);
    let mut streams = Streams::of(&mut index.database, SOURCE);
    let mut names: Vec<&str> = Vec::new();
    for ((contract, id), expected) in expected {
        let key = StreamKey { contract, id };
        let entries = history(&mut streams, key, world.blocks.len() as u64);
        // Until any block, it is the part of it that was there then.
        let block = entries[entries.len() / 2].block;
        let n_until = entries.iter().filter(|entry| entry.block <= block).count();
        assert_eq!(history(&mut streams, key, block), entries[..n_until]);
        let told = entries.iter().map(|entry| {
            let block = world.blocks[usize::try_from(entry.block).unwrap()];
            assert_eq!(entry.timestamp, block.timestamp);
            let (name, amounts) = told(&entry.event);
            (entry.block, entry.idx, name, amounts)
        });
        let told: Vec<Told> = told.collect();
        assert_eq!(told, expected);
        names.extend(told.iter().map(|(_, _, name, _)| *name));
    }
    for name in ["created", "withdrawn", "confirmed", "revoked", "updated", "ended", "credited"] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn entries_are_shown_with_texts_for_what_is_large() {
    let world = World::get();
    let mut index = world.index(1_000);
    let listed = all(&mut index, &StreamFilter::default(), world.blocks.len() as u64 - 1);
    let stream = listed.iter().find(|stream| stream.update_epoch == 0).unwrap();
    let mut streams = Streams::of(&mut index.database, SOURCE);
    let key = StreamKey { contract: stream.contract.0, id: stream.stream_id.0 };
    let entries = history(&mut streams, key, world.blocks.len() as u64);
    let shown = serde_json::to_value(&entries[0]).unwrap();
    assert_eq!(shown["event"], "created");
    assert_eq!(shown["sender"], stream.sender.0.to_string());
    assert_eq!(shown["token"], stream.token.0.to_string());
    assert_eq!(shown["payment"], stream.payment.0.to_string());
    assert_eq!(shown["block"], entries[0].block);
    let shown = serde_json::to_value(stream).unwrap();
    assert_eq!(shown["stream_id"], stream.stream_id.0.to_string());
    assert_eq!(shown["deposit"], stream.deposit.0.to_string());
}

fn keep(index: &mut Index, id: u64) {
    for snapshot in index.snapshots(&epoch(id, &World::get().blocks)) {
        let values = [
            Value::Text(&snapshot.project),
            Value::count(id),
            Value::Blob(&[0; 32]),
            Value::Text("cid"),
            Value::Blob(&snapshot.bytes),
        ];
        index.database.run("INSERT INTO snapshot VALUES (?1, ?2, ?3, ?4, ?5)", &values).unwrap();
    }
}

#[test]
fn totals_are_those_of_the_streams() {
    let world = World::get();
    let mut index = world.index(1_000);
    let ids = [world.n_epochs() / 2, world.n_epochs() - 1];
    for id in ids {
        keep(&mut index, id);
        let end = epoch(id, &world.blocks).blocks.last;
        let listed = all(&mut index, &StreamFilter::default(), end);
        let mut streams = Streams::of(&mut index.database, SOURCE);
        let first = streams.totals(id, Page { after: None, limit: 3 }).unwrap();
        let second = streams.totals(id, Page { after: first.next, limit: 3 }).unwrap();
        assert_eq!((first.rows.len(), second.rows.len(), second.next), (3, 1, None));
        let at = streams.at(end).unwrap().unwrap();
        for totals in first.rows.into_iter().chain(second.rows) {
            let (contract, token) = (totals.contract, totals.token);
            assert_eq!(totals.project, streams_project(SOURCE, contract.0, token.0));
            assert_eq!((totals.epoch, totals.block, totals.timestamp), (id, end, at.timestamp));
            let open: Vec<_> = listed
                .iter()
                .filter(|stream| stream.contract == contract && stream.token == token && stream.ending.is_none())
                .collect();
            assert_eq!(totals.open, open.len() as u64);
            assert_eq!(totals.due.0, open.iter().map(|stream| stream.due.0).sum::<U256>());
            let parties: BTreeSet<Address> =
                open.iter().flat_map(|stream| [stream.sender.0, stream.recipient.0]).collect();
            assert_eq!(totals.parties, parties.len() as u64);
        }
    }
}
