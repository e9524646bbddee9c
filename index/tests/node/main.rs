//! Whole nodes: over a chain in memory that changes all the time, over a real one, and ended in the middle of things.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../anvil/mod.rs"]
mod anvil;
#[allow(dead_code, reason = "another binary uses the rest")]
#[path = "../stages/model.rs"]
mod model;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../proxy/mod.rs"]
mod proxy;
#[allow(dead_code, reason = "another binary uses the rest")]
#[path = "../stages/store.rs"]
mod store;
#[allow(dead_code, reason = "another binary uses the rest")]
#[path = "../stages/toy.rs"]
mod toy;

mod configured;
mod crash;
mod double;
mod endpoint;
mod finality;
mod lies;
mod live;
mod matrix;
mod reads;
mod run;
mod standby;
mod stopping;
mod token;
mod turns;
mod workers;
