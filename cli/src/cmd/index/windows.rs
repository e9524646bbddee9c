//! `streamctl index windows`: sums of a project or a token over a window of epochs.

use std::fmt;

use alloy::primitives::{Address, U256};
use clap::Args;
use serde_json::Value;

use super::{pairs::symbol, snapshot::parse_project, store::ReadArgs};
use crate::{
    address::parse_address,
    amount::format_amount,
    index_api::Asker,
    moment::format_instant,
    node::printable,
    output::{Output, write_rows},
};

/// Decimals of dollars in the sums of pairs.
const USD_DECIMALS: u8 = 18;

/// Add up what happened to a project or a token over a window of epochs.
///
/// A token is added up over all its pairs. Sums are the difference of two totals, and exact. Without --window or --from, all
/// epochs are added up. Sums of a pair or a token are shown in tokens and in dollars; --json has their smallest units, and
/// 10^-18 dollars.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index windows --project streams/… --window 7d\n  \
    streamctl index windows --token 0xC02a… --window 24h\n  \
    streamctl index windows --project uniswap/…/trade_volume --from 100 --to 199 --json | jq .sums")]
pub(super) struct WindowsArgs {
    /// The project, as `streamctl index projects` lists it.
    #[arg(long, value_name = "PROJECT", value_parser = parse_project, required_unless_present = "token")]
    project: Option<String>,
    /// The token, over all its pairs that have snapshots.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, conflicts_with = "project")]
    token: Option<Address>,
    /// The token's source, if there are several of pairs.
    #[arg(long, value_name = "NAME", requires = "token")]
    source: Option<String>,
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

/// What the names of counts begin with.
const COUNT: &str = "n_";

/// The sums, for people, and the token or the two tokens that they are of.
struct Shown {
    window: Value,
    tokens: Option<Value>,
}

impl WindowsArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asker = self.read.open()?;
        let from = self.from.or(if self.window.is_none() { Some(0) } else { None });
        let mut query = Vec::new();
        query.extend(self.project.clone().map(|project| ("project", project)));
        query.extend(self.token.map(|token| ("token", token.to_string())));
        query.extend(self.source.clone().map(|source| ("source", source)));
        query.extend(self.name.clone().map(|name| ("name", name)));
        query.extend(self.window.clone().map(|window| ("window", window)));
        query.extend(from.map(|from| ("from", from.to_string())));
        query.extend(self.to.map(|to| ("to", to.to_string())));
        let window = asker.get("/v1/windows", &query).await?;
        if output.json {
            output.tell(&window)?;
        } else {
            let tokens = self.tokens(&asker, &window).await?;
            output.tell(Shown { window, tokens })?;
        }
        asker.report(output);
        Ok(())
    }

    /// What the sums are of: a token, the two of a pair, or neither.
    async fn tokens(&self, asker: &Asker, window: &Value) -> eyre::Result<Option<Value>> {
        let mut query = vec![("epoch", window["to"].to_string())];
        if let Some(token) = self.token {
            query.extend(self.source.clone().map(|source| ("source", source)));
            let found = asker.find(&format!("/v1/tokens/{token}"), &query).await?;
            return Ok(found.map(|found| found["token"].clone()));
        }
        let parts: Vec<_> = self.project.iter().flat_map(|project| project.split('/')).collect();
        let [source, pair, "trade_volume"] = parts[..] else { return Ok(None) };
        query.push(("source", source.to_owned()));
        let found = asker.find(&format!("/v1/pairs/{pair}"), &query).await?;
        Ok(found.map(|found| found["pair"]["tokens"].clone()))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window, tokens } = self;
        let text = |value: &Value| printable(value.as_str().unwrap_or_default());
        let until = window["timestamp"].as_u64().map(|unix| format!(", until {}", format_instant(unix)));
        let (from, to, until) = (&window["from"], &window["to"], until.unwrap_or_default());
        let of = window.get("token").filter(|token| token.is_string()).unwrap_or(&window["project"]);
        writeln!(f, "{}, epochs {from} to {to}{until}, {}", text(of), text(&window["state"]))?;
        let sums: Vec<_> = window["sums"].as_array().into_iter().flatten().collect();
        let names: Vec<_> = sums.iter().map(|sum| text(&sum["name"])).collect();
        let shown = |(name, sum): (&String, &&Value)| amount(name, text(&sum["amount"]), tokens.as_ref());
        let amounts: Vec<_> = names.iter().zip(&sums).map(shown).collect();
        let rows: Vec<_> = names.iter().map(String::as_str).zip(amounts).collect();
        write_rows(f, &rows)
    }
}

/// What the sum of this name says: counts as they are, and those of dollars, of a token or of a pair's, with their decimals.
fn amount(name: &str, units: String, tokens: Option<&Value>) -> String {
    let (Some(tokens), Ok(exactly)) = (tokens, units.parse::<U256>()) else { return units };
    if name.contains("_usd") {
        return format!("{} $", format_amount(exactly, USD_DECIMALS));
    }
    let token = match name.chars().last() {
        Some('0') => &tokens[0],
        Some('1') => &tokens[1],
        _ if tokens.is_object() && !name.starts_with(COUNT) => tokens,
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

    #[test]
    fn sums_of_tokens_have_its_unit() {
        let token = json!({ "symbol": "USDC", "decimals": 6 });
        for (name, units, expected) in [
            ("n_swaps", "12", "12"),
            ("volume", "1050000", "1.05 USDC"),
            ("burn", "0", "0 USDC"),
            ("volume_usd", "500000000000000000", "0.5 $"),
        ] {
            assert_eq!(amount(name, units.to_owned(), Some(&token)), expected, "{name}");
        }
    }
}
