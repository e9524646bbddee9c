//! The live chain that runs start from: the program's own provider, which any thread of a run may ask.

use std::{borrow::Cow, path::PathBuf, sync::mpsc, thread};

use alloy::providers::Provider;
use clap::Args;
use eyre::{WrapErr, bail};
use serde_json::Value;
use sim::{
    evm::Ask,
    netlist::{ForkSource, Netlist},
};

use crate::chain;

/// A live chain in place of the netlist's.
#[derive(Args, Debug)]
pub(super) struct ForkArgs {
    /// Start from the live chain behind this endpoint; what is read of it is kept in --fork-file.
    #[arg(long, value_name = "URL")]
    fork_url: Option<String>,
    /// Start from this block; without it, from that in the file, or from the latest.
    #[arg(long, value_name = "NUMBER")]
    fork_block: Option<u64>,
    /// What keeps what is read of the live chain; without --fork-url nothing else is read.
    #[arg(long, value_name = "FILE")]
    fork_file: Option<PathBuf>,
}

/// A call with its parameters, and where its answer goes.
type Request = (String, Value, mpsc::Sender<Result<Value, String>>);

impl ForkArgs {
    pub(super) fn is_set(&self) -> bool {
        self.fork_url.is_some() || self.fork_block.is_some() || self.fork_file.is_some()
    }

    /// Opens the chain that the command line or the netlist names.
    pub(super) fn open(&self, netlist: &mut Netlist) -> eyre::Result<()> {
        let Self { fork_url, fork_block, fork_file } = self;
        let own = netlist.fork_source();
        if !self.is_set() && own.as_ref().is_none_or(|own| own.url.is_none()) {
            return Ok(());
        }
        let Some(file) = fork_file.clone().or_else(|| own.as_ref().map(|own| own.file.clone())) else {
            bail!("what is read of a live chain is kept in a file; name it with --fork-file");
        };
        // A file alone is a run without a network.
        let url = match (fork_url, fork_file) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(_)) => None,
            (None, None) => own.as_ref().and_then(|own| own.url.clone()),
        };
        let block = fork_block.or_else(|| own.and_then(|own| own.block));
        let ask = url.as_deref().map(ask).transpose()?;
        Ok(netlist.set_fork(ForkSource { url, block, file }, ask)?)
    }
}

/// Asks the endpoint at `url` one thing after the other, in a thread that ends when nobody can ask any more.
fn ask(url: &str) -> eyre::Result<Ask> {
    let (provider, endpoint) = chain::plain_provider(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.wrap_err("setting up requests to the live chain")?;
    let (requests, received) = mpsc::channel::<Request>();
    thread::spawn(move || {
        for (method, parameters, answer) in received {
            let asked = runtime.block_on(provider.raw_request::<_, Value>(Cow::Owned(method), parameters));
            let worded = |error| chain::sentence(&endpoint, error).to_string().replace("--rpc-url", "--fork-url");
            // Without a receiver nobody waits for the answer.
            let _ = answer.send(asked.map_err(worded));
        }
    });
    Ok(Box::new(move |method, parameters| {
        let (answer, answered) = mpsc::channel();
        let gone = || "the thread that asks the live chain has ended".to_owned();
        requests.send((method.to_owned(), parameters, answer)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }))
}
