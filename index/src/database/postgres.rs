//! PostgreSQL: one server, one schema, and any number of processes that read and write.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use ::postgres::{
    Client, Config, NoTls, Statement,
    config::SslMode,
    fallible_iterator::FallibleIterator as _,
    types::{FromSql, ToSql, Type as SqlType},
};
use sha2::{Digest as _, Sha256};

use super::{Database, DatabaseError, MIGRATIONS, definition, expect_fit, index_name, text};
use crate::rows::{Rows, Table, Value};

mod address;
mod dialect;
mod fault;
mod insert;
mod link;

use address::Address;
use fault::{is_canceled, is_lost};
use link::Link;

pub(super) use fault::{passes, words};

/// The table of one row that says which migrations have been made, and how often a process has taken the lead.
pub(super) const VERSION_TABLE: &str = "index_version";

/// Statements that are kept ready.
const N_STATEMENTS: usize = 256;

/// Rows from which on COPY is at least as fast as arrays as parameters, with 11 columns.
const N_COPY: usize = 400;

/// Bytes of an identifier; the server cuts off the rest without a word.
const N_NAME: usize = 63;

/// All that is read is as it was at one moment.
const BEGIN_TO_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The longest time that the server can give a statement.
const MAX_TIME_MS: u128 = 2_147_483_647;

/// A connection to a server, and what it takes to connect again. Blocks its thread: an asynchronous task uses it on a
/// thread of its own, and may drop it anywhere.
pub struct Postgres {
    address: Address,
    client: Link,
    is_lost: bool,
    is_inside: bool,
    is_durable: bool,
    /// When the transaction that reads has to end.
    deadline: Option<Instant>,
    statements: HashMap<String, Vec<(Vec<SqlType>, Statement)>>,
    n_statements: usize,
    /// The tables whose rows are staged in `staging_0`, `staging_1`, …
    staged: Vec<String>,
    /// The count of leaders when this connection became one.
    term: Option<i64>,
}

impl Postgres {
    /// Connects to a `postgres://` URL, which may have `?schema=` for tables apart from those of others, and brings the
    /// tables up to date.
    ///
    /// # Errors
    /// If the URL is none, asks for TLS, or leads to no server; if the schema is another program's or a newer version's.
    pub fn open(url: &str) -> Result<Self, DatabaseError> {
        let mut postgres = Self::connect(url)?;
        postgres.migrate()?;
        postgres.durable(false)?;
        Ok(postgres)
    }

    /// Connects to read only: changes nothing, so that a user who may only read will do.
    ///
    /// # Errors
    /// As [`Postgres::open`], and if the tables are not there or not up to date.
    pub fn open_to_read(url: &str) -> Result<Self, DatabaseError> {
        let mut postgres = Self::connect(url)?;
        match postgres.version()? {
            Some(version) if version == MIGRATIONS.len() => Ok(postgres),
            None if postgres.n_tables()? == 0 => Err(DatabaseError::Empty(postgres.address.to_string())),
            _ => Err(DatabaseError::Foreign(postgres.address.to_string())),
        }
    }

    /// The URL without its password; no more than what it is of, if it cannot be read.
    pub(super) fn shown(url: &str) -> String {
        Address::parse(url).map_or_else(|_| "PostgreSQL".to_owned(), |address| address.to_string())
    }

    fn connect(url: &str) -> Result<Self, DatabaseError> {
        let address = Address::parse(url)?;
        let client = address.connect()?;
        Ok(Self {
            address,
            client,
            is_lost: false,
            is_inside: false,
            is_durable: true,
            deadline: None,
            statements: HashMap::new(),
            n_statements: 0,
            staged: Vec::new(),
            term: None,
        })
    }

