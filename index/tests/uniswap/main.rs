//! Pairs of Uniswap V2 on a real chain, against the chain itself, against Pooler, and against other ways to compute the
//! same.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod behind;
mod exact;
#[path = "../fixture/mod.rs"]
mod fixture;
mod forks;
mod hostile;
mod pooler;
#[path = "../postgres/mod.rs"]
mod postgres;
mod source;
#[path = "../twin/mod.rs"]
mod twin;
mod weeks;
mod windows;
mod world;
