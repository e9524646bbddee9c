//! `streamctl sim plot`: pictures of results.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use eyre::{WrapErr, bail, eyre};
use serde::Serialize;
use sim::{
    analysis::space::{number, value_text},
    kpi::{Plot, Shape},
    model::Value,
    netlist::Netlist,
    plot::{HeatMap, Histogram, Line, Picture, Series, Time},
    results::Results,
    rows::Kind,
};

use super::{
    desk::Desk,
    study::{existing, listed},
};

/// Points of a run's line that are kept; a picture is not wider.
const MAX_POINTS: usize = 2_000;

/// Points of all lines that are kept; above it every so many runs are drawn.
const MAX_ALL_POINTS: usize = 4_000_000;

/// Draw the plots that the netlist asks for, from a folder of results.
///
/// Without plots in the netlist every column of numbers is drawn over time.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim plot payroll\n  \
    streamctl sim plot payroll --out pictures --format svg\n  \
    streamctl sim sweep payroll --over block_time_after,update_when --levels 7 --out drift\n  \
    streamctl sim plot drift --kpi \"cost of both\" --x block_time_after --y update_when")]
pub(super) struct PlotArgs {
    /// The folder of the results.
    #[arg(value_name = "FOLDER")]
    results: PathBuf,
    /// The folder for the pictures; that of the results without it.
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// What the pictures are written as.
    #[arg(long, value_enum, default_value_t = Ending::Png)]
    format: Ending,
    /// Draw these columns over time instead of what the netlist asks for.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "kpi")]
    column: Vec<String>,
    /// Draw this KPI instead: its histogram, or a heat map over --x and --y.
    #[arg(long, value_name = "KPI")]
    kpi: Option<String>,
    /// The swept parameter of the horizontal axis.
    #[arg(long, value_name = "NAME", requires = "y", requires = "kpi")]
    x: Option<String>,
    /// The swept parameter of the vertical axis.
    #[arg(long, value_name = "NAME", requires = "x")]
    y: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ending {
    Png,
    Svg,
}

#[derive(Debug, Serialize)]
struct Drawn {
    pictures: Vec<PathBuf>,
}

impl PlotArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let results = Results::open(existing(&self.results)?)?;
        let netlist = Netlist::parse(Path::new("the netlist of the results"), &results.description().netlist).ok();
        let plots = self.plots(&results, netlist.as_ref())?;
        let time = netlist
            .and_then(|netlist| netlist.tick_secs().ok())
            .map_or_else(|| Time::Named("timestep".into()), |seconds| Time::Seconds(seconds as f64));
        let folder = self.out.as_ref().unwrap_or(&self.results);
        fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
        let mut pictures = Vec::new();
        for plot in &plots {
            for (name, picture) in self.pictures(&results, plot, &time)? {
                let ending = match self.format {
                    Ending::Png => "png",
                    Ending::Svg => "svg",
                };
                let path = folder.join(format!("{name}.{ending}"));
                picture.write(&path)?;
                pictures.push(path);
            }
            if desk.is_stopped() {
                bail!("stopped after {} pictures", pictures.len());
            }
        }
        desk.output.result(&Drawn { pictures })
    }

    /// What is to be drawn.
    fn plots(&self, results: &Results, netlist: Option<&Netlist>) -> eyre::Result<Vec<Plot>> {
        let plot = |name: &str, columns: Vec<String>, shape| Plot {
            name: name.replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', "-"),
            title: name.to_owned(),
            columns,
            y: String::new(),
            multiplier: 1.0,
            is_logarithmic: false,
            shape,
        };
        if let Some(kpi) = &self.kpi {
            let shape = if self.x.is_some() { Shape::HeatMap } else { Shape::Histogram };
            return Ok(vec![plot(kpi, vec![kpi.clone()], shape)]);
        }
        if !self.column.is_empty() {
            return Ok(vec![plot(&self.column.join(", "), self.column.clone(), Shape::Series)]);
        }
        match netlist {
            Some(netlist) if !netlist.plots.is_empty() => Ok(netlist.plots.clone()),
            _ => {
                let columns = results.columns().iter().filter(|column| column.kind != Kind::Text);
                Ok(columns.map(|column| plot(&column.name, vec![column.name.clone()], Shape::Series)).collect())
            }
        }
    }

    /// A plot's pictures: one, or one for each KPI.
    fn pictures(&self, results: &Results, plot: &Plot, time: &Time) -> eyre::Result<Vec<(String, Picture)>> {
        if plot.shape == Shape::Series {
            return Ok(vec![(plot.name.clone(), Picture::Series(series(results, plot, time)?))]);
        }
        let of = |kpi: &String| {
            let name = if plot.columns.len() == 1 { plot.name.clone() } else { format!("{}-{kpi}", plot.name) };
            let picture = match plot.shape {
                Shape::HeatMap => Picture::HeatMap(self.heat_map(results, plot, kpi)?),
                _ => Picture::Histogram(Histogram {
                    title: plot.title.clone(),
                    x: if plot.y.is_empty() { kpi.clone() } else { plot.y.clone() },
                    values: kpi_values(results, kpi)?.into_iter().map(|value| value * plot.multiplier).collect(),
                }),
            };
            Ok((name, picture))
        };
        plot.columns.iter().map(of).collect()
    }

    fn heat_map(&self, results: &Results, plot: &Plot, kpi: &str) -> eyre::Result<HeatMap> {
        let points = &results.plan().points;
        let swept: Vec<&str> =
            points.first().map_or_else(Vec::new, |point| point.values.iter().map(|(name, _)| &**name).collect());
        let (x, y) = match (&self.x, &self.y, &*swept) {
            (Some(x), Some(y), _) => (x.as_str(), y.as_str()),
            (_, _, [x, y]) => (*x, *y),
            _ => bail!("a heat map is of two swept parameters, and the results have {}; say --x and --y", swept.len()),
        };
        let place = |name: &str| {
            let found = swept.iter().position(|known| *known == name);
            found.ok_or_else(|| eyre!("{name} was not swept; what was is {}", listed(swept.iter().copied())))
        };
        let (x_place, y_place) = (place(x)?, place(y)?);
        let columns = levels(points.iter().map(|point| &point.values[x_place].1));
        let rows = levels(points.iter().map(|point| &point.values[y_place].1));
        let n_runs = usize::try_from(results.plan().n_runs)?;
        let values = kpi_values(results, kpi)?;
        let mut sums = BTreeMap::<(usize, usize), (f64, u32)>::new();
        for (point, runs) in points.iter().zip(values.chunks(n_runs)) {
            let at = |levels: &[String], value: &Value| levels.iter().position(|level| *level == value_text(value));
            let cell = at(&rows, &point.values[y_place].1).zip(at(&columns, &point.values[x_place].1));
            let (sum, n) = sums.entry(cell.expect("levels are of these points")).or_default();
            runs.iter().filter(|value| !value.is_nan()).for_each(|value| {
                *sum += value * plot.multiplier;
                *n += 1;
            });
        }
        let cell = |row, column| match sums.get(&(row, column)) {
            Some((sum, n)) if *n > 0 => sum / f64::from(*n),
            _ => f64::NAN,
        };
        let cells = (0..rows.len()).flat_map(|row| (0..columns.len()).map(move |column| (row, column)));
        let cells = cells.map(|(row, column)| cell(row, column)).collect();
        Ok(HeatMap { title: plot.title.clone(), x: x.into(), columns, y: y.into(), rows, kpi: kpi.into(), cells })
    }
}

