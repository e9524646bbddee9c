//! Parameters that vary, seen as a cube: a coordinate from 0 to 1 each, which its spread turns into a value.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Error, statistics::normal_cdf, statistics::normal_quantile};
use crate::{
    model::{Point, Value},
    parameter::{Parameter, Role, Scale, Spread},
};

/// How many standard deviations from the mean count as the ends of a distribution that has none; other distributions end
/// at the same probabilities, 0.135 % and 99.865 %.
pub const SIGMAS: f64 = 3.0;

/// Whole numbers above this have no exact f64.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Parameters with a spread, each checked.
#[derive(Clone, Debug)]
pub struct Space {
    parameters: Vec<Parameter>,
}

impl Space {
    /// All of `parameters`.
    ///
    /// # Errors
    /// If one has no spread, or one that makes no sense.
    pub fn new(parameters: &[Parameter]) -> Result<Self, Error> {
        parameters.iter().try_for_each(check)?;
        Ok(Self { parameters: parameters.to_vec() })
    }

    /// Those of `parameters` that are of `role`.
    ///
    /// # Errors
    /// If there are none, or as [`Space::new`].
    pub fn of_role(parameters: &[Parameter], role: Role) -> Result<Self, Error> {
        let chosen: Vec<_> = parameters.iter().filter(|parameter| parameter.role == role).cloned().collect();
        if chosen.is_empty() {
            let role = match role {
                Role::Fixed => "fixed",
                Role::Controllable => "controllable",
                Role::Uncontrollable => "uncontrollable",
            };
            return Err(Error::NoRole { role });
        }
        Self::new(&chosen)
    }

    /// The parameters, in their order.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many.
    #[must_use]
    pub fn n_dimensions(&self) -> usize {
        self.parameters.len()
    }

    /// The point at the coordinates `unit`, each a probability: even coordinates give values as their spread has them.
    #[must_use]
    pub fn at(&self, unit: &[f64]) -> Point {
        self.named(unit.iter().zip(&self.parameters).map(|(u, parameter)| value_at(spread(parameter), *u)))
    }

    /// The point at the coordinates `unit`, where 0 and 1 are the ends that [`Space::ends`] gives.
    #[must_use]
    pub fn between_ends(&self, unit: &[f64]) -> Point {
        self.named(unit.iter().zip(&self.parameters).map(|(u, parameter)| {
            let spread = spread(parameter);
            value_at(spread, if has_ends(spread) { *u } else { tail() + (1.0 - 2.0 * tail()) * u })
        }))
    }

    /// The point with each parameter's own value.
    #[must_use]
    pub fn own(&self) -> Point {
        self.named(self.parameters.iter().map(|parameter| parameter.value.clone()))
    }

    /// Where the parameters' own values lie, as [`Space::between_ends`] counts; the middle for a value outside its spread.
    #[must_use]
    pub fn own_coordinates(&self) -> Vec<f64> {
        self.parameters.iter().map(|parameter| coordinate(parameter).unwrap_or(0.5).clamp(0.0, 1.0)).collect()
    }

    /// The ends of a parameter's spread: the least and the greatest of numbers, every item of a list of anything else.
    #[must_use]
    pub fn ends(&self, dimension: usize) -> Vec<Value> {
        let spread = spread(&self.parameters[dimension]);
        let mut ends = match spread {
            Spread::List(items) => ends_of_list(items),
            Spread::Range { .. } => vec![value_at(spread, 0.0), value_at(spread, 1.0)],
            _ => vec![value_at(spread, tail()), value_at(spread, 1.0 - tail())],
        };
        ends.dedup();
        ends
    }

