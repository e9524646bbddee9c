//! Who votes, and how many votes decide.

use index::consensus::{DeskConfig, Quorum, Rules};

use crate::world::{ORIGIN, config, signer};

#[track_caller]
fn check_quorum(share: &str, needed: [usize; 7]) {
    let quorum: Quorum = share.parse().unwrap();
    let found = [1, 2, 3, 4, 5, 6, 9].map(|n_listed| quorum.n_needed(n_listed));
    assert_eq!(found, needed, "{share}");
}

#[test]
fn a_quorum_is_more_than_its_share_of_the_listed_peers() {
    check_quorum("1/2", [1, 2, 2, 3, 3, 4, 5]);
    check_quorum("2/3", [1, 2, 3, 3, 4, 5, 7]);
    check_quorum("3/4", [1, 2, 3, 4, 4, 5, 7]);
    check_quorum(" 99 / 100 ", [1, 2, 3, 4, 5, 6, 9]);
    assert_eq!(Quorum::default(), "1/2".parse().unwrap());
    assert_eq!(Quorum::default().to_string(), "more than 1/2");
    // Two quorums of the same list always share a peer, and never need more peers than there are.
    for share in ["1/2", "2/3", "65534/65535"] {
        let quorum: Quorum = share.parse().unwrap();
        for n_listed in 1..200 {
            assert!(2 * quorum.n_needed(n_listed) > n_listed && quorum.n_needed(n_listed) <= n_listed);
        }
    }
}

#[test]
fn a_share_that_lets_a_minority_decide_is_refused() {
    for share in ["1/3", "0/1", "1/1", "2/1", "49/100", "0/0", "1/2/3", "-1/2", "0.5", "", "half", "70000/80000"] {
        let error = share.parse::<Quorum>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("desk.more_than is `{share}`; expected a share of at least 1/2")),
            "{error}"
        );
    }
}

#[test]
fn lists_are_checked() {
    let check = |change: &dyn Fn(&mut DeskConfig), expected: &str| {
        let mut config = config();
        change(&mut config);
        let error = Rules::new(&config, ORIGIN).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&|config| config.peers.push(signer(2).address()), "desk.peers names a peer twice");
    check(&|config| (config.peers.clear(), config.projects.clear()).0, "desk.peers is empty");
    check(&|config| config.projects.get_mut("beta").unwrap().clear(), "desk.projects.\"beta\" needs");
    check(
        &|config| drop(config.projects.insert("a\nb".into(), vec![signer(0).address()])),
        "desk.projects.\"a\\nb\" needs",
    );
    check(&|config| config.more_than = Some("1/4".into()), "desk.more_than is `1/4`");
    assert!(toml::from_str::<DeskConfig>("listen = \"127.0.0.1:0\"\nmin_snapshotter_count = 1").is_err());
    let rules = Rules::new(&config(), ORIGIN).unwrap();
    assert_eq!((rules.peers("alpha").len(), rules.n_needed("alpha")), (5, 3));
    assert_eq!((rules.peers("beta").len(), rules.n_needed("beta")), (2, 2));
}
