//! Where agents meet the EVM: contracts deployed as the netlist says, wallets whose assets are tokens, and calls with
//! arguments that are expressions. Amounts are floats outside and 18-digit whole numbers inside, as in TokenSPICE:
//! `floor(x * 1e18)` one way and `n / 1e18` the other.

use std::{path::Path, sync::Arc};

use alloy_sol_types::{SolCall, sol};

use super::calls::fixed;
use crate::{
    agents::{self, Field, Quote},
    draws::Draws,
    evm::{
        Address, Artifact, Block, BlockClock, Chain, Contract, Fork, ForkError, Pace, Receipt, Rules, Snapshot, U256,
    },
    netlist::{BlockTime, Netlist, NetlistError, Values, suggestion},
    script::{Limits, Sandbox, Script},
};

sol! {
    /// What wallets need of a token.
    interface Token {
        function balanceOf(address owner) external view returns (uint256);
        function transfer(address to, uint256 amount) external;
        function approve(address spender, uint256 amount) external;
        function mint(address to, uint256 amount) external;
    }
}

/// What units a token's amounts have.
const ONE: f64 = 1e18;

/// The artifacts that a netlist names.
pub(crate) struct Artifacts {
    contracts: Vec<Artifact>,
    /// Those that agents deploy, by what the netlist calls them.
    others: Vec<(String, Artifact)>,
    /// Those of agents, by what the netlist calls them.
    scripts: Vec<(String, Script)>,
    pace: Option<Pace>,
    fork: Option<Arc<Fork>>,
}

/// A chain, and who and what is on it.
pub struct Evm {
    /// The chain.
    pub chain: Chain,
    contracts: Vec<Contract>,
    deployers: Vec<(Address, bool)>,
    accounts: Vec<Address>,
    clock: Option<BlockClock>,
    /// Contracts that agents deployed, by name.
    deployed: Vec<(String, Address)>,
    /// Balancer pools, in the order in which they were made.
    pub(crate) pools: Vec<Pool>,
    /// What pools answered since the last transaction.
    quotes: Vec<Option<Quote>>,
}

/// A Balancer pool of a data token and a base token.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) address: Address,
    /// The base token.
    pub(crate) base: Address,
    /// The data token.
    pub(crate) token: Address,
    /// The agent that made it.
    pub(crate) publisher: usize,
    /// Whether its publisher robs it.
    pub(crate) is_rugged: bool,
}

/// A chain on which all of a netlist's contracts are deployed.
pub(crate) struct Deployed {
    snapshot: Snapshot,
    contracts: Vec<Contract>,
    deployers: Vec<(Address, bool)>,
}

impl Artifacts {
    pub(crate) fn load(netlist: &Netlist) -> Result<Self, NetlistError> {
        let folder = Path::new(&netlist.source.path).parent().unwrap_or(Path::new("."));
        let find = |reference: &str, span| {
            Artifact::find(reference, folder).map_err(|error| netlist.source.error(span, error.to_string()))
        };
        let contracts = netlist
            .contracts
            .iter()
            .map(|spec| find(&spec.artifact, &spec.artifact_span))
            .collect::<Result<Vec<_>, _>>()?;
        let mut others: Vec<(String, Artifact)> = Vec::new();
        for (_, field) in netlist.agents.iter().flat_map(|spec| &spec.fields) {
            if let Field::Artifact(reference, span) = field
                && !others.iter().any(|(known, _)| known == reference)
            {
                others.push((reference.clone(), find(reference, span)?));
            }
        }
        let pace = match &netlist.settings.block_time {
            BlockTime::Tick => None,
            BlockTime::Fixed(secs) => Some(Pace::fixed(*secs)),
            BlockTime::Uniform(low, high) => Some(Pace::uniform(low.midpoint(*high), (high - low) / 2.0)),
            BlockTime::Normal(mean, deviation) => Some(Pace::normal(*mean, *deviation)),
            BlockTime::Recorded(file) => Some(Pace::recorded(&folder.join(file))),
        };
        let pace = pace
            .transpose()
            .map_err(|error| netlist.source.error(&netlist.settings.block_time_span, error.to_string()))?;
        let fork = netlist.open_fork()?;
        Ok(Self { contracts, others, scripts: scripts(netlist)?, pace, fork })
    }

