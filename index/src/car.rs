//! CAR files of version 1: chains of snapshots and the snapshots themselves, to carry from one store to another.

mod import;

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, Read, Write},
};

use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    content::{self, ContentError},
    dag::{self, DagBlock, stored_cid},
    database::{Database, DatabaseError, reading},
    rows::Value,
    snapshot::Project,
};

pub use import::{Imported, import};

/// Bytes of a block. What happens in an epoch has no bound that a node could set, and a file without it would not be
/// whole, so that this is far above the 2 MiB of `ipfs dag import`, which takes larger blocks if it is told to.
pub const MAX_BLOCK: usize = 64 << 20;

/// Bytes of a header: some 25,000 roots.
const MAX_HEADER: usize = 1 << 20;

/// Bytes of a CID of ours: version, codec, hash and length, one each, and the hash.
const CID_BYTES: usize = 36;

/// Rows that are read at once.
const PAGE: u64 = 128;

/// Why a CAR file cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarError {
    /// The store.
    #[error(transparent)]
    Store(#[from] Error),
    /// The file.
    #[error("the CAR file: {0}")]
    File(#[from] io::Error),
    /// There is nothing to write.
    #[error("{0} has no chain of snapshots; `streamctl index projects` lists the projects")]
    Nothing(String),
    /// The bytes at this place are no part of a CAR file that this program reads.
    #[error("the CAR file, at byte {at}: {reason}")]
    Form {
        /// Where.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// A block contradicts its address, its place or another block.
    #[error("block {cid} of the CAR file: {reason}")]
    Block {
        /// Which.
        cid: String,
        /// What is wrong.
        reason: String,
    },
    /// A block is neither in the file nor in the store.
    #[error("block {cid} is missing, to which {from} has a link; export it too")]
    Missing {
        /// Which.
        cid: String,
        /// Who refers to it.
        from: String,
    },
    /// The store says something else.
    #[error("{what} is {stored} in the store and {found} in the CAR file; one of them is not of this chain")]
    Conflict {
        /// Of what.
        what: String,
        /// What the store has.
        stored: String,
        /// What the file has.
        found: String,
    },
}

impl From<DatabaseError> for CarError {
    fn from(error: DatabaseError) -> Self {
        Self::Store(error.into())
    }
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The newest block of each project.
    pub roots: Vec<Cid>,
    /// Blocks of chains.
    pub n_blocks: u64,
    /// Snapshots.
    pub n_snapshots: u64,
    /// Bytes of the file.
    pub n_bytes: u64,
}

/// The first section.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    roots: Vec<Cid>,
    version: u64,
}

/// Writes the chain of `project`, or of all, with its snapshots, to `out`. Blocks come from the lowest height up, a
/// snapshot after the blocks of its epoch, its pages after it. No more than an epoch's addresses are held in memory.
///
/// # Errors
/// If there is no such chain, if `out` cannot be written, if the store lacks what a block refers to, or if something is
/// larger than [`MAX_BLOCK`].
pub fn export(database: &mut dyn Database, project: Option<&str>, out: &mut dyn Write) -> Result<Exported, CarError> {
    reading(database, |database| write(database, project, out))
}

fn write(database: &mut dyn Database, project: Option<&str>, out: &mut dyn Write) -> Result<Exported, CarError> {
    let projects = project.map_or_else(|| dag::projects(database), |project| Ok(vec![project.to_owned()]))?;
    let mut newest = BTreeMap::new();
    for project in projects {
        if let Some(block) = dag::newest(database, &project)? {
            newest.insert(project, block);
        }
    }
    let Some(top) = newest.values().map(|(height, _)| *height).max() else {
        return Err(CarError::Nothing(project.unwrap_or("the store").to_owned()));
    };
    let mut writer = Writer { out, project, newest, exported: Exported::default() };
    writer.header()?;
    let mut next = 0;
    while next <= top {
        // An archive may have gaps of any size.
        let rows = database.ask("SELECT min(height) FROM dag WHERE height >= ?1", &[Value::count(next)])?;
        let height = rows.first().map_or(Ok(top), |row| row.count(0))?;
        writer.height(database, height)?;
        next = height + 1;
    }
    writer.out.flush()?;
    Ok(writer.exported)
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    project: Option<&'a str>,
    newest: BTreeMap<Project, (u64, Cid)>,
    exported: Exported,
}

impl Writer<'_> {
    fn header(&mut self) -> Result<(), CarError> {
        let roots: Vec<_> = self.newest.values().map(|(_, cid)| *cid).collect();
        let header = content::encode(&Header { roots: roots.clone(), version: 1 });
        if header.len() > MAX_HEADER {
            let reason = format!("{} roots are too many for one file; export projects one by one", roots.len());
            return Err(CarError::Form { at: 0, reason });
        }
        self.exported.roots = roots;
        self.section(&[&header])
    }

    /// Blocks of the chains first, then what they refer to.
    fn height(&mut self, database: &mut dyn Database, height: u64) -> Result<(), CarError> {
        let mut payloads: Vec<(Project, Cid)> = Vec::new();
        // Payloads say of which epoch they are, so none of another epoch is the same.
        let mut seen = HashSet::new();
        let mut after = String::new();
        loop {
            let rows = self.blocks(database, height, &after)?;
            for row in rows.iter() {
                after = row.text(0)?.to_owned();
                if self.newest.get(&after).is_none_or(|(newest, _)| height > *newest) {
                    continue;
                }
                let (cid, bytes) = (stored_cid(&row, 1)?, row.blob(2)?);
                let block: DagBlock = content::decode(bytes).map_err(|error| block_error(&cid, error))?;
                self.block(&cid, bytes)?;
                self.exported.n_blocks += 1;
                payloads.extend(block.data.filter(|cid| seen.insert(*cid)).map(|cid| (after.clone(), cid)));
            }
            if rows.is_empty() || self.project.is_some() {
                break;
            }
        }
        for (project, cid) in payloads {
            let sql = "SELECT content FROM snapshot WHERE project = ?1 AND epoch = ?2";
            let rows = database.ask(sql, &[Value::Text(&project), Value::count(height)])?;
            let from = || format!("the block of {project} at height {height}");
            let row = rows.first().ok_or_else(|| CarError::Missing { cid: cid.to_string(), from: from() })?;
            let bytes = row.blob(0)?;
            self.block(&cid, bytes)?;
            self.exported.n_snapshots += 1;
            let links = content::links(bytes).map_err(|error| block_error(&cid, error))?;
            for link in links.into_iter().filter(|link| seen.insert(*link)) {
                self.page(database, &link, || format!("the snapshot of {project} at height {height}"))?;
            }
        }
        Ok(())
    }

    fn page(&mut self, database: &mut dyn Database, cid: &Cid, from: impl FnOnce() -> String) -> Result<(), CarError> {
        let text = cid.to_string();
        let rows = database.ask("SELECT content FROM page WHERE cid = ?1", &[Value::Text(&text)])?;
        let row = rows.first().ok_or_else(|| CarError::Missing { cid: text, from: from() })?;
        self.block(cid, row.blob(0)?)
    }

    fn blocks(&self, database: &mut dyn Database, height: u64, after: &str) -> Result<crate::rows::Rows> {
        let columns = "SELECT project, cid, content FROM dag WHERE height = ?1 AND project";
        let height = Value::count(height);
        Ok(match self.project {
            Some(project) => database.ask(&format!("{columns} = ?2"), &[height, Value::Text(project)])?,
            None => {
                let sql = format!("{columns} > ?2 ORDER BY project LIMIT {PAGE}");
                database.ask(&sql, &[height, Value::Text(after)])?
            }
        })
    }

    fn block(&mut self, cid: &Cid, bytes: &[u8]) -> Result<(), CarError> {
        content::check(cid, bytes).map_err(|error| block_error(cid, error))?;
        if bytes.len() > MAX_BLOCK {
            let reason = format!("{} bytes exceed the {MAX_BLOCK} of a block", bytes.len());
            return Err(CarError::Block { cid: cid.to_string(), reason });
        }
        self.section(&[&cid.to_bytes(), bytes])
    }

    fn section(&mut self, parts: &[&[u8]]) -> Result<(), CarError> {
        let n_bytes = parts.iter().map(|part| part.len() as u64).sum();
        let length = varint(n_bytes);
        self.out.write_all(&length)?;
        parts.iter().try_for_each(|part| self.out.write_all(part))?;
        self.exported.n_bytes += n_bytes + length.len() as u64;
        Ok(())
    }
}

