//! Sources of both bundled kinds, filled by their own code from logs that are made here.

use alloy::{
    primitives::{Address, B256, Bytes, LogData, U256},
    sol,
    sol_types::{SolCall, SolEvent, SolValue},
};
use bindings::{
    Clock,
    IMoneyStreaming::{LogCreate, LogRedeem, LogWithdraw},
    create2_address,
};
use index::{
    Result,
    abi::RawLog,
    api::Source,
    block::Blocks,
    config::{Erc1620Config, KindConfig, UniswapV2Config},
    kind::{Call, Kind, Reader, erc1620::Erc1620, uniswap_v2::UniswapV2},
    rows::{Rows, Value},
};

use crate::store::{Store, epoch};

pub const ALICE: Address = Address::repeat_byte(0xa1);
pub const BOB: Address = Address::repeat_byte(0xb2);
pub const CAROL: Address = Address::repeat_byte(0xc3);
pub const COIN: Address = Address::repeat_byte(0xc0);
pub const APP: Address = Address::repeat_byte(0xa9);
pub const PORTAL: Address = Address::repeat_byte(0x90);

pub const FACTORY: Address = Address::repeat_byte(0xfa);
/// 6 decimals.
pub const USD: Address = Address::repeat_byte(0x05);
/// 18 decimals.
pub const WETH: Address = Address::repeat_byte(0x0e);
pub const PAIR: Address = Address::repeat_byte(0x77);

/// Epochs that have their snapshots.
const N_EPOCHS: u64 = 6;

sol! {
    event PairCreated(address indexed token0, address indexed token1, address pair, uint256 count);
    event Sync(uint112 reserve0, uint112 reserve1);
    event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to);
    event Mint(address indexed sender, uint256 amount0, uint256 amount1);
    function symbol() external view returns (string);
    function decimals() external view returns (uint8);
}

/// Block, contract, log.
type Logs = Vec<(u64, Address, LogData)>;

/// The contract of streams, whose clock is known by its address.
pub fn streaming() -> Address {
    create2_address(Clock::Block)
}

/// Streams 1 and 2 from ALICE to BOB, of which 1 was withdrawn from and 2 was redeemed, and 3 from BOB to CAROL, which
/// starts at block 100.
pub fn streams(store: &mut Store) -> Source {
    streams_and(store, 0)
}

/// The same, and so many more from CAROL to ALICE.
pub fn streams_and(store: &mut Store, n_more: u64) -> Source {
    let config = Erc1620Config { contracts: vec![streaming()], portal: Some(PORTAL), tokens: vec![] };
    let mut kind = Erc1620::new("streams", 0, &config).unwrap();
    let create = |id: u64, sender, recipient, start: u64, stop: u64| {
        let (id, interval) = (U256::from(id), U256::ONE);
        LogCreate {
            _streamId: id,
            _sender: sender,
            _recipient: recipient,
            _tokenAddress: COIN,
            _startBlock: U256::from(start),
            _stopBlock: U256::from(stop),
            _payment: U256::from(10),
            _interval: interval,
        }
        .encode_log_data()
    };
    let withdraw = LogWithdraw { _streamId: U256::ONE, _recipient: BOB, _funds: U256::from(100) };
    let redeem = LogRedeem {
        _streamId: U256::from(2),
        _sender: ALICE,
        _recipient: BOB,
        _senderBalance: U256::from(30),
        _recipientBalance: U256::from(70),
    };
    let mut logs = vec![
        (3, streaming(), create(1, ALICE, BOB, 5, 85)),
        (4, streaming(), create(2, ALICE, BOB, 5, 15)),
        (12, streaming(), redeem.encode_log_data()),
        (15, streaming(), withdraw.encode_log_data()),
        (44, streaming(), create(3, BOB, CAROL, 100, 200)),
    ];
    logs.extend((0..n_more).map(|i| (50, streaming(), create(1_000 + i, CAROL, ALICE, 55, 1_000))));
    fill(store, &mut kind, &logs);
    for (block, account, amount) in [(20, ALICE, 5u64), (30, BOB, 6)] {
        let (word, amount) = ([0; 32], U256::from(amount).to_be_bytes::<32>());
        store.run(
            "INSERT INTO streams_deposit VALUES (?1, 0, ?2, ?3, ?2, ?4, ?5, ?6, 0, X'0000000000000000000000000000000000000000', ?2, X'')",
            &[
                Value::count(block),
                Value::Blob(&word),
                Value::Blob(APP.as_slice()),
                Value::Blob(COIN.as_slice()),
                Value::Blob(account.as_slice()),
                Value::Blob(&amount),
            ],
        );
    }
    source("streams", KindConfig::Erc1620(config), &kind)
}

