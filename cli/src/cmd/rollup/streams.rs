//! `streamctl rollup streams` and `stream`: the streams in the rollup.

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
    output::{Output, maybe_text, text, write_rows},
};

/// List the streams that an account pays in the rollup, or is paid by.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup streams 0xf39F… --app 0x75a1… --token 0x5FbD…\n  \
    streamctl rollup streams 0x7099… --app 0x75a1… --token 0x5FbD… --incoming --limit 1000")]
pub(super) struct StreamsArgs {
    /// Whose streams.
    #[arg(value_name = "ACCOUNT", value_parser = parse_address)]
    account: Address,
    /// In which token, or ether.
    #[arg(long, value_name = "ADDRESS|ether", value_parser = parse_token)]
    token: Address,
    /// Streams that pay the account, not those that it pays.
    #[arg(long)]
    incoming: bool,
    /// Only streams with numbers after this.
    #[arg(long, value_name = "ID", default_value_t = 0)]
    after: u64,
    /// Most streams to list.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    /// When, as in +2h or 2027-01-01; without it, now: the latest block's time, or this machine's without --rpc-url.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    at: Option<Moment>,
    #[command(flatten)]
    question: QuestionArgs,
}

/// Show one stream in the rollup.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup stream 7 --app 0x75a1…\n  \
    streamctl rollup stream 7 --app 0x75a1… --at +1d --json")]
pub(super) struct StreamArgs {
    /// Number of the stream in the rollup.
    #[arg(value_name = "ID")]
    id: u64,
    /// When, as in +2h or 2027-01-01; without it, now: the latest block's time, or this machine's without --rpc-url.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    at: Option<Moment>,
    #[command(flatten)]
    question: QuestionArgs,
}

#[derive(Deserialize)]
struct Page {
    at: u64,
    streams: Vec<Answer>,
    next_after: Option<u64>,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    token: Address,
    sender: Address,
    recipient: Address,
    start: u64,
    stop: u64,
    #[serde(deserialize_with = "decimal")]
    amount: U256,
    #[serde(deserialize_with = "decimal")]
    streamed: U256,
    state: State,
    at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Scheduled,
    Running,
    Ended,
    Cancelled,
}

#[derive(Debug, Serialize)]
struct Streams {
    #[serde(serialize_with = "text")]
    account: Address,
    streams: Vec<Stream>,
    /// The last stream listed, if there may be more.
    #[serde(serialize_with = "maybe_text")]
    next_after: Option<u64>,
}

/// Times in Unix seconds, amounts in units of the token.
#[derive(Debug, Serialize)]
struct Stream {
    #[serde(serialize_with = "text")]
    stream_id: u64,
    state: State,
    #[serde(serialize_with = "text")]
    sender: Address,
    #[serde(serialize_with = "text")]
    recipient: Address,
    token: Token,
    #[serde(serialize_with = "text")]
    amount: U256,
    #[serde(serialize_with = "text")]
    streamed: U256,
    #[serde(serialize_with = "text")]
    start: u64,
    #[serde(serialize_with = "text")]
    stop: u64,
    #[serde(serialize_with = "text")]
    at: u64,
}

impl StreamsArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asked = self.question.open().await?;
        let at = asked.at(self.at)?;
        let Self { account, token, after, limit, .. } = self;
        let direction = if self.incoming { "incoming" } else { "outgoing" };
        let question = format!("streams/{token}/{account}?direction={direction}&after={after}&limit={limit}&at={at}");
        let page: Page = asked.ask(&question).await?;
        let is_asked_for = |stream: &Answer| {
            let party = if self.incoming { stream.recipient } else { stream.sender };
            stream.token == token && party == account && stream.at == at
        };
        let is_in_order = page.streams.is_sorted_by(|a, b| a.id < b.id)
            && page.streams.first().is_none_or(|stream| stream.id > after);
        ensure!(
            page.at == at && is_in_order && page.streams.iter().all(is_asked_for),
            "the application answers {question} with streams that were not asked for; use another --node-url"
        );
        let token = asked.token(token).await?;
        let streams = page.streams.into_iter().map(|answer| Stream::of(answer, token.clone())).collect();
        output.result(&Streams { account, streams, next_after: page.next_after })?;
        asked.report(output);
        Ok(())
    }
}

impl StreamArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asked = self.question.open().await?;
        let at = asked.at(self.at)?;
        let answer: Answer = asked.ask(&format!("stream/{}?at={at}", self.id)).await?;
        ensure!(
            (answer.id, answer.at) == (self.id, at),
            "the application answers for stream {} at {}, which was not asked; use another --node-url",
            answer.id,
            answer.at
        );
        let token = asked.token(answer.token).await?;
        output.result(&Stream::of(answer, token))?;
        asked.report(output);
        Ok(())
    }
}

impl Stream {
    fn of(answer: Answer, token: Token) -> Self {
        let Answer { id, token: _, sender, recipient, start, stop, amount, streamed, state, at } = answer;
        Self { stream_id: id, state, sender, recipient, token, amount, streamed, start, stop, at }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        })
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Stream {} in the rollup, {}", self.stream_id, self.state)?;
        let rows = [
            ("sender", self.sender.to_string()),
            ("recipient", self.recipient.to_string()),
            ("amount", self.token.amount(self.amount)),
            ("streamed", self.token.amount(self.streamed)),
            ("start", format_instant(self.start)),
            ("stop", format_instant(self.stop)),
            ("at", format_instant(self.at)),
        ];
        write_rows(f, &rows)
    }
}

impl fmt::Display for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.streams.is_empty() {
            return writeln!(f, "No streams.");
        }
        for stream in &self.streams {
            let Stream { stream_id, state, sender, recipient, token, .. } = stream;
            let (streamed, amount) = (token.amount(stream.streamed), token.amount(stream.amount));
            writeln!(f, "{stream_id}  {state}  {streamed} of {amount}  from {sender} to {recipient}")?;
        }
        match self.next_after {
            Some(after) => writeln!(f, "There may be more: --after {after}"),
            None => Ok(()),
        }
    }
}
