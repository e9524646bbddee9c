//! Netlists: what is wrong is an error at its line with a remedy; agents act in order, rows come before them, newcomers
//! act a tick later.

use std::path::Path;

use proptest::prelude::*;
use sim::{
    model::{Point, Progress, Run, Value},
    netlist::{Netlist, NetlistError},
    parameter::{Role, Scale, Spread},
    rows::{Cells, Rows},
};

fn parse(text: &str) -> Result<Netlist, NetlistError> {
    Netlist::parse(Path::new("net.toml"), text)
}

const SIM: &str = "[sim]\nduration = \"3d\"\ndt = \"1d\"\n";

/// The error for what stands behind a [sim] of three lines.
#[track_caller]
fn check_error(rest: &str, line: usize, message: &str) {
    let error = parse(&format!("{SIM}{rest}")).expect_err("it is wrong");
    assert!(error.message.contains(message), "{error}");
    assert_eq!(error.line, line, "{error}");
    assert_eq!(error.path, "net.toml");
}

#[test]
fn what_is_wrong_is_an_error_at_its_line() {
    let idle = "[[agent]]\nname = \"a\"\nkind = \"idle\"\n";
    check_error("", 1, "there are no agents: add [[agent]]");
    check_error("x = \n", 4, "");
    check_error("[agnet]\n", 4, "has no key `agnet`: did you mean `agent`?");
    check_error("log_evry = \"1d\"\n", 4, "[sim] has no key `log_evry`: did you mean `log_every`?");
    check_error("order = \"random\"\n", 4, "`order` cannot be \"random\": there are netlist, shuffled");
    check_error("log_every = 0\n", 4, "`log_every` is 0, not a whole number of 1 to");
    check_error("runs = -1\n", 4, "`runs` takes a whole number of at least 0, and is given -1");
    check_error("steps = 3\n", 4, "either a `duration` or a number of `steps`");
    check_error("csv_digits = 7\n", 4, "say 6, or leave it out");
    check_error("block_time = { low = 3 }\n", 4, "`block_time` is \"tick\"");
    check_error("block_time = 0\n", 4, "0 seconds are not above 0");
    check_error("start = \"no + 1\"\n", 4, "`no + 1`: there is no parameter `no`: there are none");
    check_error("start = \"1 +\"\n", 4, "a number, a name or a bracket is missing at the end");
    check_error("[[agent]]\nkind = \"idle\"\n", 4, "[[agent]] lacks `name`: say name = \"alice\"");
    check_error("[[agent]]\nname = \"a b\"\nkind = \"idle\"\n", 5, "is not a name");
    check_error("[[agent]]\nname = \"a\"\nkind = \"idel\"\n", 6, "no kind of agents \"idel\": did you mean `idle`?");
    check_error("[agent]\nname = \"a\"\n", 4, "write [[agent]], in two brackets");
    check_error(&format!("{idle}to = 1\n"), 7, "the agent `a` of kind \"idle\" has no key `to`");
    check_error(&format!("{idle}{idle}"), 7, "two agents with the name `a`");
    check_error(&format!("{idle}count = \"1 / 2\"\n"), 7, "`count` is 0.5, not a whole number");
    check_error(&format!("{idle}count = 1_000_001\n"), 7, "not a whole number of 0 to 1000000");
    check_error(
        &format!("{idle}count = 1_000_000\n[[agent]]\nname = \"b\"\nkind = \"idle\"\n"),
        8,
        "more than 1000000 agents",
    );
    check_error(&idle.repeat(10_001), 4, "at most 10000 are read");
    check_error(&format!("{idle}wallet = {{ USD = -1 }}\n"), 7, "cannot get -1 USD");
    check_error(&format!("{idle}wallet = {{ USD = \"5 apples\" }}\n"), 7, "not expected here");
    check_error("[[agent]]\nname = \"r\"\nkind = \"router\"\n", 4, "lacks `to`: agents and the share of each");
    check_error(
        "[[agent]]\nname = \"r\"\nkind = \"router\"\nto = { b = 1 }\n",
        7,
        "there is no agent `b`: did you mean `r`?",
    );
    check_error(
        "[[agent]]\nname = \"b\"\nkind = \"burner\"\nwallet = { USD = 1 }\n",
        4,
        "there is no [loop] in the netlist: add it",
    );
    check_error(
        "[[agent]]\nname = \"t\"\nkind = \"grant-taker\"\nwallet = { USD = 1, OCEAN = 1 }\n",
        4,
        "say price = 1",
    );
    check_error("[[agent]]\nname = \"c\"\nkind = \"call\"\ncontract = \"X\"\nfunction = \"f\"\n", 7, "no contract `X`");
    check_error(&format!("{idle}[columns]\nx = \"a.USD\"\n"), 8, "`a` has no `USD`");
    check_error(&format!("{idle}[columns]\nx = \"b.USD\"\n"), 8, "there is no agent `b`: did you mean `a`?");
    check_error(&format!("{idle}[columns]\nx = \"loop.price\"\n"), 8, "[loop] has no `price`");
    check_error(&format!("{idle}[columns]\nx = {{ call = \"f\" }}\n"), 8, "say \"CONTRACT.function\"");
    check_error(&format!("{idle}[[kpi]]\nname = \"k\"\ncolumn = \"x\"\n"), 9, "[columns] has no `x`: there are none");
    check_error(&format!("{idle}[[assert]]\nkpi = \"k\"\nmin = 1\n"), 8, "there is no KPI `k`");
    check_error(&format!("{idle}[[plot]]\nname = \"a/b\"\ncolumns = []\n"), 8, "cannot be a file's name");
    check_error("[param.p]\nvalue = 1\nvlaue = 2\n", 6, "[param.p] has no key `vlaue`: did you mean `value`?");
    check_error("[param.p]\nrole = \"fixed\"\n", 4, "has neither a value nor what it may be");
    check_error("[param.p]\nlow = 3\nhigh = 2\n", 5, "`low` 3 is above `high` 2");
    check_error("[param.p]\nlow = 0\nhigh = 2\nscale = \"logarithmic\"\n", 5, "is not above 0");
    check_error("[param.p]\nlow = 1\n", 5, "needs both `low` and `high`");
    check_error("[param.p]\nvalue = \"notebook\"\n", 5, "a parameter that is text says text");
    check_error("[param.p]\nvalue = \"q\"\n[param.q]\nvalue = 1\n", 5, "there is no parameter `q`");
    check_error("[param.p]\nlist = []\n", 5, "`list` is empty");
    check_error("[param.p]\nlist = [1]\nnormal = { mean = 0, deviation = 1 }\n", 4, "in 2 ways");
    check_error("model = \"flash-v9\"\n[columns]\nx = { call = 1 }\n", 6, "`call` takes text");
}

