//! TokenSPICE's netlists give the numbers of TokenSPICE's own code.

use std::{fs, path::Path};

use sim::{
    economy::Economy,
    model::{Model, Point, Progress, Run},
    netlist::Netlist,
    rows::{Cells, Rows},
};

fn economy(name: &str) -> Economy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("netlists").join(name);
    let text = fs::read_to_string(&path).expect("the netlist is there");
    let netlist = Netlist::parse(&path, &text).unwrap_or_else(|error| panic!("{error}"));
    netlist.economy().unwrap_or_else(|error| panic!("{error}"))
}

fn csv(name: &str) -> String {
    let run = Run { seed: 1, subset: 0, number: 1, point: &Point::default() };
    economy(name).data_csv(&run).unwrap_or_else(|failure| panic!("{failure}"))
}

fn reference(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name);
    fs::read_to_string(path).expect("the reference is there")
}

/// Equal to the byte.
#[track_caller]
fn check_bytes(netlist: &str, expected: &str) {
    let (actual, expected) = (csv(netlist), reference(expected));
    for (line, (actual, expected)) in actual.lines().zip(expected.lines()).enumerate() {
        assert_eq!(actual, expected, "line {}", line + 1);
    }
    assert_eq!(actual.len(), expected.len());
}

#[test]
fn simplegrant() {
    check_bytes("simplegrant.toml", "simplegrant.csv");
}

/// Equal but for the last digits: the growth of marketplaces and the minting curve take powers, and the reference took
/// them from glibc, which rounds some of them otherwise than `libm` does.
#[test]
fn web3_sustainability_loop() {
    const TOLERANCE: f64 = 1e-12;
    let (actual, expected) = (csv("wsloop.toml"), reference("wsloop_2y.csv"));
    assert_eq!(actual.lines().count(), expected.lines().count());
    assert_eq!(actual.lines().next(), expected.lines().next());
    let mut greatest = 0.0_f64;
    for (actual, expected) in actual.lines().zip(expected.lines()).skip(1) {
        assert_eq!(actual.split(", ").count(), expected.split(", ").count());
        for (actual, expected) in actual.split(", ").zip(expected.split(", ")) {
            let (a, b): (f64, f64) = (actual.parse().unwrap(), expected.parse().unwrap());
            // Differences of totals lose as many digits as the totals have in common.
            let difference = if a == b { 0.0 } else { (a / b - 1.0).abs() };
            assert!(difference <= TOLERANCE, "{actual} for {expected}");
            greatest = greatest.max(difference);
        }
    }
    assert!(greatest > 0.0, "the files are equal to the byte: compare them so");
}

#[test]
fn web3_sustainability_loop_of_2021() {
    check_bytes("wsloop-2021.toml", "seed_era_wsloop_10d_hourly.csv");
}

#[test]
fn scheduler() {
    check_bytes("scheduler.toml", "scheduler.csv");
}

#[test]
fn simplepool() {
    check_bytes("simplepool.toml", "simplepool_seed1.csv");
}

#[test]
fn oceanv3() {
    check_bytes("oceanv3.toml", "oceanv3_seed1.csv");
}

/// A world records what the file shows.
#[test]
fn rows_hold_the_numbers_of_the_file() {
    let economy = economy("simplegrant.toml");
    let run = Run { seed: 1, subset: 0, number: 1, point: &Point::default() };
    let mut rows = Rows::new(economy.columns());
    let mut world = economy.start(&run).expect("it starts");
    let mut n_steps = 0;
    while world.step(&mut rows).expect("it steps") == Progress::More {
        n_steps += 1;
    }
    assert_eq!(n_steps + 1, economy.n_steps());
    let expected = reference("simplegrant.csv");
    let ticks: Vec<u64> =
        expected.lines().skip(1).map(|line| line.split(", ").next().unwrap().parse().unwrap()).collect();
    let granted: Vec<f64> =
        expected.lines().skip(1).map(|line| line.split(", ").nth(7).unwrap().parse().unwrap()).collect();
    assert_eq!(rows.timesteps(), ticks);
    assert_eq!(rows.cells()[0], Cells::Float(granted));
}
