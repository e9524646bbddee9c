//! The semantics of cadCAD 0.5.3, with expected rows written by hand, for models typed in Rust and models as data.

#![allow(clippy::unwrap_used, reason = "a test fails where there is nothing to unwrap")]

use sim::{
    blocks::{BlockError, Blocks, Moment, Recording, Schedule, Scripted, Signal, StateBlocks},
    model::{Model, Point, Progress, Run, Value},
    rows::{Cells, Column, Rows},
    script::Limits,
};

fn point(values: &[(&str, Value)]) -> Point {
    Point { values: values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect() }
}

fn run_at(model: &dyn Model, number: u64, point: &Point) -> Result<Rows, String> {
    let mut rows = Rows::new(model.columns());
    let run = Run { seed: 1, subset: 0, number, point };
    let mut world = model.start(&run).map_err(|failure| failure.to_string())?;
    while world.step(&mut rows).map_err(|failure| failure.to_string())? == Progress::More {}
    Ok(rows)
}

/// A row as text: timestep.substep, then the cells.
fn lines(rows: &Rows) -> Vec<String> {
    let cell = |cells: &Cells, i: usize| match cells {
        Cells::Float(cells) => format!("{:?}", cells[i]),
        Cells::Integer(cells) => cells[i].to_string(),
        Cells::Text(text, ends) => text[if i == 0 { 0 } else { ends[i - 1] }..ends[i]].to_owned(),
    };
    let line = |i: usize| {
        let time = format!("{}.{}", rows.timesteps()[i], rows.substeps()[i]);
        std::iter::once(time).chain(rows.cells().iter().map(|cells| cell(cells, i))).collect::<Vec<_>>().join(" ")
    };
    (0..rows.len()).map(line).collect()
}

fn scripted(definition: &str, source: &str) -> Blocks<Scripted> {
    let model = Scripted::read(("model.toml", definition), ("model.rhai", source), Limits::default());
    Blocks(model.unwrap_or_else(|error| panic!("{error}")))
}

#[track_caller]
fn check(definition: &str, source: &str, expected: &[&str]) {
    let rows = run_at(&scripted(definition, source), 1, &Point::default()).unwrap();
    assert_eq!(lines(&rows), expected);
}

