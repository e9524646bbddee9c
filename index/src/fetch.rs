//! Follows the chain: sees where it ends, fetches what is missing in ranges, in order, and notices when it went another
//! way. Writes nothing; what it finds goes to the writer.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use alloy::primitives::B256;
use futures_util::{StreamExt, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinHandle,
};

use crate::{
    Error, Result,
    block::{Block, Blocks},
    event::Chunk,
    headers::{Headers, Verdict},
    progress::{self, Event, Observer, Progress},
    rpc::{Filter, Logs},
};

mod decode;
mod feed;

pub use decode::Plan;
pub use feed::Feed;

/// Ranges that are asked for at a time. With the bound on an answer's size, this bounds the memory of what is under way.
const RANGES_IN_FLIGHT: usize = 4;

/// Bytes of decoded chunks that wait for the writer.
const BYTES_IN_FLIGHT: u32 = 64 << 20;

/// Ranges after which the head is looked at again.
const RANGES_A_LOOK: u64 = 64;

/// Looks that must find the chain ending before the index does, and without the index's last block, before that is
/// believed. An endpoint that is a little behind looks the same at first.
const ROLLBACK_LOOKS: u32 = 3;

/// The shortest pause between two looks at the head.
const LEAST_POLL: Duration = Duration::from_millis(20);

/// The first pause after a second failure in a row, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(4));

/// What the writer is told.
#[derive(Debug)]
pub enum Message {
    /// Blocks that come next.
    Chunk {
        /// They.
        chunk: Chunk,
        /// What is known of the chain's end.
        seen: Seen,
        /// Its part of what may wait; ends with the message.
        room: OwnedSemaphorePermit,
    },
    /// The chain goes on from block `to`.
    Unwind {
        /// The last block that stays.
        to: u64,
    },
    /// No block more; maybe more of them are final.
    Seen(Seen),
}

/// What is known of the chain's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its last block.
    pub head: u64,
    /// The last final one of those that were fetched.
    pub finalized: Option<u64>,
}

/// Follows a chain for a writer.
pub struct Follower<F> {
    feed: Arc<F>,
    plan: Plan,
    filter: Arc<Filter>,
    headers: Headers,
    finality_blocks: Option<u64>,
    ends: Ends,
    room: Arc<Semaphore>,
    pace: Pace,
    /// The head at which finality was looked at.
    looked_at: Option<B256>,
    n_behind: u32,
}

impl<F> fmt::Debug for Follower<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// Whom a follower tells what it finds.
pub struct Ends {
    /// Who writes it.
    pub writer: mpsc::Sender<Message>,
    /// Who wants to know.
    pub observer: Observer,
    /// Where to tell how far the chain is.
    pub progress: watch::Sender<Progress>,
}

impl fmt::Debug for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

/// How a chain is followed.
#[derive(Clone, Copy, Debug)]
pub struct Following {
    /// The longest pause between two looks at the head.
    pub poll: Duration,
    /// Blocks behind the head that are final, if the chain does not tell.
    pub finality_blocks: Option<u64>,
}

impl<F: Feed> Follower<F> {
    /// Goes on after what `headers` has; `plan` knows the children up to there.
    #[must_use]
    pub fn new(feed: Arc<F>, following: Following, (plan, headers): (Plan, Headers), ends: Ends) -> Self {
        let filter = Arc::new(plan.filter());
        let Following { poll, finality_blocks } = following;
        let room = Arc::new(Semaphore::new(BYTES_IN_FLIGHT as usize));
        let pace = Pace { pause: LEAST_POLL.min(poll), longest: poll };
        Self { feed, plan, filter, headers, finality_blocks, ends, room, pace, looked_at: None, n_behind: 0 }
    }

