//! Vouchers: the calls by which money leaves the rollup.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, sol};

use crate::call::PayoutForm;
use crate::metadata::Generation;
use crate::output::Output;

sol! {
    function transfer(address to, uint256 amount) external returns (bool);
    function safeTransfer(address token, address to, uint256 amount) external;
    function transferFrom(address from, address to, uint256 id) external;
    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data) external;
    function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] amounts, bytes data) external;
    function withdrawEther(address to, uint256 amount) external;
}

/// Why something cannot be paid out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayoutError {
    /// In v1, the application learns its address from a relay, and Ether leaves through a function of its own.
    #[error("the application's address is not known yet; send it by DAppAddressRelay first")]
    AppUnknown,
    /// In v1 there are no delegate calls.
    #[error("rollups v1 has no delegate calls; withdraw token {0} by a plain transfer")]
    NoDelegateCall(Address),
    /// Ether is no ERC-20.
    #[error("ether needs no safe transfer; withdraw it plainly")]
    EtherIsPlain,
}

/// The application's contract as the one who pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payer {
    pub(crate) generation: Generation,
    /// The contract's address, once it is known.
    pub(crate) app: Option<Address>,
    /// Whose code is run for a safe transfer.
    pub(crate) safe_erc20_transfer: Address,
}

impl Payer {
    /// Pays `amount` of a token, or wei where `token` is zero.
    pub(crate) fn pay(
        &self,
        token: Address,
        account: Address,
        amount: U256,
        form: PayoutForm,
    ) -> Result<Output, PayoutError> {
        match (form, self.generation) {
            (PayoutForm::Transfer, _) if token.is_zero() => self.ether(account, amount),
            (PayoutForm::Transfer, _) => Ok(self.erc20(token, account, amount)),
            (PayoutForm::SafeTransfer, _) if token.is_zero() => Err(PayoutError::EtherIsPlain),
            (PayoutForm::SafeTransfer, Generation::V1) => Err(PayoutError::NoDelegateCall(token)),
            (PayoutForm::SafeTransfer, Generation::V2) => Ok(Output::DelegateCallVoucher {
                destination: self.safe_erc20_transfer,
                payload: safeTransferCall { token, to: account, amount }.abi_encode(),
            }),
        }
    }

    /// Pays wei. A voucher of v1 carries none, so there the application calls itself.
    pub(crate) fn ether(&self, to: Address, amount: U256) -> Result<Output, PayoutError> {
        match self.generation {
            Generation::V2 => Ok(Output::Voucher { destination: to, value: amount, payload: Vec::new() }),
            Generation::V1 => Ok(call(self.app()?, &withdrawEtherCall { to, amount })),
        }
    }

    pub(crate) fn erc20(&self, token: Address, to: Address, amount: U256) -> Output {
        call(token, &transferCall { to, amount })
    }

    pub(crate) fn erc721(&self, token: Address, to: Address, id: U256) -> Result<Output, PayoutError> {
        Ok(call(token, &transferFromCall { from: self.app()?, to, id }))
    }

    pub(crate) fn erc1155(&self, token: Address, to: Address, id: U256, amount: U256) -> Result<Output, PayoutError> {
        let data = Default::default();
        Ok(call(token, &safeTransferFromCall { from: self.app()?, to, id, amount, data }))
    }

    pub(crate) fn erc1155_batch(
        &self,
        token: Address,
        to: Address,
        ids: &[U256],
        amounts: &[U256],
    ) -> Result<Output, PayoutError> {
        let (ids, amounts, data) = (ids.to_vec(), amounts.to_vec(), Default::default());
        Ok(call(token, &safeBatchTransferFromCall { from: self.app()?, to, ids, amounts, data }))
    }

    fn app(&self) -> Result<Address, PayoutError> {
        self.app.ok_or(PayoutError::AppUnknown)
    }
}

fn call(destination: Address, call: &impl SolCall) -> Output {
    Output::Voucher { destination, value: U256::ZERO, payload: call.abi_encode() }
}
