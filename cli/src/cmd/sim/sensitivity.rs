//! `streamctl sim sensitivity`: how much each parameter moves each KPI.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyre::{WrapErr, bail};
use sim::{
    analysis::sensitivity::{Sampling, one_at_a_time, sobol_indices},
    plot::{Picture, Tornado},
};

use super::{
    desk::Desk,
    study::{NetlistArgs, picture},
};

/// How often the rows of a sample are drawn again for the intervals.
const N_BOOTSTRAP: usize = 1_000;

/// Show how much each parameter moves each KPI.
///
/// One at a time: each goes from its low to its high end while the others keep their values. Sobol: the share of a KPI's
/// variance that is due to each parameter, alone and together with others.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim sensitivity payroll --kpi \"cost of both\" --plot tornado.png\n  \
    streamctl sim sensitivity mine.toml --method sobol --points 512")]
pub(super) struct SensitivityArgs {
    #[command(flatten)]
    netlist: NetlistArgs,
    /// The parameters; all with a spread without it.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    over: Vec<String>,
    /// Which measure.
    #[arg(long, value_enum, default_value_t = Measure::OneAtATime)]
    method: Measure,
    /// Points of each base sample for Sobol's indices; the model runs at this many times the parameters and two.
    #[arg(long, value_name = "N", default_value_t = 256)]
    points: usize,
    /// Runs of each point, whose mean is taken.
    #[arg(long, value_name = "N", default_value_t = 1)]
    runs: u64,
    /// Draw a tornado of one KPI: a file that ends in .png or .svg.
    #[arg(long, value_name = "FILE", value_parser = picture)]
    plot: Option<PathBuf>,
    /// Which KPI is drawn, if there are several.
    #[arg(long, value_name = "KPI")]
    kpi: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measure {
    OneAtATime,
    Sobol,
}

impl SensitivityArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let loaded = self.netlist.load()?;
        let space = loaded.space(&self.over, None)?;
        if self.method == Measure::Sobol {
            if self.plot.is_some() {
                bail!("--plot draws a tornado of --method one-at-a-time");
            }
            let sampling =
                Sampling { n_base: self.points, n_runs: self.runs, n_bootstrap: N_BOOTSTRAP, confidence: 0.95 };
            let indices = desk.watch(loaded.threads, |control| {
                Ok::<_, eyre::Report>(sobol_indices(&loaded.study(control)?, &space, &sampling)?)
            })?;
            return desk.result(&indices);
        }
        let drawn = self.plot.as_ref().map(|_| loaded.kpi(self.kpi.as_deref())).transpose()?;
        let swings = desk.watch(loaded.threads, |control| {
            Ok::<_, eyre::Report>(one_at_a_time(&loaded.study(control)?, &space, self.runs)?)
        })?;
        desk.result(&swings)?;
        if let (Some(path), Some(kpi)) = (&self.plot, &drawn) {
            let tornado = Tornado::of(&swings, kpi, format!("{}: what moves {kpi}", loaded.name));
            Picture::Tornado(tornado).write(path).wrap_err("drawing the tornado")?;
        }
        Ok(())
    }
}
