//! Checks results against themselves: every run's hash and KPIs again from the rows in the files.

use std::{fs::File, io, ops::Range, path::Path};

use alloy_primitives::{B256, Keccak256};

use super::{
    Reader, Results, ResultsError, disk, finish,
    outcomes::{is_equal, said},
    part, rows,
    table::Block,
};
use crate::{
    model::Value,
    runner::{Digest, Outcome, Reducers, canonical},
};

/// Rows that are read at a time.
const READ_ROWS: usize = 4_096;
/// Faults that are worded; more are counted.
const MAX_FAULTS: usize = 100;

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Runs whose rows are as recorded.
    pub n_sound: u64,
    /// Runs that there should be.
    pub n_runs: u64,
    /// Rows that were read, in each format.
    pub n_rows: u64,
    /// The fingerprint by the recorded hashes, if all parts are there.
    pub fingerprint: Option<B256>,
    /// What is wrong, the first hundred of it.
    pub faults: Vec<String>,
    /// How much is wrong.
    pub n_faults: u64,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.n_faults == 0
    }

    fn fault(&mut self, fault: impl Into<String>) {
        self.n_faults += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault.into());
        }
    }
}

/// Reads all results in a folder and says what is wrong with them.
///
/// # Errors
/// If the folder holds no results, or of another version of this program.
pub fn verify(directory: &Path) -> Result<Verdict, ResultsError> {
    let results = Results::open(directory)?;
    let mut verdict = Verdict { n_runs: results.plan().n_all()?, ..Verdict::default() };
    check_names(&results, &mut verdict)?;
    let mut has_outcomes = true;
    for part in 0..results.n_parts() {
        if !results.has(part) {
            has_outcomes = false;
            verdict.fault(format!("part {part} is missing; run with --resume, or merge the folder that has it"));
            continue;
        }
        match results.outcomes_of(part) {
            Ok(outcomes) => check_rows(&results, part, &outcomes, &mut verdict),
            Err(error) => {
                has_outcomes = false;
                verdict.fault(error.to_string());
            }
        }
    }
    if has_outcomes {
        check_sums(&results, &mut verdict)?;
    }
    Ok(verdict)
}

/// Files that nobody reads are no part of the results.
fn check_names(results: &Results, verdict: &mut Verdict) -> Result<(), ResultsError> {
    let endings: Vec<_> = results.description().format.endings().iter().chain([&part::RUNS]).collect();
    for name in disk::names(results.directory())? {
        let Some(rest) = name.strip_prefix("part-") else { continue };
        let (number, ending) = rest.split_once('.').unwrap_or((rest, ""));
        let part = number.parse().ok().filter(|part| *part < results.n_parts());
        let is_ours = part.is_some_and(|part| endings.iter().any(|ending| part::file(part, ending) == name));
        if !is_ours && !ending.ends_with(disk::UNFINISHED) {
            verdict.fault(format!("{name} is no file of this plan; remove it"));
        }
    }
    Ok(())
}

/// The rows of a part in each format, against the outcomes.
fn check_rows(results: &Results, part: u64, outcomes: &[Outcome], verdict: &mut Verdict) {
    let mut is_sound = vec![true; outcomes.len()];
    let mut paths = results.files(part);
    paths.pop();
    for path in paths {
        let mut check =
            Check { results, outcomes, part, current: 0, run: Recount::of(results), is_sound: &mut is_sound };
        if let Err(error) = check.file(&path, verdict) {
            is_sound.fill(false);
            verdict.fault(error.to_string());
        }
    }
    verdict.n_sound += is_sound.iter().map(|is_sound| u64::from(*is_sound)).sum::<u64>();
}

struct Check<'a> {
    results: &'a Results,
    outcomes: &'a [Outcome],
    part: u64,
    current: usize,
    run: Recount,
    is_sound: &'a mut [bool],
}

/// A run, hashed and reduced again.
struct Recount {
    digest: Digest,
    reducers: Reducers,
    n_rows: u64,
}

impl Recount {
    fn of(results: &Results) -> Self {
        let reducers = Reducers::of(results.kpis(), results.columns());
        let reducers = reducers.unwrap_or_else(|_| Reducers::of(&[], &[]).expect("nothing is asked for"));
        Self { digest: Digest::of(results.columns()), reducers, n_rows: 0 }
    }
}

