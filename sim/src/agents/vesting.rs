//! Agents around a vesting wallet of OpenZeppelin: who fills it, and whom it pays.

use alloy_sol_types::sol;

use super::{Agent, Builder, Gauge, Kind, Takes, required, with_default};
use crate::{
    economy::{Evm, State, from_units},
    evm::{Address, Artifact},
    netlist::{NetlistError, Number},
};

sol! {
    /// What agents need of OpenZeppelin's VestingWallet.
    interface Vesting {
        function release(address token) external;
        function released(address token) external view returns (uint256);
        function vestedAmount(address token, uint64 timestamp) external view returns (uint256);
    }
}

/// Deploys and fills a vesting wallet.
pub(super) const FUNDER: Kind = Kind {
    name: "vesting-funder",
    doc: "in its first step deploys a vesting wallet and puts all its tokens in",
    keys: &[
        required("beneficiary", Takes::Agent, "whom the wallet pays"),
        required("start", Takes::Number, "when vesting begins, in Unix seconds"),
        required("duration", Takes::Number, "how many seconds it lasts"),
        with_default("token", Takes::Contract, "OCEAN", "the token"),
        with_default("vesting_wallet", Takes::Text, "vw1", "what the wallet is called"),
        with_default(
            "artifact",
            Takes::Artifact,
            "npm:@openzeppelin/contracts/build/contracts/VestingWallet.json",
            "the wallet's contract",
        ),
    ],
    gauges: &[
        Gauge { name: "vested", doc: "what has vested by the block's time; 0 before there is a wallet", read: vested },
        Gauge { name: "released", doc: "what was paid out; 0 before there is a wallet", read: released },
    ],
    build: Funder::build,
};

/// Calls `release` in every tick.
pub(super) const BENEFICIARY: Kind = Kind {
    name: "vesting-beneficiary",
    doc: "has the vesting wallet pay in every tick what has vested",
    keys: &[
        with_default("token", Takes::Contract, "OCEAN", "the token"),
        with_default("vesting_wallet", Takes::Text, "vw1", "what the wallet is called"),
    ],
    gauges: &[],
    build: Beneficiary::build,
};

struct Funder {
    beneficiary: usize,
    start: u64,
    duration: u64,
    token: usize,
    asset: usize,
    name: String,
    artifact: Option<Artifact>,
    is_done: bool,
}

impl Funder {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let asset = builder.state.asset(builder.text("token")).map_err(|message| builder.error("token", message))?;
        Ok(Box::new(Self {
            beneficiary: builder.agent("beneficiary")?,
            start: builder.whole("start")?,
            duration: builder.whole("duration")?,
            token: builder.contract("token")?,
            asset,
            name: builder.text("vesting_wallet").to_owned(),
            artifact: builder.artifact("artifact"),
            is_done: false,
        }))
    }
}

impl Agent for Funder {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if std::mem::replace(&mut self.is_done, true) {
            return Ok(());
        }
        let balance = state.balance(me, self.asset)?;
        let evm = evm(state)?;
        let artifact = self.artifact.as_ref().ok_or("there is no artifact")?;
        let arguments = [evm.account(self.beneficiary).into(), self.start.into(), self.duration.into()];
        let from = evm.account(me);
        let wallet = evm.chain.deploy(from, &self.name, artifact, &arguments).map_err(|error| error.to_string())?;
        evm.deployed(&self.name, wallet.address);
        let token = evm.address(self.token);
        evm.transfer_token(token, me, wallet.address, balance)?;
        state.set_vesting(me, (wallet.address, token));
        Ok(())
    }
}

struct Beneficiary {
    token: usize,
    name: String,
    wallet: Option<Address>,
}

impl Beneficiary {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let name = builder.text("vesting_wallet").to_owned();
        Ok(Box::new(Self { token: builder.contract("token")?, name, wallet: None }))
    }
}

impl Agent for Beneficiary {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        let evm = evm(state)?;
        let wallet = match self.wallet {
            Some(wallet) => wallet,
            None => *self.wallet.insert(evm.find(&self.name).ok_or_else(|| {
                format!("there is no vesting wallet `{}`: put its vesting-funder before this agent", self.name)
            })?),
        };
        let token = evm.address(self.token);
        evm.call(me, wallet, &Vesting::releaseCall { token }).map(|_| ())
    }
}

fn evm(state: &mut State) -> Result<&mut Evm, String> {
    state.evm.as_mut().ok_or_else(|| "there is no chain".to_owned())
}

fn vested(state: &mut State, me: usize, _: usize) -> Result<Number, String> {
    let Some((wallet, token)) = state.vesting(me) else { return Ok(Number::Integer(0)) };
    let evm = evm(state)?;
    let timestamp = evm.chain.block().timestamp;
    evm.ask(wallet, &Vesting::vestedAmountCall { token, timestamp }).map(|units| Number::Float(from_units(units)))
}

fn released(state: &mut State, me: usize, _: usize) -> Result<Number, String> {
    let Some((wallet, token)) = state.vesting(me) else { return Ok(Number::Integer(0)) };
    evm(state)?.ask(wallet, &Vesting::releasedCall { token }).map(|units| Number::Float(from_units(units)))
}
