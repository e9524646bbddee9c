//! What surrounds a picture: title, legend, notes, axes. It leaves a rectangle that nothing of it covers.

use super::{
    axis::Axis,
    scene::{At, Ink, SIZE, Scene, fitted, width_of},
};

const MARGIN: f64 = 16.0;
const TITLE_SIZE: f64 = 20.0;
pub(crate) const TEXT_SIZE: f64 = 13.0;
const LINE: f64 = 18.0;

/// The lines that a legend may take.
const MAX_LEGEND_LINES: usize = 5;

/// An entry of a legend.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) ink: Ink,
    pub(crate) mark: Mark,
}

/// What an entry shows.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mark {
    Line,
    Dashes,
    Box,
}

/// Where the data goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) fn x(&self, share: f64) -> f64 {
        self.left + share * (self.right - self.left)
    }

    pub(crate) fn y(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }
}

/// Draws title, legend and notes, and says how much they leave free.
pub(crate) fn heading(scene: &mut Scene, title: &str, legend: &[Entry], notes: &[String]) -> Area {
    let full = SIZE.0 - 2.0 * MARGIN;
    let mut top = MARGIN;
    let (lines, size) = wrapped(title, full);
    for line in lines {
        scene.words(line, (SIZE.0 / 2.0, top + size / 2.0), At::Center, size, Ink::BLACK);
        top += size * 1.25;
    }
    top = entries(scene, legend, top + 4.0, full);
    for note in notes {
        scene.words(fitted(note, TEXT_SIZE, full), (SIZE.0 / 2.0, top + LINE / 2.0), At::Center, TEXT_SIZE, Ink::GRAY);
        top += LINE;
    }
    Area { left: MARGIN, top: top + 4.0, right: SIZE.0 - MARGIN, bottom: SIZE.1 - MARGIN }
}

/// A title on one line, on two, or smaller; the rest of a longer one is left out.
fn wrapped(title: &str, width: f64) -> (Vec<String>, f64) {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    for size in [TITLE_SIZE, 17.0, 14.0] {
        if width_of(&title, size) <= width {
            return (if title.is_empty() { Vec::new() } else { vec![title] }, size);
        }
        let mut lines = vec![String::new()];
        for word in title.split_whitespace() {
            let line = lines.last_mut().expect("there is a line");
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if line.is_empty() || width_of(&longer, size) <= width {
                *line = longer;
            } else {
                lines.push(word.to_owned());
            }
        }
        let fits = lines.len() <= 2 && lines.iter().all(|line| width_of(line, size) <= width);
        if fits || size == 14.0 {
            let rest = lines.split_off(lines.len().min(2));
            if let (Some(last), false) = (lines.last_mut(), rest.is_empty()) {
                *last = format!("{last} {}", rest.join(" "));
            }
            return (lines.iter().map(|line| fitted(line, size, width)).collect(), size);
        }
    }
    unreachable!("the smallest size returns")
}

fn entries(scene: &mut Scene, legend: &[Entry], top: f64, full: f64) -> f64 {
    let mut lines: Vec<Vec<(&Entry, String, f64)>> = vec![Vec::new()];
    let mut used = 0.0;
    let mut n_shown = 0;
    for entry in legend {
        let name = fitted(&entry.name, TEXT_SIZE, 260.0);
        let width = 30.0 + width_of(&name, TEXT_SIZE) * 1.08 + 18.0;
        if used + width > full && used > 0.0 {
            if lines.len() == MAX_LEGEND_LINES {
                break;
            }
            lines.push(Vec::new());
            used = 0.0;
        }
        used += width;
        n_shown += 1;
        lines.last_mut().expect("there is a line").push((entry, name, width));
    }
    if legend.is_empty() {
        return top;
    }
    let mut y = top + LINE / 2.0;
    for line in lines {
        let mut x = (SIZE.0 - line.iter().map(|(_, _, width)| width).sum::<f64>()) / 2.0;
        for (Entry { ink, mark, .. }, name, width) in line {
            match mark {
                Mark::Line => scene.path(vec![(x, y), (x + 22.0, y)], *ink, 3.0),
                Mark::Dashes => scene.dashes(&[(x, y), (x + 22.0, y)], 5.0, *ink, 3.0),
                Mark::Box => scene.rectangle([(x, y - 5.0), (x + 22.0, y + 5.0)], *ink),
            }
            scene.words(name, (x + 28.0, y), At::Left, TEXT_SIZE, Ink::BLACK);
            x += width;
        }
        y += LINE;
    }
    if n_shown < legend.len() {
        let more = format!("and {} more", legend.len() - n_shown);
        scene.words(more, (SIZE.0 / 2.0, y), At::Center, TEXT_SIZE, Ink::GRAY);
        y += LINE;
    }
    y - LINE / 2.0
}

/// Draws the axes of `free` with grid lines, ticks and names, and gives the rectangle between them.
pub(crate) fn axes(scene: &mut Scene, free: Area, (x, x_name): (&Axis, &str), (y, y_name): (&Axis, &str)) -> Area {
    let widest = y.ticks.iter().map(|(_, label)| width_of(label, TEXT_SIZE)).fold(0.0, f64::max) * 1.08;
    let last = x.ticks.last().map_or(0.0, |(_, label)| width_of(label, TEXT_SIZE)) / 2.0;
    let area = Area {
        left: free.left + widest + 10.0,
        top: free.top + LINE + 6.0,
        right: free.right - last.max(8.0),
        bottom: free.bottom - 2.0 * LINE - 4.0,
    };
    let name = |name: &str, axis: &Axis| fitted(&format!("{name}{}", axis.suffix), TEXT_SIZE, SIZE.0 - 2.0 * MARGIN);
    scene.words(name(y_name, y), (free.left, free.top + LINE / 2.0 - 2.0), At::Left, TEXT_SIZE, Ink::BLACK);
    let middle = (area.left + area.right) / 2.0;
    scene.words(name(x_name, x), (middle, free.bottom - LINE / 2.0), At::Center, TEXT_SIZE, Ink::BLACK);
    for (value, label) in &y.ticks {
        let Some(share) = y.share(*value) else { continue };
        let height = area.y(share);
        scene.line((area.left, height), (area.right, height), Ink::LIGHT);
        scene.words(label, (area.left - 6.0, height), At::Right, TEXT_SIZE, Ink::BLACK);
    }
    x_ticks(scene, area, x);
    scene.line((area.left, area.top), (area.left, area.bottom), Ink::GRAY);
    scene.line((area.left, area.bottom), (area.right, area.bottom), Ink::GRAY);
    area
}

/// Labels that would touch their neighbour are left out; their ticks stay.
fn x_ticks(scene: &mut Scene, area: Area, axis: &Axis) {
    let mut free_from = f64::NEG_INFINITY;
    for (value, label) in &axis.ticks {
        let Some(share) = axis.share(*value) else { continue };
        let (x, half) = (area.x(share), width_of(label, TEXT_SIZE) * 1.08 / 2.0);
        scene.line((x, area.top), (x, area.bottom), Ink::LIGHT);
        scene.line((x, area.bottom), (x, area.bottom + 4.0), Ink::GRAY);
        if x - half >= free_from {
            scene.words(label, (x, area.bottom + 6.0 + LINE / 2.0), At::Center, TEXT_SIZE, Ink::BLACK);
            free_from = x + half + 8.0;
        }
    }
}
