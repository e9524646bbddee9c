//! Salaries that are agreed in months and hours and streamed in blocks: how far the two drift apart, and whether updates
//! by consent are worth their gas.

use std::collections::VecDeque;

use alloy_primitives::U256;

use self::course::{Course, Tempo};
use super::{
    Gauge, Kind, Takes, required,
    streams::{Books, Contracts, difference, in_units, whole},
    with_default,
};
use crate::{
    economy::{Dice, State, from_units},
    netlist::Number,
};

mod block_times;
mod course;
mod parties;

pub(super) use block_times::BLOCK_TIMES;

/// Pays salaries by streams.
pub(super) const EMPLOYER: Kind = Kind {
    name: "employer",
    doc: "hires employees, streams each one's salary, and agrees on updates when a stream is off its course",
    keys: &[
        required("employees", Takes::Text, "the name of the [[agent]] who are hired"),
        with_default("by_blocks", Takes::Number, "1", "1 for streams in blocks, 0 for streams in seconds"),
        with_default("blocks", Takes::Contract, "BlockStreams", "the stream contract that counts blocks"),
        with_default("seconds", Takes::Contract, "SecondStreams", "the stream contract that counts seconds"),
        with_default("token", Takes::Contract, "DAI", "what salaries are paid in"),
        with_default("salary", Takes::Number, "5000", "tokens a month"),
        with_default("salary_spread", Takes::Number, "0", "salaries are up to this share above or below"),
        with_default("month", Takes::Number, "30d", "how long a month is"),
        with_default("first_hire", Takes::Number, "7d", "seconds until the first may be hired"),
        with_default("hires_within", Takes::Number, "0", "seconds from then on within which all are hired, evenly"),
        with_default("length", Takes::Number, "360d", "how long each is employed"),
        with_default("interval", Takes::Number, "1min", "seconds from one payment of a stream to the next, agreed"),
        with_default("window", Takes::Number, "7d", "over how many seconds back block times are measured"),
        with_default(
            "assumed",
            Takes::Number,
            "0",
            "a block time in seconds that is believed in place of the measured one",
        ),
        with_default(
            "update_when",
            Takes::Number,
            "1e9",
            "hours of pay off course from which on an update is proposed",
        ),
        with_default(
            "answers_after",
            Takes::Number,
            "0",
            "seconds until a proposal is accepted, in the mean; exponential",
        ),
        with_default("refuses", Takes::Number, "0", "the share of employees who refuse updates that make them wait"),
    ],
    gauges: GAUGES,
    build: parties::Employer::build,
};

/// Is paid by a stream.
pub(super) const EMPLOYEE: Kind = Kind {
    name: "employee",
    doc: "accepts and proposes updates, and withdraws what is due on pay days",
    keys: &[with_default("payday", Takes::Number, "30d", "seconds from one withdrawal to the next")],
    gauges: &[],
    build: parties::Employee::build,
};

/// What can be read of an employer.
const GAUGES: &[Gauge] = &[
    Gauge {
        name: "agreed",
        doc: "what was to be paid so far on the wall clock, in tokens",
        read: |state, me, _| sum(state, me, |job, now| from_units(job.agreed(now))),
    },
    Gauge {
        name: "streamed",
        doc: "what streams have made the employees' so far, in tokens",
        read: |state, me, _| sum(state, me, |job, _| from_units(job.streamed())),
    },
    Gauge {
        name: "drift",
        doc: "what was streamed less what was agreed, in tokens; above 0 employees gain",
        read: |state, me, _| sum(state, me, |job, now| job.drift(now)),
    },
    Gauge {
        name: "ahead",
        doc: "the drift of those who got more than agreed, in tokens",
        read: |state, me, _| sum(state, me, |job, now| job.drift(now).max(0.0)),
    },
    Gauge {
        name: "behind",
        doc: "the drift of those who got less than agreed, in tokens, not negative",
        read: |state, me, _| sum(state, me, |job, now| (-job.drift(now)).max(0.0)),
    },
    Gauge {
        name: "drift_hours",
        doc: "the drift in hours of pay, the mean over all who were hired",
        read: drift_hours,
    },
    Gauge {
        name: "drift_hours_at_end",
        doc: "the same at the agreed end, the mean over all who reached it",
        read: drift_at_end,
    },
    Gauge {
        name: "mean_hours",
        doc: "the drift in hours of pay without its sign, the mean over all and over time",
        read: |state, me, _| {
            tally(state, me, |tally| {
                Number::Float(if tally.n_seen == 0 { 0.0 } else { tally.hours / tally.n_seen as f64 })
            })
        },
    },
    Gauge {
        name: "worst_hours",
        doc: "the greatest drift in hours of pay so far, without its sign",
        read: |state, me, _| tally(state, me, |tally| Number::Float(tally.worst_hours)),
    },
    Gauge {
        name: "token_years",
        doc: "drift without its sign, times how long it lasted, in tokens times years",
        read: |state, me, _| tally(state, me, |tally| Number::Float(tally.token_years)),
    },
    Gauge {
        name: "n_hired",
        doc: "how many streams were created",
        read: |state, me, _| tally(state, me, |tally| whole(tally.n_hired)),
    },
    Gauge {
        name: "n_proposals",
        doc: "how many updates were proposed",
        read: |state, me, _| tally(state, me, |tally| whole(tally.n_proposals)),
    },
    Gauge {
        name: "n_updates",
        doc: "how many were executed",
        read: |state, me, _| tally(state, me, |tally| whole(tally.n_updates)),
    },
    Gauge {
        name: "n_refused",
        doc: "how many were refused",
        read: |state, me, _| tally(state, me, |tally| whole(tally.n_refused)),
    },
    Gauge {
        name: "n_too_late",
        doc: "how many were accepted when less than an interval was left: UpdateTooShort",
        read: |state, me, _| tally(state, me, |tally| whole(tally.n_too_late)),
    },
    Gauge {
        name: "create_gas",
        doc: "the gas of creating streams",
        read: |state, me, _| tally(state, me, |tally| whole(tally.create_gas)),
    },
    Gauge {
        name: "update_gas",
        doc: "the gas of proposing and accepting",
        read: |state, me, _| tally(state, me, |tally| whole(tally.update_gas)),
    },
    Gauge {
        name: "withdraw_gas",
        doc: "the gas of withdrawing",
        read: |state, me, _| tally(state, me, |tally| whole(tally.withdraw_gas)),
    },
    Gauge { name: "block_time", doc: "the block time that terms would be written with, in seconds", read: block_time },
    Gauge {
        name: "unaccounted",
        doc: "units of tokens that are missing or too many, of all employers; nobody else may have any",
        read: unaccounted,
    },
];

