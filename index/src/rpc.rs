//! Asks endpoints by JSON-RPC 2.0: in batches whose answers are matched by id, at each endpoint's pace, and from the
//! next endpoint when one fails. Knows nothing of blocks.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Client, redirect};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{Error, Result, config::ChainConfig, metrics::Calls};

mod answer;
pub(crate) mod checks;
mod endpoint;
mod fault;
mod header;
mod limit;
mod log;
mod pace;
pub(crate) mod ranges;

pub use answer::{Answer, Question, Reply};
pub use header::Header;
pub use limit::Limit;
pub use log::{Filter, Logs};

use endpoint::{Endpoint, Sent, Trouble};

/// How often an endpoint may fail before the question is given up.
const MAX_FAILURES: usize = 4;
/// How often the endpoints may ask for less before the question is given up.
const MAX_SLOWED: usize = 10;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What is taken from an endpoint at the most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Time from the request to the last byte of its answer.
    pub timeout: Duration,
    /// Bytes of an answer. That to a question of which less cannot be asked, such as the logs of one block, may have 16
    /// times as many.
    pub body: usize,
    /// The longest pause after failures; it grows up to this with each failure in a row.
    pub pause: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), body: 16 << 20, pause: Duration::from_secs(5) }
    }
}

/// The endpoints of a chain.
#[derive(Debug)]
pub struct Rpc {
    endpoints: Vec<Endpoint>,
    calls: Calls,
}

/// What became of a question so far.
struct Course {
    /// Endpoints that refuse it.
    refusers: Vec<usize>,
    n_failures: usize,
    n_slowed: usize,
    /// By endpoint, why it did not answer.
    reasons: Vec<Option<String>>,
}

impl Rpc {
    /// In order of preference. Asks nobody yet.
    ///
    /// # Errors
    /// If there is no endpoint, or a URL or a limit is none.
    pub fn new(config: &ChainConfig, bounds: Bounds) -> Result<Self> {
        if config.endpoints.is_empty() {
            return Err(Error::Config("chain.endpoints is empty; name at least one URL".to_owned()));
        }
        let builder = Client::builder().timeout(bounds.timeout).connect_timeout(CONNECT);
        // A redirect would carry keys to another host.
        let http = builder.redirect(redirect::Policy::none()).build();
        let http = http.map_err(|error| Error::Config(format!("there is no HTTP: {}", error.without_url())))?;
        let calls = Calls::default();
        let endpoints =
            config.endpoints.iter().enumerate().map(|(place, endpoint)| {
                Endpoint::new(endpoint, place, config.id, (http.clone(), calls.clone()), bounds)
            });
        Ok(Self { endpoints: endpoints.collect::<Result<_>>()?, calls })
    }

    /// Counts what is asked, and what comes of it.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// How many endpoints there are.
    #[must_use]
    pub fn n_endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Host and port of an endpoint.
    #[must_use]
    pub fn host(&self, endpoint: usize) -> &str {
        self.endpoints[endpoint].host()
    }

    /// Asks an endpoint only after a pause: what it said cannot be.
    pub fn set_aside(&self, endpoint: usize) {
        self.endpoints[endpoint].set_aside();
    }

    /// Asks one question. See [`ask_all`](Self::ask_all).
    ///
    /// # Errors
    /// Those of [`ask_all`](Self::ask_all).
    pub async fn ask<T: DeserializeOwned>(&self, question: Question) -> Result<Reply<T>> {
        let mut replies = self.ask_all(&[question], None).await?;
        Ok(replies.pop().expect("a question has a reply"))
    }

