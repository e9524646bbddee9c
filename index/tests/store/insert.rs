//! Many rows at once, and those that are there already.

use index::database::transaction;
use index::rows::{Rows, Table, Type, Value};

use crate::{all, on_both, remarks, rows, table};

#[test]
fn rows_whose_key_is_there_are_passed_over() {
    on_both(|store| {
        let mut database = store.open();
        database.create(&remarks()).unwrap();
        database.create(&remarks()).unwrap();
        assert_eq!(database.insert(&remarks(), &Rows::new(2)).unwrap(), 0);
        assert_eq!(database.insert(&remarks(), &rows(&[(1, "first"), (2, "b"), (1, "second")])).unwrap(), 2);
        assert_eq!(database.insert(&remarks(), &rows(&[(2, "other"), (3, "c")])).unwrap(), 1);
        assert_eq!(all(&mut *database), rows(&[(1, "first"), (2, "b"), (3, "c")]));

        let contents: Vec<_> = (0..5_000_i64).map(|number| (number, number.to_string())).collect();
        let many: Vec<_> = contents.iter().map(|(number, content)| (*number, content.as_str())).collect();
        assert_eq!(database.insert(&remarks(), &rows(&many)).unwrap(), 4_997);
        assert_eq!(database.insert(&remarks(), &rows(&many)).unwrap(), 0);
        let again = vec![(9_999, "again"); 5_000];
        assert_eq!(database.insert(&remarks(), &rows(&again)).unwrap(), 1);
        let found = all(&mut *database);
        let kept: Vec<_> = found.iter().skip(1).take(4).map(|row| row.text(1).unwrap()).collect();
        assert_eq!(kept, ["first", "b", "c", "4"]);
        assert_eq!(found.len(), 5_001);
    });
}

#[test]
fn one_transaction_inserts_many_times() {
    on_both(|store| {
        let mut database = store.open();
        let other = table("other", &[("number", Type::Integer), ("content", Type::Text)], 1);
        transaction(&mut *database, |database| {
            database.create(&remarks())?;
            database.create(&other)?;
            for first in (0..5_000).step_by(1_000) {
                let many: Vec<_> = (first..first + 1_000).map(|number| (number, "x")).collect();
                assert_eq!(database.insert(&remarks(), &rows(&many))?, 1_000);
                assert_eq!(database.insert(&other, &rows(&many))?, 1_000);
                assert_eq!(database.insert(&other, &rows(&many[..3]))?, 0);
            }
            Ok::<_, index::database::DatabaseError>(())
        })
        .unwrap();
        for name in ["remark", "other"] {
            let count = database.ask(&format!("SELECT count(*), sum(number) FROM {name}"), &[]).unwrap();
            let count = count.first().unwrap();
            assert_eq!((count.integer(0).unwrap(), count.integer(1).unwrap()), (5_000, 12_497_500));
        }
    });
}

/// Eleven columns, as an event of Uniswap has.
fn wide() -> Table {
    let mut columns =
        vec![("block", Type::Integer), ("idx", Type::Integer), ("tx", Type::Blob), ("contract", Type::Blob)];
    columns.extend([("a", Type::Blob), ("b", Type::Blob), ("c", Type::Blob), ("d", Type::Blob)]);
    columns.extend([("sender", Type::Blob), ("flag", Type::Integer), ("note", Type::Text)]);
    let mut table = table("wide", &columns, 2);
    table.indexes = vec![vec!["contract".to_owned(), "block".to_owned(), "idx".to_owned()]];
    table
}

/// Words that look like chance.
fn wide_rows(n_rows: u64) -> Rows {
    let word = |seed: u64| {
        let mut word = [0; 32];
        for (i, part) in (1_u64..).zip(word.chunks_exact_mut(8)) {
            part.copy_from_slice(&(seed + i).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        }
        word
    };
    let mut rows = Rows::new(11);
    for i in 0..n_rows {
        rows.push(Value::count(i / 50));
        rows.push(Value::count(i % 50));
        rows.push(Value::Blob(&word(i)));
        rows.push(Value::Blob(&word(i % 16)[12..]));
        (2..6).for_each(|salt| rows.push(Value::Blob(&word(i + (salt << 32)))));
        rows.push(Value::Blob(&word(i % 1_000)[..20]));
        rows.push(Value::count(i % 2));
        rows.push(Value::Text("Swap"));
    }
    rows
}

#[test]
fn a_hundred_thousand_rows_come_back_in_order() {
    let expected = wide_rows(100_000);
    on_both(|store| {
        let mut database = store.open();
        database.create(&wide()).unwrap();
        assert_eq!(database.insert(&wide(), &expected).unwrap(), 100_000);
        assert_eq!(database.insert(&wide(), &expected).unwrap(), 0);
        assert!(database.ask("SELECT * FROM wide ORDER BY block, idx", &[]).unwrap() == expected);
    });
}

#[test]
#[should_panic = "cells of remark.number are of its type"]
fn a_cell_of_another_type_is_a_bug() {
    let mut wrong = Rows::new(2);
    wrong.push_row(&[Value::Text("1"), Value::Text("a")]);
    crate::Store::sqlite().open().insert(&remarks(), &wrong).ok();
}

/// Prints rows a second; run by hand: `cargo test --release -p index --test store -- --ignored --nocapture speed`.
#[test]
#[ignore = "measures, and proves nothing"]
fn speed() {
    let rows = wide_rows(100_000);
    on_both(|store| {
        let kind = &store.address[..8];
        for n_rows in [100_000, 5_000, 2_000, 1_000, 500, 400, 300, 200, 100, 50, 10] {
            let mut database = store.open();
            database.create(&wide()).unwrap();
            let mut chunks = Vec::new();
            for (i, row) in rows.iter().enumerate() {
                if i % n_rows == 0 {
                    chunks.push(Rows::new(11));
                }
                (0..11).for_each(|column| chunks.last_mut().unwrap().push(row.value(column)));
            }
            chunks.truncate(2_000);
            let start = std::time::Instant::now();
            for chunk in &chunks {
                transaction(&mut *database, |database| database.insert(&wide(), chunk)).unwrap();
            }
            let n_all: usize = chunks.iter().map(Rows::len).sum();
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("{kind}: {n_rows} rows a transaction: {:.0} rows/s", n_all as f64 / seconds);
            database.run("DROP TABLE wide", &[]).unwrap();
        }
    });
}
