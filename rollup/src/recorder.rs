//! Records answers: each in the journal before the next input goes out, and many at once in the database, by a thread that
//! works while the application does.
//!
//! Who reads the store to decide something, or writes it, drains the recorder first; so one connection writes at a time.

use std::io;
use std::iter;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::journal::Journal;
use crate::node::NodeError;
use crate::store::{Answer, Store, StoreError};

/// Answers in one transaction, at most.
const ANSWERS_AT_ONCE: usize = 256;

/// How long an answer waits for others to share its transaction with. Readers of the database are that far behind.
const GATHERED: Duration = Duration::from_millis(10);

/// Answers that wait for the thread. Beyond these the node waits too.
const QUEUE: usize = 4 * ANSWERS_AT_ONCE;

/// Length of the journal above which it is cut at the next answer, in bytes.
const LONG: u64 = 16 * 1024 * 1024;

/// Who records answers. What is in the queue is in the database when this has been dropped.
pub(crate) struct Recorder {
    journal: Journal,
    /// `None` once it has ended.
    thread: Option<Thread>,
}

struct Thread {
    works: SyncSender<Work>,
    end: JoinHandle<Result<(), StoreError>>,
}

/// What the thread is told.
enum Work {
    Record(u64, Answer),
    /// Says when all before it is in the database.
    Drain(SyncSender<()>),
}

impl Recorder {
    /// Starts with what a journal beside the database holds that the database does not. It is worth nothing when the
    /// system was started since, because nothing of it was synced.
    pub(crate) fn start(database: &Path, is_same_boot: bool) -> Result<Self, NodeError> {
        let path = database.with_extension("journal");
        let (journal, answers) = Journal::open(path.clone()).map_err(|error| NodeError::Journal { path, error })?;
        let mut store = Store::open(database)?;
        if is_same_boot {
            replay(&mut store, answers)?;
        }
        let (works, received) = sync_channel(QUEUE);
        let end = thread::spawn(move || record(&mut store, &received));
        let mut recorder = Self { journal, thread: Some(Thread { works, end }) };
        recorder.cut()?;
        Ok(recorder)
    }

    /// Records what the application answered to the input at `index`, which follows those recorded before.
    pub(crate) fn record(&mut self, index: u64, answer: Answer) -> Result<(), NodeError> {
        if self.journal.length() > LONG {
            self.drain()?;
        }
        let written = self.journal.append(index, &answer);
        written.map_err(|error| self.failed(error))?;
        self.tell(Work::Record(index, answer))
    }

    /// Waits until the database has all answers.
    pub(crate) fn drain(&mut self) -> Result<(), NodeError> {
        if self.journal.length() == 0 {
            return Ok(());
        }
        let (done, is_done) = sync_channel(1);
        self.tell(Work::Drain(done))?;
        if let Some(Thread { end, .. }) = &self.thread {
            end.thread().unpark();
        }
        if is_done.recv().is_err() {
            return Err(self.end());
        }
        self.cut()
    }

