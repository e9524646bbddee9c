//! The sandbox: every way out is an error with its place and a remedy, in bounded time; digits are the platform's nowhere.

#![allow(clippy::unwrap_used, reason = "a test fails where there is nothing to unwrap")]

use ruint::aliases::U256;
use sim::{
    decimal::Decimal,
    draws::Draws,
    script::{Limits, Luck, Sandbox, Script, ScriptError},
};

fn luck() -> Luck {
    Luck::new(Draws::keyed(1, 1, "test", "script"))
}

fn compile(source: &str) -> Result<Script, ScriptError> {
    Sandbox::new(Limits::default(), |_| {}).compile("test.rhai", source)
}

fn text(value: &rhai::Dynamic) -> String {
    let decimal = value.read_lock::<Decimal>().map(|number| number.to_string());
    decimal.or_else(|| value.read_lock::<U256>().map(|number| number.to_string())).unwrap_or_else(|| value.to_string())
}

#[track_caller]
fn check(source: &str, expected: Result<&str, &str>) {
    let result = compile(source).and_then(|script| script.call("f", (), &luck()));
    let shown = result.map(|value| text(&value)).map_err(|error| error.to_string());
    assert_eq!(shown.as_deref().map_err(String::as_str), expected);
}

#[test]
fn what_does_not_end_is_ended() {
    let loops = "a call takes more than 1000000 operations: end its loops earlier";
    check("fn f() {\n  loop { }\n}", Err(&format!("test.rhai:1:4: {loops}")));
    check("fn f() { let i = 0; while true { i += 1 } }", Err(&format!("test.rhai:1:4: {loops}")));
    check("fn f() { let n = 0; for i in 0..9223372036854775807 { n += i } }", Err(&format!("test.rhai:1:4: {loops}")));
    check(
        "fn f() { g() }\nfn g() { f() }",
        Err("test.rhai:1:4: more than 16 calls within calls: use a loop instead of recursion"),
    );
    check("fn f() { sleep(10) }", Err("test.rhai:1:10: a script cannot sleep"));
    check("fn f() { sleep(10.0) }", Err("test.rhai:1:10: a script cannot sleep"));
}

#[track_caller]
fn check_fails(source: &str, part: &str) {
    let error = compile(source).and_then(|script| script.call("f", (), &luck())).unwrap_err();
    assert!(error.to_string().contains(part), "{error}");
    assert!(error.line > 0 && error.column > 0, "{error}");
}

#[test]
fn what_grows_without_bound_is_stopped() {
    let sizes = "a string has at most 65536 bytes, a list 16384 elements, a map 1024 entries, at most 32 deep";
    check_fails("fn f() { let s = \"x\"; loop { s += s; } }", sizes);
    check_fails("fn f() { let a = [1]; loop { a += a; } }", sizes);
    check_fails("fn f() { let a = [1]; loop { a = [a, a]; } }", sizes);
    check_fails("fn f() { let s = \"\"; s.pad(1000000000, \"x\"); s }", sizes);
    check_fails("fn f() { let a = []; a.pad(1000000000, 0); a }", sizes);
    check_fails("fn f() { blob(1000000000, 0) }", sizes);
    check_fails("fn f() { let m = #{}; for i in 0..10000 { m[`${i}`] = i; } m }", sizes);
    check_fails("fn f() { let a = []; for i in 0..10000 { a.push(\"x\"); a[0] += a[0]; } }", sizes);
    // Assignments to elements.
    check_fails("fn f() { let a = [0, 0]; loop { a[0] = a; a[1] = a; } }", sizes);
    check_fails("fn f() { let m = #{}; loop { m.x = m; m.y = m; } }", sizes);
    check_fails("fn f() { let a = [[]]; loop { a[0].push(a); a.push(a[0]); } }", sizes);
    check_fails("fn f() { let a = []; loop { a = [a]; } }", "lists and maps in each other");
    check_fails("fn f() { let a = [0]; loop { a[0] = a; } }", sizes);
    check_fails(
        "fn f() { let m = #{}; let s = \"x\"; s.pad(60000, \"y\"); for i in 0..99999 { m[`${i}`] = s + `${i}`; } }",
        sizes,
    );
    check_fails("fn g(x) { [x] } fn f() { let a = 0; loop { a = g(a); } }", sizes);
    check_fails("fn f() { let a = []; a.pad(9999, 0); a.reduce(|b, x| [b], 0) }", sizes);
    check_fails("fn f() { [0].map(|x| this) }", "this");
    let json = format!("fn f() {{ parse_json(`{{\"a\":{}1{}}}`) }}", "[".repeat(5000), "]".repeat(5000));
    check_fails(&json, "");
    let deep = format!("fn f() {{ {}1{} }}", "(".repeat(200), ")".repeat(200));
    check_fails(&deep, "nest at most 24 expressions");
    let deep = format!("fn f() {{ {}1 }}", "- ".repeat(100_000));
    check_fails(&deep, "nest at most 24 expressions");
    let functions: String = (0..600).map(|i| format!("fn f{i}() {{}}\n")).collect();
    check_fails(&functions, "write at most 512 functions");
    let long = " ".repeat(2_000_000);
    assert_eq!(
        compile(&long).unwrap_err().to_string(),
        "test.rhai: the script has 2000000 bytes, and 1048576 are allowed: split it"
    );
}

