//! Nodes that give few logs at once.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

use serde_json::{Value, json};

use crate::harness::{ALICE, Net};

/// What a node refuses.
#[derive(Clone, Copy)]
enum Limit {
    Blocks(u64),
    Logs(usize),
    Everything,
}

/// Passes requests on to `net`'s node, and refuses logs beyond the limit in the words of a real one. Lives as long as
/// the test's process.
fn limited(net: &Net, limit: Limit, words: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = net.url().trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            serve(connection.unwrap(), &upstream, limit, words);
        }
    });
    format!("http://{address}")
}

fn serve(mut connection: TcpStream, upstream: &str, limit: Limit, words: &str) {
    let request = body(&mut BufReader::new(&connection));
    let mut node = TcpStream::connect(upstream).unwrap();
    post(&mut node, "POST / HTTP/1.1\r\nhost: localhost\r\n", &request);
    let mut answer = body(&mut BufReader::new(&node));
    let asked: Value = serde_json::from_str(&request).unwrap();
    if asked["method"] == "eth_getLogs" && exceeds(&asked["params"][0], &answer, limit) {
        let error = json!({ "code": -32005, "message": words });
        answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error }).to_string();
    }
    post(&mut connection, "HTTP/1.1 200 OK\r\n", &answer);
}

fn exceeds(filter: &Value, answer: &str, limit: Limit) -> bool {
    let number =
        |value: &Value| value.as_str().and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    match limit {
        Limit::Everything => true,
        Limit::Logs(most) => {
            let answer: Value = serde_json::from_str(answer).unwrap();
            answer["result"].as_array().unwrap().len() > most
        }
        Limit::Blocks(most) => match (number(&filter["fromBlock"]), number(&filter["toBlock"])) {
            (Some(first), Some(last)) => last - first + 1 > most,
            _ => true,
        },
    }
}

fn post(to: &mut TcpStream, head: &str, body: &str) {
    let length = body.len();
    write!(to, "{head}content-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
}

fn body(from: &mut impl BufRead) -> String {
    let mut length = 0;
    let mut line = String::new();
    while from.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// Five streams, a hundred blocks apart.
fn net() -> Net {
    let net = Net::new();
    for _ in 0..5 {
        let line = "create --recipient $BOB --token $TOKEN --payment 1 --interval-blocks 1000 --over 10d --yes";
        let ran = net.command(Some(ALICE), line).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        net.mine(100);
    }
    net
}

#[track_caller]
fn check(limit: Limit, words: &'static str, options: &str, expected: &[&str], n_requests: &str) {
    let net = net();
    let url = limited(&net, limit, words);
    let ran = net.command(None, &format!("list --json -v --rpc-url {url} {options}")).output().unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{stderr}");
    let list: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let ids: Vec<&Value> = list["streams"].as_array().unwrap().iter().map(|row| &row["stream_id"]).collect();
    assert_eq!(ids, expected);
    assert_eq!(stderr, n_requests);
}

const ALL: [&str; 5] = ["1", "2", "3", "4", "5"];

/// The contract is looked for, and the scan begins with its block.
#[test]
fn list_where_ranges_are_short() {
    check(Limit::Blocks(200), "eth_getLogs is limited to a 200 range", "", &ALL, "21 requests in 21 round trips\n");
}

#[test]
fn list_where_ranges_are_short_from_a_block() {
    check(
        Limit::Blocks(200),
        "eth_getLogs is limited to a 200 range",
        "--from-block 300",
        &["3", "4", "5"],
        "9 requests in 9 round trips\n",
    );
}

#[test]
fn list_where_answers_are_short() {
    check(Limit::Logs(2), "query returned more than 2 results", "", &ALL, "19 requests in 19 round trips\n");
}

#[test]
fn list_where_the_scan_is_long() {
    check(
        Limit::Blocks(10),
        "block range is too wide",
        "",
        &ALL,
        "the node limits how many logs it gives at once: about 64 requests to go; --from-block makes it less\n\
         85 requests in 85 round trips\n",
    );
}

#[test]
fn list_where_nothing_is_given() {
    let net = net();
    let url = limited(&net, Limit::Everything, "daily request count exceeded, request rate limited");
    let ran = net.command(None, &format!("list --rpc-url {url}")).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&ran.stderr),
        format!("error: {url} refuses: daily request count exceeded, request rate limited\n")
    );
    let ran = net.command(None, &format!("show 1 --rpc-url {url}")).output().unwrap();
    assert!(ran.status.success(), "what can be shown without logs is shown");
    let stdout = String::from_utf8_lossy(&ran.stdout);
    assert!(stdout.ends_with("New terms may be proposed; see: streamctl update show 1\n"), "{stdout}");
}
