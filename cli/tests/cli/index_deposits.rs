//! Deposits into a rollup, as an index lists them.

use std::fs;

use alloy::primitives::U256;
use bindings::{Clock, DemoToken, IStreamPortal::depositAndCallCall, create2_address, portal_address};

use crate::{
    cartesi::rollup,
    harness::{ALICE, BOB, Net},
    index::configure,
};

/// As [`configure`], and with the portal's deposits in `portal.toml`.
fn configure_portal(net: &mut Net) {
    configure(net);
    let text = fs::read_to_string(net.named("$CONFIG")).unwrap().replace("streams.db", "portal.db");
    let portal = format!("kind = \"erc1620\"\nportal = \"{}\"", portal_address());
    fs::write(net.home().join("portal.toml"), text.replace("kind = \"erc1620\"", &portal)).unwrap();
}

#[track_caller]
fn must(net: &Net, account: &str, line: &str) {
    let ran = net.command(Some(account), line).output().unwrap();
    assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Deposits of all kinds: somebody's own in a token and in Ether, with a call that the application knows and one that it
/// does not, what was due of a stream, and in a token that answers nothing about itself.
fn deposited() -> Net {
    let mut net = rollup();
    must(&net, ALICE, "portal deposit --app $APP --token $TOKEN --amount 12.5 --yes");
    must(&net, ALICE, "portal deposit --app $APP --token ether --amount 0.5 --to $BOB --yes");
    must(&net, ALICE, "portal stream --app $APP --token $TOKEN --amount 3000 --to $BOB --over 30d --yes");
    let (token, app) = (net.token.parse().unwrap(), net.named("$APP").parse().unwrap());
    let approve = DemoToken::approveCall { spender: portal_address(), value: U256::from(7) };
    net.send(ALICE, &net.token, &approve);
    let call = b"what alice wants".to_vec().into();
    net.send(ALICE, net.named("$PORTAL"), &depositAndCallCall { token, app, amount: U256::from(7), call });
    let inbox = net.json(None, "portal inbox --app $APP --owner $BOB")["inbox"].as_str().unwrap().to_owned();
    net.name("$INBOX", inbox);
    must(&net, ALICE, "create --recipient $INBOX --token $TOKEN --payment 1 --interval-blocks 1 --over 20m --yes");
    net.mine(10);
    must(&net, BOB, "portal forward --app $APP --owner $BOB 1 --yes");
    let spoiled = net.deploy(&DemoToken::BYTECODE);
    net.name("$SPOILED", &spoiled);
    let (account, amount) = (ALICE.parse().unwrap(), U256::from(1_000));
    net.send(ALICE, &spoiled, &DemoToken::mintCall { account, amount });
    must(&net, ALICE, "portal deposit --app $APP --token $SPOILED --amount 0.001 --yes");
    net.rpc("anvil_setCode", serde_json::json!([spoiled, "0x00"]));
    net
}

#[test]
fn index_lists_deposits() {
    let mut net = deposited();
    configure_portal(&mut net);
    must(&net, ALICE, "index run --once --config $HOME/portal.toml");
    // Nothing but the store is asked.
    net.stop();
    net.anyone("index deposits --config $HOME/portal.toml");
    net.anyone("index deposits --config $HOME/portal.toml --account $BOB");
    net.anyone("index deposits --config $HOME/portal.toml --token ether --json");
    net.anyone("index deposits --config $HOME/portal.toml --token $TOKEN --app $APP --limit 2");
    net.anyone("index deposits --config $HOME/portal.toml --app $BOB");
    net.anyone("index deposits --config $HOME/portal.toml --app bob");
    net.anyone("index deposits --config $HOME/portal.toml --source pairs");
    net.anyone("index deposits --config $HOME/portal.toml --after 7");
    // Forwarded from a stream of the contract that counts blocks.
    let forwarded = net.json(None, "index deposits --config $HOME/portal.toml --account $BOB")["items"][1].clone();
    assert_eq!(forwarded["contract"], create2_address(Clock::Block).to_string());
    assert_eq!((&forwarded["stream_id"], &forwarded["token_symbol"]), (&"1".into(), &"DEMO".into()));
    let of_two = net.json(None, "index deposits --config $HOME/portal.toml --token $TOKEN --limit 2");
    let rest = format!(
        "index deposits --config $HOME/portal.toml --token $TOKEN --after {}",
        of_two["next"].as_str().unwrap()
    );
    let rest = net.json(None, &rest);
    let amounts = |list: &serde_json::Value| {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|item| item["amount"].as_str().unwrap().parse::<u128>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(amounts(&of_two), [12_500_000, 3_000_000_000]);
    assert_eq!(amounts(&rest)[0], 7);
    assert_eq!(amounts(&rest).len(), 2);
    net.check("index_lists_deposits");
}

#[test]
fn deposits_need_a_portal_in_the_configuration() {
    let mut net = Net::bare();
    configure_portal(&mut net);
    must(&net, ALICE, "index run --once --config $CONFIG");
    net.anyone("index deposits --config $CONFIG");
    must(&net, ALICE, "index run --once --config $HOME/portal.toml");
    net.anyone("index deposits --config $HOME/portal.toml");
    net.anyone("index deposits --config $HOME/portal.toml --json");
    net.check("deposits_need_a_portal_in_the_configuration");
}
