//! Agents whose behaviour is a script beside the netlist: `fn step(me, world)`, once a tick or as often as the netlist
//! says, and `fn init(me, world)` before the first step if the script has one. `me` holds what the agent keeps.

use std::sync::Arc;

use rhai::{Dynamic, Engine, Map};

use super::{Agent, Builder, Gauge, Kind, Takes, generic::Occasion, optional, required, with_default};
use crate::{
    draws::Draws,
    economy::{Dice, State},
    netlist::{NetlistError, Number, Values},
    script::{Luck, Script},
};

mod turn;
mod values;
mod world;

use self::turn::{Turn, take_turn};

/// Does what a script says.
pub(super) const SCRIPT: Kind = Kind {
    name: "script",
    doc: "does what a script says: keeps values, reads the world, pays, and calls contracts",
    keys: &[
        required("script", Takes::Script, "the script's file, beside the netlist, with fn step(me, world)"),
        optional("params", Takes::Numbers, "names and expressions over parameters: what `me` holds at first"),
        with_default("every", Takes::Number, "1", "every how many ticks"),
        with_default("when", Takes::Formula, "1", "the condition"),
    ],
    gauges: &[
        Gauge { name: "n_calls", doc: "how many calls went through", read: |state, me, _| count(state, me, 0) },
        Gauge { name: "n_reverts", doc: "how many reverted", read: |state, me, _| count(state, me, 1) },
        Gauge { name: "gas", doc: "the gas of all calls", read: |state, me, _| count(state, me, 2) },
        Gauge {
            name: "shown",
            doc: "the number that it showed last, by world.show(x); 0 at first",
            read: |state, me, _| Ok(Number::Float(state.shared::<world::Shown>().of(me))),
        },
    ],
    build: Scripted::build,
};

fn count(state: &mut State, me: usize, which: usize) -> Result<Number, String> {
    Ok(Number::Integer(i128::from(state.counts(me)[which])))
}

/// Registers what scripts of agents see beside what all scripts see.
pub(crate) fn register_world(engine: &mut Engine) {
    turn::register(engine);
    world::register(engine);
}

struct Scripted {
    occasion: Occasion,
    /// None where only the wiring is checked.
    script: Option<Script>,
    values: Arc<Values>,
    dice: Dice,
    luck: Luck,
    /// What `me` holds between steps: a map.
    kept: Dynamic,
    has_begun: bool,
}

impl Scripted {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let script = builder.script("script");
        if let Some(script) = &script {
            let wanted = ["step"].into_iter().chain(script.has("init").then_some("init"));
            for function in wanted {
                script.require(function, 2).map_err(|error| builder.error("script", error.to_string()))?;
            }
        }
        let mut kept = Map::new();
        for (name, number) in builder.numbers("params")? {
            let value = match number {
                Number::Integer(integer) => i64::try_from(integer).map(Dynamic::from).map_err(|_| {
                    builder.error("params", format!("`{name}` is {integer}, which is no whole number of 64 bits"))
                })?,
                Number::Float(float) => Dynamic::from(float),
            };
            kept.insert(name.into(), value);
        }
        Ok(Box::new(Self {
            occasion: Occasion::build(builder)?,
            script,
            values: Arc::new(builder.values.clone()),
            dice: builder.dice("script"),
            // Never drawn from: the dice's stream stands in its place during each step.
            luck: Luck::new(Draws::from_state(0)),
            kept: Dynamic::from_map(kept),
            has_begun: false,
        }))
    }

    fn call(&mut self, function: &str, me: usize, state: &mut State) -> Result<(), String> {
        let Some(script) = &self.script else { return Ok(()) };
        self.luck.swap(state.draws(&mut self.dice));
        let turn = Turn {
            state: std::mem::replace(state, State::hollow()),
            me,
            values: Arc::clone(&self.values),
            kept: std::mem::take(&mut self.kept),
            limits: *script.limits(),
            luck: self.luck.clone(),
            n_asked: 0,
            gas: 0,
            refusal: None,
        };
        let (turn, done) = take_turn(turn, |me, world| script.call(function, (me, world), &self.luck));
        (*state, self.kept) = (turn.state, turn.kept);
        self.luck.swap(state.draws(&mut self.dice));
        match (done, turn.refusal) {
            (Err(error), _) => Err(error.to_string()),
            (Ok(_), Some(refusal)) => Err(format!("{}: {refusal}", script.file())),
            (Ok(_), None) => Ok(()),
        }
    }
}

impl Agent for Scripted {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if !self.occasion.is_due(state)? {
            return Ok(());
        }
        let begins = !self.has_begun && self.script.as_ref().is_some_and(|script| script.has("init"));
        self.has_begun = true;
        if begins {
            self.call("init", me, state)?;
        }
        self.call("step", me, state)
    }
}
