//! The API over HTTP, from a store that is filled as the index fills it.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../twin/mod.rs"]
mod twin;

mod behind;
mod changes;
mod content;
mod documented;
mod followers;
mod hostile;
mod load;
mod pages;
mod pruned;
mod readers;
mod sources;
mod state;
mod store;
mod streams;
mod token_windows;
mod uniswap;
mod windows;
mod world;
