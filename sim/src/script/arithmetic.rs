//! Exact decimals and 256-bit integers in scripts: `decimal("0.1")`, `decimal(0.1)` in all digits of the double, `u256("7")`,
//! with the operators among themselves and with integers. An operation without a result ends the call with an error.

use rhai::{Dynamic, Engine, EvalAltResult};
use ruint::aliases::U256;

use crate::{blocks::Number, decimal::Decimal};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

fn outcome<T, E: ToString>(result: Result<T, E>) -> Outcome<T> {
    result.map_err(|error| error.to_string().into())
}

/// Registers the operators of a kind of numbers among themselves, and with integers on either side.
fn register_kind<N: Number>(engine: &mut Engine) {
    type Operation<N> = fn(N, N) -> Result<N, crate::decimal::ArithmeticError>;
    let operations: [(&str, Operation<N>); 4] =
        [("+", N::try_add), ("-", N::try_sub), ("*", N::try_mul), ("/", N::try_div)];
    for (name, operation) in operations {
        engine
            .register_fn(name, move |x: N, y: N| -> Outcome<N> { outcome(operation(x, y)) })
            .register_fn(name, move |x: N, y: i64| -> Outcome<N> {
                outcome(N::from_integer(y).and_then(|y| operation(x, y)))
            })
            .register_fn(name, move |x: i64, y: N| -> Outcome<N> {
                outcome(N::from_integer(x).and_then(|x| operation(x, y)))
            });
    }
    type Comparison<N> = fn(&N, &N) -> bool;
    let comparisons: [(&str, Comparison<N>); 6] = [
        ("==", |x, y| x == y),
        ("!=", |x, y| x != y),
        ("<", |x, y| x < y),
        ("<=", |x, y| x <= y),
        (">", |x, y| x > y),
        (">=", |x, y| x >= y),
    ];
    for (name, comparison) in comparisons {
        engine
            .register_fn(name, move |x: N, y: N| comparison(&x, &y))
            .register_fn(name, move |x: N, y: i64| -> Outcome<bool> {
                outcome(N::from_integer(y)).map(|y| comparison(&x, &y))
            })
            .register_fn(name, move |x: i64, y: N| -> Outcome<bool> {
                outcome(N::from_integer(x)).map(|x| comparison(&x, &y))
            });
    }
    engine
        .register_fn("sqrt", |x: N| -> Outcome<N> { outcome(x.try_sqrt()) })
        .register_fn("min", |x: N, y: N| if y < x { y } else { x })
        .register_fn("max", |x: N, y: N| if y > x { y } else { x })
        .register_fn("to_string", |x: &mut N| x.to_string())
        .register_fn("to_debug", |x: &mut N| x.to_string());
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Decimal>("decimal").register_type_with_name::<U256>("u256");
    register_kind::<Decimal>(engine);
    register_kind::<U256>(engine);
    engine
        .register_fn("decimal", |text: &str| -> Outcome<Decimal> { outcome(text.parse::<Decimal>()) })
        .register_fn("decimal", |integer: i64| Decimal::from(integer))
        .register_fn("decimal", |double: f64| -> Outcome<Decimal> { outcome(Decimal::from_f64(double)) })
        .register_fn("decimal", |number: U256| -> Outcome<Decimal> { outcome(Decimal::try_from(number)) })
        .register_fn("decimal", |decimal: Decimal| decimal)
        .register_fn("-", |x: Decimal| -> Outcome<Decimal> { outcome(x.try_neg()) })
        .register_fn("abs", |x: Decimal| -> Outcome<Decimal> {
            if x < Decimal::ZERO { outcome(x.try_neg()) } else { Ok(x) }
        })
        .register_fn("to_float", |x: Decimal| x.to_f64());
    engine
        .register_fn("u256", |text: &str| -> Outcome<U256> {
            U256::read(text).ok_or_else(|| format!("{text:?} is not a whole number of 256 bits").into())
        })
        .register_fn("u256", |integer: i64| -> Outcome<U256> { outcome(U256::from_integer(integer)) })
        .register_fn("u256", |double: f64| -> Outcome<U256> { outcome(U256::from_double(double)) })
        .register_fn("u256", |number: U256| number)
        .register_fn("%", |x: U256, y: U256| -> Outcome<U256> {
            x.checked_rem(y).ok_or_else(|| format!("{x} is divided by zero").into())
        })
        .register_fn("to_float", |x: U256| f64::from(x));
}

/// The sum of two values of a script, as `+` has it: numbers are added, texts and lists are joined; nothing if there is no
/// `+` of such values.
#[must_use]
pub fn sum(x: &Dynamic, y: &Dynamic) -> Option<Result<Dynamic, String>> {
    fn of<N: Number>(x: &Dynamic, y: &Dynamic) -> Option<Result<Dynamic, String>> {
        let read = |value: &Dynamic| match value.as_int() {
            Ok(integer) => Some(N::from_integer(integer)),
            Err(_) => value.read_lock::<N>().map(|number| Ok(*number)),
        };
        let (x, y) = (read(x)?, read(y)?);
        Some(x.and_then(|x| x.try_add(y?)).map(Dynamic::from).map_err(|error| error.to_string()))
    }
    if let (Ok(x), Ok(y)) = (x.as_int(), y.as_int()) {
        let sum = x.checked_add(y).ok_or_else(|| format!("{x} + {y} is no integer of 64 bits"));
        return Some(sum.map(Dynamic::from));
    }
    if let (Some(x), Some(y)) = (x.read_lock::<rhai::ImmutableString>(), y.read_lock::<rhai::ImmutableString>()) {
        return Some(Ok(Dynamic::from(format!("{}{}", *x, *y))));
    }
    if let (Some(x), Some(y)) = (x.read_lock::<rhai::Array>(), y.read_lock::<rhai::Array>()) {
        return Some(Ok(Dynamic::from(x.iter().chain(y.iter()).cloned().collect::<rhai::Array>())));
    }
    of::<f64>(x, y).or_else(|| of::<Decimal>(x, y)).or_else(|| of::<U256>(x, y))
}
