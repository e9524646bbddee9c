//! A node that is ended at every commit, one after the other, and goes on as if nothing had been.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs};

use index::node;
use index::progress::{Event, Progress};
use tokio::sync::watch;

use crate::double::Double;
use crate::model::{Model, TOKENS};
use crate::run::{Running, contents, is_commit, node};
use crate::store::Store;
use crate::turns::{on_runtime, straight};

const STORE: &str = "INDEX_TEST_STORE";
const CRASH_AT: &str = "INDEX_TEST_CRASH_AT";
const CHAIN: &str = "INDEX_TEST_CHAIN";

pub(crate) const FINALITY: u64 = 30;
const STRIDE: u64 = 20;

/// The chain before a reorg, and after it.
pub(crate) fn chain(which: &str) -> Model {
    let mut chain = Model::new();
    chain.mine(47);
    match which {
        "before" => {}
        "after" => {
            chain.replace(23);
            chain.mine(4);
        }
        _ => panic!("{which} is no chain"),
    }
    chain
}

/// In a process of its own: a node that aborts at the event of this number. Does nothing in the tests' process.
#[test]
fn child() {
    let Ok(store) = env::var(STORE) else { return };
    let crash_at: u64 = env::var(CRASH_AT).unwrap().parse().unwrap();
    let double = Arc::new(Double::new(chain(&env::var(CHAIN).unwrap()), [], STRIDE, FINALITY));
    let n_events = AtomicU64::new(0);
    let observer = Arc::new(move |event: &Event| {
        if is_commit(event) && n_events.fetch_add(1, Ordering::SeqCst) + 1 == crash_at {
            std::process::abort();
        }
    });
    let run = node::run(
        node(&double, &store, &TOKENS),
        observer,
        watch::channel(Progress::default()).0,
        std::future::pending(),
    );
    on_runtime(run).unwrap();
}

/// Runs a node over `chain` until its event of this number, at which it is gone.
pub(crate) fn crash(store: &str, chain: &str, crash_at: u64) {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["crash::child", "--exact"]).stdout(Stdio::null()).stderr(Stdio::null());
    child.envs([(STORE, store), (CHAIN, chain)]).env(CRASH_AT, crash_at.to_string());
    assert!(!child.status().unwrap().success(), "it was to abort");
}

/// A node in this process.
pub(crate) fn start(store: &str, which: &str) -> Running {
    Running::start(node(&Arc::new(Double::new(chain(which), [], STRIDE, FINALITY)), store, &TOKENS))
}

/// Crashes nodes over `chain` that begin with a copy of `template`, each at another commit, and has others go on.
async fn crash_everywhere(which: &str, template: Option<&Store>) {
    let expected = straight(&chain(which), FINALITY).await;
    let begin = || {
        let store = Store::file("crash");
        if let Some(template) = template {
            fs::copy(&template.address, &store.address).unwrap();
        }
        store
    };
    // How many events there are without a crash.
    let store = begin();
    let mut running = start(&store.address, which);
    let n_events = running.until_equal(&expected).await;
    running.stop().await;
    assert!(n_events >= 20, "{n_events} events are too few to be all");
    for crash_at in 1..=n_events {
        let store = begin();
        crash(&store.address, which, crash_at);
        let mut running = start(&store.address, which);
        running.until_equal(&expected).await;
        running.stop().await;
        assert_eq!(contents(&store.address).unwrap(), expected, "crashed at {crash_at}");
    }
}

#[test]
fn a_crash_at_any_commit_changes_nothing() {
    on_runtime(async {
        crash_everywhere("before", None).await;
    });
}

#[test]
fn a_crash_at_any_commit_of_a_reorg_changes_nothing() {
    on_runtime(async {
        let template = Store::file("template");
        let mut running = start(&template.address, "before");
        running.until_equal(&straight(&chain("before"), FINALITY).await).await;
        running.stop().await;
        crash_everywhere("after", Some(&template)).await;
    });
}
