//! A running index: ties chain, follower, writer and stages together, and begins again after what passes.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, mpsc::RecvTimeoutError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
};

use crate::{
    Error, Result,
    block::{Block, Blocks},
    database::{self, Database, DatabaseError, transaction},
    epoch::Epochs,
    event::Watch,
    fetch::{Ends, Feed, Follower, Following, Message, Plan},
    headers::Headers,
    identity,
    kind::{Kind, Reader},
    pipeline::{Parts, Pipeline, commit},
    progress::{Event, Observer, Progress},
    rows::Value,
    stage::{EpochStage, Kinds, Logs, Snapshots, Stage, checkpoint, has_jobs, take_jobs},
    writer::{self, MESSAGES_IN_FLIGHT},
};

mod configured;

/// The first pause after a failure that passes, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Makes the kinds of all sources. Called each time that the index begins, since a kind's memory is of one beginning.
pub type MakeKinds = Box<dyn Fn() -> Result<Vec<Box<dyn Kind>>> + Send + Sync>;

/// Makes the stages that work on final epochs, such as the chain of snapshots.
pub type MakeStages = Box<dyn Fn() -> Vec<Box<dyn Stage>> + Send + Sync>;

/// What a node is made of.
pub struct Node<F> {
    /// A file, or a `postgres://` URL.
    pub store: String,
    /// How blocks are cut.
    pub epochs: Epochs,
    /// How the chain is followed.
    pub following: Following,
    /// The chain.
    pub feed: Arc<F>,
    /// The way to its contracts.
    pub reader: Arc<dyn Reader>,
    /// The sources.
    pub kinds: MakeKinds,
    /// What final epochs go through before they are announced.
    pub on_final: MakeStages,
    /// Whom they are announced to.
    pub sinks: Vec<String>,
    /// Of what the store is, beside the cut of epochs: names, and what they stand for.
    pub identity: Vec<(String, String)>,
}

impl<F> fmt::Debug for Node<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("epochs", &self.epochs).field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Runs the node until `shutdown`, after which the store is in a state to go on from.
///
/// # Errors
/// What does not pass by itself.
pub async fn run<F: Feed>(
    node: Node<F>,
    observer: Observer,
    progress: watch::Sender<Progress>,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let node = Arc::new(node);
    let mut shutdown = pin!(shutdown);
    let mut pause = PAUSES.0;
    loop {
        let before = progress.borrow().stored;
        let Err(error) = begin(&node, &observer, &progress, shutdown.as_mut()).await else { return Ok(()) };
        // Whose lead another has taken makes snapshots for that one.
        let is_deposed = matches!(error, Error::Database(DatabaseError::Deposed(_)));
        if !is_deposed && !error.passes() {
            return Err(error);
        }
        observer(&Event::Waiting { reason: error.to_string() });
        progress.send_modify(|progress| progress.is_connected = false);
        if progress.borrow().stored != before {
            pause = PAUSES.0;
        }
        tokio::select! {
            () = shutdown.as_mut() => return Ok(()),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSES.1),
        }
    }
}

/// Takes back what came after block `to`, final or not: for the operator, when a chain has broken its word. No node may
/// run meanwhile.
///
/// # Errors
/// Those of the database and the kinds.
pub fn unwind<F: Feed>(node: &Node<F>, to: u64) -> Result<()> {
    let mut database = database::open(&node.store)?;
    if !database.lead()? {
        return Err(Error::Config(format!("another process follows the chain into {}; end it first", node.store)));
    }
    let observer: Observer = Arc::new(|_| {});
    let (progress, _) = watch::channel(Progress::default());
    load(node, database, &observer, &progress)?.pipeline.unwind_final(to)
}

/// From opening the store to shutdown, or to the first error.
async fn begin<F: Feed>(
    node: &Arc<Node<F>>,
    observer: &Observer,
    progress: &watch::Sender<Progress>,
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
) -> Result<()> {
    let (sender, messages) = mpsc::channel(MESSAGES_IN_FLIGHT);
    let (ready, loaded) = oneshot::channel();
    let (stop, stopped) = std::sync::mpsc::channel();
    let thread = Thread {
        node: Arc::clone(node),
        observer: Arc::clone(observer),
        progress: progress.clone(),
        runtime: Handle::current(),
        messages,
        stopped,
        ready,
    };
    let ended = writer::start(move || thread.run());
    let mut ended = ended.map_err(|error| Error::Endpoint(format!("no thread to be had: {error}")))?;
    let followed = tokio::select! {
        biased;
        () = shutdown.as_mut() => Ok(()),
        loaded = loaded => match loaded {
            Ok((plan, headers)) => {
                let (observer, progress) = (Arc::clone(observer), progress.clone());
                let ends = Ends { writer: sender.clone(), observer, progress };
                let follower = Follower::new(Arc::clone(&node.feed), node.following, (plan, headers), ends);
                tokio::select! {
                    () = shutdown.as_mut() => Ok(()),
                    followed = follower.run() => followed,
                }
            }
            // It says why when it ends.
            Err(_) => Ok(()),
        },
    };
    drop((sender, stop));
    let written = (&mut ended).await.expect("the writer says how it ended, unless it panics");
    written.and(followed)
}

/// What the writer's thread has.
struct Thread<F> {
    node: Arc<Node<F>>,
    observer: Observer,
    progress: watch::Sender<Progress>,
    runtime: Handle,
    messages: mpsc::Receiver<Message>,
    /// Ends with the other side's interest.
    stopped: std::sync::mpsc::Receiver<()>,
    ready: oneshot::Sender<(Plan, Headers)>,
}