impl Check<'_> {
    fn file(&mut self, path: &Path, verdict: &mut Verdict) -> Result<(), ResultsError> {
        let fields = &self.results.layout().rows;
        let every: Vec<usize> = (0..fields.len()).collect();
        let mut reader = Reader::open(path, fields, &every)?;
        loop {
            let blocks = reader.next(READ_ROWS).map_err(ResultsError::damaged(path))?;
            let n = blocks.first().map_or(0, Block::len);
            if n == 0 {
                break;
            }
            verdict.n_rows += u64::try_from(n).expect("a length fits 64 bits");
            self.take(&blocks, n, path, verdict).map_err(ResultsError::damaged(path))?;
        }
        while self.current < self.outcomes.len() {
            self.close(path, verdict);
        }
        Ok(())
    }

    /// Takes rows, run by run.
    fn take(&mut self, blocks: &[Block], n: usize, path: &Path, verdict: &mut Verdict) -> Result<(), String> {
        let (subsets, numbers) = (rows::ids(&blocks[1])?, rows::ids(&blocks[2])?);
        let (substeps, timesteps) = (rows::ids(&blocks[3])?, rows::ids(&blocks[4])?);
        let mut start = 0;
        while start < n {
            let id = (subsets[start], numbers[start]);
            let n_same = (start..n).take_while(|row| (subsets[*row], numbers[*row]) == id).count();
            while self.outcomes.get(self.current).is_some_and(|outcome| (outcome.subset, outcome.number) < id) {
                self.close(path, verdict);
            }
            if self.outcomes.get(self.current).is_none_or(|outcome| (outcome.subset, outcome.number) != id) {
                return Err(format!("it has rows of run {} of subset {} where there are none", id.1, id.0));
            }
            let columns = &blocks[self.results.layout().columns()];
            for row in start..start + n_same {
                self.run.digest.row(timesteps[row], substeps[row], row, columns.iter().map(Block::cells));
            }
            self.take_run(blocks, start..start + n_same)?;
            start += n_same;
        }
        Ok(())
    }

    /// Takes rows of the current run.
    fn take_run(&mut self, blocks: &[Block], rows: Range<usize>) -> Result<(), String> {
        let layout = self.results.layout();
        let columns = &blocks[layout.columns()];
        self.run.reducers.take(rows.clone(), |column| columns[column].cells());
        self.run.n_rows += u64::try_from(rows.len()).expect("a length fits 64 bits");
        let id = self.results.parts().runs(self.part).start + u64::try_from(self.current).expect("a small number");
        let run = self.results.plan().run(id);
        let simulation = Value::Integer(self.results.description().simulation.into());
        let parameters = layout.row_parameters().zip(run.point.values.iter().map(|(_, value)| value));
        for (column, value) in parameters.chain([(0, &simulation)]) {
            let mut expected = layout.rows[column].block();
            expected.push(value, 1);
            if !rows.clone().all(|row| is_equal((&blocks[column], row), (&expected, 0))) {
                return Err(format!("the {} of {} is another than the plan's", layout.rows[column].name, said(&run)));
            }
        }
        Ok(())
    }

    /// The current run has no more rows.
    fn close(&mut self, path: &Path, verdict: &mut Verdict) {
        let outcome = &self.outcomes[self.current];
        let run = std::mem::replace(&mut self.run, Recount::of(self.results));
        let kpis = run.reducers.values();
        let bits = |kpis: &[f64]| kpis.iter().map(|kpi| canonical(*kpi).to_bits()).collect::<Vec<_>>();
        let is_hash = run.digest.end(outcome.failure.as_ref()) == outcome.hash;
        let fault = if run.n_rows != outcome.n_rows {
            Some(format!("has {} rows and not the {} recorded", run.n_rows, outcome.n_rows))
        } else if !is_hash {
            Some("has another hash than the one recorded".to_owned())
        } else if bits(&kpis) != bits(&outcome.kpis) {
            Some(format!("has KPIs {kpis:?} and not the {:?} recorded", outcome.kpis))
        } else {
            None
        };
        if let Some(fault) = fault {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            verdict.fault(format!("run {} of subset {} in {name} {fault}", outcome.number, outcome.subset));
            self.is_sound[self.current] = false;
        }
        self.current += 1;
    }
}

/// The files that sum up, against what they would be.
fn check_sums(results: &Results, verdict: &mut Verdict) -> Result<(), ResultsError> {
    let mut names = Vec::new();
    let (expected, hashes) = finish::sum_up(results, &mut |name| {
        names.push(name.to_owned());
        Ok(Hashed(Keccak256::new()))
    })?;
    verdict.fingerprint = Some(expected.fingerprint);
    match results.manifest() {
        Err(error) => verdict.fault(error.to_string()),
        Ok(None) => verdict.fault("there is no manifest.json; run with --resume, which makes it"),
        Ok(Some(found)) if found.fingerprint != expected.fingerprint => verdict.fault(format!(
            "the fingerprint in manifest.json is {}, and the runs' is {}",
            found.fingerprint, expected.fingerprint
        )),
        Ok(Some(found)) if found != expected => verdict.fault("manifest.json counts otherwise than the parts"),
        Ok(Some(_)) => {}
    }
    for (name, hash) in names.iter().zip(hashes) {
        let path = results.directory().join(name);
        let is_expected = name != finish::FAILURES_CSV || expected.n_failed > 0;
        let found = hash_of(&path);
        if is_expected && found.as_ref().ok() != Some(&hash.0.finalize()) {
            let what = found.err().map_or_else(|| "differs from the parts".to_owned(), |error| error.to_string());
            verdict.fault(format!("{name}: {what}; remove it and run with --resume, which makes it again"));
        } else if !is_expected && path.exists() {
            verdict.fault(format!("there is {name}, and no run failed; remove it"));
        }
    }
    Ok(())
}

/// Forgets what it is given, but for the hash.
struct Hashed(Keccak256);

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hash_of(path: &Path) -> io::Result<B256> {
    let mut hashed = Hashed(Keccak256::new());
    io::copy(&mut File::open(path)?, &mut hashed)?;
    Ok(hashed.0.finalize())
}
