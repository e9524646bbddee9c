//! Netlists: a simulation as a TOML file, with parameters, contracts, agents, columns, KPIs and plots. Reading one ends
//! in a netlist or in an error at a line with a remedy, whatever the text.

use std::{path::Path, sync::Arc};

use toml::de::DeTable;

pub use bundled::{BUNDLED, Bundled, bundled, bundled_script};
pub use error::NetlistError;
pub(crate) use error::{Source, suggestion};
pub use expression::Formula;
pub(crate) use expression::{Expression, Meaning};
pub use fork::ForkSource;
pub use number::Number;
pub use parameters::Declared;
pub(crate) use parameters::Values;
use section::Section;
pub(crate) use settings::Times;
pub use settings::{BlockTime, Engine, Settings};

use crate::{
    agents::{self, Kind},
    economy::Economy,
    kpi::{Bound, Kpi, Plot},
    model::{Model, Point, Value},
    parameter::Parameter,
};
pub(crate) use wiring::{AgentSpec, Cell, ColumnSpec, ContractSpec, LoopSpec};

mod built_in;
mod bundled;
mod error;
mod expression;
mod fork;
mod number;
mod parameters;
mod questions;
mod section;
mod settings;
mod wiring;

pub use crate::economy::Slot;

/// The longest netlist, in bytes.
const MAX_LENGTH: usize = 4 << 20;

/// A simulation as its file describes it.
#[derive(Clone, Debug)]
pub struct Netlist {
    /// `[sim]`.
    pub settings: Settings,
    /// `[param.*]`, in the order of the file.
    pub parameters: Vec<Declared>,
    /// `[[kpi]]`.
    pub kpis: Vec<Kpi>,
    /// `[[assert]]`.
    pub bounds: Vec<Bound>,
    /// `[[plot]]`.
    pub plots: Vec<Plot>,
    pub(crate) source: Source,
    pub(crate) contracts: Vec<ContractSpec>,
    pub(crate) agents: Vec<AgentSpec>,
    pub(crate) columns: Vec<ColumnSpec>,
    pub(crate) market: Option<LoopSpec>,
    /// `[fork]`.
    fork: Option<fork::Spec>,
}

/// Most tables of one name, parameters and columns, all of which are compared with each other.
const MAX_TABLES: usize = 10_000;

/// Tables that a netlist may have.
const TABLES: [&str; 11] =
    ["sim", "fork", "param", "contract", "agent", "loop", "columns", "blocks", "kpi", "assert", "plot"];

impl Netlist {
    /// Reads a netlist with the kinds of agents in the box; `path` is named in errors, and artifacts are looked for
    /// beside it.
    ///
    /// # Errors
    /// If the text is no netlist, with the line and the remedy.
    pub fn parse(path: &Path, text: &str) -> Result<Self, NetlistError> {
        Self::parse_with(path, text, &[])
    }

    /// Reads a netlist whose agents may be of these kinds too.
    ///
    /// # Errors
    /// If the text is no netlist, with the line and the remedy.
    pub fn parse_with(path: &Path, text: &str, more: &[Kind]) -> Result<Self, NetlistError> {
        let source = Source { path: path.display().to_string(), text: text.to_owned() };
        if text.len() > MAX_LENGTH {
            return Err(source.error(&(0..0), format!("a netlist of {} bytes is longer than {MAX_LENGTH}", text.len())));
        }
        let kinds: Vec<Kind> = agents::kinds().iter().chain(more).copied().collect();
        let table = DeTable::parse(text)
            .map_err(|error| source.error(&error.span().unwrap_or(0..0), error.message().replace('\n', ", ")))?;
        let mut root = Section::new(&source, "the netlist", 0..0, table.get_ref());
        let parameters = match root.get("param") {
            Some(item) => parameters::read(&source, &item.table("[param]")?)?,
            None => Vec::new(),
        };
        let values = Values::at(&source, &parameters, &Point::default())?;
        let sim = root.require("sim", "{ dt = \"1h\", duration = \"10d\" }")?.table("[sim]")?;
        let settings = Settings::read(&source, sim, &values)?;
        let contracts = tables(&mut root, "contract", |section| ContractSpec::read(section))?;
        let agents = tables(&mut root, "agent", |section| AgentSpec::read(&source, section, &kinds))?;
        let market = root.get("loop").map(|item| LoopSpec::read(&source, item.table("[loop]")?)).transpose()?;
        let fork = root.get("fork").map(|item| fork::Spec::read(item.table("[fork]")?)).transpose()?;
        let columns = match root.get("columns") {
            Some(item) => ColumnSpec::read_all(&source, &item.table("[columns]")?)?,
            None => Vec::new(),
        };
        let (kpis, bounds, plots) = questions::read(&mut root, &settings, &columns)?;
        // Its own reader looks into it.
        let blocks = root.get("blocks");
        if let (Some(item), true) = (&blocks, settings.engine != Engine::BuiltIn("blocks".into())) {
            return Err(item.error("[blocks] belongs to a netlist with model = \"blocks\" in [sim]"));
        }
        root.finish(TABLES)?;
        let kept = source.clone();
        let netlist =
            Self { settings, parameters, kpis, bounds, plots, source: kept, contracts, agents, columns, market, fork };
        if netlist.settings.engine == Engine::Agents {
            netlist.check_wiring()?;
        }
        Ok(netlist)
    }

