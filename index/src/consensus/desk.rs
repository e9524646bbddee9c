//! The desk: takes votes, counts them, and remembers all of it in the store, so that a restart forgets nothing.
//!
//! What is agreed on stays so. A peer has one vote on an epoch of a project; if it signs a second, different one, both are
//! kept as proof and neither counts.

use std::collections::BTreeMap;

use alloy::primitives::Address;
use cid::Cid;
use serde::Serialize;

use super::{
    message::{Answer, EpochQuestion, Registration, Status, Submission},
    rules::Rules,
};
use crate::{
    Error,
    content::{self, DAG_CBOR},
    dag::{Range, is_project},
    database::{Database, DatabaseError, transaction},
    rows::{Rows, Value},
    snapshot::Project,
};

/// Votes of a peer on epochs that are not agreed on. One more has to wait until others have caught up, so that a peer
/// cannot fill the disk with epochs that there will never be.
const MAX_OPEN: u64 = 100_000;

/// Projects that a peer follows, for the same reason.
const MAX_PROJECTS: u64 = 100_000;

/// Why the desk does not do what it is asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The content is not the peer's.
    #[error("{0}; sign with the key of instanceID, for the chain that the desk is of")]
    Signature(String),
    /// The peer has no vote.
    #[error("{peer} is not listed as a peer of {project}; ask the operator of the desk")]
    NotListed {
        /// Who.
        peer: Address,
        /// Of what.
        project: Project,
    },
    /// The peer has signed two snapshots.
    #[error("{peer} has signed {first} and {second} for {project} at epoch {epoch}; neither counts")]
    Equivocation {
        /// Who.
        peer: Address,
        /// Of what.
        project: Project,
        /// When.
        epoch: u64,
        /// The first.
        first: String,
        /// Another.
        second: String,
    },
    /// The content makes no sense here.
    #[error("{0}")]
    Unfit(String),
    /// The peer is too far ahead of the others.
    #[error("{0} has voted on {MAX_OPEN} epochs that are not agreed on; wait for the other peers")]
    TooFarAhead(Address),
    /// The peer follows too much.
    #[error("{0} follows {MAX_PROJECTS} projects already, and can follow no others")]
    TooManyProjects(Address),
    /// The store.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        Self::Store(error.into())
    }
}

/// A submission that its peer has signed, who is listed, about an epoch that there is.
#[derive(Clone, Debug)]
pub struct Vote {
    project: Project,
    epoch: u64,
    peer: Address,
    cid: Cid,
    signature: Vec<u8>,
}

impl Vote {
    /// Who votes.
    #[must_use]
    pub fn peer(&self) -> Address {
        self.peer
    }
}

/// A vote as it is shown to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Submitted {
    /// Whose.
    #[serde(rename = "instanceID")]
    pub peer: Address,
    /// For what.
    #[serde(rename = "snapshotCID")]
    pub cid: String,
    /// The proof.
    pub signature: alloy::primitives::Bytes,
    /// Unix seconds.
    #[serde(rename = "submittedTS")]
    pub received_at: u64,
    /// `WITHIN_SCHEDULE` or `DELAYED`.
    pub submission_status: &'static str,
    /// Whether it counts: its peer is listed and has not contradicted itself.
    pub counts: bool,
}

/// What is known of an epoch of a project.
#[derive(Debug)]
struct Ballot {
    opened_at: u64,
    final_cid: Option<String>,
    votes: Vec<Submitted>,
}

/// Takes and counts votes.
pub struct Desk {
    database: Box<dyn Database>,
    rules: Rules,
}

