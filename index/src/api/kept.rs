//! Answers about pairs that take all pairs to compute, kept for as long as the store stays as it is.
//!
//! Snapshots and sums of an epoch are a function of the chain up to its end, and the cursors of the stages that write them
//! move, with the hash of their block, in the same transaction. So an answer of the same epoch under the same cursors is
//! the same to the byte.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Reading, Source, failure::Failure};
use crate::{
    Result,
    block::Checkpoint,
    database::Database,
    kind::uniswap_v2::query::{EpochEnd, LiquidityProcessed, PairStats, Query, TokenStats},
    stage::{Dag, Snapshots, checkpoint},
};

/// Epochs for which a list is kept: the newest, that of 24 hours before, and some that are looked back to.
const N_KEPT: usize = 4;

/// The lists that are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pairs: Shelf<PairStats>,
    tokens: Shelf<TokenStats>,
    processed: Shelf<LiquidityProcessed>,
}

/// A list that others may have too.
pub(super) type List<T> = Arc<Vec<T>>;

/// What a list was computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Of {
    source: String,
    at: EpochEnd,
    snapshots: Option<Checkpoint>,
    dag: Option<Checkpoint>,
}

/// Lists of one kind, the one that was asked for last first.
struct Shelf<T>(Mutex<Vec<(Of, List<T>)>>);

impl Reading<'_> {
    /// As [`Query::pair_stats`].
    pub(super) fn pair_stats(&mut self, source: &Source, at: EpochEnd) -> Result<List<PairStats>, Failure> {
        let make = |query: &mut Query<'_>| query.pair_stats(at);
        Ok(self.api.kept.pairs.find_or(Of::now(self.database, source, at)?, self.database, make)?)
    }

    /// As [`Query::token_stats`].
    pub(super) fn token_stats(&mut self, source: &Source, at: EpochEnd) -> Result<List<TokenStats>, Failure> {
        let make = |query: &mut Query<'_>| query.token_stats(at);
        Ok(self.api.kept.tokens.find_or(Of::now(self.database, source, at)?, self.database, make)?)
    }

    /// As [`Query::liquidity_processed`].
    pub(super) fn processed(&mut self, source: &Source, at: EpochEnd) -> Result<List<LiquidityProcessed>, Failure> {
        let stats = self.pair_stats(source, at)?;
        let make = |query: &mut Query<'_>| query.liquidity_processed(&stats);
        Ok(self.api.kept.processed.find_or(Of::now(self.database, source, at)?, self.database, make)?)
    }
}

impl Of {
    fn now(database: &mut dyn Database, source: &Source, at: EpochEnd) -> Result<Self> {
        let (snapshots, dag) = (checkpoint(database, Snapshots::NAME)?, checkpoint(database, Dag::NAME)?);
        Ok(Self { source: source.name.clone(), at, snapshots, dag })
    }
}

impl<T> Shelf<T> {
    /// The list that is kept, or else the one that `make` makes. It is made outside of the lock: those who ask at once may
    /// each make it, and nobody waits.
    fn find_or(
        &self,
        of: Of,
        database: &mut dyn Database,
        make: impl FnOnce(&mut Query<'_>) -> Result<Vec<T>>,
    ) -> Result<List<T>> {
        if let Some(found) = self.find(&of) {
            return Ok(found);
        }
        let made = Arc::new(make(&mut Query::new(database, &of.source))?);
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|(kept, _)| *kept != of);
        lists.insert(0, (of, made.clone()));
        lists.truncate(N_KEPT);
        Ok(made)
    }

    fn find(&self, of: &Of) -> Option<List<T>> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = lists.iter().position(|(kept, _)| kept == of)?;
        lists[..=place].rotate_right(1);
        Some(lists[0].1.clone())
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::database::Sqlite;

    fn of(epoch: u64) -> Of {
        let at = EpochEnd { epoch, begin: epoch * 10, end: epoch * 10 + 9, timestamp: epoch };
        Of { source: "pairs".into(), at, snapshots: None, dag: None }
    }

    #[test]
    fn lists_are_made_once_and_the_oldest_goes() {
        let (shelf, mut database) = (Shelf::default(), Sqlite::open(":memory:".as_ref()).unwrap());
        let mut n_made = 0;
        let mut ask = |of: Of| {
            let epoch = of.at.epoch;
            let make = |_: &mut Query<'_>| {
                n_made += 1;
                Ok(vec![epoch])
            };
            assert_eq!(*shelf.find_or(of, &mut database, make).unwrap(), [epoch]);
            n_made
        };
        assert_eq!([0, 1, 2, 3].map(|epoch| ask(of(epoch))), [1, 2, 3, 4]);
        assert_eq!([0, 3, 2].map(|epoch| ask(of(epoch))), [4, 4, 4]);
        // The one that was not asked for since goes, and no other.
        assert_eq!(ask(of(4)), 5);
        assert_eq!([0, 2, 3, 4].map(|epoch| ask(of(epoch))), [5, 5, 5, 5]);
        assert_eq!(ask(of(1)), 6);
    }

    #[test]
    fn another_fork_block_or_source_is_another_list() {
        let (shelf, mut database) = (Shelf::default(), Sqlite::open(":memory:".as_ref()).unwrap());
        let at = |byte| Some(Checkpoint { number: 9, hash: alloy::primitives::B256::repeat_byte(byte) });
        let versions = [
            of(0),
            Of { snapshots: at(1), ..of(0) },
            Of { snapshots: at(2), ..of(0) },
            Of { dag: at(1), ..of(0) },
            Of { source: "others".into(), ..of(0) },
        ];
        for (i, version) in versions.into_iter().enumerate() {
            assert_eq!(*shelf.find_or(version, &mut database, |_| Ok(vec![i])).unwrap(), [i]);
        }
    }

    #[test]
    fn failures_are_not_kept() {
        let (shelf, mut database) = (Shelf::default(), Sqlite::open(":memory:".as_ref()).unwrap());
        let fail = |_: &mut Query<'_>| Err(crate::Error::Damaged("it".into()));
        assert!(shelf.find_or(of(0), &mut database, fail).is_err());
        assert_eq!(*shelf.find_or(of(0), &mut database, |_| Ok(vec![7])).unwrap(), [7]);
    }
}
