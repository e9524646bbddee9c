//! Corners: every combination of the ends of what the world decides on.

use std::fmt;

use serde::Serialize;

use super::{
    Error, Study, at_least_one,
    points::combinations,
    space::{Space, point_text, serialize_point},
    statistics::Moments,
    table::{Table, count, number},
};
use crate::{model::Point, runner::Outcome};

/// The most corners: 2^16, as 16 parameters with two ends have.
pub const MAX_CORNERS: usize = 65_536;

/// All corners and their extremes.
#[derive(Clone, Debug, Serialize)]
pub struct Corners {
    /// The KPIs' names.
    pub kpis: Vec<String>,
    /// Every corner; the last parameter changes fastest.
    pub corners: Vec<Corner>,
    /// By KPI.
    pub extremes: Vec<Extremes>,
}

/// One corner.
#[derive(Clone, Debug, Serialize)]
pub struct Corner {
    /// Where.
    #[serde(serialize_with = "serialize_point")]
    pub point: Point,
    /// Runs that failed; the KPIs leave them out.
    pub n_failed: u64,
    /// By KPI.
    pub kpis: Vec<Range>,
}

/// A KPI over the runs of a corner; NaN without runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// Their mean.
    pub mean: f64,
    /// The least of them.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// Where a KPI is worst, whichever side is bad.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Extremes {
    /// The KPI.
    pub kpi: String,
    /// The least of all runs; NaN if all failed.
    pub min: f64,
    /// The corner where it is, by its place.
    pub min_at: Option<usize>,
    /// The greatest of all runs.
    pub max: f64,
    /// The corner where it is.
    pub max_at: Option<usize>,
}

/// Runs every corner of `space` `n_runs` times.
///
/// # Errors
/// If the corners are more than [`MAX_CORNERS`], or the simulation is stopped.
pub fn corners(study: &Study<'_>, space: &Space, n_runs: u64) -> Result<Corners, Error> {
    at_least_one("runs of a corner", n_runs)?;
    let ends: Vec<_> = (0..space.n_dimensions()).map(|dimension| space.ends(dimension)).collect();
    let points = combinations(space, &ends, MAX_CORNERS)?;
    let runs = study.runs(&points, 1, n_runs)?;
    let corner = |(point, outcomes): (Point, &Vec<Outcome>)| {
        let good: Vec<_> = outcomes.iter().filter(|outcome| outcome.failure.is_none()).collect();
        let range = |kpi: usize| Range::of(good.iter().map(|outcome| outcome.kpis[kpi]));
        Corner {
            point,
            n_failed: (outcomes.len() - good.len()) as u64,
            kpis: (0..study.kpis.len()).map(range).collect(),
        }
    };
    let corners: Vec<_> = points.into_iter().zip(&runs).map(corner).collect();
    let kpis: Vec<_> = study.kpis.iter().map(|kpi| kpi.name.clone()).collect();
    let extremes = kpis.iter().enumerate().map(|(i, kpi)| Extremes::of(kpi, i, &corners)).collect();
    Ok(Corners { kpis, corners, extremes })
}

impl Range {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut moments, mut min, mut max) = (Moments::default(), f64::NAN, f64::NAN);
        for value in values.filter(|value| !value.is_nan()) {
            moments.add(value);
            // `f64::min` takes the number where the other is none.
            (min, max) = (min.min(value), max.max(value));
        }
        Self { mean: if moments.n == 0 { f64::NAN } else { moments.mean }, min, max }
    }
}

impl Extremes {
    fn of(kpi: &str, place: usize, corners: &[Corner]) -> Self {
        let known =
            || corners.iter().map(|corner| corner.kpis[place]).enumerate().filter(|(_, range)| !range.min.is_nan());
        // The first of equals, so that the answer is one.
        let least = known().min_by(|a, b| a.1.min.total_cmp(&b.1.min));
        let greatest = known().rev().max_by(|a, b| a.1.max.total_cmp(&b.1.max));
        Self {
            kpi: kpi.to_owned(),
            min: least.map_or(f64::NAN, |(_, range)| range.min),
            min_at: least.map(|(at, _)| at),
            max: greatest.map_or(f64::NAN, |(_, range)| range.max),
            max_at: greatest.map(|(at, _)| at),
        }
    }
}

impl fmt::Display for Corners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; the mean of each kpi over the runs of a corner", count(self.corners.len() as u64, "corner"))?;
        let head: Vec<&str> =
            ["corner"].into_iter().chain(self.kpis.iter().map(String::as_str)).chain(["failed"]).collect();
        let mut table = Table::new(1, &head);
        for Corner { point, n_failed, kpis } in &self.corners {
            let means = kpis.iter().map(|range| number(range.mean));
            table.row([point_text(point)].into_iter().chain(means).chain([n_failed.to_string()]).collect());
        }
        writeln!(f, "{table}")?;
        let mut table = Table::new(1, &["kpi", "extreme", "of a run", "at"]);
        for extremes in &self.extremes {
            for (name, value, at) in [("min", extremes.min, extremes.min_at), ("max", extremes.max, extremes.max_at)] {
                let at = at.map_or_else(|| "-".to_owned(), |at| point_text(&self.corners[at].point));
                table.row(vec![extremes.kpi.clone(), name.to_owned(), number(value), at]);
            }
        }
        write!(f, "{table}")
    }
}
