//! Configurations of the nodes that are measured.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use alloy::primitives::Address;
use index::epoch::Epochs;

use crate::fixture::root;
use crate::market::Market;
use crate::postgres;

pub(crate) const EPOCHS: Epochs = Epochs { genesis: 0, size: 10, offset: 2 };

/// More blocks than any chain here has: no epoch has its snapshots.
const FAR: u64 = 1 << 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Events,
    Uniswap,
}

/// A node with a store that nobody has had before.
pub(crate) struct Settings {
    path: PathBuf,
    pub(crate) store: String,
    kind: Kind,
    /// Whether epochs get their snapshots.
    pub(crate) has_epochs: bool,
}

impl Settings {
    pub(crate) fn new(folder: &Path, market: &Market, store: Store, kind: Kind, has_epochs: bool) -> Self {
        static N_STORES: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", market.pairs.len(), N_STORES.fetch_add(1, Ordering::Relaxed));
        let store = match store {
            Store::Sqlite => folder.join(&name).with_extension("db").to_str().unwrap().to_owned(),
            Store::Postgres => postgres::url().expect("there was a server before"),
        };
        Self { path: folder.join(name).with_extension("toml"), store, kind, has_epochs }
    }

    /// Writes the file, and says where it is.
    pub(crate) fn write(&self, market: &Market) -> PathBuf {
        let Epochs { genesis, size, offset } = EPOCHS;
        let offset = if self.has_epochs { offset } else { FAR };
        let (store, url) = (&self.store, market.fixture.url());
        let source = match self.kind {
            Kind::Events => {
                let abi = root().join("lib/node_modules/@uniswap/v2-core/build/UniswapV2Pair.json");
                format!(
                    "kind = 'events'\nabi = '{}'\nevents = ['Burn', 'Mint', 'Swap', 'Sync', 'Transfer']\ncontracts = {}",
                    abi.canonicalize().unwrap().display(),
                    list(&market.pairs)
                )
            }
            Kind::Uniswap => {
                let tokens =
                    |symbols: &[&str]| list(&symbols.iter().map(|of| market.fixture.token(of)).collect::<Vec<_>>());
                format!(
                    "kind = 'uniswap-v2'\nfactory = '{}'\nweth = '{}'\nstables = {}\nwhitelist = {}",
                    market.fixture.factory,
                    market.fixture.weth,
                    tokens(&["DAI", "USDC", "USDT"]),
                    tokens(&["WETH", "DAI", "USDC", "USDT"])
                )
            }
        };
        let text = format!(
            "store = '{store}'\nchain = {{ id = 31337, endpoints = [{{ url = '{url}' }}] }}\n\
             epochs = {{ genesis = {genesis}, size = {size}, offset = {offset} }}\n\
             [[source]]\nname = 'uniswap'\n{source}\n"
        );
        std::fs::write(&self.path, text).unwrap();
        self.path.clone()
    }
}

fn list(addresses: &[Address]) -> String {
    let quoted: Vec<String> = addresses.iter().map(|address| format!("'{address}'")).collect();
    format!("[{}]", quoted.join(", "))
}
