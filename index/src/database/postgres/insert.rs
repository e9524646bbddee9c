//! Many rows at once: as arrays, or by COPY.

use std::io::Write as _;

use ::postgres::Client;

use super::{Parameter, Postgres};
use crate::{
    database::{Database as _, DatabaseError, text},
    rows::{Rows, Table, Type, Value},
};

/// Bytes that go out at once in a COPY.
const N_COPY_BYTES: usize = 1 << 18;

/// What a binary COPY begins with: signature, no flags, no extension.
const COPY_HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What it ends with.
const COPY_END: [u8; 2] = (-1_i16).to_be_bytes();

impl Postgres {
    /// Inserts by one array a column.
    pub(super) fn insert_arrays(&mut self, table: &Table, rows: &Rows) -> Result<u64, DatabaseError> {
        let columns = table.columns.iter().enumerate().map(|(i, column)| Array::new(column.kind, rows, i));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let places: Vec<_> = (1..).zip(&columns).map(|(i, array)| format!("${i}::{}", array.sql_type())).collect();
        let (name, places) = (&table.name, places.join(", "));
        let sql = format!("INSERT INTO {name} SELECT * FROM unnest({places}) ON CONFLICT DO NOTHING");
        let statement = self.prepare(&sql, &[])?;
        let parameters: Vec<_> = columns.iter().map(Array::parameter).collect();
        self.client.execute(&statement, &parameters).map_err(|error| self.failed(error))
    }

    /// Inserts by COPY into a table of this session, and from there.
    pub(super) fn insert_copy(&mut self, table: &Table, rows: &Rows) -> Result<u64, DatabaseError> {
        let place = self.staged.iter().position(|staged| *staged == table.name).unwrap_or_else(|| {
            self.staged.push(table.name.clone());
            self.staged.len() - 1
        });
        let (name, staging) = (&table.name, format!("pg_temp.staging_{place}"));
        // A transaction that was rolled back took the staging table with it; one that inserts twice left rows in it.
        let made = format!("CREATE TEMP TABLE IF NOT EXISTS staging_{place} (LIKE {name}) ON COMMIT DELETE ROWS");
        self.execute(&format!("{made}; TRUNCATE {staging}"))?;
        let copied = copy(&mut self.client, &format!("COPY {staging} FROM STDIN BINARY"), rows);
        copied.map_err(|error| match error {
            DatabaseError::Postgres(error) => self.failed(error),
            error => error,
        })?;
        self.run(&format!("INSERT INTO {name} SELECT * FROM {staging} ON CONFLICT DO NOTHING"), &[])
    }
}

/// A column of rows.
enum Array<'a> {
    Integers(Vec<Option<i64>>),
    Blobs(Vec<Option<&'a [u8]>>),
    Texts(Vec<Option<&'a str>>),
}

impl<'a> Array<'a> {
    fn new(kind: Type, rows: &'a Rows, i: usize) -> Result<Self, DatabaseError> {
        let cells = rows.iter().map(|row| row.value(i));
        Ok(match kind {
            Type::Integer => Self::Integers(
                cells.map(|cell| if let Value::Integer(value) = cell { Some(value) } else { None }).collect(),
            ),
            Type::Blob => {
                Self::Blobs(cells.map(|cell| if let Value::Blob(bytes) = cell { Some(bytes) } else { None }).collect())
            }
            Type::Text => {
                let content = |cell| if let Value::Text(content) = cell { text(content).map(Some) } else { Ok(None) };
                Self::Texts(cells.map(content).collect::<Result<_, _>>()?)
            }
        })
    }

    fn sql_type(&self) -> &'static str {
        match self {
            Self::Integers(_) => "int8[]",
            Self::Blobs(_) => "bytea[]",
            Self::Texts(_) => "text[]",
        }
    }

    fn parameter(&self) -> Parameter<'_> {
        match self {
            Self::Integers(cells) => cells,
            Self::Blobs(cells) => cells,
            Self::Texts(cells) => cells,
        }
    }
}

fn copy(client: &mut Client, sql: &str, rows: &Rows) -> Result<(), DatabaseError> {
    let n_columns = i16::try_from(rows.n_columns()).expect("a table has at most 1,600 columns").to_be_bytes();
    let mut writer = client.copy_in(sql)?;
    let mut bytes = COPY_HEADER.to_vec();
    for row in rows.iter() {
        bytes.extend_from_slice(&n_columns);
        for i in 0..rows.n_columns() {
            match row.value(i) {
                Value::Integer(value) => copy_cell(&mut bytes, &value.to_be_bytes()),
                Value::Blob(content) => copy_cell(&mut bytes, content),
                Value::Text(content) => copy_cell(&mut bytes, text(content)?.as_bytes()),
                Value::Null => bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
            }
        }
        if bytes.len() >= N_COPY_BYTES {
            // What the server has against it is told by `finish`.
            if writer.write_all(&bytes).is_err() {
                break;
            }
            bytes.clear();
        }
    }
    bytes.extend_from_slice(&COPY_END);
    drop(writer.write_all(&bytes));
    writer.finish()?;
    Ok(())
}

fn copy_cell(bytes: &mut Vec<u8>, content: &[u8]) {
    let n_bytes = i32::try_from(content.len()).expect("a cell is smaller than 2 GiB");
    bytes.extend_from_slice(&n_bytes.to_be_bytes());
    bytes.extend_from_slice(content);
}
