//! `streamctl update`: terms change when both parties consent to the same ones.

use clap::{Args, Subcommand};

use crate::output::Output;

pub(crate) use offer::{Offer, consents, offers};

mod accept;
mod execution;
mod offer;
mod propose;
mod revoke;
mod show;

/// Change the terms of a stream, by consent of both parties.
///
/// One party proposes, the other accepts exactly that. Until then the old terms run. An accepted update pays out what
/// is due and goes on under the same number.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl update propose 7 --payment 500 --account alice\n  \
    streamctl update show 7\n  \
    streamctl update accept 7 --account bob\n  \
    streamctl update revoke 7 --account alice")]
pub(crate) struct UpdateArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Propose(propose::ProposeArgs),
    Show(show::ShowOffersArgs),
    Accept(accept::AcceptArgs),
    Revoke(revoke::RevokeArgs),
}

impl UpdateArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        match self.action {
            Action::Propose(args) => args.run(output).await,
            Action::Show(args) => args.run(output).await,
            Action::Accept(args) => args.run(output).await,
            Action::Revoke(args) => args.run(output).await,
        }
    }
}
