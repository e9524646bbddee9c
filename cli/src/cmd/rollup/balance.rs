//! `streamctl rollup balance`: what an account has in the rollup, at any time.

use std::fmt;

use alloy::primitives::{Address, U256};
use clap::Args;
use eyre::ensure;
use serde::{Deserialize, Serialize};

use super::question::{QuestionArgs, decimal};
use crate::{
    address::parse_address,
    amount::Token,
    application::parse_token,
    moment::{Moment, format_instant, parse_moment},
    output::{Output, text, write_rows},
};

/// Show what an account has in the rollup, at any time.
///
/// The future is what happens if nobody does anything more. With --available it is what the account can spend: what it
/// has promised to streams is not.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup balance 0x7099… --app 0x75a1… --token 0x5FbD…\n  \
    streamctl rollup balance 0x7099… --app 0x75a1… --token ether --at +30d\n  \
    streamctl rollup balance 0x7099… --app 0x75a1… --token 0x5FbD… --available")]
pub(super) struct BalanceArgs {
    /// Whose balance.
    #[arg(value_name = "ACCOUNT", value_parser = parse_address)]
    account: Address,
    /// Of which token, or ether.
    #[arg(long, value_name = "ADDRESS|ether", value_parser = parse_token)]
    token: Address,
    /// When, as in +2h or 2027-01-01; without it, now: the latest block's time, or this machine's without --rpc-url.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    at: Option<Moment>,
    /// What the account can spend.
    #[arg(long)]
    available: bool,
    #[command(flatten)]
    question: QuestionArgs,
}

#[derive(Deserialize)]
struct Answer {
    token: Address,
    account: Address,
    at: u64,
    #[serde(alias = "available", deserialize_with = "decimal")]
    balance: U256,
}

#[derive(Debug, Serialize)]
struct Balance {
    #[serde(serialize_with = "text")]
    account: Address,
    token: Token,
    /// Unix seconds.
    #[serde(serialize_with = "text")]
    at: u64,
    /// Whether it is only what the account can spend.
    is_available: bool,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    amount: U256,
}

impl BalanceArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asked = self.question.open().await?;
        let at = asked.at(self.at)?;
        let route = if self.available { "available" } else { "balance" };
        let question = format!("{route}/{}/{}?at={at}", self.token, self.account);
        let answer: Answer = asked.ask(&question).await?;
        ensure!(
            (answer.token, answer.account, answer.at) == (self.token, self.account, at),
            "the application answers {question} for {} in {} at {}; use another --node-url",
            answer.account,
            answer.token,
            answer.at
        );
        output.result(&Balance {
            account: self.account,
            token: asked.token(self.token).await?,
            at,
            is_available: self.available,
            amount: answer.balance,
        })?;
        asked.report(output);
        Ok(())
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_available { "can spend" } else { "has" };
        writeln!(f, "{} {what} {}", self.account, self.token.amount(self.amount))?;
        write_rows(f, &[("at", format_instant(self.at))])
    }
}
