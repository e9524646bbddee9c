#![doc = include_str!("../README.md")]

mod application;
pub mod cartesi;
mod chain;
mod deploy;
mod journal;
mod machine;
mod node;
mod reader;
mod recorder;
pub mod rpc;
mod store;
pub mod tree;

pub use application::Program;
pub use chain::{Chain, ChainError};
pub use deploy::{Contracts, DeployError, deploy, deploy_app};
pub use machine::{Gone, Machine};
pub use node::{Config, Event, Node, NodeError};
pub use store::{
    Answer, Epoch, EpochStatus, Execution, Found, Input, InputStatus, Output, Page, Report, Setup, Store, StoreError,
};
