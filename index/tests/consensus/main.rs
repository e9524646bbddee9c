//! Agreement among snapshotters of which some lie, stay away, come late or contradict themselves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../twin/mod.rs"]
mod twin;

mod desk;
mod http;
mod rules;
mod voter;
mod world;
