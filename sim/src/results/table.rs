//! The tables that are written and read: what columns they have, and cells by column.

use std::collections::BTreeSet;

use super::plan::Description;
use crate::{
    model::Value,
    rows::{Cells, Column, Kind},
    runner::RunError,
};

/// The columns that the long table has before the model's.
const ROW_IDS: [&str; 5] = ["simulation", "subset", "run", "substep", "timestep"];
/// The columns that the table of runs has before the parameters,
const RUN_IDS: [&str; 3] = ["simulation", "subset", "run"];
/// and after them, before the KPIs.
const RUN_FACTS: [&str; 5] = ["n_rows", "hash", "is_failed", "failure_timestep", "failure"];

/// What a column of a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Cells as a model records them.
    Kind(Kind),
    /// Yes or no.
    Flag,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name, unique in its table.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) hold: Hold,
}

/// Cells of one column of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    /// As a model records them.
    Cells(Cells),
    /// Yes or no.
    Flags(Vec<bool>),
}

impl Field {
    fn of(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), hold: Hold::Kind(kind) }
    }

    /// No cells.
    pub(crate) fn block(&self) -> Block {
        match self.hold {
            Hold::Kind(Kind::Float) => Block::Cells(Cells::Float(Vec::new())),
            Hold::Kind(Kind::Integer) => Block::Cells(Cells::Integer(Vec::new())),
            Hold::Kind(Kind::Text) => Block::Cells(Cells::Text(String::new(), Vec::new())),
            Hold::Flag => Block::Flags(Vec::new()),
        }
    }
}

impl Block {
    /// How many cells.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Cells(Cells::Float(cells)) => cells.len(),
            Self::Cells(Cells::Integer(cells)) => cells.len(),
            Self::Cells(Cells::Text(_, ends)) => ends.len(),
            Self::Flags(cells) => cells.len(),
        }
    }

    /// How many bytes of text.
    pub(crate) fn text_bytes(&self) -> usize {
        if let Self::Cells(Cells::Text(text, _)) = self { text.len() } else { 0 }
    }

    /// Forgets the cells and keeps their memory.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Cells(Cells::Float(cells)) => cells.clear(),
            Self::Cells(Cells::Integer(cells)) => cells.clear(),
            Self::Cells(Cells::Text(text, ends)) => {
                text.clear();
                ends.clear();
            }
            Self::Flags(cells) => cells.clear(),
        }
    }

    /// Adds `value` `n` times.
    ///
    /// # Panics
    /// If the column holds something else: [`Layout::of`] chose the column by its values.
    pub(crate) fn push(&mut self, value: &Value, n: usize) {
        match (self, value) {
            (Self::Cells(Cells::Float(cells)), Value::Float(value)) => cells.resize(cells.len() + n, *value),
            (Self::Cells(Cells::Float(cells)), Value::Integer(value)) => cells.resize(cells.len() + n, *value as f64),
            (Self::Cells(Cells::Integer(cells)), Value::Integer(value)) => cells.resize(cells.len() + n, *value),
            (Self::Flags(cells), Value::Flag(value)) => cells.resize(cells.len() + n, *value),
            (Self::Cells(Cells::Text(text, ends)), Value::Text(value)) => {
                for _ in 0..n {
                    text.push_str(value);
                    ends.push(text.len());
                }
            }
            (block, value) => panic!("{value:?} for {block:?}"),
        }
    }

    /// Adds the first `n` of `cells`.
    ///
    /// # Panics
    /// If the column holds something else.
    pub(crate) fn append(&mut self, cells: &Cells, n: usize) {
        match (self, cells) {
            (Self::Cells(Cells::Float(to)), Cells::Float(from)) => to.extend_from_slice(&from[..n]),
            (Self::Cells(Cells::Integer(to)), Cells::Integer(from)) => to.extend_from_slice(&from[..n]),
            (Self::Cells(Cells::Text(to, to_ends)), Cells::Text(from, ends)) => {
                let start = to.len();
                to.push_str(&from[..n.checked_sub(1).map_or(0, |last| ends[last])]);
                to_ends.extend(ends[..n].iter().map(|end| start + end));
            }
            (block, cells) => panic!("{cells:?} for {block:?}"),
        }
    }

    /// Adds whole numbers.
    ///
    /// # Panics
    /// If the column holds something else.
    pub(crate) fn integers(&mut self, values: impl Iterator<Item = i64>) {
        match self {
            Self::Cells(Cells::Integer(cells)) => cells.extend(values),
            block => panic!("whole numbers for {block:?}"),
        }
    }

    /// The cells, which are as a model records them.
    pub(crate) fn cells(&self) -> &Cells {
        match self {
            Self::Cells(cells) => cells,
            Self::Flags(_) => panic!("a model records no flags"),
        }
    }
}

/// The columns of both tables.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// Of the long table: one row for each that a run recorded.
    pub(crate) rows: Vec<Field>,
    /// Of the table of runs.
    pub(crate) runs: Vec<Field>,
    n_columns: usize,
    n_parameters: usize,
}

