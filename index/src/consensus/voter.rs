//! The snapshotter's side: submits what is in the outbox, and writes down what became of it.
//!
//! The own snapshot is never replaced. If the others agree on another, it is marked as disputed, for people to look into.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::signers::local::PrivateKeySigner;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::message::{Answer, Status, Submission};
use crate::{
    Error, Result, content,
    dag::Range,
    database::{Database, transaction},
    rows::Value,
    snapshot::{EpochRange, Project},
};

/// The outbox's name for what goes to the desk.
pub const SINK: &str = "consensus";

/// Snapshots of one round.
const MAX_AT_ONCE: u32 = 200;

/// Seconds after the first attempt; each further pause is twice as long.
const FIRST_PAUSE: u64 = 2;

/// Seconds of the longest pause.
const LONGEST_PAUSE: u64 = 3_600;

/// Seconds between rounds when there is nothing to do.
const IDLE_PAUSE: Duration = Duration::from_secs(2);

/// In which the desk must have answered.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// Bytes of an answer.
const MAX_ANSWER: usize = 64 << 10;

/// A snapshot to agree on: the body of a message in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Of what.
    pub project: Project,
    /// Of which blocks.
    pub epoch: EpochRange,
    /// The own snapshot's address.
    pub cid: String,
}

/// Where an own snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The desk does not have it.
    Pending,
    /// It counts; there are not enough votes.
    Submitted,
    /// There was no agreement in time, but there may still be.
    Indeterminate,
    /// It is agreed on.
    Finalized,
    /// Another is agreed on.
    Disputed,
    /// The desk does not take it.
    Refused,
    /// The desk has another of this node's key.
    Equivocated,
}

impl Outcome {
    /// As it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Submitted => "submitted",
            Self::Indeterminate => "indeterminate",
            Self::Finalized => "finalized",
            Self::Disputed => "disputed",
            Self::Refused => "refused",
            Self::Equivocated => "equivocated",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        use Outcome::{Disputed, Equivocated, Finalized, Indeterminate, Pending, Refused, Submitted};
        let all = [Pending, Submitted, Indeterminate, Finalized, Disputed, Refused, Equivocated];
        all.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Whether nothing more is asked.
    fn is_over(self) -> bool {
        matches!(self, Self::Finalized | Self::Disputed | Self::Refused | Self::Equivocated)
    }
}

/// What a round came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Where the snapshots of this round are, in order.
    pub outcomes: Vec<(Claim, Outcome)>,
    /// Why the round ended early.
    pub silence: Option<String>,
}

/// Submits snapshots and asks for the outcome. One voter a store.
pub struct Voter {
    database: Arc<Mutex<Box<dyn Database>>>,
    desk: String,
    http: reqwest::Client,
    signer: PrivateKeySigner,
    chain_id: u64,
}

/// What the desk said.
enum Reply {
    /// It has answered.
    Answer(Answer),
    /// It never takes this.
    Never(Outcome, String),
    /// It does not take it, which the operators can change.
    Refused(String),
    /// It does not answer, or is busy.
    Silence(String, Option<u64>),
}

/// What is to be written of a claim.
struct Entry {
    outcome: Outcome,
    final_cid: Option<String>,
    reason: Option<String>,
    /// Seconds until it is looked at again, if not the usual.
    pause: Option<u64>,
}

