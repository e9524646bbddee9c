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
            (PayoutForm::Transfer, _) => Ok(call(token, &transferCall { to: account, amount })),
            (PayoutForm::SafeTransfer, _) if token.is_zero() => Err(PayoutError::EtherIsPlain),
            (PayoutForm::SafeTransfer, Generation::V1) => Err(PayoutError::NoDelegateCall(token)),
            (PayoutForm::SafeTransfer, Generation::V2) => Ok(self.erc20(token, account, amount)),
        }
    }

    /// Pays wei. A voucher of v1 carries none, so there the application calls itself.
    pub(crate) fn ether(&self, to: Address, amount: U256) -> Result<Output, PayoutError> {
        match self.generation {
            Generation::V2 => Ok(Output::Voucher { destination: to, value: amount, payload: Vec::new() }),
            Generation::V1 => Ok(call(self.app()?, &withdrawEtherCall { to, amount })),
        }
    }

    /// Pays tokens in the safest form that there is. Cartesi's application does not look at what a token answers, so a
    /// plain transfer that the token refuses by answering false counts as executed, and moves nothing.
    pub(crate) fn erc20(&self, token: Address, to: Address, amount: U256) -> Output {
        match self.generation {
            Generation::V1 => call(token, &transferCall { to, amount }),
            Generation::V2 => Output::DelegateCallVoucher {
                destination: self.safe_erc20_transfer,
                payload: safeTransferCall { token, to, amount }.abi_encode(),
            },
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deposit::Deposit;
    use Generation::{V1, V2};
    use alloy_primitives::{address, hex};

    const TOKEN: Address = address!("0xb7f8bc63bbcad18155201308c8f3540b07f84f5e");
    const ALICE: Address = address!("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    const APP: Address = address!("0x54451c358b135f7ab3f02d3a9b4306fddd175fb1");
    const SAFE: Address = address!("0x5afe000000000000000000000000000000000001");
    const TOKEN_WORD: &str = "b7f8bc63bbcad18155201308c8f3540b07f84f5e";
    const ALICE_WORD: &str = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    const APP_WORD: &str = "54451c358b135f7ab3f02d3a9b4306fddd175fb1";

    fn payer(generation: Generation, app: Option<Address>) -> Payer {
        Payer { generation, app, safe_erc20_transfer: SAFE }
    }

    /// A selector and words, each in as few digits as it needs.
    fn calldata(selector: &str, words: &[&str]) -> Vec<u8> {
        let words: String = words.iter().map(|word| format!("{word:0>64}")).collect();
        hex::decode(format!("{selector}{words}")).unwrap()
    }

    fn voucher(destination: Address, selector: &str, words: &[&str]) -> Output {
        Output::Voucher { destination, value: U256::ZERO, payload: calldata(selector, words) }
    }

    fn pay(payer: &Payer, token: Address, form: PayoutForm) -> Result<Output, PayoutError> {
        payer.pay(token, ALICE, U256::from(500), form)
    }

    #[test]
    fn a_plain_transfer_is_called_on_the_token() {
        for payer in [payer(V1, None), payer(V2, Some(APP))] {
            let expected = voucher(TOKEN, "a9059cbb", &[ALICE_WORD, "1f4"]);
            assert_eq!(pay(&payer, TOKEN, PayoutForm::Transfer), Ok(expected));
        }
    }

    fn safely_back() -> Output {
        let payload = calldata("d1660f99", &[TOKEN_WORD, ALICE_WORD, "1f4"]);
        Output::DelegateCallVoucher { destination: SAFE, payload }
    }

    #[test]
    fn a_safe_transfer_is_a_delegate_call_of_v2() {
        assert_eq!(pay(&payer(V2, None), TOKEN, PayoutForm::SafeTransfer), Ok(safely_back()));
        let refused = pay(&payer(V1, Some(APP)), TOKEN, PayoutForm::SafeTransfer).unwrap_err();
        assert_eq!(refused, PayoutError::NoDelegateCall(TOKEN));
    }

    #[test]
    fn ether_goes_with_the_voucher_in_v2_and_by_a_call_of_the_application_to_itself_in_v1() {
        let expected = Output::Voucher { destination: ALICE, value: U256::from(500), payload: Vec::new() };
        assert_eq!(pay(&payer(V2, None), Address::ZERO, PayoutForm::Transfer), Ok(expected));
        let expected = voucher(APP, "522f6815", &[ALICE_WORD, "1f4"]);
        assert_eq!(pay(&payer(V1, Some(APP)), Address::ZERO, PayoutForm::Transfer), Ok(expected));
        let refused = pay(&payer(V1, None), Address::ZERO, PayoutForm::Transfer);
        assert_eq!(refused, Err(PayoutError::AppUnknown));
        for payer in [payer(V1, Some(APP)), payer(V2, Some(APP))] {
            assert_eq!(pay(&payer, Address::ZERO, PayoutForm::SafeTransfer), Err(PayoutError::EtherIsPlain));
        }
    }

    /// What goes back, from an application that knows its address and from one that does not.
    #[track_caller]
    fn check_back(deposit: &Deposit, known: Option<Output>, unknown: Option<Result<Output, PayoutError>>) {
        assert_eq!(deposit.give_back(&payer(V1, Some(APP))), known.clone().map(Ok));
        let fungible = matches!(deposit, Deposit::Fungible { .. } | Deposit::NoToken { .. });
        let known = if fungible { Some(safely_back()) } else { known };
        assert_eq!(deposit.give_back(&payer(V2, Some(APP))), known.map(Ok));
        assert_eq!(deposit.give_back(&payer(V1, None)), unknown);
    }

    #[test]
    fn deposits_go_back_to_their_depositors() {
        let (token, depositor, amount) = (TOKEN, ALICE, U256::from(500));
        let erc20 = voucher(TOKEN, "a9059cbb", &[ALICE_WORD, "1f4"]);
        let exec = b"{}".to_vec();
        for deposit in
            [Deposit::Fungible { token, depositor, amount, exec }, Deposit::NoToken { token, depositor, amount }]
        {
            check_back(&deposit, Some(erc20.clone()), Some(Ok(erc20.clone())));
        }
        let unknown = || Some(Err(PayoutError::AppUnknown));
        let id = U256::from(7);
        check_back(
            &Deposit::Erc721 { token, depositor, id },
            Some(voucher(TOKEN, "23b872dd", &[APP_WORD, ALICE_WORD, "7"])),
            unknown(),
        );
        check_back(
            &Deposit::Erc1155 { token, depositor, id, amount },
            Some(voucher(TOKEN, "f242432a", &[APP_WORD, ALICE_WORD, "7", "1f4", "a0", "0"])),
            unknown(),
        );
        let batch = ["a0", "100", "160", "2", "1", "2", "2", "5", "6", "0"];
        check_back(
            &Deposit::Erc1155Batch {
                token,
                depositor,
                ids: vec![U256::from(1), U256::from(2)],
                amounts: vec![U256::from(5), U256::from(6)],
            },
            Some(voucher(TOKEN, "2eb2c2d6", &[&[APP_WORD, ALICE_WORD], batch.as_slice()].concat())),
            unknown(),
        );
        for nothing in [Deposit::Failed { token, depositor, amount }, Deposit::AppAddress(APP), Deposit::Unreadable] {
            check_back(&nothing, None, None);
        }
    }

    #[test]
    fn ether_over_the_cap_goes_back_as_ether() {
        let deposit =
            Deposit::Fungible { token: Address::ZERO, depositor: ALICE, amount: U256::from(500), exec: Vec::new() };
        let expected = Output::Voucher { destination: ALICE, value: U256::from(500), payload: Vec::new() };
        assert_eq!(deposit.give_back(&payer(V2, None)), Some(Ok(expected)));
        let expected = voucher(APP, "522f6815", &[ALICE_WORD, "1f4"]);
        assert_eq!(deposit.give_back(&payer(V1, Some(APP))), Some(Ok(expected)));
        assert_eq!(deposit.give_back(&payer(V1, None)), Some(Err(PayoutError::AppUnknown)));
    }

    #[test]
    fn refusals_name_the_remedy() {
        for (error, expected) in [
            (PayoutError::AppUnknown, "the application's address is not known yet; send it by DAppAddressRelay first"),
            (
                PayoutError::NoDelegateCall(TOKEN),
                "rollups v1 has no delegate calls; withdraw token 0xB7f8BC63BbcaD18155201308C8f3540b07f84F5e by a plain transfer",
            ),
            (PayoutError::EtherIsPlain, "ether needs no safe transfer; withdraw it plainly"),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }
}
