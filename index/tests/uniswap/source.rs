//! The fixture, and how the source follows it: pairs, tokens, reserves, late starts and forks.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, Bytes, address};
use index::block::Blocks;
use index::database::{Database, transaction};
use index::epoch::Epochs;
use index::event::Emitter;
use index::kind::uniswap_v2::payload::TotalReserves;
use index::kind::uniswap_v2::{UniswapV2, project};
use index::kind::{Call, Kind, Reader};
use index::rows::Value;
use index::{Error, Result};

use crate::fixture::Fixture;
use crate::twin::Twin;
use crate::world::{EPOCHS, SOURCE, config, epoch, load, n_epochs, temporary, world};

#[test]
fn fixture_is_the_chain_of_the_golden_files() {
    let world = world();
    let mut database = world.database();
    let expected: Vec<(Address, [String; 2], [u64; 4])> = serde_json::from_str(include_str!("pairs.json")).unwrap();
    assert_eq!(world.token("WETH"), address!("e7f1725e7734ce288f8367e1bb143e90bb3f0512"));
    assert_eq!(world.token("ORPH"), address!("0b306bf915c4d645ff596e518faf3f9669b97016"));
    let pairs: Vec<Address> = world.pairs.iter().map(|(pair, _)| *pair).collect();
    assert_eq!(pairs, expected.iter().map(|(pair, ..)| *pair).collect::<Vec<_>>());
    let mut sums = [0; 4];
    for (pair, reserves, counts) in &expected {
        for (i, table) in ["sync", "swap", "mint", "burn"].into_iter().enumerate() {
            let sql = format!("SELECT count(*) FROM uni_v2_{table} WHERE contract = ?1");
            let rows = database.ask(&sql, &[Value::Blob(pair.as_slice())]).unwrap();
            assert_eq!(rows.first().unwrap().count(0).unwrap(), counts[i], "{table} of {pair}");
            sums[i] += counts[i];
        }
        let last = world.reserves.iter().rfind(|(of, block, _)| of == pair && *block == world.head).unwrap();
        assert_eq!(last.2.map(|reserve| reserve.to_string()), *reserves, "{pair}");
    }
    assert_eq!(sums, [52_816, 51_215, 819, 782]);
}

#[test]
fn reserves_are_those_that_the_pairs_tell() {
    let world = world();
    let mut database = world.database();
    let n_epochs = n_epochs(EPOCHS, world.head);
    let mut n_checked = 0;
    for (pair, block, expected) in &world.reserves {
        let id = EPOCHS.of(*block).unwrap();
        if id >= n_epochs {
            continue;
        }
        let name = project(SOURCE, *pair, "pair_total_reserves");
        let sql = "SELECT content FROM snapshot WHERE project = ?1 AND epoch = ?2";
        let rows = database.ask(sql, &[Value::Text(&name), Value::count(id)]).unwrap();
        let payload: TotalReserves = serde_ipld_dagcbor::from_slice(rows.first().unwrap().blob(0).unwrap()).unwrap();
        let i = usize::try_from(block % EPOCHS.size).unwrap();
        let found = [payload.reserve0[i].0, payload.reserve1[i].0];
        assert_eq!(found.map(|reserve| reserve.to::<u128>()), *expected, "{pair} at {block}");
        n_checked += 1;
    }
    assert!(n_checked >= 16 * 10, "{n_checked}");
}

#[test]
fn tokens_are_described() {
    let world = world();
    let mut database = world.database();
    let rows = database.ask("SELECT address, symbol, name, decimals FROM uni_v2_token", &[]).unwrap();
    assert_eq!(rows.len(), 12);
    let described = |symbol: &str| {
        let of = world.token(symbol);
        let row = rows.iter().find(|row| row.address(0).unwrap() == of).unwrap();
        (row.text(1).unwrap().to_owned(), row.text(2).unwrap().to_owned(), row.count(3).unwrap())
    };
    assert_eq!(described("WETH"), ("WETH".to_owned(), "Wrapped Ether".to_owned(), 18));
    assert_eq!(described("EEE"), ("EEE".to_owned(), "Token EEE".to_owned(), 0));
    assert_eq!(described("BBB"), ("BBB".to_owned(), "Token BBB".to_owned(), 8));
}

