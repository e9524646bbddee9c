//! A start state from a live chain, here an anvil of the test's own: online, then from the file alone.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

use alloy_sol_types::SolCall;
use bindings::DemoToken as demo;
use bindings::DemoToken::{balanceOfCall, mintCall, transferCall};
use serde_json::{Value, json};
use sim::evm::{Address, Ask, B256, Block, Bytes, Chain, Error, Fork, ForkError, Rules, U256, address_of, fork::http};

use crate::{folder, n};

/// A running anvil; it ends when this is dropped.
pub(crate) struct Anvil {
    pub(crate) url: String,
    child: Child,
}

impl Anvil {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(find())
            .args(["--max-persisted-states", "0", "--port", "0", "--no-mining"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.trim().strip_prefix("Listening on ").map(str::to_owned)).unwrap();
        // What anvil goes on to print has to go somewhere, or it would block on a full pipe.
        thread::spawn(move || lines.for_each(drop));
        Self { url: format!("http://{address}"), child }
    }

    pub(crate) fn ask(&self) -> Ask {
        http(&self.url).unwrap()
    }

    /// Mines a transaction of anvil's first account, and gives its receipt.
    pub(crate) fn send(&self, mut transaction: Value) -> Value {
        let ask = self.ask();
        transaction["from"] = ask("eth_accounts", json!([])).unwrap()[0].clone();
        let hash = ask("eth_sendTransaction", json!([transaction])).unwrap();
        ask("evm_mine", json!([])).unwrap();
        ask("eth_getTransactionReceipt", json!([hash])).unwrap()
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn find() -> PathBuf {
    if let Some(program) = env::var_os("STREAMCTL_ANVIL") {
        return program.into();
    }
    let name = format!("anvil{}", env::consts::EXE_SUFFIX);
    let packages = folder().join("../lib/node_modules/@foundry-rs").read_dir().expect("`make lib` installs anvil");
    let mut programs = packages.flatten().map(|package| package.path().join("bin").join(&name));
    programs.find(|program| program.is_file() && program.to_string_lossy().contains("anvil-")).unwrap_or(name.into())
}

/// What a run tells of the chain; it reads three accounts and four slots of the live chain.
fn run(fork: &Arc<Fork>, token: Address) -> Result<(Vec<U256>, u64, Block, B256), Error> {
    let mut chain = Chain::fork(Arc::clone(fork), Rules::default());
    let [alice, bob] = [chain.account("alice", n(1))?, chain.account("bob", U256::ZERO)?];
    let gas = chain.call(alice, token, &transferCall { to: bob, value: n(30) })?.gas;
    let alice = chain.ask(bob, token, &balanceOfCall { account: alice })?;
    let bob = chain.ask(bob, token, &balanceOfCall { account: bob })?;
    // BLOCKHASH of the fork's block, as code that returns it.
    let number = u8::try_from(fork.block().number).unwrap();
    let code = [0x60, number, 0x40, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
    let deploy = [&[0x68][..], &code, &[0x5f, 0x52, 0x60, 9, 0x60, 23, 0xf3]].concat();
    let asker = chain.deploy_code(address_of("bob"), deploy.into())?;
    let hash = chain.view(address_of("bob"), asker, Bytes::new())?;
    Ok((vec![alice, bob], gas, chain.block(), B256::from_slice(&hash)))
}

#[test]
fn offline_gives_what_online_gave() {
    let home = env::temp_dir().join(format!("sim-fork-{}", std::process::id()));
    fs::create_dir_all(&home).unwrap();
    let file = home.join("chain.json");
    let anvil = Anvil::start();
    let receipt = anvil.send(json!({ "data": *demo::BYTECODE }));
    let token: Address = serde_json::from_value(receipt["contractAddress"].clone()).unwrap();
    let mint = |amount: u64| {
        let call = mintCall { account: address_of("alice"), amount: n(amount) };
        anvil.send(json!({ "to": token, "data": Bytes::from(call.abi_encode()) }))
    };
    mint(100);
    let fork = Arc::new(Fork::online(anvil.ask(), None, &file).unwrap());
    // What the chain does after the fork's block is not seen.
    mint(7);
    let online = run(&fork, token).unwrap();
    let at = fork.block();
    assert_eq!((at.chain_id, at.number), (31_337, 2));
    assert_eq!(online.0, [n(70), n(30)]);
    assert_eq!(online.2, Block { number: 3, timestamp: at.timestamp + 1 });
    let header = anvil.ask()("eth_getBlockByNumber", json!(["0x2", false])).unwrap();
    assert_eq!(json!(online.3), header["hash"]);
    fork.save().unwrap();
    let kept = fs::read_to_string(&file).unwrap();
    // A run more reads nothing more, and another session goes on with the file.
    assert_eq!(run(&fork, token).unwrap(), online);
    let again = Arc::new(Fork::online(anvil.ask(), Some(2), &file).unwrap());
    assert_eq!(run(&again, token).unwrap(), online);
    again.save().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);
    let error = Fork::online(anvil.ask(), Some(1), &file).unwrap_err().to_string();
    assert!(error.contains("keeps block 2 ") && error.contains("block 1 "), "{error}");
    let error = Fork::online(anvil.ask(), Some(99), &home.join("none.json")).unwrap_err().to_string();
    assert!(error.contains("the chain has no such block"), "{error}");
    drop(anvil);

    let fork = Arc::new(Fork::offline(&file).unwrap());
    assert_eq!(run(&fork, token).unwrap(), online);
    assert_eq!(thread::scope(|scope| scope.spawn(|| run(&fork, token).unwrap()).join().unwrap()), online);
    check_missing(&fork, token, &file);
    fs::remove_dir_all(&home).unwrap();
}

fn check_missing(fork: &Arc<Fork>, token: Address, file: &Path) {
    let mut chain = Chain::fork(Arc::clone(fork), Rules::default());
    let call = balanceOfCall { account: address_of("carol") };
    let error = chain.ask(address_of("bob"), token, &call).unwrap_err();
    let Error::Fork(ForkError::Missing { what, path }) = &error else { panic!("{error}") };
    assert!(what.starts_with("slot 0x") && what.ends_with(&format!(" of account {token}")), "{what}");
    assert_eq!(path, &file.display().to_string());
    let dave = address_of("dave");
    let expected = format!(
        "account {dave} is not in {}; run once with --fork-url, so that it is fetched and kept",
        file.display()
    );
    assert_eq!(chain.balance(dave).unwrap_err().to_string(), expected);
    let error = chain.transact(dave, token, U256::ZERO, Bytes::new()).unwrap_err();
    assert_eq!(error.to_string(), expected);
    // The chain goes on after it.
    let held = chain.ask(address_of("bob"), token, &balanceOfCall { account: address_of("alice") });
    assert_eq!(held, Ok(n(100)));
}

#[test]
fn files_that_are_none_are_refused() {
    let file = env::temp_dir().join(format!("sim-fork-odd-{}.json", std::process::id()));
    let check = |text: &str, expected: &str| {
        fs::write(&file, text).unwrap();
        let error = Fork::offline(&file).unwrap_err().to_string();
        assert!(error.starts_with(&file.display().to_string()) && error.contains(expected), "{error}");
    };
    let page = |format: u32, more: &str| {
        format!(
            r#"{{"format":{format},"chain_id":1,"block":2,"timestamp":3,"base_fee":0,"accounts":{{{more}}},"storage":{{}},"hashes":{{}}}}"#
        )
    };
    check("", "delete it and run with --fork-url");
    check(&page(1, "")[..40], "delete it and run with --fork-url");
    check(&page(2, ""), "format 2 is not 1");
    check(&page(1, r#""0x12":{}"#), "delete it");
    let address = address_of("alice");
    check(&page(1, &format!(r#""{address}":{{"balance":"0x1","nonce":0,"code":"0xz"}}"#)), "delete it");
    fs::write(&file, page(1, &format!(r#""{address}":{{"balance":"0x5","nonce":1,"code":"0xef01"}}"#))).unwrap();
    let chain = Chain::fork(Arc::new(Fork::offline(&file).unwrap()), Rules::default());
    assert_eq!((chain.balance(address), chain.rules().chain_id), (Ok(n(5)), 1));
    fs::remove_file(&file).unwrap();
    assert!(Fork::offline(&file).unwrap_err().to_string().starts_with(&file.display().to_string()));
}

#[test]
fn a_node_that_does_not_answer_is_named() {
    let ask = http("http://127.0.0.1:1").unwrap();
    let error = Fork::online(ask, None, Path::new("nowhere.json")).unwrap_err().to_string();
    assert!(error.starts_with("eth_chainId []: http://127.0.0.1:1: "), "{error}");
    let odd: Ask = Box::new(|_, _| Ok(json!({ "number": [] })));
    let error = Fork::online(odd, None, Path::new("nowhere.json")).unwrap_err().to_string();
    assert!(error.starts_with("eth_chainId []: "), "{error}");
}
