//! The fixture's chain in a database: what the engine would have stored, by the shortest way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use alloy::primitives::{Address, B256, Bytes, U256, hex};
use index::abi::RawLog;
use index::block::{Block, Blocks};
use index::config::UniswapV2Config;
use index::database::{Database, Postgres, Sqlite, transaction};
use index::epoch::{Epoch, Epochs};
use index::event::Emitter;
use index::kind::uniswap_v2::UniswapV2;
use index::kind::{Call, Kind, Reader};
use index::rows::{Column, Rows, Table, Type, Value};
use index::snapshot::Snapshot;
use index::{Error, Result};
use serde::Deserialize;
use serde_json::json;

use crate::fixture::{Fixture, OPERATIONS};
use crate::twin::Twin;

pub const SOURCE: &str = "uni-v2";
pub const EPOCHS: Epochs = Epochs { genesis: 0, size: 10, offset: 2 };

/// The chain of the golden files, with all snapshots. Anvil has ended.
pub struct World {
    path: PathBuf,
    /// The same in PostgreSQL.
    url: Option<String>,
    pub config: UniswapV2Config,
    /// Tokens by symbol.
    pub tokens: BTreeMap<&'static str, Address>,
    /// As the fixture has them.
    pub pairs: Vec<(Address, [&'static str; 2])>,
    pub head: u64,
    /// What `getReserves` said: by pair and block.
    pub reserves: Vec<(Address, u64, [u128; 2])>,
}

/// Blocks at the end of the chain whose state anvil keeps.
const N_STATES: u64 = 400;

pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let [n_blocks, n_transactions, n_operations] = OPERATIONS;
        let fixture = Fixture::start(n_blocks, n_transactions, n_operations);
        let path = temporary("world");
        let url = crate::postgres::url();
        let mut database = Sqlite::open(&path).unwrap();
        let config = config(&fixture);
        let mut kind = UniswapV2::new(SOURCE, 0, config.clone()).unwrap();
        load(&fixture, &mut kind, &mut database, 50);
        snapshot_all(&mut kind, &mut database, fixture.head);
        if let Some(url) = &url {
            mirror(&kind, &mut database, url);
        }
        let mut reserves = Vec::new();
        for block in (fixture.head - N_STATES..=fixture.head).step_by(37).chain([fixture.head]) {
            for pair in &fixture.pairs {
                reserves.push((pair.address, block, get_reserves(&fixture, pair.address, block)));
            }
        }
        World {
            path,
            url,
            config,
            tokens: fixture.tokens.iter().map(|token| (token.symbol, token.address)).collect(),
            pairs: fixture.pairs.iter().map(|pair| (pair.address, pair.symbols)).collect(),
            head: fixture.head,
            reserves,
        }
    })
}

/// Puts the same rows into PostgreSQL, table by table: one by one they would take minutes.
fn mirror(kind: &UniswapV2, from: &mut Sqlite, url: &str) {
    use Type::{Blob, Integer, Text};
    let stored = |name: &str, columns: &[(&str, Type)], n_key| Table {
        name: name.to_owned(),
        columns: columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect(),
        n_key,
        indexes: Vec::new(),
    };
    let fixed = [
        stored("block", &[("number", Integer), ("hash", Blob), ("parent", Blob), ("timestamp", Integer)], 1),
        stored(
            "epoch",
            &[
                ("id", Integer),
                ("first", Integer),
                ("last", Integer),
                ("begin_parent_hash", Blob),
                ("end_hash", Blob),
                ("end_timestamp", Integer),
                ("state", Integer),
            ],
            1,
        ),
        stored(
            "snapshot",
            &[("project", Text), ("epoch", Integer), ("end_hash", Blob), ("cid", Text), ("content", Blob)],
            2,
        ),
        stored("prefix_sum", &[("project", Text), ("name", Text), ("epoch", Integer), ("total", Blob)], 3),
        stored("cursor", &[("name", Text), ("number", Integer), ("hash", Blob)], 1),
    ];
    let mut to = Postgres::open(url).unwrap();
    let events = kind.watch().events.iter().map(|watched| watched.table.table.clone());
    let own: Vec<Table> = events.chain(kind.tables()).collect();
    own.iter().for_each(|table| to.create(table).unwrap());
    for table in own.iter().chain(&fixed) {
        let columns: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let rows = from.ask(&format!("SELECT {} FROM {}", columns.join(", "), table.name), &[]).unwrap();
        assert_eq!(to.insert(table, &rows).unwrap(), rows.len() as u64, "{}", table.name);
    }
    to.run("ANALYZE", &[]).unwrap();
}

impl World {
    /// The database, to read.
    pub fn database(&self) -> Twin {
        Twin::open(&self.path, self.url.as_deref())
    }

    /// A copy of the file, and a transaction in PostgreSQL that is never committed, to change.
    pub fn copy(&self) -> Twin {
        let path = temporary("copy");
        Sqlite::open(&self.path).unwrap().run("VACUUM INTO ?1", &[Value::Text(path.to_str().unwrap())]).unwrap();
        let mut copy = Twin::open(&path, self.url.as_deref());
        copy.begin().unwrap();
        copy
    }

