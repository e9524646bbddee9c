//! The EVM world against contracts of npm, of the repository, and against artifacts that are none.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod abi;
mod artifacts;
mod chain;
mod fork;
mod fork_netlists;
mod streams;

use std::path::Path;

use sim::evm::{Address, Artifact, Chain, Contract, U256};

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn artifact(reference: &str) -> Artifact {
    Artifact::find(reference, folder()).unwrap()
}

fn n(number: u64) -> U256 {
    U256::from(number)
}

/// A chain with the bundled token, of which `alice` has 1,000.
fn market() -> (Chain, Contract, Address) {
    let mut chain = Chain::default();
    let alice = chain.account("alice", U256::ZERO).unwrap();
    let token = chain.deploy(alice, "token", &artifact("bundled:DemoToken"), &[]).unwrap();
    token.send(&mut chain, (alice, U256::ZERO), "mint", &["alice".into(), 1_000_u64.into()]).unwrap();
    (chain, token, alice)
}
