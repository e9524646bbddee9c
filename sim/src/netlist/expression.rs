//! The arithmetic of netlists: `0.49 * TOTAL`, `30d`, `me.OCEAN > 200 and tick % 24 == 0`. Names are looked up once, when
//! a run begins; a text of any length or depth ends in a value or an error.

use std::ops::Range;

use super::{
    error::{NetlistError, Source},
    number::{Number, Operator},
};

/// Most characters in an expression.
const MAX_LENGTH: usize = 4_000;
/// Most brackets and signs inside each other.
const MAX_DEPTH: usize = 60;

/// Units that may follow a number, in seconds. A month has 30 days and a year 365, as in TokenSPICE.
pub(crate) const UNITS: [(&str, i128); 7] =
    [("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800), ("mo", 2_592_000), ("y", 31_536_000)];

mod parser;

/// An expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    node: Node,
    pub(crate) span: Range<usize>,
    /// What was written, as messages show it.
    pub(crate) text: String,
}

/// An expression whose names are looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula<S> {
    node: Bound<S>,
    text: String,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning<S> {
    /// A number that stays.
    Constant(Number),
    /// Something to be read each time.
    Slot(S),
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(Number),
    Name(String, usize),
    Negative(Box<Node>),
    Not(Box<Node>),
    Pair(Operator, Box<(Node, Node)>),
    Call(Function, Vec<Node>),
}

#[derive(Clone, Debug, PartialEq)]
enum Bound<S> {
    Number(Number),
    Slot(S),
    Negative(Box<Bound<S>>),
    Not(Box<Bound<S>>),
    Pair(Operator, Box<(Bound<S>, Bound<S>)>),
    Call(Function, Vec<Bound<S>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Min,
    Max,
    Abs,
    Floor,
    Ceil,
    Round,
    Sqrt,
    Exp,
    Ln,
    If,
}

/// Names of functions and how many arguments they take, at least and at most.
const FUNCTIONS: [(&str, Function, usize, usize); 10] = [
    ("min", Function::Min, 1, 16),
    ("max", Function::Max, 1, 16),
    ("abs", Function::Abs, 1, 1),
    ("floor", Function::Floor, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("round", Function::Round, 1, 1),
    ("sqrt", Function::Sqrt, 1, 1),
    ("exp", Function::Exp, 1, 1),
    ("ln", Function::Ln, 1, 1),
    ("if", Function::If, 3, 3),
];

impl Expression {
    /// Parses `text`, which stands at `span`.
    pub(crate) fn parse(source: &Source, span: &Range<usize>, text: &str) -> Result<Self, NetlistError> {
        let base = offset(source, span, text);
        if text.len() > MAX_LENGTH {
            let message = format!("an expression of {} characters is longer than {MAX_LENGTH}", text.len());
            return Err(source.error(span, message));
        }
        let mut parser = parser::Parser { text, at: 0 };
        let node = parser
            .whole()
            .map_err(|(at, message)| source.error(&(base + at..base + at), format!("`{}`: {message}", shown(text))))?;
        Ok(Self { node, span: base..base + text.len(), text: shown(text) })
    }

    /// A number.
    pub(crate) fn constant(number: Number, span: Range<usize>) -> Self {
        Self { node: Node::Number(number), span, text: number.to_string() }
    }

    /// Looks all names up with `find`.
    pub(crate) fn bind<S: Clone>(
        &self,
        source: &Source,
        find: &mut dyn FnMut(&str) -> Result<Meaning<S>, String>,
    ) -> Result<Formula<S>, NetlistError> {
        let node = bind(&self.node, find).map_err(|(at, message)| {
            source.error(&(self.span.start + at..self.span.end), format!("`{}`: {message}", self.text))
        })?;
        Ok(Formula { node, text: self.text.clone() })
    }

    /// Its value, where all names stand for numbers.
    pub(crate) fn value(
        &self,
        source: &Source,
        find: &mut dyn FnMut(&str) -> Result<Number, String>,
    ) -> Result<Number, NetlistError> {
        let formula = self.bind::<()>(source, &mut |name| find(name).map(Meaning::Constant))?;
        formula.evaluate(&mut |()| Ok(Number::Integer(0))).map_err(|message| source.error(&self.span, message))
    }
}

/// The expression as messages show it.
fn shown(text: &str) -> String {
    const MAX_SHOWN: usize = 80;
    let mut letters = text.chars();
    let mut shown: String = letters.by_ref().take(MAX_SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Where `text` begins in the source: after the quote, if it is written as it is.
fn offset(source: &Source, span: &Range<usize>, text: &str) -> usize {
    [1, 2, 3, 4, 0]
        .into_iter()
        .map(|quote| span.start + quote)
        .find(|&at| source.text.get(at..).is_some_and(|rest| rest.starts_with(text)))
        .unwrap_or(span.start)
}

impl<S: Clone> Formula<S> {
    /// Its value, where `read` gives what its slots hold.
    ///
    /// # Errors
    /// If the arithmetic does not work out, or `read` does not.
    pub fn evaluate(&self, read: &mut dyn FnMut(&S) -> Result<Number, String>) -> Result<Number, String> {
        evaluate(&self.node, read).map_err(|message| format!("`{}`: {message}", self.text))
    }
}

fn bind<S>(node: &Node, find: &mut dyn FnMut(&str) -> Result<Meaning<S>, String>) -> Result<Bound<S>, (usize, String)> {
    Ok(match node {
        Node::Number(number) => Bound::Number(*number),
        Node::Name(name, at) => match find(name).map_err(|message| (*at, message))? {
            Meaning::Constant(number) => Bound::Number(number),
            Meaning::Slot(slot) => Bound::Slot(slot),
        },
        Node::Negative(inner) => Bound::Negative(Box::new(bind(inner, find)?)),
        Node::Not(inner) => Bound::Not(Box::new(bind(inner, find)?)),
        Node::Pair(operator, pair) => Bound::Pair(*operator, Box::new((bind(&pair.0, find)?, bind(&pair.1, find)?))),
        Node::Call(function, arguments) => {
            Bound::Call(*function, arguments.iter().map(|argument| bind(argument, find)).collect::<Result<_, _>>()?)
        }
    })
}

fn evaluate<S>(node: &Bound<S>, read: &mut dyn FnMut(&S) -> Result<Number, String>) -> Result<Number, String> {
    match node {
        Bound::Number(number) => Ok(*number),
        Bound::Slot(slot) => read(slot),
        Bound::Negative(inner) => Number::Integer(0).apply(Operator::Subtract, evaluate(inner, read)?),
        Bound::Not(inner) => Ok(Number::Integer(i128::from(!evaluate(inner, read)?.is_true()))),
        Bound::Pair(operator, pair) => {
            let left = evaluate(&pair.0, read)?;
            match operator {
                Operator::And if !left.is_true() => Ok(left),
                Operator::Or if left.is_true() => Ok(left),
                _ => left.apply(*operator, evaluate(&pair.1, read)?),
            }
        }
        Bound::Call(Function::If, arguments) => {
            let chosen = if evaluate(&arguments[0], read)?.is_true() { &arguments[1] } else { &arguments[2] };
            evaluate(chosen, read)
        }
        Bound::Call(function, arguments) => {
            let first = evaluate(&arguments[0], read)?;
            arguments[1..]
                .iter()
                .try_fold(first, |best, argument| {
                    let next = evaluate(argument, read)?;
                    let order =
                        if *function == Function::Min { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
                    Ok(if next.compare(best) == Some(order) { next } else { best })
                })
                .and_then(|value| call(*function, value))
        }
    }
}

fn call(function: Function, value: Number) -> Result<Number, String> {
    let x = value.to_f64();
    let whole = |x: f64| Number::Float(x).to_integer().map_or(Number::Float(x), Number::Integer);
    Ok(match function {
        Function::Min | Function::Max | Function::If => value,
        Function::Abs => match value {
            Number::Integer(integer) => Number::Integer(integer.checked_abs().ok_or("the number is too great")?),
            Number::Float(float) => Number::Float(float.abs()),
        },
        Function::Floor => whole(libm::floor(x)),
        Function::Ceil => whole(libm::ceil(x)),
        Function::Round => whole(libm::rint(x)),
        Function::Sqrt if x < 0.0 => return Err(format!("{value} has no square root")),
        Function::Sqrt => Number::Float(libm::sqrt(x)),
        Function::Exp => Number::Float(libm::exp(x)),
        Function::Ln if x <= 0.0 => return Err(format!("{value} has no logarithm")),
        Function::Ln => Number::Float(libm::log(x)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Expression, NetlistError> {
        let source = Source { path: "x.toml".into(), text: format!("\"{text}\"") };
        Expression::parse(&source, &(0..text.len() + 2), text)
    }

    #[track_caller]
    fn check(text: &str, expected: Number) {
        let source = Source { path: String::new(), text: String::new() };
        let value = parse(text).and_then(|expression| {
            expression.value(&source, &mut |name| match name {
                "a" => Ok(Number::Integer(7)),
                "b.c" => Ok(Number::Float(0.5)),
                _ => Err(format!("there is no `{name}`")),
            })
        });
        assert_eq!(value.expect("it has a value"), expected);
    }

    #[test]
    fn arithmetic_binds_and_rounds_as_usual() {
        let (i, f) = (Number::Integer, Number::Float);
        check("1 + 2 * 3", i(7));
        check("-2 ** 2", i(-4));
        check("2 ^ 3 ^ 2", i(512));
        check("(1 + 2) * -3", i(-9));
        check("7 / 2", f(3.5));
        check("0.1 + 0.2", f(0.300_000_000_000_000_04));
        check("20e3 / 30d", f(20e3 / 2_592_000.0));
        check("1.5h", f(5_400.0));
        check("10y + 1_000", i(315_361_000));
        check("a % 4 == 3 and not b.c > 1", i(1));
        check("a < 3 or 0", i(0));
        check("if(a >= 7, max(1, a, 3), 1 / 0)", i(7));
        check("floor(-1.5) + ceil(1.5) + round(2.5)", i(2));
        check("-1 % 3", i(2));
    }

    #[track_caller]
    fn check_error(text: &str, column: usize, message: &str) {
        let error = parse(text).expect_err("it is not an expression");
        assert!(error.message.contains(message), "{error}");
        assert_eq!(error.column, column, "{error}");
    }

    #[test]
    fn what_is_no_expression_is_an_error_where_it_is() {
        check_error("", 2, "missing at the end");
        check_error("1 +", 5, "missing at the end");
        check_error("(1", 4, "`)` is missing");
        check_error("1 2", 4, "not expected");
        check_error("3 $", 4, "not expected");
        check_error("30days", 4, "not a unit of time");
        check_error("mn(1)", 2, "did you mean `min`?");
        check_error("if(1)", 2, "takes 3 to 3 arguments and is given 1");
        check_error(&"9".repeat(60), 2, "38 digits");
        check_error(&"(".repeat(3_000), 63, "inside each other");
        check_error(&"-".repeat(3_000), 63, "inside each other");
        check_error(&"1+".repeat(1_900), 484, "more than 240 terms");
        check_error(&"1".repeat(5_000), 1, "longer than");
    }

    #[test]
    fn what_cannot_be_computed_is_an_error() {
        let source = Source { path: String::new(), text: String::new() };
        for (text, message) in [
            ("1 / 0", "divided by zero"),
            ("5 % 0", "divided by zero"),
            ("ln(0)", "no logarithm"),
            ("sqrt(-1)", "no square root"),
            ("10 ** 39", "38 digits"),
            ("nowhere", "there is no `nowhere`"),
        ] {
            let value = parse(text).and_then(|e| e.value(&source, &mut |name| Err(format!("there is no `{name}`"))));
            let error = value.expect_err("it has no value");
            assert!(error.message.contains(message), "{error}");
        }
    }
}
