use alloy::{
    dyn_abi::{DynSolEvent, DynSolValue},
    hex,
    primitives::{LogData, address, b256},
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

const TX: B256 = b256!("00000000000000000000000000000000000000000000000000000000000000aa");
const CONTRACT: Address = address!("00000000000000000000000000000000000000bb");

fn table(event: &str) -> EventTable {
    EventTable::new("any-source", &Event::parse(event).unwrap()).unwrap()
}

/// The row of a log with these topics after the first, and this data.
fn decode(table: &EventTable, topics: &[B256], data: &[u8]) -> Option<Rows> {
    let topics: Vec<B256> = [table.signature].iter().chain(topics).copied().collect();
    let mut rows = Rows::new(table.table.columns.len());
    let log = RawLog { block: 7, idx: 3, tx: TX, contract: CONTRACT, topics: &topics, data };
    let fits = table.push(&mut rows, &log);
    assert_eq!(rows.len(), usize::from(fits));
    assert_eq!(rows, if fits { rows.clone() } else { Rows::new(table.table.columns.len()) }, "a misfit leaves nothing");
    fits.then_some(rows)
}

fn words(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|part| U256::from_str_radix(part, 16).unwrap().to_be_bytes::<32>()).collect()
}

/// One argument in the data as the cell `expected`; a misfit if that is `None`.
#[track_caller]
fn check(kind: &str, data: &[u8], expected: Option<Value<'_>>) {
    let table = table(&format!("event E({kind} a)"));
    let rows = decode(&table, &[], data);
    assert_eq!(rows.as_ref().map(|rows| rows.first().unwrap().value(N_PLACE)), expected, "{kind}");
    let is_short = is_word(&DynSolType::parse(kind).unwrap());
    if let [word] = data.chunks(32).collect::<Vec<_>>()[..]
        && is_short
        && word.len() == 32
    {
        let indexed = self::table(&format!("event E({kind} indexed a)"));
        let rows = decode(&indexed, &[B256::from_slice(word)], &[]);
        assert_eq!(rows.as_ref().map(|rows| rows.first().unwrap().value(N_PLACE)), expected, "{kind} indexed");
    }
}

const ONES: [u8; 32] = [0xff; 32];

#[test]
fn words_become_cells() {
    let int = |value| Some(Value::Integer(value));
    check("bool", &words(&["0"]), int(0));
    check("bool", &words(&["1"]), int(1));
    check("bool", &words(&["2"]), None);
    check("uint8", &words(&["ff"]), int(255));
    check("uint8", &words(&["100"]), None);
    check("uint56", &words(&["ffffffffffffff"]), int((1 << 56) - 1));
    check("uint56", &words(&["100000000000000"]), None);
    let word = words(&["ffffffffffffffff"]);
    check("uint64", &word, Some(Value::Blob(&word)));
    check("uint64", &words(&["10000000000000000"]), None);
    check("uint256", &ONES, Some(Value::Blob(&ONES)));
    check("int8", &ONES, int(-1));
    check("int8", &words(&["7f"]), int(127));
    check("int8", &words(&["80"]), None);
    check("int8", &words(&["ff"]), None);
    check("int8", &I256::try_from(-128).unwrap().to_be_bytes::<32>(), int(-128));
    check("int8", &I256::try_from(-129).unwrap().to_be_bytes::<32>(), None);
    check("int64", &I256::try_from(i64::MIN).unwrap().to_be_bytes::<32>(), int(i64::MIN));
    check("int64", &words(&["7fffffffffffffff"]), int(i64::MAX));
    check("int64", &words(&["8000000000000000"]), None);
    let mut shifted = ONES;
    shifted[0] = 0x7f;
    check("int256", &ONES, Some(Value::Blob(&shifted)));
    check("int72", &ONES, Some(Value::Blob(&shifted)));
    check("int72", &words(&["8000000000000000000000000000"]), None);
    check("address", &words(&["bb"]), Some(Value::Blob(CONTRACT.as_slice())));
    check("address", &words(&["10000000000000000000000000000000000000000"]), None);
    let four = [&[1, 2, 3, 4][..], &[0; 28]].concat();
    check("bytes4", &four, Some(Value::Blob(&[1, 2, 3, 4])));
    check("bytes3", &four, None);
    check("bytes32", &ONES, Some(Value::Blob(&ONES)));
    check("function", &[&[9; 24][..], &[0; 8]].concat(), Some(Value::Blob(&[9; 24])));
    check("function", &[9; 32], None);
    for kind in ["bool", "uint256", "int256", "address", "bytes32"] {
        check(kind, &[0; 31], None);
        check(kind, &[], None);
    }
}