#[test]
fn signals_are_reduced_and_every_one_is_mapped() {
    let definition = r#"
        timesteps = 1
        operations = ["add", "double"]
        variable = [{ name = "a", kind = "integer", value = 0 }, { name = "b", kind = "integer", value = 0 }]
        block = [{ policies = ["p", "q"], updates = { a = "a", b = "b" } }]"#;
    let source = "
        fn p(params, substep, history, state) { #{ a: 1, b: 10 } }
        fn q(params, substep, history, state) { #{ a: 2 } }
        fn double(x) { 2 * x }
        fn a(params, substep, history, state, input) { input.a }
        fn b(params, substep, history, state, input) { input.b }";
    check(definition, source, &["0.0 0 0", "1.1 6 20"]);
    check(&definition.replace("\"add\", \"double\"", "\"add\""), source, &["0.0 0 0", "1.1 3 10"]);
    // The order of policies is the order of the reduction: 1 then 2.
    let minus = format!("{source} fn minus(x, y) {{ 10 * x - y }}");
    check(&definition.replace("\"add\", \"double\"", "\"minus\""), &minus, &["0.0 0 0", "1.1 8 10"]);
}

#[test]
fn a_block_that_lacks_a_policy_has_the_identity_signal() {
    let definition = r#"
        timesteps = 1
        variable = [{ name = "x", kind = "integer", value = 5 }]
        block = [{ policies = ["p"], updates = { x = "has" } }, { updates = { x = "has" } }]"#;
    let source = r#"
        fn p(params, substep, history, state) { #{ s: 1 } }
        fn has(params, substep, history, state, input) {
            if input.contains("identity") { input.identity - 1 } else { input.s + 100 }
        }"#;
    check(definition, source, &["0.0 5", "1.1 101", "1.2 -1"]);
}

const SUBSTEPS: &str = r#"
    timesteps = 2
    history = 2
    variable = [
        { name = "x", kind = "integer", value = 1 },
        { name = "y", kind = "integer", value = 10 },
        { name = "seen", kind = "text", value = "" },
    ]
    block = [
        { policies = ["p"], updates = { x = "x", y = "y", seen = "seen" } },
        { policies = ["p"], updates = { x = "x", seen = "seen" } },
    ]"#;

const SUBSTEPS_SOURCE: &str = r"
    fn p(params, substep, history, state) { #{ sum: state.x + state.y } }
    fn x(params, substep, history, state, input) { input.sum }
    fn y(params, substep, history, state, input) { state.x + state.y }
    fn seen(params, substep, history, state, input) {
        let past = ``;
        for i in 0..history.len() {
            past += `[`;
            for j in 0..history[i].len() {
                let old = history[i][j];
                past += `${old.timestep}.${old.substep}:${old.x} `;
            }
            past += `]`;
        }
        `${substep} at ${state.timestep}.${state.substep} ${past}`
    }";

/// All updates of a block see the state before it, the next block sees the result; the state's timestep is the one before
/// in the first block; history is of finished timesteps.
const SUBSTEPS_ROWS: [&str; 5] = [
    "0.0 1 10 ",
    "1.1 11 11 1 at 0.0 [0.0:1 ]",
    "1.2 22 11 2 at 1.1 [0.0:1 ]",
    "2.1 33 33 1 at 1.2 [0.0:1 ][1.1:11 1.2:22 ]",
    "2.2 66 33 2 at 2.1 [0.0:1 ][1.1:11 1.2:22 ]",
];

#[test]
fn blocks_see_what_the_block_before_made() {
    check(SUBSTEPS, SUBSTEPS_SOURCE, &SUBSTEPS_ROWS);
    // One timestep of history forgets the start.
    let definition = SUBSTEPS.replace("history = 2", "history = 1");
    let rows = lines(&run_at(&scripted(&definition, SUBSTEPS_SOURCE), 1, &Point::default()).unwrap());
    assert_eq!(rows[3..], ["2.1 33 33 1 at 1.2 [1.1:11 1.2:22 ]", "2.2 66 33 2 at 2.1 [1.1:11 1.2:22 ]"]);
    let definition = SUBSTEPS.replace("history = 2", "history = 0");
    let rows = lines(&run_at(&scripted(&definition, SUBSTEPS_SOURCE), 1, &Point::default()).unwrap());
    assert_eq!(rows[4], "2.2 66 33 2 at 2.1 ");
}

#[test]
fn one_block_sees_substep_0_and_history_has_substep_1() {
    let definition = SUBSTEPS.replace("{ policies = [\"p\"], updates = { x = \"x\", seen = \"seen\" } },", "");
    check(
        &definition,
        SUBSTEPS_SOURCE,
        &["0.0 1 10 ", "1.1 11 11 1 at 0.0 [0.0:1 ]", "2.1 22 22 1 at 1.0 [0.0:1 ][1.1:11 ]"],
    );
}

/// The model of `SUBSTEPS` in Rust.
struct Typed(Vec<Column>, Recording);

#[derive(Clone)]
struct State {
    x: i64,
    y: i64,
    seen: String,
}

#[derive(Default)]
struct Signals {
    sum: Signal<i64>,
}

impl StateBlocks for Typed {
    type State = State;
    type Signals = Signals;
    type Case = ();

    fn columns(&self) -> &[Column] {
        &self.0
    }

    fn schedule(&self) -> Schedule {
        Schedule { n_timesteps: 2, n_blocks: 2, n_history: 2, recording: self.1 }
    }

    fn start(&self, _: &Run<'_>) -> Result<((), State), BlockError> {
        Ok(((), State { x: 1, y: 10, seen: String::new() }))
    }

    fn policies(&self, (): &mut (), moment: &Moment<'_, State>, signals: &mut Signals) -> Result<(), BlockError> {
        signals.sum.set("sum", moment.old.state.x + moment.old.state.y)
    }

    fn updates(
        &self,
        (): &mut (),
        moment: &Moment<'_, State>,
        signals: &Signals,
        next: &mut State,
    ) -> Result<(), BlockError> {
        let old = moment.old;
        next.x = signals.sum.need("sum")?;
        if moment.substep == 1 {
            next.y = old.state.x + old.state.y;
        }
        let past: String = moment
            .history
            .timesteps()
            .map(|substeps| {
                let shown: String =
                    substeps.iter().map(|old| format!("{}.{}:{} ", old.timestep, old.substep, old.state.x)).collect();
                format!("[{shown}]")
            })
            .collect();
        next.seen = format!("{} at {}.{} {past}", moment.substep, old.timestep, old.substep);
        Ok(())
    }

    fn record(&self, state: &State, _: &Signals, rows: &mut Rows) {
        rows.integer(state.x);
        rows.integer(state.y);
        rows.text(&state.seen);
    }
}

fn typed(recording: Recording) -> Blocks<Typed> {
    Blocks(Typed(vec![Column::integer("x"), Column::integer("y"), Column::text("seen")], recording))
}

#[test]
fn a_typed_model_gives_the_rows_of_the_same_model_as_data() {
    let model = typed(Recording::EverySubstep);
    assert_eq!(lines(&run_at(&model, 1, &Point::default()).unwrap()), SUBSTEPS_ROWS);
    assert_eq!(model.columns(), scripted(SUBSTEPS, SUBSTEPS_SOURCE).columns());
}

#[test]
fn recording_chooses_rows() {
    let rows = |recording| lines(&run_at(&typed(recording), 1, &Point::default()).unwrap());
    assert_eq!(rows(Recording::Every(1)), [SUBSTEPS_ROWS[0], SUBSTEPS_ROWS[2], SUBSTEPS_ROWS[4]]);
    assert_eq!(rows(Recording::Every(2)), [SUBSTEPS_ROWS[0], SUBSTEPS_ROWS[4]]);
    assert_eq!(rows(Recording::Last), [SUBSTEPS_ROWS[4]]);
    let data = |record: &str| {
        let definition = SUBSTEPS.replace("timesteps = 2", &format!("timesteps = 2\nrecord = {record}"));
        lines(&run_at(&scripted(&definition, SUBSTEPS_SOURCE), 1, &Point::default()).unwrap())
    };
    assert_eq!(data("2"), rows(Recording::Every(2)));
    assert_eq!(data("\"last\""), rows(Recording::Last));
    assert_eq!(data("\"substeps\""), SUBSTEPS_ROWS);
}

#[test]
fn a_model_without_time_or_blocks_has_its_initial_state() {
    let definition = "timesteps = 0\nvariable = [{ name = \"x\", kind = \"float\", value = 1 }]";
    check(definition, "", &["0.0 1.0"]);
    check(&definition.replace("timesteps = 0", "timesteps = 0\nrecord = \"last\""), "", &["0.0 1.0"]);
}

const DRAWING: &str = r#"
    timesteps = 2
    record = "last"
    parameter = [{ name = "low", kind = "integer", value = 0 }, { name = "high", kind = "integer", value = 1000000 }]
    variable = [{ name = "x", kind = "integer", value = 0 }]
    block = [{ updates = { x = "x" } }]"#;

#[test]
fn zipped_points_and_runs_draw_by_run() {
    let source = "fn x(params, substep, history, state, input) { params.low + below(params.high - params.low) }";
    let model = scripted(DRAWING, source);
    // M = { low: [0, 1000], high: [1000, 2000] }, zipped; N = 2.
    let points = [(0, 1000), (1000, 2000)]
        .map(|(low, high)| point(&[("low", Value::Integer(low)), ("high", Value::Integer(high))]));
    let cell = |point, number| lines(&run_at(&model, number, point).unwrap())[0][4..].parse::<i64>().unwrap();
    let [[a, b], [c, d]] = points.each_ref().map(|point| [cell(point, 1), cell(point, 2)]);
    // The same run has the same luck at each point; another run has other luck.
    assert_eq!((c, d), (a + 1000, b + 1000));
    assert!(a != b && (0..1000).contains(&a) && (0..1000).contains(&b));
    assert_eq!(cell(&points[0], 1), a);
    // Points set variables, too.
    let start = scripted(&DRAWING.replace("timesteps = 2", "timesteps = 0"), source);
    assert_eq!(lines(&run_at(&start, 1, &point(&[("x", Value::Float(7.0))])).unwrap()), ["0.0 7"]);
}

#[test]
fn kinds_are_recorded_in_all_their_digits() {
    let definition = r#"
        timesteps = 1
        variable = [
            { name = "float", kind = "float", value = 0.1 },
            { name = "decimal", kind = "decimal", value = 0.1 },
            { name = "text", kind = "decimal", value = "0.10" },
            { name = "wide", kind = "u256", value = "18446744073709551616" },
            { name = "flag", kind = "flag", value = true },
            { name = "list", kind = "list", value = [1, 2.5, "a"] },
            { name = "map", kind = "map", value = { b = [], a = 1 } },
        ]
        [[block]]
        updates = { float = "i", decimal = "i", text = "tenth", wide = "i", flag = "no", list = "list" }"#;
    let source = r#"
        fn i(params, substep, history, state, input) { 3 }
        fn tenth(params, substep, history, state, input) { state.text / 3 }
        fn no(params, substep, history, state, input) { !state.flag }
        fn list(params, substep, history, state, input) { [state.text, u256(1), #{ k: "v" }] }"#;
    check(
        definition,
        source,
        &[
            "0.0 0.1 0.1000000000000000055511151231257827021181583404541015625 0.10 18446744073709551616 1 [1, 2.5, \"a\"] \
         {\"a\": 1, \"b\": []}",
            "1.1 3.0 3 0.03333333333333333333333333333 3 0 [\"0.10\", \"1\", {\"k\": \"v\"}] {\"a\": 1, \"b\": []}",
        ],
    );
}

const ONE: &str = r#"
    timesteps = 3
    parameter = [{ name = "rate", kind = "float", value = 0.5 }]
    variable = [{ name = "x", kind = "float", value = 1.0 }]
    block = [{ policies = ["p", "q"], updates = { x = "x" } }]"#;

/// A model whose run fails.
#[track_caller]
fn check_fails(p: &str, q: &str, x: &str, expected: &str) {
    let source = format!(
        "fn p(params, substep, history, state) {{ {p} }}\nfn q(params, substep, history, state) {{ {q} }}\n\
         fn x(params, substep, history, state, input) {{ {x} }}"
    );
    assert_eq!(run_at(&scripted(ONE, &source), 1, &Point::default()).unwrap_err(), expected);
}

#[test]
fn a_failing_function_is_named_with_its_place() {
    check_fails(
        "1",
        "#{}",
        "1",
        "timestep 1: model.rhai:1:4: policy p returned i64, not a map of signals: return #{ signal: value }, or #{} for \
         none",
    );
    check_fails(
        "#{}",
        "#{}",
        "\"one\"",
        "timestep 1: model.rhai:3:4: update x returned string for x, which is a float: return a finite number, such as \
         1.5",
    );
    check_fails(
        "#{}",
        "#{}",
        "1.0 / 0.0",
        "timestep 1: model.rhai:3:4: update x returned inf for x, which is a float: return a finite number, such as 1.5",
    );
    check_fails(
        "#{ s: true }",
        "#{ s: 1 }",
        "1",
        "timestep 1: model.rhai:2:4: signal s is given as bool and as i64, which cannot be added: give it in one policy, \
         or name another first operation",
    );
    check_fails("#{ s: 1 }", "#{}", "input.t", "timestep 1: model.rhai:3:53: there is no signal t: there is s");
    check_fails("#{}", "#{}", "state.y", "timestep 1: model.rhai:3:53: there is no variable y: there is x");
    check_fails("#{}", "#{}", "params.y", "timestep 1: model.rhai:3:54: there is no parameter y: there is rate");
    check_fails(
        "#{}",
        "#{}",
        "history[-1][0].x",
        "timestep 1: model.rhai:3:55: there is no finished timestep in sight -1: there are 0",
    );
    check_fails(
        "#{}",
        "#{}",
        "loop {}",
        "timestep 1: model.rhai:3:4: a call takes more than 1000000 operations: end its loops earlier",
    );
}

#[test]
fn functions_cannot_write_what_they_see() {
    for write in ["state.x = 5.0", "state[\"x\"] = 5.0", "params.rate = 1.0", "input.s = 1"] {
        let source = format!(
            "fn p(params, substep, history, state) {{ #{{ s: 1 }} }} fn q(params, substep, history, state) {{ #{{}} }} \
             fn x(params, substep, history, state, input) {{ {write}; 1 }}"
        );
        let error = run_at(&scripted(ONE, &source), 1, &Point::default()).unwrap_err();
        assert!(error.starts_with("timestep 1: model.rhai:1:"), "{error}");
    }
}

#[track_caller]
fn check_refused(definition: &str, source: &str, expected: &str) {
    let refused = Scripted::read(("model.toml", definition), ("model.rhai", source), Limits::default());
    assert_eq!(refused.unwrap_err().to_string(), expected);
}

#[test]
fn a_definition_that_makes_no_sense_is_refused() {
    let source = "fn x(params, substep, history, state, input) { 1 } fn p(a) { 1 }";
    let variable = "variable = [{ name = \"x\", kind = \"integer\", value = 1 }]";
    let with = |rest: &str| format!("timesteps = 1\n{variable}\n{rest}");
    check_refused("timesteps = ", source, "model.toml:1: string values must be quoted, expected literal string");
    check_refused("", source, "model.toml:1: missing field `timesteps`");
    check_refused(
        &with("record = 0"),
        source,
        "model.toml:3: record is \"substeps\", \"last\" or a number of timesteps above 0",
    );
    check_refused(&with("history = 10001"), source, "model.toml: history is 10001: look back at most 10000 timesteps");
    check_refused(&with("operations = []"), source, "model.toml: operations is empty: give at least \"add\"");
    check_refused(
        &with("block = [{ updates = { y = \"x\" } }]"),
        source,
        "model.toml: block 1 updates y, which is no variable: declare it",
    );
    check_refused(
        &with("block = [{ policies = [\"p\", \"p\"] }]"),
        source,
        "model.toml: block 1 has policy p twice: remove one",
    );
    check_refused(
        &with("block = [{ updates = { x = \"y\" } }]"),
        source,
        "model.rhai: there is no function y: write fn y(x1, x2, x3, x4, x5) { … }",
    );
    check_refused(
        &with("block = [{ policies = [\"p\"] }]"),
        source,
        "model.rhai:1:55: function p has 1 parameters, and is called with 4: write fn p(x1, x2, x3, x4) { … }",
    );
    check_refused(
        "timesteps = 1\nvariable = [{ name = \"x\", kind = \"integer\", value = 1.5 }]",
        source,
        "model.toml: x is 1.5, not an integer: give a whole number, such as 3",
    );
    check_refused(
        "timesteps = 1\nvariable = [{ name = \"timestep\", kind = \"integer\", value = 1 }]",
        source,
        "model.toml: timestep is what the state is asked for its time by: choose another name",
    );
    let twice = with("parameter = [{ name = \"x\", kind = \"float\", value = 1 }]");
    check_refused(&twice, source, "model.toml: x is declared twice: rename one");
}

#[test]
fn a_point_that_fits_no_model_is_refused() {
    let model = scripted(DRAWING, "fn x(params, substep, history, state, input) { 1 }");
    let error = |name: &str, value| run_at(&model, 1, &point(&[(name, value)])).unwrap_err();
    assert_eq!(
        error("depth", Value::Integer(1)),
        "timestep 0: the model has no parameter or variable depth: declare it"
    );
    assert_eq!(
        error("low", Value::Float(0.5)),
        "timestep 0: low is 0.5, not an integer: give a whole number, such as 3"
    );
}
