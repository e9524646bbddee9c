//! `streamctl watch`: balances as they grow. What is on the chain and what is estimated between blocks never mix.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    time::Duration,
};

use alloy::primitives::U256;
use bindings::{
    Clock,
    IMoneyStreaming::{StreamState, clockCall, getStreamsCall},
};
use clap::Args;
use eyre::{ensure, eyre};
use serde::Serialize;
use stream::Terms;
use tokio::time::{Instant, interval, sleep, sleep_until};

use crate::{
    amount::{Token, grouped},
    chain::{Chain, ChainArgs, clock_name},
    clock::{BlockTime, Calendar, format_time, parse_block_time},
    cmd::show::{bar, n_accrued},
    index_api::IndexUrlArgs,
    indexed::{Indexed, IndexedStream},
    interrupt::Interrupt,
    lookup::{parse_id, terms, unknown, unknown_by},
    moment::{format_duration, parse_duration},
    output::{Output, text},
    probe::Query,
    streams::{State, tokens},
};

/// Most streams that are watched at once.
const N_STREAMS: usize = 20;

/// With more streams than this, each has one line.
const N_DETAILED: usize = 4;

/// Time between two looks at the chain.
const POLL: Duration = Duration::from_secs(1);

/// Time between two pictures.
const FRAME: Duration = Duration::from_millis(100);

/// Looks at the chain that may fail one after the other.
const N_FAILURES: u32 = 5;

/// Longest watch, in place of none: a hundred years.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Watch the balances of streams until stopped with Ctrl-C.
///
/// In a terminal the picture is drawn anew ten times a second, and what will have accrued by the next block is estimated
/// and marked as such. Elsewhere each block is a line that says what is on the chain.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl watch 7\n  \
    streamctl watch 7 8 9 --for 10m\n  \
    streamctl watch 7 --index http://127.0.0.1:8620\n  \
    streamctl watch 7 --count 5 --json | jq -r .due")]
pub(crate) struct WatchArgs {
    /// Numbers of the streams.
    #[arg(value_name = "ID", required = true, num_args = 1..=N_STREAMS, value_parser = parse_id)]
    ids: Vec<U256>,
    /// Stop after this time, as in 10m.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<u64>,
    /// Stop after so many readings of the contract's clock.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How long a block takes, as in 12s or 250ms, instead of measuring it.
    #[arg(long, value_name = "TIME", value_parser = parse_block_time)]
    block_time: Option<BlockTime>,
    #[command(flatten)]
    index: IndexUrlArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

/// Where readings come from.
enum Source {
    Chain(Chain),
    Index(Indexed),
}

/// The streams at one reading of the contract's clock.
#[derive(Clone, Debug)]
struct Reading {
    time: u64,
    streams: Vec<Watched>,
}

#[derive(Clone, Debug)]
struct Watched {
    id: U256,
    token: Token,
    /// `None` when the stream has ended.
    life: Option<Life>,
}

/// What an open stream has; amounts in units of the token.
#[derive(Clone, Copy, Debug)]
struct Life {
    terms: Terms,
    due: u128,
    refundable: u128,
    withdrawn: u128,
}

/// A stream on the chain; amounts in units of the token.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(serialize_with = "text")]
    stream_id: U256,
    clock: &'static str,
    #[serde(serialize_with = "text")]
    time: u64,
    state: State,
    #[serde(serialize_with = "text")]
    due: u128,
    #[serde(serialize_with = "text")]
    refundable: u128,
    #[serde(serialize_with = "text")]
    withdrawn: u128,
}

