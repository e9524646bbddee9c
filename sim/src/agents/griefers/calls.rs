//! Calls of the stream contract as griefers make them up: which functions there are, what their arguments mean, what is
//! extreme for each, and how a call is encoded.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use bindings::IMoneyStreaming::{self as streaming, StreamState};

use crate::draws::Draws;

/// What an argument means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Stream,
    Party,
    Token,
    Amount,
    Time,
    Payment,
    Interval,
}

/// A function of the contract that changes something.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    selector: [u8; 4],
    pub(super) takes: &'static [Meaning],
}

const fn function<C: SolCall>(name: &'static str, takes: &'static [Meaning]) -> Function {
    Function { name, selector: C::SELECTOR, takes }
}

use Meaning::{Amount, Interval, Party, Payment, Stream, Time, Token};

/// All of them.
pub(super) const FUNCTIONS: [Function; 12] = [
    function::<streaming::createCall>("create", &[Party, Token, Time, Time, Payment, Interval]),
    function::<streaming::createForCall>("createFor", &[Party, Token, Payment, Interval, Amount]),
    function::<streaming::withdrawCall>("withdraw", &[Stream, Amount]),
    function::<streaming::withdrawToCall>("withdrawTo", &[Stream, Party, Amount]),
    function::<streaming::withdrawMaxCall>("withdrawMax", &[Stream, Party]),
    function::<streaming::redeemCall>("redeem", &[Stream]),
    function::<streaming::confirmUpdateCall>("confirmUpdate", &[Stream, Token, Time, Payment, Interval]),
    function::<streaming::acceptUpdateCall>("acceptUpdate", &[Stream, Token, Time, Payment, Interval]),
    function::<streaming::revokeUpdateCall>("revokeUpdate", &[Stream, Token, Time, Payment, Interval]),
    function::<streaming::claimCall>("claim", &[Token, Party]),
    function::<streaming::settleCall>("settle", &[]),
    function::<streaming::multicallCall>("multicall", &[]),
];

pub(super) const CREATE: usize = 0;
pub(super) const CREATE_FOR: usize = 1;
pub(super) const WITHDRAW: usize = 2;
pub(super) const WITHDRAW_TO: usize = 3;
pub(super) const WITHDRAW_MAX: usize = 4;
pub(super) const REDEEM: usize = 5;
pub(super) const CONFIRM: usize = 6;
pub(super) const ACCEPT: usize = 7;
pub(super) const REVOKE: usize = 8;
pub(super) const CLAIM: usize = 9;
pub(super) const SETTLE: usize = 10;
pub(super) const MULTICALL: usize = 11;

/// From how many confirmed terms a griefer picks.
const N_RECENT: usize = 6;

/// A call of one of [`FUNCTIONS`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) function: usize,
    /// Its arguments; of `settle`, the streams.
    pub(super) words: Vec<U256>,
    /// Of `multicall`.
    pub(super) inner: Vec<Call>,
}

/// What a griefer knows when it makes calls up.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) me: Address,
    pub(super) clock: u64,
    /// The next stream's id.
    pub(super) next: U256,
    /// People.
    pub(super) parties: Vec<Address>,
    /// The honest token first, then crooked ones.
    pub(super) tokens: Vec<Address>,
    /// What is neither: the contract, the zero address, a precompile.
    pub(super) odd: Vec<Address>,
    /// Streams that it is a party of, with those that have ended.
    pub(super) mine: Vec<(U256, StreamState)>,
    /// Terms that somebody has confirmed, for streams that it is a party of.
    pub(super) proposals: Vec<[U256; 5]>,
    /// Who does what it wants.
    pub(super) accomplices: Vec<Address>,
}

impl Call {
    pub(super) fn new(function: usize, words: impl Into<Vec<U256>>) -> Self {
        Self { function, words: words.into(), inner: Vec::new() }
    }

    pub(super) fn multicall(inner: Vec<Self>) -> Self {
        Self { function: MULTICALL, words: Vec::new(), inner }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        match self.function {
            SETTLE => streaming::settleCall { streamIds: self.words.clone() }.abi_encode(),
            MULTICALL => {
                let data = self.inner.iter().map(|call| Bytes::from(call.encode())).collect();
                streaming::multicallCall { data }.abi_encode()
            }
            _ => {
                let words = self.words.iter().map(|word| word.to_be_bytes::<32>());
                words.fold(FUNCTIONS[self.function].selector.to_vec(), |call, word| [call, word.to_vec()].concat())
            }
        }
    }

