//! The best values of what the designer decides on, within bounds, and the worst of what the world decides on.

use std::fmt;

use serde::Serialize;

use super::{
    Error, Study, at_least_one,
    points::latin_units,
    search::{End, Score, Search},
    space::{Space, point_text, serialize_point},
    statistics::{Moments, quantile},
    table::{Table, count, number},
    violations::keeps,
};
use crate::{kpi::Bound, model::Point, runner::Outcome};

/// The most points that an optimiser may run.
pub const MAX_EVALUATIONS: usize = 10_000_000;

/// What is sought.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// Of this KPI.
    pub kpi: String,
    /// The greatest or the least.
    pub direction: Direction,
    /// Of which of a point's runs.
    pub over: Over,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The greatest is best.
    Maximise,
    /// The least is best.
    Minimise,
}

/// How the runs of one point become one value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Their mean.
    Mean,
    /// A quantile of them: 0.05 to maximise what 95 % of the runs reach, 0 and 1 for the least and the greatest run.
    Quantile(f64),
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// From where.
    pub method: Method,
    /// Points at most.
    pub max_evaluations: usize,
    /// Runs of each point, all with the same luck.
    pub n_runs: u64,
}

/// Where an optimiser looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Around the parameters' own values: Nelder and Mead's simplex with restarts. It finds the next hollow, not the lowest.
    Local,
    /// Everywhere: differential evolution on four fifths of the points, then the simplex from the best of them.
    Global,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Optimum {
    /// What was sought.
    pub goal: Goal,
    /// How.
    pub method: Method,
    /// The best point.
    #[serde(serialize_with = "serialize_point")]
    pub point: Point,
    /// The goal's value there. NaN if every run everywhere failed.
    pub value: f64,
    /// Whether every run there keeps every bound.
    pub is_feasible: bool,
    /// By how much bounds are broken there, relative to the bounds and summed over them; infinite if a run failed.
    pub violation: f64,
    /// The mean of each KPI over the runs there, by name.
    pub kpis: Vec<(String, f64)>,
    /// Points that the search ran; the best of them is run once more, for the means of all KPIs.
    pub n_evaluations: usize,
    /// Whether the search ended by itself; else it used up what it was allowed.
    pub is_converged: bool,
    /// The best so far, after each batch of points.
    pub trace: Vec<Best>,
}

/// The best point of a search under way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Best {
    /// After so many points.
    pub n_evaluations: usize,
    /// The goal's value.
    pub value: f64,
    /// Whether it keeps the bounds.
    pub is_feasible: bool,
}

/// The values of `space` that serve `goal` best. Bounds come first: a point that keeps them in all its runs is better than
/// any that does not, and of two that do not the one that breaks them less (Deb's rules). A run that fails breaks every bound.
///
/// The optimum is of these runs: with few of them it fits their luck, so run it again with another seed.
///
/// # Errors
/// If the goal or a bound names no KPI, a setting makes no sense, or the simulation is stopped.
pub fn optimize(
    study: &Study<'_>,
    space: &Space,
    goal: &Goal,
    bounds: &[Bound],
    effort: &Effort,
) -> Result<Optimum, Error> {
    let judge = Judge { kpi: study.kpi(&goal.kpi)?, goal, bounds: study.bounds(bounds)?, failure: f64::INFINITY };
    search(study, space, &judge, effort)
}

/// The values of `space` where `goal`, which is what harms, is reached best: `minimise` for a KPI that should be high. A failing
/// run is worse than any value; the search ends where it finds one.
///
/// # Errors
/// As [`optimize`].
pub fn worst_case(study: &Study<'_>, space: &Space, goal: &Goal, effort: &Effort) -> Result<WorstCase, Error> {
    // The adversary's best score is a failure.
    let judge = Judge { kpi: study.kpi(&goal.kpi)?, goal, bounds: Vec::new(), failure: -1.0 };
    let worst = search(study, space, &judge, effort)?;
    let failure = if worst.violation < 0.0 {
        let runs = study.runs(std::slice::from_ref(&worst.point), 1, effort.n_runs)?;
        runs.iter().flatten().find_map(|outcome| Some(format!("run {}: {}", outcome.number, outcome.failure.as_ref()?)))
    } else {
        None
    };
    Ok(WorstCase { worst: Optimum { violation: 0.0, is_feasible: true, ..worst }, failure })
}

/// Where a KPI is worst.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorstCase {
    /// The point and the value.
    pub worst: Optimum,
    /// How the model fails there, if it does.
    pub failure: Option<String>,
}

/// Scores the runs of a point.
struct Judge<'a> {
    goal: &'a Goal,
    kpi: usize,
    bounds: Vec<(usize, &'a Bound)>,
    /// The violation of a failed run.
    failure: f64,
}

impl Judge<'_> {
    fn score(&self, outcomes: &[Outcome]) -> Score {
        let value = self.value(outcomes);
        if outcomes.iter().any(|outcome| outcome.failure.is_some()) || value.is_nan() {
            return Score { violation: self.failure, value: 0.0 };
        }
        let violation = self
            .bounds
            .iter()
            .map(|(kpi, bound)| outcomes.iter().map(|outcome| excess(bound, outcome.kpis[*kpi])).fold(0.0, f64::max));
        let value = if self.goal.direction == Direction::Maximise { -value } else { value };
        Score { violation: violation.sum(), value }
    }

    /// The goal's value in its own sense.
    fn value(&self, outcomes: &[Outcome]) -> f64 {
        let mut values: Vec<f64> = outcomes.iter().map(|outcome| outcome.kpis[self.kpi]).collect();
        if values.iter().any(|value| value.is_nan()) {
            return f64::NAN;
        }
        match self.goal.over {
            Over::Mean => Moments::of(&values).mean,
            Over::Quantile(p) => {
                values.sort_by(f64::total_cmp);
                quantile(&values, p)
            }
        }
    }

    /// The value that a score stands for.
    fn own_value(&self, score: &Score) -> f64 {
        match self.goal.direction {
            _ if score.violation == self.failure => f64::NAN,
            Direction::Maximise => -score.value,
            Direction::Minimise => score.value,
        }
    }
}

