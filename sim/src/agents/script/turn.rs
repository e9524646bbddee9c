//! An agent's turn: the world while its script acts, and `me` and `world`, by which the script reaches it. What a script
//! keeps of them after its step reaches nothing.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString};

use crate::{
    economy::State,
    netlist::{Values, suggestion},
    script::{Limits, Luck, weigh},
};

/// What functions of scripts give.
pub(super) type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// What may be asked of the world in one step: reads, payments and calls.
const MAX_ASKED: u64 = 100_000;

/// The gas of all calls and views in one step: that of a hundred full blocks.
const MAX_GAS: u64 = 3_000_000_000;

/// The world while a script acts.
pub(super) struct Turn {
    pub(super) state: State,
    pub(super) me: usize,
    pub(super) values: Arc<Values>,
    /// What `me` holds: a map.
    pub(super) kept: Dynamic,
    pub(super) limits: Limits,
    pub(super) luck: Luck,
    pub(super) n_asked: u64,
    pub(super) gas: u64,
    /// What ends the run, even if the script catches it.
    pub(super) refusal: Option<String>,
}

// A script's values must be able to go to other threads, and a chain cannot: the world stays in the thread that the script
// runs in, and the script gets the number of its turn.
thread_local! {
    static TURN: RefCell<Option<(u64, Turn)>> = const { RefCell::new(None) };
    static N_TURNS: Cell<u64> = const { Cell::new(0) };
}

/// What the agent keeps, in the turn of this number.
#[derive(Clone, Debug)]
pub(super) struct Me(u64);

/// The world, in the turn of this number.
#[derive(Clone, Debug)]
pub(super) struct World(u64);

/// Lets a script act in `turn`.
pub(super) fn take_turn<T>(turn: Turn, act: impl FnOnce(Me, World) -> T) -> (Turn, T) {
    let number = N_TURNS.get() + 1;
    N_TURNS.set(number);
    TURN.set(Some((number, turn)));
    let done = act(Me(number), World(number));
    let (_, turn) = TURN.take().expect("nothing but this function ends a turn");
    (turn, done)
}

/// Does something in the turn of this number, if it is not over.
fn within<T>(number: u64, what: &str, act: impl FnOnce(&mut Turn) -> Outcome<T>) -> Outcome<T> {
    TURN.with_borrow_mut(|turn| match turn {
        Some((current, turn)) if *current == number => act(turn),
        _ => Err(format!("this `{what}` is of an earlier step: use the one that the step is given").into()),
    })
}

impl World {
    /// Asks something of the world.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&mut Turn) -> Outcome<T>) -> Outcome<T> {
        within(self.0, "world", |turn| {
            turn.n_asked += 1;
            if turn.n_asked > MAX_ASKED {
                let refusal = format!("a step asks more than {MAX_ASKED} things of the world: end its loops earlier");
                return turn.refuse(refusal);
            }
            // A script that caught what ends the run gets no further.
            match turn.refusal.clone() {
                Some(refusal) => turn.refuse(refusal),
                None => ask(turn),
            }
        })
    }
}

impl Turn {
    /// Ends the run.
    pub(super) fn refuse<T>(&mut self, refusal: String) -> Outcome<T> {
        self.refusal = Some(refusal.clone());
        Err(refusal.into())
    }

    /// Adds the gas of a call or a view to that of the step.
    pub(super) fn spend(&mut self, gas: u64) -> Outcome<()> {
        self.gas = self.gas.saturating_add(gas);
        if self.gas > MAX_GAS {
            return self.refuse(format!("the calls of a step take more than {MAX_GAS} gas: call less in one step"));
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Outcome<Option<Dynamic>> {
        let kept = self.kept.as_map_ref().expect("a turn begins with a map");
        let value = kept.get(name).cloned();
        value.as_ref().map_or(Ok(()), |value| weigh(&self.limits, value, Some(&self.luck)))?;
        Ok(value)
    }

    fn missing(&self, name: &str) -> Box<EvalAltResult> {
        let kept = self.kept.as_map_ref().expect("a turn begins with a map");
        let hint = suggestion(name, kept.keys().map(|key| key.as_str()));
        format!("`me` has no `{name}`{hint}; set it in fn init(me, world) or in the netlist's `params`").into()
    }

    fn set(&mut self, name: &str, value: Dynamic) -> Outcome<()> {
        self.kept.as_map_mut().expect("a turn begins with a map").insert(name.into(), value);
        weigh(&self.limits, &self.kept, Some(&self.luck))
    }
}

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Me>("me")
        .register_type_with_name::<World>("world")
        .register_indexer_get(|me: &mut Me, name: ImmutableString| -> Outcome<Dynamic> {
            within(me.0, "me", |turn| turn.get(&name)?.ok_or_else(|| turn.missing(&name)))
        })
        .register_indexer_set(|me: &mut Me, name: ImmutableString, value: Dynamic| -> Outcome<()> {
            within(me.0, "me", |turn| turn.set(&name, value))
        })
        .register_fn("contains", |me: &mut Me, name: ImmutableString| -> Outcome<bool> {
            within(me.0, "me", |turn| Ok(turn.get(&name)?.is_some()))
        });
}
