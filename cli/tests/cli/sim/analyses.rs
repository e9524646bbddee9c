//! Sweeps, and the commands that answer without a folder.

use std::fs;

use super::{Desk, is_picture};

#[test]
fn sim_sweeps() {
    let mut desk = Desk::new();
    desk.run("sweep jar.toml --over flow,leak --levels 4 --runs 1 --format csv --out grid");
    desk.run("sweep jar.toml --method zip --over drought,mood --format csv --out zip");
    desk.run("sweep jar.toml --method latin --points 8 --runs 1 --out latin");
    desk.run("sweep jar.toml --method sobol --points 8 --runs 1 --out sobol --json");
    desk.run("sweep jar.toml --method random --points 8 --runs 1 --set drought=0 --out random");
    let swept = |folder: &str| {
        let table = fs::read_to_string(desk.path(folder).join("runs.csv")).unwrap();
        table.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    // 5 hours of flow less leak; the last parameter changes fastest.
    let grid = swept("grid");
    assert_eq!(grid.len(), 17);
    assert!(grid[1].contains(",1,0,") && grid[2].contains(",1,1,") && grid[16].contains(",16,3,"), "{grid:?}");
    assert_eq!(swept("zip").len(), 1 + 2 * 3);
    for line in [
        "sweep jar.toml --over depth",
        "sweep jar.toml --over flow --set flow=5",
        "sweep jar.toml --method zip --over flow",
        "sweep jar.toml --levels 0",
        "sweep jar.toml --method latin --points 0",
        "sweep jar.toml --method sobol --points 100000000",
        "sweep jar.toml --method maze",
        "sweep jar.toml --set flow=5 --set leak=1 --set drought=0 --set mood=calm",
        "sweep jar.toml --over flow --runs 1 --out grid",
    ] {
        desk.run(line);
    }
    assert!(!desk.path("jar").exists(), "a refused sweep leaves a folder");
    desk.check("sim_sweeps");
}

#[test]
fn sim_analyses() {
    let mut desk = Desk::new();
    desk.run("montecarlo jar.toml --round 2");
    desk.run("corners jar.toml");
    desk.run("corners jar.toml --set leak=2");
    desk.run("corners jar.toml --over flow,leak");
    desk.run("worst-case jar.toml --minimise held --evaluations 60");
    desk.run("worst-case jar.toml --maximise held --over flow --evaluations 60 --plot search.svg");
    desk.run("sensitivity jar.toml --kpi held --plot tornado.png");
    desk.run("optimize jar.toml --maximise held --evaluations 60");
    desk.run("optimize jar.toml --maximise held --set leak=3 --quantile 0.05 --evaluations 60 --runs 2");
    desk.write_jar("deep.toml", "min = 5\nmax = 50", "min = 500");
    desk.run("optimize deep.toml --maximise held --evaluations 60");
    desk.run("optimize jar.toml --minimise leaked --over leak --method local --evaluations 60");
    for picture in ["search.svg", "tornado.png"] {
        is_picture(&desk.path(picture));
    }
    desk.check("sim_analyses");
}

#[test]
fn sim_analyses_that_cannot_be() {
    let mut desk = Desk::new();
    desk.write("bare.toml", "[sim]\nsteps = 2\n\n[[agent]]\nname = \"stone\"\nkind = \"idle\"\n");
    for line in [
        "montecarlo bare.toml",
        "montecarlo jar.toml --half-width 0",
        "montecarlo jar.toml --half-width wide",
        "montecarlo jar.toml --confidence 1",
        "montecarlo jar.toml --max-runs 0",
        "montecarlo jar.toml --max-runs 1",
        "corners bare.toml",
        "corners jar.toml --over depth",
        "corners jar.toml --runs 0",
        "worst-case jar.toml",
        "worst-case jar.toml --minimise held --maximise held",
        "worst-case jar.toml --minimise depth",
        "sensitivity bare.toml",
        "sensitivity jar.toml --plot tornado.png",
        "sensitivity jar.toml --method sobol --plot tornado.png",
        "optimize jar.toml --maximise held --quantile 2",
        "optimize jar.toml --maximise held --evaluations 0",
        "optimize jar.toml --maximise held --set flow=5",
        "optimize jar.toml --maximise held --plot search.pdf",
    ] {
        desk.run(line);
    }
    desk.check("sim_analyses_that_cannot_be");
}

/// Numbers that come of chance are the same on every thread, and their keys are documented.
#[test]
fn sim_analyses_of_chance() {
    let desk = Desk::new();
    for line in [
        "montecarlo flash-v3 --max-runs 4 --round 2 --half-width 0.000001%",
        "sensitivity jar.toml --method sobol --points 8",
        "sensitivity flash-v3 --over mint_rate,apy_low",
        "corners flash-v3 --over market_apy --runs 2",
        "worst-case flash-v3 --over market_apy --minimise staked --evaluations 6",
        "optimize flash-v3 --maximise staked --evaluations 6 --quantile 0.5 --runs 2",
    ] {
        let one = desk.json(&format!("{line} --threads 1"));
        assert_eq!(desk.json(&format!("{line} --threads 2")), one, "{line}");
    }
    let ran = desk.output("montecarlo flash-v3 --max-runs 4 --round 2 --half-width 0.000001%");
    assert_eq!(ran.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(ran.stderr).unwrap(),
        "warning: not every KPI is known that well after 4 runs; raise --max-runs\n"
    );
}

#[test]
fn sim_asserts() {
    let mut desk = Desk::new();
    desk.run("assert jar.toml");
    desk.run("assert jar.toml --set drought=1 --runs 2");
    desk.run("assert flash-v3");
    desk.run("assert simplegrant --json");
    desk.run("run simplegrant --quiet");
    desk.run("assert simplegrant --runs 2");
    desk.run("assert simplegrant/");
    desk.run("assert simplegrant/ --runs 2");
    desk.run("assert simplegrant/ --set granted=2");
    desk.run("assert nowhere/");
    desk.json("assert jar.toml --set drought=1");
    desk.write_jar("dry.toml", "WATER = 1_000_000", "WATER = 10");
    desk.json("assert dry.toml");
    desk.check("sim_asserts");
}
