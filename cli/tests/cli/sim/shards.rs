//! Runs in pieces: shards, array jobs, interruptions.

use std::{
    fs,
    io::Read,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::Desk;

#[test]
fn sim_shards() {
    let mut desk = Desk::new();
    desk.run("run jar.toml --shard 1/2 --out a");
    desk.run("run jar.toml --shard 2/2 --out b");
    desk.run("verify a");
    desk.run("assert a");
    desk.run("merge a --out all");
    desk.run("merge a b --out all");
    desk.run("merge b a all --out all --json");
    desk.run("verify all");
    desk.run("run jar.toml --shard 2/2 --out a");
    desk.run("run jar.toml --seed 2 --quiet --out other");
    desk.run("merge a other --out none");
    desk.run("merge a nowhere --out none");
    desk.run("merge --out none");
    assert!(!desk.path("none").exists(), "a refused merge leaves a folder");
    for wrong in ["3/2", "0/2", "1/0", "1", "a/b", "-1/2", "auto", "auto/2"] {
        desk.run(&format!("run jar.toml --out none --shard={wrong}"));
    }
    let whole = desk.fingerprint("run jar.toml --out whole");
    assert_eq!(desk.fingerprint("merge a b --out all"), whole);
    assert_eq!(desk.fingerprint("verify a"), whole);
    desk.check("sim_shards");
}

#[test]
fn sim_shards_of_array_jobs() {
    let mut desk = Desk::new();
    let slurm = |id: &'static str, count: &'static str| {
        [
            ("SLURM_ARRAY_TASK_ID", id),
            ("SLURM_ARRAY_TASK_MIN", "4"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", count),
        ]
    };
    desk.run_with(&slurm("4", "2"), "run jar.toml --shard auto --out slurm");
    desk.run_with(&slurm("6", "2"), "run jar.toml --shard auto --out slurm");
    desk.run_with(&slurm("5", "2"), "run jar.toml --shard auto --out slurm");
    desk.run_with(&slurm("2", "2"), "run jar.toml --shard auto --out slurm");
    desk.run_with(&slurm("8", "2"), "run jar.toml --shard auto --out slurm");
    desk.run_with(&slurm("x", "2"), "run jar.toml --shard auto --out slurm");
    desk.run_with(&[("JOB_COMPLETION_INDEX", "0")], "run jar.toml --shard auto --out job");
    desk.run_with(&[("JOB_COMPLETION_INDEX", "0")], "run jar.toml --shard auto/2 --out job");
    desk.run_with(&[("JOB_COMPLETION_INDEX", "1")], "run jar.toml --shard auto/2 --out job");
    let batch = |index| [("AWS_BATCH_JOB_ARRAY_INDEX", index), ("AWS_BATCH_JOB_ARRAY_SIZE", "2")];
    desk.run_with(&batch("1"), "run jar.toml --shard auto --out batch");
    desk.run_with(&batch("0"), "run jar.toml --shard auto --out batch");
    let whole = desk.fingerprint("run jar.toml --out whole");
    for folder in ["slurm", "job", "batch"] {
        assert_eq!(desk.fingerprint(&format!("verify {folder}")), whole, "{folder}");
    }
    desk.check("sim_shards_of_array_jobs");
}

/// Neither threads nor formats nor shards change what comes out; a seed and a parameter do.
#[test]
fn sim_fingerprints() {
    let desk = Desk::new();
    let run = |name: &str, options: &str| {
        desk.fingerprint(&format!("run flash-v3 --runs 5 --set apy_low=11 --out {name} {options}"))
    };
    let one = run("one", "--threads 1");
    assert_eq!(run("two", "--threads 2"), one);
    assert_eq!(run("csv", "--threads 2 --format csv"), one);
    assert_eq!(desk.json("run flash-v3 --runs 5 --set apy_low=11 --out parts --shard 2/2")["fingerprint"], Value::Null);
    assert_eq!(run("parts", "--shard 1/2"), one);
    assert_ne!(run("seed", "--seed 2"), one);
    assert_ne!(desk.fingerprint("run flash-v3 --runs 5 --set apy_low=12 --out low"), one);
}

/// A run that a person stops keeps what is finished, and goes on from there to the same results.
#[cfg(unix)]
#[test]
fn sim_goes_on_after_ctrl_c() {
    const N_RUNS: usize = 40;
    let desk = Desk::new();
    let line = format!("run flash-v3 --runs {N_RUNS} --out stopped");
    let mut command = desk.command(&format!("{line} --threads 1"));
    let mut run = Stoppable(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let has = |name: &str| desk.path("stopped").join(name).exists();
    let n_finished = || (0..N_RUNS).filter(|part| has(&format!("part-{part:05}.runs.parquet"))).count();
    let end = Instant::now() + Duration::from_secs(60);
    while n_finished() == 0 {
        assert!(Instant::now() < end && run.0.try_wait().unwrap().is_none(), "no part was finished");
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &run.0.id().to_string()]).status().unwrap().success());
    assert_eq!(run.0.wait().unwrap().code(), Some(1));
    let n_kept = n_finished();
    assert!((1..N_RUNS).contains(&n_kept), "{n_kept}");
    let mut said = String::new();
    run.0.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(
        said,
        format!(
            "stopping after the current steps; once more to stop at once\n\
             error: stopped with {n_kept} of {N_RUNS} parts finished, which are kept in stopped; pass --resume to go on\n"
        )
    );
    assert!(!has("manifest.json"));
    let resumed = desk.json(&format!("{line} --resume"));
    assert_eq!(resumed["n_done"], (N_RUNS - n_kept).to_string());
    let undisturbed = desk.fingerprint(&format!("run flash-v3 --runs {N_RUNS} --out undisturbed"));
    assert_eq!(resumed["fingerprint"], undisturbed);
    assert_eq!(desk.fingerprint("verify stopped"), undisturbed);
    let names = |file: fs::DirEntry| file.file_name().into_string().unwrap();
    let mut drafts = fs::read_dir(desk.path("stopped")).unwrap().map(|file| names(file.unwrap()));
    assert_eq!(drafts.find(|name| name.ends_with(".tmp")), None);
}

/// A process that ends with the test.
#[cfg(unix)]
struct Stoppable(Child);

#[cfg(unix)]
impl Drop for Stoppable {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
