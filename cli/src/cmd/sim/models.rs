//! `streamctl sim models`: what is in the box.

use std::fmt;

use clap::Args;
use serde::Serialize;
use sim::{
    agents::{self, Otherwise},
    netlist::{BUNDLED, Bundled},
};

use super::desk::Desk;
use crate::output::write_rows;

/// List the models in the box, or the kinds of agents that netlists are made of.
///
/// Of a kind it lists the keys, and with a point before them the values that can be read: firm.drift of an employer firm.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  streamctl sim models\n  streamctl sim models --agents")]
pub(super) struct ModelsArgs {
    /// List the kinds of agents with their keys.
    #[arg(long)]
    agents: bool,
}

#[derive(Debug, Serialize)]
struct Models {
    models: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    about: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<Key>,
    /// What columns and formulas can read of an agent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gauges: Vec<Gauge>,
}

#[derive(Debug, Serialize)]
struct Key {
    name: &'static str,
    about: &'static str,
    is_required: bool,
    /// What it is where the netlist does not say.
    default: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Gauge {
    name: &'static str,
    about: &'static str,
}

impl ModelsArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let models = if self.agents {
            agents::kinds().iter().map(Entry::of).collect()
        } else {
            let model = |model: &Bundled| Entry {
                name: model.name,
                about: model.about(),
                keys: Vec::new(),
                gauges: Vec::new(),
            };
            BUNDLED.iter().map(model).collect()
        };
        desk.output.result(&Models { models })
    }
}

impl Entry {
    fn of(kind: &agents::Kind) -> Self {
        let key = |key: &agents::Key| Key {
            name: key.name,
            about: key.doc,
            is_required: key.otherwise == Otherwise::Required,
            default: match key.otherwise {
                Otherwise::Is(text) => Some(text),
                Otherwise::Required | Otherwise::Absent => None,
            },
        };
        Self {
            name: kind.name,
            about: kind.doc.to_owned(),
            keys: kind.keys.iter().map(key).collect(),
            gauges: kind.gauges.iter().map(|gauge| Gauge { name: gauge.name, about: gauge.doc }).collect(),
        }
    }
}

impl Key {
    fn text(&self) -> String {
        match self.default {
            Some(default) => format!("{}; {default} without it", self.about),
            None if self.is_required => format!("{}; required", self.about),
            None => self.about.to_owned(),
        }
    }
}

impl fmt::Display for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_keys = self.models.iter().any(|model| !model.keys.is_empty());
        if !has_keys {
            let rows: Vec<_> = self.models.iter().map(|model| (model.name, model.about.clone())).collect();
            return write_rows(f, &rows);
        }
        for kind in &self.models {
            writeln!(f, "{}: {}", kind.name, kind.about)?;
            let keys = kind.keys.iter().map(|key| (key.name.to_owned(), key.text()));
            // As a column or a formula names it.
            let gauges = kind.gauges.iter().map(|gauge| (format!(".{}", gauge.name), gauge.about.to_owned()));
            let rows: Vec<_> = keys.chain(gauges).collect();
            write_rows(f, &rows.iter().map(|(name, text)| (name.as_str(), text.clone())).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}
