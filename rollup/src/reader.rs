//! Reads the chain ahead of the node's loop, which alone writes what was read.

use alloy::primitives::B256;
use tokio::sync::mpsc;

use crate::chain::{Chain, ChainError, MAX_BLOCKS, Scan};
use crate::store::Setup;

/// Blocks that the first scan covers. Each further one covers twice as many, or half, by what was found.
const FIRST_BLOCKS: u64 = 16;

/// Inputs in a scan above which the next covers fewer blocks: they are all in memory, as JSON too.
const MANY_INPUTS: usize = 2_048;

/// Scans that wait to be taken. As many inputs again are in the one that is being made.
const SCANS_AHEAD: usize = 1;

/// A task that reads the chain up to a block. It ends when this is dropped, or when the chain goes another way.
pub(crate) struct Reader {
    scans: mpsc::Receiver<Result<Scan, ChainError>>,
}

impl Reader {
    /// Reads from the block after `before` on, the last that was read, up to `head`.
    pub(crate) fn start(chain: Chain, setup: Setup, before: Option<(u64, B256)>, head: u64) -> Self {
        let (sender, scans) = mpsc::channel(SCANS_AHEAD);
        tokio::spawn(async move {
            if let Err(error) = read(&chain, &setup, before, head, &sender).await {
                // Nobody may be waiting any more.
                sender.send(Err(error)).await.ok();
            }
        });
        Self { scans }
    }

    /// Waits for the next scan; `None` when there are no more.
    pub(crate) async fn next(&mut self) -> Option<Result<Scan, ChainError>> {
        self.scans.recv().await
    }

    /// The next scan, if it is there.
    pub(crate) fn ready(&mut self) -> Option<Result<Scan, ChainError>> {
        self.scans.try_recv().ok()
    }
}

async fn read(
    chain: &Chain,
    setup: &Setup,
    mut before: Option<(u64, B256)>,
    head: u64,
    scans: &mpsc::Sender<Result<Scan, ChainError>>,
) -> Result<(), ChainError> {
    let mut n_blocks = FIRST_BLOCKS;
    loop {
        let next = before.map_or(setup.from_block, |(number, _)| number + 1);
        if next > head {
            return Ok(());
        }
        let Some(scan) = chain.found(setup, next, head.min(next + n_blocks - 1)).await? else { return Ok(()) };
        // A scan is added only to what leads to it.
        if let Some((number, hash)) = before
            && chain.block_hash(number).await? != Some(hash)
        {
            return Ok(());
        }
        let has_many = scan.found.inputs.len() > MANY_INPUTS;
        n_blocks = if has_many { n_blocks.div_ceil(2) } else { MAX_BLOCKS.min(n_blocks * 2) };
        before = Some(scan.last);
        if scans.send(Ok(scan)).await.is_err() {
            return Ok(());
        }
    }
}
