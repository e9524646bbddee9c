//! A desk with five peers, and the keys to speak to it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy::signers::local::PrivateKeySigner;
use index::{
    consensus::{Answer, Desk, DeskConfig, Refusal, Registry, Rules, Submission, router},
    content::{DAG_CBOR, cid},
    dag::{Origin, Range},
    database::Database,
    epoch::Epochs,
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::twin::Twin;

pub(crate) const ORIGIN: Origin = Origin { chain_id: 31_337, epochs: Epochs { genesis: 100, size: 10, offset: 2 } };
pub(crate) const PROJECT: &str = "uniswap/0x01/trade_volume";
pub(crate) const WINDOW: u64 = 60;
pub(crate) const START: u64 = 1_700_000_000;
pub(crate) const N_PEERS: u8 = 5;

pub(crate) fn signer(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[number + 1; 32]).unwrap()
}

pub(crate) fn address_of(content: &str) -> String {
    cid(DAG_CBOR, content.as_bytes()).to_string()
}

pub(crate) fn range(epoch: u64) -> Range {
    let blocks = ORIGIN.epochs.blocks(epoch).unwrap();
    Range { begin: blocks.first, end: blocks.last }
}

pub(crate) fn submission(peer: u8, epoch: u64, content: &str) -> Submission {
    let about = (PROJECT.to_owned(), range(epoch));
    Submission::sign(&signer(peer), ORIGIN.chain_id, about, address_of(content)).unwrap()
}

/// Five peers for all projects but `beta`, which has two.
pub(crate) fn config() -> DeskConfig {
    let mut toml = "listen = \"127.0.0.1:0\"\npeers = [".to_owned();
    (0..N_PEERS).for_each(|peer| toml += &format!("\"{}\",", signer(peer).address()));
    toml += &format!("]\n[projects]\nbeta = [\"{}\", \"{}\"]\n", signer(0).address(), signer(9).address());
    toml::from_str(&toml).unwrap()
}

pub(crate) fn rules() -> Rules {
    Rules::new(&config(), ORIGIN).unwrap()
}

pub(crate) fn store() -> Box<dyn Database> {
    Box::new(Twin::fresh())
}

pub(crate) fn desk() -> Desk {
    Desk::new(store(), rules())
}

/// What a peer hears when it votes.
pub(crate) fn vote(desk: &mut Desk, peer: u8, epoch: u64, content: &str, now: u64) -> Result<Answer, Refusal> {
    let vote = submission(peer, epoch, content).open(desk.rules())?;
    desk.submit(&vote, now)
}

pub(crate) fn final_of(desk: &mut Desk, epoch: u64) -> Option<String> {
    let question = index::consensus::EpochQuestion { epoch: range(epoch), project: PROJECT.to_owned(), peer: None };
    desk.epoch_status(&question).unwrap().final_cid
}

/// A file that is deleted in the end, and a schema that says the same.
pub(crate) struct File {
    path: PathBuf,
    pub(crate) url: Option<String>,
}

impl File {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("index-{name}-{}.db", std::process::id()));
        let file = Self { path, url: crate::postgres::url() };
        file.delete();
        file
    }

    pub(crate) fn open(&self) -> Box<dyn Database> {
        Box::new(Twin::open(&self.path, self.url.as_deref()))
    }

    fn delete(&self) {
        for end in ["", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(end);
            std::fs::remove_file(path).ok();
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.delete();
    }
}

/// A desk on a port of its own, whose clock only the test moves.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) clock: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(desk: Desk, limit: Option<&str>) -> Self {
        let clock = Arc::new(AtomicU64::new(START));
        let time = clock.clone();
        let registry = Registry::new(desk, limit, Arc::new(move || time.load(Ordering::SeqCst))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router(registry)).await.unwrap() });
        Self { url, clock, task }
    }

    pub(crate) fn set(&self, now: u64) {
        self.clock.store(now, Ordering::SeqCst);
    }

    /// Status and content of the answer.
    pub(crate) async fn post(&self, path: &str, body: impl Into<String>) -> (u16, serde_json::Value) {
        let request = reqwest::Client::new().post(format!("{}/{path}", self.url)).body(body.into());
        answer(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        answer(reqwest::Client::new().get(format!("{}/{path}", self.url))).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, serde_json::Value) {
    let response = request.send().await.unwrap();
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} {error}: {text}")))
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn json(submission: &Submission) -> String {
    serde_json::to_string(submission).unwrap()
}
