//! Transactions, views, reverts, gas, snapshots.

use alloy_primitives::keccak256;
use sim::evm::{Artifact, Block, Bytes, Chain, DynSolValue, Error, Reason, Rules, SpecId, U256, address_of};

use crate::{artifact, market, n};

#[test]
fn an_account_is_the_hash_of_its_name() {
    assert_eq!(address_of("alice").as_slice(), &keccak256("alice")[12..]);
    let mut chain = Chain::default();
    let alice = chain.account("alice", n(5)).unwrap();
    assert_eq!((alice, chain.balance(alice)), (address_of("alice"), Ok(n(5))));
    chain.account("alice", n(2)).unwrap();
    assert_eq!(chain.balance(alice), Ok(n(7)));
    let error = chain.fund(alice, U256::MAX).unwrap_err().to_string();
    assert!(error.ends_with("to alice cannot be sent: with the balance 7 it exceeds 2^256"), "{error}");
}

#[test]
fn transactions_stay_and_views_do_not() {
    let (mut chain, token, alice) = market();
    let bob = chain.account("bob", U256::ZERO).unwrap();
    let transfer = token.abi.function("transfer").unwrap().encode(&[bob.into(), n(10).into()], chain.names()).unwrap();
    let nonce = chain.nonce(alice).unwrap();
    chain.view(alice, token.address, transfer.clone()).unwrap();
    assert_eq!(token.number(&mut chain, bob, "balanceOf", &["bob".into()]), Ok(n(0)));
    assert_eq!(chain.nonce(alice), Ok(nonce));
    let receipt = chain.transact(alice, token.address, U256::ZERO, transfer).unwrap();
    assert_eq!(token.number(&mut chain, bob, "balanceOf", &["bob".into()]), Ok(n(10)));
    assert_eq!(token.number(&mut chain, bob, "balanceOf", &["alice".into()]), Ok(n(990)));
    assert_eq!(chain.nonce(alice), Ok(nonce + 1));
    assert_eq!(receipt.output, Bytes::from(n(1).to_be_bytes::<32>()));
    let event = chain.event(&receipt.logs[0]).unwrap();
    assert_eq!((event.name.as_str(), receipt.logs.len()), ("Transfer", 1));
    assert_eq!(event.get("from"), Some(&DynSolValue::Address(alice)));
    assert_eq!(event.get("value"), Some(&DynSolValue::Uint(n(10), 256)));
}

#[test]
fn the_first_transfer_costs_what_it_costs_on_mainnet() {
    let (mut chain, token, alice) = market();
    let send = |chain: &mut Chain, to: &str| {
        token.send(chain, (alice, U256::ZERO), "transfer", &[to.into(), 1_u64.into()]).unwrap().gas
    };
    for name in ["bob", "carol"] {
        chain.account(name, U256::ZERO).unwrap();
    }
    let (first, again) = (send(&mut chain, "bob"), send(&mut chain, "bob"));
    // A slot that was zero costs 20,000 to set, one that was not 2,900: each transaction finds all slots cold again.
    assert_eq!(first - again, 17_100);
    assert_eq!(send(&mut chain, "bob"), again);
    assert_eq!(send(&mut chain, "carol"), first);
}

