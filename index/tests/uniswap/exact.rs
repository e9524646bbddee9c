//! Snapshots against a second computation: the chain's rows are played in order, prices are those of whole tokens, as
//! fractions of decimals, and nothing is shared with the first.

use std::collections::{BTreeMap, HashMap};

use alloy::primitives::{Address, U256, Uint};
use index::content;
use index::database::Database;
use index::epoch::Epoch;
use index::kind::Kind;
use index::kind::uniswap_v2::payload::{Amount, TotalReserves, TradeVolume};
use index::kind::uniswap_v2::{UniswapV2, project};
use index::rows::Value;
use ipld_core::ipld::Ipld;

use crate::world::{EPOCHS, SOURCE, World, epoch, n_epochs, world};

type Big = Uint<2048, 32>;
type State = HashMap<Address, [U256; 2]>;

/// A number as numerator and denominator.
#[derive(Clone, Copy, Debug)]
struct Rational(Big, Big);

impl Rational {
    fn of(amount: U256, decimals: u8) -> Self {
        Self(Big::from(amount), Big::from(10).pow(Big::from(decimals)))
    }

    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.1)
    }

    fn over(self, other: Self) -> Self {
        Self(self.0 * other.1, self.1 * other.0)
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }

    /// With 18 decimals, half to even.
    fn fixed(self) -> U256 {
        let scaled = self.0 * Big::from(10).pow(Big::from(18));
        let down = scaled / self.1;
        let twice = (scaled - down * self.1) * Big::from(2);
        let is_odd = down % Big::from(2) == Big::ONE;
        let up = twice > self.1 || (twice == self.1 && is_odd);
        (down + if up { Big::ONE } else { Big::ZERO }).to()
    }
}

struct Oracle<'a> {
    world: &'a World,
    /// Tokens of a pair.
    pairs: BTreeMap<Address, [Address; 2]>,
    decimals: HashMap<Address, u8>,
}

