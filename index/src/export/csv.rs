//! CSV by RFC 4180, with line feeds.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
};

use super::{Column, Form, cell};
use crate::{Error, Result, abi::Meaning, rows::Rows};

/// What a cell begins with that a spreadsheet takes for a formula, or for a sign that the next is no formula.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '\''];

pub(super) struct Csv {
    file: BufWriter<File>,
    columns: Vec<Column>,
}

impl Csv {
    pub(super) fn new(file: BufWriter<File>, columns: Vec<Column>) -> Result<Self> {
        let mut csv = Self { file, columns };
        let names: Vec<_> = csv.columns.iter().map(|column| quoted(&column.name)).collect();
        csv.line(&names)?;
        Ok(csv)
    }

    fn line(&mut self, cells: &[String]) -> Result<()> {
        writeln!(self.file, "{}", cells.join(",")).map_err(failed)
    }
}

impl Form for Csv {
    fn write(&mut self, rows: &Rows) -> Result<()> {
        for row in rows.iter() {
            let cells = self.columns.iter().enumerate().map(|(i, column)| {
                if row.is_null(i) {
                    return Ok(String::new());
                }
                let text = cell::text(row, i, column.meaning)?;
                let is_risky = column.meaning == Meaning::Text && text.starts_with(SIGNS);
                Ok(quoted(&if is_risky { format!("'{text}") } else { text }))
            });
            let cells = cells.collect::<Result<Vec<_>>>()?;
            self.line(&cells)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.file.flush().map_err(failed)
    }
}

/// In quotes where a comma, a quote or the end of a line would be taken for the file's own.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn failed(error: std::io::Error) -> Error {
    Error::Config(format!("the export cannot be written: {error}; name a file where there is room"))
}
