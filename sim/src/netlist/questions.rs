//! `[[kpi]]`, `[[assert]]` and `[[plot]]`: what is asked of the runs.

use super::{
    ColumnSpec,
    error::{NetlistError, suggestion},
    section::{Item, Section},
    settings::{Engine, Settings},
    tables,
};
use crate::kpi::{Bound, Kpi, Plot, Reduce, Shape};

const REDUCTIONS: [(&str, Reduce); 7] = [
    ("first", Reduce::First),
    ("last", Reduce::Last),
    ("min", Reduce::Min),
    ("max", Reduce::Max),
    ("mean", Reduce::Mean),
    ("sum", Reduce::Sum),
    ("change", Reduce::Change),
];

const SHAPES: [(&str, Shape); 3] =
    [("series", Shape::Series), ("histogram", Shape::Histogram), ("heat-map", Shape::HeatMap)];

const PLOT_KEYS: [&str; 7] = ["name", "title", "columns", "y", "multiplier", "logarithmic", "shape"];

type Questions = (Vec<Kpi>, Vec<Bound>, Vec<Plot>);

/// Reads all three, and checks that what they name is there.
pub(super) fn read(
    root: &mut Section<'_>,
    settings: &Settings,
    columns: &[ColumnSpec],
) -> Result<Questions, NetlistError> {
    // What columns a state-block model has, its own code knows.
    let knows_columns = settings.engine == Engine::Agents;
    let column = |item: &Item<'_>| {
        let name = item.text()?;
        if knows_columns && !columns.iter().any(|column| column.name == name) {
            let hint = suggestion(name, columns.iter().map(|column| column.name.as_str()));
            return Err(item.error(format!("[columns] has no `{name}`{hint}")));
        }
        Ok(name.to_owned())
    };
    let mut kpis: Vec<Kpi> = Vec::new();
    tables(root, "kpi", |mut section| {
        let name_item = section.require("name", "\"final price\"")?;
        let name = name_item.text()?.to_owned();
        if kpis.iter().any(|known| known.name == name) {
            return Err(name_item.error(format!("there are two KPIs with the name `{name}`")));
        }
        let column = column(&section.require("column", "\"price\"")?)?;
        let reduce = section.get("reduce").map_or(Ok(Reduce::Last), |item| item.choice(&REDUCTIONS))?;
        section.finish(["name", "column", "reduce"])?;
        kpis.push(Kpi { name, column, reduce });
        Ok(())
    })?;
    let kpi = |item: &Item<'_>| {
        let name = item.text()?;
        if !kpis.iter().any(|kpi| kpi.name == name) {
            let hint = suggestion(name, kpis.iter().map(|kpi| kpi.name.as_str()));
            return Err(item.error(format!("there is no KPI `{name}`{hint}")));
        }
        Ok(name.to_owned())
    };
    let bounds = tables(root, "assert", |section| read_bound(section, &kpi))?;
    let plots = tables(root, "plot", |section| read_plot(section, &column, &kpi))?;
    Ok((kpis, bounds, plots))
}

fn read_bound(
    mut section: Section<'_>,
    kpi: &dyn Fn(&Item<'_>) -> Result<String, NetlistError>,
) -> Result<Bound, NetlistError> {
    let kpi = kpi(&section.require("kpi", "\"final price\"")?)?;
    let mut bound = |key| section.get(key).map(|item| item.float()).transpose();
    let (min, max) = (bound("min")?, bound("max")?);
    if min.is_none() && max.is_none() {
        return Err(section.error("[[assert]] has neither `min` nor `max`: say at least one"));
    }
    if min > max && max.is_some() {
        let values = (min.unwrap_or_default(), max.unwrap_or_default());
        return Err(section.error(format!("[[assert]] has a `min` {} above its `max` {}", values.0, values.1)));
    }
    section.finish(["kpi", "min", "max"])?;
    Ok(Bound { kpi, min, max })
}

fn read_plot(
    mut section: Section<'_>,
    column: &dyn Fn(&Item<'_>) -> Result<String, NetlistError>,
    kpi: &dyn Fn(&Item<'_>) -> Result<String, NetlistError>,
) -> Result<Plot, NetlistError> {
    let shape = section.get("shape").map_or(Ok(Shape::Series), |item| item.choice(&SHAPES))?;
    let of = if shape == Shape::Series { column } else { kpi };
    let name_item = section.require("name", "\"price\"")?;
    let name = name_item.text()?.to_owned();
    if name.is_empty() || name.contains(['/', '\\', '\0']) || name.starts_with('.') {
        return Err(name_item.error(format!("{name:?} cannot be a file's name: use letters, digits, - and _")));
    }
    let columns = section.require("columns", "[\"price\"]")?.list()?.iter().map(of).collect::<Result<Vec<_>, _>>()?;
    let plot = Plot {
        title: section.get("title").map_or(Ok(name.as_str()), |item| item.text())?.to_owned(),
        columns,
        y: section.get("y").map_or(Ok(""), |item| item.text())?.to_owned(),
        multiplier: section.get("multiplier").map_or(Ok(1.0), |item| item.float())?,
        is_logarithmic: section.get("logarithmic").map_or(Ok(false), |item| item.flag())?,
        shape,
        name,
    };
    section.finish(PLOT_KEYS)?;
    Ok(plot)
}
