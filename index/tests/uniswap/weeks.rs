//! Windows of a day, of seven days and of any length, of pairs and of tokens, against a full recount. Blocks come so slowly
//! that seven days are a part of the chain.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256};
use index::database::Database;
use index::kind::uniswap_v2::payload::Totals;
use index::kind::uniswap_v2::project;
use index::kind::uniswap_v2::query::{DAY, PairRow, Query, Traded, WEEK, decimal};
use index::rows::Value;
use index::windows::{self, Window};

use crate::fixture::GENESIS_TIME;
use crate::twin::Twin;
use crate::windows::{Recount, recount};
use crate::world::{SOURCE, world};

/// An epoch takes 4,800 seconds and not 120, and the chain thirteen days.
const SLOWER: u64 = 40;

fn slow() -> Twin {
    let mut database = world().copy();
    let sql = "UPDATE epoch SET end_timestamp = ?1 + (end_timestamp - ?1) * ?2";
    database.run(sql, &[Value::count(GENESIS_TIME), Value::count(SLOWER)]).unwrap();
    database
}

/// The epochs up to `to` that end in the `seconds` before its end.
fn within(recount: &Recount, to: usize, seconds: u64) -> Window {
    let from = recount.ends.iter().position(|end| end + seconds >= recount.ends[to]).unwrap();
    Window { from: from as u64, to: to as u64 }
}

/// By pair, what all epochs of a window have, added up one by one.
fn added(recount: &Recount, window: Window) -> BTreeMap<Address, Totals> {
    let range = usize::try_from(window.from).unwrap()..=usize::try_from(window.to).unwrap();
    let mut sums: BTreeMap<Address, Totals> = BTreeMap::new();
    for (pair, totals) in recount.totals[range].iter().flatten() {
        let sum = sums.entry(*pair).or_default();
        *sum = sum.plus(totals);
    }
    sums
}

type Named = BTreeMap<String, U256>;

/// By token, over its sides of all its pairs.
fn of_tokens(pairs: &[PairRow], sums: &BTreeMap<Address, Totals>) -> BTreeMap<Address, Named> {
    let mut tokens: BTreeMap<Address, Named> = BTreeMap::new();
    for (pair, totals) in pairs.iter().filter_map(|pair| Some((pair, sums.get(&pair.address)?))) {
        let sides = [
            [totals.volume0, totals.volume_usd0, totals.fee0, totals.mint0, totals.burn0],
            [totals.volume1, totals.volume_usd1, totals.fee1, totals.mint1, totals.burn1],
        ];
        let counts = [("n_swaps", totals.n_swaps), ("n_mints", totals.n_mints), ("n_burns", totals.n_burns)];
        for (token, side) in pair.tokens.iter().zip(sides) {
            let amounts = ["volume", "volume_usd", "fee", "mint", "burn"].into_iter().zip(side.map(|amount| amount.0));
            let counts = counts.iter().map(|(name, count)| (*name, U256::from(*count)));
            let named = tokens.entry(token.address).or_default();
            amounts.chain(counts).for_each(|(name, more)| *named.entry(name.to_owned()).or_default() += more);
        }
    }
    tokens
}

#[track_caller]
fn check_traded(found: &Traded, pair: &PairRow, sum: &Totals, window: Window) {
    assert_eq!((found.window.first.epoch, found.window.last.epoch), (window.from, window.to));
    assert_eq!([found.n_swaps, found.n_mints, found.n_burns], [sum.n_swaps, sum.n_mints, sum.n_burns]);
    let tokens = |amounts: [U256; 2]| [0, 1].map(|side: usize| decimal(amounts[side], pair.tokens[side].decimals));
    assert_eq!(found.volumes, tokens([sum.volume0.0, sum.volume1.0]));
    assert_eq!(found.fees, tokens([sum.fee0.0, sum.fee1.0]));
    assert_eq!(found.volumes_usd, [sum.volume_usd0.0, sum.volume_usd1.0].map(|usd| decimal(usd, 18)));
    assert_eq!(
        [&found.volume_usd, &found.fee_usd],
        [sum.volume_usd.0, sum.fee_usd.0].map(|usd| decimal(usd, 18)).each_ref()
    );
}

