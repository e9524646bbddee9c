//! Folders of a test, removed at its end.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use eyre::Result;
use sim::{
    model::Model,
    results::{Manifest, Results, ResultsError},
    runner::{self, Control, Settings},
};

use crate::walk;

static COUNT: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A folder that is not there yet.
    pub(crate) fn new() -> Self {
        let name = format!("runner-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { netlist: "[walk]\nn = 1\n".to_owned(), ..Settings::into(&self.0) }
    }

    pub(crate) fn run(&self, model: &dyn Model) -> Result<Manifest> {
        self.execute(model, &self.settings())
    }

    pub(crate) fn resume(&self, model: &dyn Model) -> Result<Manifest> {
        self.execute(model, &Settings { is_resumed: true, ..self.settings() })
    }

    fn execute(&self, model: &dyn Model, settings: &Settings) -> Result<Manifest> {
        let summary = runner::execute(model, &walk::plan(), &walk::kpis(), settings, &Control::quiet(2))?;
        Ok(summary.manifest.expect("all parts are there"))
    }

    /// All files and what is in them.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(&self.0) else { return BTreeMap::new() };
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    pub(crate) fn open(&self, name: &str) -> File {
        File::open(self.0.join(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, contents: &[u8]) {
        fs::create_dir_all(&self.0).unwrap();
        fs::write(self.0.join(name), contents).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Subset, run, timestep and substep of a row, and its columns.
pub(crate) type Row = ([u64; 4], Vec<f64>);

/// All rows.
pub(crate) fn rows(results: &Results, columns: &[&str]) -> Result<Vec<Row>, ResultsError> {
    let mut rows = Vec::new();
    for batch in results.batches(columns)? {
        let batch = batch?;
        for row in 0..batch.subsets.len() {
            let id = [batch.subsets[row], batch.numbers[row], batch.timesteps[row], batch.substeps[row]];
            rows.push((id, batch.values.iter().map(|values| values[row]).collect()));
        }
    }
    Ok(rows)
}
