//! Reading the index over HTTP. Every route is one row of `routes.rs`, from which both the router and the OpenAPI document
//! are made. The store is read over connections of this module's own, which cannot change it.

mod answer;
mod asked;
mod changes;
mod content;
mod document;
mod epochs;
mod events;
mod failure;
mod guard;
mod kept;
mod pooler;
mod routes;
mod state;
mod streams;
mod uniswap;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{
        Query, RawPathParams, State,
        rejection::{QueryRejection, RawPathParamsRejection},
    },
    http::HeaderMap,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::spawn_blocking,
};

use self::{
    asked::Asked,
    changes::Changed,
    failure::{Code, Failure},
    guard::{Label, MAX_TIME},
    kept::Kept,
    routes::{Answer, Route, routes},
};
use crate::{
    abi::EventTable,
    config::KindConfig,
    database::{self, Database},
    metrics::Metrics,
    progress::{Event, Observer, Progress},
};

/// Requests that read the store at once; the others wait.
const MAX_READERS: usize = 8;

/// Requests at once, with those that wait; more are told to come back.
const MAX_REQUESTS: usize = 256;

/// Connections that follow changes at once.
const MAX_FOLLOWERS: usize = 256;

/// Between two failures of the store that are told: it fails for whoever asks, as often as they do.
const PAUSE: Duration = Duration::from_secs(10);

/// What the API answers about. Clones are the same.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
    /// Who is told what the store says when it fails. Without one, whoever asks is in this process, and is told.
    observer: Option<Observer>,
}

/// What the API needs to know of a source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: KindConfig,
    /// The tables of its events.
    pub events: Vec<EventTable>,
}

pub(crate) struct Shared {
    store: String,
    chain: u64,
    sources: Vec<Source>,
    progress: watch::Receiver<Progress>,
    metrics: Arc<Metrics>,
    idle: Mutex<Vec<Box<dyn Database>>>,
    readers: Arc<Semaphore>,
    requests: Semaphore,
    followers: Arc<Semaphore>,
    kept: Kept,
    closing: watch::Sender<bool>,
    changed: Changed,
    /// When a failure of the store was last told.
    told_at: Mutex<Option<Instant>>,
}

/// One request at one moment of the store.
struct Reading<'a> {
    database: &'a mut dyn Database,
    api: &'a Shared,
    asked: &'a Asked,
}

impl<'a> Reading<'a> {
    /// The source of this kind that is asked for, or the first.
    fn source(&self, kind: &str) -> Result<&'a Source, Failure> {
        let api = self.api;
        let mut sources = api.sources.iter().filter(|source| source.kind_name() == kind);
        let found = match self.asked.text("source") {
            Some(name) => sources.find(|source| source.name == name),
            None => sources.next(),
        };
        found.ok_or_else(|| {
            let names: Vec<_> =
                api.sources.iter().filter(|it| it.kind_name() == kind).map(|it| it.name.as_str()).collect();
            match (self.asked.text("source"), names.as_slice()) {
                (Some(name), [_, ..]) => Failure::bad("source", name, &format!("one of {}", names.join(", "))),
                _ => Failure::not_found(format!("no source of kind {kind} is indexed; add one to the configuration")),
            }
        })
    }
}

impl Api {
    /// Of the store at `store`, of the chain `chain`, filled from `sources` by an index that tells its `progress`.
    #[must_use]
    pub fn new(
        store: String,
        chain: u64,
        sources: Vec<Source>,
        progress: watch::Receiver<Progress>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let shared = Shared {
            store,
            chain,
            sources,
            progress,
            metrics,
            idle: Mutex::default(),
            readers: Arc::new(Semaphore::new(MAX_READERS)),
            requests: Semaphore::new(MAX_REQUESTS),
            followers: Arc::new(Semaphore::new(MAX_FOLLOWERS)),
            kept: Kept::default(),
            closing: watch::Sender::new(false),
            changed: Changed::default(),
            told_at: Mutex::default(),
        };
        Self { shared: Arc::new(shared), observer: None }
    }

