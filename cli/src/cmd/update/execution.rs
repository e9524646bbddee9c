//! What an update that both parties consented to did, by its logs.

use std::fmt;

use alloy::{
    primitives::{Address, U256},
    rpc::types::TransactionReceipt,
};
use bindings::{Clock, IERC20, IMoneyStreaming as Streaming};
use eyre::ensure;
use serde::Serialize;

use crate::{
    amount::{Token, grouped},
    chain::Chain,
    clock::{format_time, format_units},
    lookup::Stream,
    output::{text, write_rows},
    tx::{Mined, event, events},
};

/// An update that was executed.
#[derive(Debug, Serialize)]
pub(crate) struct Execution {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    #[serde(serialize_with = "text")]
    update_epoch: U256,
    token: Token,
    #[serde(serialize_with = "text")]
    start: u64,
    #[serde(serialize_with = "text")]
    stop: u64,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    payment: U256,
    /// In units of the clock.
    #[serde(serialize_with = "text")]
    interval: u64,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    deposit: U256,
    old_token: Token,
    /// To the recipient, in units of the old token.
    #[serde(serialize_with = "text")]
    paid_out: U256,
    /// By the sender, in units of the token.
    #[serde(serialize_with = "text")]
    paid_in: U256,
    /// To the sender, in units of the old token.
    #[serde(serialize_with = "text")]
    paid_back: U256,
    /// Shares that the old token refused to pay; their owners can claim them.
    credits: Vec<Credit>,
    transactions: Vec<Mined>,
    #[serde(skip)]
    clock: Clock,
}

#[derive(Debug, Serialize)]
struct Credit {
    #[serde(serialize_with = "text")]
    account: Address,
    #[serde(serialize_with = "text")]
    amount: U256,
}

impl Execution {
    /// Reads the logs of the last of `receipts`; `token` is the one of the new terms.
    ///
    /// # Errors
    /// If no update was executed.
    pub(crate) fn read(
        receipts: &[TransactionReceipt],
        chain: &Chain,
        stream: &Stream,
        token: Token,
    ) -> eyre::Result<Self> {
        ensure!(!receipts.is_empty(), "no transaction was sent");
        let receipt = &receipts[receipts.len() - 1];
        let terms: Streaming::LogExecuteUpdate = event(receipt, chain.contract)?;
        let start: Streaming::LogUpdateStart = event(receipt, chain.contract)?;
        let moved = |token: Address, from: Address, to: Address| {
            events::<IERC20::Transfer>(receipt, token)
                .filter(|transfer| transfer.from == from && transfer.to == to)
                .fold(U256::ZERO, |sum, transfer| sum.saturating_add(transfer.value))
        };
        let sender = stream.state.sender;
        let credits = events::<Streaming::LogCredit>(receipt, chain.contract)
            .map(|credit| Credit { account: credit.account, amount: credit.amount });
        let paid_in = moved(token.address, sender, chain.contract);
        Ok(Self {
            stream_id: stream.id,
            update_epoch: start.updateEpoch,
            token,
            start: start.start.saturating_to(),
            stop: terms._newStopBlock.saturating_to(),
            payment: terms._newPayment,
            interval: terms._newInterval.saturating_to(),
            deposit: start.deposit,
            paid_out: moved(stream.token.address, chain.contract, stream.state.recipient),
            paid_in,
            paid_back: moved(stream.token.address, chain.contract, sender),
            old_token: stream.token.clone(),
            credits: credits.collect(),
            transactions: receipts.iter().map(Mined::from).collect(),
            clock: chain.clock,
        })
    }
}

impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, old_token, clock, .. } = self;
        writeln!(f, "Updated stream {}", self.stream_id)?;
        let n_payments = (self.stop - self.start) / self.interval;
        let every = format_units(*clock, self.interval);
        let mut rows = vec![
            ("deposit", token.amount(self.deposit)),
            ("payments", format!("{} of {}, one every {every}", grouped(n_payments), token.amount(self.payment))),
            ("start", format_time(*clock, self.start)),
            ("stop", format_time(*clock, self.stop)),
        ];
        if !self.paid_out.is_zero() {
            rows.push(("recipient", format!("was paid {}", old_token.amount(self.paid_out))));
        }
        if !self.paid_in.is_zero() {
            rows.push(("sender", format!("paid in {}", token.amount(self.paid_in))));
        }
        if !self.paid_back.is_zero() {
            rows.push(("sender", format!("got back {}", old_token.amount(self.paid_back))));
        }
        for Credit { account, amount } in &self.credits {
            let amount = old_token.amount(*amount);
            rows.push(("credit", format!("{amount} of {account}, because the token refused to pay")));
        }
        rows.extend(Mined::rows_of(&self.transactions));
        write_rows(f, &rows)
    }
}
