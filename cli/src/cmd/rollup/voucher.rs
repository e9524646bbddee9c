//! `streamctl rollup voucher`: what the application is to pay on the chain.

use std::fmt;

use alloy::primitives::{Address, B256, Bytes, U256};
use bindings::cartesi::IApplication;
use clap::{Args, Subcommand};
use eyre::{ensure, eyre};
use serde::Serialize;

use super::question::QuestionArgs;
use crate::{
    amount::Token,
    node::Filter,
    output::{Output, text},
    outputs::Decoded,
    proof::Proof,
};

mod execute;
mod standing;

use standing::{Standing, standings};

/// List, prove and execute vouchers: the money that comes out of the rollup.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup voucher list --app 0x75a1…\n  \
    streamctl rollup voucher prove 4 --app 0x75a1…\n  \
    streamctl rollup voucher execute 4 --app 0x75a1… --account bob")]
pub(super) struct VoucherArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListArgs),
    Prove(ProveArgs),
    Execute(execute::ExecuteArgs),
}

/// List vouchers: which can be executed, which were, and which wait for a claim.
///
/// The node says what the vouchers are; the chain says how they stand.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup voucher list --app 0x75a1…\n  \
    streamctl rollup voucher list --app 0x75a1… --epoch 3 --json | jq '.vouchers[] | select(.standing == \"executable\")'")]
struct ListArgs {
    /// Only vouchers of this input.
    #[arg(long, value_name = "N")]
    input: Option<u64>,
    /// Only vouchers of this epoch.
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    #[command(flatten)]
    question: QuestionArgs,
}

/// Print the proof of a voucher as JSON, if the chain accepts it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  streamctl rollup voucher prove 4 --app 0x75a1… > proof.json")]
struct ProveArgs {
    /// Number of the output.
    #[arg(value_name = "INDEX")]
    index: u64,
    #[command(flatten)]
    question: QuestionArgs,
}

#[derive(Debug, Serialize)]
struct List {
    #[serde(serialize_with = "text")]
    app: Address,
    vouchers: Vec<Row>,
    #[serde(skip)]
    tokens: std::collections::HashMap<Address, Token>,
}

#[derive(Debug, Serialize)]
struct Row {
    standing: Standing,
    #[serde(flatten)]
    voucher: Decoded,
}

#[derive(Debug, Serialize)]
struct Proven {
    #[serde(serialize_with = "text")]
    app: Address,
    #[serde(serialize_with = "text")]
    output_index: u64,
    #[serde(serialize_with = "text")]
    output: Bytes,
    output_hashes_siblings: Vec<B256>,
    #[serde(serialize_with = "text")]
    outputs_merkle_root: B256,
}

impl VoucherArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        match self.action {
            Action::List(args) => args.run(output).await,
            Action::Prove(args) => args.run(output).await,
            Action::Execute(args) => args.run(output).await,
        }
    }
}

impl ListArgs {
    async fn run(self, output: &Output) -> eyre::Result<()> {
        let app = self.question.app.app;
        let (node, answers) = self.question.endpoint.connect(&[self.question.app.query()]).await?;
        self.question.app.application(&node, &answers[0]).await?;
        let filter = Filter { input: self.input, epoch: self.epoch };
        let mut vouchers = self.question.rollup()?.outputs(filter).await?;
        vouchers.retain(|output| Decoded::of(output).is_voucher());
        let standings = standings(&node, app, &vouchers).await?;
        let rows = vouchers.iter().map(Decoded::of).zip(standings).map(|(voucher, standing)| Row { standing, voucher });
        let rows: Vec<Row> = rows.collect();
        let named = rows.iter().filter_map(|row| row.voucher.token());
        let tokens = super::question::known_tokens(Some(&node), named).await?;
        output.result(&List { app, vouchers: rows, tokens })?;
        node.report(output);
        Ok(())
    }
}

impl ProveArgs {
    async fn run(self, output: &Output) -> eyre::Result<()> {
        let (app, index) = (self.question.app.app, self.index);
        let (node, answers) = self.question.endpoint.connect(&[self.question.app.query()]).await?;
        self.question.app.application(&node, &answers[0]).await?;
        let rollup = self.question.rollup()?;
        let found = rollup.output(index).await?.ok_or_else(|| unknown(index))?;
        ensure!(
            Decoded::of(&found).is_voucher(),
            "output {index} is no voucher; `streamctl rollup voucher list` shows them"
        );
        let proof = Proof::of(&found)?.ok_or_else(|| unclaimed(index))?;
        standing::check(&node, app, &proof).await?;
        output.result(&Proven {
            app,
            output_index: index,
            output: proof.output.clone(),
            outputs_merkle_root: proof.root(),
            output_hashes_siblings: proof.siblings,
        })?;
        node.report(output);
        Ok(())
    }
}

fn unknown(index: u64) -> eyre::Report {
    eyre!("there is no output {index}; `streamctl rollup voucher list` shows the vouchers that there are")
}

fn unclaimed(index: u64) -> eyre::Report {
    eyre!("voucher {index} has no proof yet: its epoch is not claimed; try again when it is")
}

/// What a contract answers to who asks whether an output was executed.
fn was_executed(index: u64) -> IApplication::wasOutputExecutedCall {
    IApplication::wasOutputExecutedCall { outputIndex: U256::from(index) }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.vouchers.is_empty() {
            return writeln!(f, "No vouchers.");
        }
        self.vouchers.iter().try_for_each(|Row { standing, voucher }| {
            let Decoded { index, input, epoch, .. } = voucher;
            writeln!(f, "{index}  {standing}  input {input}, epoch {epoch}  {}", voucher.words(&self.tokens))
        })
    }
}

/// The proof is for programs; people get the same.
impl fmt::Display for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?)
    }
}
