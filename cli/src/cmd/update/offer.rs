//! New terms that a party consents to, what accepting them would do, and where to find those that are on the table.

use std::fmt;

use alloy::{
    primitives::{Address, U256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use bindings::IMoneyStreaming as Streaming;
use serde::Serialize;
use stream::{Proposal, Rate};

use crate::{
    amount::Token,
    chain::Chain,
    clock::{format_time, format_units},
    lookup::{Stream, next_time},
    output::{Output, text, write_rows},
    probe::Query,
    streams::{logs, tokens},
};

/// Payments of the old terms that are looked at to find the moment at which an update costs most.
const N_MOMENTS: usize = 1000;

/// Terms on the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Offer {
    #[serde(serialize_with = "text")]
    pub(crate) stream_id: U256,
    #[serde(serialize_with = "text")]
    pub(crate) proposer: Address,
    pub(crate) token: Token,
    #[serde(serialize_with = "text")]
    pub(crate) stop: u64,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    pub(crate) payment: u128,
    /// In units of the clock.
    #[serde(serialize_with = "text")]
    pub(crate) interval: u64,
    /// What accepting would do at once; `None` if it would be refused.
    pub(crate) effect: Option<Effect>,
    /// What people read, made when the stream was at hand.
    #[serde(skip)]
    rows: Vec<(&'static str, String)>,
}

/// What the execution of an update does.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Effect {
    #[serde(serialize_with = "text")]
    start: u64,
    /// In units of the new token.
    #[serde(serialize_with = "text")]
    deposit: u128,
    /// To the recipient, in units of the old token.
    #[serde(serialize_with = "text")]
    paid_out: u128,
    /// By the sender, in units of the new token.
    #[serde(serialize_with = "text")]
    pub(crate) paid_in: u128,
    /// To the sender, in units of the old token.
    #[serde(serialize_with = "text")]
    paid_back: u128,
}

/// The parts of new terms.
#[derive(Clone, Debug)]
pub(crate) struct NewTerms {
    pub(crate) token: Token,
    pub(crate) stop: u64,
    pub(crate) payment: u128,
    pub(crate) interval: u64,
}

impl NewTerms {
    /// Whether the stream has these terms already.
    pub(crate) fn is_of(&self, stream: &Stream) -> bool {
        let (Self { token, stop, payment, interval }, old) = (self, &stream.terms);
        token.address == stream.token.address
            && (*stop, *payment, *interval) == (old.stop(), old.payment(), old.interval())
    }

    fn proposal(&self, stream: &Stream) -> Proposal {
        let rate = Rate { payment: self.payment, interval: self.interval };
        Proposal { stop: self.stop, rate, is_same_token: self.token.address == stream.token.address }
    }

    /// What executing these terms at `time` would do.
    fn effect(&self, stream: &Stream, time: u64) -> Result<Effect, stream::Error> {
        let update = stream.terms.align_update(time, stream.state.withdrawn, self.proposal(stream))?;
        Ok(Effect {
            start: update.terms.start(),
            deposit: update.terms.deposit(),
            paid_out: update.due,
            paid_in: update.pulled,
            paid_back: update.refunded,
        })
    }

    /// The most that the sender may have to pay in if the update executes from `first` to `last`. It peaks when the old
    /// terms make a payment.
    pub(crate) fn most_paid_in(&self, stream: &Stream, first: u64, last: u64) -> u128 {
        let payments = std::iter::successors(Some(first), |time| stream.terms.next_payment(*time));
        payments
            .take_while(|time| *time <= last)
            .take(N_MOMENTS)
            .chain([last])
            .filter_map(|time| self.effect(stream, time).ok())
            .map(|effect| effect.paid_in)
            .max()
            .unwrap_or_default()
    }

    /// These terms as an offer of `proposer`.
    pub(crate) fn offered(self, chain: &Chain, stream: &Stream, proposer: Address) -> Offer {
        let effect = self.effect(stream, next_time(chain));
        let rows = rows(chain, stream, proposer, &self, &effect);
        let Self { token, stop, payment, interval } = self;
        Offer { stream_id: stream.id, proposer, token, stop, payment, interval, effect: effect.ok(), rows }
    }
}

fn rows(
    chain: &Chain,
    stream: &Stream,
    proposer: Address,
    new: &NewTerms,
    effect: &Result<Effect, stream::Error>,
) -> Vec<(&'static str, String)> {
    let role = if proposer == stream.state.sender { "sender" } else { "recipient" };
    let changed = |is_changed: bool, new: String, old: String| {
        if is_changed { format!("{new}, was {old}") } else { format!("{new}, as before") }
    };
    let (old, clock) = (&stream.terms, chain.clock);
    let payment = |token: &Token, payment: u128, interval: u64| {
        format!("{} every {}", token.amount(U256::from(payment)), format_units(clock, interval))
    };
    let is_other_token = new.token.address != stream.token.address;
    let is_other_rate = is_other_token || (new.payment, new.interval) != (old.payment(), old.interval());
    let mut rows = vec![
        ("proposed by", format!("{proposer}, the {role}")),
        (
            "payment",
            changed(
                is_other_rate,
                payment(&new.token, new.payment, new.interval),
                payment(&stream.token, old.payment(), old.interval()),
            ),
        ),
        ("stop", changed(new.stop != old.stop(), format_time(clock, new.stop), format_time(clock, old.stop()))),
    ];
    if is_other_token {
        rows.push(("token", format!("{}, was {}", new.token.address, stream.token.address)));
    }
    let effect = match effect {
        Ok(effect) => effect,
        Err(error) => {
            rows.push(("if accepted", format!("they are refused: {error}")));
            return rows;
        }
    };
    let (of_old, of_new) =
        (|units| stream.token.amount(U256::from(units)), |units| new.token.amount(U256::from(units)));
    let (start, deposit) = (format_time(clock, effect.start), of_new(effect.deposit));
    rows.push(("if accepted", format!("they start at {start}, with a deposit of {deposit}")));
    if effect.paid_out != 0 {
        rows.push(("", format!("the recipient is paid {}", of_old(effect.paid_out))));
    }
    if effect.paid_in != 0 {
        rows.push(("", format!("the sender pays in {}", of_new(effect.paid_in))));
    }
    if effect.paid_back != 0 {
        rows.push(("", format!("the sender gets back {}", of_old(effect.paid_back))));
    }
    rows
}

/// The live offers for a stream, the latest last: at most one of each party.
///
/// # Errors
/// If the node does not give the logs.
pub(crate) async fn live_offers(
    chain: &Chain,
    stream: &Stream,
    from_block: Option<u64>,
    output: &Output,
) -> eyre::Result<Vec<Offer>> {
    let logs = logs(chain, consents(chain, stream.id), from_block, output).await?;
    offers(chain, stream, &logs).await
}

/// The logs of all consents to new terms for the stream `id`.
pub(crate) fn consents(chain: &Chain, id: U256) -> Filter {
    Filter::new().address(chain.contract).event_signature(Streaming::LogConfirmUpdate::SIGNATURE_HASH).topic1(id)
}

/// The offers that are live of those that `logs` tell of; see [`consents`].
pub(crate) async fn offers(chain: &Chain, stream: &Stream, logs: &[Log]) -> eyre::Result<Vec<Offer>> {
    let logs = logs.iter().filter_map(|log| Streaming::LogConfirmUpdate::decode_log(&log.inner).ok());
    let mut latest: Vec<Streaming::LogConfirmUpdate> = Vec::new();
    for log in logs {
        latest.retain(|other| other._confirmer != log._confirmer);
        latest.push(log.data);
    }
    if latest.is_empty() {
        return Ok(Vec::new());
    }
    let queries: Vec<_> = latest.iter().map(|log| Query::new(chain.contract, &is_live(log))).collect();
    let answers = chain.ask(&queries).await?;
    let answers = answers.iter().map(|answer| answer.decode::<Streaming::hasConfirmedCall>() == Some(true));
    let live: Vec<_> = latest.into_iter().zip(answers).filter_map(|(log, is_live)| is_live.then_some(log)).collect();
    let tokens = tokens(chain, live.iter().map(|log| log._newTokenAddress)).await?;
    let offer = |log: Streaming::LogConfirmUpdate| {
        let terms = NewTerms {
            token: tokens[&log._newTokenAddress].clone(),
            // Consent is given to terms within the contract's limits only.
            stop: log._newStopBlock.saturating_to(),
            payment: log._newPayment.saturating_to(),
            interval: log._newInterval.saturating_to(),
        };
        terms.offered(chain, stream, log._confirmer)
    };
    Ok(live.into_iter().map(offer).collect())
}

fn is_live(log: &Streaming::LogConfirmUpdate) -> Streaming::hasConfirmedCall {
    Streaming::hasConfirmedCall {
        streamId: log._streamId,
        party: log._confirmer,
        token: log._newTokenAddress,
        stop: log._newStopBlock,
        payment: log._newPayment,
        interval: log._newInterval,
    }
}

impl Offer {
    pub(crate) fn terms(&self) -> NewTerms {
        let Self { token, stop, payment, interval, .. } = self;
        NewTerms { token: token.clone(), stop: *stop, payment: *payment, interval: *interval }
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rows(f, &self.rows)
    }
}
