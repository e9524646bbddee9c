//! `streamctl sim worst-case`: the worst that the world can do to a KPI.

use clap::Args;
use sim::{analysis::optimize::worst_case, parameter::Role};

use super::{
    desk::Desk,
    optimize::{GoalArgs, SearchArgs},
    study::NetlistArgs,
};

/// Search the uncontrollable parameters for the worst of a KPI.
///
/// Say what would harm: --minimise for a KPI that should be high, --maximise for one that should be low. A failing run is
/// worse than any value.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim worst-case payroll --maximise \"worst drift, hours\"\n  \
    streamctl sim worst-case mine.toml --minimise revenue --evaluations 2000 --runs 10")]
pub(super) struct WorstCaseArgs {
    #[command(flatten)]
    netlist: NetlistArgs,
    #[command(flatten)]
    goal: GoalArgs,
    #[command(flatten)]
    search: SearchArgs,
}

impl WorstCaseArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let loaded = self.netlist.load()?;
        let space = loaded.space(&self.search.over, Some(Role::Uncontrollable))?;
        let goal = self.goal.goal(&loaded, &self.search)?;
        let effort = self.search.effort();
        let worst = desk.watch(loaded.threads, |control| {
            Ok::<_, eyre::Report>(worst_case(&loaded.study(control)?, &space, &goal, &effort)?)
        })?;
        desk.result(&worst)?;
        self.search.draw(&worst.worst, &format!("{}: search for the worst {}", loaded.name, goal.kpi))
    }
}
