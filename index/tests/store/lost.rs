//! PostgreSQL goes away and comes back.

use index::database::{Database, DatabaseError, open};
use index::rows::Value;

use crate::files::{server, shown};
use crate::{Store, all, remarks, rows};

fn pid(database: &mut dyn Database) -> i32 {
    let answer = database.ask("SELECT pg_backend_pid()", &[]).unwrap();
    answer.first().unwrap().integer(0).unwrap().try_into().unwrap()
}

/// Ends a connection from the server's side, and returns when it has ended.
fn end(store: &Store, pid: i32) {
    let mut client = server(&store.address);
    assert!(client.query_one("SELECT pg_terminate_backend($1, 10000)", &[&pid]).unwrap().get::<_, bool>(0));
}

#[track_caller]
fn expect_lost(error: &DatabaseError) {
    assert!(matches!(error, DatabaseError::Lost { .. }) && error.passes(), "{error:?}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_lost_connection_is_made_again_at_the_next_transaction() {
    let Some(store) = Store::postgres() else { return };
    let mut database = store.open();
    database.create(&remarks()).unwrap();
    let many: Vec<_> = (0..1_000).map(|number| (number, "x")).collect();
    database.insert(&remarks(), &rows(&many)).unwrap();

    let lost = pid(&mut *database);
    end(&store, lost);
    database.begin().unwrap();
    assert_ne!(pid(&mut *database), lost);
    assert_eq!(database.run("DELETE FROM remark WHERE number > ?1", &[Value::Integer(1)]).unwrap(), 998);
    let lost = pid(&mut *database);
    end(&store, lost);
    for _ in 0..2 {
        expect_lost(&database.run("DELETE FROM remark WHERE number = ?1", &[Value::Integer(1)]).unwrap_err());
    }
    expect_lost(&database.commit().unwrap_err());
    database.roll_back().unwrap();
    assert_eq!(all(&mut *database).len(), 1_000, "the transaction is undone");
    assert_eq!(database.ask("SHOW synchronous_commit", &[]).unwrap().first().unwrap().value(0), Value::Text("off"));
    let more: Vec<_> = (0..2_000).map(|number| (number, "x")).collect();
    assert_eq!(database.insert(&remarks(), &rows(&more)).unwrap(), 1_000);
}

#[test]
fn the_lead_is_taken_again_if_nobody_else_had_it() {
    let Some(store) = Store::postgres() else { return };
    let mut first = store.open();
    assert!(first.lead().unwrap());
    end(&store, pid(&mut *first));
    first.begin().unwrap();
    first.commit().unwrap();
    assert!(!store.open().lead().unwrap());

    end(&store, pid(&mut *first));
    let mut second = store.open();
    assert!(second.lead().unwrap());
    let deposed = format!(
        "another process took over {} while this one had no connection; start this one again",
        shown(&store.address)
    );
    let check = |first: &mut dyn Database| {
        let error = first.begin().unwrap_err();
        assert_eq!(error.to_string(), deposed);
        assert!(!error.passes());
    };
    check(&mut *first);
    check(&mut *first);
    drop(second);
    check(&mut *first);
}

#[test]
fn a_server_that_does_not_answer_is_named_without_the_password() {
    let Some(store) = Store::postgres() else { return };
    for address in
        ["postgres://ann:hunter2@127.0.0.1:1/chain".to_owned(), store.address.replace("index-postgres", "no")]
    {
        let error = open(&address).err().unwrap();
        expect_lost(&error);
        let begins = format!("{} does not answer: error connecting to server: ", shown(&address));
        assert!(error.to_string().starts_with(&begins), "{error}");
    }
    let unknown = store.address.replace("/postgres?", "/nowhere?");
    let error = open(&unknown).err().unwrap().to_string();
    assert!(error.contains("database \"nowhere\" does not exist") && !error.contains("hunter2"), "{error}");
}
