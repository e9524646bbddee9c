//! `streamctl rollup voucher execute`: the chain pays.

use std::fmt;

use alloy::primitives::Address;
use bindings::{Clock, cartesi::IApplication};
use clap::Args;
use eyre::{bail, ensure};
use serde::Serialize;

use super::{
    super::question::{QuestionArgs, known_tokens},
    standing::{Standing, check, standings},
    unclaimed, unknown,
};
use crate::{
    amount::{Token, counted},
    chain::Node,
    node::{self, Filter},
    output::{Output, text, write_rows},
    outputs::Decoded,
    proof::Proof,
    tx::{Call, Mined, Session, Subject, TxArgs, events},
};

/// Execute a voucher on the chain, or all that can be.
///
/// Anybody may; the money goes to whom the voucher names. Before anything is spent on gas, the chain is asked whether the
/// voucher was executed already, and whether it accepts the node's proof.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup voucher execute 4 --app 0x75a1… --account bob\n  \
    streamctl rollup voucher execute --all --app 0x75a1… --account bob --yes")]
pub(super) struct ExecuteArgs {
    /// Number of the output.
    #[arg(value_name = "INDEX", required_unless_present = "all")]
    index: Option<u64>,
    /// All vouchers that can be executed.
    #[arg(long, conflicts_with = "index")]
    all: bool,
    #[command(flatten)]
    question: QuestionArgs,
    #[command(flatten)]
    tx: TxArgs,
}

#[derive(Debug, Serialize)]
struct Executions {
    #[serde(serialize_with = "text")]
    app: Address,
    executed: Vec<Execution>,
    /// For people; in JSON amounts are units.
    #[serde(skip)]
    tokens: std::collections::HashMap<Address, Token>,
}

#[derive(Debug, Serialize)]
struct Execution {
    #[serde(flatten)]
    voucher: Decoded,
    transaction: Mined,
}

/// A voucher that the chain will pay.
struct Payable {
    voucher: Decoded,
    call: Call,
}

impl ExecuteArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let app = self.question.app.app;
        let (node, answers) = self.question.endpoint.connect(&[self.question.app.query()]).await?;
        self.question.app.application(&node, &answers[0]).await?;
        let session = Session::open(&node, output, &self.tx)?;
        let found = match self.index {
            Some(index) => vec![self.one(&node, index).await?],
            None => self.executable(&node).await?,
        };
        let vouchers: Vec<Decoded> = found.iter().map(Decoded::of).collect();
        let tokens = known_tokens(Some(&node), vouchers.iter().filter_map(Decoded::token)).await?;
        let subject = Subject { token: None, clock: Clock::Timestamp };
        let (mut payable, mut n_refused) = (Vec::new(), 0_u64);
        for (found, voucher) in found.iter().zip(vouchers) {
            let index = voucher.index;
            let proof = Proof::of(found)?.ok_or_else(|| unclaimed(index))?;
            check(&node, app, &proof).await?;
            let execute = IApplication::executeOutputCall { output: proof.output.clone(), proof: proof.validity() };
            let call = Call::new(app, &execute, format!("execute voucher {index}, {}", voucher.words(&tokens)));
            // One that the chain refuses to pay must not keep the others from being paid.
            match session.check(&call, subject).await {
                Err(error) if self.all => {
                    output.warn(format_args!("{error:#}"));
                    n_refused += 1;
                }
                result => result.map(|()| payable.push(Payable { voucher, call }))?,
            }
        }
        let calls: Vec<Call> = payable.iter().map(|payable| payable.call.clone()).collect();
        let mut executed = Vec::new();
        if !calls.is_empty() {
            let Some(receipts) = session.run(&calls, subject).await? else { return Ok(()) };
            for (Payable { voucher, .. }, receipt) in payable.into_iter().zip(&receipts) {
                let log =
                    events::<IApplication::OutputExecuted>(receipt, app).find(|log| log.outputIndex == voucher.index);
                ensure!(
                    log.is_some(),
                    "transaction {} did not execute voucher {}",
                    receipt.transaction_hash,
                    voucher.index
                );
                executed.push(Execution { voucher, transaction: Mined::from(receipt) });
            }
        }
        output.result(&Executions { app, executed, tokens })?;
        node.report(output);
        ensure!(n_refused == 0, "{} cannot be executed, see above", counted(n_refused, "voucher"));
        Ok(())
    }

    async fn one(&self, node: &Node, index: u64) -> eyre::Result<node::Output> {
        let app = self.question.app.app;
        let found = self.question.rollup()?.output(index).await?.ok_or_else(|| unknown(index))?;
        ensure!(
            Decoded::of(&found).is_voucher(),
            "output {index} is no voucher; `streamctl rollup voucher list` shows them"
        );
        // A node cannot hide that a voucher was executed: the chain knows it by its number.
        if standings(node, app, std::slice::from_ref(&found)).await? == [Standing::Executed] {
            bail!("voucher {index} was executed before; nothing is left to do");
        }
        Ok(found)
    }

    async fn executable(&self, node: &Node) -> eyre::Result<Vec<node::Output>> {
        let mut found = self.question.rollup()?.outputs(Filter::default()).await?;
        found.retain(|output| Decoded::of(output).is_voucher());
        let standings = standings(node, self.question.app.app, &found).await?;
        let with = found.into_iter().zip(standings);
        Ok(with.filter(|(_, standing)| *standing == Standing::Executable).map(|(output, _)| output).collect())
    }
}

impl fmt::Display for Executions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.executed.is_empty() {
            return writeln!(f, "No voucher can be executed.");
        }
        for Execution { voucher, transaction } in &self.executed {
            writeln!(f, "Executed voucher {}", voucher.index)?;
            let mut rows = vec![("paid", voucher.words(&self.tokens))];
            rows.extend(transaction.rows());
            write_rows(f, &rows)?;
        }
        Ok(())
    }
}
