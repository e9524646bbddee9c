//! The generic kind: the decoded events of any contracts, row by row, without a line of code.
//!
//! The snapshot of an epoch has the rows of each event in the order of the chain. If they are more than a mebibyte, it
//! has links to pages of them instead, each of no more than that, or of one row. Beside them stands what the contracts say
//! of themselves at the end of the epoch, if the source is to read it.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use alloy::{
    json_abi::{Event, JsonAbi},
    primitives::U256,
};
use ipld_core::ipld::Ipld;

use self::reads::Reads;
use super::{Keep, Kind, Reader};
use crate::{
    Error, Result,
    abi::{EventTable, Meaning},
    block::Blocks,
    config::{EventsConfig, FactoryConfig},
    content::{DAG_CBOR, cid, encode},
    database::Database,
    epoch::{Epoch, Epochs},
    event::{Emitter, Factory, Watch, Watched},
    rows::{Row, Table, Value},
    snapshot::{EpochHead, Snapshot},
};

mod reads;

/// What payloads say that they are.
const KIND: &str = "events";

/// Bytes of rows that a block holds, be it the snapshot itself or a page. Many IPFS tools take none of twice as many.
const N_BLOCK_BYTES: usize = 1 << 20;

/// Rows that are read at once.
const N_AT_ONCE: usize = 250;

/// Bytes of an ABI file.
const N_ABI_BYTES: u64 = 16 << 20;

/// A source of this kind.
#[derive(Debug)]
pub struct Events {
    watch: Watch,
    reads: Reads,
}

impl Events {
    /// The source `name`, with the events of its ABI file.
    ///
    /// # Errors
    /// If the file is no ABI, an event is not in it, or two events would share a table; if what is to be read is not in it,
    /// cannot be read, or is too much.
    pub fn new(name: &str, start_block: u64, config: &EventsConfig) -> Result<Self> {
        let abi = read_abi(name, &config.abi)?;
        let chosen = choose(name, &abi, config)?;
        let mut events = Vec::new();
        let factory = config.factory.as_ref().map(|factory| watch_factory(name, factory)).transpose()?;
        let (emitter, factory) = match factory {
            Some((watched, factory)) => {
                events.push(watched);
                (Emitter::Children, Some(factory))
            }
            None => (Emitter::Contracts(config.contracts.clone()), None),
        };
        for event in chosen {
            let table = EventTable::new(name, event)?;
            if let Some(other) = events.iter().find(|other| other.table.table.name == table.table.name) {
                let (event, other) = (event.full_signature(), &other.table.event);
                return Err(Error::Config(format!(
                    "source {name}: {event} and another event {other} share the table {}; choose one of them by its \
                     signature in events",
                    table.table.name
                )));
            }
            events.push(Watched { table, emitter: emitter.clone(), topic1: None });
        }
        let reads = Reads::new(name, start_block, &abi, config)?;
        Ok(Self { watch: Watch { source: name.to_owned(), start_block, events, factory }, reads })
    }

    /// The same, which reads its contracts at the ends of these epochs. Without them it reads nothing, and has no
    /// snapshots if there is something to be read.
    #[must_use]
    pub fn with_ends_of(mut self, epochs: Epochs) -> Self {
        self.reads.cut(epochs);
        self
    }

    /// The rows of each event, if one block holds them all.
    fn inline(&self, database: &mut dyn Database, epoch: &Epoch) -> Result<Option<Vec<Vec<Ipld>>>> {
        let (mut all, mut n_bytes) = (Vec::new(), 0);
        for watched in &self.watch.events {
            let mut rows = Vec::new();
            let is_whole = each_row(database, &watched.table, epoch.blocks, &mut |_, row| {
                n_bytes += encode(&row).len();
                rows.push(row);
                Ok(n_bytes <= N_BLOCK_BYTES)
            })?;
            if !is_whole {
                return Ok(None);
            }
            all.push(rows);
        }
        Ok(Some(all))
    }

    /// Gives the rows to `use_page`, page by page, with the place of their event.
    fn each_page(&self, database: &mut dyn Database, epoch: &Epoch, use_page: &mut UsePage<'_>) -> Result<()> {
        for (place, watched) in self.watch.events.iter().enumerate() {
            let (mut page, mut n_bytes) = (Vec::new(), 0);
            each_row(database, &watched.table, epoch.blocks, &mut |database, row| {
                let n_row_bytes = encode(&row).len();
                if n_bytes + n_row_bytes > N_BLOCK_BYTES && !page.is_empty() {
                    use_page(database, place, &page)?;
                    page.clear();
                    n_bytes = 0;
                }
                n_bytes += n_row_bytes;
                page.push(row);
                Ok(true)
            })?;
            if !page.is_empty() {
                use_page(database, place, &page)?;
            }
        }
        Ok(())
    }
}

