//! Subscriptions by streams: numbers that were worked out by hand.

#[path = "models/mod.rs"]
mod models;

use models::{THIEF, WITH_THIEF, changed, close, ran};
use sim::economy::Economy;

const DAYS: f64 = 86_400.0;

/// One subscriber from the first day on, who stays for ever.
const ONE: [(&str, f64); 3] = [("n_subscribers", 1.0), ("stays", 1e15), ("card_fails", 0.0)];

fn from_the_first_day() -> Economy {
    changed("subscriptions.toml", &[("joins_within = \"180d\"", "joins_within = 0")], &[])
}

#[test]
fn a_faithful_subscriber() {
    let table = ran(&from_the_first_day(), 1, &[&ONE[..], &[("forgets", 0.0)]].concat());
    table.is_conserved();
    // 730 days at 10 DAI for 30 days.
    close(table.last("accrued by streams"), 730.0 / 3.0);
    close(table.last("possible"), 730.0 / 3.0);
    // Ninety days are prepaid; topped up on days 83, 173, …, 713, each time for 90 days more.
    assert_eq!(table.last("n_topups"), 8.0);
    // A top-up pays the merchant what is due; row 17 is day 85.
    close(table.column("withdrawn by the merchant")[17], 83.0 / 3.0);
    close(table.last("locked in streams"), (810.0 - 730.0) / 3.0);
    // The last withdrawal was on day 720.
    close(table.last("withdrawn by the merchant"), 720.0 / 3.0);
    // Twenty-five months of a card, of which the last has twenty days to go.
    close(table.last("charged to cards less fees"), 25.0 * (10.0 - 0.29 - 0.30));
    close(table.last("paid ahead by card"), 10.0 * 20.0 / 30.0);
    assert_eq!((table.last("n_active"), table.last("n_dry"), table.last("n_left")), (1.0, 0.0, 0.0));
    close(table.last("cost of gas"), table.last("all_gas") * 0.02e-9 * 3_000.0);
}

#[test]
fn a_forgetful_subscriber_runs_dry() {
    let table = ran(&from_the_first_day(), 1, &[&ONE[..], &[("forgets", 1.0)]].concat());
    table.is_conserved();
    close(table.last("accrued by streams"), 30.0);
    close(table.last("withdrawn by the merchant"), 30.0);
    assert_eq!((table.last("n_active"), table.last("n_dry"), table.last("ran dry")), (0.0, 1.0, 1.0));
    assert_eq!((table.last("n_topups"), table.last("locked in streams")), (0.0, 0.0));
    close(table.last("possible"), 730.0 / 3.0);
}

#[test]
fn a_card_that_fails_pays_nothing() {
    let table = ran(&from_the_first_day(), 1, &[("n_subscribers", 4.0), ("card_fails", 1.0)]);
    assert_eq!((table.last("n_card_lost"), table.last("charged to cards less fees")), (4.0, 0.0));
}

/// Withdrawals in one transaction bring the same for less gas.
#[test]
fn batches_save_gas() {
    let economy = changed("subscriptions.toml", &[("duration = \"2y\"", "duration = \"130d\"")], &[]);
    let with = |batched: f64| {
        ran(&economy, 3, &[("n_subscribers", 8.0), ("batched", batched), ("stays", 1e15), ("forgets", 0.0)])
    };
    let (batched, single) = (with(1.0), with(0.0));
    assert_eq!(batched.last("withdrawn by the merchant"), single.last("withdrawn by the merchant"));
    assert!(batched.last("withdrawn by the merchant") > 0.0);
    assert!(batched.last("merchant_gas") < 0.9 * single.last("merchant_gas"));
}

#[test]
fn no_unit_is_lost_whatever_happens() {
    let changes = [("duration = \"2y\"", "duration = \"150d\""), ("joins_within = \"180d\"", "joins_within = \"50d\"")];
    let economy = changed("subscriptions.toml", &changes, &[]);
    let (mut n_left, mut n_dry) = (0.0, 0.0);
    for seed in 0..8_u32 {
        let by_seed = f64::from(seed);
        let n_subscribers = 3.0 + by_seed;
        let table = ran(
            &economy,
            seed.into(),
            &[
                ("n_subscribers", n_subscribers),
                ("price", 1.0 + 7.0 * by_seed),
                ("prepaid", (10.0 + 5.0 * by_seed) * DAYS),
                ("lead", (1.0 + by_seed) * DAYS),
                ("withdraw_every", (1.0 + 4.0 * by_seed) * DAYS),
                ("batched", f64::from(seed % 2)),
                ("forgets", 0.04 * by_seed),
                ("stays", 100.0 * DAYS),
            ],
        );
        table.is_conserved();
        assert_eq!(table.last("n_active") + table.last("n_left") + table.last("n_dry"), n_subscribers);
        assert!(table.last("accrued by streams") <= table.last("possible"));
        n_left += table.last("n_left");
        n_dry += table.last("n_dry");
    }
    assert!(n_left > 5.0 && n_dry > 5.0, "{n_left} {n_dry}");
}

#[test]
fn three_units_that_are_gone_are_missed() {
    let changes = [("duration = \"2y\"", "duration = \"60d\""), WITH_THIEF];
    let table = ran(&changed("subscriptions.toml", &changes, &[THIEF]), 1, &[("n_subscribers", 20.0)]);
    let unaccounted = table.column("unaccounted");
    // Rows are five days apart, and a tick is a day.
    assert_eq!((unaccounted[8], unaccounted[9]), (0.0, 6.0));
}