/// A source on a short chain, and all its snapshots from an epoch on.
struct Short {
    database: Twin,
    kind: UniswapV2,
}

const SHORT: Epochs = Epochs { genesis: 0, size: 7, offset: 0 };

impl Short {
    fn start(fixture: &Fixture, start_block: u64, pairs: Vec<Address>, n_blocks: u64) -> Self {
        let mut config = config(fixture);
        config.pairs = pairs;
        let mut kind = UniswapV2::new(SOURCE, start_block, config).unwrap();
        kind.open(fixture).unwrap();
        let mut database = Twin::open(&temporary("short"), crate::postgres::url().as_deref());
        load(fixture, &mut kind, &mut database, n_blocks);
        Self { database, kind }
    }

    fn cids(&mut self, ids: std::ops::Range<u64>) -> Vec<(String, String)> {
        let epochs: Vec<_> = ids.map(|id| epoch(&mut self.database, SHORT, id)).collect();
        let snapshots = epochs.iter().flat_map(|epoch| self.kind.snapshots(&mut self.database, epoch).unwrap());
        snapshots.map(|snapshot| (snapshot.project, snapshot.cid.to_string())).collect()
    }

    /// All rows that follow from the events.
    fn derived(&mut self) -> [index::rows::Rows; 2] {
        ["pair", "token"].map(|table| {
            self.database.ask(&format!("SELECT * FROM uni_v2_{table} ORDER BY block, address"), &[]).unwrap()
        })
    }
}

#[test]
fn nodes_agree_whenever_they_start_and_however_they_go() {
    let fixture = Fixture::start(40, 3, 8);
    let of = |symbols: [&str; 2]| fixture.pairs.iter().find(|pair| pair.symbols == symbols).unwrap().address;
    let named = vec![of(["FFF", "USDT"]), of(["ORPH", "AAA"]), of(["EEE", "DAI"])];
    // Late enough that all pairs are older; the first whole epoch after that.
    let start = fixture.setup_block + 3;
    let ids = start.div_ceil(SHORT.size)..n_epochs(SHORT, fixture.head);

    let mut early = Short::start(&fixture, 0, named.clone(), 50);
    let mut late = Short::start(&fixture, start, named.clone(), 13);
    let expected = early.cids(ids.clone());
    assert_eq!(expected.len() as u64, 2 * 3 * (ids.end - ids.start), "only the named pairs have projects");
    assert_eq!(late.cids(ids.clone()), expected, "what pairs held before the start was asked");

    // Backwards, so that nothing in memory helps.
    let mut backwards: Vec<_> = ids.clone().rev().map(|id| late.cids(id..id + 1)).collect();
    backwards.reverse();
    assert_eq!(backwards.concat(), expected);

    let mut all = Short::start(&fixture, 0, Vec::new(), 9);
    let is_named = |name: &str| named.iter().any(|pair| name.contains(&format!("{pair:#x}")));
    let mut of_all = all.cids(ids);
    of_all.retain(|(name, _)| is_named(name));
    assert_eq!(of_all, expected, "prices need no other pairs than those that are followed for them");
    check_forks(&mut all, fixture.head);
}

