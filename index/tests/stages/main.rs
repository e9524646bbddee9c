//! What every stage must do, on every database: the same once and twice, and nothing after it is taken back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../postgres/mod.rs"]
mod postgres;

mod conformance;
mod model;
mod pipeline;
mod store;
mod sums;
mod toy;
