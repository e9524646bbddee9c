//! The library of agents: what a netlist's `kind = "…"` may be. A kind declares its keys and what can be read of it, so
//! that netlists are checked and listed from one table; a crate's user adds kinds of their own.

use std::ops::Range;

use crate::{
    economy::{Artifacts, Dice, State, find_contract},
    evm::Artifact,
    netlist::{Expression, Formula, Netlist, NetlistError, Number, Slot, Source, Values, suggestion},
    script::Script,
};

mod crowdsale;
mod generic;
mod grants;
mod griefers;
mod market;
mod payroll;
mod pools;
mod script;
mod streams;
mod subscriptions;
mod uniswap;
mod vesting;

pub(crate) use pools::Quote;
pub(crate) use script::register_world;

/// Something that acts once a tick.
pub trait Agent {
    /// Acts; `me` is its number in `state`.
    ///
    /// # Errors
    /// If it cannot: the run ends, and the message says why.
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String>;
}

/// A kind of agents.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What a netlist calls it.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// Its keys, besides `name`, `kind`, `count` and `wallet`.
    pub keys: &'static [Key],
    /// What can be read of an agent of this kind, besides its balances.
    pub gauges: &'static [Gauge],
    /// Makes one.
    pub build: fn(&mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError>,
}

/// A key of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it is where the netlist does not say.
    pub otherwise: Otherwise,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A number or an expression over parameters; durations are in seconds.
    Number,
    /// An expression over parameters and the state of the world, computed each time.
    Formula,
    /// The name of an agent.
    Agent,
    /// The name of a contract.
    Contract,
    /// An artifact that the agent deploys.
    Artifact,
    /// A table of agents' names and what share each gets.
    Shares,
    /// A table of names and numbers, or expressions over parameters.
    Numbers,
    /// A list of arguments: text, numbers, expressions.
    Arguments,
    /// A script, by its file beside the netlist.
    Script,
    /// Text.
    Text,
    /// True or false.
    Flag,
}

/// What a key is where the netlist does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It must be said.
    Required,
    /// Nothing.
    Absent,
    /// This text, as if the netlist said it.
    Is(&'static str),
}

/// Something that can be read of an agent.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    /// What expressions call it: `agent.NAME`.
    pub name: &'static str,
    /// What it is, with its unit.
    pub doc: &'static str,
    /// Reads it of the agent with this number; the last argument is the asset after a second dot, if there is one.
    pub read: fn(&mut State, usize, usize) -> Result<Number, String>,
}

/// What a netlist says for a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    Expression(Expression),
    Text(String, Range<usize>),
    Artifact(String, Range<usize>),
    Script(String, Range<usize>),
    Flag(bool),
    Shares(Vec<(String, Range<usize>, Expression)>),
    Arguments(Vec<Argument>),
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    Text(String, Range<usize>),
    Number(Expression),
    Flag(bool),
    List(Vec<Argument>),
}

/// What an agent is made of: its keys, in one run.
pub struct Builder<'a> {
    pub(crate) source: &'a Source,
    pub(crate) netlist: &'a Netlist,
    /// None where only the wiring is checked.
    pub(crate) artifacts: Option<&'a Artifacts>,
    pub(crate) values: &'a Values,
    pub(crate) state: &'a mut State,
    pub(crate) fields: &'a [(&'static str, Field)],
    /// The agent's number.
    pub me: usize,
    /// Where the agent is declared.
    pub(crate) span: Range<usize>,
}

