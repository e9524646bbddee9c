//! Crowdsales by streams: investors pay over the sale's length and stop when there is bad news, against the same investors
//! who have paid at once. Part may be paid at once, so that a sale can lie anywhere between.

use alloy_primitives::U256;
use bindings::{DemoToken, IMoneyStreaming as streaming};

use super::{
    Agent, Builder, Gauge, Kind, Takes, required,
    streams::{Books, Contracts, Terms, after, evm, in_units, members},
    with_default,
};
use crate::{
    draws::Draws,
    economy::{State, from_units, to_units},
    netlist::{NetlistError, Number},
};

/// Sells, and may be a fraud.
pub(super) const PROJECT: Kind = Kind {
    name: "project",
    doc: "takes what investors pay; with some probability it is a fraud, of which there is bad news sooner or later",
    keys: &[
        required("investors", Takes::Text, "the name of the [[agent]] who invest"),
        with_default("streams", Takes::Contract, "Streams", "the stream contract, which counts seconds"),
        with_default("token", Takes::Contract, "DAI", "what is paid"),
        with_default("sale", Takes::Number, "180d", "over how many seconds an investor pays"),
        with_default("interval", Takes::Number, "1h", "seconds from one payment of a stream to the next"),
        with_default("upfront", Takes::Number, "0", "what share is paid at once; 1 is a sale for a lump sum"),
        with_default("withdraw_every", Takes::Number, "7d", "seconds from one withdrawal to the next"),
        with_default("amount", Takes::Number, "1000", "tokens that an investor means to pay, the median"),
        with_default("amount_spread", Takes::Number, "0", "standard deviation of the amount's natural logarithm"),
        with_default("joins_within", Takes::Number, "0", "seconds within which all invest, evenly"),
        with_default("fraud", Takes::Number, "0.5", "how likely the project is a fraud"),
        with_default(
            "bad_news_after",
            Takes::Number,
            "60d",
            "seconds from one piece of bad news of a fraud to the next, in the mean",
        ),
        with_default("false_news_after", Takes::Number, "720d", "the same of an honest project"),
        with_default(
            "collapses_after",
            Takes::Number,
            "360d",
            "seconds until a fraud collapses for all to see, in the mean",
        ),
        with_default("reacts", Takes::Number, "0.5", "how likely an investor stops on a piece of bad news"),
        with_default("delay", Takes::Number, "2d", "seconds until it stops then, in the mean; exponential"),
    ],
    gauges: GAUGES,
    build: Project::build,
};

/// Invests.
pub(super) const INVESTOR: Kind = Kind {
    name: "investor",
    doc: "pays a project by a stream, and redeems it after bad news",
    keys: &[],
    gauges: &[],
    build: |_| Ok(Box::new(Investor)),
};

