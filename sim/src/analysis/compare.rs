//! Compares the results of two simulations: cell by cell, and statistically by KPI.

mod rows;

use std::fmt;

pub use rows::CompareError;

use serde::Serialize;

use super::{
    Error,
    statistics::{Interval, Moments, student_cdf},
    table::{Table, count, number},
};
use crate::{kpi::Kpi, runner::Outcome};

/// How far apart two numbers may be and still be equal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerance {
    /// In the column's unit.
    pub absolute: f64,
    /// Relative to the greater of both.
    pub relative: f64,
}

impl Tolerance {
    fn allows(&self, a: f64, b: f64) -> bool {
        let allowed = self.absolute.max(self.relative * a.abs().max(b.abs()));
        // An infinity is equal to itself only, however much a share of it would allow.
        is_same(a, b) || ((a - b).is_finite() && (a - b).abs() <= allowed)
    }
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every number is the same, to the last bit.
    Identical,
    /// Every difference is within the tolerance.
    EqualWithin,
    /// Some difference is not, or one side has what the other lacks.
    Different,
}

/// A row of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The point, from 0.
    pub subset: u64,
    /// The repetition, from 1.
    pub run: u64,
    /// The timestep; 0 for a KPI.
    pub timestep: u64,
}

/// The differences of one column or KPI.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// Pairs that were compared.
    pub n: u64,
    /// Pairs that are not the same.
    pub n_unequal: u64,
    /// Pairs that are further apart than the tolerance.
    pub n_beyond: u64,
    /// The greatest absolute difference; NaN if one side has no number where the other has.
    pub absolute: f64,
    /// Where.
    pub absolute_at: Option<Place>,
    /// The greatest difference relative to the greater of both.
    pub relative: f64,
    /// Where.
    pub relative_at: Option<Place>,
    #[serde(skip)]
    tolerance: Tolerance,
}

impl Difference {
    /// Of a column called `name`, of which no pair has been seen.
    #[must_use]
    pub fn new(name: impl Into<String>, tolerance: Tolerance) -> Self {
        let (absolute_at, relative_at) = (None, None);
        Self {
            name: name.into(),
            n: 0,
            n_unequal: 0,
            n_beyond: 0,
            absolute: 0.0,
            absolute_at,
            relative: 0.0,
            relative_at,
            tolerance,
        }
    }

    /// Compares one pair. NaN equals NaN, and infinities equal themselves.
    pub fn add(&mut self, place: Place, a: f64, b: f64) {
        self.n += 1;
        if is_same(a, b) {
            return;
        }
        self.n_unequal += 1;
        self.n_beyond += u64::from(!self.tolerance.allows(a, b));
        let absolute = (a - b).abs();
        let greater = a.abs().max(b.abs());
        // An infinity against a number is infinitely far relatively as well.
        let relative = if absolute.is_infinite() || absolute == 0.0 { absolute } else { absolute / greater };
        raise(&mut self.absolute, &mut self.absolute_at, absolute, place);
        raise(&mut self.relative, &mut self.relative_at, relative, place);
    }

    /// What it comes to.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match (self.n_unequal, self.n_beyond) {
            (0, _) => Verdict::Identical,
            (_, 0) => Verdict::EqualWithin,
            _ => Verdict::Different,
        }
    }
}

/// A NaN is the greatest difference, and the first of equals stays.
fn raise(greatest: &mut f64, at: &mut Option<Place>, difference: f64, place: Place) {
    if !greatest.is_nan() && (at.is_none() || difference.is_nan() || difference > *greatest) {
        (*greatest, *at) = (difference, Some(place));
    }
}

fn is_same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// One KPI of two simulations, paired: runs of the same number draw the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KpiComparison {
    /// Cell by cell.
    pub difference: Difference,
    /// The mean over the first side's pairs.
    pub mean_a: f64,
    /// Over the second's.
    pub mean_b: f64,
    /// The second's mean less the first's, as an interval by Student's t on the pairs.
    pub change: Interval,
    /// How likely a change of that size is if there is none; 1 if no pair differs, NaN for fewer than two pairs.
    pub p_value: f64,
}

