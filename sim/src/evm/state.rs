//! The chain's state in layers: what a run wrote, over what all runs share, over what a fork fetches. Reads never write,
//! so that a run costs what it changes.

use std::sync::Arc;

use alloy_primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, U256Map},
};
use revm::{
    Database,
    bytecode::Bytecode,
    state::{Account, AccountInfo, EvmState},
};

use crate::evm::fork::{Fork, ForkError};

/// Accounts as one layer has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    accounts: AddressMap<Held>,
}

/// An account in a layer.
#[derive(Clone, Debug, Default)]
struct Held {
    known: AccountInfo,
    slots: U256Map<U256>,
    /// Whether slots that are not here are zero, whatever lies below: the account was created or destroyed in this layer.
    is_whole: bool,
}

/// The state that one chain sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    top: Layer,
    shared: Arc<Layer>,
    fork: Option<Arc<Fork>>,
}

impl State {
    pub(crate) fn over(shared: Arc<Layer>, fork: Option<Arc<Fork>>) -> Self {
        Self { top: Layer::default(), shared, fork }
    }

    pub(crate) const fn fork(&self) -> Option<&Arc<Fork>> {
        self.fork.as_ref()
    }

    /// Puts what was written under what will be, and shares it.
    pub(crate) fn share(&mut self) -> Arc<Layer> {
        if !self.top.accounts.is_empty() {
            let mut merged = std::mem::take(&mut self.shared);
            let layer = Arc::make_mut(&mut merged);
            for (address, held) in std::mem::take(&mut self.top.accounts) {
                layer.put(address, held);
            }
            self.shared = merged;
        }
        Arc::clone(&self.shared)
    }

    /// The account, if there is anything at the address.
    pub(crate) fn account(&self, address: Address) -> Result<Option<AccountInfo>, ForkError> {
        let held = self.top.accounts.get(&address).or_else(|| self.shared.accounts.get(&address));
        match (held, &self.fork) {
            (Some(held), _) => Ok((!held.known.is_empty()).then(|| held.known.clone())),
            (None, Some(fork)) => fork.account(address),
            (None, None) => Ok(None),
        }
    }

    /// The slot's value.
    pub(crate) fn slot(&self, address: Address, slot: U256) -> Result<U256, ForkError> {
        for layer in [&self.top, &*self.shared] {
            if let Some(held) = layer.accounts.get(&address) {
                if let Some(value) = held.slots.get(&slot) {
                    return Ok(*value);
                }
                if held.is_whole {
                    return Ok(U256::ZERO);
                }
            }
        }
        self.fork.as_ref().map_or(Ok(U256::ZERO), |fork| fork.slot(address, slot))
    }

    /// Writes the account itself and leaves its storage.
    pub(crate) fn set_account(&mut self, address: Address, known: AccountInfo) {
        self.top.accounts.entry(address).or_default().known = known;
    }

    /// Writes one slot.
    pub(crate) fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), ForkError> {
        let known = self.account(address)?.unwrap_or_default();
        let held = self.top.accounts.entry(address).or_insert_with(|| Held { known, ..Held::default() });
        held.slots.insert(slot, value);
        Ok(())
    }

    /// Writes what a transaction changed, and empties `changes` but keeps their memory.
    pub(crate) fn commit(&mut self, changes: &mut EvmState) {
        for (address, account) in changes.drain() {
            if account.is_touched() {
                self.commit_account(address, account);
            }
        }
    }

    fn commit_account(&mut self, address: Address, account: Account) {
        let is_destroyed = account.is_selfdestructed();
        let is_created = account.is_created();
        let Account { info, storage, .. } = account;
        let held = self.top.accounts.entry(address).or_default();
        if is_destroyed {
            *held = Held { is_whole: true, ..Held::default() };
            return;
        }
        if is_created {
            held.slots.clear();
            held.is_whole = true;
        }
        held.known = info;
        for (slot, value) in storage {
            if is_created || value.is_changed() {
                held.slots.insert(slot, value.present_value);
            }
        }
    }
}

impl Layer {
    /// Lays an account over what is held of it.
    fn put(&mut self, address: Address, over: Held) {
        let under = self.accounts.entry(address).or_default();
        if over.is_whole {
            *under = over;
        } else {
            under.known = over.known;
            under.slots.extend(over.slots);
        }
    }
}

impl Database for State {
    type Error = ForkError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ForkError> {
        self.account(address)
    }

    fn code_by_hash(&mut self, _: B256) -> Result<Bytecode, ForkError> {
        // Accounts come with their code, so that nothing is left to be asked for.
        Ok(Bytecode::default())
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, ForkError> {
        self.slot(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, ForkError> {
        match &self.fork {
            Some(fork) if number <= fork.block().number => fork.block_hash(number),
            // Blocks of a simulation have no header; their hash need only be theirs.
            _ => Ok(keccak256(number.to_be_bytes())),
        }
    }
}
