//! Snapshots against the contracts, the tokens and a recount of the logs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy::{
    primitives::{Address, B256, U256, U512},
    sol_types::{SolEvent, SolEventInterface},
};
use bindings::{
    Clock, IERC20,
    IMoneyStreaming::{IMoneyStreamingEvents as Event, StreamState},
};
use index::{
    content::{DAG_CBOR, cid},
    kind::{
        Kind,
        erc1620::{ClockName, StreamsPayload, query::streams_project},
    },
    snapshot::{Snapshot, Word},
};

use crate::{
    chain::Log,
    loader::{EPOCH, Index, SOURCE, Silent, epoch, kind},
    world::{Book, World},
};

/// 10^18 times this is divisible by all intervals of the traffic.
const MULTIPLE: u64 = 2_100;

fn number(word: Word) -> U256 {
    U256::from_be_bytes(word.0)
}

fn time(time: alloy::primitives::aliases::U48) -> u64 {
    time.to()
}

/// The payloads of each epoch, by projects; all snapshots are what their addresses say, in the one form there is.
fn payloads() -> Vec<BTreeMap<String, (StreamsPayload, Snapshot)>> {
    let world = World::get();
    let mut index = world.index(1_000);
    let of_epoch = |id| {
        let snapshots = index.snapshots(&epoch(id, &world.blocks));
        assert!(snapshots.is_sorted_by(|a, b| a.project < b.project));
        let payload = |snapshot: Snapshot| {
            assert_eq!(snapshot.cid, cid(DAG_CBOR, &snapshot.bytes));
            let ipld: ipld_core::ipld::Ipld = serde_ipld_dagcbor::from_slice(&snapshot.bytes).unwrap();
            assert_eq!(serde_ipld_dagcbor::to_vec(&ipld).unwrap(), snapshot.bytes);
            let payload = serde_ipld_dagcbor::from_slice(&snapshot.bytes).unwrap();
            (snapshot.project.clone(), (payload, snapshot))
        };
        snapshots.into_iter().map(payload).collect()
    };
    (0..world.n_epochs()).map(of_epoch).collect()
}

#[test]
fn balances_are_those_of_the_contracts() {
    let world = World::get();
    let mut n_credits = 0;
    for (id, (end, payloads)) in (0..).zip(world.ends.iter().zip(payloads())) {
        for book in &end.books {
            for (token, holding) in world.tokens.into_iter().zip(book.holdings) {
                let Some((payload, _)) = payloads.get(&streams_project(SOURCE, book.contract, token)) else {
                    assert!(holding.is_zero());
                    assert!(book.states.iter().all(|state| state.token != token));
                    continue;
                };
                let last = world.blocks[usize::try_from((id + 1) * EPOCH - 1).unwrap()];
                assert_eq!((payload.head.epoch.id, payload.head.epoch.end), (id, last.number));
                assert_eq!((payload.head.end_hash, payload.head.end_timestamp), (last.hash.into(), last.timestamp));
                assert_eq!((payload.contract.0, payload.token.0), (book.contract, token));
                // No unit is anywhere else.
                assert_eq!(number(payload.locked) + number(payload.credits), holding, "epoch {id}");
                n_credits += usize::from(!number(payload.credits).is_zero());
                check_book(payload, book, token);
            }
        }
    }
    assert!(n_credits > 3, "{n_credits}");
}

fn check_book(payload: &StreamsPayload, book: &Book, token: Address) {
    let last = World::get().blocks[usize::try_from(payload.head.epoch.end).unwrap()];
    let now = match book.clock {
        Clock::Block => last.number,
        Clock::Timestamp => last.timestamp,
    };
    assert_eq!((payload.clock, payload.time), (ClockName::from(book.clock), now));
    let open: Vec<&StreamState> = book.states.iter().filter(|state| state.token == token).collect();
    let sum = |part: fn(&StreamState) -> u128| open.iter().map(|state| U256::from(part(state))).sum::<U256>();
    assert_eq!(number(payload.locked), sum(|state| state.balance));
    assert_eq!(number(payload.due), sum(|state| state.due));
    assert_eq!(number(payload.refundable), sum(|state| state.refundable));
    let active: Vec<_> = open.iter().filter(|state| (time(state.start)..time(state.stop)).contains(&now)).collect();
    let parties: BTreeSet<Address> = open.iter().flat_map(|state| [state.sender, state.recipient]).collect();
    assert_eq!((payload.open, payload.active), (open.len() as u64, active.len() as u64));
    assert_eq!(payload.parties, parties.len() as u64);
    // With one denominator for all.
    let flow: u128 = active.iter().map(|state| state.payment * u128::from(MULTIPLE / time(state.interval))).sum();
    assert_eq!(number(payload.flow.per_unit), divided(flow, 1, MULTIPLE));
    let (n_units, n_secs) = match book.clock {
        Clock::Block => (last.number * 86_400, last.timestamp - World::get().blocks[0].timestamp),
        Clock::Timestamp => (86_400, 1),
    };
    assert_eq!(payload.flow.per_day.map(number), Some(divided(flow, n_units, n_secs * MULTIPLE)));
}

