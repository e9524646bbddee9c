//! Windows, tokens, days and lists against a full count over the rows.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256};
use index::database::Database;
use index::kind::uniswap_v2::payload::{Amount, TotalReserves, Totals, TradeVolume};
use index::kind::uniswap_v2::query::{DAY, Filter, Query, decimal};
use index::rows::Value;
use proptest::prelude::*;

use crate::fixture::GENESIS_TIME;
use crate::world::{EPOCHS, SOURCE, n_epochs, world};

/// What every epoch has, without sums: read from the payloads' lists and from the events' rows.
pub(crate) struct Recount {
    /// By epoch, the time of its end.
    pub(crate) ends: Vec<u64>,
    /// By epoch and pair.
    pub(crate) totals: Vec<BTreeMap<Address, Totals>>,
    reserves: Vec<BTreeMap<Address, TotalReserves>>,
}

pub(crate) fn recount(database: &mut dyn Database) -> Recount {
    let ends = database.ask("SELECT end_timestamp FROM epoch ORDER BY id", &[]).unwrap();
    let ends: Vec<u64> = ends.iter().map(|row| row.count(0).unwrap()).collect();
    let mut totals = vec![BTreeMap::new(); ends.len()];
    let mut reserves = vec![BTreeMap::new(); ends.len()];
    let rows = database.ask("SELECT project, epoch, content FROM snapshot", &[]).unwrap();
    for row in rows.iter() {
        let epoch = usize::try_from(row.count(1).unwrap()).unwrap();
        if row.text(0).unwrap().ends_with("pair_total_reserves") {
            let payload: TotalReserves = serde_ipld_dagcbor::from_slice(row.blob(2).unwrap()).unwrap();
            reserves[epoch].insert(payload.pair.pair.0, payload);
            continue;
        }
        let payload: TradeVolume = serde_ipld_dagcbor::from_slice(row.blob(2).unwrap()).unwrap();
        let sum =
            |amounts: &mut dyn Iterator<Item = Amount>| Amount(amounts.fold(U256::ZERO, |sum, amount| sum + amount.0));
        let swaps = &payload.swaps;
        let mut counted = Totals {
            volume_usd0: sum(&mut swaps.iter().map(|swap| swap.usd0)),
            volume_usd1: sum(&mut swaps.iter().map(|swap| swap.usd1)),
            volume_usd: sum(&mut swaps.iter().map(|swap| swap.usd)),
            fee_usd: sum(&mut swaps.iter().map(|swap| swap.fee_usd)),
            mint_usd: sum(&mut payload.mints.iter().map(|change| change.usd)),
            burn_usd: sum(&mut payload.burns.iter().map(|change| change.usd)),
            ..Totals::default()
        };
        // Fees in units are rounded one by one, which a sum over rows below does again.
        counted.fee0 = Amount(swaps.iter().map(|swap| fee(swap.amount0_in.0)).sum());
        counted.fee1 = Amount(swaps.iter().map(|swap| fee(swap.amount1_in.0)).sum());
        totals[epoch].insert(payload.pair.pair.0, counted);
    }
    count_rows(database, &mut totals);
    Recount { ends, totals, reserves }
}

/// Three thousandths, half to even.
fn fee(amount: U256) -> U256 {
    let [thousand, three] = [1_000, 3].map(U256::from);
    let (down, rest) = (amount * three / thousand, amount * three % thousand);
    let half = U256::from(500);
    down + U256::from(u8::from(rest > half || (rest == half && down.bit(0))))
}

