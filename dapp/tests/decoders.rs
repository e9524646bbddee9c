//! Hostile inputs through every decoder, and through the whole application. `DAPP_INPUTS` sets how many; the numbers are
//! the same on every machine.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

// The plain model itself is for the differential test.
#[allow(dead_code)]
mod model;
mod source;

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use alloy_primitives::{Address, Bytes, U256, hex};
use dapp::call::Call;
use dapp::deposit::{Deployment, Deposit};
use dapp::metadata::{Advance, Generation, Metadata};
use dapp::output::Output;
use dapp::{App, Durability, Outcome, Store};
use source::written::{abi, json};
use source::{Source, account, portals, tokens};

/// The longest error of a decoder, in characters.
const MAX_ERROR: usize = 400;

/// The longest report: an error of a decoder, and what comes before it.
const MAX_REPORT: usize = 500;

fn inputs() -> u64 {
    env::var("DAPP_INPUTS").map_or(20_000, |number| number.parse().expect("DAPP_INPUTS is a number"))
}

/// Shows the input that made a test panic.
struct Shown<'i>(&'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}", hex::encode_prefixed(self.0));
        }
    }
}

#[test]
fn calls_decode_to_what_they_say_or_are_refused_in_a_sentence() {
    let mut source = Source::anything(1);
    let (mut accepted, mut refused) = ([0_u64; 2], [0_u64; 2]);
    for _ in 0..inputs() / 2 {
        let payload = source.payload();
        let _shown = Shown(&payload);
        let is_json = payload.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        match Call::decode(&payload) {
            Ok(call) => {
                accepted[usize::from(is_json)] += 1;
                if is_json {
                    let again = json(&call, &mut source.rng);
                    assert_eq!(Call::decode(again.as_bytes()), Ok(call), "{again}");
                } else {
                    // There is one encoding of each call, so that two inputs that differ ask for what differs.
                    assert_eq!(abi(&call), payload);
                }
            }
            Err(error) => {
                refused[usize::from(is_json)] += 1;
                let length = error.to_string().chars().count();
                assert!((1..=MAX_ERROR).contains(&length), "{error}");
            }
        }
    }
    assert!(accepted.iter().chain(&refused).all(|count| *count > inputs() / 100), "{accepted:?} {refused:?}");
}

#[test]
fn every_call_survives_both_encodings() {
    let mut source = Source::anything(2);
    for _ in 0..inputs() / 4 {
        let call = source.call();
        assert_eq!(Call::decode(&abi(&call)).as_ref(), Ok(&call));
        let text = json(&call, &mut source.rng);
        assert_eq!(Call::decode(text.as_bytes()), Ok(call), "{text}");
    }
}

/// What the portal must have sent up to the parts that are not kept.
fn packed(deposit: &Deposit) -> Vec<u8> {
    let pack = |token: &Address, depositor: &Address, number: &U256| {
        [token.as_slice(), depositor.as_slice(), &number.to_be_bytes::<32>()].concat()
    };
    match deposit {
        Deposit::Fungible { token, depositor, amount, exec } if token.is_zero() => {
            [&pack(token, depositor, amount)[20..], exec].concat()
        }
        Deposit::Fungible { token, depositor, amount, exec } => [&pack(token, depositor, amount)[..], exec].concat(),
        Deposit::NoToken { token, depositor, amount } | Deposit::Failed { token, depositor, amount } => {
            pack(token, depositor, amount)
        }
        Deposit::Erc721 { token, depositor, id } => pack(token, depositor, id),
        Deposit::Erc1155 { token, depositor, id, amount } => {
            [&pack(token, depositor, id)[..], &amount.to_be_bytes::<32>()].concat()
        }
        Deposit::Erc1155Batch { token, depositor, .. } => [token.as_slice(), depositor.as_slice()].concat(),
        Deposit::AppAddress(address) => address.to_vec(),
        Deposit::Unreadable => Vec::new(),
    }
}

#[test]
fn deposits_are_what_the_portal_sent_or_unreadable() {
    let mut source = Source::anything(3);
    let deployment = Deployment::default();
    let mut unreadable = 0;
    for _ in 0..inputs() / 4 {
        let generation = source.rng.pick(&[Generation::V1, Generation::V2]);
        let portals = portals(generation);
        let (msg_sender, mut payload) = source.portal_payload(generation, &portals);
        if source.is_one_in(2) {
            source.mutilate(&mut payload);
        }
        let _shown = Shown(&payload);
        let metadata = Metadata { generation, app_contract: None, msg_sender, time: 1, input_index: 0 };
        let deposit = deployment.deposit(&metadata, &payload).expect("the sender is a portal");
        assert!((1..=MAX_ERROR).contains(&deposit.to_string().chars().count()), "{deposit}");
        let has_flag = generation == Generation::V1 && msg_sender == portals.erc20;
        match &deposit {
            Deposit::Unreadable if msg_sender == portals.erc1155_batch => unreadable += 1,
            Deposit::Unreadable => {
                unreadable += 1;
                let shortest = match () {
                    () if msg_sender == portals.ether => 52,
                    () if msg_sender == portals.erc1155_single => 104,
                    () => 72 + usize::from(has_flag),
                };
                assert!(payload.len() < shortest);
            }
            _ => {
                let rest = payload[usize::from(has_flag)..].strip_prefix(packed(&deposit).as_slice());
                let is_whole = matches!(deposit, Deposit::Fungible { .. });
                assert!(rest.is_some_and(|rest| !is_whole || rest.is_empty()), "{deposit:?}");
            }
        }
        let stranger = Metadata { msg_sender: account(0), ..metadata };
        assert_eq!(deployment.deposit(&stranger, &payload), None);
    }
    assert!(unreadable > inputs() / 100, "{unreadable}");
}

