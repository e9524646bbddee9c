//! `streamctl index`: snapshots of contracts, epoch by epoch, and what can be read of them.

use clap::{Args, Subcommand};

use crate::output::Output;

mod car;
mod consensus;
mod deposits;
mod export;
mod init;
mod pairs;
mod projects;
mod run;
mod snapshot;
mod status;
mod store;
mod streams;
mod unwind;
mod verify;
mod windows;

/// Index streams, pairs and events of a chain, and read what was indexed.
///
/// An index follows one chain into one store, as its configuration says. It takes snapshots of each epoch of blocks, and
/// chains those that are final by their content addresses. What reads it asks the store, or a running index by --index.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index init streams --rpc-url http://127.0.0.1:8545\n  \
    streamctl index run\n  \
    streamctl index status\n  \
    streamctl index streams --recipient 0x7099… --state streaming\n  \
    streamctl index snapshot --project streams/… --epoch 7")]
pub(crate) struct IndexArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Init(init::InitArgs),
    Run(run::RunArgs),
    Status(status::StatusArgs),
    Streams(streams::StreamsArgs),
    Deposits(deposits::DepositsArgs),
    Pairs(pairs::PairsArgs),
    Tokens(pairs::TokensArgs),
    Projects(projects::ProjectsArgs),
    Snapshot(snapshot::SnapshotArgs),
    Windows(windows::WindowsArgs),
    Verify(verify::VerifyArgs),
    Export(export::ExportArgs),
    Car(car::CarArgs),
    Unwind(unwind::UnwindArgs),
    Consensus(consensus::ConsensusArgs),
}

impl IndexArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        match self.action {
            Action::Init(args) => args.run(output).await,
            Action::Run(args) => args.run(output).await,
            Action::Status(args) => args.run(output).await,
            Action::Streams(args) => args.run(output).await,
            Action::Deposits(args) => args.run(output).await,
            Action::Pairs(args) => args.run(output).await,
            Action::Tokens(args) => args.run(output).await,
            Action::Projects(args) => args.run(output).await,
            Action::Snapshot(args) => args.run(output).await,
            Action::Windows(args) => args.run(output).await,
            Action::Verify(args) => args.run(output).await,
            Action::Export(args) => args.run(output).await,
            Action::Car(args) => args.run(output).await,
            Action::Unwind(args) => args.run(output).await,
            Action::Consensus(args) => args.run(output).await,
        }
    }
}
