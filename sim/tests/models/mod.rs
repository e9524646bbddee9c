//! Runs of the netlists in the box, as tables.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::{fs, path::Path};

use alloy_primitives::{U256, keccak256};
use sim::{
    agents::{Agent, Kind},
    economy::{Economy, State},
    model::{Failure, Model, Point, Progress, Run, Value},
    netlist::Netlist,
    rows::{Cells, Rows},
};

/// What a run recorded.
pub(crate) struct Table {
    columns: Vec<String>,
    values: Vec<Vec<f64>>,
}

impl Table {
    #[track_caller]
    pub(crate) fn column(&self, name: &str) -> &[f64] {
        let at = self.columns.iter().position(|column| column == name);
        &self.values[at.unwrap_or_else(|| panic!("there is no column {name}"))]
    }

    #[track_caller]
    pub(crate) fn last(&self, name: &str) -> f64 {
        *self.column(name).last().expect("a run has rows")
    }

    /// Neither a unit missing nor one too many, in any row.
    #[track_caller]
    pub(crate) fn is_conserved(&self) {
        let unaccounted = self.column("unaccounted");
        assert!(unaccounted.len() > 1 && unaccounted.iter().all(|units| *units == 0.0), "{unaccounted:?}");
    }
}

/// The netlist of this name, with some of its text replaced, and with these kinds beside those in the box.
#[track_caller]
pub(crate) fn changed(name: &str, changes: &[(&str, &str)], kinds: &[Kind]) -> Economy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("netlists").join(name);
    let mut text = fs::read_to_string(&path).expect("the netlist is there");
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from:?} is there once");
        text = text.replace(from, to);
    }
    let netlist = Netlist::parse_with(&path, &text, kinds).unwrap_or_else(|error| panic!("{error}"));
    netlist.economy().unwrap_or_else(|error| panic!("{error}"))
}

/// Runs with these values of parameters.
pub(crate) fn run(economy: &Economy, seed: u64, values: &[(&str, f64)]) -> Result<Table, Failure> {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), Value::Float(*value))).collect();
    let point = Point { values };
    let run = Run { seed, subset: 0, number: 1, point: &point };
    let mut rows = Rows::new(economy.columns());
    let mut world = economy.start(&run)?;
    while world.step(&mut rows)? == Progress::More {}
    let numbers = |cells: &Cells| match cells {
        Cells::Float(numbers) => numbers.clone(),
        other => panic!("a column of numbers, not {other:?}"),
    };
    let columns = economy.columns().iter().map(|column| column.name.clone()).collect();
    Ok(Table { columns, values: rows.cells().iter().map(numbers).collect() })
}

#[track_caller]
pub(crate) fn ran(economy: &Economy, seed: u64, values: &[(&str, f64)]) -> Table {
    run(economy, seed, values).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Equal but for the rounding of floats.
#[track_caller]
pub(crate) fn close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{actual} is not {expected}");
}

/// An agent that takes three units of the first contract's token out of the second contract in tick 40, past all
/// contracts, as a flaw in either would.
pub(crate) const THIEF: Kind =
    Kind { name: "thief", doc: "takes three units", keys: &[], gauges: &[], build: |_| Ok(Box::new(Thief)) };

struct Thief;

impl Agent for Thief {
    fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
        if state.tick() == 40 {
            let evm = state.evm.as_mut().expect("there is a chain");
            let (token, streams) = (evm.address(0), evm.address(1));
            // Balances are the token's first mapping.
            let slot = keccak256([streams.into_word().0, [0; 32]].concat()).into();
            let has = evm.units(token, streams)?;
            assert_eq!(evm.chain.storage(token, slot), Ok(has));
            evm.chain.set_storage(token, slot, has - U256::from(3)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// What has to be put before `[columns]` for a thief.
pub(crate) const WITH_THIEF: (&str, &str) =
    ("[columns]\n", "[[agent]]\nname = \"thief\"\nkind = \"thief\"\n\n[columns]\n");
