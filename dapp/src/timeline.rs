//! One side of an account over time: the lines of its events, summed at any moment in a few steps.
//!
//! The rows of a side are a B+-tree. Level 0 has one row for each second in which something happens. A row of level
//! `n + 1` stands for the rows of level `n` from its time up to the next row's: it holds the sum of their lines and
//! their number, at most [`FANOUT`]. A side with few events has level 0 only.
//!
//! Adding an event touches one row a level, and reading a moment reads one group a level, however many events there
//! are. Groups are split when they overflow and never joined: a group that lost its rows sums to nothing and is read in
//! no time. The rows depend on the order of events alone.

use alloy_primitives::U256;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Fault;
use crate::line::Line;

/// How many rows a group has at most.
pub(crate) const FANOUT: usize = 64;

/// After all events, and the last time that a column can hold.
pub(crate) const END: u64 = i64::MAX as u64;

/// Which side: the two of account `id` are `2 * id` (what came in) and `2 * id + 1` (what is promised), all streams of
/// token `id` are `-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side(i64);

impl Side {
    pub(crate) fn incoming(account: i64) -> Self {
        Self(2 * account)
    }

    pub(crate) fn outgoing(account: i64) -> Self {
        Self(2 * account + 1)
    }

    pub(crate) fn streams_of_token(token: i64) -> Self {
        Self(-token)
    }
}

/// The rows of one side.
pub(crate) struct Timeline<'c> {
    connection: &'c Connection,
    side: i64,
}

/// A row and the time it begins at.
#[derive(Clone, Copy)]
struct Node {
    time: u64,
    line: Line,
    children: usize,
}

impl<'c> Timeline<'c> {
    pub(crate) fn new(connection: &'c Connection, side: Side) -> Self {
        Self { connection, side: side.0 }
    }

    /// The sum of the lines of all events up to and with `time`.
    pub(crate) fn line_at(&self, time: u64) -> Result<Line, Fault> {
        let mut sum = Line::ZERO;
        let mut from = 0;
        for level in (0..=self.height()?).rev() {
            let mut last: Option<Node> = None;
            self.visit(level, from, time, |node| {
                if let Some(passed) = last.replace(node) {
                    sum += passed.line;
                }
            })?;
            match last {
                Some(node) if level > 0 => from = node.time,
                Some(node) => sum += node.line,
                // Only a group that lost its rows.
                None => break,
            }
        }
        Ok(sum)
    }

    /// What the side is worth at `time`, scaled, modulo 2^256.
    pub(crate) fn value_at(&self, time: u64) -> Result<U256, Fault> {
        Ok(self.line_at(time)?.at(time))
    }

    /// Adds a line from `time` on. The negative of a line takes it away.
    pub(crate) fn add(&self, time: u64, line: Line) -> Result<(), Fault> {
        if line == Line::ZERO {
            return Ok(());
        }
        let height = self.height()?;
        let events = self.event(time)?;
        let sum = events.unwrap_or(Line::ZERO) + line;
        let mut overflow = None;
        for level in 1..=height {
            let mut group = self.group(level, time)?;
            group.line += line;
            if level == 1 {
                // Events that cancel out leave no row behind.
                group.children -= usize::from(sum == Line::ZERO);
                group.children += usize::from(events.is_none());
                overflow = Some(group).filter(|group| group.children > FANOUT);
            }
            self.write(level, group)?;
        }
        if sum == Line::ZERO {
            return self.delete_event(time);
        }
        self.write(0, Node { time, line: sum, children: 0 })?;
        match overflow {
            Some(group) => self.grow(height, self.split(0, group, time)?),
            None if height == 0 && events.is_none() => self.raise(0, time),
            None => Ok(()),
        }
    }

