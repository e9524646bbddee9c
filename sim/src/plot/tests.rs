use std::{env, fs, path::PathBuf};

use super::{
    scene::{At as Side, SIZE, Shape, width_of},
    *,
};
use crate::{
    analysis::{
        optimize::{Best, Direction, Goal, Method, Optimum, Over},
        sensitivity::{At, OneAtATime, Swing},
    },
    draws::Draws,
    model::{Point, Value},
};

const LONG: &str = "Valuation of all tokens over twenty years with a burner that takes five percent of the revenue, a treasury \
    that pays grants monthly, marketplaces that grow by what workers spend, and the mint as its contract has it";

fn series(title: &str, lines: Vec<Line>) -> Series {
    let (title, y, time) = (title.to_owned(), "value (USD)".to_owned(), Time::Named("timestep".to_owned()));
    Series { title, y, multiplier: 1.0, is_logarithmic: false, time, lines }
}

fn line(name: &str, values: &[f64]) -> Line {
    Line { name: name.to_owned(), runs: vec![(0..).map(f64::from).zip(values.iter().copied()).collect()] }
}

/// Runs of a random walk that starts at `start`.
fn walks(name: &str, n_runs: u64, n_steps: u32, start: f64, step: f64) -> Line {
    let walk = |run: u64| {
        let mut draws = Draws::keyed(1, run, name, "walk");
        let mut value = start;
        (0..n_steps)
            .map(|t| {
                value += step * draws.normal();
                (f64::from(t), value)
            })
            .collect()
    };
    Line { name: name.to_owned(), runs: (1..=n_runs).map(walk).collect() }
}

fn histogram(title: &str, values: Vec<f64>) -> Picture {
    Picture::Histogram(Histogram { title: title.to_owned(), x: "profit (USD)".to_owned(), values })
}

fn normals(n: u64, mean: f64, deviation: f64) -> Vec<f64> {
    let mut draws = Draws::keyed(2, 0, "test", "normals");
    (0..n).map(|_| mean + deviation * draws.normal()).collect()
}

fn heat_map(title: &str, (n_columns, n_rows): (u32, u32), cell: impl Fn(f64, f64) -> f64) -> Picture {
    let cells = (0..n_rows).flat_map(|row| (0..n_columns).map(move |column| (f64::from(column), f64::from(row))));
    Picture::HeatMap(HeatMap {
        title: title.to_owned(),
        x: "swap fee".to_owned(),
        columns: (0..n_columns).map(|i| crate::analysis::table::number(0.001 * f64::from(i + 1))).collect(),
        y: "initial liquidity".to_owned(),
        rows: (0..n_rows).map(|i| crate::analysis::table::number(50_000.0 * f64::from(i + 1))).collect(),
        kpi: "final price (USD)".to_owned(),
        cells: cells.map(|(column, row)| cell(column, row)).collect(),
    })
}

fn bar(parameter: &str, low: (&str, f64), high: (&str, f64)) -> Bar {
    Bar { parameter: parameter.to_owned(), low: (low.0.to_owned(), low.1), high: (high.0.to_owned(), high.1) }
}

fn optimum() -> Optimum {
    let best = |n: usize| Best { n_evaluations: 20 * n, value: 1e6 * (1.0 - 1.0 / n as f64), is_feasible: n > 4 };
    Optimum {
        goal: Goal { kpi: "profit".to_owned(), direction: Direction::Maximise, over: Over::Mean },
        method: Method::Global,
        point: Point::default(),
        value: 1e6,
        is_feasible: true,
        violation: 0.0,
        kpis: Vec::new(),
        n_evaluations: 800,
        is_converged: true,
        trace: (1..=40).map(best).collect(),
    }
}

/// Pictures of every kind.
fn gallery() -> Vec<(&'static str, Picture)> {
    [lines(), others()].concat()
}

