use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use ::index::{database, rows::Value};
use serde_json::json;

use crate::{
    harness::Net,
    index::{Desk, Running},
};

/// Snapshotters, the first three of which are honest.
const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];
const N_HONEST: usize = 3;

/// The epoch in whose blocks the event is that the others change.
const EPOCH: u64 = 2;

/// Blocks of an epoch.
const SIZE: u64 = 50;

/// Writes a configuration for the transfers of the net's token at `file`, with `rest` after it.
fn configure(net: &Net, file: &str, rest: &str) {
    let text = format!(
        "store = \"{file}.db\"\n\
         [chain]\nid = 31337\nendpoints = [{{ url = \"{}\" }}]\npoll_ms = 50\n\
         [epochs]\ngenesis = 0\nsize = {SIZE}\noffset = 2\n\
         [[source]]\nname = \"tokens\"\nkind = \"events\"\nabi = \"abi.json\"\ncontracts = [\"{}\"]\n{rest}",
        net.url(),
        net.token
    );
    fs::write(net.home().join(format!("{file}.toml")), text).unwrap();
}

fn write_abi(folder: &Path) {
    let input = |name: &str, kind: &str, indexed: bool| json!({ "name": name, "type": kind, "indexed": indexed });
    let inputs = [input("from", "address", true), input("to", "address", true), input("value", "uint256", false)];
    let abi = json!([{ "type": "event", "name": "Transfer", "inputs": inputs, "anonymous": false }]);
    fs::write(folder.join("abi.json"), abi.to_string()).unwrap();
}

/// Epoch, own snapshot, agreed snapshot and what became of it, of all that the snapshotter has told the desk.
fn outcomes(net: &Net, name: &str) -> Vec<(u64, String, Option<String>, String)> {
    let store = net.home().join(format!("{name}.db")).display().to_string();
    let mut database = database::open_to_read(&store).unwrap();
    let sql = "SELECT epoch, cid, final_cid, status FROM consensus ORDER BY epoch";
    let rows = database.ask(sql, &[]).unwrap();
    let text = |row: &::index::rows::Row<'_>, i| row.text(i).unwrap().to_owned();
    rows.iter()
        .map(|row| (row.count(0).unwrap(), text(&row, 1), (!row.is_null(2)).then(|| text(&row, 2)), text(&row, 3)))
        .collect()
}

/// Five snapshotters of one chain, each a process with a store of its own. Two have changed the same row of theirs in the
/// same way before the epoch's snapshot, so that they agree with each other: the three others decide, and the two are told
/// that they are disputed and keep what they have.
#[test]
fn index_liars_stand_alone_among_five() {
    let mut net = Net::new();
    write_abi(net.home());
    fs::write(net.home().join("password"), "correct horse\n").unwrap();
    let mut peers = Vec::new();
    let with_key = "--password-file $HOME/password --config $HOME";
    for name in NAMES {
        configure(&net, name, &format!("[consensus]\nurl = \"http://127.0.0.1:1\"\nkeystore = \"{name}.json\"\n"));
        let key = net.json(None, &format!("index consensus key --new {with_key}/{name}.toml"));
        peers.push(key["address"].as_str().unwrap().to_owned());
    }
    configure(&net, "desk", &format!("[desk]\nlisten = \"127.0.0.1:0\"\npeers = {peers:?}\n"));
    let (_desk, url) = Desk::start(&net, "$HOME/desk.toml");

    for name in &NAMES[N_HONEST..] {
        // Without a vote, so that it needs no key.
        configure(&net, name, "");
        net.json(None, &format!("index run --once --quiet --config $HOME/{name}.toml"));
        let mut store = database::open(net.home().join(format!("{name}.db")).to_str().unwrap()).unwrap();
        let sql = "UPDATE tokens_transfer SET value = ?1 WHERE block BETWEEN ?2 AND ?3";
        let (first, last) = (EPOCH * SIZE, (EPOCH + 1) * SIZE - 1);
        let changed = store.run(sql, &[Value::Blob(&[7; 32]), Value::count(first), Value::count(last)]).unwrap();
        assert_eq!(changed, 1, "the token was minted in epoch {EPOCH}");
        assert!(store.ask("SELECT 1 FROM snapshot WHERE epoch = ?1", &[Value::count(EPOCH)]).unwrap().is_empty());
    }
    // The node calls final what is 64 blocks deep: the epoch, and not the next one.
    net.mine(SIZE + 70);

    let mut running = Vec::new();
    for name in NAMES {
        configure(&net, name, &format!("[consensus]\nurl = \"{url}\"\nkeystore = \"{name}.json\"\n"));
        running.push(Running::with(&mut net, &format!("{with_key}/{name}.toml")));
    }
    let is_over = |name: &str| {
        let outcomes = outcomes(&net, name);
        outcomes.len() as u64 == EPOCH + 1
            && outcomes.iter().all(|(.., status)| status == "finalized" || status == "disputed")
    };
    let end = Instant::now() + Duration::from_secs(120);
    for name in NAMES {
        while !is_over(name) {
            assert!(Instant::now() < end, "{:?}", NAMES.map(|name| outcomes(&net, name)));
            std::thread::yield_now();
        }
    }

    let found = NAMES.map(|name| outcomes(&net, name));
    let own = |peer: usize| found[peer][usize::try_from(EPOCH).unwrap()].1.clone();
    assert_ne!(own(0), own(N_HONEST));
    for (peer, outcomes) in found.iter().enumerate() {
        for (epoch, cid, final_cid, status) in outcomes {
            let is_liar = peer >= N_HONEST && *epoch == EPOCH;
            assert_eq!(status, if is_liar { "disputed" } else { "finalized" }, "{peer} {epoch}");
            let agreed = if is_liar { own(0) } else { cid.clone() };
            assert_eq!(*final_cid, Some(agreed), "{peer} {epoch}");
        }
        assert_eq!(own(peer), own(if peer < N_HONEST { 0 } else { N_HONEST }), "no snapshot is replaced");
        let told = net.json(None, &format!("index consensus status --config $HOME/{}.toml", NAMES[peer]));
        let n_disputed = u64::from(peer >= N_HONEST);
        let expected = [(EPOCH + 1 - n_disputed).to_string(), n_disputed.to_string()];
        assert_eq!([&told["finalized"], &told["disputed"]], [&json!(expected[0]), &json!(expected[1])], "{told}");
    }
    for liar in &mut running[N_HONEST..] {
        let said = format!("warning: the others agree on another snapshot of tokens at epoch {EPOCH}");
        assert!(liar.stderr.any(|line| line.unwrap() == said), "its operator is told");
    }
}
