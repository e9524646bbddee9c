//! What every way into a rollup shares: StreamPortal, the application behind it, and the approval before it.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    sol_types::SolError,
};
use bindings::{Clock, IStreamPortal as Portal, cartesi::ETHER, portal_address};
use clap::Args;
use eyre::{bail, ensure};
use serde::Serialize;

use crate::{
    address::parse_address,
    allowance::{Allowance, Spender, allowance_queries},
    amount::Token,
    application::{AppArgs, Application, parse_token},
    chain::{EndpointArgs, Node, token_queries},
    output::{Output, text, write_rows},
    probe::{Answer, Query},
    tx::{Account, Call, Mined, Session, Subject, TxArgs, refusal},
};

/// Which StreamPortal.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct DoorArgs {
    /// StreamPortal, if not the one that is at the same address on every chain.
    #[arg(long, value_name = "ADDRESS", env = "STREAMCTL_PORTAL", hide_env_values = true, value_parser = parse_address, help_heading = "Rollup")]
    portal: Option<Address>,
}

/// Who deposits what, where.
#[derive(Args, Debug)]
pub(super) struct CrossingArgs {
    #[command(flatten)]
    pub(super) app: AppArgs,
    #[command(flatten)]
    door: DoorArgs,
    /// What is deposited: an ERC-20 token, or ether.
    #[arg(long, value_name = "ADDRESS|ether", value_parser = parse_token)]
    token: Address,
    #[command(flatten)]
    endpoint: EndpointArgs,
    #[command(flatten)]
    tx: TxArgs,
}

/// A deposit about to be made.
#[derive(Debug)]
pub(super) struct Crossing {
    pub(super) node: Node,
    pub(super) portal: Address,
    pub(super) token: Token,
    pub(super) account: Account,
    application: Application,
    /// To [`allowance_queries`], of a token.
    answers: Vec<Answer>,
}

/// A deposit that was made.
#[derive(Debug, Serialize)]
pub(super) struct Crossed {
    #[serde(serialize_with = "text")]
    app: Address,
    #[serde(serialize_with = "text")]
    portal: Address,
    /// Place among the application's inputs, counted from 0 on.
    #[serde(serialize_with = "text")]
    input: U256,
    token: Token,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    pub(super) amount: U256,
    transactions: Vec<Mined>,
}

impl DoorArgs {
    pub(super) fn address(&self) -> Address {
        self.portal.unwrap_or_else(portal_address)
    }

    /// What to ask; see [`DoorArgs::check`].
    pub(super) fn query(&self) -> Query {
        Query::new(self.address(), &Portal::erc20PortalCall {})
    }

    /// # Errors
    /// If the answer to [`query`](Self::query) is not that of StreamPortal.
    pub(super) fn check(&self, node: &Node, answer: &Answer) -> eyre::Result<()> {
        if answer.decode::<Portal::erc20PortalCall>().is_some_and(|portal| !portal.is_zero()) {
            return Ok(());
        }
        bail!(
            "there is no StreamPortal at {} on chain {}; run `streamctl deploy --portal`, or pass --portal",
            self.address(),
            node.chain_id
        )
    }
}

impl CrossingArgs {
    /// Connects, and finds out what the deposit needs.
    ///
    /// # Errors
    /// If there is no account to act, no endpoint, no application, no StreamPortal, or no token.
    pub(super) async fn open(&self, output: &Output) -> eyre::Result<Crossing> {
        let account = self.tx.account(output)?;
        let portal = self.door.address();
        let mut queries = vec![self.app.query(), self.door.query()];
        if !self.is_ether() {
            queries.extend(token_queries(self.token));
            queries.extend(allowance_queries(self.token, account.address, portal));
        }
        let (node, answers) = self.endpoint.connect(&queries).await?;
        let application = self.app.application(&node, &answers[0]).await?;
        self.door.check(&node, &answers[1])?;
        let (token, answers) = match &answers[2..] {
            [] => (Token::ether(), Vec::new()),
            [symbol, decimals, rest @ ..] => {
                (node.token_of(self.token, &[symbol.clone(), decimals.clone()]).await?, rest.to_vec())
            }
            [_] => unreachable!("a token is asked for two things and more"),
        };
        Ok(Crossing { node, portal, token, account, application, answers })
    }

    pub(super) fn token(&self) -> Address {
        self.token
    }

    pub(super) fn is_ether(&self) -> bool {
        self.token == ETHER
    }

    /// Sends the deposit `call` of `amount` units, and the approval that it needs before it. `None` after a dry run.
    ///
    /// # Errors
    /// If the money is missing, or if a call is refused.
    pub(super) async fn send(
        &self,
        crossing: Crossing,
        amount: U256,
        call: Call,
        output: &Output,
    ) -> eyre::Result<Option<Crossed>> {
        let Crossing { node, portal, token, account, application, answers } = crossing;
        ensure!(!amount.is_zero(), portal_refusal(&Portal::AmountZero {}));
        let owner = account.address;
        let session = Session::of(account, &node, output, &self.tx);
        let subject = Subject { token: Some(&token), clock: Clock::Timestamp };
        let mut calls = Vec::new();
        if self.is_ether() {
            check_ether(&node, owner, &token, amount).await?;
            calls.push(call.paying(amount));
        } else {
            let allowance = Allowance::of(&token, owner, Spender::portal(portal), &answers)?;
            calls = allowance.calls(amount, &session, subject).await?;
            calls.push(call);
        }
        let receipts = session.run(&calls, subject).await?;
        node.report(output);
        let Some(receipts) = receipts else { return Ok(None) };
        let receipt = receipts.last().expect("the deposit is one of the transactions");
        Ok(Some(Crossed {
            app: application.address,
            portal,
            input: application.added(receipt)?.index,
            token,
            amount,
            transactions: receipts.iter().map(Mined::from).collect(),
        }))
    }
}

async fn check_ether(node: &Node, owner: Address, ether: &Token, amount: U256) -> eyre::Result<()> {
    let balance = node.provider.get_balance(owner).await.map_err(|error| node.sentence(error))?;
    ensure!(
        balance > amount,
        "{owner} holds {}, and {} and the network fee are needed; top the account up, or deposit less",
        ether.amount(balance),
        ether.amount(amount)
    );
    Ok(())
}

/// The sentence for a refusal that StreamPortal would give, before anything is paid for it.
pub(super) fn portal_refusal(error: &impl SolError) -> eyre::Report {
    refusal(&error.abi_encode(), None, Clock::Timestamp)
}

impl Crossed {
    /// `12.5 DEMO`.
    pub(super) fn money(&self) -> String {
        self.token.amount(self.amount)
    }

    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    /// Rows for people to read, `rows` before them.
    pub(super) fn write(
        &self,
        f: &mut std::fmt::Formatter<'_>,
        mut rows: Vec<(&'static str, String)>,
    ) -> std::fmt::Result {
        rows.push(("application", self.app.to_string()));
        rows.push(("input", self.input.to_string()));
        rows.extend(Mined::rows_of(&self.transactions));
        write_rows(f, &rows)?;
        writeln!(f, "Next")?;
        let (app, input) = (self.app, self.input);
        write_rows(f, &[("see what became of it", format!("streamctl rollup outputs --app {app} --input {input}"))])
    }
}
