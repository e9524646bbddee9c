//! The plain rule, stream by stream: what has streamed is amount x elapsed / duration, and a balance adds up all streams
//! of the account. Slow, and obviously right. It shares no code with the ledger.

use alloy_primitives::{Address, U256, U512};

/// Fractions of a base unit that are told apart, so that what an extension or a cancellation leaves is kept.
const FINE: usize = 64;

/// Splitmix64: the same numbers on every machine.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound` - 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()].clone()
    }

    /// From 0 to `most`, small ones as often as large ones.
    pub fn amount(&mut self, most: U256) -> U256 {
        let wide = U256::from_limbs([self.next(), self.next(), self.next(), self.next()]);
        let bits = self.below(most.bit_len() as u64 + 1);
        let number = if bits == 0 { U256::ZERO } else { wide >> (256 - bits) };
        number.min(most)
    }
}

/// A stretch of a stream that runs evenly from `since` to `stop`, unless it is cut at `until`.
#[derive(Clone, Debug)]
struct Term {
    since: u64,
    stop: u64,
    amount_fine: U256,
    until: u64,
}

impl Term {
    fn streamed_fine(&self, time: u64) -> U256 {
        let time = time.min(self.until);
        if time < self.since {
            return U256::ZERO;
        }
        if time >= self.stop {
            return self.amount_fine;
        }
        let product = U512::from(self.amount_fine) * U512::from(time - self.since);
        U256::from(product / U512::from(self.stop - self.since))
    }
}

#[derive(Clone, Debug)]
pub struct Plain {
    pub token: Address,
    pub sender: Address,
    pub recipient: Address,
    pub is_cancelled: bool,
    pub stop: u64,
    terms: Vec<Term>,
}

impl Plain {
    fn streamed_fine(&self, time: u64) -> U256 {
        self.terms.iter().fold(U256::ZERO, |sum, term| sum + term.streamed_fine(time))
    }

    /// Base units that the recipient has got at `time`.
    pub fn streamed(&self, time: u64) -> U256 {
        self.streamed_fine(time) >> FINE
    }

    fn cut(&mut self, now: u64) {
        let last = self.terms.last_mut().unwrap();
        if now < last.since || now == last.since && last.stop > last.since {
            self.terms.pop();
        } else {
            last.until = now;
        }
    }
}

/// Money that moved at once.
#[derive(Clone, Debug)]
struct Flow {
    time: u64,
    token: Address,
    account: Address,
    amount: U256,
    is_in: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub streams: Vec<Plain>,
    flows: Vec<Flow>,
}

/// A balance, and how far the ledger may be from it, in units of 2^-64: each stretch of a stream rounds by less than
/// 2^32 of them, up. What comes in too much is `more`, what goes out too much is `less`.
#[derive(Clone, Copy, Debug)]
pub struct Fine {
    amount: U256,
    more: U256,
    less: U256,
}

impl Fine {
    /// The least and the most whole units that the ledger may show.
    pub fn bounds(&self) -> (U256, U256) {
        (self.amount.saturating_sub(self.less) >> FINE, (self.amount + self.more) >> FINE)
    }
}

impl Model {
    pub fn flow(&mut self, time: u64, token: Address, account: Address, amount: U256, is_in: bool) {
        self.flows.push(Flow { time, token, account, amount, is_in });
    }

    pub fn stream(&mut self, parties: (Address, Address, Address), amount: U256, start: u64, duration: u64) {
        let (token, sender, recipient) = parties;
        let stop = start + duration;
        let term = Term { since: start, stop, amount_fine: amount << FINE, until: u64::MAX };
        self.streams.push(Plain { token, sender, recipient, is_cancelled: false, stop, terms: vec![term] });
    }

    pub fn cancel(&mut self, index: usize, now: u64) {
        let stream = &mut self.streams[index];
        stream.stop = now.max(stream.terms.last().unwrap().since);
        stream.cut(now);
        stream.is_cancelled = true;
    }

    pub fn extend(&mut self, index: usize, now: u64, amount: U256, duration: u64) {
        let stream = &mut self.streams[index];
        let since = stream.terms.last().unwrap().since.max(now);
        let total = stream.streamed_fine(u64::MAX);
        stream.cut(now);
        let left = total - stream.streamed_fine(u64::MAX) + (amount << FINE);
        stream.stop += duration;
        stream.terms.push(Term { since, stop: stream.stop, amount_fine: left, until: u64::MAX });
    }

    /// What `account` has at `time`, past or future.
    pub fn balance(&self, token: Address, account: Address, time: u64) -> Fine {
        self.add_up(token, account, time, time)
    }

    /// What came in up to `now` less all that is or was ever to go out.
    pub fn available(&self, token: Address, account: Address, now: u64) -> Fine {
        self.add_up(token, account, now, u64::MAX)
    }

    /// The sum over the account's streams of whole units, each rounded down, that came in and went out.
    pub fn sums_of_floors(&self, token: Address, account: Address, time: u64) -> (U256, U256) {
        let sum = |streams: &mut dyn Iterator<Item = &Plain>| streams.map(|stream| stream.streamed(time)).sum();
        let of_token = || self.streams.iter().filter(|stream| stream.token == token);
        (
            sum(&mut of_token().filter(|stream| stream.recipient == account)),
            sum(&mut of_token().filter(|stream| stream.sender == account)),
        )
    }

    fn add_up(&self, token: Address, account: Address, time: u64, out_time: u64) -> Fine {
        let (mut incoming, mut outgoing, mut more, mut less) = (U256::ZERO, U256::ZERO, U256::ZERO, U256::ZERO);
        for flow in self.flows.iter().filter(|flow| flow.token == token && flow.account == account) {
            if flow.time <= time || !flow.is_in && out_time == u64::MAX {
                *if flow.is_in { &mut incoming } else { &mut outgoing } += flow.amount << FINE;
            }
        }
        let slack = |stream: &Plain, time: u64| {
            let is_whole = !stream.is_cancelled && time >= stream.stop;
            let begun = stream.terms.iter().filter(|term| term.since < time).count();
            U256::from(if is_whole { 0 } else { begun }) << 33
        };
        for stream in self.streams.iter().filter(|stream| stream.token == token) {
            if stream.recipient == account {
                incoming += stream.streamed_fine(time);
                more += slack(stream, time);
            } else if stream.sender == account {
                outgoing += stream.streamed_fine(out_time);
                less += slack(stream, out_time);
            }
        }
        Fine { amount: incoming.saturating_sub(outgoing), more, less }
    }
}
