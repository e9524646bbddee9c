//! What goes in comes out, to the borders of each type; statements and transactions.

use index::database::{DatabaseError, transaction};
use index::rows::{Type, Value};

use crate::{all, on_both, remarks, rows, table};

#[test]
fn values_come_back_as_they_went_in() {
    let bytes: Vec<u8> = (0..=255).collect();
    on_both(|store| {
        let mut database = store.open();
        let kinds = [("id", Type::Integer), ("i", Type::Integer), ("b", Type::Blob), ("t", Type::Text)];
        database.create(&table("cell", &kinds, 1)).unwrap();
        let cells: &[(i64, &[u8], &str)] = &[
            (0, b"", ""),
            (i64::MAX, &[0], "it's \"quoted\"; ?1 $1 \\ %s"),
            (i64::MIN, &bytes, "\u{1}\t\r\n\u{7f}ä€𝄞"),
            (-1, &[0xff; 32], &"x".repeat(100_000)),
            (1 << 40, b"\\x00", "NULL"),
        ];
        for (id, (i, b, t)) in (0_i64..).zip(cells) {
            let values = [Value::Integer(id), Value::Integer(*i), Value::Blob(b), Value::Text(t)];
            assert_eq!(database.run("INSERT INTO cell VALUES (?1, ?2, ?3, ?4)", &values).unwrap(), 1);
            let sql = "SELECT i, b, t FROM cell WHERE i = ?1 AND b = ?2 AND t = ?3";
            let found = database.ask(sql, &values[1..]).unwrap();
            assert_eq!((found.len(), found.n_columns()), (1, 3));
            let row = found.first().unwrap();
            assert_eq!([row.value(0), row.value(1), row.value(2)], values[1..]);
        }
        let order = database.ask("SELECT i FROM cell ORDER BY b", &[]).unwrap();
        let order: Vec<_> = order.iter().map(|row| row.integer(0).unwrap()).collect();
        assert_eq!(order, [0, i64::MAX, i64::MIN, 1 << 40, -1], "bytes sort from the first on, short before long");
    });
}

#[test]
fn nothing_is_a_value_of_any_column() {
    on_both(|store| {
        let mut database = store.open();
        let sql = "INSERT INTO epoch (id, first, last, begin_parent_hash, end_hash, end_timestamp, state)
                   VALUES (?1, 0, 9, X'00ff', ?2, ?3, 0)";
        database.run(sql, &[Value::Integer(0), Value::Null, Value::Null]).unwrap();
        database.run(sql, &[Value::Integer(1), Value::Blob(b"hash"), Value::Null]).unwrap();
        database.run(sql, &[Value::Integer(2), Value::Null, Value::Integer(7)]).unwrap();
        let found =
            database.ask("SELECT end_hash, end_timestamp, begin_parent_hash FROM epoch ORDER BY id", &[]).unwrap();
        let found: Vec<_> = found.iter().map(|row| [row.value(0), row.value(1), row.value(2)]).collect();
        let parent = Value::Blob(&[0, 255]);
        assert_eq!(
            found,
            [
                [Value::Null, Value::Null, parent],
                [Value::Blob(b"hash"), Value::Null, parent],
                [Value::Null, Value::Integer(7), parent],
            ]
        );
        let refused = database.run("INSERT INTO cursor VALUES (?1, 1, ?2)", &[Value::Text("a"), Value::Null]);
        assert!(refused.is_err(), "columns are required");
    });
}

