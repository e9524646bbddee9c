#![doc = include_str!("../README.md")]

pub use contract::{CommonToken, DemoToken, IERC20, IMoneyStreaming, IStreamPortal};
pub use deployment::{
    Clock, DETERMINISTIC_PROXY, SALT, create2_address, portal_address, portal_creation_code, portal_deployment_input,
};
pub use revert::Revert;

/// ERC-165 id of ERC-1620: the seven functions of the standard.
pub const ERC1620_INTERFACE_ID: [u8; 4] = [0x56, 0x61, 0x5d, 0x9f];

pub mod cartesi;
mod contract;
mod deployment;
mod revert;

#[cfg(test)]
mod tests {
    use alloy::sol_types::SolCall;

    use super::*;
    use IMoneyStreaming as i;

    #[test]
    fn interface_id_is_of_the_seven_functions() {
        let selectors = [
            i::balanceOfCall::SELECTOR,
            i::getStreamCall::SELECTOR,
            i::createCall::SELECTOR,
            i::withdrawCall::SELECTOR,
            i::redeemCall::SELECTOR,
            i::confirmUpdateCall::SELECTOR,
            i::revokeUpdateCall::SELECTOR,
        ];
        let id = selectors.iter().fold(0, |id, selector| id ^ u32::from_be_bytes(*selector));
        assert_eq!(id.to_be_bytes(), ERC1620_INTERFACE_ID);
    }
}