#[test]
fn signed_amounts_sort_as_numbers() {
    let table = table("event E(int256 a)");
    let mut last = Vec::new();
    for number in [I256::MIN, I256::try_from(-5).unwrap(), I256::MINUS_ONE, I256::ZERO, I256::ONE, I256::MAX] {
        let rows = decode(&table, &[], &number.to_be_bytes::<32>()).unwrap();
        let cell = rows.first().unwrap().blob(N_PLACE).unwrap().to_vec();
        assert!(cell > last, "{number}");
        last = cell;
    }
}

#[test]
fn bytes_and_strings_become_cells() {
    let hello = [&words(&["20", "5"])[..], b"hello", &[0; 27]].concat();
    check("string", &hello, Some(Value::Text("hello")));
    check("bytes", &hello, Some(Value::Blob(b"hello")));
    check("bytes", &hello[..69], Some(Value::Blob(b"hello")));
    check("bytes", &hello[..68], None);
    check("string", &words(&["20", "0"]), Some(Value::Text("")));
    check("bytes", &words(&["20", "0"]), Some(Value::Blob(b"")));
    check("string", &[&words(&["20", "3"])[..], b"a\0\xff"].concat(), Some(Value::Text("a\u{fffd}\u{fffd}")));
    for bad in
        [&["20"][..], &["40", "0"], &["21", "0"], &["20", "1"], &["20", "ffffffffffffffff"], &["ffffffffffffffff"]]
    {
        check("string", &words(bad), None);
        check("bytes", &words(bad), None);
    }
    check("string", &ONES, None);
    check("bytes", &[words(&["20"]), ONES.to_vec()].concat(), None);
}

