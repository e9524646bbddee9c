//! `plan.json`: all that decides what the results are, so that what does not belong together is never put together.

use std::{fmt, path::Path};

use alloy_primitives::{hex, keccak256};
use serde::{Deserialize, Serialize};

use super::{ResultsError, disk};
use crate::{
    kpi::{Kpi, Reduce},
    model::{Point, Value},
    rows::{Column, Kind},
    runner::Plan,
};

/// The name of the file.
pub(super) const FILE: &str = "plan.json";
/// The program that writes and reads it.
pub(crate) const PROGRAM: &str = concat!("sim ", env!("CARGO_PKG_VERSION"));

/// What results are of: two sets of the same description are the same to the bit.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The program and its version.
    pub program: String,
    /// The number in the column `simulation`.
    pub simulation: u32,
    /// Seed, points and runs.
    pub plan: Plan,
    /// Steps that a run takes at most.
    pub n_steps: u64,
    /// The model's columns.
    pub columns: Vec<Column>,
    /// What each run is reduced to.
    pub kpis: Vec<Kpi>,
    /// In which formats the rows are written.
    pub format: Format,
    /// The text of the netlist.
    pub netlist: String,
}

/// Formats of files of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Parquet.
    #[default]
    Parquet,
    /// CSV.
    Csv,
    /// Both.
    Both,
}

impl Format {
    /// The endings of the files.
    pub(crate) const fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Parquet => &["parquet"],
            Self::Csv => &["csv"],
            Self::Both => &["parquet", "csv"],
        }
    }
}

impl Description {
    /// The hash of the netlist's text.
    #[must_use]
    pub fn netlist_hash(&self) -> [u8; 32] {
        keccak256(&self.netlist).0
    }

    /// The first thing in which `found` differs from this, as a sentence.
    pub(crate) fn difference(&self, found: &Self) -> Option<String> {
        Sheet::from(self).difference(&Sheet::from(found))
    }

    /// The text of the file.
    pub(super) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&Sheet::from(self)).expect("text and numbers are JSON");
        text.push('\n');
        text
    }

    /// Reads the file of a folder.
    ///
    /// # Errors
    /// If there is none, or it is not as this program writes it.
    pub(super) fn read(directory: &Path) -> Result<Self, ResultsError> {
        let path = directory.join(FILE);
        let text = match disk::read_text(&path) {
            Err(ResultsError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(ResultsError::Foreign(directory.to_owned()));
            }
            text => text?,
        };
        let damaged = |what: String| ResultsError::Damaged { path: path.clone(), what };
        let sheet: Sheet = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let recorded = sheet.netlist_hash.clone();
        let description = Self::try_from(sheet).map_err(damaged)?;
        let hash = hex::encode(description.netlist_hash());
        if hash != recorded {
            return Err(damaged(format!("the netlist's hash is {hash} and not {recorded}")));
        }
        Ok(description)
    }
}

/// What the file looks like.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    program: String,
    simulation: u32,
    seed: u64,
    n_runs: u64,
    n_steps: u64,
    format: Format,
    columns: Vec<SheetColumn>,
    kpis: Vec<SheetKpi>,
    parameters: Vec<String>,
    points: Vec<Vec<SheetValue>>,
    netlist_hash: String,
    netlist: String,
}

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct SheetColumn {
    name: String,
    kind: SheetKind,
}

#[derive(Clone, Copy, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum SheetKind {
    Float,
    Integer,
    Text,
}

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct SheetKpi {
    name: String,
    column: String,
    reduce: SheetReduce,
}

#[derive(Clone, Copy, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum SheetReduce {
    First,
    Last,
    Min,
    Max,
    Mean,
    Sum,
    Change,
}

/// Numbers are text, because JSON has no infinities and readers of JSON may round.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum SheetValue {
    Float(String),
    Integer(i64),
    Text(String),
    Flag(bool),
}

