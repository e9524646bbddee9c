//! TokenSPICE's netlists: ticks, of whole runs from the start to the last row.

use sim::{
    model::{Model, Point, Progress, Run},
    netlist::{Netlist, bundled},
    rows::Rows,
};

use crate::row;

/// Netlist, target, and what TokenSPICE does with brownie and ganache.
const NETLISTS: [(&str, &str, &str); 5] = [
    ("scheduler", "80,000", "TokenSPICE: 15"),
    ("simplepool", "110,000", "TokenSPICE: 27"),
    ("oceanv3", "13,000", "TokenSPICE: 4"),
    ("wsloop", "", "TokenSPICE: 80"),
    ("wsloop-2021", "", ""),
];

/// Runs of one measurement.
const N_RUNS: u64 = 10;

pub(crate) fn rows() {
    for (name, target, others) in NETLISTS {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("netlists/{name}.toml"));
        let model = Netlist::parse(&path, bundled(name).unwrap().text).unwrap().model().unwrap();
        let n_ticks = run(&*model);
        row(&format!("{name}, ticks"), N_RUNS * n_ticks, (target, others), || {
            for _ in 0..N_RUNS {
                run(&*model);
            }
        });
    }
}

fn run(model: &dyn Model) -> u64 {
    let point = Point::default();
    let mut rows = Rows::new(model.columns());
    let mut world = model.start(&Run { seed: 1, subset: 0, number: 1, point: &point }).unwrap();
    let mut n_ticks = 1;
    while world.step(&mut rows).unwrap() == Progress::More {
        n_ticks += 1;
    }
    n_ticks
}
