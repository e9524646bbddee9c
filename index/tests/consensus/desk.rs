//! What the desk agrees on.

use std::collections::BTreeSet;

use index::{
    consensus::{Desk, Refusal, Registration, Status, Vote},
    rows::Value,
};
use proptest::prelude::*;

use crate::twin::Twin;
use crate::world::{
    File, N_PEERS, ORIGIN, PROJECT, START, WINDOW, address_of, desk, final_of, range, rules, signer, submission, vote,
};

#[track_caller]
fn check(desk: &mut Desk, (peer, content): (u8, &str), now: u64, expected: (Status, bool, Option<&str>)) {
    let found = vote(desk, peer, 7, content, now).unwrap();
    let final_cid = expected.2.map(address_of);
    assert_eq!((found.status, found.delayed_submission, found.final_cid), (expected.0, expected.1, final_cid));
}

#[test]
fn a_minority_decides_nothing_and_a_majority_does() {
    // The case in which Pooler's service agrees on `bad`: the window is over, one liar was first, two more are right.
    let mut desk = desk();
    check(&mut desk, (0, "bad"), START, (Status::Accepted, false, None));
    check(&mut desk, (1, "bad"), START, (Status::Accepted, false, None));
    check(&mut desk, (2, "good"), START + 1, (Status::Accepted, false, None));
    check(&mut desk, (3, "good"), START + WINDOW, (Status::Accepted, false, None));
    check(&mut desk, (1, "bad"), START + WINDOW + 1, (Status::Indeterminate, false, None));
    assert_eq!(final_of(&mut desk, 7), None);
    check(&mut desk, (4, "good"), START + 100 * WINDOW, (Status::Finalized, true, Some("good")));
    check(&mut desk, (0, "bad"), START + 101 * WINDOW, (Status::Finalized, false, Some("good")));
    assert_eq!(final_of(&mut desk, 7), Some(address_of("good")));
    assert_eq!(final_of(&mut desk, 8), None);
}

#[test]
fn the_same_vote_again_changes_nothing() {
    let mut desk = desk();
    for now in [START, START + 1, START + 50] {
        check(&mut desk, (0, "good"), now, (Status::Accepted, false, None));
        check(&mut desk, (1, "good"), now, (Status::Accepted, false, None));
    }
    let (_, votes) = desk.submissions(PROJECT, range(7)).unwrap();
    assert_eq!(votes.iter().map(|vote| vote.received_at).collect::<Vec<_>>(), [START, START]);
    // A repetition after the window does not make the vote a late one.
    check(&mut desk, (0, "good"), START + WINDOW + 1, (Status::Indeterminate, false, None));
}

#[test]
fn a_contradiction_is_shown_and_counts_for_nothing() {
    let mut desk = desk();
    check(&mut desk, (3, "good"), START, (Status::Accepted, false, None));
    for content in ["bad", "good", "worse", "bad"] {
        match vote(&mut desk, 3, 7, content, START + 1) {
            Err(Refusal::Equivocation { first, second, epoch: 7, .. }) => {
                assert_eq!((first, second), (address_of("good"), address_of("bad")));
            }
            other => panic!("{other:?}"),
        }
    }
    check(&mut desk, (0, "good"), START + 2, (Status::Accepted, false, None));
    check(&mut desk, (1, "good"), START + 2, (Status::Accepted, false, None));
    assert_eq!(final_of(&mut desk, 7), None);
    let (_, votes) = desk.submissions(PROJECT, range(7)).unwrap();
    let shown: Vec<_> = votes.iter().map(|vote| (vote.cid.clone(), vote.counts)).collect();
    let (good, bad) = (address_of("good"), address_of("bad"));
    assert_eq!(shown, [(good.clone(), false), (bad, false), (good.clone(), true), (good.clone(), true)]);
    check(&mut desk, (2, "good"), START + 3, (Status::Finalized, false, Some("good")));
    // Whoever takes a vote back takes back nothing that is agreed on.
    assert!(matches!(vote(&mut desk, 0, 7, "bad", START + 4), Err(Refusal::Equivocation { .. })));
    assert_eq!(final_of(&mut desk, 7), Some(good));
}

#[test]
fn a_question_about_another_snapshot_is_a_contradiction_too() {
    let mut desk = desk();
    let open = |desk: &Desk, content| submission(0, 7, content).open(desk.rules()).unwrap();
    let (good, bad) = (open(&desk, "good"), open(&desk, "bad"));
    assert_eq!(desk.confirm(&good, START).unwrap().status, Status::NotSubmitted);
    assert!(desk.submissions(PROJECT, range(7)).unwrap().1.is_empty());
    desk.submit(&good, START).unwrap();
    assert_eq!(desk.confirm(&good, START).unwrap().status, Status::Accepted);
    assert!(matches!(desk.confirm(&bad, START), Err(Refusal::Equivocation { .. })));
    assert_eq!(desk.submissions(PROJECT, range(7)).unwrap().1.len(), 2);
}

