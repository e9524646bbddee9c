//! Pairs, tokens and days: what they hold and what was traded, over 24 hours and 7 days.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256, U512};
use serde::Serialize;

use super::{DAY, EpochEnd, PairRow, Query, TokenRow, TotalReserves, Totals, WEEK, Window, decimal};
use crate::{Result, kind::uniswap_v2::price::USD_DECIMALS, rows::Value};

/// A pair at the end of an epoch. Amounts are numbers with all their decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PairStats {
    /// Which.
    pub pair: PairRow,
    /// When.
    pub at: EpochEnd,
    /// Tokens in it.
    pub reserves: [String; 2],
    /// Dollars for a token.
    pub prices: [String; 2],
    /// Dollars for the tokens in it.
    pub reserves_usd: [String; 2],
    /// Dollars for both.
    pub liquidity_usd: String,
    /// What was traded in 24 hours.
    pub last_24h: Traded,
    /// What was traded in 7 days.
    pub last_7d: Traded,
}

/// What was traded in a window. Amounts are numbers with all their decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Traded {
    /// Which epochs.
    pub window: Window,
    /// Swaps.
    pub n_swaps: u64,
    /// Additions of liquidity.
    pub n_mints: u64,
    /// Removals of liquidity.
    pub n_burns: u64,
    /// Tokens that swaps moved.
    pub volumes: [String; 2],
    /// Dollars for them.
    pub volumes_usd: [String; 2],
    /// Dollars for the more valuable side of each swap.
    pub volume_usd: String,
    /// Tokens that were paid as fees.
    pub fees: [String; 2],
    /// Dollars for them.
    pub fee_usd: String,
}

/// A token at the end of an epoch, over all pairs with a project. Amounts are numbers with all their decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TokenStats {
    /// Which.
    pub token: TokenRow,
    /// When.
    pub at: EpochEnd,
    /// Dollars for one; 0 if no pair prices it.
    pub price_usd: String,
    /// What the price changed in 24 hours, in percent of the price 24 hours ago, toward zero to six decimals; nothing
    /// if there was none.
    pub price_change_24h: Option<String>,
    /// Tokens in the pairs.
    pub liquidity: String,
    /// Dollars for them.
    pub liquidity_usd: String,
    /// Tokens that swaps moved in 24 hours.
    pub volume_24h: String,
    /// Dollars for them.
    pub volume_usd_24h: String,
    /// Tokens that swaps moved in 7 days.
    pub volume_7d: String,
    /// Dollars for them.
    pub volume_usd_7d: String,
}

/// A day, from midnight to midnight UTC. Amounts are numbers with all their decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DayStats {
    /// Unix seconds of its beginning.
    pub day: u64,
    /// Its epochs.
    pub window: Window,
    /// Dollars in all pairs at its last epoch's end.
    pub liquidity_usd: String,
    /// Dollars for the more valuable side of each swap.
    pub volume_usd: String,
    /// Dollars of fees.
    pub fee_usd: String,
    /// Swaps.
    pub n_swaps: u64,
}

/// Sums of a token over pairs.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    price: U256,
    amount: U256,
    dollars: U256,
}

