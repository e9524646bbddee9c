//! `streamctl portal`: from the chain into a rollup.

use clap::{Args, Subcommand};

use crate::output::Output;

mod crossing;
mod deposit;
mod forward;
mod inbox;
mod orders;
mod stream;

pub(super) use orders::{check_duration, start_of};

/// Take money into a rollup, and start streams there.
///
/// StreamPortal moves tokens or Ether to the application of a Cartesi rollup that runs StreamableToken, and has them
/// streamed there, in one transaction. It keeps nothing.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl portal deposit --app 0x75a1… --token 0x5FbD… --amount 12.5 --account alice\n  \
    streamctl portal stream --app 0x75a1… --token ether --amount 3 --to 0x7099… --over 30d --account alice\n  \
    streamctl portal inbox --app 0x75a1… --owner 0x7099…\n  \
    streamctl portal forward --app 0x75a1… --owner 0x7099… 7")]
pub(crate) struct PortalArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Deposit(deposit::DepositArgs),
    Stream(stream::StreamArgs),
    Forward(forward::ForwardArgs),
    Inbox(inbox::InboxArgs),
}

impl PortalArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        match self.action {
            Action::Deposit(args) => args.run(output).await,
            Action::Stream(args) => args.run(output).await,
            Action::Forward(args) => args.run(output).await,
            Action::Inbox(args) => args.run(output).await,
        }
    }
}
