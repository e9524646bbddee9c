//! `streamctl sim montecarlo`: what many runs say of each KPI.

use clap::Args;
use eyre::bail;
use sim::{
    analysis::montecarlo::{HalfWidth, Stopping, monte_carlo},
    model::Point,
};

use super::{desk::Desk, study::NetlistArgs};

/// Run a model until its KPIs are known well enough, and print their statistics.
///
/// The intervals are of the confidence that is asked for. Failed runs are counted and left out of the KPIs.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim montecarlo payroll --half-width 1%\n  \
    streamctl sim montecarlo mine.toml --max-runs 1000 --round 1000 --json")]
pub(super) struct MonteCarloArgs {
    #[command(flatten)]
    netlist: NetlistArgs,
    /// With what probability an interval holds the true value.
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    confidence: f64,
    /// Stop when every mean is known to plus or minus this: 1% of it, or a number in the KPI's unit.
    #[arg(long, value_name = "WIDTH", default_value = "1%", value_parser = half_width)]
    half_width: HalfWidth,
    /// Runs between two looks.
    #[arg(long, value_name = "N", default_value_t = 100)]
    round: u64,
    /// Runs at most.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_runs: u64,
}

/// A number, or a number of percents.
fn half_width(text: &str) -> Result<HalfWidth, String> {
    let (number, is_share) = text.strip_suffix('%').map_or((text, false), |number| (number, true));
    let width: f64 = number.parse().map_err(|_| format!("{text} is neither a number nor a percentage, as 1%"))?;
    if !(width > 0.0 && width.is_finite()) {
        return Err(format!("{text} is not above zero"));
    }
    Ok(if is_share { HalfWidth::Relative(width / 100.0) } else { HalfWidth::Absolute(width) })
}

impl MonteCarloArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let loaded = self.netlist.load()?;
        let Self { confidence, half_width, round, max_runs, .. } = self;
        if round == 0 || max_runs == 0 {
            bail!("--round {round} and --max-runs {max_runs}: both must be above zero");
        }
        let stopping = Stopping { confidence, half_width, round_runs: round.min(max_runs), max_runs };
        let estimates = desk.watch(loaded.threads, |control| {
            Ok::<_, eyre::Report>(monte_carlo(&loaded.study(control)?, &Point::default(), &loaded.bounds, &stopping)?)
        })?;
        desk.result(&estimates)?;
        if !estimates.is_reached {
            desk.output.warn(format_args!("not every KPI is known that well after {max_runs} runs; raise --max-runs"));
        }
        Ok(())
    }
}
