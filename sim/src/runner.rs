//! Runs a model over a plan on any number of threads: each run is reduced to its KPIs while its rows stream by, hashed,
//! and written if a folder is named.
//!
//! A run depends on the plan and its id alone, and what is written on the number of runs alone: never on threads, shards
//! or interruptions. What a model does wrong, panics included, ends its own run and no other.

mod digest;
mod drive;
mod execute;
mod pool;
mod reduce;

use std::sync::atomic::AtomicBool;

pub(crate) use digest::{Digest, text_of};
pub use execute::{Settings, Shard, Summary, execute};

pub(crate) use reduce::{Reducers, number};

use crate::{
    kpi::Kpi,
    model::{Failure, Model, Point, Run},
    results::Parts,
};
use drive::Driver;

/// What never stops a run, for callers who let nobody interrupt them.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Which runs there are: `n_runs` at each point, numbered subset-major. The id of a run, from 0, is
/// `subset * n_runs + number - 1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The seed of the simulation.
    pub seed: u64,
    /// The points of the sweep; one without values if nothing is swept.
    pub points: Vec<Point>,
    /// Repetitions of each point.
    pub n_runs: u64,
}

impl Plan {
    /// How many runs there are in all.
    ///
    /// # Errors
    /// If there are more than 2^63 - 1.
    pub fn n_all(&self) -> Result<u64, RunError> {
        let n_points = u64::try_from(self.points.len()).expect("a length fits 64 bits");
        n_points
            .checked_mul(self.n_runs)
            .filter(|n| i64::try_from(*n).is_ok())
            .ok_or(RunError::TooManyRuns { n_points, n_runs: self.n_runs })
    }

    /// The run with this id.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn run(&self, id: u64) -> Run<'_> {
        let subset = id / self.n_runs;
        let index = usize::try_from(subset).expect("the id is one of the plan's");
        Run { seed: self.seed, subset, number: id % self.n_runs + 1, point: &self.points[index] }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which point of the sweep, from 0.
    pub subset: u64,
    /// Which repetition, from 1.
    pub number: u64,
    /// How many rows it recorded.
    pub n_rows: u64,
    /// keccak256 of its rows and its failure, as `digest.rs` encodes them.
    pub hash: [u8; 32],
    /// The KPIs in the order asked for; NaN where there was no row.
    pub kpis: Vec<f64>,
    /// Why it ended before its time.
    pub failure: Option<Failure>,
}

/// Equal to the bit, so that a NaN is itself.
impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        let bits = |outcome: &Self| outcome.kpis.iter().map(|kpi| canonical(*kpi).to_bits()).collect::<Vec<_>>();
        (self.subset, self.number, self.n_rows, self.hash) == (other.subset, other.number, other.n_rows, other.hash)
            && self.failure == other.failure
            && bits(self) == bits(other)
    }
}

/// How far the runs are; the counts are of this call, without what an earlier one finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Runs to be done.
    pub n_runs: u64,
    /// Runs that ended.
    pub n_ended: u64,
    /// Runs that ended in a failure.
    pub n_failed: u64,
    /// Steps that a run takes at most.
    pub n_steps: u64,
    /// Steps that were taken, over all runs.
    pub n_taken: u64,
}

/// What is told how far the runs are, from any thread, some thousand times a second at most where steps are quick.
pub type Observer<'a> = dyn Fn(Count) + Sync + 'a;

/// With how many threads to run, who watches, and what stops it.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// How many threads, at least one.
    pub threads: usize,
    /// Who watches.
    pub observer: &'a Observer<'a>,
    /// Once it is true, the runs end after their current step.
    pub stop: &'a AtomicBool,
}

impl Control<'_> {
    /// Unwatched and not to be stopped.
    #[must_use]
    pub fn quiet(threads: usize) -> Self {
        Self { threads, observer: &|_| (), stop: &NEVER }
    }
}

/// Why there is no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A KPI is taken from a column that the model lacks.
    #[error("KPI {kpi} is taken from column {column}, which the model does not record; it records {columns}")]
    UnknownColumn {
        /// The KPI.
        kpi: String,
        /// Its column.
        column: String,
        /// The model's.
        columns: String,
    },
    /// Two KPIs or two columns have the same name.
    #[error("there are two {what} named {name}; rename one of them")]
    Repeated {
        /// Which kind of thing.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A column of the model has the name of one that every table has.
    #[error("column {0} of the model has the name of a column that every table has; rename it")]
    Reserved(String),
    /// The points do not have the same parameters.
    #[error("point {subset} of the sweep sets {found}, and point 0 sets {expected}; every point sets the same")]
    UnequalPoints {
        /// The point.
        subset: u64,
        /// What it sets.
        found: String,
        /// What the first one sets.
        expected: String,
    },
    /// There is nothing to do.
    #[error("the plan has no runs: {n_points} points with {n_runs} runs each")]
    NoRuns {
        /// Points.
        n_points: u64,
        /// Runs of each.
        n_runs: u64,
    },
    /// More runs than can be numbered.
    #[error("{n_points} points with {n_runs} runs each are more runs than can be numbered")]
    TooManyRuns {
        /// Points.
        n_points: u64,
        /// Runs of each.
        n_runs: u64,
    },
    /// The stop flag was set.
    #[error("the runs were stopped")]
    Stopped,
}

/// Runs the whole plan in memory: the outcomes in the order of the runs' ids, whatever the threads.
///
/// # Errors
/// If a KPI names no column of the model, the runs are too many to be numbered, or the stop flag was set.
pub fn evaluate(model: &dyn Model, plan: &Plan, kpis: &[Kpi], control: &Control<'_>) -> Result<Vec<Outcome>, RunError> {
    let n_all = plan.n_all()?;
    let driver = Driver::of(model, kpis, n_all, control)?;
    let parts = Parts::of(n_all);
    let outcomes = pool::run(control.threads, parts.count(), &|part| {
        let mut rows = driver.rows();
        parts
            .runs(part)
            .map(|id| driver.drive(&plan.run(id), &mut rows, &mut |_, _| Ok(())))
            .collect::<Result<Vec<Outcome>, RunError>>()
    })?;
    Ok(outcomes.into_iter().flatten().collect())
}

/// The one NaN that is hashed and compared: the sign and payload of others depend on the platform.
pub(crate) const fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}
