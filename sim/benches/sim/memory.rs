//! Memory against the number of runs and of their steps: each in a process of its own, which writes Parquet files.

use std::{env, fs, process::Command};

use sim::{
    blocks::{Blocks, Recording},
    flash_v3::{FlashV3, Luck, Settings},
    model::Point,
    runner::{Control, Plan, Settings as Where, execute},
};

/// What tells a process that it is one of these, and how many runs and steps it does.
const VARIABLE: &str = "SIM_MEMORY_OF";

/// Runs and steps.
const CASES: [(u64, u64); 5] = [(10, 1_000), (10, 100_000), (10, 1_000_000), (1_000, 1_000), (100_000, 10)];

pub(crate) fn is_child() -> bool {
    env::var_os(VARIABLE).is_some()
}

pub(crate) fn rows() {
    for (n_runs, n_steps) in CASES {
        let mut child = Command::new(env::current_exe().unwrap());
        let output = child.env(VARIABLE, format!("{n_runs} {n_steps}")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{}", String::from_utf8(output.stdout).unwrap());
    }
}

pub(crate) fn child() {
    let case = env::var(VARIABLE).unwrap();
    let (n_runs, n_steps) = case.split_once(' ').unwrap();
    let (n_runs, n_steps) = (n_runs.parse().unwrap(), n_steps.parse().unwrap());
    let model = FlashV3::<f64>::new(Settings::default(), Luck::Drawn, (n_steps, Recording::EverySubstep), false);
    let model = Blocks(model.unwrap());
    let plan = Plan { seed: 1, points: vec![Point::default()], n_runs };
    let directory = env::temp_dir().join(format!("sim-memory-{}", std::process::id()));
    let summary = execute(&model, &plan, &[], &Where::into(&directory), &Control::quiet(2)).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    let peak = peak.map_or_else(|| "not told here".into(), |kib: u64| format!("{} MiB", kib / 1024));
    println!("| {n_runs} | {n_steps} | {} | {peak} |", summary.manifest.unwrap().n_rows);
}
