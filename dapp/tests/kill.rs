//! The program killed at any moment: no input is lost, and none is done twice.
//!
//! A run gives the program 50 inputs, kills it at a moment that the run's number decides, and goes on as a rollup does:
//! it repeats the input whose end it has not seen, whether the program had committed it or not.

#![allow(missing_docs, clippy::unwrap_used)]

mod server;

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use alloy_primitives::hex;
use serde_json::Value;
use server::{Answer, Connections, Directory, End, Flavour, Posted, Program, Server, advance, call, calldata, inspect};

const NOW: u64 = 1_700_000_000;
const N_INPUTS: u64 = 50;
/// Unless `DAPP_KILLS` says another number.
const DEFAULT_KILLS: u64 = 40;
const SEED: u64 = 0x5354_524d;

const TOKEN: &str = "b7f8bc63bbcad18155201308c8f3540b07f84f5e";
const USERS: [&str; 3] = [
    "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    "70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
];
const ERC20_PORTAL: &str = "aca6586a0cf05bd831f2501e7b4aea550da6562d";
const ETHER_PORTAL: &str = "a632c5c05812c6a6149b7af5c56117d1d2603828";

/// `SplitMix64`: the same numbers for the same seed, on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn user(&mut self) -> &'static str {
        USERS[usize::try_from(self.below(3)).unwrap()]
    }
}

/// Deposits, streams, changes and withdrawals, good and bad.
fn inputs(random: &mut Random) -> Vec<Value> {
    let mut time = NOW;
    let mut inputs = Vec::new();
    for index in 0..N_INPUTS {
        time += random.below(30);
        let (user, other) = (random.user(), random.user());
        let amount = format!("{:x}", random.below(600));
        // Streams are counted from 1 on, and there are not as many as inputs.
        let stream = format!("{:x}", 1 + random.below(12));
        let (sender, payload) = match random.below(if index < 5 { 2 } else { 12 }) {
            0 => (ERC20_PORTAL, format!("{TOKEN}{user}{amount:0>64}")),
            1 => {
                let exec = calldata("f5626dbc", &[TOKEN, other, &amount, "0", "64"]);
                (ERC20_PORTAL, format!("{TOKEN}{user}{amount:0>64}{exec}"))
            }
            2 => (ETHER_PORTAL, format!("{user}{amount:0>64}")),
            3..=5 => (user, calldata("f5626dbc", &[TOKEN, other, &amount, "0", "c8"])),
            6 => (user, calldata("5495ef3c", &[&stream, &amount, "a"])),
            7 => (user, calldata("d9e8f780", &[&stream])),
            8 => (user, calldata("f3fef3a3", &[TOKEN, &amount])),
            9 => (user, calldata("5058c460", &[TOKEN, &amount])),
            10 => (user, calldata("f3fef3a3", &["0", &amount])),
            _ => (user, "7b7d".to_owned()),
        };
        inputs.push(advance(index, time, sender, &hex::decode(payload).unwrap()));
    }
    inputs
}

/// The state, as far as it can be asked.
fn questions() -> Vec<Value> {
    let mut questions = vec!["stats".to_owned()];
    for token in [format!("0x{TOKEN}"), "ether".to_owned()] {
        questions.push(format!("solvency/{token}"));
        for user in USERS {
            let routes = ["balance", "available", "streams", "schedule"];
            questions.extend(routes.map(|route| format!("{route}/{token}/0x{user}")));
        }
    }
    questions.iter().map(|question| inspect(question)).collect()
}

/// Everything that a run shows: what each input put out, what each question is answered, and the check of the database.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    answers: Vec<Answer>,
    check: End,
}

/// When the program is killed: after so many of its requests have come, and so much later.
#[derive(Clone, Copy, Debug)]
struct Moment {
    n_requests: u64,
    later: Duration,
}

/// A server with all inputs and questions, and the program beside it.
struct Run {
    server: Server,
    directory: Directory,
    program: Program,
}

