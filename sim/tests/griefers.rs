//! Griefers against the stream contract: nothing is lost, nobody honest is stuck, and the checks would notice.

#[path = "models/bounds.rs"]
mod bounds;
#[path = "models/mod.rs"]
mod models;

use alloy_primitives::{Address, U256, keccak256};
use bounds::broken;
use models::{Table, changed, ran, run};
use sim::{
    agents::{Agent, Kind},
    economy::{Evm, State},
};

const NETLIST: &str = "griefers.toml";

const FUNCTIONS: [&str; 12] = [
    "create",
    "createFor",
    "withdraw",
    "withdrawTo",
    "withdrawMax",
    "redeem",
    "confirmUpdate",
    "acceptUpdate",
    "revokeUpdate",
    "claim",
    "settle",
    "multicall",
];

const SHORT: (&str, f64) = ("length", 360.0);

fn broken_in(table: &Table) -> Vec<String> {
    broken(NETLIST, &|column| table.column(column).to_vec())
}

#[track_caller]
fn keeps_its_promises(table: &Table) {
    assert_eq!(broken_in(table), Vec::<String>::new());
    assert_eq!((table.last("all streams"), table.last("owed")), (0.0, 0.0));
}

#[test]
fn every_function_is_attacked_and_nothing_is_lost() {
    let table = ran(&changed(NETLIST, &[], &[]), 1, &[("length", 900.0)]);
    keeps_its_promises(&table);
    for function in FUNCTIONS {
        let n = table.last(&format!("accepted {function}"));
        assert!(n >= 2.0, "{n} calls of {function} went through");
    }
    for name in ["n_callbacks", "donated", "n_settled_starved", "n_withdrawn", "n_redeemed", "n_updated"] {
        assert!(table.last(name) > 0.0, "{name}");
    }
    assert!(table.last("n_probes") > 500.0);
    // 2^127 units at least were in the contract at once: the greatest deposits were accepted.
    assert!(table.column("owed").iter().copied().fold(0.0, f64::max) > 1.7e20);
}

#[test]
fn nothing_is_lost_for_all_seeds_and_settings() {
    let economy = changed(NETLIST, &[], &[]);
    let settings: [&[(&str, f64)]; 5] = [
        &[],
        &[("hostile", 1.0), ("replays", 0.8)],
        &[("n_griefers", 6.0), ("trusts", 1.0), ("hostile", 0.0)],
        &[("payment", 1e-18), ("moods", 0.0)],
        &[("n_griefers", 0.0)],
    ];
    for values in settings {
        for seed in 2..=3 {
            let table = ran(&economy, seed, &[values, &[("length", 180.0)]].concat());
            keeps_its_promises(&table);
        }
    }
}

#[test]
fn without_griefers_honest_parties_are_alone() {
    let table = ran(&changed(NETLIST, &[], &[]), 5, &[SHORT, ("n_griefers", 0.0)]);
    assert_eq!((table.last("n_attacks"), table.last("donated")), (0.0, 0.0));
    assert!(table.last("n_withdrawn") > 0.0);
    // What the contract owes it has to the unit, in every block.
    assert_eq!(table.column("owed"), table.column("held"));
}

