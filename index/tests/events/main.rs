//! The generic kind and the export, on both databases.

#![allow(clippy::unwrap_used, reason = "a test fails where there is nothing to unwrap")]

#[path = "../postgres/mod.rs"]
mod postgres;

mod config;
mod export;
mod kept;
mod pages;
mod reads;
mod snapshots;
mod spreadsheet;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use alloy::primitives::{Address, B256, I256, U256, address};
use index::abi::RawLog;
use index::block::Blocks;
use index::config::EventsConfig;
use index::database::{Database, open};
use index::epoch::Epoch;
use index::kind::Kind as _;
use index::kind::events::Events;
use index::rows::{Rows, Value};

const ABI: &str = r#"[
    {"type": "event", "name": "Moved", "anonymous": false, "inputs": [
        {"name": "from", "type": "address", "indexed": true},
        {"name": "amount", "type": "uint256", "indexed": false},
        {"name": "change", "type": "int256", "indexed": false},
        {"name": "isLast", "type": "bool", "indexed": false},
        {"name": "timestamp", "type": "uint48", "indexed": false},
        {"name": "note", "type": "string", "indexed": false}]},
    {"type": "event", "name": "Idle", "anonymous": false, "inputs": []},
    {"type": "function", "name": "f", "inputs": [], "outputs": [], "stateMutability": "view"}
]"#;

/// An example of EIP-55.
const CONTRACT: Address = address!("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Self {
        static N_FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = N_FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("index-events-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn events_config(abi: &Path, events: &[&str]) -> EventsConfig {
    let events = events.iter().map(|event| (*event).to_owned()).collect();
    EventsConfig { contracts: vec![CONTRACT], factory: None, abi: abi.to_owned(), events, reads: Vec::new() }
}

fn hash(number: u64) -> B256 {
    B256::from(U256::from(number.wrapping_add(0x1000)))
}

/// Runs a test on both databases, with the events of [`ABI`] and blocks 0 to 30.
fn on_both(test: impl Fn(&mut dyn Database, &mut Events, &Folder)) {
    let folder = Folder::make();
    let abi = folder.file("abi.json", ABI);
    let addresses = [Some(":memory:".to_owned()), postgres::url()];
    for address in addresses.into_iter().flatten() {
        let mut database = open(&address).unwrap();
        let mut events = Events::new("my-app", 0, &events_config(&abi, &[])).unwrap();
        events.watch().events.iter().for_each(|watched| database.create(&watched.table.table).unwrap());
        for number in 0..=30 {
            let [hash, parent] = [hash(number), hash(number.wrapping_sub(1))];
            let [hash, parent] = [Value::Blob(hash.as_slice()), Value::Blob(parent.as_slice())];
            let values = [Value::count(number), hash, parent, Value::count(1_588_598_533 + 12 * number)];
            database.run("INSERT INTO block VALUES (?1, ?2, ?3, ?4)", &values).unwrap();
        }
        test(&mut *database, &mut events, &folder);
    }
}

struct Moved<'a> {
    amount: U256,
    change: I256,
    note: &'a str,
}

/// Adds `n_rows` of them to a block, from the place `first` on.
fn add(database: &mut dyn Database, events: &Events, block: u64, first: u64, n_rows: u64, moved: &Moved<'_>) {
    let table = &events.watch().events.iter().find(|watched| watched.table.event == "Moved").unwrap().table;
    let topics = [table.signature, Address::repeat_byte(0xaa).into_word()];
    let note = moved.note.as_bytes();
    let mut data = Vec::new();
    let head =
        [moved.amount, moved.change.into_raw(), U256::ONE, U256::from(block), U256::from(160), U256::from(note.len())];
    head.iter().for_each(|word| data.extend(word.to_be_bytes::<32>()));
    data.extend(note);
    let mut rows = Rows::new(table.table.columns.len());
    for idx in first..first + n_rows {
        let log = RawLog { block, idx, tx: B256::repeat_byte(0x77), contract: CONTRACT, topics: &topics, data: &data };
        assert!(table.push(&mut rows, &log));
    }
    assert_eq!(database.insert(&table.table, &rows).unwrap(), n_rows);
}

fn epoch(id: u64) -> Epoch {
    let blocks = Blocks::new(10 * id, 10 * id + 9).unwrap();
    Epoch {
        id,
        blocks,
        begin_parent_hash: hash(blocks.first.wrapping_sub(1)),
        end_hash: hash(blocks.last),
        end_timestamp: 1_588_598_533 + 12 * blocks.last,
    }
}
