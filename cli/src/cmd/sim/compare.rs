//! `streamctl sim compare`: two sets of results side by side.

use std::path::PathBuf;

use clap::Args;
use eyre::bail;
use sim::{
    analysis::compare::{Comparison, Tolerance, Verdict},
    results::Results,
};

use super::{desk::Desk, study::existing};

/// Compare two folders of results: KPIs run by run, and every column row by row.
///
/// Runs of the same number draw the same random numbers, so they are compared in pairs. The exit code is 1 if the results
/// differ by more than is tolerated.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim compare before after\n  \
    streamctl sim compare before after --relative 1e-12")]
pub(super) struct CompareArgs {
    /// The folder of the results that are compared with.
    #[arg(value_name = "BEFORE")]
    a: PathBuf,
    /// The folder of the results that are compared.
    #[arg(value_name = "AFTER")]
    b: PathBuf,
    /// How far apart two numbers may be, in their own unit.
    #[arg(long, value_name = "X", default_value_t = 0.0, allow_negative_numbers = true)]
    absolute: f64,
    /// How far apart two numbers may be, as a share of the greater.
    #[arg(long, value_name = "X", default_value_t = 0.0, allow_negative_numbers = true)]
    relative: f64,
    /// The confidence of the intervals.
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    confidence: f64,
}

impl CompareArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let Self { absolute, relative, .. } = self;
        if !(absolute >= 0.0 && relative >= 0.0) {
            bail!("--absolute {absolute} and --relative {relative}: both must be numbers of at least zero");
        }
        let (a, b) = (Results::open(existing(&self.a)?)?, Results::open(existing(&self.b)?)?);
        let comparison = Comparison::of_folders(&a, &b, Tolerance { absolute, relative }, self.confidence)?;
        desk.result(&comparison)?;
        if comparison.verdict == Verdict::Different {
            bail!("{} and {} differ", self.a.display(), self.b.display());
        }
        Ok(())
    }
}
