#![doc = include_str!("../README.md")]

pub mod draws;
pub mod kpi;
pub mod model;
pub mod parameter;
pub mod results;
pub mod rows;
pub mod runner;
