//! The agents of Ocean V3: publishers who make Balancer pools of their data tokens, honest or not, consumers who buy
//! data, and speculators.

pub(crate) use exchange::Quote;
use exchange::{
    BPool, Factories, base_balance, buy, chain, created, datatokens, exit, in_datatokens, in_pools, join, open, sell,
    stake,
};

use super::{Agent, Builder, Gauge, Kind, Takes, with_default};
use crate::{
    economy::{Dice, Evm, Pool, State, Token, to_units},
    netlist::NetlistError,
};

mod exchange;

/// What can be read of agents who hold data tokens and shares of pools.
const HOLDINGS: &[Gauge] = &[
    Gauge {
        name: "in_datatokens",
        doc: "what its data tokens are worth at the pools' prices, in the base token",
        read: in_datatokens,
    },
    Gauge { name: "in_pools", doc: "what its shares of pools are worth, in the base token", read: in_pools },
];

/// A publisher.
pub(super) const PUBLISHER: Kind = Kind {
    name: "publisher",
    doc: "makes data tokens and a pool of each with most of its base tokens, and takes out a little now and then",
    keys: &[
        with_default("base", Takes::Contract, "OCEAN", "the base token of pools"),
        with_default("token_factory", Takes::Contract, "DTFactory", "who makes data tokens"),
        with_default("pool_factory", Takes::Contract, "BFactory", "who makes pools"),
        with_default("minted", Takes::Number, "1000", "how much of a data token is made"),
        with_default("staked", Takes::Number, "20", "how much of that goes into the pool"),
        with_default("weight", Takes::Number, "3", "the data token's weight in the pool"),
        with_default("base_weight", Takes::Number, "7", "the base token's weight"),
        with_default("min_base", Takes::Number, "200", "with less of the base token it makes no pool"),
        with_default("create_every", Takes::Number, "7d", "seconds between pools"),
        with_default("unstake_every", Takes::Number, "3d", "seconds between withdrawals from a pool"),
        with_default("sell_every", Takes::Number, "15d", "seconds between sales of data tokens"),
        with_default("unstaked", Takes::Number, "0.10", "what share of its stake it withdraws"),
        with_default("sold", Takes::Number, "0.01", "what share of its data tokens it sells"),
    ],
    gauges: HOLDINGS,
    build: |builder| Publisher::build(builder, false),
};

/// A publisher who robs those who trust it.
pub(super) const MALICIOUS_PUBLISHER: Kind = Kind {
    name: "malicious-publisher",
    doc: "makes pools as a publisher does, and after some days robs the newest, tick by tick",
    keys: &[
        with_default("base", Takes::Contract, "OCEAN", "the base token of pools"),
        with_default("token_factory", Takes::Contract, "DTFactory", "who makes data tokens"),
        with_default("pool_factory", Takes::Contract, "BFactory", "who makes pools"),
        with_default("minted", Takes::Number, "100", "how much of a data token is made"),
        with_default("staked", Takes::Number, "50", "how much of that goes into the pool"),
        with_default("weight", Takes::Number, "3", "the data token's weight in the pool"),
        with_default("base_weight", Takes::Number, "7", "the base token's weight"),
        with_default("min_base", Takes::Number, "200", "with less of the base token it makes no pool"),
        with_default("create_every", Takes::Number, "10d", "seconds between pools"),
        with_default("unstake_every", Takes::Number, "1h", "seconds between withdrawals while it robs"),
        with_default("sell_every", Takes::Number, "1h", "seconds between sales while it robs"),
        with_default("unstaked", Takes::Number, "0.10", "what share of its stake it withdraws"),
        with_default("sold", Takes::Number, "0.01", "what share of its data tokens it sells"),
        with_default("waits", Takes::Number, "5d", "seconds from a pool to its robbery"),
        with_default("robs_for", Takes::Number, "1d", "how many seconds that takes"),
    ],
    gauges: HOLDINGS,
    build: |builder| Publisher::build(builder, true),
};

