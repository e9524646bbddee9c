//! A random walk that records a number, a whole number and text, and goes wrong as told.

use std::sync::LazyLock;

use sim::{
    draws::Draws,
    kpi::{Kpi, Reduce},
    model::{Failure, Model, Point, Progress, Run, Value, World},
    rows::{Column, Rows},
    runner::Plan,
};

/// What goes wrong in run 2 of subset 0, before the row of timestep 7 is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// A failure in that run, and one at the start of run 3 of subset 1.
    #[default]
    Failures,
    Panic,
    PanicInRow,
    PanicAtStart,
    PanicInDrop,
    LacksCells,
    FailsInRow,
    HugeTimestep,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(crate) n_steps: u64,
    pub(crate) fault: Fault,
}

impl Default for Walk {
    fn default() -> Self {
        Self { n_steps: 40, fault: Fault::default() }
    }
}

pub(crate) fn plan() -> Plan {
    let point = |step, price, mode: &str, is_bold| Point {
        values: vec![
            ("step".to_owned(), Value::Integer(step)),
            ("price".to_owned(), Value::Float(price)),
            ("mode".to_owned(), Value::Text(mode.to_owned())),
            ("is_bold".to_owned(), Value::Flag(is_bold)),
        ],
    };
    let points = vec![point(1, 1.5, "a", true), point(2, 2.5, "b", false), point(3, f64::INFINITY, "", true)];
    Plan { seed: 1, points, n_runs: 4 }
}

pub(crate) fn kpis() -> Vec<Kpi> {
    let kpi = |name: &str, column: &str, reduce| Kpi { name: name.to_owned(), column: column.to_owned(), reduce };
    vec![
        kpi("first", "price", Reduce::First),
        kpi("last", "price", Reduce::Last),
        kpi("least", "price", Reduce::Min),
        kpi("most", "price", Reduce::Max),
        kpi("mean", "price", Reduce::Mean),
        kpi("hash", "n", Reduce::Sum),
        kpi("change", "n", Reduce::Change),
        kpi("note", "n", Reduce::Max),
    ]
}

static COLUMNS: LazyLock<Vec<Column>> =
    LazyLock::new(|| vec![Column::float("price"), Column::integer("n"), Column::text("note")]);

impl Model for Walk {
    fn columns(&self) -> &[Column] {
        &COLUMNS
    }

    fn n_steps(&self) -> u64 {
        self.n_steps
    }

    fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure> {
        let id = (run.subset, run.number);
        let step = match run.point.values[0].1 {
            Value::Integer(step) => step as f64,
            Value::Float(step) => step,
            _ => panic!("step is a number"),
        };
        assert!(self.fault != Fault::PanicAtStart || id != (0, 2), "no start");
        if self.fault == Fault::Failures && id == (1, 3) {
            return Err(Failure { timestep: 0, reason: format!("no start with step {step} and run 3") });
        }
        let fault = if id == (0, 2) { self.fault } else { Fault::None };
        Ok(Box::new(Walker {
            n_steps: self.n_steps,
            fault,
            draws: run.draws("walker", "step"),
            step,
            price: 100.0,
            n: 0,
        }))
    }
}

struct Walker {
    n_steps: u64,
    fault: Fault,
    draws: Draws,
    step: f64,
    price: f64,
    n: u64,
}

impl Walker {
    fn fail(&self, rows: &mut Rows) -> Result<Progress, Failure> {
        let failure = |reason: &str| Err(Failure { timestep: self.n, reason: reason.to_owned() });
        match self.fault {
            Fault::Failures => failure("InsufficientBalance(7, \"alice\")"),
            Fault::Panic => panic!("index {} is out of the market", self.n + 2),
            Fault::PanicInRow => {
                rows.begin(self.n, 0);
                rows.float(1.0);
                panic!("no price")
            }
            Fault::PanicInDrop => failure("balance 3 is less than 5"),
            Fault::LacksCells => {
                rows.begin(self.n, 0);
                Ok(Progress::Done)
            }
            Fault::FailsInRow => {
                rows.begin(self.n, 0);
                rows.float(1.0);
                rows.integer(2);
                failure("division by zero")
            }
            Fault::HugeTimestep => {
                rows.begin(u64::MAX, 0);
                rows.float(1.0);
                rows.integer(2);
                rows.text("");
                Ok(Progress::More)
            }
            Fault::None | Fault::PanicAtStart => Ok(Progress::More),
        }
    }
}

impl World for Walker {
    fn step(&mut self, rows: &mut Rows) -> Result<Progress, Failure> {
        if self.n == 7 && self.fault != Fault::None {
            return self.fail(rows);
        }
        rows.begin(self.n, u32::from(self.n % 2 == 1));
        // Values that formats like to spoil.
        rows.float(match self.n {
            20 => f64::MIN_POSITIVE / 8.0,
            21 => -0.0,
            22 => 1e300,
            _ => self.price,
        });
        rows.integer(if self.n == 23 { i64::MIN } else { i64::try_from(self.n).expect("a small number") });
        match self.n {
            24 => rows.text("two\nlines\r"),
            25 => rows.text("12.5"),
            n => rows.text(format_args!("tick {n}, \"up\"")),
        }
        self.price += self.step * self.draws.normal();
        self.n += 1;
        Ok(if self.n == self.n_steps { Progress::Done } else { Progress::More })
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        assert!(self.fault != Fault::PanicInDrop, "no end");
    }
}
