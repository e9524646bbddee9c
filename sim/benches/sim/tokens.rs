//! ERC-20 transfers and views: through typed calls, through an ABI read at run time, and by a script. The token is the
//! bundled one, OpenZeppelin's ERC20 with a list of blocked accounts that each transfer reads twice.

use std::{env, fs, process, sync::Arc};

use bindings::DemoToken::{balanceOfCall, mintCall, transferCall};
use sim::{
    economy::Economy,
    evm::{Address, Arg, Artifact, Chain, Contract, Snapshot, U256},
    model::{Model, Point, Run},
    netlist::Netlist,
    rows::Rows,
};

use crate::{row, scaling};

/// Accounts that hold the token.
const N_HOLDERS: u64 = 1_000;

/// Calls of one measurement.
const N_CALLS: u32 = 20_000;

/// Alice pays bob, by a script.
const NETLIST: &str = r#"
    sim = { steps = 1 }
    columns = { calls = "alice.n_calls" }
    [[contract]]
    name = "DAI"
    artifact = "bundled:DemoToken"
    fund = "mint"
    [[agent]]
    name = "alice"
    kind = "script"
    script = "transfers.rhai"
    wallet = { DAI = 1 }
    [[agent]]
    name = "bob"
    kind = "idle"
"#;

/// A token, its holders, and the chain that all measurements start from.
struct Market {
    snapshot: Snapshot,
    token: Contract,
    holders: Vec<Address>,
}

impl Market {
    fn new() -> Self {
        let mut chain = Chain::default();
        let owner = chain.account("owner", U256::ZERO).unwrap();
        let artifact = Artifact::bundled("DemoToken").unwrap();
        let token = chain.deploy(owner, "token", &artifact, &[]).unwrap();
        let mut holders = Vec::new();
        for i in 0..N_HOLDERS {
            let account = chain.account(&format!("holder{i}"), U256::ZERO).unwrap();
            let amount = U256::from(10).pow(U256::from(18));
            chain.call(owner, token.address, &mintCall { account, amount }).unwrap();
            holders.push(account);
        }
        chain.mine(12);
        Self { snapshot: chain.snapshot(), token, holders }
    }

    /// As many calls as a measurement has, each between another pair, on a chain of its own.
    fn calls(&self, call: impl Fn(&mut Chain, Address, Address)) {
        let (mut chain, n) = (self.snapshot.chain(), self.holders.len());
        for i in (0..N_CALLS).map(|i| i as usize) {
            call(&mut chain, self.holders[i % n], self.holders[(i * 7 + 1) % n]);
        }
    }

    fn typed(&self) {
        self.calls(|chain, from, to| {
            let call = transferCall { to, value: U256::from(1) };
            chain.call(from, self.token.address, &call).unwrap();
        });
    }
}

pub(crate) fn rows() {
    let market = Market::new();
    let others = "verbs 0.4: 42,000 to 106,000; arbiter 0.11: 7,000";
    row("ERC-20 transfers, typed", N_CALLS.into(), ("250,000", others), || market.typed());
    let token = &market.token;
    let transfer = Arc::clone(token.abi.function("transfer").unwrap());
    row("ERC-20 transfers, run-time ABI, prepared", N_CALLS.into(), ("", ""), || {
        market.calls(|chain, from, to| {
            token.send_prepared(chain, (from, U256::ZERO), &transfer, &[Arg::from(to), Arg::from(1_u64)]).unwrap();
        });
    });
    row("ERC-20 transfers, run-time ABI, by name", N_CALLS.into(), ("", ""), || {
        market.calls(|chain, from, to| {
            token.send(chain, (from, U256::ZERO), "transfer", &[Arg::from(to), Arg::from(1_u64)]).unwrap();
        });
    });
    let economy = scripted();
    row("ERC-20 transfers by a script, one pair", N_CALLS.into(), ("", ""), || {
        let mut world = economy.start(&Run { seed: 1, subset: 0, number: 1, point: &Point::default() }).unwrap();
        world.step(&mut Rows::new(economy.columns())).unwrap();
    });
    row("ERC-20 views, typed", N_CALLS.into(), ("", "verbs 0.4: 41,000; arbiter 0.11: 12,600"), || {
        market.calls(|chain, from, account| {
            chain.ask(from, token.address, &balanceOfCall { account }).unwrap();
        });
    });
    row("chains from a snapshot of 1,000 holders", N_CALLS.into(), ("", ""), || {
        for _ in 0..N_CALLS {
            std::hint::black_box(market.snapshot.chain());
        }
    });
}

/// A run of one step, in which a script sends all transfers.
fn scripted() -> Economy {
    let folder = env::temp_dir().join(format!("sim-bench-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let send = r#"world.send("DAI", "transfer", ["bob", one]);"#;
    let script = format!("fn step(me, world) {{ let one = u256(1); for i in 0..{N_CALLS} {{ {send} }} }}");
    fs::write(folder.join("transfers.rhai"), script).unwrap();
    let economy = Netlist::parse(&folder.join("netlist.toml"), NETLIST).unwrap().economy().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    economy
}

pub(crate) fn threads() {
    let market = Market::new();
    scaling("ERC-20 transfers, typed, a chain each", N_CALLS.into(), |n_threads| {
        std::thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| market.typed());
            }
        });
    });
}
