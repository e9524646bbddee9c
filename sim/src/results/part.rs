//! A part that is being written: rows and outcomes of consecutive runs, in groups that bound what is in memory.

use std::{fs::File, io, mem};

use alloy_primitives::hex;

use super::{
    Results, ResultsError,
    csv::CsvWriter,
    disk::Draft,
    parquet::ParquetWriter,
    table::{Block, Field, Layout},
};
use crate::{
    model::{Run, Value},
    rows::Rows,
    runner::Outcome,
};

/// The ending of the file of outcomes.
pub(super) const RUNS: &str = "runs.parquet";

/// A group is written once it has this many rows,
const GROUP_ROWS: usize = 1 << 16;
/// or this many cells,
const GROUP_CELLS: usize = 1 << 20;
/// or this much text.
const GROUP_TEXT_BYTES: usize = 1 << 24;

/// The name of a file of a part.
pub(super) fn file(part: u64, ending: &str) -> String {
    format!("part-{part:05}.{ending}")
}

/// A table that is being written.
pub(super) struct Table<W: io::Write + Send> {
    writers: Vec<Writer<W>>,
    blocks: Vec<Block>,
}

/// In which format.
pub(super) enum Writer<W: io::Write + Send> {
    Parquet(Box<ParquetWriter<W>>),
    Csv(CsvWriter<W>),
}

impl<W: io::Write + Send> Writer<W> {
    /// Begins a table in the format that `ending` names.
    pub(super) fn begin(to: W, ending: &str, fields: &[Field]) -> io::Result<Self> {
        if ending == "csv" {
            return CsvWriter::begin(to, fields).map(Self::Csv);
        }
        ParquetWriter::begin(to, fields).map(|writer| Self::Parquet(Box::new(writer)))
    }

    fn write(&mut self, blocks: &[Block]) -> io::Result<()> {
        match self {
            Self::Parquet(writer) => writer.write(blocks),
            Self::Csv(writer) => writer.write(blocks),
        }
    }

    fn end(self) -> io::Result<W> {
        match self {
            Self::Parquet(writer) => writer.end(),
            Self::Csv(writer) => writer.end(),
        }
    }
}

impl<W: io::Write + Send> Table<W> {
    /// A table that each of `writers` takes.
    pub(super) fn of(writers: Vec<Writer<W>>, fields: &[Field]) -> Self {
        Self { writers, blocks: fields.iter().map(Field::block).collect() }
    }

    /// Adds `n` rows of a run: the first of `rows`.
    fn rows(&mut self, layout: &Layout, simulation: u32, run: &Run<'_>, rows: (&Rows, usize)) -> io::Result<()> {
        let (rows, n) = rows;
        let (ids, others) = self.blocks.split_at_mut(layout.columns().start);
        let (columns, parameters) = others.split_at_mut(layout.columns().len());
        for (block, id) in ids.iter_mut().zip([u64::from(simulation), run.subset, run.number]) {
            block.push(&Value::Integer(signed(id)), n);
        }
        ids[3].integers(rows.substeps()[..n].iter().map(|substep| i64::from(*substep)));
        ids[4].integers(rows.timesteps()[..n].iter().map(|timestep| signed(*timestep)));
        for (block, cells) in columns.iter_mut().zip(rows.cells()) {
            block.append(cells, n);
        }
        for (block, (_, value)) in parameters.iter_mut().zip(&run.point.values) {
            block.push(value, n);
        }
        self.flush_if_full()
    }

    /// Adds the outcome of a run.
    pub(super) fn outcome(&mut self, simulation: u32, run: &Run<'_>, outcome: &Outcome) -> io::Result<()> {
        let integer = |value: u64| Value::Integer(signed(value));
        let failure = outcome.failure.as_ref();
        let ids = [u64::from(simulation), run.subset, run.number].map(integer);
        let facts = [
            integer(outcome.n_rows),
            Value::Text(hex::encode(outcome.hash)),
            Value::Flag(failure.is_some()),
            integer(failure.map_or(0, |failure| failure.timestep)),
            Value::Text(failure.map_or_else(String::new, |failure| failure.reason.clone())),
        ];
        let parameters = run.point.values.iter().map(|(_, value)| value.clone());
        let kpis = outcome.kpis.iter().map(|kpi| Value::Float(*kpi));
        for (block, value) in self.blocks.iter_mut().zip(ids.into_iter().chain(parameters).chain(facts).chain(kpis)) {
            block.push(&value, 1);
        }
        self.flush_if_full()
    }

