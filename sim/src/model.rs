//! What a world offers to the runner: columns, parameters, and runs that take steps. The runner knows no more of a model,
//! and a model knows of one run only.

use std::fmt;

use crate::{
    draws::Draws,
    rows::{Column, Rows},
};

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Float(f64),
    /// A whole number.
    Integer(i64),
    /// Text: a name, or more digits than a number has.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

/// As a netlist has it: text in quotes.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(number) => write!(f, "{number}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// Values of the swept parameters, in their order; the others have the netlist's values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Name and value.
    pub values: Vec<(String, Value)>,
}

/// One run: which, with what.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// The seed of the simulation.
    pub seed: u64,
    /// Which point of the sweep, from 0.
    pub subset: u64,
    /// Which repetition, from 1. Runs of the same number draw the same at all points, so that points are compared on
    /// equal luck.
    pub number: u64,
    /// The point.
    pub point: &'a Point,
}

impl Run<'_> {
    /// The random numbers of `agent` for `purpose` in this run.
    #[must_use]
    pub fn draws(&self, agent: &str, purpose: &str) -> Draws {
        Draws::keyed(self.seed, self.number, agent, purpose)
    }
}

/// Why a run ended before its time. The other runs go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timestep {timestep}: {reason}")]
pub struct Failure {
    /// When.
    pub timestep: u64,
    /// Why: a revert by name with its arguments, an operation with its operands.
    pub reason: String,
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There are more steps.
    More,
    /// That was the last.
    Done,
}

/// A model that can be run.
pub trait Model: Send + Sync {
    /// What each row holds beyond simulation, subset, run, substep, timestep and the swept parameters.
    fn columns(&self) -> &[Column];

    /// How many steps a run takes at most, for progress.
    fn n_steps(&self) -> u64;

    /// Begins a run.
    ///
    /// # Errors
    /// If its parameters or its start do not work out.
    fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure>;
}

/// A run under way.
pub trait World {
    /// Takes one step, and records what is to be recorded: the first step records the initial state before it acts.
    ///
    /// # Errors
    /// If the step does not work out. Rows that were recorded stay.
    fn step(&mut self, rows: &mut Rows) -> Result<Progress, Failure>;
}