const GAUGES: &[Gauge] = &[
    Gauge {
        name: "is_fraud",
        doc: "1 if the project is a fraud",
        read: |state, _, _| read(state, |sale| f64::from(u8::from(sale.is_fraud))),
    },
    Gauge {
        name: "n_news",
        doc: "how much bad news there was so far",
        read: |state, _, _| read(state, |sale| sale.n_news as f64),
    },
    Gauge {
        name: "n_joined",
        doc: "how many have invested",
        read: |state, _, _| read(state, |sale| sale.n_joined as f64),
    },
    Gauge {
        name: "n_stopped",
        doc: "how many have stopped",
        read: |state, _, _| read(state, |sale| sale.n_stopped as f64),
    },
    Gauge {
        name: "received",
        doc: "what the project has or may withdraw, in tokens",
        read: |state, _, _| read(state, |sale| from_units(sale.received())),
    },
    Gauge {
        name: "locked",
        doc: "what investors have in streams and may take back, in tokens",
        read: |state, _, _| read(state, |sale| from_units(sale.locked())),
    },
    Gauge {
        name: "returned",
        doc: "what investors took back, in tokens",
        read: |state, _, _| read(state, |sale| from_units(sale.returned)),
    },
    Gauge {
        name: "pledged",
        doc: "what the same investors would have paid at once, in tokens",
        read: |state, _, _| read(state, |sale| from_units(sale.pledged)),
    },
    Gauge {
        name: "lost",
        doc: "what investors lost to a fraud so far, in tokens",
        read: |state, _, _| read(state, |sale| sale.if_fraud(sale.received())),
    },
    Gauge {
        name: "lump_lost",
        doc: "what they would have lost had they paid at once, in tokens",
        read: |state, _, _| read(state, |sale| sale.if_fraud(sale.pledged)),
    },
    Gauge {
        name: "missed",
        doc: "what an honest project lost by investors who stopped, in tokens",
        read: |state, _, _| read(state, |sale| if sale.is_fraud { 0.0 } else { from_units(sale.returned) }),
    },
    Gauge {
        name: "token_years",
        doc: "what the project had, times how long, in tokens times years",
        read: |state, _, _| read(state, |sale| sale.token_years),
    },
    Gauge {
        name: "lump_token_years",
        doc: "the same had all paid at once",
        read: |state, _, _| read(state, |sale| sale.lump_token_years),
    },
    Gauge {
        name: "join_gas",
        doc: "the gas of investing",
        read: |state, _, _| read(state, |sale| sale.join_gas as f64),
    },
    Gauge {
        name: "stop_gas",
        doc: "the gas of stopping",
        read: |state, _, _| read(state, |sale| sale.stop_gas as f64),
    },
    Gauge {
        name: "withdraw_gas",
        doc: "the gas of withdrawing",
        read: |state, _, _| read(state, |sale| sale.withdraw_gas as f64),
    },
    Gauge {
        name: "unaccounted",
        doc: "units of the token that are missing or too many; nobody else may have any",
        read: unaccounted,
    },
];

/// Most pieces of news that investors hear.
const MAX_NEWS: usize = 1_000;

/// A project and its investors; a run has one.
#[derive(Debug, Default)]
struct Sale {
    project: usize,
    contracts: Option<Contracts>,
    terms: Conditions,
    is_fraud: bool,
    /// When there is bad news, in the order of time.
    news: Vec<u64>,
    backers: Vec<Backer>,
    /// The tick in which streams were looked at last.
    seen: Option<u64>,
    n_news: usize,
    n_joined: u64,
    n_stopped: u64,
    /// What the project has.
    taken: U256,
    returned: U256,
    pledged: U256,
    token_years: f64,
    lump_token_years: f64,
    join_gas: u64,
    stop_gas: u64,
    withdraw_gas: u64,
}

#[derive(Clone, Debug, Default)]
struct Conditions {
    interval: u64,
    n_intervals: u64,
    /// In millionths.
    upfront: u64,
}

/// An investor's papers.
#[derive(Debug)]
struct Backer {
    agent: usize,
    amount: U256,
    joins: u64,
    /// When it stops, or does not join if that is before.
    stops: u64,
    has_joined: bool,
    stream: Option<U256>,
    /// What the contract says of its stream.
    due: U256,
    refundable: U256,
}

impl Sale {
    /// Looks at all streams once a tick.
    fn observe(&mut self, state: &mut State) -> Result<(), String> {
        if self.seen == Some(state.tick()) {
            return Ok(());
        }
        self.seen = Some(state.tick());
        let contracts = self.contracts.ok_or("there is no project")?;
        let mut states = contracts.venue(state)?.states(state, self.ids())?.into_iter();
        for backer in &mut self.backers {
            (backer.due, backer.refundable) = (U256::ZERO, U256::ZERO);
            if backer.stream.is_some() {
                let stream = states.next().ok_or("the contract answers for fewer streams than were asked for")?;
                (backer.due, backer.refundable) = (U256::from(stream.due), U256::from(stream.refundable));
            }
        }
        let (now, years) = (state.now(), state.dt() as f64 / 31_536_000.0);
        self.n_news = self.news.iter().filter(|news| **news <= now).count();
        self.token_years += from_units(self.received()) * years;
        self.lump_token_years += from_units(self.pledged) * years;
        Ok(())
    }

    fn ids(&self) -> Vec<U256> {
        self.backers.iter().filter_map(|backer| backer.stream).collect()
    }

    fn received(&self) -> U256 {
        self.backers.iter().fold(self.taken, |sum, backer| sum + backer.due)
    }