impl WatchArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let (source, calendar, reading) = match &self.index.index {
            Some(url) => self.open_index(url, output).await?,
            None => self.open_chain().await?,
        };
        let mut screen = Screen::open(output, calendar);
        let watched = self.watch(&source, reading, &mut screen).await;
        drop(screen);
        match &source {
            Source::Chain(chain) => chain.report(output),
            Source::Index(index) => index.asker.report(output),
        }
        watched
    }

    async fn open_chain(&self) -> eyre::Result<(Source, Calendar, Reading)> {
        let query = Query::new(self.chain.address(), &getStreamsCall { streamIds: self.ids.clone() });
        let (chain, answers) = self.chain.connect_asking(&[query]).await?;
        let states = answers[0].decode::<getStreamsCall>().ok_or_else(|| no_answer(&chain))?;
        let mut streams = Vec::with_capacity(states.len());
        let tokens = tokens(&chain, states.iter().map(|state| state.token)).await?;
        for (id, state) in self.ids.iter().zip(states) {
            ensure!(!state.sender.is_zero(), unknown(&chain, *id));
            let token = tokens.get(&state.token).cloned().ok_or_else(|| no_answer(&chain))?;
            streams.push(Watched { id: *id, token, life: Life::of(&state)? });
        }
        let calendar = chain.calendar(self.block_time).await?;
        let reading = Reading { time: chain.now, streams };
        Ok((Source::Chain(chain), calendar, reading))
    }

    async fn open_index(&self, url: &str, output: &Output) -> eyre::Result<(Source, Calendar, Reading)> {
        let index = Indexed::connect(url, &self.chain, output).await?;
        let mut found = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            let stream = index.stream(*id).await?.filter(|stream| stream.ending.is_none());
            found.push(stream.ok_or_else(|| unknown_by(index.clock, *id))?);
        }
        let watched = |stream: &IndexedStream| {
            Ok(Watched { id: stream.stream_id, token: stream.token(), life: Life::of_indexed(stream)? })
        };
        let streams = found.iter().map(watched).collect::<eyre::Result<_>>()?;
        let calendar = index.calendar(self.block_time).await?;
        let reading = Reading { time: index.time()?, streams };
        Ok((Source::Index(index), calendar, reading))
    }

    async fn watch(&self, source: &Source, first: Reading, screen: &mut Screen<'_>) -> eyre::Result<()> {
        let end = Instant::now() + self.duration.map_or(FOREVER, Duration::from_secs).min(FOREVER);
        let mut frames = interval(FRAME);
        let mut n_readings = 1;
        let mut n_failures = 0;
        let mut interrupt = Interrupt::listen()?;
        screen.read(first)?;
        let mut look = Box::pin(self.look(source, screen.reading()?.clone()));
        loop {
            if self.count.is_some_and(|count| n_readings >= count) || screen.reading()?.is_over() {
                return Ok(());
            }
            tokio::select! {
                found = &mut look => {
                    match found {
                        Ok(reading) => {
                            n_failures = 0;
                            if reading.time != screen.reading()?.time {
                                n_readings += 1;
                                screen.read(reading)?;
                            }
                        }
                        Err(error) if n_failures == N_FAILURES => return Err(error),
                        Err(_) => n_failures += 1,
                    }
                    look = Box::pin(self.look(source, screen.reading()?.clone()));
                }
                _ = frames.tick() => screen.tick()?,
                _ = sleep_until(end) => return Ok(()),
                () = interrupt.received() => return Ok(()),
            }
        }
    }

    /// The streams of `last` a little later.
    async fn look(&self, source: &Source, last: Reading) -> eyre::Result<Reading> {
        sleep(POLL).await;
        match source {
            Source::Chain(chain) => self.look_at_chain(chain, last).await,
            Source::Index(index) => look_at_index(index, last).await,
        }
    }

    async fn look_at_chain(&self, chain: &Chain, last: Reading) -> eyre::Result<Reading> {
        let queries = [
            Query::new(chain.contract, &clockCall {}),
            Query::new(chain.contract, &getStreamsCall { streamIds: self.ids.clone() }),
        ];
        let answers = chain.ask(&queries).await?;
        let time = answers[0].decode::<clockCall>().ok_or_else(|| no_answer(chain))?;
        let states = answers[1].decode::<getStreamsCall>().ok_or_else(|| no_answer(chain))?;
        let mut streams = last.streams;
        // An update may have changed the token.
        let changed = streams.iter().zip(&states).filter(|(stream, state)| stream.token.address != state.token);
        let changed: Vec<_> = changed.map(|(_, state)| state.token).filter(|token| !token.is_zero()).collect();
        let tokens = if changed.is_empty() { Default::default() } else { tokens(chain, changed).await? };
        for (stream, state) in streams.iter_mut().zip(states) {
            if let Some(token) = tokens.get(&state.token) {
                stream.token = token.clone();
            }
            stream.life = Life::of(&state)?;
        }
        Ok(Reading { time: time.to(), streams })
    }
}

