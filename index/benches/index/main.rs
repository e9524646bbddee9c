//! What the index costs, on chains of Uniswap V2 pairs that anvil serves: rows of events, snapshots of all epochs, the
//! time from a block to its rows, and how these grow with logs and pairs. Writes `BENCH.md` and two pictures.
//!
//! Each figure is of a process of its own, so that its time and memory are nobody else's. `LOGS=100000` leaves out larger
//! chains, and writes nothing.
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::unwrap_used)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures are for people")]

#[path = "../../../dapp/examples/chart/mod.rs"]
mod chart;
#[path = "../../tests/fixture/mod.rs"]
mod fixture;
mod lag;
mod market;
mod measured;
#[path = "../../tests/postgres/mod.rs"]
mod postgres;
mod report;
mod settings;

use std::path::{Path, PathBuf};
use std::time::Instant;

use market::Market;
use measured::{Measured, Until};
use report::{Grown, Line, Report};
use serde_json::json;
use settings::{Kind, Settings, Store};

/// Logs of the pairs, about, and pairs, of each chain; and how often each figure is taken.
const CHAINS: [(u64, usize, usize); 5] =
    [(100_000, 16, 5), (10_000, 16, 1), (10_000, 160, 1), (100_000, 160, 1), (1_000_000, 16, 1)];

/// How often figures of PostgreSQL are taken at most.
const N_ROUNDS_POSTGRES: usize = 3;

/// Bytes that no answer with an error has.
const LEAST_ANSWER: usize = 1 << 20;

/// Blocks of trade that are followed as they come.
const N_LIVE_BLOCKS: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, config, blocks, epochs] = &arguments[..]
        && word == measured::WORD
    {
        return measured::run(Path::new(config), Until::parse(blocks, epochs));
    }
    let most: u64 = std::env::var("LOGS").map_or(u64::MAX, |most| most.parse().expect("LOGS is a number"));
    let folder = Folder::make();
    let stores = [Some(Store::Sqlite), postgres::url().map(|_| Store::Postgres)];
    let mut report = Report::default();
    for (n_logs, n_pairs, n_rounds) in CHAINS.into_iter().filter(|(n_logs, ..)| *n_logs <= most) {
        let mut market = Market::start(n_logs, n_pairs);
        for store in stores.into_iter().flatten() {
            // PostgreSQL takes ten times as long, and what it does in that time is the same in each round.
            let n_rounds = if store == Store::Postgres { n_rounds.min(N_ROUNDS_POSTGRES) } else { n_rounds };
            let mut run = Run { folder: &folder.0, market: &mut market, store, n_rounds, report: &mut report };
            let grown = run.grow();
            report.grown.push(grown);
        }
        // After each chain, since the last take minutes.
        if most == u64::MAX {
            report.write();
        }
    }
}

/// One chain and one store.
struct Run<'r> {
    folder: &'r Path,
    market: &'r mut Market,
    store: Store,
    n_rounds: usize,
    report: &'r mut Report,
}

impl Run<'_> {
    fn grow(&mut self) -> Grown {
        let (head, n_epochs) = (self.market.fixture.head, self.market.n_epochs());
        let until = Until::Done { head, n_epochs };
        let (mut raw, mut rows, mut snapshots) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.n_rounds {
            raw.push(self.download());
            rows.push(self.measure(&self.settings(Kind::Events, false), Until::Done { head, n_epochs: 0 }));
            let mut settings = self.settings(Kind::Uniswap, false);
            self.measure(&settings, Until::Done { head, n_epochs: 0 });
            settings.has_epochs = true;
            snapshots.push(self.measure(&settings, until));
        }
        let (n_logs, n_pairs) = (rows[0].rows, self.market.pairs.len());
        self.line(format!("{n_logs} logs read as one answer of `eth_getLogs`, not decoded"), n_logs, &raw);
        self.line(format!("{n_logs} logs of {n_pairs} pairs into rows"), n_logs, &rows);
        self.line(format!("{n_epochs} epochs of {n_pairs} pairs: snapshots, sums and chain"), n_epochs, &snapshots);
        if self.n_rounds > 1 {
            for (kind, name) in [(Kind::Events, "events"), (Kind::Uniswap, "uniswap-v2")] {
                let rounds = 0..self.n_rounds;
                let whole: Vec<_> = rounds.map(|_| self.measure(&self.settings(kind, true), until)).collect();
                self.line(
                    format!("{n_logs} logs into rows and {n_epochs} epochs, of the kind `{name}`"),
                    n_logs,
                    &whole,
                );
            }
            let settings = self.settings(Kind::Uniswap, true);
            let lags = lag::measure(self.market, &settings, N_LIVE_BLOCKS);
            self.report.lag(self.store, &lags);
        }
        let rate = |of: &[Measured], count: u64| count as f64 / report::median(of.iter().map(|one| one.wall));
        Grown {
            store: self.store,
            n_pairs,
            n_logs,
            logs_a_second: rate(&rows, n_logs),
            raw_a_second: rate(&raw, n_logs),
            epochs_a_second: rate(&snapshots, n_epochs),
        }
    }

    fn line(&mut self, what: String, count: u64, of: &[Measured]) {
        self.report.add(Line::new(what, self.store, count, of));
    }

    fn settings(&self, kind: Kind, has_epochs: bool) -> Settings {
        Settings::new(self.folder, self.market, self.store, kind, has_epochs)
    }

    fn measure(&self, settings: &Settings, until: Until) -> Measured {
        measured::start(&settings.write(self.market), until).end()
    }

    /// What `curl` would do: one question for all logs, and the answer read to its end.
    fn download(&self) -> Measured {
        let range = json!([{
            "fromBlock": "0x0", "toBlock": format!("{:#x}", self.market.fixture.head), "address": self.market.pairs,
        }]);
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": range }).to_string();
        let begin = Instant::now();
        let answer = self.market.fixture.ask(&request);
        let time = begin.elapsed();
        assert!(answer.len() > LEAST_ANSWER, "{}", String::from_utf8_lossy(&answer));
        Measured::of_download(time)
    }
}

/// A folder that goes with the process.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("index-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
