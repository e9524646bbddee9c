//! The protocol as it goes over the wire.

use index::{
    consensus::{Desk, DeskConfig, Registration, Rules, Submission},
    dag::Range,
};
use serde_json::{Value, json};

use crate::world::{
    ORIGIN, PROJECT, START, Served, WINDOW, address_of, config, desk, json, range, rules, signer, store, submission,
};

#[tokio::test]
async fn a_round_has_poolers_names() {
    let desk = Served::start(desk(), None).await;
    let registration = Registration::sign(&signer(0), ORIGIN.chain_id, PROJECT.into()).unwrap();
    let found = desk.post("registerProjectPeer", serde_json::to_string(&registration).unwrap()).await;
    assert_eq!(found, (200, json!({"peers": 5, "needed": 3})));
    assert_eq!(desk.get("currentEpoch").await.0, 404);
    assert_eq!(desk.get("epochDetails?epoch=179").await.0, 404);

    let good = address_of("good");
    let accepted = json!({"status": "ACCEPTED", "delayedSubmission": false, "finalizedSnapshotCID": null});
    let finalized = json!({"status": "FINALIZED", "delayedSubmission": false, "finalizedSnapshotCID": good});
    let missing = json!({"status": "NOTSUBMITTED", "delayedSubmission": false, "finalizedSnapshotCID": null});
    assert_eq!(desk.post("submitSnapshot", json(&submission(0, 7, "good"))).await, (200, accepted.clone()));
    assert_eq!(
        desk.post("checkForSnapshotConfirmation", json(&submission(0, 7, "good"))).await,
        (200, accepted.clone())
    );
    assert_eq!(desk.post("checkForSnapshotConfirmation", json(&submission(1, 7, "good"))).await, (400, missing));
    let question = json!({"epoch": {"begin": 170, "end": 179}, "projectID": PROJECT, "instanceID": "anybody"});
    let (status, found) = desk.post("epochStatus", question.to_string()).await;
    assert_eq!((status, &found["status"], &found["finalizedSnapshotCID"]), (200, &json!("NO_CONSENSUS"), &Value::Null));

    desk.set(START + WINDOW + 1);
    let late = json!({"status": "INDETERMINATE", "delayedSubmission": true, "finalizedSnapshotCID": null});
    assert_eq!(desk.post("submitSnapshot", json(&submission(1, 7, "good"))).await, (200, late));
    assert_eq!(desk.post("submitSnapshot", json(&submission(2, 7, "good"))).await.1["status"], "FINALIZED");
    assert_eq!(desk.post("checkForSnapshotConfirmation", json(&submission(0, 7, "good"))).await, (200, finalized));
    let (_, found) = desk.post("epochStatus", question.to_string()).await;
    assert_eq!((&found["status"], &found["finalizedSnapshotCID"]), (&json!("CONSENSUS_ACHIEVED"), &json!(good)));

    let current = json!({"chainId": 31_337, "epochStartBlockHeight": 170, "epochEndBlockHeight": 179});
    assert_eq!(desk.get("currentEpoch").await, (200, current));
    let details = json!({
        "epochEndHeight": 179, "releaseTime": START, "status": "FINALIZED", "totalProjects": 1, "projectsFinalized": 1
    });
    assert_eq!(desk.get("epochDetails?epoch=179").await, (200, details));
}

#[tokio::test]
async fn anybody_can_count_the_votes_again() {
    let desk = Served::start(desk(), None).await;
    for (peer, content) in [(0, "good"), (3, "good"), (3, "bad"), (4, "bad")] {
        desk.post("submitSnapshot", json(&submission(peer, 7, content))).await;
    }
    let path = format!("metrics/submissionStatus?projectID={PROJECT}&begin=170&end=179");
    let (status, found) = desk.get(&path).await;
    assert_eq!((status, &found["peers"], &found["needed"]), (200, &json!(5), &json!(3)));
    let votes = found["submissions"].as_array().unwrap();
    let mut shown = Vec::new();
    for vote in votes {
        // The signatures prove what is shown: they are good for a submission made of it.
        let signed = Submission {
            epoch: range(7),
            project: PROJECT.into(),
            peer: serde_json::from_value(vote["instanceID"].clone()).unwrap(),
            cid: vote["snapshotCID"].as_str().unwrap().into(),
            signature: serde_json::from_value(vote["signature"].clone()).unwrap(),
        };
        signed.open(&rules()).unwrap();
        assert_eq!((&vote["submittedTS"], &vote["submissionStatus"]), (&json!(START), &json!("WITHIN_SCHEDULE")));
        shown.push((signed.peer, signed.cid, vote["counts"].as_bool().unwrap()));
    }
    let mut expected = [(0, "good", true), (3, "good", false), (3, "bad", false), (4, "bad", true)]
        .map(|(peer, content, counts)| (signer(peer).address(), address_of(content), counts));
    shown.sort();
    expected.sort();
    assert_eq!(shown, expected);
}