async fn look_at_index(index: &Indexed, last: Reading) -> eyre::Result<Reading> {
    let index = index.newest().await?;
    let mut streams = last.streams;
    for watched in &mut streams {
        let stream = index.stream(watched.id).await?.ok_or_else(|| unknown_by(index.clock, watched.id))?;
        if stream.ending.is_none() {
            // An update may have changed it.
            watched.token = stream.token();
        }
        watched.life = Life::of_indexed(&stream)?;
    }
    Ok(Reading { time: index.time()?, streams })
}

fn no_answer(chain: &Chain) -> eyre::Report {
    eyre!("{} does not answer as a stream contract any more", chain.contract)
}

impl Life {
    /// What the contract says; nothing of a stream that has ended.
    fn of(state: &StreamState) -> eyre::Result<Option<Self>> {
        if state.sender.is_zero() {
            return Ok(None);
        }
        let StreamState { due, refundable, withdrawn, .. } = *state;
        Ok(Some(Self { terms: terms(state)?, due, refundable, withdrawn }))
    }

    /// What an index says.
    fn of_indexed(stream: &IndexedStream) -> eyre::Result<Option<Self>> {
        let IndexedStream { due, refundable, withdrawn, .. } = *stream;
        match stream.ending {
            Some(_) => Ok(None),
            None => Ok(Some(Self { terms: stream.terms()?, due, refundable, withdrawn })),
        }
    }
}

impl Reading {
    /// Whether all streams have ended.
    fn is_over(&self) -> bool {
        self.streams.iter().all(|stream| stream.life.is_none())
    }
}

/// Where readings go: a picture in a terminal, lines elsewhere.
struct Screen<'a> {
    output: &'a Output,
    calendar: Calendar,
    is_live: bool,
    reading: Option<(Reading, Instant)>,
    /// Lines of the picture that stands in the terminal.
    n_drawn: usize,
}

impl<'a> Screen<'a> {
    fn open(output: &'a Output, calendar: Calendar) -> Self {
        let is_live = !output.json && io::stdout().is_terminal();
        if is_live {
            output.note("Ctrl-C stops.");
            // Hide the cursor, and cut lines that are too long.
            let _ = write!(io::stdout(), "\x1b[?25l\x1b[?7l");
        }
        Self { output, calendar, is_live, reading: None, n_drawn: 0 }
    }

    fn reading(&self) -> eyre::Result<&Reading> {
        self.reading.as_ref().map(|(reading, _)| reading).ok_or_else(|| eyre!("nothing was read"))
    }

    /// Shows what was read of the chain.
    fn read(&mut self, reading: Reading) -> eyre::Result<()> {
        let clock = self.calendar.clock;
        if !self.is_live {
            for stream in &reading.streams {
                let line = stream.line(clock, reading.time);
                if self.output.json {
                    self.output.tell(serde_json::to_string(&line)?)?;
                } else {
                    self.output.tell(line.words(&stream.token, clock))?;
                }
            }
        }
        self.reading = Some((reading, Instant::now()));
        self.tick()
    }