    /// The events after `after`, in order, at most `limit`.
    pub(crate) fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Line)>, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT time, slope, intercept FROM timeline WHERE side = ?1 AND level = 0 AND time > ?2 \
             ORDER BY time LIMIT ?3",
        )?;
        let rows = statement.query_map(params![self.side, after, limit], |row| {
            let line = Line { slope: row.get(1)?, intercept: row.get(2)? };
            Ok((row.get(0)?, line))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many levels lie above level 0.
    pub(crate) fn height(&self) -> Result<usize, Fault> {
        let mut statement =
            self.connection.prepare_cached("SELECT level FROM timeline WHERE side = ?1 ORDER BY level DESC LIMIT 1")?;
        Ok(statement.query_row([self.side], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Adds up every group again, and says what differs.
    pub(crate) fn check(&self) -> Result<Vec<String>, Fault> {
        let mut findings = Vec::new();
        for level in 1..=self.height()? {
            let mut group = self.group(level, 0)?;
            loop {
                let next = self.rows(level, group.time + 1, 1)?.first().copied();
                let (mut line, mut children) = (Line::ZERO, 0);
                self.visit(level - 1, group.time, next.map_or(END, |next| next.time - 1), |row| {
                    line += row.line;
                    children += 1;
                })?;
                if (line, children) != (group.line, group.children) {
                    let Self { side, .. } = self;
                    findings.push(format!("side {side}: the group of level {level} at {} does not add up", group.time));
                }
                match next {
                    Some(next) => group = next,
                    None => break,
                }
            }
        }
        Ok(findings)
    }

    /// A row was inserted at `time` into level 1: counts it in its group, and splits what overflows, upwards.
    fn grow(&self, height: usize, mut time: u64) -> Result<(), Fault> {
        for level in 1..height {
            let mut group = self.group(level + 1, time)?;
            group.children += 1;
            if group.children <= FANOUT {
                return self.write(level + 1, group);
            }
            time = self.split(level, group, time)?;
        }
        self.raise(height, time)
    }

    /// A row was inserted at `time` into the top level: puts another one above when it has more rows than a group may
    /// have.
    fn raise(&self, height: usize, time: u64) -> Result<(), Fault> {
        let children = self.rows(height, 0, FANOUT + 1)?.len();
        if children > FANOUT {
            self.split(height, Node { time: 0, line: Line::ZERO, children }, time)?;
        }
        Ok(())
    }

    /// Makes two groups of `group`, whose rows of `level` are one too many since `inserted`. Gives the time of the right
    /// one.
    fn split(&self, level: usize, group: Node, inserted: u64) -> Result<u64, Fault> {
        let rows = self.rows(level, group.time, group.children)?;
        // Where events come in order, the groups that they leave behind stay full. Anywhere but at the end of the level
        // that would let a hostile order make groups of one.
        let is_appended =
            rows.last().is_some_and(|row| row.time == inserted) && self.rows(level + 1, group.time + 1, 1)?.is_empty();
        let (left, right) = rows.split_at(if is_appended { rows.len() - 1 } else { rows.len() / 2 });
        let first = right.first().ok_or_else(|| self.damaged(level, group.time))?;
        self.write(level + 1, Node::over(left, group.time))?;
        self.write(level + 1, Node::over(right, first.time))?;
        Ok(first.time)
    }

    /// The row of `level` that stands for `time`.
    fn group(&self, level: usize, time: u64) -> Result<Node, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT time, slope, intercept, children FROM timeline WHERE side = ?1 AND level = ?2 AND time <= ?3 \
             ORDER BY time DESC LIMIT 1",
        )?;
        let found = statement.query_row(params![self.side, level, time], Node::read).optional()?;
        found.ok_or_else(|| self.damaged(level, time))
    }

    /// The rows of `level` from `from` up to and with `to`, in order.
    fn visit(&self, level: usize, from: u64, to: u64, mut visitor: impl FnMut(Node)) -> Result<(), Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT time, slope, intercept, children FROM timeline WHERE side = ?1 AND level = ?2 \
             AND time BETWEEN ?3 AND ?4 ORDER BY time",
        )?;
        for node in statement.query_map(params![self.side, level, from, to], Node::read)? {
            visitor(node?);
        }
        Ok(())
    }

    /// The first `count` rows of `level` from `from` on.
    fn rows(&self, level: usize, from: u64, count: usize) -> Result<Vec<Node>, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT time, slope, intercept, children FROM timeline WHERE side = ?1 AND level = ?2 AND time >= ?3 \
             ORDER BY time LIMIT ?4",
        )?;
        let rows = statement.query_map(params![self.side, level, from, count], Node::read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The line of the event row at `time`.
    fn event(&self, time: u64) -> Result<Option<Line>, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT time, slope, intercept, children FROM timeline WHERE side = ?1 AND level = 0 AND time = ?2",
        )?;
        Ok(statement.query_row(params![self.side, time], Node::read).optional()?.map(|node| node.line))
    }

    fn write(&self, level: usize, node: Node) -> Result<(), Fault> {
        self.connection
            .prepare_cached(
                "REPLACE INTO timeline (side, level, time, slope, intercept, children) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![self.side, level, node.time, node.line.slope, node.line.intercept, node.children])?;
        Ok(())
    }

    fn delete_event(&self, time: u64) -> Result<(), Fault> {
        self.connection
            .prepare_cached("DELETE FROM timeline WHERE side = ?1 AND level = 0 AND time = ?2")?
            .execute(params![self.side, time])?;
        Ok(())
    }

    fn damaged(&self, level: usize, time: u64) -> Fault {
        Fault::Damaged(format!("side {} has no row of level {level} for time {time}", self.side))
    }
}