    /// A parameter's values for a grid: all items of a list, `n` levels of a range with both ends (fewer if it has fewer
    /// whole numbers), and the middles of `n` equally likely parts of a distribution.
    #[must_use]
    pub fn levels(&self, dimension: usize, n: usize) -> Vec<Value> {
        let spread = spread(&self.parameters[dimension]);
        let mut levels: Vec<_> = match spread {
            Spread::List(items) => return items.clone(),
            Spread::Range { .. } if n == 1 => vec![value_at(spread, 0.5)],
            Spread::Range { low, high, is_whole: true, scale: Scale::Linear } => {
                // Rounded from the line, so that the levels are as even as whole numbers can be.
                (0..n).map(|i| whole((low + (high - low) * (i as f64 / (n - 1) as f64)).round())).collect()
            }
            Spread::Range { .. } => (0..n).map(|i| value_at(spread, i as f64 / (n - 1) as f64)).collect(),
            _ => (0..n).map(|i| value_at(spread, (i as f64 + 0.5) / n as f64)).collect(),
        };
        levels.dedup();
        levels
    }

    fn named(&self, values: impl Iterator<Item = Value>) -> Point {
        Point { values: self.parameters.iter().map(|parameter| parameter.name.clone()).zip(values).collect() }
    }
}

/// A value as a number; `None` for names and flags.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        Value::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        Value::Flag(_) => None,
    }
}

/// A value in words.
#[must_use]
pub fn value_text(value: &Value) -> String {
    match value {
        Value::Float(number) => super::table::number(*number),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Flag(flag) => flag.to_string(),
    }
}

/// A point in words: `fee=0.3 agents=7`.
#[must_use]
pub fn point_text(point: &Point) -> String {
    if point.values.is_empty() {
        return "the netlist's values".to_owned();
    }
    point.values.iter().map(|(name, value)| format!("{name}={}", value_text(value))).collect::<Vec<_>>().join(" ")
}

/// A value as it stands in JSON.
pub(crate) struct Json<'a>(pub(crate) &'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}

/// A point as a JSON object in the order of the parameters, for `serialize_with`.
pub(crate) fn serialize_point<S: Serializer>(point: &Point, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(point.values.len()))?;
    for (name, value) in &point.values {
        map.serialize_entry(name, &Json(value))?;
    }
    map.end()
}

fn spread(parameter: &Parameter) -> &Spread {
    parameter.spread.as_ref().expect("a space has only parameters with a spread")
}

fn check(parameter: &Parameter) -> Result<(), Error> {
    let Some(spread) = &parameter.spread else {
        return Err(Error::NoSpread { parameter: parameter.name.clone() });
    };
    let is_positive = |x: &f64| x.is_finite() && *x > 0.0;
    let reason = match spread {
        Spread::List(items) if items.is_empty() => "its list is empty".to_owned(),
        Spread::Range { low, high, .. } if !(low.is_finite() && high.is_finite() && low <= high) => {
            format!("its range from {low} to {high} is not one of finite numbers from low to high")
        }
        Spread::Range { low, high, .. } if !(high - low).is_finite() => {
            format!("its range from {low} to {high} is too wide")
        }
        Spread::Range { low, scale: Scale::Logarithmic, .. } if *low <= 0.0 => {
            format!("its range begins at {low} and a logarithmic one begins above 0")
        }
        Spread::Range { low, high, is_whole: true, .. } if low.fract() != 0.0 || high.fract() != 0.0 => {
            format!("its range from {low} to {high} is of whole numbers and has ends that are not")
        }
        Spread::Range { low, high, is_whole: true, .. } if low.abs().max(high.abs()) > MAX_WHOLE => {
            format!("its range from {low} to {high} leaves the whole numbers that are exact, up to {MAX_WHOLE}")
        }
        Spread::Normal { mean, deviation } | Spread::LogNormal { mean, deviation }
            if !(mean.is_finite() && deviation.is_finite() && *deviation >= 0.0) =>
        {
            format!("its mean {mean} and deviation {deviation} are not finite, or the deviation is below 0")
        }
        Spread::Exponential { mean } if !is_positive(mean) => format!("its mean {mean} is not a finite number above 0"),
        _ => return Ok(()),
    };
    Err(Error::Spread { parameter: parameter.name.clone(), reason })
}

