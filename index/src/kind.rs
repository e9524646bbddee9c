//! Kinds of sources: what they watch, what they derive from it block by block, and what they say of an epoch.

use alloy::primitives::{Address, B256, Bytes};
use cid::Cid;

use crate::{Result, block::Blocks, database::Database, epoch::Epoch, event::Watch, rows::Table, snapshot::Snapshot};

pub mod erc1620;
pub mod events;
mod metadata;
pub mod uniswap_v2;

/// A call to a contract that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whom.
    pub to: Address,
    /// What.
    pub input: Bytes,
}

/// Reads contracts. Answers are in the order of the calls; `None` stands for a call that reverts or has no contract.
pub trait Reader: Send + Sync {
    /// As of the block of this hash, or as of the newest that the endpoints tell of.
    ///
    /// # Errors
    /// One that passes if no endpoint answers, or the one that does has not seen that block. [`NoState`](crate::Error::NoState)
    /// if it has, and no longer has its state.
    fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>>;

    /// Ends what is being read, and whatever is to be read from here on, with an error that passes: the index is to end,
    /// and does not wait for endpoints.
    fn stop(&self) {}
}

/// Is given a block that snapshots have a link to, and its address.
pub type Keep<'a> = dyn FnMut(&mut dyn Database, &Cid, &[u8]) -> Result<()> + 'a;

/// A kind of source. Whatever it keeps in memory it can make again from the database.
pub trait Kind: Send {
    /// What it wants of the chain.
    fn watch(&self) -> &Watch;

    /// Reads from the chain, as of its newest block, what it must know before it can say what it watches. Called once,
    /// before anything else.
    ///
    /// # Errors
    /// Those of `reader`, and if the chain does not have what the configuration names.
    fn open(&mut self, reader: &dyn Reader) -> Result<()> {
        let _ = reader;
        Ok(())
    }

    /// Tables beyond those of its events. Each has a column `block`, and rows of blocks above the fork are deleted when
    /// the chain goes another way; whatever else is to be undone is for [`unwind`](Self::unwind).
    fn tables(&self) -> Vec<Table>;

    /// Reads from the chain what it lacks for `blocks`, whose events are stored: the decimals of a token met for the
    /// first time. It is read as of a block that follows from the events, so that whoever comes later is told the same; only
    /// where no endpoint has that state any more, as of the newest, which is the same unless the contract has changed what
    /// it says. Runs outside of any transaction and keeps what it reads in memory until [`derive`](Self::derive).
    fn prepare(&mut self, database: &mut dyn Database, reader: &dyn Reader, blocks: Blocks) -> Result<()>;

    /// Writes what follows from the events of `blocks`, in the caller's transaction.
    fn derive(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<()>;

    /// Undoes what [`derive`](Self::derive) did after block `to`, and forgets what it had in memory of it.
    fn unwind(&mut self, database: &mut dyn Database, to: u64) -> Result<()>;

    /// What there is to say of `epoch`, in order of projects. A function of the events and derived rows up to the end of
    /// the epoch, and of nothing else: neither of later blocks nor of what was asked before. What tokens say of themselves
    /// counts as derived; see [`prepare`](Self::prepare) for when it was said.
    fn snapshots(&mut self, database: &mut dyn Database, epoch: &Epoch) -> Result<Vec<Snapshot>>;

    /// Gives `keep` the blocks that the snapshots of `epoch` have links to, which are pages of what is too long for one:
    /// canonical DAG-CBOR without links. A function of the same as the snapshots.
    ///
    /// # Errors
    /// Those of the database and of `keep`.
    fn pages(&self, database: &mut dyn Database, epoch: &Epoch, keep: &mut Keep<'_>) -> Result<()> {
        let _ = (database, epoch, keep);
        Ok(())
    }
}
