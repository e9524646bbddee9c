//! `streamctl withdraw`: the recipient takes what is due.

use std::fmt;

use alloy::primitives::{Address, U256};
use bindings::IMoneyStreaming as Streaming;
use clap::Args;
use serde::Serialize;

use crate::{
    address::parse_address,
    amount::Token,
    chain::{Chain, ChainArgs},
    lookup::{Stream, look_up, next_time, parse_id},
    output::{Output, text, write_rows},
    tx::{Call, Mined, Session, TxArgs, event},
};

/// Take what is due to you from a stream.
///
/// Only the recipient can. Without an amount it is all that is due when the transaction is mined.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl withdraw 7 --account bob\n  \
    streamctl withdraw 7 120.5 --account bob\n  \
    streamctl withdraw 7 --max --to 0x3C44… --account bob")]
pub(crate) struct WithdrawArgs {
    /// Number of the stream.
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: U256,
    /// How much, in the token: 120.5.
    #[arg(conflicts_with = "max")]
    amount: Option<String>,
    /// All that is due, as without an amount.
    #[arg(long)]
    max: bool,
    /// Pay to this address, if not to your own.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    to: Option<Address>,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    tx: TxArgs,
}

#[derive(Debug, Serialize)]
struct Withdrawal {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    #[serde(serialize_with = "text")]
    recipient: Address,
    #[serde(serialize_with = "text")]
    to: Address,
    token: Token,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    amount: U256,
    transaction: Mined,
}

impl WithdrawArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, stream) = look_up(&self.chain, self.id).await?;
        let session = Session::open(&chain, output, &self.tx)?;
        let to = self.to.unwrap_or(session.from());
        let call = self.call(&chain, &stream, to)?;
        if let Some(receipts) = session.run(&[call], stream.subject(&chain)).await? {
            let log: Streaming::LogWithdraw = event(&receipts[0], chain.contract)?;
            output.result(&Withdrawal {
                stream_id: self.id,
                recipient: log._recipient,
                to,
                token: stream.token,
                amount: log._funds,
                transaction: Mined::from(&receipts[0]),
            })?;
        }
        chain.report(output);
        Ok(())
    }

    fn call(&self, chain: &Chain, stream: &Stream, to: Address) -> eyre::Result<Call> {
        let id = self.id;
        let what = |amount: &str| match self.to {
            Some(to) => format!("withdraw {amount} from stream {id} to {to}"),
            None => format!("withdraw {amount} from stream {id}"),
        };
        let Some(amount) = &self.amount else {
            let due = stream.terms.due(next_time(chain), stream.state.withdrawn);
            let due = stream.token.amount(U256::from(due));
            let what = what(&format!("all that is due (at least {due})"));
            return Ok(Call::new(chain.contract, &Streaming::withdrawMaxCall { streamId: id, to }, what));
        };
        let amount = stream.token.parse(amount)?;
        let what = what(&stream.token.amount(amount));
        Ok(match self.to {
            Some(to) => Call::new(chain.contract, &Streaming::withdrawToCall { streamId: id, to, amount }, what),
            None => Call::new(chain.contract, &Streaming::withdrawCall { _streamId: id, _funds: amount }, what),
        })
    }
}

impl fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Withdrew {} from stream {}", self.token.amount(self.amount), self.stream_id)?;
        let mut rows = vec![("to", self.to.to_string())];
        rows.extend(self.transaction.rows());
        write_rows(f, &rows)
    }
}