/// The probability of being lower than so many standard deviations under the mean.
fn tail() -> f64 {
    normal_cdf(-SIGMAS)
}

fn has_ends(spread: &Spread) -> bool {
    matches!(spread, Spread::List(_) | Spread::Range { .. })
}

/// The `u` quantile of a spread. Exactly 0 and 1 are the ends of a range, and are moved into the open interval for a
/// distribution, which has none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the list")]
fn value_at(spread: &Spread, u: f64) -> Value {
    let u = u.clamp(0.0, 1.0);
    let open = u.clamp(f64::EPSILON / 4.0, 1.0 - f64::EPSILON / 2.0);
    match spread {
        Spread::List(items) => items[((u * items.len() as f64) as usize).min(items.len() - 1)].clone(),
        Spread::Range { low, high, scale, is_whole } => {
            // Each whole number gets an equal part of the (logarithmic) line.
            let (start, end) = if *is_whole { (low - 0.5, high + 0.5) } else { (*low, *high) };
            let place = match scale {
                Scale::Linear => start + (end - start) * u,
                Scale::Logarithmic => libm::exp(libm::log(start) + (libm::log(end) - libm::log(start)) * u),
            };
            let inside = match (u <= 0.0, u >= 1.0) {
                (true, _) => *low,
                (_, true) => *high,
                _ => place.clamp(start, end),
            };
            if *is_whole { whole(inside.round().clamp(*low, *high)) } else { Value::Float(inside) }
        }
        Spread::Normal { mean, deviation } => Value::Float(mean + deviation * normal_quantile(open)),
        Spread::LogNormal { mean, deviation } => Value::Float(libm::exp(mean + deviation * normal_quantile(open))),
        Spread::Exponential { mean } => Value::Float(-mean * libm::log1p(-open)),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a whole number within the exact ones")]
fn whole(number: f64) -> Value {
    Value::Integer(number as i64)
}

fn ends_of_list(items: &[Value]) -> Vec<Value> {
    let Some(numbers) = items.iter().map(number).collect::<Option<Vec<_>>>() else { return items.to_vec() };
    let by_number = |a: &usize, b: &usize| numbers[*a].total_cmp(&numbers[*b]);
    let (least, greatest) = ((0..items.len()).min_by(by_number), (0..items.len()).max_by(by_number));
    [least, greatest].into_iter().flatten().map(|i| items[i].clone()).collect()
}

/// Where a parameter's own value lies in its spread.
fn coordinate(parameter: &Parameter) -> Option<f64> {
    let within = |p: f64| (p - tail()) / (1.0 - 2.0 * tail());
    let spread = parameter.spread.as_ref()?;
    if let Spread::List(items) = spread {
        let at = items.iter().position(|item| *item == parameter.value)?;
        return Some((at as f64 + 0.5) / items.len() as f64);
    }
    let own = number(&parameter.value)?;
    let place = match spread {
        Spread::Range { low, high, scale, is_whole } => {
            let (start, end) = if *is_whole { (low - 0.5, high + 0.5) } else { (*low, *high) };
            if !(start..=end).contains(&own) {
                return None;
            }
            match scale {
                Scale::Linear => (own - start) / (end - start),
                Scale::Logarithmic => (libm::log(own) - libm::log(start)) / (libm::log(end) - libm::log(start)),
            }
        }
        Spread::Normal { mean, deviation } => within(normal_cdf((own - mean) / deviation)),
        Spread::LogNormal { mean, deviation } if own > 0.0 => within(normal_cdf((libm::log(own) - mean) / deviation)),
        Spread::Exponential { mean } if own >= 0.0 => within(-libm::expm1(-own / mean)),
        _ => return None,
    };
    place.is_finite().then_some(place)
}
