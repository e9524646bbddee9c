//! The snapshotter's side, against a desk, a dead one, and one that talks nonsense.

use alloy::primitives::B256;
use axum::{Router, http::StatusCode};
use index::{
    consensus::{Desk, Outcome, Round, SINK, Voter, counts},
    database::{Database, Postgres},
    rows::Value,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, task::spawn_blocking};

use crate::world::{
    File, ORIGIN, PROJECT, START, Served, WINDOW, address_of, desk, range, rules, signer, submission, vote,
};

/// A snapshotter with a store of its own.
struct Node {
    file: File,
    voter: Voter,
}

impl Node {
    fn new(name: &str, peer: u8, desk: &str) -> Self {
        let file = File::new(&format!("{name}-{peer}"));
        let voter = Voter::new(file.open(), desk, signer(peer), ORIGIN.chain_id).unwrap();
        Self { file, voter }
    }

    /// As the outbox has it.
    fn has(&self, epoch: u64, content: &str) -> &Self {
        let cid = address_of(content);
        let key = format!("{PROJECT}:{epoch}:{}:{cid}", B256::ZERO);
        let range = range(epoch);
        let epoch = json!({"id": epoch, "begin": range.begin, "end": range.end});
        let body = json!({"project": PROJECT, "epoch": epoch, "endHash": B256::ZERO, "cid": cid}).to_string();
        let sql = "INSERT INTO outbox (sink, dedupe_key, body, n_tries, next_at) VALUES (?1, ?2, ?3, 0, 0)";
        self.file.open().run(sql, &[Value::Text(SINK), Value::Text(&key), Value::Text(&body)]).unwrap();
        self
    }

    async fn round(&self, now: u64) -> Round {
        self.voter.round(now).await.unwrap()
    }

    /// Own address, final address and status of the epoch.
    fn row(&self, epoch: u64) -> (String, Option<String>, String) {
        let sql = "SELECT cid, final_cid, status FROM consensus WHERE project = ?1 AND epoch = ?2";
        let rows = self.file.open().ask(sql, &[Value::Text(PROJECT), Value::count(epoch)]).unwrap();
        let row = rows.first().unwrap();
        let final_cid = if row.is_null(1) { None } else { Some(row.text(1).unwrap().to_owned()) };
        (row.text(0).unwrap().to_owned(), final_cid, row.text(2).unwrap().to_owned())
    }

    fn reason(&self, epoch: u64) -> String {
        let rows =
            self.file.open().ask("SELECT reason FROM consensus WHERE epoch = ?1", &[Value::count(epoch)]).unwrap();
        rows.first().unwrap().text(0).unwrap().to_owned()
    }

    /// Tries and next time of what is left in the outbox.
    fn left(&self) -> Vec<(u64, u64)> {
        let rows = self.file.open().ask("SELECT n_tries, next_at FROM outbox ORDER BY dedupe_key", &[]).unwrap();
        rows.iter().map(|row| (row.count(0).unwrap(), row.count(1).unwrap())).collect()
    }
}

/// Five snapshotters, in this order, with what they have; then one who is not listed.
async fn check_five(name: &str, contents: [(u8, &str); 5]) {
    let desk = Served::start(desk(), None).await;
    let nodes: Vec<_> = contents.iter().map(|(peer, _)| Node::new(name, *peer, &desk.url)).collect();
    let sixth = Node::new(name, 5, &desk.url);
    sixth.has(7, "bad").round(START).await;
    for (node, (_, content)) in nodes.iter().zip(contents) {
        node.has(7, content).round(START).await;
    }
    sixth.round(START + 100).await;
    for node in &nodes {
        node.round(START + 100).await;
    }
    for (node, (peer, content)) in nodes.iter().zip(contents) {
        let status = if content == "good" { "finalized" } else { "disputed" };
        let expected = (address_of(content), Some(address_of("good")), status.to_owned());
        assert_eq!(node.row(7), expected, "{peer}");
        assert_eq!(node.left(), []);
        let outcome = if content == "good" { Outcome::Finalized } else { Outcome::Disputed };
        assert_eq!(counts(&mut *node.file.open()).unwrap(), [(outcome, 1)]);
    }
    assert_eq!(sixth.row(7), (address_of("bad"), None, "pending".to_owned()));
    assert!(sixth.reason(7).contains("is not listed as a peer"));
    assert_eq!((sixth.left().len(), sixth.voter.n_unanswered().await.unwrap()), (1, 0), "a refusal is an answer");
}