impl Builder<'_> {
    fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|(known, _)| *known == key).map(|(_, field)| field)
    }

    fn expression(&self, key: &str) -> &Expression {
        match self.field(key) {
            Some(Field::Expression(expression)) => expression,
            other => panic!("the kind declares `{key}` as an expression with a default, not {other:?}"),
        }
    }

    /// An error at `key`.
    pub fn error(&self, key: &str, message: impl Into<String>) -> NetlistError {
        let span = match self.field(key) {
            Some(Field::Expression(expression)) => &expression.span,
            Some(Field::Text(_, span) | Field::Script(_, span)) => span,
            _ => &self.span,
        };
        self.source.error(span, message)
    }

    /// Whether the netlist says anything for `key`.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.field(key).is_some()
    }

    /// The finite number of `key`.
    ///
    /// # Errors
    /// If its expression has no value.
    pub fn number(&self, key: &str) -> Result<f64, NetlistError> {
        let expression = self.expression(key);
        let number = expression.value(self.source, &mut |name| self.values.number(name))?.to_f64();
        if number.is_finite() {
            Ok(number)
        } else {
            Err(self.error(key, format!("`{key}` is {number}, not a finite number")))
        }
    }

    /// The number of `key`, which is not negative.
    ///
    /// # Errors
    /// If it is negative, or its expression has no value.
    pub fn positive(&self, key: &str) -> Result<f64, NetlistError> {
        let number = self.number(key)?;
        if number < 0.0 { Err(self.error(key, format!("`{key}` is {number}, below 0"))) } else { Ok(number) }
    }

    /// The whole number of `key`, in seconds where it is a duration.
    ///
    /// # Errors
    /// If it is negative or no whole number, or its expression has no value.
    pub fn whole(&self, key: &str) -> Result<u64, NetlistError> {
        let expression = self.expression(key);
        let number = expression.value(self.source, &mut |name| self.values.number(name))?;
        let whole = number.to_integer().and_then(|number| u64::try_from(number).ok());
        whole.ok_or_else(|| self.error(key, format!("`{key}` is {number}, not a whole number of at least 0")))
    }

    /// The formula of `key`, ready to be evaluated.
    ///
    /// # Errors
    /// If it names what is not there.
    pub fn formula(&self, key: &str) -> Result<Formula<Slot>, NetlistError> {
        self.bind(self.expression(key))
    }

    pub(crate) fn bind(&self, expression: &Expression) -> Result<Formula<Slot>, NetlistError> {
        self.state.bind(self.source, self.values, Some(self.me), expression)
    }

    /// The number of the agent that `key` names.
    ///
    /// # Errors
    /// If there is no such agent.
    pub fn agent(&self, key: &str) -> Result<usize, NetlistError> {
        self.state.agent(self.text(key)).map_err(|message| self.error(key, message))
    }

    /// The text of `key`.
    ///
    /// # Panics
    /// If the kind declares it as something else: a bug of the kind.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        match self.field(key) {
            Some(Field::Text(text, _)) => text,
            other => panic!("the kind declares `{key}` as text with a default, not {other:?}"),
        }
    }

    /// Whether `key` is set.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.field(key) == Some(&Field::Flag(true))
    }

    /// The agents that `key` names, and the formula of each one's share.
    ///
    /// # Errors
    /// If there is no such agent, or a formula names what is not there.
    pub fn shares(&self, key: &str) -> Result<Vec<(usize, Formula<Slot>)>, NetlistError> {
        let Some(Field::Shares(shares)) = self.field(key) else {
            panic!("the kind declares `{key}` as shares");
        };
        let bind = |(name, span, share): &(String, Range<usize>, Expression)| {
            let agent = self.state.agent(name).map_err(|message| self.source.error(span, message))?;
            Ok((agent, self.bind(share)?))
        };
        shares.iter().map(bind).collect()
    }

    /// The number of the `[[agent]]` table that `key` names.
    pub(crate) fn template(&self, key: &str) -> Result<usize, NetlistError> {
        let name = self.text(key);
        let specs = &self.netlist.agents;
        specs.iter().position(|spec| spec.name == name).ok_or_else(|| {
            let hint = suggestion(name, specs.iter().map(|spec| spec.name.as_str()));
            self.error(key, format!("there is no [[agent]] `{name}`{hint}"))
        })
    }

    /// Random numbers of the agent for `purpose`.
    #[must_use]
    pub fn dice(&self, purpose: &str) -> Dice {
        self.state.dice(self.me, purpose)
    }

    /// The number of the contract that `key` names.
    ///
    /// # Errors
    /// If the netlist has no such contract.
    pub fn contract(&self, key: &str) -> Result<usize, NetlistError> {
        find_contract(self.netlist, self.text(key)).map_err(|message| self.error(key, message))
    }

    /// The artifact that `key` names; none where only the wiring is checked.
    pub(crate) fn artifact(&self, key: &str) -> Option<Artifact> {
        match self.field(key) {
            Some(Field::Artifact(reference, _)) => self.artifacts?.other(reference).cloned(),
            other => panic!("the kind declares `{key}` as an artifact with a default, not {other:?}"),
        }
    }

    /// The script that `key` names; none where only the wiring is checked.
    pub(crate) fn script(&self, key: &str) -> Option<Script> {
        match self.field(key) {
            Some(Field::Script(file, _)) => self.artifacts?.script(file).cloned(),
            other => panic!("the kind declares `{key}` as a script that is required, not {other:?}"),
        }
    }

    /// The numbers of the table that `key` is, in the order of the netlist.
    pub(crate) fn numbers(&self, key: &str) -> Result<Vec<(&str, Number)>, NetlistError> {
        let Some(Field::Shares(named)) = self.field(key) else { return Ok(Vec::new()) };
        let value = |expression: &Expression| expression.value(self.source, &mut |name| self.values.number(name));
        named.iter().map(|(name, _, expression)| Ok((name.as_str(), value(expression)?))).collect()
    }

    pub(crate) fn arguments(&self, key: &str) -> &[Argument] {
        match self.field(key) {
            Some(Field::Arguments(arguments)) => arguments,
            _ => &[],
        }
    }
}

/// The kinds in the box.
#[must_use]
pub fn kinds() -> &'static [Kind] {
    &[
        grants::GIVER,
        grants::TAKER,
        grants::ROUTER,
        market::MARKETPLACES,
        market::BURNER,
        market::MINTER,
        vesting::FUNDER,
        vesting::BENEFICIARY,
        pools::PUBLISHER,
        pools::MALICIOUS_PUBLISHER,
        pools::CONSUMER,
        pools::STAKER_SPECULATOR,
        pools::SPECULATOR,
        payroll::BLOCK_TIMES,
        payroll::EMPLOYER,
        payroll::EMPLOYEE,
        subscriptions::MERCHANT,
        subscriptions::SUBSCRIBER,
        crowdsale::PROJECT,
        crowdsale::INVESTOR,
        griefers::HONEST_PARTY,
        griefers::GRIEFER,
        griefers::CROOKED_TOKEN,
        griefers::STREAM_AUDITOR,
        uniswap::PAIR,
        uniswap::TRADER,
        uniswap::ARBITRAGEUR,
        uniswap::PROVIDER,
        generic::CALL,
        generic::TRANSFER,
        generic::SPAWN,
        generic::IDLE,
        script::SCRIPT,
    ]
}

/// `[[agent]]` keys that every kind has.
pub(crate) const COMMON_KEYS: [&str; 4] = ["name", "kind", "count", "wallet"];

const fn required(name: &'static str, takes: Takes, doc: &'static str) -> Key {
    Key { name, doc, takes, otherwise: Otherwise::Required }
}

const fn with_default(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Key {
    Key { name, doc, takes, otherwise: Otherwise::Is(default) }
}

const fn optional(name: &'static str, takes: Takes, doc: &'static str) -> Key {
    Key { name, doc, takes, otherwise: Otherwise::Absent }
}
