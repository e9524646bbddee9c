//! Agents that try to make the stream contract insolvent or stuck, honest ones among them, and an auditor who looks at
//! every unit and tries every honest party's rights in each tick.

use alloy_primitives::{Address, U256};

use self::{
    arena::{Arena, ERRORS},
    calls::FUNCTIONS,
};
use super::{Gauge, Kind, Takes, required, streams::whole, with_default};
use crate::{
    economy::{State, from_units},
    netlist::Number,
};

mod arena;
mod attacker;
mod auditor;
mod calls;
mod code;
mod parties;

/// Streams as the standard wants it.
pub(super) const HONEST_PARTY: Kind = Kind {
    name: "honest-party",
    doc: "creates streams to honest parties and to griefers, withdraws, agrees on updates with honest ones, and redeems",
    keys: &[
        with_default("streams", Takes::Contract, "Streams", "the stream contract"),
        with_default("token", Takes::Contract, "DAI", "what it streams"),
        with_default("creates", Takes::Number, "0.3", "how likely it creates a stream in a tick"),
        with_default("trusts", Takes::Number, "0.3", "how likely the recipient is a griefer"),
        with_default("acts", Takes::Number, "0.15", "how likely it uses one of its rights in a stream in a tick"),
        with_default("payment", Takes::Number, "10", "a payment is from 0 to this many tokens, evenly, and a unit"),
        with_default("most", Takes::Number, "8", "how many of its streams to others run at most"),
    ],
    gauges: &[],
    build: parties::Honest::build,
};

/// Attacks.
pub(super) const GRIEFER: Kind = Kind {
    name: "griefer",
    doc: "calls the stream contract with hostile arguments, random ones and those of calls that went through, changed",
    keys: &[
        with_default("streams", Takes::Contract, "Streams", "the stream contract"),
        with_default("token", Takes::Contract, "DAI", "the honest token"),
        with_default("calls", Takes::Number, "5", "how many attacks it makes in a tick"),
        with_default("hostile", Takes::Number, "0.3", "how likely an argument of a call is made extreme"),
        with_default("replays", Takes::Number, "0.3", "how likely it takes a call that went through before"),
        with_default(
            "donates",
            Takes::Number,
            "0.01",
            "how likely it gives the contract tokens, is blocked or takes its approval back instead",
        ),
    ],
    gauges: &[],
    build: attacker::Griefer::build,
};

/// A token with moods.
pub(super) const CROOKED_TOKEN: Kind = Kind {
    name: "crooked-token",
    doc: "deploys a token that refuses, answers false, burns gas, reenters, takes fees or lies, as its mood is",
    keys: &[
        with_default("streams", Takes::Contract, "Streams", "the stream contract that it reenters"),
        with_default("token", Takes::Contract, "DAI", "the honest token"),
        with_default(
            "moods",
            Takes::Number,
            "6",
            "moods are 0 to this: honest, refuses, false, burns, reenters, fee, lies, denies",
        ),
        with_default("changes", Takes::Number, "0.3", "how likely its mood changes in a tick"),
        with_default("honest", Takes::Number, "0.5", "how likely it is honest then"),
    ],
    gauges: &[
        Gauge { name: "n_callbacks", doc: "how often it reentered", read: |state, me, _| crooked(state, me, true) },
        Gauge {
            name: "n_entered",
            doc: "how often the contract let it in",
            read: |state, me, _| crooked(state, me, false),
        },
    ],
    build: attacker::Crooked::build,
};

/// Looks at every unit.
pub(super) const STREAM_AUDITOR: Kind = Kind {
    name: "stream-auditor",
    doc: "adds up what the contract owes and has, tries what honest parties may do, and at the end ends all streams",
    keys: &[
        with_default("streams", Takes::Contract, "Streams", "the stream contract"),
        with_default("token", Takes::Contract, "DAI", "the honest token"),
        required("ends", Takes::Number, "after how many seconds all streams are ended"),
    ],
    gauges: AUDIT_GAUGES,
    build: auditor::Auditor::build,
};

/// Gauges of one function or error each, by number.
macro_rules! numbered {
    ($read:ident: $($number:literal $name:literal),+ $(,)?) => {
        &[$(Gauge { name: $name, doc: "how many calls of griefers had this outcome", read: $read::<$number> }),+]
    };
}

