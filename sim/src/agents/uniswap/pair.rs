//! A pair as agents meet it: transfers and calls in order, and after each the checks that the pair's promises hold.

use alloy_primitives::{Address, Bytes, U256, U512};
use alloy_sol_types::{SolCall, sol};
use bindings::DemoToken;

use super::amounts;
use crate::{
    agents::streams::evm,
    economy::{State, from_units},
    evm::{Error, Reason},
};

sol! {
    /// What agents need of Uniswap's factory.
    interface Factory {
        function createPair(address tokenA, address tokenB) external returns (address);
    }

    /// What agents need of Uniswap's pair, which is a token too.
    interface UniswapPair {
        function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 time);
        function totalSupply() external view returns (uint256);
        function balanceOf(address owner) external view returns (uint256);
        function transfer(address to, uint256 value) external returns (bool);
        function mint(address to) external returns (uint256);
        function burn(address to) external returns (uint256, uint256);
        function swap(uint256 amount0, uint256 amount1, address to, bytes data) external;
    }
}

/// One of the two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The token that has a price.
    Base,
    /// The token that prices are in.
    Quote,
}

/// What a pair has of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reserves {
    pub(super) base: U256,
    pub(super) quote: U256,
}

/// A pair and what happened in it.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// The agent that made it.
    pub(super) agent: usize,
    pub(super) address: Address,
    /// Base and quote.
    pub(super) tokens: [Address; 2],
    pub(super) n_swaps: u64,
    pub(super) n_joined: u64,
    pub(super) n_left: u64,
    pub(super) n_falls: u64,
    pub(super) volume: f64,
    /// Of providers who are in.
    pub(super) positions: Vec<Position>,
    /// Of those who left.
    pub(super) closed: Outcome,
}

/// What a provider put in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) agent: usize,
    base: U256,
    quote: U256,
    liquidity: U256,
}

/// What providing brought, in quote tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// More than a share that earns no fees would be worth.
    pub(super) fees: f64,
    /// What such a share is worth less than what was put in.
    pub(super) loss: f64,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Base => Self::Quote,
            Self::Quote => Self::Base,
        }
    }
}

impl Reserves {
    pub(super) const fn of(self, side: Side) -> U256 {
        match side {
            Side::Base => self.base,
            Side::Quote => self.quote,
        }
    }

    /// What a base token costs, in quote tokens.
    pub(super) fn price(self) -> f64 {
        from_units(self.quote) / from_units(self.base)
    }

    /// Reserves have 112 bits each.
    fn product(self) -> U512 {
        U512::from(self.base) * U512::from(self.quote)
    }
}

impl Pair {
    /// Makes the pair of two tokens.
    pub(super) fn found(state: &mut State, me: usize, factory: Address, tokens: [Address; 2]) -> Result<Self, String> {
        let call = Factory::createPairCall { tokenA: tokens[0], tokenB: tokens[1] };
        let receipt = evm(state)?.call(me, factory, &call)?;
        let address = Factory::createPairCall::abi_decode_returns(&receipt.output)
            .map_err(|error| format!("the factory returns no pair: {error}"))?;
        let name = format!("pair of {}", state.name(me));
        evm(state)?.chain.name(&name, address);
        Ok(Self {
            agent: me,
            address,
            tokens,
            n_swaps: 0,
            n_joined: 0,
            n_left: 0,
            n_falls: 0,
            volume: 0.0,
            positions: Vec::new(),
            closed: Outcome::default(),
        })
    }

    pub(super) const fn token(&self, side: Side) -> Address {
        match side {
            Side::Base => self.tokens[0],
            Side::Quote => self.tokens[1],
        }
    }

    /// Uniswap sorts a pair's tokens by their addresses.
    fn is_base_first(&self) -> bool {
        self.tokens[0] < self.tokens[1]
    }

    pub(super) fn reserves(&self, state: &mut State) -> Result<Reserves, String> {
        let answer = evm(state)?.ask(self.address, &UniswapPair::getReservesCall {})?;
        let (first, second) = (U256::from(answer.reserve0), U256::from(answer.reserve1));
        let (base, quote) = if self.is_base_first() { (first, second) } else { (second, first) };
        Ok(Reserves { base, quote })
    }

    pub(super) fn price(&self, state: &mut State) -> Result<f64, String> {
        self.reserves(state).map(Reserves::price)
    }

    fn supply(&self, state: &mut State) -> Result<U256, String> {
        evm(state)?.ask(self.address, &UniswapPair::totalSupplyCall {})
    }

