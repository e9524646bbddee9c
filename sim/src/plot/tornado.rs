//! How much each parameter moves a KPI: the greatest on top.

use super::{
    PlotError,
    axis::Axis,
    frame::{Area, Entry, Mark, TEXT_SIZE, axes, heading},
    range_of,
    scene::{At, INKS, Ink, SIZE, Scene, fitted, width_of},
};
use crate::analysis::{sensitivity::OneAtATime, space::value_text};

/// Bars at most: more are too thin for their names.
const MAX_BARS: usize = 24;

/// Bars around a KPI's own value.
#[derive(Clone, Debug, PartialEq)]
pub struct Tornado {
    /// The title.
    pub title: String,
    /// The KPI.
    pub kpi: String,
    /// The KPI where all parameters have their own value.
    pub own: f64,
    /// From the top down; those after the 24th are left out.
    pub bars: Vec<Bar>,
}

/// One parameter's bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Its name.
    pub parameter: String,
    /// Its lower end in words, or the first item of a list, and the KPI there.
    pub low: (String, f64),
    /// Its upper end, or the last item.
    pub high: (String, f64),
}

impl Tornado {
    /// The swings of one KPI, the greatest on top.
    #[must_use]
    pub fn of(analysis: &OneAtATime, kpi: &str, title: impl Into<String>) -> Self {
        let place = analysis.kpis.iter().position(|name| name == kpi);
        let bar = |swing: &crate::analysis::sensitivity::Swing| {
            let end = |at: Option<&crate::analysis::sensitivity::At>| {
                at.map_or_else(|| (String::new(), f64::NAN), |at| (value_text(&at.value), at.kpi))
            };
            Bar { parameter: swing.parameter.clone(), low: end(swing.at.first()), high: end(swing.at.last()) }
        };
        Self {
            title: title.into(),
            kpi: kpi.to_owned(),
            own: place.map_or(f64::NAN, |place| analysis.own[place]),
            bars: analysis.of_kpi(kpi).into_iter().map(bar).collect(),
        }
    }

    pub(crate) fn scene(&self) -> Result<Scene, PlotError> {
        let shown = &self.bars[..self.bars.len().min(MAX_BARS)];
        let values = shown.iter().flat_map(|bar| [bar.low.1, bar.high.1]).chain([self.own]);
        let mut scene = Scene::default();
        let entry = |name: &str, ink| Entry { name: name.to_owned(), ink, mark: Mark::Box };
        let legend = [entry("parameter at its lower end", INKS[0]), entry("parameter at its upper end", INKS[1])];
        let notes = match self.bars.len() - shown.len() {
            0 => Vec::new(),
            n => vec![format!("{n} parameters of less effect are left out")],
        };
        let free = heading(&mut scene, &self.title, &legend, &notes);
        // Room for the words at the ends of the longest bars.
        let widen = |(low, high): (f64, f64)| (low - 0.16 * (high - low), high + 0.16 * (high - low));
        let x = Axis::linear(range_of(values).map(widen), 7.0, false);
        let names: Vec<String> = shown.iter().map(|bar| fitted(&bar.parameter, TEXT_SIZE, 220.0)).collect();
        let widest = names.iter().map(|name| width_of(name, TEXT_SIZE)).fold(0.0, f64::max) * 1.08;
        let mut no_axis = Axis::linear(None, 2.0, false);
        no_axis.ticks.clear();
        let area = axes(
            &mut scene,
            Area { left: free.left + widest, top: free.top - 18.0, ..free },
            (&x, &self.kpi),
            (&no_axis, ""),
        );
        let height = (area.bottom - area.top) / shown.len().max(1) as f64;
        for (i, (bar, name)) in shown.iter().zip(names).enumerate() {
            let y = area.top + (i as f64 + 0.5) * height;
            scene.words(name, (area.left - 8.0, y), At::Right, TEXT_SIZE, Ink::BLACK);
            self.draw_bar(&mut scene, area, &x, (bar, y, (height * 0.35).min(18.0)));
        }
        if let Some(own) = x.share(self.own) {
            scene.line((area.x(own), area.top), (area.x(own), area.bottom), Ink::BLACK);
        }
        Ok(scene)
    }

    /// Two halves from the own value; on the same side they share the height.
    fn draw_bar(&self, scene: &mut Scene, area: Area, axis: &Axis, (bar, y, half): (&Bar, f64, f64)) {
        let Some(own) = axis.share(self.own).map(|share| area.x(share)) else { return };
        let place = |value: f64| axis.share(value).map(|share| area.x(share));
        let (low, high) = (place(bar.low.1), place(bar.high.1));
        let is_one_sided = matches!((low, high), (Some(low), Some(high)) if (low - own) * (high - own) > 0.0);
        let ends = [
            (low, &bar.low.0, INKS[0], (-half, if is_one_sided { 0.0 } else { half })),
            (high, &bar.high.0, INKS[1], (if is_one_sided { 0.0 } else { -half }, half)),
        ];
        for (end, words, ink, (top, bottom)) in ends {
            let Some(end) = end else { continue };
            scene.rectangle([(end.min(own), y + top), (end.max(own), y + bottom)], ink);
            // Outside of the bar; two at the same end would cover each other.
            let is_left = if is_one_sided || end != own { end < own } else { ink == INKS[0] };
            let (x, at) = if is_left { (end - 5.0, At::Right) } else { (end + 5.0, At::Left) };
            let room = if is_left { x - area.left } else { SIZE.0 - 16.0 - x };
            let height = if is_one_sided && half >= 12.0 { y + (top + bottom) / 2.0 } else { y };
            if !is_one_sided || half >= 12.0 {
                scene.words(fitted(words, 12.0, room.max(0.0)), (x, height), at, 12.0, Ink::GRAY);
            }
        }
    }
}
