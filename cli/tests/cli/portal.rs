use std::fs;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use bindings::{
    cartesi::{ERC20_PORTAL, ETHER_PORTAL, StreamableToken},
    portal_address,
};

use crate::{
    cartesi::{inputs, rollup},
    harness::{ALICE, BOB, Net},
};

/// What a deposit of a token through StreamPortal carries.
fn payload(token: &str, amount: u64, account: &str, call: &[u8]) -> Vec<u8> {
    let of = |text: &str| text.parse::<Address>().unwrap().to_vec();
    let amount = U256::from(amount).to_be_bytes_vec();
    [of(token), portal_address().to_vec(), amount, of(account), call.to_vec()].concat()
}

fn ether_payload(wei: u64, account: &str, call: &[u8]) -> Vec<u8> {
    payload(ALICE, wei, account, call)[20..].to_vec()
}

fn stream(token: Address, amount: u64, start: u64, duration: u64) -> Vec<u8> {
    let recipient = BOB.parse().unwrap();
    StreamableToken::streamCall { token, recipient, amount: U256::from(amount), start, duration }.abi_encode()
}

#[test]
fn portal_deposits() {
    let mut net = rollup();
    net.alice("portal deposit --app $APP --token $TOKEN --amount 12.5 --yes");
    net.alice("portal deposit --app $APP --token $TOKEN --amount 1 --to $BOB --dry-run --json");
    net.alice("portal deposit --app $APP --token $TOKEN --amount 1 --to $BOB --yes --json");
    net.alice("portal deposit --app $APP --token ether --amount 0.5 --dry-run");
    net.alice("portal deposit --app $APP --token ether --amount 0.5 --to $BOB --yes");
    let actual: Vec<_> = inputs(&net).into_iter().map(|(_, input)| (input.msgSender, input.payload.to_vec())).collect();
    let expected = [
        (ERC20_PORTAL, payload(&net.token, 12_500_000, ALICE, &[])),
        (ERC20_PORTAL, payload(&net.token, 1_000_000, BOB, &[])),
        (ETHER_PORTAL, ether_payload(500_000_000_000_000_000, BOB, &[])),
    ];
    assert_eq!(actual, expected);
    assert_eq!(net.balance(net.named("$APP")), 13_500_000);
    net.check("portal_deposits");
}

#[test]
fn portal_deposits_that_cannot_be() {
    let mut net = rollup();
    net.alice("portal deposit --app $APP --token $TOKEN --amount 0 --yes");
    net.alice("portal deposit --app $APP --token $TOKEN --amount 0.0000001 --yes");
    net.alice("portal deposit --app $APP --token $TOKEN --amount 20000 --yes");
    net.poor("portal deposit --app $APP --token ether --amount 0.5 --yes");
    net.alice(
        "portal deposit --app $APP --token $TOKEN --amount 1 --to 0x0000000000000000000000000000000000000000 --yes",
    );
    net.alice("portal deposit --app $APP --token $BOB --amount 1 --yes");
    net.alice("portal deposit --app $BOB --token $TOKEN --amount 1 --yes");
    net.alice("portal deposit --app $TOKEN --token $TOKEN --amount 1 --yes");
    net.alice("portal deposit --app $APP --token $TOKEN --amount 1 --portal $BOB --yes");
    net.alice("portal deposit --app $APP --token $TOKEN --amount 1");
    net.anyone("portal deposit --app $APP --token $TOKEN --amount 1");
    net.anyone("portal deposit --token $TOKEN --amount 1");
    assert_eq!(inputs(&net), []);
    net.check("portal_deposits_that_cannot_be");
}

