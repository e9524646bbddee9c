//! What a person wants of a stream, as options and as a value. Knows what was said, not whether it can be had.

use alloy::primitives::U256;
use clap::{Args, ValueEnum};

use crate::{
    amount::Token,
    clock::{BlockTime, parse_block_time},
    moment::{Moment, parse_duration, parse_moment},
};

/// The options that say how much is to be streamed, and when; the same for every command that makes terms.
#[derive(Args, Clone, Debug)]
pub(crate) struct WishArgs {
    #[command(flatten)]
    money: MoneyArgs,
    #[command(flatten)]
    stop: StopArgs,
    #[command(flatten)]
    every: EveryArgs,
    #[command(flatten)]
    start: StartArgs,
    /// Round the payment that --amount makes down, or up, to a unit of the token.
    #[arg(long, value_enum, default_value_t = Round::Down, help_heading = TERMS)]
    round: Round,
    /// How long a block takes, as in 12s or 250ms, instead of measuring it.
    #[arg(long, value_name = "TIME", value_parser = parse_block_time, help_heading = TERMS)]
    pub(crate) block_time: Option<BlockTime>,
}

const TERMS: &str = "Terms";

#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct MoneyArgs {
    /// How much to stream in all, in whole tokens, as in 3000 or 0.5.
    #[arg(long, value_name = "AMOUNT", help_heading = TERMS)]
    amount: Option<String>,
    /// How much to stream each interval, in whole tokens.
    #[arg(long, value_name = "AMOUNT", help_heading = TERMS)]
    payment: Option<String>,
    /// How much to stream each interval, in units of the token.
    #[arg(long, value_name = "N", help_heading = TERMS)]
    payment_units: Option<u128>,
}

#[derive(Args, Clone, Copy, Debug)]
#[group(required = true, multiple = false)]
struct StopArgs {
    /// How long to stream, as in 30d or 1h30m.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = TERMS)]
    over: Option<u64>,
    /// When to stop, as in 2027-01-31, 2027-01-31T12:00Z or Unix seconds.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment, help_heading = TERMS)]
    until: Option<Moment>,
    /// Exact stop: a block number, or Unix seconds on a timestamp clock. Needs an exact start.
    #[arg(long, value_name = "N", visible_alias = "stop-time", requires = "StartArgs", help_heading = TERMS)]
    stop_block: Option<u64>,
}

#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
struct EveryArgs {
    /// Time between two payments, as in 1h; without it, as short as the amount allows.
    #[arg(long, value_name = "DURATION", visible_alias = "interval", value_parser = parse_duration, help_heading = TERMS)]
    every: Option<u64>,
    /// Exact time between two payments, in blocks, or in seconds on a timestamp clock.
    #[arg(long, value_name = "N", visible_alias = "interval-secs", help_heading = TERMS)]
    interval_blocks: Option<u64>,
}

#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
struct StartArgs {
    /// When to start, as in +2h or 2027-01-01; without it, when the transaction is mined.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment, help_heading = TERMS)]
    start: Option<Moment>,
    /// Exact start: a block number, or Unix seconds on a timestamp clock.
    #[arg(long, value_name = "N", visible_alias = "start-time", help_heading = TERMS)]
    start_block: Option<u64>,
}

/// What is wanted, amounts in units of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) money: Money,
    pub(crate) start: Start,
    pub(crate) stop: Stop,
    pub(crate) every: Every,
    pub(crate) round: Round,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Money {
    /// So much in all.
    Amount(U256),
    /// So much each interval.
    Payment(U256),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the block that has the transaction.
    WhenMined,
    Moment(Moment),
    /// At this reading of the contract's clock.
    Exact(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Seconds from the start.
    Over(u64),
    /// Not after, if the transaction is mined at once.
    Until(Moment),
    /// At this reading of the contract's clock.
    Exact(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Every {
    /// Seconds.
    Secs(u64),
    /// Units of the contract's clock.
    Exact(u64),
    /// As often as the amount can be divided well.
    Often,
}

/// Where an amount goes that does not divide by the number of payments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Round {
    /// Stream no more than was said.
    #[default]
    Down,
    /// Stream no less than was said.
    Up,
}

impl WishArgs {
    /// The wish, for amounts of `token`.
    ///
    /// # Errors
    /// If an amount is no exact number of the token's units.
    pub(crate) fn wish(&self, token: &Token) -> eyre::Result<Wish> {
        let MoneyArgs { amount, payment, payment_units } = &self.money;
        let money = match (amount, payment, payment_units) {
            (Some(amount), ..) => Money::Amount(token.parse(amount)?),
            (_, Some(payment), _) => Money::Payment(token.parse(payment)?),
            (.., units) => Money::Payment(U256::from(units.unwrap_or(0))),
        };
        let stop = match (self.stop.over, self.stop.until, self.stop.stop_block) {
            (Some(secs), ..) => Stop::Over(secs),
            (_, Some(moment), _) => Stop::Until(moment),
            (.., stop) => Stop::Exact(stop.unwrap_or(0)),
        };
        let every = match (self.every.every, self.every.interval_blocks) {
            (Some(secs), _) => Every::Secs(secs),
            (_, Some(units)) => Every::Exact(units),
            _ => Every::Often,
        };
        let start = match (self.start.start, self.start.start_block) {
            (None | Some(Moment::In(0)), None) => Start::WhenMined,
            (Some(moment), _) => Start::Moment(moment),
            (_, Some(start)) => Start::Exact(start),
        };
        Ok(Wish { money, start, stop, every, round: self.round })
    }
}
