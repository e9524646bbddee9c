//! `streamctl index init`: a configuration to begin with.

use std::{
    env, fmt,
    fs::File,
    io::{ErrorKind, Write},
    path::PathBuf,
};

use ::index::config::{STREAMS, UNISWAP};
use alloy::{primitives::Address, providers::Provider};
use bindings::{Clock, create2_address};
use clap::{Args, ValueEnum};
use eyre::{WrapErr, ensure, eyre};
use serde::Serialize;

use crate::{
    address::parse_address,
    amount::grouped,
    chain::{EndpointArgs, Node, is_local},
    output::{Output, maybe_text, write_rows},
    streams::deployment_block,
};

/// The chain that the pairs of the template are on.
const ETHEREUM: u64 = 1;

/// Write a configuration to begin with; a file that is there stays as it is.
///
/// With an RPC endpoint the chain's id is filled in, and for streams the contracts and the block that they begin at. A URL
/// that is given by --rpc-url is written down; that of ETH_RPC_URL stays a variable.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index init\n  \
    streamctl index init streams --rpc-url http://127.0.0.1:8545 --contract 0x75a1…\n  \
    streamctl index init --store 'postgres://index:${DATABASE_PASSWORD}@db.example/index'\n  \
    streamctl index init uniswap --to uniswap.toml")]
pub(super) struct InitArgs {
    /// What to index.
    #[arg(value_enum, default_value_t = Template::Streams)]
    template: Template,
    /// The file to write.
    #[arg(
        long,
        value_name = "FILE",
        env = "STREAMCTL_INDEX_CONFIG",
        hide_env_values = true,
        default_value = "index.toml"
    )]
    to: PathBuf,
    /// Where the index is kept: a file, relative to the configuration, or postgres://user:password@host/database. ${NAME}
    /// stands for a variable, for a password that is not to be in the file.
    #[arg(long, value_name = "FILE|URL")]
    store: Option<String>,
    /// Stream contracts, if not those that `streamctl deploy` makes.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    contract: Vec<Address>,
    #[command(flatten)]
    endpoint: EndpointArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Template {
    /// Streams by ERC-1620, and deposits through StreamPortal.
    Streams,
    /// Pairs of Uniswap V2.
    Uniswap,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    #[serde(serialize_with = "maybe_text")]
    chain_id: Option<u64>,
    contracts: Vec<String>,
    #[serde(serialize_with = "maybe_text")]
    start_block: Option<u64>,
}

/// What the chain says.
#[derive(Debug, Default)]
struct Found {
    chain_id: Option<u64>,
    contracts: Vec<Address>,
    start_block: Option<u64>,
}

impl InitArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        ensure!(
            self.template == Template::Streams || self.contract.is_empty(),
            "--contract is of a stream contract; the pairs of uniswap are in the file"
        );
        ensure!(!self.to.exists(), already_there(&self.to));
        let found = match &self.endpoint.rpc_url {
            Some(_) => self.look(output).await?,
            None => Found { contracts: self.contract.clone(), ..Found::default() },
        };
        let text = self.fill(&found);
        let mut file = File::create_new(&self.to).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => already_there(&self.to),
            _ => eyre!("writing {}: {error}", self.to.display()),
        })?;
        file.write_all(text.as_bytes()).wrap_err_with(|| format!("writing {}", self.to.display()))?;
        let contracts = found.contracts.iter().map(ToString::to_string).collect();
        let written = Written { file: self.to, chain_id: found.chain_id, contracts, start_block: found.start_block };
        output.result(&written)?;
        output.note("look it over, then `streamctl index run`");
        Ok(())
    }

    async fn look(&self, output: &Output) -> eyre::Result<Found> {
        let (node, _) = self.endpoint.connect(&[]).await?;
        let mut found = Found { chain_id: Some(node.chain_id), ..Found::default() };
        if self.template == Template::Uniswap {
            if node.chain_id != ETHEREUM {
                output.warn(format_args!(
                    "the addresses in the file are Ethereum's, and the endpoint is of chain {}; replace them",
                    node.chain_id
                ));
            }
            return Ok(found);
        }
        let is_given = !self.contract.is_empty();
        let wanted = if is_given { self.contract.clone() } else { Clock::ALL.map(create2_address).to_vec() };
        for contract in wanted {
            if node.has_code(contract).await? {
                let block = first_block(&node, contract).await?;
                found.start_block = Some(found.start_block.map_or(block, |start| start.min(block)));
                found.contracts.push(contract);
            } else {
                ensure!(
                    !is_given,
                    "there is no contract at {contract} on chain {}; check --contract and the chain",
                    node.chain_id
                );
            }
        }
        if found.contracts.is_empty() {
            output.warn(format_args!(
                "there is no stream contract on chain {}; run `streamctl deploy`, or pass --contract",
                node.chain_id
            ));
        }
        Ok(found)
    }

    /// The template with what was found in it.
    fn fill(&self, found: &Found) -> String {
        let mut text = match self.template {
            Template::Streams => STREAMS,
            Template::Uniswap => UNISWAP,
        }
        .to_owned();
        let mut put = |before: &str, after: String| {
            debug_assert!(text.contains(before), "the template has {before:?}");
            text = text.replacen(before, &after, 1);
        };
        if let Some(store) = &self.store {
            let default = match self.template {
                Template::Streams => "streams.db",
                Template::Uniswap => "uniswap.db",
            };
            put(&format!("\nstore = \"{default}\"\n"), format!("\nstore = {}\n", quoted(store)));
        }
        if let Some(id) = found.chain_id {
            put("\nid = 1\n", format!("\nid = {id}\n"));
        }
        if let Some(start) = found.start_block {
            put("\ngenesis = 0\n", format!("\ngenesis = {start}\n"));
            put("\nstart_block = 0\n", format!("\nstart_block = {start}\n"));
        }
        // A variable may hold a key, which is to stay where it is.
        let is_variable = |url: &String| env::var("ETH_RPC_URL").is_ok_and(|variable| variable == *url);
        if let Some(url) = self.endpoint.rpc_url.as_ref().filter(|url| !is_variable(url)) {
            put("\"${ETH_RPC_URL}\"", quoted(url));
        }
        if self.endpoint.rpc_url.as_deref().and_then(|url| url.parse().ok()).is_some_and(|url| is_local(&url)) {
            // A node of one's own has no limit, and a long chain is read in seconds without.
            put(", limit = \"2000/minute;100/second\"", String::new());
        }
        if !found.contracts.is_empty() {
            let contracts: Vec<_> = found.contracts.iter().map(|contract| format!("\"{contract}\"")).collect();
            put("\ncontracts = []\n", format!("\ncontracts = [{}]\n", contracts.join(", ")));
        }
        text
    }
}

/// The block to begin at: that of the deployment, or the first if the node does not know old states.
async fn first_block(node: &Node, contract: Address) -> eyre::Result<u64> {
    let last = node.provider.get_block_number().await.map_err(|error| node.sentence(error))?;
    Ok(deployment_block(node, contract, last).await)
}

/// As TOML has texts, which is as JSON has them.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn already_there(file: &std::path::Path) -> eyre::Report {
    eyre!("{} is there already, and stays as it is; name another file by --to", file.display())
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.file.display())?;
        let mut rows = Vec::new();
        rows.extend(self.chain_id.map(|id| ("chain", id.to_string())));
        rows.extend(self.contracts.iter().map(|contract| ("contract", contract.clone())));
        rows.extend(self.start_block.map(|block| ("from block", grouped(block))));
        write_rows(f, &rows)
    }
}
