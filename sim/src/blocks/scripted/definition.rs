//! The definition of a model in TOML, read and checked.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{Dynamic, Map};
use serde::{Deserialize, Deserializer, de};

use super::value::Kind;
use crate::{
    blocks::{BlockError, MAX_HISTORY, Recording},
    model::{Point, Value},
    script::ScriptError,
};

/// How many blocks, variables and parameters a model has at most.
const MAX_ITEMS: usize = 1000;
/// Names that the functions see beside the variables.
const RESERVED: [&str; 2] = ["timestep", "substep"];

/// A model as data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// T; a netlist says it in `[sim]`.
    timesteps: Option<u64>,
    /// How many finished timesteps the functions see.
    #[serde(default)]
    pub(super) history: usize,
    /// `"substeps"`, `"last"`, or a number: every so many timesteps.
    #[serde(default = "every_substep", deserialize_with = "recording")]
    pub(super) record: Recording,
    /// What makes one of several values of a signal, then what is done to every signal.
    #[serde(default = "add")]
    pub(super) operations: Vec<String>,
    #[serde(default)]
    pub(super) parameter: Vec<Variable>,
    #[serde(default)]
    pub(super) variable: Vec<Variable>,
    #[serde(default)]
    pub(super) block: Vec<Block>,
}

/// A variable with its value at the start, or a parameter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) kind: Kind,
    value: toml::Value,
}

/// A partial state-update block.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    #[serde(default)]
    pub(super) policies: Vec<String>,
    /// Variable and function.
    #[serde(default)]
    pub(super) updates: BTreeMap<String, String>,
}

/// The part of a netlist that is a definition.
#[derive(Deserialize)]
struct Netlist {
    blocks: Definition,
}

impl Variable {
    fn of(name: &str, value: &Value) -> Self {
        let (kind, value) = match value {
            Value::Float(float) => (Kind::Float, toml::Value::Float(*float)),
            Value::Integer(integer) => (Kind::Integer, toml::Value::Integer(*integer)),
            Value::Text(text) => (Kind::Text, toml::Value::String(text.clone())),
            Value::Flag(flag) => (Kind::Flag, toml::Value::Boolean(*flag)),
        };
        Self { name: name.to_owned(), kind, value }
    }
}

fn parse<T: de::DeserializeOwned>(file: &str, text: &str) -> Result<T, DefinitionError> {
    toml::from_str(text).map_err(|error| DefinitionError::Malformed {
        file: file.into(),
        line: error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1),
        message: error.message().trim_end_matches('.').to_owned(),
    })
}

/// Why a definition is no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// It is not TOML, or lacks a part.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// The definition's file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Its parts do not fit together.
    #[error("{file}: {message}")]
    Unfit {
        /// The definition's file.
        file: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The script does not compile, or lacks a function.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

fn every_substep() -> Recording {
    Recording::EverySubstep
}

fn add() -> Vec<String> {
    vec![super::ADD.into()]
}

fn recording<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Recording, D::Error> {
    let recording = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) if text == "substeps" => Some(Recording::EverySubstep),
        toml::Value::String(text) if text == "last" => Some(Recording::Last),
        toml::Value::Integer(k) => u64::try_from(k).ok().map(Recording::Every),
        _ => None,
    };
    recording
        .filter(|recording| recording.is_possible())
        .ok_or_else(|| de::Error::custom("record is \"substeps\", \"last\" or a number of timesteps above 0"))
}

impl Definition {
    pub(super) fn read(file: &str, text: &str) -> Result<Self, DefinitionError> {
        let definition: Self = parse(file, text)?;
        if definition.timesteps.is_none() {
            let (file, message) = (file.to_owned(), "missing field `timesteps`".to_owned());
            return Err(DefinitionError::Malformed { file, line: 1, message });
        }
        definition.checked(file)
    }

    /// The table `[blocks]` of a netlist, which says the rest elsewhere: how long, what is recorded, and the parameters.
    pub(super) fn of_netlist(
        (file, text): (&str, &str),
        (timesteps, record): (u64, Recording),
        parameters: &Point,
    ) -> Result<Self, DefinitionError> {
        let Netlist { blocks } = parse(file, text)?;
        let said = |key: &str| DefinitionError::Unfit {
            file: file.to_owned(),
            message: format!("[blocks] has {key}, which a netlist says in [sim] and [param.*]: move it there"),
        };
        if blocks.timesteps.is_some() {
            return Err(said("timesteps"));
        }
        if !blocks.parameter.is_empty() {
            return Err(said("parameter"));
        }
        let parameter = parameters.values.iter().map(|(name, value)| Variable::of(name, value)).collect();
        Self { timesteps: Some(timesteps), record, parameter, ..blocks }.checked(file)
    }