impl Oracle<'_> {
    fn amount(&self, token: Address, amount: U256) -> Rational {
        Rational::of(amount, self.decimals[&token])
    }

    /// What a pair of two tokens holds of each, in whole tokens; nothing if one of them is none.
    fn held(&self, state: &State, a: Address, b: Address) -> Option<[Rational; 2]> {
        let (pair, tokens) = self.pairs.iter().find(|(_, tokens)| tokens.contains(&a) && tokens.contains(&b))?;
        let mut held = *state.get(pair)?;
        if tokens[0] != a {
            held.reverse();
        }
        held.iter().all(|held| !held.is_zero()).then(|| [self.amount(a, held[0]), self.amount(b, held[1])])
    }

    fn ether(&self, state: &State) -> Option<Rational> {
        let weth = self.world.token("WETH");
        let stables = ["DAI", "USDC", "USDT"].map(|symbol| self.world.token(symbol));
        let held: Vec<_> = stables.iter().filter_map(|stable| self.held(state, *stable, weth)).collect();
        let sum = |side: usize| held.iter().map(|held| held[side]).reduce(Rational::plus);
        Some(sum(0)?.over(sum(1)?))
    }

    /// Ether for a token by a whitelisted one, and what is there of that, in Ether.
    fn by(&self, state: &State, token: Address, white: Address) -> Option<[Rational; 2]> {
        let weth = self.world.token("WETH");
        let [held, white_held] = self.held(state, token, white)?;
        let derived = if white == weth {
            Rational(Big::ONE, Big::ONE)
        } else {
            let [white_there, ether] = self.held(state, white, weth)?;
            ether.over(white_there)
        };
        Some([white_held.over(held).times(derived), white_held.times(derived)])
    }

    /// The whitelisted token that prices a token over an epoch, whose blocks end like this.
    fn white(&self, ends: &[State], token: Address) -> Option<Address> {
        let whites = ["WETH", "DAI", "USDC", "USDT"].map(|symbol| self.world.token(symbol));
        let is_deep = |state: &State, white: Address| {
            self.by(state, token, white).is_some_and(|[_, Rational(numerator, denominator)]| numerator >= denominator)
        };
        whites.into_iter().find(|white| *white != token && ends.iter().all(|state| is_deep(state, *white)))
    }

    /// Dollars for a whole token.
    fn price(&self, state: &State, ends: &[State], token: Address) -> Option<Rational> {
        let ether = self.ether(state)?;
        if token == self.world.token("WETH") {
            return Some(ether);
        }
        let [in_ether, _] = self.by(state, token, self.white(ends, token)?)?;
        Some(in_ether.times(ether))
    }

    fn dollars(&self, state: &State, ends: &[State], token: Address, amount: U256) -> Option<Rational> {
        Some(self.amount(token, amount).times(self.price(state, ends, token)?))
    }

    fn check_reserves(&self, ends: &[State], found: &TotalReserves) {
        let pair = found.pair.pair.0;
        let columns = [
            (&found.reserve0, &found.price0, &found.reserve_usd0),
            (&found.reserve1, &found.price1, &found.reserve_usd1),
        ];
        for (i, state) in ends.iter().enumerate() {
            let held = state.get(&pair).copied().unwrap_or_default();
            for (side, (reserves, prices, dollars)) in columns.iter().enumerate() {
                let token = self.pairs[&pair][side];
                let fixed = |rational: Option<Rational>| Amount(rational.map(Rational::fixed).unwrap_or_default());
                assert_eq!(reserves[i], Amount(held[side]));
                assert_eq!(prices[i], fixed(self.price(state, ends, token)));
                assert_eq!(dollars[i], fixed(self.dollars(state, ends, token, held[side])));
            }
        }
        assert_eq!(columns.map(|(a, b, c)| [a.len(), b.len(), c.len()]), [[ends.len(); 3]; 2]);
    }

    /// Plays the epoch's logs from `state` on, and checks each trade where it is met.
    fn check_trades(&self, mut state: State, ends: &[State], rows: &[Log], found: &BTreeMap<Address, TradeVolume>) {
        let mut places: BTreeMap<Address, [usize; 3]> = BTreeMap::new();
        let mut sums: BTreeMap<Address, [U256; 8]> = BTreeMap::new();
        for log in rows {
            if log.table == "sync" {
                state.insert(log.pair, [log.amounts[0], log.amounts[1]]);
                continue;
            }
            let (tokens, volume) = (self.pairs[&log.pair], &found[&log.pair]);
            let usd = |side: usize, amount: U256| self.dollars(&state, ends, tokens[side], amount);
            let fixed = |rational: Option<Rational>| rational.map(Rational::fixed).unwrap_or_default();
            let [swaps, mints, burns] = places.entry(log.pair).or_default();
            if log.table == "swap" {
                let [in0, in1, out0, out1] = log.amounts[..] else { panic!("a swap has four amounts") };
                let swap = &volume.swaps[*swaps];
                *swaps += 1;
                assert_eq!((swap.block, swap.idx), (log.block, log.idx));
                let moved = [in0.max(out0) - in0.min(out0), in1.max(out1) - in1.min(out1)];
                let sides = [fixed(usd(0, moved[0])), fixed(usd(1, moved[1]))];
                let (brought, amount) = if in0.is_zero() { (1, in1) } else { (0, in0) };
                let fee = usd(brought, amount).map(|usd| Rational(usd.0 * Big::from(3), usd.1 * Big::from(1_000)));
                let whole = sides[0].max(sides[1]);
                let fee = fee.unwrap_or(Rational(
                    Big::from(whole) * Big::from(3),
                    Big::from(1_000) * Big::from(10).pow(Big::from(18)),
                ));
                let expected = [sides[0], sides[1], whole, fee.fixed()];
                assert_eq!([swap.usd0, swap.usd1, swap.usd, swap.fee_usd], expected.map(Amount), "{swap:?}");
                let fee_units = |amount: U256| {
                    Rational(Big::from(amount) * Big::from(3), Big::from(1_000) * Big::from(10).pow(Big::from(18)))
                        .fixed()
                };
                let added = [
                    moved[0],
                    moved[1],
                    expected[0],
                    expected[1],
                    expected[2],
                    fee_units(in0),
                    fee_units(in1),
                    expected[3],
                ];
                let sum = sums.entry(log.pair).or_default();
                sum.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
                continue;
            }
            let (list, place) = if log.table == "mint" { (&volume.mints, mints) } else { (&volume.burns, burns) };
            let change = &list[*place];
            *place += 1;
            assert_eq!((change.block, change.idx), (log.block, log.idx));
            assert_eq!([change.amount0, change.amount1], [Amount(log.amounts[0]), Amount(log.amounts[1])]);
            assert_eq!(change.usd.0, fixed(usd(0, log.amounts[0])) + fixed(usd(1, log.amounts[1])));
        }
        for (pair, volume) in found {
            let counts = [volume.swaps.len(), volume.mints.len(), volume.burns.len()];
            assert_eq!(counts, places.get(pair).copied().unwrap_or_default());
            let totals = volume.totals;
            assert_eq!([totals.n_swaps, totals.n_mints, totals.n_burns], counts.map(|count| count as u64));
            let found = [
                totals.volume0,
                totals.volume1,
                totals.volume_usd0,
                totals.volume_usd1,
                totals.volume_usd,
                totals.fee0,
                totals.fee1,
                totals.fee_usd,
            ];
            assert_eq!(found, sums.get(pair).copied().unwrap_or_default().map(Amount));
        }
    }
}

