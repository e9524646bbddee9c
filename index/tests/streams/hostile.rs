//! Logs that no MoneyStreaming contract writes, and contracts that are none.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::{SolEvent, SolValue},
};
use bindings::{
    Clock,
    IMoneyStreaming::{LogClaim, LogCreate, LogExecuteUpdate, LogRedeem, LogUpdateStart, LogWithdraw},
    create2_address,
};
use index::{
    Result,
    block::Block,
    kind::{
        Call, Reader,
        erc1620::query::{StreamFilter, streams_project},
    },
};

use crate::{
    chain::Log,
    loader::{Index, Silent, epoch_of, kind},
    versions::all,
};

const CONTRACT: Address = Address::repeat_byte(0xcc);
const TOKEN: Address = Address::repeat_byte(0x70);
const OTHER: Address = Address::repeat_byte(0x71);
const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);

/// Says the same to everything.
struct Says(Option<Bytes>);

impl Reader for Says {
    fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        if calls[0].to == CONTRACT {
            // In the block of the first stream.
            assert_eq!((calls.len(), at), (1, Some(blocks(4)[1].hash)));
            return Ok(vec![self.0.clone()]);
        }
        Silent.read(calls, at)
    }
}

pub fn blocks(n_blocks: u64) -> Vec<Block> {
    let hash = |number: u64| B256::from(U256::from(number + 1));
    let block = |number: u64| Block {
        number,
        hash: hash(number),
        parent: if number == 0 { B256::ZERO } else { hash(number - 1) },
        timestamp: 1_000 + 12 * number,
    };
    (0..n_blocks).map(block).collect()
}

pub fn log(contract: Address, block: u64, idx: u64, event: &impl SolEvent) -> Log {
    let data = event.encode_log_data();
    Log { block, idx, tx: B256::ZERO, contract, topics: data.topics().to_vec(), data: data.data }
}

pub fn create(id: u64, start: u64, stop: u64, payment: U256, interval: u64) -> LogCreate {
    LogCreate {
        _streamId: U256::from(id),
        _sender: ALICE,
        _recipient: BOB,
        _tokenAddress: TOKEN,
        _startBlock: U256::from(start),
        _stopBlock: U256::from(stop),
        _payment: payment,
        _interval: U256::from(interval),
    }
}

fn withdraw(amount: u64) -> LogWithdraw {
    LogWithdraw { _streamId: U256::ONE, _recipient: BOB, _funds: U256::from(amount) }
}

fn end(sender: u64, recipient: u64) -> LogRedeem {
    LogRedeem {
        _streamId: U256::ONE,
        _sender: ALICE,
        _recipient: BOB,
        _senderBalance: U256::from(sender),
        _recipientBalance: U256::from(recipient),
    }
}

fn execute() -> LogExecuteUpdate {
    LogExecuteUpdate {
        _newStreamId: U256::ONE,
        _sender: ALICE,
        _recipient: BOB,
        _newTokenAddress: TOKEN,
        _newStopBlock: U256::from(30),
        _newPayment: U256::from(5),
        _newInterval: U256::from(10),
    }
}

fn start(update_epoch: u64, deposit: u64) -> LogUpdateStart {
    let (epoch, deposit) = (U256::from(update_epoch), U256::from(deposit));
    LogUpdateStart { streamId: U256::ONE, updateEpoch: epoch, start: U256::from(10), deposit }
}

/// The logs are refused with an error that says `text`, and nothing of the chunk is there.
#[track_caller]
fn refuses(logs: Vec<Log>, text: &str) {
    let contract = create2_address(Clock::Block);
    let mut index = Index::empty(&[contract], None);
    let mut all_logs = vec![log(contract, 0, 0, &create(1, 0, 10, U256::from(2), 1))];
    index.take(&blocks(1), &all_logs, 10, &Silent).unwrap();
    let before = index.dump()["streams_version"].clone();
    all_logs.extend(logs);
    let error = index.take(&blocks(4)[1..], &all_logs, 10, &Silent).unwrap_err();
    assert!(error.to_string().contains(text), "{error}");
    assert!(!error.passes());
    assert_eq!(index.dump()["streams_version"], before);
}

