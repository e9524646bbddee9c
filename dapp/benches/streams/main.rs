//! What the ledger costs with N streams open, beside a plain loop over all of them: the seed's workload. One account
//! opens N streams to one recipient, with durations 3600 + i, and then one more thing happens.
//!
//! Each N runs in a process of its own, so that its peak memory is its own. `STREAMS=25000,10000000` chooses other Ns.
//! The medians go to `target/streams.json`, which the example `plot_streams` draws.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

mod ledger;
mod plain;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use alloy_primitives::{Address, U256, address};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};
use serde_json::{Value, json};

const SIZES: &str = "25000,100000,1000000";
const NOW: u64 = 1_700_000_000;
const TOKEN: Address = address!("7777777777777777777777777777777777777777");
const SENDER: Address = address!("a11ce00000000000000000000000000000000001");
const RECIPIENT: Address = address!("b0b0000000000000000000000000000000000002");
const STRANGER: Address = address!("ca40100000000000000000000000000000000003");

/// The `i`th stream's amount and duration.
fn terms(i: u64) -> (U256, u64) {
    (U256::from(10_u64.pow(18)), 3_600 + i)
}

/// A duration anywhere among those of `n` streams.
fn scattered(n: u64, i: u64) -> u64 {
    3_600 + (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8) % n
}

fn main() {
    match (env::var("STREAMS_SIDE"), env::var("STREAMS_OF")) {
        (Ok(side), Ok(n)) => measure(&side, n.parse().unwrap()),
        _ => run(),
    }
}

/// The parent: a process for each N and side, one after the other.
fn run() {
    let sizes = env::var("STREAMS").unwrap_or_else(|_| SIZES.to_owned());
    let sizes: Vec<u64> =
        sizes.split(',').map(|size| size.trim().parse().expect("STREAMS is a list of numbers")).collect();
    let mut results = Vec::new();
    for n in &sizes {
        let mut result = json!({ "n": n });
        for side in ["ledger", "plain"] {
            // What criterion says while it measures is no result.
            let status = Command::new(env::current_exe().unwrap())
                .args(env::args().skip(1))
                .envs([("STREAMS_SIDE", side), ("STREAMS_OF", &n.to_string())])
                .stdout(Stdio::from(io::stderr()))
                .status()
                .unwrap();
            assert!(status.success(), "measuring {side} with {n} streams");
            result[side] = serde_json::from_slice(&fs::read(result_path(side)).unwrap()).unwrap();
        }
        results.push(result);
    }
    fs::write(target().join("streams.json"), serde_json::to_vec_pretty(&results).unwrap()).unwrap();
    table::print(&results);
}

/// A child: everything about one side with `n` streams.
fn measure(side: &str, n: u64) {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500));
    let name = format!("{side}-{n}");
    let mut group = criterion.benchmark_group(&name);
    group.sampling_mode(SamplingMode::Flat);
    let mut result = match side {
        "ledger" => ledger::measure(&mut group, n),
        _ => plain::measure(&mut group, n),
    };
    group.finish();
    for entry in fs::read_dir(criterion_home().join(&name)).unwrap() {
        let entry = entry.unwrap();
        if let Ok(estimates) = fs::read(entry.path().join("new/estimates.json")) {
            let estimates: Value = serde_json::from_slice(&estimates).unwrap();
            result[entry.file_name().to_str().unwrap()] = estimates["median"]["point_estimate"].clone();
        }
    }
    fs::write(result_path(side), result.to_string()).unwrap();
}

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// The most memory that this process has had, in bytes.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
}

fn criterion_home() -> PathBuf {
    env::var_os("CRITERION_HOME").map_or_else(|| target().join("criterion"), PathBuf::from)
}

fn result_path(side: &str) -> PathBuf {
    target().join(format!("streams-{side}.json"))
}
