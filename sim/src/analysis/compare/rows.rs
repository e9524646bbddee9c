//! Compares two folders of results row by row, some rows at a time, so that memory does not grow with them.

use super::{Comparison, Difference, Place, Side, Tolerance};
use crate::{
    results::{Batch, Results, ResultsError},
    rows::Kind,
};

/// Why two folders cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A setting makes no sense.
    #[error(transparent)]
    Analysis(#[from] crate::analysis::Error),
    /// A folder cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

/// Subset, run, timestep and substep: what rows are ordered by.
type Key = [u64; 4];

/// The rows of one side, one after the other.
struct Rows<B> {
    batches: B,
    batch: Batch,
    next: usize,
}

impl<B: Iterator<Item = Result<Batch, ResultsError>>> Rows<B> {
    fn of(batches: B) -> Result<Self, ResultsError> {
        let mut rows = Self { batches, batch: Batch::default(), next: 0 };
        rows.fill()?;
        Ok(rows)
    }

    /// Reads on once a batch is at its end; an empty batch is the end of all.
    fn fill(&mut self) -> Result<(), ResultsError> {
        if self.next >= self.batch.subsets.len() {
            (self.batch, self.next) = (self.batches.next().transpose()?.unwrap_or_default(), 0);
        }
        Ok(())
    }

    fn key(&self) -> Option<Key> {
        let Batch { subsets, numbers, timesteps, substeps, .. } = &self.batch;
        Some([*subsets.get(self.next)?, numbers[self.next], timesteps[self.next], substeps[self.next]])
    }

    fn advance(&mut self) -> Result<(), ResultsError> {
        self.next += 1;
        self.fill()
    }
}

impl Comparison {
    /// Compares the runs and the rows of two folders. Columns are compared as numbers; where rows differ and no number does, text
    /// that is no number differs, and so do the results.
    ///
    /// # Errors
    /// If a folder is damaged, or `confidence` is no probability.
    pub fn of_folders(a: &Results, b: &Results, tolerance: Tolerance, confidence: f64) -> Result<Self, CompareError> {
        let (of_a, of_b) = (a.outcomes()?, b.outcomes()?);
        let side_a = Side { kpis: a.kpis(), outcomes: &of_a };
        let mut comparison = Self::of_runs(side_a, Side { kpis: b.kpis(), outcomes: &of_b }, tolerance, confidence)?;
        let names = |results: &Results| results.columns().iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        let (names_a, names_b) = (names(a), names(b));
        let both: Vec<&str> = names_a.iter().filter(|name| names_b.contains(name)).map(String::as_str).collect();
        let alone = |side: &str, own: &[String], others: &[String]| {
            let alone = own.iter().filter(|name| !others.contains(name));
            alone.map(|name| format!("column `{name}` is only on the {side} side")).collect::<Vec<_>>()
        };
        let mut unpaired = [alone("first", &names_a, &names_b), alone("second", &names_b, &names_a)].concat();
        let mut columns: Vec<_> = both.iter().map(|name| Difference::new(*name, tolerance)).collect();
        let lines = compare_rows(Rows::of(a.batches(&both)?)?, Rows::of(b.batches(&both)?)?, &mut columns)?;
        unpaired.extend(lines);
        let has_text = a.columns().iter().any(|column| column.kind == Kind::Text);
        let are_numbers_same = columns.iter().all(|column| column.n_unequal == 0);
        if has_text && are_numbers_same && unpaired.is_empty() && comparison.n_same_rows < comparison.n_pairs {
            unpaired.push("rows differ in text whose numbers, if it has any, are the same".to_owned());
        }
        comparison.add_columns(columns, unpaired);
        Ok(comparison)
    }
}

/// Pairs rows of the same key, and says how many have no partner.
fn compare_rows<A, B>(mut a: Rows<A>, mut b: Rows<B>, columns: &mut [Difference]) -> Result<Vec<String>, ResultsError>
where
    A: Iterator<Item = Result<Batch, ResultsError>>,
    B: Iterator<Item = Result<Batch, ResultsError>>,
{
    let (mut n_only_a, mut n_only_b) = (0_u64, 0_u64);
    loop {
        match (a.key(), b.key()) {
            (None, None) => break,
            (Some(x), Some(y)) if x == y => {
                let place = Place { subset: x[0], run: x[1], timestep: x[2] };
                for (i, column) in columns.iter_mut().enumerate() {
                    column.add(place, a.batch.values[i][a.next], b.batch.values[i][b.next]);
                }
                a.advance()?;
                b.advance()?;
            }
            (Some(x), y) if y.is_none_or(|y| x < y) => {
                n_only_a += 1;
                a.advance()?;
            }
            _ => {
                n_only_b += 1;
                b.advance()?;
            }
        }
    }
    let line = |n: u64, side: &str| (n > 0).then(|| format!("{n} rows are only on the {side} side"));
    Ok([line(n_only_a, "first"), line(n_only_b, "second")].into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::PathBuf};

    use super::*;
    use crate::{
        analysis::compare::Verdict,
        kpi::{Kpi, Reduce},
        model::{Failure, Model, Point, Progress, Run, World},
        results::Format,
        rows::{Column, Rows as Recorded},
        runner::{Control, Plan, Settings, Shard, execute},
    };

    /// Two numbers and a name at each of three steps; the last price of run 2 is raised by `raise`.
    struct Steps {
        columns: Vec<Column>,
        raise: f64,
        name: &'static str,
        n_steps: u64,
    }

    struct Step<'a>(&'a Steps, u64, u64);

    impl Model for Steps {
        fn columns(&self) -> &[Column] {
            &self.columns
        }

        fn n_steps(&self) -> u64 {
            self.n_steps
        }

        fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure> {
            Ok(Box::new(Step(self, run.number, 0)))
        }
    }

    impl World for Step<'_> {
        fn step(&mut self, rows: &mut Recorded) -> Result<Progress, Failure> {
            let Self(steps, run, timestep) = self;
            let raise = if *run == 2 && *timestep == 2 { steps.raise } else { 0.0 };
            rows.begin(*timestep, 0);
            rows.float(10.0 + raise);
            rows.text(steps.name);
            *timestep += 1;
            Ok(if *timestep == steps.n_steps { Progress::Done } else { Progress::More })
        }
    }

    fn folder(name: &str, raise: f64, text: &'static str, n_steps: u64) -> (PathBuf, Results) {
        let directory = env::temp_dir().join(format!("sim-compare-{}-{name}", std::process::id()));
        let steps = Steps { columns: vec![Column::float("price"), Column::text("name")], raise, name: text, n_steps };
        let plan = Plan { seed: 1, points: vec![Point::default()], n_runs: 3 };
        let kpis = [Kpi { name: "last".to_owned(), column: "price".to_owned(), reduce: Reduce::Last }];
        let settings = Settings {
            directory: directory.clone(),
            is_resumed: false,
            shard: Shard::default(),
            format: Format::Parquet,
            simulation: 0,
            netlist: String::new(),
        };
        execute(&steps, &plan, &kpis, &settings, &Control::quiet(1)).unwrap();
        let results = Results::open(&directory).unwrap();
        (directory, results)
    }

    #[test]
    fn folders_are_compared_row_by_row() {
        let (first, a) = folder("a", 0.0, "alice", 3);
        let tolerance = Tolerance { absolute: 0.0, relative: 1e-6 };
        let table = [
            ("same", 0.0, "alice", 3, Verdict::Identical, ""),
            ("near", 1e-9, "alice", 3, Verdict::EqualWithin, ""),
            ("far", 1.0, "alice", 3, Verdict::Different, ""),
            (
                "named",
                0.0,
                "bob",
                3,
                Verdict::Different,
                "rows differ in text whose numbers, if it has any, are the same",
            ),
            ("longer", 0.0, "alice", 4, Verdict::Different, "3 rows are only on the second side"),
        ];
        for (name, raise, text, n_steps, verdict, line) in table {
            let (directory, b) = folder(name, raise, text, n_steps);
            let found = Comparison::of_folders(&a, &b, tolerance, 0.95).unwrap();
            assert_eq!((found.verdict, found.unpaired.concat().as_str()), (verdict, line), "{name}");
            let price = &found.columns[0];
            let at = (raise > 0.0).then_some(Place { subset: 0, run: 2, timestep: 2 });
            assert_eq!((price.n, price.n_unequal, price.absolute_at), (9, u64::from(raise > 0.0), at), "{name}");
            fs::remove_dir_all(directory).unwrap();
        }
        fs::remove_dir_all(first).unwrap();
    }
}
