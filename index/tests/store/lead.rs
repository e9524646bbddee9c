//! Several connections: one leads, many take jobs.

use index::database::{Database, transaction};
use index::rows::Value;

use crate::{Store, all, on_both, remarks, rows};

#[test]
fn one_leads_until_it_closes() {
    on_both(|store| {
        let (mut first, mut second) = (store.open(), store.open());
        assert!(first.lead().unwrap());
        assert!(first.lead().unwrap(), "asking again changes nothing");
        assert!(!second.lead().unwrap());
        assert!(!second.lead().unwrap());
        first.begin().unwrap();
        first.roll_back().unwrap();
        assert!(!second.lead().unwrap(), "transactions have nothing to do with it");
        drop(first);
        assert!(second.lead().unwrap());
        assert!(!store.open().lead().unwrap());
    });
}

#[test]
fn each_store_has_a_leader_of_its_own() {
    assert!(Store::sqlite().open().lead().unwrap());
    let (Some(one), Some(other)) = (Store::postgres(), Store::postgres()) else { return };
    let (mut one, mut other) = (one.open(), other.open());
    assert!(one.lead().unwrap());
    assert!(other.lead().unwrap());
}

fn take(database: &mut dyn Database) -> Option<i64> {
    let sql = format!("SELECT number FROM remark ORDER BY number LIMIT 1{}", database.skip_locked());
    let found = database.ask(&sql, &[]).unwrap();
    let number = found.first().map(|row| row.integer(0).unwrap())?;
    database.run("DELETE FROM remark WHERE number = ?1", &[Value::Integer(number)]).unwrap();
    Some(number)
}

#[test]
fn two_takers_take_different_rows() {
    let Some(store) = Store::postgres() else { return };
    let (mut one, mut other) = (store.open(), store.open());
    one.create(&remarks()).unwrap();
    one.insert(&remarks(), &rows(&[(1, "a"), (2, "b")])).unwrap();
    one.begin().unwrap();
    other.begin().unwrap();
    assert_eq!(take(&mut *one), Some(1));
    assert_eq!(take(&mut *other), Some(2), "it does not wait for the first");
    one.roll_back().unwrap();
    other.commit().unwrap();
    assert_eq!(all(&mut *one), rows(&[(1, "a")]), "what was not done remains");
}

#[test]
fn every_row_is_taken_once() {
    on_both(|store| {
        let mut database = store.open();
        database.create(&remarks()).unwrap();
        let many: Vec<_> = (0..200).map(|number| (number, "x")).collect();
        database.insert(&remarks(), &rows(&many)).unwrap();
        let mut taken: Vec<_> = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut database = store.open();
                        let one = |database: &mut dyn Database| Ok::<_, index::database::DatabaseError>(take(database));
                        std::iter::from_fn(|| transaction(&mut *database, one).unwrap()).collect::<Vec<_>>()
                    })
                })
                .collect();
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
        });
        taken.sort_unstable();
        assert_eq!(taken, (0..200).collect::<Vec<_>>());
    });
}

#[test]
fn many_open_a_store_and_make_its_tables_at_once() {
    on_both(|store| {
        std::thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || {
                    let mut database = store.open();
                    database.create(&remarks()).unwrap();
                    database.insert(&remarks(), &rows(&[(number, "x")])).unwrap();
                });
            }
        });
        assert_eq!(all(&mut *store.open()).len(), 8);
    });
}
