//! The kinds of a script's variables: how they are given, returned and recorded.

use rhai::{Dynamic, ImmutableString};
use ruint::aliases::U256;
use serde::Deserialize;

use crate::{
    blocks::Number,
    decimal::Decimal,
    rows::{Column, Rows},
};

/// What a variable or a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A double.
    Float,
    /// A whole number of 64 bits.
    Integer,
    /// An exact decimal of 28 digits.
    Decimal,
    /// A whole number of 256 bits.
    U256,
    /// Text.
    Text,
    /// Yes or no, recorded as 1 or 0.
    Flag,
    /// A list of such values, recorded as text.
    List,
    /// A map of such values, recorded as text.
    Map,
}

impl Kind {
    pub(super) fn column(self, name: &str) -> Column {
        match self {
            Self::Float => Column::float(name),
            Self::Integer | Self::Flag => Column::integer(name),
            Self::Decimal | Self::U256 | Self::Text | Self::List | Self::Map => Column::text(name),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Float => "a float",
            Self::Integer => "an integer",
            Self::Decimal => "a decimal",
            Self::U256 => "a u256",
            Self::Text => "text",
            Self::Flag => "a flag",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    pub(super) const fn example(self) -> &'static str {
        match self {
            Self::Float => "a finite number, such as 1.5",
            Self::Integer => "a whole number, such as 3",
            Self::Decimal => "decimal(\"1.5\") or a whole number",
            Self::U256 => "u256(\"3\") or a whole number of at least 0",
            Self::Text => "text in quotes",
            Self::Flag => "true or false",
            Self::List => "a list, such as [1, 2]",
            Self::Map => "a map, such as #{ a: 1 }",
        }
    }

    /// A value of this kind, where whole numbers serve for wider ones.
    ///
    /// # Errors
    /// What the value was instead.
    pub(super) fn take(self, value: Dynamic) -> Result<Dynamic, String> {
        fn number<N: Number>(value: &Dynamic) -> Option<Dynamic> {
            let taken = match value.as_int() {
                Ok(integer) => N::from_integer(integer).ok(),
                Err(_) => value.read_lock::<N>().map(|number| *number),
            };
            taken.map(Dynamic::from)
        }
        let taken = match self {
            Self::Float => number::<f64>(&value).filter(|float| float.as_float().is_ok_and(f64::is_finite)),
            Self::Decimal => number::<Decimal>(&value),
            Self::U256 => number::<U256>(&value),
            Self::Integer => value.is_int().then(|| value.clone()),
            Self::Text => value.is_string().then(|| value.clone()),
            Self::Flag => value.is_bool().then(|| value.clone()),
            Self::List => value.is_array().then(|| value.clone()),
            Self::Map => value.is_map().then(|| value.clone()),
        };
        taken.map(Dynamic::flatten).ok_or_else(|| match (value.as_float(), value.as_int()) {
            (Ok(float), _) => format!("{float:?}"),
            (_, Ok(integer)) => integer.to_string(),
            _ => value.type_name().to_owned(),
        })
    }

    /// The value that TOML gives: text for more digits than TOML's numbers have.
    pub(super) fn read(self, value: &toml::Value) -> Option<Dynamic> {
        if let (Self::Decimal | Self::U256 | Self::Float, toml::Value::String(text)) = (self, value) {
            return self.parse(text);
        }
        match (self, value) {
            (Self::Decimal, toml::Value::Float(float)) => Decimal::from_f64(*float).ok().map(Dynamic::from),
            (_, value) => self.take(dynamic(value)?).ok(),
        }
    }

    /// The value of a text.
    pub(super) fn parse(self, text: &str) -> Option<Dynamic> {
        match self {
            Self::Float => <f64 as Number>::read(text).map(Dynamic::from),
            Self::Decimal => Decimal::read(text).map(Dynamic::from),
            Self::U256 => U256::read(text).map(Dynamic::from),
            Self::Text => Some(Dynamic::from(ImmutableString::from(text))),
            Self::Integer | Self::Flag | Self::List | Self::Map => None,
        }
    }
}

fn dynamic(value: &toml::Value) -> Option<Dynamic> {
    Some(match value {
        toml::Value::Integer(integer) => Dynamic::from(*integer),
        toml::Value::Float(float) => Dynamic::from(*float),
        toml::Value::Boolean(flag) => Dynamic::from(*flag),
        toml::Value::String(text) => Dynamic::from(ImmutableString::from(text)),
        toml::Value::Array(list) => Dynamic::from(list.iter().map(dynamic).collect::<Option<rhai::Array>>()?),
        toml::Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| Some((key.into(), dynamic(value)?)));
            Dynamic::from(entries.collect::<Option<rhai::Map>>()?)
        }
        toml::Value::Datetime(_) => return None,
    })
}

/// Writes the next cell.
pub(super) fn record(kind: Kind, value: &Dynamic, rows: &mut Rows) {
    const TAKEN: &str = "a variable is of its kind";
    match kind {
        Kind::Float => rows.float(value.as_float().expect(TAKEN)),
        Kind::Integer => rows.integer(value.as_int().expect(TAKEN)),
        Kind::Flag => rows.integer(i64::from(value.as_bool().expect(TAKEN))),
        Kind::Decimal => rows.text(*value.read_lock::<Decimal>().expect(TAKEN)),
        Kind::U256 => rows.text(*value.read_lock::<U256>().expect(TAKEN)),
        Kind::Text => rows.text(value),
        Kind::List | Kind::Map => rows.text(Shown(value)),
    }
}

/// A list or a map, with its decimals in digits.
struct Shown<'a>(&'a Dynamic);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(list) = self.0.read_lock::<rhai::Array>() {
            f.write_str("[")?;
            for (i, value) in list.iter().enumerate() {
                write!(f, "{}{}", if i > 0 { ", " } else { "" }, Shown(value))?;
            }
            return f.write_str("]");
        }
        if let Some(map) = self.0.read_lock::<rhai::Map>() {
            f.write_str("{")?;
            for (i, (key, value)) in map.iter().enumerate() {
                write!(f, "{}{key:?}: {}", if i > 0 { ", " } else { "" }, Shown(value))?;
            }
            return f.write_str("}");
        }
        if let Some(text) = self.0.read_lock::<ImmutableString>() {
            return write!(f, "{:?}", text.as_str());
        }
        let decimal = self.0.read_lock::<Decimal>().map(|number| number.to_string());
        match decimal.or_else(|| self.0.read_lock::<U256>().map(|number| number.to_string())) {
            Some(number) => write!(f, "\"{number}\""),
            None => write!(f, "{}", self.0),
        }
    }
}
