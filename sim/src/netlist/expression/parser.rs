//! From text to an expression's tree, by recursive descent with bounds on depth and length.

use super::{FUNCTIONS, MAX_DEPTH, Node, UNITS};
use crate::netlist::{
    number::{Number, Operator},
    suggestion,
};

/// What is left to read.
pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

type Parsed<T> = Result<T, (usize, String)>;

/// Operators by how tightly they bind, the loosest first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("or", Operator::Or)],
    &[("and", Operator::And)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

/// The level of comparisons, each of which a `not` may stand before.
const NOT_LEVEL: usize = 2;

impl Parser<'_> {
    /// The whole text as one expression; an error is where it is, in bytes.
    pub(super) fn whole(&mut self) -> Parsed<Node> {
        let node = self.level(0, 0)?;
        self.skip();
        match self.rest().chars().next() {
            None => Ok(node),
            Some(letter) => Err((self.at, format!("`{letter}` is not expected here"))),
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        let Some(after) = self.rest().strip_prefix(token) else { return false };
        let is_word = token.ends_with(char::is_alphabetic);
        if is_word && after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.') {
            return false;
        }
        if token == "*" && after.starts_with('*') {
            return false;
        }
        self.at += token.len();
        true
    }

    fn level(&mut self, level: usize, depth: usize) -> Parsed<Node> {
        if depth > MAX_DEPTH {
            return Err((self.at, format!("there are more than {MAX_DEPTH} brackets and signs inside each other")));
        }
        let Some(operators) = LEVELS.get(level) else { return self.sign(depth) };
        if level == NOT_LEVEL && self.eat("not") {
            return Ok(Node::Not(Box::new(self.level(level, depth + 1)?)));
        }
        let mut left = self.level(level + 1, depth)?;
        let mut n_joined = 0;
        while let Some((_, operator)) = operators.iter().find(|(token, _)| self.eat(token)) {
            n_joined += 1;
            // A chain leans to the left as deep as it is long.
            if n_joined > 4 * MAX_DEPTH {
                return Err((self.at, format!("there are more than {} terms", 4 * MAX_DEPTH)));
            }
            let right = self.level(level + 1, depth)?;
            left = Node::Pair(*operator, Box::new((left, right)));
        }
        Ok(left)
    }

    fn sign(&mut self, depth: usize) -> Parsed<Node> {
        if depth > MAX_DEPTH {
            return self.level(0, depth);
        }
        if self.eat("-") {
            return Ok(Node::Negative(Box::new(self.sign(depth + 1)?)));
        }
        let left = self.atom(depth)?;
        if self.eat("**") || self.eat("^") {
            let right = self.sign(depth + 1)?;
            return Ok(Node::Pair(Operator::Power, Box::new((left, right))));
        }
        Ok(left)
    }

    fn atom(&mut self, depth: usize) -> Parsed<Node> {
        if self.eat("(") {
            let node = self.level(0, depth + 1)?;
            return if self.eat(")") { Ok(node) } else { Err((self.at, "a `)` is missing".into())) };
        }
        self.skip();
        let start = self.at;
        match self.rest().chars().next() {
            None => Err((start, "a number, a name or a bracket is missing at the end".into())),
            Some(letter) if letter.is_ascii_digit() || letter == '.' => self.number(),
            Some(letter) if letter.is_alphabetic() || letter == '_' => {
                let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
                let length = self.rest().find(|letter| !is_name(letter)).unwrap_or(self.rest().len());
                let name = self.rest()[..length].to_owned();
                self.at += length;
                if self.eat("(") { self.call(&name, start, depth) } else { Ok(Node::Name(name, start)) }
            }
            Some(letter) => Err((start, format!("`{letter}` is neither a number, a name nor a bracket"))),
        }
    }

    fn number(&mut self) -> Parsed<Node> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'_') {
                at += 1;
            }
            at
        };
        let mut end = digits(start);
        let mut is_whole = true;
        if bytes.get(end) == Some(&b'.') {
            is_whole = false;
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                is_whole = false;
                end = digits(end + 1 + sign);
            }
        }
        let digits = self.text[start..end].replace('_', "");
        self.at = end;
        let bad = || (start, format!("`{digits}` is not a number of at most 38 digits"));
        let number = if is_whole {
            Number::Integer(digits.parse().map_err(|_| bad())?)
        } else {
            Number::Float(digits.parse().map_err(|_| bad())?)
        };
        let length = self.rest().find(|letter: char| !letter.is_alphabetic()).unwrap_or(self.rest().len());
        let unit = self.rest()[..length].to_owned();
        if unit.is_empty() {
            return Ok(Node::Number(number));
        }
        let seconds = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| *seconds);
        let seconds = seconds.ok_or_else(|| {
            (self.at, format!("`{unit}` is not a unit of time: there are s, min, h, d, w, mo (30 d), y (365 d)"))
        })?;
        self.at += length;
        number.apply(Operator::Multiply, Number::Integer(seconds)).map(Node::Number).map_err(|message| (start, message))
    }

    fn call(&mut self, name: &str, start: usize, depth: usize) -> Parsed<Node> {
        let Some((_, function, least, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let known = suggestion(name, FUNCTIONS.iter().map(|(known, ..)| *known));
            return Err((start, format!("there is no function `{name}`{known}")));
        };
        let mut arguments = Vec::new();
        if !self.eat(")") {
            loop {
                arguments.push(self.level(0, depth + 1)?);
                if self.eat(")") {
                    break;
                }
                if !self.eat(",") {
                    return Err((self.at, format!("a `,` or `)` is missing after an argument of `{name}`")));
                }
            }
        }
        if (*least..=*most).contains(&arguments.len()) {
            Ok(Node::Call(*function, arguments))
        } else {
            Err((start, format!("`{name}` takes {least} to {most} arguments and is given {}", arguments.len())))
        }
    }
}
