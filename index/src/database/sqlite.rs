//! SQLite: one file, in WAL mode, with one writer and any number of readers.

use std::{
    fs::{self, File, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Instant,
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, ToSql,
    types::{ToSqlOutput, ValueRef},
};

use super::{Database, DatabaseError, MIGRATIONS, definition, expect_fit, index_name, text};
use crate::rows::{Rows, Table, Value};

/// Marks the file as this program's.
const APPLICATION_ID: i64 = 0x5354_5249;

/// Statements that are kept ready.
const N_STATEMENTS: usize = 128;

/// Pages that the log may have before they are copied into the file: 64 MiB. A page that many transactions change, as
/// those of an index by contract, is copied once for them all.
const N_LOG_PAGES: i64 = 16_000;

/// Milliseconds that a connection waits for another that writes.
const BUSY_MS: u64 = 10_000;

/// Steps of SQLite's machine between two looks at the clock: some ten microseconds.
const N_STEPS: i32 = 1_000;

/// A connection to a file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    path: PathBuf,
    is_durable: bool,
    /// When the transaction that reads has to end.
    deadline: Option<Instant>,
    /// The file beside the database that is locked by who follows the chain. The system unlocks it when a process ends.
    lead: Option<File>,
}

impl Sqlite {
    /// Opens the file at `path`, or makes it, and brings its tables up to date. `:memory:` is no file.
    ///
    /// # Errors
    /// If it cannot be made or written, is no database, another program's or a newer version's.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        check_path(path)?;
        // No `SQLITE_OPEN_URI`: a path is a path, whatever it begins with.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| refused(path, error))?;
        connection.set_prepared_statement_cache_capacity(N_STATEMENTS);
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        let mut sqlite = Self { connection, path: path.to_owned(), is_durable: false, deadline: None, lead: None };
        // Looks before it touches: another program's file stays as it is.
        sqlite.looked(path)?;
        sqlite.connection.pragma_update(None, "journal_mode", "WAL").map_err(|error| refused(path, error))?;
        sqlite.connection.pragma_update(None, "synchronous", "NORMAL")?;
        sqlite.connection.pragma_update(None, "wal_autocheckpoint", N_LOG_PAGES)?;
        sqlite.migrate()?;
        Ok(sqlite)
    }

    /// Opens the file at `path` to read only. Waits for nobody who writes.
    ///
    /// # Errors
    /// If it is not there, no database, another program's or another version's.
    pub fn open_to_read(path: &Path) -> Result<Self, DatabaseError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| refused(path, error))?;
        connection.set_prepared_statement_cache_capacity(N_STATEMENTS);
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        let sqlite = Self { connection, path: path.to_owned(), is_durable: false, deadline: None, lead: None };
        let version = sqlite.looked(path)?;
        match version {
            version if version == MIGRATIONS.len() => Ok(sqlite),
            0 => Err(DatabaseError::Empty(path.display().to_string())),
            _ => Err(DatabaseError::Foreign(path.display().to_string())),
        }
    }

    /// The first look at the file, which may be anything.
    fn looked(&self, path: &Path) -> Result<usize, DatabaseError> {
        self.version()
            .map_err(|error| if let DatabaseError::Sqlite(error) = error { refused(path, error) } else { error })
    }

    /// Ends the time that the transaction has, if it has one.
    fn end_time(&mut self) -> Result<(), DatabaseError> {
        if self.deadline.take().is_some() {
            self.connection.progress_handler(0, None::<fn() -> bool>)?;
        }
        Ok(())
    }

    fn read(&self, sql: &str, values: &[Value<'_>]) -> Result<Rows, DatabaseError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let n_columns = statement.column_count();
        let mut answer = statement.query(parameters(values)?)?;
        let mut rows = Rows::new(n_columns);
        while let Some(row) = answer.next()? {
            for i in 0..n_columns {
                rows.push(match row.get_ref(i)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(value) => Value::Integer(value),
                    ValueRef::Blob(bytes) => Value::Blob(bytes),
                    text @ ValueRef::Text(_) => Value::Text(text.as_str().map_err(|error| column_error(i, error))?),
                    ValueRef::Real(_) => return Err(DatabaseError::Column { column: i, kind: "REAL".to_owned() }),
                });
            }
        }
        Ok(rows)
    }

    /// How many migrations have been made.
    fn version(&self) -> Result<usize, DatabaseError> {
        // One statement, so that what another process is making is seen whole or not at all.
        let sql = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
                   FROM pragma_application_id, pragma_user_version";
        let all = |row: &rusqlite::Row<'_>| Ok::<(i64, i64, i64), _>((row.get(0)?, row.get(1)?, row.get(2)?));
        let (id, version, n_tables) = self.connection.query_row(sql, (), all)?;
        let is_ours = id == APPLICATION_ID || (id == 0 && n_tables == 0);
        let version = usize::try_from(version).ok().filter(|version| is_ours && *version <= MIGRATIONS.len());
        version.ok_or_else(|| DatabaseError::Foreign(self.path.display().to_string()))
    }

    fn migrate(&mut self) -> Result<(), DatabaseError> {
        // A reader does not wait for whoever is writing.
        if self.version()? == MIGRATIONS.len() {
            return Ok(());
        }
        self.begin()?;
        let migrated = self.migrate_inside();
        if migrated.is_ok() { self.commit() } else { self.roll_back().and(migrated) }
    }

    fn migrate_inside(&self) -> Result<(), DatabaseError> {
        for migration in &MIGRATIONS[self.version()?..] {
            self.connection.execute_batch(migration)?;
        }
        self.connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        Ok(self.connection.pragma_update(None, "user_version", MIGRATIONS.len())?)
    }
}

