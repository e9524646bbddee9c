//! The engine's part in the smallest form: logs into tables, then what the kind makes of them.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use alloy::primitives::{Address, B256, Bytes};
use index::{
    Result,
    abi::RawLog,
    block::{Block, Blocks},
    config::Erc1620Config,
    database::{Database, transaction},
    epoch::Epoch,
    event::Emitter,
    kind::{Call, Kind, Reader, erc1620::Erc1620},
    rows::{Column, Rows, Table, Type, Value},
    snapshot::Snapshot,
};

use crate::{chain::Log, twin::Twin};

pub const SOURCE: &str = "streams";

/// Blocks of an epoch; the first epoch begins with block 0.
pub const EPOCH: u64 = 10;

/// Contracts are asked nothing, because they are at addresses that say what they are; tokens say nothing of themselves.
pub struct Silent;

impl Reader for Silent {
    fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        assert_eq!((calls.len() % 3, at.is_some()), (0, true), "three questions to each token, at a block");
        Ok(vec![None; calls.len()])
    }
}

/// An index of a source of streams in a database of its own.
pub struct Index {
    pub database: Twin,
    pub kind: Erc1620,
    path: PathBuf,
}

impl Index {
    pub fn empty(contracts: &[Address], portal: Option<Address>) -> Self {
        Self::of(kind(contracts, portal, &[]))
    }

    pub fn of(kind: Erc1620) -> Self {
        static N_FILES: AtomicU32 = AtomicU32::new(0);
        let number = N_FILES.fetch_add(1, Ordering::Relaxed);
        let path =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("streams-{}-{number}.db", std::process::id()));
        let mut database = Twin::open(&path, crate::postgres::url().as_deref());
        for table in kind.watch().events.iter().map(|event| &event.table.table).chain(&kind.tables()) {
            database.create(table).unwrap();
        }
        Self { database, kind, path }
    }

    /// Takes blocks, and of their logs those that the source watches, in pieces of `chunk` blocks.
    pub fn take(&mut self, blocks: &[Block], logs: &[Log], chunk: usize, reader: &dyn Reader) -> Result<()> {
        for blocks in blocks.chunks(chunk) {
            let range = Blocks::new(blocks[0].number, blocks[blocks.len() - 1].number).unwrap();
            self.store(blocks, logs.iter().filter(|log| (range.first..=range.last).contains(&log.block)))?;
            self.kind.prepare(&mut self.database, reader, range)?;
            let kind = &mut self.kind;
            transaction(&mut self.database, |database| kind.derive(database, range))?;
        }
        Ok(())
    }

    fn store<'a>(&mut self, blocks: &[Block], logs: impl Iterator<Item = &'a Log>) -> Result<()> {
        let integer = |name: &str| Column { name: name.to_owned(), kind: Type::Integer };
        let blob = |name: &str| Column { name: name.to_owned(), kind: Type::Blob };
        let columns = vec![integer("number"), blob("hash"), blob("parent"), integer("timestamp")];
        let table = Table { name: "block".to_owned(), columns, n_key: 1, indexes: Vec::new() };
        let mut rows = Rows::new(4);
        for block in blocks {
            rows.push_row(&[
                Value::count(block.number),
                Value::Blob(block.hash.as_slice()),
                Value::Blob(block.parent.as_slice()),
                Value::count(block.timestamp),
            ]);
        }
        let events = &self.kind.watch().events;
        let mut decoded: Vec<Rows> = events.iter().map(|event| Rows::new(event.table.table.columns.len())).collect();
        for log in logs {
            let Log { block, idx, tx, contract, ref topics, ref data } = *log;
            for (event, rows) in events.iter().zip(&mut decoded) {
                let Emitter::Contracts(contracts) = &event.emitter else { panic!("there is no factory") };
                if contracts.contains(&contract) && topics.first() == Some(&event.table.signature) {
                    assert!(event.table.push(rows, &RawLog { block, idx, tx, contract, topics, data }), "{log:?}");
                }
            }
        }
        transaction(&mut self.database, |database| {
            database.insert(&table, &rows)?;
            for (event, rows) in events.iter().zip(&decoded) {
                database.insert(&event.table.table, rows)?;
            }
            Ok(())
        })
    }

    /// Takes back what came after block `to`, as a reorg does.
    pub fn unwind(&mut self, to: u64) {
        let kind = &mut self.kind;
        transaction(&mut self.database, |database| -> Result<()> {
            kind.unwind(database, to)?;
            let names = kind.watch().events.iter().map(|event| event.table.table.name.clone());
            for name in names.chain(kind.tables().into_iter().map(|table| table.name)) {
                database.run(&format!("DELETE FROM {name} WHERE block > ?1"), &[Value::count(to)])?;
            }
            database.run("DELETE FROM block WHERE number > ?1", &[Value::count(to)])?;
            Ok(())
        })
        .unwrap();
    }

    pub fn snapshots(&mut self, epoch: &Epoch) -> Vec<Snapshot> {
        self.kind.snapshots(&mut self.database, epoch).unwrap()
    }

    /// All rows of all tables.
    pub fn dump(&mut self) -> BTreeMap<String, Rows> {
        let events = self.kind.watch().events.iter().map(|event| event.table.table.name.clone());
        let names = events.chain(self.kind.tables().into_iter().map(|table| table.name)).collect::<Vec<_>>();
        let dump = |name: String| {
            let rows = self.database.ask(&format!("SELECT * FROM {name} ORDER BY 1, 2"), &[]).unwrap();
            (name, rows)
        };
        names.into_iter().map(dump).collect()
    }
}

pub fn kind(contracts: &[Address], portal: Option<Address>, tokens: &[Address]) -> Erc1620 {
    let config = Erc1620Config { contracts: contracts.to_vec(), portal, tokens: tokens.to_vec() };
    Erc1620::new(SOURCE, 0, &config).unwrap()
}

impl Drop for Index {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", self.path.display())));
        }
    }
}

/// Epoch `id` of a chain whose blocks these are, from block 0 on.
pub fn epoch(id: u64, blocks: &[Block]) -> Epoch {
    epoch_of(id, EPOCH, blocks)
}

/// The same with another size.
pub fn epoch_of(id: u64, size: u64, blocks: &[Block]) -> Epoch {
    let range = Blocks::new(id * size, (id + 1) * size - 1).unwrap();
    let at = |number: u64| blocks[usize::try_from(number).unwrap()];
    let (first, last) = (at(range.first), at(range.last));
    Epoch { id, blocks: range, begin_parent_hash: first.parent, end_hash: last.hash, end_timestamp: last.timestamp }
}
