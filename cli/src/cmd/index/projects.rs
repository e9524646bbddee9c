//! `streamctl index projects`: what there are snapshots of.

use std::fmt;

use clap::Args;
use serde_json::Value;

use super::{store::ReadArgs, streams::PageArgs};
use crate::{
    node::printable,
    output::Output,
    table::{Column, write_table},
};

/// List projects: what there are snapshots of, each with its newest.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index projects\n  \
    streamctl index projects --prefix uniswap/ --json | jq -r '.items[].newest.cid'")]
pub(super) struct ProjectsArgs {
    /// What the names begin with, such as a source and a slash.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// Projects, for people.
struct Shown(Vec<Vec<String>>);

impl ProjectsArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let asker = self.read.open()?;
        let mut query: Vec<(&str, String)> = self.page.after().into_iter().collect();
        query.extend(self.prefix.clone().map(|prefix| ("prefix", prefix)));
        let list = asker.list("/v1/projects", &query, self.page.limit()).await?;
        self.page.tell_rest(&list, output);
        asker.report(output);
        if output.json {
            return output.tell(list);
        }
        let rows: Vec<_> = list["items"].as_array().into_iter().flatten().map(row).collect();
        if rows.is_empty() {
            output.note("no such projects; an epoch that has ended has some");
            return Ok(());
        }
        output.tell(Shown(rows))
    }
}

fn row(item: &Value) -> Vec<String> {
    let text = |value: &Value| printable(value.as_str().unwrap_or_default());
    let newest = &item["newest"];
    vec![text(&item["project"]), newest["epoch"].to_string(), text(&newest["state"]), text(&newest["cid"])]
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [Column::Left("PROJECT"), Column::Right("EPOCH"), Column::Left("STATE"), Column::Left("CID")];
        write_table(f, &columns, &self.0)
    }
}
