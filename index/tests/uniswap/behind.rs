//! Logs that are stored before anything is derived from them.

use index::database::Database;
use index::kind::uniswap_v2::query::{Filter, Query, Transaction};
use index::rows::Value;

use crate::world::{SOURCE, world};

#[test]
fn trades_of_blocks_that_nothing_is_derived_from_are_not_told() {
    let mut database = world().copy();
    let all = Query::new(&mut database, SOURCE).transactions(Filter::All, None, usize::MAX).unwrap();
    let sql = "SELECT block, address FROM uni_v2_pair ORDER BY block DESC, address LIMIT 1";
    let rows = database.ask(sql, &[]).unwrap();
    let (made, pair) = (rows.first().unwrap().count(0).unwrap(), rows.first().unwrap().address(1).unwrap());
    // The stage is right before the block in which the last pair is made, whose trades are there already.
    database.run("UPDATE cursor SET number = ?1 WHERE name = 'derived'", &[Value::count(made - 1)]).unwrap();
    database.run("DELETE FROM uni_v2_pair WHERE block >= ?1", &[Value::count(made)]).unwrap();
    let mut query = Query::new(&mut database, SOURCE);
    assert!(query.transactions(Filter::Pair(pair), None, 10).unwrap().is_empty());
    let expected: Vec<Transaction> = all.iter().filter(|trade| trade.block < made).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    assert_eq!(query.transactions(Filter::All, None, usize::MAX).unwrap(), expected);
    let token = Filter::Token(world().token("WETH"));
    assert!(query.transactions(token, None, 10).unwrap().iter().all(|trade| trade.block < made));
    database.run("DELETE FROM cursor", &[]).unwrap();
    let found = Query::new(&mut database, SOURCE).transactions(Filter::All, None, 10).unwrap();
    assert!(found.is_empty(), "nothing is derived from yet");
}
