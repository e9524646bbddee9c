//! A fork's file: JSON with sorted keys, so that equal states give equal files.

use std::{collections::BTreeMap, fs, path::Path};

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use super::{ForkBlock, ForkError, Seen, SeenAccount};

/// What this code writes and reads.
const FORMAT: u32 = 1;

/// No file is larger: 256 MiB are two million slots.
const MAX_FILE: u64 = 256 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    format: u32,
    chain_id: u64,
    block: u64,
    timestamp: u64,
    base_fee: u64,
    accounts: BTreeMap<Address, Account>,
    storage: BTreeMap<Address, BTreeMap<U256, U256>>,
    hashes: BTreeMap<u64, B256>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    balance: U256,
    nonce: u64,
    code: Bytes,
}

/// What the file keeps, if it is of `block`.
pub(super) fn read_same(path: &Path, block: ForkBlock) -> Result<Seen, ForkError> {
    let (kept, seen) = read(path)?;
    if (kept.chain_id, kept.number, kept.timestamp) != (block.chain_id, block.number, block.timestamp) {
        let why = format!(
            "keeps block {} of {} of chain {}, and block {} of {} of chain {} is asked for; name another file",
            kept.number, kept.timestamp, kept.chain_id, block.number, block.timestamp, block.chain_id
        );
        return Err(fault(path, why));
    }
    Ok(seen)
}

/// The file's block, and what it keeps of it.
pub(super) fn read(path: &Path) -> Result<(ForkBlock, Seen), ForkError> {
    let size = fs::metadata(path).map_err(|error| fault(path, error))?.len();
    if size > MAX_FILE {
        return Err(fault(path, format!("{size} bytes are more than the {MAX_FILE} of a fork's file")));
    }
    let text = fs::read_to_string(path).map_err(|error| fault(path, error))?;
    let page: Page = serde_json::from_str(&text)
        .map_err(|error| fault(path, format!("{error}; delete it and run with --fork-url to make it again")))?;
    if page.format != FORMAT {
        return Err(fault(path, format!("format {} is not {FORMAT}; fork again into another file", page.format)));
    }
    let block =
        ForkBlock { chain_id: page.chain_id, number: page.block, timestamp: page.timestamp, base_fee: page.base_fee };
    let accounts = page
        .accounts
        .into_iter()
        .map(|(address, Account { balance, nonce, code })| (address, SeenAccount::new(balance, nonce, code)))
        .collect();
    let slots = page
        .storage
        .into_iter()
        .flat_map(|(address, slots)| slots.into_iter().map(move |(slot, value)| ((address, slot), value)))
        .collect();
    Ok((block, Seen { accounts, slots, hashes: page.hashes, is_saved: true }))
}

/// Writes beside the file, then moves over it.
pub(super) fn write(path: &Path, block: ForkBlock, seen: &Seen) -> Result<(), ForkError> {
    let mut storage: BTreeMap<Address, BTreeMap<U256, U256>> = BTreeMap::new();
    for ((address, slot), value) in &seen.slots {
        storage.entry(*address).or_default().insert(*slot, *value);
    }
    let account = |account: &SeenAccount| Account {
        balance: account.balance,
        nonce: account.nonce,
        code: account.code.original_bytes(),
    };
    let page = Page {
        format: FORMAT,
        chain_id: block.chain_id,
        block: block.number,
        timestamp: block.timestamp,
        base_fee: block.base_fee,
        accounts: seen.accounts.iter().map(|(address, kept)| (*address, account(kept))).collect(),
        storage,
        hashes: seen.hashes.clone(),
    };
    let text = serde_json::to_string(&page).expect("keys are text or numbers");
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    fs::write(&beside, text).map_err(|error| fault(Path::new(&beside), error))?;
    fs::rename(&beside, path).map_err(|error| fault(path, error))
}

fn fault(path: &Path, why: impl ToString) -> ForkError {
    ForkError::File { path: path.display().to_string(), why: why.to_string() }
}
