#![doc = include_str!("../README.md")]

pub mod agents;
pub mod analysis;
pub mod blocks;
pub mod decimal;
pub mod draws;
pub mod economy;
pub mod evm;
pub mod flash_v3;
pub mod kpi;
pub mod model;
pub mod netlist;
pub mod parameter;
pub mod plot;
pub mod results;
pub mod rows;
pub mod runner;
pub mod script;

mod words;
