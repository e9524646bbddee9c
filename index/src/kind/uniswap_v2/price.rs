//! What tokens are worth, exactly: fractions of reserves, rounded once, at the end.
//!
//! A dollar is what the stable coins say: the price of Ether is all that they hold in their pairs with wrapped Ether
//! over all the wrapped Ether there. A token is priced by the first whitelisted token, in order, whose pair with it
//! holds at least the threshold of that token at the end of each block of the epoch; a whitelisted token is worth what
//! its own pair with wrapped Ether says, without fee. A token that no pair prices is worth nothing, and so is
//! whatever a price of needs a pair that is empty at that place.

use alloy::primitives::{U256, Uint};

use super::{History, Market, Path, Paths, Place, Side};
use crate::{block::Blocks, config::UniswapV2Config};

/// Wide enough for an amount, the reserves of three pairs and the scales: 112 bits each and some 200 more.
type Wide = Uint<768, 12>;

/// Decimals of an amount of dollars.
pub(crate) const USD_DECIMALS: u8 = 18;

const USD_UNIT: Wide = Wide::from_limbs([1_000_000_000_000_000_000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/// Bits that an amount of dollars may have, with its decimals. What would be worth more is worth nothing: there is not
/// so much, and 2^64 such amounts still add up to 256 bits.
const N_USD_BITS: usize = 192;

/// What a pair must hold of a whitelisted token to price another, in wei, if the configuration does not say.
const THRESHOLD: u64 = 1_000_000_000_000_000_000;

/// Dollars for one unit of a token, the smallest there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price {
    numerator: Wide,
    /// Not zero.
    denominator: Wide,
}

/// How a token is priced.
#[derive(Clone, Copy, Debug)]
enum Route {
    /// It is wrapped Ether.
    Ether,
    By(Path),
    /// Not at all.
    None,
}

/// The prices of an epoch.
#[derive(Debug)]
pub(crate) struct Prices<'a> {
    pub(crate) market: &'a Market,
    history: &'a History,
    pub(crate) blocks: Blocks,
    paths: Paths<'a>,
    /// Stable coins' sides of their pairs with wrapped Ether, each with what makes its units those of the stable coin with
    /// the most decimals.
    stable_pairs: Vec<(Side, Wide)>,
    /// Such units of a dollar.
    dollar: Option<Wide>,
    threshold: U256,
    /// By token; found when first asked for.
    routes: Vec<Option<Route>>,
    /// The price of Ether at the place that was asked for last.
    ether: Option<(Place, Option<Price>)>,
}

impl<'a> Prices<'a> {
    pub(crate) fn new(config: &UniswapV2Config, market: &'a Market, history: &'a History, blocks: Blocks) -> Self {
        let paths = Paths::new(config, market);
        let stable_pairs: Vec<_> = paths.stable_pairs.iter().map(|side| (*side, paths.decimals(*side))).collect();
        let decimals = stable_pairs.iter().map(|(_, decimals)| *decimals).max();
        let scaled = |(side, few): (Side, u8)| Some((side, power_of_ten(decimals? - few)?));
        Self {
            market,
            history,
            blocks,
            paths,
            stable_pairs: stable_pairs.into_iter().filter_map(scaled).collect(),
            dollar: decimals.and_then(power_of_ten),
            threshold: config.threshold.unwrap_or(U256::from(THRESHOLD)),
            routes: vec![None; market.tokens.len()],
            ether: None,
        }
    }

    /// What a pair holds after `place`.
    pub(crate) fn reserves(&self, pair: usize, place: Place) -> [u128; 2] {
        self.history.reserves(pair, place)
    }

    /// The price of a token after `place`.
    pub(crate) fn price(&mut self, token: usize, place: Place) -> Option<Price> {
        match self.route(token) {
            Route::Ether => self.ether(place),
            Route::By(Path { pair, ether_pair }) => {
                let price = self.ether(place)?;
                let price = price.times(self.history.sides(pair, place))?;
                match ether_pair {
                    Some(pair) => price.times(self.history.sides(pair, place)),
                    None => Some(price),
                }
            }
            Route::None => None,
        }
    }

    /// The price of a wei.
    fn ether(&mut self, place: Place) -> Option<Price> {
        if let Some((of, price)) = self.ether
            && of == place
        {
            return price;
        }
        let price = self.ether_at(place);
        self.ether = Some((place, price));
        price
    }

    fn ether_at(&self, place: Place) -> Option<Price> {
        let (mut dollars, mut weis) = (Wide::ZERO, Wide::ZERO);
        for (pair, scale) in &self.stable_pairs {
            let [stable, wei] = self.history.sides(*pair, place);
            if stable == 0 || wei == 0 {
                continue;
            }
            dollars = dollars.checked_add(Wide::from(stable).checked_mul(*scale)?)?;
            weis = weis.checked_add(Wide::from(wei))?;
        }
        let denominator = weis.checked_mul(self.dollar?)?;
        (!denominator.is_zero()).then_some(Price { numerator: dollars, denominator })
    }

    fn route(&mut self, token: usize) -> Route {
        if let Some(route) = self.routes[token] {
            return route;
        }
        let route = self.find_route(token);
        self.routes[token] = Some(route);
        route
    }

