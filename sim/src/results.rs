//! Results in a folder: what was planned, the rows and the outcomes of all runs, read back part by part.
//!
//! | file | what |
//! | --- | --- |
//! | `plan.json` | all that decides what the results are |
//! | `part-00012.parquet`, `part-00012.csv` | the rows of consecutive runs, in the order of their ids |
//! | `part-00012.runs.parquet` | the outcomes of the same runs, one row each |
//! | `runs.csv`, `runs.parquet` | the outcomes of all runs |
//! | `failures.csv` | the runs that failed, if any did |
//! | `manifest.json` | the fingerprint, and how many of what |
//!
//! A part is there once its outcomes are. The last three are made when all parts are there, from the parts alone.

use std::{
    fs::File,
    io::{self, BufReader},
    ops::Range,
    path::{Path, PathBuf},
};

mod csv;
mod disk;
mod finish;
mod merge;
mod outcomes;
mod parquet;
mod part;
mod plan;
mod rows;
mod table;
mod verify;

pub use finish::Manifest;
pub use merge::{Merged, merge};
pub use plan::{Description, Format};
pub use rows::{Batch, Batches};
pub use verify::{Verdict, verify};

pub(crate) use disk::{UNFINISHED, names};
pub(crate) use finish::{OTHER_FILES, finish};
pub(crate) use part::PartWriter;
pub(crate) use plan::PROGRAM;
pub(crate) use table::Layout;

use crate::{
    kpi::Kpi,
    rows::Column,
    runner::{Outcome, Plan, RunError},
};
use disk::Draft;
use parquet::ParquetReader;
use table::{Block, Field};

/// At most so many parts.
const MAX_PARTS: u64 = 1_024;

/// Why results are not written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The disk is full, a file is not to be read or written, or gone.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not as this program writes it.
    #[error("{} is damaged: {what}{}", path.display(), remedy(path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In what.
        what: String,
    },
    /// A folder holds something else.
    #[error("{} holds no results: there is no {} in it; name another folder", .0.display(), plan::FILE)]
    Foreign(PathBuf),
    /// A folder holds something, and nobody said to go on with it.
    #[error("{} is not empty; pass --resume to go on with what is there, or name another folder", .0.display())]
    NotEmpty(PathBuf),
    /// A folder holds results of another plan.
    #[error("{} holds results of another plan: {difference}; name another folder", path.display())]
    Differs {
        /// The folder.
        path: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// Two folders have the same part, and not the same in it.
    #[error("{} and {} differ, though they are the same part of the same plan; verify both folders", .0.display(), .1.display())]
    Conflict(PathBuf, PathBuf),
    /// Nothing was named to merge.
    #[error("no folders to merge; name at least one")]
    NoSources,
    /// No such shard.
    #[error("there is no shard {index} of {count}; shards are 1/n to n/n")]
    NoShard {
        /// Which.
        index: u64,
        /// Of how many.
        count: u64,
    },
    /// Not a shard.
    #[error("{0:?} is no shard; write it as 3/64")]
    BadShard(String),
    /// A column is asked for that there is not.
    #[error("there is no column {column}; the columns are {columns}")]
    UnknownColumn {
        /// What was asked for.
        column: String,
        /// What there is.
        columns: String,
    },
    /// The plan cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl ResultsError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    fn damaged(path: &Path) -> impl FnOnce(String) -> Self + use<> {
        let path = path.to_owned();
        move |what| Self::Damaged { path, what }
    }
}

/// What to do about a damaged file.
fn remedy(path: &Path) -> &'static str {
    let is_part = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("part-"));
    if is_part { "; remove it and run with --resume, which makes it again" } else { "" }
}

/// Results that are in a folder, in part or in full.
#[derive(Clone, Debug)]
pub struct Results {
    directory: PathBuf,
    description: Description,
    layout: Layout,
    parts: Parts,
}

impl Results {
    /// Reads what the folder is of.
    ///
    /// # Errors
    /// If it holds no results, or its plan is damaged or of another version of this program.
    pub fn open(directory: &Path) -> Result<Self, ResultsError> {
        let description = Description::read(directory)?;
        if description.program != PROGRAM {
            let difference = format!("it was written by {}, and this is {}", description.program, PROGRAM);
            return Err(ResultsError::Differs { path: directory.to_owned(), difference });
        }
        Self::of(directory, description)
    }

    /// Makes a folder for what `description` says, or goes on with one that is for the same.
    ///
    /// # Errors
    /// If the folder is for something else, or the description does not work out.
    pub(crate) fn create(directory: &Path, description: Description) -> Result<Self, ResultsError> {
        let results = Self::of(directory, description)?;
        std::fs::create_dir_all(directory).map_err(ResultsError::at(directory))?;
        let path = directory.join(plan::FILE);
        if !path.exists() {
            let (draft, mut file) = Draft::create(path)?;
            let text = results.description.to_json();
            io::Write::write_all(&mut file, text.as_bytes()).map_err(ResultsError::at(draft.target()))?;
            draft.finish_first(&file)?;
        }
        // Another shard may have been first, so what is there counts.
        match results.description.difference(&Description::read(directory)?) {
            Some(difference) => Err(ResultsError::Differs { path: directory.to_owned(), difference }),
            None => Ok(results),
        }
    }

