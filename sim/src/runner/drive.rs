//! One run: steps until it ends, fails, panics or is stopped, and each batch of rows reduced, hashed and handed on.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Control, Count, Digest, Outcome, Reducers, RunError};
use crate::{
    kpi::Kpi,
    model::{Failure, Model, Progress, Run, World},
    rows::{Cells, Rows},
};

/// A batch is handed on once it has this many rows,
const BATCH_ROWS: usize = 4_096;
/// or this many cells,
const BATCH_CELLS: usize = 1 << 17;
/// or this much text,
const BATCH_TEXT_BYTES: usize = 1 << 23;
/// which is looked at after as many rows.
const TEXT_CHECK_ROWS: usize = 64;
/// Steps after which the observer hears of them, rows or not.
const BATCH_STEPS: u64 = 1_024;

/// What the files' 64 bits hold.
const MAX_TIMESTEP: u64 = i64::MAX.cast_unsigned();

/// What takes the first rows, so many, of a batch.
pub(super) type Sink<'a, E> = dyn FnMut(&Rows, usize) -> Result<(), E> + 'a;

/// What all runs of a plan have in common.
pub(super) struct Driver<'a> {
    model: &'a dyn Model,
    control: &'a Control<'a>,
    reducers: Reducers,
    n_runs: u64,
    n_ended: AtomicU64,
    n_failed: AtomicU64,
    n_taken: AtomicU64,
}

impl<'a> Driver<'a> {
    /// Before the first of `n_runs` runs.
    pub(super) fn of(
        model: &'a dyn Model,
        kpis: &[Kpi],
        n_runs: u64,
        control: &'a Control<'a>,
    ) -> Result<Self, RunError> {
        let reducers = Reducers::of(kpis, model.columns())?;
        let zero = AtomicU64::default;
        Ok(Self { model, control, reducers, n_runs, n_ended: zero(), n_failed: zero(), n_taken: zero() })
    }

    /// Room for a batch, to be used for one run after the other.
    pub(super) fn rows(&self) -> Rows {
        Rows::new(self.model.columns())
    }

    /// Takes a run to its end. Batches differ from machine to machine in nothing: they depend on the rows alone.
    ///
    /// # Errors
    /// If it was stopped, and what `sink` answers.
    pub(super) fn drive<E: From<RunError>>(
        &self,
        run: &Run<'_>,
        rows: &mut Rows,
        sink: &mut Sink<'_, E>,
    ) -> Result<Outcome, E> {
        let mut digest = Digest::of(self.model.columns());
        let mut reducers = self.reducers.clone();
        let mut n_rows = 0_u64;
        rows.clear();
        let mut timestep = 0;
        let mut world = caught(|| self.model.start(run)).unwrap_or_else(|bug| Err(bug.at(timestep)));
        let failure = loop {
            let started = match &mut world {
                Ok(world) => world,
                Err(failure) => break Some(failure.clone()),
            };
            let mut n_taken = 0;
            let advanced = caught(|| self.advance(started.as_mut(), rows, &mut n_taken));
            let (n, defect) = complete(rows);
            timestep = n.checked_sub(1).map_or(timestep, |last| rows.timesteps()[last]);
            n_rows += u64::try_from(n).expect("a length fits 64 bits");
            reducers.take(0..n, |column| &rows.cells()[column]);
            digest_rows(&mut digest, rows, n);
            sink(rows, n)?;
            rows.clear();
            self.count(n_taken, 0, 0);
            match advanced.unwrap_or_else(|bug| Err(bug.at(timestep))) {
                Err(failure) => break Some(failure),
                Ok(_) if defect.is_some() => break defect,
                Ok(Progress::Done) => break None,
                Ok(Progress::More) if self.control.stop.load(Ordering::Relaxed) => {
                    return Err(RunError::Stopped.into());
                }
                Ok(Progress::More) => {}
            }
        };
        // A world that panicked may do so again when it is dropped, and what it recorded stands.
        let _: Result<(), Bug> = caught(|| drop(world));
        let failure = failure.map(|failure| Failure { timestep: failure.timestep.min(MAX_TIMESTEP), ..failure });
        self.count(0, 1, u64::from(failure.is_some()));
        Ok(Outcome {
            subset: run.subset,
            number: run.number,
            n_rows,
            hash: digest.end(failure.as_ref()),
            kpis: reducers.values(),
            failure,
        })
    }

    /// Steps until a batch is full.
    fn advance(&self, world: &mut dyn World, rows: &mut Rows, n_taken: &mut u64) -> Result<Progress, Failure> {
        let n_full = (BATCH_CELLS / self.model.columns().len().max(1)).clamp(1, BATCH_ROWS);
        let mut next_text_check = TEXT_CHECK_ROWS;
        while *n_taken < BATCH_STEPS && rows.len() < n_full && !self.control.stop.load(Ordering::Relaxed) {
            *n_taken += 1;
            if world.step(rows)? == Progress::Done {
                return Ok(Progress::Done);
            }
            if rows.len() >= next_text_check {
                next_text_check = rows.len() + TEXT_CHECK_ROWS;
                if text_bytes(rows) >= BATCH_TEXT_BYTES {
                    break;
                }
            }
        }
        Ok(Progress::More)
    }

