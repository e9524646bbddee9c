//! A store, filled by hand: what the stages would have written.

use std::{
    env, fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use alloy::{
    json_abi::Event,
    primitives::{Address, B256, U256, keccak256},
};
use index::{
    abi::{EventTable, RawLog},
    content::{DAG_CBOR, cid, encode},
    database::Database,
    epoch::Epoch,
    rows::{Rows, Value},
    snapshot::EpochHead,
};
use serde::Serialize;

use crate::twin::Twin;

pub const SIZE: u64 = 10;

/// Seconds between blocks.
pub const PACE: u64 = 12;

pub const GENESIS_TIME: u64 = 1_700_000_000;

/// A store in a file of its own, and the same in a schema of its own.
pub struct Store {
    pub path: PathBuf,
    pub url: Option<String>,
    pub database: Box<dyn Database>,
}

impl Drop for Store {
    fn drop(&mut self) {
        fs::remove_dir_all(self.path.parent().unwrap()).ok();
    }
}

impl Store {
    pub fn empty() -> Self {
        Self::at(crate::postgres::url())
    }

    /// The same, with this schema beside the file.
    pub fn at(url: Option<String>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("index-api-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = env::temp_dir().join(name);
        fs::remove_dir_all(&directory).ok();
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("index.db");
        let database = Box::new(Twin::open(&path, url.as_deref()));
        Self { path, url, database }
    }

    pub fn run(&mut self, sql: &str, values: &[Value<'_>]) {
        self.database.run(sql, values).unwrap();
    }

    /// Blocks up to `last`, which is where all stages are.
    pub fn blocks(&mut self, last: u64) {
        for number in 0..=last {
            let parent = number.checked_sub(1).map_or(B256::ZERO, hash);
            self.run(
                "INSERT INTO block VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                &[
                    Value::count(number),
                    Value::Blob(hash(number).as_slice()),
                    Value::Blob(parent.as_slice()),
                    Value::count(time(number)),
                ],
            );
        }
        for stage in ["logs", "derived", "epochs"] {
            self.cursor(stage, last);
        }
    }

    pub fn cursor(&mut self, name: &str, block: u64) {
        self.run(
            "INSERT INTO cursor VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET number = ?2, hash = ?3",
            &[Value::Text(name), Value::count(block), Value::Blob(hash(block).as_slice())],
        );
    }

    /// Epoch `id`, planned (0), tentative (1) or final (2).
    pub fn epoch(&mut self, id: u64, state: i64) {
        let Epoch { blocks, begin_parent_hash, end_hash, end_timestamp, .. } = epoch(id);
        let (end_hash, end) = match state {
            0 => (Value::Null, Value::Null),
            _ => (Value::Blob(end_hash.as_slice()), Value::count(end_timestamp)),
        };
        self.run(
            "INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                Value::count(id),
                Value::count(blocks.first),
                Value::count(blocks.last),
                Value::Blob(begin_parent_hash.as_slice()),
                end_hash,
                end,
                Value::Integer(state),
            ],
        );
        if state > 0 {
            self.cursor("snapshots", blocks.last);
        }
        if state > 1 {
            self.cursor("finalized", blocks.last);
        }
    }

    /// A snapshot, with totals of its project up to its epoch. Gives its address.
    pub fn snapshot(&mut self, project: &str, id: u64, totals: &[(&str, u64)]) -> String {
        let head = EpochHead::new("events", "tokens", &epoch(id));
        let bytes = encode(&Payload { head, project });
        let address = cid(DAG_CBOR, &bytes).to_string();
        let values = [
            Value::Text(project),
            Value::count(id),
            Value::Blob(&epoch(id).end_hash.0),
            Value::Text(&address),
            Value::Blob(&bytes),
        ];
        self.run("INSERT INTO snapshot VALUES (?1, ?2, ?3, ?4, ?5)", &values);
        for (name, total) in totals {
            self.total(project, name, id, U256::from(*total));
        }
        address
    }

    pub fn total(&mut self, project: &str, name: &str, id: u64, total: U256) {
        let total = total.to_be_bytes::<32>();
        let values = [Value::Text(project), Value::Text(name), Value::count(id), Value::Blob(&total)];
        self.run("INSERT INTO prefix_sum VALUES (?1, ?2, ?3, ?4)", &values);
    }

    pub fn dag(&mut self, project: &str, height: u64) -> String {
        let bytes = encode(&(project, height));
        let address = cid(DAG_CBOR, &bytes).to_string();
        let values = [Value::Text(project), Value::count(height), Value::Text(&address), Value::Blob(&bytes)];
        self.run("INSERT INTO dag VALUES (?1, ?2, ?3, ?4)", &values);
        address
    }

    pub fn change(&mut self, id: u64, kind: &str, epoch: Option<u64>, block: u64) {
        self.run(
            "INSERT INTO change VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                Value::count(id),
                Value::Text(kind),
                epoch.map_or(Value::Null, Value::count),
                Value::count(block),
                Value::Blob(hash(block).as_slice()),
            ],
        );
    }

    /// Three transfers in each block of `blocks`, by two tokens in turn.
    pub fn transfers(&mut self, blocks: std::ops::Range<u64>) {
        let table = transfer();
        self.database.create(&table.table).unwrap();
        let mut rows = Rows::new(table.table.columns.len());
        for (block, idx) in blocks.flat_map(|block| (0..3).map(move |idx| (block, idx))) {
            let data = U256::MAX.wrapping_sub(U256::from(block * 3 + idx)).to_be_bytes::<32>();
            let (from, to) = (Address::repeat_byte(0xaa), Address::repeat_byte(0xbb));
            let topics = [table.signature, from.into_word(), to.into_word()];
            let log = RawLog { block, idx, tx: hash(block), contract: token(idx % 2), topics: &topics, data: &data };
            assert!(table.push(&mut rows, &log));
        }
        self.database.insert(&table.table, &rows).unwrap();
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    head: EpochHead,
    project: &'a str,
}

pub fn transfer() -> EventTable {
    let event = "event Transfer(address indexed from, address indexed to, uint256 value)";
    EventTable::new("tokens", &Event::parse(event).unwrap()).unwrap()
}

pub fn token(i: u64) -> Address {
    Address::repeat_byte(0xc0 + u8::try_from(i).unwrap())
}

pub fn hash(block: u64) -> B256 {
    keccak256(block.to_be_bytes())
}

pub fn time(block: u64) -> u64 {
    GENESIS_TIME + block * PACE
}

pub fn epoch(id: u64) -> Epoch {
    let blocks = index::epoch::Epochs { genesis: 0, size: SIZE, offset: 0 }.blocks(id).unwrap();
    Epoch {
        id,
        blocks,
        begin_parent_hash: blocks.first.checked_sub(1).map_or(B256::ZERO, hash),
        end_hash: hash(blocks.last),
        end_timestamp: time(blocks.last),
    }
}