/// Is given the place of an event, and rows of it.
type UsePage<'a> = dyn FnMut(&mut dyn Database, usize, &[Ipld]) -> Result<()> + 'a;

impl Kind for Events {
    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn tables(&self) -> Vec<Table> {
        self.reads.table().into_iter().collect()
    }

    fn prepare(&mut self, database: &mut dyn Database, reader: &dyn Reader, blocks: Blocks) -> Result<()> {
        self.reads.prepare(database, reader, blocks)
    }

    fn derive(&mut self, database: &mut dyn Database, blocks: Blocks) -> Result<()> {
        self.reads.write(database, blocks)
    }

    fn unwind(&mut self, _database: &mut dyn Database, _to: u64) -> Result<()> {
        self.reads.forget();
        Ok(())
    }

    fn snapshots(&mut self, database: &mut dyn Database, epoch: &Epoch) -> Result<Vec<Snapshot>> {
        let state = self.reads.state(database, epoch)?;
        let n_events = self.watch.events.len();
        let mut n_rows = vec![0_usize; n_events];
        let (key, lists) = match self.inline(database, epoch)? {
            Some(rows) => {
                n_rows = rows.iter().map(Vec::len).collect();
                ("events", rows)
            }
            None => {
                let mut links = vec![Vec::new(); n_events];
                self.each_page(database, epoch, &mut |_, place, page| {
                    n_rows[place] += page.len();
                    links[place].push(Ipld::Link(cid(DAG_CBOR, &encode(&page))));
                    Ok(())
                })?;
                ("pages", links)
            }
        };
        let names = || self.watch.events.iter().map(|watched| watched.table.event.clone());
        let head = EpochHead::new(KIND, &self.watch.source, epoch);
        let mut payload = match ipld_core::serde::to_ipld(head) {
            Ok(Ipld::Map(payload)) => payload,
            other => unreachable!("a head is a map: {other:?}"),
        };
        if let Some(state) = state {
            payload.insert("state".to_owned(), state);
        }
        let by_event: BTreeMap<_, _> = names().zip(lists.into_iter().map(Ipld::List)).collect();
        payload.insert(key.to_owned(), Ipld::Map(by_event));
        let bytes = encode(&Ipld::Map(payload));
        let sums = names().zip(n_rows).map(|(name, n_rows)| (Cow::Owned(name), U256::from(n_rows))).collect();
        Ok(vec![Snapshot { project: self.watch.source.clone(), cid: cid(DAG_CBOR, &bytes), bytes, sums }])
    }

    fn pages(&self, database: &mut dyn Database, epoch: &Epoch, keep: &mut Keep<'_>) -> Result<()> {
        if self.inline(database, epoch)?.is_some() {
            return Ok(());
        }
        self.each_page(database, epoch, &mut |database, _, page| {
            let bytes = encode(&page);
            keep(database, &cid(DAG_CBOR, &bytes), &bytes)
        })
    }
}

/// Gives the rows of `blocks` to `use_row`, as long as it wants more. Says whether it got all.
fn each_row(
    database: &mut dyn Database,
    event: &EventTable,
    blocks: Blocks,
    use_row: &mut dyn FnMut(&mut dyn Database, Ipld) -> Result<bool>,
) -> Result<bool> {
    let columns: Vec<_> = event.table.columns.iter().map(|column| column.name.as_str()).collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE block >= ?1 AND block <= ?2 AND (block, idx) > (?1, ?3) ORDER BY block, idx \
         LIMIT {N_AT_ONCE}",
        columns.join(", "),
        event.table.name
    );
    // Places in a block count from 0, so that -1 is before all of them.
    let (mut first, mut idx) = (blocks.first, -1);
    loop {
        let rows = database.ask(&sql, &[Value::count(first), Value::count(blocks.last), Value::Integer(idx)])?;
        for row in rows.iter() {
            (first, idx) = (row.count(0)?, row.integer(1)?);
            if !use_row(database, row_ipld(event, row)?)? {
                return Ok(false);
            }
        }
        if rows.len() < N_AT_ONCE {
            return Ok(true);
        }
    }
}

