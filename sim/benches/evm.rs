//! ERC-20 transfers and views a second: through typed calls, and through an ABI read at run time.
//!
//! The token is the bundled one, OpenZeppelin's ERC20 with a list of blocked accounts that each transfer reads twice.

use std::sync::Arc;

use bindings::DemoToken::{balanceOfCall, mintCall, transferCall};
use divan::{Bencher, counter::ItemsCount};
use sim::evm::{Address, Arg, Artifact, Chain, Contract, Prepared, Snapshot, U256};

/// Accounts that hold the token.
const HOLDERS: u64 = 1_000;

/// Calls of one sample.
const CALLS: usize = 20_000;

fn main() {
    divan::main();
}

/// A token, its holders, and the chain that all samples start from.
struct Market {
    snapshot: Snapshot,
    token: Contract,
    holders: Vec<Address>,
}

impl Market {
    fn new() -> Self {
        let mut chain = Chain::default();
        let owner = chain.account("owner", U256::ZERO).expect("an empty chain takes accounts");
        let artifact = Artifact::bundled("DemoToken").expect("the token is bundled");
        let token = chain.deploy(owner, "token", &artifact, &[]).expect("the token deploys");
        let mut holders = Vec::new();
        for i in 0..HOLDERS {
            let account = chain.account(&format!("holder{i}"), U256::ZERO).expect("an empty chain takes accounts");
            let amount = U256::from(10).pow(U256::from(18));
            chain.call(owner, token.address, &mintCall { account, amount }).expect("anybody may mint");
            holders.push(account);
        }
        chain.mine(12);
        Self { snapshot: chain.snapshot(), token, holders }
    }

    /// Who pays whom in call `i`.
    fn pair(&self, i: usize) -> (Address, Address) {
        let n = self.holders.len();
        (self.holders[i % n], self.holders[(i * 7 + 1) % n])
    }

    /// `CALLS` calls on a chain of their own in each sample.
    fn bench(&self, bencher: Bencher<'_, '_>, call: impl Fn(&mut Chain, Address, Address) + Sync) {
        bencher.counter(ItemsCount::new(CALLS)).with_inputs(|| self.snapshot.chain()).bench_local_refs(|chain| {
            for i in 0..CALLS {
                let (from, to) = self.pair(i);
                call(chain, from, to);
            }
        });
    }

    fn prepared(&self, function: &str) -> Arc<Prepared> {
        Arc::clone(self.token.abi.function(function).expect("the token has it"))
    }
}

fn transfer(market: &Market, chain: &mut Chain, from: Address, to: Address) {
    let call = transferCall { to, value: U256::from(1) };
    chain.call(from, market.token.address, &call).expect("holders have enough");
}

#[divan::bench]
fn transfers_typed(bencher: Bencher<'_, '_>) {
    let market = Market::new();
    market.bench(bencher, |chain, from, to| transfer(&market, chain, from, to));
}

#[divan::bench]
fn transfers_prepared(bencher: Bencher<'_, '_>) {
    let market = Market::new();
    let function = market.prepared("transfer");
    market.bench(bencher, |chain, from, to| {
        let args = [Arg::from(to), Arg::from(1_u64)];
        market.token.send_prepared(chain, (from, U256::ZERO), &function, &args).expect("holders have enough");
    });
}

#[divan::bench]
fn transfers_by_name(bencher: Bencher<'_, '_>) {
    let market = Market::new();
    market.bench(bencher, |chain, from, to| {
        let args = [Arg::from(to), Arg::from(1_u64)];
        market.token.send(chain, (from, U256::ZERO), "transfer", &args).expect("holders have enough");
    });
}

/// Two threads, each with a chain of its own: `CALLS` each.
#[divan::bench]
fn transfers_typed_2_threads(bencher: Bencher<'_, '_>) {
    let market = Market::new();
    bencher.counter(ItemsCount::new(2 * CALLS)).bench_local(|| {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut chain = market.snapshot.chain();
                    for i in 0..CALLS {
                        let (from, to) = market.pair(i);
                        transfer(&market, &mut chain, from, to);
                    }
                });
            }
        });
    });
}

#[divan::bench]
fn views_typed(bencher: Bencher<'_, '_>) {
    let market = Market::new();
    market.bench(bencher, |chain, from, account| {
        chain.ask(from, market.token.address, &balanceOfCall { account }).expect("anybody may look");
    });
}

#[divan::bench]
fn views_prepared(bencher: Bencher<'_, '_>) {
    let market = Market::new();
    let function = market.prepared("balanceOf");
    market.bench(bencher, |chain, from, account| {
        let args = [Arg::from(account)];
        market.token.view_prepared(chain, from, &function, &args).expect("anybody may look");
    });
}

#[divan::bench]
fn views_by_name(bencher: Bencher<'_, '_>) {
    let market = Market::new();
    market.bench(bencher, |chain, from, account| {
        market.token.view(chain, from, "balanceOf", &[Arg::from(account)]).expect("anybody may look");
    });
}

/// A chain that starts from a snapshot of 1,000 holders.
#[divan::bench]
fn chains_from_a_snapshot(bencher: Bencher<'_, '_>) {
    let market = Market::new();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| market.snapshot.chain());
}
