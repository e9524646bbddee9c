//! Contracts that only griefers want, in the machine's own language: a token that changes its mood, and one that forwards
//! calls with little gas. Written here so that no compiler is needed.

use alloy_primitives::U256;
use alloy_sol_types::{SolCall, sol};

sol! {
    /// A token without allowances whose transfers go as its mood is.
    interface CrookedToken {
        function balanceOf(address owner) external view returns (uint256);
        function transfer(address to, uint256 amount) external returns (bool);
        function transferFrom(address from, address to, uint256 amount) external returns (bool);
        function mint(address to, uint256 amount) external;
        function setMood(uint256 mood) external;
        /// Target, length and up to six words of the call that it makes while it moves tokens.
        function aim(uint256[8] call) external;
        /// Makes that call at once.
        function poke() external;
        /// How many such calls it made, and how many of them went through.
        function counts() external view returns (uint256 made, uint256 through);
    }
}

/// How a crooked token moves tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mood {
    /// As asked.
    Honest = 0,
    /// It reverts, without a reason.
    Refuses = 1,
    /// It moves nothing and answers false.
    AnswersFalse = 2,
    /// It burns all gas that it is given.
    Burns = 3,
    /// It makes a call first.
    Calls = 4,
    /// One hundredth of what it moves is lost.
    TakesFee = 5,
    /// It moves nothing and answers true.
    Lies = 6,
    /// It moves tokens and answers false, so that whoever keeps books on it pays twice.
    Denies = 7,
}

impl Mood {
    pub(super) const ALL: [Self; 8] = [
        Self::Honest,
        Self::Refuses,
        Self::AnswersFalse,
        Self::Burns,
        Self::Calls,
        Self::TakesFee,
        Self::Lies,
        Self::Denies,
    ];
}

/// Storage slots that no address is; the balance of an address is in the slot of its number.
mod slot {
    pub(super) const MOOD: u8 = 0;
    /// Target, length, and six words.
    pub(super) const AIM: u8 = 1;
    pub(super) const MADE: u8 = 10;
    pub(super) const THROUGH: u8 = 11;
}

/// Words of [`CrookedToken::aimCall`].
const N_AIM: u8 = 8;

mod op {
    pub(super) const STOP: u8 = 0x00;
    pub(super) const ADD: u8 = 0x01;
    pub(super) const SUB: u8 = 0x03;
    pub(super) const DIV: u8 = 0x04;
    pub(super) const LT: u8 = 0x10;
    pub(super) const EQ: u8 = 0x14;
    pub(super) const NOT: u8 = 0x19;
    pub(super) const SHR: u8 = 0x1c;
    pub(super) const CALLER: u8 = 0x33;
    pub(super) const CALLDATALOAD: u8 = 0x35;
    pub(super) const CALLDATASIZE: u8 = 0x36;
    pub(super) const CALLDATACOPY: u8 = 0x37;
    pub(super) const RETURNDATASIZE: u8 = 0x3d;
    pub(super) const RETURNDATACOPY: u8 = 0x3e;
    pub(super) const MSTORE: u8 = 0x52;
    pub(super) const SLOAD: u8 = 0x54;
    pub(super) const SSTORE: u8 = 0x55;
    pub(super) const JUMP: u8 = 0x56;
    pub(super) const JUMPI: u8 = 0x57;
    pub(super) const GAS: u8 = 0x5a;
    pub(super) const JUMPDEST: u8 = 0x5b;
    pub(super) const PUSH0: u8 = 0x5f;
    pub(super) const PUSH1: u8 = 0x60;
    pub(super) const PUSH2: u8 = 0x61;
    pub(super) const PUSH4: u8 = 0x63;
    pub(super) const DUP1: u8 = 0x80;
    pub(super) const DUP2: u8 = 0x81;
    pub(super) const DUP3: u8 = 0x82;
    pub(super) const DUP4: u8 = 0x83;
    pub(super) const SWAP1: u8 = 0x90;
    pub(super) const CALL: u8 = 0xf1;
    pub(super) const RETURN: u8 = 0xf3;
    pub(super) const REVERT: u8 = 0xfd;
    pub(super) const INVALID: u8 = 0xfe;
    pub(super) const CODECOPY: u8 = 0x39;
}

