//! Why a transaction or a view did not work out, in words: reverts by the names of the ABIs that the chain knows.

use std::fmt;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, Bytes, Log, Selector, U256, map::HashMap};
use alloy_sol_types::{Panic, PanicKind, Revert, SolError};
use std::sync::Arc;

use crate::evm::{
    abi::{Abi, AbiError, Prepared},
    event::{Event, EventShape},
    fork::ForkError,
    names::Names,
    value::{show, show_bytes},
};

/// What does not work out on a chain.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The contract refused. The sender's nonce moved on, and the gas is paid for.
    #[error("{call} reverted: {reason}")]
    Reverted {
        /// The call, by name.
        call: String,
        /// The contract's reason.
        reason: Box<Reason>,
        /// What it took.
        gas: u64,
    },
    /// The machine stopped: out of gas, a wrong instruction. All gas of the transaction is paid for.
    #[error("{call} stopped after {gas} gas: {why}")]
    Stopped {
        /// The call, by name.
        call: String,
        /// What stopped it.
        why: String,
        /// What it took.
        gas: u64,
    },
    /// No block could hold the transaction: the sender cannot pay for it, for example. Nothing happened.
    #[error("{call} cannot be sent: {why}")]
    Invalid {
        /// The call, by name.
        call: String,
        /// What is wrong with it.
        why: String,
    },
    /// The call and the ABI do not fit.
    #[error(transparent)]
    Abi(#[from] AbiError),
    /// The start state is not to be had.
    #[error(transparent)]
    Fork(#[from] ForkError),
}

impl Error {
    /// The contract's reason, if it is the contract that refused.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Reverted { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Whether the contract refused with the error `name`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(self.reason(), Some(Reason::Error { name: is, .. }) if is == name)
    }
}

/// A contract's reason to revert.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// It gave none.
    None,
    /// Words.
    Text(String),
    /// A check of the language: its code, and what that means.
    Panic(U256, &'static str),
    /// An error of the contract.
    Error {
        /// Its name.
        name: String,
        /// Its parameters and their values.
        arguments: Vec<(String, DynSolValue)>,
        /// The same as a person reads it, addresses by name.
        text: String,
    },
    /// An error that no known ABI has.
    Unknown(Bytes),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("without a reason"),
            Self::Text(text) => f.write_str(text),
            Self::Panic(code, meaning) => write!(f, "panic {code:#04x}, {meaning}"),
            Self::Error { text, .. } => f.write_str(text),
            Self::Unknown(bytes) => {
                write!(f, "an error that no known ABI has, {}; declare the contract that defines it", show_bytes(bytes))
            }
        }
    }
}

/// The functions, errors and events of all contracts that a chain has met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    functions: HashMap<Selector, Arc<Prepared>>,
    errors: HashMap<Selector, Arc<Prepared>>,
    events: HashMap<B256, Vec<Arc<EventShape>>>,
    pub(crate) names: Names,
}

impl Known {
    /// Learns an interface. Of items with equal selectors the first stays: their types are equal, only names may differ.
    pub(crate) fn learn(&mut self, abi: &Abi) {
        for function in abi.functions() {
            self.functions.entry(function.selector()).or_insert_with(|| Arc::clone(function));
        }
        for error in &abi.errors {
            self.errors.entry(error.selector()).or_insert_with(|| Arc::clone(error));
        }
        for event in &abi.events {
            if let Some(topic) = event.topic {
                // Equal events may differ in what is indexed.
                self.events.entry(topic).or_default().push(Arc::clone(event));
            }
        }
    }

    /// The event that `log` is.
    pub(crate) fn event(&self, log: &Log) -> Option<Event> {
        self.events.get(log.topics().first()?)?.iter().find_map(|event| event.decode(log))
    }

    /// The call in words.
    pub(crate) fn call(&self, from: Address, to: Option<Address>, data: &[u8]) -> String {
        let from = self.names.show(from);
        let Some(to) = to else { return format!("deployment by {from}") };
        let to = self.names.show(to);
        if data.is_empty() {
            return format!("payment to {to} by {from}");
        }
        let function = data.first_chunk().and_then(|selector| self.functions.get(&Selector::from(*selector)));
        match function.and_then(|function| Some((function, function.decode_arguments(data)?))) {
            Some((function, arguments)) => {
                format!("{to}.{} by {from}", self.with_arguments(&function.name, &arguments, false))
            }
            None => format!("call of {to} with {} by {from}", show_bytes(data)),
        }
    }

    /// The reason in words.
    pub(crate) fn reason(&self, output: &Bytes) -> Reason {
        if output.is_empty() {
            return Reason::None;
        }
        if let Ok(Revert { reason }) = Revert::abi_decode(output) {
            return Reason::Text(reason);
        }
        if let Ok(Panic { code }) = Panic::abi_decode(output) {
            return Reason::Panic(code, meaning(code));
        }
        let error = output.first_chunk().and_then(|selector| self.errors.get(&Selector::from(*selector)));
        match error.and_then(|error| Some((error, error.decode_arguments(output)?))) {
            Some((error, arguments)) => Reason::Error {
                name: error.name.clone(),
                text: self.with_arguments(&error.name, &arguments, true),
                arguments,
            },
            None => Reason::Unknown(output.clone()),
        }
    }

    fn with_arguments(&self, name: &str, arguments: &[(String, DynSolValue)], is_named: bool) -> String {
        let shown = arguments.iter().map(|(parameter, value)| {
            let value = show(value, &self.names);
            if is_named && !parameter.is_empty() { format!("{parameter} {value}") } else { value }
        });
        format!("{name}({})", shown.collect::<Vec<_>>().join(", "))
    }
}

/// What a panic's code means.
fn meaning(code: U256) -> &'static str {
    let kind = u32::try_from(code).ok().and_then(PanicKind::from_number);
    match kind {
        Some(PanicKind::Generic) => "a panic of the compiler",
        Some(PanicKind::Assert) => "an assertion does not hold",
        Some(PanicKind::UnderOverflow) => "arithmetic over- or underflow",
        Some(PanicKind::DivisionByZero) => "division by zero",
        Some(PanicKind::EnumConversionError) => "a number that the enum does not have",
        Some(PanicKind::StorageEncodingError) => "a storage byte array that is badly encoded",
        Some(PanicKind::EmptyArrayPop) => "pop of an empty array",
        Some(PanicKind::ArrayOutOfBounds) => "an index beyond the array",
        Some(PanicKind::ResourceError) => "too much memory, or too large an array",
        Some(PanicKind::InvalidInternalFunction) => "a call of an internal function that was never set",
        _ => "which no version of Solidity has",
    }
}
