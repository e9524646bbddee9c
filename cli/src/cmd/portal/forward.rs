//! `streamctl portal forward`: what a stream on the chain has accrued goes into the rollup.

use std::fmt;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use bindings::IStreamPortal as Portal;
use clap::Args;
use eyre::ensure;
use serde::Serialize;

use super::crossing::{DoorArgs, portal_refusal};
use crate::{
    address::parse_address,
    amount::Token,
    application::AppArgs,
    chain::{ChainArgs, EndpointArgs},
    lookup::parse_id,
    output::{Output, text, write_rows},
    streams::tokens,
    tx::{Call, Mined, Session, Subject, TxArgs, events},
};

/// Take what is due of streams to an inbox into the rollup, for its owner.
///
/// Anybody may. The streams' recipient is the address that `streamctl portal inbox` shows.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl portal forward --app 0x75a1… --owner 0x7099… 7 --account carol\n  \
    streamctl portal forward --app 0x75a1… --owner 0x7099… --streaming 0x9fE4… 7 8 9 --account carol")]
pub(super) struct ForwardArgs {
    /// Numbers of the streams.
    #[arg(value_name = "ID", value_parser = parse_id, required = true)]
    ids: Vec<U256>,
    /// Whose inbox it is.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    owner: Address,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    door: DoorArgs,
    /// Stream contract, if not the one that `streamctl deploy` makes on the block clock.
    #[arg(long, visible_alias = "contract", value_name = "ADDRESS", env = "STREAMCTL_CONTRACT", hide_env_values = true, value_parser = parse_address, help_heading = "Chain")]
    streaming: Option<Address>,
    #[command(flatten)]
    endpoint: EndpointArgs,
    #[command(flatten)]
    tx: TxArgs,
}

#[derive(Debug, Serialize)]
struct Forwarded {
    #[serde(serialize_with = "text")]
    app: Address,
    #[serde(serialize_with = "text")]
    owner: Address,
    #[serde(serialize_with = "text")]
    streaming: Address,
    forwarded: Vec<Part>,
    transaction: Mined,
}

#[derive(Debug, Serialize)]
struct Part {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    token: Token,
    /// In units of the token.
    #[serde(serialize_with = "text")]
    amount: U256,
    /// Place among the application's inputs, counted from 0 on.
    #[serde(serialize_with = "text")]
    input: U256,
}

impl ForwardArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        ensure!(!self.owner.is_zero(), portal_refusal(&Portal::AccountZero {}));
        let args = ChainArgs { endpoint: self.endpoint.clone(), contract: self.streaming, clock: None };
        let (chain, answers) = args.connect_asking(&[self.app.query(), self.door.query()]).await?;
        let application = self.app.application(&chain, &answers[0]).await?;
        self.door.check(&chain, &answers[1])?;
        let portal = self.door.address();
        let session = Session::open(&chain, output, &self.tx)?;
        let subject = Subject { token: None, clock: chain.clock };
        let call = self.call(portal, chain.contract);
        if let Some(receipts) = session.run(&[call], subject).await? {
            let receipt = &receipts[0];
            let logs: Vec<Portal::StreamForwarded> = events(receipt, portal).collect();
            let mut known = tokens(&chain, logs.iter().map(|log| log.token)).await?;
            // Each forward adds its input right before its event.
            let parts = logs.iter().zip(application.all_added(receipt)).map(|(log, input)| Part {
                stream_id: log.streamId,
                token: known.entry(log.token).or_insert_with(|| Token::from_answers(log.token, None, None)).clone(),
                amount: log.amount,
                input: input.index,
            });
            output.result(&Forwarded {
                app: self.app.app,
                owner: self.owner,
                streaming: chain.contract,
                forwarded: parts.collect(),
                transaction: Mined::from(receipt),
            })?;
        }
        chain.report(output);
        Ok(())
    }

    fn call(&self, portal: Address, streaming: Address) -> Call {
        let (app, owner) = (self.app.app, self.owner);
        let forward = |id: &U256| Portal::forwardStreamCall { app, owner, streaming, streamId: *id };
        if let [id] = self.ids.as_slice() {
            let what = format!("forward what is due of stream {id} to {owner} in the rollup");
            return Call::new(portal, &forward(id), what);
        }
        let ids = self.ids.iter().map(U256::to_string).collect::<Vec<_>>().join(", ");
        let what = format!("forward what is due of streams {ids} to {owner} in the rollup");
        let data = self.ids.iter().map(|id| forward(id).abi_encode().into()).collect();
        Call::new(portal, &Portal::multicallCall { data }, what)
    }
}

impl fmt::Display for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Forwarded to {} in the rollup", self.owner)?;
        let row = |part: &Part| {
            let Part { stream_id, token, amount, input } = part;
            ("forwarded", format!("{} of stream {stream_id}, input {input}", token.amount(*amount)))
        };
        let mut rows: Vec<_> = self.forwarded.iter().map(row).collect();
        rows.push(("application", self.app.to_string()));
        rows.extend(self.transaction.rows());
        write_rows(f, &rows)
    }
}
