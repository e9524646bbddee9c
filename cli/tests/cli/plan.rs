use serde_json::json;

use crate::harness::Net;

#[test]
fn plan_wishes() {
    let mut net = Net::new();
    net.anyone("plan --token $TOKEN --amount 3000 --over 30d --every 1h -v");
    net.anyone("plan --token $TOKEN --amount 3000 --over 30d --every 1h --round up --block-time 12.05s");
    net.anyone("plan --token $TOKEN --amount 3000 --over 30d");
    net.anyone("plan --token $TOKEN --payment 0.05 --interval 1m --until 2026-01-31");
    net.anyone("plan --token $TOKEN --payment 0.05 --every 1m --start +2h --over 1d");
    net.anyone("plan --token $TOKEN --payment-units 7 --interval-blocks 10 --start-block 300 --stop-block 1300");
    net.anyone("plan --token $TOKEN --amount 3000 --over 30d --every 1h --json");
    net.anyone("plan --clock timestamp --token $TOKEN --amount 3000 --over 30d --every 1h -v");
    net.anyone("plan --clock timestamp --token $TOKEN --amount 3000 --start 2026-02-01 --until 2026-03-01 --json");
    net.check("plan_wishes");
}

#[test]
fn plan_what_cannot_be() {
    let mut net = Net::new();
    net.anyone("plan --token $TOKEN --amount 0.0000001 --over 30d");
    net.anyone("plan --token $TOKEN --amount 0.0001 --over 30d --every 1h");
    net.anyone("plan --token $TOKEN --amount 3000 --over 30d --every 5s");
    net.anyone("plan --token $TOKEN --amount 3000 --until 2025-12-31");
    net.anyone("plan --token $TOKEN --amount 3000 --over 1h --start 2025-12-31");
    net.anyone("plan --token $TOKEN --payment-units 7 --interval-blocks 300 --start-block 300 --stop-block 1300");
    net.anyone("plan --token $TOKEN --payment-units 7 --interval-blocks 10 --start-block 10 --stop-block 1300");
    net.anyone("plan --token $TOKEN --payment 400000000000000000000000000000000 --every 1h --over 1d");
    net.anyone("plan --token $BOB --amount 3000 --over 30d");
    net.check("plan_what_cannot_be");
}

#[test]
fn plan_what_cannot_be_meant() {
    let mut net = Net::new();
    net.anyone("plan --token $TOKEN --over 30d");
    net.anyone("plan --token $TOKEN --amount 3000");
    net.anyone("plan --token $TOKEN --amount 3000 --payment 5 --over 30d");
    net.anyone("plan --token $TOKEN --amount 3000 --over 1month");
    net.anyone("plan --token $TOKEN --amount 3000 --over 30");
    net.anyone("plan --token $TOKEN --amount 3000 --until tomorrow");
    net.anyone("plan --token $TOKEN --payment-units 7 --stop-block 1300");
    net.anyone("plan --token $TOKEN --amount 3000 --over 30d --block-time 0s");
    net.check("plan_what_cannot_be_meant");
}

/// Chains whose block time nobody can measure.
#[test]
fn plan_without_a_pace() {
    let mut net = Net::new();
    net.rpc("anvil_setBlockTimestampInterval", json!([0]));
    net.rpc("anvil_mine", json!(["0x258", "0x0"]));
    net.anyone("plan --token $TOKEN --amount 3000 --over 30d --every 1h");
    net.anyone("plan --token $TOKEN --amount 3000 --over 30d --every 1h --block-time 2s");
    net.anyone("plan --token $TOKEN --payment-units 7 --interval-blocks 10 --start-block 1000 --stop-block 2000");
    net.check("plan_without_a_pace");
}
