//! What a picture consists of, and how that becomes SVG and PNG. Letters come from a font in the program, so that they look
//! and measure the same everywhere.

use std::{path::Path, sync::Once};

use plotters::{
    coord::Shift,
    prelude::{
        BitMapBackend, Circle, DrawingArea, DrawingBackend, IntoDrawingArea, PathElement, Polygon, Rectangle,
        SVGBackend,
    },
    style::{
        Color as _, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// Width and height of a picture in its own units.
pub(crate) const SIZE: (f64, f64) = (960.0, 540.0);

/// Pixels of a unit.
const SCALE: f64 = 2.0;

/// The name of the font, which an SVG hands on to its viewer.
const FONT: &str = "sans-serif";

/// A colour and how much it covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ink {
    pub(crate) rgb: (u8, u8, u8),
    pub(crate) opacity: f64,
}

impl Ink {
    pub(crate) const BLACK: Self = Self::of(20, 20, 20);
    pub(crate) const GRAY: Self = Self::of(110, 110, 110);
    pub(crate) const LIGHT: Self = Self::of(222, 222, 222);
    pub(crate) const WHITE: Self = Self::of(255, 255, 255);

    pub(crate) const fn of(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: (red, green, blue), opacity: 1.0 }
    }

    pub(crate) const fn faint(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    fn color(self) -> plotters::style::RGBAColor {
        RGBColor(self.rgb.0, self.rgb.1, self.rgb.2).mix(self.opacity)
    }
}

/// The colours of Okabe and Ito without their yellow, which a white ground swallows: people of all kinds of colour vision tell
/// them apart.
pub(crate) const INKS: [Ink; 7] = [
    Ink::of(0, 114, 178),
    Ink::of(213, 94, 0),
    Ink::of(0, 158, 115),
    Ink::of(204, 121, 167),
    Ink::of(60, 60, 60),
    Ink::of(86, 180, 233),
    Ink::of(230, 159, 0),
];

/// Which side of a word its place is at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    Left,
    Center,
    Right,
}

/// One thing in a picture, in its units from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Path {
        points: Vec<(f64, f64)>,
        ink: Ink,
        width: f64,
    },
    Area {
        points: Vec<(f64, f64)>,
        ink: Ink,
    },
    Box {
        corners: [(f64, f64); 2],
        ink: Ink,
    },
    Dot {
        center: (f64, f64),
        radius: f64,
        ink: Ink,
    },
    /// Vertically centered on its place.
    Words {
        text: String,
        place: (f64, f64),
        at: At,
        size: f64,
        ink: Ink,
    },
}

/// A picture, drawn in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scene {
    pub(crate) shapes: Vec<Shape>,
}

impl Scene {
    pub(crate) fn path(&mut self, points: Vec<(f64, f64)>, ink: Ink, width: f64) {
        self.shapes.push(Shape::Path { points, ink, width });
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) {
        self.path(vec![from, to], ink, 1.0);
    }

    pub(crate) fn area(&mut self, points: Vec<(f64, f64)>, ink: Ink) {
        self.shapes.push(Shape::Area { points, ink });
    }

    pub(crate) fn rectangle(&mut self, corners: [(f64, f64); 2], ink: Ink) {
        self.shapes.push(Shape::Box { corners, ink });
    }

    pub(crate) fn dot(&mut self, center: (f64, f64), radius: f64, ink: Ink) {
        self.shapes.push(Shape::Dot { center, radius, ink });
    }

    pub(crate) fn words(&mut self, text: impl Into<String>, place: (f64, f64), at: At, size: f64, ink: Ink) {
        // Neither a font nor XML has control characters and noncharacters.
        let is_letter = |letter: char| !letter.is_control() && !matches!(letter, '\u{fffe}' | '\u{ffff}');
        let text = text.into().chars().map(|letter| if is_letter(letter) { letter } else { ' ' }).collect();
        self.shapes.push(Shape::Words { text, place, at, size, ink });
    }

    /// A path in dashes of a length each.
    pub(crate) fn dashes(&mut self, points: &[(f64, f64)], dash: f64, ink: Ink, width: f64) {
        let (mut left, mut is_on, mut current) =
            (dash, true, points.first().map_or_else(Vec::new, |first| vec![*first]));
        for pair in points.windows(2) {
            let ((mut x, mut y), to) = (pair[0], pair[1]);
            loop {
                let length = libm::hypot(to.0 - x, to.1 - y);
                if length <= left {
                    left -= length;
                    current.push(to);
                    break;
                }
                (x, y) = (x + (to.0 - x) * left / length, y + (to.1 - y) * left / length);
                current.push((x, y));
                let done = std::mem::replace(&mut current, vec![(x, y)]);
                if is_on {
                    self.path(done, ink, width);
                }
                (is_on, left) = (!is_on, dash);
            }
        }
        if is_on && current.len() > 1 {
            self.path(current, ink, width);
        }
    }
}

