//! Logs: which are asked for, and those that come.

use std::{borrow::Cow, fmt};

use alloy::{
    hex,
    primitives::{Address, B256},
};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::header::Quantity;
use crate::{abi::RawLog, block::Blocks};

/// Endpoints take so many addresses in a call; above that, events alone are asked for.
const MAX_CONTRACTS: usize = 100;
/// Topics that a log can have.
const MAX_TOPICS: usize = 4;

/// Which logs are asked for: those of any of the contracts, with any of the events, with any of the first arguments. An
/// empty list stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    contracts: Vec<Address>,
    events: Vec<B256>,
    topic1: Vec<B256>,
}

impl Filter {
    /// Above a hundred contracts those of others come as well, and are the caller's to drop.
    #[must_use]
    pub fn new(mut contracts: Vec<Address>, mut events: Vec<B256>, mut topic1: Vec<B256>) -> Self {
        contracts.sort_unstable();
        contracts.dedup();
        for topics in [&mut events, &mut topic1] {
            topics.sort_unstable();
            topics.dedup();
        }
        if contracts.len() > MAX_CONTRACTS {
            contracts.clear();
        }
        Self { contracts, events, topic1 }
    }

    /// Whose logs; all if there are none here.
    pub(crate) fn contracts(&self) -> &[Address] {
        &self.contracts
    }

    /// Which events; all if there are none here.
    pub(crate) fn events(&self) -> &[B256] {
        &self.events
    }

    /// The parameter of `eth_getLogs` for these blocks.
    pub(crate) fn of_blocks(&self, blocks: Blocks) -> Value {
        let mut filter = self.parameter();
        filter["fromBlock"] = json!(format!("{:#x}", blocks.first));
        filter["toBlock"] = json!(format!("{:#x}", blocks.last));
        filter
    }

    /// The parameter of `eth_getLogs` for the block of this hash.
    pub(crate) fn of_block(&self, hash: B256) -> Value {
        let mut filter = self.parameter();
        filter["blockHash"] = json!(hash);
        filter
    }

    fn parameter(&self) -> Value {
        let mut filter = json!({});
        if !self.contracts.is_empty() {
            filter["address"] = json!(self.contracts);
        }
        let any = |topics: &[B256]| if topics.is_empty() { Value::Null } else { json!(topics) };
        match (self.events.is_empty(), self.topic1.is_empty()) {
            (true, true) => {}
            (false, true) => filter["topics"] = json!([any(&self.events)]),
            (_, false) => filter["topics"] = json!([any(&self.events), any(&self.topic1)]),
        }
        filter
    }

    /// Whether it asks for this log.
    pub(crate) fn wants(&self, log: &RawLog<'_>) -> bool {
        let has = |topics: &[B256], place: usize| {
            topics.is_empty() || log.topics.get(place).is_some_and(|topic| topics.contains(topic))
        };
        (self.contracts.is_empty() || self.contracts.contains(&log.contract))
            && has(&self.events, 0)
            && has(&self.topic1, 1)
    }
}

/// Logs, in the order of the answer, in two allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    logs: Vec<Log>,
    bytes: Vec<u8>,
}

/// A log without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Log {
    block: u64,
    block_hash: B256,
    idx: u64,
    tx: B256,
    contract: Address,
    topics: [B256; MAX_TOPICS],
    n_topics: usize,
    /// Where its data begins, and ends.
    data: (usize, usize),
    removed: bool,
}

/// What checks look at beside the log itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) block_hash: B256,
    /// A reorg took it.
    pub(crate) removed: bool,
}

impl Logs {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.logs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RawLog<'_>> {
        self.logs.iter().map(|log| RawLog {
            block: log.block,
            idx: log.idx,
            tx: log.tx,
            contract: log.contract,
            topics: &log.topics[..log.n_topics],
            data: &self.bytes[log.data.0..log.data.1],
        })
    }

    /// Where each of them comes from.
    pub(crate) fn origins(&self) -> impl ExactSizeIterator<Item = Origin> {
        self.logs.iter().map(|log| Origin { block_hash: log.block_hash, removed: log.removed })
    }

    /// Adds those of another.
    pub(crate) fn append(&mut self, mut other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let start = self.bytes.len();
        other.logs.iter_mut().for_each(|log| log.data = (log.data.0 + start, log.data.1 + start));
        self.logs.append(&mut other.logs);
        self.bytes.append(&mut other.bytes);
    }

    fn push<E: de::Error>(&mut self, wire: Wire<'_>) -> Result<(), E> {
        let start = self.bytes.len();
        let digits = wire.data.strip_prefix("0x").ok_or_else(|| E::custom("the data of a log have no 0x"))?;
        self.bytes.resize(start + digits.len() / 2, 0);
        hex::decode_to_slice(digits, &mut self.bytes[start..])
            .map_err(|error| E::custom(format_args!("the data of a log are no bytes: {error}")))?;
        self.logs.push(Log {
            block: wire.block_number.0,
            block_hash: wire.block_hash,
            idx: wire.log_index.0,
            tx: wire.transaction_hash,
            contract: wire.address,
            topics: wire.topics.words,
            n_topics: wire.topics.n_words,
            data: (start, self.bytes.len()),
            removed: wire.removed,
        });
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    address: Address,
    topics: Topics,
    #[serde(borrow)]
    data: Cow<'a, str>,
    block_number: Quantity,
    block_hash: B256,
    transaction_hash: B256,
    log_index: Quantity,
    #[serde(default)]
    removed: bool,
}

