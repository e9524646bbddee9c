//! What is asked of a run: one number out of a recorded column, and bounds that it must keep.

/// A key performance indicator: a run's column, reduced to one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kpi {
    /// Its name.
    pub name: String,
    /// The column that it is taken from.
    pub column: String,
    /// How.
    pub reduce: Reduce,
}

/// How a column becomes one number. Text is read as a decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// The first row's.
    First,
    /// The last row's.
    Last,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The mean of all rows.
    Mean,
    /// The sum of all rows.
    Sum,
    /// The last row's less the first row's.
    Change,
}

/// What a KPI must keep to, in every run.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The KPI's name.
    pub kpi: String,
    /// It must not be less.
    pub min: Option<f64>,
    /// It must not be more.
    pub max: Option<f64>,
}

/// What a netlist wants drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// The name of its file.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The columns, drawn over time.
    pub columns: Vec<String>,
    /// What the vertical axis says.
    pub y: String,
    /// Each value is multiplied by this: 100 for percents, 1e-6 for millions.
    pub multiplier: f64,
    /// Whether the vertical axis is logarithmic.
    pub is_logarithmic: bool,
    /// What is drawn.
    pub shape: Shape,
}

/// Kinds of plots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Lines over time: one a run if there are few, else the median with bands of quantiles.
    Series,
    /// How often each value of a KPI occurs over the runs.
    Histogram,
    /// A KPI over two swept parameters.
    HeatMap,
}
