//! Nodes that never met, over the same chain: other start times, other ranges, other databases, and one that is killed
//! now and then. What they say of final blocks is the same, to the byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(missing_docs, unreachable_pub, dead_code, reason = "another binary uses the rest")]
#[path = "../streams/chain.rs"]
mod chain;
#[allow(missing_docs, unreachable_pub, reason = "another binary uses the rest")]
#[path = "../fixture/mod.rs"]
mod fixture;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../proxy/mod.rs"]
mod proxy;
#[allow(missing_docs, unreachable_pub, dead_code, reason = "another binary uses the rest")]
#[path = "../streams/traffic.rs"]
mod traffic;

mod node;
mod same;

use fixture::anvil;