impl Run {
    fn start((flavour, connections): (Flavour, Connections), inputs: &[Value]) -> Self {
        let (server, directory) = (Server::start(flavour, connections), Directory::make());
        server.feed(inputs.iter().chain(&questions()).cloned());
        let program = Program::start(&directory.database(), &server.url());
        Self { server, directory, program }
    }

    /// Kills the program and starts it again. Tells whether it had committed an input whose end the server had not seen.
    #[track_caller]
    fn kill_at(self, Moment { n_requests, later }: Moment) -> (Self, bool) {
        let Self { server, directory, program } = self;
        server.wait_for_requests(n_requests);
        let begin = Instant::now();
        while begin.elapsed() < later {
            spin_loop();
        }
        program.kill();
        server.forget();
        let is_ahead = committed(&directory) > server.answers().len() as u64;
        let program = Program::start(&directory.database(), &server.url());
        (Self { server, directory, program }, is_ahead)
    }

    #[track_caller]
    fn end(self) -> (Shown, u64) {
        self.server.wait_for_answers(usize::try_from(N_INPUTS).unwrap() + questions().len());
        let n_requests = self.server.n_requests();
        self.program.kill();
        let check = call(&self.directory.database(), &["check"]);
        (Shown { answers: self.server.answers(), check }, n_requests)
    }
}

/// How many inputs are in the database, up to the last one that was accepted. Asks a copy, so that the program itself
/// finds what the kill has left.
fn committed(directory: &Directory) -> u64 {
    let copy = directory.copy();
    let End { code, stdout, .. } = call(&copy.database(), &["inspect", "stats"]);
    // A kill before there is a database.
    if code == Some(1) {
        return 0;
    }
    serde_json::from_str::<Value>(&stdout).unwrap()["inputs"].as_u64().unwrap()
}

#[test]
fn a_kill_at_any_moment_changes_nothing() {
    let n_kills = std::env::var("DAPP_KILLS").map_or(DEFAULT_KILLS, |kills| kills.parse().unwrap());
    let kinds = [
        (Flavour::Guest, Connections::Kept),
        (Flavour::Nonodo, Connections::Kept),
        (Flavour::Guest, Connections::Closed),
        (Flavour::Nonodo, Connections::Closed),
    ];
    let mut random = Random(SEED);
    let mut n_ahead = 0;
    for number in 0..n_kills {
        let kind = kinds[usize::try_from(number % 4).unwrap()];
        let inputs = inputs(&mut random);
        let (undisturbed, n_requests) = Run::start(kind, &inputs).end();
        check_variety(&undisturbed);
        let later = Duration::from_micros(random.below(3_000));
        // The questions at the end have one report and one /finish each, and change nothing.
        let n_requests_of_inputs = n_requests - 2 * questions().len() as u64;
        let moment = Moment { n_requests: random.below(n_requests_of_inputs), later };
        let (run, is_ahead) = Run::start(kind, &inputs).kill_at(moment);
        assert_eq!(run.end().0, undisturbed, "seed {SEED:#x}, run {number}, {kind:?}, killed at {moment:?}");
        n_ahead += u64::from(is_ahead);
    }
    eprintln!("seed {SEED:#x}: {n_kills} kills, {n_ahead} of them between a commit and the end of its input");
    // About one of three, so that this says nothing of few runs.
    assert!(n_ahead > 0 || n_kills < DEFAULT_KILLS, "no kill came between a commit and the end of its input");
}

/// The run would prove little if it were all of one kind.
#[track_caller]
fn check_variety(shown: &Shown) {
    assert_eq!((shown.check.code, shown.check.stderr.as_str()), (Some(0), ""), "{shown:?}");
    let of = |kind: fn(&Answer) -> bool| shown.answers.iter().filter(|answer| kind(answer)).count();
    let n_rejected = of(|answer| !answer.is_accepted);
    let n_notices = of(|answer| answer.posted.iter().any(|posted| matches!(posted, Posted::Notice(_))));
    let n_paid = of(|answer| !matches!(answer.posted.first(), Some(Posted::Notice(_) | Posted::Report(_)) | None));
    assert!(n_rejected >= 5 && n_notices >= 10 && n_paid >= 1, "{n_rejected} {n_notices} {n_paid}");
}
