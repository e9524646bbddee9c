//! Monte Carlo: runs until the means are known well enough.

use std::fmt;

use serde::Serialize;

use super::{
    Error, Study,
    statistics::{Interval, Moments, proportion_interval, quantile, quantile_interval},
    table::{Table, count, number, percent},
};
use crate::{kpi::Bound, model::Point};

/// The quantiles that an estimate names.
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// With what probability an interval holds the value that infinitely many runs would have: 0.95.
    pub confidence: f64,
    /// How narrow the interval of each KPI's mean must be.
    pub half_width: HalfWidth,
    /// Runs of a round; only whole rounds are looked at.
    pub round_runs: u64,
    /// Runs at most.
    pub max_runs: u64,
}

/// Half the width of a confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HalfWidth {
    /// In the KPI's unit.
    Absolute(f64),
    /// Relative to the mean.
    Relative(f64),
}

/// What the runs say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimates {
    /// Runs, failed ones too.
    pub n_runs: u64,
    /// Runs that failed. The KPIs leave them out.
    pub n_failed: u64,
    /// Whether every KPI is known as well as was asked.
    pub is_reached: bool,
    /// Of all intervals.
    pub confidence: f64,
    /// By KPI.
    pub kpis: Vec<Estimate>,
    /// How many runs keep each bound, and all of them.
    pub yields: Vec<Yield>,
}

/// One KPI over all runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Its name.
    pub kpi: String,
    /// How many runs have a value.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Student's interval of the mean.
    pub interval: Interval,
    /// Whether that interval is as narrow as was asked.
    pub is_reached: bool,
    /// The standard deviation of a run.
    pub deviation: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// 5, 25, 50, 75 and 95 %.
    pub quantiles: Vec<Quantile>,
}

/// A quantile of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// Which.
    pub p: f64,
    /// Its value among these runs.
    pub value: f64,
    /// Its interval, from order statistics.
    pub interval: Interval,
}

/// How many runs keep a bound.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Yield {
    /// The KPI; `all bounds` for all together.
    pub kpi: String,
    /// Runs that keep it. A failed run keeps none.
    pub n_kept: u64,
    /// As a share of all runs.
    pub share: f64,
    /// Wilson's interval of that share.
    pub interval: Interval,
}

/// Runs `point` in rounds until the half width of every KPI's confidence interval is as asked, or the runs are as many as
/// allowed. Rounds are of a fixed size and looked at when complete, so that the answer depends on no thread.
///
/// Warning: looking again and again stops a little too early. An interval that is looked at after every round holds the true
/// mean less often than `confidence` says, by a few percent for small rounds; rounds of at least 30 runs keep that small. A
/// run of fixed length (`round_runs == max_runs`) is free of it.
///
/// # Errors
/// If the settings make no sense, a bound names no KPI, or the simulation is stopped.
pub fn monte_carlo(
    study: &Study<'_>,
    point: &Point,
    bounds: &[Bound],
    stopping: &Stopping,
) -> Result<Estimates, Error> {
    check(stopping)?;
    let bounds = study.bounds(bounds)?;
    let n_kpis = study.kpis.len();
    let mut runs = Runs {
        values: vec![Vec::new(); n_kpis],
        moments: vec![Moments::default(); n_kpis],
        n_kept: vec![0; bounds.len() + 1],
        n: 0,
        n_failed: 0,
    };
    while runs.n < stopping.max_runs {
        let n = stopping.round_runs.min(stopping.max_runs - runs.n);
        let round = study.runs(std::slice::from_ref(point), runs.n + 1, n)?;
        for outcome in round.iter().flatten() {
            runs.n += 1;
            runs.n_failed += u64::from(outcome.failure.is_some());
            let kept: Vec<bool> = bounds
                .iter()
                .map(|(kpi, bound)| outcome.failure.is_none() && super::violations::keeps(bound, outcome.kpis[*kpi]))
                .collect();
            for (n_kept, kept) in runs.n_kept.iter_mut().zip(kept.iter().chain([&kept.iter().all(|kept| *kept)])) {
                *n_kept += u64::from(*kept);
            }
            let columns = runs.values.iter_mut().zip(&mut runs.moments);
            for ((values, moments), value) in columns.zip(&outcome.kpis) {
                if outcome.failure.is_none() && !value.is_nan() {
                    values.push(*value);
                    moments.add(*value);
                }
            }
        }
        if runs.moments.iter().all(|moments| is_narrow(moments, stopping)) {
            break;
        }
    }
    Ok(runs.estimates(study, &bounds, stopping))
}

