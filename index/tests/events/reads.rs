//! What a source reads of its contracts: what can be wrong with it, and what contracts may answer.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use index::block::Blocks;
use index::config::{EventsConfig, FactoryConfig};
use index::database::{Database, open, transaction};
use index::epoch::Epochs;
use index::kind::events::Events;
use index::kind::{Call, Kind as _, Reader};
use index::rows::Value;
use index::{Error, Result};
use ipld_core::ipld::Ipld;

use crate::{CONTRACT, Folder, epoch, events_config, hash, postgres};

const OTHER: Address = Address::repeat_byte(0x0b);

fn function(name: &str, inputs: &str, outputs: &str, mutability: &str) -> String {
    let parameters = |kinds: &str| {
        let kinds = kinds.split(' ').filter(|kind| !kind.is_empty());
        kinds.map(|kind| format!(r#"{{"name": "", "type": "{kind}"}}"#)).collect::<Vec<_>>().join(", ")
    };
    let (inputs, outputs) = (parameters(inputs), parameters(outputs));
    format!(
        r#"{{"type": "function", "name": "{name}", "inputs": [{inputs}], "outputs": [{outputs}],
            "stateMutability": "{mutability}"}}"#
    )
}

fn abi(folder: &Folder) -> std::path::PathBuf {
    let functions = [
        function("supply", "", "uint256", "view"),
        function("change", "", "int128", "pure"),
        function("reserves", "", "uint112 uint112 bool", "view"),
        function("owners", "", "address[]", "view"),
        function("name", "", "string", "view"),
        function("balance", "address", "uint8", "view"),
        function("at", "uint256", "uint8", "view"),
        function("at", "string bool", "uint8", "view"),
        function("both", "address", "uint8", "view"),
        function("both", "bytes20", "uint8", "view"),
        function("pay", "", "bool", "payable"),
        function("nothing", "", "", "view"),
    ];
    let event = r#"{"type": "event", "name": "Moved", "anonymous": false, "inputs": []}"#;
    folder.file("reads.json", &format!("[{event}, {}]", functions.join(", ")))
}

fn config(folder: &Folder, reads: &[&str]) -> EventsConfig {
    let reads = reads.iter().map(|read| (*read).to_owned()).collect();
    EventsConfig { reads, contracts: vec![CONTRACT, OTHER], ..events_config(&abi(folder), &[]) }
}

#[track_caller]
fn refused(config: &EventsConfig, expected: &str) {
    let error = Events::new("app", 0, config).unwrap_err().to_string();
    assert_eq!(error, format!("reads of source app: {expected}"));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let folder = Folder::make();
    let of = |reads: &[&str]| config(&folder, reads);
    let views = "at(uint256), at(string,bool), balance(address), both(address), both(bytes20), change(), name(), nothing(), \
                 owners(), reserves(), supply()";
    refused(&of(&["supplies"]), &format!("supplies is not in its abi, which has {views}"));
    refused(&of(&["pay"]), "pay is pay(), which writes; name a function that only reads");
    refused(&of(&["nothing"]), "nothing answers nothing; leave it out");
    refused(&of(&["supply", "supply()"]), "supply is there twice; remove one");
    refused(&of(&["at(1)", "at(0x01)"]), "at(0x01) is there twice; remove one");
    refused(&of(&["supply("]), "supply( has no ) at its end; add it");
    for wrong in ["balance", "balance()", "balance(1)", &format!("balance({OTHER}, 1)"), "supply(1)"] {
        let signature = if wrong.starts_with('b') { "balance(address)" } else { "supply()" };
        let told = format!("{wrong} has arguments that fit none of {signature}; give those of one");
        refused(&of(&[wrong]), &told);
    }
    let both = format!("both({OTHER})");
    let told = format!("{both} has arguments that fit several of both(address) and both(bytes20); give those of one");
    refused(&of(&[&both]), &told);
    let long = format!("at({}, true)", "n".repeat(200));
    refused(&of(&[&long]), &format!("{long} has 210 bytes, which are more than 128; leave it out"));
    let event = "event Made(address child)".to_owned();
    let factory = Some(FactoryConfig { address: CONTRACT, event, argument: "child".to_owned() });
    refused(
        &EventsConfig { factory, contracts: Vec::new(), ..of(&["supply"]) },
        "anybody can have a factory make more contracts than can be read; name contracts in place of it",
    );
    let many = EventsConfig {
        contracts: (0..129_u64).map(|i| Address::from_word(U256::from(i).into())).collect(),
        ..of(&["supply", "name"])
    };
    refused(
        &many,
        "2 of 129 contracts are 258 questions at the end of each epoch, which are more than 256; make several sources \
         of it",
    );
    Events::new("app", 0, &of(&["at(1)", "at(a, true)", "supply", "at(2)"])).unwrap();
}