/// What the rows of events say without any payload.
fn count_rows(database: &mut dyn Database, totals: &mut [BTreeMap<Address, Totals>]) {
    for (table, columns) in [
        ("swap", "amount0_in, amount1_in, amount0_out, amount1_out"),
        ("mint", "amount0, amount1"),
        ("burn", "amount0, amount1"),
    ] {
        let rows = database.ask(&format!("SELECT block, contract, {columns} FROM uni_v2_{table}"), &[]).unwrap();
        for row in rows.iter() {
            let epoch = usize::try_from(row.count(0).unwrap() / EPOCHS.size).unwrap();
            let Some(of_epoch) = totals.get_mut(epoch) else { continue };
            let sums = of_epoch.get_mut(&row.address(1).unwrap()).unwrap();
            let amount = |i: usize| row.amount(i).unwrap();
            match table {
                "swap" => {
                    sums.n_swaps += 1;
                    sums.volume0.0 += amount(2).abs_diff(amount(4));
                    sums.volume1.0 += amount(3).abs_diff(amount(5));
                }
                "mint" => {
                    sums.n_mints += 1;
                    sums.mint0.0 += amount(2);
                    sums.mint1.0 += amount(3);
                }
                _ => {
                    sums.n_burns += 1;
                    sums.burn0.0 += amount(2);
                    sums.burn1.0 += amount(3);
                }
            }
        }
    }
}

impl Recount {
    /// Sums over the epochs up to `last` that end in the `seconds` before its end.
    fn window(&self, last: usize, seconds: u64) -> BTreeMap<Address, Totals> {
        let mut sums: BTreeMap<Address, Totals> = BTreeMap::new();
        for epoch in (0..=last).filter(|epoch| self.ends[*epoch] + seconds >= self.ends[last]) {
            for (pair, totals) in &self.totals[epoch] {
                let sum = sums.entry(*pair).or_default();
                *sum = sum.plus(totals);
            }
        }
        sums
    }
}

#[test]
fn windows_are_what_a_recount_gives() {
    let mut database = world().database();
    let recount = recount(&mut database);
    let n_epochs = n_epochs(EPOCHS, world().head);
    assert_eq!(recount.ends.len() as u64, n_epochs);
    let mut query = Query::new(&mut database, SOURCE);
    let newest = query.newest().unwrap().unwrap();
    assert_eq!((newest.epoch, newest.timestamp), (n_epochs - 1, *recount.ends.last().unwrap()));
    let seconds = prop_oneof![Just(0), Just(119), Just(120), Just(DAY), Just(u64::MAX / 2), 0_u64..40_000];
    let query = std::cell::RefCell::new(query);
    proptest!(ProptestConfig::with_cases(64), |(last in 0..n_epochs, seconds in seconds)| {
        let mut query = query.borrow_mut();
        let end = query.epoch(last).unwrap().unwrap();
        let window = query.window(end, seconds).unwrap();
        prop_assert_eq!(window.last, end);
        let expected = recount.window(usize::try_from(last).unwrap(), seconds);
        // A pair that was made later is in neither.
        prop_assert_eq!(query.totals(window).unwrap(), expected);
    });
    let mut query = query.into_inner();
    let between = |query: &mut Query<'_>, from, to| {
        query.between(from, to).unwrap().map(|window| (window.first.epoch, window.last.epoch))
    };
    let [first, second] = [recount.ends[0], recount.ends[1]];
    assert_eq!(between(&mut query, 0, u64::MAX), Some((0, n_epochs - 1)));
    assert_eq!(between(&mut query, first, first), Some((0, 0)));
    assert_eq!(between(&mut query, first + 1, second), Some((1, 1)));
    assert_eq!(between(&mut query, first + 1, second - 1), None);
    assert_eq!(between(&mut query, newest.timestamp + 1, u64::MAX), None);
    assert_eq!(query.epoch_of(1_009).unwrap().unwrap().epoch, 100);
    assert_eq!(query.epoch_of(u64::MAX).unwrap(), None);
    check_days(&mut query, &recount);
}

