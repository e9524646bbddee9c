//! Rows for spreadsheets and accountants: CSV and Parquet, page by page from the database to a file that is there when
//! it is whole.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::Path,
};

use alloy::primitives::U256;

use crate::{
    Error, Result,
    abi::{EventTable, Meaning},
    block::Blocks,
    database::{Database, reading},
    rows::{Rows, Value},
};

mod cell;
mod csv;
mod parquet;

/// Rows that are in memory at once.
const N_PAGE: usize = 10_000;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text, with a line of names first. Amounts are decimal, hashes hexadecimal, times in ISO 8601, truth values `true`
    /// and `false`. A text of a contract's choice that a spreadsheet would take for a formula has an apostrophe before it,
    /// and so has one that begins with an apostrophe, so that to leave out the first gives the text.
    Csv,
    /// Columns, with types: amounts are decimal text, because no other type holds 256 bits.
    Parquet,
}

/// Epochs from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochIds {
    /// The lowest.
    pub first: u64,
    /// The highest.
    pub last: u64,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    meaning: Meaning,
}

/// Writes the rows of an event in `blocks`, each with the time of its block, in the order of the chain, as they are at one
/// moment. Gives their number.
///
/// # Errors
/// If the file cannot be written; then there is none. Those of the database.
pub fn events(
    database: &mut dyn Database,
    event: &EventTable,
    blocks: Blocks,
    format: Format,
    path: &Path,
) -> Result<u64> {
    let mut columns = columns(&[("block", Meaning::Integer), ("timestamp", Meaning::Time)]);
    for (column, meaning) in event.table.columns.iter().zip(&event.meanings).skip(1) {
        // An argument may have the name that the time of the block has.
        let name = if column.name == "timestamp" { "timestamp_" } else { &column.name };
        columns.push(Column { name: name.to_owned(), meaning: *meaning });
    }
    let names: Vec<_> = event.table.columns.iter().skip(1).map(|column| format!("e.{}", column.name)).collect();
    let sql = format!(
        "SELECT e.block, b.timestamp, {} FROM {} e LEFT JOIN block b ON b.number = e.block
         WHERE e.block >= ?1 AND e.block <= ?2 AND (e.block, e.idx) > (?1, ?3) ORDER BY e.block, e.idx LIMIT {N_PAGE}",
        names.join(", "),
        event.table.name
    );
    let last = Value::Integer(height(blocks.last));
    write(database, path, format, columns, &mut |database, sink| {
        // Places in a block count from 0, so that -1 is before all of them.
        let (mut first, mut idx) = (height(blocks.first), -1);
        loop {
            let rows = database.ask(&sql, &[Value::Integer(first), last, Value::Integer(idx)])?;
            sink.write(&rows)?;
            if let Some(row) = rows.iter().last() {
                (first, idx) = (row.integer(0)?, row.integer(2)?);
            }
            if rows.len() < N_PAGE {
                return Ok(());
            }
        }
    })
}

/// Writes the snapshots of `epochs`, in order of epochs and projects: of all projects, or of one. Gives their number.
///
/// # Errors
/// As [`events`].
pub fn snapshots(
    database: &mut dyn Database,
    project: Option<&str>,
    epochs: EpochIds,
    format: Format,
    path: &Path,
) -> Result<u64> {
    let columns = columns(&[
        ("epoch", Meaning::Integer),
        ("project", Meaning::Text),
        ("first_block", Meaning::Integer),
        ("last_block", Meaning::Integer),
        ("end_timestamp", Meaning::Time),
        ("end_hash", Meaning::Bytes),
        ("is_final", Meaning::Flag),
        ("cid", Meaning::Text),
    ]);
    let sql = "SELECT s.epoch, s.project, e.first, e.last, e.end_timestamp, s.end_hash, \
                      CASE WHEN e.state = 2 THEN 1 ELSE 0 END, s.cid \
               FROM snapshot s JOIN epoch e ON e.id = s.epoch \
               WHERE s.epoch = ?1 AND (?2 IS NULL OR s.project = ?2) ORDER BY s.project";
    write(database, path, format, columns, &mut |database, sink| {
        each_epoch(database, "snapshot", epochs, &mut |database, epoch| {
            sink.write(&database.ask(sql, &[epoch, project.map_or(Value::Null, Value::Text)])?)
        })
    })
}

