//! What many runs of a model tell: Monte Carlo, corners, worst cases, sensitivities, optima, comparisons and bounds. An
//! analysis decides which points to run and reads the KPIs; it knows nothing of files, and its answer depends on the seed
//! and on no thread.

use crate::{
    kpi::{Bound, Kpi},
    model::{Model, Point, Run},
    runner::{Control, Outcome, Plan, RunError, evaluate},
};

pub mod compare;
pub mod corners;
pub mod montecarlo;
pub mod optimize;
pub mod points;
mod search;
pub mod sensitivity;
pub mod sobol;
pub mod space;
pub mod statistics;
pub mod table;
pub mod violations;

/// Why an analysis gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter shall vary and nothing says over what.
    #[error("parameter `{parameter}` has no spread: give it a list, a range or a distribution, or leave it out")]
    NoSpread {
        /// Its name.
        parameter: String,
    },
    /// A spread makes no sense.
    #[error("parameter `{parameter}`: {reason}")]
    Spread {
        /// Its name.
        parameter: String,
        /// Why.
        reason: String,
    },
    /// No parameter is of this role.
    #[error("no parameter is {role}: say `role = \"{role}\"` for those that are")]
    NoRole {
        /// Which.
        role: &'static str,
    },
    /// Lists that go side by side have different lengths.
    #[error(
        "parameter `{first}` has {n_first} values and `{second}` has {n_second}: give lists of one length, or one value"
    )]
    Lengths {
        /// A parameter's name.
        first: String,
        /// The length of its list.
        n_first: usize,
        /// Another's name.
        second: String,
        /// The length of its list.
        n_second: usize,
    },
    /// More than is bearable.
    #[error("{n} {what} are more than {max}: let fewer parameters vary, or each over less")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        n: String,
        /// How many there may be.
        max: usize,
    },
    /// A setting outside of what it may be.
    #[error("{name}: {value} is not {allowed}")]
    Setting {
        /// Which.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// A name that is no KPI's.
    #[error("there is no kpi `{kpi}`: the kpis are {known}")]
    UnknownKpi {
        /// The name.
        kpi: String,
        /// Names that are.
        known: String,
    },
    /// A run failed and the analysis has no use for the others.
    #[error("run {run} at {point} has no value to go by: {reason}; narrow the spreads to where the model works")]
    Run {
        /// Its number.
        run: u64,
        /// Where.
        point: String,
        /// Why.
        reason: String,
    },
    /// The runs did not begin, or were stopped.
    #[error(transparent)]
    Plan(#[from] RunError),
}

/// What all analyses need: a model, what is asked of its runs, and how to run it.
#[derive(Clone, Copy)]
pub struct Study<'a> {
    /// The model.
    pub model: &'a dyn Model,
    /// What is asked of a run.
    pub kpis: &'a [Kpi],
    /// The seed of the simulation, and of the analysis.
    pub seed: u64,
    /// With how many threads, and what stops it.
    pub control: Control<'a>,
}

impl Study<'_> {
    /// The place of a KPI.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn kpi(&self, name: &str) -> Result<usize, Error> {
        kpi_of(self.kpis, name)
    }

    fn bounds<'b>(&self, bounds: &'b [Bound]) -> Result<Vec<(usize, &'b Bound)>, Error> {
        bounds_of(self.kpis, bounds)
    }

    /// Runs `first..first + n_runs` of each point: a list of outcomes a point.
    fn runs(&self, points: &[Point], first: u64, n_runs: u64) -> Result<Vec<Vec<Outcome>>, Error> {
        let model = Later { model: self.model, n_before: first - 1 };
        let plan = Plan { seed: self.seed, points: points.to_vec(), n_runs };
        let mut outcomes = evaluate(&model, &plan, self.kpis, &self.control)?;
        for outcome in &mut outcomes {
            outcome.number += first - 1;
        }
        let n_runs = usize::try_from(n_runs).expect("outcomes fit in memory");
        Ok(outcomes.chunks(n_runs).map(<[Outcome]>::to_vec).collect())
    }

    /// The mean of each KPI over `n_runs` runs of each point. All points see the same luck.
    fn means(&self, points: &[Point], n_runs: u64) -> Result<Vec<Vec<f64>>, Error> {
        at_least_one("runs of a point", n_runs)?;
        let runs = self.runs(points, 1, n_runs)?;
        runs.iter().zip(points).map(|(outcomes, point)| self.mean(outcomes, point)).collect()
    }

    fn mean(&self, outcomes: &[Outcome], point: &Point) -> Result<Vec<f64>, Error> {
        let useless = |outcome: &Outcome, reason: String| Error::Run {
            run: outcome.number,
            point: space::point_text(point),
            reason,
        };
        if let Some((outcome, failure)) = outcomes.iter().find_map(|outcome| Some((outcome, outcome.failure.as_ref()?)))
        {
            return Err(useless(outcome, failure.to_string()));
        }
        let of_kpi = |(i, kpi): (usize, &Kpi)| {
            if let Some(outcome) = outcomes.iter().find(|outcome| !outcome.kpis[i].is_finite()) {
                return Err(useless(outcome, format!("kpi `{}` is {}", kpi.name, outcome.kpis[i])));
            }
            let mut moments = statistics::Moments::default();
            outcomes.iter().for_each(|outcome| moments.add(outcome.kpis[i]));
            Ok(moments.mean)
        };
        self.kpis.iter().enumerate().map(of_kpi).collect()
    }
}

/// The same model, whose runs count from further up: a second round of runs draws other numbers than the first.
struct Later<'a> {
    model: &'a dyn Model,
    n_before: u64,
}

impl Model for Later<'_> {
    fn columns(&self) -> &[crate::rows::Column] {
        self.model.columns()
    }

    fn n_steps(&self) -> u64 {
        self.model.n_steps()
    }

    fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn crate::model::World + 'a>, crate::model::Failure> {
        self.model.start(&Run { number: run.number + self.n_before, ..run.clone() })
    }
}

fn kpi_of(kpis: &[Kpi], name: &str) -> Result<usize, Error> {
    kpis.iter().position(|kpi| kpi.name == name).ok_or_else(|| Error::UnknownKpi {
        kpi: name.to_owned(),
        known: kpis.iter().map(|kpi| format!("`{}`", kpi.name)).collect::<Vec<_>>().join(", "),
    })
}

fn bounds_of<'b>(kpis: &[Kpi], bounds: &'b [Bound]) -> Result<Vec<(usize, &'b Bound)>, Error> {
    bounds.iter().map(|bound| Ok((kpi_of(kpis, &bound.kpi)?, bound))).collect()
}

fn at_least_one(name: &'static str, n: u64) -> Result<(), Error> {
    if n == 0 { Err(Error::Setting { name, value: "0".to_owned(), allowed: "at least 1" }) } else { Ok(()) }
}

fn probability(name: &'static str, p: f64) -> Result<(), Error> {
    if p > 0.0 && p < 1.0 {
        return Ok(());
    }
    Err(Error::Setting { name, value: p.to_string(), allowed: "between 0 and 1" })
}

#[cfg(test)]
mod tests;
