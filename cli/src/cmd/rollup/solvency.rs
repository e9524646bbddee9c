//! `streamctl rollup solvency`: whether a token's money adds up.

use std::fmt;

use alloy::primitives::{Address, U256};
use clap::Args;
use eyre::ensure;
use serde::{Deserialize, Serialize};

use super::question::{QuestionArgs, decimal};
use crate::{
    amount::Token,
    application::parse_token,
    moment::{Moment, format_instant, parse_moment},
    output::{Output, text, write_rows},
};

/// Show what came into the rollup of a token, what went out, and what is promised to streams.
///
/// It is checked that these add up.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup solvency 0x5FbD… --app 0x75a1…\n  \
    streamctl rollup solvency ether --app 0x75a1… --at +30d")]
pub(super) struct SolvencyArgs {
    /// Of which token, or ether.
    #[arg(value_name = "TOKEN", value_parser = parse_token)]
    token: Address,
    /// When, as in +2h or 2027-01-01; without it, now: the latest block's time, or this machine's without --rpc-url.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    at: Option<Moment>,
    #[command(flatten)]
    question: QuestionArgs,
}

#[derive(Deserialize)]
struct Answer {
    token: Address,
    at: u64,
    #[serde(deserialize_with = "decimal")]
    deposited: U256,
    #[serde(deserialize_with = "decimal")]
    withdrawn: U256,
    #[serde(deserialize_with = "decimal")]
    supply: U256,
    #[serde(deserialize_with = "decimal")]
    locked: U256,
    #[serde(deserialize_with = "decimal")]
    available: U256,
}

/// Amounts in units of the token.
#[derive(Debug, Serialize)]
struct Solvency {
    token: Token,
    /// Unix seconds.
    #[serde(serialize_with = "text")]
    at: u64,
    #[serde(serialize_with = "text")]
    deposited: U256,
    #[serde(serialize_with = "text")]
    withdrawn: U256,
    #[serde(serialize_with = "text")]
    supply: U256,
    #[serde(serialize_with = "text")]
    locked: U256,
    #[serde(serialize_with = "text")]
    available: U256,
}

impl SolvencyArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asked = self.question.open().await?;
        let at = asked.at(self.at)?;
        let Answer { token, at: answered, deposited, withdrawn, supply, locked, available } =
            asked.ask(&format!("solvency/{}?at={at}", self.token)).await?;
        ensure!(
            (token, answered) == (self.token, at),
            "the application answers for {token} at {answered}, which was not asked; use another --node-url"
        );
        ensure!(
            deposited.checked_sub(withdrawn) == Some(supply) && locked.checked_add(available) == Some(supply),
            "the rollup does not add up: {deposited} units of {token} were deposited, {withdrawn} withdrawn; {locked} are \
             locked and {available} available of a supply of {supply}"
        );
        let token = asked.token(token).await?;
        output.result(&Solvency { token, at, deposited, withdrawn, supply, locked, available })?;
        asked.report(output);
        Ok(())
    }
}

impl fmt::Display for Solvency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} in the rollup", self.token.amount(self.supply))?;
        let rows = [
            ("deposited", self.token.amount(self.deposited)),
            ("withdrawn", self.token.amount(self.withdrawn)),
            ("promised to streams", self.token.amount(self.locked)),
            ("available", self.token.amount(self.available)),
            ("at", format_instant(self.at)),
        ];
        write_rows(f, &rows)
    }
}
