//! An index is all that it takes to read: no endpoint is asked, and what a hostile index says does no harm.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

use bindings::{Clock, create2_address};
use serde_json::{Value, json};

use crate::{
    harness::{ALICE, BOB, Net, streamctl},
    index::{Running, configure},
};

/// Where nothing answers.
const DEAD: &str = "http://127.0.0.1:1";

#[test]
fn an_index_is_read_where_no_endpoint_answers() {
    let mut net = Net::with_streams();
    net.create_in_spoiled(&["0xfe"]);
    configure(&mut net);
    let index = Running::start(&mut net);
    index.wait(&net);
    let told = |line: &str, endpoint: Option<&str>| {
        let mut command = net.command(None, line);
        match endpoint {
            Some(url) => command.env("ETH_RPC_URL", url),
            None => command.env_remove("ETH_RPC_URL"),
        };
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    let (url, lines) =
        (net.url(), ["list", "list --state all --json", "watch 2 6 --count 1", "watch 5 --count 1 --json"]);
    let of_chain = lines.map(|line| told(line, Some(&url)));
    let streams = told("index streams --config $CONFIG", Some(&url));
    assert_eq!(streams, of_chain[0]);
    for endpoint in [None, Some(DEAD)] {
        let of_index = lines.map(|line| told(&format!("{line} --index $INDEX"), endpoint));
        assert_eq!(of_index, of_chain);
        assert_eq!(told("index streams --index $INDEX", endpoint), streams);
        assert_eq!(told("index streams --config $CONFIG", endpoint), streams);
    }
    drop(index);
    net.stop();
    let mut command = net.command(None, "index streams --config $CONFIG");
    assert_eq!(String::from_utf8(command.output().unwrap().stdout).unwrap(), streams);
}

/// What a fair index says of a chain whose block 100 is the last.
fn fair_status() -> Value {
    let contracts = json!([{ "contract": create2_address(Clock::Block), "clock": "block" }]);
    json!({
        "as_of": { "block": 100, "timestamp": 1_800_000_000, "hash": format!("0x{:064x}", 1), "state": "final", "finalized": 100 },
        "chain_id": 1,
        "head": 100,
        "lag_blocks": 0,
        "is_connected": true,
        "sources": [{ "name": "streams", "kind": "erc1620", "contracts": contracts }],
    })
}

/// Stream 1, of which 50 of 100 units are due.
fn fair_stream() -> Value {
    json!({
        "contract": create2_address(Clock::Block),
        "stream_id": "1",
        "state": "streaming",
        "sender": ALICE,
        "recipient": BOB,
        "token": "0x663F3ad617193148711d28f5334eE4Ed07016602",
        "token_symbol": "DEMO",
        "token_decimals": 1,
        "clock": "block",
        "time": 100,
        "start": 50,
        "stop": 150,
        "payment": "1",
        "interval": 1,
        "deposit": "100",
        "deposit_total": "100",
        "withdrawn": "0",
        "withdrawn_total": "0",
        "due": "50",
        "refundable": "50",
        "update_epoch": 0,
        "ending": null,
        "changed_block": 40,
    })
}

/// Serves an index with this status and this stream until the test binary ends, and gives its URL.
fn serve(status: &Value, stream: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let list = json!({ "as_of": status["as_of"], "items": [stream], "next": null });
    let [status, stream, list] = [status, stream, &list].map(Value::to_string);
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let path = lines.next().unwrap().unwrap();
            lines.map_while(Result::ok).find(|line| line.is_empty());
            let body = if path.contains("/v1/status") {
                &status
            } else if path.contains("/v1/streams/") {
                &stream
            } else {
                &list
            };
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            write!(connection, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    url
}

/// Runs what reads streams on an index whose answers have `value` at `pointer`. They print `expected`: as a part of their
/// result if that is `Ok`, else of the error.
#[track_caller]
fn check(pointer: &str, value: Value, expected: Result<&str, &str>) {
    let (mut status, mut stream) = (fair_status(), fair_stream());
    let changed = match pointer.strip_prefix("/status") {
        Some(pointer) => status.pointer_mut(pointer),
        None => stream.pointer_mut(pointer),
    };
    *changed.unwrap() = value;
    let url = serve(&status, &stream);
    let is_of_status = pointer.starts_with("/status");
    for command in ["list", "watch 1 --count 1", "index streams"] {
        if is_of_status && command == "index streams" {
            continue;
        }
        let ran = streamctl().args(command.split(' ')).args(["--index", &url]).output().unwrap();
        let (stdout, stderr) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
        let (said, code) = if expected.is_ok() { (&stdout, 0) } else { (&stderr, 1) };
        assert_eq!(ran.status.code(), Some(code), "{command}: {stdout}{stderr}");
        let (Ok(expected) | Err(expected)) = expected;
        assert!(said.contains(expected), "{command}: {said}");
        let is_harmless = |c: char| matches!(c, '\n' | '…') || c.is_ascii_graphic() || c == ' ';
        assert!(stdout.chars().chain(stderr.chars()).all(is_harmless), "{command}: {stdout:?} {stderr:?}");
        assert!(stdout.len() + stderr.len() < 2_000, "{command}: {stdout}{stderr}");
    }
}

#[test]
fn what_a_hostile_index_says_does_no_harm() {
    check("/token_symbol", json!("DEMO"), Ok("DEMO"));
    check("/token_symbol", json!("\u{1b}[2J\u{202e}EVIL\u{9b}31m\r\n"), Ok("[2JEVIL31m"));
    check("/token_symbol", json!("A".repeat(1 << 20)), Ok("AAAAAAAAAAAA"));
    check("/token_symbol", json!("\u{200b}\u{7f}"), Ok("0x663F…6602"));
    check("/token_symbol", Value::Null, Ok("0x663F…6602"));
    for decimals in [json!(78), json!(262), json!(u64::MAX), json!(-6), json!(1.5), json!(1e300), Value::Null] {
        check("/token_decimals", decimals, Ok("units of DEMO"));
    }
    check("/token_decimals", json!(77), Ok("0.0000"));
    let not_an_index = |what: &str| format!("does not answer as an index does: {what}");
    for (pointer, value, what) in [
        ("/token_decimals", json!("6"), "invalid type: string \"6\""),
        ("/token_symbol", json!(["DEMO"]), "invalid type: sequence"),
        ("/state", json!("\u{1b}[2J\u{202e}"), "unknown variant `?[2J?`"),
        ("/state", json!("x".repeat(1 << 20)), "unknown variant `xxx"),
        ("/sender", json!("\u{1b}[2J"), ""),
        ("/due", json!("1e5"), "\"1e5\" is no number"),
        ("/due", json!("9".repeat(40)), ""),
        ("/update_epoch", json!(65_536), "invalid value: integer `65536`"),
        ("/ending", json!({ "sender": "1" }), "missing field `recipient`"),
        ("/status/sources", json!("\u{1b}"), "invalid type: string"),
        ("/status/sources/0/contracts/0/contract", json!("\u{1b}"), ""),
        ("/status/as_of", json!({ "block": "\u{7}" }), "invalid type: string"),
    ] {
        check(pointer, value, Err(&not_an_index(what)));
    }
    check("/clock", json!("\u{1b}[2J"), Err("stream 1 runs on a clock that streamctl does not know"));
    check("/interval", json!(0), Err("reading the terms of stream 1"));
    check("/stop", json!(u64::MAX), Err("reading the terms of stream 1"));
    check("/status/sources/0/contracts/0/clock", json!("\u{1b}"), Err("runs on a clock that streamctl does not know"));
    check("/status/sources/0/contracts/0/clock", Value::Null, Err("has no stream yet"));
    check("/status/sources/0/contracts", json!([]), Err("check --contract"));
    // More than there is to give, and what the chain's clock cannot read.
    check("/withdrawn", json!(u128::MAX.to_string()), Ok("DEMO"));
    check("/due", json!(u128::MAX.to_string()), Ok("DEMO"));
}