/// A consumer of data.
pub(super) const CONSUMER: Kind = Kind {
    name: "consumer",
    doc: "buys a data token now and then, gives it to its publisher for the data, and makes money of them",
    keys: &[
        with_default("base", Takes::Contract, "OCEAN", "the base token of pools"),
        with_default("every", Takes::Number, "3d", "seconds between purchases"),
        with_default("margin", Takes::Number, "0.2", "profit on what it spends"),
    ],
    gauges: HOLDINGS,
    build: Consumer::build,
};

/// A speculator on pools.
pub(super) const STAKER_SPECULATOR: Kind = Kind {
    name: "staker-speculator",
    doc: "puts base tokens into a random pool now and then, or takes some out",
    keys: &[
        with_default("base", Takes::Contract, "OCEAN", "the base token of pools"),
        with_default("every", Takes::Number, "1d", "seconds between actions"),
        with_default("staked", Takes::Number, "0.10", "what share of its base tokens it puts in"),
        with_default("unstaked", Takes::Number, "0.10", "what share of its stake it takes out"),
        with_default("exit_chance", Takes::Number, "0.5", "how likely it takes out where it has a stake"),
    ],
    gauges: HOLDINGS,
    build: |builder| Speculator::build(builder, true),
};

/// A speculator on data tokens.
pub(super) const SPECULATOR: Kind = Kind {
    name: "speculator",
    doc: "buys a data token of a random pool now and then, or sells what it has of it",
    keys: &[
        with_default("base", Takes::Contract, "OCEAN", "the base token of pools"),
        with_default("every", Takes::Number, "1d", "seconds between actions"),
        with_default("bought", Takes::Number, "1", "how many data tokens it buys"),
        with_default("sold", Takes::Number, "1", "what share of its data tokens it sells"),
        with_default("exit_chance", Takes::Number, "0.5", "how likely it sells where it has some"),
    ],
    gauges: HOLDINGS,
    build: |builder| Speculator::build(builder, false),
};

struct Publisher {
    base: usize,
    token_factory: usize,
    pool_factory: usize,
    minted: f64,
    staked: f64,
    weights: (f64, f64),
    min_base: f64,
    every: [u64; 3],
    /// Seconds since it last made a pool, withdrew, and sold.
    since: [u64; 3],
    unstaked: f64,
    sold: f64,
    /// When it robs, in seconds after it made a pool.
    robbery: Option<(u64, u64)>,
    newest: Option<usize>,
    dice: Dice,
}

const CREATE: usize = 0;
const UNSTAKE: usize = 1;
const SELL: usize = 2;

impl Publisher {
    fn build(builder: &mut Builder<'_>, is_malicious: bool) -> Result<Box<dyn Agent>, NetlistError> {
        let robbery = if is_malicious {
            let waits = builder.whole("waits")?;
            Some((waits, waits.saturating_add(builder.whole("robs_for")?)))
        } else {
            None
        };
        Ok(Box::new(Self {
            base: builder.contract("base")?,
            token_factory: builder.contract("token_factory")?,
            pool_factory: builder.contract("pool_factory")?,
            minted: builder.positive("minted")?,
            staked: builder.positive("staked")?,
            weights: (builder.positive("weight")?, builder.positive("base_weight")?),
            min_base: builder.positive("min_base")?,
            every: [builder.whole("create_every")?, builder.whole("unstake_every")?, builder.whole("sell_every")?],
            since: [0; 3],
            unstaked: builder.positive("unstaked")?,
            sold: builder.positive("sold")?,
            robbery,
            newest: None,
            dice: builder.dice("choice"),
        }))
    }

    /// Whether it is time, whatever it has.
    fn is_time(&self, action: usize) -> bool {
        let is_robbing = || self.robbery.is_none_or(|(from, to)| (from..=to).contains(&self.since[CREATE]));
        self.since[action] >= self.every[action] && (action == CREATE || is_robbing())
    }

