//! Where the contracts are: at the addresses that CREATE2 gives them, the same on every chain.

use alloy::{
    primitives::{Address, B256, Bytes, address},
    sol_types::SolConstructor,
};

use crate::{
    cartesi::{ERC20_PORTAL, ETHER_PORTAL},
    contract::{BlockMoneyStreaming, IStreamPortal, TimestampMoneyStreaming},
};

/// The deterministic deployment proxy, which most chains have. Called with a salt and creation code, it deploys.
pub const DETERMINISTIC_PROXY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// The salt that all contracts are deployed with.
pub const SALT: B256 = B256::ZERO;

/// The clock that tells a contract's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clock {
    /// Block numbers: the letter of the standard.
    Block,
    /// Unix seconds.
    Timestamp,
}

impl Clock {
    /// Both clocks.
    pub const ALL: [Self; 2] = [Self::Block, Self::Timestamp];

    /// What the contract answers to ERC-6372's `CLOCK_MODE()`.
    pub const fn mode(self) -> &'static str {
        match self {
            Self::Block => "mode=blocknumber&from=default",
            Self::Timestamp => "mode=timestamp",
        }
    }

    /// The clock whose contract answers `mode` to `CLOCK_MODE()`.
    pub fn from_mode(mode: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|clock| clock.mode() == mode)
    }

    /// The code that deploys the contract; its constructor takes nothing.
    pub fn creation_code(self) -> &'static Bytes {
        match self {
            Self::Block => &BlockMoneyStreaming::BYTECODE,
            Self::Timestamp => &TimestampMoneyStreaming::BYTECODE,
        }
    }

    /// The code that the deployed contract has.
    pub fn runtime_code(self) -> &'static Bytes {
        match self {
            Self::Block => &BlockMoneyStreaming::DEPLOYED_BYTECODE,
            Self::Timestamp => &TimestampMoneyStreaming::DEPLOYED_BYTECODE,
        }
    }

    /// What a transaction to [`DETERMINISTIC_PROXY`] carries to deploy the contract.
    pub fn deployment_input(self) -> Bytes {
        [SALT.as_slice(), self.creation_code()].concat().into()
    }
}

/// The contract's address, if it was deployed through [`DETERMINISTIC_PROXY`] with [`SALT`].
pub fn create2_address(clock: Clock) -> Address {
    DETERMINISTIC_PROXY.create2_from_code(SALT, clock.creation_code())
}

/// The code that deploys StreamPortal in front of Cartesi's portals.
pub fn portal_creation_code() -> Bytes {
    let arguments = IStreamPortal::constructorCall { erc20Portal_: ERC20_PORTAL, etherPortal_: ETHER_PORTAL };
    [IStreamPortal::BYTECODE.as_ref(), &arguments.abi_encode()].concat().into()
}

/// What a transaction to [`DETERMINISTIC_PROXY`] carries to deploy StreamPortal. Cartesi's portals need not be there.
pub fn portal_deployment_input() -> Bytes {
    [SALT.as_slice(), &portal_creation_code()].concat().into()
}

/// The address of StreamPortal, if it was deployed through [`DETERMINISTIC_PROXY`] with [`SALT`].
pub fn portal_address() -> Address {
    DETERMINISTIC_PROXY.create2_from_code(SALT, portal_creation_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows the constructor in the creation code is the code that it returns.
    #[test]
    fn creation_code_holds_the_runtime_code() {
        for clock in Clock::ALL {
            assert!(!clock.runtime_code().is_empty());
            assert!(clock.creation_code().ends_with(clock.runtime_code()), "{clock:?}");
        }
    }

    #[test]
    fn modes_are_in_the_code_and_lead_back() {
        for clock in Clock::ALL {
            assert_eq!(Clock::from_mode(clock.mode()), Some(clock));
            let mode = clock.mode().as_bytes();
            assert!(clock.runtime_code().windows(mode.len()).any(|window| window == mode), "{clock:?}");
        }
        assert_eq!(Clock::from_mode("mode=blocknumber&from=eip155:1"), None);
    }
}