/// Answers by contract and the beginning of the input, and what is asked.
struct Answers(BTreeMap<(Address, [u8; 4]), Vec<u8>>);

impl Reader for Answers {
    fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        assert_eq!(at, Some(hash(9)), "the end of the epoch");
        let answer =
            |call: &Call| self.0.get(&(call.to, call.input[..4].try_into().unwrap())).cloned().map(Bytes::from);
        Ok(calls.iter().map(answer).collect())
    }
}

/// No state at all.
struct Pruned;

impl Reader for Pruned {
    fn read(&self, _: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        Err(Error::NoState { block: 0, what: "a call".to_owned(), remedy: "do nothing".to_owned() })
    }
}

/// Blocks 5 to 14, of which 9 is the end of epoch 0 and the source's first.
fn stored(address: &str, reads: &[&str], folder: &Folder) -> (Box<dyn Database>, Events) {
    let mut database = open(address).unwrap();
    let cut = Epochs { genesis: 0, size: 10, offset: 0 };
    let events = Events::new("my-app", 9, &config(folder, reads)).unwrap().with_ends_of(cut);
    let tables = events.watch().events.iter().map(|watched| watched.table.table.clone()).chain(events.tables());
    tables.for_each(|table| database.create(&table).unwrap());
    for number in 5..15 {
        let [hash, parent] = [hash(number), hash(number - 1)];
        let values = [Value::count(number), Value::Blob(hash.as_slice()), Value::Blob(parent.as_slice())];
        database.run("INSERT INTO block VALUES (?1, ?2, ?3, 0)", &values).unwrap();
    }
    (database, events)
}

fn addresses() -> impl Iterator<Item = String> {
    [Some(":memory:".to_owned()), postgres::url()].into_iter().flatten()
}

const BLOCKS: Blocks = Blocks { first: 5, last: 14 };

fn state(events: &mut Events, database: &mut dyn Database, id: u64) -> Ipld {
    let snapshot = events.snapshots(database, &epoch(id)).unwrap().remove(0);
    let Ipld::Map(payload) = serde_ipld_dagcbor::from_slice(&snapshot.bytes).unwrap() else { panic!("it is a map") };
    payload["state"].clone()
}

fn words(words: &[U256]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect()
}

fn word(number: u64) -> U256 {
    U256::from(number)
}

/// What `read` says of an answer.
#[track_caller]
fn check(read: &str, answer: Option<Vec<u8>>, expected: Ipld) {
    let folder = Folder::make();
    for address in addresses() {
        let (mut database, mut events) = stored(&address, &[read], &folder);
        let signature = match read {
            "name" | "owners" | "supply" | "change" | "reserves" => format!("{read}()"),
            _ => "at(uint256)".to_owned(),
        };
        let selector: [u8; 4] = keccak256(signature)[..4].try_into().unwrap();
        let answers = Answers(answer.clone().map(|answer| ((CONTRACT, selector), answer)).into_iter().collect());
        events.prepare(database.as_mut(), &answers, BLOCKS).unwrap();
        transaction(database.as_mut(), |database| events.derive(database, BLOCKS)).unwrap();
        let said = |value: Ipld| Ipld::Map([(read.to_owned(), value)].into());
        let all = [(CONTRACT, expected.clone()), (OTHER, Ipld::Null)];
        let all: BTreeMap<_, _> = all.map(|(contract, value)| (format!("{contract:#x}"), said(value))).into();
        assert_eq!(state(&mut events, database.as_mut(), 0), Ipld::Map(all), "{read}");
    }
}

#[test]
fn answers_are_decoded_or_nothing() {
    let text = |bytes: &[u8]| {
        let mut answer = words(&[word(32), U256::from(bytes.len())]);
        answer.extend(bytes);
        answer.resize(answer.len().next_multiple_of(32), 0);
        answer
    };
    check("supply", Some(words(&[word(7)])), Ipld::Integer(7));
    check("supply", Some(words(&[U256::MAX])), Ipld::Bytes(vec![0xff; 32]));
    check("supply", None, Ipld::Null);
    check("supply", Some(vec![0; 31]), Ipld::Null);
    check("change", Some(words(&[U256::MAX])), Ipld::Integer(-1));
    check("change", Some(words(&[U256::ONE << 200])), Ipld::Null);
    let three = Ipld::List(vec![Ipld::Integer(1), Ipld::Integer(2), Ipld::Bool(true)]);
    check("reserves", Some(words(&[word(1), word(2), word(1)])), three);
    check("reserves", Some(words(&[word(1), word(2), word(2)])), Ipld::Null);
    let owner = words(&[word(32), word(1), U256::from_be_slice(OTHER.as_slice())]);
    check("owners", Some(owner), Ipld::String(format!("[\"{OTHER}\"]")));
    check("owners", Some(words(&[word(32), U256::MAX])), Ipld::Null);
    check("name", Some(text("Köln".as_bytes())), Ipld::String("Köln".to_owned()));
    // Neither an answer nor what it becomes is longer than 2,048 bytes.
    check("name", Some(text(&[b'n'; 1_900])), Ipld::String("n".repeat(1_900)));
    check("name", Some(text(&[b'n'; 2_000])), Ipld::Null);
    check("name", Some(text(&[0xff; 1_000])), Ipld::Null);
    check("at(5)", Some(words(&[word(5)])), Ipld::Integer(5));
}

