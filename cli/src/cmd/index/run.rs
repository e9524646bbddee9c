//! `streamctl index run`: follows the chain into the store, and serves what is read of it.

use std::{fmt, future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use ::index::{
    api::{Api, router, serve},
    config::Config,
    consensus::Voter,
    database,
    metrics::Metrics,
    node::{self, Node},
    outbox::Outbox,
    progress::{Event, Observer, Progress},
    stage::{Dag, Derived, EpochStage, Logs},
};
use clap::Args;
use eyre::{WrapErr, bail, eyre};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{mpsc, watch},
    task::{JoinHandle, spawn_blocking},
    time::{Instant, MissedTickBehavior, interval},
};

use self::live::Live;
use super::{
    consensus::{PasswordArgs, vote, voter},
    store::{ConfigArgs, api},
};
use crate::{
    amount::{counted, grouped},
    index_api::Asker,
    interrupt::Interrupt,
    output::{Output, maybe_text, text, write_rows},
};

mod live;

/// Time between two looks at how far the index is.
const TICK: Duration = Duration::from_millis(100);

/// How long a desk may leave votes without any answer before `--once` waits for it no more.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the writer's stages that follow the blocks are called.
const BLOCK_STAGES: [&str; 3] = [Logs::NAME, Derived::NAME, EpochStage::NAME];

/// What the stages that follow final epochs are called.
const FINAL_STAGES: [&str; 2] = [Dag::NAME, Outbox::NAME];

/// Follow the chain, take snapshots of its epochs, and serve them.
///
/// Catches up from where the store is, then follows each block. Ctrl-C ends it in good order; it goes on from there the
/// next time. Where another process follows the chain into the same store, this one makes snapshots for it, and follows the
/// chain once that has ended.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index run\n  \
    streamctl index run --once --json | jq .stored\n  \
    streamctl index run --config uniswap.toml --listen 0.0.0.0:8620")]
pub(super) struct RunArgs {
    /// End when all is done up to the chain's head, and the desk has answered to this node's votes.
    #[arg(long)]
    once: bool,
    /// Serve the API here, in place of `api.listen` of the configuration.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Ran {
    #[serde(serialize_with = "maybe_text")]
    head: Option<u64>,
    #[serde(serialize_with = "maybe_text")]
    stored: Option<u64>,
    #[serde(serialize_with = "maybe_text")]
    finalized: Option<u64>,
    #[serde(serialize_with = "text")]
    epochs: u64,
    #[serde(serialize_with = "text")]
    n_blocks: u64,
    #[serde(serialize_with = "text")]
    n_rows: u64,
    #[serde(serialize_with = "text")]
    n_snapshots: u64,
    #[serde(serialize_with = "text")]
    n_reorgs: u64,
    #[serde(serialize_with = "text")]
    deepest_reorg: u64,
}

/// What `--once` waits for.
struct Once<'a> {
    asker: Asker,
    voter: Option<&'a Voter>,
    /// The fewest votes that were left, and since when.
    left: Option<(u64, Instant)>,
}

/// The server, and what ends it.
struct Server {
    stop: watch::Sender<bool>,
    ended: JoinHandle<std::io::Result<()>>,
}

