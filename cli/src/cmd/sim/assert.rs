//! `streamctl sim assert`: whether every run keeps the netlist's bounds.

use std::path::Path;

use clap::Args;
use eyre::bail;
use sim::{
    analysis::violations::violations,
    model::Point,
    netlist::{Netlist, bundled},
    results::Results,
    runner::{Plan, evaluate},
};

use super::{desk::Desk, study::NetlistArgs};

/// Check that every run keeps the bounds that the netlist asserts; the exit code is 1 if one does not.
///
/// Give a netlist, which is run, or a folder of results, which are checked as they are. Of a folder with the name of a
/// model in the box, say that it is one: payroll/.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim assert payroll --runs 50\n  \
    streamctl sim assert payroll/")]
pub(super) struct AssertArgs {
    #[command(flatten)]
    netlist: NetlistArgs,
    /// How many runs; the netlist's number without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
}

impl AssertArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let folder = Path::new(&self.netlist.netlist);
        let found = if folder.is_dir() && bundled(&self.netlist.netlist).is_none() {
            if self.runs.is_some() || self.netlist.sets_anything() {
                bail!("{} is a folder of results; --runs, --set and --seed are for netlists", folder.display());
            }
            let results = Results::open(folder)?;
            let (n_missing, n_parts) = (results.missing().len(), results.n_parts());
            if n_missing > 0 {
                let folder = folder.display();
                bail!("{n_missing} of the {n_parts} parts of {folder} are missing; do them with sim run --resume");
            }
            let netlist = Netlist::parse(Path::new("the netlist of the results"), &results.description().netlist)?;
            violations(&results.outcomes()?, results.kpis(), &asserted(&netlist.bounds)?)?
        } else {
            let loaded = self.netlist.load()?;
            let bounds = asserted(&loaded.bounds)?;
            let n_runs = self.runs.unwrap_or(loaded.runs);
            let plan = Plan { seed: loaded.seed, points: vec![Point::default()], n_runs };
            let outcomes =
                desk.watch(loaded.threads, |control| evaluate(&*loaded.model, &plan, &loaded.kpis, &control))?;
            violations(&outcomes, &loaded.kpis, &bounds)?
        };
        desk.result(&found)?;
        if !found.is_empty() {
            bail!("{} of {} runs broke a bound or failed", found.n_bad_runs, found.n_runs);
        }
        Ok(())
    }
}

fn asserted(bounds: &[sim::kpi::Bound]) -> eyre::Result<Vec<sim::kpi::Bound>> {
    if bounds.is_empty() {
        bail!("the netlist asserts nothing; add a table [[assert]] with a kpi and min or max");
    }
    Ok(bounds.to_vec())
}