/// All employers of a run.
#[derive(Debug, Default)]
struct Payroll {
    desks: Vec<Desk>,
}

/// An employer's papers.
#[derive(Debug)]
struct Desk {
    employer: usize,
    contracts: Contracts,
    /// Whether streams count seconds, not blocks.
    is_seconds: bool,
    interval: u64,
    window: u64,
    /// The believed tempo of blocks: measured if there is none.
    believed: Option<Tempo>,
    /// Hours of pay.
    update_when: f64,
    /// Seconds, in the mean.
    answers_after: f64,
    answers: Dice,
    jobs: Vec<Job>,
    /// Blocks and their times within the window.
    history: VecDeque<(u64, u64)>,
    /// The tick in which streams were looked at last.
    seen: Option<u64>,
    tally: Tally,
}

/// What adds up.
#[derive(Debug, Default)]
struct Tally {
    n_hired: u64,
    n_proposals: u64,
    n_updates: u64,
    n_refused: u64,
    n_too_late: u64,
    create_gas: u64,
    update_gas: u64,
    withdraw_gas: u64,
    n_seen: u64,
    hours: f64,
    worst_hours: f64,
    token_years: f64,
}

/// An employment.
#[derive(Debug)]
struct Job {
    employee: usize,
    /// What is paid in all.
    total: U256,
    /// What an hour's pay is, in tokens.
    hourly: f64,
    hired_at: u64,
    /// How many seconds it lasts.
    length: u64,
    /// Whether the employee refuses updates that make it wait.
    refuses: bool,
    stream: Option<Stream>,
}

/// The stream of an employment.
#[derive(Debug)]
struct Stream {
    id: U256,
    agreed: Course,
    /// What leads from the last update to the agreed end.
    course: Course,
    proposal: Option<Proposal>,
    /// What the employee has taken out.
    received: U256,
    due: U256,
    has_refused: bool,
    drift_hours_at_end: Option<f64>,
}

/// New terms that one party has confirmed.
#[derive(Clone, Copy, Debug)]
struct Proposal {
    is_employers: bool,
    stop: u64,
    payment: U256,
    interval: u64,
    answered_at: u64,
}

impl Payroll {
    /// How many units are missing or too many, of all tokens.
    fn unaccounted(&self, state: &mut State) -> Result<U256, String> {
        let mut all: Vec<Books> = Vec::new();
        for desk in &self.desks {
            let venue = desk.contracts.venue(state)?;
            let known = all.iter().position(|books| books.token() == venue.token).unwrap_or_else(|| {
                all.push(Books::of(venue.token));
                all.len() - 1
            });
            let books = &mut all[known];
            books.enter(desk.employer);
            books.enter_streams(venue.streams, desk.ids());
            for job in &desk.jobs {
                books.enter_received(job.employee, job.stream.as_ref().map_or(U256::ZERO, |stream| stream.received));
            }
        }
        all.iter().try_fold(U256::ZERO, |sum, books| Ok(sum + books.unaccounted(state)?))
    }
}

impl Job {
    fn agreed(&self, now: u64) -> U256 {
        self.stream.as_ref().map_or(U256::ZERO, |stream| stream.agreed.at(now))
    }

    fn streamed(&self) -> U256 {
        self.stream.as_ref().map_or(U256::ZERO, Stream::streamed)
    }

