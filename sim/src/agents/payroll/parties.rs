//! The two parties of an employment. Whoever an off-course stream keeps waiting, or makes pay early, proposes an update;
//! the other one accepts after a while, or never.

use std::collections::VecDeque;

use alloy_primitives::U256;
use bindings::IMoneyStreaming as streaming;

use super::{
    super::{
        Agent, Builder,
        streams::{Contracts, after, evm, members},
    },
    Course, Desk, Job, Payroll, Proposal, Stream, Tally, Tempo,
};
use crate::{
    economy::{State, from_units, to_units},
    netlist::NetlistError,
};

/// The agent of an employer; all it knows is on its desk.
pub(super) struct Employer;

/// The agent of an employee.
pub(super) struct Employee {
    payday: u64,
    paid_at: Option<u64>,
}

impl Employer {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let by_blocks = builder.number("by_blocks")? != 0.0;
        let (blocks, seconds) = (builder.contract("blocks")?, builder.contract("seconds")?);
        let streams = if by_blocks { blocks } else { seconds };
        let desk = Desk {
            employer: builder.me,
            contracts: Contracts { streams, token: builder.contract("token")? },
            is_seconds: !by_blocks,
            interval: builder.whole("interval")?,
            window: builder.whole("window")?,
            believed: believed(builder, by_blocks)?,
            update_when: builder.positive("update_when")?,
            answers_after: builder.positive("answers_after")?,
            answers: builder.dice("answers"),
            jobs: hire(builder)?,
            history: VecDeque::new(),
            seen: None,
            tally: Tally::default(),
        };
        builder.state.shared::<Payroll>().desks.push(desk);
        Ok(Box::new(Self))
    }
}

/// The tempo of the clock that nobody has to measure: seconds, or blocks as the netlist has it believed.
fn believed(builder: &Builder<'_>, by_blocks: bool) -> Result<Option<Tempo>, NetlistError> {
    let millis = after(0, builder.positive("assumed")? * 1_000.0);
    Ok(match (by_blocks, millis) {
        (false, _) => Some(Tempo { secs: 1, units: 1 }),
        (true, 0) => None,
        (true, millis) => Some(Tempo { secs: millis, units: 1_000 }),
    })
}

/// Who will be hired, when, and for how much.
fn hire(builder: &mut Builder<'_>) -> Result<Vec<Job>, NetlistError> {
    let employees = members(builder, "employees")?;
    let (salary, spread) = (builder.positive("salary")?, builder.positive("salary_spread")?);
    let (first, within) = (builder.positive("first_hire")?, builder.positive("hires_within")?);
    let (month, length, refuses) = (builder.whole("month")?, builder.whole("length")?, builder.positive("refuses")?);
    if spread >= 1.0 || month == 0 || length == 0 {
        let message =
            format!("a `salary_spread` of {spread}, a `month` of {month} s and a `length` of {length} s cannot be");
        return Err(builder.error("salary", format!("{message}: say less than 1, and more than 0 twice")));
    }
    let start = builder.state.now();
    let mut dice = builder.dice("hiring");
    let mut jobs = Vec::with_capacity(employees.len());
    for employee in employees {
        let draws = builder.state.draws(&mut dice);
        let (wage, delay, refuses) = (draws.between(-spread, spread), draws.unit(), draws.chance(refuses));
        let units = to_units(salary * (1.0 + wage)).map_err(|message| builder.error("salary", message))?;
        jobs.push(Job {
            employee,
            total: units * U256::from(length) / U256::from(month),
            hourly: from_units(units) * 3_600.0 / month as f64,
            hired_at: after(start, first + delay * within),
            length,
            refuses,
            stream: None,
        });
    }
    Ok(jobs)
}

impl Agent for Employer {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        with_payroll(state, |payroll, state| {
            let desk = payroll.desks.iter_mut().find(|desk| desk.employer == me).ok_or("the employer has no desk")?;
            desk.measure(state)?;
            desk.observe(state)?;
            if state.tick() == 0 {
                let venue = desk.contracts.venue(state)?;
                desk.tally.create_gas += venue.approve(state, me)?;
            }
            for at in 0..desk.jobs.len() {
                desk.sign(state, at)?;
                desk.answer(state, at, true)?;
                desk.propose(state, at, true)?;
            }
            Ok(())
        })
    }
}

impl Employee {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        Ok(Box::new(Self { payday: builder.whole("payday")?, paid_at: None }))
    }
}