impl Query<'_> {
    /// All pairs with a project, as of the end of an epoch, in the order in which they were made.
    pub fn pair_stats(&mut self, at: EpochEnd) -> Result<Vec<PairStats>> {
        let mut reserves = self.reserves(at.epoch)?;
        let windows = [self.window(at, DAY)?, self.window(at, WEEK)?];
        let [day, week] = [self.totals(windows[0])?, self.totals(windows[1])?];
        let mut stats = Vec::with_capacity(reserves.len());
        for pair in self.pairs()? {
            let Some(held) = reserves.remove(&pair.address) else { continue };
            let totals = |of: &BTreeMap<Address, Totals>| of.get(&pair.address).copied().unwrap_or_default();
            let [last_24h, last_7d] = [(windows[0], totals(&day)), (windows[1], totals(&week))]
                .map(|(window, totals)| Traded::new(&pair, window, &totals));
            stats.push(PairStats::new(pair, at, &held, [last_24h, last_7d]));
        }
        Ok(stats)
    }

    /// All tokens of pairs with a project, as of the end of an epoch, by address.
    pub fn token_stats(&mut self, at: EpochEnd) -> Result<Vec<TokenStats>> {
        let [day, week] = [self.window(at, DAY)?, self.window(at, WEEK)?];
        let now = held_by_token(&self.reserves(at.epoch)?);
        let before = match day.first.epoch.checked_sub(1) {
            Some(epoch) => held_by_token(&self.reserves(epoch)?),
            None => BTreeMap::new(),
        };
        let pairs = self.pairs()?;
        let [day, week] = [traded_by_token(&pairs, &self.totals(day)?), traded_by_token(&pairs, &self.totals(week)?)];
        let tokens = self.tokens()?;
        let stats = tokens.into_iter().filter_map(|token| {
            let (address, decimals) = (token.address, token.decimals);
            let held = now.get(&address)?;
            let [(volume_24h, usd_24h), (volume_7d, usd_7d)] =
                [&day, &week].map(|of| of.get(&address).copied().unwrap_or_default());
            let old = before.get(&address).map(|held| held.price);
            Some(TokenStats {
                token,
                at,
                price_usd: decimal(held.price, USD_DECIMALS),
                price_change_24h: old.and_then(|old| percent(old, held.price)),
                liquidity: decimal(held.amount, decimals),
                liquidity_usd: decimal(held.dollars, USD_DECIMALS),
                volume_24h: decimal(volume_24h, decimals),
                volume_usd_24h: decimal(usd_24h, USD_DECIMALS),
                volume_7d: decimal(volume_7d, decimals),
                volume_usd_7d: decimal(usd_7d, USD_DECIMALS),
            })
        });
        Ok(stats.collect())
    }

    /// What was traded of a token from the epoch `from` to the epoch `to`, in all pairs with a project, each amount under
    /// its name, in their order; none if no such pair has the token at the end of `to`.
    ///
    /// A trade counts once, with what it moved of this token: units of it, and dollars of 18 decimals for them.
    pub fn token_sums(&mut self, token: Address, from: u64, to: u64) -> Result<Vec<(&'static str, U256)>> {
        let sql = format!("SELECT address, token0 FROM {} WHERE token0 = ?1 OR token1 = ?1", self.tables.pair);
        let rows = self.database.ask(&sql, &[Value::Blob(token.as_slice())])?;
        let totals = self.totals_between(from, to)?;
        let mut sums: Vec<(&'static str, U256)> = Vec::new();
        for row in rows.iter() {
            let Some(traded) = totals.get(&row.address(0)?) else { continue };
            let of_pair = of_side(traded, usize::from(row.address(1)? != token));
            if sums.is_empty() {
                sums = of_pair.into();
            } else {
                sums.iter_mut().zip(of_pair).for_each(|((_, sum), (_, more))| *sum = sum.saturating_add(more));
            }
        }
        Ok(sums)
    }

    /// The last `n_days` days up to that of epoch `at`, the newest first; days without an epoch are left out.
    pub fn daily(&mut self, at: EpochEnd, n_days: u64) -> Result<Vec<DayStats>> {
        let mut days = Vec::new();
        let newest = at.timestamp / DAY;
        for day in (newest.saturating_sub(n_days.saturating_sub(1))..=newest).rev() {
            let end = (day * DAY + (DAY - 1)).min(at.timestamp);
            let Some(window) = self.between(day * DAY, end)?.filter(|window| window.first.epoch <= at.epoch) else {
                continue;
            };
            let window = if window.last.epoch > at.epoch { Window { last: at, ..window } } else { window };
            let liquidity = held_by_token(&self.reserves(window.last.epoch)?).values().fold(U256::ZERO, sum_dollars);
            let totals = self.totals(window)?.values().fold(Totals::default(), |sum, totals| sum.plus(totals));
            days.push(DayStats {
                day: day * DAY,
                window,
                liquidity_usd: decimal(liquidity, USD_DECIMALS),
                volume_usd: decimal(totals.volume_usd.0, USD_DECIMALS),
                fee_usd: decimal(totals.fee_usd.0, USD_DECIMALS),
                n_swaps: totals.n_swaps,
            });
        }
        Ok(days)
    }
}

impl PairStats {
    fn new(pair: PairRow, at: EpochEnd, held: &TotalReserves, [last_24h, last_7d]: [Traded; 2]) -> Self {
        let last = |column: &[super::Amount]| column.last().map(|amount| amount.0).unwrap_or_default();
        let decimals = [0, 1].map(|side: usize| pair.tokens[side].decimals);
        let dollars = [last(&held.reserve_usd0), last(&held.reserve_usd1)];
        Self {
            at,
            reserves: [decimal(last(&held.reserve0), decimals[0]), decimal(last(&held.reserve1), decimals[1])],
            prices: [last(&held.price0), last(&held.price1)].map(|price| decimal(price, USD_DECIMALS)),
            reserves_usd: dollars.map(|dollars| decimal(dollars, USD_DECIMALS)),
            liquidity_usd: decimal(dollars[0].saturating_add(dollars[1]), USD_DECIMALS),
            last_24h,
            last_7d,
            pair,
        }
    }
}