    pub fn token(&self, symbol: &str) -> Address {
        self.tokens[symbol]
    }

    pub fn pair(&self, symbols: [&str; 2]) -> Address {
        self.pairs.iter().find(|(_, of)| *of == symbols).unwrap().0
    }
}

/// A path for a database. What runs that have ended left behind is removed.
pub fn temporary(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("uniswap");
    std::fs::create_dir_all(&folder).unwrap();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    if count == 0 && Path::new("/proc/self").exists() {
        for file in folder.read_dir().unwrap().flatten() {
            let left =
                file.file_name().to_string_lossy().split('-').next().map(|process| Path::new("/proc").join(process));
            if left.is_some_and(|process| !process.exists()) {
                std::fs::remove_file(file.path()).ok();
            }
        }
    }
    folder.join(format!("{}-{count}-{name}.db", std::process::id()))
}

pub fn config(fixture: &Fixture) -> UniswapV2Config {
    let tokens = |symbols: &[&str]| symbols.iter().map(|symbol| fixture.token(symbol)).collect::<Vec<_>>();
    UniswapV2Config {
        factory: fixture.factory,
        pairs: Vec::new(),
        init_code_hash: None,
        weth: fixture.weth,
        stables: tokens(&["DAI", "USDC", "USDT"]),
        whitelist: tokens(&["WETH", "DAI", "USDC", "USDT"]),
        threshold: None,
    }
}

fn get_reserves(fixture: &Fixture, pair: Address, block: u64) -> [u128; 2] {
    let answer = fixture.rpc("eth_call", &json!([{ "to": pair, "data": "0x0902f1ac" }, format!("{block:#x}")]));
    let answer = hex::decode(answer.as_str().unwrap()).unwrap();
    [0, 32].map(|start| U256::from_be_slice(&answer[start..start + 32]).to())
}

/// The fixture's node as the index reads contracts.
impl Reader for Fixture {
    fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        let block = at.map_or(json!("latest"), |hash| json!({ "blockHash": hash }));
        let requests: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(id, call)| {
                let params = json!([{ "to": call.to, "data": call.input }, block]);
                json!({ "jsonrpc": "2.0", "id": id, "method": "eth_call", "params": params })
            })
            .collect();
        let answers: Vec<serde_json::Value> =
            serde_json::from_slice(&self.ask(&serde_json::to_string(&requests).unwrap())).unwrap();
        let mut read = vec![None; calls.len()];
        for answer in answers {
            let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
            if answer["error"]["message"]
                .as_str()
                .is_some_and(|message| message.contains("not found") || message.contains("OutOfRange"))
            {
                let (what, remedy) = (String::new(), String::new());
                return Err(Error::NoState { block: 0, what, remedy });
            }
            let bytes = answer["result"].as_str().map(|text| Bytes::from(hex::decode(text).unwrap()));
            // A call to an address without code answers nothing.
            read[id] = bytes.filter(|bytes| !bytes.is_empty());
        }
        Ok(read)
    }
}

/// Stores the chain from the kind's first block to the head, so many blocks at a time.
pub fn load(fixture: &Fixture, kind: &mut UniswapV2, database: &mut dyn Database, n_blocks: u64) {
    kind.watch().events.iter().for_each(|watched| database.create(&watched.table.table).unwrap());
    kind.tables().iter().for_each(|table| database.create(table).unwrap());
    let mut first = kind.watch().start_block;
    while let Some(blocks) = Blocks::new(first, (first + n_blocks - 1).min(fixture.head)) {
        store_blocks(fixture, kind, database, blocks);
        kind.prepare(database, fixture, blocks).unwrap();
        transaction(database, |database| kind.derive(database, blocks)).unwrap();
        first = blocks.last + 1;
    }
}

/// Stores blocks and what the kind wants of their logs.
pub fn store_blocks(fixture: &Fixture, kind: &UniswapV2, database: &mut dyn Database, blocks: Blocks) {
    let watch = kind.watch();
    let children: Vec<Address> = fixture.pairs.iter().map(|pair| pair.address).collect();
    let headers = headers(fixture, blocks);
    let mut rows: Vec<Rows> = watch.events.iter().map(|watched| Rows::new(watched.table.table.columns.len())).collect();
    for log in logs(fixture, blocks) {
        let found = watch.events.iter().position(|watched| watched.table.signature == log.topics[0]);
        let Some(i) = found else { continue };
        let of = match &watch.events[i].emitter {
            Emitter::Contracts(contracts) => contracts,
            Emitter::Children => &children,
        };
        if of.contains(&log.address) {
            let raw = RawLog {
                block: log.block_number.to(),
                idx: log.log_index.to(),
                tx: log.transaction_hash,
                contract: log.address,
                topics: &log.topics,
                data: &log.data,
            };
            assert!(watch.events[i].table.push(&mut rows[i], &raw));
        }
    }
    transaction::<_, Error>(database, |database| {
        for block in headers {
            let values = [
                Value::count(block.number),
                Value::Blob(block.hash.as_slice()),
                Value::Blob(block.parent.as_slice()),
                Value::count(block.timestamp),
            ];
            database.run("INSERT INTO block VALUES (?1, ?2, ?3, ?4)", &values)?;
        }
        for (watched, rows) in watch.events.iter().zip(&rows) {
            database.insert(&watched.table.table, rows)?;
        }
        Ok(())
    })
    .unwrap();
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_number: U256,
    log_index: U256,
    transaction_hash: B256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    number: U256,
    hash: B256,
    parent_hash: B256,
    timestamp: U256,
}

