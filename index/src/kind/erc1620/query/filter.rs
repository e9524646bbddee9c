//! Which streams are asked for, as statements.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Page};
use crate::{
    kind::erc1620::{
        tables::CURRENT,
        version::{COLUMNS, StreamKey},
    },
    rows::Value,
};

/// Which streams; all that are not `None` have to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFilter {
    /// Of this contract.
    pub contract: Option<Address>,
    /// Sent by this account.
    pub sender: Option<Address>,
    /// Received by this account.
    pub recipient: Option<Address>,
    /// Sent or received by this account.
    pub party: Option<Address>,
    /// In this token.
    pub token: Option<Address>,
    /// In this state.
    pub state: Wanted,
}

/// Which states are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Before the start.
    Pending,
    /// Between start and stop.
    Streaming,
    /// After the stop, and not ended.
    Stopped,
    /// Redeemed or settled.
    Ended,
    /// All but ended.
    Open,
    /// All.
    #[default]
    All,
}

impl StreamFilter {
    /// The statement that gives the streams' versions as of `at`, and what it binds. If `is_current`, nothing has happened
    /// since. Each select walks along an index in the order that is asked for.
    pub(super) fn sql(&self, prefix: &str, at: At, is_current: bool, page: Page<StreamKey>) -> (String, Vec<Bound>) {
        let mut bounds = Bounds::default();
        let mut conditions = Vec::new();
        let columns = [
            ("contract", self.contract),
            ("sender", self.sender),
            ("recipient", self.recipient),
            ("token", self.token),
        ];
        for (column, address) in columns {
            conditions.extend(address.map(|address| format!("{column} = {}", bounds.address(address))));
        }
        let is_wide = conditions.is_empty();
        let block = bounds.bind(Bound::count(at.block));
        if is_current {
            conditions.push(format!("until_block = {}", bounds.bind(Bound::Integer(CURRENT))));
        } else {
            conditions.push(format!("block <= {block} AND until_block > {block}"));
        }
        conditions.extend(self.state.condition(prefix, &block, &mut bounds, at));
        conditions.extend(page.after.map(|after| self.after(after, &mut bounds)));
        // Nobody is both parties, and no stream is in both states, so that none is there twice.
        let alternatives = match self.party.map(|party| bounds.address(party)) {
            Some(party) => vec![format!(" AND sender = {party}"), format!(" AND recipient = {party}")],
            None if is_wide && self.state == Wanted::All => {
                [" AND state = 0", " AND state = 1"].map(str::to_owned).to_vec()
            }
            None => vec![String::new()],
        };
        let conditions = conditions.join(" AND ");
        let select = |alternative| format!("SELECT {COLUMNS} FROM {prefix}_version v WHERE {conditions}{alternative}");
        let selects: Vec<String> = alternatives.into_iter().map(select).collect();
        let limit = bounds.bind(Bound::count(page.limit()));
        (format!("{} ORDER BY contract, id LIMIT {limit}", selects.join(" UNION ALL ")), bounds.0)
    }

    /// What holds after the last row of a page.
    fn after(&self, after: StreamKey, bounds: &mut Bounds) -> String {
        let id = bounds.bind(Bound::Blob(after.id.to_be_bytes::<32>().to_vec()));
        if self.contract == Some(after.contract) {
            return format!("id > {id}");
        }
        format!("(contract, id) > ({}, {id})", bounds.address(after.contract))
    }
}

impl Wanted {
    /// What holds for versions in such a state; `block` stands for the height.
    fn condition(self, prefix: &str, block: &str, bounds: &mut Bounds, at: At) -> Option<String> {
        let mut time = || {
            let timestamp = bounds.bind(Bound::count(at.timestamp));
            format!(
                "(SELECT CASE c.clock WHEN 0 THEN {block} ELSE {timestamp} END FROM {prefix}_contract c \
                 WHERE c.contract = v.contract)"
            )
        };
        match self {
            Self::Pending => Some(format!("state = 0 AND start > {}", time())),
            Self::Streaming => {
                let time = time();
                Some(format!("state = 0 AND start <= {time} AND stop > {time}"))
            }
            Self::Stopped => Some(format!("state = 0 AND stop <= {}", time())),
            Self::Ended => Some("state = 1".to_owned()),
            Self::Open => Some("state = 0".to_owned()),
            Self::All => None,
        }
    }
}

/// A value that a statement owns.
pub(super) enum Bound {
    Integer(i64),
    Blob(Vec<u8>),
}

impl Bound {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Integer(value) => Value::Integer(*value),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }

    pub(super) fn count(count: u64) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// What a statement binds, by number.
#[derive(Default)]
pub(super) struct Bounds(pub(super) Vec<Bound>);

impl Bounds {
    /// Binds a value, and gives what stands for it.
    pub(super) fn bind(&mut self, value: Bound) -> String {
        self.0.push(value);
        format!("?{}", self.0.len())
    }

    pub(super) fn address(&mut self, address: Address) -> String {
        self.bind(Bound::Blob(address.to_vec()))
    }
}