impl Voter {
    /// Votes at the desk of this URL, with the key of `signer`.
    ///
    /// # Errors
    /// If there can be no HTTP.
    pub fn new(database: Box<dyn Database>, desk: &str, signer: PrivateKeySigner, chain_id: u64) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(ANSWER_TIME).redirect(reqwest::redirect::Policy::none());
        let http = http.build().map_err(|error| Error::Endpoint(format!("the desk: {}", error.without_url())))?;
        let database = Arc::new(Mutex::new(database));
        Ok(Self { database, desk: desk.trim_end_matches('/').to_owned(), http, signer, chain_id })
    }

    /// Votes and asks until the future is dropped, and tells each round that had something to do.
    ///
    /// # Errors
    /// Those of the store that do not pass.
    pub async fn run(&self, now: impl Fn() -> u64, mut tell: impl FnMut(Round)) -> Result<()> {
        loop {
            let round = self.round(now()).await?;
            let is_full = round.outcomes.len() >= usize::try_from(MAX_AT_ONCE).unwrap_or(usize::MAX);
            let is_silent = round.silence.is_some();
            if is_silent || !round.outcomes.is_empty() {
                tell(round);
            }
            if is_silent || !is_full {
                tokio::time::sleep(IDLE_PAUSE).await;
            }
        }
    }

    /// Goes once over what is due at `now`, in Unix seconds. Ends at the first that the desk does not answer, and where the
    /// store does not for the moment: what was not written down is asked for again, which changes nothing at the desk.
    ///
    /// # Errors
    /// Those of the store that do not pass.
    pub async fn round(&self, now: u64) -> Result<Round> {
        let mut round = Round::default();
        match self.go(now, &mut round).await {
            Err(error) if error.passes() => round.silence = Some(error.to_string()),
            ended => ended?,
        }
        Ok(round)
    }

    async fn go(&self, now: u64, round: &mut Round) -> Result<()> {
        for due in self.with(move |database| due(database, now)).await? {
            let entry = self.ask(&due).await?;
            let silence = entry.pause.is_some().then(|| entry.reason.clone()).flatten();
            let (claim, outcome) = (due.claim.clone(), entry.outcome);
            self.with(move |database| transaction(database, |database| write(database, &due, &entry, now))).await?;
            round.outcomes.push((claim, outcome));
            if silence.is_some() {
                round.silence = silence;
                break;
            }
        }
        Ok(())
    }

    /// How many own snapshots the desk has said nothing of, ever.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn n_unanswered(&self) -> Result<u64> {
        self.with(|database| {
            let sql = "SELECT count(*) FROM outbox WHERE sink = ?1 AND n_tries = 0";
            database.ask(sql, &[Value::Text(SINK)])?.first().map_or(Ok(0), |row| row.count(0))
        })
        .await
    }

    /// What the desk says of a claim: submits it first, if the desk does not have it.
    async fn ask(&self, due: &Due) -> Result<Entry> {
        let Claim { project, epoch, cid } = due.claim.clone();
        let range = Range { begin: epoch.begin, end: epoch.end };
        let submission = Submission::sign(&self.signer, self.chain_id, (project, range), cid);
        let submission =
            submission.map_err(|error| Error::Config(format!("the consensus key does not sign: {error}")))?;
        let path = match due.outcome {
            Outcome::Submitted | Outcome::Indeterminate => "checkForSnapshotConfirmation",
            _ => "submitSnapshot",
        };
        let entry = |outcome, reason| Entry { outcome, final_cid: None, reason, pause: None };
        Ok(match self.post(path, &submission).await {
            Reply::Answer(answer) => settled(&due.claim, answer),
            Reply::Never(outcome, reason) => entry(outcome, Some(reason)),
            Reply::Refused(reason) => entry(due.outcome, Some(reason)),
            Reply::Silence(reason, pause) => {
                let pause = Some(pause.unwrap_or(FIRST_PAUSE).clamp(FIRST_PAUSE, LONGEST_PAUSE));
                Entry { pause, ..entry(due.outcome, Some(reason)) }
            }
        })
    }

    async fn post(&self, path: &str, submission: &Submission) -> Reply {
        let body = serde_json::to_vec(submission).expect("a submission has a form in JSON");
        let request = self.http.post(format!("{}/{path}", self.desk)).header("content-type", "application/json");
        let mut response = match request.body(body).send().await {
            Ok(response) => response,
            Err(error) => return Reply::Silence(format!("the desk does not answer: {}", error.without_url()), None),
        };
        let status = response.status().as_u16();
        let pause = response.headers().get("retry-after").and_then(|pause| pause.to_str().ok()?.parse().ok());
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= MAX_ANSWER => bytes.extend_from_slice(&chunk),
                Ok(Some(_)) => return Reply::Silence(format!("the desk's answer exceeds {MAX_ANSWER} bytes"), None),
                Ok(None) => break,
                Err(error) => return Reply::Silence(format!("the desk's answer ended: {}", error.without_url()), None),
            }
        }
        reply(status, pause, &bytes)
    }

    /// Uses the store where it may block.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let database = self.database.clone();
        let work = move || work(&mut **database.lock().unwrap_or_else(PoisonError::into_inner));
        match spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// How many own snapshots are where, for the metrics.
///
/// # Errors
/// Those of the store.
pub fn counts(database: &mut dyn Database) -> Result<Vec<(Outcome, u64)>> {
    let rows = database.ask("SELECT status, count(*) FROM consensus GROUP BY status ORDER BY status", &[])?;
    rows.iter().map(|row| Ok((stored_outcome(row.text(0)?)?, row.count(1)?))).collect()
}

fn stored_outcome(name: &str) -> Result<Outcome> {
    Outcome::from_name(name).ok_or_else(|| Error::Damaged(format!("`{name}` is no outcome of a vote")))
}

/// A message of the outbox.
struct Due {
    key: String,
    claim: Claim,
    outcome: Outcome,
    n_tries: u64,
}