    fn count(&self, n_taken: u64, n_ended: u64, n_failed: u64) {
        let add = |count: &AtomicU64, n| count.fetch_add(n, Ordering::Relaxed) + n;
        (self.control.observer)(Count {
            n_runs: self.n_runs,
            n_ended: add(&self.n_ended, n_ended),
            n_failed: add(&self.n_failed, n_failed),
            n_steps: self.model.n_steps(),
            n_taken: add(&self.n_taken, n_taken),
        });
    }
}

/// What a panic said.
struct Bug(String);

impl Bug {
    /// The failure that it is, after `timestep`.
    fn at(self, timestep: u64) -> Failure {
        Failure { timestep, reason: format!("a bug of the model: {}", self.0) }
    }
}

/// What `work` says, unless it panics.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Bug> {
    // The run ends with the panic, and nothing of it is seen again but rows that were complete before.
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Bug(message(payload.as_ref()).to_owned()))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

/// How many rows have all their cells and can be written, and what is wrong with the one after them.
fn complete(rows: &Rows) -> (usize, Option<Failure>) {
    let cells = |cells: &Cells| match cells {
        Cells::Float(cells) => cells.len(),
        Cells::Integer(cells) => cells.len(),
        Cells::Text(_, ends) => ends.len(),
    };
    let whole = rows.cells().iter().map(cells).chain([rows.len()]).min().unwrap_or_default();
    let n = rows.timesteps()[..whole].iter().position(|at| *at > MAX_TIMESTEP).unwrap_or(whole);
    let defect = rows.timesteps().get(n).map(|timestep| {
        let what = if n < whole { "is beyond 2^63 - 1" } else { "lacks cells" };
        Failure { timestep: *timestep, reason: format!("a bug of the model: the row of timestep {timestep} {what}") }
    });
    (n, defect)
}

fn text_bytes(rows: &Rows) -> usize {
    let bytes = |cells: &Cells| if let Cells::Text(text, _) = cells { text.len() } else { 0 };
    rows.cells().iter().map(bytes).sum()
}

fn digest_rows(digest: &mut Digest, rows: &Rows, n: usize) {
    for row in 0..n {
        digest.row(rows.timesteps()[row], rows.substeps()[row].into(), row, rows.cells().iter());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Point, rows::Column};

    /// Records `rows_per_step` rows a step, of `n_bytes` of text each.
    struct Chatter {
        columns: Vec<Column>,
        n_steps: u64,
        rows_per_step: usize,
        n_bytes: usize,
    }

    struct Chattering<'a>(&'a Chatter, u64);

    impl Model for Chatter {
        fn columns(&self) -> &[Column] {
            &self.columns
        }

        fn n_steps(&self) -> u64 {
            self.n_steps
        }

        fn start<'a>(&'a self, _: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure> {
            Ok(Box::new(Chattering(self, 0)))
        }
    }

    impl World for Chattering<'_> {
        fn step(&mut self, rows: &mut Rows) -> Result<Progress, Failure> {
            for _ in 0..self.0.rows_per_step {
                rows.begin(self.1, 0);
                for _ in 0..self.0.columns.len() {
                    rows.text(format_args!("{:1$}", self.1, self.0.n_bytes));
                }
            }
            self.1 += 1;
            Ok(if self.1 == self.0.n_steps { Progress::Done } else { Progress::More })
        }
    }

    #[track_caller]
    fn check_largest(n_columns: usize, n_steps: u64, rows_per_step: usize, n_bytes: usize, expected: usize) {
        let columns = (0..n_columns).map(|n| Column::text(n.to_string())).collect();
        let chatter = Chatter { columns, n_steps, rows_per_step, n_bytes };
        let (mut largest, mut n_all, mut n_heard) = (0, 0, 0);
        let heard = AtomicU64::new(0);
        let observer = |count: Count| {
            heard.fetch_max(count.n_taken, Ordering::Relaxed);
        };
        let control = Control { observer: &observer, ..Control::quiet(1) };
        let driver = Driver::of(&chatter, &[], 1, &control).unwrap();
        let run = Run { seed: 0, subset: 0, number: 1, point: &Point::default() };
        let outcome = driver.drive::<RunError>(&run, &mut driver.rows(), &mut |rows, n| {
            largest = largest.max(rows.len());
            n_all += n;
            n_heard += 1;
            Ok(())
        });
        let n_rows = usize::try_from(outcome.unwrap().n_rows).unwrap();
        assert_eq!((largest, n_all, n_rows), (expected, n_rows, usize::try_from(n_steps).unwrap() * rows_per_step));
        assert_eq!(heard.into_inner(), n_steps);
        assert!(n_heard > 1, "rows come in batches");
    }

    #[test]
    fn batches_do_not_grow_with_the_steps() {
        for n_steps in [2_000, 20_000] {
            check_largest(1, n_steps, 1, 1, 1_024);
            check_largest(1, n_steps, 7, 1, 4_102);
        }
        check_largest(400, 2_000, 1, 1, BATCH_CELLS / 400);
        check_largest(4, 200, 1, 1 << 15, TEXT_CHECK_ROWS);
        check_largest(0, 5_000, 1, 1, 1_024);
    }

    #[test]
    fn a_step_without_rows_is_heard_of_too() {
        check_largest(1, 3_000, 0, 1, 0);
    }
}
