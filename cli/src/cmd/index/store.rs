//! Which index a command means: a configuration with its store, or one that runs and answers over HTTP.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::index::{
    api::{Api, Source, router},
    config::Config,
    database::{self, Database},
    metrics::Metrics,
    progress::Progress,
};
use clap::Args;
use eyre::{WrapErr, ensure};
use tokio::{sync::watch, task::spawn_blocking};

use crate::index_api::{Asker, IndexUrlArgs};

/// Stands for a variable that is not set, where only the store is wanted. No host has this name.
const UNSET: &str = "http://unset.invalid";

/// Which configuration.
#[derive(Args, Clone, Debug)]
pub(super) struct ConfigArgs {
    /// Configuration, as `streamctl index init` writes one.
    #[arg(
        long,
        value_name = "FILE",
        env = "STREAMCTL_INDEX_CONFIG",
        hide_env_values = true,
        default_value = "index.toml",
        help_heading = "Index"
    )]
    pub(super) config: PathBuf,
}

/// Where a command reads.
#[derive(Args, Clone, Debug)]
pub(super) struct ReadArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    index: IndexUrlArgs,
}

impl ConfigArgs {
    /// The configuration, with all that it takes to follow the chain.
    ///
    /// # Errors
    /// If it cannot be read, or is not right.
    pub(super) fn read(&self) -> eyre::Result<Config> {
        Ok(Config::read(&self.config)?)
    }

    /// The configuration, for whoever wants the store and asks no endpoint: variables in URLs may be missing.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn read_for_store(&self) -> eyre::Result<Config> {
        let whole = self.read();
        let Err(error) = whole else { return whole };
        let Ok(text) = std::fs::read_to_string(&self.config) else { return Err(error) };
        let folder = self.config.parent().unwrap_or(Path::new(""));
        let variable = |name: &str| Some(env::var(name).unwrap_or_else(|_| UNSET.to_owned()));
        match Config::parse(&text, folder, &variable) {
            Ok(config) if !config.store.contains(UNSET) => Ok(config),
            _ => Err(error),
        }
    }

    /// Does `work`, which may block, with the configuration and its store.
    ///
    /// # Errors
    /// If there is no store, or those of the work.
    pub(super) async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Config, &mut dyn Database) -> eyre::Result<T> + Send + 'static,
    ) -> eyre::Result<T> {
        let config = self.read_for_store()?;
        check_store(&config)?;
        let done = spawn_blocking(move || {
            let mut database = database::open_to_read(&config.store)?;
            work(&config, database.as_mut())
        });
        done.await.wrap_err("waiting for the store")?
    }
}

impl ReadArgs {
    /// The index to ask.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn open(&self) -> eyre::Result<Asker> {
        if let Some(url) = &self.index.index {
            return Asker::at(url);
        }
        let config = self.config.read_for_store()?;
        check_store(&config)?;
        let (_, progress) = watch::channel(Progress::default());
        Ok(Asker::of(router(api(&config, progress, Arc::default())?)))
    }

    /// The configuration, to read the store itself.
    pub(super) const fn config(&self) -> &ConfigArgs {
        &self.config
    }

    /// Whether an index that runs somewhere is asked.
    pub(super) fn is_far(&self) -> bool {
        self.index.index.is_some()
    }
}

/// The API of the store of `config`.
///
/// # Errors
/// If a source's ABI is not right.
pub(super) fn api(config: &Config, progress: watch::Receiver<Progress>, metrics: Arc<Metrics>) -> eyre::Result<Api> {
    let kinds = config.kinds()?;
    let sources = config.sources.iter().zip(&kinds).map(|(source, kind)| Source {
        name: source.name.clone(),
        kind: source.kind.clone(),
        events: kind.watch().events.iter().map(|watched| watched.table.clone()).collect(),
    });
    Ok(Api::new(config.store.clone(), config.chain.id, sources.collect(), progress, metrics))
}

/// SQLite's own words for a file that is not there are no help.
fn check_store(config: &Config) -> eyre::Result<()> {
    let is_file = !config.store.contains("://");
    ensure!(
        !is_file || Path::new(&config.store).exists(),
        "there is no store at {}; `streamctl index run` makes it, or name another --config",
        config.store
    );
    Ok(())
}
