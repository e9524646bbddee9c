//! The configuration: one TOML file, checked whole before anything begins.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, B256, U256};
use serde::Deserialize;

use crate::{
    Error, Result,
    consensus::DeskConfig,
    database::taken_names,
    epoch::Epochs,
    kind::{
        Kind,
        erc1620::Erc1620,
        events::Events,
        uniswap_v2::{UniswapV2, payload::MAX_BLOCKS},
    },
};

mod check;

/// A configuration for streams, to begin with.
pub const STREAMS: &str = include_str!("config/streams.toml");

/// A configuration for pairs of Uniswap V2 on Ethereum, to begin with.
pub const UNISWAP: &str = include_str!("config/uniswap.toml");

/// All of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A file, or a `postgres://` URL.
    pub store: String,
    /// Whom to ask.
    pub chain: ChainConfig,
    /// How blocks are cut.
    pub epochs: Epochs,
    /// What to index.
    #[serde(rename = "source")]
    pub sources: Vec<SourceConfig>,
    /// Where others read it.
    pub api: Option<ApiConfig>,
    /// With whom to agree.
    pub consensus: Option<ConsensusConfig>,
    /// The desk where snapshotters vote, for whoever runs it.
    pub desk: Option<DeskConfig>,
}

/// The chain, and how to ask about it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// The chain's id; an endpoint of another is refused.
    pub id: u64,
    /// In order of preference.
    pub endpoints: Vec<EndpointConfig>,
    /// Blocks behind the head that are final, on a chain that does not tell.
    pub finality_blocks: Option<u64>,
    /// Milliseconds between two looks at the head.
    #[serde(default = "default_poll")]
    pub poll_ms: u64,
}

/// One endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Its URL.
    pub url: String,
    /// What it allows, such as `10000000/day;2000/minute;100/second`; everything if there is none.
    pub limit: Option<String>,
}

/// A source: what contracts of one kind say.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct SourceConfig {
    /// Its name, which its tables and projects begin with: small letters, digits and hyphens.
    pub name: String,
    /// The first block to look at.
    pub start_block: u64,
    /// What it is.
    pub kind: KindConfig,
}

/// The bundled kinds.
#[derive(Clone, Debug)]
pub enum KindConfig {
    /// Streams.
    Erc1620(Erc1620Config),
    /// Pairs of Uniswap V2.
    UniswapV2(UniswapV2Config),
    /// Any events.
    Events(EventsConfig),
}

/// Streams by ERC-1620, and deposits through StreamPortal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erc1620Config {
    /// The contracts; those that `streamctl deploy` makes, if there are none here.
    #[serde(default)]
    pub contracts: Vec<Address>,
    /// StreamPortal, if deposits into rollups are wanted.
    pub portal: Option<Address>,
    /// The tokens whose streams and deposits have snapshots, with zero for Ether; all if there are none here. Anybody can
    /// stream a token that is worth nothing, and each would be a project for ever. Events and streams are kept of all.
    #[serde(default)]
    pub tokens: Vec<Address>,
}

/// Pairs of Uniswap V2, or of a contract that is like it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniswapV2Config {
    /// Where pairs come from.
    pub factory: Address,
    /// Which pairs; all of the factory's if there are none here.
    #[serde(default)]
    pub pairs: Vec<Address>,
    /// The hash of the creation code of the factory's pairs; that of Uniswap's own if not given.
    pub init_code_hash: Option<B256>,
    /// Wrapped Ether.
    pub weth: Address,
    /// Coins of one dollar, whose pairs with wrapped Ether give its price.
    pub stables: Vec<Address>,
    /// Tokens that others are priced by, in order.
    pub whitelist: Vec<Address>,
    /// What a pair must hold of a whitelisted token to price the other, in wei of wrapped Ether; 1 Ether if not given.
    pub threshold: Option<U256>,
}

/// Any events of any contracts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// The contracts.
    #[serde(default)]
    pub contracts: Vec<Address>,
    /// Or the contract that makes them.
    pub factory: Option<FactoryConfig>,
    /// A JSON file with the ABI: a list, or an artifact that has one at `abi`. Relative to the configuration.
    pub abi: PathBuf,
    /// The events that are wanted, by name, or by signature where a name has several; all if there are none here.
    #[serde(default)]
    pub events: Vec<String>,
    /// What is read of each contract at the end of each epoch: view functions of the ABI, by name, with constant arguments
    /// where they take some, as in `balanceOf(0x…)`. Old epochs need endpoints that keep old states.
    #[serde(default)]
    pub reads: Vec<String>,
}

/// A contract that makes contracts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactoryConfig {
    /// Which.
    pub address: Address,
    /// The event that says so, as in `event PairCreated(address indexed token0, address indexed token1, address pair, uint256)`.
    pub event: String,
    /// The argument that is the new contract.
    pub argument: String,
}

