//! By which pairs tokens are priced: the one rule of exact prices and of Pooler's, which differ in what they count.

use super::Market;
use crate::config::UniswapV2Config;

/// A pair, and which side of it a token is.
pub(crate) type Side = (usize, usize);

/// From a token to wrapped Ether.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// The token's side of its pair with a whitelisted one.
    pub(crate) pair: Side,
    /// That one's side of its pair with wrapped Ether; nothing if it is wrapped Ether.
    pub(crate) ether_pair: Option<Side>,
}

/// The tokens that others are priced by.
#[derive(Debug)]
pub(crate) struct Paths<'a> {
    market: &'a Market,
    weth: Option<usize>,
    whitelist: Vec<usize>,
    /// Stable coins' sides of their pairs with wrapped Ether: these say what a dollar is.
    pub(crate) stable_pairs: Vec<Side>,
}

impl<'a> Paths<'a> {
    pub(crate) fn new(config: &UniswapV2Config, market: &'a Market) -> Self {
        let weth = market.token(config.weth);
        let stables = config.stables.iter().filter_map(|stable| market.token(*stable));
        Self {
            market,
            weth,
            whitelist: config.whitelist.iter().filter_map(|token| market.token(*token)).collect(),
            stable_pairs: stables.filter_map(|stable| market.pair_of(stable, weth?)).collect(),
        }
    }

    pub(crate) fn is_ether(&self, token: usize) -> bool {
        self.weth == Some(token)
    }

    /// In the order of the whitelist. The first whose pair holds enough of the whitelisted token at the end of each block
    /// of the epoch prices the token; wrapped Ether itself needs none.
    pub(crate) fn of(&self, token: usize) -> impl Iterator<Item = Path> {
        self.whitelist.iter().filter(move |white| **white != token).filter_map(move |white| {
            let (pair, weth) = (self.market.pair_of(token, *white)?, self.weth?);
            let ether_pair = if *white == weth { None } else { Some(self.market.pair_of(*white, weth)?) };
            Some(Path { pair, ether_pair })
        })
    }

    /// Decimals of the token that is this side of a pair.
    pub(crate) fn decimals(&self, (pair, side): Side) -> u8 {
        self.market.tokens[self.market.pairs[pair].tokens[side]].decimals
    }
}
