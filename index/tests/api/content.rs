//! What is behind a content address.

use alloy::primitives::hex;
use index::content::{DAG_CBOR, cid};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};

use crate::{
    store::hash,
    world::{TOKENS, World, json_of},
};

#[tokio::test]
async fn bytes_have_the_address_that_they_were_asked_by() {
    let world = World::full().await;
    for address in world.cids.iter().chain(&world.dag_cids) {
        for request in [
            world.ask(&format!("/v1/snapshots/{address}?format=raw")),
            world.ask(&format!("/v1/snapshots/{address}")).header(ACCEPT, "text/html, application/vnd.ipld.raw;q=0.9"),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.headers()[CONTENT_TYPE], "application/vnd.ipld.raw");
            assert_eq!(cid(DAG_CBOR, &answer.bytes().await.unwrap()).to_string(), *address);
        }
    }
}

#[tokio::test]
async fn the_view_is_dag_json() {
    let world = World::full().await;
    let answer = world.get(&format!("/v1/snapshots/{}", world.cids[1])).await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/vnd.ipld.dag-json");
    let shown: serde_json::Value = json_of(answer).await;
    assert_eq!(shown["project"], TOKENS);
    assert_eq!(shown["head"]["epoch"], serde_json::json!({ "begin": 10, "end": 19, "id": 1 }));
    let bytes = shown["head"]["endHash"]["/"]["bytes"].as_str().unwrap();
    let decoded = cid::multibase::Base::Base64.decode(bytes).unwrap();
    assert_eq!(hex::encode(decoded), hex::encode(hash(19)));
}

#[tokio::test]
async fn only_what_is_final_is_kept_for_ever() {
    let world = World::full().await;
    for (i, cache, state, block) in
        [(3, "public, max-age=31536000, immutable", "final", "39"), (4, "no-cache", "tentative", "49")]
    {
        let path = format!("/v1/snapshots/{}", world.cids[i]);
        let answer = world.get(&path).await;
        let headers = answer.headers().clone();
        assert_eq!(headers[CACHE_CONTROL], cache);
        assert_eq!(
            (&headers["x-index-state"], &headers["x-index-block"]),
            (&state.parse().unwrap(), &block.parse().unwrap())
        );
        let known = world.ask(&path).header(IF_NONE_MATCH, format!("\"x\", W/{}", headers[ETAG].to_str().unwrap()));
        let known = known.send().await.unwrap();
        assert_eq!((known.status().as_u16(), known.headers()[ETAG].clone()), (304, headers[ETAG].clone()));
        assert_eq!(known.bytes().await.unwrap().len(), 0);
        let raw = world.ask(&format!("{path}?format=raw")).header(IF_NONE_MATCH, &headers[ETAG]).send().await.unwrap();
        assert_eq!(raw.status().as_u16(), 200, "the bytes are not the view");
    }
}

#[tokio::test]
async fn other_spellings_of_an_address_lead_to_the_same() {
    let world = World::full().await;
    let parsed = cid::Cid::try_from(world.cids[0].as_str()).unwrap();
    let spelt = parsed.to_string_of_base(cid::multibase::Base::Base58Btc).unwrap();
    assert_eq!(world.get(&format!("/v1/snapshots/{spelt}")).await.status().as_u16(), 200);
}

#[tokio::test]
async fn what_is_not_here_is_not_found() {
    let world = World::full().await;
    let nothing = cid(DAG_CBOR, b"nothing");
    let (code, message) = world.failure(&format!("/v1/snapshots/{nothing}"), 404).await;
    assert_eq!(code, "not_found");
    assert!(message.starts_with(&format!("{nothing} is neither a snapshot nor a block")), "{message}");
    for path in ["/v1/snapshots/bafy", "/v1/snapshots/..%2f..%2fetc%2fpasswd", "/v1/snapshots/%00"] {
        assert_eq!(world.failure(path, 400).await.0, "bad_parameter");
    }
}