impl fmt::Display for SheetValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(value) => f.write_str(value),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Flag(value) => write!(f, "{value}"),
        }
    }
}

impl From<&Description> for Sheet {
    fn from(description: &Description) -> Self {
        let Description { program, simulation, plan, n_steps, columns, kpis, format, netlist } = description;
        let value = |(_, value): &(String, Value)| match value {
            Value::Float(value) => SheetValue::Float(format!("{value:?}")),
            Value::Integer(value) => SheetValue::Integer(*value),
            Value::Text(value) => SheetValue::Text(value.clone()),
            Value::Flag(value) => SheetValue::Flag(*value),
        };
        let parameters = plan.points.first().map_or(&[][..], |point| &point.values);
        Self {
            program: program.clone(),
            simulation: *simulation,
            seed: plan.seed,
            n_runs: plan.n_runs,
            n_steps: *n_steps,
            format: *format,
            columns: columns.iter().map(SheetColumn::from).collect(),
            kpis: kpis.iter().map(SheetKpi::from).collect(),
            parameters: parameters.iter().map(|(name, _)| name.clone()).collect(),
            points: plan.points.iter().map(|point| point.values.iter().map(value).collect()).collect(),
            netlist_hash: hex::encode(description.netlist_hash()),
            netlist: netlist.clone(),
        }
    }
}

impl TryFrom<Sheet> for Description {
    type Error = String;

    fn try_from(sheet: Sheet) -> Result<Self, String> {
        let mut points = Vec::with_capacity(sheet.points.len());
        for (subset, values) in sheet.points.into_iter().enumerate() {
            if values.len() != sheet.parameters.len() {
                let (found, expected) = (values.len(), sheet.parameters.len());
                return Err(format!("point {subset} has {found} values for {expected} parameters"));
            }
            let values = sheet.parameters.iter().cloned().zip(values);
            let values = values.map(|(name, value)| Ok((name, value.try_into()?))).collect::<Result<_, String>>()?;
            points.push(Point { values });
        }
        Ok(Self {
            program: sheet.program,
            simulation: sheet.simulation,
            plan: Plan { seed: sheet.seed, points, n_runs: sheet.n_runs },
            n_steps: sheet.n_steps,
            columns: sheet.columns.into_iter().map(Column::from).collect(),
            kpis: sheet.kpis.into_iter().map(Kpi::from).collect(),
            format: sheet.format,
            netlist: sheet.netlist,
        })
    }
}

impl TryFrom<SheetValue> for Value {
    type Error = String;

    fn try_from(value: SheetValue) -> Result<Self, String> {
        Ok(match value {
            SheetValue::Float(value) => {
                Self::Float(value.parse().map_err(|_| format!("{value:?} is given for a number"))?)
            }
            SheetValue::Integer(value) => Self::Integer(value),
            SheetValue::Text(value) => Self::Text(value),
            SheetValue::Flag(value) => Self::Flag(value),
        })
    }
}

impl From<&Column> for SheetColumn {
    fn from(column: &Column) -> Self {
        let kind = match column.kind {
            Kind::Float => SheetKind::Float,
            Kind::Integer => SheetKind::Integer,
            Kind::Text => SheetKind::Text,
        };
        Self { name: column.name.clone(), kind }
    }
}

impl From<SheetColumn> for Column {
    fn from(column: SheetColumn) -> Self {
        let kind = match column.kind {
            SheetKind::Float => Kind::Float,
            SheetKind::Integer => Kind::Integer,
            SheetKind::Text => Kind::Text,
        };
        Self { name: column.name, kind }
    }
}

/// Pairs of equal meaning on both sides of the file.
const REDUCES: [(Reduce, SheetReduce); 7] = [
    (Reduce::First, SheetReduce::First),
    (Reduce::Last, SheetReduce::Last),
    (Reduce::Min, SheetReduce::Min),
    (Reduce::Max, SheetReduce::Max),
    (Reduce::Mean, SheetReduce::Mean),
    (Reduce::Sum, SheetReduce::Sum),
    (Reduce::Change, SheetReduce::Change),
];

