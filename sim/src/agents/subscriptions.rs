//! Subscriptions that are paid by streams: who tops up in time, who forgets, what the gas comes to, and what cards would
//! have brought from the same people.

use alloy_primitives::U256;

use super::{
    Agent, Builder, Gauge, Kind, Takes, required,
    streams::{Books, Contracts, after, in_units, members},
    with_default,
};
use crate::{
    draws::Draws,
    economy::{State, from_units, to_units},
    netlist::{NetlistError, Number},
};

mod club;

/// Sells subscriptions.
pub(super) const MERCHANT: Kind = Kind {
    name: "merchant",
    doc: "accepts top-ups, and withdraws what streams have brought every so often",
    keys: &[
        required("subscribers", Takes::Text, "the name of the [[agent]] who subscribe"),
        with_default("streams", Takes::Contract, "Streams", "the stream contract, which counts seconds"),
        with_default("token", Takes::Contract, "DAI", "what is paid"),
        with_default("price", Takes::Number, "10", "tokens a month"),
        with_default("month", Takes::Number, "30d", "how long a month is"),
        with_default("interval", Takes::Number, "1h", "seconds from one payment of a stream to the next"),
        with_default("withdraw_every", Takes::Number, "30d", "seconds from one withdrawal to the next"),
        with_default(
            "batched",
            Takes::Number,
            "1",
            "1 to withdraw from up to 100 streams in a transaction, 0 from one",
        ),
        with_default("joins_within", Takes::Number, "0", "seconds within which all subscribe, evenly"),
        with_default("stays", Takes::Number, "360d", "seconds until a subscriber leaves, in the mean; exponential"),
        with_default("prepaid", Takes::Number, "90d", "seconds that a deposit and a top-up pay for"),
        with_default("lead", Takes::Number, "7d", "seconds before the money runs out that a subscriber tops up"),
        with_default("forgets", Takes::Number, "0.02", "how likely a subscriber forgets a top-up"),
        with_default("card_fails", Takes::Number, "0.01", "how likely a monthly charge of a card fails for good"),
        with_default("card_fee", Takes::Number, "0.029", "what share of a charge the card's company keeps"),
        with_default("card_fee_fixed", Takes::Number, "0.30", "what it keeps beyond that, in tokens"),
    ],
    gauges: GAUGES,
    build: Merchant::build,
};

/// Subscribes.
pub(super) const SUBSCRIBER: Kind = Kind {
    name: "subscriber",
    doc: "pays a merchant by a stream, tops it up or forgets to, and redeems it when it leaves",
    keys: &[],
    gauges: &[],
    build: |_| Ok(Box::new(Subscriber)),
};

