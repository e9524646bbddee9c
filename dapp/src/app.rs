//! The application: one input in, a verdict and outputs out.
//!
//! A bad input is rejected and leaves no trace. A deposit is never rejected: its money has left its owner already, so it
//! is credited, or sent back, whatever else the input asks for.

use std::fmt::Display;

use alloy_primitives::{Address, B256, Keccak256};

use crate::call::{Call, Malformed};
use crate::deposit::{Deployment, Deposit};
use crate::error::{Fault, Refusal, Stop};
use crate::inspect::{self, BadQuestion};
use crate::ledger::{Ledger, Order};
use crate::metadata::{Advance, Generation, Metadata};
use crate::notice::Notice;
use crate::output::Output;
use crate::payout::{Payer, PayoutError};
use crate::store::{Change, Cursor, Store};
use crate::stream::{MAX_TIME, Stream};

/// What the rollup is told about an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// A rejected input has changed nothing.
    pub is_accepted: bool,
    /// In order. A rejected input has reports only.
    pub outputs: Vec<Output>,
}

impl Outcome {
    fn accepted(outputs: Vec<Output>) -> Self {
        Self { is_accepted: true, outputs }
    }

    pub(crate) fn rejected(why: &impl Display) -> Self {
        Self { is_accepted: false, outputs: vec![Output::error_report(&why.to_string())] }
    }
}

/// Why an input is rejected.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Rejection {
    /// It cannot be read.
    Malformed(#[from] Malformed),
    /// The ledger refuses it.
    Refused(#[from] Refusal),
    /// What it withdraws cannot be paid out.
    Payout(#[from] PayoutError),
}

/// The application on its database.
pub struct App {
    store: Store,
    deployment: Deployment,
}

impl From<Malformed> for Stop<Rejection> {
    fn from(malformed: Malformed) -> Self {
        Self::Reject(malformed.into())
    }
}

impl From<PayoutError> for Stop<Rejection> {
    fn from(error: PayoutError) -> Self {
        Self::Reject(error.into())
    }
}

impl From<Stop> for Stop<Rejection> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Reject(refusal) => Self::Reject(refusal.into()),
            Stop::Halt(fault) => Self::Halt(fault),
        }
    }
}

impl App {
    /// The application that keeps its state in `store` and takes deposits from the portals of `deployment`.
    #[must_use]
    pub fn new(store: Store, deployment: Deployment) -> Self {
        Self { store, deployment }
    }

    /// Applies one input, in one transaction. The same input again, after a restart, gives the same outcome and changes
    /// nothing.
    pub fn advance(&mut self, input: &Advance) -> Result<Outcome, Fault> {
        let Metadata { input_index, app_contract, time, .. } = input.metadata;
        let input_hash = hash(input);
        let change = self.store.begin()?;
        let last = change.cursor()?;
        if let Some(last) = last {
            if input_index < last.input_index {
                return Err(Fault::InputPassed { index: input_index, last: last.input_index });
            }
            if input_index == last.input_index {
                return if input_hash == last.input_hash {
                    Ok(Outcome::accepted(change.outputs()?))
                } else {
                    Err(Fault::InputDiffers(input_index))
                };
            }
        }
        let mut cursor = Cursor {
            time: time.min(MAX_TIME).max(last.map_or(0, |last| last.time)),
            input_index,
            input_hash,
            app_contract: app_contract.or(last.and_then(|last| last.app_contract)),
        };
        let ledger = change.ledger(cursor.time);
        let execution = Execution { change: &change, ledger, input, deployment: &self.deployment };
        match execution.run(&mut cursor.app_contract) {
            Ok(outputs) => {
                change.record(cursor, &outputs)?;
                change.commit()?;
                Ok(Outcome::accepted(outputs))
            }
            Err(Stop::Reject(rejection)) => Ok(Outcome::rejected(&rejection)),
            Err(Stop::Halt(fault)) => Err(fault),
        }
    }

    /// Answers a question about the state, which does not change.
    pub fn inspect(&self, question: &[u8]) -> Result<Result<Vec<u8>, BadQuestion>, Fault> {
        let now = self.store.cursor()?.map_or(0, |cursor| cursor.time);
        match self.store.ask(now, |ledger| inspect::answer(ledger, question)) {
            Ok(answer) => Ok(Ok(answer)),
            Err(Stop::Reject(why)) => Ok(Err(why)),
            Err(Stop::Halt(fault)) => Err(fault),
        }
    }
}

/// One input under way.
struct Execution<'a> {
    change: &'a Change<'a>,
    ledger: Ledger<'a>,
    input: &'a Advance,
    deployment: &'a Deployment,
}

type Executed = Result<Vec<Output>, Stop<Rejection>>;

