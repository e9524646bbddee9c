//! The seed's rule as a loop over all streams, in memory, with nothing to read from disk and nothing to keep.

use std::hint::black_box;

use alloy_primitives::{Address, U256};
use serde_json::{Value, json};

use super::{Group, NOW, RECIPIENT, SENDER, STRANGER, peak_memory, terms};

struct Stream {
    sender: Address,
    recipient: Address,
    amount: U256,
    start: u64,
    duration: u64,
}

impl Stream {
    /// Amount x elapsed / duration, rounded down.
    fn streamed(&self, time: u64) -> U256 {
        let elapsed = time.saturating_sub(self.start);
        if elapsed >= self.duration {
            self.amount
        } else {
            self.amount * U256::from(elapsed) / U256::from(self.duration)
        }
    }
}

struct Ledger {
    deposited: U256,
    streams: Vec<Stream>,
}

impl Ledger {
    fn balance_of(&self, account: Address, time: u64) -> U256 {
        let mut balance = if account == SENDER { self.deposited } else { U256::ZERO };
        for stream in &self.streams {
            if stream.recipient == account {
                balance += stream.streamed(time);
            } else if stream.sender == account {
                balance -= stream.streamed(time);
            }
        }
        balance
    }

    fn available(&self, account: Address, time: u64) -> U256 {
        let mut available = if account == SENDER { self.deposited } else { U256::ZERO };
        for stream in &self.streams {
            if stream.recipient == account {
                available += stream.streamed(time);
            } else if stream.sender == account {
                available -= stream.amount;
            }
        }
        available
    }

    fn stream(&mut self, stream: Stream) {
        assert!(self.available(stream.sender, stream.start) >= stream.amount);
        self.streams.push(stream);
    }
}

fn stream(i: u64, start: u64) -> Stream {
    let (amount, duration) = terms(i);
    Stream { sender: SENDER, recipient: RECIPIENT, amount, start, duration }
}

pub(crate) fn measure(group: &mut Group<'_>, n: u64) -> Value {
    group.sample_size(10);
    let mut ledger = Ledger {
        deposited: U256::from(10_u64.pow(18)) * U256::from(100 * n),
        streams: (0..n).map(|i| stream(i, NOW)).collect(),
    };
    let ended = NOW + 3_600 + 2 * n;
    for (name, time) in [("integrate", NOW + 10), ("integrate_after_all_ended", ended)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                ledger.stream(stream(n, time));
                ledger.streams.pop()
            });
        });
    }
    let middle = NOW + 3_600 + n / 2;
    let accounts = [("balance_sender", SENDER), ("balance_recipient", RECIPIENT), ("balance_stranger", STRANGER)];
    for (name, account) in accounts {
        group.bench_function(name, |bencher| bencher.iter(|| ledger.balance_of(account, black_box(middle))));
    }
    group.bench_function("balance_at_the_end", |bencher| {
        bencher.iter(|| ledger.balance_of(RECIPIENT, black_box(NOW + 10 * n)));
    });
    group.bench_function("available", |bencher| bencher.iter(|| ledger.available(SENDER, black_box(middle))));
    json!({ "memory": peak_memory() })
}
