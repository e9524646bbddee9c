//! Crowdsales by streams: numbers that were worked out by hand.

#[path = "models/mod.rs"]
mod models;

use models::{THIEF, Table, WITH_THIEF, changed, close, ran, run};
use sim::economy::Economy;

const DAYS: f64 = 86_400.0;

/// One investor of 1,000 DAI from the first day on.
fn one_investor() -> Economy {
    let changes = [("amount_spread = 0.5\n", ""), ("joins_within = \"14d\"", "joins_within = 0")];
    changed("crowdsale.toml", &changes, &[])
}

/// A fraud that does not collapse, and an investor who stops on the day of the first bad news.
const FRAUD: [(&str, f64); 4] = [("n_investors", 1.0), ("fraud", 1.0), ("collapses_after", 1e14), ("delay", 0.0)];

const HEARD: (&str, f64) = ("reacts", 1.0);

/// The day of the first bad news.
fn day_of_news(table: &Table) -> usize {
    table.column("n_news").iter().position(|n| *n > 0.0).expect("there is news")
}

#[test]
fn who_stops_saves_what_was_not_streamed() {
    let table = ran(&one_investor(), 1, &[&FRAUD[..], &[HEARD]].concat());
    table.is_conserved();
    let day = day_of_news(&table);
    assert!((5..170).contains(&day), "{day}");
    let streamed = 1_000.0 * day as f64 / 180.0;
    close(table.last("lost by streams"), streamed);
    close(table.last("received by streams"), streamed);
    close(table.last("still the investors'"), 1_000.0 - streamed);
    close(table.last("saved"), 1_000.0 - streamed);
    assert_eq!((table.last("lost at once"), table.last("n_stopped")), (1_000.0, 1.0));
    // A run ends with the tick after its duration, of day 201. Until then the project has it day by day: a ramp up to the
    // day of the news, the sum of 0, 1, …, day - 1 being half of day (day - 1), then all of it.
    let ramp = streamed * (day as f64 - 1.0) / 2.0;
    close(table.last("token years by streams"), (ramp + streamed * (202.0 - day as f64)) / 365.0);
    close(table.last("token years at once"), 1_000.0 * 201.0 / 365.0);
}

#[test]
fn what_is_paid_at_once_is_lost() {
    let economy = one_investor();
    let with = |upfront: f64| ran(&economy, 1, &[&FRAUD[..], &[HEARD, ("upfront", upfront)]].concat());
    let (none, quarter, all) = (with(0.0), with(0.25), with(1.0));
    let day = day_of_news(&none);
    assert_eq!((day_of_news(&quarter), day_of_news(&all)), (day, day));
    close(quarter.last("lost by streams"), 250.0 + 750.0 * day as f64 / 180.0);
    assert_eq!((all.last("lost by streams"), all.last("saved"), all.last("n_stopped")), (1_000.0, 0.0, 0.0));
    assert_eq!(all.last("token years by streams"), all.last("token years at once"));
    for table in [none, quarter, all] {
        table.is_conserved();
    }
}

#[test]
fn who_does_not_hear_loses_all() {
    let table = ran(&one_investor(), 1, &[&FRAUD[..], &[("reacts", 0.0)]].concat());
    assert!(day_of_news(&table) > 0);
    close(table.last("lost by streams"), 1_000.0);
    assert_eq!(table.last("n_stopped"), 0.0);
}

#[test]
fn an_honest_project_gets_all_but_what_false_news_costs() {
    let honest = [("n_investors", 1.0), ("fraud", 0.0), ("reacts", 1.0), ("delay", 0.0)];
    let quiet = ran(&one_investor(), 1, &[&honest[..], &[("false_news_after", 1e14)]].concat());
    close(quiet.last("received by streams"), 1_000.0);
    assert_eq!((quiet.last("lost at once"), quiet.last("missed")), (0.0, 0.0));
    let loud = ran(&one_investor(), 1, &[&honest[..], &[("false_news_after", 30.0 * DAYS)]].concat());
    let day = day_of_news(&loud) as f64;
    close(loud.last("missed"), 1_000.0 * (1.0 - day / 180.0));
    assert_eq!(loud.last("lost by streams"), 0.0);
}

#[test]
fn a_collapse_stops_all() {
    let values = [("n_investors", 3.0), ("fraud", 1.0), ("reacts", 0.0), ("collapses_after", 40.0 * DAYS)];
    let n_stopped: Vec<f64> = (0..4).map(|seed| ran(&one_investor(), seed, &values).last("n_stopped")).collect();
    assert!(n_stopped.iter().all(|n| [0.0, 3.0].contains(n)) && n_stopped.contains(&3.0), "{n_stopped:?}");
}

#[test]
fn no_unit_is_lost_whatever_happens() {
    let economy = changed("crowdsale.toml", &[("duration = \"200d\"", "duration = \"100d\"")], &[]);
    let (mut n_stopped, mut n_frauds) = (0.0, 0.0);
    for seed in 0..8_u32 {
        let by_seed = f64::from(seed);
        let table = ran(
            &economy,
            seed.into(),
            &[
                ("n_investors", 2.0 + by_seed),
                ("upfront", by_seed / 7.0),
                ("sale", (30.0 + 10.0 * by_seed) * DAYS),
                ("bad_news_after", 20.0 * DAYS),
                ("false_news_after", 100.0 * DAYS),
                ("withdraw_every", (1.0 + 3.0 * by_seed) * DAYS),
                ("delay", by_seed * DAYS),
            ],
        );
        table.is_conserved();
        let (received, pledged) = (table.last("received by streams"), table.last("received at once"));
        close(received + table.last("still the investors'"), pledged);
        assert!(table.last("saved") >= 0.0);
        n_stopped += table.last("n_stopped");
        n_frauds += table.last("is_fraud");
    }
    assert!(n_stopped > 5.0 && (1.0..8.0).contains(&n_frauds), "{n_stopped} {n_frauds}");
}

#[test]
fn three_units_that_are_gone_are_missed() {
    let changes = [("duration = \"200d\"", "duration = \"50d\""), WITH_THIEF];
    let table = ran(&changed("crowdsale.toml", &changes, &[THIEF]), 1, &[("n_investors", 5.0), ("fraud", 0.0)]);
    let unaccounted = table.column("unaccounted");
    assert_eq!((unaccounted[40], unaccounted[41]), (0.0, 6.0));
}

#[track_caller]
fn check_refused(name: &str, value: f64, expected: &str) {
    let failure = run(&one_investor(), 1, &[(name, value)]).err().expect("it is refused");
    assert!(failure.reason.contains("crowdsale.toml:") && failure.reason.contains(expected), "{failure}");
}

#[test]
fn settings_that_cannot_be_are_refused() {
    check_refused("upfront", 1.5, "`upfront` is 1.5, not a share of 0 to 1");
    check_refused("sale", 60.0, "a `sale` of 60 s has no interval of 3600 s: make it longer");
    check_refused("delay", -1.0, "`delay` is -1, below 0");
    check_refused("n_investors", 0.5, "`count` is 0.5, not a whole number");
}
