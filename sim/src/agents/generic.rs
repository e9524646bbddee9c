//! Kinds that any netlist can use without Rust: calls of contracts, transfers, newcomers, and agents that do nothing.

use alloy_primitives::U256;

use super::{Agent, Builder, Gauge, Kind, Takes, optional, required, with_default};
use crate::{
    economy::{CallArgument, State, to_units},
    evm::{Error, Prepared},
    netlist::{Formula, NetlistError, Number, Slot},
};

/// Calls a contract.
pub(super) const CALL: Kind = Kind {
    name: "call",
    doc: "calls a contract's function in every tick, in every k-th, or when a condition holds",
    keys: &[
        required("contract", Takes::Contract, "whose function"),
        required("function", Takes::Text, "its name, or its signature if several have the name"),
        optional("args", Takes::Arguments, "its arguments: text, names, numbers, or expressions that begin with ="),
        with_default("every", Takes::Number, "1", "every how many ticks"),
        with_default("when", Takes::Formula, "1", "the condition"),
        with_default("value", Takes::Formula, "0", "how much Ether it sends"),
        with_default("may_revert", Takes::Flag, "false", "whether a revert is counted, and does not end the run"),
    ],
    gauges: &[
        Gauge { name: "n_calls", doc: "how many calls went through", read: |state, me, _| count(state, me, 0) },
        Gauge { name: "n_reverts", doc: "how many reverted", read: |state, me, _| count(state, me, 1) },
        Gauge { name: "gas", doc: "the gas of all calls", read: |state, me, _| count(state, me, 2) },
    ],
    build: Call::build,
};

/// Moves money.
pub(super) const TRANSFER: Kind = Kind {
    name: "transfer",
    doc: "pays an agent in every tick, in every k-th, or when a condition holds",
    keys: &[
        required("to", Takes::Agent, "who is paid"),
        required("asset", Takes::Text, "in what"),
        required("amount", Takes::Formula, "how much"),
        with_default("every", Takes::Number, "1", "every how many ticks"),
        with_default("when", Takes::Formula, "1", "the condition"),
    ],
    gauges: &[Gauge {
        name: "n_transfers",
        doc: "how many payments it made",
        read: |state, me, _| count(state, me, 0),
    }],
    build: Transfer::build,
};

/// Brings new agents.
pub(super) const SPAWN: Kind = Kind {
    name: "spawn",
    doc: "adds an agent like another one in every k-th tick, or when a condition holds; who is added acts from the next tick",
    keys: &[
        required("like", Takes::Text, "the name of the [[agent]] to copy, which may say count = 0"),
        with_default("every", Takes::Number, "1", "every how many ticks"),
        with_default("when", Takes::Formula, "1", "the condition"),
        with_default("most", Takes::Number, "1000", "how many in all"),
    ],
    gauges: &[Gauge { name: "n_spawned", doc: "how many it added", read: |state, me, _| count(state, me, 0) }],
    build: Spawn::build,
};

/// Does nothing.
pub(super) const IDLE: Kind =
    Kind { name: "idle", doc: "has a wallet and does nothing", keys: &[], gauges: &[], build: |_| Ok(Box::new(Idle)) };

fn count(state: &mut State, me: usize, which: usize) -> Result<Number, String> {
    Ok(Number::Integer(i128::from(state.counts(me)[which])))
}

/// When a generic agent acts.
pub(super) struct Occasion {
    every: u64,
    when: Formula<Slot>,
}

impl Occasion {
    pub(super) fn build(builder: &Builder<'_>) -> Result<Self, NetlistError> {
        let every = builder.whole("every")?;
        if every == 0 {
            return Err(builder.error("every", "`every` is 0: it is a number of ticks, at least 1"));
        }
        Ok(Self { every, when: builder.formula("when")? })
    }

    pub(super) fn is_due(&self, state: &mut State) -> Result<bool, String> {
        Ok(state.tick().is_multiple_of(self.every) && self.when.evaluate(&mut |slot| state.read(slot))?.is_true())
    }
}

