//! Windows of tokens, over all their pairs.

use serde_json::{Value, json};

use crate::{
    sources::{ALICE, USD, WETH},
    world::{TOKENS, World},
};

fn sum<'a>(window: &'a Value, name: &str) -> &'a str {
    let sums = window["sums"].as_array().unwrap();
    sums.iter().find(|sum| sum["name"] == name).unwrap()["amount"].as_str().unwrap()
}

#[tokio::test]
async fn a_token_has_windows_as_projects_have() {
    let world = World::whole().await;
    let whole = world.json(&format!("/v1/windows?token={USD}&from=0")).await;
    assert_eq!((&whole["token"], &whole["from"], &whole["to"]), (&json!(USD), &json!(0), &json!(5)));
    assert_eq!((&whole["state"], &whole["block"], whole.get("project")), (&json!("tentative"), &json!(59), None));
    let names: Vec<_> = whole["sums"].as_array().unwrap().iter().map(|sum| sum["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["burn", "fee", "mint", "n_burns", "n_mints", "n_swaps", "volume", "volume_usd"]);
    // 6,000 dollars of 6 decimals went in, and 0.3 % of them are fees.
    for (name, expected) in [
        ("volume", "6000000000"),
        ("fee", "18000000"),
        ("mint", "2000000000000"),
        ("burn", "0"),
        ("n_swaps", "2"),
        ("n_mints", "1"),
    ] {
        assert_eq!(sum(&whole, name), expected, "{name}");
    }
    // The swaps are in epochs 1 and 4.
    let late = world.json(&format!("/v1/windows?token={WETH}&source=uniswap&from=2&name=volume")).await;
    assert_eq!(late["sums"], json!([{ "name": "volume", "amount": "1986000000000000000" }]));
    let first = world.json(&format!("/v1/windows?token={WETH}&from=0&to=3")).await;
    assert_eq!(
        (sum(&first, "volume"), sum(&first, "fee"), &first["state"]),
        ("996000000000000000", "0", &json!("final"))
    );
    let timed = world.json(&format!("/v1/windows?token={USD}&window=1d")).await;
    assert_eq!((&timed["from"], &timed["sums"]), (&json!(0), &whole["sums"]));
}

#[tokio::test]
async fn whose_window_is_asked_for_is_clear() {
    let world = World::whole().await;
    for (query, status, told) in [
        (
            "from=0".to_owned(),
            400,
            "neither project nor token is given; give one, as /v1/projects and /v1/tokens list them",
        ),
        (format!("from=0&project={TOKENS}&token={USD}"), 400, "project and token are both given; give one of them"),
        (
            format!("from=0&project={TOKENS}&source=uniswap"),
            400,
            "source is given without token; leave it out, since a project has its source's name",
        ),
        (format!("from=0&token={USD}&source=streams"), 400, "source is \"streams\"; give one of uniswap"),
    ] {
        assert_eq!(world.failure(&format!("/v1/windows?{query}"), status).await.1, told);
    }
    let (_, message) = world.failure(&format!("/v1/windows?token={ALICE}&from=0&to=4"), 404).await;
    let told = "is no token of a pair with snapshots at the end of epoch 4; /v1/tokens lists all of them";
    assert_eq!(message, format!("{ALICE} {told}"));
    let (_, message) = world.failure(&format!("/v1/windows?token={USD}&from=0&name=fees"), 404).await;
    assert!(message.starts_with(&format!("\"fees\" is no sum of {USD}; give one of burn, fee, ")), "{message}");
}
