//! `streamctl rollup outputs`: what the application has put out.

use std::fmt;

use alloy::primitives::Address;
use clap::Args;
use serde::Serialize;

use super::{
    question::QuestionArgs,
    verdict::{in_words, report_texts},
};
use crate::{
    amount::Token,
    node::{Filter, printable},
    output::{Output, text},
    outputs::Decoded,
};

/// List what the application has put out, decoded: notices of what has happened, vouchers of what is to be paid.
///
/// With --input it is also told what became of the input, and why.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup outputs --app 0x75a1… --input 12\n  \
    streamctl rollup outputs --app 0x75a1… --epoch 3 --json")]
pub(super) struct OutputsArgs {
    /// Only outputs of this input.
    #[arg(long, value_name = "N")]
    input: Option<u64>,
    /// Only outputs of this epoch.
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    #[command(flatten)]
    question: QuestionArgs,
}

#[derive(Debug, Serialize)]
struct Outputs {
    #[serde(serialize_with = "text")]
    app: Address,
    outputs: Vec<Decoded>,
    /// If one input is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    fate: Option<Fate>,
    /// For people; in JSON amounts are units.
    #[serde(skip)]
    tokens: std::collections::HashMap<Address, Token>,
}

/// What became of an input.
#[derive(Debug, Serialize)]
struct Fate {
    #[serde(serialize_with = "text")]
    input: u64,
    /// Such as `ACCEPTED`; `None` if the node does not have the input.
    status: Option<String>,
    reports: Vec<String>,
}

impl OutputsArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asked = self.question.open().await?;
        let filter = Filter { input: self.input, epoch: self.epoch };
        let outputs: Vec<Decoded> = asked.rollup.outputs(filter).await?.iter().map(Decoded::of).collect();
        let fate = match self.input {
            Some(input) => {
                let status = asked.rollup.input(input).await?.map(|input| printable(&input.status));
                Some(Fate { input, status, reports: report_texts(&asked.rollup.reports(input).await?) })
            }
            None => None,
        };
        let tokens = asked.tokens(outputs.iter().filter_map(Decoded::token)).await?;
        output.result(&Outputs { app: self.question.app.app, outputs, fate, tokens })?;
        asked.report(output);
        Ok(())
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, status, reports } = self;
        match status.as_deref() {
            None => writeln!(f, "Input {input}: not read by the node yet")?,
            Some("NONE") => writeln!(f, "Input {input}: not processed yet")?,
            Some(status) => writeln!(f, "Input {input}: {}", in_words(status))?,
        }
        reports.iter().try_for_each(|report| writeln!(f, "  report  {report}"))
    }
}

impl fmt::Display for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fate) = &self.fate {
            write!(f, "{fate}")?;
        } else if self.outputs.is_empty() {
            return writeln!(f, "No outputs.");
        }
        self.outputs.iter().try_for_each(|output| {
            let Decoded { index, input, epoch, kind, .. } = output;
            writeln!(f, "{index}  {kind}  input {input}, epoch {epoch}  {}", output.words(&self.tokens))
        })
    }
}