#[test]
fn portal_streams() {
    let mut net = rollup();
    let csv = "recipient,amount,start,duration\n$BOB,120.5,,30d\n$BOB,0.000001,2027-01-01,1h\n".replace("$BOB", BOB);
    fs::write(net.home().join("salaries.csv"), csv).unwrap();
    let orders = format!(r#"[{{"recipient": "{BOB}", "amount": "0.25", "duration": "1h"}}]"#);
    fs::write(net.home().join("orders.json"), orders).unwrap();
    net.alice("portal stream --app $APP --token $TOKEN --amount 3000 --to $BOB --over 30d --yes");
    net.alice("portal stream --app $APP --token $TOKEN --orders $HOME/salaries.csv --yes --json");
    net.alice("portal stream --app $APP --token ether --amount 1 --orders $HOME/orders.json --yes");
    let token: Address = net.token.parse().unwrap();
    let both = vec![stream(token, 120_500_000, 0, 2_592_000).into(), stream(token, 1, 1_798_761_600, 3600).into()];
    let batch = StreamableToken::batchCall { calls: both }.abi_encode();
    let ether = stream(Address::ZERO, 250_000_000_000_000_000, 0, 3600);
    let actual: Vec<_> = inputs(&net).into_iter().map(|(_, input)| input.payload.to_vec()).collect();
    let expected = [
        payload(&net.token, 3_000_000_000, ALICE, &stream(token, 3_000_000_000, 0, 2_592_000)),
        payload(&net.token, 120_500_001, ALICE, &batch),
        ether_payload(1_000_000_000_000_000_000, ALICE, &ether),
    ];
    assert_eq!(actual, expected);
    net.check("portal_streams");
}

#[test]
fn portal_streams_that_cannot_be() {
    let mut net = rollup();
    let orders = format!("recipient,amount,start,duration\n{BOB},5,,30d\n{BOB},5,,30\n");
    fs::write(net.home().join("wrong.csv"), &orders).unwrap();
    fs::write(net.home().join("ten.csv"), orders.replace("30\n", "30m\n")).unwrap();
    net.alice("portal stream --app $APP --token $TOKEN --orders $HOME/wrong.csv --yes");
    net.alice("portal stream --app $APP --token $TOKEN --orders $HOME/none.csv --yes");
    net.alice("portal stream --app $APP --token $TOKEN --orders $HOME/ten.csv --amount 9 --yes");
    net.alice("portal stream --app $APP --token $TOKEN --amount 5 --to $ALICE --over 30d --yes");
    net.alice("portal stream --app $APP --token $TOKEN --amount 5 --to $BOB --over 30d --start 2020-01-01 --yes");
    net.alice("portal stream --app $APP --token $TOKEN --amount 5 --to $BOB --yes");
    net.alice("portal stream --app $APP --token $TOKEN --amount 5 --to $BOB --over 30d --orders $HOME/ten.csv --yes");
    assert_eq!(inputs(&net), []);
    net.check("portal_streams_that_cannot_be");
}

/// The most streams that a file may have fit an input.
#[test]
fn a_full_file_of_orders_is_sent() {
    let net = rollup();
    let line = format!("{BOB},1,,30d\n");
    fs::write(net.home().join("full.csv"), format!("recipient,amount,start,duration\n{}", line.repeat(254))).unwrap();
    let line = "portal stream --app $APP --token $TOKEN --orders $HOME/full.csv --yes";
    let started = net.json(Some(ALICE), line);
    assert_eq!(started["amount"], "254000000");
    assert!(inputs(&net)[0].1.payload.len() > 65_000);
}

fn salary(net: &mut Net) {
    let inbox = net.json(None, "portal inbox --app $APP --owner $BOB")["inbox"].as_str().unwrap().to_owned();
    net.name("$INBOX", inbox);
    let create = "create --recipient $INBOX --token $TOKEN --payment 1 --interval-blocks 1 --over 20m --yes";
    for _ in 0..2 {
        net.json(Some(ALICE), create);
    }
}

#[test]
fn portal_forwards() {
    let mut net = rollup();
    salary(&mut net);
    let other = net.json(None, "portal inbox --app $APP --owner $ALICE")["inbox"].as_str().unwrap().to_owned();
    net.name("$OTHER_INBOX", other);
    net.mine(10);
    net.anyone("portal inbox --app $APP --owner $BOB");
    net.carol("portal forward --app $APP --owner $BOB 1 --yes");
    net.mine(10);
    net.carol("portal forward --app $APP --owner $BOB --streaming $CONTRACT 1 2 --yes --json");
    net.anyone("portal inbox --app $APP --owner $BOB --json");
    net.remark("what is not there, or not the inbox's");
    net.carol("portal forward --app $APP --owner $BOB 9 --yes");
    net.carol("portal forward --app $APP --owner $ALICE 1 --yes");
    net.carol("portal forward --app $APP --owner $BOB --streaming $TOKEN 1 --yes");
    net.anyone("portal inbox --app $APP --owner 0x0000000000000000000000000000000000000000");
    let credited: Vec<_> = inputs(&net).into_iter().map(|(_, input)| input.payload.to_vec()).collect();
    assert_eq!(credited.len(), 3);
    let sum: u128 = credited.iter().map(|payload| u128::from_be_bytes(payload[56..72].try_into().unwrap())).sum();
    assert!(credited.iter().all(|payload| payload[72..] == BOB.parse::<Address>().unwrap()[..]));
    assert_eq!(net.balance(net.named("$APP")), sum);
    net.check("portal_forwards");
}
