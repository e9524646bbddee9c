//! Analyses of models whose answers are known.

mod optima;
mod sampling;

use std::f64::consts::PI;

use super::{
    compare::{Comparison, Difference, Place, Side, Tolerance, Verdict},
    corners::{MAX_CORNERS, corners},
    montecarlo::{HalfWidth, Stopping, monte_carlo},
    optimize::{Direction, Effort, Goal, Method, Over, optimize, worst_case},
    sensitivity::{Sampling, one_at_a_time, sobol_indices},
    space::Space,
    violations::{Broken, violations},
    *,
};
use crate::{
    kpi::Reduce,
    model::{Failure, Progress, Value, World},
    parameter::{Parameter, Role, Scale, Spread},
    rows::{Column, Rows},
};

/// A model of one step: its columns are functions of the point's numbers and of noise.
struct Formula<F> {
    columns: Vec<Column>,
    formula: F,
}

struct Ready(Vec<f64>);

impl World for Ready {
    fn step(&mut self, rows: &mut Rows) -> Result<Progress, Failure> {
        rows.begin(0, 0);
        self.0.iter().for_each(|value| rows.float(*value));
        Ok(Progress::Done)
    }
}

impl<F: Fn(&[f64], f64) -> Result<Vec<f64>, String> + Send + Sync> Model for Formula<F> {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn n_steps(&self) -> u64 {
        1
    }

    fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure> {
        let numbers: Vec<f64> =
            run.point.values.iter().map(|(_, value)| space::number(value).unwrap_or(f64::NAN)).collect();
        let noise = run.draws("world", "noise").normal();
        let values = (self.formula)(&numbers, noise).map_err(|reason| Failure { timestep: 1, reason })?;
        Ok(Box::new(Ready(values)))
    }
}

fn formula<F: Fn(&[f64], f64) -> Result<Vec<f64>, String> + Send + Sync>(names: &[&str], formula: F) -> Formula<F> {
    Formula { columns: names.iter().map(|name| Column::float(*name)).collect(), formula }
}

fn kpis(names: &[&str]) -> Vec<Kpi> {
    let kpi = |name: &&str| Kpi { name: (*name).to_owned(), column: (*name).to_owned(), reduce: Reduce::Last };
    names.iter().map(kpi).collect()
}

