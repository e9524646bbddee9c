//! State-block models with the semantics of cadCAD 0.5.3: a timestep is a row of blocks; in a block all policies, then all
//! updates see the same old state; the next block sees the result. One engine runs models that are typed in Rust
//! (`StateBlocks`) and models that are data with functions in scripts (`Scripted`).

mod history;
mod number;
mod scripted;

mod signal;

use crate::{
    decimal::ArithmeticError,
    model::{Failure, Model, Progress, Run, World},
    rows::{Column, Rows},
    script::ScriptError,
};

pub use self::{
    history::{History, Record},
    number::Number,
    scripted::{Definition, DefinitionError, Scripted},
    signal::Signal,
};

/// How many finished timesteps a model may look back at most.
pub const MAX_HISTORY: usize = 10_000;

/// A model of blocks. Its state, signals and what a run keeps are its own types.
pub trait StateBlocks: Send + Sync {
    /// The state variables.
    type State: Clone;
    /// What policies tell the updates of their block.
    type Signals: Default;
    /// What one run keeps beside its state: parameters and random numbers.
    type Case;

    /// What each row holds.
    fn columns(&self) -> &[Column];

    /// How many timesteps and blocks, how far back the model looks, what is recorded.
    fn schedule(&self) -> Schedule;

    /// Begins a run.
    ///
    /// # Errors
    /// If its parameters do not work out.
    fn start(&self, run: &Run<'_>) -> Result<(Self::Case, Self::State), BlockError>;

    /// Runs the policies of the block, in their order.
    ///
    /// # Errors
    /// If one does not work out.
    fn policies(
        &self,
        case: &mut Self::Case,
        moment: &Moment<'_, Self::State>,
        signals: &mut Self::Signals,
    ) -> Result<(), BlockError>;

    /// Runs the updates of the block. `next` starts as a copy of the old state, so that variables without an update stay.
    ///
    /// # Errors
    /// If one does not work out.
    fn updates(
        &self,
        case: &mut Self::Case,
        moment: &Moment<'_, Self::State>,
        signals: &Self::Signals,
        next: &mut Self::State,
    ) -> Result<(), BlockError>;

    /// Writes the cells of a row. The signals are those of the block; there are none before the first.
    fn record(&self, state: &Self::State, signals: &Self::Signals, rows: &mut Rows);
}

/// The size of a model's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Timesteps of a run, T.
    pub n_timesteps: u64,
    /// Blocks of a timestep; each is a substep, from 1.
    pub n_blocks: u32,
    /// How many finished timesteps the functions see.
    pub n_history: usize,
    /// What is recorded.
    pub recording: Recording,
}

/// Which states become rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// The initial state as substep 0 of timestep 0, then every substep.
    EverySubstep,
    /// The initial state and the last substep of each timestep that is a multiple of this, which is not 0.
    Every(u64),
    /// The last substep of the last timestep.
    Last,
}

/// What the functions of a block see: the same for all of them.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a, S> {
    /// The substep that the block makes, from 1.
    pub substep: u32,
    /// The timestep that the block belongs to, from 1.
    pub timestep: u64,
    /// The state before the block. Its timestep is the one before in the first block, and the block's own in the others.
    pub old: &'a Record<S>,
    /// The finished timesteps.
    pub history: &'a History<S>,
}

/// Why a block does not work out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// An operation without a result.
    #[error(transparent)]
    Arithmetic(#[from] ArithmeticError),
    /// A function of a script.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A signal that an update reads and no policy gave.
    #[error("signal {0} was given by no policy of the block")]
    SignalMissing(&'static str),
    /// A signal that may be given once.
    #[error("signal {0} was given by two policies, and cannot be added")]
    SignalTwice(&'static str),
    /// A parameter of the run.
    #[error("{0}")]
    Parameter(String),
    /// The model has no answer to this state.
    #[error("{0}")]
    State(String),
}

/// A model of blocks, as the runner runs it.
#[derive(Clone, Debug)]
pub struct Blocks<M>(pub M);

impl<M: StateBlocks> Model for Blocks<M> {
    fn columns(&self) -> &[Column] {
        self.0.columns()
    }

    fn n_steps(&self) -> u64 {
        self.0.schedule().n_timesteps
    }

    fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure> {
        let course = Course::start(&self.0, run).map_err(|error| Failure { timestep: 0, reason: error.to_string() })?;
        Ok(Box::new(course))
    }
}

/// A run under way.
struct Course<'a, M: StateBlocks> {
    model: &'a M,
    schedule: Schedule,
    case: M::Case,
    now: Record<M::State>,
    history: History<M::State>,
    timestep: u64,
}

impl<'a, M: StateBlocks> Course<'a, M> {
    fn start(model: &'a M, run: &Run<'_>) -> Result<Self, BlockError> {
        let schedule = model.schedule();
        let (case, state) = model.start(run)?;
        let now = Record { timestep: 0, substep: 0, state };
        Ok(Self { model, schedule, case, now, history: History::new(schedule.n_history), timestep: 0 })
    }

    fn is_recorded(&self, substep: u32) -> bool {
        let is_last_substep = substep == self.schedule.n_blocks || self.timestep == 0;
        match self.schedule.recording {
            Recording::EverySubstep => true,
            Recording::Every(k) => is_last_substep && self.timestep.is_multiple_of(k),
            Recording::Last => is_last_substep && self.timestep == self.schedule.n_timesteps,
        }
    }

    fn record(&self, signals: &M::Signals, rows: &mut Rows) {
        if self.is_recorded(self.now.substep) {
            rows.begin(self.now.timestep, self.now.substep);
            self.model.record(&self.now.state, signals, rows);
        }
    }

    fn block(&mut self, substep: u32, rows: &mut Rows) -> Result<(), BlockError> {
        let mut next = self.now.state.clone();
        let mut signals = M::Signals::default();
        let moment = Moment { substep, timestep: self.timestep, old: &self.now, history: &self.history };
        self.model.policies(&mut self.case, &moment, &mut signals)?;
        self.model.updates(&mut self.case, &moment, &signals, &mut next)?;
        self.now = Record { timestep: self.timestep, substep, state: next };
        self.history.push(&self.now);
        self.record(&signals, rows);
        Ok(())
    }
}

impl<M: StateBlocks> World for Course<'_, M> {
    fn step(&mut self, rows: &mut Rows) -> Result<Progress, Failure> {
        if self.timestep == 0 {
            self.record(&M::Signals::default(), rows);
            self.history.push(&self.now);
            self.history.close();
        }
        if self.timestep < self.schedule.n_timesteps {
            self.timestep += 1;
            if self.schedule.n_blocks < 2 {
                // cadCAD numbers the state before a timestep anew where the timestep before has one record.
                self.now.substep = 0;
            }
            for substep in 1..=self.schedule.n_blocks {
                let timestep = self.timestep;
                self.block(substep, rows).map_err(|error| Failure { timestep, reason: error.to_string() })?;
            }
            self.history.close();
        }
        Ok(if self.timestep < self.schedule.n_timesteps { Progress::More } else { Progress::Done })
    }
}