impl From<&Kpi> for SheetKpi {
    fn from(kpi: &Kpi) -> Self {
        let (_, reduce) = REDUCES.into_iter().find(|(ours, _)| *ours == kpi.reduce).expect("all are listed");
        Self { name: kpi.name.clone(), column: kpi.column.clone(), reduce }
    }
}

impl From<SheetKpi> for Kpi {
    fn from(kpi: SheetKpi) -> Self {
        let (reduce, _) = REDUCES.into_iter().find(|(_, file)| *file == kpi.reduce).expect("all are listed");
        Self { name: kpi.name, column: kpi.column, reduce }
    }
}

impl Sheet {
    fn difference(&self, found: &Self) -> Option<String> {
        fn differ<T: PartialEq>(what: &str, ours: T, found: T, word: impl Fn(&T) -> String) -> Option<String> {
            (ours != found).then(|| format!("the {what} there is {}, and here {}", word(&found), word(&ours)))
        }
        let number = |n: &u64| n.to_string();
        let text = |text: &&str| (*text).to_owned();
        let joined = |names: &Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let columns =
            |sheet: &Self| sheet.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>().join(", ");
        let kpis = |sheet: &Self| sheet.kpis.iter().map(|kpi| kpi.name.clone()).collect::<Vec<_>>().join(", ");
        let list = |text: &String| if text.is_empty() { "none".to_owned() } else { text.clone() };
        differ("program", self.program.as_str(), &found.program, text)
            .or_else(|| differ("seed", self.seed, found.seed, number))
            .or_else(|| differ("number of steps", self.n_steps, found.n_steps, number))
            .or_else(|| differ("number of runs at each point", self.n_runs, found.n_runs, number))
            .or_else(|| differ("number of points", self.points.len(), found.points.len(), usize::to_string))
            .or_else(|| differ("simulation's number", self.simulation, found.simulation, u32::to_string))
            .or_else(|| differ("format", self.format, found.format, |format| format.endings().join(" and ")))
            .or_else(|| differ("list of columns", columns(self), columns(found), list))
            .or_else(|| differ("list of KPIs", kpis(self), kpis(found), list))
            .or_else(|| differ("list of parameters", names(&self.parameters), names(&found.parameters), joined))
            .or_else(|| self.differing_line(found))
            .or_else(|| self.differing_part(found))
    }

    /// Names are the same, and something behind them is not.
    fn differing_part(&self, found: &Self) -> Option<String> {
        if let Some((ours, _)) = self.columns.iter().zip(&found.columns).find(|(ours, found)| ours != found) {
            return Some(format!("column {} holds another kind of values there", ours.name));
        }
        if let Some((ours, _)) = self.kpis.iter().zip(&found.kpis).find(|(ours, found)| ours != found) {
            return Some(format!("KPI {} is taken otherwise there", ours.name));
        }
        for (subset, (ours, theirs)) in self.points.iter().zip(&found.points).enumerate() {
            for (name, (ours, theirs)) in self.parameters.iter().zip(ours.iter().zip(theirs)) {
                if ours != theirs {
                    return Some(format!("{name} of point {subset} is {theirs} there, and {ours} here"));
                }
            }
        }
        None
    }

    fn differing_line(&self, found: &Self) -> Option<String> {
        if self.netlist == found.netlist {
            return None;
        }
        let n_equal = self.netlist.lines().zip(found.netlist.lines()).take_while(|(ours, found)| ours == found).count();
        let line = |text: &str| text.lines().nth(n_equal).map_or("the end".to_owned(), |line| format!("{line:?}"));
        let (theirs, ours) = (line(&found.netlist), line(&self.netlist));
        Some(format!("line {} of the netlist there is {theirs}, and here {ours}", n_equal + 1))
    }
}

fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
