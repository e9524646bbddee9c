//! Pairs of Uniswap V2, real ones on a chain of their own, from the configuration to each command that reads. What is told
//! is compared with what the chain says, or counted again from its logs.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::Output};

use alloy::{
    hex,
    primitives::{Address, U256},
};
use serde_json::{Value, json};

use crate::harness::{check, streamctl};

#[path = "../../../index/tests/fixture/mod.rs"]
#[allow(unreachable_pub, missing_docs, reason = "it is a module of another crate's tests")]
mod fixture;

use fixture::{Fixture, Pair};

/// Topics of the events of a pair.
const SWAP: &str = "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822";

/// The last block of epoch 17, which is the newest that has snapshots.
const END: u64 = 179;

/// The chain, an index of it, and what was typed.
struct Market {
    fixture: Fixture,
    home: PathBuf,
    transcript: String,
    names: Vec<(&'static str, String)>,
}

impl Market {
    /// A chain of 188 blocks, 40 of them with trades, and `$CONFIG`: the bundled configuration with its addresses, of all
    /// pairs.
    fn start(name: &str) -> Self {
        let fixture = Fixture::start(40, 2, 6);
        assert_eq!(fixture.head, 188);
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let names = vec![("$HOME", home.display().to_string()), ("$URL", fixture.url().to_owned())];
        let mut market = Self { fixture, home, transcript: String::new(), names };
        market.configure("$CONFIG", "uniswap.toml", &[]);
        market
    }

    /// Writes the bundled configuration, with the addresses of the chain and some of its pairs, or all.
    fn configure(&mut self, name: &'static str, file: &str, pairs: &[Address]) {
        let fixture = &self.fixture;
        let list =
            |addresses: &[Address]| addresses.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ");
        let tokens = |symbols: &[&str]| list(&symbols.iter().map(|it| fixture.token(it)).collect::<Vec<_>>());
        let mut lines = Vec::new();
        let mut is_inside = false;
        for line in ::index::config::UNISWAP.lines() {
            let key = line.split_once(" = ").map_or("", |(key, _)| key);
            let value = match key {
                "store" => Some(format!("\"{}\"", file.replace(".toml", ".db"))),
                "id" => Some("31337".to_owned()),
                "endpoints" => Some(format!("[{{ url = \"{}\" }}]", fixture.url())),
                "genesis" | "start_block" => Some("0".to_owned()),
                "factory" => Some(format!("\"{}\"", fixture.factory)),
                "weth" => Some(format!("\"{}\"", fixture.weth)),
                "stables" => Some(format!("[{}]", tokens(&["DAI", "USDC", "USDT"]))),
                "whitelist" => Some(format!("[{}]", tokens(&["WETH", "DAI", "USDC", "USDT"]))),
                "pairs" => Some(format!("[{}]", list(pairs))),
                _ => None,
            };
            match value {
                _ if is_inside => is_inside = line != "]",
                // The rest of the list is in the lines that follow.
                Some(value) => {
                    lines.push(format!("{key} = {value}"));
                    is_inside = line.ends_with('[');
                }
                None if line.starts_with("[api]") => break,
                None => lines.push(line.to_owned()),
            }
        }
        let path = self.home.join(file);
        fs::write(&path, lines.join("\n")).unwrap();
        self.names.push((name, path.display().to_string()));
    }

    fn name(&mut self, name: &'static str, value: impl ToString) {
        self.names.push((name, value.to_string()));
    }

    fn ran(&self, line: &str) -> Output {
        let expand =
            |word: &str| self.names.iter().rev().fold(word.to_owned(), |word, (name, value)| word.replace(name, value));
        streamctl().args(line.split_whitespace().map(expand)).env("HOME", &self.home).output().unwrap()
    }

    /// Runs a command and adds it, with all that it prints, to the transcript.
    fn types(&mut self, line: &str) {
        let ran = self.ran(line);
        writeln!(self.transcript, "anyone$ streamctl {line}").unwrap();
        for (stream, bytes) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            for line in String::from_utf8_lossy(bytes).lines() {
                writeln!(self.transcript, "{stream}| {line}").unwrap();
            }
        }
        writeln!(self.transcript, "exit {}\n", ran.status.code().unwrap()).unwrap();
    }

    /// What a command that succeeds prints.
    fn printed(&self, line: &str) -> Vec<u8> {
        let ran = self.ran(line);
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_slice(&self.printed(line)).unwrap()
    }

