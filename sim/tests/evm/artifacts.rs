//! Where artifacts are found, and files that are none.

use std::fs;

use sim::evm::{Artifact, Chain, U256};

use crate::folder;

fn deploy(json: &str) -> Result<(), String> {
    let artifact = Artifact::parse("Odd", json)?;
    let mut chain = Chain::default();
    let alice = chain.account("alice", U256::ZERO).map_err(|error| error.to_string())?;
    chain.deploy(alice, "odd", &artifact, &[]).map(drop).map_err(|error| error.to_string())
}

#[track_caller]
fn check(json: &str, expected: &str) {
    let error = deploy(json).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

/// Deploys one byte: STOP.
const CODE: &str = "60015f8160095f39f300";

#[test]
fn every_tool_s_artifact_deploys() {
    for json in [
        format!(r#"{{"abi":[],"bytecode":{{"object":"0x{CODE}"}}}}"#),
        format!(r#"{{"contractName":"Odd","abi":[],"bytecode":"0x{CODE}"}}"#),
        format!(r#"{{"abi":[],"bytecode":"{CODE}"}}"#),
        format!(r#"{{"abi":[],"evm":{{"bytecode":{{"object":"{CODE}"}}}}}}"#),
    ] {
        deploy(&json).unwrap();
    }
}

#[test]
fn what_is_no_artifact_is_refused() {
    check("", "no JSON");
    check(r#"{"abi":[{"type":"func"#, "no JSON");
    check("7", "neither an object nor an ABI");
    check("{}", "it has no abi");
    check(r#"{"abi":7}"#, "its abi: ");
    check(r#"{"abi":[{"type":"function"}]}"#, "its abi: ");
    let of = |ty: &str| {
        format!(
            r#"{{"abi":[{{"type":"function","name":"f","stateMutability":"view","inputs":[{{"name":"a","type":"{ty}"}}],"outputs":[]}}]}}"#
        )
    };
    check(&of("uint257"), "a of f, a uint257: invalid size for type: uint257");
    check(&of("uint256[99999999999]"), "a of f, a uint256[99999999999]: its fixed arrays hold more than 4096 words");
    check(&of("uint256[4000][4000]"), "more than 4096 words");
    check(&of("uint256[0]"), "its abi: ");
    check(&of("uint256[99999999999999][99999999999999]"), "it holds nothing, or too much to count");
    check(&of(&format!("uint8{}", "[9]".repeat(2_000))), "of f, a ");
    let empty = r#"{"abi":[{"type":"function","name":"f","stateMutability":"view","inputs":[{"name":"a","type":"tuple[]","components":[]}],"outputs":[]}]}"#;
    check(empty, "a of f, a tuple[]: invalid type string: tuple");
    check("[]", "the bytecode of Odd: the artifact has an ABI only");
    check(r#"{"abi":[]}"#, "the artifact has an ABI only");
    check(r#"{"abi":[],"bytecode":"0x"}"#, "it is empty: the contract is abstract or an interface");
    check(r#"{"abi":[],"bytecode":"0xzz"}"#, "it is no hex");
    check(r#"{"abi":[],"bytecode":"0x123"}"#, "it is no hex");
    check(r#"{"abi":[],"bytecode":7}"#, "it is neither text nor an object");
    check(r#"{"abi":[],"bytecode":{"object":7}}"#, "its object is no text");
    let unlinked = r#""bytecode":"0x6000__$aaf4f58de99300cfadc4585755f376d5fa$__""#;
    check(&format!(r#"{{"abi":[],{unlinked}}}"#), "it is not linked with aaf4f58de99300cfadc4585755f376d5fa");
    check(
        &format!(r#"{{"abi":[],{unlinked},"linkReferences":{{"a.sol":{{"SafeMath":[]}}}}}}"#),
        "it is not linked with SafeMath; compile it with its libraries' addresses",
    );
    check(r#"{"abi":[],"bytecode":"0x5f5ffd"}"#, "deployment by alice reverted: without a reason");
}

#[test]
fn abstract_contracts_of_openzeppelin_say_so() {
    let artifact = Artifact::find("npm:@openzeppelin/contracts/ERC20", folder()).unwrap();
    let error = artifact.creation_code().unwrap_err().to_string();
    assert!(error.starts_with("the bytecode of ERC20: it is empty: the contract is abstract"), "{error}");
    assert!(artifact.abi.function("transfer").is_ok());
}

#[test]
fn a_missing_artifact_is_said_with_the_places_and_the_remedy() {
    let home = std::env::temp_dir().join(format!("sim-artifacts-{}", std::process::id()));
    let out = home.join("out");
    for source in ["A.sol", "B.sol"] {
        fs::create_dir_all(out.join(source)).unwrap();
        fs::write(out.join(source).join("Twice.json"), r#"{"abi":[]}"#).unwrap();
    }
    fs::write(out.join("A.sol/Once.json"), r#"{"abi":[]}"#).unwrap();
    let inside = home.join("netlists");
    fs::create_dir_all(&inside).unwrap();
    let find = |reference: &str| Artifact::find(reference, &inside).map(|artifact| artifact.name);
    let failed = |reference: &str| find(reference).unwrap_err().to_string();
    assert_eq!(find("forge:Once"), Ok("Once".to_owned()));
    assert_eq!(find("forge:B.sol/Twice"), Ok("Twice".to_owned()));
    assert_eq!(find("../out/A.sol/Once.json"), Ok("Once".to_owned()));
    let error = failed("forge:Twice");
    assert!(error.contains("A.sol/Twice.json, ") && error.contains("write forge:<Source>.sol/<contract>"), "{error}");
    let error = failed("forge:Never");
    assert!(error.contains(&out.display().to_string()) && error.ends_with("; run `forge build`"), "{error}");
    let error = failed("npm:@nobody/nothing/It");
    let place = home.join("lib/node_modules/@nobody/nothing");
    assert!(error.starts_with("no artifact npm:@nobody/nothing/It in "), "{error}");
    assert!(error.contains(&place.display().to_string()) && error.contains("make lib"), "{error}");
    assert!(failed("npm:nothing").contains("write npm:<package>/<contract>"));
    assert!(failed("npm:x/../../secret").contains("from its folder down"));
    assert!(failed("nowhere.json").contains(&inside.join("nowhere.json").display().to_string()));
    fs::remove_dir_all(&home).unwrap();
}
