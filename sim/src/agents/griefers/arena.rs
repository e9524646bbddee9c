//! What all parties of a run share: who is honest, what was streamed, which calls went through, and why others did not.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Log, U256};
use alloy_sol_types::SolEvent;
use bindings::{
    DemoToken,
    IMoneyStreaming::{self as streaming, StreamState},
};

use super::calls::{Call, FUNCTIONS};
use crate::{
    agents::streams::{Venue, evm},
    economy::State,
    evm::{Error, Reason},
};

/// Why the contract or a token may refuse a griefer. Anything else ends the run: a panic, an error that is for nobody.
pub(super) const ERRORS: [&str; 27] = [
    "CallerNotParty",
    "CallerNotRecipient",
    "DepositExceedsLimit",
    "DepositNotReceived",
    "GasTooLow",
    "IntervalZero",
    "NothingToClaim",
    "NothingToSettle",
    "PayeeInvalid",
    "PaymentZero",
    "RecipientInvalid",
    "SafeERC20FailedOperation",
    "StartInPast",
    "StreamUnknown",
    "TermsUnchanged",
    "TimeframeInvalid",
    "TimeframeNotDivisible",
    "TokenInvalid",
    "UpdateNotProposed",
    "UpdateTooShort",
    "WithdrawExceedsBalance",
    "WithdrawZero",
    "FailedCall",
    "AccountBlocked",
    "ERC20InsufficientBalance",
    "ERC20InsufficientAllowance",
    NO_REASON,
];

/// What a crooked token gives, and the check of a call's encoding.
const NO_REASON: &str = "no_reason";

/// How many streams or views go into one view: gas is limited.
pub(super) const N_AT_ONCE: usize = 200;

/// How many calls that went through are remembered; the oldest is forgotten.
const MAX_CORPUS: usize = 300;

/// How many terms that somebody confirmed are remembered.
const MAX_PROPOSALS: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Arena {
    pub(super) honest: Vec<usize>,
    pub(super) griefers: Vec<usize>,
    /// Agents and the tokens that they deployed.
    pub(super) crooked: Vec<(usize, Address)>,
    /// What forwards calls with little gas.
    pub(super) starver: Option<Address>,
    /// Streams and their parties, those that have ended for a while too.
    pub(super) known: BTreeMap<U256, (Address, Address)>,
    /// Between honest parties, by their own books.
    pub(super) agreements: Vec<Agreement>,
    pub(super) corpus: Vec<Call>,
    pub(super) proposals: Vec<[U256; 5]>,
    /// To the contract, in the honest token.
    pub(super) donated: U256,
    pub(super) audit: Audit,
    pub(super) tried: [u64; FUNCTIONS.len()],
    pub(super) accepted: [u64; FUNCTIONS.len()],
    pub(super) refused: [u64; ERRORS.len()],
    pub(super) n_starved: u64,
    pub(super) n_settled_starved: u64,
    pub(super) n_probes: u64,
    pub(super) n_stuck: u64,
    pub(super) n_wrong: u64,
    pub(super) n_credited: u64,
    pub(super) n_withdrawn: u64,
    pub(super) n_redeemed: u64,
    pub(super) n_updated: u64,
    pub(super) is_over: bool,
}

/// What the auditor found last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Audit {
    pub(super) n_streams: u64,
    pub(super) n_honest: u64,
    pub(super) owed: U256,
    pub(super) held: U256,
    pub(super) shortfall: U256,
    pub(super) unaccounted: U256,
    pub(super) left: U256,
}

/// A stream of the honest token between honest parties, as its terms and their withdrawals make it: the contract's
/// arithmetic once more, from the standard's words.
#[derive(Clone, Debug)]
pub(super) struct Agreement {
    pub(super) id: U256,
    pub(super) sender: usize,
    pub(super) recipient: usize,
    pub(super) start: u64,
    pub(super) stop: u64,
    pub(super) payment: U256,
    pub(super) interval: u64,
    pub(super) withdrawn: U256,
    /// Stop, payment and interval that the sender and the recipient have confirmed.
    pub(super) proposals: [Option<(u64, U256, u64)>; 2],
    pub(super) is_over: bool,
}

impl Agreement {
    fn accrued(&self, clock: u64) -> U256 {
        let n_intervals = clock.min(self.stop).saturating_sub(self.start) / self.interval;
        self.payment * U256::from(n_intervals)
    }

    pub(super) fn due(&self, clock: u64) -> U256 {
        self.accrued(clock) - self.withdrawn
    }

    /// Where the proposal of a party is.
    pub(super) fn place(&self, party: usize) -> usize {
        usize::from(party == self.recipient)
    }

