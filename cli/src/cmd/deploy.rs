//! `streamctl deploy`: puts the stream contracts where every command looks for them.

use std::fmt;

use alloy::primitives::{Address, U256};
use bindings::{Clock, DETERMINISTIC_PROXY, create2_address};
use clap::{Args, ValueEnum};
use eyre::{bail, ensure};
use serde::Serialize;

use crate::{
    chain::{EndpointArgs, Node, clock_name},
    output::{Output, text, write_rows},
    tx::{Call, Mined, Session, Subject, TxArgs},
};

/// Deploy the stream contracts, at the same addresses on every chain.
///
/// The deployment goes through the deterministic deployment proxy, which most chains have. A contract that is there
/// already is left alone.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl deploy --account alice\n  \
    streamctl deploy --clock timestamp --account alice\n  \
    streamctl deploy --rpc-url http://localhost:8545 --unlocked --from 0xf39F… --yes")]
pub(crate) struct DeployArgs {
    /// Which of the contracts: times in blocks, as the standard has it, or in seconds.
    #[arg(long, value_enum, default_value_t = Clocks::Both)]
    clock: Clocks,
    #[command(flatten)]
    endpoint: EndpointArgs,
    #[command(flatten)]
    tx: TxArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Clocks {
    Block,
    Timestamp,
    Both,
}

impl Clocks {
    fn list(self) -> &'static [Clock] {
        match self {
            Self::Block => &[Clock::Block],
            Self::Timestamp => &[Clock::Timestamp],
            Self::Both => &Clock::ALL,
        }
    }
}

/// What is where.
#[derive(Debug, Serialize)]
struct Deployment {
    #[serde(serialize_with = "text")]
    chain_id: u64,
    contracts: Vec<Deployed>,
}

#[derive(Debug, Serialize)]
struct Deployed {
    clock: &'static str,
    #[serde(serialize_with = "text")]
    address: Address,
    /// `None` if it was there already.
    transaction: Option<Mined>,
}

impl DeployArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (node, _) = self.endpoint.connect(&[]).await?;
        let deployment = deploy(&node, output, &self.tx, self.clock.list()).await?;
        if let Some(deployment) = deployment {
            output.result(&deployment)?;
        }
        node.report(output);
        Ok(())
    }
}

/// Deploys what is missing. `None` after a dry run, which has a result of its own.
async fn deploy(node: &Node, output: &Output, tx: &TxArgs, clocks: &[Clock]) -> eyre::Result<Option<Deployment>> {
    let mut missing = Vec::new();
    for clock in clocks {
        if !node.has_code(create2_address(*clock)).await? {
            missing.push(*clock);
        }
    }
    let mut receipts = Vec::new();
    if !missing.is_empty() {
        let chain_id = node.chain_id;
        if !node.has_code(DETERMINISTIC_PROXY).await? {
            bail!(
                "chain {chain_id} has no deterministic deployment proxy at {DETERMINISTIC_PROXY}; deploy it as \
                 https://github.com/Arachnid/deterministic-deployment-proxy says, then try again"
            );
        }
        let session = Session::open(node, output, tx)?;
        let calls: Vec<_> = missing.iter().copied().map(call).collect();
        let subject = Subject { token: None, clock: Clock::Block };
        match session.run(&calls, subject).await? {
            Some(mined) => receipts = mined,
            None => return Ok(None),
        }
        for clock in &missing {
            let address = create2_address(*clock);
            ensure!(node.has_code(address).await?, "the deployment proxy of chain {chain_id} left {address} empty");
        }
    }
    let mut receipts = receipts.iter();
    let contracts = clocks.iter().map(|clock| Deployed {
        clock: clock_name(*clock),
        address: create2_address(*clock),
        transaction: if missing.contains(clock) { receipts.next().map(Mined::from) } else { None },
    });
    Ok(Some(Deployment { chain_id: node.chain_id, contracts: contracts.collect() }))
}

fn call(clock: Clock) -> Call {
    Call {
        to: DETERMINISTIC_PROXY,
        data: clock.deployment_input(),
        value: U256::ZERO,
        what: format!("deploy the stream contract on the {} clock", clock_name(clock)),
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Stream contracts on chain {}", self.chain_id)?;
        let rows = self.contracts.iter().map(|contract| {
            let note = match contract.transaction {
                Some(_) => "deployed",
                None => "was there already",
            };
            (contract.clock, format!("{}  {note}", contract.address))
        });
        write_rows(f, &rows.collect::<Vec<_>>())
    }
}
