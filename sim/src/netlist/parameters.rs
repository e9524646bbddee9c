//! `[param.NAME]`: what may vary between runs. A value may be an expression over the parameters before it, so that what
//! is derived follows what is swept.

use super::{
    error::{NetlistError, Source, suggestion},
    expression::Expression,
    number::Number,
    section::{Item, Section, check_name},
};
use crate::{
    model::{Point, Value},
    parameter::{Parameter, Role, Scale, Spread},
};

/// The keys of a `[param.NAME]` table.
const KEYS: [&str; 13] = [
    "value",
    "text",
    "list",
    "low",
    "high",
    "scale",
    "whole",
    "normal",
    "log_normal",
    "exponential",
    "role",
    "unit",
    "doc",
];

/// A parameter, what it means, and how its value is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// For the runner.
    pub parameter: Parameter,
    /// Its unit; empty if it has none.
    pub unit: String,
    /// What it means; empty if nobody said.
    pub doc: String,
    formula: Option<Expression>,
    pub(crate) span: std::ops::Range<usize>,
}

impl Declared {
    /// Puts a value in place of its own, formula or not.
    pub(super) fn set(&mut self, value: Value) {
        self.parameter.value = value;
        self.formula = None;
    }
}

/// The values of all parameters in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Values(Vec<(String, Value)>);

impl Values {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All of them, as a point.
    pub(super) fn point(&self) -> Point {
        Point { values: self.0.clone() }
    }

    /// The number that `name` stands for.
    pub(crate) fn number(&self, name: &str) -> Result<Number, String> {
        match self.get(name) {
            Some(Value::Float(float)) => Ok(Number::Float(*float)),
            Some(Value::Integer(integer)) => Ok(Number::Integer(i128::from(*integer))),
            Some(Value::Flag(flag)) => Ok(Number::Integer(i128::from(*flag))),
            Some(Value::Text(text)) => Err(format!("the parameter `{name}` is the text {text:?}, not a number")),
            None => {
                let hint = suggestion(name, self.0.iter().map(|(known, _)| known.as_str()));
                Err(format!("there is no parameter `{name}`{hint}"))
            }
        }
    }

    /// `[param.*]`'s values, those of `point` in place of the netlist's.
    pub(crate) fn at(source: &Source, declared: &[Declared], point: &Point) -> Result<Self, NetlistError> {
        for (name, _) in &point.values {
            if !declared.iter().any(|known| known.parameter.name == *name) {
                let hint = suggestion(name, declared.iter().map(|known| known.parameter.name.as_str()));
                return Err(source.error(&(0..0), format!("the netlist has no parameter `{name}`{hint}")));
            }
        }
        let mut values = Self::default();
        for known in declared {
            let name = &known.parameter.name;
            let given = point.values.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone());
            let value = match (given, &known.formula) {
                (Some(value), _) => value,
                (None, Some(formula)) => to_value(formula.value(source, &mut |name| values.number(name))?),
                (None, None) => known.parameter.value.clone(),
            };
            values.0.push((name.clone(), value));
        }
        Ok(values)
    }
}

pub(super) fn to_value(number: Number) -> Value {
    match number {
        Number::Integer(integer) => i64::try_from(integer).map_or(Value::Float(number.to_f64()), Value::Integer),
        Number::Float(float) => Value::Float(float),
    }
}

/// Reads `[param.*]` in the order of the file.
pub(crate) fn read(source: &Source, section: &Section<'_>) -> Result<Vec<Declared>, NetlistError> {
    let mut declared: Vec<Declared> = Vec::new();
    let mut values = Values::default();
    for item in section.items()? {
        check_name(&item.key).map_err(|message| source.error(&item.key_span, message))?;
        let one = read_one(source, item, &values)?;
        values.0.push((item.key.clone(), one.parameter.value.clone()));
        declared.push(one);
    }
    Ok(declared)
}

