//! Inputs of every kind: what senders write, and what they would write if they meant harm.

pub mod written;

use alloy_primitives::{Address, U256};
use dapp::call::{Call, PayoutForm};
use dapp::deposit::{Deployment, Portals};
use dapp::metadata::Generation;

use crate::model::Rng;
use written::{abi, json};

const ACCOUNTS: u64 = 6;

pub fn account(number: u64) -> Address {
    Address::with_last_byte(u8::try_from(0xa0 + number).unwrap())
}

pub fn tokens() -> [Address; 2] {
    [Address::ZERO, Address::repeat_byte(0x77)]
}

/// Where calls and their numbers come from.
pub struct Source {
    pub rng: Rng,
    /// Names the accounts, tokens and streams of one small world, in amounts that it can have.
    pub is_plausible: bool,
    /// Of the world.
    pub now: u64,
    /// In the world.
    pub n_streams: u64,
}

impl Source {
    pub fn anything(seed: u64) -> Self {
        Self { rng: Rng(seed), is_plausible: false, now: 0, n_streams: 0 }
    }

    pub fn is_one_in(&mut self, many: u64) -> bool {
        self.rng.below(many) == 0
    }

    pub fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = self.rng.below(most + 1);
        (0..length).map(|_| self.rng.next().to_le_bytes()[0]).collect()
    }

    fn address(&mut self, known: Address) -> Address {
        if self.is_plausible || self.is_one_in(2) {
            known
        } else {
            Address::from_slice(&self.wide().as_le_slice()[..20])
        }
    }

    fn token(&mut self) -> Address {
        let known = self.rng.pick(&tokens());
        self.address(known)
    }

    pub fn someone(&mut self) -> Address {
        let known = account(self.rng.below(ACCOUNTS));
        self.address(known)
    }

    fn wide(&mut self) -> U256 {
        U256::from_limbs([self.rng.next(), self.rng.next(), self.rng.next(), self.rng.next()])
    }

    fn amount(&mut self) -> U256 {
        let most = if self.is_plausible { U256::from(1_000_000) } else { U256::MAX };
        self.rng.amount(most)
    }

    pub fn short(&mut self, most: u64) -> u64 {
        self.rng.amount(U256::from(most)).to()
    }

    fn stream_id(&mut self) -> u64 {
        if self.is_plausible { 1 + self.rng.below(self.n_streams + 1) } else { self.short(u64::MAX) }
    }

    fn start(&mut self) -> u64 {
        match (self.is_plausible, self.rng.below(2)) {
            (true, 0) => 0,
            (true, _) => self.now + self.short(10_000),
            (false, _) => self.short(u64::MAX),
        }
    }

    fn duration(&mut self) -> u64 {
        let most = if self.is_plausible { 1 << 20 } else { u64::MAX };
        self.short(most)
    }

    /// A call that both encodings can say.
    fn single(&mut self) -> Call {
        let (token, recipient, amount) = (self.token(), self.someone(), self.amount());
        match self.rng.below(5) {
            0 => Call::Transfer { token, recipient, amount },
            1 => Call::Stream { token, recipient, amount, start: self.start(), duration: self.duration() },
            2 => Call::ExtendStream { stream: self.stream_id(), amount, duration: self.duration() },
            3 => Call::CancelStream { stream: self.stream_id(), token: None },
            _ => {
                Call::Withdraw { token, amount, form: self.rng.pick(&[PayoutForm::Transfer, PayoutForm::SafeTransfer]) }
            }
        }
    }

    pub fn call(&mut self) -> Call {
        if self.is_one_in(6) {
            let length = 1 + self.rng.below(5);
            return Call::Batch((0..length).map(|_| self.single()).collect());
        }
        self.single()
    }

    pub fn encoded(&mut self) -> Vec<u8> {
        let call = self.call();
        if self.is_one_in(2) { abi(&call) } else { json(&call, &mut self.rng).into_bytes() }
    }

    /// A call, mutilated or not, or bytes that look a little like one.
    pub fn payload(&mut self) -> Vec<u8> {
        match self.rng.below(8) {
            0 => self.bytes(300),
            1 => [&self.encoded()[..4], &self.bytes(300)].concat(),
            2 => {
                let words =
                    ["{", "}", "[", "]", ":", ",", "\"method\"", "\"args\"", "\"batch\"", "\"calls\"", "1", "\\u", "-"];
                let length = self.rng.below(40);
                let soup: String = (0..length).map(|_| self.rng.pick(&words)).collect();
                format!("{{{soup}").into_bytes()
            }
            _ => {
                let mut payload = self.encoded();
                self.mutilate(&mut payload);
                payload
            }
        }
    }

    /// Up to 4 small harms.
    pub fn mutilate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.rng.below(5) {
            let place = self.place(bytes.len());
            match self.rng.below(8) {
                0 => bytes.truncate(place),
                1 => bytes.splice(place..place, self.bytes(40)).for_each(drop),
                2 => drop(bytes.drain(place..(place + self.place(40)).min(bytes.len()))),
                3 => {
                    let other = self.encoded();
                    bytes.truncate(place);
                    bytes.extend(&other[self.place(other.len())..]);
                }
                4 => {
                    let part = bytes[place..(place + self.place(100)).min(bytes.len())].to_vec();
                    bytes.splice(place..place, part).for_each(drop);
                }
                5 => {
                    let word =
                        self.rng.pick(&[U256::ZERO, U256::from(1), U256::from(32), U256::from(1) << 32, U256::MAX]);
                    let place = 4 + place / 32 * 32;
                    if let Some(old) = bytes.get_mut(place..place + 32) {
                        old.copy_from_slice(&word.to_be_bytes::<32>());
                    }
                }
                6 => bytes.get_mut(place).into_iter().for_each(|byte| *byte ^= 1 << self.rng.below(8)),
                _ => bytes
                    .get_mut(place)
                    .into_iter()
                    .for_each(|byte| *byte = self.rng.pick(b"\0\x7f\xff\xc3 {}[]\":,-.eE09\\")),
            }
        }
    }

    fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.rng.below(length as u64 + 1)).unwrap()
    }

    /// What a portal says, in its layout.
    pub fn portal_payload(&mut self, generation: Generation, portals: &Portals) -> (Address, Vec<u8>) {
        let (token, depositor) = (self.token(), self.someone());
        let many = U256::from(if self.is_plausible { 1_000 } else { 1 });
        let amount =
            if self.is_one_in(50) { self.wide() } else { self.amount().wrapping_mul(many) }.to_be_bytes::<32>();
        let exec = if self.is_one_in(2) { self.payload() } else { Vec::new() };
        let nft = [token.as_slice(), depositor.as_slice(), &amount].concat();
        match self.rng.below(8) {
            0 | 1 => (portals.ether, [depositor.as_slice(), &amount, &exec].concat()),
            2..5 => {
                let flag = match generation {
                    Generation::V1 => vec![u8::from(!self.is_one_in(8))],
                    Generation::V2 => Vec::new(),
                };
                (portals.erc20, [flag, nft, exec].concat())
            }
            5 => (portals.erc721, nft),
            6 => (portals.erc1155_single, [nft.as_slice(), &amount].concat()),
            _ => {
                let length = self.rng.below(4);
                let ids: Vec<U256> = (0..length).map(|_| self.amount()).collect();
                let rest = written::erc1155_batch(ids.clone(), ids, exec);
                (portals.erc1155_batch, [token.as_slice(), depositor.as_slice(), &rest].concat())
            }
        }
    }
}

pub fn portals(generation: Generation) -> Portals {
    match generation {
        Generation::V1 => Deployment::default().v1,
        Generation::V2 => Deployment::default().v2,
    }
}
