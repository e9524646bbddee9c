//! `streamctl index status`: how far an index is.

use std::fmt;

use clap::Args;
use serde_json::Value;

use super::store::ReadArgs;
use crate::{
    amount::grouped,
    node::printable,
    output::{Output, write_rows},
};

/// Show how far an index is: the chain's head, what is stored and final, epochs, sources and their stream contracts.
///
/// The head is known to an index that runs; a store alone does not know how far the chain has gone on without it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index status\n  \
    streamctl index status --index http://127.0.0.1:8620 --json | jq .lag_blocks")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    read: ReadArgs,
}

/// What the API says.
struct Status(Value);

impl StatusArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asker = self.read.open()?;
        let status = asker.get("/v1/status", &[]).await?;
        if self.read.is_far() && !status["is_connected"].as_bool().unwrap_or_default() {
            output.warn(format_args!(
                "{asker} does not see the chain's head; check its endpoints, or ask the process that follows the chain"
            ));
        }
        if output.json {
            output.tell(&status)?;
        } else {
            output.tell(Status(status))?;
        }
        asker.report(output);
        Ok(())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        let number = |value: &Value| value.as_u64().map(grouped);
        let or_none = |value: &Value, none: &str| number(value).unwrap_or_else(|| none.to_owned());
        writeln!(f, "Index of chain {}", status["chain_id"])?;
        let mut rows = Vec::new();
        if let Some(head) = number(&status["head"]) {
            rows.push(("head", head));
            rows.push(("behind by", format!("{} blocks", or_none(&status["lag_blocks"], "unknown"))));
        }
        let as_of = &status["as_of"];
        let time = as_of["timestamp"].as_u64().map(|unix| format!(", {}", crate::moment::format_instant(unix)));
        rows.push(("last block", format!("{}{}", or_none(&as_of["block"], "none yet"), time.unwrap_or_default())));
        rows.push(("last final block", or_none(&as_of["finalized"], "none yet")));
        rows.push(("last epoch", or_none(&status["newest_epoch"], "none yet")));
        rows.push(("last final epoch", or_none(&status["newest_final_epoch"], "none yet")));
        for source in status["sources"].as_array().into_iter().flatten() {
            let text = |value: &Value| printable(value.as_str().unwrap_or_default());
            rows.push(("source", format!("{}, {}", text(&source["name"]), text(&source["kind"]))));
            for entry in source["contracts"].as_array().into_iter().flatten() {
                let clock = match &entry["clock"] {
                    Value::Null => "no stream yet".to_owned(),
                    clock => format!("{} clock", text(clock)),
                };
                rows.push(("  contract", format!("{}, {clock}", text(&entry["contract"]))));
            }
        }
        write_rows(f, &rows)
    }
}
