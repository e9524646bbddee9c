//! KPIs, taken from rows as they stream by.

use std::{collections::BTreeSet, ops::Range};

use super::{RunError, digest::text_of};
use crate::{
    kpi::{Kpi, Reduce},
    rows::{Cells, Column},
};

/// The KPIs of a run under way. One whose column holds NaN, or text that is no number, where it looks is NaN.
#[derive(Clone)]
pub(crate) struct Reducers(Vec<Reducer>);

#[derive(Clone)]
struct Reducer {
    column: usize,
    reduce: Reduce,
    n: u64,
    first: f64,
    /// The last, least, greatest or sum, as `reduce` has it.
    value: f64,
}

impl Reducers {
    /// Before the first row.
    ///
    /// # Errors
    /// If a KPI names no column, or two have the same name.
    pub(crate) fn of(kpis: &[Kpi], columns: &[Column]) -> Result<Self, RunError> {
        let unknown = |kpi: &Kpi| RunError::UnknownColumn {
            kpi: kpi.name.clone(),
            column: kpi.column.clone(),
            columns: columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
        };
        let mut names = BTreeSet::new();
        let mut reducers = Vec::with_capacity(kpis.len());
        for kpi in kpis {
            if !names.insert(&kpi.name) {
                return Err(RunError::Repeated { what: "KPIs", name: kpi.name.clone() });
            }
            let column = columns.iter().position(|column| column.name == kpi.column).ok_or_else(|| unknown(kpi))?;
            reducers.push(Reducer { column, reduce: kpi.reduce, n: 0, first: f64::NAN, value: f64::NAN });
        }
        Ok(Self(reducers))
    }

    /// Takes some rows; `cells` answers with a column.
    pub(crate) fn take<'a>(&mut self, rows: Range<usize>, cells: impl Fn(usize) -> &'a Cells) {
        for reducer in &mut self.0 {
            reducer.take(cells(reducer.column), rows.clone());
        }
    }

    /// What they are, after the last row.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.0.iter().map(Reducer::value).collect()
    }
}

impl Reducer {
    fn take(&mut self, cells: &Cells, mut others: Range<usize>) {
        if others.is_empty() {
            return;
        }
        let last = others.end - 1;
        let is_first = self.n == 0;
        self.n += u64::try_from(others.len()).expect("a length fits 64 bits");
        if is_first {
            self.first = number(cells, others.start);
            others.start += 1;
        }
        let start = if is_first { self.first } else { self.value };
        self.value = match self.reduce {
            Reduce::First => self.first,
            Reduce::Last | Reduce::Change => number(cells, last),
            Reduce::Min => others.fold(start, |least, row| pick(least, number(cells, row), |a, b| b < a)),
            Reduce::Max => others.fold(start, |most, row| pick(most, number(cells, row), |a, b| b > a)),
            Reduce::Mean | Reduce::Sum => others.fold(start, |sum, row| sum + number(cells, row)),
        };
    }

    fn value(&self) -> f64 {
        match self.reduce {
            Reduce::Change => self.value - self.first,
            Reduce::Mean => self.value / self.n as f64,
            _ => self.value,
        }
    }
}

/// `b` if it is better than `a`; NaN if either is, since a comparison that leaves one out would say too much.
fn pick(a: f64, b: f64, is_better: fn(f64, f64) -> bool) -> f64 {
    if b.is_nan() || is_better(a, b) { b } else { a }
}

/// A cell as a number.
pub(crate) fn number(cells: &Cells, row: usize) -> f64 {
    match cells {
        Cells::Float(cells) => cells[row],
        Cells::Integer(cells) => cells[row] as f64,
        Cells::Text(text, ends) => text_of(text, ends, row).trim().parse().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Reduce; 7] =
        [Reduce::First, Reduce::Last, Reduce::Min, Reduce::Max, Reduce::Mean, Reduce::Sum, Reduce::Change];

    /// Checks all KPIs of a column, in the order of [`ALL`], taken in batches of every size.
    #[track_caller]
    fn check(column: Column, cells: &Cells, n: usize, expected: [f64; 7]) {
        let kpi = |reduce: Reduce| Kpi { name: format!("{reduce:?}"), column: column.name.clone(), reduce };
        let reducers = Reducers::of(&ALL.map(kpi), std::slice::from_ref(&column)).unwrap();
        for size in 1..=n.max(1) {
            let mut reducers = reducers.clone();
            for start in (0..n).step_by(size) {
                reducers.take(start..(start + size).min(n), |_| cells);
            }
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let values = reducers.values();
            assert_eq!(bits(&values), bits(&expected), "{values:?} in batches of {size}");
        }
    }

    #[test]
    fn columns_become_numbers() {
        let (nan, float) = (f64::NAN, Column::float("x"));
        let text = |words: &[&str]| {
            let ends = words.iter().scan(0, |end, word| {
                *end += word.len();
                Some(*end)
            });
            Cells::Text(words.concat(), ends.collect())
        };
        check(float.clone(), &Cells::Float(vec![]), 0, [nan; 7]);
        check(float.clone(), &Cells::Float(vec![2.5]), 1, [2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 0.0]);
        check(float.clone(), &Cells::Float(vec![3.0, -1.0, 7.0, 4.0]), 4, [3.0, 4.0, -1.0, 7.0, 3.25, 13.0, 1.0]);
        check(float.clone(), &Cells::Float(vec![3.0, nan, 7.0]), 3, [3.0, 7.0, nan, nan, nan, nan, 4.0]);
        check(float, &Cells::Float(vec![nan, 3.0]), 2, [nan, 3.0, nan, nan, nan, nan, nan]);
        let integer = Column::integer("n");
        check(integer, &Cells::Integer(vec![5, -7, 1]), 3, [5.0, 1.0, -7.0, 5.0, -1.0 / 3.0, -1.0, -4.0]);
        let words =
            text(&["1.50", "-2", "115792089237316195423570985008687907853269984665640564039457584007913129639935"]);
        let wide = 2_f64.powi(256);
        check(Column::text("t"), &words, 3, [1.5, wide, -2.0, wide, wide / 3.0, wide, wide]);
        check(Column::text("t"), &text(&["4", "n/a", ""]), 3, [4.0, nan, nan, nan, nan, nan, nan]);
    }
}
