//! Bounds that runs must keep, and the runs that do not.

use std::fmt;

use serde::Serialize;

use super::{
    Error, bounds_of,
    table::{Table, count, number},
};
use crate::{
    kpi::{Bound, Kpi},
    runner::Outcome,
};

/// The violations that are listed; the others are counted.
pub const MAX_LISTED: usize = 1_000;

/// What a check of bounds found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violations {
    /// Runs that were checked.
    pub n_runs: u64,
    /// Runs that failed or broke a bound.
    pub n_bad_runs: u64,
    /// All violations and failures, also those that are not listed.
    pub n_violations: u64,
    /// The first of them, in the order of the runs.
    pub listed: Vec<Violation>,
}

/// One run that broke one bound, or failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// The point, from 0.
    pub subset: u64,
    /// The repetition, from 1.
    pub run: u64,
    /// What was broken.
    #[serde(flatten)]
    pub broken: Broken,
}

/// What a run did not keep to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// A KPI lies outside its bound, or has no value.
    Bound {
        /// Its name.
        kpi: String,
        /// Its value; NaN if it has none.
        value: f64,
        /// It must not be less.
        min: Option<f64>,
        /// It must not be more.
        max: Option<f64>,
    },
    /// The run ended before its time.
    Failure {
        /// When.
        timestep: u64,
        /// Why.
        reason: String,
    },
}

impl Violations {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.n_violations == 0
    }
}

/// Whether `value` keeps to `bound`. No number keeps to none.
#[must_use]
pub(crate) fn keeps(bound: &Bound, value: f64) -> bool {
    !value.is_nan() && bound.min.is_none_or(|min| value >= min) && bound.max.is_none_or(|max| value <= max)
}

/// Checks every run against every bound. A failed run is a violation by itself, and its KPIs are not looked at.
///
/// # Errors
/// If a bound names no KPI.
pub fn violations(outcomes: &[Outcome], kpis: &[Kpi], bounds: &[Bound]) -> Result<Violations, Error> {
    let bounds = bounds_of(kpis, bounds)?;
    let mut found = Violations { n_runs: outcomes.len() as u64, n_bad_runs: 0, n_violations: 0, listed: Vec::new() };
    for outcome in outcomes {
        let broken: Vec<Broken> = match &outcome.failure {
            Some(failure) => vec![Broken::Failure { timestep: failure.timestep, reason: failure.reason.clone() }],
            None => bounds
                .iter()
                .map(|(kpi, bound)| (outcome.kpis[*kpi], bound))
                .filter(|(value, bound)| !keeps(bound, *value))
                .map(|(value, bound)| Broken::Bound { kpi: bound.kpi.clone(), value, min: bound.min, max: bound.max })
                .collect(),
        };
        found.n_bad_runs += u64::from(!broken.is_empty());
        found.n_violations += broken.len() as u64;
        let n_free = MAX_LISTED - found.listed.len();
        let violation = |broken| Violation { subset: outcome.subset, run: outcome.number, broken };
        found.listed.extend(broken.into_iter().take(n_free).map(violation));
    }
    Ok(found)
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "{}, all within bounds", count(self.n_runs, "run"));
        }
        let (bad, all) = (self.n_bad_runs, count(self.n_runs, "run"));
        writeln!(f, "{bad} of {all} out of bounds or failed")?;
        let mut table = Table::new(0, &["subset", "run", "what", "value", "min", "max"]);
        for Violation { subset, run, broken } in &self.listed {
            let mut cells = vec![subset.to_string(), run.to_string()];
            match broken {
                Broken::Bound { kpi, value, min, max } => {
                    let end = |end: &Option<f64>| end.map_or_else(|| "-".to_owned(), number);
                    cells.extend([kpi.clone(), number(*value), end(min), end(max)]);
                }
                Broken::Failure { timestep, reason } => cells.push(format!("failed at timestep {timestep}: {reason}")),
            }
            table.row(cells);
        }
        write!(f, "{table}")?;
        match self.n_violations - self.listed.len() as u64 {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}