/// The messages whose time has come, those that wait longest first.
fn due(database: &mut dyn Database, now: u64) -> Result<Vec<Due>> {
    let sql = format!(
        "SELECT dedupe_key, body, n_tries FROM outbox WHERE sink = ?1 AND next_at <= ?2 ORDER BY next_at, dedupe_key LIMIT \
         {MAX_AT_ONCE}"
    );
    let rows = database.ask(&sql, &[Value::Text(SINK), Value::count(now)])?;
    let mut due = Vec::new();
    for row in rows.iter() {
        let key = row.text(0)?.to_owned();
        let claim: Claim = serde_json::from_str(row.text(1)?)
            .map_err(|error| Error::Damaged(format!("message {key} of the outbox cannot be read: {error}")))?;
        let sql = "SELECT status FROM consensus WHERE project = ?1 AND epoch = ?2 AND cid = ?3";
        let values = [Value::Text(&claim.project), Value::count(claim.epoch.id), Value::Text(&claim.cid)];
        let known = database.ask(sql, &values)?;
        let outcome = known.first().map_or(Ok(Outcome::Pending), |row| stored_outcome(row.text(0)?))?;
        due.push(Due { key, claim, outcome, n_tries: row.count(2)? });
    }
    Ok(due)
}

/// Writes what became of a claim, and when it is looked at again.
fn write(database: &mut dyn Database, due: &Due, entry: &Entry, now: u64) -> Result<()> {
    let Claim { project, epoch, cid } = &due.claim;
    let sql = "INSERT INTO consensus (project, epoch, cid, final_cid, status, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON \
               CONFLICT (project, epoch) DO UPDATE SET cid = excluded.cid, final_cid = excluded.final_cid, status = \
               excluded.status, reason = excluded.reason";
    let (key, status) = (Value::Text(&due.key), Value::Text(entry.outcome.name()));
    let (epoch, cid) = (Value::count(epoch.id), Value::Text(cid));
    database.run(sql, &[Value::Text(project), epoch, cid, value(&entry.final_cid), status, value(&entry.reason)])?;
    if entry.outcome.is_over() {
        database.run("DELETE FROM outbox WHERE sink = ?1 AND dedupe_key = ?2", &[Value::Text(SINK), key])?;
        return Ok(());
    }
    let doublings = u32::try_from(due.n_tries.min(16)).expect("16 at most");
    let pause = entry.pause.unwrap_or_else(|| (FIRST_PAUSE << doublings).min(LONGEST_PAUSE));
    let sql = "UPDATE outbox SET n_tries = ?3, next_at = ?4 WHERE sink = ?1 AND dedupe_key = ?2";
    // A desk that is away has not been asked.
    let n_tries = if entry.pause.is_some() { due.n_tries } else { due.n_tries + 1 };
    database.run(sql, &[Value::Text(SINK), key, Value::count(n_tries), Value::count(now.saturating_add(pause))])?;
    Ok(())
}

fn value(text: &Option<String>) -> Value<'_> {
    text.as_deref().map_or(Value::Null, Value::Text)
}

/// What an answer means for a claim.
fn settled(claim: &Claim, answer: Answer) -> Entry {
    let entry = |outcome, reason: Option<String>| Entry { outcome, final_cid: None, reason, pause: None };
    match (answer.status, answer.final_cid) {
        (Status::Finalized, Some(cid)) if cid == claim.cid => {
            Entry { final_cid: Some(cid), ..entry(Outcome::Finalized, None) }
        }
        (Status::Finalized, Some(cid)) if content::parse(&cid).is_ok() => {
            let reason = format!("the others agree on {cid}; the own snapshot is kept, verify it");
            Entry { final_cid: Some(cid), ..entry(Outcome::Disputed, Some(reason)) }
        }
        (Status::Accepted, _) => entry(Outcome::Submitted, None),
        (Status::Indeterminate, _) => entry(Outcome::Indeterminate, None),
        (Status::NotSubmitted, _) => entry(Outcome::Pending, Some("the desk does not have the vote".to_owned())),
        (status, _) => entry(Outcome::Pending, Some(format!("the desk's answer {status:?} makes no sense"))),
    }
}

/// What an answer of the desk means.
fn reply(status: u16, pause: Option<u64>, bytes: &[u8]) -> Reply {
    #[derive(Deserialize)]
    struct Refused {
        error: Said,
    }
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    if let (200 | 400, Ok(answer)) = (status, serde_json::from_slice::<Answer>(bytes)) {
        return Reply::Answer(answer);
    }
    let said = serde_json::from_slice::<Refused>(bytes).map(|refused| refused.error.message).unwrap_or_default();
    let said = said.chars().take(500).collect::<String>();
    let reason = format!("the desk answers {status}: {}", said.escape_debug());
    match status {
        409 => Reply::Never(Outcome::Equivocated, reason),
        401 | 413 | 422 => Reply::Never(Outcome::Refused, reason),
        403 => Reply::Refused(reason),
        _ => Reply::Silence(reason, pause),
    }
}
