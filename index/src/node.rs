//! A running index: ties chain, follower, writer and stages together, and begins again after what passes.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    time::timeout,
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
    pipeline::{self, Parts, Pipeline, commit},
    progress::{self, Event, Observer, Progress},
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
    // A future that has ended must not be asked again; clones of this one may.
    let shutdown = shutdown.shared();
    let mut pause = PAUSES.0;
    loop {
        let before = progress.borrow().stored;
        let Err(error) = begin(&node, &observer, &progress, shutdown.clone()).await else { return Ok(()) };
        // Whose lead another has taken makes snapshots for that one.
        let is_deposed = matches!(error, Error::Database(DatabaseError::Deposed(_)));
        if !is_deposed && !error.passes() {
            return Err(error);
        }
        if shutdown.peek().is_some() {
            return Ok(());
        }
        observer(&Event::Waiting { reason: error.to_string() });
        progress.send_modify(|progress| progress.is_connected = false);
        if progress.borrow().stored != before {
            pause = PAUSES.0;
        }
        tokio::select! {
            () = shutdown.clone() => return Ok(()),
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
        let store = database::shown(&node.store);
        return Err(Error::Config(format!("another process follows the chain into {store}; end it first")));
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
    shutdown: impl Future<Output = ()> + Clone,
) -> Result<()> {
    let (writer, messages) = mpsc::channel(MESSAGES_IN_FLIGHT);
    let (role, roles) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(());
    let thread = Thread {
        node: Arc::clone(node),
        observer: Arc::clone(observer),
        progress: progress.clone(),
        runtime: Handle::current(),
        messages,
        stopped,
        role,
    };
    let ended = writer::start(move || thread.run());
    let mut ended = ended.map_err(|error| Error::Endpoint(format!("no thread to be had: {error}")))?;
    let ends = Ends { writer, observer: Arc::clone(observer), progress: progress.clone() };
    let followed = tokio::select! {
        biased;
        () = shutdown.clone() => Ok(()),
        followed = follow(node, ends, roles) => followed,
    };
    drop(stop);
    let written = tokio::select! {
        biased;
        written = &mut ended => written,
        () = shutdown => {
            // What contracts are asked between two transactions can take minutes where no endpoint answers.
            node.reader.stop();
            ended.await
        }
    };
    written.expect("the writer says how it ended, unless it panics").and(followed)
}

/// What there is to do beside the writer, until it ends or an error.
async fn follow<F: Feed>(node: &Node<F>, ends: Ends, mut roles: mpsc::Receiver<Role>) -> Result<()> {
    let mut role = roles.recv().await;
    loop {
        role = match role {
            Some(Role::StandsBy) => tokio::select! {
                next = roles.recv() => next,
                error = look_on(node, &ends) => return Err(error),
            },
            Some(Role::Leads(from)) => {
                return Follower::new(Arc::clone(&node.feed), node.following, *from, ends).run().await;
            }
            // It says why when it ends.
            None => return Ok(()),
        };
    }
}

/// Tells where the chain ends while another process follows it. Gives the error that does not pass.
async fn look_on<F: Feed>(node: &Node<F>, ends: &Ends) -> Error {
    loop {
        match node.feed.head().await {
            Ok(head) => progress::tell(&ends.progress, |progress| {
                (progress.head, progress.is_connected) = (Some(head.number), true);
            }),
            Err(error) if error.passes() => {
                progress::tell(&ends.progress, |progress| progress.is_connected = false);
                (ends.observer)(&Event::Waiting { reason: error.to_string() });
            }
            Err(error) => return error,
        }
        tokio::time::sleep(node.following.poll).await;
    }
}

/// What the writer's thread has come to.
enum Role {
    /// Another process follows the chain.
    StandsBy,
    /// This one does, on from there.
    Leads(Box<(Plan, Headers)>),
}

/// What the writer's thread has.
struct Thread<F> {
    node: Arc<Node<F>>,
    observer: Observer,
    progress: watch::Sender<Progress>,
    runtime: Handle,
    messages: mpsc::Receiver<Message>,
    /// Ends with the other side's interest.
    stopped: watch::Receiver<()>,
    role: mpsc::Sender<Role>,
}

impl<F: Feed> Thread<F> {
    fn run(mut self) -> Result<()> {
        let mut database = database::open(&self.node.store)?;
        if !self.wait_for_lead(database.as_mut())? {
            return Ok(());
        }
        (self.observer)(&Event::Leading(true));
        // An endpoint of another chain is found out before the store is given a name.
        let Some(_) = self.unless_stopped(self.node.feed.head())? else { return Ok(()) };
        let loaded = load(&self.node, database, &self.observer, &self.progress)?;
        let Loaded { mut pipeline, plan, headers, first } = loaded;
        self.check_chain(pipeline.database(), first)?;
        if self.role.blocking_send(Role::Leads(Box::new((plan, headers)))).is_err() {
            return Ok(());
        }
        writer::write(pipeline, self.messages)
    }

    /// Makes snapshots until this process is the one that follows the chain; says whether it is.
    fn wait_for_lead(&mut self, database: &mut dyn Database) -> Result<bool> {
        if database.lead()? {
            return Ok(true);
        }
        (self.observer)(&Event::Leading(false));
        if self.role.blocking_send(Role::StandsBy).is_err() {
            return Ok(false);
        }
        let identity = self.node.full_identity();
        let kinds = self.node.open_kinds()?;
        loop {
            if identity::is_claimed(database, &identity)? {
                if !self.take_jobs(database, &kinds)? {
                    return Ok(false);
                }
                pipeline::tell(database, self.node.epochs, &self.progress)?;
            }
            let (poll, stopped) = (self.node.following.poll, self.stopped.changed());
            if self.runtime.block_on(async { timeout(poll, stopped).await }).is_ok() {
                return Ok(false);
            }
            if database.lead()? {
                return Ok(true);
            }
        }
    }

    /// Makes the snapshots that are ordered and that nobody else is making; not all of them if it is to end, as it says.
    fn take_jobs(&self, database: &mut dyn Database, kinds: &Kinds) -> Result<bool> {
        while has_jobs(database)? {
            let done = commit(database, &self.observer, Snapshots::NAME, |database| take_jobs(database, kinds))?;
            if done.n_jobs == 0 {
                break;
            }
            self.progress.send_modify(|progress| progress.snapshots += done.n_snapshots);
            if self.stopped.has_changed().is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the chain answers; nothing if the index is to end before.
    fn unless_stopped<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        let mut stopped = self.stopped.clone();
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = stopped.changed() => Ok(None),
                answer = answer => answer.map(Some),
            }
        })
    }

    /// Refuses to go on with a chain that is not the store's.
    fn check_chain(&self, database: &mut dyn Database, first: u64) -> Result<()> {
        let number = first.saturating_sub(1);
        let feed = &self.node.feed;
        let answer = self.unless_stopped(async {
            let headers = feed.headers(Blocks { first: number, last: number }).await?;
            Ok((headers, feed.finalized().await?))
        })?;
        let Some((headers, finalized)) = answer else { return Ok(()) };
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
