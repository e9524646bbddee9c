//! Salaries in months, streamed in blocks: numbers that were worked out by hand.

#[path = "models/mod.rs"]
mod models;

use std::{env, fs, process};

use models::{THIEF, WITH_THIEF, changed, close, ran, run};
use sim::economy::Economy;

const DAYS: f64 = 86_400.0;

/// Blocks come every 14 s; the first one is mined at the start, and streams begin in it.
#[test]
fn the_standards_block_times() {
    let table = ran(&changed("payroll-block-times.toml", &[], &[]), 1, &[]);
    table.is_conserved();
    // Rows are six hours apart: row 40 is day 10, when 61,714 blocks are mined.
    for (secs, n_payments) in [(10, 259_200.0), (12, 216_000.0), (16, 162_000.0), (20, 129_600.0)] {
        close(table.column(&format!("written for blocks of {secs} s"))[40], 5_000.0 * 61_714.0 / n_payments);
    }
    // 30 days are 185,142.86 blocks of 14 s, so 185,143 payments.
    close(table.column("written for blocks of 14 s")[40], 5_000.0 * 61_714.0 / 185_143.0);
    close(table.column("agreed")[40], 5_000.0 / 3.0);

    let extreme = |secs: u64, pick: fn(f64, f64) -> f64| {
        table.column(&format!("hours ahead for {secs} s")).iter().copied().fold(0.0, pick)
    };
    // Case 1, later: at the agreed end 185,142 blocks have come.
    close(extreme(10, f64::min), -720.0 * (1.0 - 185_142.0 / 259_200.0));
    close(extreme(12, f64::min), -720.0 * (1.0 - 185_142.0 / 216_000.0));
    // Case 2, sooner: all is paid after 162,000 * 14 s = 26.25 days, and after 129,600 * 14 s = 21 days.
    close(extreme(16, f64::max), 3.75 * 24.0);
    close(extreme(20, f64::max), 9.0 * 24.0);
    // "If the combined error delta is smaller than the payment rate, there is no problem at all": one block.
    assert!(extreme(14, f64::min) > -14.0 / 3_600.0 && extreme(14, f64::max) < 1e-9);
    // Time by the second lags by at most a block and a second.
    let late = table.column("hours ahead in seconds").iter().copied().fold(0.0, f64::min);
    assert!(late > -15.0 / 3_600.0, "{late}");
    for name in ["written for blocks of 10 s", "written for blocks of 20 s", "written in seconds", "agreed"] {
        assert!((table.last(name) - 5_000.0).abs() < 1e-9, "{name}");
    }
}

/// One employee for 30 days from day 7, blocks of 10 s and from day 17 of 20 s, block times measured over six hours.
fn one_employee() -> Economy {
    let changes = [
        ("duration = \"380d\"", "duration = \"40d\""),
        ("hires_within = \"10d\"", "window = \"6h\""),
        ("length = \"360d\"", "length = \"30d\""),
        ("salary_spread = 0.3\n", ""),
    ];
    changed("payroll.toml", &changes, &[])
}

const SLOWER: [(&str, f64); 7] = [
    ("n_employees", 1.0),
    ("jitter", 0.0),
    ("block_time", 10.0),
    ("block_time_after", 20.0),
    ("change", 17.0 * DAYS),
    ("answers_after", 0.0),
    ("salary", 4_320.0),
];

#[test]
fn an_update_leads_back_to_the_agreed_end() {
    let table = ran(&one_employee(), 1, &[&SLOWER[..], &[("update_when", 24.0)]].concat());
    table.is_conserved();
    // Ten days are paid when blocks slow down to half the pace. The employee is 24 hours behind after 48 hours, more than
    // that at the next look, 54 hours after the change, and proposes; the employer accepts six hours later, 30 hours behind.
    // Proposed: the rest, 18.875 days of pay, in 17.75 days, that is 25,560 payments every 3 blocks, of which 360 are past
    // when it is accepted.
    assert_eq!((table.last("n_proposals"), table.last("n_updates")), (1.0, 1.0));
    close(table.last("worst_hours"), 30.0);
    close(table.last("drift_hours_at_end"), 24.0 * (11.25 + 18.875 * 25_200.0 / 25_560.0 - 30.0));
    // All is paid by then: 144 DAI a day.
    close(table.last("course of the streams"), 144.0 * (11.25 + 18.875 * 25_200.0 / 25_560.0));
    close(table.last("cost of gas"), table.last("update_gas") * 2e-9 * 3_000.0);
    assert!(table.last("update_gas") > 100_000.0);
}

#[test]
fn without_updates_the_drift_stays() {
    let table = ran(&one_employee(), 1, &[&SLOWER[..], &[("update_when", 1e6)]].concat());
    table.is_conserved();
    assert_eq!(table.last("update_gas"), 0.0);
    // Ten days at full pace, twenty at half.
    close(table.last("drift_hours_at_end"), -240.0);
    close(table.last("worst_hours"), 240.0);
    close(table.column("employees behind").iter().copied().fold(0.0, f64::max), 1_440.0);
    assert!(table.column("employees ahead").iter().all(|ahead| *ahead < 1e-9));
    // Behind by half of what passes for 20 days, in looks every six hours, then catching up for the 3 days to the end of
    // the run: 72 DAI a day times (0 + 0.25 + … + 20) * 0.25 days, less 72 DAI a day from 1,440 on.
    let behind: f64 = (0..=80).map(|i| 72.0 * 0.25 * f64::from(i)).sum();
    let caught_up: f64 = (1..=12).map(|i| 1_440.0 - 72.0 * 0.25 * f64::from(i)).sum();
    close(table.last("cost of drift"), (behind + caught_up) * 0.25 / 365.0 * 0.10);
}

