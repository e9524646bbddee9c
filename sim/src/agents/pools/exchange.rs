//! What agents do with Balancer pools of a data token and a base token: swaps, stakes, and what holdings are worth.
//! Amounts are floats of whole tokens; the pool rounds in its own favour.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolValue, sol};

use crate::{
    economy::{Evm, Pool, State, Token, from_units, to_units},
    netlist::Number,
};

sol! {
    /// What agents need of Ocean's factories.
    interface Factories {
        function createToken(string blob, string name, string symbol, uint256 cap) external returns (address);
        function newBPool() external returns (address);
    }

    /// What agents need of a Balancer pool.
    interface BPool {
        function bind(address token, uint256 balance, uint256 denorm) external;
        function finalize() external;
        function getSpotPrice(address tokenIn, address tokenOut) external view returns (uint256);
        function getBalance(address token) external view returns (uint256);
        function getDenormalizedWeight(address token) external view returns (uint256);
        function getSwapFee() external view returns (uint256);
        function totalSupply() external view returns (uint256);
        function calcInGivenOut(uint256 balanceIn, uint256 weightIn, uint256 balanceOut, uint256 weightOut, uint256 amountOut, uint256 fee) external view returns (uint256);
        function swapExactAmountIn(address tokenIn, uint256 amountIn, address tokenOut, uint256 minAmountOut, uint256 maxPrice) external returns (uint256, uint256);
        function swapExactAmountOut(address tokenIn, uint256 maxAmountIn, address tokenOut, uint256 amountOut, uint256 maxPrice) external returns (uint256, uint256);
        function joinswapExternAmountIn(address tokenIn, uint256 amountIn, uint256 minPoolAmountOut) external returns (uint256);
        function exitswapPoolAmountIn(address tokenOut, uint256 poolAmountIn, uint256 minAmountOut) external returns (uint256);
    }
}

/// No limit on a swap's price.
const ANY_PRICE: U256 = U256::from_limbs([0, 0, 0, 1 << 63]);

pub(super) fn chain(state: &mut State) -> Result<&mut Evm, String> {
    state.evm.as_mut().ok_or_else(|| "there is no chain".to_owned())
}

/// The pools that are not robbed.
pub(super) fn open(evm: &Evm) -> impl Iterator<Item = usize> + use<> {
    let open: Vec<usize> = (0..evm.pools.len()).filter(|&at| !evm.pools[at].is_rugged).collect();
    open.into_iter()
}

/// The address that a factory's call returns.
pub(super) fn created(evm: &mut Evm, from: usize, factory: Address, call: &impl SolCall) -> Result<Address, String> {
    let receipt = evm.call(from, factory, call)?;
    Address::abi_decode(&receipt.output).map_err(|error| format!("the factory returns no address: {error}"))
}

pub(super) fn base_balance(evm: &mut Evm, agent: usize, base: usize) -> Result<f64, String> {
    evm.units(evm.address(base), evm.account(agent)).map(from_units)
}

/// An agent's share of a pool, in the pool's tokens.
pub(super) fn stake(evm: &mut Evm, agent: usize, at: usize) -> Result<f64, String> {
    evm.units(evm.pools[at].address, evm.account(agent)).map(from_units)
}

/// What an agent has of a pool's data token.
pub(super) fn datatokens(evm: &mut Evm, agent: usize, at: usize) -> Result<f64, String> {
    evm.units(evm.pools[at].token, evm.account(agent)).map(from_units)
}

/// Swaps data tokens for base tokens, at any price.
pub(super) fn sell(evm: &mut Evm, me: usize, at: usize, amount: f64) -> Result<(), String> {
    let Pool { address, token, base, .. } = evm.pools[at];
    let amount = to_units(amount)?;
    evm.call(me, token, &Token::approveCall { spender: address, amount })?;
    let call = BPool::swapExactAmountInCall {
        tokenIn: token,
        amountIn: amount,
        tokenOut: base,
        minAmountOut: U256::ZERO,
        maxPrice: ANY_PRICE,
    };
    evm.call(me, address, &call).map(|_| ())
}

/// Swaps base tokens for data tokens, at any price that it can pay.
pub(super) fn buy(evm: &mut Evm, me: usize, at: usize, amount: f64) -> Result<(), String> {
    let Pool { address, token, base, .. } = evm.pools[at];
    let most = to_units(from_units(evm.units(base, evm.account(me))?))?;
    evm.call(me, base, &Token::approveCall { spender: address, amount: most })?;
    let call = BPool::swapExactAmountOutCall {
        tokenIn: base,
        maxAmountIn: most,
        tokenOut: token,
        amountOut: to_units(amount)?,
        maxPrice: ANY_PRICE,
    };
    evm.call(me, address, &call).map(|_| ())
}

/// Puts base tokens into a pool.
pub(super) fn join(evm: &mut Evm, me: usize, at: usize, amount: f64) -> Result<(), String> {
    let Pool { address, base, .. } = evm.pools[at];
    let amount = to_units(amount)?;
    evm.call(me, base, &Token::approveCall { spender: address, amount })?;
    let call = BPool::joinswapExternAmountInCall { tokenIn: base, amountIn: amount, minPoolAmountOut: U256::ZERO };
    evm.call(me, address, &call).map(|_| ())
}

/// Takes base tokens out of a pool, for some of its pool tokens.
pub(super) fn exit(evm: &mut Evm, me: usize, at: usize, pool_tokens: f64) -> Result<(), String> {
    let Pool { address, base, .. } = evm.pools[at];
    let call = BPool::exitswapPoolAmountInCall {
        tokenOut: base,
        poolAmountIn: to_units(pool_tokens)?,
        minAmountOut: U256::ZERO,
    };
    evm.call(me, address, &call).map(|_| ())
}

/// What a pool holds and what a data token costs, as long as nobody acts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quote {
    price: f64,
    value: f64,
    supply: f64,
}

fn quote(evm: &mut Evm, at: usize) -> Result<Quote, String> {
    if let Some(quote) = evm.quote(at) {
        return Ok(quote);
    }
    let Pool { address, token, base, .. } = evm.pools[at];
    let price = from_units(evm.ask(address, &BPool::getSpotPriceCall { tokenIn: base, tokenOut: token })?);
    let in_token = price * from_units(evm.ask(address, &BPool::getBalanceCall { token })?);
    let in_base = from_units(evm.ask(address, &BPool::getBalanceCall { token: base })?);
    let supply = from_units(evm.ask(address, &BPool::totalSupplyCall {})?);
    let quote = Quote { price, value: in_token + in_base, supply };
    evm.set_quote(at, quote);
    Ok(quote)
}

pub(super) fn in_datatokens(state: &mut State, me: usize, _: usize) -> Result<Number, String> {
    let Some(evm) = &mut state.evm else { return Ok(Number::Float(0.0)) };
    let mut value = 0.0;
    for at in 0..evm.pools.len() {
        value += datatokens(evm, me, at)? * quote(evm, at)?.price;
    }
    Ok(Number::Float(value))
}

/// A whole 0 before there is any pool.
pub(super) fn in_pools(state: &mut State, me: usize, _: usize) -> Result<Number, String> {
    let Some(evm) = &mut state.evm else { return Ok(Number::Integer(0)) };
    if evm.pools.is_empty() {
        return Ok(Number::Integer(0));
    }
    let mut value = 0.0;
    for at in 0..evm.pools.len() {
        let quote = quote(evm, at)?;
        value += stake(evm, me, at)? / quote.supply * quote.value;
    }
    Ok(Number::Float(value))
}