impl Desk {
    /// In this store, by these rules.
    #[must_use]
    pub fn new(database: Box<dyn Database>, rules: Rules) -> Self {
        Self { database, rules }
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Notes that a peer follows a project. Being listed is what gives a vote, not this. Gives the numbers of listed peers
    /// and of votes that decide.
    ///
    /// # Errors
    /// If the peer follows too many, and those of the store.
    pub fn register(&mut self, registration: &Registration, now: u64) -> Result<(usize, usize), Refusal> {
        follow(&mut *self.database, &registration.project, registration.peer, now)?;
        let project = &registration.project;
        Ok((self.rules.peers(project).len(), self.rules.n_needed(project)))
    }

    /// Takes a vote at `now`, in Unix seconds. The same vote again changes nothing.
    ///
    /// # Errors
    /// If the peer has signed another snapshot for this epoch, or is too far ahead.
    pub fn submit(&mut self, vote: &Vote, now: u64) -> Result<Answer, Refusal> {
        let Self { database, rules } = self;
        transaction(&mut **database, |database| match take(database, rules, vote, now) {
            // The contradiction is to be kept, so the transaction is no failure.
            Err(refusal @ Refusal::Equivocation { .. }) => Ok(Err(refusal)),
            taken => taken.map(Ok),
        })?
    }

    /// What became of a vote. Another snapshot than the one voted for is a contradiction here too, because it is signed.
    ///
    /// # Errors
    /// If the peer has contradicted itself, and those of the store.
    pub fn confirm(&mut self, vote: &Vote, now: u64) -> Result<Answer, Refusal> {
        if votes_of(&mut *self.database, vote)?.is_empty() {
            // Without what is agreed on: a peer that votes does so before it is told.
            return Ok(Answer { status: Status::NotSubmitted, delayed_submission: false, final_cid: None });
        }
        self.submit(vote, now)
    }

    /// Whether an epoch is agreed on.
    ///
    /// # Errors
    /// If there is no such epoch.
    pub fn epoch_status(&mut self, question: &EpochQuestion) -> Result<Answer, Refusal> {
        self.submissions(&question.project, question.epoch).map(|(answer, _)| answer)
    }

    /// Whether an epoch is agreed on, and all votes on it at the same moment, with their signatures: anybody can count them
    /// again.
    ///
    /// # Errors
    /// If there is no such epoch.
    pub fn submissions(&mut self, project: &str, blocks: Range) -> Result<(Answer, Vec<Submitted>), Refusal> {
        let Self { database, rules } = self;
        let epoch = epoch(rules, project, blocks)?;
        // Another desk may count votes in the same store.
        database.begin_to_read()?;
        let found = ballot(&mut **database, rules, project, epoch);
        let ended = database.roll_back();
        let (final_cid, votes) = found?.map(|ballot| (ballot.final_cid, ballot.votes)).unwrap_or_default();
        ended?;
        let status = if final_cid.is_some() { Status::ConsensusAchieved } else { Status::NoConsensus };
        Ok((Answer { status, delayed_submission: false, final_cid }, votes))
    }

    /// The newest epoch that some project is agreed on at.
    ///
    /// # Errors
    /// Those of the store.
    pub fn current_epoch(&mut self) -> Result<Option<Range>, Refusal> {
        let sql = "SELECT epoch FROM consensus_round WHERE final_cid IS NOT NULL ORDER BY epoch DESC LIMIT 1";
        let rows = self.database.ask(sql, &[])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let blocks = self.rules.origin.epochs.blocks(row.count(0)?);
        Ok(blocks.map(|blocks| Range { begin: blocks.first, end: blocks.last }))
    }

    /// For the epoch that ends at this block: when its first vote came, the projects that are followed, and how many of
    /// them are agreed on. Nothing if nobody has voted on it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn epoch_details(&mut self, end: u64) -> Result<Option<(u64, u64, u64)>, Refusal> {
        let epochs = self.rules.origin.epochs;
        let Some(id) = epochs.of(end).filter(|id| epochs.blocks(*id).is_some_and(|blocks| blocks.last == end)) else {
            return Ok(None);
        };
        let sql = "SELECT min(opened_at), count(final_cid) FROM consensus_round WHERE epoch = ?1";
        let rounds = self.database.ask(sql, &[Value::count(id)])?;
        let Some(round) = rounds.first().filter(|row| !row.is_null(0)) else { return Ok(None) };
        let projects = self.database.ask("SELECT count(DISTINCT project) FROM consensus_peer", &[])?;
        let n_projects = projects.first().map_or(Ok(0), |row| row.count(0))?;
        Ok(Some((round.count(0)?, n_projects, round.count(1)?)))
    }
}

impl Submission {
    /// The vote that it is.
    ///
    /// # Errors
    /// If it is not signed by its peer, the peer is not listed, or there is no such epoch or address.
    pub fn open(&self, rules: &Rules) -> Result<Vote, Refusal> {
        // A project's name has no line breaks, so each signed text can be read in one way only.
        check_project(&self.project)?;
        self.check(rules.origin.chain_id)?;
        check_listed(rules, &self.project, self.peer)?;
        let epoch = epoch(rules, &self.project, self.epoch)?;
        let cid = content::parse(&self.cid).ok().filter(|cid| cid.codec() == DAG_CBOR);
        let cid = cid.ok_or_else(|| {
            let found: String = self.cid.chars().take(100).collect();
            Refusal::Unfit(format!(
                "snapshotCID `{}` is no CID of version 1 of dag-cbor by sha2-256",
                found.escape_debug()
            ))
        })?;
        let signature = self.signature.to_vec();
        Ok(Vote { project: self.project.clone(), epoch, peer: self.peer, cid, signature })
    }
}