impl Agent for Employee {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        with_payroll(state, |payroll, state| {
            for desk in &mut payroll.desks {
                for at in 0..desk.jobs.len() {
                    if desk.jobs[at].employee == me && desk.jobs[at].stream.is_some() {
                        desk.answer(state, at, false)?;
                        desk.propose(state, at, false)?;
                        let now = state.now();
                        if self.paid_at.get_or_insert(now).saturating_add(self.payday) <= now && desk.pay(state, at)? {
                            self.paid_at = Some(now);
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

impl Desk {
    /// Notes the present block, and forgets what is older than the window.
    fn measure(&mut self, state: &mut State) -> Result<(), String> {
        let block = evm(state)?.chain.block();
        self.history.push_back((block.number, block.timestamp));
        let from = block.timestamp.saturating_sub(self.window);
        while self.history.front().is_some_and(|(_, timestamp)| *timestamp < from) {
            self.history.pop_front();
        }
        Ok(())
    }

    /// Creates the stream of a job when it begins.
    fn sign(&mut self, state: &mut State, at: usize) -> Result<(), String> {
        let (now, job) = (state.now(), &self.jobs[at]);
        if job.stream.is_some() || now < job.hired_at {
            return Ok(());
        }
        let terms = self.tempo()?.terms(job.total, job.length, self.interval);
        let terms =
            terms.ok_or("a salary has less than one unit of the token for each interval: lengthen `interval`")?;
        let course = Course { from: now, paid: U256::ZERO, until: now.saturating_add(job.length), total: job.total };
        let venue = self.contracts.venue(state)?;
        venue.require_clock(state, self.is_seconds)?;
        let (id, gas) = venue.create(state, self.employer, job.employee, terms)?;
        self.tally.create_gas += gas;
        self.tally.n_hired += 1;
        self.jobs[at].stream = Some(Stream {
            id,
            agreed: course,
            course,
            proposal: None,
            received: U256::ZERO,
            due: U256::ZERO,
            has_refused: false,
            drift_hours_at_end: None,
        });
        Ok(())
    }

    /// Proposes an update if the stream is off its course to the disadvantage of this party.
    fn propose(&mut self, state: &mut State, at: usize, is_employers: bool) -> Result<(), String> {
        let now = state.now();
        let (job, tempo) = (&self.jobs[at], self.tempo());
        let Some(stream) = job.stream.as_ref().filter(|stream| stream.proposal.is_none() && now < stream.agreed.until)
        else {
            return Ok(());
        };
        let hours = job.off_course(now);
        if hours.abs() <= self.update_when || (hours > 0.0) != is_employers || (is_employers && stream.has_refused) {
            return Ok(());
        }
        let rest = stream.agreed.total.saturating_sub(stream.streamed());
        let Some(terms) = tempo?.terms(rest, stream.agreed.until - now, self.interval) else { return Ok(()) };
        let (venue, id) = (self.contracts.venue(state)?, stream.id);
        let stop = venue.clock(state)?.saturating_add(terms.interval.saturating_mul(terms.n_intervals));
        let from = if is_employers { self.employer } else { job.employee };
        let call = streaming::confirmUpdateCall {
            _streamId: id,
            _tokenAddress: venue.token,
            _stopBlock: U256::from(stop),
            _payment: terms.payment,
            _interval: U256::from(terms.interval),
        };
        self.tally.update_gas += venue.send(state, from, &call)?.gas;
        self.tally.n_proposals += 1;
        let delay = state.draws(&mut self.answers).exponential(self.answers_after);
        let proposal = Proposal {
            is_employers,
            stop,
            payment: terms.payment,
            interval: terms.interval,
            answered_at: if self.answers_after > 0.0 { after(now, delay) } else { now },
        };
        self.jobs[at].stream.as_mut().expect("the job has a stream").proposal = Some(proposal);
        Ok(())
    }

    /// Accepts, or refuses, what the other party has proposed, once it has thought about it.
    fn answer(&mut self, state: &mut State, at: usize, by_employer: bool) -> Result<(), String> {
        let now = state.now();
        let job = &mut self.jobs[at];
        let Some(stream) = &mut job.stream else { return Ok(()) };
        let Some(proposal) = stream.proposal else { return Ok(()) };
        if proposal.is_employers == by_employer || now < proposal.answered_at {
            return Ok(());
        }
        stream.proposal = None;
        if !by_employer && job.refuses {
            stream.has_refused = true;
            self.tally.n_refused += 1;
            return Ok(());
        }
        let venue = self.contracts.venue(state)?;
        let call = streaming::acceptUpdateCall {
            streamId: stream.id,
            token: venue.token,
            stop: U256::from(proposal.stop),
            payment: proposal.payment,
            interval: U256::from(proposal.interval),
        };
        let from = if by_employer { self.employer } else { job.employee };
        match venue.try_send(state, from, &call, "UpdateTooShort")? {
            Ok(sent) => {
                stream.received += sent.paid;
                stream.due = U256::ZERO;
                stream.course = Course { from: now, paid: stream.received, ..stream.agreed };
                self.tally.n_updates += 1;
                self.tally.update_gas += sent.gas;
            }
            Err(gas) => {
                self.tally.n_too_late += 1;
                self.tally.update_gas += gas;
            }
        }
        Ok(())
    }

    /// Withdraws what is due, if anything is.
    fn pay(&mut self, state: &mut State, at: usize) -> Result<bool, String> {
        let venue = self.contracts.venue(state)?;
        let job = &mut self.jobs[at];
        let Some(stream) = job.stream.as_mut().filter(|stream| !stream.due.is_zero()) else { return Ok(false) };
        let to = evm(state)?.account(job.employee);
        let sent = venue.send(state, job.employee, &streaming::withdrawMaxCall { streamId: stream.id, to })?;
        stream.received += sent.paid;
        stream.due = U256::ZERO;
        self.tally.withdraw_gas += sent.gas;
        Ok(true)
    }
}

/// Lets `act` have all employers' papers and the state.
fn with_payroll(
    state: &mut State,
    act: impl FnOnce(&mut Payroll, &mut State) -> Result<(), String>,
) -> Result<(), String> {
    let mut payroll = std::mem::take(state.shared::<Payroll>());
    let done = act(&mut payroll, state);
    *state.shared() = payroll;
    done
}
