//! The names of a source's tables, and the tables beyond those of its events.

use crate::rows::{Column, Table, Type};

/// Of one source.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    /// Events.
    pub(crate) created: String,
    pub(crate) sync: String,
    pub(crate) swap: String,
    pub(crate) mint: String,
    pub(crate) burn: String,
    /// Pairs that are followed, with what they held when they came in: nothing if they were made then.
    pub(crate) pair: String,
    /// Their tokens, each with the block of the first pair.
    pub(crate) token: String,
}

impl Tables {
    pub(crate) fn of(source: &str) -> Self {
        let prefix = source.replace('-', "_");
        let name = |table: &str| format!("{prefix}_{table}");
        Self {
            created: name("pair_created"),
            sync: name("sync"),
            swap: name("swap"),
            mint: name("mint"),
            burn: name("burn"),
            pair: name("pair"),
            token: name("token"),
        }
    }

    /// The table of pairs.
    pub(crate) fn pair_table(&self) -> Table {
        let columns = [
            ("block", Type::Integer),
            ("address", Type::Blob),
            ("token0", Type::Blob),
            ("token1", Type::Blob),
            ("reserve0", Type::Blob),
            ("reserve1", Type::Blob),
        ];
        Table {
            name: self.pair.clone(),
            columns: columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).into(),
            n_key: 2,
            indexes: ["address", "token0", "token1"].map(|column| vec![column.to_owned()]).into(),
        }
    }
}