    pub(super) fn refundable(&self, clock: u64) -> U256 {
        self.accrued(self.stop) - self.accrued(clock)
    }
}

impl Arena {
    pub(super) fn agreement(&mut self, id: U256) -> Option<&mut Agreement> {
        self.agreements.iter_mut().find(|agreement| agreement.id == id)
    }

    /// Takes down what a transaction's log says of streams and consents.
    pub(super) fn note(&mut self, logs: &[Log]) {
        for log in logs {
            if let Ok(created) = streaming::LogCreate::decode_log(log) {
                self.known.insert(created._streamId, (created._sender, created._recipient));
            } else if let Ok(confirmed) = streaming::LogConfirmUpdate::decode_log(log) {
                let terms = [confirmed._newStopBlock, confirmed._newPayment, confirmed._newInterval];
                let token = super::calls::word(confirmed._newTokenAddress);
                if self.proposals.len() >= MAX_PROPOSALS {
                    self.proposals.remove(0);
                }
                self.proposals.push([confirmed._streamId, token, terms[0], terms[1], terms[2]]);
            }
        }
    }

    /// Counts a refusal by its name.
    fn refuse(&mut self, function: usize, error: &Error) -> Result<(), String> {
        let name = match error.reason() {
            Some(Reason::None) => NO_REASON,
            Some(Reason::Error { name, .. }) => name.as_str(),
            _ => "",
        };
        match ERRORS.iter().position(|known| *known == name) {
            Some(at) => {
                self.refused[at] += 1;
                Ok(())
            }
            // The error cannot name a call whose arguments are none.
            None => Err(format!("an attack by {}: {error}", FUNCTIONS[function].name)),
        }
    }
}

/// Sends a griefer's call, and tells whether it went through.
pub(super) fn attempt(state: &mut State, from: Address, venue: Venue, call: Call) -> Result<bool, String> {
    let sent = evm(state)?.chain.transact(from, venue.streams, U256::ZERO, call.encode());
    let arena = state.shared::<Arena>();
    arena.tried[call.function] += 1;
    let receipt = match sent {
        Ok(receipt) => receipt,
        Err(error) => return arena.refuse(call.function, &error).map(|()| false),
    };
    arena.accepted[call.function] += 1;
    arena.note(&receipt.logs);
    if arena.corpus.len() >= MAX_CORPUS {
        arena.corpus.remove(0);
    }
    arena.corpus.push(call);
    Ok(true)
}

/// Sends a call through the starver, with so much gas.
pub(super) fn starve(state: &mut State, from: Address, venue: Venue, (call, gas): (&Call, u64)) -> Result<(), String> {
    let Some(starver) = state.shared::<Arena>().starver else { return Ok(()) };
    let words = [U256::from(gas).to_be_bytes(), venue.streams.into_word().0].concat();
    let sent = evm(state)?.chain.transact(from, starver, U256::ZERO, [words, call.encode()].concat());
    let arena = state.shared::<Arena>();
    arena.n_starved += 1;
    match sent {
        Ok(_) => {
            arena.n_settled_starved += 1;
            Ok(())
        }
        Err(error) => arena.refuse(call.function, &error),
    }
}

/// Sends a call of the honest token.
pub(super) fn send_token(
    state: &mut State,
    me: usize,
    venue: Venue,
    call: &impl alloy_sol_types::SolCall,
) -> Result<(), String> {
    evm(state)?.call(me, venue.token, call).map(|_| ())
}

/// Gives the contract tokens for nothing.
pub(super) fn donate(state: &mut State, me: usize, venue: Venue, value: U256) -> Result<(), String> {
    send_token(state, me, venue, &DemoToken::transferCall { to: venue.streams, value })?;
    state.shared::<Arena>().donated += value;
    Ok(())
}

/// What the contract says of streams, in as many views as it takes.
pub(super) fn states(state: &mut State, venue: Venue, ids: &[U256]) -> Result<Vec<StreamState>, String> {
    let mut states = Vec::with_capacity(ids.len());
    for ids in ids.chunks(N_AT_ONCE) {
        states.extend(venue.states(state, ids.to_vec())?);
    }
    Ok(states)
}

/// What an agent has of the honest token.
pub(super) fn units(state: &mut State, venue: Venue, agent: usize) -> Result<U256, String> {
    let evm = evm(state)?;
    let owner = evm.account(agent);
    evm.units(venue.token, owner)
}

/// Whether there is a stream; one that has ended is all zeros.
pub(super) fn is_live(stream: &StreamState) -> bool {
    !stream.sender.is_zero()
}