/// Lines of every kind, most of them of what nobody wants to draw.
fn lines() -> Vec<(&'static str, Picture)> {
    let nan = f64::NAN;
    let growth: Vec<f64> = (0..400).map(|i| libm::exp(f64::from(i) / 12.0) - 1.0).collect();
    let many: Vec<Line> = (0..14)
        .map(|i| walks(&format!("agent {i} with a name of some length"), 1, 300, 10.0 * f64::from(i), 1.0))
        .collect();
    let hostile = "<b>&\"'</b>\n\tзаголовок 表題 🎈";
    let own = Series {
        time: Time::Seconds(86_400.0),
        ..series("Price over two years", vec![walks("price", 200, 730, 5.0, 0.05)])
    };
    let logarithmic = Series {
        is_logarithmic: true,
        time: Time::Seconds(3_600.0),
        ..series(LONG, vec![line("supply", &growth), line("negative", &[-1.0, 0.0, 5.0])])
    };
    let three = vec![
        walks("minted", 50, 400, 0.0, 1.0),
        walks("burned", 50, 400, 30.0, 1.0),
        walks("held", 50, 400, 60.0, 0.5),
    ];
    let gaps = vec![
        line("with gaps", &[1.0, 2.0, nan, nan, 4.0, nan, 3.0, 2.0, f64::INFINITY, 1.0]),
        line("other", &[0.0, -1.0, -2.0, -1.0, 0.0, 1.0]),
    ];
    vec![
        ("bands", Picture::Series(own)),
        ("bands_of_three", Picture::Series(series("Three columns over 50 runs", three))),
        ("few_runs", Picture::Series(series("Five runs, a line each", vec![walks("price", 5, 100, 5.0, 0.5)]))),
        ("logarithmic", Picture::Series(logarithmic)),
        ("gaps", Picture::Series(series("Gaps, an infinity and a lone point", gaps))),
        ("fourteen", Picture::Series(series("Fourteen columns", many))),
        ("constant", Picture::Series(series("Constant", vec![line("supply", &[1e18; 50])]))),
        ("huge", Picture::Series(series("Around 1e18, negative too", vec![walks("wei", 1, 200, 0.0, 1e17)]))),
        ("offset", Picture::Series(series("Small changes of a large number", vec![walks("wei", 1, 200, 1e15, 3.0)]))),
        ("single", Picture::Series(series("A single point", vec![line("alone", &[42.0])]))),
        ("single_bands", Picture::Series(series("A single time, many runs", vec![walks("x", 100, 1, 5.0, 1.0)]))),
        ("empty", Picture::Series(series("Nothing", vec![line("nothing", &[nan, nan])]))),
        ("hostile", Picture::Series(series(hostile, vec![line(hostile, &[1.0, 2.0]), line("2", &[2.0, 1.0])]))),
        (
            "extremes",
            Picture::Series(series("From -1e300 to 1e300", vec![line("wide", &[-1e300, 1e300, f64::MAX, 0.0])])),
        ),
        ("dense", Picture::Series(series("100,000 steps", vec![walks("dense", 1, 100_000, 0.0, 1.0)]))),
    ]
}

fn others() -> Vec<(&'static str, Picture)> {
    let tornado = |title: &str, own, bars| {
        Picture::Tornado(Tornado { title: title.to_owned(), kpi: "final price (USD)".to_owned(), own, bars })
    };
    vec![
        ("histogram", histogram("Profit after a year", normals(2_000, 1_250_000.0, 300_000.0))),
        ("histogram_constant", histogram("The same in every run", vec![1e18; 30])),
        ("histogram_whole", histogram("Rugged pools", normals(500, 4.0, 1.5).iter().map(|x| x.round()).collect())),
        ("histogram_few", histogram(LONG, vec![-1.5, f64::NAN, -1.4, 2e-9])),
        ("histogram_tail", histogram("A long tail", normals(500, 0.0, 2.0).iter().map(|x| libm::exp(*x)).collect())),
        ("heat_map", heat_map("Final price over two parameters", (7, 5), |x, y| x * y - 3.0 * x)),
        (
            "heat_map_fine",
            heat_map(LONG, (60, 40), |x, y| {
                if x + y > 80.0 { f64::NAN } else { 1e18 * libm::sin(x / 9.0) * libm::cos(y / 7.0) }
            }),
        ),
        ("heat_map_single", heat_map("One cell", (1, 1), |_, _| 3.0)),
        (
            "tornado",
            tornado(
                "What moves the price",
                0.24,
                vec![
                    bar("growth", ("0.1", 0.1), ("0.5", 0.5)),
                    bar("burn share", ("0", 0.2), ("0.1", 0.3)),
                    bar("fee with a very long name that somebody wrote out", ("0.001", 0.28), ("0.003", 0.22)),
                    bar("one-sided", ("1", 0.3), ("9", 0.35)),
                    bar("no effect", ("a", 0.24), ("b", 0.24)),
                ],
            ),
        ),
        (
            "tornado_large",
            tornado(
                "Many parameters",
                -1e9,
                (0..30)
                    .map(|i| {
                        bar(
                            &format!("parameter {i}"),
                            ("low", -1e9 - 1e8 * f64::from(30 - i)),
                            ("high", -1e9 + 1e8 * f64::from(30 - i)),
                        )
                    })
                    .collect(),
            ),
        ),
        ("convergence", Picture::Series(convergence(&optimum(), "Convergence"))),
    ]
}

/// `SIM_GALLERY=/tmp/gallery cargo test -p sim gallery -- --ignored` writes the pictures for the eye.
#[test]
#[ignore = "writes files to be looked at"]
fn write_gallery() {
    let folder = PathBuf::from(env::var("SIM_GALLERY").expect("SIM_GALLERY names a folder"));
    fs::create_dir_all(&folder).unwrap();
    for (name, picture) in gallery() {
        picture.write(&folder.join(format!("{name}.png"))).unwrap();
        picture.write(&folder.join(format!("{name}.svg"))).unwrap();
    }
}

type Rectangle = (f64, f64, f64, f64);

