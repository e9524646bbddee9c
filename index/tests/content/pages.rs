//! Snapshots that have links to pages: in files, and verified; and snapshots that are long.

use cid::Cid;
use index::{
    car::{CarError, MAX_BLOCK, export, import},
    content::{self, DAG_CBOR, RAW},
    database::Database,
    rows::Value,
    snapshot::{EpochHead, Snapshot},
    verify::{Means, News, verify},
};
use ipld_core::ipld::Ipld;

use crate::{
    twin::Twin,
    world::{ORIGIN, add_blocks, add_snapshot, dump, epoch, execute, filled, light, store},
};

const N_EPOCHS: u64 = 4;

fn page(epoch: u64, number: u64) -> Vec<u8> {
    content::encode(&Ipld::List(vec![Ipld::Integer(epoch.into()), Ipld::Integer(number.into())]))
}

/// A snapshot of `source` at `id` with a field of its own.
fn snapshot(source: &str, id: u64, field: Ipld) -> Snapshot {
    let head = ipld_core::serde::to_ipld(EpochHead::new("test", source, &epoch(id))).unwrap();
    let Ipld::Map(mut payload) = head else { panic!("a head is a map") };
    payload.insert("pages".to_owned(), field);
    let bytes = content::encode(&Ipld::Map(payload));
    Snapshot { project: source.to_owned(), cid: content::cid(DAG_CBOR, &bytes), bytes, sums: Vec::new() }
}

fn links(pages: &[Cid]) -> Ipld {
    Ipld::List(pages.iter().copied().map(Ipld::Link).collect())
}

fn add_page(store: &mut dyn Database, epoch: u64, bytes: &[u8]) -> Cid {
    let cid = content::cid(DAG_CBOR, bytes);
    let sql = "INSERT INTO page (cid, epoch, content) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    store.run(sql, &[Value::Text(&cid.to_string()), Value::count(epoch), Value::Blob(bytes)]).unwrap();
    cid
}

/// Two projects, whose snapshots share a page.
fn paged() -> Twin {
    let mut store = filled(&[], N_EPOCHS);
    for id in 0..N_EPOCHS {
        add_blocks(&mut store, id);
        let pages: Vec<Cid> = (0..3).map(|number| add_page(&mut store, id, &page(id, number))).collect();
        add_snapshot(&mut store, id, &snapshot("one", id, links(&pages[..2])));
        add_snapshot(&mut store, id, &snapshot("two", id, links(&[pages[2], pages[1], pages[1]])));
    }
    execute(&mut store, epoch(N_EPOCHS - 1).blocks.last).unwrap();
    store
}

fn exported(store: &mut Twin) -> Vec<u8> {
    let mut file = Vec::new();
    export(store, None, &mut file).unwrap();
    file
}

fn differences(store: &mut Twin) -> Vec<String> {
    let mut found = Vec::new();
    verify(store, &ORIGIN, &mut Means::default(), &mut |news| {
        if let News::Difference(difference) = news {
            assert_ne!(difference.expected, difference.found);
            let project = difference.project.as_deref().unwrap_or("-");
            found.push(format!("{project} {} {}", difference.epoch.unwrap(), difference.what));
        }
    })
    .unwrap();
    found
}

fn rows(store: &mut Twin) -> Vec<String> {
    dump(store).into_iter().filter(|row| !row.starts_with("cursor")).collect()
}

#[test]
fn a_file_has_the_pages_of_its_snapshots() {
    let mut from = paged();
    let file = exported(&mut from);
    let mut to = store();
    let found = import(&mut to, &ORIGIN, &mut &*file).unwrap();
    assert_eq!((found.n_blocks, found.n_snapshots, found.n_ignored), (2 * N_EPOCHS, 2 * N_EPOCHS, 0));
    assert_eq!(rows(&mut to), rows(&mut from));
    assert_eq!(to.ask("SELECT cid FROM page", &[]).unwrap().len() as u64, 3 * N_EPOCHS);
    assert_eq!(exported(&mut to), file);
    let again = import(&mut to, &ORIGIN, &mut &*file).unwrap();
    assert_eq!((again.n_known, again.n_ignored), (2 * N_EPOCHS, 0));
    // What a store has lost comes back, although it has the snapshot.
    to.run("DELETE FROM page WHERE epoch = 2", &[]).unwrap();
    assert!(matches!(export(&mut to, None, &mut Vec::new()), Err(CarError::Missing { .. })));
    import(&mut to, &ORIGIN, &mut &*file).unwrap();
    assert_eq!(rows(&mut to), rows(&mut from));
    // A file of one project has its pages and no others.
    let mut one = Vec::new();
    export(&mut from, Some("one"), &mut one).unwrap();
    let mut to = store();
    import(&mut to, &ORIGIN, &mut &*one).unwrap();
    assert_eq!(to.ask("SELECT cid FROM page", &[]).unwrap().len() as u64, 2 * N_EPOCHS);
}

