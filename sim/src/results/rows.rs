//! Rows of runs, read back as numbers, some at a time.

use std::{path::PathBuf, vec};

use super::{Reader, Results, ResultsError, table::Block};
use crate::{rows::Cells, runner::number};

/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;
/// Subset, run, substep and timestep in the long table.
const IDS: [usize; 4] = [1, 2, 3, 4];

/// Some rows, all of one part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The point of each row's run.
    pub subsets: Vec<u64>,
    /// The number of each row's run.
    pub numbers: Vec<u64>,
    /// The timesteps.
    pub timesteps: Vec<u64>,
    /// The substeps.
    pub substeps: Vec<u64>,
    /// The columns asked for. Text that is no number is NaN; yes and no are 1 and 0.
    pub values: Vec<Vec<f64>>,
}

/// The rows of all runs that are there, in the order of their ids.
pub struct Batches<'a> {
    results: &'a Results,
    wanted: Vec<usize>,
    parts: vec::IntoIter<u64>,
    current: Option<(PathBuf, Reader)>,
}

impl<'a> Batches<'a> {
    pub(super) fn of(results: &'a Results, columns: &[&str]) -> Result<Self, ResultsError> {
        let fields = &results.layout.rows;
        let first = IDS.len() + 1;
        let index = |name: &&str| {
            let found = fields[first..].iter().position(|field| field.name == *name);
            found.map(|index| index + first).ok_or_else(|| ResultsError::UnknownColumn {
                column: (*name).to_owned(),
                columns: fields[first..].iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", "),
            })
        };
        let mut wanted = IDS.to_vec();
        for name in columns {
            wanted.push(index(name)?);
        }
        let parts: Vec<u64> = (0..results.n_parts()).filter(|part| results.has(*part)).collect();
        Ok(Self { results, wanted, parts: parts.into_iter(), current: None })
    }

    fn read(&mut self) -> Result<Option<Batch>, ResultsError> {
        loop {
            if let Some((path, reader)) = &mut self.current {
                let blocks = reader.next(BATCH_ROWS).map_err(ResultsError::damaged(path))?;
                if blocks.first().is_some_and(|block| block.len() > 0) {
                    return batch(&blocks).map(Some).map_err(ResultsError::damaged(path));
                }
            }
            let Some(part) = self.parts.next() else { return Ok(None) };
            let path = self.results.files(part).swap_remove(0);
            let reader = Reader::open(&path, &self.results.layout.rows, &self.wanted)?;
            self.current = Some((path, reader));
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, ResultsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.read().transpose();
        if matches!(batch, Some(Err(_))) {
            (self.parts, self.current) = (Vec::new().into_iter(), None);
        }
        batch
    }
}

fn batch(blocks: &[Block]) -> Result<Batch, String> {
    Ok(Batch {
        subsets: ids(&blocks[0])?,
        numbers: ids(&blocks[1])?,
        substeps: ids(&blocks[2])?,
        timesteps: ids(&blocks[3])?,
        values: blocks[IDS.len()..].iter().map(numbers).collect(),
    })
}

/// Whole numbers that are not below zero.
pub(super) fn ids(block: &Block) -> Result<Vec<u64>, String> {
    let Block::Cells(Cells::Integer(cells)) = block else { return Err("an id is no whole number".to_owned()) };
    cells.iter().map(|id| u64::try_from(*id).map_err(|_| format!("{id} is no id"))).collect()
}

fn numbers(block: &Block) -> Vec<f64> {
    match block {
        Block::Cells(cells) => (0..block.len()).map(|row| number(cells, row)).collect(),
        Block::Flags(cells) => cells.iter().map(|cell| f64::from(u8::from(*cell))).collect(),
    }
}