impl Layout {
    /// The tables of a plan.
    ///
    /// # Errors
    /// If names repeat, or points differ in what they set.
    pub(crate) fn of(description: &Description) -> Result<Self, RunError> {
        let mut names = BTreeSet::new();
        for Column { name, .. } in &description.columns {
            if ROW_IDS.contains(&name.as_str()) {
                return Err(RunError::Reserved(name.clone()));
            }
            if !names.insert(name.clone()) {
                return Err(RunError::Repeated { what: "columns", name: name.clone() });
            }
        }
        names.extend(ROW_IDS.iter().chain(&RUN_FACTS).map(|name| (*name).to_owned()));
        let parameters = parameters(description, &mut names)?;
        let integer = |name: &&str| Field::of(name, Kind::Integer);
        let columns = description.columns.iter().map(|column| Field::of(&column.name, column.kind));
        let rows = ROW_IDS.iter().map(integer).chain(columns).chain(parameters.iter().cloned()).collect();
        let mut runs: Vec<Field> = RUN_IDS.iter().map(integer).chain(parameters.iter().cloned()).collect();
        runs.extend(RUN_FACTS.iter().zip([Kind::Integer, Kind::Text, Kind::Text, Kind::Integer, Kind::Text]).map(
            |(name, kind)| match *name {
                "is_failed" => Field { name: (*name).to_owned(), hold: Hold::Flag },
                name => Field::of(name, kind),
            },
        ));
        let mut names: BTreeSet<String> = runs.iter().map(|field| field.name.clone()).collect();
        for kpi in &description.kpis {
            runs.push(Field::of(&unique(&kpi.name, "kpi.", &mut names), Kind::Float));
        }
        Ok(Self { rows, runs, n_columns: description.columns.len(), n_parameters: parameters.len() })
    }

    /// Where the model's columns are in the long table.
    pub(crate) const fn columns(&self) -> std::ops::Range<usize> {
        ROW_IDS.len()..ROW_IDS.len() + self.n_columns
    }

    /// Where the parameters are in the long table.
    pub(crate) const fn row_parameters(&self) -> std::ops::Range<usize> {
        ROW_IDS.len() + self.n_columns..ROW_IDS.len() + self.n_columns + self.n_parameters
    }

    /// Where the parameters are in the table of runs.
    pub(crate) const fn run_parameters(&self) -> std::ops::Range<usize> {
        RUN_IDS.len()..RUN_IDS.len() + self.n_parameters
    }

    /// Where the facts about a run begin in the table of runs: its rows, hash, whether it failed, when, why, its KPIs.
    pub(crate) const fn run_facts(&self) -> usize {
        RUN_IDS.len() + self.n_parameters
    }
}

/// The columns of the swept parameters. Whole numbers become numbers where the points mix them.
fn parameters(description: &Description, names: &mut BTreeSet<String>) -> Result<Vec<Field>, RunError> {
    let points = &description.plan.points;
    let Some(first) = points.first() else { return Ok(Vec::new()) };
    let mut holds: Vec<Hold> = first.values.iter().map(|(_, value)| hold_of(value)).collect();
    let said = |point: &crate::model::Point| {
        let words = point.values.iter().map(|(name, value)| format!("{name} ({})", word(value)));
        let words: Vec<_> = words.collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    };
    for (subset, point) in (0..).zip(points) {
        let is_alike = point.values.len() == first.values.len()
            && point
                .values
                .iter()
                .zip(&first.values)
                .zip(&mut holds)
                .all(|(((name, value), (expected, _)), hold)| name == expected && unite(hold, hold_of(value)));
        if !is_alike {
            return Err(RunError::UnequalPoints { subset, found: said(point), expected: said(first) });
        }
    }
    let mut given = BTreeSet::new();
    let fields = first.values.iter().zip(holds).map(|((name, _), hold)| {
        if !given.insert(name) {
            return Err(RunError::Repeated { what: "parameters", name: name.clone() });
        }
        Ok(Field { name: unique(name, "param.", names), hold })
    });
    fields.collect()
}

const fn hold_of(value: &Value) -> Hold {
    match value {
        Value::Float(_) => Hold::Kind(Kind::Float),
        Value::Integer(_) => Hold::Kind(Kind::Integer),
        Value::Text(_) => Hold::Kind(Kind::Text),
        Value::Flag(_) => Hold::Flag,
    }
}

const fn word(value: &Value) -> &'static str {
    match value {
        Value::Float(_) => "a number",
        Value::Integer(_) => "a whole number",
        Value::Text(_) => "text",
        Value::Flag(_) => "yes or no",
    }
}

/// Widens `hold` to what also holds `other`, if there is such a thing.
fn unite(hold: &mut Hold, other: Hold) -> bool {
    let is_number = |hold| matches!(hold, Hold::Kind(Kind::Float | Kind::Integer));
    if *hold != other && is_number(*hold) && is_number(other) {
        *hold = Hold::Kind(Kind::Float);
        return true;
    }
    *hold == other
}

/// `name`, with as many `prefix`es as it takes to be in `names` once; it is added there.
fn unique(name: &str, prefix: &str, names: &mut BTreeSet<String>) -> String {
    let mut name = name.to_owned();
    while !names.insert(name.clone()) {
        name.insert_str(0, prefix);
    }
    name
}
