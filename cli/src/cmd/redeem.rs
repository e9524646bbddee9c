//! `streamctl redeem`: either party ends the stream, and each gets its share.

use std::fmt;

use alloy::{
    primitives::{Address, U256},
    rpc::types::TransactionReceipt,
};
use bindings::IMoneyStreaming as Streaming;
use clap::Args;
use serde::Serialize;

use crate::{
    amount::Token,
    chain::{Chain, ChainArgs},
    clock::format_units,
    lookup::{Stream, look_up, next_time, parse_id},
    output::{Output, text, write_rows},
    tx::{Call, Mined, Session, TxArgs, events},
};

/// End a stream: the recipient gets what is due, the sender the rest.
///
/// Either party can, at any time. An interval that has begun but not ended is the sender's, so the moment matters: the
/// shares, and how far the next payment is, are shown before anything is sent.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl redeem 7 --account alice\n  \
    streamctl redeem 7 --dry-run --from 0x7099…")]
pub(crate) struct RedeemArgs {
    /// Number of the stream.
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: U256,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    tx: TxArgs,
}

/// How a stream ended.
#[derive(Debug, Serialize)]
pub(crate) struct Ending {
    #[serde(serialize_with = "text")]
    pub(crate) stream_id: U256,
    pub(crate) token: Token,
    pub(crate) recipient: Share,
    pub(crate) sender: Share,
}

/// What a party got.
#[derive(Debug, Serialize)]
pub(crate) struct Share {
    #[serde(serialize_with = "text")]
    address: Address,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    amount: U256,
    /// The token refused to pay; the amount can be claimed.
    is_credit: bool,
}

#[derive(Debug, Serialize)]
struct Redemption {
    #[serde(flatten)]
    ending: Ending,
    transaction: Mined,
}

impl RedeemArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, stream) = look_up(&self.chain, self.id).await?;
        let session = Session::open(&chain, output, &self.tx)?;
        preview(&chain, &stream, output);
        let call = Streaming::redeemCall { _streamId: self.id };
        let call = Call::new(chain.contract, &call, format!("end stream {}", self.id));
        if let Some(receipts) = session.run(&[call], stream.subject(&chain)).await? {
            let ending = endings(&receipts[0], &chain, |_| stream.token.clone()).pop();
            let ending = ending.ok_or_else(|| eyre::eyre!("the transaction ended no stream"))?;
            output.result(&Redemption { ending, transaction: Mined::from(&receipts[0]) })?;
        }
        chain.report(output);
        Ok(())
    }
}

/// What each party gets if the transaction is mined at once, and what waiting would change.
fn preview(chain: &Chain, stream: &Stream, output: &Output) {
    let Stream { state, token, terms, id } = stream;
    let time = next_time(chain);
    output.note(format_args!("Stream {id} ends with"));
    output.note(format_args!("  {} for the recipient", token.amount(U256::from(terms.due(time, state.withdrawn)))));
    output.note(format_args!("  {} for the sender", token.amount(U256::from(terms.refundable(time)))));
    let Some(next) = terms.next_payment(time) else { return };
    let payment = token.amount(U256::from(terms.payment()));
    let away = format_units(chain.clock, next - time);
    output.note(format_args!(
        "The next payment of {payment} is {away} away; until then it is the sender's, afterwards the recipient's."
    ));
}

/// The streams that a transaction ended, each with its token.
pub(crate) fn endings(receipt: &TransactionReceipt, chain: &Chain, token_of: impl Fn(U256) -> Token) -> Vec<Ending> {
    let credits: Vec<Streaming::LogCredit> = events(receipt, chain.contract).collect();
    let share = |stream_id: U256, address: Address, amount: U256| Share {
        address,
        amount,
        is_credit: credits.iter().any(|credit| credit.streamId == stream_id && credit.account == address),
    };
    events::<Streaming::LogRedeem>(receipt, chain.contract)
        .map(|log| Ending {
            stream_id: log._streamId,
            token: token_of(log._streamId),
            recipient: share(log._streamId, log._recipient, log._recipientBalance),
            sender: share(log._streamId, log._sender, log._senderBalance),
        })
        .collect()
}

impl Ending {
    /// Rows for people to read.
    fn rows(&self) -> [(&'static str, String); 2] {
        let row = |share: &Share| {
            let amount = self.token.amount(share.amount);
            let address = share.address;
            if share.is_credit {
                format!("{amount} credited to {address}, because the token refused to pay")
            } else {
                format!("{amount} to {address}")
            }
        };
        [("recipient", row(&self.recipient)), ("sender", row(&self.sender))]
    }

    /// Prints the ending, with `more` rows.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, more: &[(&'static str, String)]) -> fmt::Result {
        writeln!(f, "Stream {} has ended", self.stream_id)?;
        write_rows(f, &[&self.rows(), more].concat())?;
        if self.recipient.is_credit || self.sender.is_credit {
            let token = self.token.address;
            writeln!(f, "A credit is collected with: streamctl claim --token {token} --to ADDRESS")?;
        }
        Ok(())
    }
}

impl fmt::Display for Redemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ending.write(f, &self.transaction.rows())
    }
}