    fn find_route(&self, token: usize) -> Route {
        if self.paths.is_ether(token) {
            return Route::Ether;
        }
        let is_deep = |path: &Path| (self.blocks.first..=self.blocks.last).all(|block| self.is_deep(*path, block));
        self.paths.of(token).find(is_deep).map_or(Route::None, Route::By)
    }

    /// Whether a pair holds enough of the whitelisted token at the end of `block`.
    fn is_deep(&self, Path { pair, ether_pair }: Path, block: u64) -> bool {
        let place = Place::end_of(block);
        let [token, white] = self.history.sides(pair, place);
        let (worth, unit) = match ether_pair.map(|pair| self.history.sides(pair, place)) {
            None => (Wide::from(white), Wide::ONE),
            Some([white_there, wei]) => (Wide::from(white) * Wide::from(wei), Wide::from(white_there)),
        };
        // A reserve has 112 bits, so that nothing overflows.
        token != 0 && !unit.is_zero() && !worth.is_zero() && worth >= Wide::from(self.threshold) * unit
    }
}

impl Price {
    /// This price, of the second token, for the first, of which there is `[first, second]` in a pair.
    fn times(self, [first, second]: [u128; 2]) -> Option<Self> {
        if first == 0 || second == 0 {
            return None;
        }
        Some(Self {
            numerator: self.numerator.checked_mul(Wide::from(second))?,
            denominator: self.denominator.checked_mul(Wide::from(first))?,
        })
    }

    /// What `amount` units are worth, in dollars of 18 decimals, rounded half to even.
    pub(crate) fn of(self, amount: U256) -> Option<U256> {
        self.scaled(Wide::from(amount), Wide::ONE)
    }

    /// What three thousandths of `amount` units are worth, in dollars of 18 decimals, rounded half to even.
    pub(crate) fn of_fee(self, amount: U256) -> Option<U256> {
        self.scaled(Wide::from(amount).checked_mul(Wide::from(3))?, Wide::from(1_000))
    }

    /// What one whole token is worth, in dollars of 18 decimals, rounded half to even.
    pub(crate) fn of_token(self, decimals: u8) -> Option<U256> {
        self.scaled(power_of_ten(decimals)?, Wide::ONE)
    }

    fn scaled(self, amount: Wide, parts: Wide) -> Option<U256> {
        let numerator = self.numerator.checked_mul(amount)?.checked_mul(USD_UNIT)?;
        let rounded = divide_half_even(numerator, self.denominator.checked_mul(parts)?);
        (rounded.bit_len() <= N_USD_BITS).then(|| rounded.to())
    }
}

/// `numerator / 1000 * 3`, rounded half to even: what a pair keeps of what comes in.
pub(crate) fn fee(amount: U256) -> U256 {
    divide_half_even(Wide::from(amount) * Wide::from(3), Wide::from(1_000)).to()
}

/// The denominator is not zero.
fn divide_half_even(numerator: Wide, denominator: Wide) -> Wide {
    let (quotient, remainder) = numerator.div_rem(denominator);
    // The rest is compared with what lacks to the denominator, as its double may not fit.
    let lacking = denominator - remainder;
    let is_up = remainder > lacking || (remainder == lacking && quotient.bit(0));
    if is_up { quotient + Wide::ONE } else { quotient }
}

fn power_of_ten(exponent: u8) -> Option<Wide> {
    Wide::from(10).checked_pow(Wide::from(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numerator: u64, denominator: u64, expected: u64) {
        assert_eq!(divide_half_even(Wide::from(numerator), Wide::from(denominator)), Wide::from(expected));
    }

    #[test]
    fn halves_go_to_the_even_side() {
        check(1, 2, 0);
        check(3, 2, 2);
        check(5, 2, 2);
        check(7, 2, 4);
        check(7, 3, 2);
        check(8, 3, 3);
        check(0, 7, 0);
        check(500, 1_000, 0);
        check(501, 1_000, 1);
        check(1_500, 1_000, 2);
    }

    #[test]
    fn fees_are_three_thousandths() {
        assert_eq!(fee(U256::from(1_000)), U256::from(3));
        assert_eq!(fee(U256::from(500)), U256::from(2));
        assert_eq!(fee(U256::from(166)), U256::ZERO);
        assert_eq!(fee(U256::from(167)), U256::ONE);
        assert_eq!(fee(U256::MAX), U256::MAX / U256::from(1_000) * U256::from(3) + U256::from(3));
    }

    #[test]
    fn what_is_worth_too_much_is_worth_nothing() {
        let price = Price { numerator: Wide::ONE, denominator: USD_UNIT };
        let most = (U256::ONE << N_USD_BITS) - U256::ONE;
        assert_eq!(price.of(most), Some(most));
        assert_eq!(price.of(most + U256::ONE), None);
        assert_eq!(price.of(U256::MAX), None);
        assert_eq!(price.of_token(18), Some(power_of_ten(18).unwrap().to()));
        assert_eq!(price.of_token(255), None);
        let wide = Price { numerator: Wide::MAX, denominator: Wide::ONE };
        assert_eq!(wide.of(U256::ONE), None);
        assert!(wide.times([1, 2]).is_none());
        assert!(price.times([0, 1]).is_none() && price.times([1, 0]).is_none());
    }
}