#[derive(Deserialize)]
struct Answer<T> {
    result: T,
}

fn logs(fixture: &Fixture, blocks: Blocks) -> Vec<Log> {
    let mut addresses = vec![fixture.factory];
    addresses.extend(fixture.pairs.iter().map(|pair| pair.address));
    let range = json!([{
        "fromBlock": format!("{:#x}", blocks.first), "toBlock": format!("{:#x}", blocks.last), "address": addresses,
    }]);
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": range });
    serde_json::from_slice::<Answer<Vec<Log>>>(&fixture.ask(&request.to_string())).unwrap().result
}

fn headers(fixture: &Fixture, blocks: Blocks) -> Vec<Block> {
    let request = |number: u64| {
        let params = json!([format!("{number:#x}"), false]);
        json!({ "jsonrpc": "2.0", "id": number, "method": "eth_getBlockByNumber", "params": params })
    };
    let requests: Vec<_> = (blocks.first..=blocks.last).map(request).collect();
    let answers = fixture.ask(&serde_json::to_string(&requests).unwrap());
    let answers: Vec<Answer<Header>> = serde_json::from_slice(&answers).unwrap();
    let mut headers: Vec<Block> = answers
        .into_iter()
        .map(|Answer { result }| Block {
            number: result.number.to(),
            hash: result.hash,
            parent: result.parent_hash,
            timestamp: result.timestamp.to(),
        })
        .collect();
    headers.sort_by_key(|block| block.number);
    headers
}

/// An epoch of stored blocks.
pub fn epoch(database: &mut dyn Database, epochs: Epochs, id: u64) -> Epoch {
    let blocks = epochs.blocks(id).unwrap();
    let sql = "SELECT hash, parent, timestamp FROM block WHERE number = ?1";
    let first = database.ask(sql, &[Value::count(blocks.first)]).unwrap();
    let last = database.ask(sql, &[Value::count(blocks.last)]).unwrap();
    Epoch {
        id,
        blocks,
        begin_parent_hash: first.first().unwrap().hash(1).unwrap(),
        end_hash: last.first().unwrap().hash(0).unwrap(),
        end_timestamp: last.first().unwrap().count(2).unwrap(),
    }
}

/// How many epochs a chain has.
pub fn n_epochs(epochs: Epochs, head: u64) -> u64 {
    (head + 1 - epochs.genesis) / epochs.size
}

/// Takes and stores the snapshots of all epochs, and their sums.
pub fn snapshot_all(kind: &mut UniswapV2, database: &mut dyn Database, head: u64) {
    database.begin().unwrap();
    let mut totals: BTreeMap<(String, String), U256> = BTreeMap::new();
    for id in 0..n_epochs(EPOCHS, head) {
        let epoch = epoch(database, EPOCHS, id);
        let values = [
            Value::count(id),
            Value::count(epoch.blocks.first),
            Value::count(epoch.blocks.last),
            Value::Blob(epoch.begin_parent_hash.as_slice()),
            Value::Blob(epoch.end_hash.as_slice()),
            Value::count(epoch.end_timestamp),
        ];
        database.run("INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5, ?6, 2)", &values).unwrap();
        for snapshot in kind.snapshots(database, &epoch).unwrap() {
            store(database, &epoch, &snapshot, &mut totals);
        }
    }
    let sql = "INSERT INTO cursor SELECT 'derived', number, hash FROM block WHERE number = ?1";
    assert_eq!(database.run(sql, &[Value::count(head)]).unwrap(), 1);
    database.commit().unwrap();
}

fn store(
    database: &mut dyn Database,
    epoch: &Epoch,
    snapshot: &Snapshot,
    totals: &mut BTreeMap<(String, String), U256>,
) {
    let cid = snapshot.cid.to_string();
    let values = [
        Value::Text(&snapshot.project),
        Value::count(epoch.id),
        Value::Blob(epoch.end_hash.as_slice()),
        Value::Text(&cid),
        Value::Blob(&snapshot.bytes),
    ];
    database.run("INSERT INTO snapshot VALUES (?1, ?2, ?3, ?4, ?5)", &values).unwrap();
    for (name, sum) in &snapshot.sums {
        let total = totals.entry((snapshot.project.clone(), name.to_string())).or_default();
        *total += *sum;
        let bytes = total.to_be_bytes::<32>();
        let values = [Value::Text(&snapshot.project), Value::Text(name), Value::count(epoch.id), Value::Blob(&bytes)];
        database.run("INSERT INTO prefix_sum VALUES (?1, ?2, ?3, ?4)", &values).unwrap();
    }
}
