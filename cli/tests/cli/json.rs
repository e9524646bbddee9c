//! Every key that a transcript shows in JSON is documented, under its command or among the objects that recur.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

const DOCUMENT: &str = include_str!("../../JSON.md");

#[test]
fn every_key_is_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots");
    let mut commands = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let transcript = fs::read_to_string(file.unwrap().path()).unwrap();
        let mut command = String::new();
        for line in transcript.lines() {
            if let Some((_, typed)) = line.split_once("$ streamctl ") {
                command = name(typed);
            } else if let Some(json) = line.strip_prefix("stdout| {") {
                let json = format!("{{{json}").replace("[gas]", "\"0\"");
                let object: Value = serde_json::from_str(&json).unwrap();
                let section = if object.get("dry_run").is_some() { "Any command with --dry-run" } else { &command };
                check(section, &object);
                commands.insert(section.to_owned());
            }
        }
    }
    assert!(commands.len() > 10, "transcripts of only {commands:?} have JSON");
}

/// The command's words before its arguments and options.
fn name(typed: &str) -> String {
    let words = typed.split_whitespace().take(2).filter(|word| word.chars().all(|c| c.is_ascii_lowercase()));
    words.collect::<Vec<_>>().join(" ")
}

/// Checks what a command prints against its section, and the objects that recur.
#[track_caller]
pub(crate) fn check(command: &str, object: &Value) {
    let documented = format!("{}{}", section("Objects that recur"), section(command));
    for key in keys(object) {
        assert!(documented.contains(&format!("`{key}`")), "{command}: `{key}` is not in JSON.md");
    }
}

#[track_caller]
fn section(title: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("## {title}\n")).unwrap_or_else(|| panic!("JSON.md lacks {title}"));
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

fn keys(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => map.iter().flat_map(|(key, value)| [vec![key.as_str()], keys(value)].concat()).collect(),
        Value::Array(values) => values.iter().flat_map(keys).collect(),
        _ => Vec::new(),
    }
}