/// What has been seen so far.
struct Runs {
    values: Vec<Vec<f64>>,
    moments: Vec<Moments>,
    n_kept: Vec<u64>,
    n: u64,
    n_failed: u64,
}

impl Runs {
    fn estimates(self, study: &Study<'_>, bounds: &[(usize, &Bound)], stopping: &Stopping) -> Estimates {
        let estimates = study.kpis.iter().zip(self.values).map(|(kpi, values)| estimate(&kpi.name, values, stopping));
        let kpis: Vec<_> = estimates.collect();
        let names = bounds.iter().map(|(_, bound)| bound.kpi.clone()).chain(["all bounds".to_owned()]);
        let all = names.zip(self.n_kept).map(|(kpi, n_kept)| Yield {
            kpi,
            n_kept,
            share: n_kept as f64 / self.n as f64,
            interval: proportion_interval(n_kept, self.n, stopping.confidence),
        });
        Estimates {
            n_runs: self.n,
            n_failed: self.n_failed,
            is_reached: kpis.iter().all(|kpi| kpi.is_reached),
            confidence: stopping.confidence,
            kpis,
            yields: if bounds.is_empty() { Vec::new() } else { all.collect() },
        }
    }
}

fn estimate(kpi: &str, mut values: Vec<f64>, stopping: &Stopping) -> Estimate {
    let moments = Moments::of(&values);
    values.sort_by(f64::total_cmp);
    let quantiles = QUANTILES.map(|p| Quantile {
        p,
        value: quantile(&values, p),
        interval: quantile_interval(&values, p, stopping.confidence),
    });
    Estimate {
        kpi: kpi.to_owned(),
        n: moments.n,
        mean: if moments.n == 0 { f64::NAN } else { moments.mean },
        interval: moments.mean_interval(stopping.confidence),
        is_reached: is_narrow(&moments, stopping),
        deviation: moments.deviation(),
        min: values.first().copied().unwrap_or(f64::NAN),
        max: values.last().copied().unwrap_or(f64::NAN),
        quantiles: quantiles.to_vec(),
    }
}

fn is_narrow(moments: &Moments, stopping: &Stopping) -> bool {
    let half = moments.mean_interval(stopping.confidence).half_width();
    half <= match stopping.half_width {
        HalfWidth::Absolute(width) => width,
        HalfWidth::Relative(share) => share * moments.mean.abs(),
    }
}

fn check(stopping: &Stopping) -> Result<(), Error> {
    super::probability("confidence", stopping.confidence)?;
    let (HalfWidth::Absolute(width) | HalfWidth::Relative(width)) = stopping.half_width;
    let refused = |name, value: String, allowed| Err(Error::Setting { name, value, allowed });
    if width.is_nan() || width < 0.0 {
        return refused("half width", width.to_string(), "a number of at least 0");
    }
    if stopping.round_runs < 2 {
        return refused("runs of a round", stopping.round_runs.to_string(), "at least 2: one run has no deviation");
    }
    if stopping.max_runs < stopping.round_runs {
        return refused("runs at most", stopping.max_runs.to_string(), "at least the runs of a round");
    }
    Ok(())
}

impl fmt::Display for Estimates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} failed; ", count(self.n_runs, "run"), self.n_failed)?;
        let verdict = if self.is_reached { "as narrow as asked" } else { "not as narrow as asked" };
        writeln!(f, "intervals of {} confidence, {verdict}", percent(self.confidence))?;
        let mut table = Table::new(
            1,
            &["kpi", "mean", "low", "high", "deviation", "min", "5 %", "median", "95 %", "max", "narrow"],
        );
        for kpi in &self.kpis {
            let quantile = |p: f64| kpi.quantiles.iter().find(|quantile| quantile.p == p).map_or(f64::NAN, |q| q.value);
            let numbers =
                [kpi.mean, kpi.interval.low, kpi.interval.high, kpi.deviation, kpi.min, quantile(0.05), quantile(0.5)];
            let numbers = numbers.into_iter().chain([quantile(0.95), kpi.max]).map(number);
            let narrow = if kpi.is_reached { "yes" } else { "no" };
            table.row([kpi.kpi.clone()].into_iter().chain(numbers).chain([narrow.to_owned()]).collect());
        }
        write!(f, "{table}")?;
        if self.yields.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(1, &["bound of", "kept by", "share", "low", "high"]);
        for kept in &self.yields {
            let shares = [kept.share, kept.interval.low, kept.interval.high].map(percent);
            table.row([kept.kpi.clone(), kept.n_kept.to_string()].into_iter().chain(shares).collect());
        }
        write!(f, "\n{table}")
    }
}