    /// When a run begins that is to begin at `start`: in no block before that after the fork's.
    pub(crate) fn start(&self, start: u64) -> u64 {
        self.fork.as_ref().map_or(start, |fork| start.max(fork.block().timestamp.saturating_add(1)))
    }

    /// Keeps what was read of the live chain.
    pub(crate) fn save_fork(&self) -> Result<(), ForkError> {
        self.fork.as_ref().map_or(Ok(()), |fork| fork.save())
    }

    pub(crate) fn script(&self, file: &str) -> Option<&Script> {
        self.scripts.iter().find(|(known, _)| known == file).map(|(_, script)| script)
    }

    pub(crate) fn other(&self, reference: &str) -> Option<&Artifact> {
        self.others.iter().find(|(known, _)| known == reference).map(|(_, artifact)| artifact)
    }
}

/// Compiles each script of a netlist's agents once.
fn scripts(netlist: &Netlist) -> Result<Vec<(String, Script)>, NetlistError> {
    let mut scripts: Vec<(String, Script)> = Vec::new();
    let mut sandbox = None;
    for (_, field) in netlist.agents.iter().flat_map(|spec| &spec.fields) {
        if let Field::Script(file, span) = field
            && !scripts.iter().any(|(known, _)| known == file)
        {
            let refused = |message: String| netlist.source.error(span, message);
            let (path, text) = netlist.source.script(file).map_err(refused)?;
            let sandbox = sandbox.get_or_insert_with(|| Sandbox::new(Limits::default(), agents::register_world));
            let script = sandbox.compile(&path, &text).map_err(|error| refused(error.to_string()))?;
            scripts.push((file.clone(), script));
        }
    }
    Ok(scripts)
}

impl Deployed {
    /// Deploys all contracts; none if there are none and no agent brings one.
    pub(crate) fn new(
        netlist: &Netlist,
        artifacts: &Artifacts,
        values: &Values,
        start: u64,
    ) -> Result<Option<Self>, NetlistError> {
        if artifacts.contracts.is_empty() && artifacts.others.is_empty() {
            return if artifacts.fork.is_some() { Err(netlist.no_chain()) } else { Ok(None) };
        }
        let mut chain = match &artifacts.fork {
            None => Chain::new(Rules::default()),
            Some(fork) => Chain::fork(Arc::clone(fork), Rules::default()),
        };
        let number = chain.block().number.max(1);
        chain.set_block(Block { number, timestamp: artifacts.start(start) });
        let (mut contracts, mut deployers) = (Vec::new(), Vec::new());
        for (spec, artifact) in netlist.contracts.iter().zip(&artifacts.contracts) {
            let error =
                |message: String| netlist.source.error(&spec.span, format!("contract `{}`: {message}", spec.name));
            let from = match spec.from.parse() {
                Ok(address) => Ok(address),
                Err(_) => chain.account(&spec.from, U256::ZERO),
            };
            let from = from.map_err(|reason| error(reason.to_string()))?;
            deployers.push((from, spec.is_minted));
            if let Some(at) = spec.at {
                contracts.push(found(&mut chain, &spec.name, at, artifact).map_err(error)?);
                continue;
            }
            let arguments = spec
                .arguments
                .iter()
                .map(|argument| fixed(argument, &netlist.source, values))
                .collect::<Result<Vec<_>, _>>()?;
            let contract = chain.deploy(from, &spec.name, artifact, &arguments);
            contracts.push(contract.map_err(|reason| error(reason.to_string()))?);
        }
        for (_, artifact) in &artifacts.others {
            chain.learn(&artifact.abi);
        }
        Ok(Some(Self { snapshot: chain.snapshot(), contracts, deployers }))
    }