/// A row as a list, in order of the columns.
fn row_ipld(event: &EventTable, row: Row<'_>) -> Result<Ipld> {
    let cells = event.meanings.iter().enumerate().map(|(i, meaning)| {
        Ok(match meaning {
            Meaning::Flag => Ipld::Bool(row.integer(i)? != 0),
            Meaning::Integer | Meaning::Time => Ipld::Integer(row.integer(i)?.into()),
            Meaning::Unsigned => {
                let amount = row.amount(i)?;
                let bytes = || Ipld::Bytes(amount.to_be_bytes_vec());
                u64::try_from(amount).map_or_else(|_| bytes(), |amount| Ipld::Integer(amount.into()))
            }
            Meaning::Signed => signed_ipld(row.amount(i)?),
            Meaning::Address | Meaning::Bytes => Ipld::Bytes(row.blob(i)?.to_vec()),
            Meaning::Text => Ipld::String(row.text(i)?.to_owned()),
        })
    });
    cells.collect::<Result<Vec<_>>>().map(Ipld::List)
}

/// An integer if it has 64 bits with its sign, else the 32 bytes of its two's complement.
fn signed_ipld(shifted: U256) -> Ipld {
    let number = crate::abi::signed(shifted);
    i64::try_from(number)
        .map_or_else(|_| Ipld::Bytes(number.to_be_bytes::<32>().to_vec()), |number| Ipld::Integer(number.into()))
}

fn read_abi(source: &str, path: &Path) -> Result<JsonAbi> {
    let refuse = |problem: String| Error::Config(format!("abi of source {source}: {}: {problem}", path.display()));
    let n_bytes = std::fs::metadata(path).map_err(|error| refuse(format!("{error}; name another file")))?.len();
    if n_bytes > N_ABI_BYTES {
        return Err(refuse(format!("{n_bytes} bytes are more than {N_ABI_BYTES}; name a file with the ABI alone")));
    }
    let text = std::fs::read(path).map_err(|error| refuse(format!("{error}; name another file")))?;
    let mut json: serde_json::Value = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
    if let Some(list) = json.get_mut("abi") {
        json = list.take();
    }
    if !json.is_array() {
        return Err(refuse(
            "it is neither a list nor has one at `abi`; name the ABI or the compiler's artifact".to_owned(),
        ));
    }
    serde_json::from_value(json).map_err(|error| refuse(error.to_string()))
}

/// The events that are wanted, in order of names.
fn choose<'a>(source: &str, abi: &'a JsonAbi, config: &EventsConfig) -> Result<Vec<&'a Event>> {
    let created = config.factory.as_ref().and_then(|factory| Event::parse(&factory.event).ok());
    if config.events.is_empty() {
        let created = created.map(|event| event.selector());
        let all: Vec<_> = abi.events().filter(|event| !event.anonymous && Some(event.selector()) != created).collect();
        return if all.is_empty() {
            Err(Error::Config(format!("abi of source {source} has no events; name another file")))
        } else {
            Ok(all)
        };
    }
    let mut chosen: Vec<&Event> = Vec::new();
    for wanted in &config.events {
        let mut found = abi.events().filter(|event| event.name == *wanted || event.signature() == *wanted).peekable();
        if found.peek().is_none() {
            let names: Vec<_> = abi.events().map(|event| event.name.as_str()).collect();
            let names = names.join(", ");
            return Err(Error::Config(format!(
                "event {wanted} of source {source} is not in its abi, which has {names}"
            )));
        }
        chosen.extend(found);
    }
    chosen.sort_by_key(|event| event.signature());
    chosen.dedup_by_key(|event| event.selector());
    Ok(chosen)
}

fn watch_factory(source: &str, config: &FactoryConfig) -> Result<(Watched, Factory)> {
    let refuse = |problem: String| Error::Config(format!("factory of source {source}: {problem}"));
    let event = Event::parse(&config.event).map_err(|error| {
        refuse(format!(
            "{:?} is no event: {error}; write it as in \"event Created(address indexed child)\"",
            config.event
        ))
    })?;
    let table = EventTable::new(source, &event)?;
    let place = event.inputs.iter().position(|input| input.name == config.argument);
    let column = place.map(|place| crate::abi::N_PLACE + place);
    let column = column.filter(|column| table.meanings[*column] == Meaning::Address).ok_or_else(|| {
        refuse(format!("{} is no argument of type address of {}", config.argument, event.full_signature()))
    })?;
    let watched = Watched { table, emitter: Emitter::Contracts(vec![config.address]), topic1: None };
    Ok((watched, Factory { event: 0, column, only: None }))
}
