//! One stream, looked up with its token: what the commands that act on a stream start from.

use alloy::{
    primitives::U256,
    sol_types::{SolCall, SolError},
};
use bindings::{Clock, IMoneyStreaming as Streaming};
use eyre::{WrapErr, eyre};
use stream::{Rate, Terms, Timeframe};

use crate::{
    amount::Token,
    chain::{Chain, ChainArgs},
    probe::Query,
    streams::tokens,
    tx::{Subject, refusal},
};

/// The number of a stream that `text` says.
///
/// # Errors
/// If it is no whole number from 1 on.
pub(crate) fn parse_id(text: &str) -> eyre::Result<U256> {
    let id = U256::from_str_radix(text, 10).ok().filter(|id| !text.is_empty() && !id.is_zero());
    id.ok_or_else(|| eyre!("streams are numbered 1, 2, 3 and so on; `streamctl list` shows yours"))
}

/// A stream that exists.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) id: U256,
    pub(crate) state: Streaming::StreamState,
    pub(crate) token: Token,
    pub(crate) terms: Terms,
}

/// Connects, and looks up the stream `id`.
///
/// # Errors
/// As [`ChainArgs::connect`], and if there is no such stream.
pub(crate) async fn look_up(args: &ChainArgs, id: U256) -> eyre::Result<(Chain, Stream)> {
    let (chain, state) = read(args, id).await?;
    let state = state.ok_or_else(|| unknown(&chain, id))?;
    let token = chain.token(state.token).await?;
    let stream = stream(id, state, token)?;
    Ok((chain, stream))
}

/// As [`look_up`], to be looked at only: the stream may have ended, and its token may not say its decimals.
pub(crate) async fn look_at(args: &ChainArgs, id: U256) -> eyre::Result<(Chain, Option<Stream>)> {
    let (chain, state) = read(args, id).await?;
    let Some(state) = state else { return Ok((chain, None)) };
    let token = tokens(&chain, [state.token]).await?.remove(&state.token);
    let token = token.unwrap_or_else(|| Token::from_answers(state.token, None, None));
    let stream = stream(id, state, token)?;
    Ok((chain, Some(stream)))
}

async fn read(args: &ChainArgs, id: U256) -> eyre::Result<(Chain, Option<Streaming::StreamState>)> {
    let query = Query::new(args.address(), &Streaming::getStreamsCall { streamIds: vec![id] });
    let (chain, answers) = args.connect_asking(&[query]).await?;
    let states = Streaming::getStreamsCall::abi_decode_returns(&answers[0].data);
    let mut states = states.wrap_err_with(|| format!("reading stream {id}"))?;
    Ok((chain, states.pop().filter(|state| !state.sender.is_zero())))
}

fn stream(id: U256, state: Streaming::StreamState, token: Token) -> eyre::Result<Stream> {
    let terms = terms(&state).wrap_err_with(|| format!("reading the terms of stream {id}"))?;
    Ok(Stream { id, state, token, terms })
}

/// The refusal of a stream that does not exist, as the contract says it.
pub(crate) fn unknown(chain: &Chain, id: U256) -> eyre::Report {
    unknown_by(chain.clock, id)
}

/// As [`unknown`], of a contract with this clock.
pub(crate) fn unknown_by(clock: Clock, id: U256) -> eyre::Report {
    let error = Streaming::StreamUnknown { streamId: id };
    refusal(&error.abi_encode(), None, clock)
}

/// The terms that `state` has.
pub(crate) fn terms(state: &Streaming::StreamState) -> Result<Terms, stream::Error> {
    let timeframe = Timeframe { start: state.start.to(), stop: state.stop.to() };
    let rate = Rate { payment: state.payment, interval: state.interval.to() };
    Terms::new(timeframe, rate)
}

/// Reading of the contract's clock that a transaction sent at once meets, or an earlier one.
pub(crate) fn next_time(chain: &Chain) -> u64 {
    match chain.clock {
        // It moves on with the very block that mines the transaction.
        Clock::Block => chain.now + 1,
        Clock::Timestamp => chain.now,
    }
}

impl Stream {
    /// How refusals that concern this stream are put into words.
    pub(crate) fn subject(&self, chain: &Chain) -> Subject<'_> {
        Subject { token: Some(&self.token), clock: chain.clock }
    }
}
