//! CAR files: against another program's, there and back, and hostile ones.

use index::{
    car::{CarError, Exported, Imported, MAX_BLOCK, export, import},
    content::{self, DAG_CBOR},
    dag::{DagBlock, Origin},
    database::Database,
    epoch::Epochs,
    verify::{Means, verify},
};
use proptest::prelude::*;

use crate::{
    twin::Twin,
    vectors::{bytes, vectors},
    world::{ORIGIN, chained, dump, execute, filled, light, projects, store},
};

fn exported(store: &mut Twin, project: Option<&str>) -> (Vec<u8>, Exported) {
    let mut file = Vec::new();
    let exported = export(store, project, &mut file).unwrap();
    assert_eq!(exported.n_bytes, file.len() as u64);
    (file, exported)
}

fn imported(store: &mut Twin, file: &[u8]) -> Result<Imported, CarError> {
    import(store, &ORIGIN, &mut &*file)
}

/// Rows without those of the cursor, which an archive does not have.
fn archived(store: &mut Twin) -> Vec<String> {
    dump(store).into_iter().filter(|row| !row.starts_with("cursor")).collect()
}

#[test]
fn another_program_writes_the_same_file() {
    let known = vectors().car;
    let mut store = chained(&projects(), known.n_epochs);
    let (file, found) = exported(&mut store, None);
    assert_eq!(alloy::hex::encode(&file), known.hex);
    assert_eq!((found.roots.len(), found.n_blocks, found.n_snapshots), (3, 7 + 2 + 7, 7 + 2 + 6));
    let mut archive = crate::world::store();
    imported(&mut archive, &bytes(&known.hex)).unwrap();
    assert_eq!(archived(&mut archive), archived(&mut store));
}

#[test]
fn an_archive_has_what_the_store_had() {
    let mut from = chained(&projects(), 725);
    let (file, _) = exported(&mut from, None);
    let mut to = light();
    let expected = Imported { n_blocks: 725 + 720 + 725, n_snapshots: 725 + 720 + 621, n_known: 0, n_ignored: 0 };
    assert_eq!(imported(&mut to, &file).unwrap(), expected);
    assert_eq!(archived(&mut to), archived(&mut from));
    let again = Imported { n_known: expected.n_blocks, ..Imported::default() };
    assert_eq!(imported(&mut to, &file).unwrap(), again);
    assert_eq!(exported(&mut to, None).0, file);
    let mut found = Vec::new();
    let progress = verify(&mut to, &ORIGIN, &mut Means::default(), &mut |news| {
        found.extend(match news {
            index::verify::News::Difference(difference) => Some(difference),
            index::verify::News::Progress(_) => None,
        });
    });
    assert_eq!((found, progress.unwrap().n_blocks), (vec![], expected.n_blocks));
}

#[test]
fn projects_can_go_one_by_one() {
    let mut from = chained(&projects(), 12);
    let mut to = store();
    for project in ["gamma", "beta/pair", "alpha"] {
        let (file, exported) = exported(&mut from, Some(project));
        assert_eq!(exported.roots.len(), 1);
        assert_eq!(imported(&mut to, &file).unwrap().n_blocks, exported.n_blocks);
    }
    assert_eq!(archived(&mut to), archived(&mut from));
    for project in [Some("delta"), Some("alpha/")] {
        let error = export(&mut from, project, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("has no chain of snapshots"), "{error}");
    }
    assert!(matches!(export(&mut store(), None, &mut Vec::new()), Err(CarError::Nothing(_))));
}

