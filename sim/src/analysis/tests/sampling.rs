//! Points and spreads.

use super::*;

#[test]
fn a_grid_is_every_combination() {
    let list = Spread::List(vec![Value::Text("a".to_owned()), Value::Flag(true)]);
    let whole = Spread::Range { low: 1.0, high: 2.0, scale: Scale::Linear, is_whole: true };
    let decades = Spread::Range { low: 1.0, high: 100.0, scale: Scale::Logarithmic, is_whole: false };
    let parameters = [
        with("kind", Value::Flag(false), Some(list)),
        with("n", Value::Integer(1), Some(whole)),
        with("x", Value::Float(1.0), Some(decades)),
    ];
    let grid = points::grid(&Space::new(&parameters).unwrap(), 3).unwrap();
    // Two items, two whole numbers (three levels of them are not to be had), three decades.
    assert_eq!(grid.len(), 2 * 2 * 3);
    let third = &grid[5].values;
    assert_eq!(third[0].1, Value::Text("a".to_owned()));
    assert_eq!(third[1].1, Value::Integer(2));
    assert_eq!(third[2].1, Value::Float(100.0));
    let Value::Float(middle) = grid[1].values[2].1 else { panic!() };
    close(middle, 10.0, 1e-14);

    let many: Vec<_> = (0..8).map(|i| range(&format!("p{i}"), 0.0, 1.0, 0.5)).collect();
    let error = points::grid(&Space::new(&many).unwrap(), 10).unwrap_err().to_string();
    assert!(error.starts_with("100000000 combinations of values are more than 10000000"), "{error}");
}

#[test]
fn lists_side_by_side_are_of_one_length() {
    let list =
        |name: &str, n: i64| with(name, Value::Integer(0), Some(Spread::List((0..n).map(Value::Integer).collect())));
    let zipped = points::zip(&[list("a", 3), list("b", 1), with("c", Value::Integer(9), None), list("d", 3)]).unwrap();
    assert_eq!(numbers(&zipped), [[0.0, 0.0, 9.0, 0.0], [1.0, 0.0, 9.0, 1.0], [2.0, 0.0, 9.0, 2.0]]);
    let error = points::zip(&[list("a", 3), list("b", 1), list("c", 2)]).unwrap_err().to_string();
    assert_eq!(error, "parameter `a` has 3 values and `c` has 2: give lists of one length, or one value");
    assert!(matches!(points::zip(&[list("a", 0)]), Err(Error::Spread { .. })));
    assert!(matches!(points::zip(&[range("x", 0.0, 1.0, 0.0)]), Err(Error::Spread { .. })));
}

#[test]
fn a_latin_hypercube_has_one_value_in_each_part() {
    let space = Space::new(&[range("a", 0.0, 50.0, 0.0), range("b", -1.0, 1.0, 0.0)]).unwrap();
    let drawn = numbers(&points::latin_hypercube(&space, 50, 3).unwrap());
    for (dimension, low, width) in [(0, 0.0, 1.0), (1, -1.0, 0.04)] {
        let mut parts: Vec<_> = drawn.iter().map(|point| ((point[dimension] - low) / width).floor()).collect();
        parts.sort_by(f64::total_cmp);
        assert_eq!(parts, (0..50).map(f64::from).collect::<Vec<_>>());
    }
    assert_ne!(drawn, numbers(&points::latin_hypercube(&space, 50, 4).unwrap()));
    // Another parameter beside it changes nothing for the first.
    let alone = Space::new(&[range("a", 0.0, 50.0, 0.0)]).unwrap();
    let alone = numbers(&points::latin_hypercube(&alone, 50, 3).unwrap());
    assert!(alone.iter().zip(&drawn).all(|(alone, both)| alone[0] == both[0]));
}

