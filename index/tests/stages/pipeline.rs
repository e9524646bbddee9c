//! All stages together: reorgs, what does not pass, and what is told.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use index::epoch::Epochs;
use index::event::Watch;
use index::fetch::{Plan, Seen};
use index::kind::Kind;
use index::pipeline::{Parts, Pipeline};
use index::progress::{Event, Progress};
use index::stage::{Dag, Kinds};
use proptest::prelude::*;
use tokio::sync::watch;

use crate::model::{Model, TOKENS};
use crate::store::{Store, TABLES, dump, stores};
use crate::toy::{Silent, Toy};

const EPOCHS: Epochs = Epochs { genesis: 2, size: 5, offset: 3 };
const FIRST: u64 = 1;

struct Line {
    pipeline: Pipeline,
    plan: Plan,
    reader: Arc<Silent>,
    events: Arc<Mutex<Vec<Event>>>,
    progress: watch::Receiver<Progress>,
}

impl Line {
    fn new(store: &Store) -> Self {
        let toy = Toy::new(&TOKENS, FIRST);
        let watch: Watch = toy.watch().clone();
        let plan = Plan::new(&[&watch]);
        let mut database = store.open();
        plan.tables().iter().chain(&toy.tables()).for_each(|table| database.create(table).unwrap());
        let (reader, events) = (Arc::new(Silent::default()), Arc::new(Mutex::new(Vec::new())));
        let (sender, progress) = watch::channel(Progress::default());
        let seen = Arc::clone(&events);
        let parts = Parts {
            database,
            tables: plan.tables().to_vec(),
            epochs: EPOCHS,
            first: FIRST,
            kinds: Kinds::new(vec![Box::new(toy)]),
            reader: Arc::clone(&reader) as _,
            on_final: vec![Box::new(Dag::new(31_337))],
            sinks: vec!["desk".to_owned()],
            observer: Arc::new(move |event: &Event| seen.lock().unwrap().push(event.clone())),
            progress: sender,
        };
        Self { pipeline: Pipeline::new(parts), plan, reader, events, progress }
    }

    /// Takes the blocks from `first` to `last` of the chain, `n_blocks` at a time.
    fn take(&mut self, chain: &Model, (first, last): (u64, u64), n_blocks: u64, finalized: Option<u64>) {
        let mut next = first;
        while next <= last {
            let end = last.min(next + n_blocks - 1);
            self.pipeline.look(Seen { head: chain.head().number, finalized: finalized.map(|block| block.min(end)) });
            let chunk = chain.chunk(&mut self.plan, next, end);
            self.pipeline.take(chunk).unwrap();
            while self.pipeline.advance().unwrap() {}
            next = end + 1;
        }
    }

    fn unwind(&mut self, to: u64) -> index::Result<()> {
        self.plan.unwind(to);
        self.pipeline.unwind(to)
    }

    fn dump(&mut self) -> String {
        dump(self.pipeline.database(), &TABLES)
    }