    fn create(&mut self, me: usize, evm: &mut Evm, balance: f64) -> Result<(), String> {
        let (account, base) = (evm.account(me), evm.address(self.base));
        let name = format!("DT{}", evm.pools.len());
        let cap = to_units(self.minted)?;
        let call = Factories::createTokenCall { blob: String::new(), name: name.clone(), symbol: name.clone(), cap };
        let token = created(evm, me, evm.address(self.token_factory), &call)?;
        evm.call(me, token, &Token::mintCall { to: account, amount: cap })?;
        let pool = created(evm, me, evm.address(self.pool_factory), &Factories::newBPoolCall {})?;
        evm.chain.name(&name, token);
        evm.chain.name(&format!("pool{}", evm.pools.len()), pool);
        // One base token stays in the wallet.
        let (staked, base_staked) = (to_units(self.staked)?, to_units((balance - 1.0).max(0.0))?);
        evm.call(me, token, &Token::approveCall { spender: pool, amount: staked })?;
        evm.call(me, base, &Token::approveCall { spender: pool, amount: base_staked })?;
        let (weight, base_weight) = (to_units(self.weights.0)?, to_units(self.weights.1)?);
        evm.call(me, pool, &BPool::bindCall { token, balance: staked, denorm: weight })?;
        evm.call(me, pool, &BPool::bindCall { token: base, balance: base_staked, denorm: base_weight })?;
        evm.call(me, pool, &BPool::finalizeCall {})?;
        self.newest = Some(evm.pools.len());
        evm.pools.push(Pool { address: pool, token, base, publisher: me, is_rugged: false });
        Ok(())
    }

    /// Withdraws from one of the pools in which it has a stake; false if there is none.
    fn unstake(&mut self, me: usize, state: &mut State) -> Result<bool, String> {
        let mut staked = Vec::new();
        let evm = chain(state)?;
        for at in 0..evm.pools.len() {
            let stake = stake(evm, me, at)?;
            if stake > 0.0 {
                staked.push((at, stake));
            }
        }
        if staked.is_empty() {
            return Ok(false);
        }
        let (at, stake) = staked[state.draws(&mut self.dice).below(staked.len())];
        exit(chain(state)?, me, at, self.unstaked * stake)?;
        Ok(true)
    }

    /// Sells some of one of its data tokens; false if it has none.
    fn sell(&mut self, me: usize, state: &mut State) -> Result<bool, String> {
        let evm = chain(state)?;
        let mut held = Vec::new();
        for at in 0..evm.pools.len() {
            if datatokens(evm, me, at)? > 0.0 {
                held.push(at);
            }
        }
        if held.is_empty() {
            return Ok(false);
        }
        let at = match self.newest {
            Some(newest) if self.robbery.is_some() => newest,
            _ => {
                // First the token is chosen, then one of its pools, of which there is one.
                let at = held[state.draws(&mut self.dice).below(held.len())];
                state.draws(&mut self.dice).below(1);
                at
            }
        };
        let evm = chain(state)?;
        let amount = self.sold * datatokens(evm, me, at)?;
        sell(evm, me, at, amount)?;
        Ok(true)
    }
}

impl Agent for Publisher {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        for since in &mut self.since {
            *since = since.saturating_add(state.dt());
        }
        if self.is_time(CREATE) {
            let evm = chain(state)?;
            let balance = base_balance(evm, me, self.base)?;
            if balance >= self.min_base {
                self.since[CREATE] = 0;
                self.create(me, evm, balance)?;
            }
        }
        if self.is_time(UNSTAKE) && self.unstake(me, state)? {
            self.since[UNSTAKE] = 0;
        }
        if self.is_time(SELL) && self.sell(me, state)? {
            self.since[SELL] = 0;
        }
        if let (Some((from, _)), Some(newest)) = (self.robbery, self.newest)
            && self.since[CREATE] >= from
        {
            chain(state)?.pools[newest].is_rugged = true;
        }
        Ok(())
    }
}

struct Consumer {
    base: usize,
    every: u64,
    margin: f64,
    since: u64,
    dice: Dice,
    asset: usize,
}

