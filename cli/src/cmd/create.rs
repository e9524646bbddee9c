//! `streamctl create`: from a wish to a stream.

use std::fmt;

use alloy::{
    primitives::{Address, U256},
    rpc::types::TransactionReceipt,
    sol_types::SolError,
};
use bindings::{Clock, IMoneyStreaming as Streaming};
use clap::Args;
use eyre::{ensure, eyre};
use serde::Serialize;
use stream::{Rate, Terms, Timeframe};

use crate::{
    address::parse_address,
    allowance::{Allowance, Spender, allowance_queries},
    amount::{Token, grouped},
    chain::{Chain, ChainArgs, token_queries},
    clock::{format_time, format_units},
    output::{Output, exact_terms, text, write_rows},
    plan::{Plan, WishArgs},
    tx::{Call, Mined, Session, Subject, TxArgs, event, refusal},
};

/// Create a stream, and fund it with the whole deposit.
///
/// Say what you wish in money and time, or exact terms. The exact terms are shown before anything is sent. If the
/// allowance of the stream contract is short, it is raised first, to exactly the deposit.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl create --recipient 0x7099… --token 0x5FbD… --amount 3000 --over 30d --every 1h --account alice\n  \
    streamctl create --recipient 0x7099… --token 0x5FbD… --payment 0.05 --interval 1m --until 2027-01-31 --account alice\n  \
    streamctl create --recipient 0x7099… --token 0x5FbD… --payment-units 50000 --interval-blocks 5 \\\n      \
    --start-block 21000000 --stop-block 21036000 --account alice")]
pub(crate) struct CreateArgs {
    /// Who is paid.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    recipient: Address,
    /// What is paid in: an ERC-20 token.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    token: Address,
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    tx: TxArgs,
}

/// A stream that was created.
#[derive(Debug, Serialize)]
struct Creation {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    #[serde(serialize_with = "text")]
    contract: Address,
    #[serde(serialize_with = "text")]
    sender: Address,
    #[serde(serialize_with = "text")]
    recipient: Address,
    token: Token,
    #[serde(flatten, serialize_with = "exact_terms")]
    terms: Terms,
    transactions: Vec<Mined>,
    #[serde(skip)]
    clock: Clock,
    /// Options that the commands that follow need.
    #[serde(skip)]
    options: String,
}

impl CreateArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let account = self.tx.account(output)?;
        let contract = self.chain.address();
        let of_sender = allowance_queries(self.token, account.address, contract);
        let queries = [token_queries(self.token), of_sender].concat();
        let (chain, answers) = self.chain.connect_asking(&queries).await?;
        let token = chain.token_of(self.token, &answers[..2]).await?;
        let allowance = Allowance::of(&token, account.address, Spender::streaming(contract), &answers[2..])?;
        let session = Session::of(account, &chain, output, &self.tx);
        self.check_recipient(&chain, session.from())?;

        let wish = self.wish.wish(&token)?;
        let setting = chain.setting(token.clone(), self.wish.block_time).await?;
        let plan = Plan::new(wish, setting)?;
        output.note(&plan);
        let subject = Subject { token: Some(&token), clock: chain.clock };
        let mut calls = allowance.calls(U256::from(plan.terms.deposit()), &session, subject).await?;
        calls.push(self.call(&chain, &plan));
        if let Some(receipts) = session.run(&calls, subject).await? {
            output.result(&self.creation(&chain, &token, &receipts)?)?;
        }
        chain.report(output);
        Ok(())
    }

    /// The contract would say so too, but only after an approval was paid for.
    fn check_recipient(&self, chain: &Chain, sender: Address) -> eyre::Result<()> {
        let recipient = self.recipient;
        let refused = [Address::ZERO, sender, self.token, chain.contract];
        let error = Streaming::RecipientInvalid { recipient };
        ensure!(!refused.contains(&recipient), refusal(&error.abi_encode(), None, chain.clock));
        Ok(())
    }

    fn call(&self, chain: &Chain, plan: &Plan) -> Call {
        let (terms, token) = (&plan.terms, &plan.setting.token);
        let deposit = token.amount(U256::from(terms.deposit()));
        let what = format!("create the stream and fund it with {deposit}");
        let (payment, interval) = (U256::from(terms.payment()), U256::from(terms.interval()));
        if plan.starts_when_mined {
            let call = Streaming::createForCall {
                recipient: self.recipient,
                token: self.token,
                payment,
                interval,
                nIntervals: U256::from(terms.n_intervals()),
            };
            return Call::new(chain.contract, &call, what);
        }
        let call = Streaming::createCall {
            _recipient: self.recipient,
            _tokenAddress: self.token,
            _startBlock: U256::from(terms.start()),
            _stopBlock: U256::from(terms.stop()),
            _payment: payment,
            _interval: interval,
        };
        Call::new(chain.contract, &call, what)
    }

    fn creation(&self, chain: &Chain, token: &Token, receipts: &[TransactionReceipt]) -> eyre::Result<Creation> {
        let receipt = receipts.last().ok_or_else(|| eyre!("no transaction was sent"))?;
        let log: Streaming::LogCreate = event(receipt, chain.contract)?;
        let terms = Terms::new(
            Timeframe { start: log._startBlock.to(), stop: log._stopBlock.to() },
            Rate { payment: log._payment.to(), interval: log._interval.to() },
        )?;
        Ok(Creation {
            stream_id: log._streamId,
            contract: chain.contract,
            sender: log._sender,
            recipient: log._recipient,
            token: token.clone(),
            terms,
            transactions: receipts.iter().map(Mined::from).collect(),
            clock: chain.clock,
            options: self.chain.options(),
        })
    }
}

impl fmt::Display for Creation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream_id: id, token, terms, options, .. } = self;
        let amount = |units: u128| token.amount(U256::from(units));
        writeln!(f, "Created stream {id}")?;
        let n_payments = grouped(terms.n_intervals());
        let every = format_units(self.clock, terms.interval());
        let mut rows = vec![
            ("sender", self.sender.to_string()),
            ("recipient", self.recipient.to_string()),
            ("deposit", amount(terms.deposit())),
            ("payments", format!("{n_payments} of {}, one every {every}", amount(terms.payment()))),
            ("start", format_time(self.clock, terms.start())),
            ("stop", format_time(self.clock, terms.stop())),
        ];
        rows.extend(Mined::rows_of(&self.transactions));
        write_rows(f, &rows)?;
        writeln!(f, "Next")?;
        let rows = [
            ("look at it", format!("streamctl show {id}{options}")),
            ("take what is due", format!("streamctl withdraw {id}{options}")),
            ("change the terms", format!("streamctl update propose {id}{options} …")),
            ("end it", format!("streamctl redeem {id}{options}")),
        ];
        write_rows(f, &rows)
    }
}
