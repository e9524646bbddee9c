//! Errors that say where in a netlist they are, and what was probably meant.

use std::ops::Range;

use crate::words::edits;

/// What is wrong in a netlist, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{line}:{column}: {message}")]
pub struct NetlistError {
    /// The netlist's file.
    pub path: String,
    /// Its line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong with which value, and the remedy.
    pub message: String,
}

/// A netlist's text, kept for the places of errors that only a run finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// `message` at the first byte of `span`.
    pub(crate) fn error(&self, span: &Range<usize>, message: impl Into<String>) -> NetlistError {
        let start = (0..=span.start.min(self.text.len())).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0);
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        NetlistError {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }
}

/// `: did you mean "x"?` or a list of what there is, as the end of a message.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return format!(": did you mean `{near}`?");
    }
    if known.is_empty() {
        return ": there are none".to_owned();
    }
    const N_SHOWN: usize = 24;
    let more = if known.len() > N_SHOWN { ", …" } else { "" };
    let mut list = known[..known.len().min(N_SHOWN)].join(", ");
    list.push_str(more);
    format!(": there are {list}")
}

/// The known name with the fewest edits, if they are few.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer names are compared no further: the distance takes the product of both lengths.
    const MAX_LENGTH: usize = 64;
    if name.len() > MAX_LENGTH {
        return None;
    }
    let most = 1 + name.len() / 4;
    let distances =
        known.into_iter().filter(|known| known.len() <= MAX_LENGTH).map(|known| (edits(name, known), known));
    distances.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_near_are_found() {
        let known = ["grant-giver", "grant-taker", "router", "USD"];
        assert_eq!(nearest("grant-gver", known), Some("grant-giver"));
        assert_eq!(nearest("roter", known), Some("router"));
        assert_eq!(nearest("usd", known), Some("USD"));
        assert_eq!(nearest("burner", known), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), known), None);
    }

    #[test]
    fn places_count_characters_from_one() {
        let source = Source { path: "x.toml".into(), text: "a = 1\nä = 2\n".into() };
        let place = |at: usize| (source.error(&(at..at), "").line, source.error(&(at..at), "").column);
        assert_eq!([place(0), place(6), place(9), place(99)], [(1, 1), (2, 1), (2, 3), (3, 1)]);
    }
}
