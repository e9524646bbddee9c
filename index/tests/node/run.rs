//! Nodes that run in the background of a test.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::Address;
use index::block::Checkpoint;
use index::database;
use index::epoch::Epochs;
use index::fetch::{Feed, Following};
use index::kind::Kind;
use index::node::{self, Node};
use index::progress::{Event, Progress};
use index::rows::Value;
use index::stage::{Dag, checkpoint};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::store::{TABLES, dump};
use crate::toy::{Silent, Toy};

pub(crate) const EPOCHS: Epochs = Epochs { genesis: 2, size: 5, offset: 3 };

/// How long a test waits for what must happen before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Running {
    store: String,
    task: JoinHandle<index::Result<()>>,
    stop: oneshot::Sender<()>,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) progress: watch::Receiver<Progress>,
}

/// A node of the test's kind over these tokens.
pub(crate) fn node<F: Feed>(feed: &Arc<F>, store: &str, tokens: &[Address]) -> Node<F> {
    let tokens = tokens.to_vec();
    Node {
        store: store.to_owned(),
        epochs: EPOCHS,
        following: Following { poll: Duration::from_millis(25), finality_blocks: None },
        feed: Arc::clone(feed),
        reader: Arc::new(Silent::default()),
        kinds: Box::new(move || Ok(vec![Box::new(Toy::new(&tokens, 1)) as Box<dyn Kind>])),
        on_final: Box::new(|| vec![Box::new(Dag::new(31_337))]),
        sinks: vec!["desk".to_owned()],
        identity: vec![("chain.id".to_owned(), "31337".to_owned())],
    }
}

impl Running {
    pub(crate) fn start<F: Feed>(node: Node<F>) -> Self {
        let (events_in, events) = mpsc::unbounded_channel();
        let (progress_in, progress) = watch::channel(Progress::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let observer = Arc::new(move |event: &Event| drop(events_in.send(event.clone())));
        let store = node.store.clone();
        let task = tokio::spawn(node::run(node, observer, progress_in, async { drop(stopped.await) }));
        Self { store, task, stop, events, progress }
    }

    /// Waits until the store holds this, all of it and nothing else. Gives the number of commits, ends and beginnings.
    pub(crate) async fn until_equal(&mut self, expected: &str) -> u64 {
        let mut n_events = 0;
        let reached = async {
            // Between two events nothing changes.
            while contents(&self.store).as_deref() != Some(expected) {
                match self.events.recv().await {
                    Some(event) => n_events += u64::from(is_commit(&event)),
                    None => break,
                }
            }
        };
        let reached = timeout(PATIENCE, reached).await;
        // Says how they differ.
        similar(&contents(&self.store).unwrap_or_default(), expected);
        assert!(reached.is_ok());
        let more = std::iter::from_fn(|| self.events.try_recv().ok());
        n_events + more.filter(is_commit).count() as u64
    }

    /// Waits until all stages have come to this block.
    pub(crate) async fn until_at(&mut self, block: Checkpoint) {
        let mut last = None;
        let reached = async {
            while !is_at(&self.store, block) {
                last = self.events.recv().await;
                assert!(last.is_some(), "the node ended");
            }
        };
        let reached = timeout(PATIENCE, reached).await.is_ok();
        assert!(reached, "{block:?} is not reached but {:?}, last {last:?}", *self.progress.borrow());
    }

    /// Waits until this cursor is at this block.
    pub(crate) async fn until_cursor(&mut self, name: &str, block: Checkpoint) {
        let reached = async {
            while cursors(&self.store, [name]) != [Some(block)] {
                assert!(self.events.recv().await.is_some(), "the node ended");
            }
        };
        assert!(timeout(PATIENCE, reached).await.is_ok(), "{name} does not come to {block:?}");
    }

    /// Waits for an event.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                match self.events.recv().await {
                    Some(event) if is_it(&event) => return event,
                    Some(_) => {}
                    None => panic!("the node ended"),
                }
            }
        };
        timeout(PATIENCE, found).await.expect("it happens")
    }

    /// Ends it as an interrupt would.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        timeout(PATIENCE, self.task).await.expect("it ends").unwrap().unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn end(self) -> index::Result<()> {
        timeout(PATIENCE, self.task).await.expect("it ends").unwrap()
    }
}

pub(crate) fn is_commit(event: &Event) -> bool {
    matches!(event, Event::Committing { .. } | Event::Committed { .. })
}

/// What the store holds, once it has tables.
pub(crate) fn contents(store: &str) -> Option<String> {
    apart(|| read(store))
}

fn read(store: &str) -> Option<String> {
    let mut database = database::open(store).ok()?;
    // The last table that is made.
    database.ask("SELECT count(*) FROM toy_total", &[]).ok()?;
    // One state, not several while it changes.
    database.begin().ok()?;
    let text = dump(database.as_mut(), &TABLES);
    database.roll_back().ok()?;
    Some(text)
}

fn is_at(store: &str, block: Checkpoint) -> bool {
    cursors(store, ["logs", "derived", "epochs"]) == [Some(block); 3] && has_ends(store, block.number)
}

/// Whether the epochs that are far enough behind `head` have their ends. A node that goes on where another was killed comes
/// to the last block that is stored before it knows where the chain ends.
pub(crate) fn has_ends(store: &str, head: u64) -> bool {
    let sql = "SELECT id FROM epoch WHERE state = 0 AND last <= ?1 LIMIT 1";
    let Some(settled) = head.checked_sub(EPOCHS.offset) else { return true };
    apart(|| database::open(store).unwrap().ask(sql, &[Value::count(settled)]).unwrap().is_empty())
}

/// None of them before the store has tables.
fn cursors<const N: usize>(store: &str, names: [&str; N]) -> [Option<Checkpoint>; N] {
    apart(|| {
        let Ok(mut database) = database::open(store) else { return [None; N] };
        names.map(|name| checkpoint(database.as_mut(), name).unwrap())
    })
}

/// Databases block, which threads that run futures must not.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Compares line by line, so that a difference can be read.
#[track_caller]
pub(crate) fn similar(found: &str, expected: &str) {
    let only = |one: &str, other: &str| {
        let other: std::collections::HashSet<_> = other.lines().collect();
        one.lines().filter(|line| !other.contains(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    let (surplus, missing) = (only(found, expected), only(expected, found));
    assert!(surplus.is_empty() && missing.is_empty(), "surplus: {surplus:#?}\nmissing: {missing:#?}");
    assert_eq!(found, expected, "some rows are there twice");
}