const GAUGES: &[Gauge] = &[
    Gauge {
        name: "accrued",
        doc: "what streams have brought so far, in tokens",
        read: |state, _, _| read(state, |club| from_units(club.tally.received + club.due())),
    },
    Gauge {
        name: "withdrawn",
        doc: "what of that the merchant has, in tokens",
        read: |state, _, _| read(state, |club| from_units(club.tally.received)),
    },
    Gauge {
        name: "possible",
        doc: "what it would be if nobody forgot, in tokens",
        read: |state, _, _| read(state, |club| club.tally.possible),
    },
    Gauge {
        name: "locked",
        doc: "what subscribers have in streams and has not been streamed, in tokens",
        read: |state, _, _| read(state, |club| from_units(club.locked())),
    },
    Gauge {
        name: "n_active",
        doc: "how many subscribe",
        read: |state, _, _| read(state, |club| club.count(Standing::is_active)),
    },
    Gauge {
        name: "n_left",
        doc: "how many left because they wanted to",
        read: |state, _, _| read(state, |club| club.count(|standing| *standing == Standing::Left)),
    },
    Gauge {
        name: "n_dry",
        doc: "how many left because their stream ran dry",
        read: |state, _, _| read(state, |club| club.count(|standing| matches!(standing, Standing::Dry(_)))),
    },
    Gauge {
        name: "n_topups",
        doc: "how many top-ups were executed",
        read: |state, _, _| read(state, |club| club.tally.n_topups as f64),
    },
    Gauge {
        name: "n_withdrawals",
        doc: "how many times a stream was withdrawn from",
        read: |state, _, _| read(state, |club| club.tally.n_withdrawals as f64),
    },
    Gauge {
        name: "join_gas",
        doc: "the gas of subscribing",
        read: |state, _, _| read(state, |club| club.tally.join_gas as f64),
    },
    Gauge {
        name: "topup_gas",
        doc: "the gas of top-ups, of both sides",
        read: |state, _, _| read(state, |club| club.tally.topup_gas as f64),
    },
    Gauge {
        name: "leave_gas",
        doc: "the gas of leaving",
        read: |state, _, _| read(state, |club| club.tally.leave_gas as f64),
    },
    Gauge {
        name: "withdraw_gas",
        doc: "the gas of withdrawing",
        read: |state, _, _| read(state, |club| club.tally.withdraw_gas as f64),
    },
    Gauge {
        name: "card_charged",
        doc: "what cards would have been charged, in tokens",
        read: |state, _, _| read(state, |club| club.tally.card_charged),
    },
    Gauge {
        name: "card_fees",
        doc: "what of that their companies would have kept, in tokens",
        read: |state, _, _| read(state, |club| club.tally.card_fees),
    },
    Gauge {
        name: "card_locked",
        doc: "what would be paid by card for days to come, in tokens",
        read: |state, _, _| read(state, |club| club.tally.card_locked),
    },
    Gauge {
        name: "n_card_lost",
        doc: "how many would have left because a charge failed",
        read: |state, _, _| read(state, |club| club.tally.n_card_lost as f64),
    },
    Gauge {
        name: "unaccounted",
        doc: "units of the token that are missing or too many; nobody else may have any",
        read: unaccounted,
    },
];

/// Most streams in one withdrawal.
const MAX_BATCH: usize = 100;

/// A merchant and its subscribers; a run has one.
#[derive(Debug, Default)]
struct Club {
    merchant: usize,
    contracts: Option<Contracts>,
    settings: Settings,
    members: Vec<Member>,
    /// The tick in which streams were looked at last.
    seen: Option<u64>,
    tally: Tally,
}

#[derive(Clone, Debug, Default)]
struct Settings {
    price: f64,
    month: u64,
    interval: u64,
    payment: U256,
    /// Intervals of a deposit and of a top-up.
    n_prepaid: u64,
    lead: u64,
    forgets: f64,
    card_fails: f64,
    card_fee: f64,
    card_fee_fixed: f64,
}

#[derive(Debug, Default)]
struct Tally {
    received: U256,
    n_topups: u64,
    n_withdrawals: u64,
    join_gas: u64,
    topup_gas: u64,
    leave_gas: u64,
    withdraw_gas: u64,
    possible: f64,
    card_charged: f64,
    card_fees: f64,
    card_locked: f64,
    n_card_lost: u64,
}

/// A subscriber's papers.
#[derive(Debug)]
struct Member {
    agent: usize,
    joins: u64,
    leaves: u64,
    standing: Standing,
    /// Whether it forgets the next top-up is drawn once for each.
    memory: Draws,
    /// What the contract says of its stream.
    due: U256,
    refundable: U256,
    card: Card,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Waiting,
    Active {
        id: U256,
        stop: u64,
        topup: Topup,
    },
    /// It left and its stream was redeemed.
    Left,
    /// Its stream has ended, and may have something for the merchant still.
    Dry(U256),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topup {
    NotYet,
    Proposed,
    Forgotten,
}

/// The same subscriber with a card.
#[derive(Debug)]
struct Card {
    charged_until: Option<u64>,
    is_lost: bool,
    luck: Draws,
}

impl Standing {
    const fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. })
    }

    const fn id(&self) -> Option<U256> {
        match self {
            Self::Active { id, .. } | Self::Dry(id) => Some(*id),
            _ => None,
        }
    }
}

struct Merchant {
    withdraw_every: u64,
    batch: usize,
    withdrew_at: u64,
}

struct Subscriber;

