//! Calls in the ABI's encoding, which a contract can build.

use alloy_primitives::hex;
use alloy_sol_types::abi::AbiDecoderConfig;
use alloy_sol_types::{SolInterface, sol};

use crate::call::{Call, Malformed, PayoutForm, shorten};

use StreamableTokenInputs::{
    StreamableTokenInputsCalls as Inputs, batchCall, cancelStreamCall, extendStreamCall, safeWithdrawCall, streamCall,
    transferCall, withdrawCall,
};

sol! {
    /// What a user may ask for. The zero address as a token is Ether; amounts are base units; times are seconds.
    #[derive(Debug, PartialEq, Eq)]
    interface StreamableTokenInputs {
        /// Moves an amount at once.
        function transfer(address token, address recipient, uint256 amount) external;
        /// Starts a stream; a start of 0 is at once.
        function stream(address token, address recipient, uint256 amount, uint64 start, uint64 duration) external;
        /// Adds money, time or both to a stream of the caller that has not ended.
        function extendStream(uint64 streamId, uint256 amount, uint64 duration) external;
        /// Ends a stream of the caller early.
        function cancelStream(uint64 streamId) external;
        /// Pays out on the chain below, by the token's `transfer`.
        function withdraw(address token, uint256 amount) external;
        /// Pays out on the chain below, by `SafeERC20Transfer`.
        function safeWithdraw(address token, uint256 amount) external;
        /// Several of these, all or none.
        function batch(bytes[] calls) external;
    }
}

/// Reads a call from its canonical encoding. Whatever encodes differently again is refused, so that nothing hides in an
/// input.
pub(crate) fn decode(payload: &[u8]) -> Result<Call, Malformed> {
    let calls = match decode_one(payload)? {
        Inputs::batch(batchCall { calls }) => calls,
        single => return Ok(into_call(single)),
    };
    let calls = calls.iter().map(|call| decode_one(call)).collect::<Result<Vec<_>, _>>()?;
    // What is a batch inside a batch is for the caller to refuse, and holds nothing here.
    Ok(Call::Batch(calls.into_iter().map(into_call).collect()))
}

fn decode_one(payload: &[u8]) -> Result<Inputs, Malformed> {
    let selector = payload.first_chunk::<4>().copied();
    let Some(method) = selector.and_then(Inputs::name_by_selector) else {
        let selector = hex::encode_prefixed(&payload[..payload.len().min(4)]);
        return Err(Malformed::UnknownSelector { selector, known: known() });
    };
    let strict = AbiDecoderConfig::new().strict(true);
    Inputs::abi_decode_with_config(payload, strict)
        .map_err(|error| Malformed::Arguments { method, why: shorten(&error.to_string()) })
}

/// The call, without what a batch holds.
fn into_call(input: Inputs) -> Call {
    match input {
        Inputs::transfer(transferCall { token, recipient, amount }) => Call::Transfer { token, recipient, amount },
        Inputs::stream(streamCall { token, recipient, amount, start, duration }) => {
            Call::Stream { token, recipient, amount, start, duration }
        }
        Inputs::extendStream(extendStreamCall { streamId, amount, duration }) => {
            Call::ExtendStream { stream: streamId, amount, duration }
        }
        Inputs::cancelStream(cancelStreamCall { streamId }) => Call::CancelStream { stream: streamId, token: None },
        Inputs::withdraw(withdrawCall { token, amount }) => {
            Call::Withdraw { token, amount, form: PayoutForm::Transfer }
        }
        Inputs::safeWithdraw(safeWithdrawCall { token, amount }) => {
            Call::Withdraw { token, amount, form: PayoutForm::SafeTransfer }
        }
        Inputs::batch(_) => Call::Batch(Vec::new()),
    }
}

/// The methods with their selectors.
fn known() -> String {
    let method = |selector: [u8; 4]| {
        let name = Inputs::name_by_selector(selector).unwrap_or_default();
        format!("{name} {}", hex::encode_prefixed(selector))
    };
    Inputs::selectors().map(method).collect::<Vec<_>>().join(", ")
}
