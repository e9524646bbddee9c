//! What every simulation command works with: where it prints, what stops it, and the progress bar.

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use sim::runner::{Control, Count};

use crate::output::Output;

/// Steps that the bar is cut into, so that it also moves while the first runs are under way.
const STEPS: u64 = 10_000;

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) output: Output,
    stop: Arc<AtomicBool>,
}

impl Desk {
    pub(super) const fn new(output: Output, stop: Arc<AtomicBool>) -> Self {
        Self { output, stop }
    }

    /// Prints what an analysis says. It counts in integers, which are quoted in JSON as everywhere.
    pub(super) fn result<T: Display + Serialize>(&self, value: &T) -> eyre::Result<()> {
        if self.output.json { self.output.tell(quoted(serde_json::to_value(value)?)) } else { self.output.tell(value) }
    }

    /// Whether somebody asked to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Does `work` on `threads` threads under a progress bar on stderr, which only a terminal shows.
    pub(super) fn watch<T>(&self, threads: usize, work: impl FnOnce(Control<'_>) -> T) -> T {
        let target = if self.output.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        let style = "{bar:32} {percent:>3} %  {msg}  {elapsed_precise}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is well-formed"));
        let observer = |count: Count| show(&bar, count);
        let done = work(Control { threads, observer: &observer, stop: &self.stop });
        bar.finish_and_clear();
        done
    }
}

/// The same with integers as text.
fn quoted(value: Value) -> Value {
    match value {
        Value::Number(number) if !number.is_f64() => Value::String(number.to_string()),
        Value::Array(values) => values.into_iter().map(quoted).collect(),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, quoted(value))).collect()),
        value => value,
    }
}

fn show(bar: &ProgressBar, count: Count) {
    let all = u128::from(count.n_runs) * u128::from(count.n_steps);
    let share = (u128::from(count.n_taken) * u128::from(STEPS)).checked_div(all).unwrap_or(0);
    // Runs may end before their last step.
    let ended = count.n_ended.saturating_mul(STEPS).checked_div(count.n_runs).unwrap_or(0);
    bar.set_position(u64::try_from(share).unwrap_or(STEPS).min(STEPS).max(ended));
    let seconds = bar.elapsed().as_secs_f64().max(1e-3);
    let rate = count.n_taken as f64 / seconds;
    let failed = if count.n_failed == 0 { String::new() } else { format!(", {} failed", count.n_failed) };
    bar.set_message(format!("{} of {} runs{failed}, {} steps/s", count.n_ended, count.n_runs, rounded(rate)));
}

/// Two or three digits and a letter.
fn rounded(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.1}M", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.1}k", rate / 1e3),
        rate => format!("{rate:.0}"),
    }
}
