//! `streamctl balance`: the shares of a stream at this moment.

use std::fmt;

use alloy::primitives::{Address, U256};
use bindings::IMoneyStreaming::creditOfCall;
use clap::Args;
use eyre::eyre;
use serde::Serialize;

use crate::{
    address::parse_address,
    amount::Token,
    chain::{ChainArgs, clock_name},
    clock::format_time,
    lookup::{look_at, parse_id, unknown},
    output::{Output, text, write_rows},
    probe::Query,
};

/// Show what is due to the recipient and what would go back to the sender, or the share of one address.
///
/// What a token once refused to pay, and can be claimed, is shown too: it belongs to the address, not to the stream.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl balance 7\n  \
    streamctl balance 7 0x7099…\n  \
    streamctl balance 7 --json | jq -r '.shares[].share'")]
pub(crate) struct BalanceArgs {
    /// Number of the stream.
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: U256,
    /// Whose share; without it, both parties'.
    #[arg(value_name = "ADDRESS", value_parser = parse_address)]
    address: Option<Address>,
    #[command(flatten)]
    chain: ChainArgs,
}

/// The shares of a stream, in units of the token.
#[derive(Debug, Serialize)]
struct Balance {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    clock: &'static str,
    #[serde(serialize_with = "text")]
    time: u64,
    token: Token,
    shares: Vec<Share>,
    #[serde(skip)]
    when: String,
}

#[derive(Debug, Serialize)]
struct Share {
    role: &'static str,
    #[serde(serialize_with = "text")]
    address: Address,
    #[serde(serialize_with = "text")]
    share: u128,
    /// Can be claimed, whatever becomes of the stream.
    #[serde(serialize_with = "text")]
    credit: U256,
}

impl BalanceArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, stream) = look_at(&self.chain, self.id).await?;
        let stream = stream.ok_or_else(|| unknown(&chain, self.id))?;
        let state = &stream.state;
        let share = |role, address, share| Share { role, address, share, credit: U256::ZERO };
        let mut shares =
            vec![share("recipient", state.recipient, state.due), share("sender", state.sender, state.refundable)];
        if let Some(address) = self.address {
            shares.retain(|share| share.address == address);
            if shares.is_empty() {
                shares.push(share("stranger", address, 0));
            }
        }
        let credit = |share: &Share| creditOfCall { token: state.token, account: share.address };
        let queries: Vec<Query> = shares.iter().map(|share| Query::new(chain.contract, &credit(share))).collect();
        for (share, answer) in shares.iter_mut().zip(chain.ask(&queries).await?) {
            let credit = answer.decode::<creditOfCall>();
            share.credit = credit.ok_or_else(|| eyre!("{} does not tell credits", chain.contract))?;
        }
        output.result(&Balance {
            stream_id: self.id,
            clock: clock_name(chain.clock),
            time: chain.now,
            token: stream.token,
            shares,
            when: format_time(chain.clock, chain.now),
        })?;
        chain.report(output);
        Ok(())
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Stream {} at {}", self.stream_id, self.when)?;
        let row = |share: &Share| {
            let amount = self.token.amount(U256::from(share.share));
            let fate = match share.role {
                "recipient" => "due to",
                "sender" => "would go back to",
                _ => "is of",
            };
            (share.role, format!("{amount} {fate} {}", share.address))
        };
        let rows: Vec<_> = self.shares.iter().map(row).collect();
        write_rows(f, &rows)?;
        for Share { address, credit, .. } in self.shares.iter().filter(|share| !share.credit.is_zero()) {
            let (credit, token) = (self.token.amount(*credit), self.token.address);
            writeln!(f, "{credit} more can be claimed by {address}: streamctl claim --token {token}")?;
        }
        Ok(())
    }
}
