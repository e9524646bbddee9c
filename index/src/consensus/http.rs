//! The desk's HTTP side, with Pooler's paths. Reads signatures and limits before it touches the store.
//!
//! There is no `/reportIssue`: what a snapshotter has to say of itself is in its own `/status` and `/metrics`, and a desk
//! that took reports would only have to store what peers like to write.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::primitives::Address;
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Query, State},
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::FutureExt;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{
    Desk, EpochQuestion, Refusal, Registration, Rules, Submission,
    message::{Answer, Status},
};
use crate::{Result, dag::Range, rpc::Limit};

/// Bytes of a request.
const MAX_BODY: usize = 16 << 10;

/// In which a request's body must be there.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Requests that are worked on at once; the others wait.
const MAX_AT_ONCE: usize = 8;

/// What a peer may ask if the configuration does not say.
const LIMIT: &str = "20000/minute;1000/second";

/// Seconds after which a peer that asks too much may come again.
const RETRY_SECS: u32 = 2;

/// Unix seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What the routes share. Clones are the same.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    desk: Mutex<Desk>,
    rules: Rules,
    limit: String,
    limits: Mutex<HashMap<Address, Limit>>,
    at_once: Arc<Semaphore>,
    clock: Clock,
}

impl Registry {
    /// Answers for `desk`, at the time of `clock`, and takes no more of a peer than `limit`, as in
    /// `2000/minute;100/second`.
    ///
    /// # Errors
    /// If the limit is none.
    pub fn new(desk: Desk, limit: Option<&str>, clock: Clock) -> Result<Self> {
        let limit = limit.unwrap_or(LIMIT).to_owned();
        limit.parse::<Limit>()?;
        let (rules, at_once) = (desk.rules().clone(), Arc::new(Semaphore::new(MAX_AT_ONCE)));
        let shared = Shared { desk: Mutex::new(desk), rules, limit, limits: Mutex::default(), at_once, clock };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Does `work` where it may block.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let permit = self.shared.at_once.clone().acquire_owned().await.map_err(|_| Fault::Broken)?;
        let shared = self.shared.clone();
        let done = spawn_blocking(move || {
            // Who asked may go away; this goes on, and counts until it ends.
            let _permit = permit;
            work(&shared)
        });
        done.await.map_err(|_| Fault::Broken)?
    }
}

impl Shared {
    /// Counts a request of a listed peer.
    fn admit(&self, peer: Address) -> Result<(), Fault> {
        // The lock is held while the limit is asked: a limit that another request is asking would not answer at once.
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || self.limit.parse().expect("the limit was read when the registry was made");
        let limit: &mut Limit = limits.entry(peer).or_insert_with(fresh);
        limit.admitted(NonZeroU32::MIN).now_or_never().ok_or(Fault::TooMany(peer))
    }

    /// Uses the desk.
    fn desk<T>(&self, work: impl FnOnce(&mut Desk, u64) -> Result<T, Refusal>) -> Result<T, Fault> {
        // A transaction that panicked was rolled back by its connection, or its next one fails.
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(work(&mut desk, (self.clock)())?)
    }
}

/// The desk's routes.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/registerProjectPeer", post(register))
        .route("/submitSnapshot", post(submit))
        .route("/checkForSnapshotConfirmation", post(confirm))
        .route("/epochStatus", post(epoch_status))
        .route("/epochDetails", get(epoch_details))
        .route("/currentEpoch", get(current_epoch))
        .route("/metrics/submissionStatus", get(submissions))
        .fallback(async || Fault::NoRoute)
        .method_not_allowed_fallback(async || Fault::NoMethod)
        .with_state(registry)
}

async fn register(State(registry): State<Registry>, body: Body) -> Result<Json<Value>, Fault> {
    let registration: Registration = read(body).await?;
    let work = move |shared: &Shared| {
        registration.open(&shared.rules)?;
        shared.admit(registration.peer)?;
        shared.desk(|desk, now| desk.register(&registration, now))
    };
    let (n_peers, n_needed) = registry.work(work).await?;
    Ok(Json(json!({ "peers": n_peers, "needed": n_needed })))
}

async fn submit(State(registry): State<Registry>, body: Body) -> Result<Json<Answer>, Fault> {
    let submission: Submission = read(body).await?;
    let work = move |shared: &Shared| {
        let vote = submission.open(&shared.rules)?;
        shared.admit(vote.peer())?;
        shared.desk(|desk, now| desk.submit(&vote, now))
    };
    registry.work(work).await.map(Json)
}

async fn confirm(State(registry): State<Registry>, body: Body) -> Result<Response, Fault> {
    let submission: Submission = read(body).await?;
    let work = move |shared: &Shared| {
        let vote = submission.open(&shared.rules)?;
        shared.admit(vote.peer())?;
        shared.desk(|desk, now| desk.confirm(&vote, now))
    };
    let answer = registry.work(work).await?;
    let is_there = answer.status != Status::NotSubmitted;
    Ok((if is_there { StatusCode::OK } else { StatusCode::BAD_REQUEST }, Json(answer)).into_response())
}

