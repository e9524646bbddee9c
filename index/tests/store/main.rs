//! One suite for both databases: what one promises, the other keeps.

#![allow(clippy::unwrap_used, reason = "a test fails where there is nothing to unwrap")]

#[path = "../postgres/mod.rs"]
mod postgres;

mod deadline;
mod files;
mod insert;
mod lead;
mod lost;
mod values;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use index::database::{Database, open};
use index::rows::{Column, Rows, Table, Type, Value};

/// A store that nobody else has, and any number of connections to it.
struct Store {
    address: String,
    directory: Option<PathBuf>,
}

impl Store {
    fn sqlite() -> Self {
        static N_STORES: AtomicU32 = AtomicU32::new(0);
        let number = N_STORES.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("index-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { address: directory.join("index.db").display().to_string(), directory: Some(directory) }
    }

    fn postgres() -> Option<Self> {
        Some(Self { address: postgres::url()?, directory: None })
    }

    #[track_caller]
    fn open(&self) -> Box<dyn Database> {
        open(&self.address).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            std::fs::remove_dir_all(directory).ok();
        }
    }
}

/// Runs a test on both.
fn on_both(test: impl Fn(&Store)) {
    test(&Store::sqlite());
    if let Some(store) = Store::postgres() {
        test(&store);
    }
}

fn table(name: &str, columns: &[(&str, Type)], n_key: usize) -> Table {
    let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
    Table { name: name.to_owned(), columns, n_key, indexes: Vec::new() }
}

/// A number with a remark.
fn remarks() -> Table {
    table("remark", &[("number", Type::Integer), ("content", Type::Text)], 1)
}

fn rows(cells: &[(i64, &str)]) -> Rows {
    let mut rows = Rows::new(2);
    cells.iter().for_each(|(number, content)| rows.push_row(&[Value::Integer(*number), Value::Text(content)]));
    rows
}

fn all(database: &mut dyn Database) -> Rows {
    database.ask("SELECT number, content FROM remark ORDER BY number", &[]).unwrap()
}
