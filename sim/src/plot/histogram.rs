//! How often each value of a KPI occurs over the runs.

use super::{
    axis::{Axis, single_label},
    frame::{axes, heading},
    is_drawable,
    scene::{At, INKS, Ink, Scene, width_of},
};
use crate::analysis::statistics::quantile;

/// Up to so many whole numbers have a bar each.
const MAX_WHOLE: f64 = 30.0;

/// Bars at most.
const MAX_BARS: f64 = 60.0;

/// Values of a KPI.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The title.
    pub title: String,
    /// What the horizontal axis says: the KPI.
    pub x: String,
    /// By run. What is no number is counted in a note.
    pub values: Vec<f64>,
}

/// Equal bins.
struct Bins {
    start: f64,
    width: f64,
    counts: Vec<u64>,
}

impl Bins {
    /// Of `sorted`, which has a value: a bin for each whole number if they are few, else as wide as Freedman and Diaconis say.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number of bins")]
    fn of(sorted: &[f64]) -> Self {
        let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
        let is_whole = sorted.iter().all(|value| value.fract() == 0.0) && high - low <= MAX_WHOLE && high.abs() < 1e15;
        let (start, width, n) = if high - low <= 1e-12 * low.abs().max(high.abs()) {
            let width = if low == 0.0 { 0.2 } else { low.abs() * 0.02 };
            (low - width / 2.0, width, 1.0)
        } else if is_whole {
            (low - 0.5, 1.0, high - low + 1.0)
        } else {
            let n_values = sorted.len() as f64;
            let middle_half = quantile(sorted, 0.75) - quantile(sorted, 0.25);
            let wished = (high - low) * libm::cbrt(n_values) / (2.0 * middle_half);
            // Without a middle half Sturges' rule is left.
            let n = if wished.is_finite() { wished } else { libm::log2(n_values) + 1.0 }.ceil().clamp(5.0, MAX_BARS);
            (low, (high - low) / n, n)
        };
        let mut counts = vec![0; n as usize];
        for value in sorted {
            let bin = ((value - start) / width) as usize;
            counts[bin.min(n as usize - 1)] += 1;
        }
        Self { start, width, counts }
    }
}

impl Histogram {
    pub(crate) fn scene(&self) -> Scene {
        let mut sorted: Vec<f64> = self.values.iter().copied().filter(|value| is_drawable(*value)).collect();
        sorted.sort_by(f64::total_cmp);
        let mut notes = vec![format!("{} runs", sorted.len())];
        if sorted.len() < self.values.len() {
            notes[0] += &format!("; {} without a value to draw", self.values.len() - sorted.len());
        }
        let mut scene = Scene::default();
        if sorted.is_empty() {
            heading(&mut scene, &self.title, &[], &["there is no value to draw".to_owned()]);
            return scene;
        }
        let median = quantile(&sorted, 0.5);
        let bins = Bins::of(&sorted);
        let end = bins.start + bins.width * bins.counts.len() as f64;
        let air = bins.width * 0.5;
        let x = Axis::linear(Some((bins.start - air, end + air)), 8.0, false);
        let highest = bins.counts.iter().copied().max().unwrap_or(1) as f64;
        // Runs are whole: few of them have a tick each.
        let y = Axis::linear(Some((0.0, highest * 1.1)), (highest * 1.1).clamp(1.0, 6.0), false);
        let free = heading(&mut scene, &self.title, &[], &notes);
        let area = axes(&mut scene, free, (&x, &self.x), (&y, "runs"));
        let share = |axis: &Axis, value: f64| axis.share(value).unwrap_or(0.0);
        for (i, count) in bins.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let from = bins.start + bins.width * i as f64;
            let (left, right) = (area.x(share(&x, from)), area.x(share(&x, from + bins.width)));
            let gap = if right - left > 4.0 { 0.5 } else { 0.0 };
            scene.rectangle([(left + gap, area.y(share(&y, *count as f64))), (right - gap, area.bottom)], INKS[0]);
        }
        let at = area.x(share(&x, median));
        scene.dashes(&[(at, area.bottom), (at, area.top)], 5.0, INKS[1], 1.5);
        let label = format!("median {}", single_label(median));
        // Beside the line, on the side that has room.
        let side = if at + width_of(&label, 13.0) * 1.1 + 8.0 > area.right { At::Right } else { At::Left };
        let beside = if side == At::Left { at + 6.0 } else { at - 6.0 };
        let half = width_of(&label, 13.0) * 1.1;
        let (from, to) = if side == At::Left { (beside - 2.0, beside + half) } else { (beside - half, beside + 2.0) };
        scene.rectangle([(from, area.top), (to, area.top + 17.0)], Ink::WHITE.faint(0.85));
        scene.words(label, (beside, area.top + 8.0), side, 13.0, INKS[1]);
        scene
    }
}