    fn of(directory: &Path, description: Description) -> Result<Self, ResultsError> {
        let n_all = description.plan.n_all()?;
        if n_all == 0 {
            let n_points = u64::try_from(description.plan.points.len()).expect("a length fits 64 bits");
            return Err(RunError::NoRuns { n_points, n_runs: description.plan.n_runs }.into());
        }
        let layout = Layout::of(&description)?;
        Ok(Self { directory: directory.to_owned(), description, layout, parts: Parts::of(n_all) })
    }

    /// What the results are of.
    #[must_use]
    pub const fn description(&self) -> &Description {
        &self.description
    }

    /// Seed, points and runs.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.description.plan
    }

    /// What each run was reduced to.
    #[must_use]
    pub fn kpis(&self) -> &[Kpi] {
        &self.description.kpis
    }

    /// The model's columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.description.columns
    }

    /// How many parts there are when all are.
    #[must_use]
    pub const fn n_parts(&self) -> u64 {
        self.parts.count()
    }

    /// The parts that are not there yet.
    #[must_use]
    pub fn missing(&self) -> Vec<u64> {
        (0..self.parts.count()).filter(|part| !self.has(*part)).collect()
    }

    /// What was summed up when all parts were there; none before that.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn manifest(&self) -> Result<Option<Manifest>, ResultsError> {
        Manifest::read(&self.directory)
    }

    /// The outcomes of all runs that are there, in the order of their ids.
    ///
    /// # Errors
    /// If a file is damaged.
    pub fn outcomes(&self) -> Result<Vec<Outcome>, ResultsError> {
        let mut outcomes = Vec::new();
        for part in (0..self.parts.count()).filter(|part| self.has(*part)) {
            outcomes.extend(self.outcomes_of(part)?);
        }
        Ok(outcomes)
    }

    /// The rows of all runs that are there, in the order of their ids, with these of the columns (the model's, and swept
    /// parameters) as numbers.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn batches(&self, columns: &[&str]) -> Result<Batches<'_>, ResultsError> {
        Batches::of(self, columns)
    }

    pub(crate) const fn parts(&self) -> Parts {
        self.parts
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether all files of a part are there.
    pub(crate) fn has(&self, part: u64) -> bool {
        self.files(part).iter().all(|path| path.is_file())
    }

    /// The files of a part: rows in each format, then outcomes.
    pub(crate) fn files(&self, part: u64) -> Vec<PathBuf> {
        let endings = self.description.format.endings().iter().copied();
        endings.chain([part::RUNS]).map(|ending| self.directory.join(part::file(part, ending))).collect()
    }
}

/// A table that is being read, in either format.
enum Reader {
    Parquet(Box<ParquetReader>),
    Csv(csv::CsvReader<BufReader<File>>),
}

impl Reader {
    /// Opens a file of a table with `fields`, to read those `wanted`.
    fn open(path: &Path, fields: &[Field], wanted: &[usize]) -> Result<Self, ResultsError> {
        let file = File::open(path).map_err(ResultsError::at(path))?;
        let is_csv = path.extension().is_some_and(|ending| ending == "csv");
        let reader = if is_csv {
            csv::CsvReader::open(BufReader::new(file), fields, wanted).map(Self::Csv)
        } else {
            ParquetReader::open(file, fields, wanted).map(|reader| Self::Parquet(Box::new(reader)))
        };
        reader.map_err(ResultsError::damaged(path))
    }

    /// At most `n` more rows, none after the last.
    fn next(&mut self, n: usize) -> Result<Vec<Block>, String> {
        match self {
            Self::Parquet(reader) => reader.next(n),
            Self::Csv(reader) => reader.next(n),
        }
    }
}

/// Consecutive runs that one thread works on and that share files. How many there are depends on the number of runs
/// alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    n_runs: u64,
    size: u64,
}

impl Parts {
    /// The parts of `n_runs` runs.
    pub(crate) fn of(n_runs: u64) -> Self {
        Self { n_runs, size: n_runs.div_ceil(MAX_PARTS).max(1) }
    }

    /// How many.
    pub(crate) const fn count(&self) -> u64 {
        self.n_runs.div_ceil(self.size)
    }

    /// How many runs a part has.
    pub(crate) fn size(&self, part: u64) -> u64 {
        let runs = self.runs(part);
        runs.end - runs.start
    }

    /// The ids of the runs of a part.
    pub(crate) fn runs(&self, part: u64) -> Range<u64> {
        let start = part * self.size;
        start..start.saturating_add(self.size).min(self.n_runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_each_run_once() {
        let check = |n_runs: u64, n_parts: u64| {
            let parts = Parts::of(n_runs);
            assert_eq!(parts.count(), n_parts, "{n_runs}");
            let mut next = 0;
            for part in 0..n_parts {
                let runs = parts.runs(part);
                assert!(runs.start == next && runs.end > next, "{n_runs}: {runs:?}");
                next = runs.end;
            }
            assert_eq!(next, n_runs);
        };
        check(0, 0);
        check(1, 1);
        check(1_024, 1_024);
        check(1_025, 513);
        check(2_049, 683);
        check(1_000_000, 1_024);
        assert_eq!(Parts::of(u64::MAX).runs(MAX_PARTS - 1).end, u64::MAX);
    }
}