    /// A chain that goes on from here.
    pub(crate) fn begin(&self, artifacts: &Artifacts, draws: Draws) -> Evm {
        let chain = self.snapshot.chain();
        let Block { number, timestamp } = chain.block();
        Evm {
            chain,
            contracts: self.contracts.clone(),
            deployers: self.deployers.clone(),
            accounts: Vec::new(),
            clock: artifacts.pace.clone().map(|pace| BlockClock::new(pace, number, timestamp, draws)),
            deployed: Vec::new(),
            pools: Vec::new(),
            quotes: Vec::new(),
        }
    }
}

/// The contract that is at an address of the live chain already.
fn found(chain: &mut Chain, name: &str, at: Address, artifact: &Artifact) -> Result<Contract, String> {
    let Some(block) = chain.fork_block() else {
        return Err(format!("{at} is an address of a live chain, and the netlist starts from none: add [fork]"));
    };
    if chain.code(at).map_err(|error| error.to_string())?.is_empty() {
        let (number, id) = (block.number, block.chain_id);
        return Err(format!("there is no code at {at} in block {number} of chain {id}: name its address there"));
    }
    Ok(chain.contract(name, at, &artifact.abi))
}

impl Evm {
    pub(super) fn add_account(&mut self, name: &str) -> Result<(), String> {
        let address = self.chain.account(name, U256::ZERO).map_err(|error| error.to_string())?;
        self.accounts.push(address);
        Ok(())
    }

    /// Ends the tick's block; the next is that of `now`.
    pub(super) fn mine(&mut self, now: u64) {
        let block = match &mut self.clock {
            None => Block { number: self.chain.block().number.saturating_add(1), timestamp: now },
            Some(clock) => Block { number: clock.advance_to(now), timestamp: clock.timestamp() },
        };
        self.chain.set_block(block);
        self.touch();
    }

    /// Has blocks come at this pace from the present block on, by random numbers that begin with `draws`.
    pub(crate) fn set_pace(&mut self, pace: Pace, draws: Draws) {
        let Block { number, timestamp } = self.chain.block();
        self.clock = Some(BlockClock::new(pace, number, timestamp, draws));
    }

    /// Forgets what pools answered: something may have changed.
    pub(crate) fn touch(&mut self) {
        self.quotes.clear();
    }

    pub(crate) fn quote(&self, pool: usize) -> Option<Quote> {
        self.quotes.get(pool).copied().flatten()
    }

    pub(crate) fn set_quote(&mut self, pool: usize, quote: Quote) {
        self.quotes.resize(self.pools.len(), None);
        self.quotes[pool] = Some(quote);
    }

    /// The address of an agent.
    #[must_use]
    pub fn account(&self, agent: usize) -> Address {
        self.accounts[agent]
    }

    /// The address of a contract of the netlist.
    #[must_use]
    pub fn address(&self, contract: usize) -> Address {
        self.contracts[contract].address
    }

    pub(crate) fn contract(&self, contract: usize) -> &Contract {
        &self.contracts[contract]
    }

    /// The contract of the netlist with this name, and the chain that it is on.
    pub(crate) fn named(&mut self, name: &str) -> Result<(&Contract, &mut Chain), String> {
        let at = self.contracts.iter().position(|contract| contract.name == name).ok_or_else(|| {
            let hint = suggestion(name, self.contracts.iter().map(|contract| contract.name.as_str()));
            format!("there is no contract `{name}`{hint}")
        })?;
        Ok((&self.contracts[at], &mut self.chain))
    }

    /// Sends a typed call from an agent.
    ///
    /// # Errors
    /// The reason of the revert, by name.
    pub fn call(&mut self, from: usize, to: Address, call: &impl SolCall) -> Result<Receipt, String> {
        self.touch();
        self.chain.call(self.accounts[from], to, call).map_err(|error| error.to_string())
    }

    /// What a typed view answers.
    ///
    /// # Errors
    /// The reason of the revert, by name.
    pub fn ask<C: SolCall>(&mut self, to: Address, call: &C) -> Result<C::Return, String> {
        self.chain.ask(Address::ZERO, to, call).map_err(|error| error.to_string())
    }

