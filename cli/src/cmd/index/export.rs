//! `streamctl index export`: rows for spreadsheets and accountants.

use std::{fmt, path::PathBuf};

use ::index::{
    abi::EventTable,
    block::Blocks,
    config::Config,
    export::{EpochIds, Format, events, snapshots, sums},
};
use clap::{Args, Subcommand, ValueEnum};
use eyre::{bail, ensure, eyre};
use serde::Serialize;

use super::store::ConfigArgs;
use crate::{
    amount::counted,
    output::{Output, text},
};

/// The highest block or epoch that there can be.
const HIGHEST: u64 = i64::MAX.cast_unsigned();

/// Write decoded events, snapshots or sums to a CSV or Parquet file.
///
/// Amounts are whole units of their tokens, in decimal; times are ISO 8601 in CSV. The file is there when it is whole, and
/// replaces one of its name.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index export rows --table streams_log_withdraw --to withdrawals.csv\n  \
    streamctl index export sums --to sums.parquet --from-epoch 1000")]
pub(super) struct ExportArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Rows(RowsArgs),
    Snapshots(SnapshotsArgs),
    Sums(SumsArgs),
}

/// Write the decoded events of one table.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index export rows --table streams_log_withdraw --to withdrawals.csv\n  \
    streamctl index export rows --table uniswap_swap --from-block 18000000 --to-block 18099999 --to swaps.parquet")]
struct RowsArgs {
    /// The table, which is named after the source and the event.
    #[arg(long, value_name = "TABLE")]
    table: String,
    /// The first block.
    #[arg(long, value_name = "BLOCK", default_value_t = 0)]
    from_block: u64,
    /// The last block, if not the newest.
    #[arg(long, value_name = "BLOCK")]
    to_block: Option<u64>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Write which snapshots there are, with their content addresses.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  streamctl index export snapshots --to snapshots.csv")]
struct SnapshotsArgs {
    #[command(flatten)]
    epochs: EpochsArgs,
}

/// Write what happened in each epoch and can be added up, and the total up to it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index export sums --to sums.parquet\n  \
    streamctl index export sums --project streams/… --from-epoch 1000 --to-epoch 1999 --to sums.csv")]
struct SumsArgs {
    #[command(flatten)]
    epochs: EpochsArgs,
}

#[derive(Args, Clone, Debug)]
struct EpochsArgs {
    /// Only this project.
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// The first epoch.
    #[arg(long, value_name = "N", default_value_t = 0)]
    from_epoch: u64,
    /// The last epoch, if not the newest.
    #[arg(long, value_name = "N")]
    to_epoch: Option<u64>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Args, Clone, Debug)]
struct FileArgs {
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Its form; by the end of its name without it.
    #[arg(long, value_enum)]
    format: Option<Written>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Written {
    Csv,
    Parquet,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Exported {
    file: PathBuf,
    #[serde(serialize_with = "text")]
    n_rows: u64,
}

impl ExportArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        match self.action {
            Action::Rows(args) => args.run(output).await,
            Action::Snapshots(args) => args.epochs.run(false, output).await,
            Action::Sums(args) => args.epochs.run(true, output).await,
        }
    }
}

impl RowsArgs {
    async fn run(self, output: &Output) -> eyre::Result<()> {
        let (file, format) = (self.file.to.clone(), self.file.format()?);
        let last = self.to_block.unwrap_or(HIGHEST);
        let blocks = Blocks::new(self.from_block, last);
        let blocks =
            blocks.ok_or_else(|| eyre!("--from-block {} is after --to-block {last}; swap them", self.from_block))?;
        let n_rows = self.config.with_store(move |config, database| {
            let event = table(config, &self.table)?;
            Ok(events(database, &event, blocks, format, &self.file.to)?)
        });
        output.result(&Exported { n_rows: n_rows.await?, file })
    }
}

impl EpochsArgs {
    async fn run(self, are_sums: bool, output: &Output) -> eyre::Result<()> {
        let (file, format) = (self.file.to.clone(), self.file.format()?);
        let epochs = EpochIds { first: self.from_epoch, last: self.to_epoch.unwrap_or(HIGHEST) };
        ensure!(
            epochs.first <= epochs.last,
            "--from-epoch {} is after --to-epoch {}; swap them",
            epochs.first,
            epochs.last
        );
        let n_rows = self.config.with_store(move |_, database| {
            let project = self.project.as_deref();
            if let Some(project) = project {
                let found = ::index::read::project(database, project)?;
                ensure!(found.is_some(), "{project} is no project; `streamctl index projects` lists all of them");
            }
            let write = if are_sums { sums } else { snapshots };
            Ok(write(database, project, epochs, format, &self.file.to)?)
        });
        output.result(&Exported { n_rows: n_rows.await?, file })
    }
}

impl FileArgs {
    fn format(&self) -> eyre::Result<Format> {
        let end = self.to.extension().and_then(|end| end.to_str());
        Ok(match (self.format, end) {
            (Some(Written::Csv), _) | (None, Some("csv")) => Format::Csv,
            (Some(Written::Parquet), _) | (None, Some("parquet")) => Format::Parquet,
            _ => bail!("{} ends with neither .csv nor .parquet; pass --format", self.to.display()),
        })
    }
}

/// The table of this name.
fn table(config: &Config, name: &str) -> eyre::Result<EventTable> {
    let kinds = config.kinds()?;
    let mut tables = kinds.iter().flat_map(|kind| kind.watch().events.iter().map(|watched| &watched.table));
    let names: Vec<_> = tables.clone().map(|event| event.table.name.as_str()).collect();
    let found = tables.find(|event| event.table.name == name).cloned();
    found.ok_or_else(|| eyre!("there is no table {name}; give one of {}", names.join(", ")))
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.file.display(), counted(self.n_rows, "row"))
    }
}
