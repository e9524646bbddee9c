//! Tables of a netlist, read key by key: what is missing, unknown or of the wrong type is an error at its place.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{
    MAX_TABLES,
    error::{NetlistError, Source, suggestion},
    expression::Expression,
    number::Number,
};
use crate::model::Value;

/// A table, and which of its keys were read.
pub(crate) struct Section<'s> {
    pub(crate) source: &'s Source,
    /// What it is called in messages.
    pub(crate) what: String,
    pub(crate) span: Range<usize>,
    items: Vec<Item<'s>>,
    is_read: Vec<bool>,
}

/// A key and its value.
#[derive(Clone)]
pub(crate) struct Item<'s> {
    source: &'s Source,
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) span: Range<usize>,
    pub(crate) value: &'s DeValue<'s>,
}

impl<'s> Section<'s> {
    /// The keys of `table` in the order of the file.
    pub(crate) fn new(source: &'s Source, what: impl Into<String>, span: Range<usize>, table: &'s DeTable<'s>) -> Self {
        let mut items: Vec<_> = table
            .iter()
            .map(|(key, value)| Item {
                source,
                key: key.get_ref().to_string(),
                key_span: key.span(),
                span: value.span(),
                value: value.get_ref(),
            })
            .collect();
        items.sort_by_key(|item| item.key_span.start);
        let is_read = vec![false; items.len()];
        Self { source, what: what.into(), span, items, is_read }
    }

    /// All keys, which are named by the netlist.
    pub(crate) fn items(&self) -> Result<&[Item<'s>], NetlistError> {
        let n_items = self.items.len();
        if n_items > MAX_TABLES {
            return Err(self.error(format!("{} has {n_items} keys: at most {MAX_TABLES} are read", self.what)));
        }
        Ok(&self.items)
    }

    /// The value of `key`, if it is there.
    pub(crate) fn get(&mut self, key: &str) -> Option<Item<'s>> {
        let at = self.items.iter().position(|item| item.key == key)?;
        self.is_read[at] = true;
        Some(self.items[at].clone())
    }

    /// The value of `key`.
    pub(crate) fn require(&mut self, key: &str, example: &str) -> Result<Item<'s>, NetlistError> {
        self.get(key).ok_or_else(|| self.error(format!("{} lacks `{key}`: say {key} = {example}", self.what)))
    }

    /// `message` at the table's head.
    pub(crate) fn error(&self, message: impl Into<String>) -> NetlistError {
        self.source.error(&self.span, message)
    }

    /// An error for the first key that nobody read.
    pub(crate) fn finish<'k>(self, known: impl IntoIterator<Item = &'k str>) -> Result<(), NetlistError> {
        match self.items.iter().zip(&self.is_read).find(|(_, is_read)| !**is_read) {
            None => Ok(()),
            Some((item, _)) => {
                let hint = suggestion(&item.key, known);
                Err(self.source.error(&item.key_span, format!("{} has no key `{}`{hint}", self.what, item.key)))
            }
        }
    }
}

impl<'s> Item<'s> {
    /// An element of a list, with errors of its table at its own place.
    pub(crate) fn headed_by_itself(self) -> Self {
        Self { key_span: self.span.clone(), ..self }
    }

    /// `message` at the value.
    pub(crate) fn error(&self, message: impl Into<String>) -> NetlistError {
        self.source.error(&self.span, message)
    }

    fn mismatch(&self, expected: &str) -> NetlistError {
        self.error(format!("`{}` takes {expected}, and is given {}", self.key, self.shown()))
    }