#[test]
fn the_dialect_means_the_same_everywhere() {
    on_both(|store| {
        let mut database = store.open();
        database.create(&remarks()).unwrap();
        database.insert(&remarks(), &rows(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")])).unwrap();
        let mut check = |sql: &str, values: &[Value<'_>], expected: &[Value<'_>]| {
            let answer = database.ask(sql, values).unwrap_or_else(|error| panic!("{sql}: {error}"));
            let found: Vec<_> =
                answer.iter().flat_map(|row| (0..answer.n_columns()).map(move |i| row.value(i))).collect();
            assert_eq!(found, expected, "{sql}");
        };
        let int = Value::Integer;
        check(
            "SELECT count(*), sum(number), max(number), min(content) FROM remark",
            &[],
            &[int(4), int(10), int(4), Value::Text("a")],
        );
        check("SELECT sum(number) FROM remark WHERE number > ?1", &[int(9)], &[Value::Null]);
        check(
            "SELECT number FROM remark ORDER BY number DESC LIMIT ?1 OFFSET ?2",
            &[int(2), int(1)],
            &[int(3), int(2)],
        );
        check(
            "SELECT number + ?1, number / 2, number % 2 FROM remark WHERE number = ?2",
            &[int(5), int(3)],
            &[int(8), int(1), int(1)],
        );
        check(
            "SELECT number FROM remark WHERE (number, content) > (?1, ?2) ORDER BY number",
            &[int(2), Value::Text("b")],
            &[int(3), int(4)],
        );
        check("SELECT EXISTS (SELECT 1 FROM remark WHERE number = ?1), 1 = 2", &[int(1)], &[int(1), int(0)]);
        check(
            "SELECT number FROM remark WHERE ?1 IS NULL OR content = ?1 ORDER BY number",
            &[Value::Text("c")],
            &[int(3)],
        );
        check("SELECT coalesce(max(number), ?1) FROM remark WHERE number > 9", &[int(-1)], &[int(-1)]);
        check("SELECT length(?1), length(?2)", &[Value::Blob(&[1, 2, 3]), Value::Text("äb")], &[int(3), int(2)]);
        check("SELECT CAST(?1 AS INTEGER)", &[int(i64::MAX)], &[int(i64::MAX)]);
        check("SELECT content || '?1' || \"content\" FROM remark WHERE number = ?1", &[int(1)], &[Value::Text("a?1a")]);
        check("SELECT 1 WHERE X'00ff' = ?1", &[Value::Blob(&[0, 255])], &[int(1)]);
        check(
            "SELECT number FROM remark WHERE number IN (?1, ?2) ORDER BY number",
            &[int(4), int(1)],
            &[int(1), int(4)],
        );
        let upsert = "INSERT INTO remark VALUES (?1, ?2) ON CONFLICT (number) DO UPDATE SET content = excluded.content";
        assert_eq!(database.run(upsert, &[int(1), Value::Text("z")]).unwrap(), 1);
        let returned =
            database.ask("UPDATE remark SET number = number + 10 WHERE number = ?1 RETURNING content", &[int(1)]);
        assert_eq!(returned.unwrap().first().unwrap().value(0), Value::Text("z"));
        assert_eq!(database.run("DELETE FROM remark WHERE number > ?1", &[int(2)]).unwrap(), 3);
        assert_eq!(all(&mut *database), rows(&[(2, "b")]));
    });
}

#[test]
fn what_the_dialect_lacks_is_an_error() {
    on_both(|store| {
        let mut database = store.open();
        let error = database.ask("SELECT CAST(1.5 AS REAL)", &[]).unwrap_err();
        assert!(matches!(error, DatabaseError::Column { column: 0, .. }), "{error}");
        assert!(!database.run("SELEKT", &[]).unwrap_err().passes());
        database.create(&remarks()).unwrap();
        for text in ["\0", "a\0b"] {
            let values = [Value::Integer(1), Value::Text(text)];
            let refused = [
                database.run("INSERT INTO remark VALUES (?1, ?2)", &values).unwrap_err(),
                database.ask("SELECT 1 FROM remark WHERE number = ?1 AND content = ?2", &values).unwrap_err(),
                database.insert(&remarks(), &rows(&[(1, text)])).unwrap_err(),
                database.insert(&remarks(), &rows(&vec![(1, text); 1_000])).unwrap_err(),
            ];
            refused.iter().for_each(|error| {
                assert_eq!(
                    error.to_string(),
                    format!("the text {text:?} has a zero byte; replace it before it is stored")
                );
            });
        }
        assert!(all(&mut *database).is_empty());
    });
}

#[test]
fn a_transaction_is_all_or_nothing() {
    on_both(|store| {
        let (mut database, mut other) = (store.open(), store.open());
        database.create(&remarks()).unwrap();
        let insert = "INSERT INTO remark VALUES (?1, 'x')";
        let failed = transaction(&mut *database, |database| {
            database.run(insert, &[Value::Integer(1)])?;
            database.insert(&remarks(), &rows(&vec![(2, "many"); 1_000]))?;
            database.create(&table("made_inside", &[("a", Type::Integer)], 1))?;
            database.run(insert, &[Value::Integer(1)])
        });
        assert!(failed.is_err(), "the key is there");
        assert!(all(&mut *database).is_empty());
        assert!(database.ask("SELECT * FROM made_inside", &[]).is_err());

        database.begin().unwrap();
        database.run(insert, &[Value::Integer(3)]).unwrap();
        assert!(all(&mut *other).is_empty(), "others see what is committed, and do not wait");
        database.commit().unwrap();
        assert_eq!(all(&mut *other), rows(&[(3, "x")]));
        assert_eq!(all(&mut *database), all(&mut *other));

        drop(store.open());
        database.begin().unwrap();
        database.run(insert, &[Value::Integer(4)]).unwrap();
        drop(database);
        assert_eq!(all(&mut *other), rows(&[(3, "x")]), "a connection that closes rolls back");
    });
}

#[test]
fn durability_changes_between_transactions() {
    on_both(|store| {
        let mut database = store.open();
        database.create(&remarks()).unwrap();
        for (number, durable) in [(1, true), (2, false), (3, true), (4, true), (5, false)] {
            database.durable(durable).unwrap();
            let is_durable = if store.directory.is_some() {
                database.ask("PRAGMA synchronous", &[]).unwrap().first().unwrap().value(0) == Value::Integer(2)
            } else {
                database.ask("SHOW synchronous_commit", &[]).unwrap().first().unwrap().value(0) == Value::Text("on")
            };
            assert_eq!(is_durable, durable);
            transaction(&mut *database, |database| database.insert(&remarks(), &rows(&[(number, "x")]))).unwrap();
        }
        assert_eq!(all(&mut *store.open()).len(), 5);
    });
}
