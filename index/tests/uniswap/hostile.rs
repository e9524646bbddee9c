//! Anybody can have the factory make a pair of anything, and none of it stops the source.

use std::sync::Arc;

use alloy::primitives::{Address, U256, hex};
use alloy::sol_types::SolCall;
use index::block::Blocks;
use index::chain::{BlockingReader, Chain};
use index::config::{ChainConfig, EndpointConfig};
use index::database::{Database, transaction};
use index::epoch::Epochs;
use index::kind::Kind;
use index::kind::uniswap_v2::UniswapV2;
use index::rpc;
use serde_json::json;

use crate::fixture::{Fixture, createPairCall};
use crate::twin::Twin;
use crate::world::{SOURCE, config, epoch, load, store_blocks, temporary};

/// Codes of tokens, and what is kept: a symbol that is a name too, and decimals, -1 for none.
const TOKENS: [(&str, &str, (&str, i64)); 8] = [
    ("reverts", "60006000fd", ("", -1)),
    (
        "says 2^255",
        "7f800000000000000000000000000000000000000000000000000000000000000060005260206000f3",
        ("\u{fffd}", -1),
    ),
    ("burns all gas", "5b600056", ("", -1)),
    ("says a mebibyte of zeros", "621000006000f3", ("", -1)),
    ("says half a mebibyte of zeros", "620800006000f3", ("", 0)),
    ("is no code", "fe", ("", -1)),
    ("copies what nobody returned", "6001600060003e", ("", -1)),
    ("says three zero bytes", "6020600052600360205260606000f3", ("", 32)),
];

/// A precompiled contract that wants 213 bytes, and an account without code.
const NO_TOKENS: [u64; 2] = [9, 0xdead];

#[test]
fn no_token_stops_the_source() {
    let mut fixture = Fixture::start(1, 1, 1);
    let mut kind = UniswapV2::new(SOURCE, 0, config(&fixture)).unwrap();
    let mut database = Twin::open(&temporary("hostile"), crate::postgres::url().as_deref());
    load(&fixture, &mut kind, &mut database, 100);
    let first = fixture.head + 1;

    let mut tokens: Vec<(Address, &str, (&str, i64))> = Vec::new();
    for (i, (told, code, expected)) in TOKENS.into_iter().enumerate() {
        let address = Address::with_last_byte(u8::try_from(0xa0 + i).unwrap());
        fixture.rpc("anvil_setCode", &json!([address, format!("0x{code}")]));
        tokens.push((address, told, expected));
    }
    tokens.extend(NO_TOKENS.map(|number| (Address::from_word(U256::from(number).into()), "is no token", ("", -1))));
    for (token, told, _) in &tokens {
        let input = createPairCall { tokenA: *token, tokenB: fixture.weth }.abi_encode();
        let from = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
        let sent =
            json!([{ "from": from, "to": fixture.factory, "gas": "0x4c4b40", "data": hex::encode_prefixed(input) }]);
        let hash = fixture.rpc("eth_sendTransaction", &sent);
        fixture.rpc("evm_mine", &json!([]));
        assert_eq!(fixture.rpc("eth_getTransactionReceipt", &json!([hash]))["status"], "0x1", "{told}");
        fixture.head += 1;
    }

    let blocks = Blocks { first, last: fixture.head };
    store_blocks(&fixture, &kind, &mut database, blocks);
    let id =
        U256::from_str_radix(fixture.rpc("eth_chainId", &json!([])).as_str().unwrap().trim_start_matches("0x"), 16);
    let endpoints = vec![EndpointConfig { url: fixture.url().to_owned(), limit: None }];
    let config = ChainConfig { id: id.unwrap().to(), endpoints, finality_blocks: None, poll_ms: 100 };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let chain = Arc::new(Chain::new(&config, rpc::Bounds::default()).unwrap());
    kind.prepare(&mut database, &BlockingReader::new(chain, runtime.handle().clone()), blocks).unwrap();
    transaction(&mut database, |database| kind.derive(database, blocks)).unwrap();

    let rows = database.ask("SELECT address, symbol, name, decimals FROM uni_v2_token ORDER BY address", &[]).unwrap();
    for (token, told, (text, decimals)) in tokens {
        let row = rows.iter().find(|row| row.address(0).unwrap() == token).unwrap();
        assert_eq!(
            (row.text(1).unwrap(), row.text(2).unwrap(), row.integer(3).unwrap()),
            (text, text, decimals),
            "{told}"
        );
    }
    let cut = Epochs { genesis: 0, size: fixture.head + 1, offset: 0 };
    let end = epoch(&mut database, cut, 0);
    let n_projects = 2 * (fixture.pairs.len() + TOKENS.len() + NO_TOKENS.len());
    assert_eq!(kind.snapshots(&mut database, &end).unwrap().len(), n_projects);
}
