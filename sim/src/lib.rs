#![doc = include_str!("../README.md")]

pub mod analysis;
pub mod draws;
pub mod kpi;
pub mod model;
pub mod parameter;
pub mod plot;
pub mod results;
pub mod rows;
pub mod runner;