    /// A number for an advisory lock of this schema. Locks are the database's, so its name need not be in it.
    fn lock(&mut self, name: &str) -> Result<i64, DatabaseError> {
        let answer = self.ask("SELECT current_schema()", &[])?;
        let schema = match answer.first().map(|row| row.value(0)) {
            Some(Value::Text(schema)) => schema.to_owned(),
            _ => self.address.schema.clone().unwrap_or_default(),
        };
        let digest = Sha256::digest(format!("streamctl index/{schema}/{name}"));
        Ok(i64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes")))
    }

    fn begin_by(&mut self, statement: &str) -> Result<(), DatabaseError> {
        let begun = self.execute(statement);
        // A server that went away in the meantime is noticed here, where nothing is lost with it.
        if matches!(begun, Err(DatabaseError::Lost { .. })) {
            self.execute(statement)?;
        } else {
            begun?;
        }
        self.is_inside = true;
        Ok(())
    }

    fn migrate(&mut self) -> Result<(), DatabaseError> {
        if self.version()? == Some(MIGRATIONS.len()) {
            return Ok(());
        }
        // Before the schema is made there is none to name the lock after; all new schemas of a database share one.
        let lock = self.lock("migrate")?;
        self.begin()?;
        let result = self.migrate_inside(lock);
        if result.is_ok() { self.commit() } else { self.roll_back().and(result) }
    }

    fn migrate_inside(&mut self, lock: i64) -> Result<(), DatabaseError> {
        self.ask("SELECT pg_advisory_xact_lock(?1) IS NULL", &[Value::Integer(lock)])?;
        if let Some(schema) = self.address.schema.clone() {
            let sql = "SELECT 1 FROM pg_namespace WHERE nspname = ?1";
            if self.ask(sql, &[Value::Text(&schema)])?.is_empty() {
                self.execute(&format!("CREATE SCHEMA {schema}"))?;
            }
        }
        let done = match self.version()? {
            Some(done) => done,
            None if self.n_tables()? == 0 => {
                self.execute(&format!("CREATE TABLE {VERSION_TABLE} (version BIGINT NOT NULL, term BIGINT NOT NULL)"))?;
                self.execute(&format!("INSERT INTO {VERSION_TABLE} VALUES (0, 0)"))?;
                0
            }
            None => return Err(DatabaseError::Foreign(self.address.to_string())),
        };
        for migration in &MIGRATIONS[done..] {
            self.execute(&dialect::translate(migration, &[]))?;
        }
        self.execute(&format!("UPDATE {VERSION_TABLE} SET version = {}", MIGRATIONS.len()))
    }

    /// How many migrations have been made; nothing if there is no version table.
    fn version(&mut self) -> Result<Option<usize>, DatabaseError> {
        if self.ask("SELECT 1 WHERE to_regclass(?1) IS NOT NULL", &[Value::Text(VERSION_TABLE)])?.is_empty() {
            return Ok(None);
        }
        let answer = self.ask(&format!("SELECT version FROM {VERSION_TABLE}"), &[])?;
        let version = answer.first().and_then(|row| row.count(0).ok()).and_then(|version| version.try_into().ok());
        let version = version.filter(|version| *version <= MIGRATIONS.len());
        version.map(Some).ok_or_else(|| DatabaseError::Foreign(self.address.to_string()))
    }

    fn n_tables(&mut self) -> Result<u64, DatabaseError> {
        let sql = "SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
                   WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'f')";
        let answer = self.ask(sql, &[])?;
        Ok(answer.first().and_then(|row| row.count(0).ok()).expect("a count is a number"))
    }

    /// Connects again if the connection is lost. A transaction cannot go on over another connection.
    fn connected(&mut self) -> Result<(), DatabaseError> {
        if !self.is_lost && !self.client.is_closed() {
            return Ok(());
        }
        self.is_lost = true;
        if self.is_inside {
            return Err(self.address.lost("the connection was lost inside a transaction"));
        }
        self.client = self.address.connect()?;
        self.is_lost = false;
        self.statements.clear();
        self.n_statements = 0;
        self.staged.clear();
        if !self.is_durable {
            self.execute("SET synchronous_commit = off")?;
        }
        self.lead_again()
    }

    /// Takes the lead on a fresh connection if the lost one had it, and nobody else did in between.
    fn lead_again(&mut self) -> Result<(), DatabaseError> {
        let Some(term) = self.term.take() else { return Ok(()) };
        if self.take_lead()? {
            let answer = self.ask(&format!("SELECT term FROM {VERSION_TABLE}"), &[])?;
            if answer.first().is_some_and(|row| row.value(0) == Value::Integer(term)) {
                self.term = Some(term);
                return Ok(());
            }
        }
        // Dropping the connection gives the lead back; the next use of this one finds out the same.
        self.term = Some(term);
        self.is_lost = true;
        Err(DatabaseError::Deposed(self.address.to_string()))
    }

    fn take_lead(&mut self) -> Result<bool, DatabaseError> {
        let lock = self.lock("lead")?;
        let answer = self.ask("SELECT pg_try_advisory_lock(?1)", &[Value::Integer(lock)])?;
        Ok(answer.first().is_some_and(|row| row.value(0) == Value::Integer(1)))
    }

