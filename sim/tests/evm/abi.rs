//! Calls by name: overloads, arguments that do not fit, answers that are none.

use sim::evm::{Abi, Arg, Bytes, DynSolValue, I256, Names, U256, address_of};

const JSON: &str = r#"[
    {"type":"function","name":"one","stateMutability":"view","inputs":[{"name":"a","type":"uint8"}],"outputs":[{"name":"","type":"uint256"}]},
    {"type":"function","name":"many","stateMutability":"view","inputs":[],"outputs":[]},
    {"type":"function","name":"many","stateMutability":"view","inputs":[{"name":"a","type":"uint256"}],"outputs":[]},
    {"type":"function","name":"many","stateMutability":"view","inputs":[{"name":"a","type":"address"}],"outputs":[]},
    {"type":"function","name":"many","stateMutability":"view","inputs":[{"name":"a","type":"uint64"},{"name":"b","type":"bool"}],"outputs":[]},
    {"type":"function","name":"many","stateMutability":"view","inputs":[{"name":"a","type":"int256"},{"name":"b","type":"bool"}],"outputs":[]},
    {"type":"function","name":"deep","stateMutability":"view","inputs":[{"name":"order","type":"tuple","components":[{"name":"who","type":"address"},{"name":"amounts","type":"uint16[]"},{"name":"note","type":"string"}]},{"name":"salt","type":"bytes4"},{"name":"pair","type":"int8[2]"}],"outputs":[]},
    {"type":"function","name":"raw","stateMutability":"view","inputs":[{"name":"data","type":"bytes"}],"outputs":[{"name":"list","type":"uint256[]"},{"name":"","type":"string"}]}
]"#;

fn names() -> Names {
    let mut names = Names::default();
    names.insert("alice", address_of("alice"));
    names
}

fn abi() -> Abi {
    Abi::parse("it", JSON).unwrap()
}

fn call(function: &str, args: &[Arg]) -> Result<Bytes, String> {
    let abi = abi();
    let function = abi.function_for(function, args, &names()).map_err(|error| error.to_string())?;
    function.encode(args, &names()).map_err(|error| error.to_string())
}

#[track_caller]
fn check_error(function: &str, args: &[Arg], expected: &str) {
    assert_eq!(call(function, args), Err(expected.to_owned()));
}

#[track_caller]
fn check_overload(function: &str, args: &[Arg], expected: &str) {
    let abi = abi();
    assert_eq!(abi.function_for(function, args, &names()).unwrap().signature(), expected);
}

#[test]
fn overloads_are_told_by_number_and_kinds() {
    check_overload("many", &[], "many()");
    check_overload("many", &[5_u64.into()], "many(uint256)");
    check_overload("many", &["alice".into()], "many(address)");
    check_overload("many", &["12".into()], "many(uint256)");
    check_overload("many", &[I256::MINUS_ONE.into(), true.into()], "many(int256,bool)");
    check_overload(
        "many",
        &[U256::from(u64::MAX).saturating_add(U256::from(1)).into(), true.into()],
        "many(int256,bool)",
    );
    check_overload("many( uint64 , bool )", &[1_u64.into(), true.into()], "many(uint64,bool)");
    check_error(
        "many",
        &[1_u64.into(), true.into()],
        "(1, true) are arguments of several of the functions many() and many(uint256) and many(address) and \
         many(uint64,bool) and many(int256,bool); name one with its types",
    );
    check_error(
        "many",
        &[true.into()],
        "(true) are arguments of none of the functions many() and many(uint256) and many(address) and \
         many(uint64,bool) and many(int256,bool); name one with its types",
    );
    assert!(abi().function("many").is_err());
    assert_eq!(abi().function("one").unwrap().signature(), "one(uint8)");
}

