//! The ledger, in a file on disk.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, Bytes, U256};
use dapp::deposit::Deployment;
use dapp::metadata::{Advance, Generation, Metadata};
use dapp::{App, Durability, Fault, Ledger, Order, Stop, Store};
use serde_json::{Value, json};

use super::{Group, NOW, RECIPIENT, SENDER, STRANGER, TOKEN, peak_memory, scattered, terms};

/// Streams that one transaction adds while loading.
const LOAD: u64 = 20_000;

/// Why a change of the benchmark ends without being kept.
enum Ended {
    Undone(Duration),
    Failed(String),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.to_string())
    }
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        Self::Failed(format!("{stop:?}"))
    }
}

pub(crate) fn measure(group: &mut Group<'_>, n: u64) -> Value {
    let path = std::env::temp_dir().join(format!("streams-{}.db", std::process::id()));
    let mut store = Store::open(&path, Durability::Disk).unwrap();
    let load = load(&mut store, n);
    // Closed, it is one file.
    drop(store);
    // Read once, so that the ledger is measured and not the disk: the system may have dropped what it wrote.
    let bytes = io::copy(&mut File::open(&path).unwrap(), &mut io::sink()).unwrap();
    let mut store = Store::open(&path, Durability::Disk).unwrap();
    operations(group, &mut store, n);
    questions(group, &store, n);
    advance(group, store, n);
    let memory = peak_memory();
    remove(&path);
    json!({ "load": load.as_nanos(), "bytes": bytes, "memory": memory })
}

fn load(store: &mut Store, n: u64) -> Duration {
    let begin = Instant::now();
    // Enough for all that the measurements add.
    let supply = U256::from(10_u64.pow(18)) * U256::from(100 * n);
    store.change::<_, Stop>(NOW, |ledger| ledger.mint(TOKEN, SENDER, supply)).unwrap();
    for first in (0..n).step_by(usize::try_from(LOAD).unwrap()) {
        let some = first..n.min(first + LOAD);
        store
            .change::<_, Stop>(NOW, |ledger| {
                some.into_iter().try_for_each(|i| ledger.stream(SENDER, order(i, terms(i).1)).map(drop))
            })
            .unwrap();
        if first % 1_000_000 == 0 && first > 0 {
            eprintln!("{first} of {n} streams loaded in {} s", begin.elapsed().as_secs());
        }
    }
    begin.elapsed()
}

fn order(i: u64, duration: u64) -> Order {
    Order { token: TOKEN, recipient: RECIPIENT, amount: terms(i).0, start: 0, duration }
}

fn operations(group: &mut Group<'_>, store: &mut Store, n: u64) {
    bench(group, "integrate", store, NOW + 10, |ledger, i| {
        ledger.stream(SENDER, order(n + i, terms(n + i).1)).map(drop)
    });
    bench(group, "integrate_scattered", store, NOW + 10, |ledger, i| {
        ledger.stream(SENDER, order(n + i, scattered(n, i))).map(drop)
    });
    // Streams all over the sequence, each once.
    bench(group, "cancel", store, NOW + 10, |ledger, i| ledger.cancel(SENDER, 1 + i * 7_919 % n).map(drop));
    let ended = NOW + 3_600 + 2 * n;
    bench(group, "integrate_after_all_ended", store, ended, |ledger, i| {
        let order = Order { recipient: SENDER, ..order(i, 3_600) };
        ledger.stream(RECIPIENT, order).map(drop)
    });
}

fn questions(group: &mut Group<'_>, store: &Store, n: u64) {
    let middle = NOW + 3_600 + n / 2;
    let accounts = [("balance_sender", SENDER), ("balance_recipient", RECIPIENT), ("balance_stranger", STRANGER)];
    for (name, account) in accounts {
        ask(group, name, store, NOW + 10, |ledger, i| ledger.balance_of(TOKEN, account, middle + i * 7_919 % (n / 2)));
    }
    ask(group, "balance_at_the_end", store, NOW + 10, |ledger, _| ledger.balance_of(TOKEN, RECIPIENT, NOW + 10 * n));
    ask(group, "available", store, middle, |ledger, _| ledger.available(TOKEN, SENDER));
}

/// A user's input as the rollup gives it: JSON read, applied, and committed to disk.
fn advance(group: &mut Group<'_>, store: Store, n: u64) {
    let mut app = App::new(store, Deployment::default());
    let mut index = 0;
    group.bench_function("advance", |bencher| {
        bencher.iter_custom(|iterations| {
            let begin = Instant::now();
            for _ in 0..iterations {
                let outcome = app.advance(&input(index, n + index)).unwrap();
                assert!(outcome.is_accepted, "{outcome:?}");
                index += 1;
            }
            begin.elapsed()
        });
    });
}

fn input(input_index: u64, i: u64) -> Advance {
    let (amount, duration) = terms(i);
    let args = json!({
        "token": TOKEN,
        "receiver": RECIPIENT,
        "amount": amount.to_string(),
        "duration": duration,
        "start": 0,
    });
    let payload = Bytes::from(json!({ "method": "stream", "args": args }).to_string().into_bytes());
    let (generation, app_contract) = (Generation::V2, Some(Address::repeat_byte(0xdd)));
    let metadata = Metadata { generation, app_contract, msg_sender: SENDER, time: NOW + 10, input_index };
    Advance { metadata, payload }
}

/// Measures a change of the ledger without the commit. Nothing is kept, so that all are measured on the same state.
fn bench(
    group: &mut Group<'_>,
    name: &str,
    store: &mut Store,
    now: u64,
    work: impl Fn(&Ledger<'_>, u64) -> Result<(), Stop>,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let ended = store.change(now, |ledger| {
                let begin = Instant::now();
                (0..iterations).try_for_each(|i| work(ledger, i))?;
                Err::<(), _>(Ended::Undone(begin.elapsed()))
            });
            match ended {
                Err(Ended::Undone(elapsed)) => elapsed,
                Err(Ended::Failed(why)) => panic!("{name}: {why}"),
                Ok(()) => unreachable!("a change of the benchmark is undone"),
            }
        });
    });
}

fn ask(
    group: &mut Group<'_>,
    name: &str,
    store: &Store,
    now: u64,
    question: impl Fn(&Ledger<'_>, u64) -> Result<U256, Fault>,
) {
    let mut i = 0;
    store
        .ask::<_, Fault>(now, |ledger| {
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    i += 1;
                    question(ledger, i).unwrap()
                });
            });
            Ok(())
        })
        .unwrap();
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        fs::remove_file(file).ok();
    }
}