#[track_caller]
fn check((status, found): (u16, Value), expected: (u16, &str, &str)) {
    let message = found["error"]["message"].as_str().unwrap_or_default();
    assert_eq!((status, found["error"]["code"].as_str()), (expected.0, Some(expected.1)), "{found}");
    assert!(message.contains(expected.2), "{message}");
}

#[tokio::test]
async fn only_what_a_listed_peer_signed_is_taken() {
    let desk = Served::start(desk(), None).await;
    let post = async |submission: &Submission| desk.post("submitSnapshot", json(submission)).await;
    let known = submission(0, 7, "good");
    // A signature is good for one chain, project, epoch, snapshot and peer.
    for change in [
        Submission { epoch: range(8), ..known.clone() },
        Submission { project: "beta".into(), ..known.clone() },
        Submission { cid: address_of("bad"), ..known.clone() },
        Submission { signature: submission(1, 7, "good").signature, ..known.clone() },
    ] {
        check(post(&change).await, (401, "signature", "the signature is not"));
    }
    let about = || (PROJECT.to_owned(), range(7));
    let elsewhere = Submission::sign(&signer(0), 1, about(), address_of("good")).unwrap();
    check(post(&elsewhere).await, (401, "signature", "the signature is not"));
    let stolen = Submission { peer: signer(1).address(), ..known.clone() };
    check(post(&stolen).await, (401, "signature", "the signature is not"));
    for signature in [vec![], vec![0; 65], vec![0xff; 65], vec![1; 64], vec![1; 66]] {
        let (status, found) = post(&Submission { signature: signature.into(), ..known.clone() }).await;
        check((status, found), (401, "signature", "the signature"));
    }
    let registration = Registration::sign(&signer(0), ORIGIN.chain_id, PROJECT.into()).unwrap();
    let other = Registration { project: "beta".into(), ..registration.clone() };
    let register = async |registration: &Registration| {
        desk.post("registerProjectPeer", serde_json::to_string(registration).unwrap()).await
    };
    check(register(&other).await, (401, "signature", "the signature is not"));
    // What is signed as a registration is no vote.
    check(post(&Submission { signature: registration.signature, ..known }).await, (401, "signature", "is not"));

    check(post(&submission(5, 7, "good")).await, (403, "not_listed", "is not listed as a peer of uniswap/0x01"));
    let sixth = Registration::sign(&signer(5), ORIGIN.chain_id, PROJECT.into()).unwrap();
    check(register(&sixth).await, (403, "not_listed", "is not listed"));
    // A list of its own has only its own peers.
    let beta = Submission::sign(&signer(1), ORIGIN.chain_id, ("beta".into(), range(7)), address_of("good")).unwrap();
    check(post(&beta).await, (403, "not_listed", "is not listed as a peer of beta"));
    let beta = Submission::sign(&signer(9), ORIGIN.chain_id, ("beta".into(), range(7)), address_of("good")).unwrap();
    assert_eq!(post(&beta).await.0, 200);

    let path = format!("metrics/submissionStatus?projectID={PROJECT}&begin=170&end=179");
    assert_eq!(desk.get(&path).await.1["submissions"], json!([]));
    assert_eq!(post(&submission(0, 7, "good")).await.0, 200);
    check(post(&submission(0, 7, "bad")).await, (409, "equivocation", "neither counts"));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let desk = Served::start(desk(), None).await;
    let signed = |epoch: Range, project: &str, cid: &str| {
        json(&Submission::sign(&signer(0), ORIGIN.chain_id, (project.into(), epoch), cid.into()).unwrap())
    };
    let good = address_of("good");
    let post = async |body: String| desk.post("submitSnapshot", body).await;
    for (begin, end) in
        [(170, 180), (171, 180), (171, 179), (160, 179), (90, 99), (0, 9), (u64::MAX - 9, u64::MAX), (179, 170)]
    {
        let body = signed(Range { begin, end }, PROJECT, &good);
        check(post(body).await, (422, "unfit", "are no epoch; epochs have 10 blocks from block 100 on"));
    }
    for cid in [
        "",
        "x",
        "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
        &good.to_uppercase(),
        &format!("{good}\n"),
    ] {
        check(post(signed(range(7), PROJECT, cid)).await, (422, "unfit", "is no CID of version 1 of dag-cbor"));
    }
    let long = "x".repeat(201);
    for project in ["", "a b", "a\nblocks: 1 to 2", "grüße", &long] {
        check(post(signed(range(7), project, &good)).await, (422, "unfit", "is not 1 to 200 visible ASCII"));
    }
    let mut whole: Value = serde_json::from_str(&signed(range(7), PROJECT, &good)).unwrap();
    for broken in ["", "{}", "[]", "null", "{\"epoch\":", "\u{0}", &"[".repeat(10_000)] {
        check(post(broken.to_owned()).await, (422, "unfit", "the request cannot be read"));
    }
    for (key, value) in [
        ("epoch", json!({"begin": -1, "end": 9})),
        ("epoch", json!({"begin": 1.5, "end": 9})),
        ("instanceID", json!("0x01")),
        ("signature", json!("zz")),
        ("more", json!(1)),
    ] {
        let mut changed = whole.clone();
        changed[key] = value;
        check(post(changed.to_string()).await, (422, "unfit", "the request cannot be read"));
    }
    whole["projectID"] = json!("x".repeat(20_000));
    check(post(whole.to_string()).await, (413, "too_long", "more than 16384 bytes"));
    check(desk.get("submitSnapshot").await, (405, "no_method", "another method"));
    check(desk.post("currentEpoch", "").await, (405, "no_method", "another method"));
    check(desk.post("reportIssue", "{}").await, (404, "no_route", "no such path"));
    check(desk.get("epochDetails").await, (422, "unfit", "the request cannot be read"));
    check(desk.get("epochDetails?epoch=-1").await, (422, "unfit", "the request cannot be read"));
    check(desk.get("epochDetails?epoch=18446744073709551615").await, (404, "nothing", "nobody has voted"));
    check(desk.get("metrics/submissionStatus?projectID=x&begin=1&end=2").await, (422, "unfit", "are no epoch"));
    check(desk.get("metrics/submissionStatus?projectID=%00&begin=170&end=179").await, (422, "unfit", "visible ASCII"));
    let question = json!({"epoch": {"begin": 1, "end": 2}, "projectID": "x"});
    check(desk.post("epochStatus", question.to_string()).await, (422, "unfit", "are no epoch"));
}

