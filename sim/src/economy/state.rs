//! The state of one run that agents share: who has what, what time it is, and what can be read by name.

use std::{
    any::Any,
    collections::{BTreeMap, VecDeque},
};

use super::{
    chain::Evm,
    market::{GAUGES, Market},
};
use crate::{
    agents::Gauge,
    draws::Draws,
    evm::Address,
    netlist::{Expression, Formula, Meaning, NetlistError, Number, Source, Values, suggestion},
};

/// So many names are compared with one that is not there.
const MAX_SUGGESTED: usize = 1_000;

/// Something that a name in an expression stands for.
#[derive(Clone, Copy, Debug)]
pub enum Slot {
    /// Which tick it is, from 0.
    Tick,
    /// Seconds since the beginning.
    Time,
    /// The block's time.
    Now,
    /// How many agents act.
    NAgents,
    /// How many pools there are.
    NPools,
    /// How many of them their publishers have robbed.
    NRugged,
    /// The token's price.
    Price,
    /// A number of the loop's.
    Market(fn(&Market) -> f64),
    /// What an agent has of an asset.
    Balance {
        /// Its number.
        agent: usize,
        /// The asset's number.
        asset: usize,
    },
    /// What an agent shows.
    Gauge {
        /// Its number.
        agent: usize,
        /// How it is read.
        read: fn(&mut State, usize, usize) -> Result<Number, String>,
        /// Of which asset.
        asset: usize,
    },
}

/// Random numbers for one purpose of one agent: its own, or those that all agents share.
#[derive(Debug)]
pub struct Dice(Option<Draws>);

/// Where random numbers come from.
#[derive(Clone, Debug)]
pub(crate) struct Luck {
    pub(crate) seed: u64,
    pub(crate) run: u64,
    /// One stream for all agents, in the order in which they draw.
    pub(crate) shared: Option<Draws>,
}

/// What the agents of a run share.
pub struct State {
    pub(super) tick: u64,
    dt: u64,
    start: u64,
    accounts: Vec<Account>,
    numbers: BTreeMap<String, usize>,
    assets: Vec<Asset>,
    market: Option<Market>,
    takers: Vec<usize>,
    luck: Luck,
    pub(super) births: Vec<usize>,
    pub(super) n_acting: usize,
    /// The chain, if the netlist has contracts.
    pub evm: Option<Evm>,
    /// What agents count, by agent.
    counts: Vec<[u64; 3]>,
    /// The vesting wallets of those who filled one, and their tokens.
    vestings: Vec<(usize, Vesting)>,
    /// What the agents of each model share, one value of each type.
    shared: Vec<Box<dyn Any>>,
}

/// A vesting wallet and its token.
type Vesting = (Address, Address);

/// What an agent has.
struct Account {
    name: String,
    gauges: &'static [Gauge],
    /// What it has of each asset that is not on the chain.
    wallet: Vec<f64>,
    spent: f64,
    remembers: u64,
    received: Vec<VecDeque<(u64, f64)>>,
}

struct Asset {
    name: String,
    /// Its contract's number, if it is on the chain.
    contract: Option<usize>,
}

impl State {
    pub(super) fn new(dt: u64, start: u64, luck: Luck, market: Option<Market>, evm: Option<Evm>) -> Self {
        Self {
            tick: 0,
            dt,
            start,
            accounts: Vec::new(),
            numbers: BTreeMap::new(),
            assets: Vec::new(),
            market,
            takers: Vec::new(),
            luck,
            births: Vec::new(),
            n_acting: 0,
            evm,
            counts: Vec::new(),
            vestings: Vec::new(),
            shared: Vec::new(),
        }
    }

    /// Nobody's and nothing's, to stand where a state was taken out.
    pub(crate) fn hollow() -> Self {
        Self::new(1, 0, Luck { seed: 0, run: 0, shared: None }, None, None)
    }

    /// Which tick it is, from 0.
    #[must_use]
    pub const fn tick(&self) -> u64 {
        self.tick
    }

    /// Seconds of a tick.
    #[must_use]
    pub const fn dt(&self) -> u64 {
        self.dt
    }