/// `amount * numerator / denominator` with 18 decimals, half to even.
fn divided(amount: u128, numerator: u64, denominator: u64) -> U256 {
    let dividend = U512::from(amount) * U512::from(numerator) * U512::from(10_u64.pow(18));
    let (down, rest) = dividend.div_rem(U512::from(denominator));
    let twice = rest * U512::from(2);
    let is_up = twice > U512::from(denominator) || (twice == U512::from(denominator) && down.bit(0));
    (down + U512::from(is_up)).to()
}

#[test]
fn a_project_goes_on_from_its_first_stream() {
    let mut n_before = 0;
    for payloads in payloads() {
        assert!(payloads.len() >= n_before);
        n_before = payloads.len();
    }
    assert_eq!(n_before, 4);
}

#[test]
fn parties_come_and_go_one_by_one() {
    let mut before: HashMap<String, u64> = HashMap::new();
    let mut n_changes = 0;
    for payloads in payloads() {
        for (project, (payload, _)) in payloads {
            let n_before = before.insert(project, payload.parties).unwrap_or(0);
            assert_eq!(n_before + payload.new_parties - payload.lost_parties, payload.parties);
            n_changes += payload.new_parties + payload.lost_parties;
        }
    }
    assert!(n_changes > 20, "{n_changes}");
}

/// What a recount of the logs of some blocks gives, by the names of the sums.
pub(crate) fn recount(logs: &[Log], first: u64, last: u64) -> HashMap<(Address, Address, &'static str), U256> {
    let world = World::get();
    let mut sums = HashMap::new();
    let mut tokens: HashMap<(Address, U256), Address> = HashMap::new();
    for log in logs {
        let is_within = (first..=last).contains(&log.block);
        let mut add = |contract, token, name, amount: U256| {
            if is_within {
                *sums.entry((contract, token, name)).or_insert(U256::ZERO) += amount;
            }
        };
        let contract = log.contract;
        if world.tokens.contains(&contract) && log.topics[0] == IERC20::Transfer::SIGNATURE_HASH {
            let transfer = IERC20::Transfer::decode_raw_log(log.topics.iter().copied(), &log.data).unwrap();
            add(transfer.to, contract, "in", transfer.value);
            add(transfer.from, contract, "out", transfer.value);
            continue;
        }
        let Ok(event) = Event::decode_raw_log(&log.topics, &log.data) else { continue };
        let one = U256::ONE;
        match event {
            Event::LogCreate(log) => {
                tokens.insert((contract, log._streamId), log._tokenAddress);
                add(contract, log._tokenAddress, "created", one);
            }
            Event::LogWithdraw(log) => add(contract, tokens[&(contract, log._streamId)], "withdrawn", log._funds),
            Event::LogRedeem(log) => {
                let token = tokens[&(contract, log._streamId)];
                add(contract, token, "redeemed", one);
                add(contract, token, "returned", log._senderBalance);
                add(contract, token, "settled", log._recipientBalance);
            }
            Event::LogExecuteUpdate(log) => {
                let before = tokens.insert((contract, log._newStreamId), log._newTokenAddress).unwrap();
                add(contract, log._newTokenAddress, "updated", one);
                if before != log._newTokenAddress {
                    add(contract, log._newTokenAddress, "moved_in", one);
                    add(contract, before, "moved_out", one);
                }
            }
            Event::LogCredit(log) => add(contract, log.token, "credited", log.amount),
            Event::LogClaim(log) => add(contract, log.token, "claimed", log.amount),
            _ => {}
        }
    }
    sums
}

