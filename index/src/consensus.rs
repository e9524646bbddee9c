//! Agreement among snapshotters on the snapshot of a project at an epoch. Paths and fields are Pooler's; what a peer says
//! is signed by it, only listed peers count, and no minority of them ever decides.

mod desk;
mod http;
mod message;
mod rules;
mod voter;

pub use desk::{Desk, Refusal, Submitted, Vote};
pub use http::{Clock, Registry, router};
pub use message::{Answer, EpochQuestion, Registration, Status, Submission};
pub use rules::{DeskConfig, Quorum, Rules};
pub use voter::{Claim, Outcome, Round, SINK, Voter, counts};