/// Taking rows back and deriving them again gives the same.
fn check_forks(short: &mut Short, head: u64) {
    let expected = short.derived();
    let before = short.cids(0..10);
    // In the middle of the blocks in which pairs are made.
    let fork = 30;
    for table in ["pair", "token"] {
        let sql = format!("DELETE FROM uni_v2_{table} WHERE block > ?1");
        assert!(short.database.run(&sql, &[Value::count(fork)]).unwrap() > 0);
    }
    short.kind.unwind(&mut short.database, fork).unwrap();
    struct Metadata<'a>(&'a [index::rows::Rows; 2]);
    // The tokens say again what they said.
    impl Reader for Metadata<'_> {
        fn read(&self, calls: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
            use alloy::sol_types::SolValue;
            let answer = |call: &Call| {
                let row = self.0[1].iter().find(|row| row.address(1).unwrap() == call.to)?;
                let text = |i| Some(row.text(i).unwrap().to_owned().abi_encode().into());
                match call.input[..] {
                    [0x95, 0xd8, 0x9b, 0x41] => text(2),
                    [0x06, 0xfd, 0xde, 0x03] => text(3),
                    _ => Some(alloy::primitives::U256::from(row.count(4).unwrap()).abi_encode().into()),
                }
            };
            Ok(calls.iter().map(answer).collect())
        }
    }
    let blocks = Blocks { first: fork + 1, last: head };
    short.kind.prepare(&mut short.database, &Metadata(&expected), blocks).unwrap();
    // A transaction that fails takes nothing away from the next.
    let failed: Result<()> = transaction(&mut short.database, |database| {
        short.kind.derive(database, blocks)?;
        Err(Error::Config("no".to_owned()))
    });
    assert!(failed.is_err());
    for _ in 0..2 {
        transaction(&mut short.database, |database| short.kind.derive(database, blocks)).unwrap();
        assert_eq!(short.derived(), expected);
    }
    // Prepared before what is before it is derived.
    for table in ["pair", "token"] {
        short.database.run(&format!("DELETE FROM uni_v2_{table}"), &[]).unwrap();
    }
    let parts = [Blocks { first: 0, last: fork }, Blocks { first: fork + 1, last: head }];
    for blocks in parts {
        short.kind.prepare(&mut short.database, &Metadata(&expected), blocks).unwrap();
    }
    parts.into_iter().for_each(|blocks| short.kind.derive(&mut short.database, blocks).unwrap());
    assert_eq!(short.derived(), expected);
    assert_eq!(short.cids(0..10), before);
    check_other_worker(short);
}

/// A source that is not told of a fork, because another process follows the chain, does not take what it remembers for
/// what came before an epoch of the new fork.
fn check_other_worker(short: &mut Short) {
    short.cids(8..9);
    let before = SHORT.blocks(8).unwrap();
    let reserve = B256::with_last_byte(7);
    let values = [Value::count(before.first), Value::count(before.last), Value::Blob(reserve.as_slice())];
    let sql = "UPDATE uni_v2_sync SET reserve0 = ?3 WHERE block BETWEEN ?1 AND ?2";
    assert!(short.database.run(sql, &values).unwrap() > 0);
    let mut epoch = epoch(&mut short.database, SHORT, 9);
    epoch.begin_parent_hash = B256::repeat_byte(9);
    let warm = short.kind.snapshots(&mut short.database, &epoch).unwrap();
    short.kind.unwind(&mut short.database, before.first - 1).unwrap();
    assert_eq!(warm, short.kind.snapshots(&mut short.database, &epoch).unwrap());
}

#[test]
fn pairs_that_prices_need_are_followed() {
    let fixture = Fixture::start(1, 1, 1);
    let of = |symbols: [&str; 2]| fixture.pairs.iter().find(|pair| pair.symbols == symbols).unwrap().address;
    let mut config = config(&fixture);
    config.pairs = vec![of(["ORPH", "AAA"])];
    let mut kind = UniswapV2::new(SOURCE, 0, config.clone()).unwrap();
    kind.open(&fixture).unwrap();
    let Emitter::Contracts(followed) = &kind.watch().events[1].emitter else { panic!("pairs are named") };
    let followed: BTreeSet<_> = followed.iter().copied().collect();
    for symbols in
        [["ORPH", "AAA"], ["AAA", "WETH"], ["AAA", "USDC"], ["DAI", "WETH"], ["USDC", "WETH"], ["USDT", "WETH"]]
    {
        assert!(followed.contains(&of(symbols)), "{symbols:?}");
    }
    for symbols in [["BBB", "WETH"], ["FFF", "USDT"], ["TINY", "WETH"]] {
        assert!(!followed.contains(&of(symbols)), "{symbols:?}");
    }
    assert!(kind.watch().factory.is_none());

    let refused = |change: &dyn Fn(&mut index::config::UniswapV2Config)| {
        let mut config = config.clone();
        change(&mut config);
        let opened = UniswapV2::new(SOURCE, 0, config).and_then(|mut kind| kind.open(&fixture));
        opened.unwrap_err().to_string()
    };
    let no_pair = refused(&|config| config.pairs.push(fixture.weth));
    assert!(no_pair.contains("is no pair of the chain"), "{no_pair}");
    let other = refused(&|config| config.init_code_hash = Some(B256::ZERO));
    assert!(other.contains("init_code_hash"), "{other}");
    let no_stable = refused(&|config| config.stables.clear());
    assert_eq!(no_stable, "stables of source uni-v2 is empty; name at least one token");
}