/// Blocks that come ten times slower, so that 24 hours are a part of the chain.
#[test]
fn tokens_are_what_a_recount_gives() {
    let mut database = world().copy();
    let sql = "UPDATE epoch SET end_timestamp = ?1 + (end_timestamp - ?1) * 10";
    database.run(sql, &[Value::count(GENESIS_TIME)]).unwrap();
    let recount = recount(&mut database);
    let mut query = Query::new(&mut database, SOURCE);
    check_tokens(&mut query, &recount, 233, Some(233 - 73));
    check_tokens(&mut query, &recount, 90, Some(90 - 73));
    check_tokens(&mut query, &recount, 60, None);
    let newest = query.newest().unwrap().unwrap();
    let stats = query.pair_stats(newest).unwrap();
    assert_eq!(stats[0].last_24h.window.first.epoch, 233 - 72);
    assert_eq!(stats[0].last_7d.window.first.epoch, 0);
    let day = &recount.window(233, DAY)[&stats[0].pair.address];
    assert_eq!(stats[0].last_24h.n_swaps, day.n_swaps);
    assert_eq!(stats[0].last_24h.fees, [decimal(day.fee0.0, 18), decimal(day.fee1.0, 18)]);
    assert!(stats[0].last_7d.n_swaps > day.n_swaps);
}

/// Tokens at the end of epoch `at`; 24 hours before it was the end of epoch `old`, if there was one.
fn check_tokens(query: &mut Query<'_>, recount: &Recount, at: usize, old: Option<usize>) {
    let end = query.epoch(at as u64).unwrap().unwrap();
    let stats = query.token_stats(end).unwrap();
    assert_eq!(stats.len(), 12);
    let (pairs, sums) = (query.pairs().unwrap(), recount.window(at, DAY));
    for token in &stats {
        let address = token.token.address;
        let (mut amount, mut usd, mut volume, mut volume_usd) = (U256::ZERO, U256::ZERO, U256::ZERO, U256::ZERO);
        let (mut price, mut old_price) = (U256::ZERO, None);
        for pair in pairs.iter().filter(|pair| pair.tokens.iter().any(|other| other.address == address)) {
            let is_first = pair.tokens[0].address == address;
            let (held, traded) = (&recount.reserves[at][&pair.address], &sums[&pair.address]);
            let side = |first: &[Amount], second: &[Amount]| if is_first { first[9].0 } else { second[9].0 };
            amount += side(&held.reserve0, &held.reserve1);
            usd += side(&held.reserve_usd0, &held.reserve_usd1);
            volume += if is_first { traded.volume0.0 } else { traded.volume1.0 };
            volume_usd += if is_first { traded.volume_usd0.0 } else { traded.volume_usd1.0 };
            price = side(&held.price0, &held.price1);
            let earlier = old.map(|old| &recount.reserves[old][&pair.address]);
            old_price = earlier.map(|held| side(&held.price0, &held.price1)).filter(|price| !price.is_zero());
        }
        let decimals = token.token.decimals;
        let expected =
            [decimal(amount, decimals), decimal(volume, decimals), decimal(usd, 18), decimal(volume_usd, 18)];
        let found = [&token.liquidity, &token.volume_24h, &token.liquidity_usd, &token.volume_usd_24h];
        assert_eq!(found, expected.each_ref());
        assert_eq!(token.price_usd, decimal(price, 18));
        let change: Option<f64> = token.price_change_24h.as_ref().map(|change| change.parse().unwrap());
        match (change, old_price) {
            (Some(change), Some(old)) => {
                let [old, new] = [old, price].map(|price| price.to_string().parse::<f64>().unwrap());
                assert!((change - (new - old) / old * 100.0).abs() < 1e-5, "{token:?}");
            }
            (change, old) => assert_eq!((change, old), (None, None)),
        }
    }
    assert_eq!(stats.iter().any(|token| token.price_change_24h.is_some()), old.is_some());
}

