//! What goes and what stays when the chain goes another way.

use alloy::primitives::{Address, B256, Bytes, U256};
use index::Result;
use index::block::Blocks;
use index::config::UniswapV2Config;
use index::database::{Database, transaction};
use index::epoch::Epochs;
use index::kind::uniswap_v2::UniswapV2;
use index::kind::{Call, Kind, Reader};
use index::rows::Value;

use crate::fixture::Fixture;
use crate::twin::Twin;
use crate::world::{SOURCE, config, epoch, load, temporary};

/// On the other branch, each pair holds one unit more of its first token.
struct Other<'a>(&'a Fixture);

impl Reader for Other<'_> {
    fn read(&self, calls: &[Call], at: Option<B256>) -> Result<Vec<Option<Bytes>>> {
        let mut answers = self.0.read(calls, at)?;
        for (call, answer) in calls.iter().zip(&mut answers) {
            // What is no pair yet says nothing.
            if let (true, Some(held)) = (call.input[..] == [9, 2, 0xf1, 0xac], &answer) {
                let more = U256::from_be_slice(&held[..32]) + U256::ONE;
                *answer = Some([&more.to_be_bytes::<32>(), &held[32..]].concat().into());
            }
        }
        Ok(answers)
    }
}

/// Pairs and what they hold of their first token, by the block under which they stand.
fn held(database: &mut dyn Database, block: u64) -> Vec<(Address, U256)> {
    let sql = "SELECT address, reserve0 FROM uni_v2_pair WHERE block = ?1 ORDER BY address";
    let rows = database.ask(sql, &[Value::count(block)]).unwrap();
    rows.iter().map(|row| (row.address(0).unwrap(), row.amount(1).unwrap())).collect()
}

/// What the stage does when blocks after `to` are taken back.
fn unwind(kind: &mut UniswapV2, database: &mut dyn Database, to: u64) {
    transaction::<_, index::Error>(database, |database| {
        kind.unwind(database, to)?;
        for table in kind.tables() {
            database.run(&format!("DELETE FROM {} WHERE block > ?1", table.name), &[Value::count(to)])?;
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_older_pairs_held_goes_with_the_first_block() {
    let fixture = Fixture::start(2, 1, 1);
    let start = fixture.setup_block + 2;
    let config = UniswapV2Config { pairs: vec![fixture.pairs[0].address], ..config(&fixture) };
    let mut kind = UniswapV2::new(SOURCE, start, config).unwrap();
    kind.open(&fixture).unwrap();
    let mut database = Twin::open(&temporary("older"), crate::postgres::url().as_deref());
    load(&fixture, &mut kind, &mut database, 1_000);
    let before = held(&mut database, start - 1);
    assert!(before.len() > 1, "the pair, and those that price its tokens");

    // As long as the first block stays, so does what was asked at its parent.
    unwind(&mut kind, &mut database, start);
    assert_eq!(held(&mut database, start - 1), before);

    // The first block goes, and its parent may be another one.
    unwind(&mut kind, &mut database, start - 1);
    assert_eq!(held(&mut database, start - 1), []);
    assert!(database.ask("SELECT address FROM uni_v2_token", &[]).unwrap().is_empty());
    let blocks = Blocks { first: start, last: fixture.head };
    kind.prepare(&mut database, &Other(&fixture), blocks).unwrap();
    transaction(&mut database, |database| kind.derive(database, blocks)).unwrap();
    let after: Vec<_> = before.iter().map(|(pair, held)| (*pair, held + U256::ONE)).collect();
    assert_eq!(held(&mut database, start - 1), after);
}

#[test]
fn what_is_known_of_blocks_that_stay_is_kept() {
    let cut = Epochs { genesis: 0, size: 10, offset: 0 };
    let fixture = Fixture::start(20, 2, 4);
    let mut kind = UniswapV2::new(SOURCE, 0, config(&fixture)).unwrap();
    let mut database = Twin::open(&temporary("kept"), crate::postgres::url().as_deref());
    load(&fixture, &mut kind, &mut database, 1_000);
    let id = fixture.last_trade / cut.size;
    let [before, next] = [id - 1, id].map(|id| epoch(&mut database, cut, id));
    let right = kind.snapshots(&mut database, &next).unwrap();
    kind.snapshots(&mut database, &before).unwrap();
    // Rows that say something else show which snapshots come from them.
    let sql = "UPDATE uni_v2_sync SET reserve0 = ?2 WHERE block <= ?1";
    let (last, one) = (before.blocks.last, B256::with_last_byte(1));
    assert!(database.run(sql, &[Value::count(last), Value::Blob(one.as_slice())]).unwrap() > 0);
    unwind(&mut kind, &mut database, last);
    assert!(kind.snapshots(&mut database, &next).unwrap() == right, "the end of the epoch before has stayed");
    kind.snapshots(&mut database, &before).unwrap();
    unwind(&mut kind, &mut database, last - 1);
    assert!(kind.snapshots(&mut database, &next).unwrap() != right, "it has gone");
}
