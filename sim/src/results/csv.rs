//! Tables as CSV (RFC 4180, lines ended by LF): numbers in the shortest form that reads back the same, infinities as inf.

use std::{
    fmt::Write as _,
    io::{self, BufRead, Write},
};

use super::table::{Block, Field, Hold};
use crate::{
    rows::{Cells, Kind},
    runner::text_of,
};

/// A longer record is none of ours.
const MAX_RECORD_BYTES: u64 = 1 << 28;

/// A file that is being written.
pub(crate) struct CsvWriter<W: Write> {
    to: W,
    text: String,
}

impl<W: Write> CsvWriter<W> {
    /// Begins a table with its header.
    ///
    /// # Errors
    /// If `to` takes no more.
    pub(crate) fn begin(mut to: W, fields: &[Field]) -> io::Result<Self> {
        let mut text = String::new();
        for (index, field) in fields.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            push_quoted(&mut text, &field.name);
        }
        text.push('\n');
        to.write_all(text.as_bytes())?;
        Ok(Self { to, text })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// If `to` takes no more.
    pub(crate) fn write(&mut self, blocks: &[Block]) -> io::Result<()> {
        for row in 0..blocks.first().map_or(0, Block::len) {
            self.text.clear();
            for (index, block) in blocks.iter().enumerate() {
                self.text.push_str(if index == 0 { "" } else { "," });
                push_cell(&mut self.text, block, row);
            }
            self.text.push('\n');
            self.to.write_all(self.text.as_bytes())?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If `to` takes no more.
    pub(crate) fn end(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

fn push_cell(text: &mut String, block: &Block, row: usize) {
    let result = match block {
        Block::Cells(Cells::Float(cells)) => return push_float(text, cells[row]),
        Block::Cells(Cells::Text(cells, ends)) => return push_quoted(text, text_of(cells, ends, row)),
        Block::Cells(Cells::Integer(cells)) => write!(text, "{}", cells[row]),
        Block::Flags(cells) => write!(text, "{}", cells[row]),
    };
    result.expect("a string takes what is written to it");
}

/// The shortest digits that read back the same, with an exponent where zeros would be many.
fn push_float(text: &mut String, value: f64) {
    let size = value.abs();
    let is_plain = value == 0.0 || !value.is_finite() || (1e-6..1e21).contains(&size);
    let result = if is_plain { write!(text, "{value}") } else { write!(text, "{value:e}") };
    result.expect("a string takes what is written to it");
}

fn push_quoted(text: &mut String, field: &str) {
    if !field.contains([',', '"', '\n', '\r']) {
        return text.push_str(field);
    }
    text.push('"');
    for (index, piece) in field.split('"').enumerate() {
        text.push_str(if index == 0 { "" } else { "\"\"" });
        text.push_str(piece);
    }
    text.push('"');
}

/// A file that is being read.
pub(crate) struct CsvReader<R: BufRead> {
    from: R,
    fields: Vec<Field>,
    wanted: Vec<usize>,
    line: u64,
    record: String,
    cells: Vec<String>,
}

impl<R: BufRead> CsvReader<R> {
    /// Begins to read the columns `wanted` of a table with `fields`.
    ///
    /// # Errors
    /// If the file is damaged or has other columns.
    pub(crate) fn open(from: R, fields: &[Field], wanted: &[usize]) -> Result<Self, String> {
        let (fields, wanted) = (fields.to_vec(), wanted.to_vec());
        let mut reader = Self { from, fields, wanted, line: 0, record: String::new(), cells: Vec::new() };
        let has_header = reader.read_record()?;
        let expected: Vec<_> = reader.fields.iter().map(|field| field.name.as_str()).collect();
        if !has_header || reader.cells != expected {
            let (found, expected) = (reader.cells.join(", "), expected.join(", "));
            return Err(format!("its columns are {found}, and those of the plan are {expected}"));
        }
        Ok(reader)
    }

    /// At most `n` more rows, none after the last.
    ///
    /// # Errors
    /// If the file is damaged.
    pub(crate) fn next(&mut self, n: usize) -> Result<Vec<Block>, String> {
        let mut blocks: Vec<Block> = self.wanted.iter().map(|column| self.fields[*column].block()).collect();
        for _ in 0..n {
            let line = self.line + 1;
            if !self.read_record()? {
                break;
            }
            if self.cells.len() != self.fields.len() {
                return Err(format!("line {line} has {} cells, not {}", self.cells.len(), self.fields.len()));
            }
            for (block, column) in blocks.iter_mut().zip(&self.wanted) {
                let (cell, field) = (&self.cells[*column], &self.fields[*column]);
                read_cell(block, cell)
                    .ok_or_else(|| format!("line {line} has {cell:?} for {}, {}", field.name, word(field.hold)))?;
            }
        }
        Ok(blocks)
    }

    /// Reads a record into `cells`; false at the end of the file.
    fn read_record(&mut self) -> Result<bool, String> {
        self.record.clear();
        let mut is_open = false;
        loop {
            let start = self.record.len();
            let room = MAX_RECORD_BYTES.saturating_sub(u64::try_from(start).unwrap_or(u64::MAX));
            let mut line = io::Read::take(&mut self.from, room);
            let n = line.read_line(&mut self.record).map_err(|error| format!("line {}: {error}", self.line + 1))?;
            if n == 0 && start == 0 {
                return Ok(false);
            }
            self.line += u64::from(n > 0);
            if n == 0 || !self.record.ends_with('\n') {
                return Err(format!("line {} is cut off", self.line));
            }
            // A quote within a quoted cell is doubled, so the record goes on while their number is odd.
            is_open ^= self.record.as_bytes()[start..].iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            if !is_open {
                break;
            }
        }
        self.record.pop();
        if self.record.ends_with('\r') {
            self.record.pop();
        }
        self.split()
    }

    fn split(&mut self) -> Result<bool, String> {
        self.cells.clear();
        let mut rest = self.record.as_str();
        loop {
            let mut cell = String::new();
            if rest.starts_with('"') {
                while let Some(quoted) = rest.strip_prefix('"') {
                    let end = quoted.find('"').ok_or_else(|| format!("line {} lacks a quote", self.line))?;
                    cell.push_str(&quoted[..end]);
                    rest = &quoted[end + 1..];
                    if rest.starts_with('"') {
                        cell.push('"');
                    }
                }
            } else {
                let end = rest.find(',').unwrap_or(rest.len());
                cell.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            self.cells.push(cell);
            match rest.strip_prefix(',') {
                Some(others) => rest = others,
                None if rest.is_empty() => return Ok(true),
                None => return Err(format!("line {} has {rest:?} after a quote", self.line)),
            }
        }
    }
}

fn read_cell(block: &mut Block, cell: &str) -> Option<()> {
    match block {
        Block::Cells(Cells::Float(cells)) => cells.push(cell.parse().ok()?),
        Block::Cells(Cells::Integer(cells)) => cells.push(cell.parse().ok()?),
        Block::Flags(cells) => cells.push(cell.parse().ok()?),
        Block::Cells(Cells::Text(text, ends)) => {
            text.push_str(cell);
            ends.push(text.len());
        }
    }
    Some(())
}

const fn word(hold: Hold) -> &'static str {
    match hold {
        Hold::Kind(Kind::Float) => "a number",
        Hold::Kind(Kind::Integer) => "a whole number",
        Hold::Kind(Kind::Text) => "text",
        Hold::Flag => "true or false",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_read_back() {
        let check = |value: f64, expected: &str| {
            let mut text = String::new();
            push_float(&mut text, value);
            assert_eq!(text, expected);
            assert!(value.is_nan() || text.parse::<f64>().unwrap().to_bits() == value.to_bits());
        };
        check(0.1 + 0.2, "0.30000000000000004");
        check(1.0, "1");
        check(-0.0, "-0");
        check(1e20, "100000000000000000000");
        check(1e21, "1e21");
        check(-2.5e-7, "-2.5e-7");
        check(5e-324, "5e-324");
        check(f64::MAX, "1.7976931348623157e308");
        check(f64::NEG_INFINITY, "-inf");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn records_are_split_as_rfc_4180_says() {
        let check = |text: &str, expected: Result<&[&str], &str>| {
            let mut reader = CsvReader {
                from: text.as_bytes(),
                fields: vec![],
                wanted: vec![],
                line: 0,
                record: String::new(),
                cells: vec![],
            };
            let found = reader.read_record().map(|_| reader.cells.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text:?}");
        };
        check("a,b\n", Ok(&["a", "b"]));
        check("a,b\r\n", Ok(&["a", "b"]));
        check(",\n", Ok(&["", ""]));
        check("\"a,\"\"b\"\"\",\"\"\n", Ok(&["a,\"b\"", ""]));
        check("\"a\n\r\nb\",c\n", Ok(&["a\n\r\nb", "c"]));
        check("a\"b,c\n", Err("line 1 is cut off"));
        check("a\"\"b,c\n", Ok(&["a\"\"b", "c"]));
        check("\"a\"b,c\"\"\n", Err("line 1 has \"b,c\\\"\\\"\" after a quote"));
        check("a,b", Err("line 1 is cut off"));
        check("\"a\nb\nc", Err("line 3 is cut off"));
    }
}