    /// The tick's time, in Unix seconds.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.start + self.tick * self.dt
    }

    /// The agent with `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn agent(&self, name: &str) -> Result<usize, String> {
        self.numbers.get(name).copied().ok_or_else(|| {
            let hint = suggestion(name, self.accounts.iter().take(MAX_SUGGESTED).map(|account| account.name.as_str()));
            format!("there is no agent `{name}`{hint}")
        })
    }

    /// Whether there is an agent with `name`.
    pub(super) fn has_agent(&self, name: &str) -> bool {
        self.numbers.contains_key(name)
    }

    /// The asset with `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn asset(&self, name: &str) -> Result<usize, String> {
        self.assets.iter().position(|asset| asset.name == name).ok_or_else(|| {
            let hint = suggestion(name, self.assets.iter().map(|asset| asset.name.as_str()));
            format!("no wallet and no contract is of the asset `{name}`{hint}")
        })
    }

    /// All assets, in the order in which the netlist names them.
    #[must_use]
    pub fn assets(&self) -> std::ops::Range<usize> {
        0..self.assets.len()
    }

    /// An agent's name.
    #[must_use]
    pub fn name(&self, agent: usize) -> &str {
        &self.accounts[agent].name
    }

    pub(super) fn add_asset(&mut self, name: &str, contract: Option<usize>) -> usize {
        if let Some(asset) = self.assets.iter().position(|asset| asset.name == name) {
            return asset;
        }
        self.assets.push(Asset { name: name.to_owned(), contract });
        for account in &mut self.accounts {
            account.wallet.push(0.0);
        }
        self.assets.len() - 1
    }

    pub(super) fn add_account(&mut self, name: String, gauges: &'static [Gauge]) -> Result<usize, String> {
        if let Some(evm) = &mut self.evm {
            evm.add_account(&name)?;
        }
        self.numbers.insert(name.clone(), self.accounts.len());
        self.counts.push([0; 3]);
        self.accounts.push(Account {
            name,
            gauges,
            wallet: vec![0.0; self.assets.len()],
            spent: 0.0,
            remembers: 0,
            received: Vec::new(),
        });
        Ok(self.accounts.len() - 1)
    }

    /// What an agent has of an asset.
    ///
    /// # Errors
    /// If the asset's contract does not say.
    pub fn balance(&mut self, agent: usize, asset: usize) -> Result<f64, String> {
        match (self.assets[asset].contract, &mut self.evm) {
            (Some(contract), Some(evm)) => evm.balance(contract, agent),
            _ => Ok(self.accounts[agent].wallet[asset]),
        }
    }

    /// Gives an agent money from outside.
    ///
    /// # Errors
    /// If the amount is negative or no number, or the asset's contract refuses.
    pub fn deposit(&mut self, agent: usize, asset: usize, amount: f64) -> Result<(), String> {
        if amount.is_nan() || amount < 0.0 {
            let (name, asset) = (&self.accounts[agent].name, &self.assets[asset].name);
            return Err(format!("`{name}` cannot get {amount} {asset}: amounts are not negative"));
        }
        if let (Some(contract), Some(evm)) = (self.assets[asset].contract, &mut self.evm) {
            return evm.fund(contract, agent, amount);
        }
        self.accounts[agent].wallet[asset] += amount;
        Ok(())
    }

    /// Moves money from one agent to another, or out of the world. An amount within 1e-12 of all there is counts as all;
    /// an amount above it is rounded to 12 digits after the point before it is refused.
    ///
    /// # Errors
    /// If there is not enough, the amount is negative or no number, or the asset's contract refuses.
    pub fn transfer(&mut self, from: usize, to: Option<usize>, asset: usize, amount: f64) -> Result<(), String> {
        if let (Some(contract), Some(evm)) = (self.assets[asset].contract, &mut self.evm) {
            return evm.transfer(contract, from, to, amount);
        }
        let account = &mut self.accounts[from];
        let balance = account.wallet[asset];
        let left = withdraw(balance, amount)
            .map_err(|reason| format!("`{}` cannot pay in {}: {reason}", account.name, self.assets[asset].name))?;
        account.wallet[asset] = left;
        to.map_or(Ok(()), |to| self.deposit(to, asset, amount))
    }

    /// What an expression may read.
    ///
    /// # Errors
    /// If a contract does not answer, or there is no price.
    pub fn read(&mut self, slot: &Slot) -> Result<Number, String> {
        let count = |n: usize| Ok(Number::Integer(n as i128));
        match *slot {
            Slot::Tick => Ok(Number::Integer(i128::from(self.tick))),
            Slot::Time => Ok(Number::Integer(i128::from(self.tick) * i128::from(self.dt))),
            Slot::Now => {
                let now = self.evm.as_ref().map_or_else(|| self.now(), |evm| evm.chain.block().timestamp);
                Ok(Number::Integer(i128::from(now)))
            }
            Slot::NAgents => count(self.n_acting),
            Slot::NPools => count(self.evm.as_ref().map_or(0, |evm| evm.pools.len())),
            Slot::NRugged => count(self.evm.as_ref().map_or(0, |evm| evm.n_rugged())),
            Slot::Price => self.market()?.price().map(Number::Float),
            Slot::Market(read) => self.market().map(|market| Number::Float(read(market))),
            Slot::Balance { agent, asset } => self.balance(agent, asset).map(Number::Float),
            Slot::Gauge { agent, read, asset } => read(self, agent, asset),
        }
    }

    /// Looks the names of `expression` up; `me` is the agent whose expression it is.
    pub(crate) fn bind(
        &self,
        source: &Source,
        values: &Values,
        me: Option<usize>,
        expression: &Expression,
    ) -> Result<Formula<Slot>, NetlistError> {
        expression.bind(source, &mut |name| self.meaning(values, me, name))
    }

    /// What `name` stands for in expressions of `me`.
    pub(crate) fn meaning(&self, values: &Values, me: Option<usize>, name: &str) -> Result<Meaning<Slot>, String> {
        let Some((owner, rest)) = name.split_once('.') else {
            return match name {
                _ if values.get(name).is_some() => values.number(name).map(Meaning::Constant),
                "tick" => Ok(Meaning::Slot(Slot::Tick)),
                "time" => Ok(Meaning::Slot(Slot::Time)),
                "now" => Ok(Meaning::Slot(Slot::Now)),
                "dt" => Ok(Meaning::Constant(Number::Integer(i128::from(self.dt)))),
                "n_agents" => Ok(Meaning::Slot(Slot::NAgents)),
                "n_pools" => Ok(Meaning::Slot(Slot::NPools)),
                "n_rugged" => Ok(Meaning::Slot(Slot::NRugged)),
                "price" if self.market.is_some() => Ok(Meaning::Slot(Slot::Price)),
                "price" => Err("there is no price without [loop]: add [loop], or say price = 1".to_owned()),
                _ => values.number(name).map(Meaning::Constant),
            };
        };
        if owner == "loop" {
            let gauge = GAUGES.iter().find(|(known, ..)| *known == rest).ok_or_else(|| {
                format!("[loop] has no `{rest}`{}", suggestion(rest, GAUGES.iter().map(|(known, ..)| *known)))
            })?;
            return match self.market {
                Some(_) => Ok(Meaning::Slot(Slot::Market(gauge.2))),
                None => Err(format!("there is no `{name}` without [loop]: add [loop]")),
            };
        }
        let agent = match (owner, me) {
            ("me", Some(me)) => me,
            _ => self.agent(owner)?,
        };
        self.meaning_of(agent, rest)
    }

    /// What `name` is of an agent: a gauge, a gauge and an asset, or an asset.
    fn meaning_of(&self, agent: usize, name: &str) -> Result<Meaning<Slot>, String> {
        let (gauge, asset) = name.split_once('.').map_or((name, None), |(gauge, asset)| (gauge, Some(asset)));
        let gauges = self.accounts[agent].gauges;
        if let Some(gauge) = gauges.iter().find(|known| known.name == gauge) {
            let asset = asset.map_or(Ok(0), |asset| self.asset(asset))?;
            return Ok(Meaning::Slot(Slot::Gauge { agent, read: gauge.read, asset }));
        }
        match self.asset(name) {
            Ok(asset) => Ok(Meaning::Slot(Slot::Balance { agent, asset })),
            Err(_) => {
                let known =
                    gauges.iter().map(|gauge| gauge.name).chain(self.assets.iter().map(|asset| asset.name.as_str()));
                Err(format!("`{}` has no `{name}`{}", self.accounts[agent].name, suggestion(name, known)))
            }
        }
    }

    /// The Web3 Sustainability Loop's shared state.
    ///
    /// # Errors
    /// If the netlist has no `[loop]`.
    pub fn market(&mut self) -> Result<&mut Market, String> {
        self.market.as_mut().ok_or_else(|| "there is no [loop] in the netlist: add it".to_owned())
    }

    pub(super) fn end_tick(&mut self) -> Result<(), String> {
        let spent = self.takers.iter().fold(0.0, |sum, &taker| sum + self.accounts[taker].spent);
        self.market.as_mut().map_or(Ok(()), |market| market.end_tick(spent))
    }

    /// Random numbers of `agent` for `purpose`.
    pub(crate) fn dice(&self, agent: usize, purpose: &str) -> Dice {
        let Luck { seed, run, shared } = &self.luck;
        Dice(shared.is_none().then(|| Draws::keyed(*seed, *run, &self.accounts[agent].name, purpose)))
    }

    /// The stream that `dice` draws from.
    pub(crate) fn draws<'a>(&'a mut self, dice: &'a mut Dice) -> &'a mut Draws {
        match (&mut dice.0, &mut self.luck.shared) {
            (Some(own), _) | (None, Some(own)) => own,
            (None, None) => panic!("dice are the agent's own where no draws are shared"),
        }
    }

    /// What the agents of a model share: the run's one value of this type, made when it is first asked for.
    pub(crate) fn shared<T: Any + Default>(&mut self) -> &mut T {
        let at = self.shared.iter().position(|value| value.is::<T>()).unwrap_or_else(|| {
            self.shared.push(Box::<T>::default());
            self.shared.len() - 1
        });
        self.shared[at].downcast_mut().expect("the value is of the type that it was found by")
    }

    /// Asks for one more agent like the template with this number, who acts from the next tick.
    pub(crate) fn spawn(&mut self, template: usize) {
        self.births.push(template);
    }

    pub(crate) fn add_taker(&mut self, agent: usize) {
        self.takers.push(agent);
    }

    pub(crate) fn set_vesting(&mut self, agent: usize, vesting: Vesting) {
        self.vestings.push((agent, vesting));
    }

    /// The vesting wallet that an agent filled, and its token.
    pub(crate) fn vesting(&self, agent: usize) -> Option<Vesting> {
        self.vestings.iter().find(|(funder, _)| *funder == agent).map(|(_, vesting)| *vesting)
    }

    /// Numbers that an agent of a generic kind counts.
    pub(crate) fn counts(&mut self, agent: usize) -> &mut [u64; 3] {
        &mut self.counts[agent]
    }

    pub(crate) fn spent(&self, agent: usize) -> f64 {
        self.accounts[agent].spent
    }

    pub(crate) fn set_spent(&mut self, agent: usize, spent: f64) {
        self.accounts[agent].spent = spent;
    }

    /// How many seconds back [`State::received`] looks.
    pub(crate) fn remember(&mut self, agent: usize, seconds: u64) {
        self.accounts[agent].remembers = seconds;
        self.accounts[agent].received = vec![VecDeque::new(); self.assets.len()];
    }

    /// The first tick that an agent still remembers.
    fn remembered_from(&self, agent: usize) -> u64 {
        (self.tick * self.dt).saturating_sub(self.accounts[agent].remembers) / self.dt
    }

    pub(crate) fn note_received(&mut self, agent: usize, asset: usize, amount: f64) {
        let from = self.remembered_from(agent);
        let received = &mut self.accounts[agent].received[asset];
        received.push_back((self.tick, amount));
        while received.front().is_some_and(|(tick, _)| *tick < from) {
            received.pop_front();
        }
    }

    pub(crate) fn received(&self, agent: usize, asset: usize) -> f64 {
        let from = self.remembered_from(agent);
        let received = self.accounts[agent].received.get(asset);
        let amounts = received.into_iter().flatten().filter(|(tick, _)| *tick >= from);
        amounts.fold(0.0, |sum, (_, amount)| sum + amount)
    }
}

