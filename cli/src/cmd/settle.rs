//! `streamctl settle`: anybody ends streams that have reached their stop.

use std::{collections::BTreeMap, fmt};

use alloy::{primitives::U256, sol_types::SolCall};
use bindings::IMoneyStreaming as Streaming;
use clap::Args;
use eyre::{WrapErr, ensure};
use serde::Serialize;

use crate::{
    chain::ChainArgs,
    cmd::redeem::{Ending, endings},
    lookup::parse_id,
    output::{Output, text},
    probe::Query,
    streams::tokens,
    tx::{Call, Mined, Session, Subject, TxArgs},
};

/// Most streams that one transaction settles, so that it fits a block and one answer of the node.
const BATCH: usize = 50;

/// End streams that have reached their stop; anybody can.
///
/// What is due goes to each recipient. Streams that do not exist or still run are passed over.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl settle 7 --account carol\n  \
    streamctl settle 7 8 12 --account carol --yes")]
pub(crate) struct SettleArgs {
    /// Numbers of the streams.
    #[arg(value_name = "ID", required = true, value_parser = parse_id)]
    ids: Vec<U256>,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    tx: TxArgs,
}

#[derive(Debug, Serialize)]
struct Settlement {
    settled: Vec<Ending>,
    passed_over: Vec<Id>,
    transaction: Mined,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Id(#[serde(serialize_with = "text")] U256);

impl SettleArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        ensure!(
            self.ids.len() <= BATCH,
            "{} streams are too many for one transaction; name at most {BATCH}",
            self.ids.len()
        );
        let states = Streaming::getStreamsCall { streamIds: self.ids.clone() };
        let query = Query::new(self.chain.address(), &states);
        let (chain, answers) = self.chain.connect_asking(&[query]).await?;
        let states = Streaming::getStreamsCall::abi_decode_returns(&answers[0].data).wrap_err("reading the streams")?;
        let tokens = tokens(&chain, states.iter().map(|state| state.token)).await?;
        let session = Session::open(&chain, output, &self.tx)?;
        let call = Streaming::settleCall { streamIds: self.ids.clone() };
        let ids: Vec<_> = self.ids.iter().map(U256::to_string).collect();
        let noun = if ids.len() == 1 { "stream" } else { "streams" };
        let call = Call::new(chain.contract, &call, format!("settle {noun} {}", ids.join(", ")));
        let subject = Subject { token: None, clock: chain.clock };
        if let Some(receipts) = session.run(&[call], subject).await? {
            let token_of: BTreeMap<_, _> =
                self.ids.iter().copied().zip(states.iter().map(|state| &tokens[&state.token])).collect();
            let settled = endings(&receipts[0], &chain, |id| token_of[&id].clone());
            let is_settled = |id: &U256| settled.iter().any(|ending| ending.stream_id == *id);
            let passed_over = self.ids.into_iter().filter(|id| !is_settled(id)).map(Id).collect();
            output.result(&Settlement { settled, passed_over, transaction: Mined::from(&receipts[0]) })?;
        }
        chain.report(output);
        Ok(())
    }
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settled.iter().try_for_each(|ending| ending.write(f, &self.transaction.rows()))?;
        for Id(id) in &self.passed_over {
            writeln!(f, "Stream {id} was passed over: it does not exist, has ended, or still runs")?;
        }
        Ok(())
    }
}
