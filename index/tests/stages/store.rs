//! The databases that every test runs on, and what is in them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use index::database::{self, Database};
use index::rows::Value;

/// Every table that a reorg may touch. What changed is told in another, which only grows.
pub(crate) const TABLES: [&str; 13] = [
    "cursor",
    "identity",
    "block",
    "undecoded",
    "epoch",
    "job",
    "snapshot",
    "prefix_sum",
    "addend",
    "dag",
    "outbox",
    "toy_transfer",
    "toy_total",
];

/// An address of a store that nobody else uses; it goes with this.
pub(crate) struct Store {
    pub(crate) address: String,
    file: Option<PathBuf>,
}

impl Store {
    pub(crate) fn file(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let path = env::temp_dir().join(format!("index-{name}-{}-{number}.db", std::process::id()));
        Self { address: path.display().to_string(), file: Some(path) }
    }

    /// In PostgreSQL, if there is one.
    pub(crate) fn on_server() -> Option<Self> {
        Some(Self { address: crate::postgres::url()?, file: None })
    }

    pub(crate) fn open(&self) -> Box<dyn Database> {
        database::open(&self.address).unwrap()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(path) = &self.file {
            for end in ["", "-wal", "-shm", "-lead"] {
                fs::remove_file(format!("{}{end}", path.display())).ok();
            }
        }
    }
}

/// Makes a store of each kind of database there is.
pub(crate) fn stores() -> Vec<fn(&str) -> Store> {
    let on_server: fn(&str) -> Store = |_| Store::on_server().expect("there was a server before");
    [Store::file as fn(&str) -> Store].into_iter().chain(Store::on_server().map(|_| on_server)).collect()
}

/// All rows of all tables, as text.
pub(crate) fn dump(database: &mut dyn Database, tables: &[&str]) -> String {
    let mut text = String::new();
    for table in tables {
        let rows = database.ask(&format!("SELECT * FROM {table}"), &[]).unwrap();
        let line = |row: index::rows::Row<'_>| {
            let cells: Vec<_> = (0..rows.n_columns())
                .map(|i| match row.value(i) {
                    Value::Integer(value) => value.to_string(),
                    Value::Text(value) => value.to_owned(),
                    Value::Blob(value) => alloy::hex::encode(value),
                    Value::Null => "-".to_owned(),
                })
                .collect();
            format!("{table} {}\n", cells.join(" "))
        };
        let mut lines: Vec<_> = rows.iter().map(line).collect();
        lines.sort();
        text.extend(lines);
    }
    text
}
