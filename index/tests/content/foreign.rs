//! Chains of others in a store that follows a chain of its own.

use index::{
    car::{export, import},
    database::Database,
    rows::Value,
    verify::{Means, News, verify},
};

use crate::{
    twin::Twin,
    world::{ORIGIN, add_blocks, chained, epoch, execute, filled, head, projects},
};

fn names(store: &mut Twin, sources: &[&str]) {
    for source in sources {
        let sql = "INSERT INTO identity (name, content) VALUES (?1, 'x')";
        store.run(sql, &[Value::Text(&format!("source {source}"))]).unwrap();
    }
}

fn differences(store: &mut Twin) -> Vec<String> {
    let mut found = Vec::new();
    verify(store, &ORIGIN, &mut Means::default(), &mut |news| {
        if let News::Difference(difference) = news {
            found.push(format!("{:?} {:?} {}", difference.project, difference.epoch, difference.what));
        }
    })
    .unwrap();
    found
}

/// A store of alpha and beta up to epoch 11, chained up to 7, with gamma and a source like alpha from a file up to 7.
fn joined(sources: &[&str]) -> Twin {
    let mut all = projects();
    all[2].source = "alphabet".to_owned();
    all[2].name = "alphabet/gamma".to_owned();
    let mut file = Vec::new();
    export(&mut chained(&all, 8), Some("alphabet/gamma"), &mut file).unwrap();
    let mut store = filled(&projects()[..2], 12);
    names(&mut store, sources);
    (0..12).for_each(|id| add_blocks(&mut store, id));
    execute(&mut store, epoch(7).blocks.last).unwrap();
    assert_eq!(import(&mut store, &ORIGIN, &mut &*file).unwrap().n_blocks, 8);
    execute(&mut store, epoch(11).blocks.last).unwrap();
    store
}

#[test]
fn only_its_own_chains_go_on() {
    let mut store = joined(&["alpha", "beta"]);
    assert!(head(&mut store, "alphabet/gamma", 7).is_some());
    assert_eq!(head(&mut store, "alphabet/gamma", 8), None);
    let mut alone = chained(&projects(), 12);
    for (project, height) in [("alpha", 8), ("alpha", 11), ("beta/pair", 11)] {
        assert_eq!(head(&mut store, project, height), head(&mut alone, project, height));
    }
    assert_eq!(differences(&mut store), [""; 0]);
    // What is cut off the end of its own is missing, and what is in the middle of another's.
    store.run("DELETE FROM dag WHERE project = 'alpha' AND height = 11", &[]).unwrap();
    store.run("DELETE FROM snapshot WHERE project = 'alpha' AND epoch = 11", &[]).unwrap();
    store.run("DELETE FROM dag WHERE project = 'alphabet/gamma' AND height = 5", &[]).unwrap();
    let expected = [
        "Some(\"alphabet/gamma\") Some(5) block of the chain",
        "Some(\"alphabet/gamma\") Some(6) link to the block below",
        "Some(\"alpha\") Some(11) block of the chain",
    ];
    assert_eq!(differences(&mut store), expected);
}

#[test]
fn a_store_that_names_no_sources_has_all_as_its_own() {
    let mut store = joined(&[]);
    assert!(head(&mut store, "alphabet/gamma", 11).is_some());
}

#[test]
fn chains_of_an_archive_end_anywhere() {
    let mut archive = crate::world::store();
    for (project, n_epochs) in [("alpha", 12), ("beta/pair", 8)] {
        let mut file = Vec::new();
        export(&mut chained(&projects(), n_epochs), Some(project), &mut file).unwrap();
        import(&mut archive, &ORIGIN, &mut &*file).unwrap();
    }
    assert_eq!(differences(&mut archive), [""; 0]);
}