#[test]
fn distributions_have_their_moments_at_even_points() {
    let spreads = [
        (Spread::Normal { mean: 10.0, deviation: 2.0 }, 10.0, 2.0),
        // exp(m + s^2/2), and that times sqrt(exp(s^2) - 1).
        (Spread::LogNormal { mean: 0.5, deviation: 0.4 }, 1.786_038_4, 0.743_986_5),
        (Spread::Exponential { mean: 3.0 }, 3.0, 3.0),
    ];
    let parameters: Vec<_> = spreads
        .iter()
        .enumerate()
        .map(|(i, (spread, ..))| with(&format!("p{i}"), Value::Float(0.0), Some(spread.clone())))
        .collect();
    let space = Space::new(&parameters).unwrap();
    let sampled =
        [points::sobol(&space, 8_192, 1), points::latin_hypercube(&space, 8_192, 1), points::random(&space, 8_192, 1)];
    for (points, error) in sampled.into_iter().zip([0.01, 0.01, 0.05]) {
        let points = numbers(&points.unwrap());
        for (i, (_, mean, deviation)) in spreads.iter().enumerate() {
            let moments = statistics::Moments::of(&points.iter().map(|point| point[i]).collect::<Vec<_>>());
            close(moments.mean / mean, 1.0, error);
            close(moments.deviation() / deviation, 1.0, 2.0 * error);
        }
    }
}

#[test]
fn spreads_that_make_no_sense_are_refused_by_name() {
    let at = |low, high, scale, is_whole| Some(Spread::Range { low, high, scale, is_whole });
    let table = [
        (None, "parameter `fee` has no spread: give it a list, a range or a distribution, or leave it out"),
        (Some(Spread::List(Vec::new())), "parameter `fee`: its list is empty"),
        (
            at(2.0, 1.0, Scale::Linear, false),
            "parameter `fee`: its range from 2 to 1 is not one of finite numbers from low to high",
        ),
        (
            at(0.0, f64::NAN, Scale::Linear, false),
            "parameter `fee`: its range from 0 to NaN is not one of finite numbers from low to high",
        ),
        (
            at(0.0, 1.0, Scale::Logarithmic, false),
            "parameter `fee`: its range begins at 0 and a logarithmic one begins above 0",
        ),
        (
            at(0.5, 3.0, Scale::Linear, true),
            "parameter `fee`: its range from 0.5 to 3 is of whole numbers and has ends that are not",
        ),
        (Some(Spread::Exponential { mean: 0.0 }), "parameter `fee`: its mean 0 is not a finite number above 0"),
        (
            Some(Spread::Normal { mean: 0.0, deviation: -1.0 }),
            "parameter `fee`: its mean 0 and deviation -1 are not finite, or the deviation is below 0",
        ),
    ];
    for (spread, expected) in table {
        assert_eq!(Space::new(&[with("fee", Value::Float(0.0), spread)]).unwrap_err().to_string(), expected);
    }
    let error = Space::of_role(&[range("fee", 0.0, 1.0, 0.0)], Role::Uncontrollable).unwrap_err().to_string();
    assert_eq!(error, "no parameter is uncontrollable: say `role = \"uncontrollable\"` for those that are");
}

#[test]
fn whole_numbers_are_equally_likely_and_keep_their_ends() {
    for scale in [Scale::Linear, Scale::Logarithmic] {
        let spread = Spread::Range { low: 1.0, high: 4.0, scale, is_whole: true };
        let space = Space::new(&[with("n", Value::Integer(3), Some(spread))]).unwrap();
        assert_eq!(space.ends(0), [Value::Integer(1), Value::Integer(4)]);
        let own = space.own_coordinates();
        assert_eq!(space.between_ends(&own).values[0].1, Value::Integer(3));
        let points = numbers(&points::sobol(&space, 4_096, 1).unwrap());
        let share = |n: f64| points.iter().filter(|point| point[0] == n).count() as f64 / 4_096.0;
        let expected = match scale {
            Scale::Linear => [0.25; 4],
            // log(1.5 / 0.5) / log(4.5 / 0.5) and so on.
            Scale::Logarithmic => [0.5, 0.232_5, 0.153_1, 0.114_4],
        };
        for (n, expected) in (1..).map(f64::from).zip(expected) {
            close(share(n), expected, 1e-3);
        }
    }
}