    /// Draws the picture anew.
    fn tick(&mut self) -> eyre::Result<()> {
        let (true, Some((reading, since))) = (self.is_live, &self.reading) else { return Ok(()) };
        let picture = picture(reading, since.elapsed(), &self.calendar);
        let mut text = String::new();
        if self.n_drawn != 0 {
            write!(text, "\x1b[{}F", self.n_drawn)?;
        }
        for line in &picture {
            write!(text, "\x1b[2K{line}\r\n")?;
        }
        text.push_str("\x1b[J");
        self.n_drawn = picture.len();
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        if self.is_live {
            let mut stdout = io::stdout().lock();
            let _ = write!(stdout, "\x1b[?25h\x1b[?7h").and_then(|()| stdout.flush());
        }
    }
}

impl Watched {
    fn line(&self, clock: Clock, time: u64) -> Line {
        let zeros = Line {
            stream_id: self.id,
            clock: clock_name(clock),
            time,
            state: State::Ended,
            due: 0,
            refundable: 0,
            withdrawn: 0,
        };
        match &self.life {
            None => zeros,
            Some(Life { terms, due, refundable, withdrawn }) => Line {
                state: State::of(terms, time),
                due: *due,
                refundable: *refundable,
                withdrawn: *withdrawn,
                ..zeros
            },
        }
    }
}

impl Line {
    fn words(&self, token: &Token, clock: Clock) -> String {
        let (id, state, time) = (self.stream_id, self.state, format_time(clock, self.time));
        if state == State::Ended {
            return format!("{time}  stream {id}  ended");
        }
        let (due, refundable) = (token.amount(U256::from(self.due)), token.amount(U256::from(self.refundable)));
        format!("{time}  stream {id}  {state}  due {due}  to come {refundable}")
    }
}

/// What the streams look like so long after they were read.
fn picture(reading: &Reading, elapsed: Duration, calendar: &Calendar) -> Vec<String> {
    let mut millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let mut units = calendar.pace.units_in_millis(millis).unwrap_or(0);
    if calendar.clock == Clock::Block {
        // The clock does not move before the next block, however late it is.
        units = units.min(1);
        millis = millis.min(calendar.pace.secs_up(1).unwrap_or(0).saturating_mul(1000));
    }
    let estimated = reading.time.saturating_add(units);
    let is_detailed = reading.streams.len() <= N_DETAILED;
    let mut lines = Vec::new();
    for stream in &reading.streams {
        let id = stream.id;
        let Some(life @ Life { terms, .. }) = &stream.life else {
            lines.push(format!("Stream {id}  ended"));
            continue;
        };
        let amount = |units: u128| stream.token.amount(U256::from(units));
        let soon = amount(terms.due(estimated, life.withdrawn));
        let phase = State::of(terms, estimated);
        if !is_detailed {
            lines.push(format!("Stream {id}  {phase}  due {}, about {soon} by now", amount(life.due)));
            continue;
        }
        let n_accrued = n_accrued(terms, estimated);
        let n_intervals = terms.n_intervals();
        let bar = bar(n_accrued, n_intervals);
        let (now, then) = (format_time(calendar.clock, reading.time), format_time(calendar.clock, estimated));
        let later = amount(terms.refundable(estimated));
        lines.push(format!("Stream {id}  {phase}  {bar}  {} of {}", grouped(n_accrued), grouped(n_intervals)));
        lines.push(format!("  on chain   due {}, to come {}, at {now}", amount(life.due), amount(life.refundable)));
        lines.push(format!("  estimated  due {soon}, to come {later}, at {then}"));
        lines.push(format!(
            "  next       {}",
            next_payment(terms, &amount(terms.payment()), [reading.time, estimated], millis, calendar)
        ));
    }
    lines
}

