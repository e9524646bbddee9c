//! `streamctl sim optimize`: the best values of what the designer decides.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyre::WrapErr;
use sim::{
    analysis::optimize::{Direction, Effort, Goal, Method, Optimum, Over, optimize},
    parameter::Role,
    plot::{Picture, convergence},
};

use super::{
    desk::Desk,
    study::{Loaded, NetlistArgs, picture},
};

/// Search the controllable parameters for the best of a KPI, within the netlist's bounds.
///
/// The bounds are the netlist's tables [[assert]]; a point where a run breaks one loses to any where none does.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim optimize payroll --minimise \"cost of both\"\n  \
    streamctl sim optimize mine.toml --maximise revenue --quantile 0.05 --runs 40 --evaluations 2000\n  \
    streamctl sim optimize mine.toml --minimise cost --method local --plot search.png")]
pub(super) struct OptimizeArgs {
    #[command(flatten)]
    netlist: NetlistArgs,
    #[command(flatten)]
    goal: GoalArgs,
    #[command(flatten)]
    search: SearchArgs,
}

#[derive(Args, Debug)]
#[group(id = "which", required = true, multiple = false, args = ["maximise", "minimise"])]
pub(super) struct GoalArgs {
    /// The KPI whose greatest value is sought.
    #[arg(long, value_name = "KPI", visible_alias = "maximize")]
    maximise: Option<String>,
    /// The KPI whose least value is sought.
    #[arg(long, value_name = "KPI", visible_alias = "minimize")]
    minimise: Option<String>,
}

fn quantile(text: &str) -> Result<f64, String> {
    let p: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    if (0.0..=1.0).contains(&p) { Ok(p) } else { Err(format!("{text} is not between 0 and 1")) }
}

#[derive(Args, Debug)]
pub(super) struct SearchArgs {
    /// The parameters; without it those of the role that the search is about.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) over: Vec<String>,
    /// Where to look.
    #[arg(long, value_enum, default_value_t = Where::Global)]
    method: Where,
    /// Points at most.
    #[arg(long, value_name = "N", default_value_t = 500)]
    evaluations: usize,
    /// Runs of each point, all with the same luck.
    #[arg(long, value_name = "N", default_value_t = 1)]
    runs: u64,
    /// Look at this quantile of a point's runs instead of their mean: 0.05 for what 95 % of the runs exceed.
    #[arg(long, value_name = "P", value_parser = quantile)]
    quantile: Option<f64>,
    /// Draw how the search went: a file that ends in .png or .svg.
    #[arg(long, value_name = "FILE", value_parser = picture)]
    plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Where {
    /// Around the netlist's own values.
    Local,
    /// Everywhere.
    Global,
}

impl GoalArgs {
    pub(super) fn goal(&self, loaded: &Loaded, search: &SearchArgs) -> eyre::Result<Goal> {
        let direction = if self.maximise.is_some() { Direction::Maximise } else { Direction::Minimise };
        let kpi = loaded.kpi(self.maximise.as_deref().or(self.minimise.as_deref()))?;
        Ok(Goal { kpi, direction, over: search.quantile.map_or(Over::Mean, Over::Quantile) })
    }
}

impl SearchArgs {
    pub(super) const fn effort(&self) -> Effort {
        let method = match self.method {
            Where::Local => Method::Local,
            Where::Global => Method::Global,
        };
        Effort { method, max_evaluations: self.evaluations, n_runs: self.runs }
    }

    pub(super) fn draw(&self, optimum: &Optimum, title: &str) -> eyre::Result<()> {
        let Some(path) = &self.plot else { return Ok(()) };
        Picture::Series(convergence(optimum, title)).write(path).wrap_err("drawing the search")
    }
}

impl OptimizeArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let loaded = self.netlist.load()?;
        let space = loaded.space(&self.search.over, Some(Role::Controllable))?;
        let goal = self.goal.goal(&loaded, &self.search)?;
        let effort = self.search.effort();
        let optimum = desk.watch(loaded.threads, |control| {
            Ok::<_, eyre::Report>(optimize(&loaded.study(control)?, &space, &goal, &loaded.bounds, &effort)?)
        })?;
        desk.result(&optimum)?;
        if !optimum.is_feasible {
            desk.output.warn("no point keeps all bounds of the netlist; the one that breaks them least is shown");
        }
        self.search.draw(&optimum, &format!("{}: search for the best {}", loaded.name, goal.kpi))
    }
}