    /// What an account has of a token, in its smallest units.
    ///
    /// # Errors
    /// If the token does not say.
    pub fn units(&mut self, token: Address, owner: Address) -> Result<U256, String> {
        self.ask(token, &Token::balanceOfCall { owner })
    }

    pub(super) fn balance(&mut self, contract: usize, agent: usize) -> Result<f64, String> {
        self.units(self.contracts[contract].address, self.accounts[agent]).map(from_units)
    }

    /// Gives an agent tokens of the deployer's, or that the deployer mints.
    pub(super) fn fund(&mut self, contract: usize, agent: usize, amount: f64) -> Result<(), String> {
        let (amount, to) = (to_units(amount)?, self.accounts[agent]);
        if amount.is_zero() {
            return Ok(());
        }
        self.touch();
        let (from, is_minted) = self.deployers[contract];
        let token = self.contracts[contract].address;
        let done = if is_minted {
            self.chain.call(from, token, &Token::mintCall { to, amount })
        } else {
            self.chain.call(from, token, &Token::transferCall { to, amount })
        };
        done.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Moves tokens; an amount within 1e-12 of all there is counts as all. Who leaves the world goes to the address
    /// 0x…dEaD.
    pub(super) fn transfer(
        &mut self,
        contract: usize,
        from: usize,
        to: Option<usize>,
        amount: f64,
    ) -> Result<(), String> {
        const DEAD: Address = alloy_primitives::address!("000000000000000000000000000000000000dEaD");
        let token = self.contracts[contract].address;
        let to = to.map_or(DEAD, |to| self.accounts[to]);
        self.transfer_token(token, from, to, amount)
    }

    pub(crate) fn transfer_token(
        &mut self,
        token: Address,
        from: usize,
        to: Address,
        amount: f64,
    ) -> Result<(), String> {
        let units = self.payable(token, from, amount)?;
        if units.is_zero() {
            return Ok(());
        }
        self.call(from, token, &Token::transferCall { to, amount: units }).map(|_| ())
    }

    /// The units of a payment, which the payer has.
    pub(crate) fn payable(&mut self, token: Address, from: usize, amount: f64) -> Result<U256, String> {
        let units = to_units(amount)?;
        if units.is_zero() {
            return Ok(units);
        }
        let balance = self.units(token, self.accounts[from])?;
        if (1.0 - 1e-12..=1.0 + 1e-12).contains(&(amount / from_units(balance))) {
            return Ok(balance);
        }
        if units > balance {
            return Err(format!("a transfer of {amount} exceeds what it has, {}", from_units(balance)));
        }
        Ok(units)
    }

    /// Remembers a contract that an agent deployed.
    pub(crate) fn deployed(&mut self, name: &str, address: Address) {
        self.deployed.push((name.to_owned(), address));
    }

    /// The contract that an agent deployed as `name`, if it did.
    #[must_use]
    pub(crate) fn find(&self, name: &str) -> Option<Address> {
        self.deployed.iter().find(|(known, _)| known == name).map(|(_, address)| *address)
    }

    pub(super) fn n_rugged(&self) -> usize {
        self.pools.iter().filter(|pool| pool.is_rugged).count()
    }
}

/// `floor(amount * 1e18)`, with the product rounded as a float.
///
/// # Errors
/// If the amount is negative, no number, or too great for 128 bits.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float of [0, 2^128) fits, and is cut off on purpose"
)]
pub fn to_units(amount: f64) -> Result<U256, String> {
    let units = amount * ONE;
    if (0.0..340_282_366_920_938_463_463_374_607_431_768_211_456.0).contains(&units) {
        Ok(U256::from(units as u128))
    } else {
        Err(format!("{amount} is not an amount of 0 to 3e20"))
    }
}

/// `units / 1e18`, with the number rounded to a float first.
#[must_use]
pub fn from_units(units: U256) -> f64 {
    to_f64(units) / ONE
}

/// The nearest float.
pub(super) fn to_f64(number: U256) -> f64 {
    u128::try_from(number).map_or_else(
        |_| number.to_string().parse().expect("a whole number of 78 digits is a float"),
        |number| number as f64,
    )
}
