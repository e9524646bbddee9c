//! A store and its API on a port of its own.

use std::{net::SocketAddr, panic::Location, path::PathBuf, sync::Arc};

use index::{
    api::{self, Api, Source},
    config::{EventsConfig, KindConfig},
    metrics::Metrics,
    progress::Progress,
};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
};

use crate::{
    sources::{market, streams, streams_and, uniswap},
    store::{Store, transfer},
};

pub const CHAIN: u64 = 31_337;

pub const TOKENS: &str = "tokens/all";

/// Begins in epoch 2.
pub const LATE: &str = "tokens/late";

pub struct World {
    pub store: Store,
    pub sources: Vec<Source>,
    pub address: SocketAddr,
    /// Where the same is read from PostgreSQL.
    pub other: Option<SocketAddr>,
    pub progress: watch::Sender<Progress>,
    pub http: Client,
    pub stop: Option<oneshot::Sender<()>>,
    pub ended: JoinHandle<std::io::Result<()>>,
    /// The address of the snapshot of [`TOKENS`] at each epoch.
    pub cids: Vec<String>,
    /// The address of the block of each final epoch in the chain of [`TOKENS`].
    pub dag_cids: Vec<String>,
}

impl World {
    /// Blocks 0 to 64; epochs 0 to 3 are final, 4 and 5 tentative, 6 planned. One source, of events.
    pub async fn full() -> Self {
        let mut store = Store::empty();
        let cids = fill(&mut store);
        let mut world = Self::of(store).await;
        (world.cids, world.dag_cids) = cids;
        world
    }

    /// The same with a source of each bundled kind.
    pub async fn whole() -> Self {
        Self::whole_and(0).await
    }

    /// The same with so many more streams.
    pub async fn whole_and(n_streams: u64) -> Self {
        let mut store = Store::empty();
        let cids = fill(&mut store);
        let sources = vec![tokens(), streams_and(&mut store, n_streams), uniswap(&mut store)];
        let mut world = Self::with(store, sources).await;
        (world.cids, world.dag_cids) = cids;
        world
    }

    /// The same blocks and epochs with so many pairs, in `store`.
    pub async fn market(mut store: Store, n_pairs: u64) -> Self {
        fill(&mut store);
        let sources = vec![tokens(), market(&mut store, n_pairs)];
        Self::with(store, sources).await
    }

    /// A source of each bundled kind, and nothing stored.
    pub async fn unfilled() -> Self {
        let (mut store, mut filled) = (Store::empty(), Store::empty());
        fill(&mut filled);
        let sources = vec![tokens(), streams(&mut filled), uniswap(&mut filled)];
        for events in sources.iter().flat_map(|source| &source.events) {
            store.database.create(&events.table).unwrap();
        }
        Self::with(store, sources).await
    }

    pub async fn of(store: Store) -> Self {
        Self::with(store, vec![tokens()]).await
    }

    pub async fn with(store: Store, sources: Vec<Source>) -> Self {
        let told =
            Progress { head: Some(65), stored: Some(64), derived: Some(64), is_connected: true, ..Progress::default() };
        let (progress, watched) = watch::channel(told);
        let serve = async |store: &str| {
            let api = Api::new(store.to_owned(), CHAIN, sources.clone(), watched.clone(), Arc::new(Metrics::default()));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            (
                address,
                stop,
                tokio::spawn(api::serve(listener, api, Arc::new(|_| ()), async move { drop(stopped.await) })),
            )
        };
        let (address, stop, ended) = serve(store.path.to_str().unwrap()).await;
        let mut other = None;
        if let Some(url) = &store.url {
            let (address, stop, _) = serve(url).await;
            // It goes on as long as the test.
            std::mem::forget(stop);
            other = Some(address);
        }
        let (http, stop) = (Client::builder().no_proxy().build().unwrap(), Some(stop));
        Self { store, sources, address, other, progress, http, stop, ended, cids: vec![], dag_cids: vec![] }
    }

    /// Asks only the one of the two from here on, whose store is at the address that this gives.
    pub fn only(&mut self, on_server: bool) -> Option<String> {
        let other = self.other.take();
        if on_server {
            self.address = other?;
            return self.store.url.clone();
        }
        self.store.path.to_str().map(str::to_owned)
    }

    pub fn ask(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("http://{}{path}", self.address))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(path).send().await.unwrap()
    }

    /// What the same request says of the store in PostgreSQL, which has to be `expected`.
    async fn is_told_alike(&self, path: &str, told: &str, expected: (u16, &str)) {
        let Some(other) = self.other else { return };
        let answer = self.http.get(format!("http://{other}{path}")).send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert_eq!((status, body.as_str()), expected, "{told}: {path}: from PostgreSQL");
    }

    /// The body of an answer of 200.
    #[track_caller]
    pub fn json(&self, path: &str) -> impl Future<Output = Value> {
        let (asked, path, caller) = (self.ask(path).send(), path.to_owned(), Location::caller());
        async move {
            let answer = asked.await.unwrap();
            let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
            assert_eq!(status, 200, "{caller}: {path}: {body}");
            self.is_told_alike(&path, &caller.to_string(), (status, &body)).await;
            serde_json::from_str(&body).unwrap()
        }
    }

    /// The code and the message of a failure of this status.
    #[track_caller]
    pub fn failure(&self, path: &str, expected: u16) -> impl Future<Output = (String, String)> {
        let (asked, path, caller) = (self.ask(path).send(), path.to_owned(), Location::caller());
        async move { failure(asked.await.unwrap(), expected, &format!("{caller}: {path}")).await }
    }
}

/// The source of transfers.
pub fn tokens() -> Source {
    let config = EventsConfig { contracts: vec![], factory: None, abi: PathBuf::new(), events: vec![], reads: vec![] };
    Source { name: "tokens".into(), kind: KindConfig::Events(config), events: vec![transfer()] }
}

/// Fills a store, and gives the addresses of snapshots and of blocks of the chain of [`TOKENS`].
fn fill(store: &mut Store) -> (Vec<String>, Vec<String>) {
    store.blocks(64);
    let (mut cids, mut dag_cids) = (Vec::new(), Vec::new());
    for id in 0..6 {
        let state = if id < 4 { 2 } else { 1 };
        store.epoch(id, state);
        cids.push(store.snapshot(TOKENS, id, &[("n_transfers", 30 * (id + 1)), ("volume", 1_000 * (id + 1))]));
        if id >= 2 {
            store.snapshot(LATE, id, &[("n_transfers", 7 * (id - 1))]);
        }
        if state == 2 {
            dag_cids.push(store.dag(TOKENS, id));
        }
        store.change(2 * id + 1, "tentative", Some(id), last_block(id));
        store.change(2 * id + 2, if state == 2 { "final" } else { "unwound" }, Some(id), last_block(id));
    }
    store.epoch(6, 0);
    store.transfers(0..65);
    (cids, dag_cids)
}

/// The code and the message of a failure of this status.
pub async fn failure(answer: Response, expected: u16, told: &str) -> (String, String) {
    let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert_eq!(status, expected, "{told}: {body}");
    let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{told}: {error}: {body}"));
    let text = |name: &str| body["error"][name].as_str().unwrap_or_else(|| panic!("{told}: {body}")).to_owned();
    (text("code"), text("message"))
}

/// The body, which is JSON.
pub async fn json_of(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// The last block of an epoch.
fn last_block(id: u64) -> u64 {
    crate::store::epoch(id).blocks.last
}