/// What is left of `balance`.
pub(crate) fn withdraw(balance: f64, amount: f64) -> Result<f64, String> {
    const TOLERANCE: f64 = 1e-12;
    if amount.is_nan() || amount < 0.0 {
        return Err(format!("an amount of {amount} is negative or no number"));
    }
    let is_all = amount > 0.0 && balance > 0.0 && (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&(amount / balance));
    let balance = if is_all { amount } else { balance };
    let rounded = if amount > balance { round12(amount) } else { amount };
    if rounded > balance { Err(format!("{amount} exceeds what it has, {balance}")) } else { Ok(balance - rounded) }
}

/// `amount` rounded to 12 digits after the point, half to even in its exact value.
fn round12(amount: f64) -> f64 {
    format!("{amount:.12}").parse().expect("a float that was written reads back")
}

#[cfg(test)]
mod tests {
    use super::withdraw;

    #[test]
    fn wallets_forgive_the_twelfth_digit() {
        assert_eq!(withdraw(1.0, 0.25), Ok(0.75));
        assert_eq!(withdraw(1.0, 1.0 + 5e-13), Ok(0.0));
        assert_eq!(withdraw(1.0, 1.0 - 5e-13), Ok(0.0));
        assert_eq!(withdraw(0.3, 0.1 + 0.2), Ok(0.0));
        assert_eq!(withdraw(0.0, 4e-13), Ok(0.0));
        assert_eq!(withdraw(0.0, 0.0), Ok(0.0));
        assert_eq!(withdraw(1.0, 1.0 + 2e-12).expect_err("too much"), "1.000000000002 exceeds what it has, 1");
        assert!(withdraw(1.0, 1.5).is_err() && withdraw(1.0, -0.1).is_err() && withdraw(1.0, f64::NAN).is_err());
        assert!(withdraw(1.0, f64::INFINITY).is_err());
    }
}
