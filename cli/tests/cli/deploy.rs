use serde_json::json;

use crate::{
    cartesi::{cartesi, rollup_without_portal},
    harness::Net,
};

#[test]
fn deploy_twice() {
    let mut net = Net::bare();
    net.alice("deploy --dry-run");
    net.alice("deploy --clock block --yes");
    net.alice("deploy --yes");
    net.anyone("deploy");
    net.anyone("deploy --json");
    net.check("deploy_twice");
}

#[test]
fn deploy_without_the_proxy() {
    let mut net = Net::bare();
    net.rpc("anvil_setCode", json!(["0x4e59b44847b379578588920cA78FbF26c0B4956C", "0x"]));
    net.alice("deploy --yes");
    net.check("deploy_without_the_proxy");
}

#[test]
fn deploy_the_portal() {
    let mut net = Net::bare();
    net.alice("deploy --portal --yes");
    cartesi(&net);
    net.alice("deploy --portal --clock block --dry-run");
    net.alice("deploy --clock block --yes");
    net.alice("deploy --portal --clock block --json");
    net.check("deploy_the_portal");
}

/// A deposit says what is missing, and after what it says it goes through.
#[test]
fn deploy_before_a_deposit() {
    let mut net = rollup_without_portal();
    net.alice("portal deposit --app $APP --token ether --amount 1 --yes");
    net.alice("deploy --portal --yes --quiet");
    net.alice("portal deposit --app $APP --token ether --amount 1 --yes --quiet");
    net.check("deploy_before_a_deposit");
}
