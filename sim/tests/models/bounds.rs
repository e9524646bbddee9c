//! What a netlist asserts, checked on what a run recorded.

use std::{fs, path::Path};

use sim::{kpi::Reduce, netlist::Netlist};

/// The [[assert]]s of the netlist of this name that do not hold, by the names of their KPIs.
pub(crate) fn broken(name: &str, column: &dyn Fn(&str) -> Vec<f64>) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("netlists").join(name);
    let text = fs::read_to_string(&path).expect("the netlist is there");
    let netlist = Netlist::parse(&path, &text).unwrap_or_else(|error| panic!("{error}"));
    assert!(!netlist.bounds.is_empty(), "the netlist asserts something");
    let is_broken = |bound: &&sim::kpi::Bound| {
        let kpi = netlist.kpis.iter().find(|kpi| kpi.name == bound.kpi).expect("asserts name KPIs");
        let values = column(&kpi.column);
        let value = match kpi.reduce {
            Reduce::Last => *values.last().expect("a run has rows"),
            Reduce::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Reduce::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            other => panic!("no assert is on {other:?} yet"),
        };
        bound.min.is_some_and(|min| value < min) || bound.max.is_some_and(|max| value > max)
    };
    netlist.bounds.iter().filter(is_broken).map(|bound| bound.kpi.clone()).collect()
}
