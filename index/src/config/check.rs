//! What the types of a configuration do not exclude.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use alloy::primitives::Address;

use super::{Config, KindConfig, SourceConfig};
use crate::{Error, Result, rpc::Limit};

/// Bytes of a source's name.
const N_NAME: usize = 32;

/// Milliseconds between two looks at the head, at most: an hour.
const MAX_POLL_MS: u64 = 3_600_000;

/// Heights have 63 bits.
const MAX_BLOCK: u64 = i64::MAX.cast_unsigned();

/// Puts variables and the folder in.
pub(super) fn expand(config: &mut Config, folder: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    let fill = |key: &str, text: &mut String| fill(key, text, variable);
    fill("store", &mut config.store)?;
    if config.store.is_empty() {
        return Err(Error::Config("store is empty; name a file, or a postgres:// URL".to_owned()));
    }
    if config.store == ":memory:" {
        let problem = "store is :memory:, of which each connection would have one for itself; name a file, or a \
                       postgres:// URL";
        return Err(Error::Config(problem.to_owned()));
    }
    if !config.store.contains("://") {
        config.store = folder.join(&config.store).display().to_string();
    }
    for (i, endpoint) in config.chain.endpoints.iter_mut().enumerate() {
        fill(&format!("chain.endpoints[{i}].url"), &mut endpoint.url)?;
    }
    if let Some(consensus) = &mut config.consensus {
        fill("consensus.url", &mut consensus.url)?;
        let mut keystore = consensus.keystore.display().to_string();
        fill("consensus.keystore", &mut keystore)?;
        consensus.keystore = folder.join(PathBuf::from(keystore));
    }
    for source in &mut config.sources {
        if let KindConfig::Events(events) = &mut source.kind {
            events.abi = folder.join(&events.abi);
        }
    }
    Ok(())
}

/// Replaces each `${NAME}`.
fn fill(key: &str, text: &mut String, variable: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    let mut filled = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err(Error::Config(format!("{key} has a ${{ without a }}: add it")));
        };
        let value = variable(name);
        let value = value.ok_or_else(|| {
            Error::Config(format!("{key} takes the variable {name} of the environment, which is not set; set it"))
        })?;
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    *text = filled;
    Ok(())
}

/// Refuses what cannot work.
pub(super) fn check(config: &Config) -> Result<()> {
    let refuse = |problem: String| Err(Error::Config(problem));
    if config.store.contains("://")
        && !config.store.starts_with("postgres://")
        && !config.store.starts_with("postgresql://")
    {
        let scheme = config.store.split("://").next().unwrap_or_default();
        return refuse(format!("store begins with {scheme}://; name a file, or a postgres:// URL"));
    }
    if config.chain.endpoints.is_empty() {
        return refuse("chain.endpoints is empty; add { url = \"http://127.0.0.1:8545\" }".to_owned());
    }
    for (i, endpoint) in config.chain.endpoints.iter().enumerate() {
        check_url(&format!("chain.endpoints[{i}].url"), &endpoint.url)?;
        if let Some(limit) = &endpoint.limit {
            limit.parse::<Limit>().map_err(|error| Error::Config(format!("chain.endpoints[{i}].limit: {error}")))?;
        }
    }
    let poll = config.chain.poll_ms;
    if poll == 0 || poll > MAX_POLL_MS {
        return refuse(format!("chain.poll_ms is {poll}; it is 1 to {MAX_POLL_MS} milliseconds"));
    }
    let epochs = config.epochs;
    if epochs.size == 0 || epochs.blocks(0).is_none() {
        let (size, genesis) = (epochs.size, epochs.genesis);
        return refuse(format!(
            "epochs.size is {size} from block {genesis} on; an epoch has at least 1 block, and heights 63 bits"
        ));
    }
    if epochs.offset > MAX_BLOCK || config.chain.finality_blocks.is_some_and(|blocks| blocks > MAX_BLOCK) {
        return refuse("epochs.offset and chain.finality_blocks are numbers of blocks, which have 63 bits".to_owned());
    }
    if let Some(consensus) = &config.consensus {
        check_url("consensus.url", &consensus.url)?;
    }
    if config.sources.is_empty() {
        return refuse("there is no source; add a [[source]]".to_owned());
    }
    let mut names = HashSet::new();
    for source in &config.sources {
        check_source(source)?;
        if !names.insert(&source.name) {
            return refuse(format!("two sources have the name {}; rename one", source.name));
        }
    }
    Ok(())
}

fn check_url(key: &str, url: &str) -> Result<()> {
    let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // The URL may have a password, and is not repeated.
    parsed.map(drop).ok_or_else(|| {
        Error::Config(format!("{key} is no http:// or https:// URL; write it as in \"http://127.0.0.1:8545\""))
    })
}

fn check_source(source: &SourceConfig) -> Result<()> {
    let name = &source.name;
    let is_name = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    let is_whole =
        name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.ends_with('-') && !name.contains("--");
    if !is_whole || name.len() > N_NAME || !name.chars().all(is_name) {
        return Err(Error::Config(format!(
            "the source's name {name:?} is not 1 to {N_NAME} small letters, digits and single hyphens that begin with a \
             letter; rename it"
        )));
    }
    // SQLite and PostgreSQL have tables of their own that begin so.
    if let Some(kept) = ["sqlite", "pg"].into_iter().find(|kept| name.split('-').next() == Some(*kept)) {
        return Err(Error::Config(format!(
            "the source's name {name} begins with {kept}, which databases keep; rename it"
        )));
    }
    if source.start_block > MAX_BLOCK {
        return Err(Error::Config(format!(
            "start_block of source {name} is {}, and heights have 63 bits",
            source.start_block
        )));
    }
    let refuse = |problem: &str| Err(Error::Config(format!("source {name}: {problem}")));
    match &source.kind {
        KindConfig::Erc1620(config) => {
            check_unlike(name, "contracts", &config.contracts)?;
            check_unlike(name, "tokens", &config.tokens)
        }
        KindConfig::UniswapV2(config) if config.stables.is_empty() || config.whitelist.is_empty() => {
            refuse("stables and whitelist have at least one token each; add it")
        }
        KindConfig::UniswapV2(config) => {
            check_unlike(name, "pairs", &config.pairs)?;
            check_unlike(name, "stables", &config.stables)?;
            check_unlike(name, "whitelist", &config.whitelist)
        }
        KindConfig::Events(config) => match (&config.factory, config.contracts.is_empty()) {
            (None, true) => refuse("contracts is empty; add one, or a factory"),
            (Some(_), false) => refuse("there are contracts and a factory; leave one of them out, or make two sources"),
            _ => check_unlike(name, "contracts", &config.contracts),
        },
    }
}

fn check_unlike(source: &str, key: &str, addresses: &[Address]) -> Result<()> {
    let mut seen = HashSet::new();
    let twice = addresses.iter().find(|address| !seen.insert(**address));
    twice
        .map_or(Ok(()), |address| Err(Error::Config(format!("source {source}: {key} has {address} twice; remove one"))))
}