/// By how much `value` breaks `bound`, relative to the bound, so that bounds in different units can be added.
fn excess(bound: &Bound, value: f64) -> f64 {
    if keeps(bound, value) {
        return 0.0;
    }
    let relative = |by: f64, end: f64| if end == 0.0 { by } else { by / end.abs() };
    let under = bound.min.map_or(0.0, |min| relative(min - value, min));
    let over = bound.max.map_or(0.0, |max| relative(value - max, max));
    let excess = under.max(over);
    // A bound is broken by something, even if the division underflows, and by a NaN entirely.
    if excess.is_nan() || value.is_nan() { f64::INFINITY } else { excess.max(f64::MIN_POSITIVE) }
}

fn search(study: &Study<'_>, space: &Space, judge: &Judge<'_>, effort: &Effort) -> Result<Optimum, Error> {
    check(judge.goal, effort)?;
    let mut evaluate = |units: &[Vec<f64>]| {
        let points: Vec<Point> = units.iter().map(|unit| space.between_ends(unit)).collect();
        let runs = study.runs(&points, 1, effort.n_runs)?;
        Ok(runs.iter().map(|outcomes| judge.score(outcomes)).collect())
    };
    let mut search = Search::new(effort.max_evaluations, &mut evaluate)?;
    let own = space.own_coordinates();
    let end = match effort.method {
        // A simplex has one more corner than dimensions.
        _ if effort.max_evaluations <= space.n_dimensions().max(4) => search.only(&[own])?,
        Method::Local => search.nelder_mead(&own)?,
        Method::Global => {
            let n = (10 * space.n_dimensions()).clamp(20, 200).min(effort.max_evaluations);
            let mut population = latin_units(space, n, study.seed);
            population[0] = own;
            search.keep(effort.max_evaluations / 5);
            search.differential_evolution(population, study.seed)?;
            search.keep(0);
            let best = search.best.as_ref().map(|(unit, _)| unit.clone()).expect("a population has been evaluated");
            search.nelder_mead(&best)?
        }
    };
    let trace = search.marks.iter().map(|mark| Best {
        n_evaluations: mark.n_evaluated,
        value: judge.own_value(&mark.score),
        is_feasible: mark.score.violation <= 0.0,
    });
    let (trace, n_evaluations) = (trace.collect(), search.n_evaluated);
    let (unit, score) = search.best.clone().expect("a search evaluates at least one point");
    let point = space.between_ends(&unit);
    let outcomes = study.runs(std::slice::from_ref(&point), 1, effort.n_runs)?;
    let mean = |kpi: usize| {
        let good = outcomes.iter().flatten().filter(|outcome| outcome.failure.is_none());
        let values: Vec<f64> = good.map(|outcome| outcome.kpis[kpi]).collect();
        if values.is_empty() { f64::NAN } else { Moments::of(&values).mean }
    };
    Ok(Optimum {
        goal: judge.goal.clone(),
        method: effort.method,
        point,
        value: judge.own_value(&score),
        is_feasible: score.violation <= 0.0,
        violation: score.violation,
        kpis: study.kpis.iter().enumerate().map(|(i, kpi)| (kpi.name.clone(), mean(i))).collect(),
        n_evaluations,
        is_converged: end == End::Converged,
        trace,
    })
}

fn check(goal: &Goal, effort: &Effort) -> Result<(), Error> {
    at_least_one("runs of a point", effort.n_runs)?;
    if let Over::Quantile(p) = goal.over
        && !(0.0..=1.0).contains(&p)
    {
        return Err(Error::Setting { name: "quantile of the goal", value: p.to_string(), allowed: "between 0 and 1" });
    }
    if effort.max_evaluations > MAX_EVALUATIONS {
        let n = effort.max_evaluations.to_string();
        return Err(Error::TooMany { what: "evaluations", n, max: MAX_EVALUATIONS });
    }
    Ok(())
}

impl fmt::Display for Optimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.goal.direction == Direction::Maximise { "greatest" } else { "least" };
        let over = match self.goal.over {
            Over::Mean => "mean".to_owned(),
            Over::Quantile(p) => format!("{} quantile", number(p)),
        };
        writeln!(f, "{direction} {over} of {}: {} at {}", self.goal.kpi, number(self.value), point_text(&self.point))?;
        let end = if self.is_converged { "converged" } else { "all that was allowed" };
        writeln!(f, "{}, {end}", count(self.n_evaluations as u64, "point"))?;
        if !self.is_feasible {
            writeln!(f, "no point keeps all bounds: this one breaks them by {}", number(self.violation))?;
        }
        let mut table = Table::new(1, &["kpi", "mean"]);
        for (kpi, mean) in &self.kpis {
            table.row(vec![kpi.clone(), number(*mean)]);
        }
        write!(f, "{table}")
    }
}

impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            Some(failure) => {
                let n = count(self.worst.n_evaluations as u64, "point");
                writeln!(f, "the model fails at {}: {failure}; found after {n}", point_text(&self.worst.point))
            }
            None => write!(f, "{}", self.worst),
        }
    }
}