impl Traded {
    fn new(pair: &PairRow, window: Window, totals: &Totals) -> Self {
        let dollars = |amount: super::Amount| decimal(amount.0, USD_DECIMALS);
        let tokens = |amounts: [super::Amount; 2]| {
            [0, 1].map(|side: usize| decimal(amounts[side].0, pair.tokens[side].decimals))
        };
        Self {
            window,
            n_swaps: totals.n_swaps,
            n_mints: totals.n_mints,
            n_burns: totals.n_burns,
            volumes: tokens([totals.volume0, totals.volume1]),
            volumes_usd: [totals.volume_usd0, totals.volume_usd1].map(dollars),
            volume_usd: dollars(totals.volume_usd),
            fees: tokens([totals.fee0, totals.fee1]),
            fee_usd: dollars(totals.fee_usd),
        }
    }
}

/// By token. All pairs have the same price of a token in an epoch.
fn held_by_token(reserves: &BTreeMap<Address, TotalReserves>) -> BTreeMap<Address, Held> {
    let mut held: BTreeMap<Address, Held> = BTreeMap::new();
    for pair in reserves.values() {
        let sides = [
            (pair.pair.token0, &pair.reserve0, &pair.price0, &pair.reserve_usd0),
            (pair.pair.token1, &pair.reserve1, &pair.price1, &pair.reserve_usd1),
        ];
        for (token, amounts, prices, dollars) in sides {
            let last = |column: &[super::Amount]| column.last().map(|amount| amount.0).unwrap_or_default();
            let sum = held.entry(token.0).or_default();
            sum.price = last(prices);
            sum.amount = sum.amount.saturating_add(last(amounts));
            sum.dollars = sum.dollars.saturating_add(last(dollars));
        }
    }
    held
}

fn sum_dollars(sum: U256, held: &Held) -> U256 {
    sum.saturating_add(held.dollars)
}

/// What swaps moved of each token, and dollars for it.
fn traded_by_token(pairs: &[PairRow], totals: &BTreeMap<Address, Totals>) -> BTreeMap<Address, (U256, U256)> {
    let mut traded: BTreeMap<Address, (U256, U256)> = BTreeMap::new();
    for (pair, totals) in pairs.iter().filter_map(|pair| Some((pair, totals.get(&pair.address)?))) {
        let sides = [(totals.volume0, totals.volume_usd0), (totals.volume1, totals.volume_usd1)];
        for (token, (volume, dollars)) in pair.tokens.iter().zip(sides) {
            let sum = traded.entry(token.address).or_default();
            *sum = (sum.0.saturating_add(volume.0), sum.1.saturating_add(dollars.0));
        }
    }
    traded
}

/// The sums of a pair that are about its token of this side, in order of names.
fn of_side(totals: &Totals, side: usize) -> [(&'static str, U256); 8] {
    let [burn, fee, mint, volume, volume_usd] = if side == 0 {
        [totals.burn0, totals.fee0, totals.mint0, totals.volume0, totals.volume_usd0]
    } else {
        [totals.burn1, totals.fee1, totals.mint1, totals.volume1, totals.volume_usd1]
    };
    [
        ("burn", burn.0),
        ("fee", fee.0),
        ("mint", mint.0),
        ("n_burns", U256::from(totals.n_burns)),
        ("n_mints", U256::from(totals.n_mints)),
        ("n_swaps", U256::from(totals.n_swaps)),
        ("volume", volume.0),
        ("volume_usd", volume_usd.0),
    ]
}

/// What `new` differs from `old` in percent of `old`, toward zero to six decimals; nothing if `old` is zero.
fn percent(old: U256, new: U256) -> Option<String> {
    let (sign, change) = if new < old { ("-", old - new) } else { ("", new - old) };
    let millionths = change.widening_mul::<256, 4, 512, 8>(U256::from(100_000_000)).checked_div(U512::from(old))?;
    // More than 256 bits of percent are cut to the most that there is.
    let millionths: U256 = millionths.saturating_to();
    Some(format!("{}{}", if millionths.is_zero() { "" } else { sign }, decimal(millionths, 6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: u64, new: u64, expected: Option<&str>) {
        assert_eq!(percent(U256::from(old), U256::from(new)).as_deref(), expected);
    }

    #[test]
    fn changes_are_relative_to_the_old_price() {
        check(100, 150, Some("50"));
        check(150, 100, Some("-33.333333"));
        check(100, 100, Some("0"));
        check(0, 100, None);
        check(100, 0, Some("-100"));
        check(1_000_000_000, 999_999_999, Some("0"));
        check(1_000_000_000, 999_999_990, Some("-0.000001"));
        assert_eq!(percent(U256::ONE, U256::MAX), Some(decimal(U256::MAX, 6)));
    }
}
