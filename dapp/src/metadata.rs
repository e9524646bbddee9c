//! Inputs as the rollup's HTTP API gives them, in either of its generations.

use alloy_primitives::{Address, Bytes};
use serde::Deserialize;
use serde::de::Error;

/// Which generation of Cartesi's contracts and interfaces an input came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Rollups 1: vouchers without value, the application learns its address by a relay.
    V1,
    /// Rollups 2.
    V2,
}

/// What the rollup says of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// How the input came.
    pub generation: Generation,
    /// The application's own contract; in generation 2 only.
    pub app_contract: Option<Address>,
    /// Who added the input: a portal, or a user.
    pub msg_sender: Address,
    /// The time of the block, in seconds since 1970.
    pub time: u64,
    /// The input's place in the order of all inputs, from 0 on.
    pub input_index: u64,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Advance {
    /// What the rollup says of it.
    pub metadata: Metadata,
    /// What its sender says.
    pub payload: Bytes,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Inspect {
    /// The path that is asked for.
    pub payload: Bytes,
}

/// The keys that are read; others, such as `chain_id`, `block_number` and `prev_randao`, do not matter here.
#[derive(Deserialize)]
struct Keys {
    app_contract: Option<Address>,
    msg_sender: Address,
    block_timestamp: Option<u64>,
    timestamp: Option<u64>,
    input_index: u64,
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Keys { app_contract, msg_sender, block_timestamp, timestamp, input_index } =
            Keys::deserialize(deserializer)?;
        let (generation, time) = match (block_timestamp, timestamp) {
            (Some(time), _) => (Generation::V2, time),
            (None, Some(time)) => (Generation::V1, time),
            (None, None) => return Err(D::Error::missing_field("block_timestamp")),
        };
        Ok(Self { generation, app_contract, msg_sender, time, input_index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    #[track_caller]
    fn check(json: &str, expected: Metadata) {
        assert_eq!(serde_json::from_str::<Metadata>(json).unwrap(), expected);
    }

    #[test]
    fn both_generations_are_recognised() {
        let msg_sender = address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        let app = address!("54451c358b135f7ab3f02d3a9b4306fddd175fb1");
        check(
            r#"{"chain_id":31337,"app_contract":"0x54451c358b135f7ab3f02d3a9b4306fddd175fb1",
                "msg_sender":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","block_number":15,
                "block_timestamp":1795197155,"prev_randao":"0x00","input_index":3}"#,
            Metadata {
                generation: Generation::V2,
                app_contract: Some(app),
                msg_sender,
                time: 1_795_197_155,
                input_index: 3,
            },
        );
        check(
            r#"{"msg_sender":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","epoch_index":0,"input_index":4,
                "block_number":15,"timestamp":1700000000}"#,
            Metadata {
                generation: Generation::V1,
                app_contract: None,
                msg_sender,
                time: 1_700_000_000,
                input_index: 4,
            },
        );
    }

    #[test]
    fn metadata_without_a_time_is_an_error() {
        let json = r#"{"msg_sender":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","input_index":4}"#;
        let error = serde_json::from_str::<Metadata>(json).unwrap_err().to_string();
        assert!(error.starts_with("missing field `block_timestamp`"), "{error}");
    }
}
