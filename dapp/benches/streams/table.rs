//! The results as one Markdown table.

use serde_json::Value;

const ROWS: [(&str, &str); 10] = [
    ("integrate", "integrate one stream"),
    ("integrate_scattered", "the same, at any duration"),
    ("integrate_after_all_ended", "the same, after all have ended"),
    ("advance", "full advance: JSON, integrate, commit to disk"),
    ("cancel", "cancel one stream"),
    ("available", "available to the sender"),
    ("balance_sender", "balance of the sender"),
    ("balance_recipient", "balance of the recipient"),
    ("balance_stranger", "balance of a stranger"),
    ("balance_at_the_end", "balance of the recipient, long after"),
];

/// Each cell has the ledger's median, the plain loop's, and how often the first goes into the second.
pub(crate) fn print(results: &[Value]) {
    let sizes = results.iter().map(|result| grouped(result["n"].as_u64().unwrap()));
    println!("| streams open | {} | growth |", sizes.collect::<Vec<_>>().join(" | "));
    println!("|:--|{}--:|", "--:|".repeat(results.len()));
    for (key, name) in ROWS {
        let cells = results.iter().map(|result| cell(&result["ledger"][key], &result["plain"][key]));
        println!("| {name} | {} | {} |", cells.collect::<Vec<_>>().join(" | "), growth(results, key));
    }
    let load = |result: &Value| time(number(&result["ledger"]["load"]));
    println!("| load all | {} | |", results.iter().map(load).collect::<Vec<_>>().join(" | "));
    let bytes = |result: &Value| format!("{:.0} B", number(&result["ledger"]["bytes"]) / number(&result["n"]));
    println!("| database, each stream | {} | |", results.iter().map(bytes).collect::<Vec<_>>().join(" | "));
    let memory = |side: &Value| {
        side["memory"].as_f64().map_or("—".to_owned(), |bytes| format!("{:.0} MiB", bytes / 1_048_576.0))
    };
    let memories =
        results.iter().map(|result| format!("{} (plain {})", memory(&result["ledger"]), memory(&result["plain"])));
    println!("| peak resident memory | {} | |", memories.collect::<Vec<_>>().join(" | "));
}

fn cell(ledger: &Value, plain: &Value) -> String {
    let ours = time(number(ledger));
    match plain.as_f64() {
        Some(plain) => format!("{ours} (plain {}, ×{})", time(plain), ratio(plain / number(ledger))),
        None => ours,
    }
}

fn growth(results: &[Value], key: &str) -> String {
    match (results.first(), results.last()) {
        (Some(first), Some(last)) if results.len() > 1 => {
            format!("×{}", ratio(number(&last["ledger"][key]) / number(&first["ledger"][key])))
        }
        _ => String::new(),
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("each result is a number")
}

fn time(nanoseconds: f64) -> String {
    let (scale, unit) = match nanoseconds {
        _ if nanoseconds < 1e3 => (1.0, "ns"),
        _ if nanoseconds < 1e6 => (1e3, "µs"),
        _ if nanoseconds < 1e9 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let scaled = nanoseconds / scale;
    let digits = if scaled < 10.0 { 1 } else { 0 };
    format!("{scaled:.digits$} {unit}")
}

fn ratio(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