/// The HTTP API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Address and port, as in `127.0.0.1:8620`.
    pub listen: std::net::SocketAddr,
}

/// Snapshotters that agree on snapshots.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusConfig {
    /// The URL of the service.
    pub url: String,
    /// A keystore file of this snapshotter's key.
    pub keystore: PathBuf,
}

impl Config {
    /// Reads the file at `path`. Paths in it are relative to its folder; `${NAME}` in URLs, the store and the keystore
    /// stands for a variable of the environment.
    ///
    /// # Errors
    /// If it cannot be read, or is not right: the text names the file, the key, the value and the remedy.
    pub fn read(path: &Path) -> Result<Self> {
        let named = |problem: String| Error::Config(format!("{}: {problem}", path.display()));
        let text = std::fs::read_to_string(path)
            .map_err(|error| named(format!("{error}; name another file, or write one by `streamctl index init`")))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder, &|name| std::env::var(name).ok()).map_err(|error| named(error.to_string()))
    }

    /// Reads `text`, with paths relative to `folder`, and variables as `variable` has them.
    ///
    /// # Errors
    /// As [`read`](Self::read), without the file.
    pub fn parse(text: &str, folder: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| Error::Config(error.to_string().trim().to_owned()))?;
        check::expand(&mut config, folder, variable)?;
        check::check(&config)?;
        Ok(config)
    }

    /// The sources, ready to be run.
    ///
    /// # Errors
    /// If an ABI is not right, or two sources have tables of the same name.
    pub fn kinds(&self) -> Result<Vec<Box<dyn Kind>>> {
        let kinds = self.sources.iter().map(|source| -> Result<Box<dyn Kind>> {
            let SourceConfig { name, start_block, kind } = source;
            match kind {
                KindConfig::Events(events) => {
                    Ok(Box::new(Events::new(name, *start_block, events)?.with_ends_of(self.epochs)))
                }
                KindConfig::Erc1620(streams) => Ok(Box::new(Erc1620::new(name, *start_block, streams)?)),
                KindConfig::UniswapV2(_) if self.epochs.size > MAX_BLOCKS => Err(Error::Config(format!(
                    "epochs.size is {}, and source {name} takes epochs of at most {MAX_BLOCKS} blocks, whose snapshots IPFS \
                     tools take; make it smaller",
                    self.epochs.size
                ))),
                KindConfig::UniswapV2(pairs) => Ok(Box::new(UniswapV2::new(name, *start_block, pairs.clone())?)),
            }
        });
        let kinds = kinds.collect::<Result<Vec<_>>>()?;
        let mut owners: HashMap<String, &str> = HashMap::new();
        let taken: HashSet<&str> = taken_names().collect();
        for (source, kind) in self.sources.iter().zip(&kinds) {
            let events = kind.watch().events.iter().map(|watched| watched.table.table.name.clone());
            for table in events.chain(kind.tables().into_iter().map(|table| table.name)) {
                let problem = if taken.contains(table.as_str()) {
                    "the index itself has one of that name".to_owned()
                } else if let Some(owner) = owners.insert(table.clone(), &source.name) {
                    format!("source {owner} has one of that name")
                } else {
                    continue;
                };
                let name = &source.name;
                return Err(Error::Config(format!(
                    "source {name} would have the table {table}, and {problem}; rename the source"
                )));
            }
        }
        Ok(kinds)
    }
}

impl TryFrom<toml::Table> for SourceConfig {
    type Error = String;

    /// Kind by kind, so that a key of another kind is an error.
    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        let name = match table.remove("name") {
            Some(toml::Value::String(name)) => name,
            Some(other) => return Err(format!("source.name is {other}, and must be a text")),
            None => return Err("a source has no name; add one, as in name = \"streams\"".to_owned()),
        };
        let start_block = match table.remove("start_block") {
            Some(value) => value.try_into().map_err(|error| format!("start_block of source {name}: {error}"))?,
            None => 0,
        };
        let kind = table.remove("kind");
        let kind = kind.as_ref().and_then(toml::Value::as_str).unwrap_or_default();
        let rest = toml::Value::Table(table);
        let kind = match kind {
            "erc1620" => rest.try_into().map(KindConfig::Erc1620),
            "uniswap-v2" => rest.try_into().map(KindConfig::UniswapV2),
            "events" => rest.try_into().map(KindConfig::Events),
            other => {
                return Err(format!(
                    "the kind of source {name} is {other:?}; it is one of erc1620, uniswap-v2 and events"
                ));
            }
        };
        let kind = kind.map_err(|error| format!("source {name}: {}", error.to_string().trim()))?;
        Ok(Self { name, start_block, kind })
    }
}

const fn default_poll() -> u64 {
    1_000
}

#[cfg(test)]
mod tests;