impl Registration {
    /// Checks who says it.
    ///
    /// # Errors
    /// If it is not signed by its peer, or the peer is not listed.
    pub fn open(&self, rules: &Rules) -> Result<(), Refusal> {
        check_project(&self.project)?;
        self.check(rules.origin.chain_id)?;
        check_listed(rules, &self.project, self.peer)
    }
}

fn check_project(project: &str) -> Result<(), Refusal> {
    if is_project(project) {
        return Ok(());
    }
    let found: String = project.chars().take(100).collect();
    Err(Refusal::Unfit(format!("projectID `{}` is not 1 to 200 visible ASCII characters", found.escape_debug())))
}

fn check_listed(rules: &Rules, project: &str, peer: Address) -> Result<(), Refusal> {
    if rules.peers(project).contains(&peer) {
        return Ok(());
    }
    Err(Refusal::NotListed { peer, project: project.to_owned() })
}

/// The number of the epoch of these blocks.
fn epoch(rules: &Rules, project: &str, blocks: Range) -> Result<u64, Refusal> {
    check_project(project)?;
    let epochs = rules.origin.epochs;
    let id = epochs
        .of(blocks.begin)
        .filter(|id| epochs.blocks(*id).is_some_and(|found| (found.first, found.last) == (blocks.begin, blocks.end)));
    id.ok_or_else(|| {
        let (Range { begin, end }, genesis, size) = (blocks, epochs.genesis, epochs.size);
        Refusal::Unfit(format!(
            "blocks {begin} to {end} are no epoch; epochs have {size} blocks from block {genesis} on"
        ))
    })
}

/// Takes a vote, in the caller's transaction.
fn take(database: &mut dyn Database, rules: &Rules, vote: &Vote, now: u64) -> Result<Answer, Refusal> {
    let (project, epoch) = (Value::Text(&vote.project), Value::count(vote.epoch));
    let mine = votes_of(database, vote)?;
    let cid = vote.cid.to_string();
    let is_known = mine.iter().any(|row| row.text(0).is_ok_and(|known| known == cid));
    if !is_known && mine.len() < 2 {
        let sql = "SELECT count(*) FROM consensus_vote WHERE peer = ?1 AND is_open = 1";
        let rows = database.ask(sql, &[Value::Blob(vote.peer.as_slice())])?;
        if rows.first().map_or(Ok(0), |row| row.count(0))? >= MAX_OPEN {
            return Err(Refusal::TooFarAhead(vote.peer));
        }
        let sql = "INSERT INTO consensus_round (project, epoch, opened_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        database.run(sql, &[project, epoch, Value::count(now)])?;
        follow(database, &vote.project, vote.peer, now)?;
        let sql = "INSERT INTO consensus_vote (project, epoch, peer, cid, signature, received_at, is_open) VALUES \
                   (?1, ?2, ?3, ?4, ?5, ?6, (SELECT CASE WHEN final_cid IS NULL THEN 1 ELSE 0 END FROM consensus_round \
                   WHERE project = ?1 AND epoch = ?2)) ON CONFLICT DO NOTHING";
        let (peer, signature) = (Value::Blob(vote.peer.as_slice()), Value::Blob(&vote.signature));
        database.run(sql, &[project, epoch, peer, Value::Text(&cid), signature, Value::count(now)])?;
    }
    let ballot = ballot(database, rules, &vote.project, vote.epoch)?;
    let mut ballot = ballot.ok_or_else(|| Error::Damaged(format!("votes on epoch {} have no round", vote.epoch)))?;
    count(database, rules, vote, &mut ballot)?;
    answer(rules, &ballot, vote, now)
}

/// Notes that a peer follows a project.
fn follow(database: &mut dyn Database, project: &str, peer: Address, now: u64) -> Result<(), Refusal> {
    let key = [Value::Text(project), Value::Blob(peer.as_slice())];
    let known = database.ask("SELECT peer FROM consensus_peer WHERE project = ?1 AND peer = ?2", &key)?;
    if !known.is_empty() {
        return Ok(());
    }
    let others = database.ask("SELECT count(*) FROM consensus_peer WHERE peer = ?1", &key[1..])?;
    if others.first().map_or(Ok(0), |row| row.count(0))? >= MAX_PROJECTS {
        return Err(Refusal::TooManyProjects(peer));
    }
    let sql = "INSERT INTO consensus_peer (project, peer, registered_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    database.run(sql, &[key[0], key[1], Value::count(now)])?;
    Ok(())
}