/// What a path needs for a database to be there, in clearer words than SQLite's.
fn check_path(path: &Path) -> Result<(), DatabaseError> {
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let problem = match fs::metadata(path) {
        Ok(file) if file.is_dir() => format!("the store {shown} is a folder; name a file in it"),
        Ok(file) if file.permissions().readonly() => {
            format!("the store {shown} may be read and not written; change its permissions, or name another store")
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            format!("the store {shown} would be in a file; name another store")
        }
        Err(_) if folder.is_some_and(|folder| !folder.exists()) => {
            let folder = folder.map(Path::display).expect("it is one that does not exist");
            format!("the folder {folder} of the store {shown} does not exist; make it, or name another store")
        }
        _ => return Ok(()),
    };
    Err(DatabaseError::Address(problem))
}

/// Why the file at `path` cannot be opened.
fn refused(path: &Path, error: rusqlite::Error) -> DatabaseError {
    let shown = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => DatabaseError::Foreign(shown.to_string()),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            DatabaseError::Address(format!(
                "the store {shown} cannot be opened for writing: {error}; check the permissions of the file and its folder, or \
             name another store"
            ))
        }
        _ => error.into(),
    }
}

impl Database for Sqlite {
    fn run(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.execute(parameters(values)?)? as u64)
    }

    fn ask(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Rows, DatabaseError> {
        // Many short statements never come to a look at the clock of their own.
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(DatabaseError::Late);
        }
        self.read(sql, values).map_err(|error| match error {
            DatabaseError::Sqlite(error)
                if self.deadline.is_some() && error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                DatabaseError::Late
            }
            error => error,
        })
    }

    fn insert(&mut self, table: &Table, rows: &Rows) -> Result<u64, DatabaseError> {
        expect_fit(table, rows);
        // Outside of a transaction each row would be one.
        if self.connection.is_autocommit() {
            return super::transaction(self, |database| database.insert(table, rows));
        }
        let places: Vec<_> = (1..=table.columns.len()).map(|i| format!("?{i}")).collect();
        let sql = format!("INSERT INTO {} VALUES ({}) ON CONFLICT DO NOTHING", table.name, places.join(", "));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut n_added = 0;
        for row in rows.iter() {
            for i in 0..rows.n_columns() {
                if let Value::Text(content) = row.value(i) {
                    text(content)?;
                }
                statement.raw_bind_parameter(i + 1, row.value(i))?;
            }
            n_added += statement.raw_execute()? as u64;
        }
        Ok(n_added)
    }

    fn create(&mut self, table: &Table) -> Result<(), DatabaseError> {
        let name = &table.name;
        let mut sql = format!("CREATE TABLE IF NOT EXISTS {name} ({}) WITHOUT ROWID", definition(table));
        for (number, index) in table.indexes.iter().enumerate() {
            let columns = index.join(", ");
            sql += &format!("; CREATE INDEX IF NOT EXISTS {} ON {name} ({columns})", index_name(table, number));
        }
        Ok(self.connection.execute_batch(&sql)?)
    }

    fn begin(&mut self) -> Result<(), DatabaseError> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn begin_to_read(&mut self) -> Result<(), DatabaseError> {
        Ok(self.connection.execute_batch("BEGIN DEFERRED")?)
    }

    fn begin_to_read_until(&mut self, deadline: Instant) -> Result<(), DatabaseError> {
        self.begin_to_read()?;
        self.deadline = Some(deadline);
        Ok(self.connection.progress_handler(N_STEPS, Some(move || Instant::now() >= deadline))?)
    }

    fn commit(&mut self) -> Result<(), DatabaseError> {
        self.end_time()?;
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    fn roll_back(&mut self) -> Result<(), DatabaseError> {
        self.end_time()?;
        Ok(self.connection.execute_batch("ROLLBACK")?)
    }

    fn durable(&mut self, durable: bool) -> Result<(), DatabaseError> {
        if self.is_durable != durable {
            self.connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
            self.is_durable = durable;
        }
        Ok(())
    }

    fn lead(&mut self) -> Result<bool, DatabaseError> {
        if self.lead.is_some() || self.path == Path::new(":memory:") {
            return Ok(true);
        }
        let mut path = self.path.clone().into_os_string();
        path.push("-lead");
        let refused = |error: std::io::Error| {
            let shown = path.display();
            DatabaseError::Address(format!("{shown} cannot be locked: {error}; check the permissions of its folder"))
        };
        let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => self.lead = Some(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        Ok(self.lead.is_some())
    }

    fn skip_locked(&self) -> &'static str {
        ""
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Null => ValueRef::Null,
        }))
    }
}

/// The values as parameters.
fn parameters<'a>(values: &'a [Value<'a>]) -> Result<impl rusqlite::Params + 'a, DatabaseError> {
    for value in values {
        if let Value::Text(content) = value {
            text(content)?;
        }
    }
    Ok(rusqlite::params_from_iter(values))
}

fn column_error(i: usize, error: rusqlite::types::FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(i, rusqlite::types::Type::Text, Box::new(error))
}
