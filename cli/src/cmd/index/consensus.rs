//! `streamctl index consensus`: snapshotters that agree on snapshots. A desk that counts their votes, and this node's side.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use ::index::{
    config::Config,
    consensus::{Clock, Desk, Outcome, Registry, Round, Rules, Voter, counts, router},
    dag::Origin,
    database,
};
use alloy::signers::local::PrivateKeySigner;
use clap::{Args, Subcommand};
use eyre::{WrapErr, ensure, eyre};
use serde::Serialize;
use tokio::{net::TcpListener, task::spawn_blocking};

use super::store::ConfigArgs;
use crate::{
    interrupt::Interrupt,
    output::{Output, write_rows},
    signer::{make_keystore, open_keystore},
};

/// Said of a desk that answers, and does not count a vote.
const REFUSED: &str = "the desk does not take this node's votes; is the address of `streamctl index consensus key` among \
                       its peers?";

/// Agree with other snapshotters on what was snapshotted.
///
/// Each signs the address of its final snapshots, and sends it to a desk. A snapshot that more than half of the listed
/// peers have signed is agreed on. `streamctl index run` votes by itself where the configuration has `consensus`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index consensus key --new\n  \
    streamctl index consensus serve --config desk.toml\n  \
    streamctl index consensus status --json | jq .disputed")]
pub(super) struct ConsensusArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Serve(ServeArgs),
    Status(StatusArgs),
    Key(KeyArgs),
}

/// Serve the desk where snapshotters vote, as `desk` of the configuration says.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  streamctl index consensus serve --config desk.toml")]
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Show what became of this node's snapshots at the desk.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index consensus status\n  \
    streamctl index consensus status --json | jq .finalized")]
struct StatusArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Show the address that this node votes by, for the desk's list of peers.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index consensus key --new\n  \
    streamctl index consensus key --password-file password")]
struct KeyArgs {
    /// Make a key first, in the keystore that the configuration names; one that is there stays as it is.
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// How the keystore of `[consensus]` is opened.
#[derive(Args, Clone, Debug)]
pub(super) struct PasswordArgs {
    /// File with the password of the keystore that this node votes with; asked for if missing.
    #[arg(long, value_name = "FILE", help_heading = "Index")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Key {
    address: String,
    keystore: PathBuf,
}

/// Own snapshots by what became of them.
#[derive(Debug, Serialize)]
struct Counts {
    desk: Option<String>,
    pending: String,
    submitted: String,
    indeterminate: String,
    finalized: String,
    disputed: String,
    refused: String,
    equivocated: String,
}

impl ConsensusArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        match self.action {
            Action::Serve(args) => args.run(output).await,
            Action::Status(args) => args.run(output).await,
            Action::Key(args) => args.run(output),
        }
    }
}

impl ServeArgs {
    async fn run(self, output: &Output) -> eyre::Result<()> {
        let config = self.config.read_for_store()?;
        let desk = config.desk.clone();
        let desk = desk.ok_or_else(|| eyre!("{} has no [desk]; add one", self.config.config.display()))?;
        let rules = Rules::new(&desk, origin(&config))?;
        let store = config.store.clone();
        let database = spawn_blocking(move || database::open(&store)).await.wrap_err("opening the store")??;
        let registry = Registry::new(Desk::new(database, rules), desk.limit.as_deref(), now())?;
        let mut interrupt = Interrupt::listen().wrap_err("listening for Ctrl-C")?;
        let address = desk.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| eyre!("the desk cannot be served at {address}: {error}; change desk.listen"))?;
        output.note(format_args!("the desk is at http://{}", listener.local_addr()?));
        let stopped = async move { interrupt.received().await };
        axum::serve(listener, router(registry)).with_graceful_shutdown(stopped).await.wrap_err("serving the desk")
    }
}

impl StatusArgs {
    async fn run(self, output: &Output) -> eyre::Result<()> {
        let counts = self.config.with_store(|config, database| {
            let counts = counts(database)?;
            Ok(Counts::of(config.consensus.as_ref().map(|consensus| consensus.url.clone()), &counts))
        });
        output.result(&counts.await?)
    }
}