    /// Runs `read` where it may block, on the store as it is at one moment. Statements end with the time that the answer
    /// may take, whether somebody waits for it or not.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Database, &Shared) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + MAX_TIME;
        let permit = self.shared.readers.clone().acquire_owned().await.map_err(|_| Failure::busy())?;
        let shared = self.shared.clone();
        let found = spawn_blocking(move || {
            // Who asked may go away; this goes on, and counts until it ends.
            let _permit = permit;
            let idle = shared.idle().pop();
            let mut database =
                idle.map_or_else(|| database::open_to_read(&shared.store), Ok).map_err(crate::Error::from)?;
            database.begin_to_read_until(deadline).map_err(crate::Error::from)?;
            let found = read(database.as_mut(), &shared);
            // A connection that cannot end what it began is closed.
            if database.roll_back().is_ok() {
                shared.idle().push(database);
            }
            found
        });
        found.await.unwrap_or_else(|_| Err(Failure::new(Code::Unreadable, "the index could not answer")))
    }

    /// The failure as it goes out.
    fn told(&self, mut failure: Failure) -> Failure {
        let Some(observer) = &self.observer else { return failure.in_full() };
        if let Some(reason) = failure.take_cause().filter(|_| self.shared.is_to_be_told()) {
            observer(&Event::Unanswered { reason });
        }
        failure
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("chain", &self.shared.chain).finish_non_exhaustive()
    }
}

impl Source {
    /// The name of its kind, as the configuration has it.
    fn kind_name(&self) -> &'static str {
        match self.kind {
            KindConfig::Erc1620(_) => "erc1620",
            KindConfig::UniswapV2(_) => "uniswap-v2",
            KindConfig::Events(_) => "events",
        }
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Box<dyn Database>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a failure of the store is told that comes at this moment.
    fn is_to_be_told(&self) -> bool {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told_at.is_none_or(|at| at.elapsed() >= PAUSE);
        if is_due {
            *told_at = Some(Instant::now());
        }
        is_due
    }
}

/// Serves [`router`] to whoever connects, until `stop`; then ends those who follow, and answers what is under way. What
/// the store says when it fails is told to `observer` alone, since it may name hosts and files.
///
/// # Errors
/// Those of the listener.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    observer: Observer,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let shared = api.shared.clone();
    let stopped = async move {
        stop.await;
        shared.closing.send_replace(true);
    };
    let api = Api { observer: Some(observer), ..api };
    axum::serve(listener, router(api)).with_graceful_shutdown(stopped).await
}

/// All routes of the API, and JSON for whatever else is asked. For this process alone: failures name hosts and files.
pub fn router(api: Api) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let answer = move |state, path, query, headers| answer(route, state, path, query, headers);
        router = router.route(route.path, get(answer));
    }
    router
        .fallback(guard::not_found)
        .method_not_allowed_fallback(guard::not_allowed)
        .layer(from_fn_with_state(api.clone(), guard::bound))
        .layer(from_fn(guard::cors))
        .with_state(api)
}

async fn answer(
    route: &'static Route,
    State(api): State<Api>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let teller = api.clone();
    let answered = match asked(route, path, query, headers) {
        Ok(asked) => match route.answer {
            Answer::Read(read) => {
                let reading = move |database: &mut dyn Database, api: &Shared| {
                    read(&mut Reading { database, api, asked: &asked })
                };
                api.read(reading).await
            }
            Answer::Told(tell) => tell(&api.shared),
            Answer::Follow => changes::follow(api, asked).await,
        },
        Err(failure) => Err(failure),
    };
    let mut response = answered.unwrap_or_else(|failure| teller.told(failure).into_response());
    response.extensions_mut().insert(Label(route.path));
    response
}