    /// Follows the chain until the writer is gone. May be dropped at any moment.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub async fn run(mut self) -> Result<()> {
        let mut n_failures = 0;
        while !self.ends.writer.is_closed() {
            let next = self.headers.next();
            let looked = self.look().await;
            if self.headers.next() != next {
                n_failures = n_failures.min(1);
            }
            match looked {
                Ok(was_news) => {
                    self.tell(|progress| progress.is_connected = true);
                    n_failures = 0;
                    tokio::time::sleep(self.pace.after(was_news)).await;
                }
                Err(error) if error.passes() => {
                    // The first time, a look at the head at once: most of the time the chain went another way meanwhile.
                    if n_failures > 0 {
                        self.tell(|progress| progress.is_connected = false);
                        (self.ends.observer)(&Event::Waiting { reason: error.to_string() });
                        tokio::time::sleep(pause_after(n_failures)).await;
                    }
                    n_failures += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Looks at the head, and does what follows from it. Says whether there was something.
    async fn look(&mut self) -> Result<bool> {
        let head = self.feed.head().await?;
        self.tell(|progress| progress.head = Some(head.number));
        let verdict = self.judge(vec![head]).await?;
        if verdict != Verdict::Behind {
            self.n_behind = 0;
        }
        match verdict {
            Verdict::Same => self.look_at_finality(&head).await.map(|()| false),
            Verdict::Behind => self.fall_behind(&head).await,
            Verdict::Extends | Verdict::Ahead => self.catch_up(&head).await,
            other => self.turn(other).await,
        }
    }

    /// Compares headers with what was fetched; asks for older ones as far as it must.
    async fn judge(&self, mut answers: Vec<Block>) -> Result<Verdict> {
        loop {
            let verdict = self.headers.judge(&answers);
            let Verdict::NeedOlder(blocks) = verdict else { return Ok(verdict) };
            let mut older = self.feed.headers(blocks).await?;
            if older.last().is_none_or(|last| last.hash != answers[0].parent) || !is_run(&older, blocks) {
                return Err(Error::Endpoint(format!(
                    "blocks {blocks} do not lead to block {} {}; the chain is moving",
                    answers[0].number, answers[0].hash
                )));
            }
            older.append(&mut answers);
            answers = older;
        }
    }

    /// Takes back what is on another branch.
    async fn turn(&mut self, verdict: Verdict) -> Result<bool> {
        match verdict {
            Verdict::Reorg { fork } => self.unwind(fork).await.map(|()| true),
            Verdict::BelowFinality { fork, finalized } => Err(Error::BelowFinality { fork, finalized }),
            _ => Ok(true),
        }
    }

    async fn unwind(&mut self, to: u64) -> Result<()> {
        self.headers.unwind(to);
        self.plan.unwind(to);
        self.looked_at = None;
        self.send(Message::Unwind { to }).await;
        Ok(())
    }

    /// The chain ends before the index does. Waits, or goes back if the chain no longer has the index's last block.
    async fn fall_behind(&mut self, head: &Block) -> Result<bool> {
        let floor = self.headers.floor();
        let Some(tip) = self.headers.tip() else { return Ok(false) };
        if head.number < floor && self.headers.finalized().is_some() {
            return Err(Error::Endpoint(format!(
                "the chain ends at block {}, before block {floor}, which it had called final",
                head.number
            )));
        }
        // Asked for by its height, since by its hash nodes tell blocks of other branches as well.
        let there = self.feed.headers(Blocks { first: tip.number, last: tip.number }).await?;
        if there.first().is_some_and(|there| there.hash == tip.hash) {
            self.n_behind = 0;
            return Ok(false);
        }
        self.n_behind += 1;
        if self.n_behind < ROLLBACK_LOOKS {
            return Ok(false);
        }
        self.n_behind = 0;
        self.unwind(head.number.max(floor)).await.map(|()| true)
    }

    /// Fetches from the window's end to `head`, or a good part of it.
    async fn catch_up(&mut self, head: &Block) -> Result<bool> {
        let told = self.told().await?;
        let (feed, filter) = (Arc::clone(&self.feed), Arc::clone(&self.filter));
        let first = self.headers.next();
        let stride = || feed.stride().max(1);
        let last = head.number.min(first.saturating_add(stride().saturating_mul(RANGES_A_LOOK) - 1));
        let mut next = first;
        let ranges = std::iter::from_fn(|| {
            let range = Blocks::new(next, last.min(next.saturating_add(stride() - 1)))?;
            next = range.last + 1;
            Some(range)
        });
        // Tasks of their own go on while this one waits for the writer.
        let ask = |range| {
            let (feed, filter) = (Arc::clone(&feed), Arc::clone(&filter));
            Task(tokio::spawn(async move { feed.checked(range, &filter).await.map(|answer| (range, answer)) }))
        };
        let mut answers = stream::iter(ranges).map(ask).buffered(RANGES_IN_FLIGHT);
        let mut agrees = true;
        while let Some(answer) = answers.next().await {
            let (range, (blocks, logs)) = answer?;
            check(range, &blocks, &logs)?;
            if !self.headers.fits(&blocks[0]) {
                let verdict = self.judge(blocks).await?;
                return self.turn(verdict).await;
            }
            agrees = self.take(blocks, &logs, head, told).await?;
        }
        // If not, another look at the head finds out.
        self.looked_at = (agrees && last == head.number).then_some(head.hash);
        Ok(true)
    }

    /// Takes what comes next. Says whether it leads to what is called final, as far as it goes.
    async fn take(&mut self, blocks: Vec<Block>, logs: &Logs, head: &Block, told: Told) -> Result<bool> {
        let n_bytes: usize = logs.iter().map(|log| size_of_val(&log) + size_of_val(log.topics) + log.data.len()).sum();
        let n_bytes = u32::try_from(n_bytes).unwrap_or(u32::MAX).clamp(1, BYTES_IN_FLIGHT);
        let room = Arc::clone(&self.room).acquire_many_owned(n_bytes).await.expect("the semaphore is never closed");
        blocks.iter().for_each(|block| self.headers.push(*block));
        let chunk = self.plan.decode(blocks, logs.iter())?;
        let agrees = told.settle(&mut self.headers, head.number);
        let seen = Seen { head: head.number, finalized: self.headers.finalized() };
        self.tell(|progress| progress.is_connected = true);
        self.send(Message::Chunk { chunk, seen, room }).await;
        Ok(agrees)
    }

    /// Tells the writer what became final, once for each head.
    async fn look_at_finality(&mut self, head: &Block) -> Result<()> {
        if self.looked_at != Some(head.hash) {
            let told = self.told().await?;
            if !told.settle(&mut self.headers, head.number)
                && let Told::Block(Block { number, .. }) = told
            {
                return Err(Error::Endpoint(format!(
                    "block {number} is called final with another hash than the one that leads to block {} {}",
                    head.number, head.hash
                )));
            }
            self.looked_at = Some(head.hash);
        }
        // Each look gives the writer an occasion to try again what did not work; it has occasions enough if it is busy.
        let seen = Seen { head: head.number, finalized: self.headers.finalized() };
        if let Err(mpsc::error::TrySendError::Full(message)) = self.ends.writer.try_send(Message::Seen(seen)) {
            drop(message);
            self.looked_at = None;
        }
        Ok(())
    }

    /// The last final block, by the chain's word, or else by its depth.
    async fn told(&self) -> Result<Told> {
        if let Some(block) = self.feed.finalized().await? {
            return Ok(Told::Block(block));
        }
        match self.finality_blocks {
            Some(depth) => Ok(Told::Depth(depth)),
            None => Err(Error::Config(
                "the chain does not tell which blocks are final; set chain.finality_blocks, such as 64".to_owned(),
            )),
        }
    }

    /// Tells those who watch, if it is anything else than before.
    fn tell(&self, change: impl FnOnce(&mut Progress)) {
        progress::tell(&self.ends.progress, change);
    }

    /// Ends with the writer, whose end [`run`](Self::run) notices.
    async fn send(&self, message: Message) {
        drop(self.ends.writer.send(message).await);
    }
}

/// What is said to be final.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// All up to this block, by the chain's word.
    Block(Block),
    /// What so many blocks follow, by the configuration's.
    Depth(u64),
}

impl Told {
    /// Has `headers` note it, of a chain that ends at block `head`, and says whether they agree.
    fn settle(self, headers: &mut Headers, head: u64) -> bool {
        match self {
            Self::Block(block) => headers.finalize(&block, head),
            Self::Depth(n_blocks) => {
                headers.finalize_below(n_blocks);
                true
            }
        }
    }
}

/// A task that ends with whoever waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|end| end.expect("a question to the chain neither panics nor is aborted"))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks follow each other faster while there is something to be seen.
#[derive(Clone, Copy, Debug)]
struct Pace {
    pause: Duration,
    longest: Duration,
}

impl Pace {
    fn after(&mut self, was_news: bool) -> Duration {
        if was_news {
            self.pause = (self.pause / 2).max(LEAST_POLL.min(self.longest));
            return Duration::ZERO;
        }
        self.pause = (self.pause * 5 / 4).min(self.longest);
        self.pause
    }
}

fn pause_after(n_failures: u32) -> Duration {
    PAUSES.0.saturating_mul(1 << n_failures.min(16)).min(PAUSES.1)
}

fn is_run(headers: &[Block], blocks: Blocks) -> bool {
    let numbers = headers.iter().map(|header| header.number);
    numbers.eq(blocks.first..=blocks.last) && headers.windows(2).all(|pair| pair[0].hash == pair[1].parent)
}

/// What the writer takes for granted, whoever gave the answer.
fn check(range: Blocks, blocks: &[Block], logs: &Logs) -> Result<()> {
    let places = || logs.iter().map(|log| (log.block, log.idx));
    let most = i64::MAX.cast_unsigned();
    let is_sound = is_run(blocks, range)
        && blocks.iter().all(|block| block.number <= most && block.timestamp <= most)
        && places().zip(places().skip(1)).all(|(one, next)| one < next)
        && places().all(|(block, idx)| (range.first..=range.last).contains(&block) && idx <= most);
    match is_sound {
        true => Ok(()),
        false => Err(Error::Endpoint(format!("the answer for blocks {range} does not hold together"))),
    }
}
