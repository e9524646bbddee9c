//! The program as a process, driven over HTTP by servers that are like the two known ones.

#![allow(missing_docs, clippy::unwrap_used)]

mod server;

use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use alloy_primitives::hex;
use serde_json::json;
use server::{
    APP, Answer, Connections, Directory, End, Flavour, Posted, Program, Server, Trick, advance, advance_v1, call,
    calldata, inspect,
};

const NOW: u64 = 1_700_000_000;
const TOKEN: &str = "b7f8bc63bbcad18155201308c8f3540b07f84f5e";
const ALICE: &str = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const BOB: &str = "70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// As sentences write them.
const TOKEN_MIXED: &str = "0xB7f8BC63BbcaD18155201308C8f3540b07f84F5e";
const ALICE_MIXED: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const BOB_MIXED: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const ETHER: &str = "0";

const ERC20_PORTAL: &str = "aca6586a0cf05bd831f2501e7b4aea550da6562d";
const ETHER_PORTAL: &str = "a632c5c05812c6a6149b7af5c56117d1d2603828";
const ERC20_PORTAL_V1: &str = "9c21aeb2093c32ddbc53eef24b873bdcd1ada1db";
const ETHER_PORTAL_V1: &str = "ffdbe43d4c855bf7e0f105c400a50857f53ab044";
const APP_RELAY_V1: &str = "f5de34d6bbc0446e2a45719e718efebaae179dae";
const SAFE_TRANSFER: &str = "b7c2bcaa4437425cfce9d233bff15ef461273d63";

/// A rollup: a server, the program, and its database.
struct World {
    server: Server,
    program: Option<Program>,
    directory: Directory,
    /// The next input's.
    index: u64,
    time: u64,
}

impl World {
    fn start(flavour: Flavour, connections: Connections) -> Self {
        let (server, directory) = (Server::start(flavour, connections), Directory::make());
        let program = Some(Program::start(&directory.database(), &server.url()));
        Self { server, program, directory, index: 0, time: NOW }
    }

    /// As both servers are, with connections that stay and connections that do not.
    fn each(play: impl Fn(Self)) {
        for flavour in [Flavour::Guest, Flavour::Nonodo] {
            for connections in [Connections::Kept, Connections::Closed] {
                play(Self::start(flavour, connections));
            }
        }
    }

    /// The next input.
    #[track_caller]
    fn advance(&mut self, sender: &str, payload: impl AsRef<[u8]>) -> Answer {
        self.index += 1;
        self.server.ask(advance(self.index - 1, self.time, sender, payload.as_ref()))
    }

    #[track_caller]
    fn accepts(&mut self, sender: &str, payload: impl AsRef<[u8]>, posted: &[Posted]) {
        assert_eq!(self.advance(sender, payload), Answer { is_accepted: true, posted: posted.to_vec() });
    }

    /// The input is rejected and changes nothing.
    #[track_caller]
    fn rejects(&mut self, sender: &str, payload: impl AsRef<[u8]>, why: &str) {
        let before = self.everything();
        let answer = self.advance(sender, payload);
        assert_eq!(answer, Answer { is_accepted: false, posted: vec![error(why)] });
        assert_eq!(self.everything(), before, "a rejected input leaves a trace");
    }

    #[track_caller]
    fn accepts_v1(&mut self, sender: &str, payload: &str, posted: &[Posted]) {
        self.index += 1;
        let answer = self.server.ask(advance_v1(self.index - 1, self.time, sender, &bytes(payload)));
        assert_eq!(answer, Answer { is_accepted: true, posted: posted.to_vec() });
    }

    /// The reply to a question, in which names stand for addresses.
    #[track_caller]
    fn replies(&self, question: &str, reply: &str) {
        let answer = self.server.ask(inspect(&named(question)));
        assert_eq!(answer, Answer { is_accepted: true, posted: vec![Posted::Report(named(reply))] }, "{question}");
    }

    #[track_caller]
    fn refuses(&self, question: &str, why: &str) {
        let answer = self.server.ask(inspect(&named(question)));
        assert_eq!(answer, Answer { is_accepted: false, posted: vec![error(why)] }, "{question}");
    }

    /// What can be asked about the state.
    #[track_caller]
    fn everything(&self) -> Vec<Answer> {
        let mut questions = vec!["stats".to_owned()];
        for token in ["TOKEN", "ether"] {
            questions.extend([format!("solvency/{token}"), format!("supply/{token}")]);
            for account in ["ALICE", "BOB"] {
                let routes = ["balance", "available", "streams", "schedule"];
                questions.extend(routes.map(|route| format!("{route}/{token}/{account}")));
            }
        }
        questions.iter().map(|question| self.server.ask(inspect(&named(question)))).collect()
    }