    fn locked(&self) -> U256 {
        self.backers.iter().fold(U256::ZERO, |sum, backer| sum + backer.refundable)
    }

    fn if_fraud(&self, amount: U256) -> f64 {
        if self.is_fraud { from_units(amount) } else { 0.0 }
    }

    fn join(&mut self, state: &mut State, at: usize) -> Result<(), String> {
        let venue = self.contracts.ok_or("there is no project")?.venue(state)?;
        let (agent, amount) = (self.backers[at].agent, self.backers[at].amount);
        self.backers[at].has_joined = true;
        self.n_joined += 1;
        self.pledged += amount;
        let upfront = amount * U256::from(self.terms.upfront) / U256::from(MILLION);
        if !upfront.is_zero() {
            let to = evm(state)?.account(self.project);
            let receipt = evm(state)?.call(agent, venue.token, &DemoToken::transferCall { to, value: upfront })?;
            self.join_gas += receipt.gas;
            self.taken += upfront;
        }
        let Conditions { interval, n_intervals, .. } = self.terms;
        let payment = (amount - upfront) / U256::from(n_intervals);
        if !payment.is_zero() {
            venue.require_clock(state, true)?;
            self.join_gas += venue.approve(state, agent)?;
            let terms = Terms { payment, interval, n_intervals };
            let (id, gas) = venue.create(state, agent, self.project, terms)?;
            self.join_gas += gas;
            self.backers[at].stream = Some(id);
        }
        Ok(())
    }

    /// Redeems an investor's stream.
    fn stop(&mut self, state: &mut State, at: usize) -> Result<(), String> {
        let venue = self.contracts.ok_or("there is no project")?.venue(state)?;
        let backer = &mut self.backers[at];
        let Some(id) = backer.stream.take() else { return Ok(()) };
        let sent = venue.send(state, backer.agent, &streaming::redeemCall { _streamId: id })?;
        (backer.due, backer.refundable) = (U256::ZERO, U256::ZERO);
        self.n_stopped += 1;
        self.stop_gas += sent.gas;
        self.taken += sent.paid;
        self.returned += sent.returned;
        Ok(())
    }

    fn withdraw(&mut self, state: &mut State) -> Result<(), String> {
        let venue = self.contracts.ok_or("there is no project")?.venue(state)?;
        let to = evm(state)?.account(self.project);
        for backer in self.backers.iter_mut().filter(|backer| !backer.due.is_zero()) {
            let Some(id) = backer.stream else { continue };
            let sent = venue.send(state, self.project, &streaming::withdrawMaxCall { streamId: id, to })?;
            backer.due = U256::ZERO;
            self.withdraw_gas += sent.gas;
            self.taken += sent.paid;
        }
        Ok(())
    }
}

/// How shares are counted, so that amounts are whole units.
const MILLION: u64 = 1_000_000;

struct Project {
    withdraw_every: u64,
    withdrew_at: u64,
}

struct Investor;

impl Project {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let terms = Conditions::build(builder)?;
        let start = builder.state.now();
        let mut dice = builder.dice("news");
        let mut draws = Draws::from_state(builder.state.draws(&mut dice).next_u64());
        let is_fraud = draws.chance(builder.positive("fraud")?);
        let collapse = draws.exponential(builder.positive("collapses_after")?);
        let collapse = if is_fraud { after(start, collapse) } else { u64::MAX };
        let pause = builder.positive(if is_fraud { "bad_news_after" } else { "false_news_after" })?;
        let news = news(&mut draws, start, pause);
        let mut dice = builder.dice("investors");
        let mut backers = Vec::new();
        for agent in members(builder, "investors")? {
            // Each has luck of its own, so that how much news there is changes nothing of the others.
            let luck = Draws::from_state(builder.state.draws(&mut dice).next_u64());
            backers.push(Backer::build(builder, (agent, start), luck, (&news, collapse))?);
        }
        let contracts = Some(Contracts::build(builder)?);
        if builder.state.shared::<Sale>().contracts.is_some() {
            return Err(builder.error("investors", "there are two projects: a run has one"));
        }
        let sale = Sale { project: builder.me, contracts, terms, is_fraud, news, backers, ..Sale::default() };
        *builder.state.shared() = sale;
        Ok(Box::new(Self { withdraw_every: builder.whole("withdraw_every")?, withdrew_at: start }))
    }
}

