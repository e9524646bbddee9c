//! Line charts as SVG and PNG, with letters that do not depend on the machine's fonts.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SIZE: (u32, u32) = (960, 540);
const COLORS: [RGBColor; 4] =
    [RGBColor(0, 90, 181), RGBColor(220, 80, 20), RGBColor(20, 130, 90), RGBColor(120, 120, 120)];

/// What a chart says beside its lines.
pub(crate) struct Chart<'c> {
    pub(crate) title: &'c str,
    pub(crate) x: &'c str,
    pub(crate) y: &'c str,
    /// Where no line runs.
    pub(crate) legend: SeriesLabelPosition,
}

pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) is_marked: bool,
}

type Label<'l> = &'l dyn Fn(&f64) -> String;

impl Chart<'_> {
    /// Draws `path` with the endings `svg` and `png`.
    pub(crate) fn draw<X, Y>(
        &self,
        path: &Path,
        (x, y): (X, Y),
        labels: (Label<'_>, Label<'_>),
        series: &[Series],
    ) -> Result<()>
    where
        X: AsRangedCoord<Value = f64> + Clone,
        Y: AsRangedCoord<Value = f64> + Clone,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
            .map_err(|_| "the font cannot be read")?;
        let (svg, png) = (path.with_extension("svg"), path.with_extension("png"));
        self.draw_on(SVGBackend::new(&svg, SIZE), (x.clone(), y.clone()), labels, series)?;
        self.draw_on(BitMapBackend::new(&png, SIZE), (x, y), labels, series)?;
        println!("drew {} and {}", svg.display(), png.display());
        Ok(())
    }

    fn draw_on<B, X, Y>(
        &self,
        backend: B,
        (x, y): (X, Y),
        labels: (Label<'_>, Label<'_>),
        series: &[Series],
    ) -> Result<()>
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let area = backend.into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(self.title, ("sans-serif", 24))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(labels.0)
            .y_label_formatter(labels.1)
            .label_style(("sans-serif", 15))
            .axis_desc_style(("sans-serif", 17))
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .draw()?;
        for (Series { name, points, is_marked }, color) in series.iter().zip(COLORS) {
            let style = color.stroke_width(3);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), style))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
            if *is_marked {
                chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, color.filled())))?;
            }
        }
        chart
            .configure_series_labels()
            .position(self.legend.clone())
            .label_font(("sans-serif", 16))
            .background_style(WHITE.mix(0.9))
            .border_style(BLACK.mix(0.2))
            .draw()?;
        area.present()?;
        Ok(())
    }
}

/// The range of all values of `series` on one axis.
#[allow(dead_code, reason = "not every chart follows its values")]
pub(crate) fn range(series: &[Series], axis: impl Fn(&(f64, f64)) -> f64) -> Range<f64> {
    let values = || series.iter().flat_map(|series| &series.points).map(&axis);
    values().fold(f64::INFINITY, f64::min)..values().fold(f64::NEG_INFINITY, f64::max)
}
