//! What a script does in its turn: reads the world, pays out of its own wallet, and calls contracts. Names that do not
//! exist end the run; what a contract or a wallet refuses is an error that the script may catch.

use std::collections::BTreeMap;

use alloy_sol_types::SolCall;
use rhai::{Array, Dynamic, Engine, Map};

use super::{
    turn::{Outcome, Turn, World},
    values::{of_answer, of_number, to_args},
};
use crate::{
    economy::{Evm, State, Token, from_units, to_units},
    evm::{Address, Error, U256},
    model::Value,
    netlist::{Meaning, Number, Slot},
};

/// What agents showed last.
#[derive(Debug, Default)]
pub(super) struct Shown(BTreeMap<usize, f64>);

impl Shown {
    pub(super) fn of(&self, agent: usize) -> f64 {
        self.0.get(&agent).copied().unwrap_or(0.0)
    }
}

pub(super) fn register(engine: &mut Engine) {
    register_reads(engine);
    engine
        .register_fn("pay", |world: &mut World, to: &str, asset: &str, amount: f64| {
            world.ask(|turn| turn.pay(to, asset, amount))
        })
        .register_fn("pay", |world: &mut World, to: &str, asset: &str, amount: i64| {
            world.ask(|turn| turn.pay(to, asset, amount as f64))
        })
        .register_fn("pay", |world: &mut World, to: &str, asset: &str, units: U256| {
            world.ask(|turn| turn.pay_units(to, asset, units))
        })
        .register_fn("send", |world: &mut World, contract: &str, function: &str, args: Array| {
            world.ask(|turn| turn.send((contract, function), &args, U256::ZERO))
        })
        .register_fn("send", |world: &mut World, contract: &str, function: &str, args: Array, wei: U256| {
            world.ask(|turn| turn.send((contract, function), &args, wei))
        })
        .register_fn("view", |world: &mut World, contract: &str, function: &str, args: Array| {
            world.ask(|turn| turn.view(contract, function, &args))
        })
        .register_fn("show", |world: &mut World, number: f64| world.ask(|turn| turn.show(number)))
        .register_fn("show", |world: &mut World, number: i64| world.ask(|turn| turn.show(number as f64)))
        .register_fn("units", |amount: f64| -> Outcome<U256> { to_units(amount).map_err(Into::into) })
        .register_fn("units", |amount: i64| -> Outcome<U256> { to_units(amount as f64).map_err(Into::into) })
        .register_fn("from_units", from_units);
}

fn register_reads(engine: &mut Engine) {
    for (name, slot) in [("tick", Slot::Tick), ("time", Slot::Time), ("now", Slot::Now), ("n_agents", Slot::NAgents)] {
        engine.register_get(name, move |world: &mut World| world.ask(|turn| turn.slot(&slot)));
    }
    engine
        .register_get("price", |world: &mut World| world.ask(|turn| turn.slot(&Slot::Price)))
        .register_get("dt", |world: &mut World| world.ask(|turn| turn.read("dt")))
        .register_get("me", |world: &mut World| world.ask(|turn| Ok(turn.state.name(turn.me).to_owned())))
        .register_get("block", |world: &mut World| {
            world.ask(|turn| {
                let number = turn.evm()?.chain.block().number;
                Ok(of_number(Number::Integer(number.into())))
            })
        })
        .register_fn("read", |world: &mut World, name: &str| world.ask(|turn| turn.read(name)))
        .register_fn("param", |world: &mut World, name: &str| world.ask(|turn| turn.param(name)))
        .register_fn("balance", |world: &mut World, agent: &str, asset: &str| {
            world.ask(|turn| {
                let (agent, asset) = (turn.agent(agent)?, turn.asset(asset)?);
                turn.state.balance(agent, asset).map_err(Into::into)
            })
        })
        .register_fn("units", |world: &mut World, agent: &str, asset: &str| {
            world.ask(|turn| {
                let agent = turn.agent(agent)?;
                let token = turn.token(asset)?;
                let evm = turn.evm()?;
                evm.units(token, evm.account(agent)).map_err(Into::into)
            })
        })
        .register_fn("address", |world: &mut World, agent: &str| {
            world.ask(|turn| {
                let agent = turn.agent(agent)?;
                Ok(turn.evm()?.account(agent).to_string())
            })
        });
}

impl Turn {
    fn evm(&mut self) -> Outcome<&mut Evm> {
        if self.state.evm.is_none() {
            return self.refuse("there is no chain: add [[contract]] to the netlist".to_owned());
        }
        Ok(self.state.evm.as_mut().expect("it was looked at"))
    }

    /// What is there, or the end of the run.
    fn found<T>(&mut self, found: Result<T, String>) -> Outcome<T> {
        found.or_else(|error| self.refuse(error))
    }

    fn agent(&mut self, name: &str) -> Outcome<usize> {
        let found = if name == "me" { Ok(self.me) } else { self.state.agent(name) };
        self.found(found)
    }

    fn asset(&mut self, name: &str) -> Outcome<usize> {
        let found = self.state.asset(name);
        self.found(found)
    }

    fn token(&mut self, name: &str) -> Outcome<Address> {
        let found = self.evm()?.named(name).map(|(contract, _)| contract.address);
        self.found(found)
    }

    fn slot(&mut self, slot: &Slot) -> Outcome<Dynamic> {
        self.state.read(slot).map(of_number).map_err(Into::into)
    }

    /// What a name in an expression of the netlist stands for.
    fn read(&mut self, name: &str) -> Outcome<Dynamic> {
        let meaning = self.state.meaning(&self.values, Some(self.me), name);
        match self.found(meaning)? {
            Meaning::Constant(number) => Ok(of_number(number)),
            Meaning::Slot(slot) => self.slot(&slot),
        }
    }