#[test]
fn what_does_not_fit_is_said_with_the_parameter_and_both_values() {
    check_error("ones", &[], "it has no function ones; did you mean one?");
    check_error("transferFrom", &[], "it has no function transferFrom");
    check_error("one(uint256)", &[1_u64.into()], "it has no function one(uint256); there is one(uint8)");
    check_error("one", &[], "one(uint8) takes 1 arguments (uint8 a), and 0 are given: ()");
    check_error("one", &[256_u64.into()], "256 is no uint8 for a of one(uint8): the largest is 255");
    check_error("one", &[I256::MINUS_ONE.into()], "-1 is no uint8 for a of one(uint8): it is negative");
    check_error("one", &[true.into()], "true is no uint8 for a of one(uint8): yes or no cannot be one");
    check_error("one", &["many".into()], "\"many\" is no uint8 for a of one(uint8): it is no whole number");
    check_error(
        "many(address)",
        &["alcie".into()],
        "\"alcie\" is no address for a of many(address): nobody has this name; did you mean alice?",
    );
    check_error(
        "many(address)",
        &["0x00000000000000000000000000000000000000zz".into()],
        "\"0x00000000000000000000000000000000000000zz\" is no address for a of many(address): it is no address",
    );
}

#[test]
fn structs_and_lists_are_lists() {
    let order = |amounts: Vec<Arg>| Arg::List(vec!["alice".into(), amounts.into(), "hi".into()]);
    let pair = |a: i64, b: i64| Arg::List([a, b].map(|x| I256::try_from(x).unwrap().into()).to_vec());
    let data = call("deep", &[order(vec![1_u64.into(), 2_u64.into()]), "0x01020304".into(), pair(-128, 127)]).unwrap();
    // Head: offset of the struct, bytes4, two int8; then who, offsets of amounts and note, and their lengths and values.
    let word = |i: usize| U256::from_be_slice(&data[4 + 32 * i..4 + 32 * (i + 1)]);
    assert_eq!(word(0), U256::from(128));
    assert_eq!(data[36..40], [1, 2, 3, 4]);
    assert_eq!((word(2), word(3)), (U256::MAX - U256::from(127), U256::from(127)));
    assert_eq!(data[4 + 32 * 4 + 12..4 + 32 * 5], address_of("alice")[..]);
    assert_eq!((word(7), word(8), word(9), word(10)), (U256::from(2), U256::from(1), U256::from(2), U256::from(2)));
    let signature = "deep((address,uint16[],string),bytes4,int8[2])";
    let refused = |args: &[Arg]| call("deep", args).unwrap_err();
    let error = refused(&[order(vec![]), "0x0102".into(), pair(0, 0)]);
    assert_eq!(error, format!("\"0x0102\" is no bytes4 for salt of {signature}: it has 2 bytes"));
    let error = refused(&[order(vec![]), "0x01020304".into(), pair(0, 128)]);
    assert_eq!(error, format!("[0, 128] is no int8[2] for pair of {signature}: the range is from -128 to 127"));
    let error = refused(&[order(vec![70_000_u64.into()]), "0x01020304".into(), pair(0, 0)]);
    assert!(error.ends_with("the largest is 65535"), "{error}");
}

#[test]
fn answers_that_are_none_are_refused() {
    let abi = abi();
    let raw = abi.function("raw").unwrap();
    let error = raw.decode(&[], "it").unwrap_err().to_string();
    assert_eq!(error, "raw(bytes) of it answers nothing, which is no (uint256[],string)");
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    let whole = [word(64), word(96), word(0), word(1), [b'x'; 32]].concat();
    let expected = vec![DynSolValue::Array(vec![]), DynSolValue::String("x".to_owned())];
    assert_eq!(raw.decode(&whole, "it"), Ok(expected));
    for length in [4, u64::from(u32::MAX), u64::MAX] {
        let hostile = [word(64), word(64), word(length), word(1), word(2), word(3)].concat();
        assert!(raw.decode(&hostile, "it").is_err(), "{length}");
    }
    let one = abi.function("one").unwrap();
    assert_eq!(one.decode(&word(7), "it"), Ok(vec![DynSolValue::Uint(U256::from(7), 256)]));
    assert!(one.decode(&word(7)[..31], "it").is_err());
}
