//! Two databases that are one for those who use them: what is done in SQLite is done in PostgreSQL too, and a test fails
//! where the two do not say the same.

#![allow(dead_code, reason = "each user takes what it needs")]

use std::panic::Location;
use std::path::Path;
use std::thread;
use std::time::Instant;

use index::database::{Database, DatabaseError, Postgres, Sqlite};
use index::rows::{Rows, Table, Value};

/// Both, or SQLite alone where there is no server.
pub(crate) struct Twin {
    sqlite: Sqlite,
    postgres: Option<Box<Postgres>>,
}

impl Twin {
    /// The file at `path`, and the schema of `url`.
    ///
    /// # Panics
    /// If one of them cannot be opened.
    #[track_caller]
    pub(crate) fn open(path: &Path, url: Option<&str>) -> Self {
        let sqlite = Sqlite::open(path).unwrap_or_else(|error| panic!("{error}"));
        let postgres = url.map(|url| apart(|| Box::new(Postgres::open(url).unwrap_or_else(|error| panic!("{error}")))));
        Self { sqlite, postgres }
    }

    /// A database in memory, and a schema that nobody else has.
    #[track_caller]
    pub(crate) fn fresh() -> Self {
        Self::open(":memory:".as_ref(), crate::postgres::url().as_deref())
    }

    #[track_caller]
    fn both<T>(
        &mut self,
        told: &str,
        act: impl Fn(&mut dyn Database) -> Result<T, DatabaseError> + Sync,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<T, DatabaseError>
    where
        T: std::fmt::Debug + Send,
    {
        let caller = Location::caller();
        let one = act(&mut self.sqlite);
        let Some(postgres) = &mut self.postgres else { return one };
        let other = apart(|| act(&mut **postgres));
        match (&one, &other) {
            (Ok(one), Ok(other)) => {
                assert!(same(one, other), "{caller}: {told}\nSQLite: {one:?}\nPostgreSQL: {other:?}");
            }
            (Err(_), Err(_)) => {}
            _ => panic!("{caller}: {told}\nSQLite: {one:?}\nPostgreSQL: {other:?}"),
        }
        one
    }
}

/// Runs `act` on a thread of its own: the client of PostgreSQL cannot be used on one of an asynchronous runtime.
fn apart<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        match thread::Builder::new().spawn_scoped(scope, act).expect("threads are to be had").join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// The rows as texts; in an order of their own if the statement has none.
fn sorted(sql: &str, rows: &Rows) -> Vec<String> {
    let text = |row: index::rows::Row<'_>| {
        (0..rows.n_columns()).map(|i| format!("{:?}", row.value(i))).collect::<Vec<_>>().join(", ")
    };
    let mut texts: Vec<String> = rows.iter().map(text).collect();
    if !sql.contains("ORDER BY") {
        texts.sort_unstable();
    }
    texts
}

impl Database for Twin {
    fn run(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        // SQLite has no count of its own for other statements.
        let counts = ["INSERT", "UPDATE", "DELETE"].iter().any(|word| sql.starts_with(word));
        let same = |one: &u64, other: &u64| !counts || one == other;
        self.both(sql, |database| database.run(sql, values), same)
    }

    fn ask(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Rows, DatabaseError> {
        let same = |one: &Rows, other: &Rows| one == other || sorted(sql, one) == sorted(sql, other);
        self.both(&format!("{sql} with {values:?}"), |database| database.ask(sql, values), same)
    }

    fn insert(&mut self, table: &Table, rows: &Rows) -> Result<u64, DatabaseError> {
        self.both(&table.name, |database| database.insert(table, rows), u64::eq)
    }

    fn create(&mut self, table: &Table) -> Result<(), DatabaseError> {
        self.both(&table.name, |database| database.create(table), PartialEq::eq)
    }

    fn begin(&mut self) -> Result<(), DatabaseError> {
        self.both("begin", |database| database.begin(), PartialEq::eq)
    }

    fn begin_to_read(&mut self) -> Result<(), DatabaseError> {
        self.both("begin to read", |database| database.begin_to_read(), PartialEq::eq)
    }

    fn begin_to_read_until(&mut self, deadline: Instant) -> Result<(), DatabaseError> {
        self.both("begin to read", |database| database.begin_to_read_until(deadline), PartialEq::eq)
    }

    fn commit(&mut self) -> Result<(), DatabaseError> {
        self.both("commit", |database| database.commit(), PartialEq::eq)
    }

    fn roll_back(&mut self) -> Result<(), DatabaseError> {
        self.both("roll back", |database| database.roll_back(), PartialEq::eq)
    }

    fn durable(&mut self, durable: bool) -> Result<(), DatabaseError> {
        self.both("durable", |database| database.durable(durable), PartialEq::eq)
    }

    fn lead(&mut self) -> Result<bool, DatabaseError> {
        self.both("lead", |database| database.lead(), bool::eq)
    }

    fn skip_locked(&self) -> &'static str {
        // Nobody else takes rows here, and SQLite lacks the words.
        ""
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        if let Some(postgres) = self.postgres.take() {
            apart(|| drop(postgres));
        }
    }
}
