//! Deposits: which inputs come from portals, and what they say.

use std::fmt;

use alloy_primitives::{Address, Bytes, U256, address};
use alloy_sol_types::SolValue;
use alloy_sol_types::abi::AbiDecoderConfig;

use crate::metadata::{Generation, Metadata};
use crate::output::Output;
use crate::payout::{Payer, PayoutError};

/// Up to here addresses are the chain's own: precompiled contracts, and no tokens.
const LAST_RESERVED: Address = address!("0x000000000000000000000000000000000000ffff");

/// The contracts that take deposits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portals {
    /// Takes Ether.
    pub ether: Address,
    /// Takes ERC-20 tokens.
    pub erc20: Address,
    /// Takes ERC-721 tokens.
    pub erc721: Address,
    /// Takes one ERC-1155 token.
    pub erc1155_single: Address,
    /// Takes many ERC-1155 tokens.
    pub erc1155_batch: Address,
}

/// The contracts of both generations. The default is their published addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The portals of v2.
    pub v2: Portals,
    /// The portals of v1.
    pub v1: Portals,
    /// Whose code v2 runs for tokens whose `transfer` returns nothing.
    pub safe_erc20_transfer: Address,
    /// Tells an application of v1 its address.
    pub dapp_address_relay: Address,
    /// Deposits for those who call it, or for whom they name; the first 20 bytes of its data say for whom.
    pub stream_portal: Option<Address>,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            v2: Portals {
                ether: address!("0xA632c5c05812c6a6149B7af5C56117d1D2603828"),
                erc20: address!("0xACA6586A0Cf05bD831f2501E7B4aea550dA6562D"),
                erc721: address!("0x9E8851dadb2b77103928518846c4678d48b5e371"),
                erc1155_single: address!("0x18558398Dd1a8cE20956287a4Da7B76aE7A96662"),
                erc1155_batch: address!("0xe246Abb974B307490d9C6932F48EbE79de72338A"),
            },
            v1: Portals {
                ether: address!("0xFfdbe43d4c855BF7e0f105c400A50857f53AB044"),
                erc20: address!("0x9C21AEb2093C32DDbC53eEF24B873BDCd1aDa1DB"),
                erc721: address!("0x237F8DD094C0e47f4236f12b4Fa01d6Dae89fb87"),
                erc1155_single: address!("0x7CFB0193Ca87eB6e48056885E026552c3A941FC4"),
                erc1155_batch: address!("0xedB53860A6B52bbb7561Ad596416ee9965B055Aa"),
            },
            safe_erc20_transfer: address!("0xb7C2bcAA4437425cfcE9d233bFf15EF461273D63"),
            dapp_address_relay: address!("0xF5DE34d6BbC0446E2a45719E718efEbaaE179daE"),
            stream_portal: None,
        }
    }
}

/// What a portal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deposit {
    /// Money that can be credited.
    Fungible {
        /// The zero address for Ether.
        token: Address,
        /// Who sent it.
        depositor: Address,
        /// Base units.
        amount: U256,
        /// What the depositor asks for right after, maybe nothing.
        exec: Vec<u8>,
    },
    /// An ERC-20 deposit whose token is no contract that could pay out: zero or a reserved address up to 0xffff.
    NoToken {
        /// What the portal calls the token.
        token: Address,
        /// Who sent it.
        depositor: Address,
        /// Base units.
        amount: U256,
    },
    /// One ERC-721 token.
    Erc721 {
        /// Its contract.
        token: Address,
        /// Who sent it.
        depositor: Address,
        /// Which one.
        id: U256,
    },
    /// An amount of one ERC-1155 token.
    Erc1155 {
        /// Its contract.
        token: Address,
        /// Who sent it.
        depositor: Address,
        /// Which one.
        id: U256,
        /// How many.
        amount: U256,
    },
    /// Amounts of several ERC-1155 tokens.
    Erc1155Batch {
        /// Their contract.
        token: Address,
        /// Who sent them.
        depositor: Address,
        /// Which ones.
        ids: Vec<U256>,
        /// How many of each.
        amounts: Vec<U256>,
    },
    /// The portal of v1 says that the token's transfer failed, so nothing left the depositor.
    Failed {
        /// Its contract.
        token: Address,
        /// Who tried.
        depositor: Address,
        /// Base units.
        amount: U256,
    },
    /// The relay of v1 tells the application's address.
    AppAddress(Address),
    /// From a portal, and not in its layout: which no portal sends.
    Unreadable,
}

