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
        Some(deposit.unwrap_or(Deposit::Unreadable))
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
