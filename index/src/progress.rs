//! What the index tells while it works: how far it is, and each thing that happens.

use std::sync::Arc;

use tokio::sync::watch;

/// How far the index is. All counts are since the process began, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Where the chain ends, as far as is known.
    pub head: Option<u64>,
    /// The last block whose events are stored.
    pub stored: Option<u64>,
    /// The last block whose rows are complete: what was derived from its events is there too.
    pub derived: Option<u64>,
    /// The last stored block that is final.
    pub finalized: Option<u64>,
    /// How many epochs have all their snapshots, of all there are since the genesis.
    pub epochs: u64,
    /// Snapshots that were made.
    pub snapshots: u64,
    /// Rows of events that were stored.
    pub rows: u64,
    /// Blocks that were stored.
    pub blocks: u64,
    /// Blocks a second while the last chunks were stored; 0 before the second.
    pub rate: u64,
    /// Times that the chain went another way.
    pub reorgs: u64,
    /// Blocks that were taken back by the deepest of them.
    pub deepest_reorg: u64,
    /// Whether an endpoint of the chain answers.
    pub is_connected: bool,
}

impl Progress {
    /// Blocks of the chain that are not stored; nothing while the head is not known.
    #[must_use]
    pub fn lag_blocks(&self) -> Option<u64> {
        self.missing_after(self.stored)
    }

    /// Blocks of the chain whose rows are not complete, which no answer knows of; nothing while the head is not known.
    #[must_use]
    pub fn lag_of_answers(&self) -> Option<u64> {
        self.missing_after(self.derived)
    }

    fn missing_after(&self, last: Option<u64>) -> Option<u64> {
        self.head.map(|head| last.map_or(head.saturating_add(1), |last| head.saturating_sub(last)))
    }
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A transaction is done but for its end.
    Committing {
        /// The stage that it is of.
        stage: &'static str,
    },
    /// A transaction has ended, and what it did is kept.
    Committed {
        /// The stage that it was of.
        stage: &'static str,
    },
    /// The chain went another way, and the index with it.
    Unwound {
        /// The last block before.
        from: u64,
        /// The last block that stayed.
        to: u64,
    },
    /// Something does not work for the moment, and is tried again.
    Waiting {
        /// What, in a sentence.
        reason: String,
    },
    /// A request of the API had no answer, because the store failed. Told at most every few seconds.
    Unanswered {
        /// What the store says.
        reason: String,
    },
    /// This process follows the chain, or leaves that to another and takes snapshots only.
    Leading(bool),
}

/// Tells those who watch, if it is anything else than before.
pub(crate) fn tell(progress: &watch::Sender<Progress>, change: impl FnOnce(&mut Progress)) {
    progress.send_if_modified(|progress| {
        let before = *progress;
        change(progress);
        *progress != before
    });
}

/// Whoever wants to know. Called from several threads, in the middle of work: should be quick.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;