impl RunArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let config = self.config.read()?;
        let mut interrupt = Interrupt::listen().wrap_err("listening for Ctrl-C")?;
        let node = Node::new(&config, Handle::current())?;
        let metrics = Arc::new(Metrics::of(node.calls()));
        let (told, progress) = watch::channel(Progress::default());
        let api = api(&config, progress.clone(), Arc::clone(&metrics))?;
        let (observer, events) = observer(metrics);
        // Before the chain is asked for anything: what is mistyped is to be known at once.
        let signer = match &config.consensus {
            Some(consensus) => Some(self.password.open(&consensus.keystore)?),
            None => None,
        };
        // With its tables, so that whoever asks the API at once finds an empty index and no foreign file.
        let store = config.store.clone();
        spawn_blocking(move || database::open(&store).map(drop)).await.wrap_err("opening the store")??;
        let voter = match signer {
            Some(signer) => voter(&config, signer, output).await?,
            None => None,
        };
        let listen = self.listen.or(config.api.as_ref().map(|api| api.listen));
        let server = match listen {
            Some(address) => Some(Server::start(address, api.clone(), Arc::clone(&observer), output).await?),
            None => None,
        };
        let (stop, stopped) = watch::channel(false);
        let indexing = node::run(node, observer, told, when_true(stopped));
        let voting = async {
            match &voter {
                Some(voter) => vote(voter, output).await,
                None => std::future::pending().await,
            }
        };
        let mut live = Live::new(output, first_block(&config));
        let once = self.once.then(|| Once { asker: Asker::of(router(api)), voter: voter.as_ref(), left: None });
        let watching = follow(&config, progress.clone(), events, &mut live, once);
        let ran = tokio::select! {
            ran = until_stopped(indexing, &stop, &mut interrupt, watching) => ran,
            voted = voting => voted.map(|()| None),
        };
        live.finish();
        if let Some(server) = server {
            server.end().await?;
        }
        let n_uncast = ran?;
        let ran = Ran::of(*progress.borrow());
        output.result(&ran)?;
        match n_uncast {
            None if self.once => bail!("stopped before all was done up to the chain's head; run it again to go on"),
            None | Some(0) => Ok(()),
            Some(n) => bail!(
                "the desk has answered to none of {} for {} seconds; all else is done, run it again to vote",
                counted(n, "vote"),
                PATIENCE.as_secs()
            ),
        }
    }
}

/// The first block that is stored.
fn first_block(config: &Config) -> u64 {
    let starts = config.sources.iter().map(|source| source.start_block);
    starts.chain([config.epochs.genesis]).min().unwrap_or_default()
}

/// Tells the metrics all that happens, and whoever receives what a person should know.
fn observer(metrics: Arc<Metrics>) -> (Observer, mpsc::UnboundedReceiver<Event>) {
    let (sender, events) = mpsc::unbounded_channel();
    let observer = move |event: &Event| {
        metrics.note(event);
        if !matches!(event, Event::Committing { .. } | Event::Committed { .. }) {
            // Nobody listens any more when the command ends.
            let _ = sender.send(event.clone());
        }
    };
    (Arc::new(observer), events)
}

async fn when_true(mut flag: watch::Receiver<bool>) {
    // Whoever has dropped the other side has gone.
    let _ = flag.wait_for(|is_true| *is_true).await;
}

/// Runs the index until it fails, until somebody asks to stop, or until `watching` ends; waits for the index's own end.
/// Gives what `watching` ended with, if it did.
async fn until_stopped<T>(
    indexing: impl Future<Output = ::index::Result<()>>,
    stop: &watch::Sender<bool>,
    interrupt: &mut Interrupt,
    watching: impl Future<Output = eyre::Result<T>>,
) -> eyre::Result<Option<T>> {
    let mut indexing = pin!(indexing);
    let watched = tokio::select! {
        ran = &mut indexing => return Ok(ran.map(|()| None)?),
        watched = watching => watched.map(Some),
        () = interrupt.received() => Ok(None),
    };
    stop.send_replace(true);
    indexing.await?;
    watched
}

/// Shows how far the index is; ends when all is done, if that is waited for, with how many votes are not cast.
async fn follow(
    config: &Config,
    progress: watch::Receiver<Progress>,
    mut events: mpsc::UnboundedReceiver<Event>,
    live: &mut Live<'_>,
    mut once: Option<Once<'_>>,
) -> eyre::Result<u64> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(event) = events.recv() => live.tell(&event),
            _ = ticks.tick() => {
                let now = *progress.borrow();
                live.show(now);
                if let Some(once) = &mut once
                    && now.is_connected
                    && now.lag_blocks() == Some(0)
                    && is_done(config, now, &once.asker.get("/v1/status", &[]).await?)
                    && let Some(n_uncast) = once.vote(live).await?
                {
                    return Ok(n_uncast);
                }
            }
        }
    }
}