#[test]
fn pages_are_verified() {
    assert_eq!(differences(&mut paged()), [""; 0]);
    let cid = |epoch, number| content::cid(DAG_CBOR, &page(epoch, number)).to_string();
    let check = |sql: &str, cid: &str, expected: &[&str]| {
        let mut store = paged();
        assert_eq!(store.run(sql, &[Value::Text(cid)]).unwrap(), 1, "{sql}");
        assert_eq!(differences(&mut store), expected, "{sql}");
    };
    check("DELETE FROM page WHERE cid = ?1", &cid(2, 0), &["one 2 page of the snapshot"]);
    check("UPDATE page SET content = X'00' WHERE cid = ?1", &cid(1, 2), &["two 1 address of the page"]);
    let both = ["two 1 address of the page", "two 1 form of the page"];
    check("UPDATE page SET content = X'1817' WHERE cid = ?1", &cid(1, 2), &both);
    let stray = ["- 2 page that no snapshot has a link to", "one 3 page of the snapshot"];
    check("UPDATE page SET epoch = 2 WHERE cid = ?1", &cid(3, 0), &stray);
    let stray = ["one 3 page of the snapshot", "- 77 page of no epoch"];
    check("UPDATE page SET epoch = 77 WHERE cid = ?1", &cid(3, 0), &stray);
}

/// What is said of a file with one snapshot, that has a link to a page, and with `sections` instead of that page.
#[track_caller]
fn check_refused(link: Cid, sections: &[(Cid, Vec<u8>)], expected: &str) {
    let mut from = filled(&[], 1);
    add_snapshot(&mut from, 0, &snapshot("one", 0, links(&[link])));
    execute(&mut from, epoch(0).blocks.last).unwrap();
    let mut file = Vec::new();
    let missing = export(&mut from, None, &mut file).unwrap_err();
    assert!(matches!(missing, CarError::Missing { .. }), "{missing}");
    sections.iter().for_each(|(cid, bytes)| file.extend(section(cid, bytes)));
    let mut to = light();
    let error = import(&mut to, &ORIGIN, &mut &*file).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    assert_eq!(dump(&mut to), [""; 0]);
}

/// A section of fewer than 128 bytes.
fn section(cid: &Cid, bytes: &[u8]) -> Vec<u8> {
    let body = [&cid.to_bytes(), bytes].concat();
    [&[u8::try_from(body.len()).unwrap()][..], &body].concat()
}

#[test]
fn hostile_pages_are_refused() {
    let bytes = page(0, 0);
    let cid = content::cid(DAG_CBOR, &bytes);
    check_refused(cid, &[], "is missing, to which the snapshot of one at height 0 has a link");
    let raw = content::cid(RAW, &bytes);
    check_refused(raw, &[(raw, bytes.clone())], "its address is not one of DAG-CBOR");
    let loose = vec![0x18, 0x17];
    let cid = content::cid(DAG_CBOR, &loose);
    check_refused(cid, &[(cid, loose)], "the 2 bytes do not have the expected form");
    let nested = content::encode(&links(&[content::cid(DAG_CBOR, &bytes)]));
    let cid = content::cid(DAG_CBOR, &nested);
    check_refused(cid, &[(cid, nested)], "it is a page, and has links of its own");
}

#[test]
fn a_page_is_of_one_epoch() {
    let mut from = filled(&[], 2);
    let shared = add_page(&mut from, 0, &page(0, 0));
    (0..2).for_each(|id| add_snapshot(&mut from, id, &snapshot("one", id, links(&[shared]))));
    execute(&mut from, epoch(1).blocks.last).unwrap();
    let file = exported(&mut from);
    let mut to = light();
    let error = import(&mut to, &ORIGIN, &mut &*file).unwrap_err().to_string();
    assert!(error.contains("it is a page of epoch 1, and epoch 0 has a link to it"), "{error}");
    assert_eq!(dump(&mut to), [""; 0]);
}

#[test]
fn a_long_snapshot_is_carried() {
    let mut from = filled(&[], 2);
    // More than the two mebibytes that other tools take by default.
    let long = Ipld::Bytes(vec![7; 3 << 20]);
    (0..2).for_each(|id| add_snapshot(&mut from, id, &snapshot("one", id, long.clone())));
    execute(&mut from, epoch(1).blocks.last).unwrap();
    let mut to = store();
    assert_eq!(import(&mut to, &ORIGIN, &mut &*exported(&mut from)).unwrap().n_snapshots, 2);
    assert_eq!(rows(&mut to), rows(&mut from));
    assert_eq!(differences(&mut to), [""; 0]);
}

#[test]
fn what_is_too_long_is_named() {
    let mut from = light();
    crate::world::add_epoch(&mut from, 0, 2);
    let long = snapshot("one", 0, Ipld::Bytes(vec![7; MAX_BLOCK]));
    add_snapshot(&mut from, 0, &long);
    execute(&mut from, epoch(0).blocks.last).unwrap();
    let error = export(&mut from, None, &mut std::io::sink()).unwrap_err().to_string();
    let n_bytes = long.bytes.len();
    assert_eq!(error, format!("block {} of the CAR file: {n_bytes} bytes exceed the {MAX_BLOCK} of a block", long.cid));
}
