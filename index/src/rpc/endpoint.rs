//! One endpoint: a request at its pace and within its limit, and how it stands. Never shows more of a URL than its host,
//! because paths and queries hold keys.

use std::{
    num::NonZeroU32,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use reqwest::{Client, Response, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use tokio::{sync::OnceCell, time::Instant};

use super::{
    Bounds,
    answer::{Answer, Matched, Question, body, matched},
    fault::quoted,
    header::Quantity,
    limit::Limit,
    pace::Pace,
};
use crate::{Error, Result, config::EndpointConfig, metrics::Calls};

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest rest that an endpoint can ask for.
const MAX_REST: Duration = Duration::from_secs(120);
/// How many times the bound the answer to an indivisible question can have. All gas of a block of a hundred million buys
/// some 130,000 logs without data, which are 75 MB.
const INDIVISIBLE: usize = 16;
/// Parts of a path shorter than this are names such as `v3` and no keys.
const MIN_KEY: usize = 8;

/// An endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: Url,
    host: String,
    keys: Vec<String>,
    chain_id: u64,
    has_chain: OnceCell<()>,
    http: Client,
    bounds: Bounds,
    limit: Limit,
    pace: Pace,
    standing: Mutex<Standing>,
    next_id: AtomicU64,
    calls: Calls,
}

/// Whether it may be asked.
#[derive(Clone, Copy, Debug)]
struct Standing {
    ready_at: Instant,
    n_failures: u32,
    /// When it failed last. What was asked before that and fails as well tells nothing more.
    failed_at: Option<Instant>,
}

/// What came of a batch: answers by the place of their question, and why some are missing.
#[derive(Debug)]
pub(super) struct Sent<T> {
    pub(super) answers: Vec<Option<(Answer<T>, usize)>>,
    pub(super) trouble: Option<Trouble>,
}

/// Why an answer is missing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It wants fewer or smaller requests, or a rest.
    Busy(String),
    /// It does not answer, or not in a way that can be understood.
    Broken(String),
    /// It does not take batches of that size; they are smaller from here on.
    LargeBatch(String),
    /// It is set aside and was not asked.
    Resting,
    /// It is of another chain.
    Foreign(Error),
}