    /// Groups depend on the rows alone, so equal rows make equal files.
    fn flush_if_full(&mut self) -> io::Result<()> {
        let n_full = (GROUP_CELLS / self.blocks.len()).clamp(1, GROUP_ROWS);
        let is_full = self.blocks[0].len() >= n_full
            || self.blocks.iter().map(Block::text_bytes).sum::<usize>() >= GROUP_TEXT_BYTES;
        if is_full { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        for writer in &mut self.writers {
            writer.write(&self.blocks)?;
        }
        self.blocks.iter_mut().for_each(Block::clear);
        Ok(())
    }

    /// Ends the files.
    pub(super) fn end(mut self) -> io::Result<Vec<W>> {
        if self.blocks[0].len() > 0 {
            self.flush()?;
        }
        mem::take(&mut self.writers).into_iter().map(Writer::end).collect()
    }
}

/// The runner numbers no run, row or timestep beyond 2^63 - 1.
fn signed(value: u64) -> i64 {
    i64::try_from(value).expect("the runner keeps numbers below 2^63")
}

/// A part that is being written.
pub(crate) struct PartWriter<'a> {
    results: &'a Results,
    drafts: Vec<Draft>,
    rows: Table<Buffered>,
    runs: Table<Buffered>,
}

type Buffered = io::BufWriter<File>;

impl<'a> PartWriter<'a> {
    /// Begins a part.
    ///
    /// # Errors
    /// If its files cannot be made.
    pub(crate) fn begin(results: &'a Results, part: u64) -> Result<Self, ResultsError> {
        let mut drafts = Vec::new();
        let mut begin = |ending: &str, fields: &[Field]| {
            let (draft, to) = Draft::create(results.directory.join(file(part, ending)))?;
            let writer = Writer::begin(io::BufWriter::new(to), ending, fields);
            let writer = writer.map_err(ResultsError::at(draft.target()))?;
            drafts.push(draft);
            Ok::<_, ResultsError>(writer)
        };
        let (row_fields, run_fields) = (&results.layout.rows, &results.layout.runs);
        let endings = results.description.format.endings().iter();
        let rows = endings.map(|ending| begin(ending, row_fields)).collect::<Result<_, _>>()?;
        let runs = vec![begin(RUNS, run_fields)?];
        Ok(Self { results, drafts, rows: Table::of(rows, row_fields), runs: Table::of(runs, run_fields) })
    }

    /// Adds `n` rows of a run: the first of `rows`.
    ///
    /// # Errors
    /// If the disk is full.
    pub(crate) fn rows(&mut self, run: &Run<'_>, rows: &Rows, n: usize) -> Result<(), ResultsError> {
        let Results { layout, description, .. } = self.results;
        let written = self.rows.rows(layout, description.simulation, run, (rows, n));
        written.map_err(ResultsError::at(self.drafts[0].target()))
    }

    /// Adds the outcome of a run, after its rows.
    ///
    /// # Errors
    /// If the disk is full.
    pub(crate) fn outcome(&mut self, run: &Run<'_>, outcome: &Outcome) -> Result<(), ResultsError> {
        let written = self.runs.outcome(self.results.description.simulation, run, outcome);
        written.map_err(ResultsError::at(self.drafts[self.drafts.len() - 1].target()))
    }

    /// Ends the part. The outcomes come into place last: they say that the part is there.
    ///
    /// # Errors
    /// If the disk is full.
    pub(crate) fn finish(self) -> Result<(), ResultsError> {
        let path = self.drafts[0].target().to_owned();
        let mut files = self.rows.end().map_err(ResultsError::at(&path))?;
        files.extend(self.runs.end().map_err(ResultsError::at(&path))?);
        for (draft, file) in self.drafts.into_iter().zip(files) {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error).map_err(ResultsError::at(&path))?;
            draft.finish(&file)?;
        }
        Ok(())
    }
}