fn read_one(source: &Source, item: &Item<'_>, before: &Values) -> Result<Declared, NetlistError> {
    let mut table = item.table(format!("[param.{}]", item.key))?;
    let spread = read_spread(&mut table)?;
    let mut formula = None;
    let given = match (table.get("value"), table.get("text")) {
        (Some(_), Some(text)) => return Err(text.error("a parameter has either a `value` or a `text`")),
        (Some(value), None) if value.value.is_bool() => Some(Value::Flag(value.flag()?)),
        (Some(value), None) => {
            let expression = value.expression()?;
            let number = expression.value(source, &mut |name| before.number(name)).map_err(|mut error| {
                error.message.push_str(" (a parameter that is text says text = \"…\")");
                error
            })?;
            formula = Some(expression);
            Some(to_value(number))
        }
        (None, Some(text)) => Some(Value::Text(text.text()?.to_owned())),
        (None, None) => None,
    };
    let value = given.or_else(|| spread.as_ref().map(middle)).ok_or_else(|| {
        table.error(format!(
            "{} has neither a value nor what it may be: say value = 1, or list, or low and high",
            table.what
        ))
    })?;
    let roles =
        [("fixed", Role::Fixed), ("controllable", Role::Controllable), ("uncontrollable", Role::Uncontrollable)];
    let role = table.get("role").map_or(Ok(Role::Fixed), |role| role.choice(&roles))?;
    let mut text = |key| table.get(key).map_or(Ok(String::new()), |item| item.text().map(str::to_owned));
    let (unit, doc) = (text("unit")?, text("doc")?);
    table.finish(KEYS)?;
    let parameter = Parameter { name: item.key.clone(), value, spread, role };
    Ok(Declared { parameter, unit, doc, formula, span: item.key_span.clone() })
}

fn read_spread(table: &mut Section<'_>) -> Result<Option<Spread>, NetlistError> {
    let mut spreads = Vec::new();
    if let Some(list) = table.get("list") {
        let values: Vec<Value> = list.list()?.iter().map(Item::value).collect::<Result<_, _>>()?;
        if values.is_empty() {
            return Err(list.error("`list` is empty: name at least one value"));
        }
        spreads.push(Spread::List(values));
    }
    let range = (table.get("low"), table.get("high"), table.get("scale"), table.get("whole"));
    if let (Some(low), Some(high), scale, whole) = &range {
        let scales = [("linear", Scale::Linear), ("logarithmic", Scale::Logarithmic)];
        let scale = scale.as_ref().map_or(Ok(Scale::Linear), |scale| scale.choice(&scales))?;
        let is_whole = whole.as_ref().map_or(Ok(false), Item::flag)?;
        let (low_value, high_value) = (low.float()?, high.float()?);
        if low_value > high_value {
            return Err(low.error(format!("`low` {low_value} is above `high` {high_value}")));
        }
        if scale == Scale::Logarithmic && low_value <= 0.0 {
            return Err(low.error(format!("`low` {low_value} is not above 0, as a logarithmic scale needs it")));
        }
        spreads.push(Spread::Range { low: low_value, high: high_value, scale, is_whole });
    } else if let Some(item) = [&range.0, &range.1, &range.2, &range.3].into_iter().flatten().next() {
        return Err(item.error(format!("`{}` needs both `low` and `high` beside it", item.key)));
    }
    for name in ["normal", "log_normal", "exponential"] {
        if let Some(item) = table.get(name) {
            spreads.push(read_distribution(&item)?);
        }
    }
    match spreads.len() {
        0 | 1 => Ok(spreads.pop()),
        n => Err(table.error(format!("{} says in {n} ways what it may be: keep one", table.what))),
    }
}

fn read_distribution(item: &Item<'_>) -> Result<Spread, NetlistError> {
    let mut table = item.table(format!("`{}`", item.key))?;
    let mean = table.require("mean", "0.5")?;
    let spread = if item.key == "exponential" {
        if mean.float()? <= 0.0 {
            return Err(mean.error(format!("a mean of {} is not above 0", mean.shown())));
        }
        Spread::Exponential { mean: mean.float()? }
    } else {
        let deviation = table.require("deviation", "0.1")?;
        if deviation.float()? < 0.0 {
            return Err(deviation.error(format!("a deviation of {} is below 0", deviation.shown())));
        }
        let (mean, deviation) = (mean.float()?, deviation.float()?);
        if item.key == "normal" { Spread::Normal { mean, deviation } } else { Spread::LogNormal { mean, deviation } }
    };
    table
        .finish(if item.key == "exponential" { ["mean"].as_slice() } else { &["mean", "deviation"] }.iter().copied())?;
    Ok(spread)
}

/// What a parameter is where nothing varies it and no value is given: the first of a list, the middle, the mean.
fn middle(spread: &Spread) -> Value {
    match spread {
        Spread::List(values) => values[0].clone(),
        Spread::Range { low, high, scale, is_whole } => {
            let middle = match scale {
                Scale::Linear => low + (high - low) / 2.0,
                Scale::Logarithmic => libm::sqrt(low * high),
            };
            if *is_whole {
                to_value(Number::Float(libm::floor(middle)).to_integer().map_or(Number::Float(middle), Number::Integer))
            } else {
                Value::Float(middle)
            }
        }
        Spread::Normal { mean, .. } | Spread::Exponential { mean } => Value::Float(*mean),
        Spread::LogNormal { mean, deviation } => Value::Float(libm::exp(mean + deviation * deviation / 2.0)),
    }
}
