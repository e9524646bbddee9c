//! The parameters of FLASH V3: read from a point, checked, and made numbers.

use super::{Case, Pool, State};
use crate::{
    blocks::{BlockError, Number},
    model::{Point, Run, Value},
    parameter::{Parameter, Role, Scale, Spread},
};

/// Which FLASH V3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// As the notebook computes.
    Notebook,
    /// As the notebook says.
    Corrected,
    /// Before there were stakes.
    Older,
}

/// The parameters. A point overrides them by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Which model.
    pub variant: Variant,
    /// The market's yield at the start.
    pub market_apy: f64,
    /// FLASH minted for one FLASH staked.
    pub mint_rate: f64,
    /// Swaps are below this.
    pub swap_factor: f64,
    /// The market's yield is drawn from this on, in percent …
    pub apy_low: i64,
    /// … and below this.
    pub apy_high: i64,
    /// FLASH in the external pool at the start; in all its digits.
    pub ext_flash: String,
    /// ALT in the external pool at the start.
    pub ext_alt: String,
    /// FLASH in the internal pool at the start.
    pub int_flash: String,
    /// ALT in the internal pool at the start.
    pub int_alt: String,
}

impl Default for Settings {
    fn default() -> Self {
        let pool = || "100000".to_owned();
        Self {
            variant: Variant::Notebook,
            market_apy: 0.01,
            mint_rate: 0.1,
            swap_factor: 100.0,
            apy_low: 10,
            apy_high: 25,
            ext_flash: pool(),
            ext_alt: pool(),
            int_flash: pool(),
            int_alt: pool(),
        }
    }
}

/// The parameters as a netlist declares them, with the ranges that a sweep may take.
#[must_use]
pub fn parameters() -> Vec<Parameter> {
    let Settings { market_apy, mint_rate, swap_factor, apy_low, apy_high, .. } = Settings::default();
    let range = |low, high, is_whole| Some(Spread::Range { low, high, scale: Scale::Linear, is_whole });
    let parameter = |name: &str, value, spread, role| Parameter { name: name.into(), value, spread, role };
    let variants = ["notebook", "corrected", "older"].map(|variant| Value::Text(variant.into()));
    let mut parameters = vec![
        parameter("variant", variants[0].clone(), Some(Spread::List(variants.into())), Role::Fixed),
        parameter("market_apy", Value::Float(market_apy), range(0.0, 1.0, false), Role::Uncontrollable),
        parameter("mint_rate", Value::Float(mint_rate), range(0.0, 1.0, false), Role::Controllable),
        parameter("swap_factor", Value::Float(swap_factor), range(0.0, 10_000.0, false), Role::Uncontrollable),
        parameter("apy_low", Value::Integer(apy_low), range(0.0, 100.0, true), Role::Uncontrollable),
        parameter("apy_high", Value::Integer(apy_high), range(0.0, 100.0, true), Role::Uncontrollable),
    ];
    for pool in ["ext_flash", "ext_alt", "int_flash", "int_alt"] {
        parameters.push(parameter(pool, Value::Float(100_000.0), range(1_000.0, 1e6, false), Role::Controllable));
    }
    parameters
}

fn refuse(name: &str, value: &Value, wanted: &str) -> BlockError {
    BlockError::Parameter(format!("parameter {name} is {value}: give {wanted}"))
}

impl Settings {
    /// The settings with the values of the point.
    pub(super) fn at(&self, point: &Point) -> Result<Self, BlockError> {
        let mut settings = self.clone();
        for (name, value) in &point.values {
            settings.set(name, value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), BlockError> {
        let number = || match value {
            Value::Float(number) if number.is_finite() => Ok(*number),
            Value::Integer(number) => Ok(*number as f64),
            _ => Err(refuse(name, value, "a number")),
        };
        let percent = || match value {
            Value::Integer(number) => Ok(*number),
            Value::Float(number) if (-1e9..=1e9).contains(number) && number.fract() == 0.0 =>
            {
                #[allow(clippy::cast_possible_truncation, reason = "whole and within a billion")]
                Ok(*number as i64)
            }
            _ => Err(refuse(name, value, "a whole number of percents")),
        };
        let amount = || match value {
            Value::Text(text) => Ok(text.clone()),
            Value::Float(_) | Value::Integer(_) => Ok(value.to_string()),
            Value::Flag(_) => Err(refuse(name, value, "an amount of tokens")),
        };
        match name {
            "variant" => {
                self.variant = match value {
                    Value::Text(text) if text == "notebook" => Variant::Notebook,
                    Value::Text(text) if text == "corrected" => Variant::Corrected,
                    Value::Text(text) if text == "older" => Variant::Older,
                    _ => return Err(refuse(name, value, "notebook, corrected or older")),
                }
            }
            "market_apy" => self.market_apy = number()?,
            "mint_rate" => self.mint_rate = number()?,
            "swap_factor" => self.swap_factor = number()?,
            "apy_low" => self.apy_low = percent()?,
            "apy_high" => self.apy_high = percent()?,
            "ext_flash" => self.ext_flash = amount()?,
            "ext_alt" => self.ext_alt = amount()?,
            "int_flash" => self.int_flash = amount()?,
            "int_alt" => self.int_alt = amount()?,
            _ => {
                let names: Vec<_> = parameters().into_iter().map(|parameter| parameter.name).collect();
                let names = names.join(", ");
                return Err(BlockError::Parameter(format!("flash_v3 has no parameter {name}: it has {names}")));
            }
        }
        Ok(())
    }

    /// What a run starts with.
    pub(super) fn begin<N: Number>(&self, run: &Run<'_>) -> Result<(Case<N>, State<N>), BlockError> {
        let spread = self.apy_high.checked_sub(self.apy_low).and_then(|spread| u64::try_from(spread).ok());
        let apy_spread = spread.filter(|spread| *spread > 0).ok_or_else(|| {
            let (low, high) = (self.apy_low, self.apy_high);
            BlockError::Parameter(format!("apy_low is {low} and apy_high {high}: give an apy_high above apy_low"))
        })?;
        let zero = N::from_integer(0)?;
        let amount = |name: &str, text: &str| {
            N::read(text)
                .filter(|amount| *amount > zero)
                .ok_or_else(|| refuse(name, &Value::Text(text.into()), "an amount above 0"))
        };
        let case = Case {
            variant: self.variant,
            seed: run.seed,
            run: run.number,
            mint_rate: N::from_double(self.mint_rate)?,
            swap_factor: self.swap_factor,
            apy_low: self.apy_low,
            apy_spread,
            zero,
            hundred: N::from_integer(100)?,
        };
        let state = State {
            market_apy: N::from_double(self.market_apy)?,
            external: Pool { flash: amount("ext_flash", &self.ext_flash)?, alt: amount("ext_alt", &self.ext_alt)? },
            internal: Pool { flash: amount("int_flash", &self.int_flash)?, alt: amount("int_alt", &self.int_alt)? },
            staked: zero,
        };
        Ok((case, state))
    }
}
