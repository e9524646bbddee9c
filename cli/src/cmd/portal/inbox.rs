//! `streamctl portal inbox`: where a salary goes that is to go on into the rollup.

use std::fmt;

use alloy::primitives::Address;
use bindings::IStreamPortal as Portal;
use clap::Args;
use eyre::{ensure, eyre};
use serde::Serialize;

use super::crossing::{DoorArgs, portal_refusal};
use crate::{
    address::parse_address,
    application::AppArgs,
    chain::EndpointArgs,
    output::{Output, text, write_rows},
    probe::Query,
};

/// Show the address that a salary is to be paid to.
///
/// Whoever gives it as the recipient of a stream has what is due forwarded into the rollup, by anybody. All other rights
/// of a recipient stay with the owner. The address is known before anything is deployed there.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl portal inbox --app 0x75a1… --owner 0x7099…\n  \
    streamctl create --recipient $(streamctl portal inbox --app 0x75a1… --owner 0x7099… --json | jq -r .inbox) …")]
pub(super) struct InboxArgs {
    /// Who is credited in the rollup.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    owner: Address,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    door: DoorArgs,
    #[command(flatten)]
    endpoint: EndpointArgs,
}

#[derive(Debug, Serialize)]
struct Inbox {
    #[serde(serialize_with = "text")]
    inbox: Address,
    #[serde(serialize_with = "text")]
    app: Address,
    #[serde(serialize_with = "text")]
    owner: Address,
    #[serde(serialize_with = "text")]
    portal: Address,
    /// Whether the inbox has been opened; the first forward does it.
    is_open: bool,
}

impl InboxArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        ensure!(!self.owner.is_zero(), portal_refusal(&Portal::AccountZero {}));
        let (app, owner, portal) = (self.app.app, self.owner, self.door.address());
        let queries = [self.app.query(), self.door.query(), Query::new(portal, &Portal::inboxOfCall { app, owner })];
        let (node, answers) = self.endpoint.connect(&queries).await?;
        self.app.application(&node, &answers[0]).await?;
        self.door.check(&node, &answers[1])?;
        let inbox = answers[2].decode::<Portal::inboxOfCall>();
        let inbox = inbox.ok_or_else(|| eyre!("{portal} does not tell the inbox of {owner}; check --portal"))?;
        let is_open = node.has_code(inbox).await?;
        output.result(&Inbox { inbox, app, owner, portal, is_open })?;
        node.report(output);
        Ok(())
    }
}

impl fmt::Display for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.inbox)?;
        let state = if self.is_open { "open" } else { "opened by the first forward" };
        write_rows(
            f,
            &[("owner", self.owner.to_string()), ("application", self.app.to_string()), ("state", state.to_owned())],
        )
    }
}