/// Two sets of results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What it comes to.
    pub verdict: Verdict,
    /// Runs that both sides have.
    pub n_pairs: u64,
    /// Runs of the first side only.
    pub n_only_a: u64,
    /// Runs of the second side only.
    pub n_only_b: u64,
    /// Pairs of which one run failed and the other did not, or both failed differently.
    pub n_failed_differently: u64,
    /// Pairs whose recorded rows are the same to the bit, by their hashes.
    pub n_same_rows: u64,
    /// The confidence of the intervals.
    pub confidence: f64,
    /// By KPI that both sides have.
    pub kpis: Vec<KpiComparison>,
    /// By column, where rows were compared.
    pub columns: Vec<Difference>,
    /// KPIs and columns of one side only.
    pub unpaired: Vec<String>,
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What is asked of its runs.
    pub kpis: &'a [Kpi],
    /// Its runs, in the order of their ids.
    pub outcomes: &'a [Outcome],
}

impl Comparison {
    /// Compares the KPIs of the runs that both sides have.
    ///
    /// # Errors
    /// If `confidence` is no probability.
    pub fn of_runs(a: Side<'_>, b: Side<'_>, tolerance: Tolerance, confidence: f64) -> Result<Self, Error> {
        super::probability("confidence", confidence)?;
        let (pairs, n_only_a, n_only_b) = pairs(a.outcomes, b.outcomes);
        let both: Vec<(usize, usize)> = a
            .kpis
            .iter()
            .enumerate()
            .filter_map(|(i, kpi)| Some((i, b.kpis.iter().position(|other| other.name == kpi.name)?)))
            .collect();
        let lacks = |side: &str, kpis: &[Kpi], others: &[Kpi]| -> Vec<String> {
            let alone = kpis.iter().filter(|kpi| others.iter().all(|other| other.name != kpi.name));
            alone.map(|kpi| format!("kpi `{}` is only on the {side} side", kpi.name)).collect()
        };
        let mut comparison = Self {
            verdict: Verdict::Identical,
            n_pairs: pairs.len() as u64,
            n_only_a,
            n_only_b,
            n_failed_differently: pairs.iter().filter(|(a, b)| a.failure != b.failure).count() as u64,
            n_same_rows: pairs.iter().filter(|(a, b)| a.hash == b.hash).count() as u64,
            confidence,
            kpis: both
                .iter()
                .map(|(i, j)| compare_kpi(&a.kpis[*i].name, (*i, *j), &pairs, tolerance, confidence))
                .collect(),
            columns: Vec::new(),
            unpaired: [lacks("first", a.kpis, b.kpis), lacks("second", b.kpis, a.kpis)].concat(),
        };
        comparison.judge();
        Ok(comparison)
    }

    /// Takes the differences of columns in, and the names of what one side alone has.
    pub fn add_columns(&mut self, columns: Vec<Difference>, unpaired: Vec<String>) {
        self.columns.extend(columns);
        self.unpaired.extend(unpaired);
        self.judge();
    }

    /// The hashes decide on what nobody compared cell by cell: equal KPIs of unequal rows are not identical.
    fn judge(&mut self) {
        let is_uneven = self.n_only_a + self.n_only_b + self.n_failed_differently > 0 || !self.unpaired.is_empty();
        let differences = self.kpis.iter().map(|kpi| &kpi.difference).chain(&self.columns);
        let worst = differences.map(Difference::verdict).max().unwrap_or(Verdict::Identical);
        let rows = if self.n_same_rows == self.n_pairs { Verdict::Identical } else { Verdict::EqualWithin };
        self.verdict = if is_uneven { Verdict::Different } else { worst.max(rows) };
    }
}

