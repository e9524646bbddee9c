//! Epochs, projects, lists of snapshots, and sums over windows.

use alloy::primitives::{Address, U256};
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
    kind::uniswap_v2::{self, STREAMS},
    read,
    windows::{self, Window},
};

/// Units of a window, with their seconds.
const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];

/// What sums come to over a window of epochs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WindowEntry {
    /// The project, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    /// The token, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
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
    if let Some(token) = asked_token(reading)? {
        return token_window(reading, token);
    }
    let project = asked.text("project").unwrap_or_default();
    let Some(newest) = windows::newest(reading.database)? else { return Err(no_sums(reading, project)?) };
    let window = asked_window(reading, newest)?;
    let sums = windows::sums(reading.database, project, window)?;
    if sums.is_empty() {
        return Err(no_sums(reading, project)?);
    }
    summed(reading, (Some(project), None), window, sums)
}

/// The token that is asked for, if it is not a project.
fn asked_token(reading: &Reading<'_>) -> Result<Option<Address>, Failure> {
    let asked = reading.asked;
    let problem = match (asked.text("project"), asked.address("token")?) {
        (None, Some(token)) => return Ok(Some(token)),
        (Some(_), None) if asked.text("source").is_none() => return Ok(None),
        (Some(_), None) => "source is given without token; leave it out, since a project has its source's name",
        (Some(_), Some(_)) => "project and token are both given; give one of them",
        (None, None) => "neither project nor token is given; give one, as /v1/projects and /v1/tokens list them",
    };
    Err(Failure::new(Code::BadParameter, problem))
}

/// The same of a token, over all its pairs.
fn token_window(reading: &mut Reading<'_>, token: Address) -> Result<Response, Failure> {
    let source = reading.source(uniswap_v2::KIND)?;
    let no_pair = |until: &str| {
        let remedy = "/v1/tokens lists all of them";
        Failure::not_found(format!("{token} is no token of a pair with snapshots{until}; {remedy}"))
    };
    let newest = windows::newest(reading.database)?.ok_or_else(|| no_pair(""))?;
    let window = asked_window(reading, newest)?;
    let sums = windows::token_sums(reading.database, &source.name, token, window)?;
    if sums.is_empty() {
        return Err(no_pair(&format!(" at the end of epoch {}", window.to)));
    }
    summed(reading, (None, Some(token)), window, sums)
}

/// The sums of a project or a token, or the one of them that is asked for.
fn summed(
    reading: &mut Reading<'_>,
    (project, token): (Option<&str>, Option<Address>),
    window: Window,
    mut sums: Vec<(String, U256)>,
) -> Result<Response, Failure> {
    let (project, token) = (project.map(str::to_owned), token.map(|token| token.to_checksum(None)));
    if let Some(name) = reading.asked.text("name") {
        let names: Vec<_> = sums.iter().map(|(name, _)| name.clone()).collect();
        sums.retain(|(it, _)| it == name);
        if sums.is_empty() {
            let whose = project.or(token).unwrap_or_default();
            return Err(Failure::not_found(format!(
                "{} is no sum of {whose}; give one of {}",
                told(name),
                names.join(", ")
            )));
        }
    }
    let last = read::epoch(reading.database, window.to)?;
    let entry = last.map(|last| WindowEntry {
        project,
        token,
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

/// Some projects say what there is, and have nothing that adds up.
fn no_sums(reading: &mut Reading<'_>, project: &str) -> Result<Failure, Failure> {
    let is_known = read::project(reading.database, project)?.is_some();
    let pair = project.strip_suffix(STREAMS[0]).filter(|_| is_known);
    let project = told(project);
    Ok(Failure::not_found(match (pair, is_known) {
        (Some(pair), _) => {
            format!("{project} has no sums; those of the pair are of {}", told(&format!("{pair}{}", STREAMS[1])))
        }
        (None, true) => format!("{project} has snapshots, and nothing in them that adds up"),
        (None, false) => format!("{project} has no sums; /v1/projects lists all that there are"),
    }))
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
