//! `streamctl index deposits`: what went into rollups through StreamPortal.

use std::fmt;

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolInterface,
};
use bindings::cartesi::StreamableToken::StreamableTokenCalls;
use clap::Args;
use serde::Deserialize;
use serde_json::Number;

use super::{store::ReadArgs, streams::PageArgs};
use crate::{
    address::parse_address,
    amount::{counted, format_amount, grouped, short_address},
    application::parse_token,
    indexed::{decimal, read, token},
    moment::format_instant,
    output::Output,
    table::{Column, write_table},
};

/// Characters of a time that the table shows: up to the minute.
const N_MINUTE: usize = 16;

/// List deposits into rollups through StreamPortal, in the order of the chain.
///
/// The index has them if `portal` of its configuration names the portal. Whoever pays for a deposit leaves no trace in
/// the application's inputs; the account is who has it in the rollup. FROM says whether it was somebody's own, what was
/// due of a stream, or what a stream contract owed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index deposits --app 0x75a1…\n  \
    streamctl index deposits --account 0x7099… --token ether\n  \
    streamctl index deposits --limit 1000 --json | jq -r '.items[].amount'")]
pub(super) struct DepositsArgs {
    /// Only deposits that this address has in the rollup.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    account: Option<Address>,
    /// Only deposits into this application.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    app: Option<Address>,
    /// Only deposits of this: an ERC-20 token, or ether.
    #[arg(long, value_name = "ADDRESS|ether", value_parser = parse_token)]
    token: Option<Address>,
    /// The source, if there are several of streams.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// A deposit, as the API tells it.
#[derive(Debug, Deserialize)]
struct Deposit {
    block: u64,
    timestamp: u64,
    app: Address,
    #[serde(deserialize_with = "decimal")]
    input_index: U256,
    token: Address,
    token_symbol: Option<String>,
    token_decimals: Option<Number>,
    account: Address,
    #[serde(deserialize_with = "decimal")]
    amount: U256,
    #[serde(flatten)]
    origin: Origin,
    call: Bytes,
}

/// Where the tokens come from.
#[derive(Debug, Deserialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
enum Origin {
    Owned,
    Stream {
        #[serde(deserialize_with = "decimal")]
        stream_id: U256,
    },
    Credit,
}

/// The deposits, for people.
struct Shown(Vec<Deposit>);

impl DepositsArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asker = self.read.open()?;
        let addresses = [("account", self.account), ("app", self.app), ("token", self.token)];
        let addresses = addresses.into_iter().filter_map(|(name, address)| Some((name, address?.to_string())));
        let mut query: Vec<(&str, String)> = addresses.collect();
        query.extend(self.source.clone().map(|source| ("source", source)));
        query.extend(self.page.after());
        let mut list = asker.list("/v1/deposits", &query, self.page.limit()).await?;
        self.page.tell_rest(&list, output);
        asker.report(output);
        if output.json {
            return output.tell(list);
        }
        let deposits: Vec<Deposit> = read(&asker, list["items"].take())?;
        if deposits.is_empty() {
            output.note("no such deposits in the index");
            return Ok(());
        }
        output.tell(Shown(deposits))
    }
}

impl Deposit {
    fn cells(&self) -> Vec<String> {
        let token = token(self.token, self.token_symbol.as_deref(), self.token_decimals.as_ref());
        vec![
            grouped(self.block),
            format_instant(self.timestamp).chars().take(N_MINUTE).collect(),
            short_address(self.app),
            self.input_index.to_string(),
            short_address(self.account),
            format_amount(self.amount, token.decimals),
            token.symbol,
            self.origin.to_string(),
            self.call_words(),
        ]
    }

    /// What the account does in the rollup: StreamableToken's word for it, or how long it is.
    fn call_words(&self) -> String {
        if self.call.is_empty() {
            return String::new();
        }
        let call = StreamableTokenCalls::abi_decode(&self.call).ok();
        let name = call.and_then(|call| StreamableTokenCalls::name_by_selector(call.selector()));
        name.map_or_else(|| counted(self.call.len() as u64, "byte"), str::to_owned)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owned => f.write_str("own"),
            Self::Stream { stream_id } => write!(f, "stream {stream_id}"),
            Self::Credit => f.write_str("credit"),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [
            Column::Right("BLOCK"),
            Column::Left("TIME (UTC)"),
            Column::Left("APP"),
            Column::Right("INPUT"),
            Column::Left("ACCOUNT"),
            Column::Right("AMOUNT"),
            Column::Left("TOKEN"),
            Column::Left("FROM"),
            Column::Left("CALL"),
        ];
        let cells: Vec<Vec<String>> = self.0.iter().map(Deposit::cells).collect();
        write_table(f, &columns, &cells)
    }
}
