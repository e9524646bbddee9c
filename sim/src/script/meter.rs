//! The sizes of a script's variables. rhai measures what operators and functions return, not what assignments to elements
//! build: `a[0] = a` doubles. Nothing grows without a variable being read, so each read of a list or a map measures it.

use std::sync::atomic::{AtomicU64, Ordering};

use rhai::{Array, Blob, Dynamic, Engine, EvalAltResult, EvalContext, ImmutableString, Map, Position};

use super::{Limits, Luck};

/// How many lists and maps may lie in each other: what drops and copies them recurses.
const MAX_DEPTH: u32 = 32;
/// Measuring so many elements counts as one operation.
const ELEMENTS_AN_OPERATION: u64 = 64;

/// What the call under way has measured.
#[derive(Debug, Default)]
pub(super) struct Meter(AtomicU64);

impl Meter {
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn add(&self, n: usize) -> u64 {
        let n = u64::try_from(n).unwrap_or(u64::MAX) + 1;
        self.0.fetch_add(n, Ordering::Relaxed).saturating_add(n) / ELEMENTS_AN_OPERATION
    }
}

/// The sizes of a value, as far as they were added up.
struct Sizes<'a> {
    limits: &'a Limits,
    elements: usize,
    entries: usize,
    bytes: usize,
}

impl Sizes<'_> {
    fn add(&mut self, value: &Dynamic, depth: u32) -> Result<(), &'static str> {
        if depth > MAX_DEPTH {
            return Err("lists and maps in each other");
        }
        if let Some(list) = value.read_lock::<Array>() {
            self.elements += list.len();
            self.check()?;
            return list.iter().try_for_each(|value| self.add(value, depth + 1));
        }
        if let Some(map) = value.read_lock::<Map>() {
            self.entries += map.len();
            self.bytes += map.keys().map(|key| key.len()).sum::<usize>();
            self.check()?;
            return map.values().try_for_each(|value| self.add(value, depth + 1));
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            self.bytes += text.len();
        } else if let Some(blob) = value.read_lock::<Blob>() {
            self.elements += blob.len();
        }
        self.check()
    }

    const fn check(&self) -> Result<(), &'static str> {
        if self.elements > self.limits.array_elements {
            Err("length of list")
        } else if self.entries > self.limits.map_entries {
            Err("entries of map")
        } else if self.bytes > self.limits.string_bytes {
            Err("text in a list or map")
        } else {
            Ok(())
        }
    }
}

fn measure(
    limits: &Limits,
    name: &str,
    context: &EvalContext<'_, '_, '_, '_, '_, '_>,
) -> Result<(), Box<EvalAltResult>> {
    let Some(value) = context.scope().get(name) else { return Ok(()) };
    weigh(limits, value, context.tag().read_lock::<Luck>().as_deref())
}

/// Measures a list or a map that a script reads or keeps, at the cost of the call that draws from `luck`.
pub(crate) fn weigh(limits: &Limits, value: &Dynamic, luck: Option<&Luck>) -> Result<(), Box<EvalAltResult>> {
    if !value.is_array() && !value.is_map() {
        return Ok(());
    }
    let mut sizes = Sizes { limits, elements: 0, entries: 0, bytes: 0 };
    sizes.add(value, 0).map_err(|what| EvalAltResult::ErrorDataTooLarge(what.into(), Position::NONE))?;
    let n_operations = luck.map_or(0, |luck| luck.meter().add(sizes.elements + sizes.entries));
    if n_operations > limits.operations {
        return Err(EvalAltResult::ErrorTooManyOperations(Position::NONE).into());
    }
    Ok(())
}

pub(super) fn register(engine: &mut Engine, limits: Limits) {
    #[allow(deprecated, reason = "rhai marks it so to say that it may change; it is not deprecated")]
    engine.on_var(move |name, _, context| measure(&limits, name, &context).map(|()| None));
    // `this` is read without being looked up.
    engine.disable_symbol("this");
}
