//! Asks the chain how fast its clock runs. What to make of the answers is in [`crate::clock`].

use alloy::{
    eips::BlockNumberOrTag,
    providers::Provider,
    rpc::{
        client::{BatchRequest, Waiter},
        types::Header,
    },
    transports::TransportError,
};
use bindings::Clock;
use serde::Deserialize;

use crate::{
    amount::Token,
    chain::Chain,
    clock::{BlockTime, Calendar, Now, Pace, Sample, window},
    plan::Setting,
};

impl Chain {
    /// The pace of the contract's clock: as given, by definition, or measured over recent blocks in one batch of two
    /// requests. A chain that cannot be measured has an unknown pace, which is no error until somebody needs it.
    ///
    /// # Errors
    /// If the endpoint does not answer.
    pub(crate) async fn pace(&self, block_time: Option<BlockTime>) -> eyre::Result<Pace> {
        match (self.clock, block_time) {
            (Clock::Timestamp, _) => return Ok(Pace::Exact),
            (Clock::Block, Some(block_time)) => return Ok(Pace::Given(block_time)),
            (Clock::Block, None) => {}
        }
        let Some([oldest, middle]) = window(self.block) else {
            return Ok(Pace::too_young(self.block));
        };
        let samples = self.samples([oldest, middle]).await.map_err(|error| self.sentence(error))?;
        Ok(match samples {
            [Some(oldest), Some(middle)] => {
                Pace::measure(oldest, middle, Sample { block: self.block, unix: self.timestamp })
            }
            _ => Pace::Unknown(format!("the endpoint does not know block {oldest} or block {middle}")),
        })
    }

    /// What turns the readings of the contract's clock into wall-clock time.
    pub(crate) async fn calendar(&self, block_time: Option<BlockTime>) -> eyre::Result<Calendar> {
        let pace = self.pace(block_time).await?;
        Ok(Calendar { clock: self.clock, now: Now { time: self.now, unix: self.timestamp }, pace })
    }

    /// What plans for `token` are made in.
    pub(crate) async fn setting(&self, token: Token, block_time: Option<BlockTime>) -> eyre::Result<Setting> {
        Ok(Setting { calendar: self.calendar(block_time).await?, token })
    }

    async fn samples(&self, blocks: [u64; 2]) -> Result<[Option<Sample>; 2], TransportError> {
        let mut batch = BatchRequest::new(self.provider.client());
        let mut ask = |block| -> Result<Waiter<Option<Block>>, TransportError> {
            batch.add_call("eth_getBlockByNumber", &(BlockNumberOrTag::Number(block), false))
        };
        let [oldest, middle] = [ask(blocks[0])?, ask(blocks[1])?];
        batch.send().await?;
        let sample = |block: Block| Sample { block: block.header.number, unix: block.header.timestamp };
        Ok([oldest.await?.map(sample), middle.await?.map(sample)])
    }
}

/// As much of a block as is wanted; some chains have transactions of kinds that alloy does not know.
#[derive(Clone, Debug, Deserialize)]
struct Block {
    #[serde(flatten)]
    header: Header,
}