    /// What the chain says that a pair holds at the end of a block.
    fn reserves(&self, pair: Address, block: u64) -> [U256; 2] {
        let call = json!([{ "to": pair, "data": "0x0902f1ac" }, format!("{block:#x}")]);
        let answer = hex::decode(self.fixture.rpc("eth_call", &call).as_str().unwrap()).unwrap();
        [0, 32].map(|start| U256::from_be_slice(&answer[start..start + 32]))
    }

    /// The amounts of the swaps of a pair in a range of blocks, as its logs have them: two in, two out.
    fn swaps(&self, pair: Address, [from, to]: [u64; 2]) -> Vec<[U256; 4]> {
        let range = json!([{
            "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}"), "address": pair, "topics": [SWAP],
        }]);
        let amounts = |log: &Value| {
            let data = hex::decode(log["data"].as_str().unwrap()).unwrap();
            [0, 32, 64, 96].map(|start| U256::from_be_slice(&data[start..start + 32]))
        };
        self.fixture.rpc("eth_getLogs", &range).as_array().unwrap().iter().map(amounts).collect()
    }

    fn pair(&self, symbols: [&str; 2]) -> &Pair {
        self.fixture.pairs.iter().find(|pair| pair.symbols == symbols).unwrap()
    }

    fn decimals(&self, token: Address) -> u8 {
        self.fixture.tokens.iter().find(|it| it.address == token).unwrap().decimals
    }

    #[track_caller]
    fn compare(self, name: &str) {
        let Self { home, mut transcript, names, .. } = self;
        for (name, value) in &names {
            transcript = transcript.replace(value, name);
        }
        let url = names.iter().find(|(name, _)| *name == "$URL").unwrap().1.trim_start_matches("http://").to_owned();
        check(name, &transcript.replace(&url, "$NODE"));
        fs::remove_dir_all(home).unwrap();
    }
}

/// The number that a text with a point says, in units of so many decimals; no digit is lost.
fn units(text: &Value, decimals: u8) -> U256 {
    let text = text.as_str().unwrap();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= usize::from(decimals), "{text} has more than {decimals} decimals");
    format!("{whole}{part:0<width$}", width = usize::from(decimals)).parse().unwrap()
}

/// `numerator / denominator`, half to even.
fn rounded(numerator: U256, denominator: U256) -> U256 {
    let (quotient, rest) = numerator.div_rem(denominator);
    let twice = rest * U256::from(2);
    quotient + U256::from(u8::from(twice > denominator || (twice == denominator && quotient.bit(0))))
}

fn ten(exponent: u8) -> U256 {
    U256::from(10).pow(U256::from(exponent))
}

/// Bytes in DAG-JSON, which are a number.
fn amount(value: &Value) -> U256 {
    let text = value["/"]["bytes"].as_str().unwrap();
    let digits = text.bytes().map(|byte| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        alphabet.iter().position(|it| *it == byte).unwrap()
    });
    let n_bits = text.len() * 6;
    let sum = digits.fold(U256::ZERO, |sum, digit| sum << 6 | U256::from(digit));
    sum >> (n_bits % 8)
}

