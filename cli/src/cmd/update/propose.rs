//! `streamctl update propose`: consent to new terms, for the other party to accept.

use std::fmt;

use alloy::{
    primitives::{Address, U256},
    rpc::types::TransactionReceipt,
};
use bindings::IMoneyStreaming as Streaming;
use clap::Args;
use eyre::{ensure, eyre};
use serde::Serialize;

use super::{
    accept::check_party,
    execution::Execution,
    offer::{NewTerms, Offer},
};
use crate::{
    address::parse_address,
    allowance::{Allowance, Spender, allowance_queries},
    amount::Token,
    chain::{Chain, ChainArgs},
    clock::{BlockTime, Pace, format_time, parse_block_time},
    lookup::{Stream, look_up, next_time, parse_id},
    moment::{Moment, parse_duration, parse_moment},
    output::{Output, write_rows},
    tx::{Call, Mined, Session, Subject, TxArgs, events},
};

const TERMS: &str = "Terms";

/// Propose new terms; what is not named stays as it is.
///
/// The old terms run until the other party accepts. A sender who would have to pay in allows the stream contract to
/// take exactly that.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl update propose 7 --payment 500 --account alice\n  \
    streamctl update propose 7 --until 2027-06-30 --account bob\n  \
    streamctl update propose 7 --amount 12000 --over 90d --every 1h --account alice")]
pub(crate) struct ProposeArgs {
    /// Number of the stream.
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: U256,
    #[command(flatten)]
    wish: ChangeArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    tx: TxArgs,
}

/// What is to change.
#[derive(Args, Debug)]
struct ChangeArgs {
    /// How much to stream in all from then on, in whole tokens.
    #[arg(long, value_name = "AMOUNT", conflicts_with_all = ["payment", "payment_units"], help_heading = TERMS)]
    amount: Option<String>,
    /// How much to stream each interval, in whole tokens.
    #[arg(long, value_name = "AMOUNT", conflicts_with = "payment_units", help_heading = TERMS)]
    payment: Option<String>,
    /// How much to stream each interval, in units of the token.
    #[arg(long, value_name = "N", help_heading = TERMS)]
    payment_units: Option<u128>,
    /// How long to stream from now on, as in 30d or 1h30m.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with_all = ["until", "stop_block"], help_heading = TERMS)]
    over: Option<u64>,
    /// When to stop at the latest, as in 2027-01-31 or 2027-01-31T12:00Z.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment, conflicts_with = "stop_block", help_heading = TERMS)]
    until: Option<Moment>,
    /// Exact stop: a block number, or Unix seconds on a timestamp clock.
    #[arg(long, value_name = "N", visible_alias = "stop-time", help_heading = TERMS)]
    stop_block: Option<u64>,
    /// Time between two payments, as in 1h.
    #[arg(long, value_name = "DURATION", visible_alias = "interval", value_parser = parse_duration, conflicts_with = "interval_blocks", help_heading = TERMS)]
    every: Option<u64>,
    /// Exact time between two payments, in blocks, or in seconds on a timestamp clock.
    #[arg(long, value_name = "N", visible_alias = "interval-secs", help_heading = TERMS)]
    interval_blocks: Option<u64>,
    /// Another token to pay in.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, help_heading = TERMS)]
    token: Option<Address>,
    /// How long a block takes, as in 12s or 250ms, instead of measuring it.
    #[arg(long, value_name = "TIME", value_parser = parse_block_time, help_heading = TERMS)]
    block_time: Option<BlockTime>,
}

impl ProposeArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, stream) = look_up(&self.chain, self.id).await?;
        let session = Session::open(&chain, output, &self.tx)?;
        check_party(&chain, &stream, session.from())?;
        let terms = self.wish.terms(&chain, &stream).await?;
        ensure!(
            !terms.is_of(&stream),
            "these are the terms that stream {} has; name what is to change, as in --payment, --until or --every",
            self.id
        );
        let offer = terms.clone().offered(&chain, &stream, session.from());
        output.note(format_args!("New terms for stream {}\n{offer}", self.id));

        let subject = Subject { token: Some(&terms.token), clock: chain.clock };
        let mut calls = Vec::new();
        if session.from() == stream.state.sender {
            let most = most_paid_in(&chain, &stream, &terms);
            calls = approvals(&chain, &terms, most, &session, subject).await?;
            if offer.effect.as_ref().is_some_and(|effect| effect.paid_in < most) {
                let most = terms.token.amount(U256::from(most));
                output.note(format_args!("The sender pays in up to {most}, depending on when the update is accepted."));
            }
        }
        calls.push(confirmation(&chain, &stream, &terms));
        if let Some(receipts) = session.run(&calls, subject).await? {
            report(&receipts, &chain, &stream, offer, output)?;
        }
        chain.report(output);
        Ok(())
    }
}