impl Merchant {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let settings = Settings::build(builder)?;
        let (within, stays) = (builder.positive("joins_within")?, builder.positive("stays")?);
        let start = builder.state.now();
        let mut dice = builder.dice("subscribers");
        let mut join = |agent: usize, state: &mut State| {
            let draws = state.draws(&mut dice);
            let joins = after(start, draws.unit() * within);
            Member {
                agent,
                joins,
                leaves: after(joins, draws.exponential(stays)),
                standing: Standing::Waiting,
                memory: Draws::from_state(draws.next_u64()),
                due: U256::ZERO,
                refundable: U256::ZERO,
                card: Card { charged_until: None, is_lost: false, luck: Draws::from_state(draws.next_u64()) },
            }
        };
        let members = members(builder, "subscribers")?.into_iter().map(|agent| join(agent, builder.state)).collect();
        let contracts = Some(Contracts::build(builder)?);
        if builder.state.shared::<Club>().contracts.is_some() {
            return Err(builder.error("subscribers", "there are two merchants: a run has one"));
        }
        let club = Club { merchant: builder.me, contracts, settings, members, ..Club::default() };
        *builder.state.shared() = club;
        let batch = if builder.number("batched")? == 0.0 { 1 } else { MAX_BATCH };
        Ok(Box::new(Self { withdraw_every: builder.whole("withdraw_every")?, batch, withdrew_at: start }))
    }
}

impl Settings {
    fn build(builder: &Builder<'_>) -> Result<Self, NetlistError> {
        let (price, month, interval) =
            (builder.positive("price")?, builder.whole("month")?, builder.whole("interval")?);
        let units = to_units(price).map_err(|message| builder.error("price", message))?;
        let payment = units * U256::from(interval) / U256::from(month.max(1));
        let n_prepaid = builder.whole("prepaid")?.checked_div(interval).unwrap_or(0);
        if payment.is_zero() || n_prepaid == 0 || month == 0 {
            let message =
                format!("{price} tokens in {month} s, for {n_prepaid} intervals of {interval} s, are no stream");
            return Err(
                builder.error("price", format!("{message}: each interval must cost something, and one be prepaid"))
            );
        }
        Ok(Self {
            price,
            month,
            interval,
            payment,
            n_prepaid,
            lead: builder.whole("lead")?,
            forgets: builder.positive("forgets")?,
            card_fails: builder.positive("card_fails")?,
            card_fee: builder.positive("card_fee")?,
            card_fee_fixed: builder.positive("card_fee_fixed")?,
        })
    }
}

impl Agent for Merchant {
    fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
        with_club(state, |club, state| {
            club.observe(state)?;
            club.accept(state)?;
            if state.now() >= self.withdrew_at.saturating_add(self.withdraw_every) {
                self.withdrew_at = state.now();
                club.withdraw(state, self.batch)?;
            }
            Ok(())
        })
    }
}

impl Agent for Subscriber {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        with_club(state, |club, state| {
            club.observe(state)?;
            match club.members.iter().position(|member| member.agent == me) {
                Some(at) => club.act(state, at),
                None => Err("no merchant has it among its `subscribers`".to_owned()),
            }
        })
    }
}

/// Lets `act` have the club and the state.
fn with_club<T>(state: &mut State, act: impl FnOnce(&mut Club, &mut State) -> Result<T, String>) -> Result<T, String> {
    let mut club = std::mem::take(state.shared::<Club>());
    let done = act(&mut club, state);
    *state.shared() = club;
    done
}

fn read(state: &mut State, of: fn(&Club) -> f64) -> Result<Number, String> {
    with_club(state, |club, state| {
        if state.evm.is_some() {
            club.observe(state)?;
        }
        Ok(Number::Float(of(club)))
    })
}

fn unaccounted(state: &mut State, _: usize, _: usize) -> Result<Number, String> {
    with_club(state, |club, state| {
        let venue = club.contracts.ok_or("there is no merchant")?.venue(state)?;
        let mut books = Books::of(venue.token);
        books.enter_received(club.merchant, club.tally.received);
        books.enter_streams(venue.streams, club.ids());
        for member in &club.members {
            books.enter(member.agent);
        }
        books.unaccounted(state).map(in_units)
    })
}