    /// Asks, and gives the replies in the order of the questions, which are all of one method. Endpoints that fail, and
    /// calls that are left without an answer, are tried again; `avoided` is asked only if no other is ready.
    ///
    /// # Errors
    /// If no endpoint answers after some rounds, or one is of another chain.
    pub async fn ask_all<T: DeserializeOwned>(
        &self,
        questions: &[Question],
        avoided: Option<usize>,
    ) -> Result<Vec<Reply<T>>> {
        let mut replies: Vec<Option<Reply<T>>> = questions.iter().map(|_| None).collect();
        let mut refusals: Vec<Option<Reply<T>>> = questions.iter().map(|_| None).collect();
        let mut course = Course::new(self.endpoints.len());
        loop {
            let open: Vec<usize> = (0..questions.len()).filter(|place| replies[*place].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let Some(chosen) = self.choose(&course.refusers, avoided) else {
                for place in open {
                    replies[place] = refusals[place].take();
                }
                break;
            };
            let endpoint = &self.endpoints[chosen];
            tokio::time::sleep_until(endpoint.ready_at()).await;
            let batches: Vec<&[usize]> = open.chunks(endpoint.batch()).collect();
            let sent = batches.iter().map(|places| send::<T>(endpoint, questions, places));
            let sent = join_all(sent).await;
            let (mut is_refused, mut trouble) = (false, None);
            for (places, sent) in batches.iter().zip(sent) {
                for (place, answer) in places.iter().zip(sent.answers) {
                    let Some((answer, n_bytes)) = answer else { continue };
                    let refuses = matches!(answer, Answer::NoState | Answer::Refused(_));
                    is_refused |= refuses;
                    let reply = Some(Reply { answer, endpoint: chosen, n_bytes });
                    (if refuses { &mut refusals } else { &mut replies })[*place] = reply;
                }
                trouble = worse(trouble, sent.trouble);
            }
            course.note(chosen, trouble)?;
            if is_refused {
                course.refusers.push(chosen);
            }
            if course.is_over(self.endpoints.len()) {
                break;
            }
        }
        let replies: Option<Vec<Reply<T>>> = replies.into_iter().collect();
        replies.ok_or_else(|| self.no_answer(questions, &course))
    }

    /// Asks one endpoint, once; nothing if it does not answer or is set aside.
    pub async fn ask_at<T: DeserializeOwned>(&self, endpoint: usize, question: &Question) -> Option<Answer<T>> {
        let mut sent = self.endpoints[endpoint].send(&[question]).await;
        sent.answers.pop().flatten().map(|(answer, _)| answer)
    }

    /// The first that is ready, or else the one that is so first.
    fn choose(&self, refusers: &[usize], avoided: Option<usize>) -> Option<usize> {
        let now = Instant::now();
        let in_order = (0..self.endpoints.len()).filter(|place| Some(*place) != avoided).chain(avoided);
        let asked = in_order.filter(|place| !refusers.contains(place));
        asked.min_by_key(|place| self.endpoints[*place].ready_at().max(now))
    }

    fn no_answer(&self, questions: &[Question], course: &Course) -> Error {
        let method = questions.first().map_or("a question", |question| question.method);
        let reasons = self.endpoints.iter().zip(&course.reasons);
        let reasons: Vec<String> = reasons
            .map(|(endpoint, reason)| {
                format!("{}: {}", endpoint.host(), reason.as_deref().unwrap_or("not every call was answered"))
            })
            .collect();
        Error::Endpoint(format!("no endpoint answers {method}: {}", reasons.join("; ")))
    }
}

impl Course {
    fn new(n_endpoints: usize) -> Self {
        Self { refusers: Vec::new(), n_failures: 0, n_slowed: 0, reasons: vec![None; n_endpoints] }
    }

    fn note(&mut self, endpoint: usize, trouble: Option<Trouble>) -> Result<()> {
        let reason = match trouble {
            None => return Ok(()),
            Some(Trouble::Foreign(error)) => return Err(error),
            Some(Trouble::Broken(reason)) => {
                self.n_failures += 1;
                reason
            }
            Some(Trouble::Busy(reason) | Trouble::LargeBatch(reason)) => {
                self.n_slowed += 1;
                reason
            }
            Some(Trouble::Resting) => {
                self.n_slowed += 1;
                return Ok(());
            }
        };
        self.reasons[endpoint] = Some(reason);
        Ok(())
    }

    fn is_over(&self, n_endpoints: usize) -> bool {
        self.n_failures >= MAX_FAILURES * n_endpoints || self.n_slowed >= MAX_SLOWED * n_endpoints
    }
}

/// Of two batches in flight together, the trouble that says more.
fn worse(one: Option<Trouble>, other: Option<Trouble>) -> Option<Trouble> {
    let weight = |trouble: &Option<Trouble>| match trouble {
        None => 0,
        Some(Trouble::Resting) => 1,
        Some(Trouble::LargeBatch(_)) => 2,
        Some(Trouble::Busy(_)) => 3,
        Some(Trouble::Broken(_)) => 4,
        Some(Trouble::Foreign(_)) => 5,
    };
    if weight(&one) < weight(&other) { other } else { one }
}

async fn send<T: DeserializeOwned>(endpoint: &Endpoint, questions: &[Question], places: &[usize]) -> Sent<T> {
    let questions: Vec<&Question> = places.iter().map(|place| &questions[*place]).collect();
    endpoint.send(&questions).await
}