#[tokio::test]
async fn three_who_are_right_agree_and_two_liars_stand_alone() {
    check_five("last", [(0, "good"), (1, "good"), (2, "good"), (3, "bad"), (4, "bad")]).await;
    check_five("first", [(3, "bad"), (4, "bad"), (0, "good"), (1, "good"), (2, "good")]).await;
    check_five("apart", [(3, "bad"), (0, "good"), (4, "worse"), (1, "good"), (2, "good")]).await;
}

#[tokio::test]
async fn who_stays_away_and_who_comes_late() {
    let desk = Served::start(desk(), None).await;
    let nodes: Vec<_> = (0..3).map(|peer| Node::new("late", peer, &desk.url)).collect();
    nodes[0].has(7, "good").round(START).await;
    nodes[1].has(7, "good").round(START).await;
    desk.set(START + WINDOW + 1);
    let round = nodes[0].round(START + WINDOW + 1).await;
    assert_eq!(round.outcomes.iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(), [Outcome::Indeterminate]);
    assert_eq!(nodes[0].row(7).2, "indeterminate");
    nodes[2].has(7, "good").round(START + 1_000).await;
    assert_eq!(nodes[2].row(7).2, "finalized");
    nodes[0].round(START + 1_000).await;
    assert_eq!(nodes[0].row(7).2, "finalized");
}

#[tokio::test]
async fn pauses_grow_and_have_a_bound() {
    let desk = Served::start(desk(), None).await;
    let node = Node::new("pause", 0, &desk.url);
    node.has(7, "good");
    assert_eq!(node.voter.n_unanswered().await.unwrap(), 1);
    let (mut now, mut pauses) = (START, Vec::new());
    for n_tries in 1..=14 {
        assert_eq!(node.round(now).await.outcomes.len(), 1);
        let (left, next_at) = node.left()[0];
        assert_eq!((left, node.voter.n_unanswered().await.unwrap()), (n_tries, 0));
        assert_eq!(node.round(next_at - 1).await, Round::default());
        pauses.push(next_at - now);
        now = next_at;
        desk.set(now);
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600, 3_600, 3_600]);
}

#[tokio::test]
async fn a_desk_that_forgot_is_told_again() {
    let node = {
        let desk = Served::start(desk(), None).await;
        let node = Node::new("forgot", 0, &desk.url);
        node.has(7, "good").round(START).await;
        assert_eq!(node.row(7).2, "submitted");
        node
    };
    let empty = Served::start(desk(), None).await;
    let voter = Voter::new(node.file.open(), &format!("{}/", empty.url), signer(0), ORIGIN.chain_id).unwrap();
    for (now, expected) in [(START + 100, Outcome::Pending), (START + 200, Outcome::Submitted)] {
        let round = voter.round(now).await.unwrap();
        assert_eq!(round.outcomes.iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(), [expected]);
    }
}

#[tokio::test]
async fn a_dead_desk_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/desk?key=secret", listener.local_addr().unwrap());
    drop(listener);
    let node = Node::new("dead", 0, &url);
    (7..10).for_each(|epoch| drop(node.has(epoch, "good").left()));
    assert_eq!(node.voter.n_unanswered().await.unwrap(), 3);
    let round = node.round(START).await;
    assert_eq!(node.voter.n_unanswered().await.unwrap(), 3);
    // The first silence ends the round: the others would wait as long in vain.
    assert_eq!(round.outcomes.len(), 1);
    let silence = round.silence.unwrap();
    assert!(silence.starts_with("the desk does not answer") && !silence.contains("secret"), "{silence}");
    // Not counted, so that a long silence makes no long pause after it.
    assert_eq!(node.left(), [(0, START + 2), (0, 0), (0, 0)]);
    assert_eq!(node.row(7).2, "pending");
}