#[tokio::test]
async fn a_peer_that_asks_too_much_waits_and_the_others_do_not() {
    let desk = Served::start(desk(), Some("20/hour")).await;
    let request = |peer| json(&submission(peer, 7, "good"));
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(desk.post("submitSnapshot", request(0)).await.0);
    }
    assert_eq!(
        answers.iter().filter(|status| **status == 200).count(),
        answers.iter().take_while(|status| **status == 200).count()
    );
    assert!(answers.contains(&200));
    check(desk.post("submitSnapshot", request(0)).await, (429, "too_many", "asks more than it may"));
    let response = reqwest::Client::new().post(format!("{}/submitSnapshot", desk.url)).body(request(0));
    let pause = response.send().await.unwrap().headers()["retry-after"].to_str().unwrap().to_owned();
    assert!(pause.parse::<u64>().unwrap() > 0);
    assert_eq!(desk.post("submitSnapshot", request(1)).await.0, 200);
    // Who is not the peer does not use up what the peer may ask.
    for _ in 0..30 {
        let forged = Submission { peer: signer(2).address(), ..submission(5, 7, "good") };
        assert_eq!(desk.post("submitSnapshot", json(&forged)).await.0, 401);
    }
    assert_eq!(desk.post("submitSnapshot", request(2)).await.0, 200);
    let error =
        index::consensus::Registry::new(Desk::new(store(), rules()), Some("many"), std::sync::Arc::new(|| START));
    assert!(error.err().unwrap().to_string().contains("many"));
}

#[tokio::test]
async fn two_thirds_can_be_asked_for() {
    let config = DeskConfig { more_than: Some("2/3".into()), ..config() };
    let desk = Served::start(Desk::new(store(), Rules::new(&config, ORIGIN).unwrap()), None).await;
    for (peer, expected) in [(0, "ACCEPTED"), (1, "ACCEPTED"), (2, "ACCEPTED"), (3, "FINALIZED")] {
        assert_eq!(desk.post("submitSnapshot", json(&submission(peer, 7, "good"))).await.1["status"], expected);
    }
}