#[test]
fn what_was_read_is_written_once_and_taken_back() {
    let folder = Folder::make();
    for address in addresses() {
        let (mut database, mut events) = stored(&address, &["supply"], &folder);
        let database = database.as_mut();
        let answers = |supply: u64| {
            let selector: [u8; 4] = keccak256("supply()")[..4].try_into().unwrap();
            Answers([CONTRACT, OTHER].map(|contract| ((contract, selector), words(&[word(supply)]))).into())
        };
        let missing = events.snapshots(database, &epoch(0)).unwrap_err().to_string();
        assert!(
            missing.contains("0 of 2 answers of the contracts of source my-app at block 9 are stored"),
            "{missing}"
        );
        events.prepare(database, &answers(7), BLOCKS).unwrap();
        let failed: Result<()> = transaction(database, |database| {
            events.derive(database, BLOCKS)?;
            Err(Error::Config("no".to_owned()))
        });
        assert!(failed.is_err());
        for _ in 0..2 {
            transaction(database, |database| events.derive(database, BLOCKS)).unwrap();
        }
        let supply = |supply: i128| {
            let said = |contract: Address| {
                (format!("{contract:#x}"), Ipld::Map([("supply".to_owned(), Ipld::Integer(supply))].into()))
            };
            Ipld::Map([CONTRACT, OTHER].map(said).into())
        };
        assert_eq!(state(&mut events, database, 0), supply(7));
        let rows = database.ask("SELECT block, contract FROM my_app_reads ORDER BY contract", &[]).unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.count(0).unwrap(), row.address(1).unwrap())).collect();
        assert_eq!(found, [(9, OTHER), (9, CONTRACT)], "only at the end of an epoch");

        // The other branch says something else; what was prepared for this one is not written to it.
        events.prepare(database, &answers(8), BLOCKS).unwrap();
        events.unwind(database, 8).unwrap();
        database.run("DELETE FROM my_app_reads WHERE block > 8", &[]).unwrap();
        transaction(database, |database| events.derive(database, BLOCKS)).unwrap();
        assert!(events.snapshots(database, &epoch(0)).is_err());
        events.prepare(database, &answers(9), BLOCKS).unwrap();
        transaction(database, |database| events.derive(database, BLOCKS)).unwrap();
        assert_eq!(state(&mut events, database, 0), supply(9));
    }
}

#[test]
fn a_state_that_nobody_keeps_is_no_answer() {
    let folder = Folder::make();
    for address in addresses() {
        let (mut database, mut events) = stored(&address, &["supply"], &folder);
        let error = events.prepare(database.as_mut(), &Pruned, BLOCKS).unwrap_err().to_string();
        let told = "no endpoint has the state of block 9, which what source my-app reads at the end of an epoch needs; add an \
                    endpoint that has it, or leave `reads` out and name another store: only archive nodes keep old states";
        assert_eq!(error, told);
        // Blocks without an end of an epoch, or before the source begins, need none.
        events.prepare(database.as_mut(), &Pruned, Blocks { first: 10, last: 14 }).unwrap();
        events.prepare(database.as_mut(), &Pruned, Blocks { first: 5, last: 8 }).unwrap();
    }
    let (mut database, _) = stored(":memory:", &["supply"], &folder);
    let cut = Epochs { genesis: 0, size: 5, offset: 0 };
    let mut late = Events::new("my-app", 10, &config(&folder, &["supply"])).unwrap().with_ends_of(cut);
    late.prepare(database.as_mut(), &Pruned, Blocks { first: 5, last: 9 }).unwrap();
    assert_eq!(state(&mut late, database.as_mut(), 0), Ipld::Map(BTreeMap::new()), "its contracts are not its own yet");
}

#[test]
fn sources_that_read_nothing_have_neither_table_nor_state() {
    let folder = Folder::make();
    let (mut database, mut events) = stored(":memory:", &[], &folder);
    assert!(events.tables().is_empty());
    events.prepare(database.as_mut(), &Pruned, BLOCKS).unwrap();
    events.derive(database.as_mut(), BLOCKS).unwrap();
    let snapshot = events.snapshots(database.as_mut(), &epoch(0)).unwrap().remove(0);
    let payload: Ipld = serde_ipld_dagcbor::from_slice(&snapshot.bytes).unwrap();
    assert!(matches!(payload, Ipld::Map(payload) if !payload.contains_key("state")));
}
