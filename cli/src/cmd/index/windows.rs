//! `streamctl index windows`: sums of a project over a window of epochs.

use std::fmt;

use alloy::primitives::U256;
use clap::Args;
use serde_json::Value;

use super::{pairs::symbol, snapshot::parse_project, store::ReadArgs};
use crate::{
    amount::format_amount,
    index_api::Asker,
    moment::format_instant,
    node::printable,
    output::{Output, write_rows},
};

/// Decimals of dollars in the sums of pairs.
const USD_DECIMALS: u8 = 18;

/// Add up what happened to a project over a window of epochs.
///
/// Sums are the difference of two totals, and exact. Without --window or --from, all epochs are added up. Sums of a pair are
/// shown in its tokens and in dollars; --json has their smallest units, and 10^-18 dollars.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index windows --project streams/… --window 7d\n  \
    streamctl index windows --project uniswap/…/trade_volume --from 100 --to 199 --json | jq .sums")]
pub(super) struct WindowsArgs {
    /// The project, as `streamctl index projects` lists it.
    #[arg(long, value_name = "PROJECT", value_parser = parse_project)]
    project: String,
    /// One sum; all without it.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The time before the end of the last epoch, such as 24h or 7d.
    #[arg(long, value_name = "TIME", conflicts_with = "from")]
    window: Option<String>,
    /// The first epoch.
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// The last epoch, if not the newest.
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    #[command(flatten)]
    read: ReadArgs,
}

/// The sums, for people, and the pair that they are of.
struct Shown {
    window: Value,
    pair: Option<Value>,
}

impl WindowsArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asker = self.read.open()?;
        let from = self.from.or(if self.window.is_none() { Some(0) } else { None });
        let mut query = vec![("project", self.project.clone())];
        query.extend(self.name.clone().map(|name| ("name", name)));
        query.extend(self.window.clone().map(|window| ("window", window)));
        query.extend(from.map(|from| ("from", from.to_string())));
        query.extend(self.to.map(|to| ("to", to.to_string())));
        let window = asker.get("/v1/windows", &query).await?;
        if output.json {
            output.tell(&window)?;
        } else {
            let pair = self.pair(&asker, &window).await?;
            output.tell(Shown { window, pair })?;
        }
        asker.report(output);
        Ok(())
    }

    /// The pair whose sums these are, if they are of one.
    async fn pair(&self, asker: &Asker, window: &Value) -> eyre::Result<Option<Value>> {
        let parts: Vec<_> = self.project.split('/').collect();
        let [source, pair, "trade_volume"] = parts[..] else { return Ok(None) };
        let query = [("source", source.to_owned()), ("epoch", window["to"].to_string())];
        asker.find(&format!("/v1/pairs/{pair}"), &query).await
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window, pair } = self;
        let text = |value: &Value| printable(value.as_str().unwrap_or_default());
        let until = window["timestamp"].as_u64().map(|unix| format!(", until {}", format_instant(unix)));
        let (from, to, until) = (&window["from"], &window["to"], until.unwrap_or_default());
        writeln!(f, "{}, epochs {from} to {to}{until}, {}", text(&window["project"]), text(&window["state"]))?;
        let sums: Vec<_> = window["sums"].as_array().into_iter().flatten().collect();
        let names: Vec<_> = sums.iter().map(|sum| text(&sum["name"])).collect();
        let tokens = pair.as_ref().map(|pair| &pair["pair"]["tokens"]);
        let shown = |(name, sum): (&String, &&Value)| amount(name, text(&sum["amount"]), tokens);
        let amounts: Vec<_> = names.iter().zip(&sums).map(shown).collect();
        let rows: Vec<_> = names.iter().map(String::as_str).zip(amounts).collect();
        write_rows(f, &rows)
    }
}

/// What the sum of this name says: counts as they are, and those of a pair's tokens, or of dollars, with their decimals.
fn amount(name: &str, units: String, tokens: Option<&Value>) -> String {
    let (Some(tokens), Ok(exactly)) = (tokens, units.parse::<U256>()) else { return units };
    if name.contains("_usd") {
        return format!("{} $", format_amount(exactly, USD_DECIMALS));
    }
    let token = match name.chars().last() {
        Some('0') => &tokens[0],
        Some('1') => &tokens[1],
        _ => return units,
    };
    let decimals = token["decimals"].as_u64().and_then(|decimals| u8::try_from(decimals).ok());
    decimals.map_or(units, |decimals| format!("{} {}", format_amount(exactly, decimals), symbol(&token["symbol"])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sums_of_pairs_have_units() {
        let tokens = json!([{ "symbol": "USDC", "decimals": 6 }, { "symbol": "W\u{1b}ETH", "decimals": 18 }]);
        for (name, units, expected) in [
            ("n_swaps", "12", "12"),
            ("volume0", "1050000", "1.05 USDC"),
            ("mint1", "1000000000000000001", "1.000000000000000001 W?ETH"),
            ("fee_usd", "500000000000000000", "0.5 $"),
            ("volume_usd1", "3000000000000000000", "3 $"),
            ("volume0", "a lie", "a lie"),
        ] {
            assert_eq!(amount(name, units.to_owned(), Some(&tokens)), expected, "{name}");
            assert_eq!(amount(name, units.to_owned(), None), units);
        }
        assert_eq!(amount("volume0", "7".to_owned(), Some(&Value::Null)), "7");
    }
}
