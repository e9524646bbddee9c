//! What is read from the chain, as of which block, and what endpoints that do not have it make of it.

use std::sync::Mutex;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolValue,
};
use bindings::Clock;
use index::{
    Error, Result,
    kind::{Call, Reader, erc1620::query::StreamFilter},
};

use crate::{
    chain::Log,
    hostile::{blocks, create, log},
    loader::Index,
    versions::all,
};

const CONTRACT: Address = Address::repeat_byte(0xcc);

/// What an endpoint has of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    State,
    Header,
    Nothing,
}

/// Says that decimals are the block's number and that clocks count seconds, and notes what it is asked at.
struct Endpoint<F> {
    has: F,
    asked: Mutex<Vec<Option<u64>>>,
}

impl<F: Fn(u64) -> Has + Send + Sync> Reader for Endpoint<F> {
    fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        let number = |hash: B256| blocks(8).iter().find(|block| block.hash == hash).unwrap().number;
        let at = at.map(number);
        self.asked.lock().unwrap().push(at);
        let missing = |block| Error::NoState { block, what: String::new(), remedy: String::new() };
        match at.map_or(Has::State, &self.has) {
            Has::State => {}
            Has::Header => return Err(missing(at.unwrap())),
            Has::Nothing => return Err(Error::Endpoint("there is no such block".to_owned())),
        }
        let answer = |call: &Call| match call.input[..] {
            [0x31, 0x3c, 0xe5, 0x67] => U256::from(at.unwrap_or(77)).abi_encode(),
            _ if call.to == CONTRACT => Clock::Timestamp.mode().abi_encode(),
            _ => "T".abi_encode(),
        };
        Ok(calls.iter().map(|call| Some(answer(call).into())).collect())
    }
}

fn endpoint<F: Fn(u64) -> Has>(has: F) -> Endpoint<F> {
    Endpoint { has, asked: Mutex::default() }
}

fn token(block: u64) -> Address {
    Address::with_last_byte(u8::try_from(0x70 + block).unwrap())
}

/// In blocks 1, 4 and 6 a stream in a token of its own, each of which is met again in block 7.
fn three_tokens() -> Vec<Log> {
    let places = [1, 4, 6].map(|block| (block, 0)).into_iter().chain([1, 4, 6].map(|block| (7, block)));
    let logs = places.enumerate().map(|(i, (block, idx))| {
        let met = if block == 7 { idx } else { block };
        let stream = create(i as u64 + 1, 0, 5_000, U256::ONE, 1);
        log(CONTRACT, block, idx, &bindings::IMoneyStreaming::LogCreate { _tokenAddress: token(met), ..stream })
    });
    logs.collect()
}

/// Decimals of the three tokens, and what the endpoint was asked at, the contract first.
#[track_caller]
fn check(chunk: usize, has: impl Fn(u64) -> Has + Send + Sync, decimals: [u8; 3], asked: &[Option<u64>]) {
    let mut index = Index::empty(&[CONTRACT], None);
    let endpoint = endpoint(has);
    index.take(&blocks(8), &three_tokens(), chunk, &endpoint).unwrap();
    let streams = all(&mut index, &StreamFilter::default(), 7);
    let said: Vec<_> = streams.iter().map(|stream| stream.token_decimals.unwrap()).collect();
    assert_eq!((&said[..3], &said[3..]), (&decimals[..], &decimals[..]));
    assert_eq!(streams[0].time, blocks(8)[7].timestamp);
    assert_eq!(*endpoint.asked.lock().unwrap(), asked);
}

#[test]
fn tokens_and_clocks_are_read_in_the_block_that_they_are_met_in() {
    let has_all = |_| Has::State;
    check(8, has_all, [1, 4, 6], &[1, 6, 4, 1].map(Some));
    check(1, has_all, [1, 4, 6], &[1, 1, 4, 6].map(Some));
    check(3, has_all, [1, 4, 6], &[1, 1, 4, 6].map(Some));
}

#[test]
fn what_no_endpoint_has_the_state_of_is_read_as_of_the_newest_block() {
    let has_none = |_| Has::Header;
    check(8, has_none, [77; 3], &[Some(1), None, Some(6), None]);
    let has_new = |block| if block > 4 { Has::State } else { Has::Header };
    check(8, has_new, [77, 77, 6], &[Some(1), None, Some(6), Some(4), None]);
}

#[test]
fn an_endpoint_that_is_behind_is_waited_for() {
    for behind in [0, 3, 5] {
        let mut index = Index::empty(&[CONTRACT], None);
        let late = endpoint(|block| if block <= behind { Has::State } else { Has::Nothing });
        let error = index.take(&blocks(8), &three_tokens(), 8, &late).unwrap_err();
        assert!(error.passes(), "{error}");
        assert!(index.dump()["streams_token"].is_empty() && index.dump()["streams_contract"].is_empty());
    }
}
