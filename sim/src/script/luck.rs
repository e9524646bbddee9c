//! Random numbers for scripts: each call draws from the stream that it was given, and from nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Engine, EvalAltResult, NativeCallContext};

use super::meter::Meter;
use crate::draws::Draws;

/// A stream of random numbers that calls of scripts draw from. Copies draw from the same stream.
#[derive(Clone, Debug)]
pub struct Luck(Arc<(Mutex<Draws>, Meter)>);

impl Luck {
    /// The stream.
    #[must_use]
    pub fn new(draws: Draws) -> Self {
        Self(Arc::new((Mutex::new(draws), Meter::default())))
    }

    /// Exchanges the stream with `draws`.
    pub(crate) fn swap(&self, draws: &mut Draws) {
        std::mem::swap(&mut *self.0.0.lock().unwrap_or_else(PoisonError::into_inner), draws);
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.0.1
    }

    fn draw<T>(context: &NativeCallContext<'_>, draw: impl FnOnce(&mut Draws) -> T) -> Result<T, Box<EvalAltResult>> {
        let luck = context.tag().and_then(|tag| tag.read_lock::<Self>()).ok_or("there are no draws here")?;
        let mut draws = luck.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(draw(&mut draws))
    }
}

pub(super) fn register(engine: &mut Engine) {
    type Drawn<T> = Result<T, Box<EvalAltResult>>;
    engine
        .register_fn("unit", |context: NativeCallContext<'_>| -> Drawn<f64> { Luck::draw(&context, Draws::unit) })
        .register_fn("normal", |context: NativeCallContext<'_>| -> Drawn<f64> { Luck::draw(&context, Draws::normal) })
        .register_fn("between", |context: NativeCallContext<'_>, low: f64, high: f64| -> Drawn<f64> {
            Luck::draw(&context, |draws| draws.between(low, high))
        })
        .register_fn("exponential", |context: NativeCallContext<'_>, mean: f64| -> Drawn<f64> {
            Luck::draw(&context, |draws| draws.exponential(mean))
        })
        .register_fn("chance", |context: NativeCallContext<'_>, p: f64| -> Drawn<bool> {
            Luck::draw(&context, |draws| draws.chance(p))
        })
        .register_fn("below", |context: NativeCallContext<'_>, n: i64| -> Drawn<i64> {
            let n = usize::try_from(n)
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| format!("below({n}): give a number above 0"))?;
            let drawn = Luck::draw(&context, |draws| draws.below(n))?;
            i64::try_from(drawn).map_err(|_| "below: out of range".into())
        });
}
