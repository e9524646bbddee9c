//! `streamctl index pairs` and `tokens`: what pairs hold, and what was traded.

use std::fmt;

use alloy::primitives::Address;
use clap::Args;
use serde_json::Value;

use super::{store::ReadArgs, streams::PageArgs};
use crate::{
    amount::{grouped, short_address},
    node::printable,
    output::Output,
    table::{Column, write_table},
};

/// Digits after the point in a table; `--json` has all.
const N_DECIMALS: usize = 2;

/// Longest symbol that is shown, in characters.
const SYMBOL_LIMIT: usize = 12;

/// Show pairs: what they hold, and what was traded in 24 hours and 7 days.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index pairs\n  \
    streamctl index pairs --epoch 1200 --json | jq -r '.items[].liquidity_usd'")]
pub(super) struct PairsArgs {
    #[command(flatten)]
    asked: EpochArgs,
}

/// Show tokens of pairs: price, liquidity, and what was traded in 24 hours and 7 days.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index tokens\n  \
    streamctl index tokens --index http://127.0.0.1:8620 --json | jq -r '.items[].price_usd'")]
pub(super) struct TokensArgs {
    #[command(flatten)]
    asked: EpochArgs,
}

#[derive(Args, Debug)]
struct EpochArgs {
    /// The epoch to look back to.
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// The source, if there are several of pairs.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// Rows, for people.
struct Shown {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl PairsArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let columns = [
            Column::Left("PAIR"),
            Column::Left("TOKENS"),
            Column::Right("RESERVE 0"),
            Column::Right("RESERVE 1"),
            Column::Right("LIQUIDITY $"),
            Column::Right("24 H $"),
            Column::Right("7 D $"),
            Column::Right("SWAPS 24 H"),
        ];
        self.asked.show("/v1/pairs", &columns, pair, output).await
    }
}

impl TokensArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let columns = [
            Column::Left("TOKEN"),
            Column::Left("SYMBOL"),
            Column::Right("PRICE $"),
            Column::Right("24 H %"),
            Column::Right("LIQUIDITY $"),
            Column::Right("24 H $"),
            Column::Right("7 D $"),
        ];
        self.asked.show("/v1/tokens", &columns, token, output).await
    }
}

impl EpochArgs {
    async fn show(
        &self,
        path: &str,
        columns: &[Column],
        row: fn(&Value) -> Vec<String>,
        output: &Output,
    ) -> eyre::Result<()> {
        let asker = self.read.open()?;
        let mut query: Vec<(&str, String)> = self.page.after().into_iter().collect();
        query.extend(self.epoch.map(|epoch| ("epoch", epoch.to_string())));
        query.extend(self.source.clone().map(|source| ("source", source)));
        let list = asker.list(path, &query, self.page.limit()).await?;
        self.page.tell_rest(&list, output);
        asker.report(output);
        if output.json {
            return output.tell(list);
        }
        let rows: Vec<_> = list["items"].as_array().into_iter().flatten().map(row).collect();
        if rows.is_empty() {
            output.note("no epoch has its snapshots yet");
            return Ok(());
        }
        output.tell(Shown { columns: columns.to_vec(), rows })
    }
}

fn pair(item: &Value) -> Vec<String> {
    let pair = &item["pair"];
    let symbols = [0, 1].map(|side| symbol(&pair["tokens"][side]["symbol"]));
    vec![
        address(&pair["address"]),
        symbols.join("/"),
        number(&item["reserves"][0]),
        number(&item["reserves"][1]),
        number(&item["liquidity_usd"]),
        number(&item["last_24h"]["volume_usd"]),
        number(&item["last_7d"]["volume_usd"]),
        item["last_24h"]["n_swaps"].as_u64().map(grouped).unwrap_or_default(),
    ]
}

fn token(item: &Value) -> Vec<String> {
    vec![
        address(&item["token"]["address"]),
        symbol(&item["token"]["symbol"]),
        number(&item["price_usd"]),
        number(&item["price_change_24h"]),
        number(&item["liquidity_usd"]),
        number(&item["volume_usd_24h"]),
        number(&item["volume_usd_7d"]),
    ]
}

/// What a token says of itself may be anything.
fn symbol(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default()).chars().take(SYMBOL_LIMIT).collect()
}

fn address(value: &Value) -> String {
    value.as_str().and_then(|text| text.parse::<Address>().ok()).map(short_address).unwrap_or_default()
}

/// A number cut to a few decimals; what is cut off is marked.
fn number(value: &Value) -> String {
    let text = printable(value.as_str().unwrap_or_default());
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.chars().count() > N_DECIMALS => {
            format!("{whole}.{}…", fraction.chars().take(N_DECIMALS).collect::<String>())
        }
        _ => text,
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(f, &self.columns, &self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(value: Value, expected: &str) {
        assert_eq!(number(&value), expected);
    }

    #[test]
    fn long_numbers_are_cut_and_marked() {
        check(json!("12"), "12");
        check(json!("12.34"), "12.34");
        check(json!("12.345"), "12.34…");
        check(json!("0.999999"), "0.99…");
        check(Value::Null, "");
        check(json!("1.\u{1b}[2J"), "1.?[…");
    }

    #[test]
    fn rows_have_a_cell_for_each_column() {
        let weth = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
        let dai = json!({ "address": "0x6B175474E89094C44Da98b954EedeAC495271d0F", "symbol": "DAI" });
        let item = json!({
            "pair": { "address": "0xA478c2975Ab1Ea89e8196811F51A7B7Ade33eB11", "tokens": [dai, { "symbol": "WETH" }] },
            "reserves": ["1000.5", "0.25001"],
            "liquidity_usd": "2001.0",
            "last_24h": { "volume_usd": "17.123", "n_swaps": 1234 },
            "last_7d": { "volume_usd": "18" },
        });
        let expected = ["0xA478…eB11", "DAI/WETH", "1000.5", "0.25…", "2001.0", "17.12…", "18", "1,234"];
        assert_eq!(pair(&item), expected);
        let item = json!({
            "token": { "address": weth, "symbol": "WETH" },
            "price_usd": "1800.1",
            "price_change_24h": null,
            "liquidity_usd": "7",
            "volume_usd_24h": "0",
            "volume_usd_7d": "0.5",
        });
        assert_eq!(token(&item), ["0xC02a…6Cc2", "WETH", "1800.1", "", "7", "0", "0.5"]);
    }
}
