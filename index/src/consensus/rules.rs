//! Who votes, and how many votes decide.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    str::FromStr,
};

use alloy::primitives::Address;
use serde::Deserialize;

use crate::{
    Error, Result,
    dag::{Origin, is_project},
    snapshot::Project,
};

/// The desk's part of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskConfig {
    /// Address and port, as in `127.0.0.1:9030`.
    pub listen: SocketAddr,
    /// Who votes on projects that have no list of their own.
    #[serde(default)]
    pub peers: Vec<Address>,
    /// Who votes on certain projects.
    #[serde(default)]
    pub projects: BTreeMap<Project, Vec<Address>>,
    /// The share of listed peers that a snapshot needs more than, as in `2/3`; at least, and if not given, `1/2`.
    pub more_than: Option<String>,
    /// Seconds after the first vote on an epoch, after which one that is not agreed on is called indeterminate.
    #[serde(default = "default_window")]
    pub window_secs: u64,
    /// What each peer may ask, such as `2000/minute;100/second`.
    pub limit: Option<String>,
}

/// What the desk judges by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Of which chain and which epochs.
    pub origin: Origin,
    /// How many votes decide.
    pub quorum: Quorum,
    /// See [`DeskConfig::window_secs`].
    pub window_secs: u64,
    peers: BTreeSet<Address>,
    projects: BTreeMap<Project, BTreeSet<Address>>,
}

impl Rules {
    /// By the configuration.
    ///
    /// # Errors
    /// If a list is empty or names a peer twice, if a project can have no chain, or if the quorum is no majority.
    pub fn new(config: &DeskConfig, origin: Origin) -> Result<Self> {
        let list = |key: &str, peers: &[Address]| -> Result<BTreeSet<Address>> {
            let list: BTreeSet<_> = peers.iter().copied().collect();
            if list.len() != peers.len() {
                return Err(Error::Config(format!("{key} names a peer twice; a peer has one vote")));
            }
            Ok(list)
        };
        let mut projects = BTreeMap::new();
        for (project, peers) in &config.projects {
            let key = format!("desk.projects.\"{}\"", project.escape_default());
            if peers.is_empty() || !is_project(project) {
                return Err(Error::Config(format!("{key} needs a project's name and at least one peer")));
            }
            projects.insert(project.clone(), list(&key, peers)?);
        }
        let peers = list("desk.peers", &config.peers)?;
        if peers.is_empty() && projects.is_empty() {
            return Err(Error::Config("desk.peers is empty; list the addresses of the snapshotters".to_owned()));
        }
        let quorum = config.more_than.as_deref().map_or(Ok(Quorum::default()), str::parse)?;
        Ok(Self { origin, quorum, window_secs: config.window_secs, peers, projects })
    }

    /// Who votes on a project.
    #[must_use]
    pub fn peers(&self, project: &str) -> &BTreeSet<Address> {
        self.projects.get(project).unwrap_or(&self.peers)
    }

    /// How many votes decide about a project.
    #[must_use]
    pub fn n_needed(&self, project: &str) -> usize {
        self.quorum.n_needed(self.peers(project).len())
    }
}

/// The share of all listed peers that must have signed the same snapshot, and at least one peer more.
///
/// More than half is the smallest share at which two snapshots cannot both be agreed on, whoever stays away and whenever
/// votes arrive, as no peer counts for two. It is what is taken if nothing else is said, because a larger share adds
/// nothing to that and lets fewer liars stop the others: of five peers, two can hinder neither three honest ones nor lead
/// them, while at two thirds they could hinder. The share is of the listed peers, not of those who came: else the first to
/// come would decide alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    parts: usize,
    of: usize,
}

impl Quorum {
    /// How many of `n_listed` peers must agree: the smallest whole number above the share.
    #[must_use]
    pub fn n_needed(self, n_listed: usize) -> usize {
        n_listed.saturating_mul(self.parts) / self.of + 1
    }
}

impl Default for Quorum {
    fn default() -> Self {
        Self { parts: 1, of: 2 }
    }
}

impl FromStr for Quorum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = |part: &str| part.trim().parse::<u16>().ok().map(usize::from);
        let share = text.split_once('/').and_then(|(parts, of)| Some((parse(parts)?, parse(of)?)));
        let (parts, of) = share.filter(|(parts, of)| parts * 2 >= *of && parts < of).ok_or_else(|| {
            let rule = "expected a share of at least 1/2 and below 1, of which more are needed, such as 1/2 or 2/3";
            Error::Config(format!("desk.more_than is `{text}`; {rule}"))
        })?;
        Ok(Self { parts, of })
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {}/{}", self.parts, self.of)
    }
}

const fn default_window() -> u64 {
    60
}
