//! What a script's functions see: maps that are read and never written, shared without a copy.

use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map};

use super::State;
use crate::blocks::{History, Record};

/// Named values.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    noun: &'static str,
    values: Arc<Map>,
    /// Timestep and substep, of a state.
    when: Option<(u64, u32)>,
}

impl Seen {
    pub(super) fn of(record: &Record<State>) -> Self {
        let values = Arc::clone(&record.state.0);
        Self { noun: "variable", values, when: Some((record.timestep, record.substep)) }
    }

    pub(super) fn parameters(values: Map) -> Self {
        Self { noun: "parameter", values: Arc::new(values), when: None }
    }

    pub(super) fn signals(values: Map) -> Self {
        Self { noun: "signal", values: Arc::new(values), when: None }
    }

    fn get(&self, name: &str) -> Result<Dynamic, Box<EvalAltResult>> {
        match (name, self.when) {
            ("timestep", Some((timestep, _))) => Ok(Dynamic::from(i64::try_from(timestep).unwrap_or(i64::MAX))),
            ("substep", Some((_, substep))) => Ok(Dynamic::from(i64::from(substep))),
            _ => self.values.get(name).cloned().ok_or_else(|| {
                let known: Vec<_> = self.values.keys().map(|name| name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                format!("there is no {} {name}: there is {known}", self.noun).into()
            }),
        }
    }
}

/// The finished timesteps, oldest first, each a list of its substeps.
#[derive(Clone, Debug, Default)]
pub(super) struct Past(Arc<Vec<Substeps>>);

/// The substeps of a timestep.
#[derive(Clone, Debug)]
struct Substeps(Arc<Vec<Seen>>);

impl Past {
    pub(super) fn of(history: &History<State>) -> Self {
        let substeps = |records: &[Record<State>]| Substeps(Arc::new(records.iter().map(Seen::of).collect()));
        Self(Arc::new(history.timesteps().map(substeps).collect()))
    }
}

/// The item at `index`, counted from the end if it is negative.
fn item<T: Clone>(items: &[T], index: i64, noun: &str) -> Result<T, Box<EvalAltResult>> {
    let n = items.len();
    let from_end = |back: u64| n.checked_sub(usize::try_from(back).ok()?);
    let position = if index < 0 { from_end(index.unsigned_abs()) } else { usize::try_from(index).ok() };
    position
        .and_then(|position| items.get(position))
        .cloned()
        .ok_or_else(|| format!("there is no {noun} {index}: there are {n}").into())
}

pub(super) fn register(engine: &mut Engine) {
    let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    engine
        .register_type_with_name::<Seen>("values")
        .register_type_with_name::<Past>("history")
        .register_type_with_name::<Substeps>("substeps")
        .register_indexer_get(|seen: &mut Seen, name: ImmutableString| seen.get(&name))
        .register_fn("contains", |seen: &mut Seen, name: &str| seen.values.contains_key(name))
        .register_fn("len", move |past: &mut Past| length(past.0.len()))
        .register_fn("len", move |substeps: &mut Substeps| length(substeps.0.len()))
        .register_indexer_get(|past: &mut Past, index: i64| item(&past.0, index, "finished timestep in sight"))
        .register_indexer_get(|substeps: &mut Substeps, index: i64| item(&substeps.0, index, "substep"));
}