    fn failed(&mut self, error: ::postgres::Error) -> DatabaseError {
        self.is_lost |= self.client.is_closed() || is_lost(&error);
        if self.deadline.is_some() && is_canceled(&error) {
            // The server counts whole milliseconds and may be early; a transaction that it has aborted is over.
            self.deadline = Some(Instant::now());
            return DatabaseError::Late;
        }
        if self.is_lost { self.address.lost(&words(&error)) } else { error.into() }
    }

    fn execute(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.connected()?;
        self.client.batch_execute(sql).map_err(|error| self.failed(error))
    }

    /// The statement for parameters of these types, which is kept ready.
    fn prepare(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Statement, DatabaseError> {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(DatabaseError::Late);
        }
        self.connected()?;
        // What has no value is not among the parameters of the translated statement.
        let types: Vec<SqlType> = values.iter().map(|value| sql_type(*value)).collect();
        let ready = self.statements.get(sql).and_then(|all| all.iter().find(|(known, _)| *known == types));
        if let Some((_, statement)) = ready {
            return Ok(statement.clone());
        }
        if self.n_statements >= N_STATEMENTS {
            self.statements.clear();
            self.n_statements = 0;
        }
        let prepared = self.client.prepare_typed(&dialect::translate(sql, values), &types);
        let statement = prepared.map_err(|error| self.failed(error))?;
        self.statements.entry(sql.to_owned()).or_default().push((types, statement.clone()));
        self.n_statements += 1;
        Ok(statement)
    }
}

impl Drop for Postgres {
    /// Gives the lead back before the connection closes, because the server notices that only a little later.
    fn drop(&mut self) {
        if self.term.is_some() && !self.is_lost {
            self.client.end_with("ROLLBACK; SELECT pg_advisory_unlock_all()");
        }
    }
}

impl Database for Postgres {
    fn run(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let statement = self.prepare(sql, values)?;
        let parameters = parameters(values)?;
        self.client.execute(&statement, &parameters).map_err(|error| self.failed(error))
    }

    fn ask(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Rows, DatabaseError> {
        let statement = self.prepare(sql, values)?;
        let mut rows = Rows::new(statement.columns().len());
        let read = read(&mut self.client, &statement, &parameters(values)?, &mut rows);
        match read {
            Ok(()) => Ok(rows),
            Err(DatabaseError::Postgres(error)) => Err(self.failed(error)),
            Err(error) => Err(error),
        }
    }

    fn insert(&mut self, table: &Table, rows: &Rows) -> Result<u64, DatabaseError> {
        expect_fit(table, rows);
        if rows.len() < N_COPY {
            return if rows.is_empty() { Ok(0) } else { self.insert_arrays(table, rows) };
        }
        if self.is_inside {
            return self.insert_copy(table, rows);
        }
        super::transaction(self, |database| database.insert(table, rows))
    }

    fn create(&mut self, table: &Table) -> Result<(), DatabaseError> {
        let names =
            [table.name.clone()].into_iter().chain((0..table.indexes.len()).map(|number| index_name(table, number)));
        let names = names.chain(table.columns.iter().map(|column| column.name.clone()));
        if let Some(name) = names.into_iter().find(|name| name.len() > N_NAME) {
            let n_bytes = name.len();
            let text =
                format!("the name {name} has {n_bytes} bytes, and PostgreSQL keeps {N_NAME}; shorten the source's");
            return Err(DatabaseError::Address(text));
        }
        // Two that make the same table at once get in each other's way, whatever IF NOT EXISTS promises.
        let lock = self.lock("migrate")?;
        let name = &table.name;
        let mut sql =
            format!("SELECT pg_advisory_xact_lock({lock}); CREATE TABLE IF NOT EXISTS {name} ({})", definition(table));
        for (number, index) in table.indexes.iter().enumerate() {
            let columns = index.join(", ");
            sql += &format!("; CREATE INDEX IF NOT EXISTS {} ON {name} ({columns})", index_name(table, number));
        }
        self.execute(&dialect::translate(&sql, &[]))
    }

    fn begin(&mut self) -> Result<(), DatabaseError> {
        self.begin_by("BEGIN")
    }

    fn begin_to_read(&mut self) -> Result<(), DatabaseError> {
        self.begin_by(BEGIN_TO_READ)
    }

    fn begin_to_read_until(&mut self, deadline: Instant) -> Result<(), DatabaseError> {
        // 0 would be no bound. The server's bound is one of 31 bits, for each statement by itself.
        let time = deadline.saturating_duration_since(Instant::now()).as_millis().clamp(1, MAX_TIME_MS);
        self.begin_by(&format!("{BEGIN_TO_READ}; SET LOCAL statement_timeout = {time}"))?;
        self.deadline = Some(deadline);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), DatabaseError> {
        self.deadline = None;
        let committed = self.execute("COMMIT");
        self.is_inside = false;
        committed
    }

    fn roll_back(&mut self) -> Result<(), DatabaseError> {
        self.deadline = None;
        self.is_inside = false;
        // The server has rolled back what a lost connection had begun.
        if self.is_lost || self.client.is_closed() { Ok(()) } else { self.execute("ROLLBACK") }
    }

    fn durable(&mut self, durable: bool) -> Result<(), DatabaseError> {
        if self.is_durable != durable {
            self.execute(&format!("SET synchronous_commit = {}", if durable { "on" } else { "off" }))?;
            self.is_durable = durable;
        }
        Ok(())
    }

    fn lead(&mut self) -> Result<bool, DatabaseError> {
        self.connected()?;
        if self.term.is_none() && self.take_lead()? {
            let answer = self.ask(&format!("UPDATE {VERSION_TABLE} SET term = term + 1 RETURNING term"), &[])?;
            self.term = answer.first().and_then(|row| row.integer(0).ok());
        }
        Ok(self.term.is_some())
    }

    fn skip_locked(&self) -> &'static str {
        " FOR UPDATE SKIP LOCKED"
    }
}

