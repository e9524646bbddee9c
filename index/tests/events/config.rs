//! What can be wrong with an ABI, and names in two databases.

use index::abi::EventTable;
use index::config::{Config, EventsConfig, FactoryConfig};
use index::database::open;
use index::event::Emitter;
use index::kind::Kind as _;
use index::kind::events::Events;

use crate::{ABI, CONTRACT, Folder, events_config, postgres};

#[track_caller]
fn refused(config: &EventsConfig, expected: &str) {
    let error = Events::new("app", 0, config).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn an_abi_is_a_list_or_has_one() {
    let folder = Folder::make();
    let list = folder.file("list.json", ABI);
    let artifact = folder.file("artifact.json", &format!("{{\"contractName\": \"A\", \"abi\": {ABI}}}"));
    for path in [&list, &artifact] {
        let events = Events::new("app", 5, &events_config(path, &[])).unwrap();
        let names: Vec<_> = events.watch().events.iter().map(|watched| watched.table.table.name.as_str()).collect();
        assert_eq!(names, ["app_idle", "app_moved"]);
        assert_eq!(events.watch().start_block, 5);
        assert!(events.watch().events.iter().all(|watched| watched.emitter == Emitter::Contracts(vec![CONTRACT])));
    }
    let one = Events::new("app", 0, &events_config(&list, &["Idle()", "Idle"])).unwrap();
    assert_eq!(one.watch().events.len(), 1);

    refused(
        &events_config(&folder.0.join("none.json"), &[]),
        "No such file or directory (os error 2); name another file",
    );
    refused(&events_config(&folder.file("a", "{"), &[]), "EOF while parsing");
    refused(&events_config(&folder.file("b", "{}"), &[]), "it is neither a list nor has one at `abi`");
    refused(&events_config(&folder.file("c", "[]"), &[]), "abi of source app has no events; name another file");
    refused(&events_config(&folder.file("d", r#"[{"type": "event"}]"#), &[]), "missing field");
    refused(&events_config(&list, &["Movd"]), "event Movd of source app is not in its abi, which has Idle, Moved");
}

#[test]
fn events_of_one_name_are_chosen_by_signature() {
    let folder = Folder::make();
    let event = |kind: &str| {
        let input = format!(r#"{{"name": "a", "type": "{kind}", "indexed": false}}"#);
        format!(r#"{{"type": "event", "name": "E", "anonymous": false, "inputs": [{input}]}}"#)
    };
    let abi = folder.file("abi.json", &format!("[{}, {}]", event("bool"), event("string")));
    refused(&events_config(&abi, &[]), "share the table app_e; choose one of them by its signature in events");
    refused(&events_config(&abi, &["E"]), "share the table app_e");
    let chosen = Events::new("app", 0, &events_config(&abi, &["E(string)"])).unwrap();
    assert_eq!(chosen.watch().events[0].table.meanings.len(), 5);
}

#[test]
fn a_factory_is_watched_with_its_children() {
    let folder = Folder::make();
    let abi = folder.file("abi.json", ABI);
    let with = |event: &str, argument: &str| EventsConfig {
        contracts: Vec::new(),
        factory: Some(FactoryConfig { address: CONTRACT, event: event.to_owned(), argument: argument.to_owned() }),
        ..events_config(&abi, &[])
    };
    let events =
        Events::new("app", 0, &with("event Made(address indexed owner, address child, uint256)", "child")).unwrap();
    let watch = events.watch();
    let factory = watch.factory.as_ref().unwrap();
    assert_eq!(watch.events[factory.event].table.table.columns[factory.column].name, "child");
    assert_eq!(watch.events[factory.event].emitter, Emitter::Contracts(vec![CONTRACT]));
    assert!(watch.events[1..].iter().all(|watched| watched.emitter == Emitter::Children));
    assert_eq!(watch.events.len(), 3);
    refused(&with("event Made(", "child"), "factory of source app: \"event Made(\" is no event");
    refused(
        &with("event Made(uint256 child)", "child"),
        "child is no argument of type address of event Made(uint256 child)",
    );
    refused(&with("event Made(address child)", "pair"), "pair is no argument of type address");
}

fn kinds(folder: &Folder, sources: &[(&str, &str)]) -> Result<usize, String> {
    let mut text = "store = 'a.db'\nchain = { id = 1, endpoints = [{ url = 'http://127.0.0.1:8545' }] }\n\
                    epochs = { genesis = 0, size = 10, offset = 2 }\n"
        .to_owned();
    for (i, (name, event)) in sources.iter().enumerate() {
        let abi = format!(r#"[{{"type": "event", "name": "{event}", "anonymous": false, "inputs": []}}]"#);
        folder.file(&format!("{i}.json"), &abi);
        text +=
            &format!("[[source]]\nname = '{name}'\nkind = 'events'\nabi = '{i}.json'\ncontracts = ['{CONTRACT}']\n");
    }
    let config = Config::parse(&text, &folder.0, &|_| None).map_err(|error| error.to_string())?;
    config.kinds().map(|kinds| kinds.len()).map_err(|error| error.to_string())
}

#[test]
fn no_two_sources_share_a_table() {
    let folder = Folder::make();
    assert_eq!(kinds(&folder, &[("a", "C"), ("b", "C")]), Ok(2));
    let clash = |name, table, problem| {
        Err(format!("source {name} would have the table {table}, and {problem}; rename the source"))
    };
    let other = "source a has one of that name";
    assert_eq!(kinds(&folder, &[("a", "BC"), ("a-b", "C")]), Ok(2));
    assert_eq!(kinds(&folder, &[("a", "bC"), ("a-b", "C")]), clash("a-b", "a_b_c", other));
    let own = "the index itself has one of that name";
    assert_eq!(kinds(&folder, &[("prefix", "Sum")]), clash("prefix", "prefix_sum", own));
    assert_eq!(kinds(&folder, &[("snapshot", "ByCid")]), clash("snapshot", "snapshot_by_cid", own));
    assert_eq!(kinds(&folder, &[("index", "Version")]), clash("index", "index_version", own));
}

#[test]
fn every_word_of_sql_can_be_an_argument() {
    let postgres = postgres::url();
    let mut words: Vec<String> = Vec::new();
    if let Some(url) = &postgres {
        let answer = open(url).unwrap().ask("SELECT word FROM pg_get_keywords()", &[]).unwrap();
        words.extend(answer.iter().map(|row| row.text(0).unwrap().to_owned()));
    }
    let sqlite = "add all alter and as autoincrement between case check collate commit constraint create default \
                  deferrable delete distinct drop else escape except exists foreign from group having in index insert \
                  intersect into is isnull join limit not nothing notnull null on or order primary references returning \
                  select set table then to transaction union unique update using values when where rowid oid ctid xmin \
                  xmax cmin cmax tableoid block idx tx contract integer blob text";
    words.extend(sqlite.split(' ').map(str::to_owned));
    words.sort_unstable();
    words.dedup();
    let addresses = [Some(":memory:".to_owned()), postgres];
    for address in addresses.into_iter().flatten() {
        let mut database = open(&address).unwrap();
        for (i, words) in words.chunks(100).enumerate() {
            let inputs = words.iter().map(|word| alloy::json_abi::EventParam {
                ty: "bool".to_owned(),
                name: word.clone(),
                ..alloy::json_abi::EventParam::default()
            });
            let event = alloy::json_abi::Event { name: format!("E{i}"), inputs: inputs.collect(), anonymous: false };
            let table = EventTable::new("app", &event).unwrap().table;
            database.create(&table).unwrap();
            let names: Vec<_> = table.columns.iter().map(|column| format!("e.{}", column.name)).collect();
            let bare: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
            for names in [names.join(", "), bare.join(", ")] {
                let answer = database.ask(&format!("SELECT {names} FROM {} e", table.name), &[]).unwrap();
                assert_eq!(answer.n_columns(), table.columns.len());
            }
        }
    }
}
