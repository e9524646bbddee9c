//! `streamctl index verify`: whether the store says what its own bytes and rows say.

use std::fmt;

use ::index::{
    config::Config,
    database::Database,
    verify::{Difference, Means, News, verify},
};
use clap::Args;
use eyre::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{consensus::origin, store::ConfigArgs};
use crate::{
    amount::{counted, grouped},
    output::{Output, write_rows},
};

/// Check that all snapshots, their addresses, their sums and their chains are what they should be.
///
/// Snapshots and sums are made once more from the stored events, epochs are compared with the stored blocks, snapshots with
/// their addresses and epochs, and blocks of chains with what they link to. Every difference is printed, and the exit code
/// is 1 if there is one. Nothing is changed, and no endpoint is asked. A store that was filled from CAR files has no events,
/// so that nothing of it is made once more.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl index verify\n  \
    streamctl index verify --quick --json | jq '.differences[]'")]
pub(super) struct VerifyArgs {
    /// Make nothing once more: compare what is stored with itself.
    #[arg(long)]
    quick: bool,
    /// Print only differences of this project, and of the epochs themselves.
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What was compared, and what differs.
#[derive(Debug, Default, Serialize)]
struct Verified {
    n_epochs: String,
    n_snapshots: String,
    n_blocks: String,
    n_differences: String,
    differences: Vec<Differing>,
}

#[derive(Debug, Serialize)]
struct Differing {
    project: Option<String>,
    epoch: Option<String>,
    what: &'static str,
    expected: String,
    found: String,
}

impl VerifyArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let output = *output;
        let (is_quick, project) = (self.quick, self.project);
        let verified = self.config.with_store(move |config, database| {
            let project = project.as_deref();
            compare(
                config,
                database,
                is_quick,
                &mut |difference| {
                    project.is_none_or(|project| difference.project.as_deref().is_none_or(|found| found == project))
                },
                output,
            )
        });
        let verified = verified.await?;
        output.result(&verified)?;
        if !verified.differences.is_empty() {
            bail!("{} that should not be; see above", counted(verified.differences.len() as u64, "difference"));
        }
        Ok(())
    }
}

fn compare(
    config: &Config,
    database: &mut dyn Database,
    is_quick: bool,
    is_wanted: &mut dyn FnMut(&Difference) -> bool,
    output: Output,
) -> eyre::Result<Verified> {
    let target = if output.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = "{bar:32} {percent:>3} %  {msg}  {elapsed_precise}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is well-formed"));
    let mut kinds = if is_quick { Vec::new() } else { config.kinds()? };
    let mut means = Means { kinds: &mut kinds, sums: None };
    let mut differences = Vec::new();
    let progress = verify(database, &origin(config), &mut means, &mut |news| match news {
        News::Difference(difference) if is_wanted(&difference) => differences.push(Differing::of(difference)),
        News::Difference(_) => {}
        News::Progress(progress) => {
            bar.set_length(progress.last_epoch + 1);
            bar.set_position(progress.epoch + 1);
            bar.set_message(counted(progress.n_snapshots, "snapshot"));
        }
    });
    bar.finish_and_clear();
    let progress = progress?;
    Ok(Verified {
        n_epochs: progress.n_epochs.to_string(),
        n_snapshots: progress.n_snapshots.to_string(),
        n_blocks: progress.n_blocks.to_string(),
        n_differences: differences.len().to_string(),
        differences,
    })
}

impl Differing {
    fn of(difference: Difference) -> Self {
        let Difference { project, epoch, what, expected, found } = difference;
        Self { project, epoch: epoch.map(|epoch| epoch.to_string()), what, expected, found }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Differing { project, epoch, what, expected, found } in &self.differences {
            let project = project.as_ref().map(|project| format!("{project}, ")).unwrap_or_default();
            let epoch = epoch.as_ref().map(|epoch| format!("epoch {epoch}, ")).unwrap_or_default();
            writeln!(f, "{project}{epoch}{what}: {found}, should be {expected}")?;
        }
        let n = |text: &String| text.parse().map_or_else(|_| text.clone(), grouped);
        writeln!(f, "Compared {} epochs", n(&self.n_epochs))?;
        write_rows(
            f,
            &[
                ("snapshots", n(&self.n_snapshots)),
                ("blocks of chains", n(&self.n_blocks)),
                ("differences", n(&self.n_differences)),
            ],
        )
    }
}