    /// The value as a message shows it.
    pub(crate) fn shown(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("the text {:?}", text.as_ref()),
            DeValue::Integer(integer) => integer.to_string(),
            DeValue::Float(float) => float.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            other => format!("a {}", other.type_str()),
        }
    }

    pub(crate) fn text(&self) -> Result<&'s str, NetlistError> {
        self.value.as_str().ok_or_else(|| self.mismatch("text in quotes"))
    }

    /// Text that names an agent, a column or the like.
    pub(crate) fn name(&self) -> Result<String, NetlistError> {
        let name = self.text()?;
        check_name(name).map_err(|message| self.error(message))?;
        Ok(name.to_owned())
    }

    pub(crate) fn flag(&self) -> Result<bool, NetlistError> {
        self.value.as_bool().ok_or_else(|| self.mismatch("true or false"))
    }

    /// A whole number that is written out.
    pub(crate) fn whole(&self) -> Result<u64, NetlistError> {
        let number = match self.value {
            DeValue::Integer(integer) => u64::from_str_radix(integer.as_str(), integer.radix()).ok(),
            _ => None,
        };
        number.ok_or_else(|| self.mismatch("a whole number of at least 0"))
    }

    /// A number, or text that is an expression.
    pub(crate) fn expression(&self) -> Result<Expression, NetlistError> {
        match self.value {
            DeValue::String(text) => Expression::parse(self.source, &self.span, text),
            _ => match self.number() {
                Some(number) => Ok(Expression::constant(number, self.span.clone())),
                None => Err(self.mismatch("a number or an expression in quotes")),
            },
        }
    }

    /// Text that begins with `=` and goes on as an expression.
    pub(crate) fn formula(&self) -> Result<Expression, NetlistError> {
        let text = self.text()?;
        Expression::parse(self.source, &self.span, text.strip_prefix('=').unwrap_or(text))
    }

    /// A number, if it is one of at most 38 digits.
    pub(crate) fn number(&self) -> Option<Number> {
        match self.value {
            DeValue::Integer(integer) => {
                i128::from_str_radix(integer.as_str(), integer.radix()).ok().map(Number::Integer)
            }
            DeValue::Float(float) => float.as_str().parse().ok().map(Number::Float),
            _ => None,
        }
    }

    /// A number that is written out.
    pub(crate) fn float(&self) -> Result<f64, NetlistError> {
        match self.number() {
            Some(number) if number.to_f64().is_finite() => Ok(number.to_f64()),
            _ => Err(self.mismatch("a number")),
        }
    }

    /// A value that a parameter may have.
    pub(crate) fn value(&self) -> Result<Value, NetlistError> {
        match self.value {
            DeValue::String(text) => Ok(Value::Text(text.to_string())),
            DeValue::Boolean(flag) => Ok(Value::Flag(*flag)),
            _ => match self.number() {
                Some(Number::Float(float)) if float.is_finite() => Ok(Value::Float(float)),
                Some(Number::Integer(integer)) if i64::try_from(integer).is_ok() => {
                    Ok(Value::Integer(i64::try_from(integer).expect("it was tried")))
                }
                _ => Err(self.mismatch("a number below 2^63, text, true or false")),
            },
        }
    }

    pub(crate) fn table(&self, what: impl Into<String>) -> Result<Section<'s>, NetlistError> {
        let table = self.value.as_table().ok_or_else(|| self.mismatch("a table"))?;
        Ok(Section::new(self.source, what, self.key_span.clone(), table))
    }

    /// The elements of a list, each under this key.
    pub(crate) fn list(&self) -> Result<Vec<Item<'s>>, NetlistError> {
        let list = self.value.as_array().ok_or_else(|| self.mismatch("a list in [brackets]"))?;
        Ok(list.iter().map(|element| Item { span: element.span(), value: element.get_ref(), ..self.clone() }).collect())
    }

    /// One of `names`.
    pub(crate) fn choice<T: Copy>(&self, names: &[(&str, T)]) -> Result<T, NetlistError> {
        let name = self.text()?;
        names.iter().find(|(known, _)| *known == name).map(|(_, choice)| *choice).ok_or_else(|| {
            let hint = suggestion(name, names.iter().map(|(known, _)| *known));
            self.error(format!("`{}` cannot be \"{name}\"{hint}", self.key))
        })
    }
}

/// Names are used in expressions and in files' names.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    const MAX_LENGTH: usize = 100;
    let is_inside = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_name = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    if !is_name || !name.chars().all(is_inside) || name.len() > MAX_LENGTH {
        return Err(format!("{name:?} is not a name: use letters, digits and _, a letter first, at most {MAX_LENGTH}"));
    }
    Ok(())
}