/// Writes what happened in each of `epochs` and can be added up: per project and name the sum of the epoch, and of all
/// epochs up to it, so that any window is a difference. Gives the number of rows.
///
/// # Errors
/// As [`events`].
pub fn sums(
    database: &mut dyn Database,
    project: Option<&str>,
    epochs: EpochIds,
    format: Format,
    path: &Path,
) -> Result<u64> {
    let columns = columns(&[
        ("epoch", Meaning::Integer),
        ("project", Meaning::Text),
        ("name", Meaning::Text),
        ("end_timestamp", Meaning::Time),
        ("sum", Meaning::Unsigned),
        ("total", Meaning::Unsigned),
    ]);
    let sql = "SELECT p.epoch, p.project, p.name, e.end_timestamp, p.total, \
                      (SELECT q.total FROM prefix_sum q WHERE q.project = p.project AND q.name = p.name \
                       AND q.epoch < p.epoch ORDER BY q.epoch DESC LIMIT 1) \
               FROM prefix_sum p JOIN epoch e ON e.id = p.epoch \
               WHERE p.epoch = ?1 AND (?2 IS NULL OR p.project = ?2) ORDER BY p.project, p.name";
    write(database, path, format, columns, &mut |database, sink| {
        each_epoch(database, "prefix_sum", epochs, &mut |database, epoch| {
            let found = database.ask(sql, &[epoch, project.map_or(Value::Null, Value::Text)])?;
            let mut rows = Rows::new(6);
            for row in found.iter() {
                (0..4).for_each(|i| rows.push(row.value(i)));
                let total = row.amount(4)?;
                let before = if row.is_null(5) { U256::ZERO } else { row.amount(5)? };
                // Totals are residues modulo 2^256.
                rows.push(Value::Blob(&total.wrapping_sub(before).to_be_bytes::<32>()));
                rows.push(row.value(4));
            }
            sink.write(&rows)
        })
    })
}

/// Does `use_epoch` for each of `epochs` that `table` has rows of.
fn each_epoch(
    database: &mut dyn Database,
    table: &str,
    epochs: EpochIds,
    use_epoch: &mut dyn FnMut(&mut dyn Database, Value<'_>) -> Result<()>,
) -> Result<()> {
    let sql = format!("SELECT epoch FROM {table} WHERE epoch >= ?1 AND epoch <= ?2 ORDER BY epoch LIMIT 1");
    let last = Value::Integer(height(epochs.last));
    let mut first = height(epochs.first);
    loop {
        let found = database.ask(&sql, &[Value::Integer(first), last])?;
        let Some(row) = found.first() else { return Ok(()) };
        use_epoch(database, row.value(0))?;
        let Some(next) = row.integer(0)?.checked_add(1) else { return Ok(()) };
        first = next;
    }
}

/// Makes the file at `path` of the rows that `fill` gives, or none.
fn write(
    database: &mut dyn Database,
    path: &Path,
    format: Format,
    columns: Vec<Column>,
    fill: &mut dyn FnMut(&mut dyn Database, &mut Sink) -> Result<()>,
) -> Result<u64> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = reading(database, |database| write_part(database, &part, format, columns, fill))
        .and_then(|n_rows| fs::rename(&part, path).map(|()| n_rows).map_err(|error| refused(path, &error)));
    if written.is_err() {
        fs::remove_file(&part).ok();
    }
    written
}

fn write_part(
    database: &mut dyn Database,
    part: &Path,
    format: Format,
    columns: Vec<Column>,
    fill: &mut dyn FnMut(&mut dyn Database, &mut Sink) -> Result<()>,
) -> Result<u64> {
    let file = File::create(part).map_err(|error| refused(part, &error))?;
    let keep = file.try_clone().map_err(|error| refused(part, &error))?;
    let form: Box<dyn Form> = match format {
        Format::Csv => Box::new(csv::Csv::new(BufWriter::new(file), columns)?),
        Format::Parquet => Box::new(parquet::Parquet::new(BufWriter::new(file), columns)?),
    };
    let mut sink = Sink { form, n_rows: 0 };
    fill(database, &mut sink)?;
    sink.form.finish()?;
    keep.sync_all().map_err(|error| refused(part, &error))?;
    Ok(sink.n_rows)
}

/// Where rows go.
struct Sink {
    form: Box<dyn Form>,
    n_rows: u64,
}

impl Sink {
    fn write(&mut self, rows: &Rows) -> Result<()> {
        self.n_rows += u64::try_from(rows.len()).expect("a page has few rows");
        self.form.write(rows)
    }
}

/// A form of files: takes pages of rows, and ends the file.
trait Form {
    fn write(&mut self, rows: &Rows) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<()>;
}

fn columns(columns: &[(&str, Meaning)]) -> Vec<Column> {
    columns.iter().map(|(name, meaning)| Column { name: (*name).to_owned(), meaning: *meaning }).collect()
}

/// As heights are stored.
fn height(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn refused(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Config(format!("{} cannot be written: {error}; name another file", path.display()))
}
