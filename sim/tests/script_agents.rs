//! Agents whose behaviour is a script: what they may do, what they may not, and that nothing else decides.

use std::{fs, path::PathBuf, process};

use sim::{
    economy::Economy,
    evm::U256,
    model::{Failure, Model, Point, Progress, Run},
    netlist::{Netlist, NetlistError, bundled, bundled_script},
    rows::{Cells, Rows},
};

/// A folder of its own for each test; it is gone when this is dropped.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let home = std::env::temp_dir().join(format!("sim-script-agents-{name}-{}", process::id()));
        fs::create_dir_all(&home).expect("the folder for temporary files can be written");
        Self(home)
    }

    fn parse(&self, netlist: &str, script: &str) -> Result<Economy, NetlistError> {
        fs::write(self.0.join("agent.rhai"), script).expect("the folder can be written");
        Netlist::parse(&self.0.join("netlist.toml"), netlist)?.economy()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Alice acts by script for three ticks; bob is there; both have a token and a coin that is in no contract.
const NETLIST: &str = r#"
[sim]
dt = 10
steps = 3
start = 1_000
[param.goal]
value = 7
[param.mood]
text = "calm"
list = ["calm", "bold"]
[[contract]]
name = "DAI"
artifact = "bundled:DemoToken"
fund = "mint"
[[contract]]
name = "Streams"
artifact = "bundled:TimestampMoneyStreaming"
[[agent]]
name = "alice"
kind = "script"
script = "agent.rhai"
params = { half = "goal / 2", goal = "goal" }
wallet = { DAI = 100, COIN = 5 }
[[agent]]
name = "bob"
kind = "idle"
wallet = { COIN = 1 }
[columns]
alice = { call = "DAI.balanceOf", args = ["alice"] }
bob = { call = "DAI.balanceOf", args = ["bob"] }
supply = { call = "DAI.totalSupply" }
coins = "alice.COIN + bob.COIN"
shown = "alice.shown"
calls = "alice.n_calls"
reverts = "alice.n_reverts"
gas = "alice.gas"
"#;

fn run(economy: &Economy, number: u64) -> Result<Rows, Failure> {
    let point = Point::default();
    let run = Run { seed: 1, subset: 0, number, point: &point };
    let mut rows = Rows::new(economy.columns());
    let mut world = economy.start(&run)?;
    while world.step(&mut rows)? == Progress::More {}
    Ok(rows)
}

/// What the script shows in the tick before the last row, which is of the third tick.
#[track_caller]
fn check(name: &str, script: &str, shown: f64) {
    let home = Home::new(name);
    let economy = home.parse(NETLIST, script).unwrap_or_else(|error| panic!("{error}"));
    let rows = run(&economy, 1).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(*column(&economy, &rows, "shown").last().expect("a run has rows"), shown);
}

/// How the run ends, with the file's folder left out.
#[track_caller]
fn check_failure(name: &str, script: &str, expected: &str) {
    let home = Home::new(name);
    let economy = home.parse(NETLIST, script).unwrap_or_else(|error| panic!("{error}"));
    let failure = run(&economy, 1).err().unwrap_or_else(|| panic!("the run does not end"));
    assert_eq!(failure.to_string().replace(&format!("{}/", home.0.display()), ""), expected);
}

fn column<'a>(economy: &Economy, rows: &'a Rows, name: &str) -> &'a [f64] {
    match cells(economy, rows, name) {
        Cells::Float(numbers) => numbers,
        other => panic!("{name} has numbers, not {other:?}"),
    }
}

fn units(economy: &Economy, rows: &Rows, name: &str) -> Vec<U256> {
    let Cells::Text(text, ends) = cells(economy, rows, name) else { panic!("{name} has no text") };
    let starts = [0].iter().chain(ends);
    starts.zip(ends).map(|(start, end)| text[*start..*end].parse().expect("a view answers with digits")).collect()
}

fn cells<'a>(economy: &Economy, rows: &'a Rows, name: &str) -> &'a Cells {
    let at = economy.columns().iter().position(|column| column.name == name);
    &rows.cells()[at.unwrap_or_else(|| panic!("there is no column {name}"))]
}