#[test]
fn logs_that_contradict_each_other_stop_the_source() {
    let contract = create2_address(Clock::Block);
    refuses(vec![log(contract, 1, 0, &withdraw(21))], "withdrawal of 21 exceeds balance 20 of stream 1");
    refuses(vec![log(contract, 1, 0, &end(15, 4))], "ends with 15 and 4 of 20");
    refuses(vec![log(contract, 1, 0, &end(15, 5)), log(contract, 2, 0, &withdraw(1))], "has a log after its end");
    refuses(vec![log(contract, 1, 0, &execute())], "an update executes, and no log tells its start");
    refuses(
        vec![log(contract, 1, 0, &execute()), log(contract, 1, 1, &start(1, 11))],
        "updated to epoch 1 with deposit 11, after epoch 0 and with terms that take 10",
    );
    refuses(vec![log(contract, 1, 0, &execute()), log(contract, 1, 1, &start(3, 10))], "updated to epoch 3");
    let unknown = LogWithdraw { _streamId: U256::from(9), _recipient: BOB, _funds: U256::ONE };
    refuses(vec![log(contract, 1, 0, &unknown)], "stream 9 of");
    refuses(vec![log(contract, 1, 0, &create(2, 0, 10, U256::MAX, 1))], "payments have 128 bits");
    refuses(vec![log(contract, 1, 0, &create(2, 0, u64::MAX, U256::ONE, 1))], "empty or ends after");
    refuses(vec![log(contract, 1, 0, &create(2, 0, 10, U256::ONE, 0))], "interval is 0");
}

#[test]
fn a_claim_of_what_was_never_owed_makes_no_snapshot() {
    let contract = create2_address(Clock::Block);
    let mut index = Index::empty(&[contract], None);
    let claim = LogClaim { account: ALICE, token: TOKEN, to: ALICE, amount: U256::ONE };
    let logs = [log(contract, 0, 0, &create(1, 0, 10, U256::ONE, 1)), log(contract, 1, 0, &claim)];
    index.take(&blocks(4), &logs, 10, &Silent).unwrap();
    let error = index::kind::Kind::snapshots(&mut index.kind, &mut index.database, &epoch_of(0, 4, &blocks(4)));
    assert!(error.unwrap_err().to_string().contains("and 1 more is claimed"));
}

#[track_caller]
fn check_clock(answer: Option<Bytes>, expected: Result<u64, &str>) {
    let mut index = Index::empty(&[CONTRACT], None);
    let logs = [log(CONTRACT, 1, 0, &create(1, 0, 5_000, U256::ONE, 1))];
    let taken = index.take(&blocks(4), &logs, 2, &Says(answer));
    match expected {
        Ok(time) => {
            taken.unwrap();
            assert_eq!(all(&mut index, &StreamFilter::default(), 3)[0].time, time);
        }
        Err(text) => {
            let error = taken.unwrap_err().to_string();
            assert!(error.contains(text) && error.len() < 400, "{error}");
        }
    }
}

