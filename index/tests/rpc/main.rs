//! The way to the chain, through endpoints that lie: the right rows come in the end, or an error that names the lie.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../../../cli/src/anvil.rs"]
#[allow(dead_code)]
mod anvil;
mod honest;
mod large;
mod lies;
#[path = "../proxy/mod.rs"]
mod proxy;
mod states;
mod world;