/// The type that a parameter is sent as. Nothing else is CHAR, so that what has no value has a statement of its own.
fn sql_type(value: Value<'_>) -> SqlType {
    match value {
        Value::Integer(_) => SqlType::INT8,
        Value::Blob(_) => SqlType::BYTEA,
        Value::Text(_) => SqlType::TEXT,
        Value::Null => SqlType::CHAR,
    }
}

type Parameter<'a> = &'a (dyn ToSql + Sync);

fn parameters<'a>(values: &'a [Value<'a>]) -> Result<Vec<Parameter<'a>>, DatabaseError> {
    let parameter = |value: &'a Value<'a>| -> Result<Parameter<'a>, DatabaseError> {
        Ok(match value {
            Value::Integer(value) => value,
            Value::Blob(bytes) => bytes,
            Value::Text(content) => {
                text(content)?;
                content
            }
            Value::Null => &None::<i8>,
        })
    };
    values.iter().map(parameter).collect()
}

fn read(
    client: &mut Client,
    statement: &Statement,
    parameters: &[Parameter<'_>],
    rows: &mut Rows,
) -> Result<(), DatabaseError> {
    let mut answer = client.query_raw(statement, parameters.iter().copied())?;
    while let Some(row) = answer.next()? {
        for column in 0..row.len() {
            let cell = row.try_get::<_, Option<Cell<'_>>>(column).map_err(|_| {
                let kind = row.columns()[column].type_().name().to_owned();
                DatabaseError::Column { column, kind }
            })?;
            rows.push(cell.map_or(Value::Null, |cell| cell.0));
        }
    }
    Ok(())
}

/// A cell of an answer.
struct Cell<'a>(Value<'a>);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(kind: &SqlType, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *kind {
            SqlType::INT8 => Value::Integer(i64::from_sql(kind, raw)?),
            SqlType::INT4 => Value::Integer(i32::from_sql(kind, raw)?.into()),
            SqlType::INT2 => Value::Integer(i16::from_sql(kind, raw)?.into()),
            SqlType::BOOL => Value::Integer(bool::from_sql(kind, raw)?.into()),
            SqlType::NUMERIC => Value::Integer(dialect::integer(raw).ok_or("no integer of 64 bits")?),
            SqlType::BYTEA => Value::Blob(raw),
            _ => Value::Text(<&str>::from_sql(kind, raw)?),
        }))
    }

    fn accepts(kind: &SqlType) -> bool {
        let numbers = [SqlType::INT8, SqlType::INT4, SqlType::INT2, SqlType::BOOL, SqlType::NUMERIC, SqlType::BYTEA];
        numbers.contains(kind) || <&str as FromSql<'_>>::accepts(kind)
    }
}
