//! `streamctl portal deposit`: money for somebody in the rollup.

use std::fmt;

use alloy::primitives::Address;
use bindings::IStreamPortal as Portal;
use clap::Args;
use eyre::ensure;
use serde::Serialize;

use super::crossing::{Crossed, CrossingArgs, portal_refusal};
use crate::{
    address::parse_address,
    output::{Output, text},
    tx::Call,
};

/// Deposit tokens or Ether, for yourself or for somebody else.
///
/// If the allowance of StreamPortal is short, it is raised first, to exactly the deposit.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl portal deposit --app 0x75a1… --token 0x5FbD… --amount 12.5 --account alice\n  \
    streamctl portal deposit --app 0x75a1… --token ether --amount 0.5 --to 0x7099… --account alice")]
pub(super) struct DepositArgs {
    /// How much, in whole tokens, as in 12.5.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
    /// Who is credited in the rollup, if not you.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    to: Option<Address>,
    #[command(flatten)]
    crossing: CrossingArgs,
}

#[derive(Debug, Serialize)]
struct Deposit {
    /// Who is credited.
    #[serde(serialize_with = "text")]
    account: Address,
    #[serde(flatten)]
    crossed: Crossed,
}

impl DepositArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let crossing = self.crossing.open(output).await?;
        let amount = crossing.token.parse(&self.amount)?;
        let account = self.to.unwrap_or(crossing.account.address);
        ensure!(!account.is_zero(), portal_refusal(&Portal::AccountZero {}));
        let what = format!("deposit {} for {account}", crossing.token.amount(amount));
        let (app, portal) = (self.crossing.app.app, crossing.portal);
        let call = if self.crossing.is_ether() {
            Call::new(portal, &Portal::depositEtherCall { app, beneficiary: account }, what)
        } else {
            let token = crossing.token.address;
            Call::new(portal, &Portal::depositCall { token, app, amount, beneficiary: account }, what)
        };
        match self.crossing.send(crossing, amount, call, output).await? {
            Some(crossed) => output.result(&Deposit { account, crossed }),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Deposit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Deposited {} for {}", self.crossed.money(), self.account)?;
        self.crossed.write(f, Vec::new())
    }
}
