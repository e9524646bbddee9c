//! From the chain into the rollup and back: a real chain with Cartesi's contracts, StreamPortal, the node and the real
//! application. Whatever happens, what the application holds on the chain is what accounts have in the rollup and what
//! vouchers have yet to pay.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../../cli/src/anvil.rs"]
#[allow(dead_code)]
mod anvil;
#[path = "circle/bad_calls.rs"]
mod bad_calls;
#[path = "circle/both_sides.rs"]
mod both_sides;
#[path = "circle/epochs.rs"]
mod epochs;
#[path = "circle/hostile.rs"]
mod hostile;
#[path = "circle/portal.rs"]
mod portal;
#[path = "circle/proofs.rs"]
mod proofs;
#[path = "circle/stranded.rs"]
mod stranded;
#[path = "circle/tokens.rs"]
mod tokens;
#[allow(dead_code)]
mod world;