#[test]
fn equal_seeds_give_equal_runs_and_others_do_not() {
    let economy = changed(NETLIST, &[], &[]);
    let owed = |seed| ran(&economy, seed, &[SHORT]).column("owed").to_vec();
    let (first, again, other) = (owed(7), owed(7), owed(8));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

/// A crooked token that pays and says that it did not makes the contract pay twice: a payment, and a credit. It is
/// insolvent in that token, which is noticed, and in no other.
#[test]
fn a_token_that_is_paid_out_twice_is_noticed() {
    let economy = changed(NETLIST, &[("moods = \"moods\"", "moods = \"moods\"\nchanges = 1\nhonest = 0.6")], &[]);
    let table = ran(&economy, 1, &[SHORT, ("moods", 7.0)]);
    assert_eq!(broken_in(&table), ["greatest shortfall"]);
    assert!(table.column("unaccounted").iter().all(|units| *units == 0.0));
}

/// What goes wrong in tick 20, past all contracts.
enum Harm {
    /// Three units of the honest token are taken out of the contract.
    Theft,
    /// Three units are put in that nobody gave.
    Windfall,
    /// The token refuses the contract, so that nobody can be paid.
    Blockade,
    /// The first crooked token is let in by a target without a lock.
    Reentry,
}

impl Harm {
    fn does(&self, evm: &mut Evm) -> Result<(), String> {
        let (token, streams) = (evm.address(0), evm.address(1));
        let slot_of = |address: Address, mapping: u8| {
            U256::from_be_bytes(keccak256([address.into_word(), U256::from(mapping).into()].concat()).0)
        };
        let mut write =
            |slot: U256, value: U256| evm.chain.set_storage(token, slot, value).map_err(|error| error.to_string());
        match self {
            Self::Theft | Self::Windfall => {
                // Balances are the token's first mapping.
                let slot = slot_of(streams, 0);
                let has = evm.chain.storage(token, slot).map_err(|error| error.to_string())?;
                let three = U256::from(3);
                let changed = if matches!(self, Self::Theft) { has - three } else { has + three };
                evm.chain.set_storage(token, slot, changed).map_err(|error| error.to_string())
            }
            // Who is blocked comes after the ERC-20's five slots.
            Self::Blockade => write(slot_of(streams, 5), U256::ONE),
            Self::Reentry => {
                let crooked = evm.chain.names().address("token of crooked1").expect("it has a name");
                // The counter of calls that went through is in the slot before the last eleven.
                evm.chain.set_storage(crooked, !U256::from(11), U256::ONE).map_err(|error| error.to_string())
            }
        }
    }
}

macro_rules! harmful {
    ($harm:ident) => {{
        struct Harmful;
        impl Agent for Harmful {
            fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
                if state.tick() == 20 {
                    Harm::$harm.does(state.evm.as_mut().expect("there is a chain"))
                } else {
                    Ok(())
                }
            }
        }
        Kind { name: "harmful", doc: "does harm", keys: &[], gauges: &[], build: |_| Ok(Box::new(Harmful)) }
    }};
}

/// Which asserts break if that happens to honest parties who are alone, and with griefers.
#[track_caller]
fn check_noticed(harm: Kind, expected: &[&str]) {
    let agent = ("[columns]\n", "[[agent]]\nname = \"harmful\"\nkind = \"harmful\"\n\n[columns]\n");
    // Honest parties do not act themselves, because what they do must work out or ends the run.
    let idle = ("payment = \"payment\"\n", "payment = \"payment\"\nacts = 0\nmost = 2\n");
    let economy = changed(NETLIST, &[agent, idle], &[harm]);
    let table = ran(&economy, 1, &[SHORT, ("n_griefers", 0.0), ("payment", 1e-16)]);
    assert_eq!(broken_in(&table), expected);
}

#[test]
fn missing_units_are_noticed() {
    let expected = [
        "greatest shortfall",
        "units unaccounted for",
        "left at the end",
        "rights denied",
        "wrong balances",
        "honest parties with credits",
    ];
    // Whoever is paid last gets a credit that nothing is behind.
    check_noticed(harmful!(Theft), &expected);
}

#[test]
fn units_from_nowhere_are_noticed() {
    check_noticed(harmful!(Windfall), &["units unaccounted for", "left at the end"]);
}

#[test]
fn honest_parties_who_are_stuck_are_noticed() {
    let expected = ["left at the end", "rights denied", "wrong balances", "honest parties with credits"];
    check_noticed(harmful!(Blockade), &expected);
}

/// What honest parties do themselves must work out.
#[test]
fn a_refusal_that_nobody_expects_ends_the_run() {
    let agent = ("[columns]\n", "[[agent]]\nname = \"harmful\"\nkind = \"harmful\"\n\n[columns]\n");
    let failure = run(&changed(NETLIST, &[agent], &[harmful!(Blockade)]), 1, &[SHORT]).err().expect("the run ends");
    assert!(failure.timestep >= 20 && failure.reason.contains("agent `honest"), "{failure}");
    assert!(failure.reason.contains("reverted: AccountBlocked(account Streams)"), "{failure}");
}

#[test]
fn a_reentry_is_noticed() {
    check_noticed(harmful!(Reentry), &["reentries"]);
}