#[test]
fn windows_from_prefix_sums_equal_a_recount() {
    let world = World::get();
    let payloads = payloads();
    let mut totals: Vec<HashMap<(String, String), U256>> = vec![HashMap::new()];
    for payloads in &payloads {
        let mut total = totals[totals.len() - 1].clone();
        for (project, (_, snapshot)) in payloads {
            for (name, amount) in &snapshot.sums {
                *total.entry((project.clone(), name.to_string())).or_default() += *amount;
            }
        }
        totals.push(total);
    }
    let mut n_compared = 0;
    let n_epochs = payloads.len();
    for (from, to) in (0..n_epochs).flat_map(|from| (from..n_epochs).step_by(5).map(move |to| (from, to))) {
        let recounted = recount(&world.logs, from as u64 * EPOCH, (to as u64 + 1) * EPOCH - 1);
        for contract in world.ends[0].books.each_ref().map(|book| book.contract) {
            for token in world.tokens {
                let project = streams_project(SOURCE, contract, token);
                let expected = |name| recounted.get(&(contract, token, name)).copied().unwrap_or_default();
                let window = |name: &str| {
                    let total =
                        |i: usize| totals[i].get(&(project.clone(), name.to_owned())).copied().unwrap_or_default();
                    total(to + 1) - total(from)
                };
                for name in [
                    "created",
                    "updated",
                    "redeemed",
                    "moved_in",
                    "moved_out",
                    "withdrawn",
                    "returned",
                    "settled",
                    "credited",
                    "claimed",
                ] {
                    assert_eq!(window(name), expected(name), "{name} in epochs {from} to {to}");
                    n_compared += usize::from(!expected(name).is_zero());
                }
                assert_eq!(window("deposited"), expected("in"), "deposits in epochs {from} to {to}");
                let out = window("withdrawn") + window("refunded") + window("returned") + window("settled");
                assert_eq!(out + window("claimed"), expected("out") + window("credited"), "epochs {from} to {to}");
            }
        }
    }
    assert!(n_compared > 500, "{n_compared}");
    // Each of them happened.
    let all = recount(&world.logs, 0, u64::MAX);
    for name in ["updated", "moved_in", "credited", "claimed", "settled"] {
        assert!(all.keys().any(|(_, _, key)| *key == name), "{name}");
    }
}

#[test]
fn snapshots_depend_on_neither_order_nor_chunks_nor_what_was_asked_before() {
    let world = World::get();
    let expected: Vec<Vec<Snapshot>> = {
        let mut index = world.index(1_000);
        (0..world.n_epochs()).map(|id| index.snapshots(&epoch(id, &world.blocks))).collect()
    };
    let mut index = world.index(7);
    let mut check = |id: usize| assert_eq!(index.snapshots(&epoch(id as u64, &world.blocks)), expected[id], "{id}");
    // Backwards, twice, with gaps, and at random.
    (0..expected.len()).rev().for_each(&mut check);
    (0..expected.len()).step_by(3).for_each(&mut check);
    [5, 5, 9, 2, 3, 11, 4].into_iter().for_each(&mut check);
}

#[test]
fn a_ledger_of_blocks_that_another_process_took_back_is_not_believed() {
    let world = World::get();
    let expected = world.index(1_000).snapshots(&epoch(15, &world.blocks));
    // On another branch nothing happened in the last blocks of epoch 14.
    let (n_common, n_blocks) = (143, 150);
    let mut branch = world.blocks[..n_blocks].to_vec();
    for block in &mut branch[n_common..] {
        block.hash = B256::repeat_byte(0xb0);
    }
    let logs: Vec<Log> = world.logs.iter().filter(|log| log.block < n_common as u64).cloned().collect();
    assert!(world.logs.iter().any(|log| (n_common..n_blocks).contains(&usize::try_from(log.block).unwrap())));
    let mut index = Index::empty(&[], None);
    index.take(&branch, &logs, 1_000, &Silent).unwrap();
    index.snapshots(&epoch(14, &branch));
    // Another process leads, and follows the chain back; this one is told nothing.
    let mut worker = std::mem::replace(&mut index.kind, kind(&[], None, &[]));
    index.unwind(n_common as u64 - 1);
    index.take(&world.blocks[n_common..], &world.logs, 1_000, &Silent).unwrap();
    assert_eq!(worker.snapshots(&mut index.database, &epoch(15, &world.blocks)).unwrap(), expected);
}