/// Seven bits a byte, the lowest first; all bytes but the last have the eighth.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits fit a byte");
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Sections of a CAR file, one after the other.
struct Sections<R> {
    from: R,
    /// Bytes that were read.
    at: u64,
}

impl<R: Read> Sections<R> {
    fn new(from: R) -> Self {
        Self { from, at: 0 }
    }

    /// The roots.
    fn header(&mut self) -> Result<Vec<Cid>, CarError> {
        let bytes = self.section(MAX_HEADER)?.ok_or_else(|| self.fault("the file is empty"))?;
        let header: Header =
            content::decode(&bytes).map_err(|_| self.fault("there is no header; is it a CAR file?"))?;
        if header.version != 1 {
            return Err(self.fault(format!("version {} is not read, only 1", header.version)));
        }
        if header.roots.is_empty() {
            return Err(self.fault("the file has no roots"));
        }
        Ok(header.roots)
    }

    /// The next block, whose bytes have its address; nothing at the end of the file.
    fn block(&mut self) -> Result<Option<(Cid, Vec<u8>)>, CarError> {
        let Some(mut section) = self.section(MAX_BLOCK + CID_BYTES)? else { return Ok(None) };
        let address = section.get(..CID_BYTES).and_then(|bytes| Cid::try_from(bytes).ok());
        let cid = address.filter(|cid| cid.to_bytes() == section[..CID_BYTES]);
        let cid = cid.ok_or_else(|| self.fault("no address of version 1 by sha2-256"))?;
        section.drain(..CID_BYTES);
        content::check(&cid, &section).map_err(|error| block_error(&cid, error))?;
        Ok(Some((cid, section)))
    }

