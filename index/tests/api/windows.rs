//! Sums over windows, against adding up again.

use alloy::primitives::U256;
use index::windows::{self, Window};
use proptest::{collection::vec, option, prelude::*, test_runner::TestRunner};

use crate::{
    store::{PACE, SIZE, Store},
    world::{LATE, TOKENS, World},
};

/// What each epoch adds to a project; nothing where it has no snapshot.
type Amounts = Vec<Option<u64>>;

fn filled(projects: &[Amounts]) -> Store {
    let mut store = Store::empty();
    let n_epochs = projects[0].len() as u64;
    store.run("BEGIN", &[]);
    store.blocks(n_epochs * SIZE - 1);
    for id in 0..n_epochs {
        store.epoch(id, 1);
    }
    for (i, amounts) in projects.iter().enumerate() {
        write_totals(&mut store, i, amounts, 0);
    }
    store.run("COMMIT", &[]);
    store
}

/// Totals of the project from epoch `first` on.
fn write_totals(store: &mut Store, project: usize, amounts: &Amounts, first: usize) {
    let mut total = U256::ZERO;
    for (id, amount) in amounts.iter().enumerate() {
        let Some(amount) = amount else { continue };
        total += U256::from(*amount);
        if id >= first {
            store.total(&format!("p/{project}"), "amount", id as u64, total);
        }
    }
}

fn recounted(amounts: &Amounts, window: Window) -> U256 {
    let range = usize::try_from(window.from).unwrap()..=usize::try_from(window.to).unwrap();
    amounts[range].iter().flatten().map(|amount| U256::from(*amount)).sum()
}

fn expect_recount(store: &mut Store, projects: &[Amounts]) {
    let n_epochs = projects[0].len() as u64;
    for (from, to) in (0..n_epochs).flat_map(|to| (0..=to).map(move |from| (from, to))) {
        let window = Window::new(from, to).unwrap();
        for (i, amounts) in projects.iter().enumerate() {
            let project = format!("p/{i}");
            let sum = windows::sum(store.database.as_mut(), &project, "amount", window).unwrap();
            assert_eq!(sum, recounted(amounts, window), "{project} over {window:?}");
        }
    }
}

#[test]
fn sums_equal_a_recount_also_after_a_reorg() {
    let amounts = |n| vec(option::weighted(0.8, any::<u64>()), n);
    let strategy = (2usize..12).prop_flat_map(|n| {
        // A project that begins late, gaps, and a tail that is replaced.
        (vec(amounts(n), 1..3), 0..n).prop_flat_map(move |(projects, fork)| {
            let tails = vec(amounts(n), projects.len());
            (Just(projects), Just(fork), tails)
        })
    });
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let checked = TestRunner::new(config).run(&strategy, |(mut projects, fork, tails)| {
        let mut store = filled(&projects);
        expect_recount(&mut store, &projects);
        store.run(&format!("DELETE FROM prefix_sum WHERE epoch >= {fork}"), &[]);
        for (i, (project, tail)) in projects.iter_mut().zip(tails).enumerate() {
            project[fork..].copy_from_slice(&tail[fork..]);
            write_totals(&mut store, i, project, fork);
        }
        expect_recount(&mut store, &projects);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn a_window_of_time_has_the_epochs_that_end_in_it() {
    let mut store = filled(&[vec![Some(1); 9]]);
    let epoch = SIZE * PACE;
    for (to, seconds, from) in [
        (8, 0, 8),
        (8, epoch - 1, 8),
        (8, epoch, 7),
        (8, 3 * epoch + 1, 5),
        (8, u64::MAX, 0),
        (0, epoch, 0),
        (4, 4 * epoch, 0),
        (4, 4 * epoch - 1, 1),
    ] {
        let window = windows::ending_at(store.database.as_mut(), to, seconds).unwrap();
        assert_eq!(window, Window { from, to }, "{seconds} seconds before the end of {to}");
    }
}

#[test]
fn epochs_that_end_in_the_same_second_are_in_the_same_windows() {
    let mut store = filled(&[vec![Some(1); 5]]);
    store.run("UPDATE epoch SET end_timestamp = 5000", &[]);
    assert_eq!(windows::ending_at(store.database.as_mut(), 4, 0).unwrap(), Window { from: 0, to: 4 });
}

#[test]
fn epochs_that_are_missing_are_damage() {
    let mut store = filled(&[vec![Some(5), Some(1), Some(1)]]);
    store.run("DELETE FROM epoch WHERE id = 1", &[]);
    let error = windows::ending_at(store.database.as_mut(), 2, 1_000_000).unwrap_err();
    assert!(error.to_string().contains("epoch 1 is not there"), "{error}");
}

#[test]
fn the_newest_epoch_is_the_last_one_that_was_added_up() {
    let mut store = filled(&[vec![Some(1); 4]]);
    assert_eq!(windows::newest(store.database.as_mut()).unwrap(), Some(3));
    store.cursor("snapshots", 2 * SIZE - 1);
    assert_eq!(windows::newest(store.database.as_mut()).unwrap(), Some(1));
    assert_eq!(windows::newest(Store::empty().database.as_mut()).unwrap(), None);
}

#[tokio::test]
async fn are_told_with_the_block_that_they_are_of() {
    let world = World::full().await;
    let window = world.json(&format!("/v1/windows?project={TOKENS}&from=2&to=3")).await;
    assert_eq!(
        window["sums"],
        serde_json::json!([
            { "name": "n_transfers", "amount": "60" },
            { "name": "volume", "amount": "2000" }
        ])
    );
    assert_eq!((&window["state"], &window["block"]), (&"final".into(), &39.into()));
    let newest = world.json(&format!("/v1/windows?project={TOKENS}&name=volume&window=1d")).await;
    assert_eq!((&newest["from"], &newest["to"], &newest["state"]), (&0.into(), &5.into(), &"tentative".into()));
    assert_eq!(newest["sums"], serde_json::json!([{ "name": "volume", "amount": "6000" }]));
    let late = world.json(&format!("/v1/windows?project={LATE}&from=0")).await;
    assert_eq!(late["sums"], serde_json::json!([{ "name": "n_transfers", "amount": "28" }]));
}

#[tokio::test]
async fn that_cannot_be_are_refused_with_the_remedy() {
    let world = World::full().await;
    for (query, status, told) in [
        ("from=4&to=3", 400, "from is \"4\"; give at most 3, the last epoch"),
        ("from=0&to=6", 400, "to is \"6\"; give at most 5, the newest epoch with sums"),
        ("from=0&window=1d", 400, "from and window are both given; give one of them"),
        ("to=3", 400, "neither from nor window is given; give one, such as window=24h"),
        ("window=1y", 400, "window is \"1y\"; give a time such as 24h, 7d, 30m or 3600s"),
        ("from=0&name=fees", 404, "\"fees\" is no sum of tokens/all; give one of n_transfers, volume"),
    ] {
        let (_, message) = world.failure(&format!("/v1/windows?project={TOKENS}&{query}"), status).await;
        assert_eq!(message, told);
    }
    let (code, _) = world.failure("/v1/windows?project=nobody&from=0", 404).await;
    assert_eq!(code, "not_found");
}
