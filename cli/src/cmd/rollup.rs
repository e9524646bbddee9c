//! `streamctl rollup`: money that streams inside a Cartesi rollup, and its way back to the chain.

use clap::{Args, Subcommand};

use crate::output::Output;

mod balance;
mod demo;
mod input;
mod outputs;
mod question;
mod reset;
mod send;
mod solvency;
mod status;
mod streams;
mod up;
mod verdict;
mod voucher;

/// Stream inside a Cartesi rollup, and take money out of it.
///
/// Inputs go to the chain; balances, streams and outputs come from a node of the rollup; vouchers are proved by the node,
/// checked on the chain, and paid there.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup up\n  \
    streamctl rollup status --app 0x75a1…\n  \
    streamctl rollup send --app 0x75a1… stream --token 0x5FbD… --to 0x7099… --amount 3000 --over 30d --account alice\n  \
    streamctl rollup balance 0x7099… --app 0x75a1… --token 0x5FbD…\n  \
    streamctl rollup send --app 0x75a1… withdraw --token 0x5FbD… --amount 12.5 --account bob\n  \
    streamctl rollup voucher execute --all --app 0x75a1… --account bob")]
pub(crate) struct RollupArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Demo(demo::DemoArgs),
    Up(Box<up::UpArgs>),
    Status(status::StatusArgs),
    Reset(reset::ResetArgs),
    Send(send::SendArgs),
    Balance(balance::BalanceArgs),
    Streams(streams::StreamsArgs),
    Stream(streams::StreamArgs),
    Solvency(solvency::SolvencyArgs),
    Outputs(outputs::OutputsArgs),
    Voucher(voucher::VoucherArgs),
}

impl RollupArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        match self.action {
            Action::Demo(args) => args.run(output).await,
            Action::Up(args) => args.run(output).await,
            Action::Status(args) => args.run(output).await,
            Action::Reset(args) => args.run(output).await,
            Action::Send(args) => args.run(output).await,
            Action::Balance(args) => args.run(output).await,
            Action::Streams(args) => args.run(output).await,
            Action::Stream(args) => args.run(output).await,
            Action::Solvency(args) => args.run(output).await,
            Action::Outputs(args) => args.run(output).await,
            Action::Voucher(args) => args.run(output).await,
        }
    }
}
