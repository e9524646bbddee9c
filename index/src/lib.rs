#![doc = include_str!("../README.md")]

pub mod abi;
pub mod api;
pub mod block;
pub mod car;
pub mod chain;
pub mod config;
pub mod consensus;
pub mod content;
pub mod dag;
pub mod database;
pub mod epoch;
mod error;
pub mod event;
pub mod export;
pub mod fetch;
pub mod headers;
mod identity;
pub mod kind;
pub mod metrics;
pub mod node;
pub mod outbox;
pub mod pipeline;
pub mod pooler;
pub mod progress;
pub mod read;
pub mod rows;
pub mod rpc;
pub mod snapshot;
pub mod stage;
pub mod verify;
pub mod windows;
pub mod writer;

pub use error::{Error, Result};
