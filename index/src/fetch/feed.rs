//! The chain, as far as following it needs it.

use std::future::Future;

use crate::{
    Result,
    block::{Block, Blocks},
    chain::Chain,
    rpc::{Filter, Logs},
};

/// A chain that can be followed.
pub trait Feed: Send + Sync + 'static {
    /// The block at its end.
    fn head(&self) -> impl Future<Output = Result<Block>> + Send;

    /// The last block that cannot change any more; nothing if the chain has never told one.
    fn finalized(&self) -> impl Future<Output = Result<Option<Block>>> + Send;

    /// The headers of `blocks`, in order, as far as the chain has them.
    fn headers(&self, blocks: Blocks) -> impl Future<Output = Result<Vec<Block>>> + Send;

    /// Linked headers of all of `blocks`, and the logs that belong to them, in order.
    fn checked(&self, blocks: Blocks, filter: &Filter) -> impl Future<Output = Result<(Vec<Block>, Logs)>> + Send;

    /// How many blocks to ask for at a time.
    fn stride(&self) -> u64;
}

impl Feed for Chain {
    async fn head(&self) -> Result<Block> {
        Ok(self.head().await?.block)
    }

    async fn finalized(&self) -> Result<Option<Block>> {
        Ok(self.finalized().await?.map(|header| header.block))
    }

    async fn headers(&self, blocks: Blocks) -> Result<Vec<Block>> {
        Ok(self.headers(blocks).await?.into_iter().map_while(|header| Some(header?.block)).collect())
    }

    async fn checked(&self, blocks: Blocks, filter: &Filter) -> Result<(Vec<Block>, Logs)> {
        let checked = self.checked(blocks, filter).await?;
        Ok((checked.headers.into_iter().map(|header| header.block).collect(), checked.logs))
    }

    fn stride(&self) -> u64 {
        self.n_blocks_at_a_time()
    }
}
