//! Requests that are wrong, or mean harm: each gets a failure in JSON that names what is wrong, and nothing breaks.

use alloy::{json_abi::Event, primitives::Bytes, sol_types::SolValue};
use index::{
    abi::{EventTable, RawLog},
    rows::Rows,
};
use reqwest::Method;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    store::{Store, hash, token},
    world::{World, failure, json_of, tokens},
};

#[tokio::test]
async fn bad_parameters_are_named_with_their_value_and_the_remedy() {
    let world = World::full().await;
    const LIMIT: &str = "give a whole number from 1 to 1000";
    const COUNT: &str = "give a whole number from 0 to 9223372036854775807";
    const ADDRESS: &str = "give an address: 0x and 40 hexadecimal digits, in small letters or with the right checksum";
    const CURSOR: &str = "give what `next` was in the page before";
    for (path, told) in [
        ("/v1/epochs?limit=1001", format!("limit is \"1001\"; {LIMIT}")),
        ("/v1/epochs?limit=0", format!("limit is \"0\"; {LIMIT}")),
        ("/v1/epochs?limit=-1", format!("limit is \"-1\"; {LIMIT}")),
        ("/v1/epochs?limit=18446744073709551616", format!("limit is \"18446744073709551616\"; {LIMIT}")),
        ("/v1/epochs?limit=", format!("limit is \"\"; {LIMIT}")),
        ("/v1/epochs/9223372036854775808", format!("id is \"9223372036854775808\"; {COUNT}")),
        ("/v1/epochs/1%20OR%201=1", format!("id is \"1 OR 1=1\"; {COUNT}")),
        ("/v1/epochs?after=zz", format!("after is \"zz\"; {CURSOR}")),
        ("/v1/epochs?after=2d31", format!("after is \"2d31\"; {CURSOR}")),
        ("/v1/epochs?order=up", "order is \"up\"; give one of asc, desc".into()),
        ("/v1/epochs?limit=1&limit=2", "limit is given twice, the second time as \"2\"; give it once".into()),
        ("/v1/epochs/1?id=2", "id is given twice, the second time as \"1\"; give it once".into()),
        ("/v1/epochs?depth=1", "\"depth\" is no parameter here, and is \"1\"; give limit, after, order".into()),
        ("/v1/epochs/1?x=%22", "\"x\" is no parameter here, and is \"\\\"\"; none is taken here".into()),
        ("/v1/snapshots", "project is not given; give a text".into()),
        ("/v1/snapshots?project=a%00b", "project is \"a\\0b\"; give a text without zero bytes".into()),
        ("/v1/events/tokens_transfer?contract=0x12", format!("contract is \"0x12\"; {ADDRESS}")),
        (
            "/v1/events/tokens_transfer?contract=0xD8da6bf26964af9d7eed9e03e53415d37aa96045",
            format!("contract is \"0xD8da6bf26964af9d7eed9e03e53415d37aa96045\"; {ADDRESS}"),
        ),
        (
            "/v1/events/tokens_transfer?from_block=7&to_block=6",
            "from_block is \"7\"; give at most 6, which is to_block".into(),
        ),
        ("/v1/changes?after=-1", format!("after is \"-1\"; {COUNT}")),
        ("/v1/epochs/%ff", "invalid utf-8 in `id`; give UTF-8".into()),
    ] {
        let (code, message) = world.failure(path, 400).await;
        assert_eq!((code.as_str(), message), ("bad_parameter", told), "{path}");
    }
}

