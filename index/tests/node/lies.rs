//! A node whose only endpoint lies now and then, or changes its chain between two answers, while blocks come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use index::progress::Event;
use index::rpc::Bounds;
use tokio::net::TcpListener;

use crate::anvil::Anvil;
use crate::matrix::{Chaos, DEEPEST, Dice, N_AT_A_TIME, compare, each_seed, live};
use crate::proxy::{Lie, Proxy, What};
use crate::run::Running;
use crate::store::Store;
use crate::token;
use crate::turns::on_runtime;

/// Short, since some lies are silence and answers without end.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_millis(500), body: 1 << 20, pause: Duration::from_millis(200) };

/// Things that happen while one kind of lie is told.
const N_TURNS: u64 = 8;

/// All that are told while a node follows a chain. Two are of other occasions: a chain's id is asked for once, before
/// the first answer is believed, and this kind calls no contract.
fn lies(chaos: &mut Chaos, other: &Anvil) -> [What; 22] {
    let behind = chaos.anvil.height() - chaos.dice.roll(5);
    [
        What::EmptyLogs,
        What::DuplicateLogs,
        What::DisorderedLogs,
        What::ForeignBlockHash,
        What::UnwatchedLogs,
        What::RemovedLogs,
        What::OtherLogs(other.url().to_owned()),
        What::OtherBlock(other.url().to_owned()),
        What::TooManyBlocks(1),
        What::EndlessLogs,
        What::TruncatedBatch,
        What::ShuffledIds,
        What::DoubledIds,
        What::ForeignIds,
        What::BusyItem,
        What::BusyBatch,
        What::NoBatches,
        What::BusyHttp("0"),
        What::StaleHead(behind),
        What::Html,
        What::Cut,
        What::Silence,
    ]
}

#[test]
fn the_store_is_what_the_chain_says_though_the_endpoint_lies() {
    each_seed(4, N_AT_A_TIME, |seed| {
        on_runtime(async {
            let mut chaos = Chaos::start(seed);
            let mut other = Chaos::start(seed + 500);
            chaos.grow(100);
            other.grow(110);
            let proxy = Proxy::start(chaos.anvil.url()).await;
            let store = Store::file("lies");
            let mut running = Running::start(live(&proxy.url, &store.address, chaos.token, BOUNDS));
            running.until(|event| *event == Event::Committed { stage: "logs" }).await;
            // A fourth of the lies with each seed.
            for kind in (0..22).filter(|kind| kind % 4 == usize::try_from(seed % 4).unwrap()) {
                let mut n_told = 0;
                for _ in 0..N_TURNS {
                    let what = lies(&mut chaos, &other.anvil)[kind].clone();
                    let times = 1 + usize::try_from(chaos.dice.roll(3)).unwrap();
                    proxy.tell(Lie { what: Some(what), times });
                    chaos.turn();
                    chaos.grow(2);
                    if chaos.dice.roll(2) == 0 {
                        running.until_at(chaos.anvil.head()).await;
                    }
                    n_told += times - proxy.lie.lock().unwrap().times;
                }
                proxy.tell(Lie::none());
                running.until_at(chaos.anvil.head()).await;
                let what = lies(&mut chaos, &other.anvil)[kind].clone();
                assert!(n_told > 0, "seed {seed}: {what:?} was never told");
            }
            running.stop().await;
            compare(&chaos.anvil, chaos.token, &store.address, seed);
        });
    });
}

/// What an endpoint before two chains does with a request.
#[derive(Clone)]
struct Switch {
    urls: [String; 2],
    http: reqwest::Client,
    /// Requests until the other chain answers; below zero it does.
    n_left: Arc<AtomicI64>,
}

impl Switch {
    async fn start(chains: &[Chaos; 2]) -> (String, Arc<AtomicI64>) {
        let n_left = Arc::new(AtomicI64::new(i64::MAX));
        let urls = [0, 1].map(|chain| chains[chain].anvil.url().to_owned());
        let switch = Self { urls, http: reqwest::Client::new(), n_left: Arc::clone(&n_left) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer).with_state(switch)).await });
        (url, n_left)
    }
}

async fn answer(State(switch): State<Switch>, body: Bytes) -> impl IntoResponse {
    let is_over = switch.n_left.fetch_sub(1, Ordering::SeqCst) <= 0;
    let asked = switch.http.post(&switch.urls[usize::from(is_over)]).header(CONTENT_TYPE, "application/json");
    let answer = asked.body(body).send().await.unwrap().bytes().await.unwrap();
    ([(CONTENT_TYPE, "application/json")], answer)
}

/// Two chains that are one up to `depth` blocks before the first one's end. The second is `ahead` blocks higher.
fn forked(depth: u64, ahead: u64) -> [Chaos; 2] {
    let mut both = [Chaos::start_at(1_700_000_000), Chaos::start_at(1_700_000_000)];
    both.iter_mut().for_each(|chaos| chaos.grow(90));
    assert_eq!(both[0].anvil.head(), both[1].anvil.head(), "the same was done to both");
    both[1].dice = Dice(99);
    // The first of the blocks is another for sure.
    let mint = token::mint(both[1].token, 1_000_001);
    both[1].anvil.send(&mint);
    both[0].grow(depth);
    both[1].grow(depth + ahead - 1);
    both
}

#[test]
fn a_chain_that_changes_between_any_two_answers_is_followed() {
    for (depth, ahead) in [(1, 0), (1, 3), (5, 0), (DEEPEST, 1)] {
        let both = forked(depth, ahead);
        assert_eq!(both[0].anvil.height() + ahead, both[1].anvil.height());
        // From an empty store, the change comes in the middle of headers, logs and the last look at a range.
        for n_requests in 0..14 {
            on_runtime(async {
                let (url, n_left) = Switch::start(&both).await;
                n_left.store(n_requests, Ordering::SeqCst);
                let store = Store::file("switch");
                let mut running = Running::start(live(&url, &store.address, both[0].token, Bounds::default()));
                running.until_at(both[1].anvil.head()).await;
                running.stop().await;
                compare(&both[1].anvil, both[1].token, &store.address, depth * 100 + n_requests.cast_unsigned());
            });
        }
        // From a store that stands at the end of the first chain.
        on_runtime(async {
            let (url, n_left) = Switch::start(&both).await;
            let store = Store::file("switched");
            let mut running = Running::start(live(&url, &store.address, both[0].token, Bounds::default()));
            running.until_at(both[0].anvil.head()).await;
            n_left.store(0, Ordering::SeqCst);
            let (from, to) = (both[0].anvil.height(), both[0].anvil.height() - depth);
            let unwound = running.until(|event| matches!(event, Event::Unwound { .. })).await;
            assert_eq!(unwound, Event::Unwound { from, to });
            running.until_at(both[1].anvil.head()).await;
            running.stop().await;
            compare(&both[1].anvil, both[1].token, &store.address, depth);
        });
    }
}
