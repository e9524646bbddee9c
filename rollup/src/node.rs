//! The node's one loop: read the chain, feed the application, close epochs, claim.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use tokio::time::sleep;

use crate::application::{Application, Program, boot};
use crate::chain::{Chain, ChainError, Scan};
use crate::machine::Machine;
use crate::reader::Reader;
use crate::recorder::Recorder;
use crate::store::{Answer, EpochStatus, Input, InputStatus, Page, Setup, Store, StoreError};

/// How often the application may end at the same input before the node gives up.
const MAX_ENDS: u32 = 3;

/// Inputs between two copies of the application's files, at least.
const INPUTS_PER_COPY: u64 = 1_000;

/// Copies within the last doubling of inputs, at least. Files grow with the inputs, so copies at a fixed distance would
/// take ever more of the time; so they take a fixed part of it.
const COPIES_PER_DOUBLING: u64 = 4;

/// Inputs that are read from the database at once.
const INPUTS_AT_ONCE: u64 = 256;

/// Blocks whose hashes are looked at to find where a reorg began; beyond these all is read again.
const MAX_REORG: u64 = 10_000;

/// Why the node stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of answers that are not in the database yet.
    #[error("the journal {path}: {error}")]
    Journal {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The application's process or files.
    #[error("the application's files in {directory}: {error}")]
    Files {
        /// Where.
        directory: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The application ends at an input again and again.
    #[error("the application has ended {MAX_ENDS} times at input {input}; the end of {log} tells why")]
    Ended {
        /// Which input.
        input: u64,
        /// What it says.
        log: PathBuf,
    },
    /// The application answers an input otherwise than before.
    #[error("the application answers input {0} otherwise than before a reorg; it does not depend on its inputs alone")]
    Diverged(u64),
    /// Inputs are missing.
    #[error("input {found} comes after {expected} inputs; the endpoint leaves out logs")]
    Gap {
        /// How many there are.
        expected: u64,
        /// Which came.
        found: u64,
    },
}

/// What the node has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// All blocks up to this one are read.
    Read {
        /// The last block.
        block: u64,
        /// Inputs in all.
        n_inputs: u64,
    },
    /// An input was processed.
    Processed {
        /// Which.
        input: u64,
        /// What became of it.
        status: InputStatus,
        /// How many outputs it put out.
        n_outputs: usize,
        /// How many reports it put out.
        n_reports: usize,
    },
    /// The application ended and was started again.
    Restarted {
        /// At which input.
        input: u64,
    },
    /// The chain went another way.
    Reorganised {
        /// The last block that stayed.
        block: u64,
        /// Inputs that stayed.
        n_inputs: u64,
    },
    /// A claim was submitted.
    Claimed {
        /// Which epoch.
        epoch: u64,
        /// In which transaction.
        transaction: B256,
    },
    /// The consensus has accepted a claim.
    Accepted {
        /// Which epoch.
        epoch: u64,
    },
}

/// What a node serves, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The application's contract.
    pub app: Address,
    /// The application.
    pub program: Program,
    /// Where the node's database is.
    pub database: PathBuf,
    /// Between two looks at the chain.
    pub pause: Duration,
}

/// A node at work.
pub struct Node {
    chain: Chain,
    setup: Setup,
    store: Store,
    recorder: Recorder,
    machine: Machine,
    application: Application,
    program: Program,
    pause: Duration,
    can_claim: bool,
}

impl Node {
    /// Opens the database, starts the application, and serves it the rollup HTTP API on a free port.
    pub async fn start(chain: Chain, config: Config) -> Result<Self, NodeError> {
        let Config { app, program, database, pause } = config;
        let setup = chain.setup(app).await?;
        let store = Store::open(&database)?;
        store.set_up(&setup)?;
        let boot = boot();
        let recorder = Recorder::start(&database, store.boot()?.as_ref() == Some(&boot))?;
        let machine = Machine::default();
        let files = |error| NodeError::Files { directory: program.directory.clone(), error };
        let application = Application::start(program.clone(), &machine).await.map_err(files)?;
        let can_claim = chain.can_claim(&setup).await?;
        let mut node = Self { chain, setup, store, recorder, machine, application, program, pause, can_claim };
        // After a power cut the application's files may lack what the node knows they had.
        node.store.note_boot(&boot)?;
        node.put_back(&mut drop).await?;
        Ok(node)
    }