#[test]
fn what_does_not_exist_is_named() {
    check(
        "fn f() {\n    moon(1)\n}",
        Err("test.rhai:2:5: there is no function moon (i64): check its name and the types of its arguments"),
    );
    check(
        "fn f() { x + 1 }",
        Err("test.rhai:1:10: there is no variable x: functions see their parameters and their own"),
    );
    check_fails("fn f() { eval(\"1\") }", "eval");
    check_fails("import \"x\" as y; fn f() { 1 }", "import");
    check_fails("fn f() { timestamp() }", "timestamp");
    let script = compile("// nothing\nfn g(a) { a }").unwrap();
    assert_eq!(
        script.require("g", 2).unwrap_err().to_string(),
        "test.rhai:2:4: function g has 1 parameters, and is called with 2: write fn g(x1, x2) { … }"
    );
    assert_eq!(
        script.require("f", 0).unwrap_err().to_string(),
        "test.rhai: there is no function f: write fn f() { … }"
    );
    assert_eq!(script.require("g", 1), Ok(()));
    check_fails("fn f() { let x = ; }", "test.rhai:1:18");
}

#[test]
fn exact_numbers_have_operators() {
    check("fn f() { decimal(0.1) }", Ok("0.1000000000000000055511151231257827021181583404541015625"));
    check("fn f() { decimal(\"1\") / 3 }", Ok("0.3333333333333333333333333333"));
    check("fn f() { sqrt(2 * decimal(\"1.00\")) }", Ok("1.414213562373095048801688724"));
    check("fn f() { -decimal(\"1.50\") + 1 }", Ok("-0.50"));
    check(
        "fn f() { u256(\"115792089237316195423570985008687907853269984665640564039457584007913129639935\") / 2 }",
        Ok("57896044618658097711785492504343953926634992332820282019728792003956564819967"),
    );
    check("fn f() { u256(7) % u256(4) == 3 && u256(7) > 6 && decimal(2) < 3 && decimal(\"1.0\") == 1 }", Ok("true"));
    check("fn f() { decimal(1) / 0 }", Err("test.rhai:1:21: 1 is divided by zero"));
    check("fn f() { sqrt(decimal(-1)) }", Err("test.rhai:1:10: -1 has no square root"));
    check(
        "fn f() { u256(1) - 2 }",
        Err("test.rhai:1:18: the result is beyond the range of its type, which is 0 to 2^256 - 1"),
    );
    check("fn f() { decimal(\"1,5\") }", Err("test.rhai:1:10: \"1,5\" is not a decimal number, such as -12.5 or 3E-7"));
    check_fails("fn f() { decimal(1) + 0.5 }", "there is no function + (decimal, f64)");
    check_fails("fn f() { 9223372036854775807 + 1 }", "overflow");
}

#[test]
fn functions_of_floats_are_libms() {
    let script =
        compile("fn f(x) { [exp(x), ln(x), x ** 1.7, sin(x), cos(x), tan(x), pow(x, 3), 2 ** 0.5, log(x, 10.0)] }")
            .unwrap();
    let mut n_unlike_std = 0;
    for i in 1..2000 {
        let x = f64::from(i) * 0.013;
        let result = script.call("f", (x,), &luck()).unwrap().into_typed_array::<f64>().unwrap();
        let expected = [
            libm::exp(x),
            libm::log(x),
            libm::pow(x, 1.7),
            libm::sin(x),
            libm::cos(x),
            libm::tan(x),
            libm::pow(x, 3.0),
            libm::pow(2.0, 0.5),
            libm::log(x) / libm::log(10.0),
        ];
        assert_eq!(result, expected, "{x}");
        let platform = [x.exp(), x.ln(), x.powf(1.7), x.sin(), x.cos(), x.tan()];
        n_unlike_std += platform.iter().zip(&expected).filter(|(platform, libm)| platform != libm).count();
    }
    // Where the platform's functions have the same digits as libm's, this test says nothing.
    assert!(n_unlike_std > 0 || cfg!(not(target_env = "gnu")));
    check("fn f() { 2 ** 10 + 2 * 3 ** 2 }", Ok("1042"));
    check("fn f() { 10 ** 30 }", Err("test.rhai:1:13: 10 ** 30 is no integer of 64 bits: use floats or u256"));
    check_fails("fn f() { let x = 2; x **= 3; x }", "**=");
}

#[test]
fn draws_are_those_of_the_stream() {
    let script = compile(
        "fn f() { [unit(), between(2.0, 3.0), normal(), exponential(2.0)] } fn g() { [below(10), chance(0.5)] }",
    )
    .unwrap();
    let luck = luck();
    let mut draws = Draws::keyed(1, 1, "test", "script");
    let result = script.call("f", (), &luck).unwrap().into_typed_array::<f64>().unwrap();
    assert_eq!(result, [draws.unit(), draws.between(2.0, 3.0), draws.normal(), draws.exponential(2.0)]);
    let result = script.call("g", (), &luck).unwrap().into_array().unwrap();
    let expected = (i64::try_from(draws.below(10)).unwrap(), draws.chance(0.5));
    assert_eq!((result[0].as_int().unwrap(), result[1].as_bool().unwrap()), expected);
    check("fn f() { below(0) }", Err("test.rhai:1:10: below(0): give a number above 0"));
}

#[test]
fn maps_are_in_the_order_of_their_keys() {
    check(
        "fn f() { let m = #{}; for k in [\"b\", \"c\", \"a\"] { m[k] = 1; } m.keys().reduce(|s, k| `${s}${k}`, \"\") }",
        Ok("abc"),
    );
}

#[test]
fn a_script_serves_threads_and_prints_nothing() {
    let script = compile("fn f() { print(\"x\"); debug(1); 7 }").unwrap();
    let other = script.clone();
    let result = std::thread::spawn(move || other.call("f", (), &luck()).unwrap().as_int()).join().unwrap();
    assert_eq!((result, script.call("f", (), &luck()).unwrap().as_int()), (Ok(7), Ok(7)));
}