    fn changes(&mut self) -> Vec<(String, i64, u64)> {
        let rows = self.pipeline.database().ask("SELECT kind, epoch, block FROM change ORDER BY id", &[]).unwrap();
        rows.iter()
            .map(|row| (row.text(0).unwrap().to_owned(), row.integer(1).unwrap(), row.count(2).unwrap()))
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the branches, the depths and the chunks: what is stored is what one way along the last branch stores.
    #[test]
    fn only_the_last_branch_remains(
        turns in prop::collection::vec((1..30_u64, 0..20_u64, 1..12_u64), 1..6),
        n_blocks in 1..20_u64,
    ) {
        for make in stores() {
            let (store, straight) = (make("reorg"), make("straight"));
            let mut chain = Model::new();
            chain.mine(10);
            let mut line = Line::new(&store);
            line.take(&chain, (FIRST, 10), n_blocks, None);
            for (depth, n_more, n_blocks) in &turns {
                let old = chain.head().number;
                chain.replace(*depth);
                chain.mine(*n_more);
                let fork = old.saturating_sub(*depth);
                line.unwind(fork).unwrap();
                line.take(&chain, (fork + 1, chain.head().number), *n_blocks, None);
            }
            let mut other = Line::new(&straight);
            other.take(&chain, (FIRST, chain.head().number), 1_000, None);
            prop_assert_eq!(line.dump(), other.dump());
        }
    }
}

#[test]
fn changes_are_told_in_order() {
    for make in stores() {
        let store = make("changes");
        let mut line = Line::new(&store);
        let mut chain = Model::new();
        chain.mine(20);
        line.take(&chain, (FIRST, 20), 100, None);
        // Epochs end at 6, 11, 16; the last of them is 4 behind the head.
        let told = |kind: &str, epoch: i64, block: u64| (kind.to_owned(), epoch, block);
        let mut expected = vec![told("tentative", 0, 6), told("tentative", 1, 11), told("tentative", 2, 16)];
        assert_eq!(line.changes(), expected);
        chain.replace(6);
        line.unwind(14).unwrap();
        line.take(&chain, (15, 20), 100, Some(6));
        expected.extend([told("unwound", 2, 14), told("tentative", 2, 16), told("final", 0, 6)]);
        assert_eq!(line.changes(), expected);
        // What is final at once was never tentative.
        chain.mine(11);
        line.take(&chain, (21, 31), 100, Some(31));
        let finals = [told("final", 1, 11), told("final", 2, 16), told("final", 3, 21), told("final", 4, 26)];
        expected.extend(finals);
        assert_eq!(line.changes()[expected.len() - 4..], expected[expected.len() - 4..]);
        let rows = line.pipeline.database().ask("SELECT sink, dedupe_key, body, n_tries FROM outbox", &[]).unwrap();
        let keys: Vec<_> = rows.iter().map(|row| row.text(1).unwrap()).collect();
        let sql = "SELECT project, epoch, end_hash, cid FROM snapshot WHERE epoch <= 4";
        let snapshots = line.pipeline.database().ask(sql, &[]).unwrap();
        assert_eq!(keys.len(), snapshots.len());
        for row in snapshots.iter() {
            let (project, epoch, hash, cid) =
                (row.text(0).unwrap(), row.count(1).unwrap(), row.hash(2).unwrap(), row.text(3).unwrap());
            assert!(keys.contains(&format!("{project}:{epoch}:{hash}:{cid}").as_str()));
        }
    }
}

#[test]
fn what_is_final_is_not_taken_back() {
    for make in stores() {
        let store = make("final");
        let mut line = Line::new(&store);
        let mut chain = Model::new();
        chain.mine(30);
        line.take(&chain, (FIRST, 30), 100, Some(20));
        let done = line.dump();
        let refusal = line.unwind(19).unwrap_err();
        assert!(!refusal.passes());
        assert_eq!(
            refusal.to_string(),
            "the chain went another way below block 20, which it had called final; nothing was changed: check the \
             endpoints, and if the chain is right, run `streamctl index unwind --to 19`"
        );
        assert_eq!(line.dump(), done);
        line.unwind(20).unwrap();
        line.take(&chain, (21, 30), 3, Some(20));
        assert_eq!(line.dump(), done);
        // The operator can, and then it is as if the index had never been further.
        line.pipeline.unwind_final(8).unwrap();
        line.plan.unwind(8);
        let short = make("short");
        let mut other = Line::new(&short);
        other.take(&chain, (FIRST, 8), 100, Some(8));
        assert_eq!(line.dump(), other.dump());
    }
}

#[test]
fn a_chain_that_does_not_answer_is_asked_again() {
    for make in stores() {
        let store = make("silent");
        let mut line = Line::new(&store);
        let mut chain = Model::new();
        chain.mine(20);
        line.reader.n_failures.store(1, Ordering::SeqCst);
        line.take(&chain, (FIRST, 20), 100, None);
        let progress = *line.progress.borrow();
        assert_eq!((progress.stored, progress.epochs), (Some(20), 0), "events are stored, and nothing else");
        let waiting = Event::Waiting { reason: "no answer".to_owned() };
        assert_eq!(line.events.lock().unwrap().iter().filter(|event| **event == waiting).count(), 1);
        // The blocks that were asked about go meanwhile. After that nothing waits for the old question.
        chain.replace(10);
        line.unwind(10).unwrap();
        line.take(&chain, (11, 20), 100, None);
        let progress = *line.progress.borrow();
        assert_eq!((progress.stored, progress.epochs), (Some(20), 3));
        assert_eq!((progress.reorgs, progress.deepest_reorg), (1, 10));
        let straight = make("straight");
        let mut other = Line::new(&straight);
        other.take(&chain, (FIRST, 20), 100, None);
        assert_eq!(line.dump(), other.dump());
    }
}

#[test]
fn every_commit_is_told_before_and_after() {
    let store = Store::file("told");
    let mut line = Line::new(&store);
    let mut chain = Model::new();
    chain.mine(20);
    line.take(&chain, (FIRST, 20), 100, Some(10));
    let stages = ["logs", "derived", "epochs", "snapshots", "dag", "outbox"];
    let expected: Vec<_> =
        stages.into_iter().flat_map(|stage| [Event::Committing { stage }, Event::Committed { stage }]).collect();
    assert_eq!(*line.events.lock().unwrap(), expected);
}