/// Pairs and tokens, as they are told, against the chain.
fn check_pairs(market: &Market) {
    let pairs = market.json("index pairs --config $CONFIG --json");
    assert_eq!((&pairs["as_of"]["block"], &pairs["next"]), (&json!(END), &Value::Null));
    let items = pairs["items"].as_array().unwrap();
    assert_eq!(items.len(), market.fixture.pairs.len());
    let mut held = BTreeMap::<Address, U256>::new();
    for (item, pair) in items.iter().zip(&market.fixture.pairs) {
        assert_eq!(item["pair"]["address"], json!(pair.address));
        let tokens = [pair.token0, pair.token1];
        let decimals = tokens.map(|token| market.decimals(token));
        let (reserves, swaps) = (market.reserves(pair.address, END), market.swaps(pair.address, [0, END]));
        for side in 0..2 {
            assert_eq!(item["pair"]["tokens"][side]["address"], json!(tokens[side]));
            assert_eq!(units(&item["reserves"][side], decimals[side]), reserves[side], "{:?}", pair.symbols);
            let moved = swaps.iter().map(|amounts| amounts[side].abs_diff(amounts[side + 2]));
            let moved: U256 = moved.fold(U256::ZERO, |sum, amount| sum + amount);
            assert_eq!(units(&item["last_24h"]["volumes"][side], decimals[side]), moved);
            assert_eq!(item["last_7d"]["volumes"], item["last_24h"]["volumes"], "the chain is an hour long");
            *held.entry(tokens[side]).or_default() += reserves[side];
        }
        assert!(!swaps.is_empty() && item["last_24h"]["n_swaps"] == swaps.len());
    }
    // All that stable coins hold beside Ether, over that Ether.
    let (mut dollars, mut ether) = (U256::ZERO, U256::ZERO);
    for stable in ["DAI", "USDC", "USDT"] {
        let pair = market.pair([stable, "WETH"]);
        let side = usize::from(pair.token0 != market.fixture.token(stable));
        let reserves = market.reserves(pair.address, END);
        dollars += reserves[side] * ten(18 - market.decimals(market.fixture.token(stable)));
        ether += reserves[1 - side];
    }
    let tokens = market.json("index tokens --config $CONFIG --json");
    let tokens = tokens["items"].as_array().unwrap();
    assert_eq!(tokens.len(), market.fixture.tokens.len());
    for token in tokens {
        let address: Address = token["token"]["address"].as_str().unwrap().parse().unwrap();
        assert_eq!(units(&token["liquidity"], market.decimals(address)), held[&address]);
        let price = units(&token["price_usd"], 18);
        match token["token"]["symbol"].as_str().unwrap() {
            "WETH" => assert_eq!(price, rounded(dollars * ten(18), ether)),
            // Their pairs hold less than an Ether of any whitelisted token.
            "TINY" | "ORPH" => assert_eq!(price, U256::ZERO),
            _ => assert!(!price.is_zero()),
        }
    }
}

/// Sums of a window against the logs in its blocks.
fn check_windows(market: &Market) {
    for symbols in [["DAI", "WETH"], ["EEE", "DAI"], ["FFF", "USDT"]] {
        let pair = market.pair(symbols);
        let project = format!("uniswap/{:#x}/trade_volume", pair.address);
        for ([from, to], blocks) in [([4, 6], [40, 69]), ([0, 17], [0, END]), ([12, 17], [120, END])] {
            let line = format!("index windows --config $CONFIG --project {project} --from {from} --to {to} --json");
            let sums = market.json(&line);
            let sum = |name: &str| {
                let sums = sums["sums"].as_array().unwrap();
                let sum = sums.iter().find(|sum| sum["name"] == name).unwrap();
                sum["amount"].as_str().unwrap().parse::<U256>().unwrap()
            };
            let swaps = market.swaps(pair.address, blocks);
            assert_eq!(sum("n_swaps"), U256::from(swaps.len()));
            for side in 0..2 {
                let moved = swaps.iter().map(|amounts| amounts[side].abs_diff(amounts[side + 2]));
                assert_eq!(sum(["volume0", "volume1"][side]), moved.fold(U256::ZERO, |sum, amount| sum + amount));
            }
        }
    }
    for token in ["DAI", "FFF"] {
        let pairs: Vec<_> = market.fixture.pairs.iter().filter(|pair| pair.symbols.contains(&token)).collect();
        assert!(!pairs.is_empty());
        let line = format!("index windows --config $CONFIG --token {}", market.fixture.token(token));
        let sums = market.json(&format!("{line} --from 4 --to 6 --json"));
        assert_eq!(sums["token"], json!(market.fixture.token(token).to_checksum(None)));
        let sums: BTreeMap<_, _> = sums["sums"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sum| (sum["name"].as_str().unwrap(), &sum["amount"]))
            .collect();
        let (mut n_swaps, mut volume) = (0, U256::ZERO);
        for pair in pairs {
            let side = usize::from(pair.token0 != market.fixture.token(token));
            for amounts in market.swaps(pair.address, [40, 69]) {
                n_swaps += 1;
                volume += amounts[side].abs_diff(amounts[side + 2]);
            }
        }
        assert_eq!((sums["n_swaps"], sums["volume"]), (&json!(n_swaps.to_string()), &json!(volume.to_string())));
    }
}