    fn checked(self, file: &str) -> Result<Self, DefinitionError> {
        match self.check() {
            Ok(()) => Ok(self),
            Err(message) => Err(DefinitionError::Unfit { file: file.into(), message }),
        }
    }

    pub(super) fn timesteps(&self) -> u64 {
        self.timesteps.expect("both ways to read a definition set it")
    }

    fn check(&self) -> Result<(), String> {
        for (noun, n) in
            [("variables", self.variable.len()), ("parameters", self.parameter.len()), ("blocks", self.block.len())]
        {
            if n > MAX_ITEMS {
                return Err(format!("there are {n} {noun}, and {MAX_ITEMS} are allowed"));
            }
        }
        if self.history > MAX_HISTORY {
            return Err(format!("history is {}: look back at most {MAX_HISTORY} timesteps", self.history));
        }
        if self.operations.is_empty() {
            return Err("operations is empty: give at least \"add\"".into());
        }
        let mut names = BTreeSet::new();
        for Variable { name, kind, value } in self.variable.iter().chain(&self.parameter) {
            if RESERVED.contains(&name.as_str()) {
                return Err(format!("{name} is what the state is asked for its time by: choose another name"));
            }
            if !names.insert(name) {
                return Err(format!("{name} is declared twice: rename one"));
            }
            if kind.read(value).is_none() {
                return Err(format!("{name} is {value}, not {}: give {}", kind.name(), kind.example()));
            }
        }
        for (i, block) in self.block.iter().enumerate() {
            if let Some(twice) = block.policies.iter().enumerate().find(|(j, name)| block.policies[..*j].contains(name))
            {
                return Err(format!("block {} has policy {} twice: remove one", i + 1, twice.1));
            }
            if let Some(name) = block.updates.keys().find(|name| self.variable.iter().all(|known| known.name != **name))
            {
                return Err(format!("block {} updates {name}, which is no variable: declare it", i + 1));
            }
        }
        Ok(())
    }

    pub(super) fn kind(&self, name: &str) -> Kind {
        let variable = self.variable.iter().find(|variable| variable.name == name);
        variable.expect("updates are of declared variables").kind
    }

    /// Parameters and variables at the start, with the values of the point.
    pub(super) fn at(&self, point: &Point) -> Result<(Map, Map), BlockError> {
        let values = |variables: &[Variable]| -> Map {
            let value = |variable: &Variable| variable.kind.read(&variable.value).expect("a definition is checked");
            variables.iter().map(|variable| (variable.name.as_str().into(), value(variable))).collect()
        };
        let (mut parameters, mut variables) = (values(&self.parameter), values(&self.variable));
        for (name, value) in &point.values {
            let declared = self.parameter.iter().chain(&self.variable).find(|declared| declared.name == *name);
            let Some(Variable { kind, .. }) = declared else {
                return Err(BlockError::Parameter(format!(
                    "the model has no parameter or variable {name}: declare it"
                )));
            };
            let taken = take(*kind, value).ok_or_else(|| {
                BlockError::Parameter(format!("{name} is {}, not {}: give {}", value, kind.name(), kind.example()))
            })?;
            let map = if parameters.contains_key(name.as_str()) { &mut parameters } else { &mut variables };
            map.insert(name.into(), taken);
        }
        Ok((parameters, variables))
    }
}

fn take(kind: Kind, value: &Value) -> Option<Dynamic> {
    match value {
        #[allow(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        Value::Float(float) if kind == Kind::Integer && float.fract() == 0.0 && float.abs() < 9e15 => {
            Some(Dynamic::from(*float as i64))
        }
        Value::Float(float) => kind.read(&toml::Value::Float(*float)),
        Value::Integer(integer) => kind.read(&toml::Value::Integer(*integer)),
        Value::Flag(flag) => kind.read(&toml::Value::Boolean(*flag)),
        Value::Text(text) => kind.parse(text),
    }
}
