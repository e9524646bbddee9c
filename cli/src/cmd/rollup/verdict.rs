//! What the rollup makes of an input: waits for the node, and compares what it has read with what the chain has.

use std::time::Duration;

use alloy::primitives::U256;
use bindings::cartesi::IInputBox::InputAdded;
use eyre::{bail, ensure};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{
    node::{Filter, Input, Report, RollupNode, printable, reported_error},
    outputs::Decoded,
};

/// How long the node may take to process an input before the command gives up waiting.
const PROCESSING: Duration = Duration::from_secs(180);
/// First and longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_LIMIT: Duration = Duration::from_secs(2);

/// Longest report that is printed, in bytes.
const REPORT_LIMIT: usize = 4096;

/// An input that was accepted.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) outputs: Vec<Decoded>,
    pub(super) reports: Vec<String>,
}

/// Waits until the node has processed the input that the chain has logged.
///
/// # Errors
/// If the input is not accepted, in the application's words; if the node has read another input than the chain has, or
/// none for too long.
pub(super) async fn verdict(rollup: &RollupNode, added: &InputAdded) -> eyre::Result<Verdict> {
    let index = number(added.index)?;
    let input = processed(rollup, index).await?;
    ensure!(
        input.raw_data == added.input,
        "{rollup} has read another input {index} than the chain has; it follows another chain, so use another --node-url"
    );
    let reports = rollup.reports(index).await?;
    if input.status != "ACCEPTED" {
        let reasons: Vec<String> = reports.iter().filter_map(|report| reported_error(&report.raw_data)).collect();
        let reason = if reasons.is_empty() { "it gives no reason".to_owned() } else { reasons.join("; ") };
        bail!("input {index} is {}: {reason}", in_words(&input.status));
    }
    let outputs = rollup.outputs(Filter { input: Some(index), epoch: None }).await?;
    Ok(Verdict { outputs: outputs.iter().map(Decoded::of).collect(), reports: report_texts(&reports) })
}

/// Reports as a terminal may show them; of one that is an error, its sentence.
pub(super) fn report_texts(reports: &[Report]) -> Vec<String> {
    let text = |report: &Report| {
        let bytes = &report.raw_data[..report.raw_data.len().min(REPORT_LIMIT)];
        reported_error(bytes).unwrap_or_else(|| printable(&String::from_utf8_lossy(bytes)))
    };
    reports.iter().map(text).collect()
}

/// `REJECTED` as a person reads it.
pub(super) fn in_words(status: &str) -> String {
    printable(status).to_lowercase().replace('_', " ")
}

async fn processed(rollup: &RollupNode, index: u64) -> eyre::Result<Input> {
    let end = Instant::now() + PROCESSING;
    let mut pause = PAUSE;
    loop {
        let input = rollup.input(index).await?;
        if let Some(input) = input.filter(|input| input.status != "NONE") {
            return Ok(input);
        }
        if Instant::now() > end {
            bail!(
                "{rollup} has not processed input {index} after {} seconds, and may still; `streamctl rollup outputs \
                 --input {index}` shows what comes of it",
                PROCESSING.as_secs()
            );
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_LIMIT);
    }
}

/// Inputs are counted in 64 bits by all that read them.
fn number(index: U256) -> eyre::Result<u64> {
    match u64::try_from(index) {
        Ok(index) => Ok(index),
        Err(_) => bail!("input {index} exceeds what a rollup node counts"),
    }
}
