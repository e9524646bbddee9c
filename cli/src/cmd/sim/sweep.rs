//! `streamctl sim sweep`: runs a model at many points of its parameters.

use clap::{Args, ValueEnum};
use eyre::bail;
use sim::{analysis::points, model::Point, runner::Plan};

use super::{
    desk::Desk,
    run::FolderArgs,
    study::{Loaded, NetlistArgs},
};

/// Run a model at many points of its parameters.
///
/// The points are columns of the results. Runs of the same number draw the same random numbers at every point, so points
/// are compared on equal luck.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim sweep payroll --over block_time --levels 9 --runs 20 --out drift\n  \
    streamctl sim sweep mine.toml --method sobol --points 256 --out space\n  \
    streamctl sim sweep mine.toml --method zip --out pairs")]
pub(super) struct SweepArgs {
    #[command(flatten)]
    netlist: NetlistArgs,
    /// The parameters to vary; all with a spread in the netlist without it.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    over: Vec<String>,
    /// Which points.
    #[arg(long, value_enum, default_value_t = Method::Grid)]
    method: Method,
    /// Levels of each parameter that is a range, in a grid.
    #[arg(long, value_name = "N", default_value_t = 5)]
    levels: usize,
    /// How many points, where they are drawn.
    #[arg(long, value_name = "N", default_value_t = 64)]
    points: usize,
    /// Runs of each point; the netlist's number without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Every combination of levels.
    Grid,
    /// Lists side by side, as cadCAD does.
    Zip,
    /// A Latin hypercube.
    Latin,
    /// Scrambled Sobol points.
    Sobol,
    /// Drawn from the spreads.
    Random,
}

impl SweepArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let loaded = self.netlist.load()?;
        let points = self.choose(&loaded)?;
        let plan = Plan { seed: loaded.seed, points, n_runs: self.runs.unwrap_or(loaded.runs) };
        self.folder.execute(desk, &loaded, plan)
    }

    fn choose(&self, loaded: &Loaded) -> eyre::Result<Vec<Point>> {
        if let Some((name, _)) = loaded.set.values.iter().find(|(name, _)| self.over.contains(name)) {
            bail!("--over varies {name}, and --set gives it one value; leave one of them out");
        }
        if self.method == Method::Zip {
            let of = |name: &String| loaded.parameter(name);
            let parameters = if self.over.is_empty() {
                loaded.spread()
            } else {
                self.over.iter().map(of).collect::<Result<_, _>>()?
            };
            return Ok(points::zip(&parameters)?);
        }
        let space = loaded.space(&self.over, None)?;
        Ok(match self.method {
            Method::Grid | Method::Zip => points::grid(&space, self.levels)?,
            Method::Latin => points::latin_hypercube(&space, self.points, loaded.seed)?,
            Method::Sobol => points::sobol(&space, self.points, loaded.seed)?,
            Method::Random => points::random(&space, self.points, loaded.seed)?,
        })
    }
}
