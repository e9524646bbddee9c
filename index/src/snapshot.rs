//! What a source says of an epoch.

use std::borrow::Cow;

use alloy::primitives::{Address, B256, U256};
use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;

/// What is snapshotted: one chain of snapshots each. A text such as `uniswap/0x…/pair_total_reserves`, which begins with
/// the name of the source.
pub type Project = String;

/// A snapshot of a project at an epoch, content-addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Of what.
    pub project: Project,
    /// Canonical DAG-CBOR.
    pub bytes: Vec<u8>,
    /// CIDv1 of `bytes`: dag-cbor, sha2-256.
    pub cid: Cid,
    /// What happened in this epoch and can be added up, by name. The names are the same in all snapshots of a project. What
    /// has no place in 256 bits is cut off at the top; totals over epochs go on modulo 2^256.
    pub sums: Vec<(Cow<'static, str>, U256)>,
}

/// What every payload begins with: of what it is, and of which blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochHead {
    /// Version of the payload's form.
    pub v: u64,
    /// The kind of the source.
    pub kind: String,
    /// The source.
    pub source: String,
    /// Which epoch.
    pub epoch: EpochRange,
    /// The hash of the block before the epoch's first.
    pub begin_parent_hash: Word,
    /// The hash of the epoch's last block.
    pub end_hash: Word,
    /// Unix seconds of the epoch's last block.
    pub end_timestamp: u64,
}

/// The number of an epoch, its first and its last block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRange {
    /// Counted from the genesis.
    pub id: u64,
    /// The first block.
    pub begin: u64,
    /// The last block.
    pub end: u64,
}

/// 32 bytes: in DAG-CBOR a byte string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(pub [u8; 32]);

/// An address: in DAG-CBOR a byte string of 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account(pub Address);

impl EpochHead {
    /// The head of a payload of `kind` about `epoch`.
    #[must_use]
    pub fn new(kind: &str, source: &str, epoch: &Epoch) -> Self {
        Self {
            v: 1,
            kind: kind.to_owned(),
            source: source.to_owned(),
            epoch: EpochRange { id: epoch.id, begin: epoch.blocks.first, end: epoch.blocks.last },
            begin_parent_hash: epoch.begin_parent_hash.into(),
            end_hash: epoch.end_hash.into(),
            end_timestamp: epoch.end_timestamp,
        }
    }
}

impl From<B256> for Word {
    fn from(hash: B256) -> Self {
        Self(hash.0)
    }
}

impl From<U256> for Word {
    /// The highest byte first.
    fn from(number: U256) -> Self {
        Self(number.to_be_bytes())
    }
}

impl Serialize for Word {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Word;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("32 bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Word, E> {
                bytes.try_into().map(Word).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

impl Serialize for Account {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_slice())
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Account;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("20 bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Account, E> {
                Address::try_from(bytes).map(Account).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