fn pairs() -> UniswapV2Config {
    UniswapV2Config {
        factory: FACTORY,
        pairs: vec![],
        init_code_hash: None,
        weth: WETH,
        stables: vec![USD],
        whitelist: vec![WETH, USD],
        threshold: None,
    }
}

/// Pair `i` of a [`market`], and its token beside wrapped Ether.
pub fn market_pair(i: u64) -> (Address, Address) {
    let at = |byte| {
        let mut address = Address::repeat_byte(byte);
        address[12..].copy_from_slice(&i.to_be_bytes());
        address
    };
    if i == 0 { (PAIR, USD) } else { (at(0x80), at(0x40)) }
}

/// So many pairs with wrapped Ether, the first of them that of dollars; each has a swap in one block of ten.
pub fn market(store: &mut Store, n_pairs: u64) -> Source {
    let config = pairs();
    let mut kind = UniswapV2::new("uniswap", 0, config.clone()).unwrap();
    let unit = |i: u64| U256::from(10).pow(U256::from(if i == 0 { 6 } else { 18 }));
    let mut logs = Vec::new();
    for (i, (pair, token)) in (0..n_pairs).map(|i| (i, market_pair(i))) {
        let created = PairCreated { token0: token, token1: WETH, pair, count: U256::from(i + 1) };
        let amounts = [unit(i) * U256::from(1_000_000), unit(1) * U256::from(500)];
        let sync = Sync { reserve0: amounts[0].to(), reserve1: amounts[1].to() };
        let mint = Mint { sender: ALICE, amount0: amounts[0], amount1: amounts[1] };
        logs.push((1, FACTORY, created.encode_log_data()));
        logs.push((2, pair, sync.encode_log_data()));
        logs.push((2, pair, mint.encode_log_data()));
    }
    for block in 3..60 {
        for i in (0..n_pairs).filter(|i| i % 10 == block % 10) {
            let (pair, _) = market_pair(i);
            let into = unit(i) * U256::from(i + block);
            let reserve0 = unit(i) * U256::from(1_000_000 + i + block);
            let sync = Sync { reserve0: reserve0.to(), reserve1: (unit(1) * U256::from(500)).to() };
            let (none, out) = (U256::ZERO, U256::from(block));
            let swap =
                Swap { sender: ALICE, amount0In: into, amount1In: none, amount0Out: none, amount1Out: out, to: BOB };
            logs.push((block, pair, sync.encode_log_data()));
            logs.push((block, pair, swap.encode_log_data()));
        }
    }
    fill(store, &mut kind, &logs);
    source("uniswap", KindConfig::UniswapV2(config), &kind)
}

