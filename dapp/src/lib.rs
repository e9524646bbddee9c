#![doc = include_str!("../README.md")]

mod app;
mod check;
mod column;
mod error;
mod inspect;
mod json;
mod ledger;
mod line;
mod payout;
mod rows;
mod store;
mod stream;
mod timeline;
mod view;

pub mod abi;
pub mod call;
pub mod deposit;
pub mod metadata;
pub mod notice;
pub mod output;
pub mod rollup;

pub use app::{App, Outcome};
pub use check::Integrity;
pub use error::{Fault, Refusal, Stop};
pub use inspect::BadQuestion;
pub use ledger::{Ledger, Order, SUPPLY_CAP};
pub use line::SCALE_BITS;
pub use payout::PayoutError;
pub use store::{Cursor, Durability, Store};
pub use stream::{MAX_DURATION, MAX_TIME, Stream, StreamId, whole_down};
pub use view::{Breakpoint, Direction, PAGE_LIMIT, Solvency, Stats};