#[test]
fn a_longer_chain_joins_a_shorter_one() {
    let mut to = store();
    imported(&mut to, &exported(&mut chained(&projects(), 8), None).0).unwrap();
    let mut longer = chained(&projects(), 12);
    let found = imported(&mut to, &exported(&mut longer, None).0).unwrap();
    assert_eq!((found.n_blocks, found.n_known), (4 * 3, 8 + 3 + 8));
    assert_eq!(archived(&mut to), archived(&mut longer));
    // Without what the store has already.
    let (file, _) = exported(&mut chained(&projects(), 16), None);
    let (header, sections) = split(&file);
    let known: Vec<_> =
        to.ask("SELECT cid FROM dag", &[]).unwrap().iter().map(|row| row.text(0).unwrap().to_owned()).collect();
    let rest: Vec<_> = sections.into_iter().filter(|section| !known.contains(&cid_of(section))).collect();
    assert_eq!(imported(&mut to, &join(header, &rest)).unwrap().n_blocks, 4 * 3);
    assert_eq!(archived(&mut to), archived(&mut chained(&projects(), 16)));
    assert!(matches!(imported(&mut store(), &join(header, &rest)), Err(CarError::Missing { .. })));
}

#[test]
fn a_store_that_follows_takes_what_it_has_lost() {
    let (file, _) = exported(&mut chained(&projects(), 12), None);
    let mut to = chained(&projects(), 12);
    let before = dump(&mut to);
    to.run("DELETE FROM snapshot WHERE epoch = 6", &[]).unwrap();
    to.run("DELETE FROM dag WHERE height = 7 OR project = 'gamma'", &[]).unwrap();
    let found = imported(&mut to, &file).unwrap();
    assert_eq!((found.n_blocks, found.n_snapshots), (2 + 12, 3));
    assert_eq!(dump(&mut to), before);
    // It believes nobody about epochs that it has not come to.
    check_refused(&mut chained(&projects(), 11), &file, "epoch 11 is not final in this store");
    let mut behind = filled(&projects(), 12);
    execute(&mut behind, 150).unwrap();
    check_refused(&mut behind, &file, "epoch 11 is not yet in this store's own chain");
}

