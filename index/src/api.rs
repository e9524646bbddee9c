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
mod pooler;
mod routes;
mod state;
mod streams;
mod uniswap;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    failure::{Code, Failure},
    guard::Label,
    routes::{Answer, ROUTES, Route},
};
use crate::{
    abi::EventTable,
    config::KindConfig,
    database::{self, Database},
    metrics::Metrics,
    progress::Progress,
};

/// Requests that read the store at once; the others wait.
const MAX_READERS: usize = 8;

/// Requests at once, with those that wait; more are told to come back.
const MAX_REQUESTS: usize = 256;

/// Connections that follow changes at once.
const MAX_FOLLOWERS: usize = 256;

/// What the API answers about. Clones are the same.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
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
    closing: watch::Sender<bool>,
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
            closing: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `read` where it may block, on the store as it is at one moment.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Database, &Shared) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = self.shared.readers.clone().acquire_owned().await.map_err(|_| Failure::busy())?;
        let shared = self.shared.clone();
        let found = spawn_blocking(move || {
            // Who asked may go away; this goes on, and counts until it ends.
            let _permit = permit;
            let idle = shared.idle().pop();
            let mut database =
                idle.map_or_else(|| database::open_to_read(&shared.store), Ok).map_err(crate::Error::from)?;
            database.begin_to_read().map_err(crate::Error::from)?;
            let found = read(database.as_mut(), &shared);
            // A connection that cannot end what it began is closed.
            if database.roll_back().is_ok() {
                shared.idle().push(database);
            }
            found
        });
        found.await.unwrap_or_else(|_| Err(Failure::new(Code::Unreadable, "the index could not answer")))
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
}

/// Serves [`router`] to whoever connects, until `stop`; then ends those who follow, and answers what is under way.
///
/// # Errors
/// Those of the listener.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let shared = api.shared.clone();
    let stopped = async move {
        stop.await;
        shared.closing.send_replace(true);
    };
    axum::serve(listener, router(api)).with_graceful_shutdown(stopped).await
}

/// All routes of the API, and JSON for whatever else is asked.
pub fn router(api: Api) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
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
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
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

    /// Serves an API of a store that is not there.
    async fn start() -> (Api, String) {
        let (_, progress) = watch::channel(Progress::default());
        let api = Api::new("/nowhere/index.db".into(), 1, Vec::new(), progress, Arc::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, api.clone(), std::future::pending()));
        (api, url)
    }

    async fn get(url: &str, path: &str) -> (u16, String) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(format!("{url}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn more_requests_than_can_wait_are_told_to_come_back() {
        let (api, url) = start().await;
        let held = api.shared.requests.acquire_many(u32::try_from(MAX_REQUESTS).unwrap()).await.unwrap();
        let told = r#"{"error":{"code":"busy","message":"too many requests at once; try again in a second"}}"#;
        assert_eq!(get(&url, "/health").await, (503, told.to_owned()));
        drop(held);
        assert_eq!(get(&url, "/health").await.0, 200);
    }

    #[tokio::test]
    async fn requests_that_wait_too_long_are_given_up() {
        let (api, url) = start().await;
        let _held = api.shared.readers.acquire_many(u32::try_from(MAX_READERS).unwrap()).await.unwrap();
        let (status, body) = get(&url, "/v1/status").await;
        assert_eq!(status, 504, "{body}");
        assert!(body.contains(r#""code":"timeout""#), "{body}");
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_told() {
        let (_, url) = start().await;
        let (status, body) = get(&url, "/v1/status").await;
        assert!(status == 500 && body.contains("unable to open database file"), "{body}");
    }
}