/// One pair of 2,000,000 dollars and 1,000 Ether; a swap of 2,000 dollars in block 12 and one of 4,000 in block 45.
pub fn uniswap(store: &mut Store) -> Source {
    let config = pairs();
    let mut kind = UniswapV2::new("uniswap", 0, config.clone()).unwrap();
    let (dollar, ether) = (U256::from(10).pow(U256::from(6)), U256::from(10).pow(U256::from(18)));
    let sync = |dollars: u64, thousandths: u64| {
        let (reserve0, reserve1) = (dollar * U256::from(dollars), ether * U256::from(thousandths) / U256::from(1_000));
        Sync { reserve0: reserve0.to(), reserve1: reserve1.to() }.encode_log_data()
    };
    let swap = |dollars: u64, thousandths: u64| {
        Swap {
            sender: ALICE,
            amount0In: dollar * U256::from(dollars),
            amount1In: U256::ZERO,
            amount0Out: U256::ZERO,
            amount1Out: ether * U256::from(thousandths) / U256::from(1_000),
            to: BOB,
        }
        .encode_log_data()
    };
    let created = PairCreated { token0: USD, token1: WETH, pair: PAIR, count: U256::ONE };
    let mint = Mint { sender: ALICE, amount0: dollar * U256::from(2_000_000), amount1: ether * U256::from(1_000) };
    let logs = vec![
        (1, FACTORY, created.encode_log_data()),
        (2, PAIR, sync(2_000_000, 1_000_000)),
        (2, PAIR, mint.encode_log_data()),
        (12, PAIR, sync(2_002_000, 999_004)),
        (12, PAIR, swap(2_000, 996)),
        (45, PAIR, sync(2_006_000, 997_018)),
        (45, PAIR, swap(4_000, 1_986)),
    ];
    fill(store, &mut kind, &logs);
    source("uniswap", KindConfig::UniswapV2(config), &kind)
}

fn source(name: &str, config: KindConfig, kind: &dyn Kind) -> Source {
    let events = kind.watch().events.iter().map(|watched| watched.table.clone()).collect();
    Source { name: name.to_owned(), kind: config, events }
}

/// Has the kind do all that the stages have it do.
fn fill(store: &mut Store, kind: &mut dyn Kind, logs: &Logs) {
    store.run("BEGIN", &[]);
    let database = store.database.as_mut();
    for (i, watched) in kind.watch().events.iter().enumerate() {
        let table = &watched.table;
        database.create(&table.table).unwrap();
        let mut rows = Rows::new(table.table.columns.len());
        for (place, (block, contract, log)) in logs.iter().enumerate() {
            // Places of the sources' logs do not collide, and follow the order of the list.
            let (idx, topics) = (10 + place as u64, log.topics());
            let log = RawLog {
                block: *block,
                idx,
                tx: B256::from(U256::from(*block)),
                contract: *contract,
                topics,
                data: &log.data,
            };
            table.push(&mut rows, &log);
        }
        assert!(i > 0 || !rows.is_empty(), "the first event is among the logs");
        database.insert(&table.table, &rows).unwrap();
    }
    for table in kind.tables() {
        database.create(&table).unwrap();
    }
    let blocks = Blocks::new(0, 64).unwrap();
    kind.prepare(database, &Tokens, blocks).unwrap();
    kind.derive(database, blocks).unwrap();
    for id in 0..N_EPOCHS {
        for snapshot in kind.snapshots(store.database.as_mut(), &epoch(id)).unwrap() {
            let values = [
                Value::Text(&snapshot.project),
                Value::count(id),
                Value::Blob(&epoch(id).end_hash.0),
                Value::Text(&snapshot.cid.to_string()),
                Value::Blob(&snapshot.bytes),
            ];
            store.run("INSERT INTO snapshot VALUES (?1, ?2, ?3, ?4, ?5)", &values);
            if id < 4 {
                store.dag(&snapshot.project, id);
            }
            for (name, amount) in &snapshot.sums {
                let sql = "SELECT total FROM prefix_sum WHERE project = ?1 AND name = ?2 ORDER BY epoch DESC LIMIT 1";
                let rows = store.database.ask(sql, &[Value::Text(&snapshot.project), Value::Text(name)]).unwrap();
                let before = rows.first().map_or(U256::ZERO, |row| row.amount(0).unwrap());
                store.total(&snapshot.project, name, id, before + amount);
            }
        }
    }
    store.run("COMMIT", &[]);
}

/// Answers what is asked of tokens.
struct Tokens;

impl Reader for Tokens {
    fn read(&self, calls: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        let answer = |call: &Call| {
            let (text, decimals) = if call.to == USD { ("USD", 6u64) } else { ("WETH", 18) };
            let answer = match call.input.get(..4) {
                Some(selector) if selector == decimalsCall::SELECTOR => U256::from(decimals).abi_encode(),
                _ => text.to_owned().abi_encode(),
            };
            Some(Bytes::from(answer))
        };
        Ok(calls.iter().map(answer).collect())
    }
}