/// Code under construction. Labels are named, and become addresses at the end.
#[derive(Default)]
struct Code {
    bytes: Vec<u8>,
    labels: Vec<(&'static str, usize)>,
    uses: Vec<(&'static str, usize)>,
}

impl Code {
    fn ops(&mut self, ops: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(ops);
        self
    }

    fn push(&mut self, byte: u8) -> &mut Self {
        self.ops(&[op::PUSH1, byte])
    }

    /// An argument of the call.
    fn argument(&mut self, at: u8) -> &mut Self {
        self.push(4 + 32 * at).ops(&[op::CALLDATALOAD])
    }

    fn slot(&mut self, slot: u8) -> &mut Self {
        self.push(slot).ops(&[op::NOT])
    }

    fn label(&mut self, name: &'static str) -> &mut Self {
        self.labels.push((name, self.bytes.len()));
        self.ops(&[op::JUMPDEST])
    }

    fn address_of(&mut self, name: &'static str) -> &mut Self {
        self.ops(&[op::PUSH2]);
        self.uses.push((name, self.bytes.len()));
        self.ops(&[0, 0])
    }

    fn jump(&mut self, name: &'static str) -> &mut Self {
        self.address_of(name).ops(&[op::JUMP])
    }

    fn jump_if(&mut self, name: &'static str) -> &mut Self {
        self.address_of(name).ops(&[op::JUMPI])
    }

    fn return_word(&mut self) -> &mut Self {
        self.ops(&[op::PUSH0, op::MSTORE]).push(32).ops(&[op::PUSH0, op::RETURN])
    }

    /// What deploys the code.
    fn creation(mut self) -> Vec<u8> {
        for (name, at) in std::mem::take(&mut self.uses) {
            let (_, label) = self.labels.iter().find(|(known, _)| *known == name).expect("a label is somewhere");
            let address = u16::try_from(*label).expect("the code is short").to_be_bytes();
            self.bytes[at..at + 2].copy_from_slice(&address);
        }
        /// How long what comes before the code is.
        const N_BEFORE: u8 = 12;
        let [high, low] = u16::try_from(self.bytes.len()).expect("the code is short").to_be_bytes();
        let mut creation = vec![op::PUSH2, high, low, op::DUP1, op::PUSH1, N_BEFORE, op::PUSH0, op::CODECOPY];
        creation.extend([op::PUSH0, op::RETURN, op::STOP, op::STOP]);
        creation.extend(self.bytes);
        creation
    }
}

/// What deploys a crooked token, which is honest at first.
pub(super) fn crooked_token() -> Vec<u8> {
    let functions = [
        (CrookedToken::balanceOfCall::SELECTOR, "balanceOf"),
        (CrookedToken::transferCall::SELECTOR, "transfer"),
        (CrookedToken::transferFromCall::SELECTOR, "transferFrom"),
        (CrookedToken::mintCall::SELECTOR, "mint"),
        (CrookedToken::setMoodCall::SELECTOR, "setMood"),
        (CrookedToken::aimCall::SELECTOR, "aim"),
        (CrookedToken::pokeCall::SELECTOR, "poke"),
        (CrookedToken::countsCall::SELECTOR, "counts"),
    ];
    let mut code = Code::default();
    code.ops(&[op::PUSH0, op::CALLDATALOAD]).push(224).ops(&[op::SHR]);
    for (selector, label) in functions {
        code.ops(&[op::DUP1, op::PUSH4]).ops(&selector).ops(&[op::EQ]).jump_if(label);
    }
    code.label("refuse").ops(&[op::PUSH0, op::PUSH0, op::REVERT]);
    code.label("balanceOf").argument(0).ops(&[op::SLOAD]).return_word();
    code.label("mint").argument(1).argument(0);
    code.ops(&[op::DUP1, op::SLOAD, op::DUP3, op::ADD, op::SWAP1, op::SSTORE, op::STOP]);
    code.label("setMood").argument(0).slot(slot::MOOD).ops(&[op::SSTORE, op::STOP]);
    code.label("aim");
    for i in 0..N_AIM {
        code.argument(i).slot(slot::AIM + i).ops(&[op::SSTORE]);
    }
    code.ops(&[op::STOP]);
    code.label("poke").address_of("poked").jump("call").label("poked").ops(&[op::STOP]);
    code.label("counts").slot(slot::MADE).ops(&[op::SLOAD, op::PUSH0, op::MSTORE]);
    code.slot(slot::THROUGH).ops(&[op::SLOAD]).push(32).ops(&[op::MSTORE]).push(64).ops(&[op::PUSH0, op::RETURN]);
    code.label("transferFrom").argument(0).argument(1).argument(2).jump("move");
    code.label("transfer").ops(&[op::CALLER]).argument(0).argument(1).jump("move");
    moves(&mut code);
    calls(&mut code);
    code.creation()
}

/// With payer, recipient and amount on the stack.
fn moves(code: &mut Code) {
    let moods = [
        (Mood::Refuses, "refuse"),
        (Mood::AnswersFalse, "false"),
        (Mood::Burns, "burn"),
        (Mood::Calls, "callFirst"),
        (Mood::Lies, "true"),
    ];
    code.label("move");
    for (mood, label) in moods {
        code.slot(slot::MOOD).ops(&[op::SLOAD]).push(mood as u8).ops(&[op::EQ]).jump_if(label);
    }
    code.label("pay").ops(&[op::DUP3, op::SLOAD, op::DUP2, op::DUP2, op::LT]).jump_if("refuse");
    code.ops(&[op::DUP2, op::SWAP1, op::SUB, op::DUP4, op::SSTORE]);
    code.slot(slot::MOOD).ops(&[op::SLOAD]).push(Mood::TakesFee as u8).ops(&[op::EQ]).jump_if("fee");
    code.label("receive").ops(&[op::DUP2, op::SLOAD, op::ADD, op::SWAP1, op::SSTORE]);
    code.slot(slot::MOOD).ops(&[op::SLOAD]).push(Mood::Denies as u8).ops(&[op::EQ]).jump_if("false");
    code.label("true").push(1).return_word();
    code.label("false").ops(&[op::PUSH0]).return_word();
    code.label("burn").ops(&[op::INVALID]);
    code.label("fee").ops(&[op::DUP1]).push(100).ops(&[op::SWAP1, op::DIV, op::SWAP1, op::SUB]).jump("receive");
    code.label("callFirst").address_of("pay").jump("call");
}

/// Makes the call, and goes on at the address on the stack.
fn calls(code: &mut Code) {
    code.label("call");
    for i in 0..N_AIM - 2 {
        code.slot(slot::AIM + 2 + i).ops(&[op::SLOAD]).push(32 * i).ops(&[op::MSTORE]);
    }
    code.ops(&[op::PUSH0, op::PUSH0]).slot(slot::AIM + 1).ops(&[op::SLOAD, op::PUSH0, op::PUSH0]);
    code.slot(slot::AIM).ops(&[op::SLOAD, op::GAS, op::CALL]);
    code.slot(slot::THROUGH).ops(&[op::SLOAD, op::ADD]).slot(slot::THROUGH).ops(&[op::SSTORE]);
    code.push(1).slot(slot::MADE).ops(&[op::SLOAD, op::ADD]).slot(slot::MADE).ops(&[op::SSTORE, op::JUMP]);
}

/// The words of [`CrookedToken::aimCall`] for a call; one of more than six words is cut off.
pub(super) fn aimed(target: U256, call: &[u8]) -> [U256; 8] {
    let mut words = [U256::ZERO; 8];
    (words[0], words[1]) = (target, U256::from(call.len()));
    for (word, bytes) in words[2..].iter_mut().zip(call.chunks(32)) {
        let mut padded = [0; 32];
        padded[..bytes.len()].copy_from_slice(bytes);
        *word = U256::from_be_bytes(padded);
    }
    words
}

/// What deploys a contract that forwards calls with so much gas as the first word of its input says, to the address in the
/// second; it reverts as they do.
pub(super) fn starver() -> Vec<u8> {
    let mut code = Code::default();
    code.push(64).ops(&[op::CALLDATASIZE, op::SUB, op::DUP1]).push(64).ops(&[op::PUSH0, op::CALLDATACOPY]);
    code.ops(&[op::PUSH0, op::PUSH0, op::DUP3, op::PUSH0, op::PUSH0]).push(32);
    code.ops(&[op::CALLDATALOAD, op::PUSH0, op::CALLDATALOAD, op::CALL]).jump_if("done");
    code.ops(&[op::RETURNDATASIZE, op::PUSH0, op::PUSH0, op::RETURNDATACOPY]);
    code.ops(&[op::RETURNDATASIZE, op::PUSH0, op::REVERT]);
    code.label("done").ops(&[op::STOP]);
    code.creation()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;
    use crate::evm::Chain;

    const ALICE: Address = Address::repeat_byte(1);
    const BOB: Address = Address::repeat_byte(2);

    struct Token(Chain, Address);

    impl Token {
        fn new() -> Self {
            let mut chain = Chain::default();
            let address = chain.deploy_code(ALICE, crooked_token().into()).expect("it deploys");
            chain
                .call(ALICE, address, &CrookedToken::mintCall { to: ALICE, amount: U256::from(1000) })
                .expect("it mints");
            Self(chain, address)
        }

        fn balances(&mut self) -> (u64, u64) {
            let mut of = |owner| {
                let call = CrookedToken::balanceOfCall { owner };
                self.0.ask(ALICE, self.1, &call).expect("it answers").to::<u64>()
            };
            (of(ALICE), of(BOB))
        }
    }

    /// What a transfer of 500 from 1000 answers, and what both have then.
    #[track_caller]
    fn check(mood: Mood, answer: Option<bool>, balances: (u64, u64)) {
        let mut token = Token::new();
        let mood = U256::from(mood as u8);
        token.0.call(BOB, token.1, &CrookedToken::setMoodCall { mood }).expect("it takes a mood");
        let call = CrookedToken::transferCall { to: BOB, amount: U256::from(500) };
        let sent = token.0.call(ALICE, token.1, &call).ok();
        assert_eq!(sent.map(|receipt| receipt.output[31] == 1), answer);
        assert_eq!(token.balances(), balances);
    }

    #[test]
    fn tokens_move_as_their_mood_is() {
        check(Mood::Honest, Some(true), (500, 500));
        check(Mood::Refuses, None, (1000, 0));
        check(Mood::AnswersFalse, Some(false), (1000, 0));
        check(Mood::Burns, None, (1000, 0));
        check(Mood::Calls, Some(true), (500, 500));
        check(Mood::TakesFee, Some(true), (500, 495));
        check(Mood::Lies, Some(true), (1000, 0));
        check(Mood::Denies, Some(false), (500, 500));
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let mut token = Token::new();
        let call = |amount: u64| CrookedToken::transferFromCall { from: ALICE, to: BOB, amount: U256::from(amount) };
        assert!(token.0.call(BOB, token.1, &call(1001)).is_err());
        token.0.call(BOB, token.1, &call(1000)).expect("all of it moves");
        assert_eq!(token.balances(), (0, 1000));
    }

    #[test]
    fn calls_are_made_and_counted() {
        let mut token = Token::new();
        let address = token.1;
        let target = U256::from_be_bytes(address.into_word().0);
        let mint = CrookedToken::mintCall { to: BOB, amount: U256::from(7) }.abi_encode();
        token.0.call(BOB, address, &CrookedToken::aimCall { call: aimed(target, &mint) }).expect("it aims");
        token.0.call(BOB, address, &CrookedToken::pokeCall {}).expect("it calls");
        assert_eq!(token.balances(), (1000, 7));
        token.0.call(BOB, address, &CrookedToken::aimCall { call: aimed(target, &[1, 2, 3, 4]) }).expect("it aims");
        token.0.call(BOB, address, &CrookedToken::pokeCall {}).expect("a refusal is an answer");
        let counts = token.0.ask(BOB, address, &CrookedToken::countsCall {}).expect("it counts");
        assert_eq!((counts.made, counts.through), (U256::from(2), U256::ONE));
    }

    #[test]
    fn a_starver_passes_on_little_gas_and_what_comes_of_it() {
        let mut token = Token::new();
        let starver = token.0.deploy_code(BOB, starver().into()).expect("it deploys");
        let mint = CrookedToken::mintCall { to: BOB, amount: U256::from(7) }.abi_encode();
        let mut forward = |gas: u64| {
            let words = [U256::from(gas).to_be_bytes(), token.1.into_word().0].concat();
            token.0.transact(BOB, starver, U256::ZERO, [words, mint.clone()].concat()).is_ok()
        };
        assert!(!forward(10_000) && forward(100_000));
        assert_eq!(token.balances(), (1000, 7));
    }
}