#[test]
fn who_has_not_voted_is_not_told_the_answer() {
    let mut desk = desk();
    (0..3).for_each(|peer| drop(vote(&mut desk, peer, 7, "good", START).unwrap()));
    let question = submission(4, 7, "whatever").open(desk.rules()).unwrap();
    let found = desk.confirm(&question, START).unwrap();
    assert_eq!((found.status, found.final_cid), (Status::NotSubmitted, None));
}

#[test]
fn a_restart_forgets_nothing() {
    let file = File::new("restart");
    let mut before = Desk::new(file.open(), rules());
    vote(&mut before, 0, 7, "good", START).unwrap();
    vote(&mut before, 1, 7, "good", START).unwrap();
    vote(&mut before, 2, 7, "bad", START).unwrap();
    (0..3).for_each(|peer| drop(vote(&mut before, peer, 6, "six", START).unwrap()));
    drop(before);
    let mut after = Desk::new(file.open(), rules());
    assert_eq!(final_of(&mut after, 6), Some(address_of("six")));
    assert!(matches!(vote(&mut after, 2, 7, "good", START), Err(Refusal::Equivocation { .. })));
    check(&mut after, (0, "good"), START + WINDOW + 1, (Status::Indeterminate, false, None));
    check(&mut after, (3, "good"), START + WINDOW + 1, (Status::Finalized, true, Some("good")));
}

#[test]
fn a_peer_cannot_fill_the_disk() {
    let file = File::new("full");
    let mut desk = Desk::new(file.open(), rules());
    let (mut store, peer) = (file.open(), signer(4).address());
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 100998)";
    let sql = "INSERT INTO consensus_vote SELECT 'x', i, ?1, 'x', x'00', 0, 1 FROM n";
    store.run(&format!("{numbers} {sql}"), &[Value::Blob(peer.as_slice())]).unwrap();
    vote(&mut desk, 4, 7, "bad", START).unwrap();
    assert!(matches!(vote(&mut desk, 4, 8, "bad", START), Err(Refusal::TooFarAhead(found)) if found == peer));
    assert!(desk.submissions(PROJECT, range(8)).unwrap().1.is_empty());
    // What is there stays, the others go on, and what is agreed on makes room.
    assert_eq!(vote(&mut desk, 4, 7, "bad", START).unwrap().status, Status::Accepted);
    (0..3).for_each(|peer| drop(vote(&mut desk, peer, 7, "good", START).unwrap()));
    vote(&mut desk, 4, 8, "bad", START).unwrap();

    let sql = "INSERT INTO consensus_peer SELECT 'x' || i, ?1, 0 FROM n";
    store.run(&format!("{numbers} {sql}"), &[Value::Blob(peer.as_slice())]).unwrap();
    let mut register = |project: &str| {
        let registration = Registration::sign(&signer(4), ORIGIN.chain_id, project.into()).unwrap();
        desk.register(&registration, START)
    };
    assert!(matches!(register("y"), Err(Refusal::TooManyProjects(found)) if found == peer));
    assert_eq!(register("x1000").unwrap(), (5, 3));
}

/// What a peer does: which, for which content, how many seconds after the one before, and whether the desk restarts.
type Act = (u8, u8, u64, bool);

const CONTENTS: [&str; 3] = ["good", "bad", "worse"];

fn acts() -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec((0..N_PEERS, 0_u8..3, 0_u64..50, proptest::bool::weighted(0.1)), 1..25)
}

/// The vote of each peer for each content, signed once.
fn votes() -> Vec<Vec<Vote>> {
    let rules = rules();
    let vote = |peer, content: &&str| submission(peer, 7, content).open(&rules).unwrap();
    (0..N_PEERS).map(|peer| CONTENTS.iter().map(|content| vote(peer, content)).collect()).collect()
}

/// Peers 3 and 4 sign whatever they like and as often; the others sign `good` or stay away.
#[test]
fn two_liars_of_five_never_have_their_way() {
    let votes = votes();
    proptest!(ProptestConfig::with_cases(64), |(acts in acts())| {
        // In memory, for as long as one connection is open: a file takes most of its time to be synchronised.
        let url = crate::postgres::url();
        let open = || Box::new(Twin::open("file:liars?mode=memory&cache=shared".as_ref(), url.as_deref()));
        let _kept = open();
        let mut desk = Desk::new(open(), rules());
        let (mut now, mut honest, mut agreed) = (START, BTreeSet::new(), false);
        for (peer, content, pause, restarts) in acts {
            now += pause;
            if restarts {
                drop(desk);
                desk = Desk::new(open(), rules());
            }
            let content = if peer < 3 { 0 } else { content };
            let answer = desk.submit(&votes[usize::from(peer)][usize::from(content)], now);
            if peer < 3 {
                honest.insert(peer);
                prop_assert!(answer.is_ok());
            }
            let found = final_of(&mut desk, 7);
            prop_assert!(found.is_none() || found == Some(address_of("good")));
            // What is agreed on stays so, and three who are right are enough.
            agreed |= found.is_some();
            prop_assert_eq!(found.is_some(), agreed);
            prop_assert!(honest.len() < 3 || agreed);
            prop_assert!(!honest.is_empty() || !agreed);
        }
    });
}