#[test]
fn a_contract_says_its_clock_once_and_has_to_be_understood() {
    let says = |mode: &str| Some(Bytes::from(mode.abi_encode()));
    check_clock(says(Clock::Block.mode()), Ok(3));
    check_clock(says(Clock::Timestamp.mode()), Ok(1_036));
    check_clock(says("mode=moon"), Err(r#"says "mode=moon" where"#));
    check_clock(says(&"x".repeat(100_000)), Err("xxx"));
    check_clock(None, Err("says nothing where"));
    check_clock(Some(Bytes::from_static(&[0xff; 64])), Err("says nothing where"));
}

/// Symbol, name and decimals of [`TOKEN`]; the other token burns all gas.
struct Described;

impl Reader for Described {
    fn read(&self, calls: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        let answer = |call: &Call| match call.input[..] {
            _ if call.to != TOKEN => None,
            [0x95, 0xd8, 0x9b, 0x41] => Some("a\0\u{1b}[31mB".repeat(1 << 15).abi_encode().into()),
            [0x06, 0xfd, 0xde, 0x03] => Some("Token".abi_encode().into()),
            _ => Some(U256::from(6).abi_encode().into()),
        };
        Ok(calls.iter().map(answer).collect())
    }
}

/// A stream in each token, the first of which an update brings to the other.
fn two_tokens() -> Vec<Log> {
    let contract = create2_address(Clock::Block);
    let other = LogCreate { _tokenAddress: OTHER, ..create(2, 0, 10, U256::from(u128::MAX / 10), 1) };
    let moved = LogExecuteUpdate { _newTokenAddress: OTHER, ..execute() };
    vec![
        log(contract, 0, 0, &create(1, 0, 10, U256::from(2), 1)),
        log(contract, 1, 0, &other),
        log(contract, 2, 0, &create(3, 0, 10, U256::from(2), 1)),
        log(contract, 5, 0, &moved),
        log(contract, 5, 1, &start(1, 10)),
    ]
}

#[test]
fn streams_have_what_their_tokens_say_and_snapshots_do_not() {
    let contract = create2_address(Clock::Block);
    let (mut index, mut silent) = (Index::empty(&[contract], None), Index::empty(&[contract], None));
    index.take(&blocks(8), &two_tokens(), 2, &Described).unwrap();
    silent.take(&blocks(8), &two_tokens(), 8, &Silent).unwrap();
    let said = |index: &mut Index, block| {
        let streams = all(index, &StreamFilter::default(), block);
        streams.into_iter().map(|stream| (stream.token_symbol, stream.token_decimals)).collect::<Vec<_>>()
    };
    let (clean, nothing) = ((Some("a[31mB".repeat(11).chars().take(64).collect::<String>()), Some(6)), (None, None));
    assert_eq!(said(&mut index, 3), [clean.clone(), nothing.clone(), clean.clone()]);
    assert_eq!(said(&mut index, 7), [nothing.clone(), nothing.clone(), clean]);
    assert_eq!(said(&mut silent, 7), vec![nothing; 3]);
    let end = epoch_of(0, 8, &blocks(8));
    assert_eq!(index.snapshots(&end), silent.snapshots(&end));

    // The token is met again on the other fork, where it says something else.
    let before = index.dump();
    assert_eq!(before["streams_token"].len(), 2);
    index.unwind(1);
    assert_eq!(index.dump()["streams_token"].len(), 2, "both are met by block 1");
    index.unwind(0);
    assert_eq!(index.dump()["streams_token"].len(), 1);
    index.take(&blocks(8)[1..], &two_tokens(), 3, &Described).unwrap();
    assert_eq!(index.dump(), before);
}

#[test]
fn only_wanted_tokens_have_projects() {
    let contract = create2_address(Clock::Block);
    let projects = |tokens: &[Address]| {
        let mut index = Index::of(kind(&[contract], None, tokens));
        index.take(&blocks(8), &two_tokens(), 8, &Silent).unwrap();
        assert_eq!(all(&mut index, &StreamFilter::default(), 7).len(), 3, "streams are kept of all");
        index.snapshots(&epoch_of(0, 8, &blocks(8)))
    };
    let names = |tokens: &[Address]| projects(tokens).into_iter().map(|snapshot| snapshot.project).collect::<Vec<_>>();
    let of = |token| streams_project("streams", contract, token);
    assert_eq!(names(&[]), [of(TOKEN), of(OTHER)]);
    assert_eq!(names(&[TOKEN, OTHER]), names(&[]));
    assert!(names(&[ALICE]).is_empty());
    // What is left out changes nothing of what is not, though a stream went there.
    assert_eq!(projects(&[TOKEN]), projects(&[])[..1]);
    assert_eq!(projects(&[OTHER]), projects(&[])[1..]);
}
