//! `streamctl index snapshot`: what a snapshot says.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use ::index::{
    config::{Config, KindConfig, UniswapV2Config},
    content,
    database::Database,
    epoch::{Epoch, EpochState},
    pooler::{Stream, payload},
    read,
};
use alloy::primitives::Address;
use clap::{ArgGroup, Args};
use eyre::{bail, ensure, eyre};
use serde_json::Value;

use super::store::ReadArgs;
use crate::{address::parse_address, index_api::Asker, output::Output};

/// Characters of an address in hexadecimal.
const ADDRESS_LENGTH: usize = 42;

/// Print a snapshot: as DAG-JSON, as its bytes, or as Pooler's payload.
///
/// It is that of a project at an epoch, the newest without --epoch, or what is behind a content address. Pooler's payload
/// is made from the store, and its address is on stderr: it is that of its bytes as `ipfs add --raw-leaves` counts them.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true))]
#[command(after_help = "Examples:\n  \
    streamctl index snapshot --project streams/… --epoch 7 | jq .\n  \
    streamctl index snapshot --cid bafyrei… --raw > snapshot.cbor\n  \
    streamctl index snapshot --project uniswap/0x…/trade_volume --pooler")]
pub(super) struct SnapshotArgs {
    /// The project, as `streamctl index projects` lists it.
    #[arg(long, value_name = "PROJECT", value_parser = parse_project, group = "what")]
    project: Option<String>,
    /// The epoch; the newest with a snapshot without it.
    #[arg(long, value_name = "N", conflicts_with = "cid")]
    epoch: Option<u64>,
    /// The content address of a snapshot, or of a block of a chain of snapshots.
    #[arg(long, value_name = "CID", group = "what")]
    cid: Option<String>,
    /// Print the bytes that are addressed: canonical DAG-CBOR.
    #[arg(long, group = "form", conflicts_with = "json")]
    raw: bool,
    /// Print DAG-JSON, which is what is printed without a form.
    #[arg(long, group = "form")]
    dag_json: bool,
    /// Print the payload that Pooler has for a pair, with its names and floats.
    #[arg(long, group = "form", conflicts_with = "cid")]
    pooler: bool,
    #[command(flatten)]
    read: ReadArgs,
}

impl SnapshotArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        if self.pooler {
            return self.print_pooler(output).await;
        }
        let asker = self.read.open()?;
        let cid = match (&self.cid, &self.project) {
            (Some(cid), _) => cid.clone(),
            (None, Some(project)) => self.address(&asker, project).await?,
            (None, None) => bail!("name a snapshot by --project or by --cid"),
        };
        let format = if self.raw { "raw" } else { "json" };
        let bytes = asker.bytes(&format!("/v1/snapshots/{cid}"), &[("format", format.to_owned())]).await?;
        asker.report(output);
        if !self.raw {
            return output.tell(String::from_utf8_lossy(&bytes));
        }
        let mut stdout = io::stdout().lock();
        ensure!(!stdout.is_terminal(), "the bytes of a snapshot are no text for a terminal; send them to a file");
        stdout.write_all(&bytes)?;
        stdout.flush()?;
        Ok(())
    }

    /// The address of the project's snapshot.
    async fn address(&self, asker: &Asker, project: &str) -> eyre::Result<String> {
        let mut query = vec![("project", project.to_owned())];
        let newest = asker.get("/v1/project", &query).await?;
        let text = |cid: &Value| cid.as_str().map(str::to_owned);
        let Some(epoch) = self.epoch else {
            return text(&newest["newest"]["cid"]).ok_or_else(|| eyre!("{project} has no snapshot"));
        };
        query.push(("epoch", epoch.to_string()));
        let found = asker.get("/v1/snapshots", &query).await?;
        text(&found["items"][0]["cid"])
            .ok_or_else(|| no_snapshot(project, epoch, &newest["first_epoch"], &newest["newest"]["epoch"]))
    }

    async fn print_pooler(&self, output: &Output) -> eyre::Result<()> {
        ensure!(!self.read.is_far(), "Pooler's payloads are made from the store; name its --config, and no --index");
        let project = self.project.clone().unwrap_or_default();
        let wanted = self.epoch;
        let bytes = self.read.config().with_store(move |config, database| {
            let (source, pairs, pair, stream) = part(config, &project)?;
            let epoch = epoch(database, &project, wanted)?;
            let made = payload(database, (source, pairs), pair, &epoch, stream)?;
            made.map(|payload| payload.json()).ok_or_else(|| eyre!("{pair} was no pair at epoch {}", epoch.id))
        });
        let bytes = bytes.await?;
        output.note(format_args!("cid {}", content::raw(&bytes)?));
        output.tell(String::from_utf8_lossy(&bytes))
    }
}