impl Consumer {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let asset = builder.state.asset(builder.text("base")).map_err(|message| builder.error("base", message))?;
        Ok(Box::new(Self {
            base: builder.contract("base")?,
            every: builder.whole("every")?,
            margin: builder.number("margin")?,
            since: 0,
            dice: builder.dice("choice"),
            asset,
        }))
    }

    /// The pools that are not robbed and sell a data token for less than it has.
    fn candidates(&self, me: usize, evm: &mut Evm) -> Result<Vec<usize>, String> {
        let balance = to_units(base_balance(evm, me, self.base)?)?;
        let base = evm.address(self.base);
        let mut candidates = Vec::new();
        for at in open(evm) {
            let Pool { address, token, .. } = evm.pools[at];
            let call = BPool::calcInGivenOutCall {
                balanceIn: evm.ask(address, &BPool::getBalanceCall { token: base })?,
                weightIn: evm.ask(address, &BPool::getDenormalizedWeightCall { token: base })?,
                balanceOut: evm.ask(address, &BPool::getBalanceCall { token })?,
                weightOut: evm.ask(address, &BPool::getDenormalizedWeightCall { token })?,
                amountOut: to_units(1.0)?,
                fee: evm.ask(address, &BPool::getSwapFeeCall {})?,
            };
            if evm.ask(address, &call)? < balance {
                candidates.push(at);
            }
        }
        Ok(candidates)
    }
}

impl Agent for Consumer {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        self.since = self.since.saturating_add(state.dt());
        if self.since < self.every {
            return Ok(());
        }
        let candidates = self.candidates(me, chain(state)?)?;
        if candidates.is_empty() {
            return Ok(());
        }
        self.since = 0;
        let at = candidates[state.draws(&mut self.dice).below(candidates.len())];
        let evm = chain(state)?;
        let before = base_balance(evm, me, self.base)?;
        buy(evm, me, at, 1.0)?;
        let spent = before - base_balance(evm, me, self.base)?;
        let Pool { token, publisher, .. } = evm.pools[at];
        let publisher = evm.account(publisher);
        evm.transfer_token(token, me, publisher, 1.0)?;
        state.deposit(me, self.asset, spent * (1.0 + self.margin))
    }
}

struct Speculator {
    base: usize,
    every: u64,
    /// What it puts in, and what it takes out.
    amounts: (f64, f64),
    exit_chance: f64,
    stakes: bool,
    since: u64,
    dice: Dice,
}

impl Speculator {
    fn build(builder: &mut Builder<'_>, stakes: bool) -> Result<Box<dyn Agent>, NetlistError> {
        let keys = if stakes { ("staked", "unstaked") } else { ("bought", "sold") };
        Ok(Box::new(Self {
            base: builder.contract("base")?,
            every: builder.whole("every")?,
            amounts: (builder.positive(keys.0)?, builder.positive(keys.1)?),
            exit_chance: builder.positive("exit_chance")?,
            stakes,
            since: 0,
            dice: builder.dice("choice"),
        }))
    }
}

impl Agent for Speculator {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        self.since = self.since.saturating_add(state.dt());
        if self.since < self.every {
            return Ok(());
        }
        let pools: Vec<usize> = open(chain(state)?).collect();
        if pools.is_empty() {
            return Ok(());
        }
        self.since = 0;
        let at = pools[state.draws(&mut self.dice).below(pools.len())];
        let evm = chain(state)?;
        let held = if self.stakes { stake(evm, me, at)? } else { datatokens(evm, me, at)? };
        let exits = held > 0.0 && state.draws(&mut self.dice).chance(self.exit_chance);
        let evm = chain(state)?;
        let (enter, leave) = self.amounts;
        match (self.stakes, exits) {
            (true, true) => exit(evm, me, at, leave * held),
            (true, false) => {
                let amount = enter * base_balance(evm, me, self.base)?;
                join(evm, me, at, amount)
            }
            (false, true) => sell(evm, me, at, leave * held),
            (false, false) => buy(evm, me, at, enter),
        }
    }
}