#[test]
fn a_netlist_without_sim_says_what_it_lacks() {
    let error = parse("").expect_err("it is empty");
    assert_eq!(
        error.to_string(),
        "net.toml:1:1: the netlist lacks `sim`: say sim = { dt = \"1h\", duration = \"10d\" }"
    );
}

#[test]
fn a_missing_artifact_is_an_error_when_the_model_is_made() {
    let text = format!(
        "{SIM}[[contract]]\nname = \"T\"\nartifact = \"npm:nowhere/Token\"\n[[agent]]\nname = \"a\"\nkind = \"idle\"\n"
    );
    let error = parse(&text).expect("the text is right").model().err().expect("there is no artifact");
    assert_eq!(error.line, 6);
    assert!(error.message.contains("nowhere"), "{error}");
}

#[test]
fn parameters_say_what_they_may_be() {
    let text = format!(
        "{SIM}[[agent]]\nname = \"a\"\nkind = \"idle\"\n
        [param.z]\nvalue = \"1y\"\nrole = \"controllable\"\nunit = \"s\"\ndoc = \"how long\"\n
        [param.y]\nlow = 1\nhigh = 100\nscale = \"logarithmic\"\n
        [param.x]\nlist = [1, 2.5, \"text\", true]\n
        [param.w]\nexponential = {{ mean = 3 }}\nvalue = \"2 * z\"\n
        [param.v]\ntext = \"notebook\"\n"
    );
    let netlist = parse(&text).expect("it is right");
    let names: Vec<_> = netlist.parameters().iter().map(|parameter| parameter.name.clone()).collect();
    assert_eq!(names, ["z", "y", "x", "w", "v"]);
    let parameters = netlist.parameters();
    assert_eq!((&parameters[0].value, parameters[0].role), (&Value::Integer(31_536_000), Role::Controllable));
    assert_eq!((netlist.parameters[0].unit.as_str(), netlist.parameters[0].doc.as_str()), ("s", "how long"));
    assert_eq!(parameters[1].value, Value::Float(10.0));
    let range = Spread::Range { low: 1.0, high: 100.0, scale: Scale::Logarithmic, is_whole: false };
    assert_eq!(parameters[1].spread, Some(range));
    assert_eq!(parameters[2].value, Value::Integer(1));
    assert_eq!(
        (&parameters[3].value, &parameters[3].spread),
        (&Value::Integer(63_072_000), &Some(Spread::Exponential { mean: 3.0 }))
    );
    assert_eq!(parameters[4].value, Value::Text("notebook".into()));
}

/// The rows of a run: the tick and the columns.
fn rows(text: &str, point: &Point, seed: u64) -> Vec<(u64, Vec<f64>)> {
    let model = parse(text).and_then(Netlist::model).unwrap_or_else(|error| panic!("{error}"));
    let run = Run { seed, subset: 0, number: 1, point };
    let mut rows = Rows::new(model.columns());
    let mut world = model.start(&run).unwrap_or_else(|failure| panic!("{failure}"));
    while world.step(&mut rows).unwrap_or_else(|failure| panic!("{failure}")) == Progress::More {}
    let cell = |column: &Cells, row: usize| match column {
        Cells::Float(cells) => cells[row],
        other => panic!("{other:?}"),
    };
    let row = |row: usize| rows.cells().iter().map(|column| cell(column, row)).collect();
    rows.timesteps().iter().enumerate().map(|(i, &tick)| (tick, row(i))).collect()
}

/// `giver` pays 1 to `middle` in each tick, `middle` passes half of what it has on to `last`.
const THREE: &str = r#"
[param.paid]
value = 1
[[agent]]
name = "giver"
kind = "transfer"
wallet = { USD = 10 }
asset = "USD"
to = "middle"
amount = "paid"
[[agent]]
name = "middle"
kind = "transfer"
asset = "USD"
to = "last"
amount = "me.USD / 2"
[[agent]]
name = "last"
kind = "idle"
[columns]
giver = "giver.USD"
middle = "middle.USD"
last = "last.USD"
at = "time"
"#;

#[test]
fn rows_come_first_and_agents_act_in_order() {
    let text = format!("[sim]\nsteps = 4\ndt = 10\n{THREE}");
    let expected = [
        (0, vec![10.0, 0.0, 0.0, 0.0]),
        (1, vec![9.0, 0.5, 0.5, 10.0]),
        (2, vec![8.0, 0.75, 1.25, 20.0]),
        (3, vec![7.0, 0.875, 2.125, 30.0]),
    ];
    assert_eq!(rows(&text, &Point::default(), 1), expected);
    let point = Point { values: vec![("paid".into(), Value::Float(2.0))] };
    assert_eq!(rows(&text, &point, 1)[1], (1, vec![8.0, 1.0, 1.0, 10.0]));
}

#[test]
fn rows_come_as_often_as_asked() {
    let text = format!("[sim]\nsteps = 10\ndt = 10\nlog_every = 30\n{THREE}");
    let ticks: Vec<u64> = rows(&text, &Point::default(), 1).iter().map(|(tick, _)| *tick).collect();
    assert_eq!(ticks, [0, 3, 6, 9]);
}

#[test]
fn a_shuffled_order_depends_on_the_seed_alone() {
    let text = format!("[sim]\nsteps = 9\ndt = 10\norder = \"shuffled\"\n{THREE}");
    let of = |seed| rows(&text, &Point::default(), seed);
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    let in_order = rows(&format!("[sim]\nsteps = 9\ndt = 10\n{THREE}"), &Point::default(), 1);
    assert_ne!(of(1), in_order);
}

#[test]
fn who_is_added_acts_from_the_next_tick() {
    let text = r#"
[sim]
steps = 5
[[agent]]
name = "parent"
kind = "spawn"
like = "child"
when = "tick == 1 or tick == 2"
[[agent]]
name = "child"
count = 0
kind = "transfer"
wallet = { USD = 1 }
asset = "USD"
to = "bank"
amount = "me.USD / 4"
[[agent]]
name = "bank"
kind = "idle"
[columns]
bank = "bank.USD"
agents = "n_agents"
children = "parent.n_spawned"
"#;
    // The first child is made in tick 1 and pays 1/4 in tick 2; both pay in tick 3.
    let expected = [
        (0, vec![0.0, 2.0, 0.0]),
        (1, vec![0.0, 2.0, 0.0]),
        (2, vec![0.0, 3.0, 1.0]),
        (3, vec![0.25, 4.0, 2.0]),
        (4, vec![0.6875, 4.0, 2.0]),
    ];
    assert_eq!(rows(text, &Point::default(), 1), expected);
}

#[test]
fn a_run_that_cannot_pay_fails_with_the_tick_and_the_agent() {
    let text = format!("[sim]\nsteps = 20\ndt = 10\n{THREE}");
    let model = parse(&text).and_then(Netlist::model).expect("it is right");
    let point = Point { values: vec![("paid".into(), Value::Float(4.0))] };
    let run = Run { seed: 1, subset: 0, number: 1, point: &point };
    let mut rows = Rows::new(model.columns());
    let mut world = model.start(&run).expect("it starts");
    let failure = loop {
        match world.step(&mut rows) {
            Ok(progress) => assert_eq!(progress, Progress::More),
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.to_string(), "timestep 2: agent `giver`: `giver` cannot pay in USD: 4 exceeds what it has, 2");
    assert_eq!(rows.timesteps(), [0, 1, 2]);
    let point = Point { values: vec![("piad".into(), Value::Float(4.0))] };
    let failure = model.start(&Run { point: &point, ..run }).err().expect("there is no such parameter");
    assert_eq!(failure.reason, "net.toml:1:1: the netlist has no parameter `piad`: did you mean `paid`?");
}

const TOKEN: &str = r#"
[sim]
steps = 4
dt = "1h"
[param.supply]
value = 1000
[[contract]]
name = "OCEAN"
artifact = "npm:@oceanprotocol/contracts/DataTokenTemplate"
args = ["Ocean", "OCEAN", "deployer", "=supply * 10 ** 18", "", "deployer"]
fund = "mint"
[[agent]]
name = "alice"
kind = "call"
wallet = { OCEAN = 7.5 }
contract = "OCEAN"
function = "transfer"
args = ["bob", "=me.OCEAN / 3 * 1e18"]
when = "tick % 2 == 0"
[[agent]]
name = "bob"
kind = "transfer"
asset = "OCEAN"
to = "alice"
amount = "me.OCEAN * (1 + 5e-13)"
when = "tick == 3"
[columns]
alice = "alice.OCEAN"
bob = "bob.OCEAN"
sent = "alice.n_calls"
supply = { call = "OCEAN.totalSupply", scale = 1e-18 }
"#;

fn token(text: &str) -> Result<Netlist, NetlistError> {
    Netlist::parse(&Path::new(env!("CARGO_MANIFEST_DIR")).join("netlists/token.toml"), text)
}

#[test]
fn wallets_on_the_chain_and_calls_of_contracts() {
    let model = token(TOKEN).and_then(Netlist::model).unwrap_or_else(|error| panic!("{error}"));
    let run = Run { seed: 1, subset: 0, number: 1, point: &Point::default() };
    let mut rows = Rows::new(model.columns());
    let mut world = model.start(&run).expect("it starts");
    while world.step(&mut rows).unwrap_or_else(|failure| panic!("{failure}")) == Progress::More {}
    let third = 7.5 / 3.0;
    let expected = [
        vec![7.5, 5.0, 5.0, 5.0 - 5.0 / 3.0],
        vec![0.0, third, third, third + 5.0 / 3.0],
        vec![0.0, 1.0, 1.0, 2.0],
        vec![7.5; 4],
    ];
    for (cells, expected) in rows.cells().iter().zip(expected) {
        let Cells::Float(cells) = cells else { panic!("{cells:?}") };
        assert!(cells.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-15 * 8.0), "{cells:?} {expected:?}");
    }
}

#[test]
fn calls_that_cannot_work_are_errors_with_names() {
    let error =
        |from: &str, to: &str| token(&TOKEN.replace(from, to)).and_then(Netlist::model).err().expect("it is wrong");
    let misspelt = error("\"transfer\"\nargs", "\"trasnfer\"\nargs");
    assert!(misspelt.line == 17 && misspelt.message.contains("did you mean transfer?"), "{misspelt}");
    let poor = error("value = 1000", "value = 1");
    assert!(poor.message.contains("cap"), "{poor}");
    let unknown = error("OCEAN.totalSupply", "OCEANS.totalSupply");
    assert!(unknown.message.contains("there is no contract `OCEANS`: did you mean `OCEAN`?"), "{unknown}");
}

/// The last row of a run of Ocean V3 in which each agent draws for itself.
fn ocean(number: u64, point: &Point) -> Vec<f64> {
    let text = include_str!("../netlists/oceanv3.toml").replace("draws = \"shared\"\n", "");
    let model = token(&text).and_then(Netlist::model).unwrap_or_else(|error| panic!("{error}"));
    let mut rows = Rows::new(model.columns());
    let mut world = model.start(&Run { seed: 7, subset: 0, number, point }).expect("it starts");
    while world.step(&mut rows).unwrap_or_else(|failure| panic!("{failure}")) == Progress::More {}
    let last = |cells: &Cells| match cells {
        Cells::Float(cells) => *cells.last().expect("there are rows"),
        other => panic!("{other:?}"),
    };
    rows.cells().iter().map(last).collect()
}

#[test]
fn runs_depend_on_their_number_and_their_point() {
    let first = ocean(1, &Point::default());
    assert_eq!(first, ocean(1, &Point::default()));
    assert_ne!(first, ocean(2, &Point::default()));
    // The chain is deployed afresh for other parameters, and is the same chain.
    let same = Point { values: vec![("margin".into(), Value::Float(0.2))] };
    assert_eq!(first, ocean(1, &same));
    let generous = Point { values: vec![("margin".into(), Value::Float(0.9))] };
    let (consumer, more) = (first[4], ocean(1, &generous)[4]);
    assert!(more > consumer, "{more} {consumer}");
}

#[test]
fn blocks_come_when_the_block_clock_says() {
    let clock = |block_time: &str| {
        let text = TOKEN.replace("dt = \"1h\"", &format!("dt = 30\nstart = 1_000\n{block_time}"));
        let text = text.replace("[columns]", "[columns]\nnow = \"now\"\nwall = \"1_000 + time\"");
        let model = token(&text).and_then(Netlist::model).unwrap_or_else(|error| panic!("{error}"));
        let mut rows = Rows::new(model.columns());
        let mut world =
            model.start(&Run { seed: 1, subset: 0, number: 1, point: &Point::default() }).expect("it starts");
        while world.step(&mut rows).unwrap_or_else(|failure| panic!("{failure}")) == Progress::More {}
        rows.cells()[0].clone()
    };
    assert_eq!(clock(""), Cells::Float(vec![1_000.0, 1_030.0, 1_060.0, 1_090.0]));
    assert_eq!(clock("block_time = 12\n"), Cells::Float(vec![1_000.0, 1_024.0, 1_060.0, 1_084.0]));
    let Cells::Float(jittered) = clock("block_time = { mean = 12, deviation = 3 }\n") else { panic!("floats") };
    assert!(jittered.iter().zip([1_000.0, 1_030.0, 1_060.0, 1_090.0]).all(|(now, wall)| *now <= wall), "{jittered:?}");
}

#[test]
fn kinds_are_told_apart_and_explained() {
    let mut names: Vec<_> = sim::agents::kinds().iter().map(|kind| kind.name).collect();
    let n_kinds = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), n_kinds);
    for kind in sim::agents::kinds() {
        let mut keys: Vec<_> =
            kind.keys.iter().map(|key| key.name).chain(["name", "kind", "count", "wallet"]).collect();
        let n_keys = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), n_keys, "{}", kind.name);
        assert!(!kind.doc.is_empty() && kind.keys.iter().all(|key| !key.doc.is_empty()), "{}", kind.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_netlist_or_an_error(text in "\\PC{0,300}") {
        let _ = parse(&text);
    }

    /// A netlist with some bytes replaced, cut out or repeated.
    #[test]
    fn a_broken_netlist_is_a_netlist_or_an_error(
        which in 0_usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, "[ -~\\n]{0,6}"), 1..6),
    ) {
        let texts = [
            include_str!("../netlists/wsloop.toml"),
            include_str!("../netlists/oceanv3.toml"),
            include_str!("../netlists/simplegrant.toml"),
            TOKEN,
        ];
        let mut bytes = texts[which].as_bytes().to_vec();
        for (at, n_cut, put) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + n_cut).min(bytes.len());
            bytes.splice(at..end, put.bytes());
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = parse(&text) {
            prop_assert!(error.line >= 1 && error.line <= text.lines().count() + 1);
            prop_assert!(!error.message.is_empty());
        }
    }
}
