//! Content addresses: canonical DAG-CBOR, and CIDv1 by sha2-256. A value has one form, and bytes in any other are refused.

use std::fmt;

use cid::{Cid, multihash::Multihash};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use sha2::{Digest, Sha256};

/// Multicodec of DAG-CBOR.
pub const DAG_CBOR: u64 = 0x71;

/// Multicodec of bytes without structure.
pub const RAW: u64 = 0x55;

/// The most bytes that IPFS tools put into one block; of more they make a tree, whose root has another address.
pub const MAX_RAW: usize = 256 << 10;

/// Multihash code of sha2-256.
const SHA2_256: u64 = 0x12;

/// Why bytes or their address are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// Not DAG-CBOR, or not of the expected fields.
    #[error("the {n_bytes} bytes do not have the expected form: {reason}")]
    Form {
        /// How many there are.
        n_bytes: usize,
        /// What is wrong.
        reason: String,
    },
    /// The value has another, canonical form.
    #[error("the {0} bytes are not the canonical form of what they say")]
    NotCanonical(usize),
    /// Too long for an address that other tools reproduce.
    #[error("{0} bytes exceed the {MAX_RAW} of one raw block; use the DAG-CBOR form")]
    TooLong(usize),
    /// A text that is no CID of ours.
    #[error("`{0}` is no CID: expected version 1, dag-cbor or raw, sha2-256, in base32")]
    Address(String),
    /// The bytes have another address.
    #[error("the bytes have the address {found}, not {expected}")]
    Mismatch {
        /// What they were said to have.
        expected: String,
        /// What they have.
        found: String,
    },
}

/// CIDv1 by sha2-256.
#[must_use]
pub fn cid(codec: u64, bytes: &[u8]) -> Cid {
    let digest = Multihash::wrap(SHA2_256, &Sha256::digest(bytes)).expect("32 bytes fit a multihash of 64");
    Cid::new_v1(codec, digest)
}

/// The address that `ipfs add --cid-version=1` gives a file of these bytes.
///
/// # Errors
/// Beyond [`MAX_RAW`] bytes.
pub fn raw(bytes: &[u8]) -> Result<Cid, ContentError> {
    if bytes.len() > MAX_RAW {
        return Err(ContentError::TooLong(bytes.len()));
    }
    Ok(cid(RAW, bytes))
}

/// Canonical DAG-CBOR: sorted maps, shortest integers.
///
/// # Panics
/// If `value` holds what DAG-CBOR has no form for, which none of our types does.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_ipld_dagcbor::to_vec(value).expect("our types have a form in DAG-CBOR")
}

/// The value that `bytes` are the canonical DAG-CBOR of.
///
/// # Errors
/// If they are of another form, or if the value's own form is another: an unknown field, a longer integer, a null where
/// an absent field is meant.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, ContentError> {
    let value = serde_ipld_dagcbor::from_slice(bytes)
        .map_err(|error| ContentError::Form { n_bytes: bytes.len(), reason: error.to_string() })?;
    // The decoder passes over the inside of fields that the type does not have, so only the way back tells.
    match serde_ipld_dagcbor::to_vec(&value) {
        Ok(form) if form == bytes => Ok(value),
        _ => Err(ContentError::NotCanonical(bytes.len())),
    }
}

/// Checks that `bytes` are canonical DAG-CBOR of any value, and gives the links in it, in order. The value itself is not
/// built: in memory it can be a hundred times as long as its bytes.
///
/// # Errors
/// If they are of another form.
pub fn links(bytes: &[u8]) -> Result<Vec<Cid>, ContentError> {
    let mut links = Vec::new();
    let mut deserializer = serde_ipld_dagcbor::de::Deserializer::from_slice(bytes);
    Look(&mut links)
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| ContentError::Form { n_bytes: bytes.len(), reason: error.to_string() })?;
    Ok(links)
}

/// The CID that `text` is the one form of.
///
/// # Errors
/// If it is none, or none that this program makes.
pub fn parse(text: &str) -> Result<Cid, ContentError> {
    let cid = Cid::try_from(text).ok().filter(|cid| is_ours(cid) && cid.to_string() == text);
    cid.ok_or_else(|| ContentError::Address(text.chars().take(100).collect()))
}

/// Checks that `bytes` have the address `expected`.
///
/// # Errors
/// If they have another, or if this program makes no such addresses.
pub fn check(expected: &Cid, bytes: &[u8]) -> Result<(), ContentError> {
    if !is_ours(expected) {
        return Err(ContentError::Address(expected.to_string()));
    }
    let found = cid(expected.codec(), bytes);
    if found != *expected {
        return Err(ContentError::Mismatch { expected: expected.to_string(), found: found.to_string() });
    }
    Ok(())
}

/// Whether this program makes such addresses.
fn is_ours(cid: &Cid) -> bool {
    let hash = cid.hash();
    cid.version() == cid::Version::V1
        && [DAG_CBOR, RAW].contains(&cid.codec())
        && (hash.code(), hash.size()) == (SHA2_256, 32)
}

/// Passes over a value, and keeps its links. The decoder itself refuses what is not canonical, but for bytes behind a
/// link.
struct Look<'a>(&'a mut Vec<Cid>);

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i128<E>(self, _: i128) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Look(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_key::<IgnoredAny>()?.is_some() {
            entries.next_value_seed(Look(&mut *self.0))?;
        }
        Ok(())
    }

    /// A link, which is the only thing that the decoder gives in this way.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        let link = Cid::try_from(bytes).ok().filter(|link| link.to_bytes() == bytes);
        self.0.push(link.ok_or_else(|| de::Error::custom("a link that is no CID"))?);
        Ok(())
    }
}