/// Different values in words, by size where they are numbers.
fn levels<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut values: Vec<&Value> = values.collect();
    values.sort_by(|a, b| match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => value_text(a).cmp(&value_text(b)),
    });
    let mut levels: Vec<String> = values.into_iter().map(value_text).collect();
    levels.dedup();
    levels
}

/// A KPI of all runs, in the order of their ids.
fn kpi_values(results: &Results, kpi: &str) -> eyre::Result<Vec<f64>> {
    let known = || listed(results.kpis().iter().map(|kpi| &*kpi.name));
    let place = results.kpis().iter().position(|known| known.name == kpi);
    let place = place.ok_or_else(|| eyre!("the results have no KPI {kpi}; they have {}", known()))?;
    if !results.missing().is_empty() {
        let (n_missing, n_parts) = (results.missing().len(), results.n_parts());
        bail!("{n_missing} of the {n_parts} parts of the results are missing; do them with sim run --resume");
    }
    Ok(results.outcomes()?.iter().map(|outcome| outcome.kpis[place]).collect())
}

/// The columns over time: of every run, or of every so many where they are more than a picture shows.
fn series(results: &Results, plot: &Plot, time: &Time) -> eyre::Result<Series> {
    let names: Vec<&str> = plot.columns.iter().map(String::as_str).collect();
    let n_all = results.plan().n_all()?;
    let (n_steps, n_columns) = (results.description().n_steps.max(1), names.len().max(1));
    let kept = usize::try_from(n_steps)?.min(MAX_POINTS) * n_columns;
    let every_run = n_all.div_ceil(u64::try_from((MAX_ALL_POINTS / kept).max(1))?).max(1);
    let every_step = n_steps.div_ceil(u64::try_from(MAX_POINTS)?).max(1);
    let mut runs = BTreeMap::<(u64, u64), Vec<Vec<(f64, f64)>>>::new();
    for batch in results.batches(&names)? {
        let batch = batch?;
        for row in 0..batch.timesteps.len() {
            let (subset, run, timestep) = (batch.subsets[row], batch.numbers[row], batch.timesteps[row]);
            let id = subset * results.plan().n_runs + run - 1;
            if !id.is_multiple_of(every_run) || !timestep.is_multiple_of(every_step) {
                continue;
            }
            let lines = runs.entry((subset, run)).or_insert_with(|| vec![Vec::new(); names.len()]);
            for (line, values) in lines.iter_mut().zip(&batch.values) {
                match line.last_mut() {
                    // The last substep counts.
                    Some(last) if last.0 == timestep as f64 => last.1 = values[row],
                    _ => line.push((timestep as f64, values[row])),
                }
            }
        }
    }
    let mut lines: Vec<Line> = names.iter().map(|name| Line { name: (*name).to_owned(), runs: Vec::new() }).collect();
    for run in runs.into_values() {
        lines.iter_mut().zip(run).for_each(|(line, points)| line.runs.push(points));
    }
    Ok(Series {
        title: plot.title.clone(),
        y: plot.y.clone(),
        multiplier: plot.multiplier,
        is_logarithmic: plot.is_logarithmic,
        time: time.clone(),
        lines,
    })
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pictures.iter().try_for_each(|picture| writeln!(f, "{}", picture.display()))
    }
}
