//! An index over its HTTP API: one that runs somewhere, by its URL, or the store of a configuration, whose routes are asked
//! in this process and without a socket. Bounds what it reads, and has a sentence for each way in which it can fail.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy::transports::http::reqwest::{self, Client, Url};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header::ACCEPT},
};
use clap::Args;
use eyre::{WrapErr, bail, ensure, eyre};
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt;

use crate::{node::printable, output::Output};

/// How long an index may take to answer one request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 64 << 20;

/// Rows that are asked for at once.
const PAGE: usize = 1_000;

/// How the API marks what is not there.
const NOT_FOUND: &str = "not_found";

/// What the API calls its lists, and what shows them here.
const LISTS: [(&str, &str); 5] = [
    ("/v1/streams lists", "`streamctl index streams` lists"),
    ("/v1/pairs lists", "`streamctl index pairs` lists"),
    ("/v1/tokens lists", "`streamctl index tokens` lists"),
    ("/v1/projects lists", "`streamctl index projects` lists"),
    ("/v1/epochs lists", "`streamctl index status` tells"),
];

/// A running index, instead of the chain.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct IndexUrlArgs {
    /// Read from the index that answers here.
    #[arg(long, value_name = "URL", env = "STREAMCTL_INDEX", hide_env_values = true, help_heading = "Index")]
    pub(crate) index: Option<String>,
}

/// An index that can be asked. Clones count their requests together.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    way: Way,
    n_requests: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum Way {
    Url { client: Client, url: Url },
    Store(Router),
}

/// A failure of the API.
#[derive(Deserialize)]
struct Failure {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    message: String,
}

/// What a request gives: whether it was answered, and the body.
struct Answer {
    is_answered: bool,
    status: u16,
    body: Vec<u8>,
}

impl Asker {
    /// The index at `url`.
    ///
    /// # Errors
    /// If `url` is not one of a web server.
    pub(crate) fn at(url: &str) -> eyre::Result<Self> {
        let url: Url = url
            .trim_end_matches('/')
            .parse()
            .map_err(|error| eyre!("the index is not a URL such as http://127.0.0.1:8620: {error}"))?;
        ensure!(
            matches!(url.scheme(), "http" | "https"),
            "the index is at a {} URL; pass an --index that begins with http:// or https://",
            url.scheme()
        );
        let client = Client::builder().timeout(TIMEOUT).build().wrap_err("setting up HTTP")?;
        Ok(Self::by(Way::Url { client, url }))
    }

    /// The index whose routes these are.
    pub(crate) fn of(router: Router) -> Self {
        Self::by(Way::Store(router))
    }

    fn by(way: Way) -> Self {
        Self { way, n_requests: Arc::default() }
    }