/// Whether every stage is where the chain's head lets it be.
fn is_done(config: &Config, progress: Progress, status: &Value) -> bool {
    let Some(head) = progress.head else { return false };
    let at = |stage: &str| {
        let stages = status["stages"].as_array().into_iter().flatten();
        stages.filter(|entry| entry["name"] == *stage).find_map(|entry| entry["block"].as_u64())
    };
    let epochs = config.epochs;
    let settled = head.checked_sub(epochs.offset).and_then(|settled| (settled + 1).checked_sub(epochs.genesis));
    let n_epochs = settled.map_or(0, |n_blocks| n_blocks / epochs.size);
    let last_final = status["newest_final_epoch"].as_u64().and_then(|id| epochs.blocks(id)).map(|blocks| blocks.last);
    BLOCK_STAGES.iter().all(|stage| at(stage) == Some(head))
        && progress.epochs >= n_epochs
        && FINAL_STAGES.iter().all(|stage| last_final.is_none_or(|last| at(stage).is_some_and(|at| at >= last)))
}

impl Once<'_> {
    /// How many votes are not cast, once the desk has answered to all or has not answered for long; nothing while it may.
    async fn vote(&mut self, live: &Live<'_>) -> eyre::Result<Option<u64>> {
        let Some(voter) = self.voter else { return Ok(Some(0)) };
        let n = voter.n_unanswered().await?;
        match self.left {
            _ if n == 0 => return Ok(Some(0)),
            Some((fewest, since)) if n >= fewest => return Ok((since.elapsed() >= PATIENCE).then_some(n)),
            Some(_) => {}
            None => {
                live.note(format_args!("all else is done; waiting for the desk to answer to {}", counted(n, "vote")));
            }
        }
        self.left = Some((n, Instant::now()));
        Ok(None)
    }
}

impl Server {
    async fn start(address: SocketAddr, api: Api, observer: Observer, output: &Output) -> eyre::Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            eyre!("the API cannot be served at {address}: {error}; name another address by --listen")
        })?;
        output.note(format_args!("serving the API at http://{}", listener.local_addr()?));
        let (stop, stopped) = watch::channel(false);
        Ok(Self { stop, ended: tokio::spawn(serve(listener, api, observer, when_true(stopped))) })
    }

    async fn end(self) -> eyre::Result<()> {
        self.stop.send_replace(true);
        self.ended.await.wrap_err("ending the API")?.wrap_err("serving the API")
    }
}

impl Ran {
    fn of(progress: Progress) -> Self {
        let Progress { head, stored, finalized, epochs, blocks, rows, snapshots, reorgs, deepest_reorg, .. } = progress;
        Self {
            head,
            stored,
            finalized,
            epochs,
            n_blocks: blocks,
            n_rows: rows,
            n_snapshots: snapshots,
            n_reorgs: reorgs,
            deepest_reorg,
        }
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let block = |block: Option<u64>| block.map_or_else(|| "none".to_owned(), grouped);
        match self.stored {
            Some(stored) => writeln!(f, "Indexed up to block {}", grouped(stored))?,
            None => writeln!(f, "Indexed no block")?,
        }
        let mut rows = vec![
            ("head", block(self.head)),
            ("final", block(self.finalized)),
            ("epochs", format!("{}, {} made", grouped(self.epochs), counted(self.n_snapshots, "snapshot"))),
            ("stored", format!("{} with {}", counted(self.n_blocks, "block"), counted(self.n_rows, "row"))),
        ];
        if self.n_reorgs != 0 {
            let (n, deepest) = (counted(self.n_reorgs, "reorg"), counted(self.deepest_reorg, "block"));
            rows.push(("taken back", format!("{n}, the deepest of {deepest}")));
        }
        write_rows(f, &rows)
    }
}