struct Log {
    table: &'static str,
    block: u64,
    idx: u64,
    pair: Address,
    amounts: Vec<U256>,
}

/// All events of pairs, in order.
fn all_logs(database: &mut dyn Database) -> Vec<Log> {
    let tables = [
        ("sync", "reserve0, reserve1"),
        ("swap", "amount0_in, amount1_in, amount0_out, amount1_out"),
        ("mint", "amount0, amount1"),
        ("burn", "amount0, amount1"),
    ];
    let mut logs = Vec::new();
    for (table, columns) in tables {
        let rows = database.ask(&format!("SELECT block, idx, contract, {columns} FROM uni_v2_{table}"), &[]).unwrap();
        logs.extend(rows.iter().map(|row| Log {
            table,
            block: row.count(0).unwrap(),
            idx: row.count(1).unwrap(),
            pair: row.address(2).unwrap(),
            amounts: (3..rows.n_columns()).map(|i| row.amount(i).unwrap()).collect(),
        }));
    }
    logs.sort_by_key(|log| (log.block, log.idx));
    logs
}

fn oracle<'a>(world: &'a World, database: &mut dyn Database) -> Oracle<'a> {
    let pairs = database.ask("SELECT address, token0, token1 FROM uni_v2_pair", &[]).unwrap();
    let tokens = database.ask("SELECT address, decimals FROM uni_v2_token", &[]).unwrap();
    let pair =
        |row: index::rows::Row<'_>| (row.address(0).unwrap(), [row.address(1).unwrap(), row.address(2).unwrap()]);
    let token = |row: index::rows::Row<'_>| (row.address(0).unwrap(), u8::try_from(row.count(1).unwrap()).unwrap());
    Oracle { world, pairs: pairs.iter().map(pair).collect(), decimals: tokens.iter().map(token).collect() }
}

/// The epochs that are computed a second time: those in which pairs are made, and some of all the rest.
const EPOCHS_CHECKED: [u64; 13] = [0, 1, 2, 3, 4, 5, 6, 77, 100, 151, 220, 224, 230];

#[test]
fn snapshots_are_what_a_second_computation_gives() {
    let world = world();
    let mut database = world.database();
    let oracle = oracle(world, &mut database);
    let logs = all_logs(&mut database);
    let mut kind = UniswapV2::new(SOURCE, 0, world.config.clone()).unwrap();
    let (mut state, mut next) = (State::new(), 0);
    for id in EPOCHS_CHECKED {
        let epoch = epoch(&mut database, EPOCHS, id);
        while let Some(log) = logs.get(next).filter(|log| log.block < epoch.blocks.first) {
            if log.table == "sync" {
                state.insert(log.pair, [log.amounts[0], log.amounts[1]]);
            }
            next += 1;
        }
        let n_logs = logs[next..].partition_point(|log| log.block <= epoch.blocks.last);
        let rows = &logs[next..next + n_logs];
        let end_of = |block: u64| {
            let mut state = state.clone();
            let syncs = rows.iter().filter(|log| log.block <= block && log.table == "sync");
            state.extend(syncs.map(|log| (log.pair, [log.amounts[0], log.amounts[1]])));
            state
        };
        let ends: Vec<State> = (epoch.blocks.first..=epoch.blocks.last).map(end_of).collect();
        let mut volumes = BTreeMap::new();
        for [reserves, volume] in snapshots(&mut kind, &mut database, &epoch) {
            oracle.check_reserves(&ends, &serde_ipld_dagcbor::from_slice(&reserves).unwrap());
            let volume: TradeVolume = serde_ipld_dagcbor::from_slice(&volume).unwrap();
            volumes.insert(volume.pair.pair.0, volume);
        }
        oracle.check_trades(state.clone(), &ends, rows, &volumes);
    }
}

