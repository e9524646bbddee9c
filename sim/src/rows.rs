//! What a run records: rows of typed cells, in columns, so that recording costs little and writing is a copy.

use std::fmt::{self, Write};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Numbers with about 16 digits.
    Float,
    /// Whole numbers of 64 bits.
    Integer,
    /// Exact decimals and wide integers in all their digits, names, addresses.
    Text,
}

/// A column's name and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, unique in its table.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

impl Column {
    /// A column of numbers.
    #[must_use]
    pub fn float(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Float }
    }

    /// A column of whole numbers.
    #[must_use]
    pub fn integer(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Integer }
    }

    /// A column of text.
    #[must_use]
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Text }
    }
}

/// The cells of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Numbers.
    Float(Vec<f64>),
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Text, one after the other, and where each ends.
    Text(String, Vec<usize>),
}

/// Rows that were recorded and not yet written.
#[derive(Clone, Debug)]
pub struct Rows {
    timesteps: Vec<u64>,
    substeps: Vec<u32>,
    cells: Vec<Cells>,
    next: usize,
}

impl Rows {
    /// No rows, with these columns.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        let cells = |column: &Column| match column.kind {
            Kind::Float => Cells::Float(Vec::new()),
            Kind::Integer => Cells::Integer(Vec::new()),
            Kind::Text => Cells::Text(String::new(), Vec::new()),
        };
        Self { timesteps: Vec::new(), substeps: Vec::new(), cells: columns.iter().map(cells).collect(), next: 0 }
    }

    /// Begins a row; its cells follow, in the order of the columns.
    ///
    /// # Panics
    /// If the row before lacks cells: a bug of the model.
    pub fn begin(&mut self, timestep: u64, substep: u32) {
        assert!(self.next == if self.timesteps.is_empty() { 0 } else { self.cells.len() }, "a row lacks cells");
        self.timesteps.push(timestep);
        self.substeps.push(substep);
        self.next = 0;
    }

    /// The next cell, a number.
    ///
    /// # Panics
    /// If the next column holds something else: a bug of the model.
    pub fn float(&mut self, value: f64) {
        match self.cells.get_mut(self.next) {
            Some(Cells::Float(cells)) => cells.push(value),
            other => panic!("a float for {other:?}"),
        }
        self.next += 1;
    }

    /// The next cell, a whole number.
    ///
    /// # Panics
    /// If the next column holds something else: a bug of the model.
    pub fn integer(&mut self, value: i64) {
        match self.cells.get_mut(self.next) {
            Some(Cells::Integer(cells)) => cells.push(value),
            other => panic!("an integer for {other:?}"),
        }
        self.next += 1;
    }

    /// The next cell, text.
    ///
    /// # Panics
    /// If the next column holds something else: a bug of the model.
    pub fn text(&mut self, value: impl fmt::Display) {
        match self.cells.get_mut(self.next) {
            Some(Cells::Text(text, ends)) => {
                write!(text, "{value}").expect("a string takes what is written to it");
                ends.push(text.len());
            }
            other => panic!("text for {other:?}"),
        }
        self.next += 1;
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timesteps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timesteps.is_empty()
    }

    /// The timestep of each row.
    #[must_use]
    pub fn timesteps(&self) -> &[u64] {
        &self.timesteps
    }

    /// The substep of each row.
    #[must_use]
    pub fn substeps(&self) -> &[u32] {
        &self.substeps
    }

    /// The cells, by column.
    #[must_use]
    pub fn cells(&self) -> &[Cells] {
        &self.cells
    }

    /// Forgets all rows and keeps their memory.
    pub fn clear(&mut self) {
        self.timesteps.clear();
        self.substeps.clear();
        for cells in &mut self.cells {
            match cells {
                Cells::Float(cells) => cells.clear(),
                Cells::Integer(cells) => cells.clear(),
                Cells::Text(text, ends) => {
                    text.clear();
                    ends.clear();
                }
            }
        }
        self.next = 0;
    }
}