    fn cut(&mut self) -> Result<(), NodeError> {
        let cut = self.journal.clear();
        cut.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> NodeError {
        NodeError::Journal { path: self.journal.path().to_owned(), error }
    }

    fn tell(&mut self, work: Work) -> Result<(), NodeError> {
        match &self.thread {
            Some(Thread { works, .. }) if works.send(work).is_ok() => Ok(()),
            _ => Err(self.end()),
        }
    }

    /// Ends the thread, and tells why it has ended before. It does so only when the database fails.
    fn end(&mut self) -> NodeError {
        let end = self.thread.take().map(|Thread { works, end }| {
            drop(works);
            end.join().expect("the thread does not panic")
        });
        match end {
            Some(Err(error)) => error.into(),
            _ => StoreError::Damaged("an answer could not be recorded").into(),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // What the database refuses is in the journal.
        self.drain().ok();
        self.end();
    }
}

/// Adds what the database does not have. A kill after a transaction leaves in the journal what was in it.
fn replay(store: &mut Store, mut answers: Vec<(u64, Answer)>) -> Result<(), StoreError> {
    let n_processed = store.n_processed()?;
    answers.retain(|(index, _)| *index >= n_processed);
    if (n_processed..).zip(&answers).any(|(expected, (index, _))| *index != expected) {
        return Err(StoreError::Damaged("its journal does not follow it"));
    }
    store.record_all(&answers)
}

fn record(store: &mut Store, works: &Receiver<Work>) -> Result<(), StoreError> {
    while let Ok(first) = works.recv() {
        // To be woken for each answer would cost the node more than the answer does, so this sleeps while they gather.
        if matches!(first, Work::Record(..)) {
            thread::park_timeout(GATHERED);
        }
        let (mut answers, mut drained) = (Vec::new(), None);
        for work in iter::once(first).chain(works.try_iter()) {
            match work {
                Work::Record(index, answer) => answers.push((index, answer)),
                Work::Drain(done) => drained = Some(done),
            }
            if drained.is_some() || answers.len() == ANSWERS_AT_ONCE {
                break;
            }
        }
        store.record_all(&answers)?;
        if let Some(done) = drained {
            // Who asked may have gone.
            done.send(()).ok();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::{env, fs};

    use alloy::primitives::{Address, B256};

    use super::*;
    use crate::store::{Found, Input, InputStatus};

    const N_INPUTS: u64 = 600;

    /// A directory with a database that has inputs; it is deleted at the end.
    struct Place(PathBuf);

    impl Place {
        fn of(name: &str) -> Self {
            let directory = env::temp_dir().join(format!("rollup-recorder-{name}-{}", std::process::id()));
            fs::create_dir_all(&directory).unwrap();
            let place = Self(directory);
            let input = |index| Input {
                index,
                epoch: 0,
                block_number: 1,
                transaction_hash: B256::ZERO,
                sender: Address::ZERO,
                raw: Vec::new(),
                status: InputStatus::Unprocessed,
            };
            let inputs = (0..N_INPUTS).map(|index| (input(index), B256::ZERO)).collect();
            place.store().add_scan(&Found { inputs, executions: Vec::new() }, (1, B256::ZERO)).unwrap();
            place
        }

        fn database(&self) -> PathBuf {
            self.0.join("node.db")
        }

        fn store(&self) -> Store {
            Store::open(&self.database()).unwrap()
        }

        fn journal(&self) -> PathBuf {
            self.0.join("node.journal")
        }

        /// Leaves the journal of a node that was killed, with answers to these inputs.
        fn leave(&self, inputs: std::ops::Range<u64>) {
            let (mut journal, _) = Journal::open(self.journal()).unwrap();
            for index in inputs {
                journal.append(index, &answer(index)).unwrap();
            }
        }

        /// Exactly the first `n` inputs are answered, each as it was.
        #[track_caller]
        fn check(&self, n: u64) {
            let store = self.store();
            assert_eq!((store.n_processed().unwrap(), store.n_outputs().unwrap()), (n, n.div_ceil(2)));
            for index in 0..n {
                assert_eq!(store.answer(index).unwrap(), answer(index));
            }
            assert!(!self.journal().exists());
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn answer(index: u64) -> Answer {
        let raw = index.to_le_bytes().to_vec();
        match index % 2 {
            0 => Answer { status: InputStatus::Accepted, outputs: vec![raw], reports: Vec::new() },
            _ => Answer { status: InputStatus::Rejected, outputs: Vec::new(), reports: vec![raw] },
        }
    }

    #[test]
    fn what_is_drained_is_in_the_database() {
        let place = Place::of("drained");
        let mut recorder = Recorder::start(&place.database(), true).unwrap();
        let mut next = 0;
        for end in [0, 1, 2, N_INPUTS - 1] {
            for index in next..end {
                recorder.record(index, answer(index)).unwrap();
                assert!(place.journal().exists());
            }
            recorder.drain().unwrap();
            place.check(end);
            next = end;
        }
        recorder.record(next, answer(next)).unwrap();
        drop(recorder);
        place.check(N_INPUTS);
    }

    #[test]
    fn a_journal_is_replayed_once() {
        let place = Place::of("replayed");
        place.leave(0..5);
        drop(Recorder::start(&place.database(), true).unwrap());
        place.check(5);
        // A kill came between the transaction and the end of the file.
        place.leave(0..5);
        drop(Recorder::start(&place.database(), true).unwrap());
        place.check(5);
        place.leave(3..9);
        let mut recorder = Recorder::start(&place.database(), true).unwrap();
        place.check(9);
        recorder.record(9, answer(9)).unwrap();
        drop(recorder);
        place.check(10);
    }

    #[test]
    fn a_journal_of_another_start_of_the_system_is_forgotten() {
        let place = Place::of("forgotten");
        place.leave(0..5);
        drop(Recorder::start(&place.database(), false).unwrap());
        place.check(0);
    }

    #[test]
    fn a_journal_that_does_not_follow_the_database_is_refused() {
        let place = Place::of("refused");
        place.leave(1..3);
        let refused = Recorder::start(&place.database(), true).err().unwrap().to_string();
        assert!(refused.contains("its journal does not follow it"), "{refused}");
        assert_eq!(place.store().n_processed().unwrap(), 0);
    }

    #[test]
    fn an_answer_that_the_database_refuses_stays_in_the_journal() {
        let place = Place::of("stays");
        let mut recorder = Recorder::start(&place.database(), true).unwrap();
        let database = rusqlite::Connection::open(place.database()).unwrap();
        database.execute_batch("ALTER TABLE output RENAME TO away").unwrap();
        recorder.record(0, answer(0)).unwrap();
        assert!(recorder.drain().unwrap_err().to_string().contains("no such table: output"));
        assert!(recorder.drain().is_err());
        drop(recorder);
        database.execute_batch("ALTER TABLE away RENAME TO output").unwrap();
        drop(Recorder::start(&place.database(), true).unwrap());
        place.check(1);
    }
}