impl Node {
    fn over(rows: &[Self], time: u64) -> Self {
        let line = rows.iter().fold(Line::ZERO, |sum, row| sum + row.line);
        Self { time, line, children: rows.len() }
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let line = Line { slope: row.get(1)?, intercept: row.get(2)? };
        Ok(Self { time: row.get(0)?, line, children: row.get(3)? })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::column::Residue;
    use crate::store::{Durability, Store};

    const SIDE: Side = Side(7);

    /// The same events, one by one.
    #[derive(Default)]
    struct Plain(BTreeMap<u64, Line>);

    impl Plain {
        fn add(&mut self, time: u64, line: Line) {
            *self.0.entry(time).or_insert(Line::ZERO) += line;
        }

        fn line_at(&self, time: u64) -> Line {
            self.0.range(..=time).fold(Line::ZERO, |sum, event| sum + *event.1)
        }
    }

    fn line(slope: u64, intercept: u64) -> Line {
        Line { slope: Residue(U256::from(slope)), intercept: Residue(U256::from(intercept)) }
    }

    /// Adds the events to a timeline, beside another side that must not matter, and compares it with the plain sum.
    #[track_caller]
    fn check(events: impl IntoIterator<Item = (u64, Line)>) -> usize {
        let mut store = Store::open(Path::new(":memory:"), Durability::Machine).unwrap();
        let mut plain = Plain::default();
        store
            .change(0, |ledger| {
                let timeline = Timeline::new(ledger.connection, SIDE);
                for side in [Side(6), Side(8), Side(-7)] {
                    Timeline::new(ledger.connection, side).add(500, line(1, 1))?;
                }
                for (time, line) in events {
                    plain.add(time, line);
                    timeline.add(time, line)?;
                }
                let times: Vec<u64> = plain.0.keys().copied().collect();
                let step = 1 + times.len() / 200;
                for time in times.iter().step_by(step).flat_map(|time| [time.saturating_sub(1), *time, time + 1]) {
                    assert_eq!(timeline.line_at(time)?, plain.line_at(time), "at {time}");
                }
                assert_eq!(timeline.line_at(END)?, plain.line_at(END));
                let kept: Vec<_> = plain.0.into_iter().filter(|event| event.1 != Line::ZERO).collect();
                let after =
                    |time| kept.iter().filter(move |event| event.0 > time).copied().take(100).collect::<Vec<_>>();
                assert_eq!(timeline.events(0, 100)?, after(0));
                assert_eq!(timeline.events(700, 100)?, after(700));
                assert_eq!(timeline.check()?, Vec::<String>::new());
                check_sizes(&timeline)
            })
            .unwrap()
    }

    /// No group has more rows than it may, the top level included.
    fn check_sizes(timeline: &Timeline<'_>) -> Result<usize, Fault> {
        let height = timeline.height()?;
        for level in 1..=height {
            timeline.visit(level, 0, END, |row| assert!(row.children <= FANOUT))?;
        }
        assert!(timeline.rows(height, 0, FANOUT + 1)?.len() <= FANOUT);
        Ok(height)
    }

    #[test]
    fn events_may_come_in_any_order() {
        let events = 10_000;
        let grown = line(3, 5);
        assert_eq!(check((1..=events).map(|time| (time, grown))), 2);
        assert_eq!(check((1..=events).rev().map(|time| (time, grown))), 2);
        assert_eq!(check((1..=events).map(|number| (number * 7_919 % 10_007, grown))), 2);
        assert_eq!(check((1..=events).map(|number| (number % 50, grown))), 0);
    }

    #[test]
    fn events_that_cancel_out_leave_no_row() {
        let all = (1..=5_000_u64).map(|time| (time * 3_001 % 5_003, line(time, 1)));
        check(all.clone().chain(all.clone().map(|(time, line)| (time, -line))));
        check(all.clone().chain(all.clone().step_by(2).map(|(time, line)| (time, -line))));
        let none = all.clone().map(|(time, line)| (time, -line));
        check(all.clone().chain(none).chain(all));
    }

    #[test]
    fn a_sum_that_was_changed_behind_its_back_is_found() {
        let mut store = Store::open(Path::new(":memory:"), Durability::Machine).unwrap();
        let findings = store.change(0, |ledger| {
            let timeline = Timeline::new(ledger.connection, SIDE);
            for time in 1..=200 {
                timeline.add(time, line(1, 0))?;
            }
            assert_eq!(timeline.check()?, Vec::<String>::new());
            timeline.write(0, Node { time: 100, line: line(2, 0), children: 0 })?;
            timeline.check()
        });
        assert_eq!(findings.unwrap(), ["side 7: the group of level 1 at 65 does not add up"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_events_add_up(
            span in prop_oneof![Just(10_u64), Just(1_000), Just(1 << 40)],
            events in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>()), 0..800),
        ) {
            let mut added = Vec::new();
            for (time, slope, intercept, is_removal) in events {
                let event = match added.is_empty() {
                    false if is_removal => {
                        let (time, line): (u64, Line) = added[usize::try_from(slope).unwrap() % added.len()];
                        (time, -line)
                    }
                    _ => (1 + time % span, line(slope, intercept)),
                };
                added.push(event);
            }
            check(added);
        }
    }
}