#[test]
fn a_store_of_another_chain_takes_nothing() {
    let (file, _) = exported(&mut chained(&projects(), 12), None);
    let mut to = chained(&projects(), 12);
    to.run("UPDATE epoch SET end_timestamp = end_timestamp + 1 WHERE id = 2", &[]).unwrap();
    check_refused(&mut to, &file, "epoch 2 is blocks 120 to 129");
    let mut to = chained(&projects(), 12);
    to.run("UPDATE snapshot SET cid = 'x' WHERE epoch = 1 AND project = 'alpha'", &[]).unwrap();
    check_refused(&mut to, &file, "the snapshot of alpha at height 1 is x in the store");
    let mut to = chained(&projects(), 12);
    to.run("UPDATE dag SET cid = 'x' WHERE height = 6 AND project = 'beta/pair'", &[]).unwrap();
    check_refused(&mut to, &file, "the block of beta/pair at height 6 is x in the store");
    for (origin, expected) in [
        (Origin { chain_id: 1, ..ORIGIN }, "it is of chain 31337, expected 1"),
        (Origin { epochs: Epochs { genesis: 90, ..ORIGIN.epochs }, ..ORIGIN }, "are not those of epoch 11"),
        (Origin { epochs: Epochs { size: 20, ..ORIGIN.epochs }, ..ORIGIN }, "are not those of epoch 11"),
    ] {
        let error = import(&mut store(), &origin, &mut &*file).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[track_caller]
fn check_refused(store: &mut Twin, file: &[u8], expected: &str) {
    let before = dump(store);
    let error = imported(store, file).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    assert_eq!(dump(store), before);
}

/// The header with its length, and the sections without theirs. All lengths here have one byte or two.
fn split(file: &[u8]) -> (&[u8], Vec<Vec<u8>>) {
    let length = |at: usize| match file[at] {
        low if low < 0x80 => (usize::from(low), 1),
        low => (usize::from(low & 0x7f) | usize::from(file[at + 1]) << 7, 2),
    };
    let (n_header, n_length) = length(0);
    let mut at = n_header + n_length;
    let (header, mut sections) = (&file[..at], Vec::new());
    while at < file.len() {
        let (n_bytes, n_length) = length(at);
        at += n_length;
        sections.push(file[at..at + n_bytes].to_vec());
        at += n_bytes;
    }
    (header, sections)
}

fn join(header: &[u8], sections: &[Vec<u8>]) -> Vec<u8> {
    let mut file = header.to_vec();
    sections.iter().for_each(|bytes| file.extend(section(bytes)));
    file
}

fn section(bytes: &[u8]) -> Vec<u8> {
    let mut length = bytes.len();
    let mut section = Vec::new();
    while length >= 0x80 {
        section.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    section.push(u8::try_from(length).unwrap());
    section.extend(bytes);
    section
}

fn cid_of(section: &[u8]) -> String {
    cid::Cid::try_from(&section[..36]).unwrap().to_string()
}

fn block(bytes: &[u8]) -> Vec<u8> {
    [content::cid(DAG_CBOR, bytes).to_bytes(), bytes.to_vec()].concat()
}

fn header(roots: Vec<cid::Cid>, version: u64) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Header {
        roots: Vec<cid::Cid>,
        version: u64,
    }
    section(&content::encode(&Header { roots, version }))
}

#[test]
fn hostile_files_are_refused() {
    let (file, exported) = exported(&mut chained(&projects(), 12), None);
    let (head, sections) = split(&file);
    let roots = exported.roots;
    let check = |file: &[u8], expected: &str| check_refused(&mut light(), file, expected);
    let with = |section: Vec<u8>| join(head, &[sections.clone(), vec![section]].concat());
    check(b"", "the file is empty");
    check(&[0x80], "the file ends inside a length");
    check(&[0x80, 0x00], "a length is longer than it need be");
    check(&[0xff; 10], "a length has more than 63 bits");
    check(
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        "a section of 9223372036854775807 bytes exceeds 1048576",
    );
    check(&[0x05, 0xa0], "the file ends after 1 of 5 bytes");
    check(&[0x00], "there is no header");
    check(&[0x01, 0xa0], "there is no header");
    check(&header(roots.clone(), 2), "version 2 is not read");
    check(&header(Vec::new(), 1), "the file has no roots");
    check(&header(roots.to_vec(), 1), "is missing, to which the header has a link");
    check(&join(head, &sections[1..]), "is missing, to which block");
    let huge = [vec![0; 36], vec![0; MAX_BLOCK + 1]].concat();
    check(&with(huge), "a section of 67108901 bytes exceeds 67108900");
    check(&with(vec![0; 35]), "no address of version 1");
    check(&with(vec![0x12; 40]), "no address of version 1");
    // The address is another's, or by another hash.
    check(&with([&sections[0][..36], b"x"].concat()), "the bytes have the address");
    check(&with([&[0x01, 0x71, 0x13, 0x20][..], &[0; 40]].concat()), "is no CID: expected version 1");
    check(&with([&[0x01, 0x70, 0x12, 0x20][..], &[0; 40]].concat()), "is no CID: expected version 1");
    // A root that is no block of a chain.
    let snapshot = cid::Cid::try_from(&sections[2][..36]).unwrap();
    check(&join(&header(vec![snapshot], 1), &sections), "do not have the expected form");
    let twice = [roots[0], roots[1], roots[0]].to_vec();
    check(&join(&header(twice, 1), &sections), "it is a second root of alpha");
    // Nothing leads to a block that means nothing; it is left out.
    let found = imported(&mut store(), &with(block(b"\x00"))).unwrap();
    assert_eq!((found.n_ignored, found.n_blocks), (1, 12 + 7 + 12));
}

/// What is said of the chain of alpha, after a change of the block at `height` and new addresses for all above it.
#[track_caller]
fn check_forged(n_epochs: u64, height: u64, change: &dyn Fn(&mut DagBlock), expected: &str) {
    let mut from = chained(&projects(), n_epochs);
    let (_, mut sections) = split(&exported(&mut from, None).0);
    let mut prev = None;
    let rows = from.ask("SELECT height, content FROM dag WHERE project = 'alpha' ORDER BY height", &[]).unwrap();
    for row in rows.iter() {
        let mut block: DagBlock = content::decode(row.blob(1).unwrap()).unwrap();
        if row.count(0).unwrap() > height {
            block.prev = prev;
        } else if row.count(0).unwrap() == height {
            change(&mut block);
        }
        let (cid, bytes) = block.encode();
        sections.push(self::block(&bytes));
        prev = Some(cid);
    }
    check_refused(&mut light(), &join(&header(prev.into_iter().collect(), 1), &sections), expected);
}

#[test]
fn forged_chains_are_refused() {
    let other = content::cid(DAG_CBOR, b"other");
    check_forged(12, 5, &|block| block.v = 2, "it is of version 2, expected 1");
    check_forged(12, 5, &|block| block.chain_id = 1, "it is of chain 1, expected 31337");
    check_forged(12, 5, &|block| block.project = "beta/pair".into(), "expected alpha at 5");
    check_forged(12, 11, &|block| block.project = "beta/pair".into(), "it is not of beta/pair at epoch 11");
    check_forged(12, 11, &|block| block.project = "alphabet".into(), "it is not of alphabet at epoch 11");
    check_forged(12, 11, &|block| block.project = "a b".into(), "`a b` is no name of a project");
    check_forged(12, 5, &|block| block.height = 6, "blocks 150 to 159 are not those of epoch 6");
    check_forged(12, 5, &|block| block.height = u64::MAX, "are not those of epoch 18446744073709551615");
    check_forged(12, 5, &|block| block.epoch.end += 1, "blocks 150 to 160 are not those of epoch 5");
    check_forged(12, 5, &|block| block.end_hash.0[0] ^= 1, "it is not of alpha at epoch 5");
    check_forged(12, 5, &|block| block.prev = Some(other), "is missing, to which block");
    check_forged(12, 5, &|block| block.data = Some(other), "is missing, to which block");
    check_forged(12, 5, &|block| block.skip = Some(other), "only multiples of 720 have");
    check_forged(
        12,
        5,
        &|block| (block.prev, block.data) = (None, None),
        "a chain begins at height 5 without a snapshot",
    );
    // Without a snapshot the hash of the last block is only in the epoch above.
    check_forged(12, 5, &|block| (block.data, block.end_hash.0[0]) = (None, 7), "but the epoch above follows");
    check_forged(12, 5, &|block| block.prev = block.data, "do not have the expected form");
    check_forged(721, 720, &|block| block.skip = None, "a skip link to height 0 is missing");
    check_forged(721, 720, &|block| block.skip = Some(other), "a skip link to height 0 leads to");
    check_forged(721, 5, &|block| block.prev = None, "above height 0, which a skip link leads to");
}

#[test]
fn another_chains_end_is_refused() {
    // Two files of different chains agree on nothing above where they part.
    let mut all = projects();
    all[0].is_silent = |epoch| epoch == 4;
    let (other, _) = exported(&mut chained(&all, 12), Some("alpha"));
    let mut to = store();
    imported(&mut to, &exported(&mut chained(&projects(), 12), None).0).unwrap();
    check_refused(&mut to, &other, "the block of alpha at height 11 is bafy");
}

#[test]
fn no_part_of_a_file_is_read() {
    let (file, _) = exported(&mut chained(&projects(), 2), None);
    let mut to = light();
    for length in 0..file.len() {
        assert!(imported(&mut to, &file[..length]).is_err(), "{length}");
        assert!(dump(&mut to).is_empty(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_damaged_file_is_read(at in 0_usize..6_808, bit in 0_u32..8) {
        let mut file = bytes(&vectors().car.hex);
        file[at] ^= 1 << bit;
        let mut to = light();
        prop_assert!(imported(&mut to, &file).is_err());
        prop_assert!(dump(&mut to).is_empty());
    }
}
