//! The table and the pictures.

use std::path::{Path, PathBuf};

use plotters::prelude::{IntoLogRange, SeriesLabelPosition};

use crate::chart::{self, Chart, Series};
use crate::measured::Measured;
use crate::settings::Store;

const HEAD: &str = "\
| | store | wall, s | a second | own CPU, s | peak, MB | load |
|:--|:--|--:|--:|--:|--:|--:|
";

/// One row: medians, and in brackets the least and the most where there are several.
pub(crate) struct Line {
    text: String,
    /// What the time went to.
    stages: String,
}

impl Line {
    pub(crate) fn new(what: String, store: Store, count: u64, of: &[Measured]) -> Self {
        let walls = || of.iter().map(|one| one.wall);
        let middle = |value: fn(&Measured) -> f64| median(of.iter().map(value));
        let (least, most) = (walls().fold(f64::INFINITY, f64::min), walls().fold(0.0, f64::max));
        let spread = if of.len() > 1 { format!(" ({least:.2} to {most:.2})") } else { String::new() };
        let wall = middle(|one| one.wall);
        let is_node = of[0].cpu > 0.0;
        let only_of_node = |text: String| if is_node { text } else { String::new() };
        let text = format!(
            "| {what} | {} | {wall:.2}{spread} | {:.0} | {} | {} | {:.1} |\n",
            only_of_node(store.to_string()),
            count as f64 / wall,
            only_of_node(format!("{:.2}", middle(|one| one.cpu))),
            only_of_node(format!("{:.0}", of.iter().map(|one| one.peak_mb).fold(0.0, f64::max))),
            middle(|one| one.load),
        );
        let shares = of[0].stages.keys().map(|stage| {
            let share = median(of.iter().map(|one| one.stages.get(stage).copied().unwrap_or_default()));
            format!("{stage} {share:.2}")
        });
        let stages = format!("- {what}, {store}: {}\n", shares.collect::<Vec<_>>().join(", "));
        Self { text, stages: only_of_node(stages) }
    }
}

/// What a chain of so many logs and pairs came to.
pub(crate) struct Grown {
    pub(crate) store: Store,
    pub(crate) n_pairs: usize,
    pub(crate) n_logs: u64,
    pub(crate) logs_a_second: f64,
    pub(crate) raw_a_second: f64,
    pub(crate) epochs_a_second: f64,
}

#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
    lags: Vec<String>,
    pub(crate) grown: Vec<Grown>,
}

impl Report {
    pub(crate) fn add(&mut self, line: Line) {
        if self.lines.is_empty() {
            print!("{HEAD}");
        }
        print!("{}", line.text);
        eprint!("{}", line.stages);
        self.lines.push(line);
    }

    pub(crate) fn lag(&mut self, store: Store, lags: &[f64]) {
        let mut sorted = lags.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize] * 1e3;
        let line = format!(
            "| {store} | {} | {:.0} | {:.0} | {:.0} | {:.0} |\n",
            sorted.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        );
        eprint!("  lag: {line}");
        self.lags.push(line);
    }

    pub(crate) fn write(&self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        self.draw(&folder.join("benches"));
        let lines: String = self.lines.iter().map(|line| line.text.as_str()).collect();
        let stages: String = self.lines.iter().map(|line| line.stages.as_str()).collect();
        let n_cores = std::thread::available_parallelism().unwrap();
        let text = format!(
            "# What the index costs\n\n\
             `cargo bench -p index --bench index` writes this file. Anvil serves Uniswap V2 pairs with 49 logs in each \
             block of trade; anvil, PostgreSQL and the index share {n_cores} cores with whatever else runs, and `load` \
             is the system's average over the minute at the end. Figures are medians, with the least and the most in \
             brackets. Time is from the beginning of the process to the last commit; processor time is the \
             process's own, without anvil's and PostgreSQL's; memory is the peak of what is resident. Epochs have 10 \
             blocks, and two snapshots of each pair. PostgreSQL runs without fsync, SQLite as the index always runs \
             it.\n\n{HEAD}{lines}\n\
             ![Rows a second](benches/logs.png)\n\n![Epochs a second](benches/epochs.png)\n\n\
             ## From a block to its rows\n\n\
             A block of trade each 200 ms while the kind `uniswap-v2` follows the chain: milliseconds from anvil's answer \
             to `evm_mine` until a reader of the store, which looks each 2 ms, has the block's rows.\n\n\
             | store | blocks | median | 90 of 100 | 99 of 100 | most |\n|:--|--:|--:|--:|--:|--:|\n{}\n\
             ## Where the time goes\n\n\
             Seconds of each stage, from the commit before to its own. `logs` has the wait for the chain in it.\n\n\
             {stages}",
            self.lags.concat()
        );
        std::fs::write(folder.join("BENCH.md"), text).unwrap();
    }

    fn draw(&self, folder: &Path) {
        let kinds = [(Store::Sqlite, 16), (Store::Sqlite, 160), (Store::Postgres, 16)];
        let series = |value: &dyn Fn(&Grown) -> f64| -> Vec<Series> {
            let of = |(store, n_pairs)| {
                let points = self.grown.iter().filter(|grown| (grown.store, grown.n_pairs) == (store, n_pairs));
                let mut points: Vec<_> = points.map(|grown| (grown.n_logs as f64, value(grown))).collect();
                points.sort_by(|one, other| one.0.total_cmp(&other.0));
                Series { name: format!("{store}, {n_pairs} pairs"), points, is_marked: true }
            };
            kinds.into_iter().map(of).filter(|series| !series.points.is_empty()).collect()
        };
        let mut logs = series(&|grown| grown.logs_a_second);
        let mut raw = series(&|grown| grown.raw_a_second).swap_remove(0);
        "read and not decoded, 16 pairs".clone_into(&mut raw.name);
        logs.push(raw);
        draw(folder.join("logs"), "Logs into rows", "logs a second", &logs);
        let epochs = series(&|grown| grown.epochs_a_second);
        draw(folder.join("epochs"), "Snapshots of all pairs", "epochs a second", &epochs);
    }
}

fn draw(path: PathBuf, title: &str, y: &str, series: &[Series]) {
    let (xs, ys) = (chart::range(series, |point| point.0), chart::range(series, |point| point.1));
    let axes = ((xs.start * 0.8..xs.end * 1.25).log_scale(), (ys.start / 2.0..ys.end * 3.0).log_scale());
    let chart = Chart { title, x: "logs on the chain", y, legend: SeriesLabelPosition::UpperRight };
    chart.draw(&path, axes, (&count, &count), series).unwrap();
}

fn count(n: &f64) -> String {
    match *n {
        n if n >= 1e6 => format!("{} million", n / 1e6),
        n if n >= 1e3 => format!("{} 000", n / 1e3),
        n => format!("{n}"),
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}