async fn epoch_status(State(registry): State<Registry>, body: Body) -> Result<Json<Answer>, Fault> {
    let question: EpochQuestion = read(body).await?;
    registry.work(move |shared| shared.desk(|desk, _| desk.epoch_status(&question))).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochEnd {
    epoch: u64,
}

async fn epoch_details(
    State(registry): State<Registry>,
    query: Result<Query<EpochEnd>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Fault> {
    let Query(EpochEnd { epoch }) = query.map_err(|error| Fault::Form(error.body_text()))?;
    let details = registry.work(move |shared| shared.desk(|desk, _| desk.epoch_details(epoch))).await?;
    let none = || Fault::Nothing(format!("nobody has voted on an epoch that ends at block {epoch}"));
    let (opened_at, n_projects, n_final) = details.ok_or_else(none)?;
    Ok(Json(json!({
        "epochEndHeight": epoch,
        "releaseTime": opened_at,
        "status": if n_final >= n_projects { "FINALIZED" } else { "IN_PROGRESS" },
        "totalProjects": n_projects,
        "projectsFinalized": n_final,
    })))
}

async fn current_epoch(State(registry): State<Registry>) -> Result<Json<Value>, Fault> {
    let chain_id = registry.shared.rules.origin.chain_id;
    let epoch = registry.work(|shared| shared.desk(|desk, _| desk.current_epoch())).await?;
    let Range { begin, end } = epoch.ok_or_else(|| Fault::Nothing("no epoch is agreed on yet".to_owned()))?;
    Ok(Json(json!({ "chainId": chain_id, "epochStartBlockHeight": begin, "epochEndBlockHeight": end })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochOf {
    #[serde(rename = "projectID")]
    project: String,
    begin: u64,
    end: u64,
}

async fn submissions(
    State(registry): State<Registry>,
    query: Result<Query<EpochOf>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Fault> {
    let Query(EpochOf { project, begin, end }) = query.map_err(|error| Fault::Form(error.body_text()))?;
    let work = move |shared: &Shared| {
        let (n_peers, n_needed) = (shared.rules.peers(&project).len(), shared.rules.n_needed(&project));
        let (answer, votes) = shared.desk(|desk, _| desk.submissions(&project, Range { begin, end }))?;
        Ok(json!({
            "status": answer.status,
            "finalizedSnapshotCID": answer.final_cid,
            "peers": n_peers,
            "needed": n_needed,
            "submissions": votes,
        }))
    };
    registry.work(work).await.map(Json)
}

/// The request's content.
async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Fault> {
    let bytes = timeout(BODY_TIME, to_bytes(body, MAX_BODY)).await.map_err(|_| Fault::Slow)?;
    let bytes = bytes.map_err(|_| Fault::TooLong)?;
    serde_json::from_slice(&bytes).map_err(|error| Fault::Form(error.to_string()))
}

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the request cannot be read: {0}")]
    Form(String),
    #[error("the request has more than {MAX_BODY} bytes")]
    TooLong,
    #[error("the request was not there after {} seconds", BODY_TIME.as_secs())]
    Slow,
    #[error("{0} asks more than it may; come again after {RETRY_SECS} seconds")]
    TooMany(Address),
    #[error("{0}")]
    Nothing(String),
    #[error("there is no such path")]
    NoRoute,
    #[error("the path has another method")]
    NoMethod,
    #[error("the desk's store does not answer; try again later")]
    Broken,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Refused(Refusal::Signature(_)) => (StatusCode::UNAUTHORIZED, "signature"),
            Self::Refused(Refusal::NotListed { .. }) => (StatusCode::FORBIDDEN, "not_listed"),
            Self::Refused(Refusal::Equivocation { .. }) => (StatusCode::CONFLICT, "equivocation"),
            Self::Refused(Refusal::Unfit(_)) | Self::Form(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unfit"),
            Self::Refused(Refusal::TooFarAhead(_)) => (StatusCode::TOO_MANY_REQUESTS, "too_far_ahead"),
            Self::Refused(Refusal::TooManyProjects(_)) => (StatusCode::FORBIDDEN, "too_many_projects"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "too_long"),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "slow"),
            Self::Nothing(_) => (StatusCode::NOT_FOUND, "nothing"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "no_route"),
            Self::NoMethod => (StatusCode::METHOD_NOT_ALLOWED, "no_method"),
            // What is wrong with the store is the operator's to know.
            Self::Refused(Refusal::Store(_)) | Self::Broken => (StatusCode::SERVICE_UNAVAILABLE, "store"),
        };
        let message = if code == "store" { Self::Broken.to_string() } else { self.to_string() };
        let mut response = (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response();
        if [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status) {
            response.headers_mut().insert(RETRY_AFTER, RETRY_SECS.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc;

    use super::*;
    use crate::{consensus::DeskConfig, dag::Origin, database, epoch::Epochs};

    fn registry() -> Registry {
        let peers = format!("listen = \"127.0.0.1:0\"\npeers = [\"{}\"]", Address::ZERO);
        let config: DeskConfig = toml::from_str(&peers).unwrap();
        let origin = Origin { chain_id: 1, epochs: Epochs { genesis: 0, size: 10, offset: 0 } };
        let desk = Desk::new(database::open(":memory:").unwrap(), Rules::new(&config, origin).unwrap());
        Registry::new(desk, None, Arc::new(|| 0)).unwrap()
    }

    #[tokio::test]
    async fn work_counts_until_it_ends_though_nobody_waits_for_it() {
        let registry = registry();
        let n_free = || registry.shared.at_once.available_permits();
        let mut ends = Vec::new();
        for n_at_work in 1..=MAX_AT_ONCE {
            let ((begun, has_begun), (end, ended)) = (tokio::sync::oneshot::channel(), mpsc::channel::<()>());
            let worker = registry.clone();
            let work = move |_: &Shared| {
                begun.send(()).unwrap();
                ended.recv().unwrap_err();
                Ok(())
            };
            let asker = tokio::spawn(async move { worker.work(work).await });
            has_begun.await.unwrap();
            asker.abort();
            assert!(asker.await.unwrap_err().is_cancelled());
            assert_eq!(n_free(), MAX_AT_ONCE - n_at_work);
            ends.push(end);
        }
        drop(ends);
        drop(registry.shared.at_once.acquire_many(8).await.unwrap());
        assert_eq!(n_free(), MAX_AT_ONCE);
    }
}
