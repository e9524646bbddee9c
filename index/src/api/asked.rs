//! What a request asks: parameters in the path and in the query, declared by the route and checked one by one.

use std::{fmt::Display, str::FromStr};

use alloy::primitives::{Address, U256, hex};
use axum::http::HeaderMap;
use cid::Cid;

use super::failure::{Code, Failure, told};
use crate::read::{MAX_ROWS, Page};

/// Rows of a page whose length is not asked for.
pub(super) const DEFAULT_ROWS: usize = 100;

/// Bytes of a value at most. Projects are the longest, and stay below 200.
const MAX_VALUE: usize = 512;

/// Where a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the path.
    Path,
    /// In the query, and required.
    Required,
    /// In the query.
    Query,
}

/// What a parameter can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A number of 63 bits: a height, an epoch, a count.
    Count,
    /// A number of 256 bits.
    Amount,
    /// The length of a page.
    Limit,
    /// Where the page before ended.
    Cursor,
    Address,
    Cid,
    Text,
    OneOf(&'static [&'static str]),
}

/// A parameter of a route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) form: Form,
    pub(super) meaning: &'static str,
}

/// A parameter in the query that may be left out.
pub(super) const fn query(name: &'static str, form: Form, meaning: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, form, meaning }
}

/// A parameter in the query that must be there.
pub(super) const fn required(name: &'static str, form: Form, meaning: &'static str) -> Parameter {
    Parameter { name, place: Place::Required, form, meaning }
}

/// A parameter in the path.
pub(super) const fn path(name: &'static str, form: Form, meaning: &'static str) -> Parameter {
    Parameter { name, place: Place::Path, form, meaning }
}

pub(super) const LIMIT: Parameter = query("limit", Form::Limit, "Rows of the page, 1 to 1000; 100 if not given.");
pub(super) const AFTER: Parameter = query("after", Form::Cursor, "`next` of the page before.");
pub(super) const ORDER: Parameter =
    query("order", Form::OneOf(&["asc", "desc"]), "Lowest or highest first; asc if not given.");
pub(super) const SOURCE: Parameter =
    query("source", Form::Text, "The source, if there are several of the kind; the first if not given.");

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Asked {
    declared: &'static [Parameter],
    given: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
}

impl Asked {
    /// Parameters `given` in the path and in the query to a route that declares some.
    ///
    /// # Errors
    /// If one is unknown, given twice or too long, or if a required one is missing.
    pub(super) fn new(
        declared: &'static [Parameter],
        given: Vec<(String, String)>,
        headers: HeaderMap,
    ) -> Result<Self, Failure> {
        for (i, (name, value)) in given.iter().enumerate() {
            if !declared.iter().any(|parameter| parameter.name == name) {
                return Err(unknown(declared, name, value));
            }
            if given[..i].iter().any(|(other, _)| other == name) {
                let message = format!("{name} is given twice, the second time as {}; give it once", told(value));
                return Err(Failure::new(Code::BadParameter, message));
            }
            if value.len() > MAX_VALUE {
                return Err(Failure::bad(name, value, &format!("at most {MAX_VALUE} bytes")));
            }
            if value.contains('\0') {
                // PostgreSQL has no text with it.
                return Err(Failure::bad(name, value, "a text without zero bytes"));
            }
        }
        let is_given = |name| given.iter().any(|(other, _)| other == name);
        let missing = declared.iter().find(|parameter| parameter.place == Place::Required && !is_given(parameter.name));
        match missing {
            Some(Parameter { name, form, .. }) => {
                let message = format!("{name} is not given; give {}", expected(*form));
                Err(Failure::new(Code::BadParameter, message))
            }
            None => Ok(Self { declared, given, headers }),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).map(|(value, _)| value)
    }

    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.read(name, |value| number::<u64>(value).filter(|count| *count <= i64::MAX.cast_unsigned()))
    }

    pub(super) fn amount(&self, name: &str) -> Result<Option<U256>, Failure> {
        self.read(name, number)
    }

    pub(super) fn address(&self, name: &str) -> Result<Option<Address>, Failure> {
        self.read(name, address)
    }

    /// Addresses in the path are there.
    pub(super) fn address_in_path(&self, name: &str) -> Result<Address, Failure> {
        self.address(name).map(|address| address.expect("the route has it in its path"))
    }

    /// A number that not all routes of a kind take.
    pub(super) fn count_if_taken(&self, name: &str) -> Result<Option<u64>, Failure> {
        if self.declared.iter().any(|parameter| parameter.name == name) { self.count(name) } else { Ok(None) }
    }

    pub(super) fn cid(&self, name: &str) -> Result<Option<Cid>, Failure> {
        self.read(name, |value| Cid::try_from(value).ok())
    }

    pub(super) fn one_of(&self, name: &str) -> Result<Option<&'static str>, Failure> {
        self.value(name).map_or(Ok(None), |(value, form)| {
            let Form::OneOf(words) = form else { unreachable!("{name} is declared as words") };
            let word = words.iter().find(|word| **word == value);
            word.map(|word| Some(*word)).ok_or_else(|| Failure::bad(name, value, &expected(form)))
        })
    }

    pub(super) fn limit(&self) -> Result<usize, Failure> {
        let read = |value: &str| number::<usize>(value).filter(|limit| (1..=MAX_ROWS).contains(limit));
        Ok(self.read("limit", read)?.unwrap_or(DEFAULT_ROWS))
    }

    /// One row more than is asked for, which says that there are more.
    pub(super) fn page(&self) -> Result<Page, Failure> {
        Ok(Page { limit: self.limit()? + 1, is_descending: self.one_of("order")? == Some("desc") })
    }

    /// The key at which the page before ended, as `read` finds it in its parts.
    pub(super) fn after<T>(&self, read: impl Fn(&[&str]) -> Option<T>) -> Result<Option<T>, Failure> {
        self.read("after", |value| {
            let key = String::from_utf8(hex::decode(value).ok()?).ok()?;
            read(&key.split(SEPARATOR).collect::<Vec<_>>())
        })
    }

    fn read<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Failure> {
        self.value(name).map_or(Ok(None), |(value, form)| {
            read(value).map(Some).ok_or_else(|| Failure::bad(name, value, &expected(form)))
        })
    }

    fn value(&self, name: &str) -> Option<(&str, Form)> {
        let declared = self.declared.iter().find(|parameter| parameter.name == name);
        debug_assert!(declared.is_some(), "the route declares {name}");
        let form = declared?.form;
        self.given.iter().find(|(other, _)| other == name).map(|(_, value)| (value.as_str(), form))
    }
}

