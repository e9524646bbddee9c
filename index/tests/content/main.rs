//! Content addresses, chains of snapshots, their verification and their way through CAR files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../twin/mod.rs"]
mod twin;

mod address;
mod car;
mod chain;
mod foreign;
mod links;
mod pages;
mod vectors;
mod verify;
mod world;