impl Deployment {
    /// Reads a portal's input. `None` when the sender is no portal: the input is a user's.
    #[must_use]
    pub fn deposit(&self, metadata: &Metadata, payload: &[u8]) -> Option<Deposit> {
        let generation = metadata.generation;
        let portals = match generation {
            Generation::V1 => &self.v1,
            Generation::V2 => &self.v2,
        };
        let sender = metadata.msg_sender;
        let packed = Packed(payload);
        let deposit = match sender {
            _ if sender == portals.ether => packed.ether(),
            _ if sender == portals.erc20 => packed.erc20(generation),
            _ if sender == portals.erc721 => packed.erc721(),
            _ if sender == portals.erc1155_single => packed.erc1155(),
            _ if sender == portals.erc1155_batch => packed.erc1155_batch(),
            _ if sender == self.dapp_address_relay && generation == Generation::V1 => packed.app_address(),
            _ => return None,
        };
        Some(self.forwarded(deposit.unwrap_or(Deposit::Unreadable)))
    }

    /// A deposit by StreamPortal is the account's that it names. Nobody else can be that depositor, and StreamPortal names
    /// another account than its caller only where no call follows.
    fn forwarded(&self, deposit: Deposit) -> Deposit {
        match deposit {
            Deposit::Fungible { token, depositor, amount, exec } if Some(depositor) == self.stream_portal => {
                match exec.split_first_chunk::<20>() {
                    Some((account, call)) => {
                        Deposit::Fungible { token, depositor: account.into(), amount, exec: call.to_vec() }
                    }
                    None => Deposit::Fungible { token, depositor, amount, exec },
                }
            }
            other => other,
        }
    }
}

impl Deposit {
    /// The voucher that gives back what cannot be credited. `None` where there is nothing to give back.
    ///
    /// ERC-721 goes back by `transferFrom`: the depositor cannot refuse it and leave it here.
    pub(crate) fn give_back(&self, payer: &Payer) -> Option<Result<Output, PayoutError>> {
        match self {
            Self::Fungible { token, depositor, amount, .. } if token.is_zero() => {
                Some(payer.ether(*depositor, *amount))
            }
            Self::Fungible { token, depositor, amount, .. } | Self::NoToken { token, depositor, amount } => {
                Some(Ok(payer.erc20(*token, *depositor, *amount)))
            }
            Self::Erc721 { token, depositor, id } => Some(payer.erc721(*token, *depositor, *id)),
            Self::Erc1155 { token, depositor, id, amount } => Some(payer.erc1155(*token, *depositor, *id, *amount)),
            Self::Erc1155Batch { token, depositor, ids, amounts } => {
                Some(payer.erc1155_batch(*token, *depositor, ids, amounts))
            }
            Self::Failed { .. } | Self::AppAddress(_) | Self::Unreadable => None,
        }
    }
}

/// Why a deposit is not credited.
impl fmt::Display for Deposit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fungible { token, amount, .. } => write!(f, "deposit of {amount} in token {token}"),
            Self::NoToken { token, .. } => write!(f, "{token} is no token contract; deposit an ERC-20 token or ether"),
            Self::Erc721 { token, id, .. } => write!(f, "ERC-721 {id} of {token} cannot be streamed"),
            Self::Erc1155 { token, id, .. } => write!(f, "ERC-1155 {id} of {token} cannot be streamed"),
            Self::Erc1155Batch { token, .. } => write!(f, "ERC-1155 tokens of {token} cannot be streamed"),
            Self::Failed { token, depositor, amount } => {
                write!(f, "the transfer of {amount} of token {token} from {depositor} failed, so nothing is credited")
            }
            Self::AppAddress(address) => write!(f, "the application is {address}"),
            Self::Unreadable => write!(f, "the portal's input is not in its layout; check the portals' addresses"),
        }
    }
}

/// The rest of a portal's input. The layouts are those of Cartesi's `InputEncoding`.
struct Packed<'p>(&'p [u8]);

