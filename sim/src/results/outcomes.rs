//! Outcomes of a part, read back.

use alloy_primitives::hex;

use super::{
    Reader, Results, ResultsError, part,
    table::{Block, Field},
};
use crate::{
    model::{Failure, Run},
    rows::Cells,
    runner::{Outcome, canonical, text_of},
};

/// Rows that are read at a time.
const READ_ROWS: usize = 4_096;

impl Results {
    /// The outcomes of the runs of a part.
    ///
    /// # Errors
    /// If the file is damaged, or of other runs.
    pub(crate) fn outcomes_of(&self, part: u64) -> Result<Vec<Outcome>, ResultsError> {
        let path = self.directory.join(part::file(part, part::RUNS));
        let every: Vec<usize> = (0..self.layout.runs.len()).collect();
        let mut reader = Reader::open(&path, &self.layout.runs, &every)?;
        let mut ids = self.parts.runs(part);
        let mut outcomes = Vec::new();
        loop {
            let blocks = reader.next(READ_ROWS).map_err(ResultsError::damaged(&path))?;
            let n = blocks.first().map_or(0, Block::len);
            for row in 0..n {
                let surplus = || "it has more runs than its part".to_owned();
                let outcome = ids.next().ok_or_else(surplus).and_then(|id| self.outcome(id, &blocks, row));
                outcomes.push(outcome.map_err(ResultsError::damaged(&path))?);
            }
            if n == 0 {
                break;
            }
        }
        match ids.next() {
            Some(id) => Err(ResultsError::damaged(&path)(format!("it lacks {}", said(&self.plan().run(id))))),
            None => Ok(outcomes),
        }
    }

    fn outcome(&self, id: u64, blocks: &[Block], row: usize) -> Result<Outcome, String> {
        let run = self.plan().run(id);
        let mut expected: Vec<Block> = self.layout.runs.iter().map(Field::block).collect();
        for (block, id) in expected.iter_mut().zip([self.description.simulation.into(), run.subset, run.number]) {
            block.integers(i64::try_from(id).into_iter());
        }
        for (block, (_, value)) in expected[self.layout.run_parameters()].iter_mut().zip(&run.point.values) {
            block.push(value, 1);
        }
        let facts = self.layout.run_facts();
        if let Some(column) = (0..facts).find(|column| !is_equal((&blocks[*column], row), (&expected[*column], 0))) {
            let name = &self.layout.runs[column].name;
            return Err(format!("the {name} of {} is another than the plan's", said(&run)));
        }
        let count = |index: usize| {
            let Block::Cells(Cells::Integer(cells)) = &blocks[facts + index] else { return Err("no number") };
            u64::try_from(cells[row]).map_err(|_| "a count below zero")
        };
        let text = |index: usize| {
            let Block::Cells(Cells::Text(text, ends)) = &blocks[facts + index] else { return Err("no text") };
            Ok(text_of(text, ends, row))
        };
        let is_failed = |index: usize| {
            let Block::Flags(cells) = &blocks[facts + index] else { return Err("no flag") };
            Ok(cells[row])
        };
        let kpi = |block: &Block| {
            let Block::Cells(Cells::Float(cells)) = block else { return Err("no KPI") };
            Ok(cells[row])
        };
        let read = || {
            let mut hash = [0; 32];
            hex::decode_to_slice(text(1)?, &mut hash).map_err(|_| "no hash")?;
            let failure =
                is_failed(2)?.then(|| Ok::<_, &str>(Failure { timestep: count(3)?, reason: text(4)?.to_owned() }));
            Ok(Outcome {
                subset: run.subset,
                number: run.number,
                n_rows: count(0)?,
                hash,
                kpis: blocks[facts + 5..].iter().map(kpi).collect::<Result<_, _>>()?,
                failure: failure.transpose()?,
            })
        };
        read().map_err(|what: &str| format!("{} has {what} where there is one", said(&run)))
    }
}

/// Whether two cells are the same to the bit.
pub(super) fn is_equal((a, row_a): (&Block, usize), (b, row_b): (&Block, usize)) -> bool {
    match (a, b) {
        (Block::Flags(a), Block::Flags(b)) => a[row_a] == b[row_b],
        (Block::Cells(Cells::Integer(a)), Block::Cells(Cells::Integer(b))) => a[row_a] == b[row_b],
        (Block::Cells(Cells::Float(a)), Block::Cells(Cells::Float(b))) => {
            canonical(a[row_a]).to_bits() == canonical(b[row_b]).to_bits()
        }
        (Block::Cells(Cells::Text(a, ends_a)), Block::Cells(Cells::Text(b, ends_b))) => {
            text_of(a, ends_a, row_a) == text_of(b, ends_b, row_b)
        }
        _ => false,
    }
}

/// A run in words.
pub(super) fn said(run: &Run<'_>) -> String {
    format!("run {} of subset {}", run.number, run.subset)
}
