//! Agents that give, take and pass on money, as TokenSPICE's do.

use super::{Agent, Builder, Gauge, Kind, Takes, required, with_default};
use crate::{
    economy::State,
    netlist::{Formula, NetlistError, Number, Slot},
};

/// Gives the same grant at even intervals.
pub(super) const GIVER: Kind = Kind {
    name: "grant-giver",
    doc: "gives an nth of each asset it began with to an agent, at once and then at even intervals, while it lasts",
    keys: &[
        required("to", Takes::Agent, "who gets the grants"),
        required("every", Takes::Number, "seconds between grants"),
        required("n_grants", Takes::Number, "into how many grants the wallet is divided"),
    ],
    gauges: &[],
    build: Giver::build,
};

/// Spends what it gets.
pub(super) const TAKER: Kind = Kind {
    name: "grant-taker",
    doc: "spends all it has in every tick, and knows what that was worth in the currency",
    keys: &[
        with_default("price", Takes::Formula, "price", "what a token is worth in the currency"),
        with_default("currency", Takes::Text, "USD", "the asset that prices are in"),
        with_default("token", Takes::Text, "OCEAN", "the asset that is priced"),
    ],
    gauges: &[Gauge {
        name: "spent",
        doc: "what it spent in its last step, in the currency",
        read: |state, me, _| Ok(Number::Float(state.spent(me))),
    }],
    build: Taker::build,
};

/// Passes on what it gets.
pub(super) const ROUTER: Kind = Kind {
    name: "router",
    doc: "passes all it has on to other agents in every tick, by shares",
    keys: &[
        required("to", Takes::Shares, "agents and the share of each, as { dao = 0.95, burner = 0.05 }"),
        with_default("remembers", Takes::Number, "30d", "how many seconds back `received` looks"),
    ],
    gauges: &[Gauge {
        name: "received",
        doc: "how much of an asset it passed on in the last 30 days (`remembers`): `agent.received.ASSET`",
        read: |state, me, asset| Ok(Number::Float(state.received(me, asset))),
    }],
    build: Router::build,
};

struct Giver {
    to: usize,
    every: u64,
    /// The assets in the wallet and how much of each is a grant.
    grants: Vec<(usize, f64)>,
    last: Option<u64>,
}

impl Giver {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let n_grants = builder.number("n_grants")?;
        if n_grants < 1.0 {
            return Err(builder.error("n_grants", format!("`n_grants` is {n_grants}, below 1")));
        }
        let mut grants = Vec::new();
        for asset in builder.state.assets() {
            let balance =
                builder.state.balance(builder.me, asset).map_err(|message| builder.error("n_grants", message))?;
            grants.push((asset, balance / n_grants));
        }
        Ok(Box::new(Self { to: builder.agent("to")?, every: builder.whole("every")?, grants, last: None }))
    }
}

impl Agent for Giver {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if self.last.is_some_and(|last| (state.tick() - last).saturating_mul(state.dt()) < self.every) {
            return Ok(());
        }
        for &(asset, grant) in &self.grants {
            let balance = state.balance(me, asset)?;
            state.transfer(me, Some(self.to), asset, if grant < balance { grant } else { balance })?;
        }
        self.last = Some(state.tick());
        Ok(())
    }
}

struct Taker {
    price: Formula<Slot>,
    currency: usize,
    token: usize,
}

impl Taker {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let asset = |builder: &mut Builder<'_>, key| {
            builder.state.asset(builder.text(key)).map_err(|message| builder.error(key, message))
        };
        let (currency, token) = (asset(builder, "currency")?, asset(builder, "token")?);
        builder.state.add_taker(builder.me);
        Ok(Box::new(Self { price: builder.formula("price")?, currency, token }))
    }
}

impl Agent for Taker {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        let price = self.price.evaluate(&mut |slot| state.read(slot))?.to_f64();
        let (currency, token) = (state.balance(me, self.currency)?, state.balance(me, self.token)?);
        state.set_spent(me, currency + token * price);
        state.transfer(me, None, self.currency, currency)?;
        state.transfer(me, None, self.token, token)
    }
}

struct Router {
    to: Vec<(usize, Formula<Slot>)>,
    assets: std::ops::Range<usize>,
}

impl Router {
    /// Each tick takes 16 bytes an asset.
    const MAX_REMEMBERED: u64 = 4_000_000;

    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let remembers = builder.whole("remembers")?;
        if remembers / builder.state.dt() > Self::MAX_REMEMBERED {
            let message = format!("`remembers` is {remembers} s, more than {} ticks", Self::MAX_REMEMBERED);
            return Err(builder.error("remembers", message));
        }
        builder.state.remember(builder.me, remembers);
        let to = builder.shares("to")?;
        Ok(Box::new(Self { to, assets: builder.state.assets() }))
    }
}

impl Agent for Router {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        for asset in self.assets.clone() {
            let balance = state.balance(me, asset)?;
            state.note_received(me, asset, balance);
        }
        for asset in self.assets.clone() {
            let balance = state.balance(me, asset)?;
            if balance > 0.0 {
                for (to, share) in &self.to {
                    let share = share.evaluate(&mut |slot| state.read(slot))?.to_f64();
                    state.transfer(me, Some(*to), asset, share * balance)?;
                }
            }
        }
        Ok(())
    }
}