    /// Replaces one argument by an extreme one.
    pub(super) fn mutate(&mut self, sight: &Sight, draws: &mut Draws) {
        if self.function == MULTICALL {
            if self.inner.is_empty() {
                return;
            }
            let at = draws.below(self.inner.len());
            return self.inner[at].mutate(sight, draws);
        }
        let takes = FUNCTIONS[self.function].takes;
        let at = draws.below(self.words.len());
        if let Some(word) = self.words.get_mut(at) {
            *word = sight.extreme(takes.get(at).copied().unwrap_or(Stream), draws);
        }
    }
}

/// An address as an argument.
pub(super) fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

/// One of them.
pub(super) fn one_of<T: Copy>(items: &[T], draws: &mut Draws) -> T {
    items[draws.below(items.len())]
}

const fn power(n: usize) -> U256 {
    U256::ONE.wrapping_shl(n)
}

impl Sight {
    /// Something at an edge of what the argument may be, or beyond.
    fn extreme(&self, meaning: Meaning, draws: &mut Draws) -> U256 {
        let clock = U256::from(self.clock);
        let one = U256::ONE;
        match meaning {
            Stream => {
                let any = U256::from(draws.below(self.next.saturating_to::<usize>().max(1)));
                one_of(&[U256::ZERO, any, any, any, self.next, U256::MAX], draws)
            }
            Party => {
                // The last one is no address: it has more than 160 bits.
                let odd = [one_of(&self.odd, draws), one_of(&self.tokens, draws), self.me].map(word);
                one_of(&[odd[0], odd[1], odd[2], word(one_of(&self.parties, draws)), power(160) + one], draws)
            }
            Token => {
                let odd = [one_of(&self.odd, draws), one_of(&self.tokens, draws), one_of(&self.parties, draws)];
                one_of(&[word(odd[0]), word(odd[1]), word(odd[2]), U256::MAX], draws)
            }
            Amount => {
                let due = self.any_of_mine(draws).map_or(one, |(_, stream)| U256::from(stream.due));
                let limit = power(128);
                one_of(&[U256::ZERO, one, due, due + one, limit - one, limit, U256::MAX], draws)
            }
            Time => {
                let limit = power(48);
                let later = clock + U256::from(draws.below(50));
                let now = [U256::ZERO, clock - one.min(clock), clock, clock + one, later];
                one_of(&[now[0], now[1], now[2], now[3], now[4], limit - one, limit, U256::MAX], draws)
            }
            Payment => {
                let limit = power(128);
                one_of(&[U256::ZERO, one, limit - one, limit, U256::MAX, power(255)], draws)
            }
            Interval => {
                let small = U256::from(draws.below(50));
                one_of(&[U256::ZERO, one, small, power(48) - one, power(48), U256::MAX], draws)
            }
        }
    }

    fn any_of_mine(&self, draws: &mut Draws) -> Option<&(U256, StreamState)> {
        if self.mine.is_empty() { None } else { self.mine.get(draws.below(self.mine.len())) }
    }

    /// Payments from 1 unit to 2^100, evenly in their size.
    fn payment(draws: &mut Draws) -> U256 {
        (U256::from(draws.next_u64()) << draws.below(64)) >> draws.below(64)
    }

    fn token(&self, draws: &mut Draws) -> U256 {
        word(if draws.chance(0.5) { self.tokens[0] } else { one_of(&self.tokens, draws) })
    }