fn asked(
    route: &'static Route,
    path: Result<RawPathParams, RawPathParamsRejection>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Asked, Failure> {
    let Query(mut given) = query.map_err(|error| Failure::new(Code::BadParameter, error.body_text()))?;
    match path {
        Ok(path) => given.extend(path.iter().map(|(name, value)| (name.to_owned(), value.to_owned()))),
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(error)) => {
            let message = format!("{}; give UTF-8", error.body_text().to_lowercase());
            return Err(Failure::new(Code::BadParameter, message));
        }
        // Routes without parameters in their path have none to give.
        Err(_) => {}
    }
    Asked::new(route.parameters, given, headers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::database::Sqlite;

    /// What an observer has heard.
    type Heard = Arc<Mutex<Vec<Event>>>;

    /// Serves an API of the store at this address.
    async fn start(store: &str) -> (Api, String, Heard) {
        let (_, progress) = watch::channel(Progress::default());
        let api = Api::new(store.into(), 1, Vec::new(), progress, Arc::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Heard::default();
        let told = heard.clone();
        let observer: Observer = Arc::new(move |event: &Event| told.lock().unwrap().push(event.clone()));
        tokio::spawn(serve(listener, api.clone(), observer, std::future::pending()));
        (api, url, heard)
    }

    /// A store in a folder of its own, which is to be removed.
    fn store(name: &str) -> (std::path::PathBuf, String) {
        let folder = std::env::temp_dir().join(format!("index-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("index.db");
        drop(Sqlite::open(&path).unwrap());
        (folder, path.display().to_string())
    }

    async fn get(url: &str, path: &str) -> (u16, String) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(format!("{url}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn more_requests_than_can_wait_are_told_to_come_back() {
        let (api, url, _) = start("/nowhere/index.db").await;
        let held = api.shared.requests.acquire_many(u32::try_from(MAX_REQUESTS).unwrap()).await.unwrap();
        let told = r#"{"error":{"code":"busy","message":"too many requests at once; try again in a second"}}"#;
        assert_eq!(get(&url, "/health").await, (503, told.to_owned()));
        drop(held);
        assert_eq!(get(&url, "/health").await.0, 200);
    }

    #[tokio::test]
    async fn requests_that_wait_too_long_are_given_up() {
        let (api, url, _) = start("/nowhere/index.db").await;
        let _held = api.shared.readers.acquire_many(u32::try_from(MAX_READERS).unwrap()).await.unwrap();
        let (status, body) = get(&url, "/v1/status").await;
        assert_eq!(status, 504, "{body}");
        assert!(body.contains(r#""code":"timeout""#), "{body}");
    }

    #[tokio::test]
    async fn readers_come_back_from_requests_without_end() {
        let (folder, path) = store("slow");
        let (api, url, _) = start(&path).await;
        let endless = "WITH RECURSIVE step(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM step WHERE i < 1000000000) SELECT \
                       count(*) FROM step";
        let slow = (0..2 * MAX_READERS).map(|_| {
            let api = api.clone();
            let read = move |database: &mut dyn Database, _: &Shared| {
                Ok(database.ask(endless, &[]).map_err(crate::Error::from)?.len())
            };
            tokio::spawn(async move { api.read(read).await.map_err(|failure| api.told(failure)) })
        });
        for answered in slow.collect::<Vec<_>>() {
            let failure = answered.await.unwrap().unwrap_err();
            assert_eq!(failure.into_response().status(), 504);
        }
        assert_eq!(api.shared.readers.available_permits(), MAX_READERS);
        assert!(!api.shared.idle().is_empty(), "their connections go on");
        assert_eq!(get(&url, "/v1/status").await.0, 200);
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// What strangers are told of a store, and what the operator is, who is told once.
    async fn check_told(address: &str, expected: (u16, &str), cause: &str) {
        let (api, url, heard) = start(address).await;
        for _ in 0..2 {
            let (status, body) = get(&url, "/v1/status").await;
            assert_eq!((status, &*body), (expected.0, &*format!(r#"{{"error":{{{}}}}}"#, expected.1)));
        }
        let heard = heard.lock().unwrap().clone();
        let [Event::Unanswered { reason }] = &*heard else { panic!("{heard:?}") };
        assert!(reason.contains(cause), "{reason}");
        let failure = api.read(|_, _| Ok(())).await.unwrap_err();
        let body = serde_json::to_string(&api.told(failure)).unwrap();
        assert!(body.contains(cause), "who asks in this process is the operator: {body}");
    }

    #[tokio::test]
    async fn what_a_store_says_when_it_fails_is_for_its_operator() {
        let refused = r#""code":"unreadable","message":"the index's store cannot be read; its operator is told why""#;
        check_told("/nowhere/index.db", (500, refused), "/nowhere/index.db").await;
        let away = r#""code":"unavailable","message":"the index's store does not answer; try again in a second""#;
        check_told("postgres://ann:hunter2@127.0.0.1:1/chain", (503, away), "postgres://ann@127.0.0.1:1/chain").await;
    }
}