/// The payloads of each pair, which are canonical and those that were stored when all epochs were taken in order.
fn snapshots(kind: &mut UniswapV2, database: &mut dyn Database, epoch: &Epoch) -> Vec<[Vec<u8>; 2]> {
    let snapshots = kind.snapshots(database, epoch).unwrap();
    assert!(snapshots.is_sorted_by(|a, b| a.project < b.project));
    for snapshot in &snapshots {
        let ipld: Ipld = serde_ipld_dagcbor::from_slice(&snapshot.bytes).unwrap();
        assert_eq!(serde_ipld_dagcbor::to_vec(&ipld).unwrap(), snapshot.bytes);
        assert_eq!(snapshot.cid, content::cid(content::DAG_CBOR, &snapshot.bytes));
        let sql = "SELECT content FROM snapshot WHERE project = ?1 AND epoch = ?2";
        let stored = database.ask(sql, &[Value::Text(&snapshot.project), Value::count(epoch.id)]).unwrap();
        assert_eq!(stored.first().unwrap().blob(0).unwrap(), snapshot.bytes, "{}", snapshot.project);
    }
    snapshots.chunks_exact(2).map(|two| [two[0].bytes.clone(), two[1].bytes.clone()]).collect()
}

#[test]
fn prices_follow_the_rule_of_the_whitelist() {
    let world = world();
    let mut database = world.database();
    let mut last = |symbols: [&str; 2]| {
        let name = project(SOURCE, world.pair(symbols), "pair_total_reserves");
        let sql = "SELECT content FROM snapshot WHERE project = ?1 AND epoch = ?2";
        let values = [Value::Text(&name), Value::count(n_epochs(EPOCHS, world.head) - 1)];
        let rows = database.ask(sql, &values).unwrap();
        serde_ipld_dagcbor::from_slice::<TotalReserves>(rows.first().unwrap().blob(0).unwrap()).unwrap()
    };
    let price = |payload: &TotalReserves, symbol: &str| {
        let column = if payload.pair.token0.0 == world.token(symbol) { &payload.price0 } else { &payload.price1 };
        column.last().unwrap().0
    };
    let (by_weth, by_usdt) = (last(["FFF", "WETH"]), last(["FFF", "USDT"]));
    assert_eq!(price(&by_weth, "FFF"), price(&by_usdt, "FFF"), "one token has one price");
    // The pair with wrapped Ether holds less than one, so that USDT prices the token: reserves times prices are equal.
    let sides = [&by_usdt.reserve_usd0, &by_usdt.reserve_usd1].map(|column| column.last().unwrap().0);
    assert!(sides[0].abs_diff(sides[1]) <= U256::ONE, "{sides:?}");
    let sides = [&by_weth.reserve_usd0, &by_weth.reserve_usd1].map(|column| column.last().unwrap().0);
    assert!(sides[0].abs_diff(sides[1]) > sides[0] / U256::from(1_000), "{sides:?}");
    assert_eq!(price(&last(["TINY", "WETH"]), "TINY"), U256::ZERO, "half an Ether is too little");
    assert_eq!(price(&last(["ORPH", "AAA"]), "ORPH"), U256::ZERO, "no whitelisted token has a pair with it");
    assert!(price(&last(["ORPH", "AAA"]), "AAA") > U256::ZERO);
}
