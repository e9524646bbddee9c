//! What agents do with the stream contracts in the box: transactions that count their gas, exact amounts, and the check
//! that no money is missing. A refusal that nobody expects ends the run.

use alloy_primitives::{Address, Log, U256};
use alloy_sol_types::{SolCall, SolEvent};
use bindings::{
    DemoToken,
    IMoneyStreaming::{self as streaming, StreamState},
};

use super::Builder;
use crate::{
    economy::{Evm, State, from_units},
    evm::{Error, Reason},
    netlist::{NetlistError, Number},
};

/// A stream contract and a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Venue {
    pub(super) streams: Address,
    pub(super) token: Address,
}

/// The contracts of a venue, by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contracts {
    pub(super) streams: usize,
    pub(super) token: usize,
}

/// A payment at the end of each of so many intervals of the contract's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) payment: U256,
    pub(super) interval: u64,
    pub(super) n_intervals: u64,
}

/// What a transaction did.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub(super) gas: u64,
    output: Vec<u8>,
    /// What recipients of streams got, by the contract's log.
    pub(super) paid: U256,
    /// What senders got when streams ended, by the contract's log.
    pub(super) returned: U256,
}

impl Contracts {
    /// Those that the keys `streams` and `token` name.
    pub(super) fn build(builder: &Builder<'_>) -> Result<Self, NetlistError> {
        Ok(Self { streams: builder.contract("streams")?, token: builder.contract("token")? })
    }

    pub(super) fn venue(self, state: &mut State) -> Result<Venue, String> {
        let evm = evm(state)?;
        Ok(Venue { streams: evm.address(self.streams), token: evm.address(self.token) })
    }
}

impl Venue {
    /// Lets the contract take what streams of `me` need.
    pub(super) fn approve(self, state: &mut State, me: usize) -> Result<u64, String> {
        let call = DemoToken::approveCall { spender: self.streams, value: U256::MAX };
        evm(state)?.call(me, self.token, &call).map(|receipt| receipt.gas)
    }

    /// Sends a call to the stream contract.
    pub(super) fn send(self, state: &mut State, me: usize, call: &impl SolCall) -> Result<Sent, String> {
        let receipt = evm(state)?.call(me, self.streams, call)?;
        Ok(self.sent(receipt.gas, &receipt.logs, receipt.output.to_vec()))
    }

