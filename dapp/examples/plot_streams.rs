//! Draws what `cargo bench -p dapp --bench streams` measured last: time against the number of open streams, for the
//! ledger and for a plain loop over all streams.
//!
//! `cargo run -p dapp --example plot_streams` writes `docs/streams-integrate.svg`, `docs/streams-balance.svg` and the same
//! as PNG.
#![allow(clippy::print_stdout)]

mod chart;

use std::path::{Path, PathBuf};
use std::{env, fs};

use chart::{Chart, Series};
use plotters::prelude::{IntoLogRange, SeriesLabelPosition};
use serde_json::Value;

fn main() -> chart::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let results: Vec<Value> = serde_json::from_slice(&fs::read(target.join("streams.json"))?)?;
    let charts = [
        ("streams-integrate", "integrate", "One more stream, with N streams open"),
        ("streams-balance", "balance_recipient", "A balance, with N streams open"),
    ];
    for (file, operation, title) in charts {
        let series = |side: &str, name: &str| Series {
            name: name.to_owned(),
            points: results.iter().filter_map(|result| point(result, side, operation)).collect(),
            is_marked: true,
        };
        let series = [series("plain", "loop over all streams"), series("ledger", "StreamableToken")];
        let (x, y) = (chart::range(&series, |point| point.0), chart::range(&series, |point| point.1));
        let axes = ((x.start * 0.8..x.end * 1.25).log_scale(), (y.start / 4.0..y.end * 8.0).log_scale());
        let chart = Chart { title, x: "streams open", y: "median time", legend: SeriesLabelPosition::UpperLeft };
        chart.draw(&root.join("docs").join(file), axes, (&count, &time), &series)?;
    }
    Ok(())
}

/// Streams and nanoseconds.
fn point(result: &Value, side: &str, operation: &str) -> Option<(f64, f64)> {
    Some((result["n"].as_f64()?, result[side][operation].as_f64()?))
}

fn count(n: &f64) -> String {
    if *n >= 1e6 { format!("{} million", n / 1e6) } else { format!("{:.0} 000", n / 1e3) }
}

fn time(nanoseconds: &f64) -> String {
    match nanoseconds {
        n if *n < 1e3 => format!("{n:.0} ns"),
        n if *n < 1e6 => format!("{:.0} µs", n / 1e3),
        n if *n < 1e9 => format!("{:.0} ms", n / 1e6),
        n => format!("{:.0} s", n / 1e9),
    }
}
