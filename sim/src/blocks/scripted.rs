//! State-block models as data: variables, parameters and blocks in TOML, policies and updates as functions of a script.
//!
//! A policy is `fn name(params, substep, history, state)` and returns a map of signals. An update is
//! `fn name(params, substep, history, state, input)` and returns its variable's value. `state.x` reads a variable, as do
//! `state.timestep` and `state.substep`, `history[-1][-1].x` reads the last substep of the last finished timestep,
//! `params.x` a parameter, `input.x` a signal. Each function draws from a stream of its own.

mod definition;
mod seen;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{Dynamic, Map};

use self::{
    seen::{Past, Seen},
    value::record,
};
use super::{BlockError, MAX_HISTORY, Moment, Recording, Schedule, StateBlocks};
use crate::{
    model::{Point, Run},
    rows::{Column, Rows},
    script::{Limits, Luck, Sandbox, Script, sum},
};

pub use self::definition::{Definition, DefinitionError};

/// The reduction of signals that needs no function of a script.
const ADD: &str = "add";
/// The signal of a block that lacks a policy which another block has.
const IDENTITY: &str = "identity";

/// A model as data.
#[derive(Clone, Debug)]
pub struct Scripted {
    definition: Definition,
    script: Script,
    columns: Vec<Column>,
    schedule: Schedule,
    /// For each block, whether it lacks a policy that another has.
    lacks_policy: Vec<bool>,
}

/// What a run keeps.
#[derive(Debug)]
pub struct Case {
    parameters: Seen,
    policies: BTreeMap<String, Luck>,
    updates: BTreeMap<String, Luck>,
    operations: Luck,
    past: (u64, Past),
}

/// The variables, shared until an update writes them.
#[derive(Clone, Debug)]
pub struct State(Arc<Map>);

impl Scripted {
    /// Reads a model. `file` and `script_file` are what errors call the texts.
    ///
    /// # Errors
    /// If the definition or the script is malformed, or they do not fit together.
    pub fn read(
        (file, text): (&str, &str),
        (script_file, source): (&str, &str),
        limits: Limits,
    ) -> Result<Self, DefinitionError> {
        Self::of(Definition::read(file, text)?, (script_file, source), limits)
    }

    /// Reads a model whose blocks are the table `[blocks]` of a netlist.
    ///
    /// # Errors
    /// If the table or the script is malformed, or they do not fit together.
    pub(crate) fn of_netlist(
        netlist: (&str, &str),
        size: (u64, Recording),
        parameters: &Point,
        script: (&str, &str),
    ) -> Result<Self, DefinitionError> {
        Self::of(Definition::of_netlist(netlist, size, parameters)?, script, Limits::default())
    }

    fn of(
        definition: Definition,
        (script_file, source): (&str, &str),
        limits: Limits,
    ) -> Result<Self, DefinitionError> {
        let script = Sandbox::new(limits, seen::register).compile(script_file, source)?;
        for block in &definition.block {
            for policy in &block.policies {
                script.require(policy, 4)?;
            }
            for update in block.updates.values() {
                script.require(update, 5)?;
            }
        }
        for (i, operation) in definition.operations.iter().enumerate() {
            if i > 0 || operation != ADD {
                script.require(operation, if i == 0 { 2 } else { 1 })?;
            }
        }
        let all = |block: &definition::Block| {
            definition.block.iter().all(|other| other.policies.iter().all(|policy| block.policies.contains(policy)))
        };
        let lacks_policy = definition.block.iter().map(|block| !all(block)).collect();
        let columns = definition.variable.iter().map(|variable| variable.kind.column(&variable.name)).collect();
        let schedule = Schedule {
            n_timesteps: definition.timesteps(),
            n_blocks: u32::try_from(definition.block.len()).expect("a definition bounds its blocks"),
            n_history: definition.history,
            recording: definition.record,
        };
        Ok(Self { definition, script, columns, schedule, lacks_policy })
    }

    /// Calls a function and says of a failure where it was.
    fn call(&self, function: &str, arguments: Vec<Dynamic>, luck: &Luck) -> Result<Dynamic, BlockError> {
        Ok(self.script.call(function, arguments, luck)?)
    }

    fn arguments(case: &mut Case, moment: &Moment<'_, State>) -> [Dynamic; 4] {
        if case.past.0 != moment.timestep {
            case.past = (moment.timestep, Past::of(moment.history));
        }
        [
            Dynamic::from(case.parameters.clone()),
            Dynamic::from(i64::from(moment.substep)),
            Dynamic::from(case.past.1.clone()),
            Dynamic::from(Seen::of(moment.old)),
        ]
    }

