//! The time from a block that is mined to its rows in the store, as a reader sees them.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use index::database::{self, Database};

use crate::market::Market;
use crate::measured::{self, Until};
use crate::settings::Settings;

const BLOCK_TIME: Duration = Duration::from_millis(200);

/// The pause between two looks at the store.
const LOOK: Duration = Duration::from_millis(2);

/// How long rows may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Mines so many blocks of trade while a node follows, and gives the lag of each in seconds.
pub(crate) fn measure(market: &mut Market, settings: &Settings, n_blocks: usize) -> Vec<f64> {
    let node = measured::start(&settings.write(market), Until::Told);
    let mut store = open(settings, market.fixture.head);
    let (mined_in, mined) = mpsc::channel();
    let lags = thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = Instant::now();
            for _ in 0..n_blocks {
                market.send_trades();
                next += BLOCK_TIME;
                thread::sleep(next.saturating_duration_since(Instant::now()));
                market.mine();
                mined_in.send((market.fixture.head, Instant::now())).expect("the reader reads to the end");
            }
        });
        mined.iter().map(|(block, at)| wait(store.as_mut(), block, at)).collect()
    });
    node.end();
    lags
}

/// Opens the store to read when the node has made it, and waits until it has come to `head`.
fn open(settings: &Settings, head: u64) -> Box<dyn Database> {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE, "the node does not come to block {head}");
        thread::sleep(LOOK);
        let Ok(mut store) = database::open_to_read(&settings.store) else { continue };
        let sql = "SELECT number FROM cursor WHERE name = 'dag'";
        let stored = store.ask(sql, &[]).ok().and_then(|rows| rows.first()?.count(0).ok());
        // What is not final has no place in the chain of snapshots.
        if stored.is_some_and(|stored| stored + 80 >= head) {
            return store;
        }
    }
}

/// Each block of trade has a row here.
fn wait(store: &mut dyn Database, block: u64, mined: Instant) -> f64 {
    let sql = "SELECT block FROM uniswap_sync ORDER BY block DESC, idx DESC LIMIT 1";
    loop {
        let rows = store.ask(sql, &[]).unwrap();
        if rows.first().is_some_and(|row| row.count(0).unwrap() >= block) {
            // Rows may be there before anvil's answer is.
            return mined.elapsed().as_secs_f64();
        }
        assert!(mined.elapsed() < PATIENCE, "block {block} does not come");
        thread::sleep(LOOK);
    }
}