impl Endpoint {
    /// # Errors
    /// If the URL or the limit is none.
    pub(super) fn new(
        config: &EndpointConfig,
        place: usize,
        chain_id: u64,
        (http, calls): (Client, Calls),
        bounds: Bounds,
    ) -> Result<Self> {
        let url = Url::parse(&config.url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = url else {
            return Err(Error::Config(format!(
                "the URL of endpoint {} is none of http or https; write it as in \"http://127.0.0.1:8545\"",
                place + 1
            )));
        };
        let limit = config.limit.as_deref().map_or_else(|| Ok(Limit::none()), str::parse)?;
        let name = url.host_str().expect("the URL has a host");
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let now = Instant::now();
        Ok(Self {
            host,
            keys: keys(&url),
            url,
            chain_id,
            has_chain: OnceCell::new(),
            http,
            bounds,
            limit,
            pace: Pace::new(),
            standing: Mutex::new(Standing { ready_at: now, n_failures: 0, failed_at: None }),
            next_id: AtomicU64::new(1),
            calls,
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Calls of the next batch.
    pub(super) fn batch(&self) -> usize {
        usize::try_from(self.pace.batch().min(self.limit.burst())).expect("a word has 32 bits or more")
    }

    /// When it may be asked again.
    pub(super) fn ready_at(&self) -> Instant {
        self.standing().ready_at
    }

    /// It said what cannot be: it is asked again after a pause.
    pub(super) fn set_aside(&self) {
        self.failed(Instant::now(), None);
    }

    /// Asks, once.
    pub(super) async fn send<T: DeserializeOwned>(&self, questions: &[&Question]) -> Sent<T> {
        let turn = self.pace.turn().await;
        let n_calls = u32::try_from(questions.len()).expect("a batch has few calls");
        let began = Instant::now();
        if self.ready_at() > began {
            return Sent::nothing(questions.len(), Trouble::Resting);
        }
        let exchanged = match self.has_chain.get_or_try_init(|| self.check_chain()).await {
            Ok(()) => self.exchange(questions).await,
            Err(trouble) => Err(trouble),
        };
        let sent = match exchanged {
            Ok(matched) => self.read(matched),
            Err(trouble) => Sent::nothing(questions.len(), trouble),
        };
        self.calls.count(&self.host, sent.trouble.as_ref().map_or("ok", Trouble::name), n_calls);
        match &sent.trouble {
            None => {
                turn.went_well(n_calls);
                self.standing().n_failures = 0;
            }
            Some(Trouble::Busy(_)) => {
                turn.is_told_to_slow_down();
                self.failed(began, None);
            }
            Some(Trouble::LargeBatch(_)) => turn.batch_is_too_large(n_calls),
            Some(Trouble::Broken(_) | Trouble::Foreign(_)) => self.failed(began, None),
            Some(Trouble::Resting) => {}
        }
        sent
    }

    fn read<T>(&self, matched: Matched<T>) -> Sent<T> {
        let n_missing = matched.answers.iter().filter(|answer| answer.is_none()).count();
        let reason = self.without_keys(&matched.reason.unwrap_or_default());
        let trouble = match n_missing {
            0 => None,
            _ if matched.is_busy => Some(Trouble::Busy(reason)),
            // A list that is cut short is a bound on batches that the endpoint does not speak of.
            _ if matched.answers.len() > 1 => Some(Trouble::LargeBatch(reason)),
            _ => Some(Trouble::Broken(reason)),
        };
        Sent { answers: matched.answers, trouble }
    }

    /// Compares the chain's id with what is configured, once.
    async fn check_chain(&self) -> Result<(), Trouble> {
        let question = Question::new("eth_chainId", [(); 0]);
        let mut matched: Matched<Quantity> = self.exchange(&[&question]).await?;
        match matched.answers.pop().flatten() {
            Some((Answer::Value(Quantity(id)), _)) if id == self.chain_id => Ok(()),
            Some((Answer::Value(Quantity(id)), _)) => Err(Trouble::Foreign(Error::Config(format!(
                "endpoint {} is of chain {id} and not of chain {}; correct chain.id, or remove the endpoint",
                self.host, self.chain_id
            )))),
            _ if matched.is_busy => Err(Trouble::Busy(self.without_keys(&matched.reason.unwrap_or_default()))),
            Some((answer, _)) => Err(Trouble::Broken(format!("it has no eth_chainId: {answer:?}"))),
            None => Err(Trouble::Broken(self.without_keys(&matched.reason.unwrap_or_default()))),
        }
    }

    /// One request over HTTP.
    async fn exchange<T: DeserializeOwned>(&self, questions: &[&Question]) -> Result<Matched<T>, Trouble> {
        let n_calls = u32::try_from(questions.len()).ok().and_then(NonZeroU32::new).expect("a batch has some calls");
        self.limit.admitted(n_calls).await;
        let first_id = self.next_id.fetch_add(u64::from(n_calls.get()), Ordering::Relaxed);
        let began = Instant::now();
        let request = self.http.post(self.url.clone()).header(header::CONTENT_TYPE, "application/json");
        let response = request.body(body(questions, first_id)).send().await.map_err(|error| self.broken(error))?;
        let status = response.status();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let rest = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            if let Some(rest) = rest.and_then(|value| retry_after(value, SystemTime::now())) {
                self.failed(began, Some(rest));
            }
            return Err(Trouble::Busy(format!("HTTP status {}", status.as_u16())));
        }
        let max_bytes = match questions {
            [question] if question.is_indivisible => self.bounds.body.saturating_mul(INDIVISIBLE),
            _ => self.bounds.body,
        };
        let read =
            if status == StatusCode::PAYLOAD_TOO_LARGE { None } else { self.read_body(response, max_bytes).await? };
        let Some(body) = read else {
            return match questions.len() {
                1 => Ok(Matched::overflow(max_bytes)),
                _ => Err(Trouble::LargeBatch(format!("the answer has more than {max_bytes} bytes"))),
            };
        };
        match matched(&body, first_id, questions.len()) {
            Ok(matched) if status.is_success() || matched.has_any() => Ok(matched),
            Err(reason) if status.is_success() => Err(Trouble::Broken(self.without_keys(&reason))),
            _ => Err(Trouble::Broken(format!("HTTP status {}", status.as_u16()))),
        }
    }

    /// The body, or nothing if it is longer than `max_bytes`.
    async fn read_body(&self, mut response: Response, max_bytes: usize) -> Result<Option<Vec<u8>>, Trouble> {
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if announced > max_bytes {
            return Ok(None);
        }
        // What is announced need not come.
        let mut body = Vec::with_capacity(announced.min(self.bounds.body));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if body.len() + chunk.len() > max_bytes {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }

    /// Sets it aside for `rest`, or else for a pause that grows with each failure in a row.
    fn failed(&self, began: Instant, rest: Option<Duration>) {
        let now = Instant::now();
        let mut standing = self.standing();
        if let Some(rest) = rest {
            standing.ready_at = standing.ready_at.max(now + rest.min(MAX_REST));
        }
        if standing.failed_at.is_some_and(|failed_at| began < failed_at) {
            return;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << standing.n_failures.min(16)).min(self.bounds.pause);
        standing.ready_at = standing.ready_at.max(now + pause);
        standing.n_failures = standing.n_failures.saturating_add(1);
        standing.failed_at = Some(now);
    }

    fn broken(&self, error: reqwest::Error) -> Trouble {
        if error.is_timeout() {
            return Trouble::Broken(format!("no answer within {} seconds", self.bounds.timeout.as_secs_f64()));
        }
        // The innermost error says what happened; those around it say where, with the URL.
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Trouble::Broken(self.without_keys(&quoted(&cause.to_string())))
    }

    /// Endpoints repeat their keys in messages.
    fn without_keys(&self, text: &str) -> String {
        self.keys.iter().fold(text.to_owned(), |text, key| text.replace(key, "[key]"))
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().expect("nobody panics with the lock")
    }
}

impl Trouble {
    fn name(&self) -> &'static str {
        match self {
            Self::Busy(_) => "busy",
            Self::Broken(_) => "broken",
            Self::LargeBatch(_) => "too_large",
            Self::Resting => "resting",
            Self::Foreign(_) => "foreign",
        }
    }
}

impl<T> Sent<T> {
    fn nothing(n_questions: usize, trouble: Trouble) -> Self {
        Self { answers: (0..n_questions).map(|_| None).collect(), trouble: Some(trouble) }
    }
}

/// What of a URL must not be shown.
fn keys(url: &Url) -> Vec<String> {
    let parts = url.path_segments().into_iter().flatten().filter(|part| part.len() >= MIN_KEY).map(str::to_owned);
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    let password = url.password().into_iter().chain(Some(url.username())).map(str::to_owned);
    parts.chain(values).chain(password).filter(|key| !key.is_empty()).collect()
}

/// The rest that an endpoint asks for: seconds, or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(secs) = value.parse() {
        return Some(Duration::from_secs(secs));
    }
    Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint> {
        let config = EndpointConfig { url: url.to_owned(), limit: None };
        Endpoint::new(&config, 1, 1, (Client::new(), Calls::default()), Bounds::default())
    }

    #[track_caller]
    fn check_rest(value: &str, expected: Option<u64>) {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 17:00:00 GMT").unwrap();
        assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value}");
    }

