//! Uniswap's own pairs, without a router: those who trade, who provide liquidity, and who hold two pools' prices together
//! as FLASH's arbitrageur does. What agents send goes to the pair in two transactions of one tick, first the tokens.

use alloy_primitives::{Address, U256};

use self::pair::{Pair, Side};
use super::{Gauge, Kind, Takes, required, with_default};
use crate::{
    economy::{State, from_units},
    netlist::Number,
};

mod amounts;
mod pair;
mod parties;

pub(super) const PAIR: Kind = Kind {
    name: "uniswap-pair",
    doc: "makes a pair of two tokens and puts its wallet into it, for good",
    keys: &[
        required("factory", Takes::Contract, "Uniswap's factory, which makes one pair of two tokens"),
        with_default("base", Takes::Contract, "FLASH", "the token that has a price"),
        with_default("quote", Takes::Contract, "ALT", "the token that prices are in"),
    ],
    gauges: PAIR_GAUGES,
    build: parties::found,
};

/// Trades at random.
pub(super) const TRADER: Kind = Kind {
    name: "uniswap-trader",
    doc: "swaps a random amount of a random one of the two tokens, as FLASH's model moves its external pool",
    keys: &[
        required("pair", Takes::Agent, "where it trades"),
        with_default("most", Takes::Number, "100", "it gives from 0 to this many tokens, evenly"),
        with_default("buys", Takes::Number, "0.5", "how likely it gives quote tokens for base tokens"),
        with_default("every", Takes::Number, "1", "every how many ticks"),
    ],
    gauges: &[],
    build: parties::Trader::build,
};

/// Holds two prices together.
pub(super) const ARBITRAGEUR: Kind = Kind {
    name: "uniswap-arbitrageur",
    doc: "swaps in one pair until its price is that of another",
    keys: &[
        required("pair", Takes::Agent, "where it trades"),
        required("reference", Takes::Agent, "the pair whose price is right"),
        with_default(
            "only_gains",
            Takes::Number,
            "0",
            "0: to the price, as FLASH does; 1: only as long as a unit more gains",
        ),
        with_default("every", Takes::Number, "1", "every how many ticks"),
    ],
    gauges: ARBITRAGE_GAUGES,
    build: parties::Arbitrageur::build,
};

/// Lends its tokens to a pair.
pub(super) const PROVIDER: Kind = Kind {
    name: "uniswap-provider",
    doc: "puts all that it has into a pair, takes it out after a while, and comes back",
    keys: &[
        required("pair", Takes::Agent, "where it provides"),
        with_default("away", Takes::Number, "10d", "seconds until it joins, in the mean; exponential"),
        with_default("stays", Takes::Number, "30d", "seconds until it leaves, in the mean; exponential"),
    ],
    gauges: &[],
    build: parties::Provider::build,
};

const PAIR_GAUGES: &[Gauge] = &[
    Gauge { name: "base", doc: "base tokens in the pair", read: |state, me, _| reserve(state, me, Side::Base) },
    Gauge { name: "quote", doc: "quote tokens in the pair", read: |state, me, _| reserve(state, me, Side::Quote) },
    Gauge {
        name: "price",
        doc: "what a base token costs, in quote tokens",
        read: |state, me, _| with_pair(state, me, |pair, state| pair.price(state).map(Number::Float)),
    },
    Gauge {
        name: "n_swaps",
        doc: "how many swaps went through; of each, one unit more was refused before",
        read: |state, me, _| count(state, me, |pair| pair.n_swaps),
    },
    Gauge {
        name: "volume",
        doc: "what swaps brought in, in quote tokens at the prices of their time",
        read: |state, me, _| with_pair(state, me, |pair, _| Ok(Number::Float(pair.volume))),
    },
    Gauge {
        name: "n_joined",
        doc: "how often providers joined",
        read: |state, me, _| count(state, me, |pair| pair.n_joined),
    },
    Gauge { name: "n_left", doc: "how often they left", read: |state, me, _| count(state, me, |pair| pair.n_left) },
    Gauge {
        name: "n_providers",
        doc: "how many are in",
        read: |state, me, _| with_pair(state, me, |pair, _| Ok(Number::Integer(pair.positions.len() as i128))),
    },
    Gauge {
        name: "fees",
        doc: "what fees made for providers so far, in quote tokens",
        read: |state, me, _| {
            with_pair(state, me, |pair, state| pair.outcome(state).map(|outcome| Number::Float(outcome.fees)))
        },
    },
    Gauge {
        name: "loss",
        doc: "what providers lost against holding, before fees, in quote tokens: the impermanent loss",
        read: |state, me, _| {
            with_pair(state, me, |pair, state| pair.outcome(state).map(|outcome| Number::Float(outcome.loss)))
        },
    },
    Gauge {
        name: "n_falls",
        doc: "how often the product of the reserves fell in a swap, or that for a share when liquidity came or went",
        read: |state, me, _| count(state, me, |pair| pair.n_falls),
    },
    Gauge {
        name: "unaccounted",
        doc: "units of both tokens that are missing or too many among agents and pairs",
        read: unaccounted,
    },
];

