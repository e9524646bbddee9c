//! `streamctl sim`: models that are run many times, and what can be asked of them.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{Args, Subcommand};
use eyre::{WrapErr, eyre};

use crate::{interrupt::Interrupt, output::Output};

mod assert;
mod compare;
mod corners;
mod desk;
mod fork;
mod merge;
mod models;
mod montecarlo;
mod new;
mod optimize;
mod plot;
mod run;
mod sensitivity;
mod study;
mod sweep;
mod verify;
mod worst_case;

use desk::Desk;

/// Run models of money streams and markets: agents on the EVM's own bytecode, and state-block models.
///
/// A model is a netlist, a TOML file: `streamctl sim models` lists those in the box, `streamctl sim new` writes one to start
/// from. The same seed gives the same numbers for any number of threads, shards and machines.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim models\n  \
    streamctl sim run payroll --runs 100 --out payroll\n  \
    streamctl sim plot payroll\n  \
    streamctl sim optimize payroll --minimise \"cost of both\"\n  \
    streamctl sim new mine.toml --from payroll")]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Models(models::ModelsArgs),
    New(new::NewArgs),
    Run(run::RunArgs),
    Sweep(sweep::SweepArgs),
    #[command(name = "montecarlo")]
    MonteCarlo(montecarlo::MonteCarloArgs),
    Corners(corners::CornersArgs),
    WorstCase(worst_case::WorstCaseArgs),
    Sensitivity(sensitivity::SensitivityArgs),
    Optimize(optimize::OptimizeArgs),
    Assert(assert::AssertArgs),
    Compare(compare::CompareArgs),
    Plot(plot::PlotArgs),
    Verify(verify::VerifyArgs),
    Merge(merge::MergeArgs),
}

impl SimArgs {
    /// Runs in a thread of its own; a request to stop ends it in good order, a second one at once.
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let mut interrupt = Interrupt::listen().wrap_err("listening for Ctrl-C")?;
        let stop = Arc::new(AtomicBool::new(false));
        let desk = Desk::new(*output, Arc::clone(&stop));
        let mut work = tokio::task::spawn_blocking(move || self.action.run(&desk));
        loop {
            tokio::select! {
                done = &mut work => return done.wrap_err("waiting for the simulation")?,
                () = interrupt.received() => {
                    if stop.swap(true, Ordering::Relaxed) {
                        output.error(&eyre!("stopped at once; parts that were finished are kept"));
                        // A return would wait for the thread.
                        process::exit(1);
                    }
                    output.note("stopping after the current steps; once more to stop at once");
                }
            }
        }
    }
}

impl Action {
    fn run(self, desk: &Desk) -> eyre::Result<()> {
        match self {
            Self::Models(args) => args.run(desk),
            Self::New(args) => args.run(desk),
            Self::Run(args) => args.run(desk),
            Self::Sweep(args) => args.run(desk),
            Self::MonteCarlo(args) => args.run(desk),
            Self::Corners(args) => args.run(desk),
            Self::WorstCase(args) => args.run(desk),
            Self::Sensitivity(args) => args.run(desk),
            Self::Optimize(args) => args.run(desk),
            Self::Assert(args) => args.run(desk),
            Self::Compare(args) => args.run(desk),
            Self::Plot(args) => args.run(desk),
            Self::Verify(args) => args.run(desk),
            Self::Merge(args) => args.run(desk),
        }
    }
}