    /// What the API answers at `path`.
    ///
    /// # Errors
    /// If there is no answer, or the API's own refusal.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> eyre::Result<Value> {
        let body = self.bytes(path, query).await?;
        self.object(path, &body)
    }

    fn object(&self, path: &str, body: &[u8]) -> eyre::Result<Value> {
        serde_json::from_slice(body)
            .map_err(|error| eyre!("{self} does not answer {path} as an index does: {}", printable(&error.to_string())))
    }

    /// As [`get`](Self::get), with nothing for what is not there.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn find(&self, path: &str, query: &[(&str, String)]) -> eyre::Result<Option<Value>> {
        let answer = self.ask(path, query).await?;
        if !answer.is_answered
            && serde_json::from_slice(&answer.body).is_ok_and(|failure: Failure| failure.error.code == NOT_FOUND)
        {
            return Ok(None);
        }
        self.object(path, &self.answered(path, answer)?).map(Some)
    }

    /// The bytes that the API answers with at `path`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn bytes(&self, path: &str, query: &[(&str, String)]) -> eyre::Result<Vec<u8>> {
        let answer = self.ask(path, query).await?;
        self.answered(path, answer)
    }

    fn answered(&self, path: &str, answer: Answer) -> eyre::Result<Vec<u8>> {
        if answer.is_answered {
            return Ok(answer.body);
        }
        let Ok(Failure { error }) = serde_json::from_slice(&answer.body) else {
            bail!("{self} answers {path} with HTTP {}; is it an index?", answer.status);
        };
        let message = LISTS.iter().fold(error.message, |message, (route, command)| message.replace(route, command));
        bail!("{}", printable(&message))
    }

    /// Up to `limit` rows of the list at `path`, in as many pages as it takes: the object of the first page, with the
    /// rows of all of them, and with `next` if there are more.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn list(&self, path: &str, query: &[(&str, String)], limit: usize) -> eyre::Result<Value> {
        let mut query = query.to_vec();
        let mut whole: Option<Value> = None;
        let mut n_rows = 0;
        loop {
            let rows = (limit - n_rows).clamp(1, PAGE);
            query.retain(|(name, _)| *name != "limit");
            query.push(("limit", rows.to_string()));
            let mut page = self.get(path, &query).await?;
            let items = page["items"].as_array_mut().map(std::mem::take);
            let items = items.ok_or_else(|| eyre!("{self} answers {path} without rows; is it an index?"))?;
            let next = page["next"].as_str().map(str::to_owned);
            let is_stuck = items.is_empty();
            n_rows += items.len();
            let whole = whole.get_or_insert(page);
            whole["next"] = next.clone().into();
            match whole["items"].as_array_mut() {
                Some(all) => all.extend(items),
                None => bail!("{self} answers {path} without rows; is it an index?"),
            }
            match next {
                Some(next) if n_rows < limit && !is_stuck => {
                    query.retain(|(name, _)| *name != "after");
                    query.push(("after", next));
                }
                _ => return Ok(whole.take()),
            }
        }
    }

    /// Says how many requests were made, if that is asked for.
    pub(crate) fn report(&self, output: &Output) {
        if output.verbose {
            output.note(format_args!("{} requests of the index", self.n_requests.load(Ordering::Relaxed)));
        }
    }

    async fn ask(&self, path: &str, query: &[(&str, String)]) -> eyre::Result<Answer> {
        self.n_requests.fetch_add(1, Ordering::Relaxed);
        match &self.way {
            Way::Url { client, url } => self.ask_far(client, with_query(url, path, query)).await,
            Way::Store(router) => {
                let near: Url = "http://index".parse().wrap_err("naming the index")?;
                let url = with_query(&near, path, query);
                let target =
                    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
                let request = Request::get(target).header(ACCEPT, "application/json").body(Body::empty());
                let request = request.wrap_err_with(|| format!("asking the index for {path}"))?;
                let response = match router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                let status = response.status();
                let body = to_bytes(response.into_body(), ANSWER_LIMIT).await;
                let body = body.wrap_err_with(|| format!("reading the answer of {path}"))?.to_vec();
                Ok(Answer { is_answered: status.is_success(), status: status.as_u16(), body })
            }
        }
    }

    async fn ask_far(&self, client: &Client, url: Url) -> eyre::Result<Answer> {
        let mut response = client.get(url).send().await.map_err(|error| self.sentence(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.sentence(&error))? {
            ensure!(
                body.len() + chunk.len() <= ANSWER_LIMIT,
                "{self} answers more than {} MiB, which is not read; use another --index",
                ANSWER_LIMIT >> 20
            );
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { is_answered: status.is_success(), status: status.as_u16(), body })
    }

    fn sentence(&self, error: &reqwest::Error) -> eyre::Report {
        if error.is_timeout() {
            eyre!("{self} does not answer within {} seconds; use another --index", TIMEOUT.as_secs())
        } else if error.is_connect() {
            eyre!("cannot reach {self}; is `streamctl index run` running, and is --index right?")
        } else {
            // The error's own text has the whole URL, and with it what may be a key.
            eyre!("{self} breaks off its answer; run the command again")
        }
    }
}

/// Paths and queries of endpoints often hold a key.
impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Url { url, .. } => f.write_str(&url.origin().ascii_serialization()),
            Way::Store(_) => f.write_str("the index"),
        }
    }
}

/// The URL of `path` below `url`, which may have a path and a query of its own.
fn with_query(url: &Url, path: &str, query: &[(&str, String)]) -> Url {
    let mut url = url.clone();
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}
