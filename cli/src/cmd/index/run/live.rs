//! How a running index shows how far it is: a bar with rate and time left while it catches up, then one line that stays; a
//! line at times where there is no terminal. All of it on stderr.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use ::index::progress::{Event, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    amount::{counted, grouped},
    output::Output,
};

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// An index that is so few blocks behind has caught up.
const N_CAUGHT_UP: u64 = 2;

/// Where the index is shown.
pub(super) struct Live<'a> {
    output: &'a Output,
    bar: ProgressBar,
    is_terminal: bool,
    first: u64,
    has_caught_up: bool,
    /// When the last line was written, and of what.
    last: Option<(Instant, Progress)>,
    /// What was last said not to work.
    trouble: Option<String>,
}

impl<'a> Live<'a> {
    /// Shows an index whose first block is `first`.
    pub(super) fn new(output: &'a Output, first: u64) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let target = if output.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = "{bar:32} {percent:>3} %  {msg}  {elapsed_precise}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is well-formed"));
        Self { output, bar, is_terminal, first, has_caught_up: false, last: None, trouble: None }
    }

    /// Shows how far the index is.
    pub(super) fn show(&mut self, progress: Progress) {
        let (Some(head), Some(lag)) = (progress.head, progress.lag_blocks()) else { return };
        if progress.is_connected && self.trouble.take().is_some() {
            self.warn("the chain answers again");
        }
        let is_first = !self.has_caught_up && lag <= N_CAUGHT_UP;
        if is_first {
            self.has_caught_up = true;
            let style = ProgressStyle::with_template("{msg}").expect("the template is well-formed");
            self.bar.set_style(style);
        }
        if self.is_terminal {
            let n_blocks = head.saturating_add(1).saturating_sub(self.first);
            self.bar.set_length(n_blocks);
            self.bar.set_position(n_blocks.saturating_sub(lag));
            self.bar.set_message(self.words(progress));
            return;
        }
        let is_due = self.last.is_none_or(|(at, before)| at.elapsed() >= PAUSE && before != progress);
        if is_due || is_first {
            self.last = Some((Instant::now(), progress));
            self.output.note(self.words(progress));
        }
    }

    /// Says what a person should know of.
    pub(super) fn tell(&mut self, event: &Event) {
        match event {
            Event::Unwound { from, to } => self.warn(format!(
                "the chain went another way after block {}: {} taken back",
                grouped(*to),
                counted(from - to, "block")
            )),
            Event::Waiting { reason } if self.trouble.as_ref() != Some(reason) => {
                self.warn(format!("{reason}; it is tried again"));
                self.trouble = Some(reason.clone());
            }
            Event::Unanswered { reason } => self.warn(format!("a request of the API had no answer: {reason}")),
            Event::Leading(false) => {
                self.warn("another process follows the chain into this store; this one makes snapshots for it");
            }
            _ => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Says what is waited for.
    pub(super) fn note(&self, text: impl std::fmt::Display) {
        self.bar.suspend(|| self.output.note(text));
    }

    fn warn(&self, text: impl std::fmt::Display) {
        self.bar.suspend(|| self.output.warn(text));
    }

    fn words(&self, progress: Progress) -> String {
        let Progress { head, stored, finalized, epochs, rows, rate, .. } = progress;
        let block = |block: Option<u64>| block.map_or_else(|| "none".to_owned(), grouped);
        let lag = progress.lag_blocks().unwrap_or_default();
        if self.has_caught_up {
            let lag = if lag == 0 { String::new() } else { format!(", {} behind", counted(lag, "block")) };
            return format!(
                "head {}{lag}, final {}, {}, {}",
                block(head),
                block(finalized),
                counted(epochs, "epoch"),
                counted(rows, "row")
            );
        }
        let rate = if rate == 0 { String::new() } else { format!(", {} blocks/s", grouped(rate)) };
        format!("block {} of {}{rate}, {}", block(stored), block(head), counted(rows, "row"))
    }
}