impl<F: Feed> Thread<F> {
    fn run(self) -> Result<()> {
        let mut database = database::open(&self.node.store)?;
        if !self.wait_for_lead(database.as_mut())? {
            return Ok(());
        }
        (self.observer)(&Event::Leading(true));
        // An endpoint of another chain is found out before the store is given a name.
        self.runtime.block_on(self.node.feed.head())?;
        let loaded = load(&self.node, database, &self.observer, &self.progress)?;
        let Loaded { mut pipeline, plan, headers, first } = loaded;
        self.check_chain(pipeline.database(), first)?;
        if self.ready.send((plan, headers)).is_err() {
            return Ok(());
        }
        writer::write(pipeline, self.messages)
    }

    /// Makes snapshots until this process is the one that follows the chain; says whether it is.
    fn wait_for_lead(&self, database: &mut dyn Database) -> Result<bool> {
        if database.lead()? {
            return Ok(true);
        }
        (self.observer)(&Event::Leading(false));
        let identity = self.node.full_identity();
        let kinds = self.node.open_kinds()?;
        loop {
            let is_claimed = identity::is_claimed(database, &identity)?;
            while is_claimed
                && has_jobs(database)?
                && commit(database, &self.observer, Snapshots::NAME, |database| take_jobs(database, &kinds))?.n_jobs > 0
            {
                if self.stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected) {
                    return Ok(false);
                }
            }
            if self.stopped.recv_timeout(self.node.following.poll) == Err(RecvTimeoutError::Disconnected) {
                return Ok(false);
            }
            if database.lead()? {
                return Ok(true);
            }
        }
    }

    /// Refuses to go on with a chain that is not the store's.
    fn check_chain(&self, database: &mut dyn Database, first: u64) -> Result<()> {
        let number = first.saturating_sub(1);
        let feed = &self.node.feed;
        let (headers, finalized) = self.runtime.block_on(async {
            let headers = feed.headers(Blocks { first: number, last: number }).await?;
            Ok::<_, Error>((headers, feed.finalized().await?))
        })?;
        let Some(block) = headers.first() else { return Ok(()) };
        let is_final = number == 0 || finalized.is_some_and(|finalized| finalized.number >= number);
        transaction(database, |database| identity::anchor(database, number, block.hash, is_final))
    }
}

impl<F> Node<F> {
    fn open_kinds(&self) -> Result<Kinds> {
        let mut kinds = (self.kinds)()?;
        kinds.iter_mut().try_for_each(|kind| kind.open(self.reader.as_ref()))?;
        Ok(Kinds::new(kinds))
    }

    fn full_identity(&self) -> Vec<(String, String)> {
        let Epochs { genesis, size, .. } = self.epochs;
        let cut = [("epochs.genesis".to_owned(), genesis.to_string()), ("epochs.size".to_owned(), size.to_string())];
        cut.into_iter().chain(self.identity.iter().cloned()).collect()
    }
}

/// A store that is ready to be written.
struct Loaded {
    pipeline: Pipeline,
    plan: Plan,
    headers: Headers,
    first: u64,
}

/// Makes what tables are missing, and reads how far the store is.
fn load<F: Feed>(
    node: &Node<F>,
    mut database: Box<dyn Database>,
    observer: &Observer,
    progress: &watch::Sender<Progress>,
) -> Result<Loaded> {
    let kinds = node.open_kinds()?;
    let watches: Vec<Watch> = kinds.lock().iter().map(|kind| kind.watch().clone()).collect();
    let mut plan = Plan::new(&watches.iter().collect::<Vec<_>>());
    let first = watches.iter().map(|watch| watch.start_block).chain([node.epochs.genesis]).min().expect("there is one");
    let derived: Vec<_> = kinds.lock().iter().flat_map(|kind| kind.tables()).collect();
    transaction(database.as_mut(), |database| {
        identity::claim(database, &node.full_identity())?;
        plan.tables().iter().chain(&derived).try_for_each(|table| database.create(table))?;
        Ok::<_, Error>(())
    })?;
    plan.load(database.as_mut())?;
    let headers = headers(database.as_mut(), first)?;
    let parts = Parts {
        database,
        tables: plan.tables().to_vec(),
        epochs: node.epochs,
        first,
        kinds,
        reader: Arc::clone(&node.reader),
        on_final: (node.on_final)(),
        sinks: node.sinks.clone(),
        observer: Arc::clone(observer),
        progress: progress.clone(),
    };
    Ok(Loaded { pipeline: Pipeline::new(parts), plan, headers, first })
}

/// The stored blocks that the chain may still change.
fn headers(database: &mut dyn Database, first: u64) -> Result<Headers> {
    let finalized = checkpoint(database, EpochStage::FINALIZED)?.map(|finalized| finalized.number);
    let Some(tip) = checkpoint(database, Logs::NAME)? else { return Ok(Headers::new(first, None, [])) };
    let rows = database.ask(
        "SELECT number, hash, parent, timestamp FROM block WHERE number >= ?1 ORDER BY number",
        &[Value::count(finalized.unwrap_or(first).min(tip.number))],
    )?;
    let blocks = rows.iter().map(|row| {
        Ok(Block { number: row.count(0)?, hash: row.hash(1)?, parent: row.hash(2)?, timestamp: row.count(3)? })
    });
    let blocks = blocks.collect::<Result<Vec<_>>>()?;
    if blocks.last().is_none_or(|last| last.hash != tip.hash)
        || blocks.windows(2).any(|pair| pair[0].hash != pair[1].parent)
    {
        return Err(Error::Damaged(format!("the stored blocks do not lead to block {} {}", tip.number, tip.hash)));
    }
    Ok(Headers::new(first, finalized, blocks))
}