impl KeyArgs {
    fn run(self, output: &Output) -> eyre::Result<()> {
        let config = self.config.read_for_store()?;
        let consensus = config.consensus;
        let consensus =
            consensus.ok_or_else(|| eyre!("{} has no [consensus]; add one", self.config.config.display()))?;
        let signer = if self.new {
            make_keystore(&consensus.keystore, self.password.password_file.as_deref())?
        } else {
            self.password.open(&consensus.keystore)?
        };
        output.result(&Key { address: signer.address().to_string(), keystore: consensus.keystore })
    }
}

impl PasswordArgs {
    /// The key in the keystore at `file`.
    ///
    /// # Errors
    /// If there is none, or the password is not its.
    pub(super) fn open(&self, file: &Path) -> eyre::Result<PrivateKeySigner> {
        ensure!(
            file.is_file(),
            "there is no keystore at {}; make one by `streamctl index consensus key --new`",
            file.display()
        );
        open_keystore(file, self.password_file.as_deref())
    }
}

/// Who votes with the key of `signer`, on the final snapshots of the store of `config`; nobody without a desk.
///
/// # Errors
/// Those of the store.
pub(super) async fn voter(config: &Config, signer: PrivateKeySigner, output: &Output) -> eyre::Result<Option<Voter>> {
    let Some(consensus) = &config.consensus else { return Ok(None) };
    let store = config.store.clone();
    let database = spawn_blocking(move || database::open(&store)).await.wrap_err("opening the store")??;
    output.note(format_args!("voting as {}", signer.address()));
    Ok(Some(Voter::new(database, &consensus.url, signer, config.chain.id)?))
}

/// Votes until the future is dropped.
///
/// # Errors
/// Those of the store.
pub(super) async fn vote(voter: &Voter, output: &Output) -> eyre::Result<()> {
    let mut trouble = None;
    let clock = now();
    voter.run(move || clock(), |round| tell(&round, &mut trouble, output)).await?;
    Ok(())
}

/// Says what a person should look into; the same trouble with the desk once.
fn tell(round: &Round, trouble: &mut Option<String>, output: &Output) {
    for (claim, outcome) in &round.outcomes {
        let said = match outcome {
            Outcome::Disputed => "the others agree on another snapshot",
            Outcome::Refused => "the desk does not take the snapshot",
            Outcome::Equivocated => "the desk has another vote of this node's key for the snapshot",
            _ => continue,
        };
        output.warn(format_args!("{said} of {} at epoch {}", claim.project, claim.epoch.id));
    }
    let is_refused = || round.outcomes.iter().any(|(_, outcome)| *outcome == Outcome::Pending);
    let reason = match &round.silence {
        Some(silence) => Some(format!("{silence}; votes wait")),
        None => is_refused().then(|| REFUSED.to_owned()),
    };
    if let Some(reason) = reason.as_ref().filter(|reason| trouble.as_ref() != Some(reason)) {
        output.warn(reason);
    }
    *trouble = reason;
}

/// What nodes must have in common to agree.
pub(super) fn origin(config: &Config) -> Origin {
    Origin { chain_id: config.chain.id, epochs: config.epochs }
}

/// Unix seconds; a clock before 1970 reads zero.
fn now() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

impl Counts {
    fn of(desk: Option<String>, counts: &[(Outcome, u64)]) -> Self {
        let n = |wanted| counts.iter().find(|(outcome, _)| *outcome == wanted).map_or(0, |(_, n)| *n).to_string();
        Self {
            desk,
            pending: n(Outcome::Pending),
            submitted: n(Outcome::Submitted),
            indeterminate: n(Outcome::Indeterminate),
            finalized: n(Outcome::Finalized),
            disputed: n(Outcome::Disputed),
            refused: n(Outcome::Refused),
            equivocated: n(Outcome::Equivocated),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            ("pending", &self.pending),
            ("submitted", &self.submitted),
            ("indeterminate", &self.indeterminate),
            ("finalized", &self.finalized),
            ("disputed", &self.disputed),
            ("refused", &self.refused),
            ("equivocated", &self.equivocated),
        ];
        match &self.desk {
            Some(desk) => writeln!(f, "Snapshots at {desk}")?,
            None => writeln!(f, "Snapshots; the configuration has no [consensus]")?,
        }
        write_rows(f, &names.map(|(name, n)| (name, n.clone())))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.address)?;
        write_rows(f, &[("keystore", self.keystore.display().to_string())])
    }
}
