//! Netlists that start from a live chain, here an anvil of the test's own: online, then from the file alone.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use alloy_sol_types::SolCall;
use bindings::DemoToken::{self as demo, mintCall};
use serde_json::json;
use sim::{
    evm::{Address, Bytes, Fork, U256, address_of},
    model::{Failure, Model, Point, Progress, Run},
    netlist::{ForkSource, Netlist, NetlistError},
    rows::{Cells, Rows},
};

use crate::fork::Anvil;

/// Alice has tokens on the live chain, and bob gets some of the whale's; a contract is deployed beside the live token.
const NETLIST: &str = r#"
[sim]
dt = 12
steps = 4
[fork]
file = "chain.json"
[[contract]]
name = "DAI"
artifact = "bundled:DemoToken"
at = "TOKEN"
from = "WHALE"
[[contract]]
name = "Streams"
artifact = "bundled:TimestampMoneyStreaming"
[[agent]]
name = "alice"
kind = "transfer"
to = "bob"
asset = "DAI"
amount = 1.5
[[agent]]
name = "bob"
kind = "idle"
wallet = { DAI = 2 }
[columns]
alice = "alice.DAI"
bob = "bob.DAI"
now = "now"
supply = { call = "DAI.totalSupply" }
streams = { call = "Streams.nextStreamId" }
"#;

struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let home = env::temp_dir().join(format!("sim-fork-netlists-{name}-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        Self(home)
    }

    fn path(&self) -> PathBuf {
        self.0.join("net.toml")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(netlist: Netlist) -> Result<Vec<Cells>, String> {
    let economy = netlist.economy().map_err(|error| error.to_string())?;
    let point = Point::default();
    let mut rows = Rows::new(economy.columns());
    let failed = |failure: Failure| failure.to_string();
    let mut world = economy.start(&Run { seed: 1, subset: 0, number: 1, point: &point }).map_err(failed)?;
    while world.step(&mut rows).map_err(failed)? == Progress::More {}
    Ok(rows.cells().to_vec())
}

fn parse(path: &Path, text: &str) -> Result<Netlist, NetlistError> {
    Netlist::parse(path, text)
}

/// A token on the live chain, of which alice has 100 and the whale 1,000.
fn deploy(anvil: &Anvil) -> (Address, Address) {
    let receipt = anvil.send(json!({ "data": *demo::BYTECODE }));
    let token: Address = serde_json::from_value(receipt["contractAddress"].clone()).unwrap();
    let whale = Address::repeat_byte(0x77);
    mint(anvil, token, address_of("alice"), 100);
    mint(anvil, token, whale, 1_000);
    (token, whale)
}

fn mint(anvil: &Anvil, token: Address, account: Address, amount: u64) {
    let amount = U256::from(amount) * U256::from(10).pow(U256::from(18));
    let call = mintCall { account, amount };
    anvil.send(json!({ "to": token, "data": Bytes::from(call.abi_encode()) }));
}

#[test]
fn a_netlist_on_a_live_chain_runs_offline_as_it_did_online() {
    let home = Home::new("online");
    let anvil = Anvil::start();
    let (token, whale) = deploy(&anvil);
    let offline = NETLIST.replace("TOKEN", &token.to_string()).replace("WHALE", &whale.to_string());
    let online = offline.replace("[fork]", &format!("[fork]\nurl = \"{}\"", anvil.url));
    let first = run(parse(&home.path(), &online).unwrap()).unwrap();
    let file = home.0.join("chain.json");
    let at = Fork::offline(&file).unwrap().block();
    assert_eq!(first[0], Cells::Float(vec![100.0, 98.5, 97.0, 95.5]));
    assert_eq!(first[1], Cells::Float(vec![2.0, 3.5, 5.0, 6.5]));
    let begins = (at.timestamp + 1) as f64;
    assert_eq!(first[2], Cells::Float([0.0, 12.0, 24.0, 36.0].map(|secs| begins + secs).to_vec()));
    // What the chain does afterwards is not seen: the file says which block.
    mint(&anvil, token, address_of("alice"), 5);
    assert_eq!(run(parse(&home.path(), &online).unwrap()).unwrap(), first);
    let live = ForkSource { url: Some(anvil.url.clone()), block: None, file: home.0.join("later.json") };
    let mut later = parse(&home.path(), &offline).unwrap();
    later.set_fork(live.clone(), None).unwrap();
    assert_eq!(run(later).unwrap()[0], Cells::Float(vec![105.0, 103.5, 102.0, 100.5]));
    let mut earlier = parse(&home.path(), &offline).unwrap();
    let block = Some(at.number);
    earlier.set_fork(ForkSource { block, file: home.0.join("again.json"), ..live }, Some(anvil.ask())).unwrap();
    assert_eq!(run(earlier).unwrap(), first);
    let wrong = format!("{:?}", Address::repeat_byte(0x99));
    let error = run(parse(&home.path(), &online.replace(&token.to_string(), &wrong)).unwrap()).unwrap_err();
    let there = format!("in block {} of chain 31337: name its address there", at.number);
    assert!(
        error.contains("net.toml:8:") && error.contains("there is no code at") && error.contains(&there),
        "{error}"
    );
    let idle = format!("[sim]\nsteps = 1\n[fork]\nurl = \"{}\"\nfile = \"chain.json\"\n", anvil.url);
    let idle = |more: &str| run(parse(&home.path(), &format!("{idle}{more}")).unwrap()).unwrap_err();
    let error = idle("[[agent]]\nname = \"a\"\nkind = \"idle\"");
    assert!(
        error.contains("net.toml:3:") && error.contains("there is nothing on the chain that it starts from"),
        "{error}"
    );
    drop(anvil);

    let kept = fs::read_to_string(&file).unwrap();
    assert_eq!(run(parse(&home.path(), &offline).unwrap()).unwrap(), first);
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);
    let carol = "[[agent]]\nname = \"carol\"\nkind = \"idle\"\nwallet = { DAI = 1 }\n[columns]";
    let error = run(parse(&home.path(), &offline.replace("[columns]", carol)).unwrap()).unwrap_err();
    assert!(error.contains("net.toml") && error.contains("slot 0x"), "{error}");
    assert!(error.contains(&format!("of account {token} is not in {}; run once", file.display())), "{error}");
    let other = offline.replace("[fork]", "[fork]\nblock = 1");
    let error = run(parse(&home.path(), &other).unwrap()).unwrap_err();
    let expected = format!("it keeps block {}, and block 1 is asked for", at.number);
    assert!(error.contains("net.toml:5:") && error.contains(&expected), "{error}");
    let error = run(parse(&home.path(), &online).unwrap()).unwrap_err();
    assert!(error.contains("[fork]: eth_chainId []: http://127.0.0.1:"), "{error}");
}

#[test]
fn what_is_wrong_with_a_fork_is_an_error_at_its_line() {
    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        let home = Home::new("wrong");
        let text = NETLIST.replace("TOKEN", &Address::ZERO.to_string()).replace("WHALE", "deployer");
        assert_eq!(text.matches(from).count(), 1, "{from}");
        let done = parse(&home.path(), &text.replace(from, to)).map_err(|error| error.to_string()).and_then(run);
        let error = done.unwrap_err().replace(&format!("{}/", home.0.display()), "");
        assert!(error.starts_with(expected), "{error}");
    }
    check("file = \"chain.json\"", "", "net.toml:5:2: [fork] lacks `file`: say file = \"chain.json\"");
    check("file =", "fiel =", "net.toml:5:2: [fork] lacks `file`");
    check("[fork]", "[fork]\nurl = 7", "net.toml:6:7: `url` takes text in quotes");
    check("[fork]", "[fork]\nblock = \"x\"", "net.toml:6:9: `block` takes a whole number");
    check("[fork]", "[fork]\nblok = 1", "net.toml:6:1: [fork] has no key `blok`: did you mean `block`?");
    check("[fork]", "[fork]\nurl = \"https://example.org\"", "net.toml:5:2: [fork]: connecting https://example.org");
    check("dt = 12", "dt = 12", "net.toml:5:2: [fork]: chain.json: ");
    check("at = \"0x", "at = \"0xz", "net.toml:10:6: `0xz000");
    check("from = \"deployer\"", "from = \"0x12\"", "net.toml:11:8: `0x12` is no address: write 0x and 40 digits");
    check(
        "from = \"deployer\"",
        "args = [1]",
        "net.toml:7:1: contract `DAI` is at 0x0000000000000000000000000000000000000000 already",
    );
    let nowhere = "net.toml:5:1: contract `DAI`: 0x0000000000000000000000000000000000000000 is an address of a live chain, and the netlist starts from none: add [fork]";
    check("[fork]\nfile = \"chain.json\"\n", "", nowhere);
}