struct Call {
    occasion: Occasion,
    contract: usize,
    function: String,
    /// The function, once it was looked up on the chain.
    prepared: Option<std::sync::Arc<Prepared>>,
    arguments: Vec<CallArgument>,
    value: Formula<Slot>,
    may_revert: bool,
}

impl Call {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let arguments = builder
            .arguments("args")
            .iter()
            .map(|argument| {
                CallArgument::bind(argument, builder.state, Some(builder.me), (builder.source, builder.values))
            })
            .collect::<Result<_, _>>()?;
        let contract = builder.contract("contract")?;
        let function = builder.text("function").to_owned();
        let mut prepared = None;
        if let Some(evm) = &builder.state.evm {
            let contract = evm.contract(contract);
            let has_one = contract.abi.functions().filter(|known| known.name() == function).count() == 1;
            if has_one || function.contains('(') {
                let found =
                    contract.abi.function(&function).map_err(|error| builder.error("function", error.to_string()))?;
                prepared = Some(found.clone());
            } else if !contract.abi.functions().any(|known| known.name() == function) {
                let error = contract.abi.function(&function).map_err(|error| error.to_string());
                return Err(builder.error("function", error.err().unwrap_or_default()));
            }
        }
        Ok(Box::new(Self {
            occasion: Occasion::build(builder)?,
            contract,
            function,
            prepared,
            arguments,
            value: builder.formula("value")?,
            may_revert: builder.flag("may_revert"),
        }))
    }

    fn send(&self, me: usize, state: &mut State) -> Result<Result<u64, Error>, String> {
        let arguments = self.arguments.iter().map(|argument| argument.value(state)).collect::<Result<Vec<_>, _>>()?;
        let value = to_units(self.value.evaluate(&mut |slot| state.read(slot))?.to_f64())?;
        let evm = state.evm.as_mut().ok_or("there is no chain")?;
        let from = evm.account(me);
        if value > U256::ZERO {
            evm.chain.fund(from, value).map_err(|error| error.to_string())?;
        }
        let contract = evm.contract(self.contract).clone();
        let sent = match &self.prepared {
            Some(prepared) => contract.send_prepared(&mut evm.chain, (from, value), prepared, &arguments),
            None => contract.send(&mut evm.chain, (from, value), &self.function, &arguments),
        };
        evm.touch();
        Ok(sent.map(|receipt| receipt.gas))
    }
}

impl Agent for Call {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if !self.occasion.is_due(state)? {
            return Ok(());
        }
        let sent = self.send(me, state)?;
        let counts = state.counts(me);
        match sent {
            Ok(gas) => {
                counts[0] += 1;
                counts[2] = counts[2].saturating_add(gas);
                Ok(())
            }
            Err(Error::Reverted { gas, .. }) if self.may_revert => {
                counts[1] += 1;
                counts[2] = counts[2].saturating_add(gas);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

struct Transfer {
    occasion: Occasion,
    to: usize,
    asset: usize,
    amount: Formula<Slot>,
}

impl Transfer {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let asset = builder.state.asset(builder.text("asset")).map_err(|message| builder.error("asset", message))?;
        let (occasion, to) = (Occasion::build(builder)?, builder.agent("to")?);
        Ok(Box::new(Self { occasion, to, asset, amount: builder.formula("amount")? }))
    }
}

impl Agent for Transfer {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if self.occasion.is_due(state)? {
            let amount = self.amount.evaluate(&mut |slot| state.read(slot))?.to_f64();
            state.transfer(me, Some(self.to), self.asset, amount)?;
            state.counts(me)[0] += 1;
        }
        Ok(())
    }
}

struct Spawn {
    occasion: Occasion,
    template: usize,
    most: u64,
}

impl Spawn {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let template = builder.template("like")?;
        Ok(Box::new(Self { occasion: Occasion::build(builder)?, template, most: builder.whole("most")? }))
    }
}

impl Agent for Spawn {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if state.counts(me)[0] < self.most && self.occasion.is_due(state)? {
            state.counts(me)[0] += 1;
            state.spawn(self.template);
        }
        Ok(())
    }
}

struct Idle;

impl Agent for Idle {
    fn step(&mut self, _: usize, _: &mut State) -> Result<(), String> {
        Ok(())
    }
}
