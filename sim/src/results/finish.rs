//! What is made when all parts are there: tables of all runs and of failures, and the fingerprint.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use alloy_primitives::{B256, Keccak256};
use serde::{Deserialize, Serialize};

use super::{
    Results, ResultsError,
    csv::CsvWriter,
    disk::{self, Draft},
    part::{Table, Writer},
    table::{Block, Field, Hold},
};
use crate::{model::Value, rows::Kind, runner::Outcome};

const RUNS_PARQUET: &str = "runs.parquet";
const RUNS_CSV: &str = "runs.csv";
pub(super) const FAILURES_CSV: &str = "failures.csv";
const MANIFEST: &str = "manifest.json";

/// How the names of the files begin that belong to no part.
pub(crate) const OTHER_FILES: [&str; 5] = [super::plan::FILE, RUNS_PARQUET, RUNS_CSV, FAILURES_CSV, MANIFEST];

/// A complete set of results in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// keccak256 over the hashes of all runs in the order of their ids. Equal for any threads, shards and interruptions.
    pub fingerprint: B256,
    /// The program and its version.
    pub program: String,
    /// The seed.
    pub seed: u64,
    /// The hash of the netlist's text.
    pub netlist_hash: B256,
    /// Points of the sweep.
    pub n_points: u64,
    /// Runs of all points.
    pub n_runs: u64,
    /// Steps that a run takes at most.
    pub n_steps: u64,
    /// Rows of all runs.
    pub n_rows: u64,
    /// Runs that failed.
    pub n_failed: u64,
    /// Parts that the runs are cut into.
    pub n_parts: u64,
}

impl Manifest {
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, ResultsError> {
        let path = directory.join(MANIFEST);
        if !path.exists() {
            return Ok(None);
        }
        let text = disk::read_text(&path)?;
        serde_json::from_str(&text).map(Some).map_err(|error| ResultsError::damaged(&path)(error.to_string()))
    }
}

/// Makes them, from the parts alone, so that shards which end at the same time make the same.
///
/// # Errors
/// If a part is missing or damaged, or the disk is full.
pub(crate) fn finish(results: &Results) -> Result<Manifest, ResultsError> {
    let directory = results.directory();
    let mut drafts = Vec::new();
    let (manifest, files) = sum_up(results, &mut |name| {
        let (draft, file) = Draft::create(directory.join(name))?;
        drafts.push(draft);
        Ok(io::BufWriter::new(file))
    })?;
    for (draft, file) in drafts.into_iter().zip(files) {
        let file: File = file.into_inner().map_err(|error| ResultsError::at(draft.target())(error.into_error()))?;
        if !draft.target().ends_with(FAILURES_CSV) || manifest.n_failed > 0 {
            draft.finish(&file)?;
        }
    }
    let mut text = serde_json::to_string_pretty(&manifest).expect("text and numbers are JSON");
    text.push('\n');
    let (draft, mut file) = Draft::create(directory.join(MANIFEST))?;
    file.write_all(text.as_bytes()).map_err(ResultsError::at(draft.target()))?;
    draft.finish(&file)?;
    disk::sync(directory)?;
    Ok(manifest)
}

/// Writes the tables of all runs and of failures into what `open` gives for their names, in this order.
pub(super) fn sum_up<W: Write + Send>(
    results: &Results,
    open: &mut dyn FnMut(&str) -> Result<W, ResultsError>,
) -> Result<(Manifest, Vec<W>), ResultsError> {
    let at = |name: &str| ResultsError::at(&results.directory().join(name));
    let fields = &results.layout().runs;
    let parquet = Writer::begin(open(RUNS_PARQUET)?, "parquet", fields).map_err(at(RUNS_PARQUET))?;
    let csv = Writer::begin(open(RUNS_CSV)?, "csv", fields).map_err(at(RUNS_CSV))?;
    let mut runs = Table::of(vec![parquet, csv], fields);
    let mut failures = Failures::begin(open(FAILURES_CSV)?).map_err(at(FAILURES_CSV))?;
    let (mut hasher, mut n_rows, mut n_failed) = (Keccak256::new(), 0_u64, 0);
    let description = results.description();
    for part in 0..results.n_parts() {
        for (id, outcome) in results.parts().runs(part).zip(results.outcomes_of(part)?) {
            hasher.update(outcome.hash);
            n_rows = n_rows.saturating_add(outcome.n_rows);
            n_failed += u64::from(outcome.failure.is_some());
            let run = results.plan().run(id);
            runs.outcome(description.simulation, &run, &outcome).map_err(at(RUNS_PARQUET))?;
            failures.write(&outcome).map_err(at(FAILURES_CSV))?;
        }
    }
    let mut files = runs.end().map_err(at(RUNS_PARQUET))?;
    files.push(failures.writer.end().map_err(at(FAILURES_CSV))?);
    let n_points = u64::try_from(description.plan.points.len()).expect("a length fits 64 bits");
    let manifest = Manifest {
        fingerprint: hasher.finalize(),
        program: description.program.clone(),
        seed: description.plan.seed,
        netlist_hash: description.netlist_hash().into(),
        n_points,
        n_runs: n_points * description.plan.n_runs,
        n_steps: description.n_steps,
        n_rows,
        n_failed,
        n_parts: results.n_parts(),
    };
    Ok((manifest, files))
}

/// The table of failures.
struct Failures<W: Write> {
    writer: CsvWriter<W>,
    blocks: Vec<Block>,
}

impl<W: Write> Failures<W> {
    fn begin(to: W) -> io::Result<Self> {
        let field = |(name, kind): (&str, Kind)| Field { name: name.to_owned(), hold: Hold::Kind(kind) };
        let names = ["subset", "run", "timestep", "reason"];
        let fields: Vec<Field> =
            names.into_iter().zip([Kind::Integer, Kind::Integer, Kind::Integer, Kind::Text]).map(field).collect();
        Ok(Self { writer: CsvWriter::begin(to, &fields)?, blocks: fields.iter().map(Field::block).collect() })
    }

    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        let Some(failure) = &outcome.failure else { return Ok(()) };
        for (block, id) in self.blocks.iter_mut().zip([outcome.subset, outcome.number, failure.timestep]) {
            block.integers(i64::try_from(id).into_iter());
        }
        self.blocks[3].push(&Value::Text(failure.reason.clone()), 1);
        self.writer.write(&self.blocks)?;
        self.blocks.iter_mut().for_each(Block::clear);
        Ok(())
    }
}