/// Where the words of a scene are.
fn words(scene: &Scene) -> Vec<(String, Rectangle)> {
    scene
        .shapes
        .iter()
        .filter_map(|shape| {
            let Shape::Words { text, place: (x, y), at, size, .. } = shape else { return None };
            let width = width_of(text, *size);
            let left = match at {
                Side::Left => *x,
                Side::Center => x - width / 2.0,
                Side::Right => x - width,
            };
            // Letters fill about seven tenths of their line.
            Some((text.clone(), (left, y - size * 0.35, left + width, y + size * 0.35)))
        })
        .collect()
}

#[test]
fn words_stay_within_the_picture_and_cover_no_others() {
    for (name, picture) in gallery() {
        let words = words(&picture.scene().unwrap());
        for (text, (left, top, right, bottom)) in &words {
            assert!(*left >= 0.0 && *top >= 0.0 && *right <= SIZE.0 && *bottom <= SIZE.1, "{name}: {text:?} leaves");
        }
        for (i, (text, a)) in words.iter().enumerate() {
            for (other, b) in &words[i + 1..] {
                let is_apart = a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1;
                assert!(is_apart, "{name}: {text:?} and {other:?} overlap");
            }
        }
    }
}

#[test]
fn lines_stay_below_what_is_said_above_them() {
    for (name, picture) in gallery() {
        let scene = picture.scene().unwrap();
        let Picture::Series(series) = picture else { continue };
        let Some((_, y_name)) = words(&scene).into_iter().find(|(text, _)| text.starts_with(&series.y)) else {
            panic!("{name} has no name of its vertical axis")
        };
        let long_paths = scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Path { points, .. } | Shape::Area { points, .. } if points.len() > 2 => Some(points),
            _ => None,
        });
        assert!(long_paths.flatten().all(|(_, y)| *y >= y_name.3), "{name}: a line runs through the legend");
    }
}

#[test]
fn the_same_picture_has_the_same_bytes() {
    let folder = env::temp_dir().join(format!("sim-plots-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (_, picture) = gallery().swap_remove(4);
    let written = ["a.png", "b.png", "a.svg", "b.svg"].map(|name| {
        picture.write(&folder.join(name)).unwrap();
        fs::read(folder.join(name)).unwrap()
    });
    assert!(written[0] == written[1] && written[2] == written[3]);
    assert!(written[0].starts_with(b"\x89PNG") && written[0].len() > 10_000);
    assert_eq!(String::from_utf8(written[2].clone()).unwrap(), picture.svg().unwrap());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_svg_escapes_and_stays_small() {
    for (name, picture) in gallery() {
        let svg = picture.svg().unwrap();
        assert!(!svg.contains("<b>") && svg.len() < 600_000, "{name}: {} bytes", svg.len());
        assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{name}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let (_, picture) = gallery().swap_remove(9);
    let unwritable = picture.write(Path::new("/nowhere/at/all.png")).unwrap_err().to_string();
    assert!(unwritable.starts_with("plot /nowhere/at/all.png cannot be written: "), "{unwritable}");
    let ending = picture.write(Path::new("plot.gif")).unwrap_err().to_string();
    assert_eq!(ending, "plot plot.gif ends neither in .png nor in .svg: name it so");
    let Picture::HeatMap(map) = heat_map("", (3, 2), |x, _| x) else { unreachable!() };
    let map = Picture::HeatMap(HeatMap { cells: vec![1.0; 5], ..map });
    assert_eq!(map.svg().unwrap_err(), PlotError::Cells { n_columns: 3, n_rows: 2, n_cells: 5 });
    let lines = (0..15).map(|_| line("x", &[1.0])).collect();
    let lines = Picture::Series(series("", lines)).svg().unwrap_err();
    assert_eq!(lines, PlotError::TooMany { what: "columns", n: 15, max: 14 });
}

#[test]
fn a_tornado_has_the_greatest_swing_on_top() {
    let at = |value: f64, kpi| At { value: Value::Float(value), kpi };
    let swing = |parameter: &str, kpi: &str, at: Vec<At>| Swing {
        parameter: parameter.to_owned(),
        kpi: kpi.to_owned(),
        swing: (at[1].kpi - at[0].kpi).abs(),
        at,
        derivative: None,
    };
    let swings = vec![
        swing("small", "price", vec![at(0.5, 1.0), at(1.5, 2.0)]),
        swing("large", "price", vec![at(1.0, 9.0), at(2.0, -3.0)]),
        swing("large", "volume", vec![at(1.0, 0.0), at(2.0, 99.0)]),
    ];
    let analysis = OneAtATime { kpis: vec!["volume".to_owned(), "price".to_owned()], own: vec![50.0, 1.5], swings };
    let tornado = Tornado::of(&analysis, "price", "What moves the price");
    assert_eq!(tornado.own, 1.5);
    assert_eq!(tornado.bars, [bar("large", ("1", 9.0), ("2", -3.0)), bar("small", ("0.5", 1.0), ("1.5", 2.0))]);
}
