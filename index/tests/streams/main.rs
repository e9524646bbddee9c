//! Streams as the index has them against streams as the contracts have them, on a real chain.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../anvil/mod.rs"]
mod anvil;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../twin/mod.rs"]
mod twin;

mod chain;
mod histories;
mod hostile;
mod loader;
mod money;
mod portal;
mod reads;
mod reorgs;
mod snapshots;
mod traffic;
mod versions;
mod windows;
mod world;
