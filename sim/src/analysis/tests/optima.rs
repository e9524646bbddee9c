//! Optima and worst cases.

use super::*;

fn effort(method: Method, max_evaluations: usize) -> Effort {
    Effort { method, max_evaluations, n_runs: 1 }
}

fn goal(kpi: &str, direction: Direction, over: Over) -> Goal {
    Goal { kpi: kpi.to_owned(), direction, over }
}

#[test]
fn optimisers_find_the_best_within_bounds() {
    // Greatest x + y on the disc x^2 + y^2 <= 2, which is (1, 1).
    let model = formula(&["f", "r"], |p, _| Ok(vec![p[0] + p[1], p[0] * p[0] + p[1] * p[1]]));
    let kpis = kpis(&["f", "r"]);
    let space = Space::new(&[range("x", -2.0, 2.0, -1.0), range("y", -2.0, 2.0, 0.5)]).unwrap();
    let bounds = [bound("r", None, Some(2.0))];
    let goal = goal("f", Direction::Maximise, Over::Mean);
    for (method, error) in [(Method::Global, 1e-4), (Method::Local, 2e-2)] {
        let effort = effort(method, 6_000);
        let found = study(&model, &kpis, |study| optimize(study, &space, &goal, &bounds, &effort)).unwrap();
        assert!(found.is_feasible && found.violation == 0.0 && found.n_evaluations <= 6_000, "{found}");
        close(found.value, 2.0, error);
        assert_eq!(found.kpis[0].1, found.value);
        assert!(found.kpis[1].1 <= 2.0);
        let trace: Vec<_> = found.trace.iter().map(|best| (best.is_feasible, best.value)).collect();
        assert!(trace.is_sorted_by(|a, b| !a.0 || (b.0 && b.1 >= a.1)), "the best only gets better");
    }
    // No point keeps this bound; the nearest to it is said.
    let impossible = [bound("r", None, Some(-1.0))];
    let effort = effort(Method::Global, 3_000);
    let found = study(&model, &kpis, |study| optimize(study, &space, &goal, &impossible, &effort)).unwrap();
    assert!(!found.is_feasible && found.to_string().contains("no point keeps all bounds"));
    close(found.violation, 1.0, 1e-6);
}

#[test]
fn optimisers_handle_whole_numbers_lists_and_failures() {
    let spread = Spread::Range { low: 0.0, high: 100.0, scale: Scale::Linear, is_whole: true };
    let list = Spread::List([10, -3, 7, 4].map(Value::Integer).to_vec());
    let parameters = [with("n", Value::Integer(90), Some(spread)), with("m", Value::Integer(10), Some(list))];
    let space = Space::new(&parameters).unwrap();
    let model = formula(&["f"], |p, _| {
        if p[0] < 20.0 { Err("broke".to_owned()) } else { Ok(vec![(p[0] - 10.0).abs() + (p[1] - 5.0).abs()]) }
    });
    let kpis = kpis(&["f"]);
    let goal = goal("f", Direction::Minimise, Over::Mean);
    let effort = effort(Method::Global, 4_000);
    let found = study(&model, &kpis, |study| optimize(study, &space, &goal, &[], &effort)).unwrap();
    assert_eq!((numbers(std::slice::from_ref(&found.point)), found.value), (vec![vec![20.0, 4.0]], 11.0));
    let tiny = Effort { max_evaluations: 1, ..effort };
    let tiny = study(&model, &kpis, |study| optimize(study, &space, &goal, &[], &tiny)).unwrap();
    assert_eq!((tiny.n_evaluations, numbers(&[tiny.point])), (1, vec![vec![90.0, 10.0]]));
}

#[test]
fn a_quantile_makes_the_optimum_wary_of_chance() {
    // The mean is greatest at 1; the 5 % quantile falls by 1.645 * 2 x with the noise, so it is greatest below.
    let model = formula(&["f"], |p, noise| Ok(vec![-(p[0] - 1.0) * (p[0] - 1.0) + 2.0 * p[0] * noise * 0.3]));
    let kpis = kpis(&["f"]);
    let space = Space::new(&[range("x", 0.0, 2.0, 0.5)]).unwrap();
    let effort = Effort { method: Method::Global, max_evaluations: 150, n_runs: 150 };
    let at = |over| {
        let goal = goal("f", Direction::Maximise, over);
        let found = study(&model, &kpis, |study| optimize(study, &space, &goal, &[], &effort)).unwrap();
        numbers(&[found.point])[0][0]
    };
    close(at(Over::Mean), 1.0, 0.1);
    close(at(Over::Quantile(0.05)), 1.0 - 0.3 * 1.645, 0.1);
    let wrong = goal("f", Direction::Maximise, Over::Quantile(1.5));
    let error = study(&model, &kpis, |study| optimize(study, &space, &wrong, &[], &effort)).unwrap_err().to_string();
    assert_eq!(error, "quantile of the goal: 1.5 is not between 0 and 1");
}

#[test]
fn the_worst_case_is_a_value_or_a_failure() {
    let wave = |p: &[f64]| libm::sin(3.0 * p[0]) + p[0] / 10.0;
    let kpis = kpis(&["f"]);
    let space = Space::new(&[range("x", -3.0, 3.0, 0.0)]).unwrap();
    let goal = goal("f", Direction::Minimise, Over::Quantile(0.0));
    let effort = effort(Method::Global, 2_000);
    let model = formula(&["f"], move |p, _| Ok(vec![wave(p)]));
    let found = study(&model, &kpis, |study| worst_case(study, &space, &goal, &effort)).unwrap();
    // Where 3 cos(3 x) = -1/10, in the hollow furthest left.
    let expected = -(libm::acos(-1.0 / 30.0) + 2.0 * PI) / 3.0;
    close(numbers(std::slice::from_ref(&found.worst.point))[0][0], expected, 1e-5);
    assert_eq!(found.failure, None);

    let model = formula(&["f"], move |p, _| if p[0] > 2.5 { Err("underflow".to_owned()) } else { Ok(vec![wave(p)]) });
    let found = study(&model, &kpis, |study| worst_case(study, &space, &goal, &effort)).unwrap();
    assert_eq!(found.failure.as_deref(), Some("run 1: timestep 1: underflow"));
    assert!(numbers(&[found.worst.point])[0][0] > 2.5 && found.worst.n_evaluations < 200);
}