/// A project's name, with the addresses in it as the index writes them: in small letters.
///
/// # Errors
/// If an address has a wrong checksum.
pub(super) fn parse_project(text: &str) -> eyre::Result<String> {
    let part = |part: &str| {
        let is_address = part.len() == ADDRESS_LENGTH && part.starts_with("0x");
        if is_address { parse_address(part).map(|address| format!("{address:#x}")) } else { Ok(part.to_owned()) }
    };
    Ok(text.split('/').map(part).collect::<eyre::Result<Vec<_>>>()?.join("/"))
}

fn no_snapshot(project: &str, epoch: u64, first: impl Display, last: impl Display) -> eyre::Report {
    eyre!("{project} has no snapshot at epoch {epoch}; its first is of epoch {first}, its newest of {last}")
}

/// The source, the pair and the stream that a project's name says.
fn part<'a>(config: &'a Config, project: &str) -> eyre::Result<(&'a str, &'a UniswapV2Config, Address, Stream)> {
    let parts: Vec<&str> = project.split('/').collect();
    let found = match parts[..] {
        [source, pair, stream] => {
            let stream = match stream {
                "pair_total_reserves" => Some(Stream::PairTotalReserves),
                "trade_volume" => Some(Stream::TradeVolume),
                _ => None,
            };
            let pairs = config.sources.iter().find_map(|found| match &found.kind {
                KindConfig::UniswapV2(pairs) if found.name == source => Some((found.name.as_str(), pairs)),
                _ => None,
            });
            pairs.zip(pair.parse().ok()).zip(stream)
        }
        _ => None,
    };
    let found = found.map(|(((source, pairs), pair), stream)| (source, pairs, pair, stream));
    found.ok_or_else(|| {
        eyre!(
            "{project} is no project of a pair, such as uniswap/0x…/trade_volume; `streamctl index projects` lists \
             them"
        )
    })
}

/// The epoch of the project's snapshot.
fn epoch(database: &mut dyn Database, project: &str, wanted: Option<u64>) -> eyre::Result<Epoch> {
    let found = read::project(database, project)?;
    let found = found.ok_or_else(|| {
        eyre!("{project:?} is no project with snapshots; `streamctl index projects` lists all that there are")
    })?;
    let entry = match wanted {
        Some(epoch) => read::snapshot(database, project, epoch)?
            .ok_or_else(|| no_snapshot(project, epoch, found.first_epoch, found.newest.epoch))?,
        None => found.newest,
    };
    let found = read::epoch(database, entry.epoch)?.filter(|epoch| epoch.state != EpochState::Planned);
    let found = found.and_then(|found| {
        Some(Epoch {
            id: found.id,
            blocks: ::index::block::Blocks::new(found.first_block, found.last_block)?,
            begin_parent_hash: found.begin_parent_hash,
            end_hash: found.end_hash?,
            end_timestamp: found.end_timestamp?,
        })
    });
    found.ok_or_else(|| eyre!("epoch {} has no end", entry.epoch))
}