    fn param(&mut self, name: &str) -> Outcome<Dynamic> {
        match self.values.get(name).cloned() {
            Some(Value::Float(float)) => Ok(float.into()),
            Some(Value::Integer(integer)) => Ok(integer.into()),
            Some(Value::Text(text)) => Ok(text.into()),
            Some(Value::Flag(flag)) => Ok(flag.into()),
            None => {
                let missing = self.values.number(name).err().unwrap_or_default();
                self.refuse(missing)
            }
        }
    }

    fn show(&mut self, number: f64) -> Outcome<()> {
        let me = self.me;
        self.state.shared::<Shown>().0.insert(me, number);
        Ok(())
    }

    /// Pays an amount of an asset; a token's goes in units, as those of other agents.
    fn pay(&mut self, to: &str, asset: &str, amount: f64) -> Outcome<()> {
        let (to_agent, number, me) = (self.agent(to)?, self.asset(asset)?, self.me);
        if !is_token(&mut self.state, asset) {
            return self.state.transfer(me, Some(to_agent), number, amount).map_err(Into::into);
        }
        let token = self.token(asset)?;
        let units = self.evm()?.payable(token, me, amount)?;
        self.pay_units(to, asset, units)
    }

    /// Pays a token exactly.
    fn pay_units(&mut self, to: &str, asset: &str, amount: U256) -> Outcome<()> {
        let (to, me) = (self.agent(to)?, self.me);
        self.asset(asset)?;
        if !is_token(&mut self.state, asset) {
            let remedy = "give a float or an integer";
            return self.refuse(format!("`{asset}` is no token of the chain, and has no units: {remedy}"));
        }
        if amount.is_zero() {
            return Ok(());
        }
        let (token, evm) = (self.token(asset)?, self.evm()?);
        let (from, to) = (evm.account(me), evm.account(to));
        let call = Token::transferCall { to, amount }.abi_encode();
        evm.touch();
        let sent = evm.chain.transact(from, token, U256::ZERO, call);
        let gas = sent.map(|receipt| receipt.gas);
        self.count(gas).map(|_| ())
    }

    fn send(&mut self, (name, function): (&str, &str), args: &[Dynamic], wei: U256) -> Outcome<Map> {
        let args = to_args(args, self.state.name(self.me));
        let (args, me) = (self.found(args)?, self.me);
        self.token(name)?;
        let evm = self.evm()?;
        evm.touch();
        let from = evm.account(me);
        let (contract, chain) = evm.named(name)?;
        let mut send = || {
            let prepared = contract.abi.function_for(function, &args, chain.names())?;
            let call = prepared.encode(&args, chain.names())?;
            // What it sends comes from outside, as far as the account lacks it.
            let lacks = wei.saturating_sub(chain.balance(from)?);
            chain.fund(from, lacks)?;
            let receipt = chain.transact(from, contract.address, wei, call)?;
            let answer = prepared.decode(&receipt.output, &contract.name)?;
            Ok((receipt.gas, of_answer(answer, chain.names())))
        };
        let sent = send();
        let (gas, answer) = match sent {
            Ok((gas, answer)) => (Ok(gas), answer),
            Err(error) => (Err(error), Dynamic::UNIT),
        };
        let gas = self.count(gas)?;
        let gas = of_number(Number::Integer(gas.into()));
        Ok([("gas".into(), gas), ("result".into(), answer)].into_iter().collect())
    }

    fn view(&mut self, name: &str, function: &str, args: &[Dynamic]) -> Outcome<Dynamic> {
        let args = to_args(args, self.state.name(self.me));
        let (args, me) = (self.found(args)?, self.me);
        self.token(name)?;
        let evm = self.evm()?;
        let from = evm.account(me);
        let (contract, chain) = evm.named(name)?;
        let mut view = || {
            let prepared = contract.abi.function_for(function, &args, chain.names())?;
            let call = prepared.encode(&args, chain.names())?;
            let receipt = chain.look(from, contract.address, call)?;
            let answer = prepared.decode(&receipt.output, &contract.name)?;
            Ok((receipt.gas, of_answer(answer, chain.names())))
        };
        let (gas, answer) = match view() {
            Ok((gas, answer)) => (gas, Ok(answer)),
            Err(error) => (gas_of(&error), Err(error)),
        };
        self.spend(gas)?;
        answer.or_else(|error| self.fail(error))
    }

    /// Counts a transaction; gives its gas.
    fn count(&mut self, gas: Result<u64, Error>) -> Outcome<u64> {
        let (me, went_through) = (self.me, gas.is_ok());
        let spent = gas.as_ref().map_or_else(gas_of, |gas| *gas);
        let counts = self.state.counts(me);
        counts[usize::from(!went_through)] += 1;
        counts[2] = counts[2].saturating_add(spent);
        self.spend(spent)?;
        gas.or_else(|error| self.fail(error))
    }

    /// What the contract refuses, the script may catch; a call that is none, or a start state that is not to be had, ends
    /// the run.
    fn fail<T>(&mut self, error: Error) -> Outcome<T> {
        match error {
            Error::Reverted { .. } | Error::Stopped { .. } | Error::Invalid { .. } => Err(error.to_string().into()),
            Error::Abi(_) | Error::Fork(_) => self.refuse(error.to_string()),
        }
    }
}

const fn gas_of(error: &Error) -> u64 {
    match error {
        Error::Reverted { gas, .. } | Error::Stopped { gas, .. } => *gas,
        _ => 0,
    }
}

/// Whether an asset is a contract of the netlist.
fn is_token(state: &mut State, asset: &str) -> bool {
    state.evm.as_mut().is_some_and(|evm| evm.named(asset).is_ok())
}
