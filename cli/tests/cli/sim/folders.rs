//! What is done with folders of results.

use std::fs;

use super::{Desk, is_picture};

#[test]
fn sim_compares() {
    let mut desk = Desk::new();
    for (name, options) in [("a", ""), ("b", ""), ("c", "--set flow=5"), ("d", "--runs 2 --set drought=1")] {
        desk.output(&format!("run jar.toml --out {name} {options}"));
    }
    desk.run("compare a b");
    desk.run("compare a c");
    desk.run("compare a c --relative 0.2");
    desk.run("compare a c --relative 0.25");
    desk.run("compare a d");
    desk.run("compare a nowhere");
    desk.run("compare a b --absolute -1");
    desk.run("compare a b --relative NaN");
    desk.run("compare a b --confidence 1");
    desk.run("compare a");
    desk.json("compare a d");
    desk.check("sim_compares");
}

#[test]
fn sim_plots() {
    let mut desk = Desk::new();
    desk.output("run jar.toml");
    desk.output("sweep jar.toml --over flow,leak --levels 2 --out swept");
    desk.output("run jar.toml --shard 1/2 --out half");
    desk.run("plot jar");
    desk.run("plot jar --out pictures --format svg --json");
    desk.run("plot jar --column jar,ground --format svg --out pictures");
    desk.run("plot jar --kpi held --out pictures");
    desk.run("plot swept --kpi held --x flow --y leak --format svg");
    for picture in ["jar/jar.png", "pictures/jar.svg", "pictures/jar--ground.svg", "pictures/held.png"] {
        is_picture(&desk.path(picture));
    }
    is_picture(&desk.path("swept/held.svg"));
    for line in [
        "plot nowhere",
        "plot jar.toml",
        "plot jar --column depth",
        "plot jar --kpi depth",
        "plot jar --kpi held --x flow --y leak",
        "plot swept --kpi held --x flow --y depth",
        "plot swept --kpi held --x flow",
        "plot half --kpi held",
        "plot jar --format gif",
    ] {
        desk.run(line);
    }
    desk.check("sim_plots");
}

#[test]
fn sim_verifies() {
    let mut desk = Desk::new();
    desk.output("run jar.toml --format csv");
    desk.run("verify jar");
    let part = desk.path("jar/part-00001.csv");
    let sound = fs::read_to_string(&part).unwrap();
    let row = "0,0,2,0,5,15,5\n";
    assert!(sound.ends_with(row));
    fs::write(&part, sound.replace(row, "0,0,2,0,5,16,5\n")).unwrap();
    desk.run("verify jar");
    desk.run("verify jar --json");
    fs::write(&part, sound.replace(row, "")).unwrap();
    desk.run("verify jar");
    fs::write(&part, &sound).unwrap();
    desk.run("verify jar");
    fs::remove_file(&part).unwrap();
    desk.run("verify jar");
    desk.run("run jar.toml --format csv --resume");
    desk.run("verify jar");
    desk.run("verify nowhere");
    desk.run("verify");
    assert_eq!(fs::read_to_string(&part).unwrap(), sound);
    desk.check("sim_verifies");
}