    fn section(&mut self, limit: usize) -> Result<Option<Vec<u8>>, CarError> {
        let Some(length) = self.length()? else { return Ok(None) };
        let n_bytes = usize::try_from(length).ok().filter(|length| *length <= limit);
        let n_bytes = n_bytes.ok_or_else(|| self.fault(format!("a section of {length} bytes exceeds {limit}")))?;
        let mut section = Vec::new();
        (&mut self.from).take(length).read_to_end(&mut section)?;
        self.at += section.len() as u64;
        if section.len() != n_bytes {
            return Err(self.fault(format!("the file ends after {} of {n_bytes} bytes of a section", section.len())));
        }
        Ok(Some(section))
    }

    /// The length of the next section.
    fn length(&mut self) -> Result<Option<u64>, CarError> {
        let (mut length, mut shift) = (0_u64, 0_u32);
        loop {
            let mut byte = [0];
            match self.from.read_exact(&mut byte) {
                Ok(()) => self.at += 1,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && shift == 0 => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(self.fault("the file ends inside a length"));
                }
                Err(error) => return Err(error.into()),
            }
            length |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                if byte[0] == 0 && shift > 0 {
                    return Err(self.fault("a length is longer than it need be"));
                }
                return Ok(Some(length));
            }
            shift += 7;
            if shift > 56 {
                return Err(self.fault("a length has more than 63 bits"));
            }
        }
    }

    fn fault(&self, reason: impl Into<String>) -> CarError {
        CarError::Form { at: self.at, reason: reason.into() }
    }
}

fn block_error(cid: &Cid, error: ContentError) -> CarError {
    CarError::Block { cid: cid.to_string(), reason: error.to_string() }
}
