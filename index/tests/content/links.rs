//! Links of a value that is not built.

use index::content::{self, DAG_CBOR};
use ipld_core::ipld::Ipld;
use proptest::prelude::*;

use crate::vectors::{bytes, vectors};

/// The links of a value, in order.
fn links_of(value: &Ipld) -> Vec<cid::Cid> {
    match value {
        Ipld::Link(link) => vec![*link],
        Ipld::List(items) => items.iter().flat_map(links_of).collect(),
        Ipld::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| (key.len(), *key));
            entries.into_iter().flat_map(|(_, value)| links_of(value)).collect()
        }
        _ => Vec::new(),
    }
}

/// What is said of bytes is what is said of the value that is built of them.
#[track_caller]
fn check(bytes: &[u8]) {
    let built = content::decode::<Ipld>(bytes).map(|value| links_of(&value));
    let found = content::links(bytes);
    assert_eq!(found.as_ref().ok(), built.as_ref().ok(), "{found:?}, {built:?} of {}", alloy::hex::encode(bytes));
}

/// A value with all there is, and three links.
fn example() -> Ipld {
    let link = |text: &[u8]| Ipld::Link(content::cid(DAG_CBOR, text));
    let map = |entries: Vec<(&str, Ipld)>| {
        Ipld::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    let numbers = [0, 23, 24, 1 << 16, i128::from(u64::MAX), -1, -25, -(1 << 40), -i128::from(u64::MAX) - 1];
    map(vec![
        ("zz", link(b"first, by the length of its key")),
        ("longer", Ipld::List(vec![link(b"second"), map(vec![("a", link(b"third"))]), Ipld::Null])),
        ("numbers", Ipld::List(numbers.map(Ipld::Integer).into())),
        ("b", Ipld::Bytes(vec![0xd8, 0x2a, 0x58, 0x25])),
        ("t", Ipld::String("d\u{f8}*".to_owned())),
        ("f", Ipld::List(vec![Ipld::Float(1.5), Ipld::Bool(true), Ipld::Bool(false)])),
    ])
}

#[test]
fn links_come_in_the_order_of_the_bytes() {
    let expected =
        ["first, by the length of its key", "second", "third"].map(|text| content::cid(DAG_CBOR, text.as_bytes()));
    assert_eq!(content::links(&content::encode(&example())).unwrap(), expected);
    assert_eq!(content::links(&content::encode(&7)).unwrap(), []);
}

#[test]
fn what_is_not_canonical_has_no_links() {
    let vectors = vectors();
    vectors.values.iter().for_each(|known| check(&bytes(&known.hex)));
    for refused in vectors.refused {
        assert!(content::links(&bytes(&refused.hex)).is_err(), "{}", refused.name);
        check(&bytes(&refused.hex));
    }
    // A byte behind the link in its own bytes, which the decoder passes over.
    let mut link = content::encode(&Ipld::Link(content::cid(DAG_CBOR, b"x")));
    assert_eq!(link[..4], [0xd8, 0x2a, 0x58, 37]);
    link[3] = 38;
    link.push(0);
    check(&link);
    assert!(content::links(&link).is_err());
    let deep = vec![0x81; 1 << 20];
    assert!(content::links(&deep).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn bytes_that_are_near_a_value_are_judged_alike(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0_usize..4) {
        let mut near = content::encode(&example());
        let at = at.index(near.len());
        match cut {
            0 => near.truncate(at),
            1 => near.insert(at, byte),
            _ => near[at] = byte,
        }
        check(&near);
    }

    #[test]
    fn any_bytes_are_judged_alike(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        check(&bytes);
    }
}
