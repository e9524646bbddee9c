//! `streamctl sim corners`: a model at every corner of what the world may do.

use clap::Args;
use sim::{analysis::corners::corners, parameter::Role};

use super::{desk::Desk, study::NetlistArgs};

/// Run a model at every corner of its uncontrollable parameters.
///
/// Each goes to both of its ends, in every combination. The extremes of each KPI are printed with their corners.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim corners payroll\n  \
    streamctl sim corners mine.toml --over block_time_after,refuses --runs 20")]
pub(super) struct CornersArgs {
    #[command(flatten)]
    netlist: NetlistArgs,
    /// The parameters; the uncontrollable ones without it.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    over: Vec<String>,
    /// Runs of each corner.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
}

impl CornersArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let loaded = self.netlist.load()?;
        let space = loaded.space(&self.over, Some(Role::Uncontrollable))?;
        let corners = desk.watch(loaded.threads, |control| {
            Ok::<_, eyre::Report>(corners(&loaded.study(control)?, &space, self.runs)?)
        })?;
        desk.result(&corners)
    }
}
