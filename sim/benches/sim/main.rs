//! What the simulation does in a second, in one table: FLASH V3, TokenSPICE's netlists, token transfers on the EVM, two
//! threads against one, and memory against runs and steps. Each rate is the best of several measurements, since other
//! programs can only slow it. An argument picks the rows whose names contain it.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark may stop anywhere")]

mod flash;
mod memory;
mod netlists;
mod tokens;

use std::{
    env,
    time::{Duration, Instant},
};

/// Measurements of each figure.
const N_MEASUREMENTS: usize = 7;

fn main() {
    if memory::is_child() {
        memory::child();
        return;
    }
    println!("| | a second | target | others |\n|:--|--:|--:|:--|");
    flash::rows();
    netlists::rows();
    tokens::rows();
    println!("\n| | one thread | two threads | ratio |\n|:--|--:|--:|--:|");
    flash::threads();
    tokens::threads();
    println!("\n| runs | steps of each | rows written | peak resident memory |\n|--:|--:|--:|--:|");
    memory::rows();
}

/// The shortest of several measurements of `work`, after one that warms up.
fn best(mut work: impl FnMut()) -> Duration {
    work();
    let measure = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..N_MEASUREMENTS).map(measure).min().unwrap()
}

/// A row of the first table: `n` things, done by `work` each time.
fn row(name: &str, n: u64, (target, others): (&str, &str), work: impl FnMut()) {
    if is_wanted(name) {
        println!("| {name} | {} | {target} | {others} |", rate(n, best(work)));
    }
}

/// A row of the second table: the same work once, and twice on two threads.
fn scaling(name: &str, n: u64, mut work: impl FnMut(usize)) {
    if is_wanted(name) {
        let (one, two) = (best(|| work(1)), best(|| work(2)));
        let ratio = 2.0 * one.as_secs_f64() / two.as_secs_f64();
        println!("| {name} | {} | {} | {ratio:.2} |", rate(n, one), rate(2 * n, two));
    }
}

fn is_wanted(name: &str) -> bool {
    env::args().skip(1).filter(|argument| !argument.starts_with("--")).all(|text| name.contains(&text))
}

/// With commas between thousands.
fn rate(n: u64, time: Duration) -> String {
    let digits = format!("{:.0}", n as f64 / time.as_secs_f64());
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap());
    groups.collect::<Vec<_>>().join(",")
}
