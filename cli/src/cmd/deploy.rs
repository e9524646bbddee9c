//! `streamctl deploy`: puts the stream contracts and StreamPortal where every command looks for them.

use std::fmt;

use alloy::primitives::{Address, Bytes, U256};
use bindings::{
    Clock, DETERMINISTIC_PROXY,
    cartesi::{ERC20_PORTAL, ETHER_PORTAL},
    create2_address, portal_address, portal_deployment_input,
};
use clap::{Args, ValueEnum};
use eyre::{bail, ensure};
use serde::Serialize;

use crate::{
    chain::{EndpointArgs, Node, clock_name},
    output::{Output, text, write_rows},
    tx::{Call, Mined, Session, Subject, TxArgs},
};

/// Deploy the stream contracts and StreamPortal, at the same addresses on every chain.
///
/// The deployment goes through the deterministic deployment proxy, which most chains have. A contract that is there
/// already is left alone. StreamPortal stands before the portals of Cartesi, and is passed over where these are not.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl deploy --account alice\n  \
    streamctl deploy --clock timestamp --account alice\n  \
    streamctl deploy --portal --account alice\n  \
    streamctl deploy --rpc-url http://localhost:8545 --unlocked --from 0xf39F… --yes")]
pub(crate) struct DeployArgs {
    /// Which of the stream contracts: times in blocks, as the standard has it, or in seconds.
    #[arg(long, value_enum, default_value_t = Clocks::Both)]
    clock: Clocks,
    /// Refuse to deploy anything on a chain where StreamPortal cannot be.
    #[arg(long)]
    portal: bool,
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
    /// `None` if Cartesi's portals are not on the chain.
    portal: Option<DeployedPortal>,
}

#[derive(Debug, Serialize)]
struct Deployed {
    clock: &'static str,
    #[serde(serialize_with = "text")]
    address: Address,
    /// `None` if it was there already.
    transaction: Option<Mined>,
}

#[derive(Debug, Serialize)]
struct DeployedPortal {
    #[serde(serialize_with = "text")]
    address: Address,
    /// `None` if it was there already.
    transaction: Option<Mined>,
}

/// A contract to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contract {
    Stream(Clock),
    Portal,
}

impl Contract {
    fn address(self) -> Address {
        match self {
            Self::Stream(clock) => create2_address(clock),
            Self::Portal => portal_address(),
        }
    }

    fn deployment_input(self) -> Bytes {
        match self {
            Self::Stream(clock) => clock.deployment_input(),
            Self::Portal => portal_deployment_input(),
        }
    }

    fn call(self) -> Call {
        let what = match self {
            Self::Stream(clock) => format!("deploy the stream contract on the {} clock", clock_name(clock)),
            Self::Portal => "deploy StreamPortal".to_owned(),
        };
        Call { to: DETERMINISTIC_PROXY, data: self.deployment_input(), value: U256::ZERO, what }
    }
}

impl DeployArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (node, _) = self.endpoint.connect(&[]).await?;
        let mut contracts: Vec<Contract> = self.clock.list().iter().copied().map(Contract::Stream).collect();
        match portal_missing(&node).await? {
            None => contracts.push(Contract::Portal),
            Some(missing) if self.portal => bail!(
                "chain {} has no portal of Cartesi rollups 2.2.0 at {missing}, before which StreamPortal stands; leave \
                 --portal out, or use another --rpc-url",
                node.chain_id
            ),
            Some(_) => {}
        }
        if let Some(deployment) = deploy(&node, output, &self.tx, &contracts).await? {
            output.result(&deployment)?;
        }
        node.report(output);
        Ok(())
    }
}

/// The portal of Cartesi that the chain lacks.
async fn portal_missing(node: &Node) -> eyre::Result<Option<Address>> {
    for portal in [ERC20_PORTAL, ETHER_PORTAL] {
        if !node.has_code(portal).await? {
            return Ok(Some(portal));
        }
    }
    Ok(None)
}

/// Deploys what is missing. `None` after a dry run, which has a result of its own.
async fn deploy(node: &Node, output: &Output, tx: &TxArgs, contracts: &[Contract]) -> eyre::Result<Option<Deployment>> {
    let mut missing = Vec::new();
    for contract in contracts {
        if !node.has_code(contract.address()).await? {
            missing.push(*contract);
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
        let calls: Vec<_> = missing.iter().copied().map(Contract::call).collect();
        let subject = Subject { token: None, clock: Clock::Block };
        match session.run(&calls, subject).await? {
            Some(mined) => receipts = mined,
            None => return Ok(None),
        }
        for contract in &missing {
            let address = contract.address();
            ensure!(node.has_code(address).await?, "the deployment proxy of chain {chain_id} left {address} empty");
        }
    }
    let mut receipts = receipts.iter().map(Mined::from);
    let mut deployment = Deployment { chain_id: node.chain_id, contracts: Vec::new(), portal: None };
    for contract in contracts {
        let address = contract.address();
        let transaction = if missing.contains(contract) { receipts.next() } else { None };
        match contract {
            Contract::Stream(clock) => {
                deployment.contracts.push(Deployed { clock: clock_name(*clock), address, transaction });
            }
            Contract::Portal => deployment.portal = Some(DeployedPortal { address, transaction }),
        }
    }
    Ok(Some(deployment))
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = |address: &Address, transaction: &Option<Mined>| match transaction {
            Some(_) => format!("{address}  deployed"),
            None => format!("{address}  was there already"),
        };
        writeln!(f, "Contracts on chain {}", self.chain_id)?;
        let mut rows: Vec<_> =
            self.contracts.iter().map(|found| (found.clock, note(&found.address, &found.transaction))).collect();
        let portal = match &self.portal {
            Some(found) => note(&found.address, &found.transaction),
            None => "passed over: the chain has no portals of Cartesi rollups 2.2.0".to_owned(),
        };
        rows.push(("StreamPortal", portal));
        write_rows(f, &rows)
    }
}
