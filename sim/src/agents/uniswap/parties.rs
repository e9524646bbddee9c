//! Those who meet in pairs: founders, traders, arbitrageurs and providers.

use alloy_primitives::U256;

use super::{Exchange, Pair, Side, Tally, amounts, with_pair};
use crate::{
    agents::{
        Agent, Builder,
        streams::{after, evm},
    },
    economy::{Dice, State, from_units, to_units},
    netlist::NetlistError,
};

/// Makes a pair as soon as there is a chain, so that those who come after find it.
pub(super) fn found(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
    let factory = builder.contract("factory")?;
    let tokens = [builder.contract("base")?, builder.contract("quote")?];
    let me = enroll(builder);
    if let Some(evm) = &builder.state.evm {
        let (factory, tokens) = (evm.address(factory), tokens.map(|token| evm.address(token)));
        let made = Pair::found(builder.state, me, factory, tokens).and_then(|mut pair| {
            if !pair.join(builder.state, me)? {
                return Err("a pair begins with both tokens: say wallet = { FLASH = 100, ALT = 100 }".to_owned());
            }
            // What it put in stays, so that it is no provider.
            pair.positions.clear();
            pair.n_joined = 0;
            Ok(pair)
        });
        let pair = made.map_err(|message| builder.error("factory", message))?;
        builder.state.shared::<Exchange>().pairs.push(pair);
    }
    Ok(Box::new(Idle))
}

/// Counts the agent among those who have tokens.
fn enroll(builder: &mut Builder<'_>) -> usize {
    let me = builder.me;
    builder.state.shared::<Exchange>().agents.push(me);
    me
}

fn every(builder: &Builder<'_>) -> Result<u64, NetlistError> {
    match builder.whole("every")? {
        0 => Err(builder.error("every", "`every` is 0: it is a number of ticks, at least 1")),
        every => Ok(every),
    }
}

struct Idle;

impl Agent for Idle {
    fn step(&mut self, _: usize, _: &mut State) -> Result<(), String> {
        Ok(())
    }
}

pub(super) struct Trader {
    pair: usize,
    most: f64,
    buys: f64,
    every: u64,
    amounts: Dice,
    directions: Dice,
}

impl Trader {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        enroll(builder);
        Ok(Box::new(Self {
            pair: builder.agent("pair")?,
            most: builder.positive("most")?,
            buys: builder.positive("buys")?,
            every: every(builder)?,
            amounts: builder.dice("amount"),
            directions: builder.dice("direction"),
        }))
    }
}

impl Agent for Trader {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if !state.tick().is_multiple_of(self.every) {
            return Ok(());
        }
        let amount = to_units(self.most * state.draws(&mut self.amounts).unit())?;
        let side = if state.draws(&mut self.directions).chance(self.buys) { Side::Quote } else { Side::Base };
        with_pair(state, self.pair, |pair, state| {
            let has = balance(state, me, pair, side)?;
            pair.swap(state, me, side, amount.min(has)).map(|_| ())
        })
    }
}

pub(super) struct Arbitrageur {
    pair: usize,
    reference: usize,
    only_gains: bool,
    every: u64,
}

impl Arbitrageur {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let agent = enroll(builder);
        builder.state.shared::<Exchange>().tallies.push(Tally { agent, ..Tally::default() });
        let (pair, reference) = (builder.agent("pair")?, builder.agent("reference")?);
        if pair == reference {
            return Err(builder.error("reference", "`reference` is the pair where it trades: name another"));
        }
        Ok(Box::new(Self {
            pair,
            reference,
            only_gains: builder.positive("only_gains")? != 0.0,
            every: every(builder)?,
        }))
    }
}

impl Agent for Arbitrageur {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if !state.tick().is_multiple_of(self.every) {
            return Ok(());
        }
        let right = with_pair(state, self.reference, |pair, state| pair.reserves(state))?;
        let before = with_pair(state, self.pair, |pair, state| pair.reserves(state))?;
        let gap = |price: f64| (price / right.price() - 1.0).abs();
        let mut given = (Side::Base, U256::ZERO);
        for side in [Side::Base, Side::Quote] {
            let (into, from) = (before.of(side), before.of(side.other()));
            let aim = (right.of(side), right.of(side.other()));
            let amount = if self.only_gains {
                amounts::while_it_gains(into, from, aim)
            } else {
                amounts::to_proportion(into, from, aim)
            };
            if !amount.is_zero() {
                given = (side, amount);
            }
        }
        let (side, wanted) = given;
        let (amount, paid, after) = with_pair(state, self.pair, |pair, state| {
            let amount = wanted.min(balance(state, me, pair, side)?);
            let paid = pair.swap(state, me, side, amount)?;
            Ok((amount, paid, pair.price(state)?))
        })?;
        let (gave, got) = (from_units(amount), from_units(paid));
        let profit = match side {
            Side::Base => got - gave * right.price(),
            Side::Quote => got * right.price() - gave,
        };
        let tallies = &mut state.shared::<Exchange>().tallies;
        let tally = tallies.iter_mut().find(|tally| tally.agent == me).ok_or("it keeps no tally")?;
        (tally.gap_before, tally.gap_after) = (gap(before.price()), gap(after));
        tally.n_short += u64::from(amount < wanted);
        if !paid.is_zero() {
            tally.n_trades += 1;
            tally.profit += profit;
            tally.worst = tally.worst.min(profit);
        }
        Ok(())
    }
}

pub(super) struct Provider {
    pair: usize,
    away: f64,
    stays: f64,
    is_in: bool,
    /// When it comes or goes next.
    next_at: u64,
    dice: Dice,
}

impl Provider {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        enroll(builder);
        let (away, stays) = (builder.positive("away")?, builder.positive("stays")?);
        let mut dice = builder.dice("stay");
        let wait = builder.state.draws(&mut dice).exponential(away);
        let next_at = after(builder.state.now(), wait);
        Ok(Box::new(Self { pair: builder.agent("pair")?, away, stays, is_in: false, next_at, dice }))
    }
}

impl Agent for Provider {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if state.now() < self.next_at {
            return Ok(());
        }
        if self.is_in {
            with_pair(state, self.pair, |pair, state| pair.leave(state, me))?;
            self.is_in = false;
        } else {
            self.is_in = with_pair(state, self.pair, |pair, state| pair.join(state, me))?;
        }
        let mean = if self.is_in { self.stays } else { self.away };
        let wait = state.draws(&mut self.dice).exponential(mean);
        self.next_at = after(state.now(), wait);
        Ok(())
    }
}

fn balance(state: &mut State, me: usize, pair: &Pair, side: Side) -> Result<U256, String> {
    let evm = evm(state)?;
    let owner = evm.account(me);
    evm.units(pair.token(side), owner)
}