/// Stands between the parts of a key; no part has it.
const SEPARATOR: char = '\u{1f}';

/// A key of a row as text without meaning to others. It names the row and not its place in the list, so that rows that
/// are added elsewhere move nothing.
pub(super) fn cursor(parts: &[&dyn Display]) -> String {
    let key: Vec<_> = parts.iter().map(ToString::to_string).collect();
    hex::encode(key.join(&SEPARATOR.to_string()))
}

/// Digits alone: `+7`, `07` and `1_000` are refused, as one number has one form.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if is_plain { text.parse().ok() } else { None }
}

/// With `0x`, in small letters or with a checksum that is right.
pub(super) fn address(text: &str) -> Option<Address> {
    let digits = text.strip_prefix("0x")?;
    let address: Address = text.parse().ok()?;
    let is_small = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_small || address.to_checksum(None) == text).then_some(address)
}

/// What a parameter of `form` should be.
pub(super) fn expected(form: Form) -> String {
    match form {
        Form::Count => format!("a whole number from 0 to {}", i64::MAX),
        Form::Amount => "a whole number of at most 256 bits".to_owned(),
        Form::Limit => format!("a whole number from 1 to {MAX_ROWS}"),
        Form::Cursor => "what `next` was in the page before".to_owned(),
        Form::Address => {
            "an address: 0x and 40 hexadecimal digits, in small letters or with the right checksum".to_owned()
        }
        Form::Cid => "a CID such as bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy".to_owned(),
        Form::Text => "a text".to_owned(),
        Form::OneOf(words) => format!("one of {}", words.join(", ")),
    }
}

fn unknown(declared: &[Parameter], name: &str, value: &str) -> Failure {
    let names: Vec<_> = declared.iter().filter(|it| it.place != Place::Path).map(|it| it.name).collect();
    let remedy = if names.is_empty() { "none is taken here".to_owned() } else { format!("give {}", names.join(", ")) };
    Failure::new(Code::BadParameter, format!("{} is no parameter here, and is {}; {remedy}", told(name), told(value)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[track_caller]
    fn check_number(text: &str, expected: Option<u64>) {
        assert_eq!(number::<u64>(text), expected, "{text:?}");
    }

    #[test]
    fn numbers_have_one_form() {
        check_number("0", Some(0));
        check_number("18446744073709551615", Some(u64::MAX));
        for text in ["", "+1", "-1", "01", "00", "1.0", "1e3", " 1", "1_000", "0x10", "18446744073709551616", "١"] {
            check_number(text, None);
        }
    }

    #[test]
    fn addresses_in_capitals_need_their_checksum() {
        let small = "0xd8da6bf26964af9d7eed9e03e53415d37aa96045";
        let checked = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
        assert_eq!(address(small), address(checked));
        assert!(address(small).is_some());
        for text in
            ["d8da6bf26964af9d7eed9e03e53415d37aa96045", "0xD8da6bf26964af9d7eed9e03e53415d37aa96045", "0x", "0xd8da"]
        {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn cursors_are_read_as_they_were_written() {
        const DECLARED: &[Parameter] = &[AFTER];
        let ask = |value: String| {
            let given = vec![("after".to_owned(), value)];
            let asked = Asked::new(DECLARED, given, HeaderMap::new()).unwrap();
            asked.after(|parts| match parts {
                [block, idx] => Some((number::<u64>(block)?, number::<u64>(idx)?)),
                _ => None,
            })
        };
        assert_eq!(ask(cursor(&[&7, &12])).unwrap(), Some((7, 12)));
        for wrong in [cursor(&[&7]), cursor(&[&7, &-1]), cursor(&[&7, &1, &1]), "zz".into(), String::new()] {
            assert!(ask(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