    /// The model that the netlist describes.
    ///
    /// # Errors
    /// If an artifact or a script cannot be read, or the wiring does not work out.
    pub fn model(self) -> Result<Box<dyn Model>, NetlistError> {
        match &self.settings.engine {
            Engine::Agents => Ok(Box::new(self.economy()?)),
            Engine::BuiltIn(_) if self.fork.is_some() => Err(self.no_chain()),
            Engine::BuiltIn(name) => built_in::model(&name.clone(), self),
        }
    }

    /// The model of a netlist of agents, with its type.
    ///
    /// # Errors
    /// If an artifact cannot be read, or the contracts or the wiring do not work out.
    pub fn economy(self) -> Result<Economy, NetlistError> {
        Economy::new(Arc::new(self))
    }

    /// Puts `value` in place of a parameter's own, before a model is made: also where the length of a run or the kind of its
    /// numbers depends on it.
    ///
    /// # Errors
    /// If there is no such parameter, or the times do not work out with it.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), NetlistError> {
        let names = self.parameters.iter().map(|known| known.parameter.name.as_str());
        let hint = suggestion(name, names);
        let Some(known) = self.parameters.iter_mut().find(|known| known.parameter.name == name) else {
            return Err(self.source.error(&(0..0), format!("the netlist has no parameter `{name}`{hint}")));
        };
        known.set(value);
        let values = Values::at(&self.source, &self.parameters, &Point::default())?;
        self.settings.times(&self.source, &values).map(|_| ())
    }

    /// The parameters, for those who sweep and optimise.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        self.parameters.iter().map(|declared| declared.parameter.clone()).collect()
    }

    /// How long a tick is, in seconds, where nothing is swept.
    ///
    /// # Errors
    /// If the times do not work out.
    pub fn tick_secs(&self) -> Result<u64, NetlistError> {
        let values = Values::at(&self.source, &self.parameters, &Point::default())?;
        Ok(self.settings.times(&self.source, &values)?.dt)
    }

    /// Names the place of a parameter in an error, for what is found wrong with its value.
    #[must_use]
    pub fn error_at_parameter(&self, name: &str, message: &str) -> NetlistError {
        let span =
            self.parameters.iter().find(|known| known.parameter.name == name).map_or(0..0, |known| known.span.clone());
        self.source.error(&span, message)
    }

    /// Builds all agents and columns once, without a chain, so that wrong names are found before any run.
    fn check_wiring(&self) -> Result<(), NetlistError> {
        if self.agents.is_empty() {
            return Err(self.source.error(&(0..0), "there are no agents: add [[agent]] with name and kind"));
        }
        crate::economy::check(self)
    }
}

/// Reads each table of `[[key]]`.
fn tables<'s, T>(
    root: &mut Section<'s>,
    key: &str,
    mut read: impl FnMut(Section<'s>) -> Result<T, NetlistError>,
) -> Result<Vec<T>, NetlistError> {
    let Some(item) = root.get(key) else { return Ok(Vec::new()) };
    let list = item.list().map_err(|error| {
        let message = format!("{}: write [[{key}]], in two brackets", error.message);
        NetlistError { message, ..error }
    })?;
    if list.len() > MAX_TABLES {
        return Err(item.error(format!("there are {} tables [[{key}]]: at most {MAX_TABLES} are read", list.len())));
    }
    list.into_iter().map(|one| read(one.headed_by_itself().table(format!("[[{key}]]"))?)).collect()
}

/// A number as netlists write it: digits, a duration as 30d, or an expression of these.
///
/// # Errors
/// If it is none.
pub fn constant(text: &str) -> Result<Value, String> {
    let source = Source { path: String::new(), text: text.to_owned() };
    let unknown = &mut |name: &str| Err(format!("{name} is no number"));
    let number = Expression::parse(&source, &(0..0), text).and_then(|expression| expression.value(&source, unknown));
    number.map(parameters::to_value).map_err(|error| error.message)
}