    /// What was streamed beyond what was agreed, in tokens.
    fn drift(&self, now: u64) -> f64 {
        difference(self.streamed(), self.agreed(now))
    }

    fn drift_hours(&self, now: u64) -> f64 {
        self.drift(now) / self.hourly
    }

    /// How many hours of pay the stream is ahead of the course that the last update set.
    fn off_course(&self, now: u64) -> f64 {
        self.stream.as_ref().map_or(0.0, |stream| difference(stream.streamed(), stream.course.at(now)) / self.hourly)
    }
}

impl Stream {
    fn streamed(&self) -> U256 {
        self.received + self.due
    }
}

impl Desk {
    /// Looks at all streams, once a tick, and adds up how far they are off.
    fn observe(&mut self, state: &mut State) -> Result<(), String> {
        if self.seen == Some(state.tick()) {
            return Ok(());
        }
        self.seen = Some(state.tick());
        let (now, years) = (state.now(), state.dt() as f64 / 31_536_000.0);
        let ids = self.ids();
        let venue = self.contracts.venue(state)?;
        let mut states = venue.states(state, ids)?.into_iter();
        for job in &mut self.jobs {
            let Some(stream) = &mut job.stream else { continue };
            let seen = states.next().ok_or("the contract answers for fewer streams than were asked for")?;
            stream.due = U256::from(seen.due);
            let until = stream.agreed.until;
            let hours = job.drift_hours(now);
            if now <= until {
                self.tally.n_seen += 1;
                self.tally.hours += hours.abs();
                self.tally.worst_hours = self.tally.worst_hours.max(hours.abs());
            }
            self.tally.token_years += job.drift(now).abs() * years;
            if let Some(stream) = job.stream.as_mut().filter(|_| now >= until) {
                stream.drift_hours_at_end.get_or_insert(hours);
            }
        }
        Ok(())
    }

    fn ids(&self) -> Vec<U256> {
        self.jobs.iter().filter_map(|job| job.stream.as_ref()).map(|stream| stream.id).collect()
    }

    /// The tempo of the contract's clock, as terms are written with it.
    fn tempo(&self) -> Result<Tempo, String> {
        if let Some(believed) = self.believed {
            return Ok(believed);
        }
        let (Some(first), Some(last)) = (self.history.front(), self.history.back()) else {
            return Err("no block was measured".to_owned());
        };
        let tempo = Tempo { secs: last.1 - first.1, units: last.0 - first.0 };
        if tempo.units == 0 || tempo.secs == 0 {
            let why = "block times cannot be measured: `first_hire` must be later, or `window` longer";
            return Err(format!("{} blocks came in {} s, and {why}", tempo.units, tempo.secs));
        }
        Ok(tempo)
    }
}

/// The desk of an employer, with its streams looked at in this tick.
fn desk<T>(state: &mut State, me: usize, read: impl FnOnce(&Desk, u64) -> T) -> Result<T, String> {
    let mut payroll = std::mem::take(state.shared::<Payroll>());
    let now = state.now();
    let found = payroll.desks.iter_mut().find(|desk| desk.employer == me).ok_or("the employer has no desk".to_owned());
    let read = found.and_then(|desk| {
        if state.evm.is_some() {
            desk.observe(state)?;
        }
        Ok(read(desk, now))
    });
    *state.shared() = payroll;
    read
}

fn sum(state: &mut State, me: usize, of: fn(&Job, u64) -> f64) -> Result<Number, String> {
    desk(state, me, |desk, now| Number::Float(desk.jobs.iter().fold(0.0, |sum, job| sum + of(job, now))))
}

fn tally(state: &mut State, me: usize, of: fn(&Tally) -> Number) -> Result<Number, String> {
    desk(state, me, |desk, _| of(&desk.tally))
}

fn mean(numbers: impl Iterator<Item = f64>) -> Number {
    let (sum, n) = numbers.fold((0.0, 0.0), |(sum, n), number| (sum + number, n + 1.0));
    Number::Float(if n > 0.0 { sum / n } else { 0.0 })
}

fn drift_hours(state: &mut State, me: usize, _: usize) -> Result<Number, String> {
    desk(state, me, |desk, now| {
        mean(desk.jobs.iter().filter(|job| job.stream.is_some()).map(|job| job.drift_hours(now)))
    })
}

fn drift_at_end(state: &mut State, me: usize, _: usize) -> Result<Number, String> {
    desk(state, me, |desk, _| mean(desk.jobs.iter().filter_map(|job| job.stream.as_ref()?.drift_hours_at_end)))
}

fn block_time(state: &mut State, me: usize, _: usize) -> Result<Number, String> {
    desk(state, me, |desk, _| Number::Float(desk.tempo().map_or(0.0, |tempo| tempo.secs as f64 / tempo.units as f64)))
}

fn unaccounted(state: &mut State, _: usize, _: usize) -> Result<Number, String> {
    let payroll = std::mem::take(state.shared::<Payroll>());
    let missing = payroll.unaccounted(state);
    *state.shared() = payroll;
    missing.map(in_units)
}
