//! An index that another process fills.

use std::{
    fs,
    process::{Command, Stdio},
};

use bindings::{Clock, create2_address};
use serde_json::Value;

use crate::harness::Net;

/// Where another process follows the chain, `--once` waits until that one has come to the chain's head.
#[test]
fn index_run_once_beside_another_waits_for_that_one() {
    let mut net = Net::with_streams();
    let text = format!(
        "store = \"shared.db\"\n\
         [chain]\nid = 31337\nendpoints = [{{ url = \"{}\" }}]\npoll_ms = 50\n\
         [epochs]\ngenesis = 0\nsize = 50\noffset = 2\n\
         [[source]]\nname = \"streams\"\nkind = \"erc1620\"\ncontracts = [\"{}\"]\n",
        net.url(),
        create2_address(Clock::Block)
    );
    let file = net.home().join("shared.toml");
    fs::write(&file, text).unwrap();
    net.name("$CONFIG", file.display());
    let once = |net: &Net| -> (Value, String) {
        let ran = net.command(None, "index run --once --json --config $CONFIG").output().unwrap();
        let told = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.success(), "{told}");
        (serde_json::from_slice(&ran.stdout).unwrap(), told)
    };
    let (first, told) = once(&net);
    assert!(!told.contains("another process"), "{told}");
    let mut leader =
        net.command(None, "index run --quiet --json --config $CONFIG").stdout(Stdio::piped()).spawn().unwrap();
    // It leads from when it has stored what comes next.
    net.mine(60);
    let head = net.rpc("eth_blockNumber", serde_json::json!([]));
    let head = u64::from_str_radix(head.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    while net.json(None, "index status --config $CONFIG")["as_of"]["block"] != head {}
    net.mine(100);
    let (ran, told) = once(&net);
    assert!(
        told.contains("another process follows the chain into this store; this one makes snapshots for it"),
        "{told}"
    );
    assert_eq!((&ran["head"], &ran["stored"]), (&Value::from((head + 100).to_string()), &ran["head"]));
    assert_eq!((&ran["n_blocks"], &ran["n_rows"]), (&"0".into(), &"0".into()), "the other one stored them");
    let epochs = |ran: &Value| ran["epochs"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(epochs(&ran) >= epochs(&first) + 3, "{first} {ran}");
    assert!(Command::new("kill").args(["-TERM", &leader.id().to_string()]).status().unwrap().success());
    assert!(leader.wait().unwrap().success());
}
