#![doc = include_str!("../README.md")]

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::output::Output;

mod address;
mod allowance;
mod amount;
mod anvil;
mod application;
mod chain;
mod clock;
mod cmd;
mod explain;
mod index_api;
mod indexed;
mod interrupt;
mod lookup;
mod moment;
mod node;
mod output;
mod outputs;
mod pace;
mod plan;
mod probe;
mod proof;
mod scan;
mod signer;
mod streams;
mod table;
mod tx;

/// Money that streams: pay by the block or by the second, by ERC-1620.
#[derive(Debug, Parser)]
#[command(name = "streamctl", version, max_term_width = 100)]
#[command(after_help = "Examples:\n  \
    streamctl demo\n  \
    streamctl plan --token 0x5FbD… --amount 3000 --over 30d --every 1h\n  \
    streamctl create --recipient 0x7099… --token 0x5FbD… --amount 3000 --over 30d --account alice\n  \
    streamctl show 1")]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(cmd::DemoArgs),
    Deploy(cmd::DeployArgs),
    Plan(cmd::PlanArgs),
    Create(cmd::CreateArgs),
    Show(cmd::ShowArgs),
    List(cmd::ListArgs),
    Balance(cmd::BalanceArgs),
    Watch(cmd::WatchArgs),
    Withdraw(cmd::WithdrawArgs),
    Redeem(cmd::RedeemArgs),
    Settle(cmd::SettleArgs),
    Claim(cmd::ClaimArgs),
    Update(cmd::UpdateArgs),
    Portal(cmd::PortalArgs),
    Rollup(cmd::RollupArgs),
    Index(cmd::IndexArgs),
    Sim(cmd::SimArgs),
    Completions(cmd::CompletionsArgs),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { output, command } = Cli::parse();
    match run(command, &output).await {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, output: &Output) -> eyre::Result<()> {
    match command {
        Command::Demo(args) => args.run(output).await,
        Command::Deploy(args) => args.run(output).await,
        Command::Plan(args) => args.run(output).await,
        Command::Create(args) => args.run(output).await,
        Command::Show(args) => args.run(output).await,
        Command::List(args) => args.run(output).await,
        Command::Balance(args) => args.run(output).await,
        Command::Watch(args) => args.run(output).await,
        Command::Withdraw(args) => args.run(output).await,
        Command::Redeem(args) => args.run(output).await,
        Command::Settle(args) => args.run(output).await,
        Command::Claim(args) => args.run(output).await,
        Command::Update(args) => args.run(output).await,
        Command::Portal(args) => args.run(output).await,
        Command::Rollup(args) => args.run(output).await,
        Command::Index(args) => args.run(output).await,
        Command::Sim(args) => args.run(output).await,
        Command::Completions(args) => args.run::<Cli>(),
    }
}

fn is_broken_pipe(error: &eyre::Report) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
