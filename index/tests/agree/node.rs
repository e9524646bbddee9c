//! A node in a process of its own, and what it stored.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use index::config::Config;
use index::dag::Origin;
use index::database::{self, Database};
use index::epoch::Epochs;
use index::node::{self, Node};
use index::progress::Progress;
use index::verify::{Difference, Means, News, verify};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

const CONFIG: &str = "INDEX_TEST_CONFIG";

/// How long a test waits for what must happen before it fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// In a process of its own: a node that runs until it is killed. Does nothing in the tests' process.
#[test]
fn child() {
    let Ok(path) = env::var(CONFIG) else { return };
    let config = Config::read(Path::new(&path)).unwrap();
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let node = Node::new(&config, Handle::current()).unwrap();
        let (progress, _) = watch::channel(Progress::default());
        let error = node::run(node, Arc::new(|_| {}), progress, std::future::pending()).await.unwrap_err();
        panic!("{error}");
    });
}

/// A snapshot or a block of a chain of snapshots: its project, the epoch, and its address.
pub(crate) type Line = (String, u64, String);

/// A folder with a configuration and, if it is a file, the store.
pub(crate) struct Place {
    folder: PathBuf,
    pub(crate) config: Config,
    child: Option<Child>,
}

impl Place {
    /// `text` is a configuration without its store, which is a file if there is none here.
    pub(crate) fn new(text: &str, store: Option<String>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("index-agree-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let store = store.unwrap_or_else(|| "index.db".to_owned());
        fs::write(folder.join("index.toml"), format!("store = '{store}'\n{text}")).unwrap();
        let config = Config::read(&folder.join("index.toml")).unwrap();
        Self { folder, config, child: None }
    }

    pub(crate) fn start(&mut self) {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["node::child", "--exact", "--nocapture"]).stdout(Stdio::null());
        self.child = Some(child.env(CONFIG, self.folder.join("index.toml")).spawn().unwrap());
    }

    pub(crate) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(ended.is_none() || thread::panicking(), "the node ended by itself: {ended:?}");
    }

    pub(crate) fn open(&self) -> Box<dyn Database> {
        database::open(&self.config.store).unwrap()
    }

    /// Waits until all that ends at `block` or before is final and told.
    pub(crate) fn wait(&self, block: u64) {
        let (since, mut database) = (Instant::now(), self.open());
        let last = {
            let Epochs { genesis, size, .. } = self.config.epochs;
            genesis + (block + 1 - genesis) / size * size - 1
        };
        loop {
            let rows = database.ask("SELECT number FROM cursor WHERE name = 'outbox'", &[]);
            let stands = rows.ok().and_then(|rows| rows.first().map(|row| row.count(0).unwrap()));
            if stands == Some(last) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{} stands at {stands:?}, expected {last}", self.config.store);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The chains of snapshots.
    pub(crate) fn dag(&self) -> Vec<Line> {
        lines(self.open().as_mut(), "SELECT project, height, cid FROM dag ORDER BY project, height")
    }

    /// The snapshots of final epochs.
    pub(crate) fn snapshots(&self) -> Vec<Line> {
        snapshots(self.open().as_mut())
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin { chain_id: self.config.chain.id, epochs: self.config.epochs }
    }

    /// What a recomputation of everything finds.
    pub(crate) fn differences(&self) -> Vec<Difference> {
        let mut kinds = self.config.kinds().unwrap();
        differences(self.open().as_mut(), &self.origin(), &mut Means { kinds: &mut kinds, sums: None })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.folder).ok();
    }
}

pub(crate) fn snapshots(database: &mut dyn Database) -> Vec<Line> {
    lines(
        database,
        "SELECT project, epoch, cid FROM snapshot WHERE epoch IN (SELECT id FROM epoch WHERE state = 2) \
         ORDER BY project, epoch",
    )
}

pub(crate) fn lines(database: &mut dyn Database, sql: &str) -> Vec<Line> {
    let rows = database.ask(sql, &[]).unwrap();
    rows.iter()
        .map(|row| (row.text(0).unwrap().to_owned(), row.count(1).unwrap(), row.text(2).unwrap().to_owned()))
        .collect()
}

pub(crate) fn differences(database: &mut dyn Database, origin: &Origin, means: &mut Means<'_>) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut tell = |news| {
        if let News::Difference(difference) = news {
            found.push(difference);
        }
    };
    verify(database, origin, means, &mut tell).unwrap();
    found
}