/// A stream in seconds keeps to the agreed course whatever blocks do.
#[test]
fn seconds_do_not_drift() {
    let table = ran(&one_employee(), 1, &[&SLOWER[..], &[("by_blocks", 0.0), ("update_when", 1.0)]].concat());
    table.is_conserved();
    assert!(table.last("worst_hours") < 1e-9, "{}", table.last("worst_hours"));
    assert_eq!(table.last("n_proposals"), 0.0);
}

/// Faster blocks pay employees early, who then have no reason to agree.
#[test]
fn who_gains_may_refuse() {
    let faster = [
        ("n_employees", 3.0),
        ("jitter", 0.0),
        ("block_time", 20.0),
        ("block_time_after", 10.0),
        ("answers_after", 0.0),
    ];
    let with = |refuses: f64| {
        let values = [&faster[..], &[("change", 17.0 * DAYS), ("refuses", refuses), ("update_when", 24.0)]].concat();
        let table = ran(&one_employee(), 1, &values);
        table.is_conserved();
        table
    };
    let (willing, refusing) = (with(0.0), with(1.0));
    assert_eq!((willing.last("n_refused"), willing.last("n_updates")), (0.0, 3.0));
    assert_eq!((refusing.last("n_refused"), refusing.last("n_updates"), refusing.last("n_proposals")), (3.0, 0.0, 3.0));
    // Ten days at the agreed pace, ten at twice the pace, and all is paid ten days early.
    close(refusing.last("worst_hours"), 240.0);
    assert!(willing.last("worst_hours") < 40.0, "{}", willing.last("worst_hours"));
}

#[test]
fn recorded_block_times_are_read() {
    let file = env::temp_dir().join(format!("block-times-{}.csv", process::id()));
    fs::write(&file, "number,timestamp\n1,100\n2,110\n3,130\n").expect("the folder for temporary files takes one");
    let recorded = format!("mean = \"block_time\"\nrecorded = {:?}", file.to_str().expect("its name is text"));
    let changes = [("mean = \"block_time\"", recorded.as_str()), ("duration = \"380d\"", "duration = \"6d\"")];
    let table = ran(&changed("payroll.toml", &changes, &[]), 1, &[("n_employees", 1.0)]);
    fs::remove_file(&file).expect("the file is there");
    // Ten and twenty seconds in turn: 5,760 blocks a day.
    let block = table.column("block");
    assert!((block[6] - block[0] - 6.0 * 5_760.0).abs() <= 1.0, "{block:?}");
}

#[test]
fn no_unit_is_lost_whatever_happens() {
    let changes = [
        ("dt = \"6h\"", "dt = \"12h\""),
        ("duration = \"380d\"", "duration = \"45d\""),
        ("length = \"360d\"", "length = \"30d\""),
    ];
    let economy = changed("payroll.toml", &changes, &[]);
    let mut n_updates = 0.0;
    for seed in 0..6_u32 {
        let by_seed = f64::from(seed);
        let table = ran(
            &economy,
            seed.into(),
            &[
                ("n_employees", 1.0 + by_seed),
                ("jitter", 4.0 * f64::from(seed % 2)),
                ("block_time", 8.0 + by_seed),
                ("block_time_after", 18.0 - 2.0 * by_seed),
                ("change", (10.0 + by_seed) * DAYS),
                ("update_when", 1.0 + 10.0 * by_seed),
                ("answers_after", DAYS * by_seed),
                ("refuses", 0.2 * by_seed),
            ],
        );
        table.is_conserved();
        n_updates += table.last("n_updates");
    }
    assert!(n_updates > 10.0, "{n_updates}");
}

#[test]
fn three_units_that_are_gone_are_missed() {
    let changes = [("duration = \"380d\"", "duration = \"20d\""), WITH_THIEF];
    let table = ran(
        &changed("payroll.toml", &changes, &[THIEF]),
        1,
        &[("n_employees", 2.0), ("jitter", 0.0), ("by_blocks", 1.0)],
    );
    let unaccounted = table.column("unaccounted");
    // Missing from the supply, and from what streams hold; tick 40 is day 10.
    assert_eq!((unaccounted[10], unaccounted[11], table.last("unaccounted")), (0.0, 6.0, 6.0));
}

#[track_caller]
fn check_failure(changes: &[(&str, &str)], expected: &str) {
    let economy = changed("payroll.toml", &[changes, &[("duration = \"380d\"", "duration = \"20d\"")]].concat(), &[]);
    let failure = run(&economy, 1, &[("jitter", 0.0)]).err().expect("it fails");
    assert!(failure.reason.contains(expected), "{failure}");
}

#[test]
fn what_cannot_be_ends_the_run() {
    check_failure(&[("20 * salary * max(1, n_employees)", "salary")], "ERC20InsufficientBalance");
    let swapped = [("bundled:BlockMoneyStreaming", "bundled:TimestampMoneyStreaming")];
    check_failure(&swapped, "does not count blocks: its artifact must be bundled:BlockMoneyStreaming");
    let at_once = [("hires_within = \"10d\"", "first_hire = 0")];
    check_failure(&at_once, "0 blocks came in 0 s, and block times cannot be measured: `first_hire` must be later");
}
