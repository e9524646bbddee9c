//! Snapshots of the generic kind.

use std::borrow::Cow;

use alloy::primitives::{Address, I256, U256};
use index::content::{DAG_CBOR, cid, encode};
use index::kind::Kind as _;
use index::snapshot::{EpochHead, EpochRange};
use ipld_core::ipld::Ipld;

use crate::{CONTRACT, Moved, add, epoch, on_both, pages::pages};

fn decode(bytes: &[u8]) -> Ipld {
    serde_ipld_dagcbor::from_slice(bytes).unwrap()
}

fn list(cells: impl IntoIterator<Item = Ipld>) -> Ipld {
    Ipld::List(cells.into_iter().collect())
}

fn bytes(bytes: &[u8]) -> Ipld {
    Ipld::Bytes(bytes.to_vec())
}

#[test]
fn a_snapshot_has_the_rows_of_its_epoch_in_order() {
    on_both(|database, events, _| {
        let small = Moved { amount: U256::from(u64::MAX), change: I256::try_from(i64::MIN).unwrap(), note: "ä" };
        let large = Moved { amount: U256::from(u64::MAX) + U256::ONE, change: I256::MINUS_ONE << 64, note: "" };
        for (block, idx, moved) in [(19, 0, &large), (10, 5, &small), (10, 2, &small), (9, 9, &small), (20, 0, &small)]
        {
            add(database, events, block, idx, 1, moved);
        }
        let found = events.snapshots(database, &epoch(1)).unwrap();
        let [snapshot] = &found[..] else { panic!("there is one project") };
        assert_eq!(snapshot.project, "my-app");
        assert_eq!(snapshot.cid, cid(DAG_CBOR, &snapshot.bytes));
        let count = |name, n: u64| (Cow::Borrowed(name), U256::from(n));
        assert_eq!(snapshot.sums, [count("Idle", 0), count("Moved", 3)]);
        let Ipld::Map(payload) = decode(&snapshot.bytes) else { panic!("it is a map") };
        let row = |block: i128, idx: i128, amount, change, note: &str| {
            let place = [Ipld::Integer(block), Ipld::Integer(idx), bytes(&[0x77; 32]), bytes(CONTRACT.as_slice())];
            let from = bytes(Address::repeat_byte(0xaa).as_slice());
            let rest = [from, amount, change, Ipld::Bool(true), Ipld::Integer(block), Ipld::String(note.to_owned())];
            list([&place[..], &rest].concat())
        };
        let small = |idx| row(10, idx, Ipld::Integer(u64::MAX.into()), Ipld::Integer(i64::MIN.into()), "ä");
        let amount = bytes(&large.amount.to_be_bytes::<32>());
        let last = row(19, 0, amount, bytes(&large.change.to_be_bytes::<32>()), "");
        let rows = [("Idle".to_owned(), list([])), ("Moved".to_owned(), list([small(2), small(5), last]))];
        assert_eq!(payload["events"], Ipld::Map(rows.into()));
        let head: EpochHead = ipld_core::serde::from_ipld(Ipld::Map(payload.clone())).unwrap();
        assert_eq!((head.v, head.kind.as_str(), head.source.as_str()), (1, "events", "my-app"));
        assert_eq!(head.epoch, EpochRange { id: 1, begin: 10, end: 19 });
        assert_eq!(head, EpochHead::new("events", "my-app", &epoch(1)));
        assert_eq!(payload.len(), 8, "there is nothing else");
        assert_eq!(encode(&Ipld::Map(payload)), snapshot.bytes, "the form is canonical");
        assert!(pages(database, events, 1).is_empty());

        // One address on both databases, pinned.
        assert_eq!(snapshot.cid.to_string(), "bafyreib6joskqxzkvwiacz7c3e2i7pd7vgssw7mrzhbqgndn77fw3omm6y");
        assert_eq!(events.snapshots(database, &epoch(1)).unwrap(), found);
    });
}

#[test]
fn keys_are_in_canonical_order() {
    on_both(|database, events, _| {
        let snapshot = events.snapshots(database, &epoch(0)).unwrap().remove(0);
        let keys = ["v", "kind", "epoch", "source", "endHash", "endTimestamp", "beginParentHash"];
        let place = |key: &str| {
            let bytes = [&[0x60 + u8::try_from(key.len()).unwrap()][..], key.as_bytes()].concat();
            snapshot.bytes.windows(bytes.len()).position(|window| window == bytes).unwrap()
        };
        assert_eq!(snapshot.bytes[0], 0xa8, "a map of eight");
        assert!(keys.map(place).is_sorted(), "shorter keys first, then by bytes");
    });
}
