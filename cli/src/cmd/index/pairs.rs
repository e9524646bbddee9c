//! `streamctl index pairs` and `tokens`: what pairs hold, and what was traded.

use std::fmt;

use alloy::primitives::Address;
use clap::Args;
use serde_json::Value;

use super::{store::ReadArgs, streams::PageArgs};
use crate::{
    amount::{grouped, short_address},
    moment::format_instant,
    node::printable,
    output::Output,
    table::{Column, write_table},
};

/// Digits after the point in a table; `--json` has all.
const N_DECIMALS: usize = 2;

/// Digits of a number below one, from its first that is not zero.
const N_SIGNIFICANT: usize = 4;

/// Stands for what nothing gives a price.
const NO_PRICE: &str = "-";

/// Longest symbol that is shown, in characters.
const SYMBOL_LIMIT: usize = 12;

/// Show pairs: what they hold, and what was traded in 24 hours and 7 days.
///
/// It is as of the end of an epoch, and of the time before it. Reserves are whole tokens, all else is in dollars, as the
/// stable coins of the configuration have them, and of tokens that have a price. Numbers that end in … go on; --json has all
/// digits.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index pairs\n  \
    streamctl index pairs --epoch 1200 --json | jq -r '.items[].liquidity_usd'")]
pub(super) struct PairsArgs {
    #[command(flatten)]
    asked: EpochArgs,
}

/// Show tokens of pairs: price, liquidity, and what was traded in 24 hours and 7 days.
///
/// It is as of the end of an epoch, and of the time before it, over all pairs that have snapshots. The change is that of the
/// price in 24 hours. Numbers that end in … go on; --json has all digits.
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
    head: String,
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
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(first) = items.first() else {
            let when = self.epoch.map_or_else(String::new, |epoch| format!(" at epoch {epoch}"));
            output.note(format_args!("there is no snapshot of a pair{when}, or none comes after"));
            return Ok(());
        };
        let rows: Vec<_> = items.iter().map(row).collect();
        if rows.iter().flatten().any(|cell| cell == NO_PRICE) {
            output.note(format_args!("{NO_PRICE} is what no pair gives a price, or gave none 24 hours before"));
        }
        output.tell(Shown { head: head(&first["at"], &list["as_of"]["state"]), columns: columns.to_vec(), rows })
    }
}

/// When it is of, and whether that can change.
fn head(at: &Value, state: &Value) -> String {
    let number = |name: &str| at[name].as_u64().unwrap_or_default();
    let time = format_instant(number("timestamp"));
    let state = printable(state.as_str().unwrap_or_default());
    format!("epoch {}, until block {}, {time}, {state}", number("epoch"), number("end"))
}

fn pair(item: &Value) -> Vec<String> {
    let pair = &item["pair"];
    let symbols = [0, 1].map(|side| symbol(&pair["tokens"][side]["symbol"]));
    let n_prices = [0, 1].iter().filter(|side| item["prices"][**side] != "0").count();
    let dollars = |value: &Value| if n_prices == 0 { NO_PRICE.to_owned() } else { number(value) };
    // The side without a price adds nothing to it.
    let at_least = if n_prices == 1 { "≥ " } else { "" };
    vec![
        address(&pair["address"]),
        symbols.join("/"),
        number(&item["reserves"][0]),
        number(&item["reserves"][1]),
        format!("{at_least}{}", dollars(&item["liquidity_usd"])),
        dollars(&item["last_24h"]["volume_usd"]),
        dollars(&item["last_7d"]["volume_usd"]),
        item["last_24h"]["n_swaps"].as_u64().map(grouped).unwrap_or_default(),
    ]
}