/// The peer's votes on the epoch, the oldest first.
fn votes_of(database: &mut dyn Database, vote: &Vote) -> Result<Rows, DatabaseError> {
    let sql =
        "SELECT cid FROM consensus_vote WHERE project = ?1 AND epoch = ?2 AND peer = ?3 ORDER BY received_at, cid";
    database.ask(sql, &[Value::Text(&vote.project), Value::count(vote.epoch), Value::Blob(vote.peer.as_slice())])
}

/// What is known of an epoch; nothing if nobody has voted on it.
fn ballot(database: &mut dyn Database, rules: &Rules, project: &str, epoch: u64) -> Result<Option<Ballot>, Refusal> {
    let key = [Value::Text(project), Value::count(epoch)];
    let sql = "SELECT opened_at, final_cid FROM consensus_round WHERE project = ?1 AND epoch = ?2";
    let rounds = database.ask(sql, &key)?;
    let Some(round) = rounds.first() else { return Ok(None) };
    let opened_at = round.count(0)?;
    let final_cid = if round.is_null(1) { None } else { Some(round.text(1)?.to_owned()) };
    let sql = "SELECT peer, cid, signature, received_at FROM consensus_vote WHERE project = ?1 AND epoch = ?2 ORDER BY \
               received_at, peer, cid";
    let rows = database.ask(sql, &key)?;
    let mut votes = Vec::new();
    for row in rows.iter() {
        let (peer, received_at) = (row.address(0)?, row.count(3)?);
        let is_late = received_at > opened_at.saturating_add(rules.window_secs);
        votes.push(Submitted {
            peer,
            cid: row.text(1)?.to_owned(),
            signature: row.blob(2)?.to_vec().into(),
            received_at,
            submission_status: if is_late { "DELAYED" } else { "WITHIN_SCHEDULE" },
            counts: rules.peers(project).contains(&peer),
        });
    }
    let mut n_votes: BTreeMap<Address, usize> = BTreeMap::new();
    votes.iter().for_each(|vote| *n_votes.entry(vote.peer).or_default() += 1);
    votes.iter_mut().for_each(|vote| vote.counts &= n_votes[&vote.peer] == 1);
    Ok(Some(Ballot { opened_at, final_cid, votes }))
}

/// Agrees on a snapshot if enough votes are for it and none is agreed on.
fn count(database: &mut dyn Database, rules: &Rules, vote: &Vote, ballot: &mut Ballot) -> Result<(), Refusal> {
    if ballot.final_cid.is_some() {
        return Ok(());
    }
    let mut n_votes: BTreeMap<&str, usize> = BTreeMap::new();
    for vote in ballot.votes.iter().filter(|vote| vote.counts) {
        *n_votes.entry(&vote.cid).or_default() += 1;
    }
    let n_needed = rules.n_needed(&vote.project);
    let Some((&cid, _)) = n_votes.iter().find(|(_, n_votes)| **n_votes >= n_needed) else { return Ok(()) };
    let key = [Value::Text(&vote.project), Value::count(vote.epoch), Value::Text(cid)];
    let sql = "UPDATE consensus_round SET final_cid = ?3 WHERE project = ?1 AND epoch = ?2 AND final_cid IS NULL";
    database.run(sql, &key)?;
    database.run("UPDATE consensus_vote SET is_open = 0 WHERE project = ?1 AND epoch = ?2", &key[..2])?;
    ballot.final_cid = Some(cid.to_owned());
    Ok(())
}

/// What to tell the peer of a vote.
fn answer(rules: &Rules, ballot: &Ballot, vote: &Vote, now: u64) -> Result<Answer, Refusal> {
    let mut mine = ballot.votes.iter().filter(|known| known.peer == vote.peer);
    let cid = vote.cid.to_string();
    let first = mine.next().ok_or_else(|| Error::Damaged(format!("a vote on epoch {} is gone", vote.epoch)))?;
    let other = mine.next().map_or(cid, |second| second.cid.clone());
    if first.cid != other {
        let (peer, project, epoch) = (vote.peer, vote.project.clone(), vote.epoch);
        return Err(Refusal::Equivocation { peer, project, epoch, first: first.cid.clone(), second: other });
    }
    let status = if ballot.final_cid.is_some() {
        Status::Finalized
    } else if now > ballot.opened_at.saturating_add(rules.window_secs) {
        Status::Indeterminate
    } else {
        Status::Accepted
    };
    let delayed_submission = first.submission_status == "DELAYED";
    Ok(Answer { status, delayed_submission, final_cid: ballot.final_cid.clone() })
}
