//! vectors.json, which generate.mjs makes.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vectors {
    pub(crate) files: Vec<File>,
    pub(crate) values: Vec<Known>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) n_epochs: u64,
    pub(crate) heads: Vec<Head>,
    pub(crate) car: Car,
}

#[derive(Deserialize)]
pub(crate) struct File {
    pub(crate) text: String,
    pub(crate) repeat: usize,
    pub(crate) cid: String,
}

#[derive(Deserialize)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) hex: String,
    pub(crate) cid: String,
}

#[derive(Deserialize)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) hex: String,
}

#[derive(Deserialize)]
pub(crate) struct Head {
    pub(crate) project: String,
    pub(crate) height: u64,
    pub(crate) cid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Car {
    pub(crate) n_epochs: u64,
    pub(crate) hex: String,
}

pub(crate) fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    alloy::hex::decode(hex).unwrap()
}
