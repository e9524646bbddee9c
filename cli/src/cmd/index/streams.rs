//! `streamctl index streams`: streams of all contracts of a source.

use std::fmt;

use alloy::primitives::Address;
use clap::Args;
use serde_json::Value;

use super::store::ReadArgs;
use crate::{
    address::parse_address,
    cmd::list::{Row, Wanted, write_streams},
    indexed::{IndexedStream, read},
    node::printable,
    output::Output,
};

/// List the streams of an index, as they are at its last block or were at one before.
///
/// `streamctl list --index` shows those of one contract. Amounts of a token that does not say its decimals are in whole
/// units; --json has what the index's API says.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index streams --state streaming\n  \
    streamctl index streams --party 0x7099… --block 21000000\n  \
    streamctl index streams --limit 1000 --json | jq -r '.items[].stream_id'")]
pub(super) struct StreamsArgs {
    /// Only streams that this address sends.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    sender: Option<Address>,
    /// Only streams that this address receives.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    recipient: Option<Address>,
    /// Only streams that this address sends or receives.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    party: Option<Address>,
    /// Only streams in this token.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    token: Option<Address>,
    /// Only streams of this contract.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    contract: Option<Address>,
    /// Only streams in this state; open are all that have not ended.
    #[arg(long, value_enum, default_value_t = Wanted::Open)]
    state: Wanted,
    /// The block to look back to.
    #[arg(long, value_name = "BLOCK")]
    block: Option<u64>,
    /// The source, if there are several of streams.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// Which part of a list.
#[derive(Args, Clone, Debug)]
pub(super) struct PageArgs {
    /// Rows at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Go on after the list before, whose `next` this is.
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

/// The streams, for people.
struct Shown(Vec<Row>);

impl StreamsArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asker = self.read.open()?;
        let mut query = self.filter();
        query.extend(self.page.after());
        let mut list = asker.list("/v1/streams", &query, self.page.limit()).await?;
        self.page.tell_rest(&list, output);
        asker.report(output);
        if output.json {
            return output.tell(list);
        }
        let streams: Vec<IndexedStream> = read(&asker, list["items"].take())?;
        if streams.is_empty() {
            let hint = if self.state == Wanted::Open { "; --state all shows ended ones" } else { "" };
            output.note(format_args!("no such streams in the index{hint}"));
            return Ok(());
        }
        output.tell(Shown(streams.iter().map(Row::of).collect::<eyre::Result<_>>()?))
    }

    fn filter(&self) -> Vec<(&'static str, String)> {
        let addresses = [
            ("sender", self.sender),
            ("recipient", self.recipient),
            ("party", self.party),
            ("token", self.token),
            ("contract", self.contract),
        ];
        let addresses = addresses.into_iter().filter_map(|(name, address)| Some((name, address?.to_string())));
        let state = Some(("state", self.state.name().to_owned()));
        let block = self.block.map(|block| ("block", block.to_string()));
        let source = self.source.clone().map(|source| ("source", source));
        addresses.chain(state).chain(block).chain(source).collect()
    }
}

impl PageArgs {
    pub(super) fn limit(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }

    pub(super) fn after(&self) -> Option<(&'static str, String)> {
        self.after.clone().map(|after| ("after", after))
    }

    /// Says that there is more than is shown.
    pub(super) fn tell_rest(&self, list: &Value, output: &Output) {
        if let Some(next) = list["next"].as_str() {
            output.note(format_args!("there are more; pass a higher --limit, or --after {}", printable(next)));
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_streams(f, &self.0)
    }
}
