//! Names for addresses: agents and contracts are called by name in netlists, and errors name them.

use std::collections::BTreeMap;

use alloy_primitives::{Address, keccak256, map::AddressMap};

use crate::words::edits;

/// The address of the account `name`: the last 20 bytes of the name's Keccak-256, the same in every run.
#[must_use]
pub fn address_of(name: &str) -> Address {
    Address::from_word(keccak256(name))
}

/// Who is where.
#[derive(Clone, Debug, Default)]
pub struct Names {
    addresses: BTreeMap<String, Address>,
    names: AddressMap<String>,
}

impl Names {
    /// Calls `address` by `name`, in place of whatever had the name.
    pub fn insert(&mut self, name: &str, address: Address) {
        self.addresses.insert(name.to_owned(), address);
        self.names.insert(address, name.to_owned());
    }

    /// The address of that name.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<Address> {
        self.addresses.get(name).copied()
    }

    /// The name of the address, or its digits.
    #[must_use]
    pub fn show(&self, address: Address) -> String {
        self.names.get(&address).cloned().unwrap_or_else(|| address.to_string())
    }

    /// All names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Address)> {
        self.addresses.iter().map(|(name, address)| (name.as_str(), *address))
    }
}

/// The one of `known` that `wanted` was probably meant to be, to follow an error; empty if there is none.
pub(crate) fn hint<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let bound = wanted.chars().count().div_ceil(3).min(4);
    let near = known.into_iter().filter_map(|name| Some((distance(wanted, name, bound)?, name))).min();
    near.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

/// The edits between the beginnings of two names; nothing if more than `bound`.
fn distance(a: &str, b: &str, bound: usize) -> Option<usize> {
    let beginning = |name: &str| name.chars().take(64).collect::<String>();
    Some(edits(&beginning(a), &beginning(b))).filter(|distance| *distance <= bound)
}