impl Packed<'_> {
    fn ether(mut self) -> Option<Deposit> {
        let (depositor, amount) = (self.address()?, self.word()?);
        Some(Deposit::Fungible { token: Address::ZERO, depositor, amount, exec: self.0.to_vec() })
    }

    fn erc20(mut self, generation: Generation) -> Option<Deposit> {
        let has_succeeded = match generation {
            // A leading byte tells what the token answered.
            Generation::V1 => self.take::<1>()? == [1],
            Generation::V2 => true,
        };
        let (token, depositor, amount) = (self.address()?, self.address()?, self.word()?);
        Some(match () {
            () if !has_succeeded => Deposit::Failed { token, depositor, amount },
            () if token <= LAST_RESERVED => Deposit::NoToken { token, depositor, amount },
            () => Deposit::Fungible { token, depositor, amount, exec: self.0.to_vec() },
        })
    }

    fn erc721(mut self) -> Option<Deposit> {
        Some(Deposit::Erc721 { token: self.address()?, depositor: self.address()?, id: self.word()? })
    }

    fn erc1155(mut self) -> Option<Deposit> {
        let (token, depositor) = (self.address()?, self.address()?);
        Some(Deposit::Erc1155 { token, depositor, id: self.word()?, amount: self.word()? })
    }

    fn erc1155_batch(mut self) -> Option<Deposit> {
        type Rest = (Vec<U256>, Vec<U256>, Bytes, Bytes);
        let (token, depositor) = (self.address()?, self.address()?);
        let strict = AbiDecoderConfig::new().strict(true);
        let (ids, amounts, ..) = Rest::abi_decode_params_with_config(self.0, strict).ok()?;
        Some(Deposit::Erc1155Batch { token, depositor, ids, amounts })
    }

    fn app_address(mut self) -> Option<Deposit> {
        let address = self.address()?;
        self.0.is_empty().then_some(Deposit::AppAddress(address))
    }

    fn address(&mut self) -> Option<Address> {
        self.take().map(Address::new)
    }

    fn word(&mut self) -> Option<U256> {
        self.take().map(U256::from_be_bytes::<32>)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Generation::{V1, V2};
    use alloy_primitives::hex;

    const TOKEN: Address = address!("0xb7f8bc63bbcad18155201308c8f3540b07f84f5e");
    const ALICE: Address = address!("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    /// 12.345 of a token with 18 decimals.
    const AMOUNT: U256 = U256::from_limbs([12_345_000_000_000_000_000, 0, 0, 0]);
    /// The token, Alice and the amount.
    const PACKED: &str = "b7f8bc63bbcad18155201308c8f3540b07f84f5ef39fd6e51aad88f6f4ce6ab8827279cfffb92266\
                          000000000000000000000000000000000000000000000000ab524017e8328000";

    fn read(generation: Generation, msg_sender: Address, payload: &[u8]) -> Option<Deposit> {
        let metadata = Metadata { generation, app_contract: None, msg_sender, time: 1, input_index: 0 };
        Deployment::default().deposit(&metadata, payload)
    }

    fn portals(generation: Generation) -> Portals {
        match generation {
            V1 => Deployment::default().v1,
            V2 => Deployment::default().v2,
        }
    }

    #[track_caller]
    fn check(generation: Generation, portal: Address, payload: &str, expected: Deposit) {
        let payload = hex::decode(payload).unwrap();
        assert_eq!(read(generation, portal, &payload), Some(expected));
    }

    fn fungible(token: Address, exec: &[u8]) -> Deposit {
        Deposit::Fungible { token, depositor: ALICE, amount: AMOUNT, exec: exec.to_vec() }
    }

    #[test]
    fn erc20_of_v2_is_read_as_the_portal_sent_it() {
        let portal = portals(V2).erc20;
        check(V2, portal, PACKED, fungible(TOKEN, &[]));
        check(V2, portal, &format!("{PACKED}c0ffee"), fungible(TOKEN, &[0xc0, 0xff, 0xee]));
    }

    #[test]
    fn erc20_of_v1_says_whether_the_token_was_paid() {
        let portal = portals(V1).erc20;
        check(V1, portal, &format!("01{PACKED}c0ffee"), fungible(TOKEN, &[0xc0, 0xff, 0xee]));
        for flag in ["00", "02", "ff"] {
            let failed = Deposit::Failed { token: TOKEN, depositor: ALICE, amount: AMOUNT };
            check(V1, portal, &format!("{flag}{PACKED}c0ffee"), failed);
        }
    }

    #[test]
    fn ether_is_the_zero_token() {
        for generation in [V1, V2] {
            let ether = &PACKED[40..];
            check(generation, portals(generation).ether, ether, fungible(Address::ZERO, &[]));
            check(generation, portals(generation).ether, &format!("{ether}7b"), fungible(Address::ZERO, b"{"));
        }
    }

    #[test]
    fn what_stream_portal_deposits_is_the_accounts_that_it_names() {
        let bob = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
        let read = |stream_portal, exec: &str| {
            let deployment = Deployment { stream_portal, ..Deployment::default() };
            let msg_sender = deployment.v2.erc20;
            let metadata = Metadata { generation: V2, app_contract: None, msg_sender, time: 1, input_index: 0 };
            let payload = hex::decode(format!("{PACKED}{exec}")).unwrap();
            deployment.deposit(&metadata, &payload).unwrap()
        };
        let of_bob =
            |exec: &[u8]| Deposit::Fungible { token: TOKEN, depositor: bob, amount: AMOUNT, exec: exec.to_vec() };
        let named = hex::encode(bob);
        assert_eq!(read(Some(ALICE), &named), of_bob(&[]));
        assert_eq!(read(Some(ALICE), &format!("{named}c0ffee")), of_bob(&[0xc0, 0xff, 0xee]));
        // Nobody else names accounts.
        let as_is = fungible(TOKEN, bob.as_slice());
        assert_eq!(read(Some(bob), &named), as_is);
        assert_eq!(read(None, &named), as_is);
        assert_eq!(read(Some(ALICE), &named[2..]), fungible(TOKEN, &bob[1..]));
    }

    #[test]
    fn a_reserved_address_is_no_token() {
        let of = |token: Address| format!("{}{}", hex::encode(token), &PACKED[40..]);
        for reserved in [0, 1, 9, 0xffff_u64] {
            let token = Address::from_word(U256::from(reserved).into());
            let expected = Deposit::NoToken { token, depositor: ALICE, amount: AMOUNT };
            check(V2, portals(V2).erc20, &of(token), expected.clone());
            check(V1, portals(V1).erc20, &format!("01{}", of(token)), expected);
        }
        let first = address!("0x0000000000000000000000000000000000010000");
        check(V2, portals(V2).erc20, &of(first), fungible(first, &[]));
    }

    /// Amounts 5 and 6 of tokens 1 and 2, without data.
    const BATCH: [&str; 12] = ["80", "e0", "140", "160", "2", "1", "2", "2", "5", "6", "0", "0"];

    fn words(words: &[&str]) -> String {
        words.iter().map(|word| format!("{word:0>64}")).collect()
    }

    #[test]
    fn other_portals_name_what_goes_back() {
        let layer = words(&["40", "60", "0", "0"]);
        for generation in [V1, V2] {
            let portals = portals(generation);
            let erc721 = Deposit::Erc721 { token: TOKEN, depositor: ALICE, id: AMOUNT };
            check(generation, portals.erc721, PACKED, erc721.clone());
            check(generation, portals.erc721, &format!("{PACKED}{layer}"), erc721);
            let erc1155 = Deposit::Erc1155 { token: TOKEN, depositor: ALICE, id: AMOUNT, amount: U256::from(3) };
            check(generation, portals.erc1155_single, &format!("{PACKED}{}{layer}", words(&["3"])), erc1155);
            let batch = Deposit::Erc1155Batch {
                token: TOKEN,
                depositor: ALICE,
                ids: vec![U256::from(1), U256::from(2)],
                amounts: vec![U256::from(5), U256::from(6)],
            };
            check(generation, portals.erc1155_batch, &format!("{}{}", &PACKED[..80], words(&BATCH)), batch);
        }
    }

    #[test]
    fn a_short_payload_is_unreadable_at_every_length() {
        #[track_caller]
        fn check(generation: Generation, portal: Address, payload: &str) {
            let payload = hex::decode(payload).unwrap();
            for length in 0..payload.len() {
                assert_eq!(read(generation, portal, &payload[..length]), Some(Deposit::Unreadable), "{length}");
            }
            assert_ne!(read(generation, portal, &payload), Some(Deposit::Unreadable));
        }
        for generation in [V1, V2] {
            let portals = portals(generation);
            let flag = if generation == V1 { "01" } else { "" };
            check(generation, portals.erc20, &format!("{flag}{PACKED}"));
            check(generation, portals.ether, &PACKED[40..]);
            check(generation, portals.erc721, PACKED);
            check(generation, portals.erc1155_single, &format!("{PACKED}{}", words(&["3"])));
            check(generation, portals.erc1155_batch, &format!("{}{}", &PACKED[..80], words(&BATCH)));
        }
        check(V1, Deployment::default().dapp_address_relay, &PACKED[..40]);
    }

    #[test]
    fn a_batch_of_hostile_lengths_is_unreadable() {
        let portal = portals(V2).erc1155_batch;
        for (place, word) in [(4, "ffffffff"), (4, "3"), (0, "a0"), (1, "80"), (11, "1"), (2, &"f".repeat(64))] {
            let mut batch = BATCH;
            batch[place] = word;
            check(V2, portal, &format!("{}{}", &PACKED[..80], words(&batch)), Deposit::Unreadable);
        }
    }

    #[test]
    fn the_relay_speaks_in_v1_only() {
        let relay = Deployment::default().dapp_address_relay;
        check(V1, relay, &PACKED[..40], Deposit::AppAddress(TOKEN));
        check(V1, relay, &PACKED[..42], Deposit::Unreadable);
        assert_eq!(read(V2, relay, TOKEN.as_slice()), None);
    }

    #[test]
    fn a_sender_that_is_no_portal_of_its_generation_is_a_user() {
        let payload = hex::decode(PACKED).unwrap();
        let all = |portals: Portals| {
            [portals.ether, portals.erc20, portals.erc721, portals.erc1155_single, portals.erc1155_batch]
        };
        for portal in all(portals(V2)) {
            assert_eq!(read(V1, portal, &payload), None);
        }
        for portal in all(portals(V1)) {
            assert_eq!(read(V2, portal, &payload), None);
        }
        for generation in [V1, V2] {
            for user in [ALICE, Address::ZERO, TOKEN, Deployment::default().safe_erc20_transfer] {
                assert_eq!(read(generation, user, &payload), None);
            }
        }
    }

    #[test]
    fn what_cannot_be_credited_says_why() {
        for (deposit, expected) in [
            (
                fungible(TOKEN, &[]),
                "deposit of 12345000000000000000 in token 0xB7f8BC63BbcaD18155201308C8f3540b07f84F5e",
            ),
            (
                Deposit::NoToken { token: Address::ZERO, depositor: ALICE, amount: AMOUNT },
                "0x0000000000000000000000000000000000000000 is no token contract; deposit an ERC-20 token or ether",
            ),
            (
                Deposit::Erc721 { token: TOKEN, depositor: ALICE, id: U256::from(7) },
                "ERC-721 7 of 0xB7f8BC63BbcaD18155201308C8f3540b07f84F5e cannot be streamed",
            ),
            (
                Deposit::Erc1155 { token: TOKEN, depositor: ALICE, id: U256::from(7), amount: AMOUNT },
                "ERC-1155 7 of 0xB7f8BC63BbcaD18155201308C8f3540b07f84F5e cannot be streamed",
            ),
            (
                Deposit::Erc1155Batch { token: TOKEN, depositor: ALICE, ids: Vec::new(), amounts: Vec::new() },
                "ERC-1155 tokens of 0xB7f8BC63BbcaD18155201308C8f3540b07f84F5e cannot be streamed",
            ),
            (
                Deposit::Failed { token: TOKEN, depositor: ALICE, amount: U256::from(9) },
                "the transfer of 9 of token 0xB7f8BC63BbcaD18155201308C8f3540b07f84F5e from \
                 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 failed, so nothing is credited",
            ),
            (Deposit::Unreadable, "the portal's input is not in its layout; check the portals' addresses"),
        ] {
            assert_eq!(deposit.to_string(), expected);
        }
    }
}
