use std::{
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    harness::{anvil, streamctl},
    json::check,
};

/// The demo reconciles every unit, and says which commands it ran.
#[test]
fn demo_as_json() {
    let ran = streamctl().args(["demo", "--json"]).env("STREAMCTL_ANVIL", anvil()).output().unwrap();
    assert_eq!(String::from_utf8(ran.stderr).unwrap(), "");
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let commands: Vec<_> =
        report["steps"].as_array().unwrap().iter().map(|step| step["command"].as_str().unwrap().to_owned()).collect();
    for verb in
        ["deploy", "create", "show", "withdraw", "update propose", "update accept", "balance", "redeem", "index"]
    {
        assert!(commands.iter().any(|command| command.starts_with(&format!("streamctl {verb}"))), "{verb}");
    }
    documented("demo", &report);
    let units = |name: &str| report["reconciliation"][name].as_str().unwrap().parse::<u128>().unwrap();
    assert_eq!(units("contract_holds"), 0);
    assert_eq!(units("sender_holds") + units("recipient_holds"), units("minted"));
    assert_ne!(units("recipient_holds"), 0);
    assert_eq!(ran.status.code(), Some(0));
}

#[test]
fn demo_without_anvil() {
    let check = |variable: &str, value: &str, expected: &str| {
        let ran = streamctl().arg("demo").env(variable, value).current_dir("/").output().unwrap();
        assert_eq!(String::from_utf8(ran.stderr).unwrap(), format!("error: {expected}\n"));
        assert_eq!((ran.status.code(), ran.stdout), (Some(1), Vec::new()));
    };
    check("STREAMCTL_ANVIL", "/nowhere", "STREAMCTL_ANVIL is /nowhere, where there is no program");
    check(
        "PATH",
        "/nowhere",
        "there is no anvil; run `make lib` in the repository, install Foundry, or set STREAMCTL_ANVIL",
    );
}

/// The chain ends with the demo, also when somebody ends the demo.
#[cfg(unix)]
#[test]
fn demo_ended_from_outside() {
    let mut demo = streamctl();
    demo.arg("demo").env("STREAMCTL_ANVIL", anvil()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = demo.spawn().unwrap();
    let mut line = String::new();
    // Dropped at the end: a demo that nobody reads ends by itself.
    let mut stdout = BufReader::new(demo.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let address = line.trim().trim_end_matches('.').rsplit_once("http://").unwrap().1.to_owned();
    TcpStream::connect(&address).unwrap();
    assert!(Command::new("kill").args(["-TERM", &demo.id().to_string()]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(1));
    let mut stderr = String::new();
    demo.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "error: the demo was interrupted; its chain is gone\n");
    TcpStream::connect(&address).unwrap_err();
}

/// The circle through a rollup, with Cartesi's contracts and the real application, reconciles every unit on both sides.
#[test]
fn rollup_demo_as_json() {
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--locked", "-p", "dapp"]).status().unwrap();
    assert!(built.success());
    let ran = streamctl().args(["rollup", "demo", "--json"]).env("STREAMCTL_ANVIL", anvil()).output().unwrap();
    assert_eq!(String::from_utf8(ran.stderr).unwrap(), "");
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    documented("rollup demo", &report);
    let units = |name: &str| report["reconciliation"][name].as_str().unwrap().parse::<u128>().unwrap();
    assert_eq!(units("alice_holds") + units("bob_holds") + units("application_holds"), units("minted"));
    assert_eq!((units("bob_holds"), units("withdrawn")), (1_000_000_000, 1_000_000_000));
    assert_eq!(units("supply"), units("application_holds"));
    assert_eq!(ran.status.code(), Some(0));
}

/// The keys of a demo's own; those of its steps' results are the commands'.
#[track_caller]
fn documented(command: &str, report: &Value) {
    let mut report = report.clone();
    report["steps"].as_array_mut().unwrap().iter_mut().for_each(|step| step["result"] = Value::Null);
    check(command, &report);
}
