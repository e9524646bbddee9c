//! `streamctl rollup voucher execute`: the chain pays.

use std::{collections::HashMap, fmt};

use alloy::{primitives::Address, rpc::types::TransactionReceipt};
use bindings::{Clock, cartesi::IApplication};
use clap::Args;
use eyre::{bail, ensure, eyre};
use serde::Serialize;

use super::{
    super::question::{QuestionArgs, known_tokens},
    standing::{Standing, check, standings},
    unclaimed, unknown,
};
use crate::{
    amount::{Token, grouped},
    chain::Node,
    node::{self, Filter},
    output::{Output, text, write_rows},
    outputs::Decoded,
    proof::Proof,
    tx::{Call, Mined, Session, Subject, TxArgs, events},
};

/// Refusals speak of no token that is known before.
const SUBJECT: Subject<'_> = Subject { token: None, clock: Clock::Timestamp };

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
    failed: Vec<Failure>,
    /// Vouchers that wait for a claim, if all were asked for.
    #[serde(serialize_with = "text")]
    n_unclaimed: u64,
    /// For people; in JSON amounts are units.
    #[serde(skip)]
    tokens: HashMap<Address, Token>,
}

#[derive(Debug, Serialize)]
struct Execution {
    #[serde(flatten)]
    voucher: Decoded,
    transaction: Mined,
}

#[derive(Debug, Serialize)]
struct Failure {
    #[serde(flatten)]
    voucher: Decoded,
    reason: String,
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
        let (found, n_unclaimed) = match self.index {
            Some(index) => (vec![self.one(&node, index).await?], 0),
            None => self.executable(&node).await?,
        };
        let tokens = known_tokens(Some(&node), found.iter().filter_map(|found| Decoded::of(found).token())).await?;
        let mut executions = Executions { app, executed: Vec::new(), failed: Vec::new(), n_unclaimed, tokens };
        let mut payable = Vec::new();
        for found in &found {
            let voucher = Decoded::of(found);
            match self.call(&session, &node, found, executions.what(&voucher)).await {
                Ok(call) => payable.push(Payable { voucher, call }),
                // One that the chain refuses to pay must not keep the others from being paid.
                Err(error) if self.all => executions.fail(voucher, &error),
                Err(error) => return Err(error),
            }
        }
        let calls: Vec<Call> = payable.iter().map(|payable| payable.call.clone()).collect();
        let outcomes = if calls.is_empty() { Some(Vec::new()) } else { session.run_each(&calls, SUBJECT).await? };
        match outcomes {
            Some(outcomes) => {
                executions.take(payable, outcomes, self.all)?;
                output.result(&executions)?;
            }
            // The result of a dry run is what would be sent, and nothing else.
            None => executions.failed.iter().for_each(|failure| output.warn(failure)),
        }
        node.report(output);
        let n_failed = executions.failed.len();
        ensure!(n_failed == 0, "vouchers that cannot be executed: {n_failed} of {}, see above", found.len());
        Ok(())
    }

    /// The execution of a voucher, which the chain would accept.
    async fn call(&self, session: &Session<'_>, node: &Node, found: &node::Output, what: String) -> eyre::Result<Call> {
        let app = self.question.app.app;
        let proof = Proof::of(found)?.ok_or_else(|| unclaimed(found.index))?;
        check(node, app, &proof).await?;
        let execute = IApplication::executeOutputCall { output: proof.output.clone(), proof: proof.validity() };
        let call = Call::new(app, &execute, what);
        session.check(&call, SUBJECT).await?;
        Ok(call)
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

    /// The vouchers that can be executed, and how many wait for a claim.
    async fn executable(&self, node: &Node) -> eyre::Result<(Vec<node::Output>, u64)> {
        let mut found = self.question.rollup()?.outputs(Filter::default()).await?;
        found.retain(|output| Decoded::of(output).is_voucher());
        let (mut executable, mut n_unclaimed) = (Vec::new(), 0);
        for (output, standing) in found.iter().zip(standings(node, self.question.app.app, &found).await?) {
            match standing {
                Standing::Executable => executable.push(output.clone()),
                Standing::Executed => {}
                Standing::Unclaimed => n_unclaimed += 1,
            }
        }
        Ok((executable, n_unclaimed))
    }
}

impl Executions {
    fn what(&self, voucher: &Decoded) -> String {
        format!("execute voucher {}, {}", voucher.index, voucher.words(&self.tokens))
    }

    fn fail(&mut self, voucher: Decoded, error: &eyre::Report) {
        // Which voucher it is, is said beside the reason.
        let known = format!("cannot {}", self.what(&voucher));
        let reasons = error.chain().map(ToString::to_string).filter(|reason| *reason != known);
        let reason = reasons.collect::<Vec<_>>().join(": ");
        self.failed.push(Failure { voucher, reason });
    }

    /// Notes what became of each that was to be paid. Only one of many may fail.
    fn take(
        &mut self,
        payable: Vec<Payable>,
        outcomes: Vec<eyre::Result<TransactionReceipt>>,
        are_many: bool,
    ) -> eyre::Result<()> {
        let untried = || Err(eyre!("it was not tried after the failure before; run the command again"));
        let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        for (Payable { voucher, .. }, outcome) in payable.into_iter().zip(outcomes) {
            let paid = outcome.unwrap_or_else(untried).and_then(|receipt| {
                let mut logs = events::<IApplication::OutputExecuted>(&receipt, self.app);
                let hash = receipt.transaction_hash;
                ensure!(
                    logs.any(|log| log.outputIndex == voucher.index),
                    "transaction {hash} did not execute voucher {}",
                    voucher.index
                );
                Ok(Mined::from(&receipt))
            });
            match paid {
                Ok(transaction) => self.executed.push(Execution { voucher, transaction }),
                Err(error) if are_many => self.fail(voucher, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// `1 waits`, `2 wait`.
fn waiting(n: u64) -> String {
    if n == 1 { "1 waits".to_owned() } else { format!("{} wait", grouped(n)) }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "voucher {} cannot be executed: {}", self.voucher.index, self.reason)
    }
}

impl fmt::Display for Executions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.executed.is_empty() && self.failed.is_empty() {
            return match self.n_unclaimed {
                0 => writeln!(f, "No voucher can be executed."),
                n => writeln!(f, "No voucher can be executed; {} for a claim.", waiting(n)),
            };
        }
        for Execution { voucher, transaction } in &self.executed {
            writeln!(f, "Executed voucher {}", voucher.index)?;
            let mut rows = vec![("paid", voucher.words(&self.tokens))];
            rows.extend(transaction.rows());
            write_rows(f, &rows)?;
        }
        for Failure { voucher, reason } in &self.failed {
            writeln!(f, "Did not execute voucher {}", voucher.index)?;
            write_rows(f, &[("unpaid", voucher.words(&self.tokens)), ("reason", reason.clone())])?;
        }
        Ok(())
    }
}