/// With one named pair.
fn kind_config(fixture: &Fixture) -> index::config::UniswapV2Config {
    index::config::UniswapV2Config { pairs: vec![fixture.pairs[0].address], ..config(fixture) }
}

#[test]
fn starts_that_cannot_be_right_are_refused() {
    let fixture = Fixture::start(2, 1, 1);
    let start = fixture.setup_block - 4;
    let mut kind = UniswapV2::new(SOURCE, start, config(&fixture)).unwrap();
    let mut database = Twin::open(&temporary("late"), crate::postgres::url().as_deref());
    let blocks = Blocks { first: start, last: fixture.head };
    // The rows come in before the source is told of them; their first pair is not the factory's first.
    let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        load(&fixture, &mut kind, &mut database, 100);
    }));
    assert!(loaded.is_err());
    let refused = kind.prepare(&mut database, &fixture, blocks).unwrap_err().to_string();
    assert!(refused.contains("set start_block to the block of its first pair"), "{refused}");

    struct Pruned;
    impl Reader for Pruned {
        fn read(&self, _: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
            assert!(at.is_some(), "what pairs held is asked at a block");
            Err(Error::NoState { block: 0, what: String::new(), remedy: String::new() })
        }
    }
    let mut kind = UniswapV2::new(SOURCE, start, kind_config(&fixture)).unwrap();
    let refused = kind.prepare(&mut database, &Pruned, blocks).unwrap_err();
    assert!(matches!(refused, Error::NoState { block, .. } if block == start - 1), "{refused}");
    assert!(refused.to_string().contains("set start_block to the block in which factory"), "{refused}");

    // Before there is any pair, nobody needs to have that state; a pair that is older after all is noticed.
    let config = kind_config(&fixture);
    let pair = config.pairs[0];
    let mut kind = UniswapV2::new(SOURCE, 1, config).unwrap();
    let mut database = Twin::open(&temporary("quiet"), crate::postgres::url().as_deref());
    kind.watch().events.iter().for_each(|watched| database.create(&watched.table.table).unwrap());
    kind.tables().iter().for_each(|table| database.create(table).unwrap());
    let zero = [0; 32];
    let values = [Value::Integer(1), Value::Blob(&zero)];
    database.run("INSERT INTO block VALUES (?1, ?2, ?2, 0)", &values).unwrap();
    kind.prepare(&mut database, &Pruned, Blocks { first: 1, last: 5 }).unwrap();
    let values = [Value::Integer(2), Value::Blob(&zero), Value::Blob(pair.as_slice())];
    database.run("INSERT INTO uni_v2_sync VALUES (?1, 0, ?2, ?3, ?2, ?2)", &values).unwrap();
    let refused = kind.prepare(&mut database, &Pruned, Blocks { first: 1, last: 5 }).unwrap_err();
    assert!(matches!(refused, Error::NoState { block: 0, .. }), "{refused}");
    let epoch = index::epoch::Epoch {
        id: 0,
        blocks: Blocks { first: 0, last: 9 },
        begin_parent_hash: B256::ZERO,
        end_hash: B256::ZERO,
        end_timestamp: 0,
    };
    let refused = kind.snapshots(&mut database, &epoch).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("pair {pair} has logs, and when it was made was not seen")), "{refused}");
}
