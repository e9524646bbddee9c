//! `streamctl sim merge`: shards put together.

use std::{fmt, path::PathBuf};

use clap::Args;
use serde::Serialize;
use sim::results::merge;

use super::{desk::Desk, study::existing};
use crate::output::write_rows;

/// Put the folders of several shards together.
///
/// All must be of the same netlist, seed and runs. Done twice it does the same. Shards that wrote into one folder need no
/// merge.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  streamctl sim merge shard-1 shard-2 shard-3 --out all")]
pub(super) struct MergeArgs {
    /// The folders of the shards.
    #[arg(value_name = "FOLDER", required = true)]
    folders: Vec<PathBuf>,
    /// The folder that gets all of it.
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Debug, Serialize)]
struct Whole {
    folder: PathBuf,
    n_parts: String,
    /// Numbers of the parts that no folder has.
    missing: Vec<String>,
    fingerprint: Option<String>,
}

impl MergeArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let folders: Vec<_> = self.folders.iter().map(|folder| existing(folder)).collect::<eyre::Result<_>>()?;
        let merged = merge(&folders, &self.out)?;
        let n_missing = merged.missing.len();
        desk.output.result(&Whole {
            folder: self.out,
            n_parts: merged.n_parts.to_string(),
            missing: merged.missing.iter().map(u64::to_string).collect(),
            fingerprint: merged.manifest.map(|manifest| manifest.fingerprint.to_string()),
        })?;
        if n_missing > 0 {
            desk.output.warn("the results are not whole; merge again once the missing parts are there");
        }
        Ok(())
    }
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.folder.display())?;
        let mut rows = vec![("parts", self.n_parts.clone())];
        match &self.fingerprint {
            Some(fingerprint) => rows.push(("fingerprint", fingerprint.clone())),
            None => rows.push(("missing parts", self.missing.join(", "))),
        }
        write_rows(f, &rows)
    }
}