    #[test]
    fn a_rest_is_seconds_or_a_date() {
        check_rest("3", Some(3));
        check_rest(" 120 ", Some(120));
        check_rest("Sat, 21 Nov 2026 17:01:30 GMT", Some(90));
        check_rest("Saturday, 21-Nov-26 17:00:01 GMT", Some(1));
        check_rest("Sat, 21 Nov 2026 16:00:00 GMT", Some(0));
        for none in ["", "soon", "-1", "1.5", "99999999999999999999"] {
            check_rest(none, None);
        }
    }

    #[tokio::test]
    async fn a_rest_is_bounded_and_never_shortened() {
        let endpoint = endpoint("http://localhost").unwrap();
        let now = Instant::now();
        endpoint.failed(now, Some(Duration::from_secs(u64::MAX)));
        let ready_at = endpoint.ready_at();
        assert!(ready_at >= now + MAX_REST && ready_at <= Instant::now() + MAX_REST);
        endpoint.failed(Instant::now(), Some(Duration::ZERO));
        assert_eq!(endpoint.ready_at(), ready_at);
    }

    #[tokio::test]
    async fn pauses_grow_with_failures_in_a_row_and_count_those_in_flight_together_once() {
        let endpoint = endpoint("http://localhost").unwrap();
        let began = Instant::now();
        (0..10).for_each(|_| endpoint.failed(began, None));
        assert_eq!(endpoint.standing().n_failures, 1);
        (0..30).for_each(|_| endpoint.failed(Instant::now(), None));
        assert_eq!(endpoint.standing().n_failures, 31);
        assert!(endpoint.ready_at() <= Instant::now() + Bounds::default().pause);
    }

    #[test]
    fn shows_the_host_and_hides_the_keys() {
        let url = "https://user:secret@rpc.example:8443/v3/0123456789abcdef?key=hidden";
        let endpoint = endpoint(url).unwrap();
        assert_eq!(endpoint.host(), "rpc.example:8443");
        let said = "project 0123456789abcdef of user (secret, hidden) on v3";
        assert_eq!(endpoint.without_keys(said), "project [key] of [key] ([key], [key]) on v3");
    }

    #[test]
    fn a_url_that_is_none_is_named_by_its_place() {
        for url in ["", "localhost:8545", "ws://localhost/secret-key", "http://", "file:///etc/passwd"] {
            let error = endpoint(url).unwrap_err().to_string();
            let expected = "the URL of endpoint 2 is none of http or https; write it as in \"http://127.0.0.1:8545\"";
            assert_eq!(error, expected, "{url}");
        }
    }
}
