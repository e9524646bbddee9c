//! `streamctl show`: all there is to know of one stream.

use std::fmt;

use alloy::primitives::{Address, U256};
use clap::Args;
use serde::Serialize;
use stream::Terms;

use crate::{
    amount::{Token, counted, grouped},
    chain::{Chain, ChainArgs, clock_name},
    clock::{BlockTime, Calendar, Forecast, parse_block_time},
    cmd::update::{Offer, consents, offers},
    lookup::{Stream, look_at, parse_id, unknown},
    output::{Output, exact_terms, maybe_text, text, write_rows},
    streams::{State, Trace, logs_at_once, tokens, trace},
};

/// Length of the bar that shows how far a stream is, in characters.
const BAR: u64 = 40;

/// Show a stream: how far it is, its terms, what each party could take, and when the next payment and the stop are.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl show 7\n  \
    streamctl show 7 --block-time 12s\n  \
    streamctl show 7 --json | jq -r .due")]
pub(crate) struct ShowArgs {
    /// Number of the stream.
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: U256,
    /// How long a block takes, as in 12s or 250ms, instead of measuring it.
    #[arg(long, value_name = "TIME", value_parser = parse_block_time)]
    block_time: Option<BlockTime>,
    #[command(flatten)]
    chain: ChainArgs,
}

/// A stream at one moment; amounts in units of the token, times in units of the contract's clock.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    #[serde(serialize_with = "text")]
    contract: Address,
    clock: &'static str,
    #[serde(serialize_with = "text")]
    time: u64,
    state: State,
    #[serde(serialize_with = "text")]
    sender: Address,
    #[serde(serialize_with = "text")]
    recipient: Address,
    token: Token,
    #[serde(flatten, serialize_with = "exact_terms")]
    terms: Terms,
    /// Payments that have accrued.
    #[serde(serialize_with = "text")]
    n_accrued: u64,
    #[serde(serialize_with = "text")]
    withdrawn: u128,
    #[serde(serialize_with = "text")]
    due: u128,
    #[serde(serialize_with = "text")]
    refundable: u128,
    #[serde(serialize_with = "text")]
    update_epoch: u16,
    /// When the next payment accrues; `null` from the stop on.
    #[serde(serialize_with = "maybe_text")]
    next_payment: Option<u64>,
    /// Wall-clock times; `null` if nobody can tell.
    next_payment_forecast: Option<Forecast>,
    start_forecast: Option<Forecast>,
    stop_forecast: Option<Forecast>,
    /// New terms that a party consents to; `null` if the node does not tell at once.
    proposals: Option<Vec<Offer>>,
    #[serde(skip)]
    calendar: Calendar,
}

/// A stream that has ended.
#[derive(Debug, Serialize)]
struct Ended {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    #[serde(serialize_with = "text")]
    contract: Address,
    state: State,
    #[serde(serialize_with = "text")]
    sender: Address,
    #[serde(serialize_with = "text")]
    recipient: Address,
    token: Token,
    /// What the parties got at the end, besides what was withdrawn before.
    #[serde(serialize_with = "text")]
    sender_got: U256,
    #[serde(serialize_with = "text")]
    recipient_got: U256,
}

impl ShowArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, stream) = look_at(&self.chain, self.id).await?;
        let Some(stream) = stream else {
            output.result(&Ended::look_up(&chain, self.id).await?)?;
            chain.report(output);
            return Ok(());
        };
        let calendar = chain.calendar(self.block_time).await?;
        let proposals = match logs_at_once(&chain, consents(&chain, self.id)).await {
            Some(logs) => Some(offers(&chain, &stream, &logs).await?),
            None => None,
        };
        output.result(&Shown::new(&chain, stream, calendar, proposals))?;
        chain.report(output);
        Ok(())
    }
}

impl Shown {
    fn new(chain: &Chain, stream: Stream, calendar: Calendar, proposals: Option<Vec<Offer>>) -> Self {
        let Stream { id, state, token, terms } = stream;
        let next_payment = terms.next_payment(chain.now);
        Self {
            stream_id: id,
            contract: chain.contract,
            clock: clock_name(chain.clock),
            time: chain.now,
            state: State::of(&terms, chain.now),
            sender: state.sender,
            recipient: state.recipient,
            token,
            n_accrued: n_accrued(&terms, chain.now),
            terms,
            withdrawn: state.withdrawn,
            due: state.due,
            refundable: state.refundable,
            update_epoch: state.updateEpoch,
            next_payment,
            next_payment_forecast: next_payment.and_then(|time| calendar.forecast(time)),
            start_forecast: calendar.forecast(terms.start()),
            stop_forecast: calendar.forecast(terms.stop()),
            proposals,
            calendar,
        }
    }