    /// Kills the program, and starts it again.
    #[track_caller]
    fn restart(&mut self) {
        self.program.take().unwrap().kill();
        self.start_again();
    }

    /// The program has ended.
    #[track_caller]
    fn start_again(&mut self) {
        self.server.forget();
        self.program = Some(Program::start(&self.directory.database(), &self.server.url()));
    }

    /// The program ends by itself, and says `why` on standard error.
    #[track_caller]
    fn halts(mut self, why: impl AsRef<str>) {
        let (code, stderr) = self.program.take().unwrap().wait();
        let mut lines = stderr.lines();
        assert_eq!(lines.next(), Some(self.greeting().as_str()));
        assert_eq!((code, lines.collect::<Vec<_>>()), (Some(1), vec![why.as_ref()]));
    }

    fn greeting(&self) -> String {
        format!("streamable-token serves {} from {}", self.server.url(), self.directory.database().display())
    }

    /// Alice has 1000 of the token.
    #[track_caller]
    fn fund(&mut self) {
        self.accepts(ERC20_PORTAL, erc20(""), &[notice("b14f6137", &["1", TOKEN, ALICE, "3e8"])]);
    }

    fn check(&self) -> End {
        call(&self.directory.database(), &["check"])
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    hex::decode(digits).unwrap()
}

/// Alice's 1000 of the token, packed as the portal does, and what she asks for.
fn erc20(exec: &str) -> Vec<u8> {
    bytes(&format!("{TOKEN}{ALICE}{:0>64}{exec}", "3e8"))
}

fn named(text: &str) -> String {
    let address = |digits: &str| format!("0x{digits}");
    let zero = address(&"0".repeat(40));
    text.replace("TOKEN", &address(TOKEN))
        .replace("ALICE", &address(ALICE))
        .replace("BOB", &address(BOB))
        .replace("ZERO", &zero)
}

fn notice(selector: &str, words: &[&str]) -> Posted {
    Posted::Notice(calldata(selector, words))
}

fn voucher(destination: &str, value: &str, payload: &str) -> Posted {
    Posted::Voucher { destination: destination.to_owned(), value: format!("{value:0>64}"), payload: payload.to_owned() }
}

fn error(why: &str) -> Posted {
    Posted::Report(json!({ "error": true, "message": why }).to_string())
}

fn abi(selector: &str, words: &[&str]) -> Vec<u8> {
    bytes(&calldata(selector, words))
}

fn in_json(method: &str, args: &str) -> String {
    format!(r#"{{"method":"{method}","args":{{{}}}}}"#, named(args))
}

#[test]
fn a_deposit_is_streamed_changed_and_withdrawn() {
    World::each(|mut world| {
        world.fund();
        let stream = in_json("stream", r#""token":"TOKEN","receiver":"BOB","amount":"500","duration":100,"start":0"#);
        let started = ["1", "1", TOKEN, ALICE, BOB, "1f4", "6553f100", "6553f164"];
        world.accepts(ALICE, stream, &[notice("4169469f", &started)]);

        // 5 in a second: after 10 seconds, 540 more are left for 90 seconds.
        world.time = NOW + 10;
        let extended = ["1", "1", "5a", "320000000000000000", "24e0000000000000000", "6553f10a", "6553f164"];
        world.accepts(ALICE, abi("5495ef3c", &["1", "5a", "0"]), &[notice("8623c2ff", &extended)]);
        world.time = NOW + 20;
        let transfer = in_json("transfer", r#""token":"TOKEN","recipient":"BOB","amount":7"#);
        world.accepts(ALICE, transfer, &[notice("d10751af", &["1", TOKEN, ALICE, BOB, "7"])]);
        world.replies("balance/TOKEN/ALICE", r#"{"account":"ALICE","at":1700000020,"balance":"883","token":"TOKEN"}"#);

        // 50 and 20 times 6 are Bob's.
        world.time = NOW + 30;
        let cancelled = ["1", "1", "aa0000000000000000", "1a40000000000000000", "6553f11e"];
        let cancel = in_json("cancel_stream", r#""token":"TOKEN","stream_id":1"#);
        world.accepts(ALICE, cancel, &[notice("858ff4b8", &cancelled)]);
        let paid = voucher(TOKEN, "0", &calldata("a9059cbb", &[BOB, "64"]));
        let withdrawn = notice("2ddf3c4a", &["1", TOKEN, BOB, "64"]);
        world.accepts(BOB, in_json("withdraw", r#""token":"TOKEN","amount":"100""#), &[paid, withdrawn]);
        let payload = calldata("d1660f99", &[TOKEN, BOB, "4d"]);
        let paid = Posted::DelegateCallVoucher { destination: SAFE_TRANSFER.to_owned(), payload };
        let withdrawn = notice("2ddf3c4a", &["1", TOKEN, BOB, "4d"]);
        world.accepts(BOB, abi("5058c460", &[TOKEN, "4d"]), &[paid, withdrawn]);

        world.replies("balance/TOKEN/BOB", r#"{"account":"BOB","at":1700000030,"balance":"0","token":"TOKEN"}"#);
        world.replies(
            "solvency/TOKEN",
            r#"{"at":1700000030,"available":"823","deposited":"1000","flow_scaled":"0","locked":"0","supply":"823","token":"TOKEN","withdrawn":"177"}"#,
        );
        world.replies("stats", r#"{"accounts":2,"inputs":7,"streams":1,"time":1700000030,"tokens":1}"#);
    });
}

/// Written digit by digit, so that nothing that the test shares with itself can be wrong in it.
#[test]
fn a_notice_and_a_voucher_are_these_bytes() {
    World::each(|mut world| {
        let deposited = Posted::Notice(
            "b14f6137\
             0000000000000000000000000000000000000000000000000000000000000001\
             000000000000000000000000b7f8bc63bbcad18155201308c8f3540b07f84f5e\
             000000000000000000000000f39fd6e51aad88f6f4ce6ab8827279cfffb92266\
             00000000000000000000000000000000000000000000000000000000000003e8"
                .to_owned(),
        );
        world.accepts(ERC20_PORTAL, erc20(""), &[deposited]);
        let paid = Posted::Voucher {
            destination: "b7f8bc63bbcad18155201308c8f3540b07f84f5e".to_owned(),
            value: "0000000000000000000000000000000000000000000000000000000000000000".to_owned(),
            payload: "a9059cbb\
                      000000000000000000000000f39fd6e51aad88f6f4ce6ab8827279cfffb92266\
                      0000000000000000000000000000000000000000000000000000000000000005"
                .to_owned(),
        };
        let withdrawn = notice("2ddf3c4a", &["1", TOKEN, ALICE, "5"]);
        world.accepts(ALICE, abi("f3fef3a3", &[TOKEN, "5"]), &[paid, withdrawn]);
    });
}

#[test]
fn ether_comes_and_goes_with_the_voucher() {
    World::each(|mut world| {
        // 1.5 ether.
        let amount = "14d1120d7b160000";
        let deposit = bytes(&format!("{ALICE}{amount:0>64}"));
        world.accepts(ETHER_PORTAL, deposit, &[notice("b14f6137", &["1", ETHER, ALICE, amount])]);
        let withdraw = in_json("withdraw", r#""token":"ether","amount":"1500000000000000000""#);
        let withdrawn = notice("2ddf3c4a", &["1", ETHER, ALICE, amount]);
        world.accepts(ALICE, withdraw, &[voucher(ALICE, amount, ""), withdrawn]);
        world.replies("supply/ether", r#"{"supply":"0","token":"ZERO"}"#);
        world.rejects(ALICE, abi("5058c460", &[ETHER, "1"]), &over(ETHER, 1, 0));
    });
}

#[test]
fn the_first_generation_is_understood() {
    World::each(|mut world| {
        let packed = format!("{TOKEN}{ALICE}{:0>64}", "3e8");
        let deposited = notice("b14f6137", &["1", TOKEN, ALICE, "3e8"]);
        world.accepts_v1(ERC20_PORTAL_V1, &format!("01{packed}"), &[deposited]);
        let failed =
            format!("the transfer of 1000 of token {TOKEN_MIXED} from {ALICE_MIXED} failed, so nothing is credited");
        world.accepts_v1(ERC20_PORTAL_V1, &format!("00{packed}"), &[error(&failed)]);
        let stream = hex::encode(in_json("stream", r#""token":"TOKEN","receiver":"BOB","amount":500,"duration":100"#));
        let started = ["1", "1", TOKEN, ALICE, BOB, "1f4", "6553f100", "6553f164"];
        world.accepts_v1(ALICE, &stream, &[notice("4169469f", &started)]);

        let deposit = format!("{ALICE}{:0>64}", "9");
        world.accepts_v1(ETHER_PORTAL_V1, &deposit, &[notice("b14f6137", &["1", ETHER, ALICE, "9"])]);
        let withdraw = calldata("f3fef3a3", &[ETHER, "9"]);
        let before = world.everything();
        world.index += 1;
        let answer = world.server.ask(advance_v1(world.index - 1, NOW, ALICE, &bytes(&withdraw)));
        let unknown = "the application's address is not known yet; send it by DAppAddressRelay first";
        assert_eq!(answer, Answer { is_accepted: false, posted: vec![error(unknown)] });
        assert_eq!(world.everything(), before);
        world.accepts_v1(APP_RELAY_V1, APP, &[]);
        let paid = voucher(APP, "0", &calldata("522f6815", &[ALICE, "9"]));
        world.accepts_v1(ALICE, &withdraw, &[paid, notice("2ddf3c4a", &["1", ETHER, ALICE, "9"])]);
        world.replies(
            "balance/TOKEN/BOB?at=1700000050",
            r#"{"account":"BOB","at":1700000050,"balance":"250","token":"TOKEN"}"#,
        );
    });
}

#[test]
fn a_deposit_can_say_what_follows_it() {
    World::each(|mut world| {
        let deposited = notice("b14f6137", &["1", TOKEN, ALICE, "3e8"]);
        let started = |id| notice("4169469f", &["1", id, TOKEN, ALICE, BOB, "3e8", "6553f100", "6553ff10"]);
        let exec = calldata("f5626dbc", &[TOKEN, BOB, "3e8", "0", "e10"]);
        world.accepts(ERC20_PORTAL, erc20(&exec), &[deposited.clone(), started("1")]);
        let exec = in_json("stream", r#""token":"TOKEN","recipient":"BOB","amount":"1000","duration":3600"#);
        world.accepts(ERC20_PORTAL, erc20(&hex::encode(exec)), &[deposited.clone(), started("2")]);

        // The batch's first call can be done, and is not. What is deposited stays.
        let first = r#"{"method":"transfer","args":{"token":"TOKEN","recipient":"BOB","amount":1}}"#;
        let second = r#"{"method":"withdraw","args":{"token":"TOKEN","amount":1000}}"#;
        for (exec, why) in [
            (calldata("beabacc8", &[TOKEN, BOB, "3e9"]), over(TOKEN, 1001, 1000)),
            (hex::encode(in_json("batch", &format!(r#""calls":[{first},{second}]"#))), over(TOKEN, 1000, 999)),
            ("7b".to_owned(), "EOF while parsing an object at line 1 column 1".to_owned()),
        ] {
            let why = format!("the deposit is credited, but its execution data does nothing: {why}");
            world.accepts(ERC20_PORTAL, erc20(&exec), &[deposited.clone(), error(&why)]);
            world.replies(
                "available/TOKEN/ALICE",
                r#"{"account":"ALICE","at":1700000000,"available":"1000","token":"TOKEN"}"#,
            );
            let spent = notice("d10751af", &["1", TOKEN, ALICE, BOB, "3e8"]);
            world.accepts(ALICE, abi("beabacc8", &[TOKEN, BOB, "3e8"]), &[spent]);
        }
    });
}

#[test]
fn a_batch_is_all_or_nothing() {
    World::each(|mut world| {
        world.fund();
        let one = notice("d10751af", &["1", TOKEN, ALICE, BOB, "1"]);
        let transfer = |amount: u64| {
            format!(r#"{{"method":"transfer","args":{{"token":"TOKEN","recipient":"BOB","amount":{amount}}}}}"#)
        };
        let batch = |calls: &[String]| in_json("batch", &format!(r#""calls":[{}]"#, calls.join(",")));
        // As many as an input can hold: 65,216 bytes.
        let many = batch(&vec![transfer(1); 428]);
        assert!((64_500..=65_216).contains(&many.len()), "{}", many.len());
        world.accepts(ALICE, many, &vec![one.clone(); 428]);
        world.rejects(ALICE, batch(&[transfer(1), transfer(572)]), &over(TOKEN, 572, 571));

        let part = [calldata("beabacc8", &[TOKEN, BOB, "1"]), calldata("d9e8f780", &["7"])];
        let padded = |digits: &str| format!("{digits}{}", "0".repeat(digits.len().next_multiple_of(64) - digits.len()));
        let offsets = ["20", "2", "40", "e0"].map(|word| format!("{word:0>64}")).concat();
        let of = |first: &str, second: &str| {
            let elements = [first, second].map(|part| format!("{:0>64x}{}", part.len() / 2, padded(part)));
            bytes(&format!("1e897afb{offsets}{}", elements.concat()))
        };
        world.accepts(ALICE, of(&part[0], &part[0]), &[one.clone(), one]);
        world.rejects(ALICE, of(&part[0], &part[1]), "stream 7 does not exist");
    });
}

/// What the report says when Alice spends more than she has.
fn over(token: &str, amount: u64, available: u64) -> String {
    let token = if token == TOKEN { TOKEN_MIXED } else { "0x0000000000000000000000000000000000000000" };
    format!("amount {amount} exceeds {available} available to {ALICE_MIXED} in token {token}")
}

/// Alice streams 500 to Bob within 100 seconds from now on, and 100 more at once when those are over.
#[track_caller]
fn with_streams(world: &mut World) {
    world.fund();
    for [amount, start, duration, begin, stop] in
        [["1f4", "0", "64", "6553f100", "6553f164"], ["64", "6553f164", "0", "6553f164", "6553f164"]]
    {
        let id = if start == "0" { "1" } else { "2" };
        let started = notice("4169469f", &["1", id, TOKEN, ALICE, BOB, amount, begin, stop]);
        world.accepts(ALICE, abi("f5626dbc", &[TOKEN, BOB, amount, start, duration]), &[started]);
    }
}

#[test]
fn every_route_replies() {
    World::each(|mut world| {
        world.replies("stats", r#"{"accounts":0,"inputs":0,"streams":0,"time":0,"tokens":0}"#);
        with_streams(&mut world);
        world.replies("stats", r#"{"accounts":2,"inputs":3,"streams":2,"time":1700000000,"tokens":1}"#);
        for (question, reply) in [
            (
                "balance/TOKEN/ALICE?at=1700000010",
                r#"{"account":"ALICE","at":1700000010,"balance":"950","token":"TOKEN"}"#,
            ),
            ("balance/TOKEN/BOB?at=1699999999", r#"{"account":"BOB","at":1699999999,"balance":"0","token":"TOKEN"}"#),
            ("available/TOKEN/ALICE", r#"{"account":"ALICE","at":1700000000,"available":"400","token":"TOKEN"}"#),
            (
                "available/TOKEN/BOB?at=1700000010",
                r#"{"account":"BOB","at":1700000010,"available":"50","token":"TOKEN"}"#,
            ),
            ("supply/TOKEN", r#"{"supply":"1000","token":"TOKEN"}"#),
            ("supply/ether", r#"{"supply":"0","token":"ZERO"}"#),
            (
                "solvency/TOKEN?at=1700000010",
                r#"{"at":1700000010,"available":"450","deposited":"1000","flow_scaled":"92233720368547758080","locked":"550","supply":"1000","token":"TOKEN","withdrawn":"0"}"#,
            ),
            (
                "schedule/TOKEN/BOB",
                r#"{"account":"BOB","changes":[{"balance":"600","incoming_scaled":"0","outgoing_scaled":"0","time":1700000100}],"next_after":null,"token":"TOKEN"}"#,
            ),
        ] {
            world.replies(question, reply);
        }
        let first = r#"{"amount":"500","at":1700000010,"id":1,"rate_scaled":"92233720368547758080","recipient":"BOB","sender":"ALICE","start":1700000000,"state":"running","stop":1700000100,"streamed":"50","token":"TOKEN"}"#;
        let second = r#"{"amount":"100","at":1700000010,"id":2,"rate_scaled":"0","recipient":"BOB","sender":"ALICE","start":1700000100,"state":"scheduled","stop":1700000100,"streamed":"0","token":"TOKEN"}"#;
        world.replies("stream/1?at=1700000010", first);
        let page =
            |streams: &str, next: &str| format!(r#"{{"at":1700000010,"next_after":{next},"streams":[{streams}]}}"#);
        world.replies("streams/TOKEN/ALICE?at=1700000010&limit=1", &page(first, "1"));
        world.replies("streams/TOKEN/ALICE?at=1700000010&limit=1&after=1", &page(second, "2"));
        world
            .replies("streams/TOKEN/BOB?at=1700000010&direction=incoming", &page(&format!("{first},{second}"), "null"));
        world.replies("streams/TOKEN/BOB?at=1700000010", &page("", "null"));
    });
}

#[test]
fn other_questions_are_refused_and_change_nothing() {
    World::each(|mut world| {
        with_streams(&mut world);
        let before = world.everything();
        let routes = "balance/{token}/{account}?at=, available/{token}/{account}?at=, \
                      streams/{token}/{account}?direction=&after=&limit=&at=, schedule/{token}/{account}?after=&limit=, \
                      stream/{id}?at=, supply/{token}, solvency/{token}?at=, stats";
        for question in ["", "balances", "DROP TABLE stream", "stats; DELETE FROM account"] {
            world.refuses(question, &format!("there is no answer to {question:?}; ask one of {routes}"));
        }
        world.refuses("stream/3", "stream 3 does not exist");
        world.refuses(
            "available/TOKEN/ALICE?at=1699999999",
            "at 1699999999 is before 1700000000, the time of the last input; only balances are kept for the past",
        );
        let long = "x".repeat(1 << 20);
        let quoted = format!("{}…", "x".repeat(119));
        world.refuses(&long, &format!("there is no answer to {quoted:?}; ask one of {routes}"));
        let answer = world.server.ask(json!({ "request_type": "inspect_state", "data": { "payload": "0xff" } }));
        let posted = vec![error(&format!("the question is not UTF-8 text; ask one of {routes}"))];
        assert_eq!(answer, Answer { is_accepted: false, posted });
        assert_eq!(world.everything(), before);
    });
}

#[test]
fn bad_inputs_are_rejected_and_leave_no_trace() {
    const SELECTORS: &str = "batch 0x1e897afb, safeWithdraw 0x5058c460, extendStream 0x5495ef3c, transfer 0xbeabacc8, \
                             cancelStream 0xd9e8f780, withdraw 0xf3fef3a3, stream 0xf5626dbc; JSON begins with a brace";
    World::each(|mut world| {
        with_streams(&mut world);
        world.time = NOW + 10;
        world.rejects(ALICE, "", "the input is empty; send a JSON object with method and args, or an ABI-encoded call");
        world.rejects(ALICE, r#"{"method":"#, "EOF while parsing a value at line 1 column 10");
        let known = "expected one of `transfer`, `stream`, `extend_stream`, `cancel_stream`, `withdraw`, `batch`";
        let unknown =
            |method: &str, column: usize| format!("unknown variant `{method}`, {known} at line 1 column {column}");
        world.rejects(ALICE, r#"{"method":"mint","args":{}}"#, &unknown("mint", 16));
        world.rejects(ALICE, r#"{"method":"stream_test","args":{}}"#, &unknown("stream_test", 23));
        world.rejects(ALICE, abi("a9059cbb", &[BOB, "1"]), &format!("selector 0xa9059cbb is none of {SELECTORS}"));
        let short =
            "the arguments of withdraw cannot be read: they end early, or an offset or a length leads past their end";
        world.rejects(ALICE, abi("f3fef3a3", &[TOKEN]), short);
        // What is displayed is 950, and 600 of the 1000 are promised.
        world.rejects(ALICE, in_json("withdraw", r#""token":"TOKEN","amount":401"#), &over(TOKEN, 401, 400));
        world.rejects(ALICE, abi("beabacc8", &[TOKEN, BOB, "191"]), &over(TOKEN, 401, 400));
        let others = format!("stream 1 belongs to {ALICE_MIXED}; {BOB_MIXED} cannot change it");
        world.rejects(BOB, abi("d9e8f780", &["1"]), &others);
        world.rejects(BOB, abi("5495ef3c", &["1", "0", "1"]), &others);
        let named = "0x0000000000000000000000000000000000000000";
        world.rejects(
            ALICE,
            in_json("cancel_stream", r#""token":"ether","stream_id":1"#),
            &format!("stream 1 pays in token {TOKEN_MIXED}, not {named}"),
        );
        let itself = format!("{ALICE_MIXED} cannot pay itself; name another recipient");
        world.rejects(ALICE, abi("beabacc8", &[TOKEN, ALICE, "1"]), &itself);
        // No portal of this generation.
        world.rejects(ERC20_PORTAL_V1, erc20(""), &format!("selector 0x{} is none of {SELECTORS}", &TOKEN[..8]));
    });
}

#[test]
fn an_oversize_input_is_rejected_in_a_short_sentence() {
    World::each(|mut world| {
        world.fund();
        for length in [64 << 10, 2 << 20] {
            let known = "batch 0x1e897afb, safeWithdraw 0x5058c460, extendStream 0x5495ef3c, transfer 0xbeabacc8, \
                         cancelStream 0xd9e8f780, withdraw 0xf3fef3a3, stream 0xf5626dbc; JSON begins with a brace";
            world.rejects(ALICE, "x".repeat(length), &format!("selector 0x78787878 is none of {known}"));
            let quoted = format!("unknown variant `{}…", "x".repeat(282));
            world.rejects(ALICE, format!(r#"{{"method":"{}"}}"#, "x".repeat(length)), &quoted);
        }
    });
}

/// A request that no server should send.
#[track_caller]
fn check_unreadable(body: &str, why: &str) {
    World::each(|mut world| {
        world.fund();
        world.server.trick(Trick::Say(body.to_owned()));
        // It may wait in /finish, where only a request can reach it.
        world.server.feed([inspect("stats")]);
        world.halts(format!("error: the rollup server's request cannot be read: {why}"));
    });
}

#[test]
fn a_request_that_is_none_halts() {
    check_unreadable("", "EOF while parsing a value at line 1 column 0 in ");
    check_unreadable(r#"{"request_type":"#, r#"EOF while parsing a value at line 1 column 16 in {"request_type":"#);
    check_unreadable(
        r#"{"request_type":"advance","data":{}}"#,
        r#"unknown variant `advance`, expected `advance_state` or `inspect_state` at line 1 column 25 in {"request_type":"advance","data":{}}"#,
    );
    check_unreadable(
        r#"{"request_type":"inspect_state","data":{"payload":"0xzz"}}"#,
        r#"invalid value: string "0xzz", expected a valid hex string at line 1 column 56 in {"request_type":"inspect_state","data":{"payload":"0xzz"}}"#,
    );
    let advance = r#"{"request_type":"advance_state","data":{"metadata":{"msg_sender":"0xb7f8bc63bbcad18155201308c8f3540b07f84f5e","timestamp":1,"input_index":1},"payload":"12345z"}}"#;
    let why = r#"invalid value: string "12345z", expected a valid hex string at line 1 column 159 in "#;
    check_unreadable(advance, &format!("{why}{advance}"));
}

#[test]
fn an_input_that_went_back_halts() {
    World::each(|mut world| {
        world.fund();
        world.fund();
        world.server.feed([advance(0, NOW, ERC20_PORTAL, &erc20(""))]);
        world.halts("error: input 0 came after input 1; restore the database from before input 0");
    });
    World::each(|mut world| {
        world.fund();
        world.server.feed([advance(0, NOW, ERC20_PORTAL, &erc20("00"))]);
        world.halts("error: input 0 came again with other content; restore the database from before it");
    });
}

#[test]
fn a_server_that_says_to_retry_is_asked_again() {
    World::each(|mut world| {
        world.fund();
        for times in [1, 7] {
            world.server.trick(Trick::Retry(times));
            world.fund();
        }
        world.replies("supply/TOKEN", r#"{"supply":"3000","token":"TOKEN"}"#);
    });
}

/// A server that does not do its part once the program has begun with it. The input comes again, and is done once.
#[track_caller]
fn check_trick(trick: &Trick, why: &str) {
    for flavour in [Flavour::Guest, Flavour::Nonodo] {
        let mut world = World::start(flavour, Connections::Kept);
        world.replies("stats", r#"{"accounts":0,"inputs":0,"streams":0,"time":0,"tokens":0}"#);
        world.server.trick(trick.clone());
        world.server.feed([advance(0, NOW, ERC20_PORTAL, &erc20(""))]);
        let (code, stderr) = world.program.take().unwrap().wait();
        let last = stderr.lines().last().unwrap();
        assert!(code == Some(1) && last.starts_with(&why.replace("URL", &world.server.url())), "{stderr}");
        world.start_again();
        world.server.wait_for_answers(2);
        let deposited = notice("b14f6137", &["1", TOKEN, ALICE, "3e8"]);
        assert_eq!(world.server.answers()[1..], [Answer { is_accepted: true, posted: vec![deposited] }]);
        world.replies("supply/TOKEN", r#"{"supply":"1000","token":"TOKEN"}"#);
    }
}

#[test]
fn a_server_that_breaks_off_halts_and_repeats_the_input() {
    check_trick(&Trick::RefuseOutput, "error: the rollup server answers 500 to /notice: no space left on device");
    for trick in [Trick::CutAnswer, Trick::CutRequest] {
        check_trick(&trick, "error: the rollup server at URL broke off: ");
    }
}

#[test]
fn a_server_that_comes_late_is_waited_for() {
    for flavour in [Flavour::Guest, Flavour::Nonodo] {
        let directory = Directory::make();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let program = Program::start(&directory.database(), &format!("http://{address}/"));
        program.wait_for_line();
        // How long the server is absent, not how long the test waits for something.
        sleep(Duration::from_secs(1));
        let server = Server::serve(TcpListener::bind(address).unwrap(), flavour, Connections::Kept);
        let mut world = World { server, program: Some(program), directory, index: 0, time: NOW };
        world.fund();
    }
}

#[test]
fn a_server_that_goes_away_halts_and_the_next_one_continues() {
    for flavour in [Flavour::Guest, Flavour::Nonodo] {
        let mut world = World::start(flavour, Connections::Kept);
        world.fund();
        let before = world.everything();
        world.server.stop();
        let (code, stderr) = world.program.take().unwrap().wait();
        let why = format!("error: the rollup server at {} broke off: ", world.server.url());
        let remedy = "; start again, and the input comes again";
        let last = stderr.lines().last().unwrap();
        assert!(code == Some(1) && last.starts_with(&why) && last.ends_with(remedy), "{stderr}");

        world.server = Server::start(flavour, Connections::Closed);
        world.program = Some(Program::start(&world.directory.database(), &world.server.url()));
        assert_eq!(world.everything(), before);
        world.fund();
        world.replies("stats", r#"{"accounts":1,"inputs":2,"streams":0,"time":1700000000,"tokens":1}"#);
    }
}

#[test]
fn a_second_program_on_the_same_database_is_refused() {
    let mut world = World::start(Flavour::Guest, Connections::Kept);
    world.fund();
    let second = Server::start(Flavour::Guest, Connections::Kept);
    let database = world.directory.database();
    let why = format!("error: opening {}: another process has the database open; stop it first", database.display());
    assert_eq!(Program::start(&database, &second.url()).wait(), (Some(1), why.clone()));
    assert_eq!(world.check(), End { code: Some(1), stdout: String::new(), stderr: format!("{why}\n") });
    assert_eq!(second.n_requests(), 0);
    // The first goes on.
    world.fund();
    world.replies("supply/TOKEN", r#"{"supply":"2000","token":"TOKEN"}"#);
}

/// Inputs of every kind: sender, seconds since the first, payload.
fn script() -> Vec<(&'static str, u64, Vec<u8>)> {
    let exec = calldata("f5626dbc", &[TOKEN, BOB, "c8", "0", "64"]);
    vec![
        (ERC20_PORTAL, 0, erc20("")),
        (ALICE, 0, in_json("withdraw", r#""token":"TOKEN","amount":1001"#).into_bytes()),
        (ERC20_PORTAL, 3, erc20(&exec)),
        (ALICE, 5, abi("f5626dbc", &[TOKEN, BOB, "1f4", "0", "64"])),
        (ALICE, 5, b"{}".to_vec()),
        (ETHER_PORTAL, 6, bytes(&format!("{ALICE}{:0>64}ff", "9"))),
        (BOB, 20, abi("f3fef3a3", &[TOKEN, "5"])),
        (ALICE, 30, abi("d9e8f780", &["1"])),
        (BOB, 40, abi("d9e8f780", &["2"])),
        (BOB, 50, abi("5058c460", &[TOKEN, "64"])),
    ]
}

#[test]
fn a_restart_after_any_input_changes_nothing() {
    let give = |world: &World, index: u64| {
        let (sender, seconds, payload) = &script()[usize::try_from(index).unwrap()];
        world.server.ask(advance(index, NOW + seconds, sender, payload))
    };
    let n_inputs = script().len() as u64;
    World::each(|undisturbed| {
        let (flavour, connections) = undisturbed.server.kind();
        let mut world = World::start(flavour, connections);
        for index in 0..n_inputs {
            let expected = (give(&undisturbed, index), undisturbed.everything());
            for what in ["once", "again after a restart"] {
                assert_eq!((give(&world, index), world.everything()), expected, "input {index} {what}");
                world.restart();
                assert_eq!(world.everything(), expected.1, "input {index} {what}, and a restart");
            }
        }
        drop(world.program.take());
        let whole = "2 tokens, 3 accounts and 2 streams added up\n".to_owned();
        assert_eq!(world.check(), End { code: Some(0), stdout: whole, stderr: String::new() });
    });
}

#[test]
fn a_first_request_that_breaks_off_is_not_lost() {
    for flavour in [Flavour::Guest, Flavour::Nonodo] {
        let (server, directory) = (Server::start(flavour, Connections::Kept), Directory::make());
        server.trick(Trick::CutRequest);
        server.feed([advance(0, NOW, ERC20_PORTAL, &erc20(""))]);
        let program = Program::start(&directory.database(), &server.url());
        server.wait_for_requests(1);
        let mut world = World { server, program: Some(program), directory, index: 1, time: NOW };
        assert_eq!(world.program.take().unwrap().wait().0, Some(1));
        assert_eq!(world.server.answers(), []);
        world.start_again();
        world.server.wait_for_answers(1);
        world.replies("supply/TOKEN", r#"{"supply":"1000","token":"TOKEN"}"#);
    }
}
