//! Tables for people: a line of heads, a line for each row, columns as wide as their widest cell.

use std::fmt;

/// A column: what is above it, and on which side its cells stand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// Words.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

/// Writes the table. Every row has a cell for each column.
pub(crate) fn write_table(f: &mut fmt::Formatter<'_>, columns: &[Column], rows: &[Vec<String>]) -> fmt::Result {
    let heads = columns.iter().map(|column| column.head().to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&heads).chain(rows).collect();
    let width = |i: usize| lines.iter().map(|cells| cells[i].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for cells in &lines {
        let mut line = String::new();
        for ((cell, column), width) in cells.iter().zip(columns).zip(&widths) {
            line.push_str(&match column {
                Column::Left(_) => format!("{cell:<width$}"),
                Column::Right(_) => format!("{cell:>width$}"),
            });
            line.push_str("  ");
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

impl Column {
    const fn head(self) -> &'static str {
        match self {
            Self::Left(head) | Self::Right(head) => head,
        }
    }
}
