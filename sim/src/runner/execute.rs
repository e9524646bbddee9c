//! Runs a plan into a folder, part by part.
//!
//! A part that is there is kept, so whoever stops, dies or is a shard among others loses and repeats at most the parts
//! that were under way.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Control, Plan, RunError, drive::Driver, pool};
use crate::{
    kpi::Kpi,
    model::Model,
    results::{
        Description, Format, Manifest, OTHER_FILES, PROGRAM, PartWriter, Results, ResultsError, UNFINISHED, finish,
        names,
    },
};

/// What goes where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder.
    pub directory: PathBuf,
    /// Whether to go on with what is in it.
    pub is_resumed: bool,
    /// Which parts to run.
    pub shard: Shard,
    /// In which formats.
    pub format: Format,
    /// The number in the column `simulation`, to tell models apart that are compared.
    pub simulation: u32,
    /// The text of the netlist, kept with the results.
    pub netlist: String,
}

impl Settings {
    /// All runs as Parquet into an empty folder.
    #[must_use]
    pub fn into(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            is_resumed: false,
            shard: Shard::default(),
            format: Format::default(),
            simulation: 0,
            netlist: String::new(),
        }
    }
}

/// Which parts one of several machines runs: `index`, `index + count`, … counted from 1. It goes on with what it finds in
/// its folder, which others may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl Shard {
    /// Shard `index` of `count`, from 1.
    ///
    /// # Errors
    /// If there is no such shard.
    pub const fn of(index: u64, count: u64) -> Result<Self, ResultsError> {
        if index == 0 || index > count {
            return Err(ResultsError::NoShard { index, count });
        }
        Ok(Self { index, count })
    }

    const fn has(self, part: u64) -> bool {
        part % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = ResultsError;

    fn from_str(text: &str) -> Result<Self, ResultsError> {
        let bad = || ResultsError::BadShard(text.to_owned());
        let (index, count) = text.split_once('/').ok_or_else(bad)?;
        Self::of(index.parse().map_err(|_| bad())?, count.parse().map_err(|_| bad())?)
    }
}

/// What is in the folder afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Runs of the whole plan.
    pub n_runs: u64,
    /// Runs that this call did.
    pub n_done: u64,
    /// Parts of the whole plan.
    pub n_parts: u64,
    /// Parts that are not there yet.
    pub n_missing: u64,
    /// Whether the stop flag ended it.
    pub was_stopped: bool,
    /// The complete set, if nothing is missing.
    pub manifest: Option<Manifest>,
}

/// Runs those parts of the plan that are the shard's and are not there yet, and sums up when all are there.
///
/// When the stop flag is set, the parts under way are dropped, those that are finished stay, and that is no error.
///
/// # Errors
/// If the folder holds something else, nobody said to go on with what it holds, a KPI names no column, points differ in
/// what they set, or the disk is full.
pub fn execute(
    model: &dyn Model,
    plan: &Plan,
    kpis: &[Kpi],
    settings: &Settings,
    control: &Control<'_>,
) -> Result<Summary, ResultsError> {
    super::Reducers::of(kpis, model.columns())?;
    check_folder(settings)?;
    let results = Results::create(&settings.directory, description(model, plan, kpis, settings))?;
    let parts: Vec<u64> =
        (0..results.n_parts()).filter(|part| settings.shard.has(*part) && !results.has(*part)).collect();
    remove_unfinished(settings, &parts)?;
    let size = |part: &u64| results.parts().size(*part);
    let n_runs = parts.iter().map(size).sum();
    let driver = Driver::of(model, kpis, n_runs, control)?;
    let n_done = AtomicU64::new(0);
    let n_todo = u64::try_from(parts.len()).expect("a length fits 64 bits");
    let ran = pool::run(control.threads, n_todo, &|index| {
        let part = parts[usize::try_from(index).expect("it is below a length")];
        run_part(&driver, &results, part)?;
        n_done.fetch_add(size(&part), Ordering::Relaxed);
        Ok(())
    });
    let was_stopped = match ran {
        Ok(_) => false,
        Err(ResultsError::Run(RunError::Stopped)) => true,
        Err(error) => return Err(error),
    };
    let n_missing = u64::try_from(results.missing().len()).expect("a length fits 64 bits");
    let manifest = if n_missing == 0 { Some(finish(&results)?) } else { None };
    let (n_runs, n_parts) = (plan.n_all()?, results.n_parts());
    Ok(Summary { n_runs, n_done: n_done.into_inner(), n_parts, n_missing, was_stopped, manifest })
}

fn run_part(driver: &Driver<'_>, results: &Results, part: u64) -> Result<(), ResultsError> {
    let mut writer = PartWriter::begin(results, part)?;
    let mut rows = driver.rows();
    for id in results.parts().runs(part) {
        let run = results.plan().run(id);
        let outcome = driver.drive(&run, &mut rows, &mut |rows, n| writer.rows(&run, rows, n))?;
        writer.outcome(&run, &outcome)?;
    }
    writer.finish()
}

fn description(model: &dyn Model, plan: &Plan, kpis: &[Kpi], settings: &Settings) -> Description {
    Description {
        program: PROGRAM.to_owned(),
        simulation: settings.simulation,
        plan: plan.clone(),
        n_steps: model.n_steps(),
        columns: model.columns().to_vec(),
        kpis: kpis.to_vec(),
        format: settings.format,
        netlist: settings.netlist.clone(),
    }
}

/// Refuses a folder with something in it that nobody said to go on with, or that are no results.
fn check_folder(settings: &Settings) -> Result<(), ResultsError> {
    let directory = &settings.directory;
    let is_shared = settings.shard.count > 1;
    let names = names(directory)?;
    if !settings.is_resumed && !is_shared && !names.is_empty() {
        return Err(ResultsError::NotEmpty(directory.clone()));
    }
    let has_other = names.iter().any(|name| !is_unfinished(name));
    if has_other && !names.iter().any(|name| name == OTHER_FILES[0]) {
        return Err(ResultsError::Foreign(directory.clone()));
    }
    Ok(())
}

/// Removes what a killed call left: of our parts, and of all files if nobody shares the folder.
fn remove_unfinished(settings: &Settings, parts: &[u64]) -> Result<(), ResultsError> {
    for name in names(&settings.directory)?.iter().filter(|name| is_unfinished(name)) {
        let part = name.strip_prefix("part-").and_then(|rest| rest.split('.').next()?.parse().ok());
        if settings.shard.count == 1 || part.is_some_and(|part| parts.contains(&part)) {
            remove(&settings.directory.join(name))?;
        }
    }
    Ok(())
}

fn is_unfinished(name: &str) -> bool {
    let is_ours = name.starts_with("part-") || OTHER_FILES.iter().any(|other| name.starts_with(other));
    is_ours && name.ends_with(UNFINISHED)
}

fn remove(path: &Path) -> Result<(), ResultsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ResultsError::at(path)(error)),
        _ => Ok(()),
    }
}
