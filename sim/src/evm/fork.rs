//! The start state from a live chain: accounts, code and slots are fetched over JSON-RPC when they are first read, kept
//! in one file, and read from it alone afterwards. It knows no network: what asks is given to it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo};
use serde_json::{Value, json};

pub use http::http;

mod file;
mod http;

/// Sends a JSON-RPC call, by method and parameters, and gives its `result`; an error says what went wrong, and where.
pub type Ask = Box<dyn Fn(&str, Value) -> Result<Value, String> + Send + Sync>;

/// Why there is no start state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// The chain's node does not answer, or not with what was asked for.
    #[error("{method} {parameters}: {why}")]
    Node {
        /// What was asked.
        method: String,
        /// Of what.
        parameters: String,
        /// What came instead.
        why: String,
    },
    /// Offline, and not in the file.
    #[error("{what} is not in {path}; run once with --fork-url, so that it is fetched and kept")]
    Missing {
        /// Which account, slot or block.
        what: String,
        /// The file.
        path: String,
    },
    /// The file cannot be read or written, or holds something else.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

impl DBErrorMarker for ForkError {}

/// The block that the simulation starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkBlock {
    /// The chain's id.
    pub chain_id: u64,
    /// Its height.
    pub number: u64,
    /// Its time, in Unix seconds.
    pub timestamp: u64,
    /// What gas costs at least, in wei.
    pub base_fee: u64,
}

/// A chain at a block, as far as it has been read. Shared between runs and threads.
pub struct Fork {
    block: ForkBlock,
    path: PathBuf,
    ask: Option<Ask>,
    seen: Mutex<Seen>,
}

/// What has been read.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    accounts: BTreeMap<Address, SeenAccount>,
    slots: BTreeMap<(Address, U256), U256>,
    hashes: BTreeMap<u64, B256>,
    is_saved: bool,
}

/// An account as it was read.
#[derive(Clone, Debug, PartialEq)]
struct SeenAccount {
    balance: U256,
    nonce: u64,
    code: Bytecode,
    code_hash: B256,
}

impl SeenAccount {
    fn new(balance: U256, nonce: u64, code: Bytes) -> Self {
        let code = Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code));
        Self { balance, nonce, code_hash: code.hash_slow(), code }
    }
}

impl Fork {
    /// The chain that `ask` reaches, at block `number` or the latest, with what `path` keeps of that block.
    ///
    /// # Errors
    /// If the node does not answer, or the file holds another chain or block.
    pub fn online(ask: Ask, number: Option<u64>, path: &Path) -> Result<Self, ForkError> {
        let block = read_block(&ask, number)?;
        let seen = if path.exists() { file::read_same(path, block)? } else { Seen::default() };
        Ok(Self { block, path: path.to_owned(), ask: Some(ask), seen: Mutex::new(seen) })
    }

    /// What the file keeps, and nothing else.
    ///
    /// # Errors
    /// If the file cannot be read or is not one that [`Fork::save`] writes.
    pub fn offline(path: &Path) -> Result<Self, ForkError> {
        let (block, seen) = file::read(path)?;
        Ok(Self { block, path: path.to_owned(), ask: None, seen: Mutex::new(seen) })
    }

    /// The block that the state is of.
    #[must_use]
    pub const fn block(&self) -> ForkBlock {
        self.block
    }

