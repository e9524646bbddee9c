//! Lines over time: one a run while they are few, else the median with bands of quantiles.

use super::{
    PlotError,
    axis::Axis,
    frame::{Entry, Mark, axes, heading},
    is_drawable, range_of,
    scene::{INKS, Ink, Scene},
};
use crate::analysis::{optimize::Optimum, statistics::quantile};

/// More lines than this are drawn as bands.
const MAX_LINES: usize = 12;

/// The most columns: beyond, dashes and colours repeat.
const MAX_COLUMNS: usize = 14;

/// Steps of a band; more are taken together.
const MAX_STEPS: usize = 960;

/// Columns over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The title.
    pub title: String,
    /// What the vertical axis says.
    pub y: String,
    /// Each value is multiplied by this.
    pub multiplier: f64,
    /// Whether the vertical axis is logarithmic. Values of zero and below are gaps then.
    pub is_logarithmic: bool,
    /// What the horizontal axis counts.
    pub time: Time,
    /// The columns.
    pub lines: Vec<Line>,
}

/// What the horizontal axis counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Time {
    /// What this says.
    Named(String),
    /// Timesteps of so many seconds, shown in seconds to years, whichever fits.
    Seconds(f64),
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// By run: timestep and value, in the order of time. What is no number is a gap.
    pub runs: Vec<Vec<(f64, f64)>>,
}

/// The best value of an optimiser after so many points; dashed where it breaks a bound.
#[must_use]
pub fn convergence(optimum: &Optimum, title: impl Into<String>) -> Series {
    let steps = |is_feasible: bool| {
        let (mut points, mut last) = (Vec::new(), None::<f64>);
        for best in &optimum.trace {
            let n = best.n_evaluations as f64;
            let value = if best.is_feasible == is_feasible { best.value } else { f64::NAN };
            if let Some(last) = last.filter(|last| is_drawable(*last) && *last != value) {
                points.push((n, last));
            }
            points.push((n, value));
            last = Some(value);
        }
        points
    };
    let line = |name: &str, is_feasible| Line { name: name.to_owned(), runs: vec![steps(is_feasible)] };
    let mut lines = vec![line("best so far", true)];
    if optimum.trace.iter().any(|best| !best.is_feasible) {
        lines.push(line("best so far, out of bounds", false));
    }
    Series {
        title: title.into(),
        y: optimum.goal.kpi.clone(),
        multiplier: 1.0,
        is_logarithmic: false,
        time: Time::Named("points that were run".to_owned()),
        lines,
    }
}

/// Seconds and names of what a time axis counts, and the shortest span that it suits.
const UNITS: [(f64, &str, f64); 6] = [
    (31_536_000.0, "years of 365 days", 3.0 * 31_536_000.0),
    (2_592_000.0, "months of 30 days", 6.0 * 2_592_000.0),
    (86_400.0, "days", 2.0 * 86_400.0),
    (3_600.0, "hours", 2.0 * 3_600.0),
    (60.0, "minutes", 120.0),
    (1.0, "seconds", 0.0),
];

/// A gap, or what is drawn at one time: one value, or the five quantiles.
type Step<const N: usize> = (f64, [f64; N]);

