//! What is behind a content address: its bytes, or the same as DAG-JSON. Both are what the address says for ever, so that
//! caches may keep them once no reorg can take them out of the index.

use std::collections::BTreeMap;

use axum::{
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse, Response},
};
use cid::{Cid, multibase::Base};
use ipld_core::ipld::Ipld;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    Reading,
    answer::mark,
    failure::{Code, Failure},
};
use crate::{Error, content, epoch::EpochState, read};

/// The type of DAG-JSON.
pub(super) const DAG_JSON: &str = "application/vnd.ipld.dag-json";

/// The type of bytes as they are addressed.
const RAW: &str = "application/vnd.ipld.raw";

/// Bytes of what is shown as DAG-JSON. In memory it is a hundred times as many, if it is made for that.
const MAX_SHOWN: usize = 4 << 20;

pub(super) fn content(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let asked = reading.asked;
    // One address has many spellings; the store has the canonical one.
    let cid = asked.cid("cid")?.as_ref().map(Cid::to_string).unwrap_or_default();
    let is_raw = asked.one_of("format")?.map_or_else(|| accepts_raw(&asked.headers), |format| format == "raw");
    let found = read::content(reading.database, &cid)?;
    let found = found.ok_or_else(|| {
        let text = "is neither a snapshot nor a block of a chain of snapshots here; a reorg may have taken it back";
        Failure::not_found(format!("{cid} {text}"))
    })?;
    if content::cid(content::DAG_CBOR, &found.bytes).to_string() != cid {
        return Err(Error::Damaged(format!("the content of {cid} is not that of its address")).into());
    }
    let etag = if is_raw { format!("\"{cid}\"") } else { format!("\"{cid}.json\"") };
    let cache = match found.state {
        EpochState::Final => "public, max-age=31536000, immutable",
        EpochState::Planned | EpochState::Tentative => "no-cache",
    };
    let is_known = asked.headers.get_all(IF_NONE_MATCH).iter().any(|tags| {
        tags.to_str().is_ok_and(|tags| tags.split(',').any(|tag| matches!(tag.trim(), "*") || weak(tag) == etag))
    });
    if !is_raw && found.bytes.len() > MAX_SHOWN {
        let text = format!("{cid} has {} bytes, more than the {MAX_SHOWN} of a text", found.bytes.len());
        return Err(Failure::new(Code::BadParameter, format!("{text}; pass format=raw")));
    }
    let headers = [(ETAG, etag.as_str()), (CACHE_CONTROL, cache), (VARY, "accept")];
    let mut response = if is_known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else if is_raw {
        (headers, [(CONTENT_TYPE, RAW)], found.bytes).into_response()
    } else {
        (headers, [(CONTENT_TYPE, DAG_JSON)], dag_json(&cid, &found.bytes)?).into_response()
    };
    mark(&mut response, found.block, found.state);
    Ok(response)
}

fn accepts_raw(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|types| types.to_str().is_ok_and(|types| types.contains(RAW)))
}

fn weak(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn dag_json(cid: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let damaged = |reason: String| Error::Damaged(format!("the content of {cid} cannot be shown: {reason}"));
    let content: Ipld = serde_ipld_dagcbor::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    serde_json::to_vec(&DagJson(&content)).map_err(|error| damaged(error.to_string()))
}

/// As DAG-JSON has it: a link is `{"/": cid}`, bytes are `{"/": {"bytes": base64}}`, keys are in order of bytes.
struct DagJson<'a>(&'a Ipld);

impl Serialize for DagJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Ipld::Null => serializer.serialize_unit(),
            Ipld::Bool(value) => serializer.serialize_bool(*value),
            Ipld::Integer(value) => serializer.serialize_i128(*value),
            Ipld::Float(value) => serializer.serialize_f64(*value),
            Ipld::String(text) => serializer.serialize_str(text),
            Ipld::Bytes(bytes) => slash(serializer, &BTreeMap::from([("bytes", Base::Base64.encode(bytes))])),
            Ipld::List(items) => serializer.collect_seq(items.iter().map(DagJson)),
            Ipld::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, DagJson(value)))),
            Ipld::Link(cid) => slash(serializer, &cid.to_string()),
        }
    }
}

fn slash<S: Serializer, T: Serialize>(serializer: S, value: &T) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry("/", value)?;
    map.end()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::content::{DAG_CBOR, cid, encode};

    #[test]
    fn shows_each_kind_of_value() {
        let link = cid(DAG_CBOR, b"");
        let content = Ipld::Map(BTreeMap::from([
            ("b".to_owned(), Ipld::Bytes(vec![0, 255, 254])),
            ("a".to_owned(), Ipld::List(vec![Ipld::Null, Ipld::Bool(true), Ipld::Link(link)])),
            ("i".to_owned(), Ipld::Integer(i128::from(u64::MAX))),
            ("n".to_owned(), Ipld::Integer(-i128::from(u64::MAX) - 1)),
            ("t".to_owned(), Ipld::String("\"\n".to_owned())),
        ]));
        let shown = String::from_utf8(dag_json("cid", &encode(&content)).unwrap()).unwrap();
        let expected = format!(
            r#"{{"a":[null,true,{{"/":"{link}"}}],"b":{{"/":{{"bytes":"AP/+"}}}},"i":18446744073709551615,"n":-18446744073709551616,"t":"\"\n"}}"#
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_no_dag_cbor_is_not_shown() {
        let error = dag_json("bafy", b"\xff").unwrap_err().to_string();
        assert!(error.contains("the content of bafy cannot be shown"), "{error}");
    }
}