impl ChangeArgs {
    /// The stream's terms with these changes.
    async fn terms(&self, chain: &Chain, stream: &Stream) -> eyre::Result<NewTerms> {
        let token = match self.token {
            Some(address) => chain.token(address).await?,
            None => stream.token.clone(),
        };
        let is_wall_clock = self.over.is_some() || self.until.is_some() || self.every.is_some();
        // A chain whose pace nobody can tell is fine for exact terms.
        let pace = if is_wall_clock { chain.pace(self.block_time).await? } else { Pace::Exact };
        let base = next_time(chain).max(stream.terms.start());
        let stop = self.stop(chain, stream, &pace, base)?;
        let interval = match (self.every, self.interval_blocks) {
            (Some(secs), _) => pace.units_nearest(secs)?.max(1),
            (_, Some(units)) => units,
            _ => stream.terms.interval(),
        };
        let n_intervals = stop.saturating_sub(base).checked_div(interval).unwrap_or_default();
        let payment = self.payment(stream, &token, n_intervals)?;
        Ok(NewTerms { token, stop, payment, interval })
    }

    fn stop(&self, chain: &Chain, stream: &Stream, pace: &Pace, base: u64) -> eyre::Result<u64> {
        if let Some(secs) = self.over {
            return Ok(base.saturating_add(pace.units_nearest(secs)?));
        }
        if let Some(moment) = self.until {
            let ahead = moment.unix(chain.timestamp).checked_sub(chain.timestamp);
            let ahead = ahead.ok_or_else(|| eyre!("the stop has passed; choose a later one"))?;
            return Ok(chain.now.saturating_add(pace.units_down(ahead)?));
        }
        Ok(self.stop_block.unwrap_or(stream.terms.stop()))
    }

    fn payment(&self, stream: &Stream, token: &Token, n_intervals: u64) -> eyre::Result<u128> {
        let payment = if let Some(amount) = &self.amount {
            let amount = token.parse(amount)?;
            ensure!(
                n_intervals != 0,
                "no whole interval fits before the stop; choose a later stop or a shorter interval"
            );
            amount / U256::from(n_intervals)
        } else if let Some(payment) = &self.payment {
            token.parse(payment)?
        } else if let Some(units) = self.payment_units {
            U256::from(units)
        } else {
            let is_same_token = token.address == stream.token.address;
            ensure!(is_same_token, "another token needs a payment of its own; pass --payment or --amount");
            U256::from(stream.terms.payment())
        };
        u128::try_from(payment).map_err(|_| eyre!("{} exceed the largest payment", token.amount(payment)))
    }
}

fn confirmation(chain: &Chain, stream: &Stream, terms: &NewTerms) -> Call {
    let call = Streaming::confirmUpdateCall {
        _streamId: stream.id,
        _tokenAddress: terms.token.address,
        _stopBlock: U256::from(terms.stop),
        _payment: U256::from(terms.payment),
        _interval: U256::from(terms.interval),
    };
    Call::new(chain.contract, &call, format!("propose these terms for stream {}", stream.id))
}

/// What the sender may have to pay in, whenever the other party accepts.
fn most_paid_in(chain: &Chain, stream: &Stream, terms: &NewTerms) -> u128 {
    let first = next_time(chain);
    let last = terms.stop.saturating_sub(terms.interval).max(first);
    terms.most_paid_in(stream, first, last)
}

async fn approvals(
    chain: &Chain,
    terms: &NewTerms,
    amount: u128,
    session: &Session<'_>,
    subject: Subject<'_>,
) -> eyre::Result<Vec<Call>> {
    if amount == 0 {
        return Ok(Vec::new());
    }
    let answers = chain.ask(&allowance_queries(terms.token.address, session.from(), chain.contract)).await?;
    let allowance = Allowance::of(&terms.token, session.from(), Spender::streaming(chain.contract), &answers)?;
    allowance.calls(U256::from(amount), session, subject).await
}

/// Terms that the other party had proposed already are executed at once.
fn report(
    receipts: &[TransactionReceipt],
    chain: &Chain,
    stream: &Stream,
    offer: Offer,
    output: &Output,
) -> eyre::Result<()> {
    let is_executed = receipts
        .last()
        .is_some_and(|receipt| events::<Streaming::LogExecuteUpdate>(receipt, chain.contract).next().is_some());
    if is_executed {
        return output.result(&Execution::read(receipts, chain, stream, offer.token)?);
    }
    let stop = format_time(chain.clock, offer.stop);
    output.result(&Proposed { offer, transactions: receipts.iter().map(Mined::from).collect(), stop })
}

/// A proposal that awaits the other party.
#[derive(Debug, Serialize)]
struct Proposed {
    #[serde(flatten)]
    offer: Offer,
    transactions: Vec<Mined>,
    #[serde(skip)]
    stop: String,
}

impl fmt::Display for Proposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.offer.stream_id;
        writeln!(f, "Proposed new terms for stream {id}")?;
        let payment = self.offer.token.amount(U256::from(self.offer.payment));
        let mut rows = vec![("payment", payment), ("stop", self.stop.clone())];
        rows.extend(Mined::rows_of(&self.transactions));
        write_rows(f, &rows)?;
        writeln!(f, "The other party accepts with: streamctl update accept {id}")
    }
}
