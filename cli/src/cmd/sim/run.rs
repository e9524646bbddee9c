//! `streamctl sim run`: runs a model and writes what it records.

use std::{env, fmt, path::PathBuf};

use clap::{Args, ValueEnum};
use eyre::{WrapErr, bail};
use serde::Serialize;
use sim::{
    model::Point,
    results::{Format, Manifest},
    runner::{Plan, Settings, Shard, execute},
};

use super::{
    desk::Desk,
    study::{Loaded, NetlistArgs},
};
use crate::output::write_rows;

/// Run a model and write what it records.
///
/// The folder gets a table with a row for each recorded step, a table with a row for each run and its KPIs, the failed
/// runs with their reasons, and a fingerprint: a hash of all results, equal for any number of threads and shards.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim run payroll --runs 100 --out payroll\n  \
    streamctl sim run mine.toml --set salary=5000 --seed 7 --out mine --format csv\n  \
    streamctl sim run mine.toml --runs 10000 --out shared --shard 3/64")]
pub(super) struct RunArgs {
    #[command(flatten)]
    netlist: NetlistArgs,
    /// How many runs; the netlist's number without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Where results go.
#[derive(Args, Debug)]
pub(super) struct FolderArgs {
    /// The folder for the results; the netlist's name without it.
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// How the rows are written.
    #[arg(long, value_enum, default_value_t = Written::Parquet)]
    format: Written,
    /// Go on with what an interrupted run left in the folder.
    #[arg(long)]
    resume: bool,
    /// Do only part I of N of the runs, counted from 1; the folder may be shared by all. In an array job of Slurm,
    /// Kubernetes or AWS Batch, say `auto/N`, or `auto` where the number of tasks is known.
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Written {
    Parquet,
    Csv,
    Both,
}

/// What is in the folder.
#[derive(Debug, Serialize)]
pub(super) struct Ran {
    folder: PathBuf,
    n_runs: String,
    n_done: String,
    n_failed: Option<String>,
    n_parts: String,
    n_missing_parts: String,
    n_rows: Option<String>,
    fingerprint: Option<String>,
}

impl RunArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let loaded = self.netlist.load()?;
        let plan = Plan { seed: loaded.seed, points: vec![Point::default()], n_runs: self.runs.unwrap_or(loaded.runs) };
        self.folder.execute(desk, &loaded, plan)
    }
}

impl FolderArgs {
    /// Runs the plan into the folder, and prints what came of it.
    pub(super) fn execute(&self, desk: &Desk, loaded: &Loaded, plan: Plan) -> eyre::Result<()> {
        let folder = self.out.clone().unwrap_or_else(|| loaded.name.clone().into());
        let settings = Settings {
            is_resumed: self.resume,
            shard: self.shard.as_deref().map_or_else(|| Ok(Shard::default()), shard)?,
            format: match self.format {
                Written::Parquet => Format::Parquet,
                Written::Csv => Format::Csv,
                Written::Both => Format::Both,
            },
            netlist: loaded.text.clone(),
            ..Settings::into(&folder)
        };
        let points = plan.points.iter().map(|point| loaded.with_set(point)).collect();
        let plan = Plan { points, ..plan };
        let summary =
            desk.watch(loaded.threads, |control| execute(&*loaded.model, &plan, &loaded.kpis, &settings, &control))?;
        if summary.was_stopped {
            bail!(
                "stopped with {} of {} parts finished, which are kept in {}; pass --resume to go on",
                summary.n_parts - summary.n_missing,
                summary.n_parts,
                folder.display()
            );
        }
        let of = |number: fn(&Manifest) -> u64| summary.manifest.as_ref().map(|manifest| number(manifest).to_string());
        let (n_failed, n_runs) = (summary.manifest.as_ref().map_or(0, |manifest| manifest.n_failed), summary.n_runs);
        desk.output.result(&Ran {
            n_runs: summary.n_runs.to_string(),
            n_done: summary.n_done.to_string(),
            n_failed: of(|manifest| manifest.n_failed),
            n_parts: summary.n_parts.to_string(),
            n_missing_parts: summary.n_missing.to_string(),
            n_rows: of(|manifest| manifest.n_rows),
            fingerprint: summary.manifest.as_ref().map(|manifest| manifest.fingerprint.to_string()),
            folder: folder.clone(),
        })?;
        let reasons = folder.join("failures.csv");
        match n_failed {
            0 => Ok(()),
            n if n == n_runs => bail!("every run failed; {} says why", reasons.display()),
            n => {
                desk.output.warn(format_args!("{n} of {n_runs} runs failed; {} says why", reasons.display()));
                Ok(())
            }
        }
    }
}

/// The variables by which an array job says which of its tasks this is.
struct Array {
    index: &'static str,
    /// The first task's index and the distance to the next; 0 and 1 where nothing says so.
    first: Option<&'static str>,
    step: Option<&'static str>,
    count: Option<&'static str>,
}

const ARRAYS: [Array; 3] = [
    Array {
        index: "SLURM_ARRAY_TASK_ID",
        first: Some("SLURM_ARRAY_TASK_MIN"),
        step: Some("SLURM_ARRAY_TASK_STEP"),
        count: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    Array { index: "JOB_COMPLETION_INDEX", first: None, step: None, count: None },
    Array { index: "AWS_BATCH_JOB_ARRAY_INDEX", first: None, step: None, count: Some("AWS_BATCH_JOB_ARRAY_SIZE") },
];

/// `I/N`, or `auto`, for what an array job says.
fn shard(text: &str) -> eyre::Result<Shard> {
    let given = match text.split_once('/') {
        Some(("auto", count)) => Some(number("--shard", count)?),
        None if text == "auto" => None,
        _ => return Ok(text.parse()?),
    };
    let read = |name: &str| env::var(name).ok().map(|value| number(name, &value)).transpose();
    let maybe = |name: Option<&str>| name.map(read).transpose().map(Option::flatten);
    for Array { index, first, step, count } in ARRAYS {
        let Some(task) = read(index)? else { continue };
        let (first, step) = (maybe(first)?.unwrap_or(0), maybe(step)?.unwrap_or(1));
        let Some(count) = given.or(maybe(count)?) else {
            bail!("{index} is set, and nothing says how many tasks there are; pass --shard auto/N");
        };
        let Some(distance) = task.checked_sub(first).filter(|distance| distance.checked_rem(step) == Some(0)) else {
            bail!("{index}={task} is none of the tasks from {first} in steps of {step}; pass --shard I/N");
        };
        return Ok(Shard::of((distance / step).saturating_add(1), count)?);
    }
    let names = ARRAYS.map(|array| array.index).join(", ");
    bail!("--shard {text}: none of {names} is set; pass --shard I/N")
}

fn number(name: &str, text: &str) -> eyre::Result<u64> {
    text.parse().wrap_err_with(|| format!("reading {name}={text} as a whole number"))
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.folder.display())?;
        let mut rows = vec![("runs", format!("{}, {} of them just done", self.n_runs, self.n_done))];
        match (&self.n_failed, &self.n_rows, &self.fingerprint) {
            (Some(failed), Some(n_rows), Some(fingerprint)) => {
                rows.extend([
                    ("failed", failed.clone()),
                    ("rows", n_rows.clone()),
                    ("fingerprint", fingerprint.clone()),
                ]);
            }
            _ => rows.push((
                "missing",
                format!("{} of {} parts, which other shards do", self.n_missing_parts, self.n_parts),
            )),
        }
        write_rows(f, &rows)
    }
}
