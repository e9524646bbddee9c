//! `streamctl plan`: what a wish comes to, without sending anything.

use alloy::primitives::Address;
use clap::Args;

use crate::{
    address::parse_address,
    chain::{ChainArgs, token_queries},
    output::Output,
    plan::{Plan, WishArgs},
};

/// Turn a wish into exact terms, and show what it comes to; nothing is sent.
///
/// Contracts count in units of a token and, on a block clock, in blocks. The plan says which whole numbers come nearest
/// to the wish, what is left over, and when the stream will probably stop, by the pace of recent blocks.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl plan --token 0x5FbD… --amount 3000 --over 30d --every 1h\n  \
    streamctl plan --token 0x5FbD… --payment 0.05 --interval 1m --until 2027-01-31\n  \
    streamctl plan --token 0x5FbD… --amount 3000 --over 30d --block-time 12s --json")]
pub(crate) struct PlanArgs {
    /// What is paid in: an ERC-20 token.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    token: Address,
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

impl PlanArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (chain, answers) = self.chain.connect_asking(&token_queries(self.token)).await?;
        let token = chain.token_of(self.token, &answers).await?;
        let wish = self.wish.wish(&token)?;
        let setting = chain.setting(token, self.wish.block_time).await?;
        output.result(&Plan::new(wish, setting)?)?;
        chain.report(output);
        Ok(())
    }
}
