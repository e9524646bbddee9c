//! What accrual costs: for each call, and for a program that reads many streams at once.

use divan::{Bencher, black_box, counter::ItemsCount};
use stream::{Proposal, Rate, Terms, Timeframe};

fn main() {
    divan::main();
}

const HOURLY: Rate = Rate { payment: 4_166_666, interval: 3600 };

fn terms(start: u64) -> Terms {
    let stop = start + 720 * HOURLY.interval;
    Terms::new(Timeframe { start, stop }, HOURLY).expect("terms are valid")
}

const TIME: u64 = 1_000_000;

#[divan::bench]
fn accrued(bencher: Bencher) {
    let terms = terms(0);
    bencher.bench(|| black_box(terms).accrued_down(black_box(TIME)));
}

#[divan::bench]
fn due_and_refundable(bencher: Bencher) {
    let terms = terms(0);
    bencher.bench(|| {
        let (terms, time) = (black_box(terms), black_box(TIME));
        (terms.due(time, black_box(0)), terms.refundable(time))
    });
}

#[divan::bench]
fn update(bencher: Bencher) {
    let terms = terms(0);
    let proposal = Proposal { stop: 5_000_000, rate: HOURLY, is_same_token: true };
    bencher.bench(|| black_box(terms).align_update(black_box(TIME), 0, black_box(proposal)));
}

/// Starts differ, so that streams pending, running and stopped are mixed.
#[divan::bench(args = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000])]
fn accrued_of_all(bencher: Bencher, n_streams: u64) {
    let streams: Vec<Terms> = (0..n_streams).map(|i| terms(i * 7919 % 2_000_000)).collect();
    bencher.counter(ItemsCount::new(streams.len())).bench(|| {
        let time = black_box(2_592_000);
        let accrued = black_box(&streams).iter().map(|terms| terms.accrued_down(time));
        accrued.fold(0, u128::wrapping_add)
    });
}
