//! `streamctl rollup reset`: forget a node's database, its application's files and its chain.

use std::{fmt, fs, io, path::PathBuf};

use clap::Args;
use eyre::{WrapErr, bail};
use serde::Serialize;

use super::up::{DATA_DIR, is_data_dir, lock};
use crate::output::Output;

/// Delete what a rollup node keeps. The chain of its own goes too; any other still has all inputs.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup reset\n  \
    streamctl rollup reset --data-dir /tmp/rollup --yes")]
pub(crate) struct ResetArgs {
    /// Where the node keeps its data.
    #[arg(long, value_name = "DIR", default_value = DATA_DIR)]
    data_dir: PathBuf,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// What a node makes in its directory.
const FOLDERS: [&str; 4] = ["application", "chain.states", "copies", "copy"];
const FILES: [&str; 7] =
    ["node.db", "node.db-wal", "node.db-shm", "node.journal", "chain.json", "application.log", "lock"];

fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[derive(Debug, Serialize)]
struct Reset {
    data_dir: String,
}

impl ResetArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        is_data_dir(&self.data_dir)?;
        let data_dir = self.data_dir.canonicalize()?;
        let lock = lock(&data_dir)?;
        if !self.yes && !output.confirm(&format!("Delete all that the node keeps in {}?", data_dir.display()))? {
            bail!("nothing was deleted");
        }
        for name in FOLDERS {
            gone(fs::remove_dir_all(data_dir.join(name))).wrap_err_with(|| format!("deleting {name}"))?;
        }
        for name in FILES {
            gone(fs::remove_file(data_dir.join(name))).wrap_err_with(|| format!("deleting {name}"))?;
        }
        drop(lock);
        // Somebody else's files may be there too, and stay.
        drop(fs::remove_dir(&data_dir));
        output.result(&Reset { data_dir: data_dir.display().to_string() })
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deleted what the node kept in {}", self.data_dir)
    }
}