/// The auditor's own, and calls by outcome.
const AUDIT_GAUGES: &[Gauge] = &{
    const OWN: &[Gauge] = &[
        Gauge {
            name: "n_streams",
            doc: "how many streams there are",
            read: |state, _, _| audit(state, |arena| whole(arena.audit.n_streams)),
        },
        Gauge {
            name: "n_honest",
            doc: "how many of them have an honest party",
            read: |state, _, _| audit(state, |arena| whole(arena.audit.n_honest)),
        },
        Gauge {
            name: "owed",
            doc: "what the contract owes in the honest token, in tokens",
            read: |state, _, _| audit(state, |arena| Number::Float(from_units(arena.audit.owed))),
        },
        Gauge {
            name: "held",
            doc: "what the contract has of it",
            read: |state, _, _| audit(state, |arena| Number::Float(from_units(arena.audit.held))),
        },
        Gauge {
            name: "donated",
            doc: "what it was given for nothing",
            read: |state, _, _| audit(state, |arena| Number::Float(from_units(arena.donated))),
        },
        Gauge {
            name: "shortfall",
            doc: "units of all tokens that the contract owes and has not",
            read: |state, _, _| audit(state, |arena| units(arena.audit.shortfall)),
        },
        Gauge {
            name: "unaccounted",
            doc: "units of the honest token: what the contract has against what it owes and was given, and the supply against what all have",
            read: |state, _, _| audit(state, |arena| units(arena.audit.unaccounted)),
        },
        Gauge {
            name: "left",
            doc: "units of the honest token in the contract beyond donations",
            read: |state, _, _| audit(state, |arena| units(arena.audit.left)),
        },
        Gauge {
            name: "n_probes",
            doc: "how often a right of an honest party was tried",
            read: |state, _, _| audit(state, |arena| whole(arena.n_probes)),
        },
        Gauge {
            name: "n_stuck",
            doc: "how often that did not work out",
            read: |state, _, _| audit(state, |arena| whole(arena.n_stuck)),
        },
        Gauge {
            name: "n_wrong",
            doc: "how often a balance was another than terms and withdrawals make it",
            read: |state, _, _| audit(state, |arena| whole(arena.n_wrong)),
        },
        Gauge {
            name: "n_credited",
            doc: "how often an honest party had a credit in the honest token, which never refuses it",
            read: |state, _, _| audit(state, |arena| whole(arena.n_credited)),
        },
        Gauge {
            name: "n_withdrawn",
            doc: "how often honest parties withdrew",
            read: |state, _, _| audit(state, |arena| whole(arena.n_withdrawn)),
        },
        Gauge {
            name: "n_redeemed",
            doc: "how often they redeemed",
            read: |state, _, _| audit(state, |arena| whole(arena.n_redeemed)),
        },
        Gauge {
            name: "n_updated",
            doc: "how often they executed updates",
            read: |state, _, _| audit(state, |arena| whole(arena.n_updated)),
        },
        Gauge {
            name: "n_attacks",
            doc: "how many calls griefers made",
            read: |state, _, _| audit(state, |arena| whole(arena.tried.iter().sum::<u64>() + arena.n_starved)),
        },
        Gauge {
            name: "n_starved",
            doc: "how many of them with little gas",
            read: |state, _, _| audit(state, |arena| whole(arena.n_starved)),
        },
        Gauge {
            name: "n_settled_starved",
            doc: "how many of those went through",
            read: |state, _, _| audit(state, |arena| whole(arena.n_settled_starved)),
        },
    ];
    const ACCEPTED: &[Gauge] = numbered!(accepted:
        0 "accepted_create", 1 "accepted_createFor", 2 "accepted_withdraw", 3 "accepted_withdrawTo",
        4 "accepted_withdrawMax", 5 "accepted_redeem", 6 "accepted_confirmUpdate", 7 "accepted_acceptUpdate",
        8 "accepted_revokeUpdate", 9 "accepted_claim", 10 "accepted_settle", 11 "accepted_multicall",
    );
    const REFUSED: &[Gauge] = numbered!(refused:
        0 "CallerNotParty", 1 "CallerNotRecipient", 2 "DepositExceedsLimit", 3 "DepositNotReceived", 4 "GasTooLow",
        5 "IntervalZero", 6 "NothingToClaim", 7 "NothingToSettle", 8 "PayeeInvalid", 9 "PaymentZero",
        10 "RecipientInvalid", 11 "SafeERC20FailedOperation", 12 "StartInPast", 13 "StreamUnknown",
        14 "TermsUnchanged", 15 "TimeframeInvalid", 16 "TimeframeNotDivisible", 17 "TokenInvalid",
        18 "UpdateNotProposed", 19 "UpdateTooShort", 20 "WithdrawExceedsBalance", 21 "WithdrawZero",
        22 "FailedCall", 23 "AccountBlocked", 24 "ERC20InsufficientBalance", 25 "ERC20InsufficientAllowance",
        26 "no_reason",
    );
    const N: usize = OWN.len() + ACCEPTED.len() + REFUSED.len();
    let mut all = [OWN[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < OWN.len() {
            OWN[at]
        } else if at < OWN.len() + ACCEPTED.len() {
            ACCEPTED[at - OWN.len()]
        } else {
            REFUSED[at - OWN.len() - ACCEPTED.len()]
        };
        at += 1;
    }
    all
};

fn audit(state: &mut State, of: impl FnOnce(&Arena) -> Number) -> Result<Number, String> {
    Ok(of(state.shared::<Arena>()))
}

/// Units as a column shows them; more than 38 digits are rounded.
fn units(units: U256) -> Number {
    i128::try_from(units).map_or_else(|_| Number::Float(from_units(units) * 1e18), Number::Integer)
}

fn accepted<const AT: usize>(state: &mut State, _: usize, _: usize) -> Result<Number, String> {
    const { assert!(AT < FUNCTIONS.len(), "a gauge of a function") };
    audit(state, |arena| whole(arena.accepted[AT]))
}

fn refused<const AT: usize>(state: &mut State, _: usize, _: usize) -> Result<Number, String> {
    const { assert!(AT < ERRORS.len(), "a gauge of an error") };
    audit(state, |arena| whole(arena.refused[AT]))
}

fn crooked(state: &mut State, me: usize, made: bool) -> Result<Number, String> {
    let token = state.shared::<Arena>().crooked.iter().find(|(agent, _)| *agent == me).map(|(_, token)| *token);
    let Some(token): Option<Address> = token else { return Ok(Number::Integer(0)) };
    let counts = super::streams::evm(state)?.ask(token, &code::CrookedToken::countsCall {})?;
    Ok(units(if made { counts.made } else { counts.through }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_of_what_they_are_called() {
        let names: Vec<&str> = AUDIT_GAUGES.iter().map(|gauge| gauge.name).collect();
        let after_own = &names[names.len() - FUNCTIONS.len() - ERRORS.len()..];
        for (name, function) in after_own.iter().zip(&FUNCTIONS) {
            assert_eq!(*name, format!("accepted_{}", function.name));
        }
        assert_eq!(after_own[FUNCTIONS.len()..], ERRORS);
    }
}