async fn nonsense(status: u16, body: &'static str, header: Option<(&'static str, &'static str)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = move || async move {
        let mut response = axum::response::IntoResponse::into_response((StatusCode::from_u16(status).unwrap(), body));
        header.map(|(name, value)| response.headers_mut().insert(name, value.parse().unwrap()));
        response
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    url
}

/// Where a snapshot is after such an answer, when it is looked at again, and the reason.
async fn check_nonsense(
    name: &str,
    (status, body, header): (u16, &'static str, Option<(&'static str, &'static str)>),
    (outcome, pause, reason): (&str, Option<u64>, &str),
) {
    let node = Node::new(name, 0, &nonsense(status, body, header).await);
    node.has(7, "good").round(START).await;
    assert_eq!((node.row(7).1, &*node.row(7).2), (None, outcome), "{name}");
    assert_eq!(node.left().first().map(|(_, next_at)| next_at - START), pause, "{name}");
    assert!(node.reason(7).contains(reason), "{}", node.reason(7));
}

#[tokio::test]
async fn nonsense_decides_nothing() {
    let finalized = r#"{"status":"FINALIZED","delayedSubmission":false,"finalizedSnapshotCID":"<script>"}"#;
    let nothing = r#"{"status":"FINALIZED","delayedSubmission":false,"finalizedSnapshotCID":null}"#;
    let achieved = r#"{"status":"CONSENSUS_ACHIEVED","delayedSubmission":false,"finalizedSnapshotCID":null}"#;
    let huge: &str = Box::leak(" ".repeat(100_000).into_boxed_str());
    check_nonsense("html", (200, "<html>", None), ("pending", Some(2), "the desk answers 200")).await;
    check_nonsense("empty", (204, "", None), ("pending", Some(2), "the desk answers 204")).await;
    check_nonsense("huge", (200, huge, None), ("pending", Some(2), "exceeds 65536 bytes")).await;
    check_nonsense("cid", (200, finalized, None), ("pending", Some(2), "makes no sense")).await;
    check_nonsense("none", (200, nothing, None), ("pending", Some(2), "makes no sense")).await;
    check_nonsense("epoch", (200, achieved, None), ("pending", Some(2), "makes no sense")).await;
    check_nonsense("moved", (302, "", Some(("location", "/elsewhere"))), ("pending", Some(2), "answers 302")).await;
    check_nonsense("busy", (429, "", Some(("retry-after", "70"))), ("pending", Some(70), "answers 429")).await;
    check_nonsense("never", (503, "", Some(("retry-after", "99999999"))), ("pending", Some(3_600), "answers 503"))
        .await;
    check_nonsense("date", (503, "", Some(("retry-after", "Wed, 21 Oct"))), ("pending", Some(2), "answers 503")).await;
    let said = r#"{"error":{"code":"x","message":"no\u0007"}}"#;
    check_nonsense("unfit", (422, said, None), ("refused", None, "the desk answers 422: no\\u{7}")).await;
    check_nonsense("key", (401, said, None), ("refused", None, "the desk answers 401")).await;
    check_nonsense("list", (403, said, None), ("pending", Some(2), "the desk answers 403")).await;
}

#[tokio::test]
async fn a_second_snapshot_of_the_same_key_is_told() {
    let mut desk = Desk::new(crate::world::store(), rules());
    vote(&mut desk, 0, 7, "before the disk was lost", START).unwrap();
    (1..4).for_each(|peer| drop(vote(&mut desk, peer, 7, "good", START).unwrap()));
    let desk = Served::start(desk, None).await;
    let node = Node::new("twice", 0, &desk.url);
    node.has(7, "good").round(START).await;
    assert_eq!(node.row(7), (address_of("good"), None, "equivocated".to_owned()));
    assert!(node.reason(7).contains("neither counts"));
    assert_eq!(node.left(), []);
}

#[tokio::test]
async fn the_own_snapshot_is_never_replaced() {
    let mut desk = desk();
    (1..4).for_each(|peer| drop(vote(&mut desk, peer, 7, "theirs", START).unwrap()));
    let desk = Served::start(desk, None).await;
    let node = Node::new("own", 0, &desk.url);
    let (project, cid) = (Value::Text(PROJECT), address_of("mine"));
    let sql = "INSERT INTO snapshot (project, epoch, end_hash, cid, content) VALUES (?1, 7, ?2, ?3, ?4)";
    let end_hash = [0; 32];
    node.file.open().run(sql, &[project, Value::Blob(&end_hash), Value::Text(&cid), Value::Blob(b"mine")]).unwrap();
    node.has(7, "mine").round(START).await;
    assert_eq!(node.row(7), (cid.clone(), Some(address_of("theirs")), "disputed".to_owned()));
    assert!(node.reason(7).contains(&address_of("theirs")));
    let rows = node.file.open().ask("SELECT cid, content FROM snapshot", &[]).unwrap();
    assert_eq!(
        (rows.len(), rows.first().unwrap().text(0).unwrap(), rows.first().unwrap().blob(1).unwrap()),
        (1, &*cid, &b"mine"[..])
    );
    // The vote that was signed is the own one.
    let votes = desk.get(&format!("metrics/submissionStatus?projectID={PROJECT}&begin=170&end=179")).await.1;
    let mine =
        votes["submissions"].as_array().unwrap().iter().find(|vote| vote["snapshotCID"] == cid).cloned().unwrap();
    assert_eq!(mine["signature"], serde_json::to_value(&submission(0, 7, "mine").signature).unwrap());
}

/// A connection to the server's store, and the number of the process that it has there.
fn connect(url: &str) -> (Box<dyn Database>, i64) {
    let mut database = Postgres::open(url).unwrap();
    let pid = database.ask("SELECT pg_backend_pid()", &[]).unwrap().first().unwrap().integer(0).unwrap();
    (Box::new(database), pid)
}

#[tokio::test]
async fn a_store_that_is_away_is_waited_for() {
    let desk = Served::start(desk(), None).await;
    let node = Node::new("away", 0, &desk.url);
    node.has(7, "good");
    let Some(url) = node.file.url.clone() else { return };
    let place = url.clone();
    let (database, pid) = spawn_blocking(move || connect(&place)).await.unwrap();
    let voter = Voter::new(database, &desk.url, signer(0), ORIGIN.chain_id).unwrap();
    let end = move || {
        let sql = "SELECT pg_terminate_backend(?1::int, 10000)";
        assert_eq!(connect(&url).0.ask(sql, &[Value::Integer(pid)]).unwrap().len(), 1);
    };
    spawn_blocking(end).await.unwrap();
    let (sender, mut rounds) = mpsc::unbounded_channel();
    let voting = voter.run(|| START, |round| drop(sender.send(round)));
    let hearing = async { [rounds.recv().await.unwrap(), rounds.recv().await.unwrap()] };
    let [first, second] = tokio::select! {
        ended = voting => panic!("{ended:?}"),
        rounds = hearing => rounds,
    };
    let silence = first.silence.unwrap();
    assert!(first.outcomes.is_empty() && silence.contains("does not answer: "), "{silence}");
    assert!(!silence.contains("hunter2"), "{silence}");
    assert_eq!(second.silence, None);
    assert_eq!(second.outcomes.iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(), [Outcome::Submitted]);
}

#[tokio::test]
async fn a_store_that_is_damaged_ends_the_voting() {
    let desk = Served::start(desk(), None).await;
    let node = Node::new("damaged", 0, &desk.url);
    node.has(7, "good").file.open().run("UPDATE outbox SET body = '{'", &[]).unwrap();
    let ended = node.voter.run(|| START, |round| panic!("{round:?}")).await;
    assert!(ended.unwrap_err().to_string().contains("of the outbox cannot be read"));
}
