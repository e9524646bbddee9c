//! `streamctl index car`: chains of snapshots as files that other IPFS tools read.

use std::{
    fmt,
    fs::{self, File},
    io::{BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use ::index::{
    car::{Exported, export, import},
    config::Config,
    database,
};
use clap::{Args, Subcommand};
use eyre::{WrapErr, eyre};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{consensus::origin, store::ConfigArgs};
use crate::{
    amount::{counted, grouped},
    output::{Output, text, write_rows},
};

/// Carry chains of snapshots from one store to another, in a CAR file.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index car export --to snapshots.car\n  \
    streamctl index car import snapshots.car --config archive.toml")]
pub(super) struct CarArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Export(ExportArgs),
    Import(ImportArgs),
}

/// Write the chain of a project, or of all, with its snapshots, to a CAR file of version 1.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index car export --to all.car\n  \
    streamctl index car export --project uniswap/… --to pair.car --json | jq -r '.roots[]'")]
struct ExportArgs {
    /// Only this project.
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Read a CAR file into the store: all of it, or nothing if anything in it is not what its address says.
///
/// A store that has never followed a chain becomes an archive, with snapshots and chains, and neither events nor sums.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  streamctl index car import all.car --config archive.toml")]
struct ImportArgs {
    /// The file to read.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    roots: Vec<String>,
    #[serde(serialize_with = "text")]
    n_blocks: u64,
    #[serde(serialize_with = "text")]
    n_snapshots: u64,
    #[serde(serialize_with = "text")]
    n_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Taken {
    #[serde(serialize_with = "text")]
    n_blocks: u64,
    #[serde(serialize_with = "text")]
    n_snapshots: u64,
    #[serde(serialize_with = "text")]
    n_known: u64,
    #[serde(serialize_with = "text")]
    n_ignored: u64,
}

impl CarArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        match self.action {
            Action::Export(args) => args.run(output).await,
            Action::Import(args) => args.run(output).await,
        }
    }
}

impl ExportArgs {
    async fn run(self, output: &Output) -> eyre::Result<()> {
        let file = self.to.clone();
        let exported = self.config.with_store(move |_, database| {
            let part = part(&self.to)?;
            let written = write(&part, |out| Ok(export(database, self.project.as_deref(), out)?));
            let written = written.and_then(|exported| {
                fs::rename(&part, &self.to).wrap_err_with(|| format!("writing {}", self.to.display()))?;
                Ok(exported)
            });
            if written.is_err() {
                // It may never have been made.
                let _ = fs::remove_file(&part);
            }
            written
        });
        let Exported { roots, n_blocks, n_snapshots, n_bytes } = exported.await?;
        let roots = roots.iter().map(ToString::to_string).collect();
        output.result(&Written { file, roots, n_blocks, n_snapshots, n_bytes })
    }
}

impl ImportArgs {
    async fn run(self, output: &Output) -> eyre::Result<()> {
        let config = self.config.read_for_store()?;
        let taken = spawn_blocking(move || take(&config, &self.file)).await.wrap_err("waiting for the store")??;
        output.result(&taken)
    }
}

fn take(config: &Config, file: &Path) -> eyre::Result<Taken> {
    let from = File::open(file).wrap_err_with(|| format!("reading {}", file.display()))?;
    let mut database = database::open(&config.store)?;
    let imported = import(database.as_mut(), &origin(config), &mut BufReader::new(from))?;
    Ok(Taken {
        n_blocks: imported.n_blocks,
        n_snapshots: imported.n_snapshots,
        n_known: imported.n_known,
        n_ignored: imported.n_ignored,
    })
}

/// Has `work` write the file at `path`, which is whole and on the disk when this returns.
fn write<T>(path: &Path, work: impl FnOnce(&mut BufWriter<File>) -> eyre::Result<T>) -> eyre::Result<T> {
    let writing = || format!("writing {}", path.display());
    let mut out = BufWriter::new(File::create(path).wrap_err_with(writing)?);
    let done = work(&mut out)?;
    out.flush().wrap_err_with(writing)?;
    out.get_ref().sync_all().wrap_err_with(writing)?;
    Ok(done)
}

/// Where a file is while it is written.
fn part(path: &Path) -> eyre::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| eyre!("{} is no name of a file", path.display()))?;
    Ok(path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id())))
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.file.display())?;
        let mut rows = vec![
            ("blocks of chains", grouped(self.n_blocks)),
            ("snapshots", grouped(self.n_snapshots)),
            ("size", counted(self.n_bytes, "byte")),
        ];
        rows.extend(self.roots.iter().map(|root| ("root", root.clone())));
        write_rows(f, &rows)
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Read {} and {}", counted(self.n_blocks, "block"), counted(self.n_snapshots, "snapshot"))?;
        write_rows(
            f,
            &[("known before", counted(self.n_known, "block")), ("left out", counted(self.n_ignored, "block"))],
        )
    }
}