#[test]
fn arrays_and_structs_become_json() {
    check("uint8[]", &words(&["20", "2", "1", "ff"]), Some(Value::Text(r#"["1","255"]"#)));
    check("uint8[]", &words(&["20", "2", "1", "100"]), None);
    check("uint8[]", &words(&["20", "2", "1"]), None);
    check("uint8[]", &words(&["20", "0"]), Some(Value::Text("[]")));
    check("bool[2]", &words(&["1", "0"]), Some(Value::Text("[true,false]")));
    check("bool[2]", &words(&["1"]), None);
    check("(int8,address)", &words(&["5", "bb"]), Some(Value::Text(&format!(r#"["5","{CONTRACT}"]"#))));
    let inner = [&words(&["20", "40", "7", "3"])[..], b"a\0\\", &[0; 29]].concat();
    check("(string,uint8)", &inner, Some(Value::Text(r#"["a\u0000\\","7"]"#)));
    check(
        "bytes2[]",
        &[words(&["20", "1"]), [&[1, 2][..], &[0; 30]].concat()].concat(),
        Some(Value::Text(r#"["0x0102"]"#)),
    );
    check("uint8[][]", &words(&["20", "1", "20", "1", "9"]), Some(Value::Text(r#"[["9"]]"#)));
}

#[test]
fn offsets_that_lead_to_the_same_bytes_cannot_multiply() {
    // Three levels of 100 offsets each, all to the same list, would be a million values.
    let mut data = words(&["20"]);
    for _ in 0..3 {
        data.extend(words(&["64"]));
        data.extend(std::iter::repeat_n(words(&["c80"]), 100).flatten());
    }
    data.extend(words(&["0"]));
    check("uint256[][][][]", &data, None);
    check("uint256[]", &[words(&["20"]), vec![0x7f; 32]].concat(), None);
}

#[test]
fn the_arguments_are_in_the_order_of_the_abi() {
    let table = table("event E(string a, uint8 indexed b, string indexed c, uint16[2] from, int8 from, bool)");
    let names: Vec<_> = table.table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["block", "idx", "tx", "contract", "a", "b", "c", "from_", "from__", "argument_5"]);
    assert_eq!(table.table.name, "any_source_e");
    use Meaning::{Address, Bytes, Flag, Integer, Text};
    assert_eq!(table.meanings, [Integer, Integer, Bytes, Address, Text, Integer, Bytes, Text, Integer, Flag]);
    let hash = B256::repeat_byte(0xcc);
    let topics = [B256::with_last_byte(9), hash];
    let data = [words(&["a0", "1", "2"]), ONES.to_vec(), words(&["1", "0"])].concat();
    let rows = decode(&table, &topics, &data).unwrap();
    let row = rows.first().unwrap();
    let cells: Vec<_> = (0..rows.n_columns()).map(|i| row.value(i)).collect();
    let int = Value::Integer;
    let place = [int(7), int(3), Value::Blob(TX.as_slice()), Value::Blob(CONTRACT.as_slice())];
    let rest = [Value::Text(""), int(9), Value::Blob(hash.as_slice()), Value::Text(r#"["1","2"]"#), int(-1), int(1)];
    assert_eq!(cells, [&place[..], &rest].concat());
    assert!(decode(&table, &topics[..1], &data).is_none(), "a topic is missing");
    assert!(decode(&table, &[topics[0], hash, hash], &data).is_none(), "a topic too many");
    assert!(decode(&table, &topics, &data[..191]).is_none());
    let mut rows = Rows::new(10);
    let log = RawLog { block: 7, idx: 3, tx: TX, contract: CONTRACT, topics: &[hash; 3], data: &data };
    assert!(!table.push(&mut rows, &log), "another event");
}

#[track_caller]
fn refused(event: &str, expected: &str) {
    let error = EventTable::new("any-source", &Event::parse(event).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn events_without_a_table_are_refused() {
    refused("event E(uint256 a) anonymous", "event E of source any-source is anonymous; leave it out");
    let long = "E".repeat(40);
    refused(
        &format!("event {long}()"),
        &format!(
            "event {long} of source any-source gives the table any_source_{}, whose name must have 1 to 50 bytes; shorten \
             the source's",
            "e".repeat(40)
        ),
    );
}

/// What alloy's decoder has found, in our words.
fn expected_cell(kind: &DynSolType, value: &DynSolValue, indexed: bool) -> Json {
    if indexed && !is_word(kind) {
        return json!(hex::encode_prefixed(value.as_word().unwrap()));
    }
    match value {
        DynSolValue::Bool(value) => json!(i64::from(*value)),
        DynSolValue::Int(value, bits) if *bits <= 64 => json!(i64::try_from(*value).unwrap()),
        DynSolValue::Int(value, _) => {
            let shifted = value.into_raw().wrapping_add(U256::ONE << 255);
            json!(hex::encode_prefixed(shifted.to_be_bytes::<32>()))
        }
        DynSolValue::Uint(value, bits) if *bits < 64 => json!(i64::try_from(*value).unwrap()),
        DynSolValue::Uint(value, _) => json!(hex::encode_prefixed(value.to_be_bytes::<32>())),
        DynSolValue::FixedBytes(word, n_bytes) => json!(hex::encode_prefixed(&word[..*n_bytes])),
        DynSolValue::Address(address) => json!(hex::encode_prefixed(address)),
        DynSolValue::Function(function) => json!(hex::encode_prefixed(function)),
        DynSolValue::Bytes(bytes) => json!(hex::encode_prefixed(bytes)),
        DynSolValue::String(text) => json!(text.replace('\0', "\u{fffd}")),
        value => json!(expected_json(value).to_string()),
    }
}

fn expected_json(value: &DynSolValue) -> Json {
    match value {
        DynSolValue::Bool(value) => json!(value),
        DynSolValue::Int(value, _) => json!(value.to_string()),
        DynSolValue::Uint(value, _) => json!(value.to_string()),
        DynSolValue::FixedBytes(word, n_bytes) => json!(hex::encode_prefixed(&word[..*n_bytes])),
        DynSolValue::Address(address) => json!(address.to_string()),
        DynSolValue::Function(function) => json!(hex::encode_prefixed(function)),
        DynSolValue::Bytes(bytes) => json!(hex::encode_prefixed(bytes)),
        DynSolValue::String(text) => json!(text),
        DynSolValue::Array(values) | DynSolValue::FixedArray(values) | DynSolValue::Tuple(values) => {
            values.iter().map(expected_json).collect()
        }
    }
}

fn found_cell(value: Value<'_>) -> Json {
    match value {
        Value::Integer(value) => json!(value),
        Value::Blob(bytes) => json!(hex::encode_prefixed(bytes)),
        Value::Text(text) => json!(text),
        Value::Null => Json::Null,
    }
}

fn any_type() -> impl Strategy<Value = DynSolType> {
    let leaf = prop_oneof![
        Just(DynSolType::Bool),
        Just(DynSolType::Address),
        Just(DynSolType::Bytes),
        Just(DynSolType::String),
        (1_usize..=32).prop_map(|n_bytes| DynSolType::Uint(8 * n_bytes)),
        (1_usize..=32).prop_map(|n_bytes| DynSolType::Int(8 * n_bytes)),
        (1_usize..=32).prop_map(DynSolType::FixedBytes),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| DynSolType::Array(Box::new(kind))),
            (inner.clone(), 1_usize..4).prop_map(|(kind, n)| DynSolType::FixedArray(Box::new(kind), n)),
            prop::collection::vec(inner, 1..4).prop_map(DynSolType::Tuple),
        ]
    })
}

/// A value of a type, from numbers that stand for chance.
fn value_of(kind: &DynSolType, seeds: &mut impl Iterator<Item = u64>) -> DynSolValue {
    let seed = seeds.next().unwrap();
    let number = match seed % 4 {
        0 => U256::from(seed),
        1 => U256::ZERO,
        2 => U256::MAX,
        _ => U256::from_limbs([seed, !seed, seed.rotate_left(9), seed.rotate_left(33)]),
    };
    let n_values = usize::try_from(seed % 3).unwrap();
    match kind {
        DynSolType::Bool => DynSolValue::Bool(seed % 2 == 1),
        DynSolType::Address => DynSolValue::Address(Address::from_slice(&number.to_be_bytes::<32>()[12..])),
        DynSolType::Uint(bits) => DynSolValue::Uint(number >> (256 - bits), *bits),
        DynSolType::Int(bits) => DynSolValue::Int(I256::from_raw(number).asr(256 - bits), *bits),
        DynSolType::FixedBytes(n_bytes) => {
            let mut word = number.to_be_bytes::<32>();
            word[*n_bytes..].fill(0);
            DynSolValue::FixedBytes(word.into(), *n_bytes)
        }
        DynSolType::Bytes => DynSolValue::Bytes(seed.to_le_bytes()[..n_values * 4].to_vec()),
        DynSolType::String => DynSolValue::String(["", "plain", "\0 \\u0000 \" ä𝄞"][n_values].to_owned()),
        DynSolType::Array(kind) => DynSolValue::Array((0..n_values).map(|_| value_of(kind, seeds)).collect()),
        DynSolType::FixedArray(kind, n) => DynSolValue::FixedArray((0..*n).map(|_| value_of(kind, seeds)).collect()),
        DynSolType::Tuple(kinds) => DynSolValue::Tuple(kinds.iter().map(|kind| value_of(kind, seeds)).collect()),
        _ => unreachable!("it is not among those of any_type"),
    }
}

/// The event whose arguments have these types, the first of which are indexed.
fn event(kinds: &[DynSolType], n_indexed: usize) -> Event {
    let inputs: Vec<_> = (0..)
        .zip(kinds)
        .map(|(i, kind)| format!("{}{} a{i}", kind.sol_type_name(), if i < n_indexed { " indexed" } else { "" }))
        .collect();
    Event::parse(&format!("event E({})", inputs.join(", "))).unwrap()
}

proptest! {
    #[test]
    fn what_alloy_decodes_is_in_the_row(
        kinds in prop::collection::vec(any_type(), 0..6),
        n_indexed in 0_usize..=3,
        seeds in prop::collection::vec(any::<u64>(), 64),
    ) {
        let event = event(&kinds, n_indexed);
        let table = EventTable::new("s", &event).unwrap();
        let mut seeds = seeds.into_iter().cycle();
        let mut topics = vec![event.selector()];
        let mut held = Vec::new();
        for (i, kind) in kinds.iter().enumerate() {
            let value = value_of(kind, &mut seeds);
            if i < n_indexed {
                topics.push(value.as_word().unwrap_or_else(|| B256::repeat_byte(0xab)));
            } else {
                held.push(value);
            }
        }
        let data = DynSolValue::Tuple(held).abi_encode_params();
        let decoder: DynSolEvent = event.resolve().unwrap();
        let decoded = decoder.decode_log_data(&LogData::new_unchecked(topics.clone(), data.clone().into())).unwrap();
        let rows = decode(&table, &topics[1..], &data).expect("what is encoded is decoded");
        let row = rows.first().unwrap();
        let values = decoded.indexed.iter().chain(&decoded.body);
        for (i, (kind, value)) in kinds.iter().zip(values).enumerate() {
            prop_assert_eq!(found_cell(row.value(N_PLACE + i)), expected_cell(kind, value, i < n_indexed));
        }
    }

    #[test]
    fn no_bytes_bring_it_down(
        kinds in prop::collection::vec(any_type(), 0..6),
        numbers in prop::collection::vec(prop_oneof![0_u64..8, (0_u64..40).prop_map(|word| 32 * word), any::<u64>()], 0..40),
        n_cut in 0_usize..40,
    ) {
        let table = EventTable::new("s", &event(&kinds, 0)).unwrap();
        let data: Vec<u8> = numbers.iter().flat_map(|number| U256::from(*number).to_be_bytes::<32>()).collect();
        let data = &data[..data.len().saturating_sub(n_cut)];
        if let Some(rows) = decode(&table, &[], data) {
            let n_bytes: usize = rows.first().map(|row| (0..rows.n_columns()).map(|i| match row.value(i) {
                Value::Text(text) => text.len(),
                Value::Blob(bytes) => bytes.len(),
                _ => 8,
            }).sum()).unwrap();
            // Numbers and bytes as text have more bytes than the data, within a bound.
            prop_assert!(n_bytes <= 200 + 100 * (data.len() + 32) * kinds.len().max(1));
        }
    }
}