#[tokio::test]
async fn text_in_parameters_is_never_sql() {
    let mut world = World::full().await;
    let text = "x';DROP%20TABLE%20snapshot;--";
    for (path, status) in [
        (format!("/v1/snapshots?project={text}"), 404),
        (format!("/v1/project?project={text}"), 404),
        (format!("/v1/events/{text}"), 404),
        ("/v1/events/snapshot".into(), 404),
        ("/v1/events/tokens_transfer%20UNION%20SELECT%201".into(), 404),
        (format!("/v1/windows?project={text}&from=0"), 404),
    ] {
        assert_eq!(world.failure(&path, status).await.0, "not_found", "{path}");
    }
    let empty = world.json(&format!("/v1/projects?prefix={text}")).await;
    assert_eq!(empty["items"], serde_json::json!([]));
    let rows = world.store.database.ask("SELECT count(*) FROM snapshot", &[]).unwrap();
    assert_eq!(rows.first().unwrap().count(0).unwrap(), 10);
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let world = World::full().await;
    for path in
        ["/v1", "/v1/epochs/", "/v1/epochs/1/2", "/v1/../../../etc/passwd", "/%2e%2e/etc/passwd", "//", "/V1/epochs"]
    {
        let (code, message) = world.failure(path, 404).await;
        assert_eq!(code, "not_found");
        assert!(message.ends_with("is no route; / lists all of them"), "{message}");
    }
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let world = World::full().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let asked = world.http.request(method.clone(), format!("http://{}/v1/status", world.address)).body("{}");
        let (code, message) = failure(asked.send().await.unwrap(), 405, method.as_str()).await;
        assert_eq!(
            (code.as_str(), message),
            ("method_not_allowed", format!("\"/v1/status\" does not take \"{method}\"; use GET"))
        );
    }
    let head = world.http.head(format!("http://{}/v1/status", world.address)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.bytes().await.unwrap().len()), (200, 0));
}

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let world = World::full().await;
    for path in ["/v1/status", "/v1/epochs?limit=0", "/nothing"] {
        assert_eq!(world.get(path).await.headers()["access-control-allow-origin"], "*", "{path}");
    }
    let asked = world.http.request(Method::OPTIONS, format!("http://{}/v1/status", world.address));
    let answer = asked.header("origin", "http://evil.example").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    assert_eq!(answer.headers()["access-control-allow-methods"], "GET, HEAD, OPTIONS");
    assert!(!answer.headers().contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn long_requests_are_refused() {
    let world = World::full().await;
    let (code, message) = world.failure(&format!("/v1/projects?prefix={}", "a".repeat(600)), 400).await;
    assert_eq!(code, "bad_parameter");
    assert!(message.contains("(600 bytes); give at most 512 bytes") && message.len() < 200, "{message}");
    let (code, message) = world.failure(&format!("/v1/projects?prefix={}", "a".repeat(60_000)), 414).await;
    assert_eq!((code.as_str(), message.as_str()), ("too_long", "path and query have 60020 bytes; give at most 8192"));
}

/// Sends bytes as they are, and gives all that comes back.
async fn raw(world: &World, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    // The server may answer and close before it has read all.
    stream.write_all(request).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_query_of_a_megabyte_is_refused_and_the_next_request_is_answered() {
    let world = World::full().await;
    let request = format!("GET /v1/projects?prefix={} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(1 << 20));
    let answer = raw(&world, request.as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 414 ") || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    world.json("/v1/status").await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let world = World::full().await;
    for request in ["\0\0\0\0\r\n\r\n", "GET /v1/status\r\n\r\n", "GET http://[::1 HTTP/1.1\r\n\r\n"] {
        let answer = raw(&world, request.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
    }
    world.json("/v1/status").await;
}

#[tokio::test]
async fn failures_of_the_store_are_told_and_pass() {
    let mut world = World::full().await;
    world.store.run("ALTER TABLE epoch RENAME TO epoch_away", &[]);
    let (code, message) = world.failure("/v1/epochs", 500).await;
    let told = "the index's store cannot be read; its operator is told why";
    assert_eq!((code.as_str(), message.as_str()), ("unreadable", told));
    world.store.run("ALTER TABLE epoch_away RENAME TO epoch", &[]);
    world.json("/v1/epochs").await;
    world.store.run("UPDATE epoch SET state = 9 WHERE id = 1", &[]);
    assert!(world.failure("/v1/epochs/1", 500).await.1.contains("9 is no state of an epoch"));
}

#[tokio::test]
async fn content_that_is_damaged_is_told_and_not_shown() {
    let mut world = World::full().await;
    world.store.run("UPDATE snapshot SET content = X'ff' WHERE epoch = 0", &[]);
    let (code, message) = world.failure(&format!("/v1/snapshots/{}", world.cids[0]), 500).await;
    assert_eq!(code, "unreadable");
    assert!(message.contains("is not that of its address"), "{message}");
    let failure: Value = json_of(world.get(&format!("/v1/snapshots/{}?format=raw", world.cids[0])).await).await;
    assert_eq!(failure["error"]["code"], "unreadable");
}

/// A world with logs of this many bytes each, one a block.
async fn said(lengths: &[usize]) -> World {
    let table = EventTable::new("tokens", &Event::parse("event Said(bytes content)").unwrap()).unwrap();
    let mut store = Store::empty();
    store.blocks(lengths.len() as u64);
    store.database.create(&table.table).unwrap();
    let mut rows = Rows::new(table.table.columns.len());
    for (block, n_bytes) in (0..).zip(lengths) {
        let data = (Bytes::from(vec![0xab; *n_bytes]),).abi_encode_params();
        let topics = [table.signature];
        let log = RawLog { block, idx: 3, tx: hash(block), contract: token(0), topics: &topics, data: &data };
        assert!(table.push(&mut rows, &log));
    }
    store.database.insert(&table.table, &rows).unwrap();
    let mut source = tokens();
    source.events = vec![table];
    World::with(store, vec![source]).await
}

/// Blocks of the rows of each page.
async fn pages(world: &World, query: &str) -> Vec<Vec<u64>> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.json(&format!("/v1/events/tokens_said?limit=1000{query}{after}")).await;
        pages.push(page["items"].as_array().unwrap().iter().map(|row| row["block"].as_u64().unwrap()).collect());
        let Some(next) = page["next"].as_str() else { return pages };
        after = format!("&after={next}");
    }
}

#[tokio::test]
async fn pages_of_long_rows_end_early_and_the_next_goes_on() {
    const LONG: usize = 64 << 10;
    const MIB: usize = 1 << 20;
    // Besides the content, a row has the hash of its transaction and the address of its contract.
    const REST: usize = 52;
    let block = |blocks: std::ops::Range<u64>| blocks.collect::<Vec<_>>();
    let world = said(&[LONG; 40]).await;
    assert_eq!(pages(&world, "").await, [block(0..15), block(15..30), block(30..40)]);
    let down = |blocks: std::ops::Range<u64>| blocks.rev().collect::<Vec<_>>();
    assert_eq!(pages(&world, "&order=desc").await, [down(25..40), down(10..25), down(0..10)]);
    assert_eq!(pages(&world, "&from_block=3&to_block=17").await, [block(3..18)]);
    let contract = format!("&contract={}&from_block=3&to_block=18", token(0));
    assert_eq!(pages(&world, &contract).await, [block(3..18), block(18..19)]);
    let few = world.json("/v1/events/tokens_said?limit=7").await;
    assert_eq!((few["items"].as_array().unwrap().len(), few["next"].is_string()), (7, true));

    // To the byte; and one that is too long for any page has one of its own.
    let world = said(&[MIB - 2 * REST - 1, 1, MIB - 2 * REST, 1, 3 * MIB, 2 * MIB, 0, 0, MIB - REST]).await;
    assert_eq!(
        pages(&world, "").await,
        [block(0..2), block(2..3), block(3..4), block(4..5), block(5..6), block(6..8), block(8..9)]
    );
}
