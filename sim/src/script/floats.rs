//! Functions of floats that give the same digits on all platforms, in the place of those of the platform.

use rhai::Engine;

/// The binding power of `**` in rhai.
const POWER: u8 = 190;

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_fn("sin", libm::sin)
        .register_fn("cos", libm::cos)
        .register_fn("tan", libm::tan)
        .register_fn("asin", libm::asin)
        .register_fn("acos", libm::acos)
        .register_fn("atan", libm::atan)
        .register_fn("atan", libm::atan2)
        .register_fn("sinh", libm::sinh)
        .register_fn("cosh", libm::cosh)
        .register_fn("tanh", libm::tanh)
        .register_fn("asinh", libm::asinh)
        .register_fn("acosh", libm::acosh)
        .register_fn("atanh", libm::atanh)
        .register_fn("hypot", libm::hypot)
        .register_fn("exp", libm::exp)
        .register_fn("ln", libm::log)
        .register_fn("log", libm::log10)
        .register_fn("log", |x: f64, base: f64| libm::log(x) / libm::log(base));
    // The operator of floats is built into rhai, and would be the platform's: it is turned off and defined anew.
    engine.disable_symbol("**").disable_symbol("**=");
    engine.register_custom_operator("**", POWER).expect("a symbol that is turned off may be defined");
    for name in ["**", "pow"] {
        engine
            .register_fn(name, libm::pow)
            .register_fn(name, |x: f64, y: i64| libm::pow(x, y as f64))
            .register_fn(name, |x: i64, y: f64| libm::pow(x as f64, y))
            .register_fn(name, |x: i64, y: i64| -> Result<i64, Box<rhai::EvalAltResult>> {
                let power = u32::try_from(y).ok().and_then(|y| x.checked_pow(y));
                power.ok_or_else(|| format!("{x} ** {y} is no integer of 64 bits: use floats or u256").into())
            });
    }
}