/// The width of `text` in letters of `size`.
pub(crate) fn width_of(text: &str, size: f64) -> f64 {
    let measured = font(size * SCALE).layout_box(text).map_or(0, |(_, (width, _))| width);
    f64::from(measured) / SCALE
}

/// `text`, or as much of its beginning as fits into `width`, with an ellipsis.
pub(crate) fn fitted(text: &str, size: f64, width: f64) -> String {
    if width_of(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if width_of(&format!("{kept}…"), size) > width {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

fn font(size: f64) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        if register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_err() {
            unreachable!("the font in the program is a font");
        }
    });
    FontDesc::new(FontFamily::SansSerif, size, FontStyle::Normal).transform(FontTransform::None)
}

pub(crate) fn svg(scene: &Scene) -> Result<String, String> {
    let mut text = String::new();
    draw(scene, SVGBackend::with_string(&mut text, pixels()), Medium::Svg)?;
    Ok(text)
}

pub(crate) fn write_png(scene: &Scene, path: &Path) -> Result<(), String> {
    draw(scene, BitMapBackend::new(path, pixels()), Medium::Bitmap)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two constants")]
fn pixels() -> (u32, u32) {
    ((SIZE.0 * SCALE) as u32, (SIZE.1 * SCALE) as u32)
}

/// What is drawn on.
#[derive(Clone, Copy, PartialEq)]
enum Medium {
    Svg,
    Bitmap,
}

fn draw<B: DrawingBackend>(scene: &Scene, backend: B, medium: Medium) -> Result<(), String> {
    let area = backend.into_drawing_area();
    area.fill(&plotters::style::WHITE).map_err(|error| error.to_string())?;
    for shape in &scene.shapes {
        draw_shape(&area, shape, medium)?;
    }
    area.present().map_err(|error| error.to_string())
}

fn draw_shape<B: DrawingBackend>(area: &DrawingArea<B, Shift>, shape: &Shape, medium: Medium) -> Result<(), String> {
    let all = |points: &[(f64, f64)]| points.iter().map(|point| pixel(*point)).collect::<Vec<_>>();
    let drawn = match shape {
        Shape::Path { points, ink, width } => {
            let style = ShapeStyle {
                color: ink.color(),
                filled: false,
                stroke_width: whole(width * SCALE).max(1).unsigned_abs(),
            };
            let mut points = all(points);
            points.dedup();
            match medium {
                Medium::Svg => area.draw(&PathElement::new(points, style)),
                // In a bitmap the corners of a path grow into spikes where it turns back.
                Medium::Bitmap => {
                    points.windows(2).try_for_each(|ends| area.draw(&PathElement::new(ends.to_vec(), style)))
                }
            }
        }
        Shape::Area { points, ink } => area.draw(&Polygon::new(all(points), ink.color().filled())),
        Shape::Box { corners, ink } => area.draw(&Rectangle::new(corners.map(pixel), ink.color().filled())),
        Shape::Dot { center, radius, ink } => {
            area.draw(&Circle::new(pixel(*center), whole(radius * SCALE), ink.color().filled()))
        }
        Shape::Words { text, place, at, size, ink } => {
            let side = match at {
                At::Left => HPos::Left,
                At::Center => HPos::Center,
                At::Right => HPos::Right,
            };
            let color = ink.color();
            let style = TextStyle::from(font(size * SCALE)).color(&color).pos(Pos::new(side, VPos::Center));
            // In a bitmap letters stand a little above the middle of their line.
            let lower = if medium == Medium::Bitmap { 0.16 * size } else { 0.0 };
            area.draw_text(text, &style, pixel((place.0, place.1 + lower)))
        }
    };
    drawn.map_err(|error| error.to_string())
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    (whole(x * SCALE), whole(y * SCALE))
}

/// Rounded; what is far outside of a picture ends at its far outside.
#[allow(clippy::cast_possible_truncation, reason = "clamped")]
fn whole(x: f64) -> i32 {
    x.round().clamp(-10_000.0, 10_000.0) as i32
}