struct Topics {
    words: [B256; MAX_TOPICS],
    n_words: usize,
}

impl<'de> Deserialize<'de> for Topics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> de::Visitor<'de> for Words {
            type Value = Topics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "up to {MAX_TOPICS} topics")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Topics, A::Error> {
                let mut topics = Topics { words: [B256::ZERO; MAX_TOPICS], n_words: 0 };
                while let Some(word) = sequence.next_element()? {
                    let place = topics.words.get_mut(topics.n_words);
                    *place.ok_or_else(|| de::Error::invalid_length(MAX_TOPICS + 1, &self))? = word;
                    topics.n_words += 1;
                }
                Ok(topics)
            }
        }
        deserializer.deserialize_seq(Words)
    }
}

impl<'de> Deserialize<'de> for Logs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> de::Visitor<'de> for List {
            type Value = Logs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of logs")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Logs, A::Error> {
                let mut logs = Logs::default();
                while let Some(wire) = sequence.next_element::<Wire<'de>>()? {
                    logs.push(wire)?;
                }
                Ok(logs)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{address, b256};

    use super::*;

    const HASH: B256 = b256!("0x1111111111111111111111111111111111111111111111111111111111111111");

    fn wire(change: impl FnOnce(&mut Value)) -> Value {
        let mut log = json!({
            "address": "0x00000000000000000000000000000000000000aa", "topics": [HASH, B256::ZERO], "data": "0x0102ff",
            "blockNumber": "0x10", "blockHash": HASH, "transactionHash": HASH, "transactionIndex": "0x0",
            "logIndex": "0x2", "removed": false, "blockTimestamp": "0x1",
        });
        change(&mut log);
        log
    }

    #[test]
    fn logs_are_read_and_joined() {
        let text = json!([wire(|_| ()), wire(|log| log["data"] = json!("0x"))]).to_string();
        let mut logs: Logs = serde_json::from_str(&text).unwrap();
        logs.append(serde_json::from_str(&text).unwrap());
        let read: Vec<_> = logs.iter().map(|log| (log.block, log.idx, log.topics.len(), log.data.to_vec())).collect();
        let (full, empty) = ((16, 2, 2, vec![1, 2, 255]), (16, 2, 2, vec![]));
        assert_eq!(read, [full.clone(), empty.clone(), full, empty]);
        assert_eq!(logs.iter().next().unwrap().contract, address!("0x00000000000000000000000000000000000000aa"));
        assert!(logs.origins().all(|origin| origin.block_hash == HASH && !origin.removed));
    }

    #[track_caller]
    fn check_bad(change: impl FnOnce(&mut Value), expected: &str) {
        let error = serde_json::from_str::<Logs>(&json!([wire(change)]).to_string()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_log_that_is_none_is_refused() {
        check_bad(|log| log["data"] = json!("0x123"), "no bytes");
        check_bad(|log| log["data"] = json!("0xzz"), "no bytes");
        check_bad(|log| log["data"] = json!("12"), "no 0x");
        check_bad(|log| log["topics"] = json!([HASH, HASH, HASH, HASH, HASH]), "up to 4 topics");
        check_bad(|log| log["blockNumber"] = Value::Null, "null");
        check_bad(|log| log["logIndex"] = json!("0xffffffffffffffff"), "63 bits");
        check_bad(|log| drop(log.as_object_mut().unwrap().remove("blockHash")), "missing field");
    }

    #[test]
    fn the_filter_is_what_the_log_is_compared_with() {
        let (contract, event) = (Address::repeat_byte(1), B256::repeat_byte(2));
        let topics = [event, B256::repeat_byte(3)];
        let log = RawLog { block: 0, idx: 0, tx: HASH, contract, topics: &topics, data: &[] };
        for (contracts, events, topic1, expected) in [
            (vec![], vec![], vec![], true),
            (vec![contract], vec![event], vec![topics[1]], true),
            (vec![Address::ZERO], vec![event], vec![], false),
            (vec![contract], vec![HASH], vec![], false),
            (vec![contract], vec![event], vec![HASH], false),
        ] {
            assert_eq!(Filter::new(contracts, events, topic1).wants(&log), expected);
        }
        let bare = RawLog { topics: &[], ..log };
        assert!(!Filter::new(vec![], vec![event], vec![]).wants(&bare));
    }

    #[test]
    fn the_filter_is_written_as_endpoints_want_it() {
        let (contract, event) = (Address::repeat_byte(1), B256::repeat_byte(2));
        let blocks = Blocks { first: 1, last: 255 };
        let filter = Filter::new(vec![contract, contract], vec![event], vec![]);
        let expected = json!({ "fromBlock": "0x1", "toBlock": "0xff", "address": [contract], "topics": [[event]] });
        assert_eq!(filter.of_blocks(blocks), expected);
        let filter = Filter::new(vec![], vec![], vec![event]);
        assert_eq!(filter.of_block(HASH), json!({ "blockHash": HASH, "topics": [null, [event]] }));
        let many = (0..101u8).map(Address::repeat_byte).collect();
        assert_eq!(Filter::new(many, vec![], vec![]).of_block(HASH), json!({ "blockHash": HASH }));
    }
}
