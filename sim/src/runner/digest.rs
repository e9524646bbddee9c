//! The hash of a run: keccak256 over its canonical encoding, so that equal rows have equal hashes on every machine and in
//! every format of file.
//!
//! The encoding, integers little-endian:
//! - columns: their number (u64), then of each the kind (u8: 0 number, 1 whole number, 2 text) and the name;
//! - of each row: 1 (u8), timestep (u64), substep (u64), then the model's cells: numbers by their IEEE 754 bits (u64; all
//!   NaN as 0x7ff8000000000000), whole numbers as i64, text as below;
//! - at the end: 0 (u8) if the run reached it, else 2 (u8), the timestep (u64) and the reason of its failure.
//!
//! Text is its length in bytes (u64) and its UTF-8. Ids, parameters and KPIs are not hashed: a run's hash says what it
//! recorded, and runs of different points that recorded the same are equal.

use alloy_primitives::Keccak256;

use super::canonical;
use crate::{
    model::Failure,
    rows::{Cells, Column, Kind},
};

/// How much is encoded before it is hashed.
const CHUNK_BYTES: usize = 1 << 14;

/// The hash of a run under way.
pub(crate) struct Digest {
    hasher: Keccak256,
    encoded: Vec<u8>,
}

impl Digest {
    /// Begins with the columns.
    pub(crate) fn of(columns: &[Column]) -> Self {
        let mut digest = Self { hasher: Keccak256::new(), encoded: Vec::with_capacity(CHUNK_BYTES * 2) };
        digest.number(columns.len());
        for column in columns {
            digest.encoded.push(match column.kind {
                Kind::Float => 0,
                Kind::Integer => 1,
                Kind::Text => 2,
            });
            digest.text(&column.name);
        }
        digest
    }

    /// Adds a row: number `row` of `cells`.
    pub(crate) fn row<'a>(&mut self, timestep: u64, substep: u64, row: usize, cells: impl Iterator<Item = &'a Cells>) {
        self.encoded.push(1);
        self.encoded.extend(timestep.to_le_bytes());
        self.encoded.extend(substep.to_le_bytes());
        for cells in cells {
            match cells {
                Cells::Float(cells) => self.encoded.extend(canonical(cells[row]).to_bits().to_le_bytes()),
                Cells::Integer(cells) => self.encoded.extend(cells[row].to_le_bytes()),
                Cells::Text(text, ends) => self.text(text_of(text, ends, row)),
            }
        }
        if self.encoded.len() >= CHUNK_BYTES {
            self.absorb();
        }
    }

    /// Ends, and says the hash.
    pub(crate) fn end(mut self, failure: Option<&Failure>) -> [u8; 32] {
        match failure {
            None => self.encoded.push(0),
            Some(Failure { timestep, reason }) => {
                self.encoded.push(2);
                self.encoded.extend(timestep.to_le_bytes());
                self.text(reason);
            }
        }
        self.absorb();
        self.hasher.finalize().0
    }

    fn number(&mut self, number: usize) {
        self.encoded.extend(u64::try_from(number).expect("a length fits 64 bits").to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.encoded.extend(text.as_bytes());
    }

    fn absorb(&mut self) {
        self.hasher.update(&self.encoded);
        self.encoded.clear();
    }
}

/// Cell `row` of a column of text.
pub(crate) fn text_of<'a>(text: &'a str, ends: &[usize], row: usize) -> &'a str {
    let start = if row == 0 { 0 } else { ends[row - 1] };
    &text[start..ends[row]]
}
