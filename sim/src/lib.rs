#![doc = include_str!("../README.md")]

pub mod draws;
pub mod kpi;
pub mod model;
pub mod parameter;
pub mod rows;
