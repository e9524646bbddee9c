//! `index run --once` and the desk: it ends when the desk has answered to this node's votes.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::{
    harness::Net,
    index::{Desk, configure, interrupt, said},
};

/// Snapshotters `one` and `two`, each with a store and a key of its own, and a desk of both: its URL. The desk of `dead`,
/// who has the key of `one`, does not answer.
fn snapshotters(net: &mut Net) -> (Desk, String) {
    configure(net);
    let whole = fs::read_to_string(net.named("$CONFIG")).unwrap();
    let home = net.home().to_owned();
    fs::write(home.join("password"), "correct horse\n").unwrap();
    let write = |name: &str, key: &str, url: &str| {
        let store = whole.replace("streams.db", &format!("{name}.db"));
        let text = format!("{store}[consensus]\nurl = \"{url}\"\nkeystore = \"{key}.json\"\n");
        fs::write(home.join(format!("{name}.toml")), text).unwrap();
    };
    let peers = ["one", "two", "three"].map(|name| {
        write(name, name, "http://127.0.0.1:1");
        let line = format!("index consensus key --new --password-file $HOME/password --config $HOME/{name}.toml");
        net.json(None, &line)["address"].as_str().unwrap().to_owned()
    });
    let desk = whole.replace("streams.db", "desk.db");
    let desk = format!("{desk}[desk]\nlisten = \"127.0.0.1:0\"\npeers = {:?}\n", &peers[..2]);
    fs::write(home.join("desk.toml"), desk).unwrap();
    let (desk, url) = Desk::start(net, "$HOME/desk.toml");
    for name in ["one", "two", "three"] {
        write(name, name, &url);
    }
    write("dead", "one", "http://127.0.0.1:1");
    (desk, url)
}

#[test]
fn index_run_once_casts_its_votes() {
    let mut net = Net::with_streams();
    let (_desk, _) = snapshotters(&mut net);
    let run = |name: &str| {
        let line = format!("index run --once --password-file $HOME/password --config $HOME/{name}.toml");
        let ran = net.command(None, &line).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let votes = |name: &str, outcome: &str| {
        let line = format!("index consensus status --config $HOME/{name}.toml");
        net.json(None, &line)[outcome].as_str().unwrap().parse::<u32>().unwrap()
    };
    let (code, told) = run("one");
    assert_eq!(code, Some(0), "{told}");
    assert_eq!((votes("one", "submitted"), votes("one", "pending")), (17, 0));
    let (code, told) = run("two");
    assert_eq!(code, Some(0), "{told}");
    assert_eq!((votes("two", "finalized"), votes("two", "pending")), (17, 0));
    // Who is not among the peers has an answer to each vote, and is told what it is.
    let (code, told) = run("three");
    assert_eq!(code, Some(0), "{told}");
    assert_eq!((votes("three", "submitted"), votes("three", "pending")), (0, 17));
    let warnings: Vec<&str> = told.lines().filter(|line| line.starts_with("warning")).collect();
    let expected = "warning: the desk does not take this node's votes; is the address of `streamctl index consensus key` \
                    among its peers?";
    assert_eq!(warnings, [expected]);
}

#[test]
fn index_run_once_waits_for_a_desk_that_is_away() {
    let mut net = Net::with_streams();
    let (desk, _) = snapshotters(&mut net);
    drop(desk);
    let line = "index run --once --json --password-file $HOME/password --config $HOME/dead.toml";
    let mut child = net.command(None, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    said(&mut stderr, "all else is done; waiting for the desk to answer to 17 votes");
    interrupt(&child);
    let error = said(&mut stderr, "error: ");
    assert_eq!(error, "error: stopped before all was done up to the chain's head; run it again to go on");
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&told["stored"], &told["n_snapshots"]), (&"1015".into(), &"18".into()));
}
