//! The same chain, seen by two.

use std::ops::RangeInclusive;

use alloy::primitives::Address;
use index::car;
use index::database::Sqlite;
use index::verify::{Difference, Means};
use serde_json::json;

use crate::chain::Chain;
use crate::fixture::Fixture;
use crate::node::{Line, Place, differences, lines, snapshots};
use crate::proxy::{Lie, Proxy, What};
use crate::traffic::Traffic;

/// Blocks behind the head that are final on the chains here.
const FINALITY: u64 = 64;

fn head(url: &str, size: u64) -> String {
    format!(
        "[chain]\nid = 31337\nendpoints = [{{ url = '{url}' }}]\npoll_ms = 20\n\
         [epochs]\ngenesis = 0\nsize = {size}\noffset = 2\n"
    )
}

fn proxied(upstream: &str, runtime: &tokio::runtime::Runtime, n_blocks: u64) -> Proxy {
    let proxy = runtime.block_on(Proxy::start(upstream));
    proxy.tell(Lie::always(What::TooManyBlocks(n_blocks)));
    proxy
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Both say the same of all that is final, each finds nothing wrong with itself, and a file of one fills a new store.
/// Gives the projects' chains.
#[track_caller]
fn check_same(one: &Place, other: &Place) -> Vec<Line> {
    let dag = one.dag();
    let made = one.snapshots();
    assert!(!dag.is_empty() && !made.is_empty());
    assert_eq!(dag, other.dag());
    assert_eq!(made, other.snapshots());
    assert_eq!(one.differences(), []);
    assert_eq!(other.differences(), []);
    for (from, origin) in [(one, other.origin()), (other, one.origin())] {
        let mut file = Vec::new();
        car::export(from.open().as_mut(), None, &mut file).unwrap();
        let mut empty = Sqlite::open(":memory:".as_ref()).unwrap();
        let imported = car::import(&mut empty, &origin, &mut &*file).unwrap();
        assert_eq!((imported.n_blocks, imported.n_snapshots), (dag.len() as u64, made.len() as u64));
        assert_eq!(lines(&mut empty, "SELECT project, height, cid FROM dag ORDER BY project, height"), dag);
        assert_eq!(snapshots(&mut empty), made);
        assert_eq!(differences(&mut empty, &origin, &mut Means::default()), []);
    }
    dag
}

/// A row of an event that is not what the chain said is found where snapshots of its epoch are made again.
#[track_caller]
fn check_corrupted(place: &Place, change: &str, project: &str, epochs: RangeInclusive<u64>) {
    assert!(place.open().run(change, &[]).unwrap() > 0, "{change}");
    let found = place.differences();
    let is_there = |difference: &Difference| {
        difference.project.as_ref().is_some_and(|found| found.as_str().starts_with(project))
            && difference.epoch.is_some_and(|epoch| epochs.contains(&epoch))
    };
    assert!(found.iter().any(is_there), "{change}: {found:?}");
}

#[track_caller]
fn check_projects(dag: &[Line], sources: &[&str]) {
    for source in sources {
        let n_blocks = dag.iter().filter(|(project, ..)| project.starts_with(source)).count();
        assert!(n_blocks >= 5, "{source} has {n_blocks} blocks");
    }
}

#[test]
fn nodes_agree_on_streams_and_their_tokens_events() {
    let (runtime, chain) = (runtime(), Chain::start("agree"));
    let url = chain.anvil.url();
    let proxy = proxied(url, &runtime, 3);
    let abi = crate::fixture::root().join("bindings/abi/DemoToken.json");
    let [one, other] = chain.tokens;
    let sources = format!(
        "[[source]]\nname = 'streams'\nkind = 'erc1620'\n\
         [[source]]\nname = 'tokens'\nkind = 'events'\ncontracts = ['{one}', '{other}']\nabi = '{}'\n",
        abi.display()
    );
    let mut early = Place::new(&format!("{}{sources}", head(url, 10)), None);
    let mut late = Place::new(&format!("{}{sources}", head(&proxy.url, 10)), crate::postgres::url());
    early.start();
    let mut traffic = Traffic::new(&chain, 0xa9ee);
    for turn in 0..6 {
        traffic.run(15);
        // Only the early one is killed, and only it sees some of the blocks that are taken back.
        if turn % 2 == 0 {
            early.kill();
            early.start();
        }
        if turn == 3 {
            late.start();
        }
        chain.rpc("anvil_rollback", &json!([1 + turn * 2]));
    }
    (0..FINALITY + 12).for_each(|_| chain.mine());
    let last = chain.head() - FINALITY;
    early.wait(last);
    late.wait(last);
    early.kill();
    late.kill();
    check_projects(&check_same(&early, &late), &["streams", "tokens"]);
    check_corrupted(&early, "UPDATE tokens_transfer SET value = zeroblob(32) WHERE block < 20", "tokens", 0..=1);
}

#[test]
fn nodes_agree_on_pairs_and_their_events() {
    let (runtime, fixture) = (runtime(), Fixture::start(60, 2, 4));
    let proxy = proxied(fixture.url(), &runtime, 7);
    let list =
        |addresses: &[Address]| addresses.iter().map(|address| format!("'{address}'")).collect::<Vec<_>>().join(", ");
    let of = |symbols: &[&str]| list(&symbols.iter().map(|symbol| fixture.token(symbol)).collect::<Vec<_>>());
    let pairs: Vec<Address> = fixture.pairs.iter().map(|pair| pair.address).collect();
    let abi = crate::fixture::root().join("lib/node_modules/@uniswap/v2-core/build/UniswapV2Pair.json");
    let sources = format!(
        "[[source]]\nname = 'uniswap'\nkind = 'uniswap-v2'\nfactory = '{}'\nweth = '{}'\nstables = [{}]\n\
         whitelist = [{}]\n\
         [[source]]\nname = 'swaps'\nkind = 'events'\ncontracts = [{}]\nabi = '{}'\nevents = ['Swap']\n",
        fixture.factory,
        fixture.weth,
        of(&["DAI", "USDC", "USDT"]),
        of(&["WETH", "DAI", "USDC", "USDT"]),
        list(&pairs),
        abi.display()
    );
    let mut early = Place::new(&format!("{}{sources}", head(fixture.url(), 10)), crate::postgres::url());
    let mut late = Place::new(&format!("{}{sources}", head(&proxy.url, 10)), None);
    early.start();
    // Ends of other kinds: some blocks are taken back, and others come.
    for depth in [1, 7, 30] {
        fixture.rpc("anvil_reorg", &json!([depth, []]));
        fixture.rpc("anvil_mine", &json!(["0x3"]));
        late.kill();
        late.start();
    }
    fixture.rpc("anvil_mine", &json!(["0x28"]));
    let newest = fixture.rpc("eth_blockNumber", &json!([]));
    let newest = u64::from_str_radix(newest.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    early.wait(newest - FINALITY);
    late.wait(newest - FINALITY);
    early.kill();
    late.kill();
    check_projects(&check_same(&early, &late), &["uniswap", "swaps"]);
    check_corrupted(
        &late,
        "UPDATE uniswap_sync SET reserve0 = reserve1 WHERE block >= 60 AND block < 80",
        "uniswap",
        6..=7,
    );
}