#[test]
fn a_script_reads_the_world() {
    check("tick", "fn step(me, world) { world.show(world.tick) }", 1.0);
    check("time", "fn step(me, world) { world.show(world.time + world.dt) }", 20.0);
    check("now", "fn step(me, world) { world.show(world.now) }", 1_010.0);
    check("block", "fn step(me, world) { world.show(world.block) }", 2.0);
    check("agents", "fn step(me, world) { world.show(world.n_agents) }", 2.0);
    check(
        "balance",
        r#"fn step(me, world) { world.show(world.balance("me", "DAI") + world.balance("bob", "COIN")) }"#,
        101.0,
    );
    check("units", r#"fn step(me, world) { world.show(from_units(world.units("alice", "DAI"))) }"#, 100.0);
    check("read", r#"fn step(me, world) { world.show(world.read("bob.COIN") + world.read("goal")) }"#, 8.0);
    check(
        "param",
        r#"fn step(me, world) { if world.param("mood") == "calm" { world.show(world.param("goal")) } }"#,
        7.0,
    );
    check("params", "fn step(me, world) { world.show(me.half + me.goal) }", 10.5);
    check("me", r#"fn step(me, world) { if world.me == "alice" { world.show(1) } }"#, 1.0);
    let script = r#"fn step(me, world) { if world.view("DAI", "symbol", []).len() > 1 { world.show(2) } }"#;
    check("view", script, 2.0);
}

#[test]
fn a_script_keeps_what_it_sets() {
    check("count", "fn init(me, world) { me.n = 0 } fn step(me, world) { me.n += 1; world.show(me.n) }", 2.0);
    let script = r#"fn step(me, world) { if !("all" in me) { me.all = [] } me.all.push(3); world.show(me.all.len()) }"#;
    check("list", script, 2.0);
    let script = "fn init(me, world) { me.of = #{ n: 1 } } fn step(me, world) { me.of.n *= 5; world.show(me.of.n) }";
    check("map", script, 25.0);
}

#[test]
fn money_moves_to_the_unit() {
    let script = r#"
        fn step(me, world) {
            world.pay("bob", "COIN", 1);
            world.pay("bob", "DAI", 0.25);
            world.pay("bob", "DAI", u256("1"));
            let sent = world.send("DAI", "transfer", ["bob", u256("2")]);
            if sent.result && sent.gas > 21000 { world.show(1) }
        }"#;
    let home = Home::new("money");
    let economy = home.parse(NETLIST, script).unwrap_or_else(|error| panic!("{error}"));
    let rows = run(&economy, 1).unwrap_or_else(|failure| panic!("{failure}"));
    let (alice, bob) = (units(&economy, &rows, "alice"), units(&economy, &rows, "bob"));
    assert_eq!(bob, [0, 250_000_000_000_000_003_u128, 500_000_000_000_000_006].map(U256::from));
    for (supply, held) in units(&economy, &rows, "supply").into_iter().zip(alice.into_iter().zip(bob)) {
        assert_eq!(supply, held.0 + held.1);
    }
    assert_eq!(column(&economy, &rows, "coins"), [6.0; 3]);
    assert_eq!(column(&economy, &rows, "calls"), [0.0, 3.0, 6.0]);
    assert_eq!(column(&economy, &rows, "shown"), [0.0, 1.0, 1.0]);
    assert!(column(&economy, &rows, "gas")[1] > 60_000.0);
}

/// A call that the token refuses.
const TOO_MUCH: &str = r#"world.send("DAI", "transfer", ["bob", units(101)])"#;

#[test]
fn a_revert_is_caught_or_ends_the_run() {
    let script = format!(
        r#"fn step(me, world) {{
            try {{ {TOO_MUCH}; world.show(1) }}
            catch (why) {{ if why.contains("ERC20InsufficientBalance(sender alice, balance 100") {{ world.show(2) }} }}
        }}"#
    );
    let home = Home::new("caught");
    let economy = home.parse(NETLIST, &script).unwrap_or_else(|error| panic!("{error}"));
    let rows = run(&economy, 1).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(column(&economy, &rows, "shown"), [0.0, 2.0, 2.0]);
    assert_eq!(column(&economy, &rows, "reverts"), [0.0, 1.0, 2.0]);
    assert_eq!(units(&economy, &rows, "bob"), [U256::ZERO; 3]);
    check_failure(
        "uncaught",
        &format!("fn step(me, world) {{\n    {TOO_MUCH};\n}}"),
        "timestep 0: agent `alice`: agent.rhai:2:11: DAI.transfer(bob, 101000000000000000000) by alice reverted: \
         ERC20InsufficientBalance(sender alice, balance 100000000000000000000, needed 101000000000000000000)",
    );
    check("wallet", r#"fn step(me, world) { try { world.pay("bob", "COIN", 6) } catch { world.show(3) } }"#, 3.0);
    check_failure(
        "view",
        "fn step(me, world) { world.view(\"Streams\", \"getStream\", [7]) }",
        "timestep 0: agent `alice`: agent.rhai:1:28: Streams.getStream(7) by alice reverted: \
         StreamUnknown(streamId 7)",
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let check = |name, script, expected: &str| {
        check_failure(name, script, &format!("timestep 0: agent `alice`: agent.rhai:{expected}"));
    };
    let unknown = "1:22: there is no function jump (world): check its name and the types of its arguments";
    check("unknown", "fn step(me, world) { jump(world) }", unknown);
    let unset = "2:5: `me` has no `n`: there are goal, half; set it in fn init(me, world) or in the netlist's `params`";
    check("unset", "fn step(me, world) {\n  me.n += 1\n}", unset);
    check("thrown", "fn step(me, world) {\n  throw \"enough\" }", "2:3: enough");
    check(
        "float",
        r#"fn step(me, world) { world.send("DAI", "transfer", ["bob", 1.5]) }"#,
        "1:28: the argument 1.5 is a float, which is no exact amount: say units(x) or u256(x)",
    );
    check(
        "agent",
        r#"fn step(me, world) { world.pay("bop", "DAI", 1) }"#,
        "1:28: there is no agent `bop`: did you mean `bob`?",
    );
    check(
        "asset",
        r#"fn step(me, world) { world.balance("bob", "DIA") }"#,
        "1:28: no wallet and no contract is of the asset `DIA`: there are DAI, Streams, COIN",
    );
    check(
        "contract",
        r#"fn step(me, world) { world.view("Stream", "clock", []) }"#,
        "1:28: there is no contract `Stream`: did you mean `Streams`?",
    );
    check(
        "function",
        r#"fn step(me, world) { world.view("Streams", "clok", []) }"#,
        "1:28: TimestampMoneyStreaming has no function clok; did you mean clock?",
    );
    check(
        "count",
        r#"fn step(me, world) { world.view("Streams", "clock", [1]) }"#,
        "1:28: clock() takes 0 arguments (), and 1 are given: (1)",
    );
    check(
        "coin",
        r#"fn step(me, world) { world.pay("bob", "COIN", u256(1)) }"#,
        "1:28: `COIN` is no token of the chain, and has no units: give a float or an integer",
    );
    check(
        "param",
        r#"fn step(me, world) { world.param("gaol") }"#,
        "1:28: there is no parameter `gaol`: did you mean `goal`?",
    );
    check(
        "name",
        r#"fn step(me, world) { world.read("bob.gas") }"#,
        "1:28: `bob` has no `gas`: there are DAI, Streams, COIN",
    );
    let hidden = r#"fn step(me, world) { try { world.pay("bop", "DAI", 1) } catch { } }"#;
    check("hidden", hidden, " there is no agent `bop`: did you mean `bob`?");
    check(
        "negative",
        r#"fn step(me, world) { world.pay("bob", "DAI", -1) }"#,
        "1:28: -1 is not an amount of 0 to 3e20",
    );
}

#[test]
fn nothing_is_endless() {
    let check = |name, script: &str, expected: &str| {
        check_failure(name, script, &format!("timestep 0: agent `alice`: agent.rhai:{expected}"));
    };
    let sizes = "a string has at most 65536 bytes, a list 16384 elements, a map 1024 entries, at most 32 deep";
    let endless = "1:4: a call takes more than 1000000 operations: end its loops earlier";
    check("endless", "fn step(me, world) { let n = 0; loop { n += 1 } }", endless);
    check("caught", "fn step(me, world) { loop { try { throw 1 } catch { } } }", endless);
    check(
        "asks",
        "fn step(me, world) { loop { world.tick } }",
        "1:35: a step asks more than 100000 things of the world: end its loops earlier",
    );
    check(
        "doubles",
        "fn step(me, world) { me.a = [1]; loop { me.a = [me.a, me.a] } }",
        &format!("1:4: size of array/BLOB: {sizes}"),
    );
    check(
        "names",
        r#"fn step(me, world) { let n = 0; loop { n += 1; me["x" + n] = n } }"#,
        &format!("1:4: entries of map: {sizes}"),
    );
}

/// A contract that burns all gas of each call.
const BURNER: &str = r#"{ "abi": [{ "type": "function", "name": "burn", "inputs": [], "outputs": [], "stateMutability": "view" }],
    "bytecode": "0x60fe60005360016000f3" }"#;

#[test]
fn gas_is_limited_even_if_all_failures_are_caught() {
    let home = Home::new("gas");
    fs::write(home.0.join("burner.json"), BURNER).expect("the folder can be written");
    let netlist = NETLIST.replace("[columns]", "[[contract]]\nname = \"Fire\"\nartifact = \"burner.json\"\n[columns]");
    for call in ["view", "send"] {
        let script = format!(
            r#"fn step(me, world) {{ for i in 0..1000 {{ try {{ world.{call}("Fire", "burn", []) }} catch {{}} }} }}"#
        );
        let economy = home.parse(&netlist, &script).unwrap_or_else(|error| panic!("{error}"));
        let failure = run(&economy, 1).expect_err("a hundred calls are too many").to_string();
        assert!(
            failure.ends_with("the calls of a step take more than 3000000000 gas: call less in one step"),
            "{failure}"
        );
    }
}

#[test]
fn a_world_that_is_kept_reaches_nothing() {
    let script = "fn init(me, world) { me.old = world }\nfn step(me, world) { world.show(me.old.tick) }";
    let expected = "timestep 0: agent `alice`: agent.rhai:2:40: this `world` is of an earlier step: use the one that the step is given";
    check_failure("world", script, expected);
    let script = "fn init(me, world) { me.old = me }\nfn step(me, world) { me.old.x = 1 }";
    check_failure("me", script, &expected.replace("2:40", "2:28").replace("`world`", "`me`"));
}

#[test]
fn scripts_that_are_none_are_refused_before_any_run() {
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let home = Home::new("refused");
        let error = home.parse(NETLIST, script).err().unwrap_or_else(|| panic!("it is taken")).to_string();
        assert_eq!(error.replace(&format!("{}/", home.0.display()), ""), format!("netlist.toml:21:10: {expected}"));
    }
    check("", "agent.rhai: there is no function step: write fn step(x1, x2) { … }");
    check(
        "fn step(me) { }",
        "agent.rhai:1:4: function step has 1 parameters, and is called with 2: write fn step(x1, x2) { … }",
    );
    check(
        "fn step(me, world) { } fn init() { }",
        "agent.rhai:1:27: function init has 0 parameters, and is called with 2: write fn init(x1, x2) { … }",
    );
    check("fn step(me, world) {", "agent.rhai:1:21: expecting '}' to terminate this block");
    check(
        "fn step(me, world) { } import \"x\" as x;",
        "agent.rhai:1:24: 'import' is a reserved keyword: scripts have no import",
    );
    check(&" ".repeat(1_048_577), "script agent.rhai has 1048577 bytes, and 1048576 are allowed: split it");
    let home = Home::new("missing");
    let netlist = NETLIST.replace("agent.rhai", "scripted.rhai");
    let error = home.parse(&netlist, "").err().expect("there is no such file").to_string();
    assert!(error.contains("scripted.rhai") && error.ends_with("a script stands beside its netlist"), "{error}");
}

#[test]
fn the_same_run_draws_the_same() {
    let script = "fn step(me, world) { world.show(unit() + normal() + between(0.0, 1.0)) }";
    let home = Home::new("draws");
    for netlist in [NETLIST.to_owned(), NETLIST.replace("steps = 3", "steps = 3\ndraws = \"shared\"")] {
        let economy = home.parse(&netlist, script).unwrap_or_else(|error| panic!("{error}"));
        let shown = |number| column(&economy, &run(&economy, number).expect("it runs"), "shown").to_vec();
        let first = shown(1);
        assert!(first[1] != first[2] && first != shown(2), "{first:?}");
        let again = std::thread::scope(|scope| scope.spawn(|| [shown(2), shown(1)]).join().expect("it runs"));
        assert_eq!(again, [shown(2), first]);
    }
}

#[test]
fn the_netlist_in_the_box_runs_without_its_folder_and_loses_nothing() {
    let netlist = bundled("scripted").expect("it is in the box");
    assert!(bundled_script("scripted.rhai").is_some() && bundled_script("other.rhai").is_none());
    let home = Home::new("box");
    let netlist = Netlist::parse(&home.0.join("scripted.toml"), netlist.text).unwrap_or_else(|error| panic!("{error}"));
    let economy = netlist.economy().unwrap_or_else(|error| panic!("{error}"));
    let rows = run(&economy, 1).unwrap_or_else(|failure| panic!("{failure}"));
    let of = |name| column(&economy, &rows, name);
    let (saver, shop, pension, planned) = (of("saver"), of("shop"), of("pension"), of("planned"));
    for at in 0..rows.len() {
        // The employer pays in the first tick and in every thirtieth after it; a row is of the time before.
        let paid = 1_000.0 * (at.div_ceil(30)) as f64;
        let held = saver[at] + shop[at] + pension[at] + planned[at];
        assert!((held - paid).abs() < 1e-9, "row {at}: {held} is not {paid}");
    }
    let last = rows.len() - 1;
    assert!(pension[last] > 500.0 && of("missed")[last] > 0.0 && of("refused")[last] == 0.0);
    // A file beside the netlist comes first.
    fs::write(home.0.join("scripted.rhai"), "fn step(me, world) { world.show(world.tick) }")
        .expect("it can be written");
    let netlist = Netlist::parse(&home.0.join("scripted.toml"), bundled("scripted").expect("it is there").text);
    let economy = netlist.and_then(Netlist::economy).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(column(&economy, &run(&economy, 1).expect("it runs"), "missed")[5], 4.0);
}