/// Runs that both sides have, and how many each has alone.
fn pairs<'a>(a: &'a [Outcome], b: &'a [Outcome]) -> (Vec<(&'a Outcome, &'a Outcome)>, u64, u64) {
    let sorted = |outcomes: &'a [Outcome]| {
        let mut sorted: Vec<_> = outcomes.iter().collect();
        sorted.sort_by_key(|outcome| (outcome.subset, outcome.number));
        sorted
    };
    let (a, b) = (sorted(a), sorted(b));
    let find = |outcome: &&'a Outcome| {
        let place = b.binary_search_by_key(&(outcome.subset, outcome.number), |other| (other.subset, other.number));
        place.ok().map(|at| (*outcome, b[at]))
    };
    let pairs: Vec<_> = a.iter().filter_map(find).collect();
    let n_alone = |n: usize| (n - pairs.len()) as u64;
    let (n_only_a, n_only_b) = (n_alone(a.len()), n_alone(b.len()));
    (pairs, n_only_a, n_only_b)
}

fn compare_kpi(
    name: &str,
    (i, j): (usize, usize),
    pairs: &[(&Outcome, &Outcome)],
    tolerance: Tolerance,
    confidence: f64,
) -> KpiComparison {
    let mut difference = Difference::new(name, tolerance);
    let (mut of_a, mut of_b, mut change) = (Moments::default(), Moments::default(), Moments::default());
    for (a, b) in pairs {
        let (x, y) = (a.kpis[i], b.kpis[j]);
        difference.add(Place { subset: a.subset, run: a.number, timestep: 0 }, x, y);
        if (y - x).is_finite() {
            of_a.add(x);
            of_b.add(y);
            change.add(y - x);
        }
    }
    let mean = |moments: &Moments| if moments.n == 0 { f64::NAN } else { moments.mean };
    KpiComparison {
        difference,
        mean_a: mean(&of_a),
        mean_b: mean(&of_b),
        change: change.mean_interval(confidence),
        p_value: p_value(&change),
    }
}

/// Of the paired t test, two-sided.
fn p_value(change: &Moments) -> f64 {
    if change.n < 2 {
        return f64::NAN;
    }
    if change.deviation() == 0.0 {
        // All pairs differ by the same: by nothing, or beyond all chance.
        return if change.mean == 0.0 { 1.0 } else { 0.0 };
    }
    let n = change.n as f64;
    let t = change.mean.abs() / (change.deviation() / n.sqrt());
    2.0 * student_cdf(-t, n - 1.0)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identical => "identical",
            Self::EqualWithin => "equal within the tolerance",
            Self::Different => "different",
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}, {} with the same rows", self.verdict, count(self.n_pairs, "pair"), self.n_same_rows)?;
        for (n, what) in [
            (self.n_only_a, "only on the first side"),
            (self.n_only_b, "only on the second side"),
            (self.n_failed_differently, "failed on one side, or differently"),
        ] {
            if n > 0 {
                writeln!(f, "{} {what}", count(n, "run"))?;
            }
        }
        for line in &self.unpaired {
            writeln!(f, "{line}")?;
        }
        if !self.kpis.is_empty() {
            let mut table = Table::new(1, &["kpi", "mean a", "mean b", "change low", "high", "p value", "differing"]);
            for kpi in &self.kpis {
                let numbers = [kpi.mean_a, kpi.mean_b, kpi.change.low, kpi.change.high, kpi.p_value].map(number);
                let differing = format!("{} of {}", kpi.difference.n_unequal, kpi.difference.n);
                table.row([kpi.difference.name.clone()].into_iter().chain(numbers).chain([differing]).collect());
            }
            write!(f, "\n{table}")?;
        }
        let unequal: Vec<_> = self.columns.iter().filter(|column| column.n_unequal > 0).collect();
        if unequal.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(1, &["column", "differing", "beyond", "absolute", "at", "relative", "at"]);
        let place = |place: Option<Place>| {
            place.map_or_else(
                || "-".to_owned(),
                |at| format!("subset {} run {} timestep {}", at.subset, at.run, at.timestep),
            )
        };
        for column in unequal {
            table.row(vec![
                column.name.clone(),
                format!("{} of {}", column.n_unequal, column.n),
                column.n_beyond.to_string(),
                number(column.absolute),
                place(column.absolute_at),
                number(column.relative),
                place(column.relative_at),
            ]);
        }
        write!(f, "\n{table}")
    }
}