#[test]
fn a_day_and_seven_days_are_what_a_recount_gives() {
    let mut database = slow();
    let recount = recount(&mut database);
    let mut query = Query::new(&mut database, SOURCE);
    let pairs = query.pairs().unwrap();
    for (at, first_of_week) in [(233, 107), (180, 54), (127, 1), (126, 0), (60, 0)] {
        let [day, week] = [DAY, WEEK].map(|seconds| within(&recount, at, seconds));
        assert_eq!([day.from, week.from], [at as u64 - 18, first_of_week]);
        let end = query.epoch(at as u64).unwrap().unwrap();
        let sums = [day, week].map(|window| added(&recount, window));
        let stats = query.pair_stats(end).unwrap();
        assert_eq!(stats.len(), 16);
        for stats in &stats {
            let [day_sum, week_sum] = sums.each_ref().map(|sums| &sums[&stats.pair.address]);
            check_traded(&stats.last_24h, &stats.pair, day_sum, day);
            check_traded(&stats.last_7d, &stats.pair, week_sum, week);
        }
        let [of_day, of_week] = sums.map(|sums| of_tokens(&pairs, &sums));
        let stats = query.token_stats(end).unwrap();
        assert_eq!(stats.len(), 12);
        for stats in &stats {
            let (address, decimals) = (stats.token.address, stats.token.decimals);
            for (named, volume, usd) in [
                (&of_day[&address], &stats.volume_24h, &stats.volume_usd_24h),
                (&of_week[&address], &stats.volume_7d, &stats.volume_usd_7d),
            ] {
                let expected = [decimal(named["volume"], decimals), decimal(named["volume_usd"], 18)];
                assert_eq!([volume, usd], expected.each_ref(), "{} at {at}", stats.token.symbol);
            }
        }
    }
    // The seven days are neither the day nor all.
    let [day, week, all] = [DAY, WEEK, u64::MAX / 2].map(|seconds| added(&recount, within(&recount, 233, seconds)));
    for (pair, week) in week {
        assert!(day[&pair].n_swaps < week.n_swaps && week.n_swaps < all[&pair].n_swaps, "{pair}");
    }
}

#[test]
fn any_window_is_what_a_recount_gives() {
    let mut database = slow();
    let recount = recount(&mut database);
    let pairs = Query::new(&mut database, SOURCE).pairs().unwrap();
    let times = [4_799, DAY, 3 * DAY + 1, WEEK, u64::MAX / 2];
    for (to, seconds) in [59, 126, 233].into_iter().flat_map(|to| times.map(|seconds| (to, seconds))) {
        let window = windows::ending_at(&mut database, to as u64, seconds).unwrap();
        assert_eq!(window, within(&recount, to, seconds), "{seconds} seconds");
        let sums = added(&recount, window);
        for (pair, sum) in &sums {
            let found = windows::sums(&mut database, &project(SOURCE, *pair, "trade_volume"), window).unwrap();
            let expected: Vec<_> = sum.named().map(|(name, amount)| (name.to_owned(), amount)).into();
            assert_eq!(found, expected, "{pair} over {window:?}");
        }
        let tokens = of_tokens(&pairs, &sums);
        assert!(!tokens.is_empty());
        for (token, named) in tokens {
            let found = windows::token_sums(&mut database, SOURCE, token, window).unwrap();
            assert!(found.is_sorted());
            assert_eq!(found.into_iter().collect::<Named>(), named, "{token} over {window:?}");
        }
    }
    let nobody = windows::token_sums(&mut database, SOURCE, Address::ZERO, Window { from: 0, to: 233 }).unwrap();
    assert_eq!(nobody, []);
    let early = windows::token_sums(&mut database, SOURCE, world().token("ORPH"), Window { from: 0, to: 0 }).unwrap();
    assert_eq!(early, [], "its pair is made later");
}
