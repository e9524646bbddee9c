//! Pictures of results, as PNG and SVG. A picture becomes a scene of lines, areas and words first, which needs no file and
//! no font of the machine; the same picture gives the same bytes.

use std::{fs, path::Path};

mod axis;
mod frame;
mod heat_map;
mod histogram;
mod scene;
mod series;
mod tornado;

pub use heat_map::HeatMap;
pub use histogram::Histogram;
pub use series::{Line, Series, Time, convergence};
pub use tornado::{Bar, Tornado};

use scene::Scene;

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlotError {
    /// The name of a file does not say which kind it is.
    #[error("plot {path} ends neither in .png nor in .svg: name it so")]
    Ending {
        /// The file.
        path: String,
    },
    /// A heat map whose cells do not fit its axes.
    #[error("a heat map of {n_columns} columns and {n_rows} rows has {n_cells} cells: give one for each")]
    Cells {
        /// Levels of the horizontal parameter.
        n_columns: usize,
        /// Levels of the vertical one.
        n_rows: usize,
        /// Cells.
        n_cells: usize,
    },
    /// More than a picture shows.
    #[error("{n} {what} are more than the {max} that a picture shows: draw fewer")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        n: usize,
        /// How many there may be.
        max: usize,
    },
    /// The file cannot be written.
    #[error("plot {path} cannot be written: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// A picture of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// Lines over time.
    Series(Series),
    /// How often each value occurs.
    Histogram(Histogram),
    /// A KPI over two parameters.
    HeatMap(HeatMap),
    /// How much each parameter moves a KPI.
    Tornado(Tornado),
}

impl Picture {
    /// Writes a PNG of 1920 x 1080 pixels or an SVG, whichever `path` ends in.
    ///
    /// # Errors
    /// If the picture makes no sense, `path` has another ending, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PlotError> {
        let file = |reason: String| PlotError::File { path: path.display().to_string(), reason };
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => fs::write(path, self.svg()?).map_err(|error| file(error.to_string())),
            Some("png") => scene::write_png(&self.scene()?, path).map_err(file),
            _ => Err(PlotError::Ending { path: path.display().to_string() }),
        }
    }

    /// The picture as SVG.
    ///
    /// # Errors
    /// If the picture makes no sense.
    pub fn svg(&self) -> Result<String, PlotError> {
        let file = |reason| PlotError::File { path: "svg".to_owned(), reason };
        scene::svg(&self.scene()?).map_err(file)
    }

    fn scene(&self) -> Result<Scene, PlotError> {
        match self {
            Self::Series(series) => series.scene(),
            Self::Histogram(histogram) => Ok(histogram.scene()),
            Self::HeatMap(map) => map.scene(),
            Self::Tornado(tornado) => tornado.scene(),
        }
    }
}

/// Whether a number can be drawn: further out, differences overflow.
fn is_drawable(value: f64) -> bool {
    value.is_finite() && value.abs() <= 1e300
}

/// The least and the greatest of what can be drawn.
fn range_of(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| is_drawable(*value)).fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

#[cfg(test)]
mod tests;
