//! Requests a second, printed for whoever asks: `cargo test --release -p index --test api -- --ignored --nocapture load`.

use std::time::{Duration, Instant};

use index::{
    database,
    kind::uniswap_v2::query::{EpochEnd, Query},
};

use crate::{
    sources::{BOB, CAROL, WETH, market_pair, streaming},
    store::Store,
    world::{TOKENS, World},
};

/// Pairs of the market.
const N_PAIRS: u64 = 160;

/// Streams beside those of the tests.
const N_STREAMS: u64 = 20_000;

/// Connections at once.
const N_READERS: u32 = 16;

/// How long each question is asked.
const TIME: Duration = Duration::from_secs(2);

#[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
async fn measure(world: &World, name: &str, path: &str) {
    let begun = Instant::now();
    let reader = || async {
        let mut n_requests = 0;
        while begun.elapsed() < TIME {
            let answer = world.get(path).await;
            assert_eq!(answer.status().as_u16(), 200);
            answer.bytes().await.unwrap();
            n_requests += 1;
        }
        n_requests
    };
    let n_requests: u32 = futures_util::future::join_all((0..N_READERS).map(|_| reader())).await.into_iter().sum();
    println!("{name}: {:.0} requests a second", f64::from(n_requests) / begun.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and asserts nothing about time"]
async fn load() {
    let world = World::whole_and(N_STREAMS).await;
    measure(&world, "/health", "/health").await;
    measure(&world, "/v1/snapshots of a project", &format!("/v1/snapshots?project={TOKENS}")).await;
    measure(&world, "/v1/snapshots by CID", &format!("/v1/snapshots/{}", world.cids[0])).await;
    measure(&world, "/v1/windows", &format!("/v1/windows?project={TOKENS}&window=7d")).await;
    measure(&world, "/v1/events, 100 rows", "/v1/events/tokens_transfer").await;
    let streams = format!("{} streams", N_STREAMS + 3);
    measure(&world, &format!("/v1/streams by recipient, 2 of {streams}"), &format!("/v1/streams?recipient={BOB}"))
        .await;
    measure(&world, &format!("/v1/streams by sender, 100 of {streams}"), &format!("/v1/streams?sender={CAROL}")).await;
    measure(&world, &format!("/v1/streams, 1,000 of {streams}"), "/v1/streams?limit=1000").await;
    measure(&world, "/v1/streams, one", &format!("/v1/streams/{}/1", streaming())).await;
}

/// How long it takes to make what is kept.
#[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
fn measure_afresh(world: &World, name: &str, make: impl Fn(&mut Query<'_>, EpochEnd) -> usize) {
    let mut database = database::open_to_read(world.store.path.to_str().unwrap()).unwrap();
    let mut query = Query::new(database.as_mut(), "uniswap");
    let at = query.newest().unwrap().unwrap();
    let (begun, mut n_made) = (Instant::now(), 0);
    while begun.elapsed() < TIME {
        assert!(make(&mut query, at) > 0);
        n_made += 1;
    }
    println!("{name} made afresh: {:.0} a second", f64::from(n_made) / begun.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and asserts nothing about time"]
async fn load_of_pairs() {
    let world = World::market(Store::at(None), N_PAIRS).await;
    measure_afresh(&world, "pairs", |query, at| query.pair_stats(at).unwrap().len());
    measure_afresh(&world, "tokens", |query, at| query.token_stats(at).unwrap().len());
    measure_afresh(&world, "Pooler's pairs", |query, at| {
        let stats = query.pair_stats(at).unwrap();
        query.liquidity_processed(&stats).unwrap().len()
    });
    let (pair, token) = market_pair(7);
    for path in [
        "/v1/pairs".to_owned(),
        "/v1/pairs?limit=1000".into(),
        format!("/v1/pairs/{pair}"),
        format!("/v1/pairs/{pair}/transactions"),
        "/v1/tokens".into(),
        format!("/v1/tokens/{token}"),
        format!("/v1/tokens/{WETH}/transactions"),
        "/v2-pairs".into(),
        "/v2-tokens".into(),
        "/v2-daily-stats".into(),
        format!("/v2-pairs-recent-logs?pair_contract={pair}"),
        format!("/v2-tokens-recent-logs?token_contract={WETH}"),
        "/v1/daily".into(),
    ] {
        measure(&world, &format!("{path}, of {N_PAIRS} pairs"), &path).await;
    }
}