    fn next_payment(&self) -> String {
        let Some(next) = self.next_payment else {
            return "none, the stream has stopped".to_owned();
        };
        let payment = self.token.amount(U256::from(self.terms.payment()));
        let away = self.calendar.span(next - self.time);
        format!("{payment} in {away}, at {}", self.calendar.when(next))
    }

    fn progress(&self) -> String {
        let bar = bar(self.n_accrued, self.terms.n_intervals());
        let permille = u128::from(self.n_accrued) * 1000 / u128::from(self.terms.n_intervals());
        let n_intervals = counted(self.terms.n_intervals(), "payment");
        format!("{bar} {}.{} %, {} of {n_intervals}", permille / 10, permille % 10, grouped(self.n_accrued))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |units: u128| self.token.amount(U256::from(units));
        let Self { stream_id, state, calendar, .. } = self;
        writeln!(f, "Stream {stream_id}: {state} at {}", calendar.when(self.time))?;
        writeln!(f, "  {}", self.progress())?;
        let every = calendar.span(self.terms.interval());
        let mut rows = vec![
            ("sender", format!("{}, can take back {}", self.sender, amount(self.refundable))),
            ("recipient", format!("{}, can take {}", self.recipient, amount(self.due))),
            ("token", format!("{}, {}", self.token.symbol, self.token.address)),
            ("deposit", amount(self.terms.deposit())),
            ("withdrawn", amount(self.withdrawn)),
            ("payment", format!("{} every {every}", amount(self.terms.payment()))),
            ("next payment", self.next_payment()),
            ("start", calendar.when(self.terms.start())),
            ("stop", calendar.when(self.terms.stop())),
        ];
        if self.update_epoch != 0 {
            let n_updates = counted(u64::from(self.update_epoch), "update");
            rows.push(("updated", format!("{n_updates} by consent; the terms are the latest")));
        }
        rows.push(("clock", calendar.pace.to_string()));
        write_rows(f, &rows)?;
        match &self.proposals {
            None => writeln!(f, "New terms may be proposed; see: streamctl update show {stream_id}"),
            Some(offers) => offers.iter().try_for_each(|offer| write!(f, "New terms are proposed\n{offer}")),
        }
    }
}

impl Ended {
    /// # Errors
    /// If the logs do not tell of such a stream.
    async fn look_up(chain: &Chain, id: U256) -> eyre::Result<Self> {
        let trace = trace(chain, id).await?;
        let Some(Trace { sender, recipient, token, ending: Some((sender_got, recipient_got)) }) = trace else {
            return Err(unknown(chain, id));
        };
        let tokens = tokens(chain, [token]).await?;
        let token = tokens.get(&token).cloned().ok_or_else(|| unknown(chain, id))?;
        let (state, contract) = (State::Ended, chain.contract);
        Ok(Self { stream_id: id, contract, state, sender, recipient, token, sender_got, recipient_got })
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream_id, sender, recipient, token, .. } = self;
        writeln!(f, "Stream {stream_id}: ended")?;
        let (sender_got, recipient_got) = (token.amount(self.sender_got), token.amount(self.recipient_got));
        write_rows(
            f,
            &[
                ("sender", format!("{sender}, got {sender_got} at the end")),
                ("recipient", format!("{recipient}, got {recipient_got} at the end")),
                ("token", format!("{}, {}", token.symbol, token.address)),
            ],
        )
    }
}

/// Payments that have accrued at `time`.
pub(crate) fn n_accrued(terms: &Terms, time: u64) -> u64 {
    // At most the number of intervals.
    u64::try_from(terms.accrued_down(time) / terms.payment()).unwrap_or(u64::MAX)
}

/// How much of `whole` is `part`, as a picture; full only when nothing is missing.
pub(crate) fn bar(part: u64, whole: u64) -> String {
    let filled = u128::from(part) * u128::from(BAR) / u128::from(whole.max(1));
    let filled = usize::try_from(filled).unwrap_or(usize::MAX);
    let width = usize::try_from(BAR).unwrap_or(usize::MAX);
    format!("[{:.<width$}]", "#".repeat(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_end_and_not_before() {
        assert_eq!(bar(0, 720), format!("[{}]", ".".repeat(40)));
        assert_eq!(bar(360, 720), format!("[{}{}]", "#".repeat(20), ".".repeat(20)));
        assert_eq!(bar(719, 720), format!("[{}.]", "#".repeat(39)));
        assert_eq!(bar(720, 720), format!("[{}]", "#".repeat(40)));
        assert_eq!(bar(u64::MAX, u64::MAX), bar(1, 1));
    }
}
