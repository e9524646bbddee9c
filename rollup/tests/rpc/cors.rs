//! What a browser lets a web page read: it looks at the head of each answer.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::World;

/// The status and the headers of the answer to a page of another origin.
async fn head(world: &World, method: &str, path: &str, body: &str) -> (u16, BTreeMap<String, String>) {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\norigin: https://page.example\r\n\
         access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let (head, _) = reply.split_once("\r\n\r\n").unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    let headers = headers.lines().map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    (status.split(' ').nth(1).unwrap().parse().unwrap(), headers.collect())
}

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let world = World::full("cors").await;
    for path in ["/rpc", "/inspect/streamable", "/inspect/streamable/balance/0x"] {
        let (status, headers) = head(&world, "OPTIONS", path, "").await;
        let of = |name: &str| headers.get(&format!("access-control-{name}")).map(String::as_str);
        assert_eq!((status, of("allow-origin"), of("allow-headers")), (204, Some("*"), Some("*")), "{path}");
        assert_eq!((of("allow-methods"), of("max-age")), (Some("GET, POST, OPTIONS"), Some("86400")), "{path}");
        // With credentials no browser would take a star for an answer.
        assert_eq!(of("allow-credentials"), None, "{path}");
    }
    let chain_id = r#"{"jsonrpc":"2.0","id":1,"method":"cartesi_getChainId"}"#;
    // What is refused tells the page why.
    for (method, path, body, expected) in [
        ("POST", "/rpc", chain_id, 200),
        ("POST", "/rpc", "{", 200),
        ("GET", "/rpc", "", 405),
        ("POST", "/inspect/nobody", "", 404),
        ("GET", "/inspect/nobody/x", "", 404),
        ("GET", "/nowhere", "", 404),
    ] {
        let (status, headers) = head(&world, method, path, body).await;
        let origin = headers.get("access-control-allow-origin").map(String::as_str);
        assert_eq!((status, origin), (expected, Some("*")), "{method} {path}");
    }
}
