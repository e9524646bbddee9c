//! What refusals on the way into a rollup and out of it mean: those of StreamPortal and of Cartesi's contracts.

use bindings::{IStreamPortal::IStreamPortalErrors as Portal, cartesi::Cartesi::CartesiErrors as Cartesi};

use super::Words;

impl Words<'_> {
    /// `None` for what StreamPortal shares with other contracts, and for what cannot reach a user.
    pub(super) fn portal(&self, error: &Portal) -> Option<String> {
        Some(match error {
            Portal::AmountZero(_) => "the amount is zero; the smallest deposit is one unit of the token".to_owned(),
            Portal::AccountZero(_) => "nothing is credited to the zero address; name another account".to_owned(),
            Portal::AppInvalid(e) => {
                format!("there is no application at {}; check --app and the chain", e.app)
            }
            Portal::PermitRefused(e) => format!(
                "the token refuses the permit, and the allowance of {} does not cover {}; approve that much",
                self.amount(e.allowance),
                self.amount(e.amount)
            ),
            Portal::OrdersEmpty(_) => "there are no streams to start; name at least one".to_owned(),
            Portal::OrdersExceedDeposit(e) => format!(
                "the streams come to {}, and the deposit to {}; deposit more, or stream less",
                self.amount(e.total),
                self.amount(e.amount)
            ),
            Portal::DepositNotDelivered(e) => format!(
                "the application received {} of {}; tokens that keep a fee on transfers cannot be deposited",
                self.amount(e.received),
                self.amount(e.amount)
            ),
            Portal::BalanceNotRestored(e) => format!(
                "the token {} left {} with StreamPortal that were not there before; it does not move exact amounts, so it \
                 cannot be deposited",
                e.token,
                self.amount(e.balance.saturating_sub(e.balanceBefore))
            ),
            Portal::TokenRefused(e) => format!(
                "Cartesi's portal cannot take {}: its transferFrom returns nothing or fails without a reason; deposit \
                 another token",
                e.token
            ),
            Portal::RecipientNotInbox(e) => format!(
                "stream {} pays {}, not the inbox {}; only streams to the inbox can be forwarded, see `streamctl portal \
                 inbox`",
                e.streamId, e.recipient, e.inbox
            ),
            Portal::NothingForwarded(e) => {
                format!("nothing of token {} came out of the inbox; try again when something is due", e.token)
            }
            _ => return None,
        })
    }

    pub(super) fn cartesi(&self, error: &Cartesi) -> String {
        match error {
            Cartesi::InputTooLarge(e) => format!(
                "the input has {} bytes, and a rollup takes {} at most; send it in parts",
                e.inputLength, e.maxInputLength
            ),
            Cartesi::InsufficientFunds(e) => format!(
                "the application holds {} wei, and the voucher pays {}; execute it when Ether has been deposited",
                e.balance, e.value
            ),
            Cartesi::InvalidOutputHashesSiblingsArrayLength(_) => {
                "the proof has not the 63 hashes that a proof has; ask another node".to_owned()
            }
            Cartesi::InvalidOutputsMerkleRoot(e) => format!(
                "the chain has accepted no claim with the root {}; wait until the epoch is claimed, or ask another node",
                e.outputsMerkleRoot
            ),
            Cartesi::OutputNotExecutable(_) => "the output is no voucher; only vouchers can be executed".to_owned(),
            Cartesi::OutputNotReexecutable(_) => "the voucher was executed before; nothing is left to do".to_owned(),
            Cartesi::ERC20TransferFailed(_) => {
                "the token refused the transfer to the application; check the balance, and whether the token blocks an \
                 account"
                    .to_owned()
            }
            Cartesi::EtherTransferFailed(_) => {
                "the application does not take Ether; check --app and the chain".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::{
        primitives::{U256, hex},
        sol_types::SolError,
    };
    use bindings::{Clock, Revert, cartesi::Cartesi as C};

    use super::*;
    use crate::explain::explain;

    fn sentence(answer: &[u8]) -> String {
        let words = Words { amount: &|amount| format!("{amount} DEMO"), clock: Clock::Timestamp };
        explain(&Revert::decode(answer), &words)
    }

    /// What the portal shares with the stream contract and OpenZeppelin is decoded as theirs; deployments of inboxes cannot
    /// fail so.
    #[test]
    fn every_error_has_a_sentence() {
        let silent = ["CloneArgumentsTooLong", "Create2EmptyBytecode", "FailedDeployment", "InsufficientBalance"];
        let shared = ["AddressEmptyCode", "DepositNotReceived", "FailedCall", "ReentrancyGuardReentrantCall"];
        let shared = [&shared[..], &["SafeERC20FailedOperation", "TokenInvalid"]].concat();
        let named = Portal::SELECTORS.iter().map(|selector| (*selector, Portal::name_by_selector(*selector).unwrap()));
        for (selector, name) in named.filter(|(_, name)| !silent.contains(name) && !shared.contains(name)) {
            let said: Vec<String> =
                (0..=4).map(|n| sentence(&[selector.as_slice(), &[0; 128][..32 * n]].concat())).collect();
            assert!(said.iter().any(|said| said.ends_with(&format!(" ({name})"))), "{name}: {said:?}");
        }
    }

    #[test]
    fn values_are_said() {
        let error = C::InputTooLarge {
            appContract: hex!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266").into(),
            inputLength: U256::from(65_540),
            maxInputLength: U256::from(65_536),
        };
        assert_eq!(
            sentence(&error.abi_encode()),
            "the input has 65540 bytes, and a rollup takes 65536 at most; send it in parts (InputTooLarge)"
        );
    }
}
