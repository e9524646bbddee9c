//! `streamable-token`: the application that runs inside a Cartesi machine, or beside a local node.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alloy_primitives::Address;
use clap::{Args, Parser, Subcommand, ValueEnum};
use dapp::deposit::{Deployment, Portals};
use dapp::rollup::Rollup;
use dapp::{App, Durability, Integrity, Store};
use eyre::{Result, WrapErr, bail};
use serde_json::json;

/// Streams of money inside a Cartesi rollup, with exact balances at every moment.
#[derive(Parser)]
#[command(name = "streamable-token", version, max_term_width = 100)]
struct Cli {
    /// The database; made if it is not there
    #[arg(long, global = true, env = "STREAMABLE_TOKEN_DATABASE", default_value = "streamable-token.db")]
    database: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take inputs and questions from the rollup until stopped
    #[command(after_help = "Example:\n  ROLLUP_HTTP_SERVER_URL=http://127.0.0.1:5004 streamable-token run")]
    Run(Run),
    /// Answer one question, as the rollup's inspect does, and stop
    #[command(after_help = "Example:\n  streamable-token inspect solvency/ether")]
    Inspect {
        /// Such as `balance/{token}/{account}?at=1700000000`
        question: String,
    },
    /// Add up the whole database again
    #[command(after_help = "Example:\n  streamable-token check --json")]
    Check {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct Run {
    /// The rollup's HTTP API
    #[arg(long, env = "ROLLUP_HTTP_SERVER_URL", default_value = "http://127.0.0.1:5004")]
    url: String,
    /// Who keeps what has been committed
    #[arg(long, env = "STREAMABLE_TOKEN_DURABILITY", value_enum, default_value_t = Keeper::Disk)]
    durability: Keeper,
    #[command(flatten)]
    deployment: DeploymentArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Keeper {
    /// The disk, at each input: nothing is lost when the power goes
    Disk,
    /// The system: nothing is lost by a kill; after a power cut put back a copy
    System,
    /// The Cartesi machine around the program, by its snapshots
    Machine,
}

/// Addresses that differ from the published deployment of Cartesi's contracts.
#[derive(Args)]
#[command(next_help_heading = "Contracts, where they are not the published ones")]
struct DeploymentArgs {
    #[arg(long, env = "ETHER_PORTAL", value_name = "ADDRESS", help = "EtherPortal")]
    ether_portal: Option<Address>,
    #[arg(long, env = "ERC20_PORTAL", value_name = "ADDRESS", help = "ERC20Portal")]
    erc20_portal: Option<Address>,
    #[arg(long, env = "ERC721_PORTAL", value_name = "ADDRESS", help = "ERC721Portal")]
    erc721_portal: Option<Address>,
    #[arg(long, env = "ERC1155_SINGLE_PORTAL", value_name = "ADDRESS", help = "ERC1155SinglePortal")]
    erc1155_single_portal: Option<Address>,
    #[arg(long, env = "ERC1155_BATCH_PORTAL", value_name = "ADDRESS", help = "ERC1155BatchPortal")]
    erc1155_batch_portal: Option<Address>,
    #[arg(long, env = "SAFE_ERC20_TRANSFER", value_name = "ADDRESS", help = "SafeERC20Transfer")]
    safe_erc20_transfer: Option<Address>,
    #[arg(long, env = "STREAM_PORTAL", value_name = "ADDRESS", help = "StreamPortal; without it there is none")]
    stream_portal: Option<Address>,
}

impl DeploymentArgs {
    fn resolve(self) -> Deployment {
        let published = Deployment::default();
        let Portals { ether, erc20, erc721, erc1155_single, erc1155_batch } = published.v2;
        Deployment {
            v2: Portals {
                ether: self.ether_portal.unwrap_or(ether),
                erc20: self.erc20_portal.unwrap_or(erc20),
                erc721: self.erc721_portal.unwrap_or(erc721),
                erc1155_single: self.erc1155_single_portal.unwrap_or(erc1155_single),
                erc1155_batch: self.erc1155_batch_portal.unwrap_or(erc1155_batch),
            },
            stream_portal: self.stream_portal,
            safe_erc20_transfer: self.safe_erc20_transfer.unwrap_or(published.safe_erc20_transfer),
            ..published
        }
    }
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(Cli { database, command }: Cli) -> Result<()> {
    match command {
        Command::Run(Run { url, durability, deployment }) => {
            let durability = match durability {
                Keeper::Disk => Durability::Disk,
                Keeper::System => Durability::System,
                Keeper::Machine => Durability::Machine,
            };
            let mut app = App::new(open(&database, durability)?, deployment.resolve());
            eprintln!("streamable-token serves {url} from {}", database.display());
            match Rollup::at(&url).serve(&mut app)? {}
        }
        Command::Inspect { question } => {
            let app = App::new(open_existing(&database)?, Deployment::default());
            match app.inspect(question.as_bytes())? {
                Ok(answer) => print(&answer),
                Err(why) => bail!("{why}"),
            }
        }
        Command::Check { json } => check(&open_existing(&database)?, json),
    }
}

fn check(store: &Store, json: bool) -> Result<()> {
    let integrity = store.check()?;
    let Integrity { tokens, accounts, streams, findings } = &integrity;
    if json {
        let report = json!({ "tokens": tokens, "accounts": accounts, "streams": streams, "findings": findings });
        print(report.to_string().as_bytes())?;
    } else {
        print(format!("{tokens} tokens, {accounts} accounts and {streams} streams added up").as_bytes())?;
        findings.iter().try_for_each(|finding| print(finding.as_bytes()))?;
    }
    if findings.is_empty() {
        return Ok(());
    }
    bail!("the database is damaged; restore a copy, or replay the inputs from the first on")
}

fn open(database: &Path, durability: Durability) -> Result<Store> {
    Store::open(database, durability).wrap_err_with(|| format!("opening {}", database.display()))
}

fn open_existing(database: &Path) -> Result<Store> {
    if !database.exists() {
        bail!("there is no database at {}; name it with --database", database.display());
    }
    open(database, Durability::Disk)
}

/// A line on standard output. A reader who has gone away has seen enough.
fn print(line: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.wrap_err("writing the answer"),
    }
}