fn check_days(query: &mut Query<'_>, recount: &Recount) {
    let newest = query.newest().unwrap().unwrap();
    let days = query.daily(newest, 7).unwrap();
    // The chain begins at 22:13 UTC and goes on for 7 hours and 48 minutes.
    assert_eq!(days.len(), 2);
    assert_eq!(days[0].window.first.epoch, days[1].window.last.epoch + 1);
    for day in &days {
        let epochs = usize::try_from(day.window.first.epoch).unwrap()..=usize::try_from(day.window.last.epoch).unwrap();
        let in_day = |end: &u64| (day.day..day.day + DAY).contains(end);
        assert_eq!(recount.ends.iter().filter(|end| in_day(end)).count(), epochs.clone().count());
        let totals = epochs.flat_map(|epoch| recount.totals[epoch].values());
        let totals = totals.fold(Totals::default(), |sum, totals| sum.plus(totals));
        assert_eq!(day.n_swaps, totals.n_swaps);
        assert_eq!(day.volume_usd, decimal(totals.volume_usd.0, 18));
        assert_eq!(day.fee_usd, decimal(totals.fee_usd.0, 18));
    }
    assert_eq!(days.iter().map(|day| day.n_swaps).sum::<u64>(), 51_215);
}

#[test]
fn pairs_are_told_in_the_form_of_pooler() {
    let world = world();
    let mut database = world.copy();
    database
        .run(
            "INSERT INTO dag SELECT project, epoch, 'cid ' || epoch, content FROM snapshot WHERE epoch IN (0, 233)",
            &[],
        )
        .unwrap();
    let mut query = Query::new(&mut database, SOURCE);
    let newest = query.newest().unwrap().unwrap();
    let stats = query.pair_stats(newest).unwrap();
    let rows = query.liquidity_processed(&stats).unwrap();
    assert_eq!((stats.len(), rows.len()), (16, 16));
    let row = serde_json::to_value(&rows[0]).unwrap();
    assert_eq!(row["contractAddress"], format!("{:#x}", world.pair(["DAI", "WETH"])));
    assert_eq!(row["name"], "DAI-WETH");
    assert_eq!(row["token0Liquidity"], "5102647.452693157117042189");
    assert_eq!(row["token1Liquidity"], "3624.567160882181830851");
    assert_eq!(row["token1TradeVolumeUSD_7d"], stats[0].last_7d.volumes_usd[1]);
    assert_eq!(row["cid_volume_24h"]["head_block_cid"], "cid 233");
    assert_eq!(row["block_height"], 2_339);
    let keys = row.as_object().unwrap().len();
    assert_eq!(keys, 22, "as many as in Pooler's liquidityProcessedData");
}

#[test]
fn newest_trades_come_first_and_page_by_page() {
    let world = world();
    let mut database = world.database();
    let mut query = Query::new(&mut database, SOURCE);
    for filter in [Filter::All, Filter::Pair(world.pair(["FFF", "USDT"])), Filter::Token(world.token("AAA"))] {
        let whole = query.transactions(filter, None, 90).unwrap();
        assert_eq!(whole.len(), 90);
        assert!(whole.is_sorted_by(|a, b| (a.block, a.idx) > (b.block, b.idx)));
        let (mut pages, mut before) = (Vec::new(), None);
        for _ in 0..3 {
            let page = query.transactions(filter, before, 30).unwrap();
            before = page.last().map(|trade| (trade.block, trade.idx));
            pages.extend(page);
        }
        assert_eq!(pages, whole);
    }
    let pair = world.pair(["DAI", "WETH"]);
    let all = query.transactions(Filter::Pair(pair), None, usize::MAX).unwrap();
    let count = |kind: &str| all.iter().filter(|trade| trade.kind == kind).count();
    assert_eq!([count("swap"), count("mint"), count("burn")], [3_171, 50, 45]);
    let trade = all.iter().find(|trade| (trade.block, trade.idx) == (1_001, 3)).unwrap();
    assert_eq!(trade.amounts_in, ["0", "3.785953484908526584"]);
    assert_eq!(trade.amounts_out, ["6859.497266675562554767", "0"]);
    assert_eq!(trade.timestamp, 1_700_012_012);
    assert!(all.iter().all(|trade| trade.usd.is_some()), "all blocks with trades are in epochs");
    assert!(query.transactions(Filter::Pair(Address::ZERO), None, 10).unwrap().is_empty());
    assert!(query.transactions(Filter::All, Some((0, 0)), 10).unwrap().is_empty());
}