impl Execution<'_> {
    fn run(&self, app: &mut Option<Address>) -> Executed {
        let Advance { metadata, payload } = self.input;
        let deposit = self.deployment.deposit(metadata, payload);
        if let Some(Deposit::AppAddress(address)) = deposit {
            *app = Some(address);
            return Ok(Vec::new());
        }
        let safe_erc20_transfer = self.deployment.safe_erc20_transfer;
        let payer = Payer { generation: metadata.generation, app: *app, safe_erc20_transfer };
        match deposit {
            Some(deposit) => Ok(self.deposit(&deposit, &payer)?),
            None => self.read_and_do(payload, metadata.msg_sender, &payer),
        }
    }

    /// Credits a deposit, or sends it back, and then does what its execution data asks for, if that can be done.
    fn deposit(&self, deposit: &Deposit, payer: &Payer) -> Result<Vec<Output>, Fault> {
        let Deposit::Fungible { token, depositor, amount, exec } = deposit else {
            return Ok(give_back(deposit, deposit, payer));
        };
        match self.ledger.mint(*token, *depositor, *amount) {
            Ok(()) => {}
            Err(Stop::Reject(refusal)) => return Ok(give_back(deposit, &refusal, payer)),
            Err(Stop::Halt(fault)) => return Err(fault),
        }
        let credited = Notice::Deposited { token: *token, account: *depositor, amount: *amount };
        let mut outputs = if amount.is_zero() { Vec::new() } else { vec![credited.into()] };
        if !exec.is_empty() {
            match self.change.attempt(|| self.read_and_do(exec, *depositor, payer)) {
                Ok(more) => outputs.extend(more),
                Err(Stop::Reject(rejection)) => {
                    let why = format!("the deposit is credited, but its execution data does nothing: {rejection}");
                    outputs.push(Output::error_report(&why));
                }
                Err(Stop::Halt(fault)) => return Err(fault),
            }
        }
        Ok(outputs)
    }

    fn read_and_do(&self, payload: &[u8], sender: Address, payer: &Payer) -> Executed {
        match Call::decode(payload)? {
            Call::Batch(calls) => {
                let outputs = calls.into_iter().map(|call| self.do_one(call, sender, payer));
                Ok(outputs.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            call => self.do_one(call, sender, payer),
        }
    }

    fn do_one(&self, call: Call, sender: Address, payer: &Payer) -> Executed {
        let ledger = &self.ledger;
        let notice = match call {
            Call::Transfer { token, recipient, amount } => {
                ledger.transfer(token, sender, recipient, amount)?;
                Notice::Transferred { token, sender, recipient, amount }
            }
            Call::Stream { token, recipient, amount, start, duration } => {
                let stream = ledger.stream(sender, Order { token, recipient, amount, start, duration })?;
                let Stream { id, start, stop, .. } = stream;
                Notice::StreamStarted { stream: id, token, sender, recipient, amount, start, stop }
            }
            Call::ExtendStream { stream, amount, duration } => {
                let Stream { streamed, total, stop, .. } = ledger.extend(sender, stream, amount, duration)?;
                Notice::StreamExtended { stream, amount, streamed, total, time: ledger.now(), stop }
            }
            Call::CancelStream { stream, token } => {
                let (cancelled, refunded) = ledger.cancel(sender, stream)?;
                if let Some(named) = token.filter(|named| *named != cancelled.token) {
                    return Err(Stop::from(Refusal::TokenDiffers { stream, token: cancelled.token, named }).into());
                }
                Notice::StreamCancelled { stream, streamed: cancelled.total, refunded, time: ledger.now() }
            }
            Call::Withdraw { token, amount, form } => {
                ledger.burn(token, sender, amount)?;
                let withdrawn = Notice::Withdrawn { token, account: sender, amount };
                return Ok(vec![payer.pay(token, sender, amount, form)?, withdrawn.into()]);
            }
            Call::Batch(_) => return Err(Malformed::NestedBatch(0).into()),
        };
        Ok(vec![notice.into()])
    }
}

/// Sends back what a portal took and `why` keeps from being credited, and says so.
fn give_back(deposit: &Deposit, why: &impl Display, payer: &Payer) -> Vec<Output> {
    match deposit.give_back(payer) {
        None => vec![Output::error_report(&why.to_string())],
        Some(Ok(voucher)) => vec![voucher, Output::error_report(&format!("{why}; a voucher gives it back"))],
        Some(Err(error)) => vec![Output::error_report(&format!("{why}; it cannot be given back: {error}"))],
    }
}

/// Tells one input from another with the same index.
fn hash(input: &Advance) -> B256 {
    let Metadata { generation, app_contract, msg_sender, time, input_index } = input.metadata;
    let mut hasher = Keccak256::new();
    hasher.update([match generation {
        Generation::V1 => 1,
        Generation::V2 => 2,
    }]);
    hasher.update(app_contract.unwrap_or_default());
    hasher.update(msg_sender);
    hasher.update(time.to_be_bytes());
    hasher.update(input_index.to_be_bytes());
    hasher.update(&input.payload);
    hasher.finalize()
}
