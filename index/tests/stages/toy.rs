//! A kind for tests: transfers of tokens, a running total by block, and a project for each token from its first transfer.

use std::borrow::Cow;

use alloy::json_abi::Event;
use alloy::primitives::{Address, B256, Bytes, U256};
use index::Result;
use index::abi::EventTable;
use index::block::Blocks;
use index::content;
use index::database::Database;
use index::epoch::Epoch;
use index::event::{Emitter, Watch, Watched};
use index::kind::{Call, Kind, Reader};
use index::rows::{Column, Rows, Table, Type, Value};
use index::snapshot::{EpochHead, Snapshot, Word};
use serde::Serialize;

pub(crate) const SOURCE: &str = "toy";

pub(crate) struct Toy {
    watch: Watch,
    /// Up to the last derived block, once it is known.
    total: Option<U256>,
    /// Whether the chain was asked for what never changes.
    is_prepared: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    head: EpochHead,
    n_transfers: u64,
    amount: Word,
    total: Word,
}

pub(crate) fn transfer_table() -> EventTable {
    let event = Event::parse("event Transfer(address indexed from, address indexed to, uint256 value)").unwrap();
    EventTable::new(SOURCE, &event).unwrap()
}

impl Toy {
    pub(crate) fn new(contracts: &[Address], start_block: u64) -> Self {
        let emitter = Emitter::Contracts(contracts.to_vec());
        let events = vec![Watched { table: transfer_table(), emitter, topic1: None }];
        let watch = Watch { source: SOURCE.to_owned(), start_block, events, factory: None };
        Self { watch, total: None, is_prepared: false }
    }

    fn table() -> Table {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns =
            vec![column("block", Type::Integer), column("n_transfers", Type::Integer), column("total", Type::Blob)];
        Table { name: "toy_total".to_owned(), columns, n_key: 1, indexes: Vec::new() }
    }
}

fn total_at(database: &mut dyn Database, block: u64) -> Result<U256> {
    let sql = "SELECT total FROM toy_total WHERE block <= ?1 ORDER BY block DESC LIMIT 1";
    database.ask(sql, &[Value::count(block)])?.first().map_or(Ok(U256::ZERO), |row| row.amount(0))
}

impl Kind for Toy {
    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn tables(&self) -> Vec<Table> {
        vec![Self::table()]
    }

    fn prepare(&mut self, _: &mut dyn Database, reader: &dyn Reader, _: Blocks) -> Result<()> {
        if !self.is_prepared {
            reader.read(&[Call { to: Address::ZERO, input: Bytes::new() }], None)?;
            self.is_prepared = true;
        }
        Ok(())
    }

    fn derive(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<()> {
        assert!(self.is_prepared, "a kind prepares before it derives");
        let mut total = match self.total {
            Some(total) => total,
            None => total_at(database, blocks.first)?,
        };
        let sql = "SELECT block, value FROM toy_transfer WHERE block >= ?1 AND block <= ?2 ORDER BY block, idx";
        let transfers = database.ask(sql, &[Value::count(blocks.first), Value::count(blocks.last)])?;
        let mut by_block: Vec<(u64, u64, U256)> = Vec::new();
        for row in transfers.iter() {
            total += row.amount(1)?;
            match by_block.last_mut() {
                Some((block, n_transfers, at)) if *block == row.count(0)? => {
                    (*n_transfers, *at) = (*n_transfers + 1, total);
                }
                _ => by_block.push((row.count(0)?, 1, total)),
            }
        }
        let mut rows = Rows::new(3);
        for (block, n_transfers, total) in by_block {
            rows.push_row(&[Value::count(block), Value::count(n_transfers), Value::Blob(&total.to_be_bytes::<32>())]);
        }
        assert_eq!(database.insert(&Self::table(), &rows)?, rows.len() as u64, "no block is derived from twice");
        self.total = Some(total);
        Ok(())
    }

    fn unwind(&mut self, _: &mut dyn Database, _: u64) -> Result<()> {
        (self.total, self.is_prepared) = (None, false);
        Ok(())
    }

    fn snapshots(&mut self, database: &mut dyn Database, epoch: &Epoch) -> Result<Vec<Snapshot>> {
        let last = Value::count(epoch.blocks.last);
        let sql = "SELECT DISTINCT contract FROM toy_transfer WHERE block <= ?1 ORDER BY contract";
        let contracts = database.ask(sql, &[last])?;
        let total = total_at(database, epoch.blocks.last)?.into();
        let mut snapshots = Vec::new();
        for row in contracts.iter() {
            let sql = "SELECT value FROM toy_transfer WHERE contract = ?1 AND block >= ?2 AND block <= ?3";
            let first = Value::count(epoch.blocks.first);
            let values = database.ask(sql, &[row.value(0), first, last])?;
            let amount = values.iter().map(|row| row.amount(0)).sum::<Result<U256>>()?;
            let n_transfers = values.len() as u64;
            let head = EpochHead::new("toy", SOURCE, epoch);
            let bytes = content::encode(&Payload { head, n_transfers, amount: amount.into(), total });
            let sums = vec![(Cow::from("amount"), amount), (Cow::from("n_transfers"), U256::from(n_transfers))];
            let project = format!("{SOURCE}/{}", row.address(0)?);
            snapshots.push(Snapshot { project, cid: content::cid(content::DAG_CBOR, &bytes), bytes, sums });
        }
        Ok(snapshots)
    }
}

/// Answers everything with nothing, or fails so many times before.
#[derive(Default)]
pub(crate) struct Silent {
    pub(crate) n_failures: std::sync::atomic::AtomicU32,
}

impl Reader for Silent {
    fn read(&self, calls: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        use std::sync::atomic::Ordering::SeqCst;
        let left = self.n_failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(index::Error::Endpoint("no answer".to_owned())),
            Err(_) => Ok(vec![None; calls.len()]),
        }
    }
}
