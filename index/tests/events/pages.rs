//! Snapshots of more rows than a block holds.

use std::borrow::Cow;

use alloy::primitives::{I256, U256};
use cid::Cid;
use index::block::Checkpoint;
use index::content::{DAG_CBOR, cid, encode};
use index::database::{Database, transaction};
use index::epoch::Epochs;
use index::kind::Kind as _;
use index::kind::events::Events;
use index::read;
use index::rows::Value;
use index::stage::{Kinds, Snapshots, Stage as _, take_jobs};
use ipld_core::ipld::Ipld;

use crate::{Moved, add, epoch, hash, on_both};

const MEBIBYTE: usize = 1 << 20;

pub(crate) fn pages(database: &mut dyn Database, events: &Events, id: u64) -> Vec<(Cid, Vec<u8>)> {
    let mut pages = Vec::new();
    events
        .pages(database, &epoch(id), &mut |_, cid, bytes| {
            pages.push((*cid, bytes.to_vec()));
            Ok(())
        })
        .unwrap();
    pages
}

fn moved(note: &str) -> Moved<'_> {
    Moved { amount: U256::ONE, change: I256::ONE, note }
}

fn payload(bytes: &[u8]) -> std::collections::BTreeMap<String, Ipld> {
    match serde_ipld_dagcbor::from_slice(bytes) {
        Ok(Ipld::Map(payload)) => payload,
        other => panic!("it is a map: {other:?}"),
    }
}

fn rows(bytes: &[u8]) -> Vec<Ipld> {
    match serde_ipld_dagcbor::from_slice(bytes) {
        Ok(Ipld::List(rows)) => rows,
        other => panic!("a page is a list: {other:?}"),
    }
}

#[test]
fn more_than_a_mebibyte_is_in_pages_of_no_more() {
    on_both(|database, events, _| {
        let note = "n".repeat(600);
        add(database, events, 3, 0, 700, &moved(&note));
        add(database, events, 4, 0, 800, &moved(&note));
        let inline = events.snapshots(database, &epoch(0)).unwrap().remove(0);
        assert!(inline.bytes.len() > 1_000_000);
        assert!(pages(database, events, 0).is_empty());
        add(database, events, 9, 0, 2_000, &moved(&note));
        let paged = events.snapshots(database, &epoch(0)).unwrap().remove(0);
        assert!(paged.bytes.len() < 1_000);
        assert_eq!(paged.sums[1], (Cow::Borrowed("Moved"), U256::from(3_500)));
        let found = pages(database, events, 0);
        let links = Ipld::List(found.iter().map(|(cid, _)| Ipld::Link(*cid)).collect());
        let by_event = [("Idle".to_owned(), Ipld::List(Vec::new())), ("Moved".to_owned(), links)];
        let payload = payload(&paged.bytes);
        assert_eq!(payload["pages"], Ipld::Map(by_event.into()));
        assert!(!payload.contains_key("events"));
        assert!(found.iter().all(|(address, bytes)| *address == cid(DAG_CBOR, bytes)));
        // None is longer than it may be, and none could have one row more.
        let pages: Vec<_> = found.iter().map(|(_, bytes)| rows(bytes)).collect();
        let n_bytes = |rows: &[Ipld]| rows.iter().map(|row| encode(row).len()).sum::<usize>();
        assert!(pages.iter().all(|rows| n_bytes(rows) <= MEBIBYTE));
        for pair in pages.windows(2) {
            assert!(n_bytes(&pair[0]) + n_bytes(&pair[1][..1]) > MEBIBYTE);
        }
        assert_eq!(pages.concat().len(), 3_500);
        assert_eq!(pages.len(), 3);
    });
}

#[test]
fn a_row_that_is_longer_has_a_page_of_its_own() {
    on_both(|database, events, _| {
        let long = "n".repeat(2 * MEBIBYTE);
        for (idx, note) in [(0, "a"), (1, long.as_str()), (2, "b"), (3, "c"), (4, long.as_str())] {
            add(database, events, 3, idx, 1, &moved(note));
        }
        let found = pages(database, events, 0);
        let lengths: Vec<_> = found.iter().map(|(_, bytes)| rows(bytes).len()).collect();
        assert_eq!(lengths, [1, 1, 2, 1]);
    });
}

/// The epoch of this number with an end, and the order to make its snapshots.
fn order(database: &mut dyn Database, id: u64) {
    let epoch = epoch(id);
    let (first, last) = (Value::count(epoch.blocks.first), Value::count(epoch.blocks.last));
    let [parent, end] = [epoch.begin_parent_hash, epoch.end_hash];
    let [parent, end] = [Value::Blob(parent.as_slice()), Value::Blob(end.as_slice())];
    let values = [Value::count(id), first, last, parent, end, Value::count(epoch.end_timestamp)];
    database.run("INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)", &values).unwrap();
    database.run("INSERT INTO job (epoch, source) VALUES (?1, 'my-app')", &[Value::count(id)]).unwrap();
}

#[test]
fn pages_are_stored_with_their_snapshot_and_go_with_it() {
    on_both(|database, events, folder| {
        let note = "n".repeat(2_000);
        for id in 0..3 {
            order(database, id);
            add(database, events, 10 * id + 1, 0, 1_000, &moved(&note));
        }
        let again = || Events::new("my-app", 0, &crate::events_config(&folder.0.join("abi.json"), &[])).unwrap();
        let kinds = Kinds::new(vec![Box::new(again())]);
        let done = transaction(database, |database| take_jobs(database, &kinds)).unwrap();
        assert_eq!((done.n_jobs, done.n_snapshots), (3, 3));
        for id in 0..3 {
            let expected = pages(database, events, id);
            assert_eq!(expected.len(), 2);
            for (cid, bytes) in expected {
                let found = read::content(database, &cid.to_string()).unwrap().unwrap();
                assert_eq!((found.bytes == bytes, found.block), (true, 10 * id + 9));
            }
        }
        let n_pages = |database: &mut dyn Database| database.ask("SELECT cid FROM page", &[]).unwrap().len();
        assert_eq!(n_pages(database), 6);
        let epochs = Epochs { genesis: 0, size: 10, offset: 0 };
        let end = Checkpoint { number: 29, hash: hash(29) };
        let sql = "INSERT INTO cursor (name, number, hash) VALUES ('snapshots', ?1, ?2)";
        database.run(sql, &[Value::count(end.number), Value::Blob(end.hash.as_slice())]).unwrap();
        let mut stage = Snapshots::new(epochs, kinds.clone());
        transaction(database, |database| stage.unwind(database, 15)).unwrap();
        assert_eq!(n_pages(database), 2);
        transaction(database, |database| take_jobs(database, &kinds)).unwrap();
        assert_eq!(n_pages(database), 6);
    });
}
