//! Epochs, projects, lists of snapshots, and sums over windows.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Reading,
    asked::{cursor, number},
    failure::{Code, Failure, told},
};
use crate::{
    epoch::EpochState,
    read,
    windows::{self, Window},
};

/// Units of a window, with their seconds.
const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];

/// What sums come to over a window of epochs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WindowEntry {
    /// The project.
    project: String,
    /// The first epoch.
    from: u64,
    /// The last epoch.
    to: u64,
    /// The last epoch's last block, which the sums are of.
    block: u64,
    /// Unix seconds of that block.
    timestamp: Option<u64>,
    /// `final`, or `tentative` while a reorg can still take the last epoch back.
    state: EpochState,
    /// By names.
    sums: Vec<SumEntry>,
}

/// A sum.
#[derive(Debug, Serialize, ToSchema)]
struct SumEntry {
    /// Of what.
    name: String,
    /// How much, in decimal digits.
    amount: String,
}

pub(super) fn epochs(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let after = reading.asked.after(one_count)?;
    let found = read::epochs(reading.database, reading.asked.page()?, after)?;
    reading.listed(found, |epoch| cursor(&[&epoch.id]))
}

pub(super) fn epoch(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let id = reading.asked.count("id")?.unwrap_or_default();
    let found = read::epoch(reading.database, id)?;
    reading.one(found, || format!("epoch {id} has not begun; /v1/epochs lists those that have"))
}

pub(super) fn projects(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let after = reading.asked.after(|parts| match parts {
        [project] => Some((*project).to_owned()),
        _ => None,
    })?;
    let prefix = reading.asked.text("prefix").unwrap_or_default();
    let limit = reading.asked.limit()? + 1;
    let found = read::projects(reading.database, prefix, after.as_deref().unwrap_or_default(), limit)?;
    reading.listed(found, |entry| cursor(&[&entry.project]))
}

pub(super) fn project(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let project = reading.asked.text("project").unwrap_or_default();
    let found = read::project(reading.database, project)?;
    reading.one(found, || no_project(project))
}

pub(super) fn snapshots(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let asked = reading.asked;
    let (project, after, page) = (asked.text("project").unwrap_or_default(), asked.after(one_count)?, asked.page()?);
    let found = match asked.count("epoch")? {
        Some(epoch) => read::snapshot(reading.database, project, epoch)?.into_iter().collect(),
        None => read::snapshots(reading.database, project, page, after)?,
    };
    if found.is_empty() && read::project(reading.database, project)?.is_none() {
        return Err(Failure::not_found(no_project(project)));
    }
    reading.listed(found, |entry| cursor(&[&entry.epoch]))
}

pub(super) fn window(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let asked = reading.asked;
    let project = asked.text("project").unwrap_or_default();
    let no_sums =
        || Failure::not_found(format!("{} has no sums; /v1/projects lists all that there are", told(project)));
    let newest = windows::newest(reading.database)?.ok_or_else(no_sums)?;
    let window = asked_window(reading, newest)?;
    let mut sums = windows::sums(reading.database, project, window)?;
    if sums.is_empty() {
        return Err(no_sums());
    }
    if let Some(name) = asked.text("name") {
        let names: Vec<_> = sums.iter().map(|(name, _)| name.clone()).collect();
        sums.retain(|(it, _)| it == name);
        if sums.is_empty() {
            return Err(Failure::not_found(format!(
                "{} is no sum of {project}; give one of {}",
                told(name),
                names.join(", ")
            )));
        }
    }
    let last = read::epoch(reading.database, window.to)?;
    let entry = last.map(|last| WindowEntry {
        project: project.to_owned(),
        from: window.from,
        to: window.to,
        block: last.last_block,
        timestamp: last.end_timestamp,
        state: last.state,
        sums: sums.into_iter().map(|(name, sum)| SumEntry { name, amount: sum.to_string() }).collect(),
    });
    reading.one(entry, || format!("epoch {} has not begun", window.to))
}

/// The window between two epochs, or of a time before the end of one.
fn asked_window(reading: &mut Reading<'_>, newest: u64) -> Result<Window, Failure> {
    let asked = reading.asked;
    let (from, to) = (asked.count("from")?, asked.count("to")?.unwrap_or(newest));
    if to > newest {
        return Err(Failure::bad("to", &to.to_string(), &format!("at most {newest}, the newest epoch with sums")));
    }
    match (from, asked.text("window")) {
        (Some(from), None) => Window::new(from, to)
            .ok_or_else(|| Failure::bad("from", &from.to_string(), &format!("at most {to}, the last epoch"))),
        (None, Some(time)) => {
            let example = "a time such as 24h, 7d, 30m or 3600s";
            let seconds = seconds(time).ok_or_else(|| Failure::bad("window", time, example))?;
            Ok(windows::ending_at(reading.database, to, seconds)?)
        }
        (Some(_), Some(_)) => Err(Failure::new(Code::BadParameter, "from and window are both given; give one of them")),
        (None, None) => {
            Err(Failure::new(Code::BadParameter, "neither from nor window is given; give one, such as window=24h"))
        }
    }
}

fn seconds(time: &str) -> Option<u64> {
    let unit = time.chars().last()?;
    let (_, seconds) = UNITS.iter().find(|(it, _)| *it == unit)?;
    let n_units: u64 = number(&time[..time.len() - 1])?;
    n_units.checked_mul(*seconds)
}

fn one_count(parts: &[&str]) -> Option<u64> {
    match parts {
        [count] => number(count).filter(|count| *count <= i64::MAX.cast_unsigned()),
        _ => None,
    }
}

fn no_project(project: &str) -> String {
    format!("{} is no project with snapshots; /v1/projects lists all that there are", told(project))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(time: &str, expected: Option<u64>) {
        assert_eq!(seconds(time), expected, "{time}");
    }

    #[test]
    fn times_have_a_number_and_a_unit() {
        check("24h", Some(86_400));
        check("7d", Some(604_800));
        check("0s", Some(0));
        for time in ["", "h", "24", "-1h", "1.5d", "1w", "24 h", "18446744073709551615d", "7д"] {
            check(time, None);
        }
    }
}
