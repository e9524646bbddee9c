use serde_json::json;

use crate::harness::Net;

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
