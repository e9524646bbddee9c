//! What may vary between runs, and over what.

use crate::model::Value;

/// A parameter of a model, as the netlist declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value where nothing varies it.
    pub value: Value,
    /// What it may be.
    pub spread: Option<Spread>,
    /// Who decides on it.
    pub role: Role,
}

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Spread {
    /// These values and no others.
    List(Vec<Value>),
    /// From low to high, both included.
    Range {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
        /// How steps and draws are spaced between them.
        scale: Scale,
        /// Whole numbers only.
        is_whole: bool,
    },
    /// The normal distribution.
    Normal {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        deviation: f64,
    },
    /// Numbers whose natural logarithm is normal.
    LogNormal {
        /// The mean of the logarithm.
        mean: f64,
        /// The standard deviation of the logarithm.
        deviation: f64,
    },
    /// The exponential distribution.
    Exponential {
        /// Its mean.
        mean: f64,
    },
}

/// How values lie between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// Evenly in the logarithm; both ends are above zero.
    Logarithmic,
}

/// Who decides on a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nobody: it is given.
    Fixed,
    /// The designer: optimisers look for its best value.
    Controllable,
    /// The world: corners and worst cases look for its worst value.
    Uncontrollable,
}
