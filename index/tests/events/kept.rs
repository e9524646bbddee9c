//! What a reader sees while another writes, and names of columns.

use alloy::json_abi::Event;
use alloy::primitives::{I256, U256};
use index::abi::EventTable;
use index::block::Blocks;
use index::database::{Database, DatabaseError, open};
use index::export::{Format, events};
use index::kind::Kind as _;
use index::kind::events::Events;
use index::rows::{Rows, Table, Value};
use std::time::Instant;

use crate::{ABI, Folder, Moved, add, events_config, hash, postgres};

/// A connection, beside which another one replaces the chain when the second page of rows is asked for.
struct Overtaken {
    reader: Box<dyn Database>,
    writer: Box<dyn Database>,
    n_pages: usize,
}

impl Database for Overtaken {
    fn ask(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Rows, DatabaseError> {
        if sql.contains("my_app_moved") {
            self.n_pages += 1;
            if self.n_pages == 2 {
                self.writer.run("DELETE FROM my_app_moved WHERE block = 2", &[])?;
                let sql = "UPDATE block SET hash = ?1 WHERE number >= 2";
                self.writer.run(sql, &[Value::Blob(hash(99).as_slice())])?;
            }
        }
        self.reader.ask(sql, values)
    }

    fn run(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        self.reader.run(sql, values)
    }

    fn insert(&mut self, table: &Table, rows: &Rows) -> Result<u64, DatabaseError> {
        self.reader.insert(table, rows)
    }

    fn create(&mut self, table: &Table) -> Result<(), DatabaseError> {
        self.reader.create(table)
    }

    fn begin(&mut self) -> Result<(), DatabaseError> {
        self.reader.begin()
    }

    fn begin_to_read(&mut self) -> Result<(), DatabaseError> {
        self.reader.begin_to_read()
    }

    fn begin_to_read_until(&mut self, deadline: Instant) -> Result<(), DatabaseError> {
        self.reader.begin_to_read_until(deadline)
    }

    fn commit(&mut self) -> Result<(), DatabaseError> {
        self.reader.commit()
    }

    fn roll_back(&mut self) -> Result<(), DatabaseError> {
        self.reader.roll_back()
    }

    fn durable(&mut self, durable: bool) -> Result<(), DatabaseError> {
        self.reader.durable(durable)
    }

    fn lead(&mut self) -> Result<bool, DatabaseError> {
        self.reader.lead()
    }

    fn skip_locked(&self) -> &'static str {
        self.reader.skip_locked()
    }
}

#[test]
fn a_file_is_of_one_moment() {
    let folder = Folder::make();
    let abi = folder.file("abi.json", ABI);
    let addresses = [Some(folder.0.join("index.db").display().to_string()), postgres::url()];
    for address in addresses.into_iter().flatten() {
        let kind = Events::new("my-app", 0, &events_config(&abi, &[])).unwrap();
        let mut writer = open(&address).unwrap();
        let table = kind.watch().events[1].table.clone();
        writer.create(&table.table).unwrap();
        for number in 0..3 {
            let hash = hash(number);
            let values = [Value::count(number), Value::Blob(hash.as_slice()), Value::count(1_588_598_533)];
            writer.run("INSERT INTO block VALUES (?1, ?2, ?2, ?3)", &values).unwrap();
        }
        let moved = Moved { amount: U256::ONE, change: I256::ONE, note: "" };
        add(writer.as_mut(), &kind, 1, 0, 10_000, &moved);
        add(writer.as_mut(), &kind, 2, 0, 500, &moved);
        let mut overtaken = Overtaken { reader: open(&address).unwrap(), writer, n_pages: 0 };
        let path = folder.0.join("moved.csv");
        let all = Blocks { first: 0, last: 9 };
        assert_eq!(events(&mut overtaken, &table, all, Format::Csv, &path).unwrap(), 10_500);
        assert_eq!(overtaken.n_pages, 2);
        // The connection is free again, and sees what has been written.
        assert_eq!(events(&mut overtaken, &table, all, Format::Csv, &path).unwrap(), 10_000);
        // One that fails leaves it free as well.
        events(&mut overtaken, &table, all, Format::Csv, &folder.0.join("none/moved.csv")).unwrap_err();
        assert_eq!(events(&mut overtaken, &table, all, Format::Csv, &path).unwrap(), 10_000);
    }
}

/// Words that a newer server keeps than the one that may be at hand.
const NEWER: &[&str] = &["system_user"];

#[test]
fn any_word_of_sql_can_be_an_argument() {
    let Some(url) = postgres::url() else { return };
    let mut server = open(&url).unwrap();
    let answer = server.ask("SELECT word FROM pg_get_keywords() ORDER BY word", &[]).unwrap();
    let server_words: Vec<_> = answer.iter().map(|row| row.text(0).unwrap().to_owned()).collect();
    assert!(server_words.len() > 400);
    let words = server_words.iter().map(String::as_str).chain(NEWER.iter().copied());
    // Words of SQLite that PostgreSQL does not have.
    let words = words.chain(["autoincrement", "glob", "match", "pragma", "rowid", "oid", "raise", "regexp", "ctid"]);
    let words: std::collections::BTreeSet<_> = words.collect();
    // A parser of Solidity would refuse some of the names.
    let input = |word: &&str| serde_json::json!({ "name": word, "type": "uint8", "indexed": false });
    let inputs: Vec<_> = words.iter().map(input).collect();
    let event = serde_json::json!({ "name": "Said", "inputs": inputs, "anonymous": false });
    let event: Event = serde_json::from_value(event).unwrap();
    let table = EventTable::new("words", &event).unwrap();
    let columns: Vec<_> = table.table.columns.iter().map(|column| column.name.as_str()).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), table.table.name);
    for database in [&mut server, &mut open(":memory:").unwrap()] {
        database.create(&table.table).unwrap();
        assert!(database.ask(&sql, &[]).unwrap().is_empty());
    }
}
