//! `streamctl update show`: which terms are on the table.

use std::fmt;

use alloy::primitives::U256;
use clap::Args;
use serde::Serialize;

use super::offer::{Offer, live_offers};
use crate::{
    chain::ChainArgs,
    lookup::{look_up, parse_id},
    output::{Output, text},
};

/// Show the terms that are proposed for a stream, and what accepting them would do.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl update show 7\n  \
    streamctl update show 7 --from-block 21000000 --json")]
pub(crate) struct ShowOffersArgs {
    /// Number of the stream.
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: U256,
    /// Look for proposals in this block and later ones only.
    #[arg(long, value_name = "N")]
    from_block: Option<u64>,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Debug, Serialize)]
struct Offers {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    proposals: Vec<Offer>,
}

impl ShowOffersArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, stream) = look_up(&self.chain, self.id).await?;
        let proposals = live_offers(&chain, &stream, self.from_block, output).await?;
        output.result(&Offers { stream_id: self.id, proposals })?;
        chain.report(output);
        Ok(())
    }
}

impl fmt::Display for Offers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.stream_id;
        if self.proposals.is_empty() {
            return writeln!(f, "Nothing is proposed for stream {id}");
        }
        self.proposals.iter().try_for_each(|offer| write!(f, "Proposed for stream {id}\n{offer}"))
    }
}
