//! Streams on the deployed bytecode, against the arithmetic of `stream`.

use bindings::IMoneyStreaming::{balanceOfCall, createCall, getStreamCall, redeemCall, withdrawCall};
use sim::evm::{Block, Chain, Contract, U256};
use stream::{Rate, Terms, Timeframe};

use crate::{artifact, market, n};

fn streaming(reference: &str) -> (Chain, Contract, Contract) {
    let (mut chain, token, alice) = market();
    chain.account("bob", U256::ZERO).unwrap();
    let streaming = chain.deploy(alice, "streaming", &artifact(reference), &[]).unwrap();
    token.send(&mut chain, (alice, U256::ZERO), "approve", &["streaming".into(), 1_000_u64.into()]).unwrap();
    chain.set_block(Block { number: 10, timestamp: 10 });
    (chain, token, streaming)
}

#[track_caller]
fn check(reference: &str, step: impl Fn(&mut Chain)) {
    let (mut chain, token, streaming) = streaming(reference);
    let [alice, bob] = ["alice", "bob"].map(|name| chain.names().address(name).unwrap());
    let terms = Terms::create(10, Timeframe { start: 20, stop: 90 }, Rate { payment: 9, interval: 7 }).unwrap();
    let create = createCall {
        _recipient: bob,
        _tokenAddress: token.address,
        _startBlock: n(20),
        _stopBlock: n(90),
        _payment: n(9),
        _interval: n(7),
    };
    let id = chain.ask(alice, streaming.address, &create).unwrap();
    chain.call(alice, streaming.address, &create).unwrap();
    assert_eq!(chain.ask(bob, streaming.address, &getStreamCall { _streamId: id }).unwrap().balance, n(90));
    let (mut withdrawn, end) = (0, 75);
    for now in 10..end {
        assert_eq!(chain.block().number, now);
        let due = terms.due(now, withdrawn);
        let of = |account| balanceOfCall { _streamId: id, _addr: account };
        assert_eq!(chain.ask(bob, streaming.address, &of(bob)), Ok(U256::from(due)), "{now}");
        let refundable = U256::from(terms.refundable(now));
        assert_eq!(chain.ask(bob, streaming.address, &of(alice)), Ok(refundable), "{now}");
        if now % 5 == 0 {
            let args = [id.into(), (due + 1).into()];
            let error = streaming.send(&mut chain, (bob, U256::ZERO), "withdraw", &args).unwrap_err();
            assert!(error.is("WithdrawExceedsBalance"), "{error}");
            if due > 0 {
                chain.call(bob, streaming.address, &withdrawCall { _streamId: id, _funds: U256::from(due) }).unwrap();
                withdrawn += due;
            }
        }
        step(&mut chain);
    }
    let receipt = chain.call(alice, streaming.address, &redeemCall { _streamId: id }).unwrap();
    let event = receipt.logs.iter().filter_map(|log| chain.event(log)).find(|event| event.name == "LogRedeem").unwrap();
    assert_eq!(event.get("_recipientBalance").unwrap().as_uint().unwrap().0, U256::from(terms.due(end, withdrawn)));
    let held = |chain: &mut Chain, name: &str| token.number(chain, bob, "balanceOf", &[name.into()]).unwrap();
    assert_eq!(held(&mut chain, "bob"), U256::from(terms.accrued_down(end)));
    assert_eq!(held(&mut chain, "alice"), U256::from(1_000 - terms.accrued_down(end)));
    assert_eq!(held(&mut chain, "streaming"), n(0));
}

#[test]
fn a_stream_by_blocks_accrues_as_the_arithmetic_says() {
    check("bundled:BlockMoneyStreaming", |chain| chain.mine(12));
}

#[test]
fn a_stream_by_seconds_accrues_as_the_arithmetic_says() {
    check("bundled:TimestampMoneyStreaming", |chain| chain.mine(1));
}

#[test]
fn refusals_name_what_is_refused() {
    let (mut chain, _, streaming) = streaming("bundled:BlockMoneyStreaming");
    let bob = chain.names().address("bob").unwrap();
    let error = streaming.send(&mut chain, (bob, U256::ZERO), "redeem", &[7_u64.into()]).unwrap_err();
    assert_eq!(error.to_string(), "streaming.redeem(7) by bob reverted: StreamUnknown(streamId 7)");
}
