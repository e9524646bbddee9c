//! Drives the built `streamctl` against a chain of the test's own, and compares all that a person would see.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../index/tests/postgres/mod.rs"]
mod postgres;

mod cartesi;
mod harness;
mod node;

mod claim;
mod create;
mod demo;
mod deploy;
mod ending;
mod help;
mod index;
mod index_consensus;
mod index_deposits;
mod index_offline;
mod index_standby;
mod index_stores;
mod index_uniswap;
mod index_votes;
mod json;
mod life;
mod limits;
mod look;
mod mistakes;
mod plan;
mod portal;
mod rollup;
mod signers;
mod sim;
mod status;
mod update;
mod voucher;
mod watch;
mod withdraw;
