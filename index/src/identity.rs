//! Of what a store is: chain, genesis, size of epochs, sources. Rows of another index mixed in could not be told apart.

use std::collections::BTreeSet;

use alloy::primitives::B256;

use crate::{Error, Result, database::Database, rows::Value};

/// The name of the row that holds the hash of the block before the first that is stored, or of block 0.
const ANCHOR: &str = "anchor";

/// What the name of a row that describes a source begins with; the source's name follows.
const SOURCE: &str = "source ";

/// The sources that the node of a store has. CAR files can bring projects of others into it.
#[derive(Debug)]
pub(crate) struct Sources(BTreeSet<String>);

impl Sources {
    /// Those of the store. If it names none, as an archive does, all that is in it is taken to be of its own.
    pub(crate) fn of(database: &mut dyn Database) -> Result<Self> {
        let rows = database.ask("SELECT name FROM identity ORDER BY name", &[])?;
        let names = rows.iter().map(|row| Ok(row.text(0)?.strip_prefix(SOURCE).map(ToOwned::to_owned)));
        Ok(Self(names.filter_map(Result::transpose).collect::<Result<_>>()?))
    }

    /// Whether the node makes the snapshots of this project.
    pub(crate) fn have(&self, project: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|source| is_of(project, source))
    }
}

/// Whether the project is one of the source.
pub(crate) fn is_of(project: &str, source: &str) -> bool {
    project.strip_prefix(source).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Checks that the store is of `wanted`, which are names and what they stand for; if it is empty, it is from here on.
///
/// # Errors
/// If it is of something else; the text has both values.
pub(crate) fn claim(database: &mut dyn Database, wanted: &[(String, String)]) -> Result<()> {
    if is_claimed(database, wanted)? {
        return Ok(());
    }
    for (name, content) in wanted {
        insert(database, name, content)?;
    }
    Ok(())
}

/// Whether the store is of `wanted` already, and not empty.
///
/// # Errors
/// If it is of something else.
pub(crate) fn is_claimed(database: &mut dyn Database, wanted: &[(String, String)]) -> Result<bool> {
    let rows =
        database.ask("SELECT name, content FROM identity WHERE name <> ?1 ORDER BY name", &[Value::Text(ANCHOR)])?;
    let stored: Vec<(&str, &str)> = rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<_>>()?;
    if stored.is_empty() {
        return Ok(false);
    }
    let find = |name: &str| stored.iter().find(|(stored, _)| *stored == name).map(|(_, content)| *content);
    for (name, content) in wanted {
        match find(name) {
            Some(stored) if stored == content => {}
            stored => return Err(refusal(name, stored, Some(content))),
        }
    }
    match stored.iter().find(|(name, _)| wanted.iter().all(|(wanted, _)| wanted != name)) {
        Some((name, content)) => Err(refusal(name, Some(content), None)),
        None => Ok(true),
    }
}

/// What a source of this name is called here.
pub(crate) fn source(name: &str) -> String {
    format!("{SOURCE}{name}")
}

/// Whether the store has a source of this name, and so its tables.
///
/// # Errors
/// Those of the database.
pub(crate) fn has_source(database: &mut dyn Database, name: &str) -> Result<bool> {
    Ok(!database.ask("SELECT name FROM identity WHERE name = ?1", &[Value::Text(&source(name))])?.is_empty())
}

fn refusal(name: &str, stored: Option<&str>, wanted: Option<&str>) -> Error {
    let (stored, wanted) = (stored.unwrap_or("nothing"), wanted.unwrap_or("nothing"));
    Error::Config(format!(
        "the store was made with {name} = {stored}, but the configuration says {wanted}; restore the configuration, or \
         name another store"
    ))
}

/// Checks that the chain is the one that the store is of, by the hash of block `number`; notes it if `is_final` and
/// there is none yet.
///
/// # Errors
/// If it is another chain.
pub(crate) fn anchor(database: &mut dyn Database, number: u64, hash: B256, is_final: bool) -> Result<()> {
    let rows = database.ask("SELECT content FROM identity WHERE name = ?1", &[Value::Text(ANCHOR)])?;
    match rows.first() {
        Some(row) if row.text(0)? == hash.to_string() => Ok(()),
        Some(row) => Err(Error::Config(format!(
            "the store is of a chain whose block {number} is {}, but the endpoints' block {number} is {hash}; check \
             chain.endpoints, or name another store",
            row.text(0)?
        ))),
        None if is_final => insert(database, ANCHOR, &hash.to_string()),
        None => Ok(()),
    }
}

fn insert(database: &mut dyn Database, name: &str, content: &str) -> Result<()> {
    database.run("INSERT INTO identity (name, content) VALUES (?1, ?2)", &[Value::Text(name), Value::Text(content)])?;
    Ok(())
}
