//! Pooler's prices: floats, in the order in which Pooler computes them.

use std::fmt::Display;

use alloy::primitives::U256;

use crate::{
    block::Blocks,
    config::UniswapV2Config,
    kind::uniswap_v2::{History, Market, Path, Paths, Place, Side},
};

const ETHER_DECIMALS: u8 = 18;

/// What a whitelisted token must be worth in a pair, in Ether.
const THRESHOLD: f64 = 1.0;

/// The prices of an epoch.
pub(super) struct Floats<'a> {
    pub(super) market: &'a Market,
    history: &'a History,
    blocks: Blocks,
    paths: Paths<'a>,
    /// By token, then by block; found when first asked for.
    prices: Vec<Option<Vec<f64>>>,
}

impl<'a> Floats<'a> {
    pub(super) fn new(config: &UniswapV2Config, market: &'a Market, history: &'a History, blocks: Blocks) -> Self {
        let paths = Paths::new(config, market);
        Self { market, history, blocks, paths, prices: vec![None; market.tokens.len()] }
    }

    /// What a pair holds at the end of a block.
    pub(super) fn reserves(&self, pair: usize, block: u64) -> [f64; 2] {
        self.sides((pair, 0), block)
    }

    /// The same, of the token that is this side of the pair first.
    fn sides(&self, (pair, side): Side, block: u64) -> [f64; 2] {
        let [first, second] = self.history.sides((pair, side), Place::end_of(block));
        [decimal(first, self.decimals(pair, side)), decimal(second, self.decimals(pair, 1 - side))]
    }

    pub(super) fn decimals(&self, pair: usize, side: usize) -> u8 {
        self.paths.decimals((pair, side))
    }

    /// Dollars for a token of a pair at the end of a block.
    pub(super) fn price(&mut self, pair: usize, side: usize, block: u64) -> f64 {
        let token = self.market.pairs[pair].tokens[side];
        if self.prices[token].is_none() {
            self.prices[token] = Some(self.of_epoch(token));
        }
        let prices = self.prices[token].as_ref().expect("prices were found above");
        usize::try_from(block - self.blocks.first).ok().and_then(|i| prices.get(i).copied()).unwrap_or_default()
    }

    /// By block.
    fn of_epoch(&self, token: usize) -> Vec<f64> {
        let blocks = self.blocks.first..=self.blocks.last;
        if self.paths.is_ether(token) {
            return blocks.map(|block| self.ether(block)).collect();
        }
        let in_ether = self
            .paths
            .of(token)
            .find_map(|path| blocks.clone().map(|block| self.in_ether(path, block)).collect::<Option<Vec<f64>>>());
        match in_ether {
            Some(prices) => prices.into_iter().zip(blocks).map(|(price, block)| price * self.ether(block)).collect(),
            None => blocks.map(|_| 0.0).collect(),
        }
    }

    /// Ether for a token; nothing if its pair holds too little of the whitelisted one.
    fn in_ether(&self, Path { pair, ether_pair }: Path, block: u64) -> Option<f64> {
        let [token, white] = self.sides(pair, block);
        let derived = ether_pair.map_or(1.0, |pair| self.derived(pair, block));
        let is_empty = token == 0.0 || white == 0.0;
        let (price, held) = if is_empty { (0.0, 0.0) } else { (white / token, white) };
        (held * derived >= THRESHOLD).then_some(price * derived)
    }

    /// Ether that the router pays for a whole whitelisted token, which is this side of its pair with wrapped Ether.
    fn derived(&self, pair: Side, block: u64) -> f64 {
        let [white, ether] = self.history.sides(pair, Place::end_of(block)).map(U256::from);
        let one = U256::from(10).checked_pow(U256::from(self.paths.decimals(pair)));
        let paid = one.and_then(|one| {
            let counted = one.checked_mul(U256::from(997))?;
            let whole = white.checked_mul(U256::from(1_000))?.checked_add(counted)?;
            counted.checked_mul(ether)?.checked_div(whole)
        });
        decimal(paid.unwrap_or_default(), ETHER_DECIMALS)
    }

    /// Dollars for an Ether: the price of each stable coin's pair, weighted by the Ether there.
    fn ether(&self, block: u64) -> f64 {
        let sides = self.paths.stable_pairs.iter().map(|pair| self.sides(*pair, block));
        // Pooler fails on an empty pair.
        let sides: Vec<[f64; 2]> = sides.filter(|sides| sides.iter().all(|reserve| *reserve != 0.0)).collect();
        let total: f64 = sides.iter().map(|[_, ether]| ether).sum();
        sides.iter().map(|[stable, ether]| ether / total * (stable / ether)).sum()
    }
}

/// An integer over a power of ten, rounded once, to the nearest float.
pub(super) fn decimal(integer: impl Display, decimals: u8) -> f64 {
    format!("{integer}e-{decimals}").parse().expect("digits with an exponent are a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(integer: u128, decimals: u8, expected: f64) {
        assert_eq!(decimal(integer, decimals).to_bits(), expected.to_bits());
    }

    #[test]
    fn integers_become_the_nearest_floats() {
        check(0, 18, 0.0);
        check(1, 0, 1.0);
        check(5_740_307_563_695_597_000_000_000, 18, 5_740_307.563_695_597);
        check(u128::MAX, 0, 3.402_823_669_209_385e38);
        check(1, 255, 1e-255);
        // In two steps, first to a float and then over 10^18, the last bit would differ.
        check(9_007_199_254_740_993, 18, 0.009_007_199_254_740_993);
    }
}
