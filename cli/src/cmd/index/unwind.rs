//! `streamctl index unwind`: takes back what a chain has taken back below what it had called final.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use ::index::{
    block::Checkpoint,
    database,
    node::{self, Node},
    stage::{EpochStage, Logs, checkpoint},
};
use clap::Args;
use eyre::{WrapErr, bail, ensure};
use serde::Serialize;
use tokio::{runtime::Handle, task::spawn_blocking};

use super::store::ConfigArgs;
use crate::{
    amount::{counted, grouped},
    output::{Output, maybe_text, text},
};

/// Delete all that came after a block, final or not; the next run indexes it again.
///
/// For a chain that went another way below what it had called final, on which `streamctl index run` stops. What was told to
/// others, or agreed on with them, is not taken back. No other process may follow the chain into the store.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index unwind --to 21000000\n  \
    streamctl index unwind --to 21000000 --yes")]
pub(super) struct UnwindArgs {
    /// The last block that stays.
    #[arg(long, value_name = "BLOCK")]
    to: u64,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Serialize)]
struct Unwound {
    #[serde(serialize_with = "maybe_text")]
    stored: Option<u64>,
    #[serde(serialize_with = "text")]
    n_blocks: u64,
}

impl UnwindArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let config = self.config.read()?;
        let to = self.to;
        let cursors = self.config.with_store(|_, database| {
            let number = |at: Option<Checkpoint>| at.map(|at| at.number);
            Ok((number(checkpoint(database, Logs::NAME)?), number(checkpoint(database, EpochStage::FINALIZED)?)))
        });
        let (stored, finalized) = cursors.await?;
        let Some(stored) = stored.filter(|stored| *stored > to) else {
            let stored = stored.map_or_else(|| "has no block".to_owned(), |stored| format!("ends at block {stored}"));
            bail!("there is nothing to take back after block {to}: the store {stored}");
        };
        let n_blocks = stored - to;
        let n_final = finalized.unwrap_or_default().saturating_sub(to);
        let epochs = match config.epochs.of(to.saturating_add(1)) {
            Some(id) => format!(", with the snapshots, sums and chains from epoch {id} on"),
            None => String::new(),
        };
        output.note(format_args!(
            "{} after block {} are deleted from {}, {} of them final{epochs}",
            counted(n_blocks, "block"),
            grouped(to),
            database::shown(&config.store),
            grouped(n_final),
        ));
        if !self.yes {
            ensure!(
                io::stdin().is_terminal(),
                "nothing was deleted: there is no terminal to confirm on; pass --yes to delete without asking"
            );
            ensure!(output.confirm("Delete them?")?, "nothing was deleted");
        }
        let node = Node::new(&config, Handle::current())?;
        spawn_blocking(move || node::unwind(&node, to)).await.wrap_err("waiting for the store")??;
        output.result(&Unwound { stored: Some(to), n_blocks })
    }
}

impl fmt::Display for Unwound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stored = self.stored.map_or_else(|| "none".to_owned(), grouped);
        write!(f, "Took back {}; the last block is {stored}", counted(self.n_blocks, "block"))
    }
}