    /// A call of the function that the contract should accept, as far as the griefer knows; none if it has no stream for
    /// it.
    pub(super) fn guided(&self, function: usize, draws: &mut Draws) -> Option<Call> {
        let party = word(one_of(&self.parties, draws));
        let me = word(self.me);
        let (interval, n) = (U256::from(1 + draws.below(6)), U256::from(1 + draws.below(12)));
        let clock = U256::from(self.clock);
        let payment = Self::payment(draws).max(U256::ONE);
        let words = match function {
            CREATE => {
                let start = clock + U256::from(draws.below(4));
                vec![party, self.token(draws), start, start + interval * n, payment, interval]
            }
            CREATE_FOR if draws.chance(0.1) => {
                // The greatest deposit that fits.
                let (intervals, one) = (U256::from(1 + draws.below(2)), U256::ONE);
                vec![party, self.token(draws), (power(128) - one) / intervals, interval, intervals]
            }
            CREATE_FOR => vec![party, self.token(draws), payment, interval, n],
            CLAIM => vec![self.token(draws), me],
            SETTLE => {
                let any = |_| U256::from(draws.below(self.next.saturating_to::<usize>().max(1)));
                (0..4).map(any).collect()
            }
            ACCEPT | REVOKE => {
                // The latest ones are the likeliest to stand.
                let n = self.proposals.len();
                self.proposals.get(n.checked_sub(1 + draws.below(n.min(N_RECENT)))?)?.to_vec()
            }
            _ => return self.guided_of_mine(function, (me, payment, interval, n), draws),
        };
        Some(Call::new(function, words))
    }

    fn guided_of_mine(
        &self,
        function: usize,
        (me, payment, interval, n): (U256, U256, U256, U256),
        draws: &mut Draws,
    ) -> Option<Call> {
        let takes = matches!(function, WITHDRAW | WITHDRAW_TO | WITHDRAW_MAX);
        let fits = |(_, stream): &&(U256, StreamState)| !takes || (stream.recipient == self.me && stream.due != 0);
        let fitting: Vec<_> = self.mine.iter().filter(fits).collect();
        let (id, stream) = fitting.get(draws.below(fitting.len()))?;
        let part = U256::from(stream.due) / U256::from(1 + draws.below(3));
        let words = match function {
            WITHDRAW => vec![*id, part.max(U256::ONE)],
            WITHDRAW_TO => vec![*id, word(one_of(&self.parties, draws)), part.max(U256::ONE)],
            WITHDRAW_MAX => vec![*id, me],
            REDEEM => vec![*id],
            _ => vec![*id, self.token(draws), U256::from(self.clock) + interval * n, payment, interval],
        };
        Some(Call::new(function, words))
    }

    /// Both parties' rights to a stream's money, one after the other and twice.
    pub(super) fn race(&self, draws: &mut Draws) -> Vec<Call> {
        let Some((id, stream)) = self.any_of_mine(draws) else { return Vec::new() };
        let me = word(self.me);
        let (all, due) = (Call::new(WITHDRAW_MAX, [*id, me]), U256::from(stream.due));
        let (some, end) = (Call::new(WITHDRAW, [*id, due]), Call::new(REDEEM, [*id]));
        let settle = Call::new(SETTLE, [*id, *id, *id]);
        let mut calls = vec![all.clone(), some, all, settle.clone(), end.clone(), settle, end];
        draws.shuffle(&mut calls);
        calls
    }

    /// An update that both parties of one of its streams agree on, and then its consents again: replayed, revoked, and
    /// given once more. With who sends each.
    pub(super) fn conspiracy(&self, draws: &mut Draws) -> Vec<(Address, Call)> {
        let other = |stream: &StreamState| if stream.sender == self.me { stream.recipient } else { stream.sender };
        let fits = |(_, stream): &&(U256, StreamState)| self.accomplices.contains(&other(stream));
        let shared: Vec<_> = self.mine.iter().filter(fits).collect();
        let Some((id, stream)) = shared.get(draws.below(shared.len())) else { return Vec::new() };
        let (me, other) = (self.me, other(stream));
        let interval = U256::from(1 + draws.below(6));
        let stop = U256::from(self.clock) + interval * U256::from(1 + draws.below(12));
        let words = [*id, self.token(draws), stop, Self::payment(draws).max(U256::ONE), interval];
        let with = |function| Call::new(function, words);
        let mut calls = vec![(me, with(CONFIRM))];
        if draws.chance(0.3) {
            calls.extend([(other, with(REVOKE)), (other, with(ACCEPT)), (me, with(CONFIRM))]);
        }
        calls.extend([(other, with(one_of(&[ACCEPT, CONFIRM], draws))), (me, with(ACCEPT)), (other, with(CONFIRM))]);
        calls.extend([(me, with(REVOKE)), (me, with(CONFIRM)), (other, with(ACCEPT))]);
        calls
    }
}
