//! `streamctl rollup status`: how a node and its application are.

use std::fmt;

use alloy::primitives::Address;
use clap::Args;
use eyre::ensure;
use serde::Serialize;

use super::question::QuestionArgs;
use crate::{
    amount::grouped,
    node::{Epochs, Inputs, Seen, Vouchers},
    output::{Output, maybe_text, text, write_rows},
};

/// Show how a rollup node and the application are: how far the node is, and what has become of inputs and vouchers.
///
/// All of this is the node's word, but for the chain's head, which takes an RPC endpoint.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup status --app 0x75a1…\n  \
    streamctl rollup status --app 0x75a1… --node-url https://… --rpc-url https://… --json | jq .is_at_head")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    question: QuestionArgs,
}

#[derive(Debug, Serialize)]
struct Status {
    #[serde(serialize_with = "text")]
    app: Address,
    name: String,
    /// What the application is to the node, such as `ENABLED`.
    state: Option<String>,
    node_url: String,
    node_version: String,
    is_development: bool,
    #[serde(serialize_with = "text")]
    chain_id: u64,
    /// Blocks that the node reads, such as `LATEST`.
    default_block: Option<String>,
    /// The last block that the node has read.
    #[serde(serialize_with = "maybe_text")]
    block: Option<u64>,
    /// The chain's last block, before the node was asked.
    #[serde(serialize_with = "maybe_text")]
    head: Option<u64>,
    is_at_head: Option<bool>,
    #[serde(serialize_with = "text")]
    epoch_length: u64,
    inputs: Inputs,
    epochs: Epochs,
    #[serde(serialize_with = "text")]
    n_outputs: u64,
    vouchers: Vouchers,
}

impl StatusArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asked = self.question.open().await?;
        let seen = asked.rollup.status().await?;
        let head = match asked.chain() {
            Some(chain) => {
                ensure!(
                    chain.chain_id == seen.chain_id,
                    "{} serves chain {}, and the RPC endpoint is of chain {}; pass the --rpc-url of chain {}",
                    asked.rollup,
                    seen.chain_id,
                    chain.chain_id,
                    seen.chain_id
                );
                Some(chain.block)
            }
            None => None,
        };
        let Seen { chain_id, version, default_block, is_development, name, state, epoch_length, block, .. } = seen;
        output.result(&Status {
            app: self.question.app.app,
            name,
            state,
            node_url: asked.rollup.to_string(),
            node_version: version,
            is_development,
            chain_id,
            default_block,
            block,
            head,
            is_at_head: block.zip(head).map(|(block, head)| block >= head),
            epoch_length,
            inputs: seen.inputs,
            epochs: seen.epochs,
            n_outputs: seen.n_outputs,
            vouchers: seen.vouchers,
        })?;
        asked.report(output);
        Ok(())
    }
}

impl Status {
    fn node(&self) -> String {
        let kind = if self.is_development { ", a node for development" } else { "" };
        format!("{}, version {}{kind}", self.node_url, self.node_version)
    }

    fn progress(&self) -> String {
        let Some(block) = self.block else { return "not told".to_owned() };
        let read = format!("block {}", grouped(block));
        match (self.head, self.is_at_head) {
            (Some(_), Some(true)) => format!("{read}, the chain's head"),
            (Some(head), Some(false)) => {
                let (behind, head) = (grouped(head - block), grouped(head));
                let why = match self.default_block.as_deref() {
                    None | Some("LATEST") => String::new(),
                    Some(kind) => format!("; it reads {} blocks", kind.to_lowercase()),
                };
                format!("{read}, {behind} behind the chain's head at {head}{why}")
            }
            _ => read,
        }
    }

    fn inputs(&self) -> String {
        let Inputs { total, accepted, rejected, unprocessed } = &self.inputs;
        let parts = listed(&[(*accepted, "accepted"), (*rejected, "rejected"), (*unprocessed, "unprocessed")]);
        if parts.is_empty() { grouped(*total) } else { format!("{}: {parts}", grouped(*total)) }
    }

    fn epochs(&self) -> String {
        let Epochs { open, closed, claimed, accepted, refused, last_accepted } = &self.epochs;
        let parts = listed(&[
            (*open, "open"),
            (*closed, "closed"),
            (*claimed, "claimed"),
            (*accepted, "accepted"),
            (*refused, "refused"),
        ]);
        let last = last_accepted.map_or("none accepted yet".to_owned(), |last| format!("the last accepted is {last}"));
        let parts = [parts, last].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        format!("of {} blocks: {parts}", grouped(self.epoch_length))
    }

    fn vouchers(&self) -> String {
        match self.vouchers {
            Vouchers { executed: None, pending: None } => "not told".to_owned(),
            Vouchers { executed: Some(0), pending: Some(0) } => "0".to_owned(),
            Vouchers { executed, pending } => listed(&[(executed, "executed"), (pending, "pending")]),
        }
    }
}

/// `2 open, 1 closed`; what was not counted is left out, and what there is none of.
fn listed(parts: &[(Option<u64>, &str)]) -> String {
    let parts = parts.iter().filter_map(|(n, what)| Some((n.filter(|n| *n > 0)?, what)));
    let parts = parts.map(|(n, what)| format!("{} {what}", grouped(n)));
    parts.collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.as_deref().map(|state| format!(", {}", state.to_lowercase())).unwrap_or_default();
        writeln!(f, "{} on chain {}", self.app, self.chain_id)?;
        let rows = [
            ("node", self.node()),
            ("application", format!("{}{state}", self.name)),
            ("has read", self.progress()),
            ("inputs", self.inputs()),
            ("epochs", self.epochs()),
            ("outputs", grouped(self.n_outputs)),
            ("vouchers", self.vouchers()),
        ];
        write_rows(f, &rows)
    }
}
