//! `streamctl rollup send`: an input for the application, through the chain.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use bindings::{Clock, cartesi::IInputBox};
use clap::{ArgMatches, Args, Command, FromArgMatches, error::ErrorKind};
use serde::Serialize;

use super::{
    input::{Ask, Encoding, Setting},
    verdict::{Verdict, verdict},
};
use crate::{
    amount::Token,
    application::{AppArgs, token_of},
    chain::EndpointArgs,
    node::RollupNode,
    output::{Output, text, write_rows},
    tx::{Call, Mined, Session, Subject, TxArgs},
};

/// Ask the application for something, by an input on the chain.
///
/// With a node of the rollup at hand it waits for the verdict: the notices of what has happened, or the reason why nothing
/// has, with exit status 1. Options may come before the verb or after it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup send --app 0x75a1… transfer --token 0x5FbD… --to 0x7099… --amount 12.5 --account alice\n  \
    streamctl rollup send --app 0x75a1… stream --token ether --to 0x7099… --amount 1 --over 30d --account alice\n  \
    streamctl rollup send --app 0x75a1… cancel 7 --node-url http://127.0.0.1:6751 --account alice\n  \
    streamctl rollup send --app 0x75a1… withdraw --token 0x5FbD… --amount 12.5 --account bob")]
pub(super) struct SendArgs {
    #[command(subcommand)]
    ask: Ask,
    #[command(flatten)]
    options: Everywhere<Options>,
}

#[derive(Args, Clone, Debug)]
struct Options {
    #[command(flatten)]
    app: AppArgs,
    /// Node of the rollup to wait for the verdict of.
    #[arg(long, value_name = "URL", env = "STREAMCTL_NODE_URL", hide_env_values = true, help_heading = "Rollup")]
    node_url: Option<String>,
    /// How the input is written.
    #[arg(long, value_enum, default_value_t = Encoding::Abi, help_heading = "Rollup")]
    encoding: Encoding,
    #[command(flatten)]
    endpoint: EndpointArgs,
    #[command(flatten)]
    tx: TxArgs,
}

/// Options that are taken before a subcommand and after it.
#[derive(Clone, Debug)]
struct Everywhere<T>(T);

#[derive(Debug, Serialize)]
struct Sent {
    #[serde(serialize_with = "text")]
    app: Address,
    #[serde(serialize_with = "text")]
    sender: Address,
    /// Place among the application's inputs, counted from 0 on.
    #[serde(serialize_with = "text")]
    input: U256,
    transaction: Mined,
    /// `None` without a node to ask.
    verdict: Option<Verdict>,
    /// For people; in JSON amounts are units.
    #[serde(skip)]
    tokens: HashMap<Address, Token>,
}

impl SendArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let Self { ask, options: Everywhere(options) } = self;
        let rollup = options.node_url.as_deref().map(|url| RollupNode::new(url, options.app.app)).transpose()?;
        let (ask, lines) = ask.read()?;
        let (node, answers) = options.endpoint.connect(&[options.app.query()]).await?;
        let application = options.app.application(&node, &answers[0]).await?;
        let mut tokens = HashMap::new();
        for token in std::iter::once(&ask).chain(&lines).filter_map(Ask::token) {
            if let Entry::Vacant(entry) = tokens.entry(token) {
                entry.insert(token_of(&node, token).await?);
            }
        }
        let setting = Setting { tokens: &tokens, now: node.timestamp, encoding: options.encoding };
        let payload = ask.payload(&lines, setting)?;

        let session = Session::open(&node, output, &options.tx)?;
        let subject = Subject { token: None, clock: Clock::Timestamp };
        let add = IInputBox::addInputCall { appContract: application.address, payload: payload.bytes.into() };
        let call = Call {
            to: application.input_box,
            data: add.abi_encode().into(),
            value: U256::ZERO,
            what: format!("ask the rollup to {}", payload.what),
        };
        if let Some(receipts) = session.run(&[call], subject).await? {
            let added = application.added(&receipts[0])?;
            let verdict = match &rollup {
                Some(rollup) => {
                    output.note(format_args!("waiting for {rollup} to process input {}", added.index));
                    Some(verdict(rollup, &added).await?)
                }
                None => None,
            };
            output.result(&Sent {
                app: application.address,
                sender: session.from(),
                input: added.index,
                transaction: Mined::from(&receipts[0]),
                verdict,
                tokens,
            })?;
        }
        node.report(output);
        Ok(())
    }
}

impl<T: Args> Args for Everywhere<T> {
    fn augment_args(command: Command) -> Command {
        // clap lets no global option be required; what is missing is noticed when the values are taken.
        T::augment_args(command).mut_args(|arg| arg.global(true).required(false))
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command).mut_args(|arg| arg.global(true).required(false))
    }
}

impl<T: FromArgMatches> FromArgMatches for Everywhere<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self).map_err(missing)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// clap's own sentence names the field; the application is the one option that must be there.
fn missing(error: clap::Error) -> clap::Error {
    match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            clap::Error::raw(error.kind(), "the application is missing: pass --app, or set STREAMCTL_APP")
        }
        _ => error,
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = self.input;
        let Some(verdict) = &self.verdict else {
            writeln!(f, "Sent input {input}")?;
            let mut rows = vec![("application", self.app.to_string())];
            rows.extend(self.transaction.rows());
            write_rows(f, &rows)?;
            writeln!(f, "Next")?;
            let next = format!("streamctl rollup outputs --app {} --input {input}", self.app);
            return write_rows(f, &[("see what became of it", next)]);
        };
        writeln!(f, "Input {input} was accepted")?;
        let mut rows: Vec<_> = verdict
            .outputs
            .iter()
            .map(|output| if output.is_voucher() { ("voucher", output) } else { ("notice", output) })
            .map(|(name, output)| (name, format!("{}  {}", output.index, output.words(&self.tokens))))
            .collect();
        rows.extend(verdict.reports.iter().map(|report| ("report", report.clone())));
        rows.push(("application", self.app.to_string()));
        rows.extend(self.transaction.rows());
        write_rows(f, &rows)
    }
}
