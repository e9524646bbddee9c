//! `streamctl sim verify`: whether results are whole and as they were written.

use std::{fmt, path::PathBuf};

use clap::Args;
use eyre::bail;
use serde::Serialize;
use sim::results::verify;

use super::{desk::Desk, study::existing};
use crate::output::write_rows;

/// Check that a folder's results are whole and as they were written.
///
/// Every run's hash is computed anew from its rows, and the fingerprint from the hashes. The exit code is 1 if anything is
/// missing or changed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  streamctl sim verify payroll")]
pub(super) struct VerifyArgs {
    /// The folder of the results.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

#[derive(Debug, Serialize)]
struct Verified {
    folder: PathBuf,
    n_runs: String,
    n_sound: String,
    n_rows: String,
    fingerprint: Option<String>,
    n_faults: String,
    /// The first hundred.
    faults: Vec<String>,
}

impl VerifyArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let verdict = verify(existing(&self.folder)?)?;
        let is_sound = verdict.is_sound();
        let n_faults = verdict.n_faults;
        let folder = self.folder.display().to_string();
        desk.output.result(&Verified {
            folder: self.folder,
            n_runs: verdict.n_runs.to_string(),
            n_sound: verdict.n_sound.to_string(),
            n_rows: verdict.n_rows.to_string(),
            fingerprint: verdict.fingerprint.map(|fingerprint| fingerprint.to_string()),
            n_faults: n_faults.to_string(),
            faults: verdict.faults,
        })?;
        if !is_sound {
            bail!("{folder} is incomplete or was changed; see what is wrong above");
        }
        Ok(())
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.folder.display())?;
        let mut rows =
            vec![("runs", format!("{} of {} as recorded", self.n_sound, self.n_runs)), ("rows", self.n_rows.clone())];
        rows.extend(self.fingerprint.iter().map(|fingerprint| ("fingerprint", fingerprint.clone())));
        rows.extend(self.faults.iter().map(|fault| ("wrong", fault.clone())));
        if self.n_faults != self.faults.len().to_string() {
            rows.push(("wrong in all", self.n_faults.clone()));
        }
        write_rows(f, &rows)
    }
}