/// The first payment after `estimated`, which is so many milliseconds after the clock showed `time`.
fn next_payment(terms: &Terms, payment: &str, [time, estimated]: [u64; 2], millis: u64, calendar: &Calendar) -> String {
    let Some(next) = terms.next_payment(estimated) else {
        return "nothing, all has accrued".to_owned();
    };
    match calendar.pace.secs(next - time) {
        Some(secs) if secs > millis / 1000 => {
            format!("{payment} in about {}", format_duration(secs - millis / 1000))
        }
        Some(_) => format!("{payment} any moment"),
        None => format!("{payment} at {}", format_time(calendar.clock, next)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Now, Pace};
    use alloy::primitives::Address;
    use stream::{Rate, Timeframe};

    /// 100 payments of 0.5 DEMO, one every 10 units from 1,000 on, 2 DEMO of which are taken.
    fn reading(time: u64) -> Reading {
        let terms =
            Terms::new(Timeframe { start: 1_000, stop: 2_000 }, Rate { payment: 500_000, interval: 10 }).unwrap();
        let withdrawn = 2_000_000;
        let life = Life { terms, due: terms.due(time, withdrawn), refundable: terms.refundable(time), withdrawn };
        let token = Token { address: Address::ZERO, symbol: "DEMO".to_owned(), decimals: 6 };
        Reading { time, streams: vec![Watched { id: U256::from(7), token, life: Some(life) }] }
    }

    fn calendar(clock: Clock, pace: Pace) -> Calendar {
        Calendar { clock, now: Now { time: 1_000, unix: 1_800_000_000 }, pace }
    }

    #[track_caller]
    fn check(time: u64, secs: u64, calendar: &Calendar, expected: &[&str]) {
        assert_eq!(picture(&reading(time), Duration::from_secs(secs), calendar), expected);
    }

    #[test]
    fn the_next_block_is_estimated_and_no_further() {
        let calendar = calendar(Clock::Block, Pace::Given(parse_block_time("12s").unwrap()));
        let head = |n| format!("Stream 7  streaming  [{}{}]  {n} of 100", "#".repeat(20), ".".repeat(20));
        let before = [
            &head(50),
            "  on chain   due 23 DEMO, to come 25 DEMO, at block 1,509",
            "  estimated  due 23 DEMO, to come 25 DEMO, at block 1,509",
            "  next       0.5 DEMO in about 7s",
        ];
        check(1_509, 5, &calendar, &before);
        let after = [
            &head(51),
            "  on chain   due 23 DEMO, to come 25 DEMO, at block 1,509",
            "  estimated  due 23.5 DEMO, to come 24.5 DEMO, at block 1,510",
            "  next       0.5 DEMO in about 2m",
        ];
        check(1_509, 12, &calendar, &after);
        check(1_509, 500, &calendar, &after);
    }

    #[test]
    fn seconds_pass_between_blocks() {
        let calendar = calendar(Clock::Timestamp, Pace::Exact);
        let expected = [
            &format!("Stream 7  streaming  [{}{}]  53 of 100", "#".repeat(21), ".".repeat(19)),
            "  on chain   due 23 DEMO, to come 25 DEMO, at 1970-01-01 00:25:09 UTC",
            "  estimated  due 24.5 DEMO, to come 23.5 DEMO, at 1970-01-01 00:25:30 UTC",
            "  next       0.5 DEMO in about 10s",
        ];
        check(1_509, 21, &calendar, &expected);
    }

    #[test]
    fn nothing_is_estimated_without_a_pace() {
        let calendar = calendar(Clock::Block, Pace::too_young(3));
        let picture = picture(&reading(1_509), Duration::from_secs(60), &calendar);
        assert_eq!(picture[2], "  estimated  due 23 DEMO, to come 25 DEMO, at block 1,509");
        assert_eq!(picture[3], "  next       0.5 DEMO at block 1,510");
    }

    #[test]
    fn the_end_is_said() {
        let calendar = calendar(Clock::Block, Pace::too_young(3));
        assert_eq!(picture(&reading(2_000), Duration::ZERO, &calendar)[3], "  next       nothing, all has accrued");
        let mut over = reading(2_000);
        over.streams[0].life = None;
        assert!(over.is_over());
        assert_eq!(picture(&over, Duration::ZERO, &calendar), ["Stream 7  ended"]);
        assert_eq!(
            over.streams[0].line(Clock::Block, 2_000).words(&over.streams[0].token, Clock::Block),
            "block 2,000  stream 7  ended"
        );
    }
}
