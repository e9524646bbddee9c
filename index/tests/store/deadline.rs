//! Reading that takes longer than it may.

use std::time::{Duration, Instant};

use index::database::{Database, DatabaseError};
use index::rows::Value;

use crate::{all, on_both, remarks, rows};

/// Counts to `n` the slow way.
fn count_to(database: &mut dyn Database, n: i64) -> Result<i64, DatabaseError> {
    let sql = format!(
        "WITH RECURSIVE step(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM step WHERE i < {n}) SELECT count(*) FROM step"
    );
    database.ask(&sql, &[]).map(|found| found.first().unwrap().integer(0).unwrap())
}

#[track_caller]
fn expect_late<T: std::fmt::Debug>(found: Result<T, DatabaseError>) {
    let error = found.unwrap_err();
    assert!(matches!(error, DatabaseError::Late) && !error.passes(), "{error:?}");
}

#[test]
fn a_statement_ends_with_its_time_and_the_connection_goes_on() {
    on_both(|store| {
        let mut database = store.open();
        database.create(&remarks()).unwrap();
        database.insert(&remarks(), &rows(&[(1, "a")])).unwrap();
        for _ in 0..3 {
            database.begin_to_read_until(Instant::now() + Duration::from_millis(50)).unwrap();
            // A minute and more, if nobody ends it.
            expect_late(count_to(&mut *database, 1_000_000_000));
            expect_late(database.ask("SELECT number FROM remark", &[]));
            database.roll_back().unwrap();
            assert_eq!(count_to(&mut *database, 100_000).unwrap(), 100_000, "no time is set outside");
            assert_eq!(all(&mut *database), rows(&[(1, "a")]));
        }
        database.begin_to_read().unwrap();
        assert_eq!(count_to(&mut *database, 100_000).unwrap(), 100_000, "nor for who has all the time");
        database.commit().unwrap();
        assert_eq!(database.run("DELETE FROM remark", &[]).unwrap(), 1);
    });
}

#[test]
fn short_statements_end_with_the_time_too() {
    on_both(|store| {
        let mut database = store.open();
        database.begin_to_read_until(Instant::now()).unwrap();
        expect_late(database.ask("SELECT 1", &[]));
        expect_late(database.ask("SELECT ?1", &[Value::Integer(1)]));
        database.commit().unwrap();
        assert_eq!(database.ask("SELECT 1", &[]).unwrap().len(), 1);
    });
}

#[test]
fn who_is_in_time_reads_one_moment_and_writes_nothing() {
    on_both(|store| {
        let (mut database, mut other) = (store.open(), store.open());
        database.create(&remarks()).unwrap();
        for time in [Duration::from_secs(600), Duration::from_secs(60 * 60 * 24 * 365)] {
            database.begin_to_read_until(Instant::now() + time).unwrap();
            assert!(all(&mut *database).is_empty());
            other.insert(&remarks(), &rows(&[(1, "a")])).unwrap();
            assert!(all(&mut *database).is_empty());
            database.roll_back().unwrap();
            assert_eq!(all(&mut *database), rows(&[(1, "a")]));
            other.run("DELETE FROM remark", &[]).unwrap();
        }
    });
}