impl Series {
    pub(crate) fn scene(&self) -> Result<Scene, PlotError> {
        let n_columns = self.lines.len();
        if n_columns > MAX_COLUMNS {
            return Err(PlotError::TooMany { what: "columns", n: n_columns, max: MAX_COLUMNS });
        }
        let n_runs = self.lines.iter().map(|line| line.runs.len()).max().unwrap_or(0);
        let has_bands = n_runs > 1 && n_runs * n_columns > MAX_LINES;
        let (unit, x_name) = self.time_unit();
        let shown = self.values(unit);
        let bands: Vec<Vec<Step<5>>> =
            if has_bands { shown.iter().map(|runs| bands(runs)).collect() } else { Vec::new() };
        let points = || shown.iter().flatten().flatten().filter(|(x, y)| is_drawable(*x) && self.has(*y));
        let y_range = if has_bands {
            range_of(bands.iter().flatten().flat_map(|(_, quantiles)| [quantiles[0], quantiles[4]]))
        } else {
            range_of(points().map(|(_, y)| *y))
        };
        let times = range_of(points().map(|(x, _)| *x));
        // Timesteps are whole: few of them have a tick each.
        let n_ticks = match (&self.time, times) {
            (Time::Named(_), Some((first, last))) if last > first => (last - first).clamp(1.0, 8.0),
            (Time::Named(_), _) => 2.0,
            _ => 8.0,
        };
        let x = Axis::linear(times, n_ticks, false);
        let y = if self.is_logarithmic { Axis::logarithmic(y_range, 7.0) } else { Axis::linear(y_range, 6.0, true) };
        let mut scene = Scene::default();
        let free = heading(&mut scene, &self.title, &self.legend(has_bands), &self.notes(&shown, n_runs, has_bands));
        let area = axes(&mut scene, free, (&x, &x_name), (&y, &self.y));
        let place = |(time, value): (f64, f64)| Some((area.x(x.share(time)?), area.y(y.share(value)?)));
        for (column, steps) in bands.iter().enumerate() {
            draw_bands(&mut scene, steps, style(column), &place);
        }
        if !has_bands {
            for (column, runs) in shown.iter().enumerate() {
                for run in runs {
                    draw_line(&mut scene, run, style(column), &place);
                }
            }
        }
        Ok(scene)
    }

    fn has(&self, y: f64) -> bool {
        is_drawable(y) && !(self.is_logarithmic && y <= 0.0)
    }

    /// Seconds of a timestep in the axis' unit, and the axis' name.
    fn time_unit(&self) -> (f64, String) {
        match &self.time {
            Time::Named(name) => (1.0, name.clone()),
            Time::Seconds(seconds) => {
                let times = self.lines.iter().flat_map(|line| &line.runs).flatten().map(|(x, _)| *x);
                let span = range_of(times).map_or(0.0, |(low, high)| (high - low) * seconds);
                let (unit, name, _) =
                    UNITS.into_iter().find(|(_, _, least)| span >= *least).unwrap_or((1.0, "seconds", 0.0));
                (seconds / unit, format!("time in {name}"))
            }
        }
    }

    /// As drawn: in the axes' units, and not a number where there is a gap.
    fn values(&self, unit: f64) -> Vec<Vec<Vec<(f64, f64)>>> {
        let value = |(x, y): &(f64, f64)| {
            let y = y * self.multiplier;
            (x * unit, if self.has(y) { y } else { f64::NAN })
        };
        let run = |run: &Vec<(f64, f64)>| run.iter().map(value).collect();
        self.lines.iter().map(|line| line.runs.iter().map(run).collect()).collect()
    }

    fn legend(&self, has_bands: bool) -> Vec<Entry> {
        let entry = |(column, line): (usize, &Line)| Entry {
            name: line.name.clone(),
            ink: style(column).0,
            mark: if style(column).1 { Mark::Dashes } else { Mark::Line },
        };
        match (self.lines.len(), has_bands) {
            (1, true) => {
                let ink = INKS[0];
                let band =
                    |name: &str, opacity| Entry { name: name.to_owned(), ink: ink.faint(opacity), mark: Mark::Box };
                let median = Entry { name: "median".to_owned(), ink, mark: Mark::Line };
                vec![median, band("half of the runs", 0.5), band("90 % of the runs", 0.2)]
            }
            (1, false) => Vec::new(),
            _ => self.lines.iter().enumerate().map(entry).collect(),
        }
    }

    fn notes(&self, shown: &[Vec<Vec<(f64, f64)>>], n_runs: usize, has_bands: bool) -> Vec<String> {
        let mut notes = Vec::new();
        match (has_bands, self.lines.len()) {
            (true, 1) => notes.push(format!("{n_runs} runs")),
            (true, _) => notes.push(format!("median, and bands that hold half and 90 % of {n_runs} runs")),
            (false, _) if n_runs > 1 => notes.push(format!("{n_runs} runs, a line each")),
            _ => (),
        }
        let all = || shown.iter().flatten().flatten();
        if all().all(|(_, y)| y.is_nan()) {
            notes.push("there is no value to draw".to_owned());
        } else if self.is_logarithmic {
            let raw = self.lines.iter().flat_map(|line| &line.runs).flatten();
            let n = raw.filter(|(_, y)| is_drawable(*y) && y * self.multiplier <= 0.0).count();
            if n > 0 {
                notes
                    .push(format!("{n} of {} values are not above zero and have no place on this axis", all().count()));
            }
        }
        notes
    }
}