/// A snapshot by each way to it, against the chain.
fn check_snapshots(market: &Market) {
    let pair = market.pair(["USDC", "WETH"]);
    let project = format!("uniswap/{:#x}/pair_total_reserves", pair.address);
    let line = format!("index snapshot --config $CONFIG --project {project} --epoch 7");
    let shown = market.json(&line);
    assert_eq!(shown["epoch"], json!({ "id": 7, "begin": 70, "end": 79 }));
    let exactly = market.printed(&format!("{line} --raw"));
    let cid = ::index::content::cid(::index::content::DAG_CBOR, &exactly).to_string();
    let by_cid = format!("index snapshot --config $CONFIG --cid {cid}");
    assert_eq!(market.json(&by_cid), shown);
    assert_eq!(market.printed(&format!("{by_cid} --raw")), exactly);
    let pooler = market.ran(&format!("{line} --pooler"));
    let payload = String::from_utf8(pooler.stdout).unwrap();
    let told = format!("cid {}\n", ::index::content::raw(payload.trim_end().as_bytes()).unwrap());
    assert_eq!(String::from_utf8(pooler.stderr).unwrap(), told);
    // As text, since parsing it would round.
    let column = |name: &str| {
        let (_, column) = payload.split_once(&format!("\"{name}\":{{")).unwrap();
        column.split_once('}').unwrap().0.split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    let columns = ["token0Reserves", "token1Reserves"].map(column);
    for (i, block) in (70..80).enumerate() {
        let reserves = market.reserves(pair.address, block);
        for side in 0..2 {
            assert_eq!(amount(&shown[format!("reserve{side}")][i]), reserves[side], "block {block}");
            let decimals = market.decimals([pair.token0, pair.token1][side]);
            let float = format!("{}e-{decimals}", reserves[side]).parse::<f64>().unwrap();
            assert_eq!(columns[side][i], format!("\"block{block}\":{}", json!(float)));
        }
    }
}

/// Rows, snapshots and sums in files, against the logs.
fn check_exports(market: &Market) {
    let pair = market.pair(["DAI", "WETH"]);
    let lines = |name: &str| {
        let text = fs::read_to_string(market.home.join(name)).unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let done = market.json("index export rows --config $CONFIG --table uniswap_swap --to $HOME/swaps.csv --json");
    let all: usize = market.fixture.pairs.iter().map(|pair| market.swaps(pair.address, [0, 188]).len()).sum();
    assert_eq!((&done["n_rows"], lines("swaps.csv").len()), (&json!(all.to_string()), all));
    market.json("index export snapshots --config $CONFIG --to $HOME/snapshots.csv --json");
    // All are opened one after the other, in blocks 17 to 48: a snapshot of two projects in each epoch from then on.
    let expected: u64 = (0..16).map(|i| 2 * (18 - (17 + 2 * i) / 10)).sum();
    assert_eq!(lines("snapshots.csv").len() as u64, expected);
    let project = format!("uniswap/{:#x}/trade_volume", pair.address);
    market.json(&format!("index export sums --config $CONFIG --project {project} --to $HOME/sums.csv --json"));
    let n_swaps = market.swaps(pair.address, [0, END]).len();
    let last = lines("sums.csv").into_iter().rfind(|line| line.contains(",n_swaps,")).unwrap();
    assert!(last.starts_with("17,") && last.ends_with(&format!(",{n_swaps}")), "{last}");
}

#[test]
fn index_shows_pairs() {
    let mut market = Market::start("pairs");
    let pair = market.pair(["EEE", "DAI"]).address;
    market.name("$PAIR", format!("{pair:#x}"));
    market.name("$DAI", market.fixture.token("DAI"));
    market.types("index run --once --quiet --json --config $CONFIG");
    check_pairs(&market);
    check_windows(&market);
    check_snapshots(&market);
    check_exports(&market);
    market.types("index status --config $CONFIG");
    market.types("index pairs --config $CONFIG");
    market.types("index pairs --config $CONFIG --epoch 5 --limit 3");
    market.types("index pairs --config $CONFIG --epoch 2 --limit 1 --json");
    market.types("index pairs --config $CONFIG --epoch 0");
    market.types("index tokens --config $CONFIG");
    market.types("index tokens --config $CONFIG --limit 1 --json");
    market.types("index projects --config $CONFIG --prefix uniswap/$PAIR");
    market.types("index snapshot --config $CONFIG --project uniswap/$PAIR/pair_total_reserves --epoch 7");
    market.types("index snapshot --config $CONFIG --project uniswap/$PAIR/trade_volume --epoch 5");
    market.types("index windows --config $CONFIG --project uniswap/$PAIR/trade_volume");
    market.types("index windows --config $CONFIG --project uniswap/$PAIR/trade_volume --window 10m --name volume_usd");
    market.types("index windows --config $CONFIG --token $DAI");
    market.types("index verify --config $CONFIG");
    market.types("index verify --config $CONFIG --json");
    market.compare("index_shows_pairs");
}

#[test]
fn index_pairs_that_are_named() {
    let mut market = Market::start("named");
    let named = [["FFF", "USDT"], ["BBB", "WETH"]].map(|symbols| market.pair(symbols).address);
    market.configure("$NAMED", "named.toml", &named);
    market.name("$PAIR", format!("{:#x}", named[0]));
    market.printed("index run --once --quiet --config $CONFIG");
    market.types("index run --once --quiet --json --config $NAMED");
    // What is told of a pair does not depend on which others are followed.
    let told = |config: &str| {
        let mut items = market.json(&format!("index pairs --config {config} --json"))["items"].take();
        let items = items.as_array_mut().unwrap();
        items.retain(|item| named.iter().any(|pair| item["pair"]["address"] == json!(pair)));
        items.clone()
    };
    assert_eq!((told("$NAMED").len(), told("$NAMED")), (2, told("$CONFIG")));
    market.types("index pairs --config $NAMED");
    market.types("index tokens --config $NAMED");
    market.types("index projects --config $NAMED");
    let checked = market.pair(["FFF", "USDT"]).address.to_checksum(None);
    market.name("$MISTYPED", format!("0x{}", checked[2..].to_lowercase().replacen('a', "A", 1)));
    market.name("$CHECKED", checked);
    let other = market.pair(["DAI", "WETH"]).address;
    market.name("$OTHER", format!("{other:#x}"));
    for line in [
        "pairs --epoch 99",
        "pairs --epoch newest",
        "pairs --epoch -1",
        "pairs --limit 0",
        "pairs --after zz",
        "pairs --source streams",
        "pairs --index http://127.0.0.1:1",
        "pairs $PAIR",
        "tokens --epoch 18",
        "tokens --sorce uniswap",
        "streams",
        "snapshot",
        "snapshot --project $PAIR",
        "snapshot --project uniswap/$PAIR",
        "snapshot --project uniswap/$MISTYPED/trade_volume",
        "snapshot --project uniswap/$CHECKED/trade_volume --epoch 99",
        "snapshot --project uniswap/$OTHER/trade_volume",
        "snapshot --project uniswap/$OTHER/trade_volume --pooler",
        "snapshot --project uniswap/$PAIR/reserves --pooler",
        "snapshot --project uniswap/$PAIR/trade_volume --epoch 99 --pooler",
        "snapshot --project uniswap/$PAIR/trade_volume --epoch 3",
        "snapshot --project uniswap/$PAIR/trade_volume --pooler --raw",
        "snapshot --project uniswap/$PAIR/trade_volume --pooler --index http://127.0.0.1:1",
        "snapshot --cid bafy --pooler",
        "snapshot --cid bafy --epoch 4",
        "snapshot --cid bafy --project uniswap/$PAIR/trade_volume",
        "snapshot --epoch 4",
        "windows",
        "windows --project uniswap/$PAIR/pair_total_reserves",
        "windows --project uniswap/$CHECKED/trade_volume --from 6 --name n_swaps",
        "windows --project uniswap/$OTHER/trade_volume",
        "windows --project uniswap/$PAIR/trade_volume --window 24",
        "windows --project uniswap/$PAIR/trade_volume --window 1w",
        "windows --project uniswap/$PAIR/trade_volume --from 5 --to 3",
        "windows --project uniswap/$PAIR/trade_volume --to 99",
        "windows --project uniswap/$PAIR/trade_volume --name volume",
        "windows --project uniswap/$PAIR/trade_volume --from 1 --window 24h",
        "windows --project uniswap/$PAIR/trade_volume --token $PAIR",
        "windows --project uniswap/$PAIR/trade_volume --source uniswap",
        "windows --token $PAIR",
        "windows --token ether",
    ] {
        market.types(&format!("index {line} --config $NAMED"));
    }
    market.compare("index_pairs_that_are_named");
}