    /// Sends a call that may be refused by the error of this name; then it gives the gas that was lost.
    pub(super) fn try_send(
        self,
        state: &mut State,
        me: usize,
        call: &impl SolCall,
        expected: &str,
    ) -> Result<Result<Sent, u64>, String> {
        let evm = evm(state)?;
        evm.touch();
        match evm.chain.call(evm.account(me), self.streams, call) {
            Ok(receipt) => Ok(Ok(self.sent(receipt.gas, &receipt.logs, receipt.output.to_vec()))),
            Err(Error::Reverted { reason, gas, .. }) if matches!(&*reason, Reason::Error { name, .. } if name == expected) => {
                Ok(Err(gas))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn sent(self, gas: u64, logs: &[Log], output: Vec<u8>) -> Sent {
        let mut sent = Sent { gas, output, ..Sent::default() };
        for log in logs.iter().filter(|log| log.address == self.streams) {
            if let Ok(withdrawal) = streaming::LogWithdraw::decode_log(log) {
                sent.paid += withdrawal._funds;
            } else if let Ok(end) = streaming::LogRedeem::decode_log(log) {
                sent.paid += end._recipientBalance;
                sent.returned += end._senderBalance;
            }
        }
        sent
    }

    /// Starts a stream in this block, and gives its id and the gas.
    pub(super) fn create(
        self,
        state: &mut State,
        me: usize,
        recipient: usize,
        terms: Terms,
    ) -> Result<(U256, u64), String> {
        let call = streaming::createForCall {
            recipient: evm(state)?.account(recipient),
            token: self.token,
            payment: terms.payment,
            interval: U256::from(terms.interval),
            nIntervals: U256::from(terms.n_intervals),
        };
        let sent = self.send(state, me, &call)?;
        let id = streaming::createForCall::abi_decode_returns(&sent.output).map_err(|error| error.to_string())?;
        Ok((id, sent.gas))
    }

    /// Makes sure that the contract's clock shows seconds, or that it shows blocks.
    pub(super) fn require_clock(self, state: &mut State, is_seconds: bool) -> Result<(), String> {
        let mode = evm(state)?.ask(self.streams, &streaming::CLOCK_MODECall {})?;
        if mode.contains("mode=timestamp") == is_seconds {
            return Ok(());
        }
        let (unit, remedy) = if is_seconds {
            ("seconds", "bundled:TimestampMoneyStreaming")
        } else {
            ("blocks", "bundled:BlockMoneyStreaming")
        };
        let name = evm(state)?.chain.names().show(self.streams);
        Err(format!("the clock of `{name}` says {mode:?} and does not count {unit}: its artifact must be {remedy}"))
    }

    /// What the contract says of streams; one that ended is all zeros.
    pub(super) fn states(self, state: &mut State, ids: Vec<U256>) -> Result<Vec<StreamState>, String> {
        evm(state)?.ask(self.streams, &streaming::getStreamsCall { streamIds: ids })
    }

    /// What the contract's clock shows.
    pub(super) fn clock(self, state: &mut State) -> Result<u64, String> {
        evm(state)?.ask(self.streams, &streaming::clockCall {}).map(|clock| clock.to::<u64>())
    }
}

/// Who has a token, and where it is streamed.
#[derive(Debug, Default)]
pub(super) struct Books {
    token: Address,
    /// Agents, and for those who have it from streams alone how much that is by the log.
    agents: Vec<(usize, Option<U256>)>,
    /// Stream contracts and all their streams of this token.
    contracts: Vec<(Address, Vec<U256>)>,
}

impl Books {
    pub(super) fn of(token: Address) -> Self {
        Self { token, ..Self::default() }
    }

    pub(super) const fn token(&self) -> Address {
        self.token
    }

    /// Enters an agent who may have any amount.
    pub(super) fn enter(&mut self, agent: usize) {
        match self.agents.iter_mut().find(|(known, _)| *known == agent) {
            Some((_, received)) => *received = None,
            None => self.agents.push((agent, None)),
        }
    }

    /// Enters what an agent has got by streams; it has no more than that, unless it is entered as one who may.
    pub(super) fn enter_received(&mut self, agent: usize, received: U256) {
        match self.agents.iter_mut().find(|(known, _)| *known == agent) {
            Some((_, Some(sum))) => *sum += received,
            Some((_, None)) => {}
            None => self.agents.push((agent, Some(received))),
        }
    }

    /// Enters streams of a contract.
    pub(super) fn enter_streams(&mut self, contract: Address, mut ids: Vec<U256>) {
        match self.contracts.iter_mut().find(|(known, _)| *known == contract) {
            Some((_, known)) => known.append(&mut ids),
            None => self.contracts.push((contract, ids)),
        }
    }

    /// How many units are missing or too many: of the supply among agents and contracts, of what each contract's streams
    /// hold in the contract, and of what agents have received among what they have.
    pub(super) fn unaccounted(&self, state: &mut State) -> Result<U256, String> {
        let evm = evm(state)?;
        let supply: U256 = evm.ask(self.token, &DemoToken::totalSupplyCall {})?;
        let (mut found, mut wrong) = (U256::ZERO, U256::ZERO);
        for (agent, received) in &self.agents {
            let has = evm.units(self.token, evm.account(*agent))?;
            found += has;
            wrong += received.map_or(U256::ZERO, |received| received.abs_diff(has));
        }
        for (contract, ids) in &self.contracts {
            let has = evm.units(self.token, *contract)?;
            let streams = evm.ask(*contract, &streaming::getStreamsCall { streamIds: ids.clone() })?;
            let owed = streams.iter().fold(U256::ZERO, |sum, stream| sum + U256::from(stream.balance));
            found += has;
            wrong += owed.abs_diff(has);
        }
        Ok(supply.abs_diff(found) + wrong)
    }
}

/// The chain.
pub(super) fn evm(state: &mut State) -> Result<&mut Evm, String> {
    state.evm.as_mut().ok_or_else(|| "there is no chain: add the [[contract]] that the agent names".to_owned())
}

/// `a - b` in tokens.
pub(super) fn difference(a: U256, b: U256) -> f64 {
    if a >= b { from_units(a - b) } else { -from_units(b - a) }
}

/// Units as a column shows them, in all their digits while they have at most 38.
pub(super) fn in_units(units: U256) -> Number {
    Number::Integer(i128::try_from(units).unwrap_or(i128::MAX))
}

/// A whole number as a column shows it.
pub(super) fn whole(n: u64) -> Number {
    Number::Integer(i128::from(n))
}

/// A moment so many seconds after another; a time that is none or beyond all clocks is the end of time.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
pub(super) fn after(now: u64, secs: f64) -> u64 {
    const MOST: f64 = 1e15;
    if (0.0..MOST).contains(&secs) { now.saturating_add(libm::ceil(secs) as u64) } else { u64::MAX }
}

/// The agents that the [[agent]] of a name stands for: itself, or those with a number behind the name.
pub(super) fn members(builder: &Builder<'_>, key: &str) -> Result<Vec<usize>, NetlistError> {
    let name = builder.text(key);
    builder.template(key)?;
    if let Ok(one) = builder.state.agent(name) {
        return Ok(vec![one]);
    }
    Ok((1_u64..).map_while(|i| builder.state.agent(&format!("{name}{i}")).ok()).collect())
}