    /// Writes what was read to the file, if there is more than it holds. A reader sees the old file or the whole of the
    /// next one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self) -> Result<(), ForkError> {
        let mut seen = self.seen();
        if !seen.is_saved {
            file::write(&self.path, self.block, &seen)?;
            seen.is_saved = true;
        }
        Ok(())
    }

    /// The account, if there is anything at the address.
    pub(crate) fn account(&self, address: Address) -> Result<Option<AccountInfo>, ForkError> {
        let mut seen = self.seen();
        let Seen { accounts, is_saved, .. } = &mut *seen;
        let account = match accounts.entry(address) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => {
                let account = self.fetch_account(address)?;
                *is_saved = false;
                place.insert(account)
            }
        };
        let SeenAccount { balance, nonce, code, code_hash } = account.clone();
        let account = AccountInfo { balance, nonce, code_hash, code: Some(code), ..AccountInfo::default() };
        Ok((!account.is_empty()).then_some(account))
    }

    /// The slot's value.
    pub(crate) fn slot(&self, address: Address, slot: U256) -> Result<U256, ForkError> {
        let mut seen = self.seen();
        if let Some(value) = seen.slots.get(&(address, slot)) {
            return Ok(*value);
        }
        let what = || format!("slot {slot:#x} of account {address}");
        let value = self.ask("eth_getStorageAt", json!([address, format!("{slot:#x}"), self.tag()]), what)?;
        seen.slots.insert((address, slot), value);
        seen.is_saved = false;
        Ok(value)
    }

    /// The hash of a block up to the fork's.
    pub(crate) fn block_hash(&self, number: u64) -> Result<B256, ForkError> {
        let mut seen = self.seen();
        if let Some(hash) = seen.hashes.get(&number) {
            return Ok(*hash);
        }
        let header: Value = self.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), false]), || {
            format!("the hash of block {number}")
        })?;
        let hash = field("eth_getBlockByNumber", &header, "hash")?;
        seen.hashes.insert(number, hash);
        seen.is_saved = false;
        Ok(hash)
    }

    fn fetch_account(&self, address: Address) -> Result<SeenAccount, ForkError> {
        let what = || format!("account {address}");
        let of = || json!([address, self.tag()]);
        let balance: U256 = self.ask("eth_getBalance", of(), what)?;
        let nonce: U256 = self.ask("eth_getTransactionCount", of(), what)?;
        let code: Bytes = self.ask("eth_getCode", of(), what)?;
        let nonce = u64::try_from(nonce)
            .map_err(|_| unexpected("eth_getTransactionCount", &of(), format!("{nonce} is no nonce")))?;
        Ok(SeenAccount::new(balance, nonce, code))
    }

    fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        parameters: Value,
        what: impl Fn() -> String,
    ) -> Result<T, ForkError> {
        match &self.ask {
            Some(ask) => call(ask, method, parameters),
            None => Err(ForkError::Missing { what: what(), path: self.path.display().to_string() }),
        }
    }

    fn tag(&self) -> String {
        format!("{:#x}", self.block.number)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // What is inside is whole between any two statements: a panic elsewhere does not spoil it.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fork").field("block", &self.block).field("path", &self.path).finish_non_exhaustive()
    }
}

fn read_block(ask: &Ask, number: Option<u64>) -> Result<ForkBlock, ForkError> {
    let chain_id: U256 = call(ask, "eth_chainId", json!([]))?;
    let tag = number.map_or_else(|| "latest".to_owned(), |number| format!("{number:#x}"));
    let method = "eth_getBlockByNumber";
    let header: Value = call(ask, method, json!([tag, false]))?;
    if header.is_null() {
        return Err(unexpected(method, &json!([tag]), "the chain has no such block".to_owned()));
    }
    let narrow = |name: &str, value: U256| {
        u64::try_from(value).map_err(|_| unexpected(method, &json!([tag]), format!("{name} is {value}")))
    };
    Ok(ForkBlock {
        chain_id: narrow("the chain's id", chain_id)?,
        number: narrow("number", field(method, &header, "number")?)?,
        timestamp: narrow("timestamp", field(method, &header, "timestamp")?)?,
        // Chains before London have none.
        base_fee: match header.get("baseFeePerGas") {
            None | Some(Value::Null) => 0,
            Some(_) => narrow("baseFeePerGas", field(method, &header, "baseFeePerGas")?)?,
        },
    })
}

fn call<T: serde::de::DeserializeOwned>(ask: &Ask, method: &str, parameters: Value) -> Result<T, ForkError> {
    let answer = ask(method, parameters.clone()).map_err(|why| unexpected(method, &parameters, why))?;
    serde_json::from_value(answer).map_err(|error| unexpected(method, &parameters, error.to_string()))
}

fn field<T: serde::de::DeserializeOwned>(method: &str, header: &Value, name: &str) -> Result<T, ForkError> {
    serde_json::from_value(header.get(name).cloned().unwrap_or_default())
        .map_err(|error| unexpected(method, &json!(name), error.to_string()))
}

fn unexpected(method: &str, parameters: &Value, why: String) -> ForkError {
    ForkError::Node { method: method.to_owned(), parameters: parameters.to_string(), why }
}