    /// Where questions to the application go.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.machine.clone()
    }

    /// What is served.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Whether this node submits claims.
    #[must_use]
    pub fn can_claim(&self) -> bool {
        self.can_claim
    }

    /// Works until something breaks, and tells each step.
    pub async fn run(&mut self, mut tell: impl FnMut(Event)) -> Result<Infallible, NodeError> {
        loop {
            self.step(&mut tell).await?;
            tokio::select! {
                () = sleep(self.pause) => {}
                ended = self.application.ended() => {
                    drop(ended);
                    self.restart(&mut tell).await?;
                }
            }
        }
    }

    /// Catches up with the chain as it is.
    pub async fn step(&mut self, mut tell: impl FnMut(Event)) -> Result<(), NodeError> {
        // An earlier step may have been given up in the middle.
        self.recorder.drain()?;
        let (head, mut reader) = self.look(&mut tell).await?;
        self.put_back(&mut tell).await?;
        let (mut next, mut n_outputs) = (self.store.n_processed()?, self.store.n_outputs()?);
        loop {
            let inputs = self.store.inputs_from(next, INPUTS_AT_ONCE)?;
            if inputs.is_empty() {
                self.recorder.drain()?;
            }
            match if inputs.is_empty() { reader.next().await } else { reader.ready() } {
                Some(scan) => self.add_scan(scan?, &mut tell)?,
                None if inputs.is_empty() => break,
                None => {}
            }
            for input in &inputs {
                n_outputs += self.process(input, n_outputs, &mut tell).await?;
            }
            next += inputs.len() as u64;
        }
        // Otherwise the chain has gone another way meanwhile: the next look finds where.
        if self.last_read()?.is_some_and(|(block, _)| block == head) {
            self.store.close_epochs(head)?;
            self.claim(&mut tell).await?;
        }
        Ok(())
    }

    /// Looks where the chain's head is, and reads on up to there from the last block that was read and is in the chain.
    async fn look(&mut self, tell: &mut impl FnMut(Event)) -> Result<(u64, Reader), NodeError> {
        let (head, head_hash) = self.chain.head().await?;
        if let Some((number, hash)) = self.last_read()?.filter(|read| *read != (head, head_hash))
            && self.chain.block_hash(number).await? != Some(hash)
        {
            self.unwind(tell).await?;
        }
        Ok((head, Reader::start(self.chain.clone(), self.setup, self.last_read()?, head)))
    }

    fn last_read(&self) -> Result<Option<(u64, B256)>, NodeError> {
        Ok(self.store.blocks(1)?.first().copied())
    }

    /// Adds what was read, if its inputs follow those that are there.
    fn add_scan(&mut self, Scan { found, last }: Scan, tell: &mut impl FnMut(Event)) -> Result<(), NodeError> {
        self.recorder.drain()?;
        let expected = self.store.n_inputs()?;
        for ((input, _), expected) in found.inputs.iter().zip(expected..) {
            if input.index != expected {
                return Err(NodeError::Gap { expected, found: input.index });
            }
        }
        self.store.add_scan(&found, last)?;
        tell(Event::Read { block: last.0, n_inputs: self.store.n_inputs()? });
        Ok(())
    }

    /// Goes back to the last block that is still in the chain.
    async fn unwind(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), NodeError> {
        let mut fork = self.setup.from_block.saturating_sub(1);
        for (number, hash) in self.store.blocks(MAX_REORG)? {
            if self.chain.block_hash(number).await? == Some(hash) {
                fork = number;
                break;
            }
        }
        let n_inputs = self.store.unwind(fork)?;
        tell(Event::Reorganised { block: fork, n_inputs });
        Ok(())
    }

    /// Takes the application back to what it was after the processed inputs, if that is to be done. Whoever is stopped in
    /// the middle does it again from the beginning.
    async fn put_back(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), NodeError> {
        if !self.store.is_to_put_back()? {
            return Ok(());
        }
        let n_inputs = self.store.n_processed()?;
        let directory = self.program.directory.clone();
        let had = self.application.put_back(n_inputs, &self.machine).await;
        for index in had.map_err(|error| NodeError::Files { directory, error })?..n_inputs {
            self.feed_again(index, tell).await?;
        }
        Ok(self.store.forget_put_back()?)
    }

    /// Gives the application an input that it had before, and expects the same answer.
    async fn feed_again(&mut self, index: u64, tell: &mut impl FnMut(Event)) -> Result<(), NodeError> {
        let input = self.store.input(index)?.ok_or(StoreError::Damaged("an input is missing"))?;
        let first_output = match index {
            0 => 0,
            index => self.store.n_outputs_after(index - 1)?.unwrap_or_default(),
        };
        let answer = self.answer(&input, first_output, tell).await?;
        if self.store.answer(index)? == answer { Ok(()) } else { Err(NodeError::Diverged(index)) }
    }

    /// Has an input answered, whose first output will be at `first_output`, and records the answer. Gives the number of
    /// its outputs.
    async fn process(
        &mut self,
        input: &Input,
        first_output: u64,
        tell: &mut impl FnMut(Event),
    ) -> Result<u64, NodeError> {
        let answer = self.answer(input, first_output, tell).await?;
        let Answer { status, outputs, reports } = &answer;
        let (status, n_outputs, n_reports) = (*status, outputs.len(), reports.len());
        self.recorder.record(input.index, answer)?;
        tell(Event::Processed { input: input.index, status, n_outputs, n_reports });
        let n_inputs = input.index + 1;
        if n_inputs.is_multiple_of(inputs_per_copy(n_inputs)) {
            let directory = self.program.directory.clone();
            self.application.copy(n_inputs).map_err(|error| NodeError::Files { directory, error })?;
        }
        Ok(n_outputs as u64)
    }

    /// The application's answer to an input, however often it has to be started for that.
    async fn answer(
        &mut self,
        input: &Input,
        first_output: u64,
        tell: &mut impl FnMut(Event),
    ) -> Result<Answer, NodeError> {
        for _ in 0..MAX_ENDS {
            let answered = tokio::select! {
                answer = self.machine.advance(&input.raw, first_output) => answer.ok(),
                ended = self.application.ended() => { drop(ended); None }
            };
            match answered {
                Some(answer) => return Ok(answer),
                None => self.restart(tell).await?,
            }
        }
        Err(NodeError::Ended { input: input.index, log: self.program.log() })
    }

    /// Starts the application again, which has ended or ends now.
    async fn restart(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), NodeError> {
        let directory = self.program.directory.clone();
        let files = |error| NodeError::Files { directory, error };
        self.application.restart(&self.machine).await.map_err(files)?;
        self.recorder.drain()?;
        tell(Event::Restarted { input: self.store.n_processed()? });
        Ok(())
    }

    /// Submits what is to be claimed, in order, and sees what is accepted.
    async fn claim(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), NodeError> {
        let page = Page { limit: u64::from(u32::MAX), offset: 0 };
        for status in [EpochStatus::Submitted, EpochStatus::Computed] {
            for epoch in self.store.epochs(Some(status), page)?.0 {
                let root = epoch.outputs_root.ok_or(StoreError::Damaged("a computed epoch has no root"))?;
                let mut is_accepted = self.chain.is_accepted(&self.setup, root).await?;
                if !is_accepted && status == EpochStatus::Computed && self.can_claim {
                    let transaction = self.chain.claim(&self.setup, epoch.index, root).await?;
                    self.store.note_claim(epoch.index, EpochStatus::Submitted, Some(transaction))?;
                    tell(Event::Claimed { epoch: epoch.index, transaction });
                    is_accepted = self.chain.is_accepted(&self.setup, root).await?;
                }
                if is_accepted {
                    self.store.note_claim(epoch.index, EpochStatus::Accepted, None)?;
                    tell(Event::Accepted { epoch: epoch.index });
                }
            }
        }
        Ok(())
    }
}

/// Inputs between two copies around `n_inputs`: doubles whenever these have doubled.
fn inputs_per_copy(n_inputs: u64) -> u64 {
    let doublings = (n_inputs / (INPUTS_PER_COPY * COPIES_PER_DOUBLING)).max(1).ilog2();
    INPUTS_PER_COPY << doublings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(n_inputs: u64, expected: u64) {
        assert_eq!(inputs_per_copy(n_inputs), expected, "around {n_inputs}");
    }

    #[test]
    fn copies_are_further_apart_the_more_inputs_there_are() {
        check(0, 1_000);
        check(7_999, 1_000);
        check(8_000, 2_000);
        check(15_999, 2_000);
        check(16_000, 4_000);
        check(1_024_000, 256_000);
        check(u64::MAX, 1_000 << 52);
    }
}