    /// Swaps `given` units of `side` for all that the pair pays, and gives what that was. One unit more is asked for
    /// first: a pair that grants it ends the run.
    pub(super) fn swap(&mut self, state: &mut State, me: usize, side: Side, given: U256) -> Result<U256, String> {
        let before = self.reserves(state)?;
        let paid = amounts::paid(given, before.of(side), before.of(side.other()));
        if paid.is_zero() {
            return Ok(paid);
        }
        let evm = evm(state)?;
        let to = evm.account(me);
        evm.call(me, self.token(side), &DemoToken::transferCall { to: self.address, value: given })?;
        let swap = |amount: U256| {
            let pays_first = (side == Side::Quote) == self.is_base_first();
            let (amount0, amount1) = if pays_first { (amount, U256::ZERO) } else { (U256::ZERO, amount) };
            UniswapPair::swapCall { amount0, amount1, to, data: Bytes::new() }
        };
        let more = paid + U256::ONE;
        if more < before.of(side.other()) {
            let refused = evm.chain.view(to, self.address, swap(more).abi_encode());
            let is_product = |reason: &Reason| *reason == Reason::Text("UniswapV2: K".to_owned());
            match refused {
                Err(Error::Reverted { reason, .. }) if is_product(&reason) => {}
                Err(error) => return Err(error.to_string()),
                Ok(_) => return Err(format!("{} pays {more} for {given}, more than {paid}", self.address)),
            }
        }
        evm.call(me, self.address, &swap(paid))?;
        let after = self.reserves(state)?;
        self.n_swaps += 1;
        self.n_falls += u64::from(after.product() < before.product());
        self.volume += from_units(given) * if side == Side::Quote { 1.0 } else { before.price() };
        Ok(paid)
    }

    /// Puts in what an agent has, in the proportion of the reserves; into an empty pair all. Gives nothing if it has
    /// nothing of one of the two, or too little for a share.
    pub(super) fn join(&mut self, state: &mut State, me: usize) -> Result<bool, String> {
        let (before, supply) = (self.reserves(state)?, self.supply(state)?);
        let evm = evm(state)?;
        let to = evm.account(me);
        let has = [evm.units(self.tokens[0], to)?, evm.units(self.tokens[1], to)?];
        let (mut base, mut quote) = (has[0], has[1]);
        if !supply.is_zero() {
            // Reserves and wallets of such tokens have far less than 128 bits.
            quote = base * before.quote / before.base;
            if quote > has[1] {
                quote = has[1];
                base = quote * before.base / before.quote;
            }
        }
        let share =
            if supply.is_zero() { U256::ONE } else { (base * supply / before.base).min(quote * supply / before.quote) };
        if base.is_zero() || quote.is_zero() || share.is_zero() {
            return Ok(false);
        }
        for (token, value) in self.tokens.into_iter().zip([base, quote]) {
            evm.call(me, token, &DemoToken::transferCall { to: self.address, value })?;
        }
        evm.call(me, self.address, &UniswapPair::mintCall { to })?;
        let liquidity = evm.units(self.address, to)?;
        self.n_joined += 1;
        self.positions.push(Position { agent: me, base, quote, liquidity });
        self.check_share(state, before, supply)?;
        Ok(true)
    }

    /// Takes out all that an agent put in.
    pub(super) fn leave(&mut self, state: &mut State, me: usize) -> Result<(), String> {
        let place = self.positions.iter().position(|position| position.agent == me).ok_or("it is not in the pair")?;
        let (before, supply) = (self.reserves(state)?, self.supply(state)?);
        let position = self.positions.remove(place);
        let outcome = position.outcome(before, supply);
        self.closed = Outcome { fees: self.closed.fees + outcome.fees, loss: self.closed.loss + outcome.loss };
        let evm = evm(state)?;
        let to = evm.account(me);
        evm.call(me, self.address, &UniswapPair::transferCall { to: self.address, value: position.liquidity })?;
        evm.call(me, self.address, &UniswapPair::burnCall { to })?;
        self.n_left += 1;
        self.check_share(state, before, supply)
    }

    /// The product of the reserves for a share squared must not fall when liquidity comes or goes.
    fn check_share(&mut self, state: &mut State, before: Reserves, supply: U256) -> Result<(), String> {
        let (after, supply_after) = (self.reserves(state)?, self.supply(state)?);
        // A supply is at most the root of a product of 224 bits, so that 448 bits are enough.
        let squared = |supply: U256| U512::from(supply) * U512::from(supply);
        self.n_falls += u64::from(after.product() * squared(supply) < before.product() * squared(supply_after));
        Ok(())
    }

    /// What all providers made so far, those included who are in, at the pair's price.
    pub(super) fn outcome(&self, state: &mut State) -> Result<Outcome, String> {
        let (reserves, supply) = (self.reserves(state)?, self.supply(state)?);
        Ok(self.positions.iter().fold(self.closed, |sum, position| {
            let outcome = position.outcome(reserves, supply);
            Outcome { fees: sum.fees + outcome.fees, loss: sum.loss + outcome.loss }
        }))
    }
}

impl Position {
    /// Fees and impermanent loss of the position, at the pair's price `P`: its share is worth `2 quote share`, without
    /// fees it would be `2 sqrt(base0 quote0 P)`, and what was put in is worth `base0 P + quote0`.
    fn outcome(&self, reserves: Reserves, supply: U256) -> Outcome {
        let price = reserves.price();
        let (base, quote) = (from_units(self.base), from_units(self.quote));
        let worth = 2.0 * from_units(reserves.quote) * (from_units(self.liquidity) / from_units(supply));
        let feeless = 2.0 * libm::sqrt(base * quote * price);
        Outcome { fees: worth - feeless, loss: base * price + quote - feeless }
    }
}
