//! `streamctl update accept`: consent to what the other party has proposed, and nothing else.

use alloy::{
    primitives::{Address, U256},
    sol_types::SolError,
};
use bindings::{Clock, IMoneyStreaming as Streaming};
use clap::Args;
use eyre::eyre;

use super::{
    execution::Execution,
    offer::{Offer, live_offers},
};
use crate::{
    allowance::{Allowance, Spender, allowance_queries},
    chain::{Chain, ChainArgs},
    lookup::{Stream, look_up, next_time, parse_id},
    output::Output,
    tx::{Call, Session, Subject, TxArgs, refusal},
};

/// How far the clock may move on before an approved update executes: blocks, and seconds.
const MARGIN_BLOCKS: u64 = 30;
const MARGIN_SECS: u64 = 600;

/// Accept the terms that the other party has proposed.
///
/// What they are, and what they move, is shown first. A sender who has to pay in approves exactly that.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl update accept 7 --account bob\n  \
    streamctl update accept 7 --dry-run --from 0x7099…")]
pub(crate) struct AcceptArgs {
    /// Number of the stream.
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: U256,
    /// Look for the proposal in this block and later ones only.
    #[arg(long, value_name = "N")]
    from_block: Option<u64>,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    tx: TxArgs,
}

impl AcceptArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, stream) = look_up(&self.chain, self.id).await?;
        let session = Session::open(&chain, output, &self.tx)?;
        check_party(&chain, &stream, session.from())?;
        let offers = live_offers(&chain, &stream, self.from_block, output).await?;
        let offer = offers.into_iter().find(|offer| offer.proposer != session.from());
        let id = self.id;
        let offer = offer.ok_or_else(|| {
            eyre!(
                "the other party proposes nothing for stream {id}; `streamctl update show {id}` lists what is proposed"
            )
        })?;
        output.note(format_args!("Proposed for stream {}\n{offer}", self.id));

        let subject = Subject { token: Some(&offer.token), clock: chain.clock };
        let mut calls = Vec::new();
        if session.from() == stream.state.sender {
            calls = approvals(&chain, &stream, &offer, &session, subject).await?;
        }
        let call = Streaming::acceptUpdateCall {
            streamId: self.id,
            token: offer.token.address,
            stop: U256::from(offer.stop),
            payment: U256::from(offer.payment),
            interval: U256::from(offer.interval),
        };
        calls.push(Call::new(chain.contract, &call, format!("update stream {} to these terms", self.id)));
        if let Some(receipts) = session.run(&calls, subject).await? {
            output.result(&Execution::read(&receipts, &chain, &stream, offer.token)?)?;
        }
        chain.report(output);
        Ok(())
    }
}

async fn approvals(
    chain: &Chain,
    stream: &Stream,
    offer: &Offer,
    session: &Session<'_>,
    subject: Subject<'_>,
) -> eyre::Result<Vec<Call>> {
    let first = next_time(chain);
    let margin = match chain.clock {
        Clock::Block => MARGIN_BLOCKS,
        Clock::Timestamp => MARGIN_SECS,
    };
    let amount = offer.terms().most_paid_in(stream, first, first + margin);
    if amount == 0 {
        return Ok(Vec::new());
    }
    let answers = chain.ask(&allowance_queries(offer.token.address, session.from(), chain.contract)).await?;
    let allowance = Allowance::of(&offer.token, session.from(), Spender::streaming(chain.contract), &answers)?;
    allowance.calls(U256::from(amount), session, subject).await
}

/// # Errors
/// If `account` is not a party of the stream, in the contract's own words.
pub(super) fn check_party(chain: &Chain, stream: &Stream, account: Address) -> eyre::Result<()> {
    if [stream.state.sender, stream.state.recipient].contains(&account) {
        return Ok(());
    }
    let error = Streaming::CallerNotParty { streamId: stream.id, caller: account };
    Err(refusal(&error.abi_encode(), None, chain.clock))
}