const ARBITRAGE_GAUGES: &[Gauge] = &[
    Gauge {
        name: "gap_before",
        doc: "how far the price was from the right one, before it acted last; a share of it",
        read: |state, me, _| arbitrage(state, me, |tally| tally.gap_before),
    },
    Gauge {
        name: "gap_after",
        doc: "the same after it acted last",
        read: |state, me, _| arbitrage(state, me, |tally| tally.gap_after),
    },
    Gauge {
        name: "profit",
        doc: "what it got less what it gave so far, in quote tokens at the right price of its time",
        read: |state, me, _| arbitrage(state, me, |tally| tally.profit),
    },
    Gauge {
        name: "worst_trade",
        doc: "the least profit of one trade, in quote tokens",
        read: |state, me, _| arbitrage(state, me, |tally| tally.worst),
    },
    Gauge {
        name: "n_trades",
        doc: "how often it traded",
        read: |state, me, _| arbitrage(state, me, |tally| tally.n_trades as f64),
    },
    Gauge {
        name: "n_short",
        doc: "how often it had too few tokens to go all the way",
        read: |state, me, _| arbitrage(state, me, |tally| tally.n_short as f64),
    },
];

/// What the agents of a run share.
#[derive(Debug, Default)]
struct Exchange {
    pairs: Vec<Pair>,
    /// All who have tokens.
    agents: Vec<usize>,
    tallies: Vec<Tally>,
}

/// What an arbitrageur did.
#[derive(Clone, Debug, Default)]
struct Tally {
    agent: usize,
    gap_before: f64,
    gap_after: f64,
    profit: f64,
    worst: f64,
    n_trades: u64,
    n_short: u64,
}

/// Does something with the pair that agent `at` made.
fn with_pair<T>(
    state: &mut State,
    at: usize,
    act: impl FnOnce(&mut Pair, &mut State) -> Result<T, String>,
) -> Result<T, String> {
    let pairs = &mut state.shared::<Exchange>().pairs;
    let Some(place) = pairs.iter().position(|pair| pair.agent == at) else {
        return Err(format!("`{}` is no uniswap-pair, or is declared after those who use it", state.name(at)));
    };
    // Agents act one after the other, so that nobody misses the pair meanwhile.
    let mut pair = pairs[place].clone();
    let done = act(&mut pair, state);
    state.shared::<Exchange>().pairs[place] = pair;
    done
}

fn reserve(state: &mut State, me: usize, side: Side) -> Result<Number, String> {
    with_pair(state, me, |pair, state| Ok(Number::Float(from_units(pair.reserves(state)?.of(side)))))
}

fn count(state: &mut State, me: usize, of: fn(&Pair) -> u64) -> Result<Number, String> {
    with_pair(state, me, |pair, _| Ok(Number::Integer(i128::from(of(pair)))))
}

fn arbitrage(state: &mut State, me: usize, of: fn(&Tally) -> f64) -> Result<Number, String> {
    let tallies = &state.shared::<Exchange>().tallies;
    let tally = tallies.iter().find(|tally| tally.agent == me).ok_or("the agent is no arbitrageur")?;
    Ok(Number::Float(of(tally)))
}

/// Each token's supply against what all agents and pairs have, and each pair's reserves against what it has.
fn unaccounted(state: &mut State, _: usize, _: usize) -> Result<Number, String> {
    let (pairs, agents) = {
        let exchange = state.shared::<Exchange>();
        (exchange.pairs.clone(), exchange.agents.clone())
    };
    let evm = super::streams::evm(state)?;
    let mut tokens: Vec<Address> = pairs.iter().flat_map(|pair| pair.tokens).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let mut missing = U256::ZERO;
    for &token in &tokens {
        let supply = evm.ask(token, &bindings::DemoToken::totalSupplyCall {})?;
        let mut held = U256::ZERO;
        let owners = agents.iter().map(|&agent| evm.account(agent)).chain(pairs.iter().map(|pair| pair.address));
        for owner in owners.collect::<Vec<_>>() {
            held += evm.units(token, owner)?;
        }
        missing += supply.abs_diff(held);
    }
    for pair in &pairs {
        let reserves = pair.reserves(state)?;
        for side in [Side::Base, Side::Quote] {
            let held = super::streams::evm(state)?.units(pair.token(side), pair.address)?;
            missing += held.abs_diff(reserves.of(side));
        }
    }
    Ok(super::streams::in_units(missing))
}
