//! A KPI over two swept parameters.

use super::{
    PlotError,
    axis::{Axis, single_label},
    frame::{Area, TEXT_SIZE, heading},
    range_of,
    scene::{At, Ink, SIZE, Scene, fitted, width_of},
};

/// Levels of a parameter at most.
const MAX_LEVELS: usize = 400;

/// Dark to light, blue to yellow: anyone sees which is more, and so does a gray printer.
const RAMP: [(f64, f64, f64); 6] = [
    (8.0, 29.0, 88.0),
    (37.0, 84.0, 132.0),
    (60.0, 130.0, 138.0),
    (115.0, 172.0, 124.0),
    (190.0, 205.0, 102.0),
    (253.0, 231.0, 110.0),
];

/// A KPI at every pair of levels.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// The title.
    pub title: String,
    /// The name of the horizontal parameter.
    pub x: String,
    /// Its levels in words, from left to right, evenly spaced whatever they are.
    pub columns: Vec<String>,
    /// The name of the vertical parameter.
    pub y: String,
    /// Its levels in words, from the bottom up.
    pub rows: Vec<String>,
    /// What the colours mean: the KPI.
    pub kpi: String,
    /// The KPI, row by row from the bottom; what is no number is left gray.
    pub cells: Vec<f64>,
}

impl HeatMap {
    pub(crate) fn scene(&self) -> Result<Scene, PlotError> {
        let (n_columns, n_rows, n_cells) = (self.columns.len(), self.rows.len(), self.cells.len());
        if n_cells != n_columns * n_rows || n_cells == 0 {
            return Err(PlotError::Cells { n_columns, n_rows, n_cells });
        }
        if n_columns.max(n_rows) > MAX_LEVELS {
            return Err(PlotError::TooMany { what: "levels", n: n_columns.max(n_rows), max: MAX_LEVELS });
        }
        let range = range_of(self.cells.iter().copied());
        let n_missing = self.cells.iter().filter(|cell| range_of([**cell].into_iter()).is_none()).count();
        let notes = if n_missing > 0 { vec![format!("gray: no value ({n_missing} of {n_cells})")] } else { Vec::new() };
        let mut scene = Scene::default();
        let free = heading(&mut scene, &self.title, &[], &notes);
        let bar = Axis::linear(range, 6.0, false);
        let bar_width = bar.ticks.iter().map(|(_, label)| width_of(label, TEXT_SIZE)).fold(0.0, f64::max) * 1.08 + 34.0;
        let labels = self.rows.iter().map(|row| width_of(&shortened(row), TEXT_SIZE)).fold(0.0, f64::max) * 1.08;
        let area = Area {
            left: free.left + labels + 10.0,
            top: free.top + 22.0,
            right: free.right - bar_width - 24.0,
            bottom: free.bottom - 40.0,
        };
        self.draw_cells(&mut scene, area, &bar);
        self.draw_labels(&mut scene, free, area);
        self.draw_bar(&mut scene, Area { left: area.right + 24.0, right: area.right + 42.0, ..area }, &bar);
        Ok(scene)
    }

    fn draw_cells(&self, scene: &mut Scene, area: Area, bar: &Axis) {
        let (n_columns, n_rows) = (self.columns.len() as f64, self.rows.len() as f64);
        let size = ((area.right - area.left) / n_columns, (area.bottom - area.top) / n_rows);
        for (i, cell) in self.cells.iter().enumerate() {
            let (column, row) = ((i % self.columns.len()) as f64, (i / self.columns.len()) as f64);
            let corner = (area.left + column * size.0, area.bottom - (row + 1.0) * size.1);
            let share = bar.share(*cell);
            let ink = share.map_or(Ink::LIGHT, ramp);
            // Their edges meet on whole pixels, without a white seam between them.
            scene.rectangle([corner, (corner.0 + size.0, corner.1 + size.1)], ink);
            let label = single_label(*cell);
            if let Some(share) = share
                && width_of(&label, TEXT_SIZE) * 1.1 + 6.0 < size.0
                && size.1 > 18.0
            {
                let ink = if share > 0.4 { Ink::BLACK } else { Ink::WHITE };
                scene.words(label, (corner.0 + size.0 / 2.0, corner.1 + size.1 / 2.0), At::Center, TEXT_SIZE, ink);
            }
        }
    }

    fn draw_labels(&self, scene: &mut Scene, free: Area, area: Area) {
        let full = SIZE.0 / 2.0;
        scene.words(fitted(&self.y, TEXT_SIZE, full), (free.left, free.top + 8.0), At::Left, TEXT_SIZE, Ink::BLACK);
        let middle = (area.left + area.right) / 2.0;
        scene.words(fitted(&self.x, TEXT_SIZE, full), (middle, free.bottom - 8.0), At::Center, TEXT_SIZE, Ink::BLACK);
        let width = (area.right - area.left) / self.columns.len() as f64;
        let widest = self.columns.iter().map(|column| width_of(&shortened(column), TEXT_SIZE)).fold(0.0, f64::max);
        for (i, column) in self.columns.iter().enumerate().step_by(every((widest * 1.08 + 8.0) / width)) {
            let x = area.left + (i as f64 + 0.5) * width;
            scene.words(shortened(column), (x, area.bottom + 13.0), At::Center, TEXT_SIZE, Ink::BLACK);
        }
        let height = (area.bottom - area.top) / self.rows.len() as f64;
        for (i, row) in self.rows.iter().enumerate().step_by(every(17.0 / height)) {
            let y = area.bottom - (i as f64 + 0.5) * height;
            scene.words(shortened(row), (area.left - 6.0, y), At::Right, TEXT_SIZE, Ink::BLACK);
        }
    }

    fn draw_bar(&self, scene: &mut Scene, bar: Area, axis: &Axis) {
        const N: u32 = 128;
        for i in 0..N {
            let (from, to) = (f64::from(i) / f64::from(N), f64::from(i + 1) / f64::from(N));
            scene.rectangle([(bar.left, bar.y(to)), (bar.right, bar.y(from))], ramp(from));
        }
        for (value, label) in &axis.ticks {
            let Some(share) = axis.share(*value) else { continue };
            scene.line((bar.right, bar.y(share)), (bar.right + 4.0, bar.y(share)), Ink::GRAY);
            scene.words(label, (bar.right + 8.0, bar.y(share)), At::Left, TEXT_SIZE, Ink::BLACK);
        }
        let name = fitted(&format!("{}{}", self.kpi, axis.suffix), TEXT_SIZE, SIZE.0 * 0.4);
        scene.words(name, (SIZE.0 - 16.0, bar.top - 14.0), At::Right, TEXT_SIZE, Ink::BLACK);
    }
}

/// Each how many labels one has room that is so many times as wide as its level.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn every(ratio: f64) -> usize {
    ratio.ceil().clamp(1.0, 1e6) as usize
}

fn shortened(label: &str) -> String {
    fitted(label, TEXT_SIZE, 140.0)
}

/// The colour of a share from 0 to 1.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in the ramp, and colours within 255"
)]
fn ramp(share: f64) -> Ink {
    let place = share.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let below = (place as usize).min(RAMP.len() - 2);
    let (from, to, weight) = (RAMP[below], RAMP[below + 1], place - below as f64);
    let mix = |from: f64, to: f64| (from + (to - from) * weight).round() as u8;
    Ink::of(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}