/// The colour of a column, and whether it is dashed: after the last colour they begin again in dashes.
fn style(column: usize) -> (Ink, bool) {
    (INKS[column % INKS.len()], column >= INKS.len())
}

/// 5, 25, 50, 75 and 95 % of the runs at each time.
fn bands(runs: &[Vec<(f64, f64)>]) -> Vec<Step<5>> {
    let mut points: Vec<(f64, f64)> = runs.iter().flatten().copied().filter(|(x, _)| is_drawable(*x)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let step = |points: &[(f64, f64)]| {
        let values: Vec<f64> = points.iter().map(|(_, y)| *y).filter(|y| !y.is_nan()).collect();
        (points[0].0, [0.05, 0.25, 0.5, 0.75, 0.95].map(|p| quantile(&values, p)))
    };
    let steps: Vec<Step<5>> = points.chunk_by(|a, b| a.0 == b.0).map(step).collect();
    let n_together = steps.len().div_ceil(MAX_STEPS).max(1);
    let together = |steps: &[Step<5>]| {
        let each = |i: usize| steps.iter().map(move |(_, quantiles)| quantiles[i]);
        let (low, high) = (|i| each(i).fold(f64::NAN, f64::min), |i| each(i).fold(f64::NAN, f64::max));
        (steps[0].0, [low(0), low(1), steps[0].1[2], high(3), high(4)])
    };
    steps.chunks(n_together).map(together).collect()
}

type Place<'p> = &'p dyn Fn((f64, f64)) -> Option<(f64, f64)>;

fn draw_bands(scene: &mut Scene, steps: &[Step<5>], style: (Ink, bool), place: Place<'_>) {
    for part in steps.split(|(_, quantiles)| quantiles.iter().any(|quantile| quantile.is_nan())) {
        for (low, high, opacity) in [(0, 4, 0.2), (1, 3, 0.3)] {
            let edge = |i: usize| part.iter().filter_map(move |(x, quantiles)| place((*x, quantiles[i])));
            let outline: Vec<_> = edge(low).chain(edge(high).rev()).collect();
            if part.len() > 1 {
                scene.area(outline, style.0.faint(opacity));
            } else if let [bottom, top] = outline.as_slice() {
                // A single time has a bar instead of a band.
                scene.rectangle([(bottom.0 - 4.0, top.1), (bottom.0 + 4.0, bottom.1)], style.0.faint(opacity));
            }
        }
    }
    let medians: Vec<_> = steps.iter().map(|(x, quantiles)| (*x, quantiles[2])).collect();
    draw_line(scene, &medians, style, place);
}

/// Gaps where there is no number; a value between two gaps is a dot.
fn draw_line(scene: &mut Scene, points: &[(f64, f64)], (ink, is_dashed): (Ink, bool), place: Place<'_>) {
    let placed: Vec<_> = points.iter().map(|point| place(*point)).collect();
    for part in placed.split(Option::is_none) {
        let part: Vec<_> = part.iter().flatten().copied().collect();
        match part.as_slice() {
            [] => (),
            [alone] => scene.dot(*alone, 2.5, ink),
            _ if is_dashed => scene.dashes(&thinned(&part), 6.0, ink, 1.5),
            _ => scene.path(thinned(&part), ink, 1.5),
        }
    }
}

/// First, least, greatest and last of what falls into half a unit of the picture.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MAX_STEPS * 2 {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| (a.0 * 2.0).floor() == (b.0 * 2.0).floor()) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let extremes = [group.first(), group.iter().min_by(by_height), group.iter().max_by(by_height), group.last()];
        let mut extremes: Vec<_> = extremes.into_iter().flatten().copied().collect();
        extremes.dedup();
        kept.extend(extremes);
    }
    kept
}