/// One life of the application.
struct Life {
    app: App,
    source: Source,
    index: u64,
    /// Accepted, rejected; vouchers, notices and reports of those accepted.
    seen: [u64; 5],
    /// By the notices.
    supply: BTreeMap<Address, U256>,
}

impl Life {
    fn input(&mut self) -> Advance {
        let source = &mut self.source;
        source.now = match source.rng.below(40) {
            0 => source.now - source.short(1_000),
            _ => source.now + source.short(100),
        };
        let generation = source.rng.pick(&[Generation::V1, Generation::V2]);
        let (msg_sender, payload) = match source.rng.below(8) {
            0 if source.is_one_in(20) => (Deployment::default().dapp_address_relay, account(0).to_vec()),
            0 | 1 => source.portal_payload(generation, &portals(generation)),
            2 | 3 => (source.someone(), source.payload()),
            _ => (source.someone(), source.encoded()),
        };
        let app_contract = (generation == Generation::V2 && source.is_one_in(2)).then(|| account(0));
        // Very late, every stream has ended, and nothing can be scheduled any more.
        let time = if self.index > inputs() / 11 { u64::MAX } else { source.now };
        let metadata = Metadata { generation, app_contract, msg_sender, time, input_index: self.index };
        Advance { metadata, payload: Bytes::from(payload) }
    }

    fn state(&self) -> Vec<Vec<u8>> {
        let [ether, token] = tokens();
        let questions = ["stats".to_owned(), format!("solvency/{token}"), format!("balance/{ether}/{}", account(1))];
        questions.iter().map(|question| self.app.inspect(question.as_bytes()).unwrap().unwrap()).collect()
    }

    /// Streams that started, and what was deposited and withdrawn.
    fn read(&mut self, notice: &[u8]) {
        let (selector, arguments) = notice.split_first_chunk::<4>().unwrap();
        let word = |place: usize| U256::from_be_slice(&arguments[place * 32..][..32]);
        let token = Address::from_word(word(1).into());
        match *selector {
            [0x41, 0x69, 0x46, 0x9f] => self.source.n_streams += 1,
            [0xb1, 0x4f, 0x61, 0x37] => *self.supply.entry(token).or_default() += word(3),
            [0x2d, 0xdf, 0x3c, 0x4a] => *self.supply.entry(token).or_default() -= word(3),
            _ => {}
        }
    }

    /// What the database holds is what the notices say: a call that is undone in part has left nothing else behind.
    fn is_as_noticed(&self) {
        let answer = |question: String| {
            let answer = self.app.inspect(question.as_bytes()).unwrap().unwrap();
            serde_json::from_slice::<serde_json::Value>(&answer).unwrap()
        };
        assert_eq!(answer("stats".to_owned())["streams"], self.source.n_streams);
        for (token, supply) in &self.supply {
            assert_eq!(answer(format!("supply/{token}"))["supply"], supply.to_string());
        }
    }

    fn note(&mut self, outcome: &Outcome) {
        self.seen[usize::from(!outcome.is_accepted)] += 1;
        for output in &outcome.outputs {
            let kind = match output {
                Output::Voucher { .. } | Output::DelegateCallVoucher { .. } => 2,
                Output::Notice(notice) => {
                    self.read(notice);
                    3
                }
                Output::Report(report) => {
                    assert!(std::str::from_utf8(report).unwrap().chars().count() <= MAX_REPORT, "{outcome:?}");
                    4
                }
            };
            self.seen[kind] += u64::from(outcome.is_accepted);
        }
    }
}

#[test]
fn whole_inputs_never_halt_and_a_rejected_one_changes_nothing() {
    let path = env::temp_dir().join(format!("dapp-decoders-{}.sqlite", std::process::id()));
    let open = || Store::open(Path::new(&path), Durability::Machine).unwrap();
    let source = Source { is_plausible: true, now: 1_700_000_000, ..Source::anything(4) };
    let mut life =
        Life { app: App::new(open(), Deployment::default()), source, index: 0, seen: [0; 5], supply: BTreeMap::new() };
    let mut before = life.state();
    for index in 0..inputs() / 10 {
        life.index = index;
        let input = life.input();
        let _shown = Shown(&input.payload);
        let outcome = life.app.advance(&input).expect("no input stops the program");
        life.note(&outcome);
        let after = life.state();
        if outcome.is_accepted {
            if index % 16 == 0 {
                assert_eq!(life.app.advance(&input).unwrap(), outcome, "the same input again");
                assert_eq!(life.state(), after, "the same input again");
            }
            before = after;
        } else {
            assert!(matches!(outcome.outputs.as_slice(), [Output::Report(_)]), "{outcome:?}");
            assert_eq!(after, before, "a rejected input leaves a trace");
        }
    }
    assert!(life.seen.iter().all(|count| *count > inputs() / 1_000), "{:?}", life.seen);
    life.is_as_noticed();
    drop(life);
    assert_eq!(open().check().unwrap().findings, Vec::<String>::new());
    fs::remove_file(&path).unwrap();
}
