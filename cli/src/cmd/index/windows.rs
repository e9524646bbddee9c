//! `streamctl index windows`: sums of a project over a window of epochs.

use std::fmt;

use clap::Args;
use serde_json::Value;

use super::store::ReadArgs;
use crate::{
    moment::format_instant,
    node::printable,
    output::{Output, write_rows},
};

/// Add up what happened to a project over a window of epochs.
///
/// Sums are the difference of two totals, and exact. Without --window or --from, all epochs are added up.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index windows --project streams/… --window 7d\n  \
    streamctl index windows --project uniswap/…/trade_volume --from 100 --to 199 --json | jq .sums")]
pub(super) struct WindowsArgs {
    /// The project, as `streamctl index projects` lists it.
    #[arg(long, value_name = "PROJECT")]
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

/// The sums, for people.
struct Shown(Value);

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
            output.tell(Shown(window))?;
        }
        asker.report(output);
        Ok(())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(window) = self;
        let text = |value: &Value| printable(value.as_str().unwrap_or_default());
        let until = window["timestamp"].as_u64().map(|unix| format!(", until {}", format_instant(unix)));
        let (from, to, until) = (&window["from"], &window["to"], until.unwrap_or_default());
        writeln!(f, "{}, epochs {from} to {to}{until}, {}", text(&window["project"]), text(&window["state"]))?;
        let sums: Vec<_> = window["sums"].as_array().into_iter().flatten().collect();
        let names: Vec<_> = sums.iter().map(|sum| text(&sum["name"])).collect();
        let rows: Vec<_> = names.iter().zip(&sums).map(|(name, sum)| (name.as_str(), text(&sum["amount"]))).collect();
        write_rows(f, &rows)
    }
}
