//! `streamctl update revoke`: takes a proposal off the table.

use std::fmt;

use alloy::primitives::{Address, U256};
use bindings::IMoneyStreaming as Streaming;
use clap::Args;
use eyre::eyre;
use serde::Serialize;

use super::{accept::check_party, offer::live_offers};
use crate::{
    chain::ChainArgs,
    lookup::{look_up, parse_id},
    output::{Output, text, write_rows},
    tx::{Call, Mined, Session, TxArgs, event},
};

/// Withdraw your own proposal, or refuse the other party's.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl update revoke 7 --account alice\n  \
    streamctl update revoke 7 --of-other --account bob")]
pub(crate) struct RevokeArgs {
    /// Number of the stream.
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: U256,
    /// The other party's proposal, instead of your own.
    #[arg(long)]
    of_other: bool,
    /// Look for the proposal in this block and later ones only.
    #[arg(long, value_name = "N")]
    from_block: Option<u64>,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    tx: TxArgs,
}

#[derive(Debug, Serialize)]
struct Revocation {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    #[serde(serialize_with = "text")]
    revoker: Address,
    #[serde(serialize_with = "text")]
    proposer: Address,
    transaction: Mined,
}

impl RevokeArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, stream) = look_up(&self.chain, self.id).await?;
        let session = Session::open(&chain, output, &self.tx)?;
        check_party(&chain, &stream, session.from())?;
        let offers = live_offers(&chain, &stream, self.from_block, output).await?;
        let offer = offers.into_iter().find(|offer| (offer.proposer != session.from()) == self.of_other);
        let (id, whose) = (self.id, if self.of_other { "the other party proposes" } else { "you propose" });
        let offer = offer.ok_or_else(|| {
            eyre!("{whose} nothing for stream {id}; `streamctl update show {id}` lists what is proposed")
        })?;
        output.note(format_args!("Proposed for stream {}\n{offer}", self.id));
        let call = Streaming::revokeUpdateCall {
            _streamId: self.id,
            _tokenAddress: offer.token.address,
            _stopBlock: U256::from(offer.stop),
            _payment: U256::from(offer.payment),
            _interval: U256::from(offer.interval),
        };
        let call = Call::new(chain.contract, &call, format!("revoke this proposal for stream {}", self.id));
        if let Some(receipts) = session.run(&[call], stream.subject(&chain)).await? {
            let log: Streaming::LogRevokeUpdate = event(&receipts[0], chain.contract)?;
            output.result(&Revocation {
                stream_id: log._streamId,
                revoker: log.revoker,
                proposer: offer.proposer,
                transaction: Mined::from(&receipts[0]),
            })?;
        }
        chain.report(output);
        Ok(())
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Revoked the proposal for stream {}", self.stream_id)?;
        let mut rows = vec![("proposed by", self.proposer.to_string())];
        rows.extend(self.transaction.rows());
        write_rows(f, &rows)
    }
}
