//! Addresses that lead to no store.

use std::fs;

use index::database::open;
use index::rows::Type;

use crate::{Store, remarks, table};

#[track_caller]
fn check(address: &str, expected: &str) {
    let error = open(address).err().unwrap_or_else(|| panic!("{address} opens"));
    assert_eq!(error.to_string(), expected);
    assert!(!error.passes());
}

#[test]
fn a_file_that_is_no_store_is_refused_with_the_remedy() {
    let store = Store::sqlite();
    let directory = store.directory.clone().unwrap();
    let place = |name: &str| directory.join(name).display().to_string();
    let folder = directory.display();
    check(&folder.to_string(), &format!("the store {folder} is a folder; name a file in it"));
    let lost = place("none/index.db");
    let missing = place("none");
    check(&lost, &format!("the folder {missing} of the store {lost} does not exist; make it, or name another store"));
    assert!(!directory.join("none").exists());

    let text = place("text");
    fs::write(
        &text,
        "name = \"a file of another kind that is longer than a page header of a hundred bytes or so\"\n".repeat(9),
    )
    .unwrap();
    let content = fs::read(&text).unwrap();
    check(&text, &foreign(&text));
    assert_eq!(fs::read(&text).unwrap(), content, "it is as it was");
    let inside = format!("{text}/index.db");
    check(&inside, &format!("the store {inside} would be in a file; name another store"));

    drop(store.open());
    let mut permissions = fs::metadata(&store.address).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&store.address, permissions).unwrap();
    let remedy = "may be read and not written; change its permissions, or name another store";
    check(&store.address, &format!("the store {} {remedy}", store.address));
}

fn foreign(store: &str) -> String {
    format!("{store} is no database of this program, or one of a newer version; name another store")
}

#[test]
fn a_database_of_another_program_is_refused_and_stays() {
    let store = Store::sqlite();
    let other = rusqlite::Connection::open(&store.address).unwrap();
    other.execute_batch("CREATE TABLE cursor (a)").unwrap();
    drop(other);
    let content = fs::read(&store.address).unwrap();
    check(&store.address, &foreign(&store.address));
    assert_eq!(fs::read(&store.address).unwrap(), content);

    let Some(store) = Store::postgres() else { return };
    let mut client = server(&store.address);
    let schema = store.address.split_once("schema=").unwrap().1;
    client.batch_execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.cursor (a INT)")).unwrap();
    let shown = shown(&store.address);
    check(&store.address, &foreign(&shown));
    let tables = client.query("SELECT 1 FROM pg_tables WHERE schemaname = $1", &[&schema]).unwrap();
    assert_eq!(tables.len(), 1, "nothing was made");
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let store = Store::sqlite();
    drop(store.open());
    rusqlite::Connection::open(&store.address).unwrap().pragma_update(None, "user_version", 1_000).unwrap();
    check(&store.address, &foreign(&store.address));

    let Some(store) = Store::postgres() else { return };
    store.open().run("UPDATE index_version SET version = 1000", &[]).unwrap();
    check(&store.address, &foreign(&shown(&store.address)));
}

#[test]
fn what_is_empty_is_made_by_whoever_writes_and_not_by_readers() {
    let check = |address: &str, shown: &str| {
        let told = index::database::open_to_read(address).err().unwrap().to_string();
        let expected = format!("there is no index in {shown}; `streamctl index run` makes it, or name another store");
        assert_eq!(told, expected);
        assert_eq!(index::database::shown(address), shown);
        drop(open(address).unwrap());
        index::database::open_to_read(address).unwrap();
    };
    let store = Store::sqlite();
    fs::write(&store.address, "").unwrap();
    check(&store.address, &store.address);
    let Some(store) = Store::postgres() else { return };
    check(&store.address, &shown(&store.address));
    assert!(!shown(&store.address).contains("hunter2"));
    assert_eq!(index::database::shown("postgres://index:hunter2@host:port/index"), "PostgreSQL");
}

#[test]
fn a_store_in_memory_is_complete() {
    let mut database = open(":memory:").unwrap();
    assert!(database.lead().unwrap());
    database.create(&remarks()).unwrap();
    assert_eq!(database.insert(&remarks(), &crate::rows(&[(1, "a")])).unwrap(), 1);
}

#[test]
fn names_that_the_server_would_cut_off_are_refused() {
    let Some(store) = Store::postgres() else { return };
    let mut database = store.open();
    let name = "n".repeat(64);
    let error = database.create(&table(&name, &[("a", Type::Integer)], 1)).unwrap_err();
    let expected = format!("the name {name} has 64 bytes, and PostgreSQL keeps 63; shorten the source's");
    assert_eq!(error.to_string(), expected);
    database.create(&table(&name[1..], &[("a", Type::Integer)], 1)).unwrap();
}

/// A connection of another program.
pub(crate) fn server(address: &str) -> postgres::Client {
    postgres::Client::connect(address.split_once('?').unwrap().0, postgres::NoTls).unwrap()
}

/// The address without its password.
pub(crate) fn shown(address: &str) -> String {
    address.replace(":hunter2", "").replace("%2F", "/")
}