/// The answers with one thread and with two, which must be the same.
#[track_caller]
fn study<R: std::fmt::Debug + serde::Serialize + std::fmt::Display>(
    model: &dyn Model,
    kpis: &[Kpi],
    ask: impl Fn(&Study<'_>) -> Result<R, Error>,
) -> Result<R, Error> {
    let study = |threads| Study { model, kpis, seed: 7, control: Control::quiet(threads) };
    let (one, two) = (ask(&study(1)), ask(&study(2)));
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
    if let Ok(one) = &one {
        assert!(serde_json::to_string(one).unwrap().len() > 10);
        assert!(one.to_string().lines().all(|line| line == line.trim_end()), "{one}");
    }
    one
}

fn range(name: &str, low: f64, high: f64, own: f64) -> Parameter {
    let spread = Spread::Range { low, high, scale: Scale::Linear, is_whole: false };
    with(name, Value::Float(own), Some(spread))
}

fn with(name: &str, value: Value, spread: Option<Spread>) -> Parameter {
    Parameter { name: name.to_owned(), value, spread, role: Role::Controllable }
}

fn bound(kpi: &str, min: Option<f64>, max: Option<f64>) -> Bound {
    Bound { kpi: kpi.to_owned(), min, max }
}

fn numbers(points: &[Point]) -> Vec<Vec<f64>> {
    points.iter().map(|point| point.values.iter().map(|(_, value)| space::number(value).unwrap()).collect()).collect()
}

#[track_caller]
fn close(value: f64, expected: f64, error: f64) {
    assert!((value - expected).abs() <= error, "{value} for {expected}");
}

#[test]
fn monte_carlo_stops_when_narrow_and_knows_the_mean() {
    // Mean 5, deviation 2: a half width of 0.1 takes about (1.96 * 2 / 0.1)^2 = 1537 runs.
    let model = formula(&["x", "fixed"], |_, noise| Ok(vec![5.0 + 2.0 * noise, 3.0]));
    let kpis = kpis(&["x", "fixed"]);
    let stopping =
        Stopping { confidence: 0.95, half_width: HalfWidth::Absolute(0.1), round_runs: 100, max_runs: 5_000 };
    let bounds = [bound("x", Some(3.0), None), bound("fixed", None, Some(3.0))];
    let ask = |study: &Study<'_>| monte_carlo(study, &Point::default(), &bounds, &stopping);
    let found = study(&model, &kpis, ask).unwrap();
    assert!(found.is_reached && found.n_runs % 100 == 0 && (1_300..1_800).contains(&found.n_runs), "{found}");
    assert!(found.kpis[0].interval.contains(5.0) && found.kpis[0].interval.half_width() <= 0.1);
    close(found.kpis[0].deviation, 2.0, 0.1);
    assert_eq!((found.kpis[1].interval.low, found.kpis[1].interval.high), (3.0, 3.0));
    // 84.13 % of a normal lie above the mean less one deviation.
    assert!(found.yields[0].interval.contains(0.8413), "{found}");
    assert_eq!((found.yields[1].n_kept, found.yields[2].n_kept), (found.n_runs, found.yields[0].n_kept));

    // Rounds draw new numbers: as one long round gives.
    let once = Stopping { round_runs: found.n_runs, max_runs: found.n_runs, ..stopping };
    let same = study(&model, &kpis, |study| monte_carlo(study, &Point::default(), &bounds, &once)).unwrap();
    assert_eq!(same, found);
    let few = Stopping { max_runs: 250, ..stopping };
    let few = study(&model, &kpis, |study| monte_carlo(study, &Point::default(), &bounds, &few)).unwrap();
    assert!(!few.is_reached && few.n_runs == 250);
}

#[test]
fn monte_carlo_counts_failures_and_refuses_nonsense() {
    let model = formula(&["x"], |_, noise| if noise > 0.0 { Err("reverted".to_owned()) } else { Ok(vec![noise]) });
    let kpis = kpis(&["x"]);
    let stopping = Stopping { confidence: 0.9, half_width: HalfWidth::Relative(0.0), round_runs: 2, max_runs: 999 };
    let bounds = [bound("x", None, Some(1.0))];
    let with = |stopping: Stopping, bounds: &[Bound]| {
        study(&model, &kpis, |study| monte_carlo(study, &Point::default(), bounds, &stopping))
    };
    let found = with(stopping, &bounds).unwrap();
    assert_eq!((found.n_runs, found.n_failed + found.kpis[0].n, found.is_reached), (999, 999, false));
    assert_eq!(found.yields[0].n_kept, found.kpis[0].n);
    let refused = [
        (Stopping { confidence: 1.0, ..stopping }, "confidence: 1 is not between 0 and 1"),
        (
            Stopping { half_width: HalfWidth::Absolute(f64::NAN), ..stopping },
            "half width: NaN is not a number of at least 0",
        ),
        (Stopping { round_runs: 1, ..stopping }, "runs of a round: 1 is not at least 2: one run has no deviation"),
        (Stopping { max_runs: 1, ..stopping }, "runs at most: 1 is not at least the runs of a round"),
    ];
    for (stopping, expected) in refused {
        assert_eq!(with(stopping, &bounds).unwrap_err().to_string(), expected);
    }
    let unknown = with(stopping, &[bound("y", None, None)]).unwrap_err().to_string();
    assert_eq!(unknown, "there is no kpi `y`: the kpis are `x`");
}

#[test]
fn corners_have_the_extremes_of_a_product() {
    let model = formula(&["xy", "sum"], |p, _| {
        if p[0] == -3.0 && p[1] == 5.0 { Err("gone".to_owned()) } else { Ok(vec![p[0] * p[1], p[0] + p[1]]) }
    });
    let kpis = kpis(&["xy", "sum"]);
    let space = Space::new(&[range("x", -3.0, 2.0, 0.0), range("y", -1.0, 5.0, 0.0)]).unwrap();
    let found = study(&model, &kpis, |study| corners(study, &space, 2)).unwrap();
    let means: Vec<f64> = found.corners.iter().map(|corner| corner.kpis[0].mean).collect();
    assert_eq!((means[0], means[2], means[3]), (3.0, -2.0, 10.0));
    assert!(means[1].is_nan() && found.corners[1].n_failed == 2);
    let xy = &found.extremes[0];
    assert_eq!((xy.min, xy.min_at, xy.max, xy.max_at), (-2.0, Some(2), 10.0, Some(3)));
    assert_eq!((found.extremes[1].min_at, found.extremes[1].max_at), (Some(0), Some(3)));

    let many: Vec<_> = (0..17).map(|i| range(&format!("p{i}"), 0.0, 1.0, 0.5)).collect();
    let many = Space::new(&many).unwrap();
    let error = study(&model, &kpis, |study| corners(study, &many, 1)).unwrap_err();
    assert_eq!(error, Error::TooMany { what: "combinations of values", n: "131072".to_owned(), max: MAX_CORNERS });
    // A distribution ends three deviations from its mean.
    let normal = with("z", Value::Float(0.0), Some(Spread::Normal { mean: 10.0, deviation: 2.0 }));
    let ends = Space::new(&[normal]).unwrap().ends(0);
    let ends: Vec<f64> = ends.iter().filter_map(space::number).collect();
    close(ends[0], 4.0, 1e-9);
    close(ends[1], 16.0, 1e-9);
}

#[test]
fn one_at_a_time_of_a_plane_gives_its_slopes() {
    let model = formula(&["f"], |p, _| Ok(vec![3.0 * p[0] - 2.0 * p[1] + p[2]]));
    let kpis = kpis(&["f"]);
    let list = Spread::List([5, 0, 9].map(Value::Integer).to_vec());
    let space =
        Space::new(&[range("a", 0.0, 2.0, 1.0), range("b", 0.0, 10.0, 4.0), with("c", Value::Integer(5), Some(list))])
            .unwrap();
    let found = study(&model, &kpis, |study| one_at_a_time(study, &space, 1)).unwrap();
    assert_eq!(found.own, [0.0]);
    let of = |name: &str| found.swings.iter().find(|swing| swing.parameter == name).unwrap();
    assert_eq!((of("a").swing, of("a").derivative), (6.0, Some(3.0)));
    assert_eq!((of("b").swing, of("b").derivative), (20.0, Some(-2.0)));
    assert_eq!((of("c").swing, of("c").derivative), (9.0, Some(1.0)));
    let order: Vec<_> = found.of_kpi("f").iter().map(|swing| swing.parameter.as_str()).collect();
    assert_eq!(order, ["b", "c", "a"]);

    let failing = formula(&["f"], |p, _| if p[0] > 1.5 { Err("too much".to_owned()) } else { Ok(vec![p[0]]) });
    let error = study(&failing, &kpis, |study| one_at_a_time(study, &space, 1)).unwrap_err().to_string();
    assert_eq!(
        error,
        "run 1 at a=2 b=4 c=5 has no value to go by: timestep 1: too much; narrow the spreads to where the model works"
    );
}

#[test]
fn sobol_indices_of_ishigami_as_published() {
    let ishigami = |p: &[f64]| libm::sin(p[0]) + 7.0 * libm::sin(p[1]).powi(2) + 0.1 * p[2].powi(4) * libm::sin(p[0]);
    let model = formula(&["f", "constant"], move |p, _| Ok(vec![ishigami(p), 1.0]));
    let kpis = kpis(&["f", "constant"]);
    let space = Space::new(&["a", "b", "c"].map(|name| range(name, -PI, PI, 0.0))).unwrap();
    let sampling = Sampling { n_base: 4_096, n_runs: 1, n_bootstrap: 200, confidence: 0.95 };
    let found = study(&model, &kpis, |study| sobol_indices(study, &space, &sampling)).unwrap();
    assert_eq!(found.n_points, 4_096 * 5);
    close(found.kpis[0].variance, 13.8446, 0.1);
    let published = [(0.3139, 0.5576), (0.4424, 0.4424), (0.0, 0.2437)];
    for (index, (first, total)) in found.kpis[0].parameters.iter().zip(published) {
        close(index.first, first, 0.01);
        close(index.total, total, 0.01);
        assert!(index.first_interval.contains(first) && index.total_interval.contains(total), "{found}");
        assert!(index.total_interval.half_width() < 0.05, "{found}");
    }
    assert!(found.kpis[1].parameters.iter().all(|index| index.first.is_nan() && index.total.is_nan()));
}

fn outcomes(values: &[f64]) -> Vec<Outcome> {
    let outcome = |(i, value): (usize, &f64)| Outcome {
        subset: 0,
        number: i as u64 + 1,
        n_rows: 1,
        hash: std::array::from_fn(|i| value.to_bits().to_be_bytes()[i % 8]),
        kpis: vec![*value],
        failure: None,
    };
    values.iter().enumerate().map(outcome).collect()
}

#[test]
fn comparisons_say_identical_equal_or_different() {
    let kpis = kpis(&["f"]);
    let compare = |a: &[f64], b: &[f64], tolerance| {
        let (a, b) = (outcomes(a), outcomes(b));
        let side = |outcomes| Side { kpis: &kpis, outcomes };
        Comparison::of_runs(side(&a), side(&b), tolerance, 0.95).unwrap()
    };
    let exact = Tolerance::default();
    let same = compare(&[1.0, f64::NAN, f64::INFINITY], &[1.0, f64::NAN, f64::INFINITY], exact);
    assert_eq!(same.verdict, Verdict::Identical);
    let near = compare(&[1.0, 2.0], &[1.0 + 1e-12, 2.0], Tolerance { relative: 1e-9, ..exact });
    assert_eq!((near.verdict, near.kpis[0].difference.n_unequal), (Verdict::EqualWithin, 1));
    for (a, b) in [(1.0, 1.1), (1.0, f64::NAN), (1.0, f64::INFINITY), (f64::NEG_INFINITY, f64::INFINITY)] {
        let loose = Tolerance { relative: 0.01, absolute: 0.01 };
        assert_eq!(compare(&[a], &[b], loose).verdict, Verdict::Different, "{a} {b}");
    }
    let longer = compare(&[1.0], &[1.0, 2.0], exact);
    assert_eq!((longer.verdict, longer.n_only_b), (Verdict::Different, 1));

    // Differences 1, 2, 3, 4, 5: mean 3, deviation sqrt(2.5), t = 3 / sqrt(0.5) = 4.243, p = 0.01324 for 4 degrees.
    let changed = compare(&[0.0; 5], &[1.0, 2.0, 3.0, 4.0, 5.0], exact);
    let kpi = &changed.kpis[0];
    close(kpi.p_value, 0.013_24, 5e-6);
    close(kpi.change.low, 3.0 - 2.776_445 * 0.5_f64.sqrt(), 1e-6);
    assert_eq!((kpi.difference.absolute, kpi.difference.absolute_at.unwrap().run), (5.0, 5));
    assert!(changed.to_string().starts_with("different: 5 pairs, 0 with the same rows\n"), "{changed}");
}

#[test]
fn column_differences_say_where() {
    let mut column = Difference::new("price", Tolerance::default());
    let place = |timestep| Place { subset: 0, run: 1, timestep };
    for (timestep, a, b) in [(1, 1.0, 1.0), (2, 1000.0, 1001.0), (3, 0.1, 0.2), (4, -0.0, 0.0)] {
        column.add(place(timestep), a, b);
    }
    assert_eq!((column.n, column.n_unequal, column.n_beyond), (4, 3, 2));
    assert_eq!((column.absolute, column.absolute_at), (1.0, Some(place(2))));
    assert_eq!((column.relative, column.relative_at), (0.5, Some(place(3))));
    column.add(place(5), 1.0, f64::NAN);
    assert!(column.absolute.is_nan() && column.absolute_at == Some(place(5)));
}

#[test]
fn violations_name_run_value_and_bound() {
    let mut outcomes = outcomes(&[1.0, 5.0, -2.0, f64::NAN, 0.0]);
    outcomes[4].failure = Some(Failure { timestep: 3, reason: "reverted".to_owned() });
    let kpis = kpis(&["f"]);
    let found = violations(&outcomes, &kpis, &[bound("f", Some(0.0), Some(4.0)), bound("f", None, Some(2.0))]).unwrap();
    assert_eq!((found.n_runs, found.n_bad_runs, found.n_violations), (5, 4, 6));
    let runs: Vec<_> = found.listed.iter().map(|violation| violation.run).collect();
    assert_eq!(runs, [2, 2, 3, 4, 4, 5]);
    let Broken::Bound { value, min, max, .. } = &found.listed[2].broken else { panic!() };
    assert_eq!((*value, *min, *max), (-2.0, Some(0.0), Some(4.0)));
    let text = found.to_string();
    assert!(text.starts_with("4 of 5 runs out of bounds or failed\n"), "{text}");
    assert!(text.ends_with("failed at timestep 3: reverted\n"), "{text}");
    assert_eq!(
        violations(&outcomes[..1], &kpis, &[bound("f", Some(1.0), Some(1.0))]).unwrap().to_string(),
        "1 run, all within bounds\n"
    );
}