#[test]
fn reverts_are_told_by_name() {
    let (mut chain, token, alice) = market();
    chain.account("bob", U256::ZERO).unwrap();
    let nonce = chain.nonce(alice).unwrap();
    let error = token.send(&mut chain, (alice, U256::ZERO), "transfer", &["bob".into(), 5_000_u64.into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "token.transfer(bob, 5000) by alice reverted: \
         ERC20InsufficientBalance(sender alice, balance 1000, needed 5000)"
    );
    assert!(error.is("ERC20InsufficientBalance") && !error.is("ERC20InvalidSender"));
    let Some(Reason::Error { arguments, .. }) = error.reason() else { panic!("{error:?}") };
    assert_eq!(arguments[2], ("needed".to_owned(), DynSolValue::Uint(n(5_000), 256)));
    assert_eq!(chain.nonce(alice), Ok(nonce + 1), "what reverts has been sent");
    let error = token.view(&mut chain, alice, "transfer", &["bob".into(), 5_000_u64.into()]).unwrap_err();
    assert!(error.is("ERC20InsufficientBalance"));
}

/// Code that reverts with `data`, or returns it.
fn returning(data: &[u8], last: u8) -> Vec<u8> {
    let size = u8::try_from(data.len()).unwrap();
    // CODECOPY(0, 11, size); REVERT or RETURN (0, size): the data follow the eleven bytes of code.
    let code = [0x60, size, 0x60, 11, 0x5f, 0x39, 0x60, size, 0x5f, last, 0x00];
    [&code, data].concat()
}

#[track_caller]
fn check_reason(data: &[u8], expected: &str) {
    let mut chain = Chain::default();
    let alice = chain.account("alice", U256::ZERO).unwrap();
    let contract = chain.deploy_code(alice, returning(&returning(data, 0xfd), 0xf3).into()).unwrap();
    chain.name("it", contract);
    let error = chain.transact(alice, contract, U256::ZERO, Bytes::from_static(&[1, 2, 3])).unwrap_err();
    assert_eq!(error.to_string(), format!("call of it with 0x010203 by alice reverted: {expected}"));
}

#[test]
fn reasons_of_the_language_are_told_by_their_meaning() {
    let panic = |code: u8| [&[0x4e, 0x48, 0x7b, 0x71][..], &[0; 31], &[code]].concat();
    check_reason(&[], "without a reason");
    check_reason(&panic(0x11), "panic 0x11, arithmetic over- or underflow");
    check_reason(&panic(0x12), "panic 0x12, division by zero");
    check_reason(&panic(0x32), "panic 0x32, an index beyond the array");
    check_reason(&panic(0x77), "panic 0x77, which no version of Solidity has");
    let mut text = vec![0x08, 0xc3, 0x79, 0xa0];
    text.extend(n(32).to_be_bytes::<32>());
    text.extend(n(9).to_be_bytes::<32>());
    text.extend(b"ERR_LIMIT");
    text.resize(4 + 96, 0);
    check_reason(&text, "ERR_LIMIT");
    check_reason(
        &[0xde, 0xad, 0xbe, 0xef],
        "an error that no known ABI has, 0xdeadbeef; declare the contract that defines it",
    );
    // An Error(string) that says to be longer than it is, is told as it came.
    text[67] = 200;
    let error = "an error that no known ABI has, 0x08c379a0";
    let mut chain = Chain::default();
    let alice = chain.account("alice", U256::ZERO).unwrap();
    let contract = chain.deploy_code(alice, returning(&returning(&text, 0xfd), 0xf3).into()).unwrap();
    let told = chain.view(alice, contract, Bytes::new()).unwrap_err().to_string();
    assert!(told.contains(error), "{told}");
}

#[test]
fn an_endless_loop_ends_with_the_gas() {
    let mut chain = Chain::new(Rules { gas_limit: 100_000, ..Rules::default() });
    let alice = chain.account("alice", U256::ZERO).unwrap();
    // JUMPDEST; PUSH0; JUMP
    let contract = chain.deploy_code(alice, returning(&[0x5b, 0x5f, 0x56], 0xf3).into()).unwrap();
    for end in [
        chain.view(alice, contract, Bytes::new()).map(drop),
        chain.transact(alice, contract, U256::ZERO, Bytes::new()).map(drop),
    ] {
        let error = end.unwrap_err();
        assert!(matches!(&error, Error::Stopped { gas: 100_000, why, .. } if why.contains("OutOfGas")), "{error}");
    }
}

#[test]
fn gas_costs_what_the_caller_says() {
    let (mut chain, token, _) = market();
    let rich = chain.account("rich", n(10).pow(n(18))).unwrap();
    chain.set_gas_price(7, 3);
    let receipt = chain.transact(rich, address_of("bob"), n(1_000), Bytes::new()).unwrap();
    assert_eq!(receipt.gas, 21_000);
    assert_eq!(chain.balance(rich), Ok(n(10).pow(n(18)) - n(1_000) - n(210_000)));
    assert_eq!(chain.balance(alloy_primitives::Address::ZERO), Ok(n(63_000)));
    assert_eq!(chain.balance(address_of("bob")), Ok(n(1_000)));
    // Views cost nothing, also for who has nothing.
    token.number(&mut chain, address_of("nobody"), "totalSupply", &[]).unwrap();
    let error = chain.transact(address_of("nobody"), rich, U256::ZERO, Bytes::new()).unwrap_err().to_string();
    assert!(error.contains("cannot be sent: ") && error.contains("300000000"), "{error}");
    chain.set_gas_price(0, 0);
    chain.transact(address_of("nobody"), rich, U256::ZERO, Bytes::new()).unwrap();
    let error = chain.transact(address_of("nobody"), rich, n(1), Bytes::new()).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert_eq!(chain.nonce(address_of("nobody")), Ok(1), "what cannot be sent leaves no trace");
}

#[test]
fn runs_from_one_snapshot_do_not_see_each_other() {
    let (mut chain, token, alice) = market();
    chain.set_block(Block { number: 7, timestamp: 84 });
    chain.name("bob", address_of("bob"));
    let snapshot = chain.snapshot();
    let pay = |chain: &mut Chain, amount: u64| {
        token.send(chain, (alice, U256::ZERO), "transfer", &["bob".into(), amount.into()]).unwrap().gas
    };
    let held = |chain: &mut Chain| token.number(chain, alice, "balanceOf", &["bob".into()]).unwrap();
    let [mut one, mut two] = [snapshot.chain(), snapshot.chain()];
    assert_eq!(pay(&mut one, 100), pay(&mut two, 1));
    pay(&mut chain, 10);
    one.mine(12);
    assert_eq!(one.block(), Block { number: 8, timestamp: 96 });
    assert_eq!(two.block(), Block { number: 7, timestamp: 84 });
    let later = one.snapshot();
    pay(&mut one, 1);
    let held = [chain, one, two, snapshot.chain(), later.chain()].map(|mut chain| held(&mut chain));
    assert_eq!(held, [n(10), n(101), n(1), n(0), n(100)]);
}

#[test]
fn a_destroyed_contract_leaves_nothing() {
    let mut chain = Chain::new(Rules { spec: SpecId::SHANGHAI, ..Rules::default() });
    let alice = chain.account("alice", n(100)).unwrap();
    // SSTORE(0, 1) if called with data, else SELFDESTRUCT to the caller.
    let code = [0x36, 0x60, 0x06, 0x57, 0x33, 0xff, 0x5b, 0x60, 0x01, 0x5f, 0x55, 0x00];
    let contract = chain.deploy_code(alice, returning(&code, 0xf3).into()).unwrap();
    chain.transact(alice, contract, n(40), Bytes::from_static(&[1])).unwrap();
    assert_eq!(chain.storage(contract, U256::ZERO), Ok(n(1)));
    let snapshot = chain.snapshot();
    let mut run = snapshot.chain();
    run.transact(alice, contract, U256::ZERO, Bytes::new()).unwrap();
    let again = run.snapshot().chain();
    for chain in [&run, &again] {
        assert_eq!((chain.storage(contract, U256::ZERO), chain.code(contract)), (Ok(n(0)), Ok(Bytes::new())));
        assert_eq!((chain.balance(contract), chain.balance(alice)), (Ok(n(0)), Ok(n(100))));
    }
    assert_eq!(snapshot.chain().storage(contract, U256::ZERO), Ok(n(1)));
    assert_eq!(snapshot.chain().balance(contract), Ok(n(40)));
}

#[test]
fn slots_can_be_written() {
    let (mut chain, token, alice) = market();
    let slot = (0..20)
        .map(|i| U256::from_be_bytes(keccak256([alice.into_word().0, n(i).to_be_bytes::<32>()].concat()).0))
        .find(|slot| chain.storage(token.address, *slot) == Ok(n(1_000)))
        .expect("the balance is in a mapping of one of the first slots");
    chain.set_storage(token.address, slot, n(77)).unwrap();
    assert_eq!(token.number(&mut chain, alice, "balanceOf", &["alice".into()]), Ok(n(77)));
}

#[test]
fn a_vesting_wallet_releases_linearly() {
    let (mut chain, token, alice) = market();
    let bob = chain.account("bob", U256::ZERO).unwrap();
    let wallet = artifact("npm:@openzeppelin/contracts/VestingWallet");
    let wallet = chain.deploy(alice, "wallet", &wallet, &["bob".into(), 100_u64.into(), 1_000_u64.into()]).unwrap();
    let transfer = ["wallet".into(), 1_000_u64.into()];
    token.send(&mut chain, (alice, U256::ZERO), "transfer", &transfer).unwrap();
    for (time, held) in [(99, 0), (100, 0), (101, 1), (350, 250), (1_099, 999), (1_100, 1_000), (5_000, 1_000)] {
        chain.set_block(Block { number: time, timestamp: time });
        wallet.send(&mut chain, (bob, U256::ZERO), "release", &["token".into()]).unwrap();
        assert_eq!(token.number(&mut chain, bob, "balanceOf", &["bob".into()]), Ok(n(held)), "{time}");
    }
}

#[test]
fn contracts_of_ocean_and_uniswap_deploy() {
    let mut chain = Chain::default();
    let alice = chain.account("alice", U256::ZERO).unwrap();
    for reference in ["npm:@oceanprotocol/contracts/BPool", "npm:@uniswap/v2-core/build/UniswapV2Pair.json"] {
        let contract = chain.deploy(alice, reference, &artifact(reference), &[]).unwrap();
        assert!(chain.code(contract.address).unwrap().len() > 5_000, "{reference}");
    }
    let factory = artifact("npm:@uniswap/v2-core/UniswapV2Factory");
    let factory = chain.deploy(alice, "factory", &factory, &["alice".into()]).unwrap();
    assert_eq!(factory.number(&mut chain, alice, "allPairsLength", &[]), Ok(n(0)));
    let error = factory.send(&mut chain, (alice, U256::ZERO), "createPair", &["alice".into(), "alice".into()]);
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("reverted: UniswapV2: IDENTICAL_ADDRESSES"), "{error}");
    let error = Artifact::bundled("DemoTokn").unwrap_err().to_string();
    assert!(error.contains("did you mean DemoToken?"), "{error}");
}