    /// Reduces the values of a signal by the first operation, then maps the rest over it.
    fn aggregate(&self, key: &str, given: Vec<(&str, Dynamic)>, luck: &Luck) -> Result<Dynamic, BlockError> {
        let (head, tail) = self.definition.operations.split_first().expect("a definition has an operation");
        let mut given = given.into_iter();
        let (_, mut value) = given.next().expect("a signal has a value");
        for (policy, next) in given {
            value = if head == ADD {
                self.add(key, policy, &value, &next)?
            } else {
                self.call(head, vec![value, next], luck)?
            };
        }
        for operation in tail {
            value = self.call(operation, vec![value], luck)?;
        }
        Ok(value)
    }

    fn add(&self, key: &str, policy: &str, x: &Dynamic, y: &Dynamic) -> Result<Dynamic, BlockError> {
        let remedy = || "give it in one policy, or name another first operation".to_owned();
        match sum(x, y) {
            Some(Ok(sum)) => Ok(sum),
            Some(Err(reason)) => Err(self.script.refuse(policy, format!("signal {key}: {reason}"), remedy()).into()),
            None => {
                let (x, y) = (x.type_name(), y.type_name());
                let message = format!("signal {key} is given as {x} and as {y}, which cannot be added");
                Err(self.script.refuse(policy, message, remedy()).into())
            }
        }
    }
}

impl StateBlocks for Scripted {
    type State = State;
    type Signals = Map;
    type Case = Case;

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn schedule(&self) -> Schedule {
        self.schedule
    }

    fn start(&self, run: &Run<'_>) -> Result<(Case, State), BlockError> {
        let (parameters, variables) = self.definition.at(run.point)?;
        let stream = |function: &String, purpose| (function.clone(), Luck::new(run.draws(function, purpose)));
        let blocks = &self.definition.block;
        let case = Case {
            parameters: Seen::parameters(parameters),
            policies: blocks.iter().flat_map(|block| &block.policies).map(|f| stream(f, "policy")).collect(),
            updates: blocks.iter().flat_map(|block| block.updates.values()).map(|f| stream(f, "update")).collect(),
            operations: Luck::new(run.draws("operations", "signals")),
            past: (0, Past::default()),
        };
        Ok((case, State(Arc::new(variables))))
    }

    fn policies(&self, case: &mut Case, moment: &Moment<'_, State>, signals: &mut Map) -> Result<(), BlockError> {
        let arguments = Self::arguments(case, moment);
        let index = moment.substep as usize - 1;
        let mut given: BTreeMap<String, Vec<(&str, Dynamic)>> = BTreeMap::new();
        for policy in &self.definition.block[index].policies {
            let result = self.call(policy, arguments.to_vec(), &case.policies[policy])?;
            let kind = result.type_name();
            let Some(map) = result.try_cast::<Map>() else {
                let message = format!("policy {policy} returned {kind}, not a map of signals");
                let remedy = "return #{ signal: value }, or #{} for none".to_owned();
                return Err(self.script.refuse(policy, message, remedy).into());
            };
            for (key, value) in map {
                given.entry(key.into()).or_default().push((policy, value));
            }
        }
        if self.lacks_policy[index] {
            given.entry(IDENTITY.into()).or_default().push((IDENTITY, Dynamic::from(0_i64)));
        }
        for (key, values) in given {
            let value = self.aggregate(&key, values, &case.operations)?;
            signals.insert(key.into(), value);
        }
        Ok(())
    }

    fn updates(
        &self,
        case: &mut Case,
        moment: &Moment<'_, State>,
        signals: &Map,
        next: &mut State,
    ) -> Result<(), BlockError> {
        let arguments = Self::arguments(case, moment);
        let input = Dynamic::from(Seen::signals(signals.clone()));
        let state = Arc::make_mut(&mut next.0);
        for (name, update) in &self.definition.block[moment.substep as usize - 1].updates {
            let mut arguments = arguments.to_vec();
            arguments.push(input.clone());
            let result = self.call(update, arguments, &case.updates[update])?;
            let kind = self.definition.kind(name);
            let value = kind.take(result).map_err(|was| {
                let message = format!("update {update} returned {was} for {name}, which is {}", kind.name());
                self.script.refuse(update, message, format!("return {}", kind.example()))
            })?;
            state.insert(name.into(), value);
        }
        Ok(())
    }

    fn record(&self, state: &State, _: &Map, rows: &mut Rows) {
        for variable in &self.definition.variable {
            record(variable.kind, &state.0[variable.name.as_str()], rows);
        }
    }
}

impl Recording {
    /// Whether there is such a recording.
    pub(super) const fn is_possible(self) -> bool {
        !matches!(self, Self::Every(0))
    }
}

const _: () = assert!(MAX_HISTORY < 1 << 20, "a script's view of the past is copied once a timestep");
