//! Pooler's view against what Pooler's own code answered on this chain.

use index::pooler::{Stream, payload, payloads};
use serde_json::{Value, json};

use crate::world::{EPOCHS, SOURCE, epoch, world};

/// Relative.
const TOLERANCE: f64 = 1e-12;

#[track_caller]
fn check(path: &str, expected: &Value, found: &Value) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>(), "{path}");
            expected.iter().for_each(|(key, value)| check(&format!("{path}.{key}"), value, &found[key]));
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "{path}");
            expected.iter().zip(found).for_each(|(expected, found)| check(&format!("{path}[]"), expected, found));
        }
        (Value::Number(expected), Value::Number(found)) => {
            let (expected, found) = (expected.as_f64().unwrap(), found.as_f64().unwrap());
            let error = (expected - found).abs();
            assert!(error <= TOLERANCE * expected.abs(), "{path}: {found} where Pooler has {expected}");
        }
        _ => assert_eq!(expected, found, "{path}"),
    }
}

/// The golden file has the number of logs and the first of them.
fn shortened(mut volume: Value) -> Value {
    for kind in ["Swap", "Mint", "Burn"] {
        let events = &mut volume["events"][kind];
        let logs = events["logs"].as_array().unwrap();
        *events = json!({ "n": logs.len(), "first": &logs[..logs.len().min(1)], "trades": events["trades"] });
    }
    volume
}

#[test]
fn payloads_are_those_of_pooler() {
    let world = world();
    let mut database = world.database();
    let golden: Vec<Value> = serde_json::from_str(include_str!("pooler_golden.json")).unwrap();
    let mut n_checked = 0;
    for id in [100, 220] {
        let epoch = epoch(&mut database, EPOCHS, id);
        let blocks = json!([epoch.blocks.first, epoch.blocks.last]);
        let payloads = payloads(&mut database, (SOURCE, &world.config), &epoch).unwrap();
        let found = |contract: &Value| {
            payloads.iter().find(|(pair, ..)| *contract == format!("{pair:#x}")).expect("the pair has payloads")
        };
        for expected in golden.iter().filter(|expected| expected["epoch"] == blocks) {
            n_checked += 1;
            if let Some(prices) = expected["eth_usd"].as_object() {
                // What a pair's wrapped Ether is worth, over how much it is.
                let (_, reserves, _) = found(&json!(format!("{:#x}", world.pair(["USDC", "WETH"]))));
                let sides = reserves.token1_reserves_usd.0.iter().zip(&reserves.token1_reserves.0);
                let ether = sides.map(|((block, usd), (_, ether))| (block.to_string(), json!(usd / ether)));
                check("eth_usd", &json!(prices), &Value::Object(ether.collect()));
                continue;
            }
            let (_, reserves, volume) = found(&expected["pair_total_reserves"]["contract"]);
            let name = format!("{} {}", expected["epoch"], expected["pair"]);
            check(&name, &expected["pair_total_reserves"], &serde_json::to_value(reserves).unwrap());
            // By way of the text, since amounts have more than 64 bits.
            let volume: Value = serde_json::from_str(&serde_json::to_string(volume).unwrap()).unwrap();
            let mut golden = expected["trade_volume"].clone();
            // The golden file leaves out the sum over all swaps, which the totals are rounded from.
            golden["events"]["Trades"] = volume["events"]["Trades"].clone();
            check(&name, &golden, &shortened(volume));
        }
    }
    assert_eq!((n_checked, golden.len()), (34, 34));
}

#[test]
fn json_has_the_keys_in_the_order_of_pooler() {
    let world = world();
    let mut database = world.database();
    let epoch = epoch(&mut database, EPOCHS, 100);
    let pair = world.pair(["DAI", "WETH"]);
    let mut json = |stream| {
        let payload = payload(&mut database, (SOURCE, &world.config), pair, &epoch, stream).unwrap().unwrap();
        String::from_utf8(payload.json()).unwrap()
    };
    let reserves = json(Stream::PairTotalReserves);
    let start = format!(r#"{{"contract":"{pair:#x}","token0Reserves":{{"block1000":5740307.563695597,"block1001":"#);
    assert!(reserves.starts_with(&start), "{reserves}");
    let end = r#""chainHeightRange":{"begin":1000,"end":1009},"timestamp":1700012108.0}"#;
    assert!(reserves.ends_with(end), "{reserves}");
    let volume = json(Stream::TradeVolume);
    let start =
        format!(r#"{{"contract":"{pair:#x}","totalTrade":212728.056493,"totalFee":637.395502,"token0TradeVolume":"#);
    assert!(volume.starts_with(&start), "{volume}");
    let log = r#""events":{"Swap":{"logs":[{"args":{"sender":"0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9","to":"0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9","amount0In":0,"amount1In":3785953484908526584,"amount0Out":6859497266675562554767,"amount1Out":0},"event":"Swap","logIndex":3,"transactionHash":"0x3310bceb7288d5303981882d044144802b51354993cd22b6986f37a6e62910d8","address":"0xfDc782C937E66C187f8E05d09D38F1256c3404B1","blockNumber":1001,"token0_amount":6859.497266675563,"token1_amount":3.785953484908527,"timestamp":1700012012,"trade_amount_usd":8397.80359076388"#;
    assert!(volume.contains(log), "{volume}");
    let none = world.token("WETH");
    assert!(payload(&mut database, (SOURCE, &world.config), none, &epoch, Stream::TradeVolume).unwrap().is_none());
}
