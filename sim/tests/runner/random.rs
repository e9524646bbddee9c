//! Any rows come back as they were recorded.

use alloy_primitives::keccak256;
use proptest::{collection::vec, prelude::*};
use sim::{
    model::{Failure, Model, Point, Progress, Run, World},
    results::{self, Format, Results},
    rows::{Column, Rows},
    runner::{self, Control, Plan, Settings},
};

use crate::folder::{self, Folder};

type Row = (u64, u32, f64, i64, String);

/// Records the given rows, some a step.
#[derive(Debug)]
struct Replay {
    columns: Vec<Column>,
    runs: Vec<Vec<Row>>,
    rows_per_step: usize,
    failure: Option<Failure>,
}

struct Replaying<'a>(&'a Replay, &'a [Row]);

impl Model for Replay {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn n_steps(&self) -> u64 {
        100
    }

    fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure> {
        let index = usize::try_from(run.number - 1).expect("a small number");
        Ok(Box::new(Replaying(self, &self.runs[index])))
    }
}

impl World for Replaying<'_> {
    fn step(&mut self, rows: &mut Rows) -> Result<Progress, Failure> {
        let (step, rest) = self.1.split_at(self.0.rows_per_step.min(self.1.len()));
        self.1 = rest;
        for (timestep, substep, float, integer, text) in step {
            rows.begin(*timestep, *substep);
            rows.float(*float);
            rows.integer(*integer);
            rows.text(text);
        }
        match &self.0.failure {
            _ if !rest.is_empty() => Ok(Progress::More),
            Some(failure) => Err(failure.clone()),
            None => Ok(Progress::Done),
        }
    }
}

/// The hash of a run as it is documented, written down a second time.
fn documented_hash(model: &Replay, rows: &[Row]) -> [u8; 32] {
    let mut bytes = Vec::new();
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.bytes());
    };
    bytes.extend(3_u64.to_le_bytes());
    for (kind, column) in (0_u8..).zip(&model.columns) {
        bytes.push(kind);
        text(&mut bytes, &column.name);
    }
    for (timestep, substep, float, integer, words) in rows {
        bytes.push(1);
        bytes.extend(timestep.to_le_bytes());
        bytes.extend(u64::from(*substep).to_le_bytes());
        let bits = if float.is_nan() { 0x7ff8_0000_0000_0000 } else { float.to_bits() };
        bytes.extend(bits.to_le_bytes());
        bytes.extend(integer.to_le_bytes());
        text(&mut bytes, words);
    }
    match &model.failure {
        None => bytes.push(0),
        Some(failure) => {
            bytes.push(2);
            bytes.extend(failure.timestep.to_le_bytes());
            text(&mut bytes, &failure.reason);
        }
    }
    keccak256(bytes).0
}

fn row() -> impl Strategy<Value = Row> {
    let float = prop_oneof![any::<f64>(), any::<u64>().prop_map(f64::from_bits), Just(0.1), Just(f64::NEG_INFINITY)];
    let text = prop_oneof!["\\PC*", "[,\"\r\n é]{0,6}", "-?[0-9]{1,40}\\.[0-9]{1,28}"];
    (0..=u64::MAX >> 1, any::<u32>(), float, any::<i64>(), text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back(
        runs in vec(vec(row(), 0..24), 1..4),
        rows_per_step in 1_usize..9,
        reason in proptest::option::of("\\PC*"),
        names in ("c[,\"\n]?", "d.?", "[e-g]\\PC*"),
    ) {
        let failure = reason.map(|reason| Failure { timestep: 5, reason });
        let columns = vec![Column::float(names.0), Column::integer(names.1), Column::text(names.2)];
        let model = Replay { columns, runs, rows_per_step, failure };
        let plan = Plan { seed: 0, points: vec![Point::default()], n_runs: model.runs.len() as u64 };
        let folder = Folder::new();
        let settings = Settings { format: Format::Both, ..Settings::into(folder.path()) };
        runner::execute(&model, &plan, &[], &settings, &Control::quiet(2)).unwrap();
        let verdict = results::verify(folder.path()).unwrap();
        prop_assert!(verdict.is_sound(), "{verdict:?}");
        let results = Results::open(folder.path()).unwrap();
        for (outcome, rows) in results.outcomes().unwrap().iter().zip(&model.runs) {
            prop_assert_eq!(outcome.hash, documented_hash(&model, rows));
            prop_assert_eq!(&outcome.failure, &model.failure);
        }
        let columns: Vec<&str> = model.columns.iter().map(|column| column.name.as_str()).collect();
        let found = folder::rows(&results, &columns).unwrap();
        let mut expected = Vec::new();
        for (number, rows) in (1..).zip(&model.runs) {
            for (timestep, substep, float, integer, text) in rows {
                let text: f64 = text.trim().parse().unwrap_or(f64::NAN);
                expected.push(([0, number, *timestep, u64::from(*substep)], vec![*float, *integer as f64, text]));
            }
        }
        prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
}
