//! `streamctl claim`: collects what a token once refused to pay out.

use std::fmt;

use alloy::primitives::{Address, U256};
use bindings::IMoneyStreaming as Streaming;
use clap::Args;
use serde::Serialize;

use crate::{
    address::parse_address,
    amount::Token,
    chain::ChainArgs,
    output::{Output, text, write_rows},
    tx::{Call, Mined, Session, Subject, TxArgs, event},
};

/// Collect your credit in a token.
///
/// When a stream ends or changes and the token refuses to pay a party, the contract keeps that share as a credit. Its
/// owner collects it here, to any address.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl claim --token 0x5FbD… --account bob\n  \
    streamctl claim --token 0x5FbD… --to 0x3C44… --account bob")]
pub(crate) struct ClaimArgs {
    /// The token.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    token: Address,
    /// Pay to this address, if not to your own.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    to: Option<Address>,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    tx: TxArgs,
}

#[derive(Debug, Serialize)]
struct Claim {
    #[serde(serialize_with = "text")]
    account: Address,
    #[serde(serialize_with = "text")]
    to: Address,
    token: Token,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    amount: U256,
    transaction: Mined,
}

impl ClaimArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, answers) = self.chain.connect_asking(&crate::chain::token_queries(self.token)).await?;
        let token = chain.token_of(self.token, &answers).await?;
        let session = Session::open(&chain, output, &self.tx)?;
        let to = self.to.unwrap_or(session.from());
        let what = format!("claim the whole credit in {} to {to}", token.symbol);
        let call = Call::new(chain.contract, &Streaming::claimCall { token: self.token, to }, what);
        let subject = Subject { token: Some(&token), clock: chain.clock };
        if let Some(receipts) = session.run(&[call], subject).await? {
            let log: Streaming::LogClaim = event(&receipts[0], chain.contract)?;
            output.result(&Claim {
                account: log.account,
                to: log.to,
                token,
                amount: log.amount,
                transaction: Mined::from(&receipts[0]),
            })?;
        }
        chain.report(output);
        Ok(())
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Claimed {}", self.token.amount(self.amount))?;
        let mut rows = vec![("to", self.to.to_string())];
        rows.extend(self.transaction.rows());
        write_rows(f, &rows)
    }
}