/// The moments of a Poisson process.
fn news(draws: &mut Draws, start: u64, pause: f64) -> Vec<u64> {
    let mut at = 0.0;
    let times = (0..MAX_NEWS).map(|_| {
        at += draws.exponential(pause);
        after(start, at)
    });
    times.take_while(|time| *time < u64::MAX).collect()
}

impl Conditions {
    fn build(builder: &Builder<'_>) -> Result<Self, NetlistError> {
        let (sale, interval, upfront) =
            (builder.whole("sale")?, builder.whole("interval")?, builder.number("upfront")?);
        let n_intervals = sale.checked_div(interval).unwrap_or(0);
        if n_intervals == 0 {
            let message = format!("a `sale` of {sale} s has no interval of {interval} s: make it longer");
            return Err(builder.error("sale", message));
        }
        if !(0.0..=1.0).contains(&upfront) {
            return Err(builder.error("upfront", format!("`upfront` is {upfront}, not a share of 0 to 1")));
        }
        Ok(Self { interval, n_intervals, upfront: after(0, libm::round(upfront * MILLION as f64)) })
    }
}

impl Backer {
    fn build(
        builder: &Builder<'_>,
        (agent, start): (usize, u64),
        mut luck: Draws,
        (news, collapse): (&[u64], u64),
    ) -> Result<Self, NetlistError> {
        let amount = builder.positive("amount")? * libm::exp(builder.positive("amount_spread")? * luck.normal());
        let joins = after(start, luck.unit() * builder.positive("joins_within")?);
        let (reacts, delay) = (builder.positive("reacts")?, builder.positive("delay")?);
        let stops = news.iter().map(|news| {
            let (heeds, wait) = (luck.chance(reacts), luck.exponential(delay));
            if heeds { after(*news, wait) } else { u64::MAX }
        });
        Ok(Self {
            agent,
            amount: to_units(amount).map_err(|message| builder.error("amount", message))?,
            joins,
            stops: stops.fold(collapse, u64::min),
            has_joined: false,
            stream: None,
            due: U256::ZERO,
            refundable: U256::ZERO,
        })
    }
}

impl Agent for Project {
    fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
        with_sale(state, |sale, state| {
            sale.observe(state)?;
            if state.now() >= self.withdrew_at.saturating_add(self.withdraw_every) {
                self.withdrew_at = state.now();
                sale.withdraw(state)?;
            }
            Ok(())
        })
    }
}

impl Agent for Investor {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        with_sale(state, |sale, state| {
            sale.observe(state)?;
            let now = state.now();
            let found = sale.backers.iter().position(|backer| backer.agent == me);
            let at = found.ok_or("no project has it among its `investors`")?;
            let backer = &sale.backers[at];
            if backer.has_joined && now >= backer.stops && !backer.refundable.is_zero() {
                return sale.stop(state, at);
            }
            if !backer.has_joined && now >= backer.joins && backer.stops > now {
                return sale.join(state, at);
            }
            Ok(())
        })
    }
}

/// Lets `act` have the sale and the state.
fn with_sale<T>(state: &mut State, act: impl FnOnce(&mut Sale, &mut State) -> Result<T, String>) -> Result<T, String> {
    let mut sale = std::mem::take(state.shared::<Sale>());
    let done = act(&mut sale, state);
    *state.shared() = sale;
    done
}

fn read(state: &mut State, of: fn(&Sale) -> f64) -> Result<Number, String> {
    with_sale(state, |sale, state| {
        if state.evm.is_some() {
            sale.observe(state)?;
        }
        Ok(Number::Float(of(sale)))
    })
}

fn unaccounted(state: &mut State, _: usize, _: usize) -> Result<Number, String> {
    with_sale(state, |sale, state| {
        let venue = sale.contracts.ok_or("there is no project")?.venue(state)?;
        let mut books = Books::of(venue.token);
        books.enter_received(sale.project, sale.taken);
        books.enter_streams(venue.streams, sale.ids());
        for backer in &sale.backers {
            books.enter(backer.agent);
        }
        books.unaccounted(state).map(in_units)
    })
}