fn token(item: &Value) -> Vec<String> {
    let is_priced = item["price_usd"] != "0";
    let dollars = |value: &Value| if is_priced { number(value) } else { NO_PRICE.to_owned() };
    let change = &item["price_change_24h"];
    vec![
        address(&item["token"]["address"]),
        symbol(&item["token"]["symbol"]),
        dollars(&item["price_usd"]),
        if change.is_null() { NO_PRICE.to_owned() } else { number(change) },
        dollars(&item["liquidity_usd"]),
        dollars(&item["volume_usd_24h"]),
        dollars(&item["volume_usd_7d"]),
    ]
}

/// What a token says of itself may be anything.
pub(super) fn symbol(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default()).chars().take(SYMBOL_LIMIT).collect()
}

fn address(value: &Value) -> String {
    value.as_str().and_then(|text| text.parse::<Address>().ok()).map(short_address).unwrap_or_default()
}

/// A number with its thousands set apart, cut to a few decimals; what is cut off is marked.
fn number(value: &Value) -> String {
    let text = printable(value.as_str().unwrap_or_default());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_below_one = whole.trim_start_matches('-') == "0";
    let n_zeros = fraction.len() - fraction.trim_start_matches('0').len();
    let n_shown = if is_below_one { (n_zeros + N_SIGNIFICANT).max(N_DECIMALS) } else { N_DECIMALS };
    let mark = if fraction.chars().count() > n_shown { "…" } else { "" };
    let shown: String = fraction.chars().take(n_shown).collect();
    let (sign, digits) = if let Some(digits) = whole.strip_prefix('-') { ("-", digits) } else { ("", whole) };
    // What is no number, or one of more digits, stays as it is.
    let whole = digits.parse().map_or_else(|_| digits.to_owned(), grouped);
    format!("{sign}{whole}{}{shown}{mark}", if shown.is_empty() { "" } else { "." })
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.head)?;
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
        check(json!("0.999999"), "0.9999…");
        check(json!("0.5"), "0.5");
        check(json!("0"), "0");
        check(json!("0.00000400160064025"), "0.000004001…");
        check(json!("0.000004"), "0.000004");
        check(json!("-0.012345"), "-0.01234…");
        check(json!("-33.333333"), "-33.33…");
        check(json!("1234567.8"), "1,234,567.8");
        check(json!("-1234"), "-1,234");
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
            "prices": ["1", "4001.8"],
            "liquidity_usd": "2001.0",
            "last_24h": { "volume_usd": "17.123", "n_swaps": 1234 },
            "last_7d": { "volume_usd": "18" },
        });
        let expected = ["0xA478…eB11", "DAI/WETH", "1,000.5", "0.2500…", "2,001.0", "17.12…", "18", "1,234"];
        assert_eq!(pair(&item), expected);
        let item = json!({
            "token": { "address": weth, "symbol": "WETH" },
            "price_usd": "1800.1",
            "price_change_24h": null,
            "liquidity_usd": "7",
            "volume_usd_24h": "0",
            "volume_usd_7d": "0.5",
        });
        assert_eq!(token(&item), ["0xC02a…6Cc2", "WETH", "1,800.1", "-", "7", "0", "0.5"]);
    }

    #[test]
    fn what_has_no_price_is_not_worth_nothing() {
        let item = json!({
            "pair": {}, "reserves": ["7", "8"], "prices": ["0", "0"], "liquidity_usd": "0",
            "last_24h": { "volume_usd": "0", "n_swaps": 2 }, "last_7d": { "volume_usd": "0" },
        });
        assert_eq!(pair(&item)[2..], ["7", "8", "-", "-", "-", "2"]);
        let item = json!({
            "pair": {}, "reserves": ["7", "8"], "prices": ["0", "2"], "liquidity_usd": "16",
            "last_24h": { "volume_usd": "1", "n_swaps": 2 }, "last_7d": { "volume_usd": "1" },
        });
        assert_eq!(pair(&item)[4..], ["≥ 16", "1", "1", "2"]);
        let item = json!({ "token": {}, "price_usd": "0", "price_change_24h": "-100", "liquidity_usd": "0" });
        assert_eq!(token(&item)[2..], ["-", "-100", "-", "-", "-"]);
    }
}
