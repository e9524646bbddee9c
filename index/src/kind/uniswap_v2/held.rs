//! What pairs say of themselves: their tokens, and what they hold of each.

use alloy::{
    primitives::{Address, B256},
    sol,
    sol_types::SolCall,
};

use crate::{
    Result,
    kind::{
        Reader,
        metadata::{N_AT_ONCE, ask},
    },
};

sol! {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 timestamp);
}

/// What a pair says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) tokens: [Address; 2],
    pub(crate) reserves: [u128; 2],
}

/// Asks pairs for their tokens and reserves, as of the block of hash `at` or as of the newest. What is no pair gives
/// nothing.
pub(crate) fn pairs(reader: &dyn Reader, pairs: &[Address], at: Option<B256>) -> Result<Vec<Option<Held>>> {
    let mut read = Vec::with_capacity(pairs.len());
    for some in pairs.chunks(N_AT_ONCE) {
        let inputs = [token0Call {}.abi_encode(), token1Call {}.abi_encode(), getReservesCall {}.abi_encode()];
        let answers = ask(reader, some, &inputs, at)?;
        read.extend(answers.chunks_exact(inputs.len()).map(|answers| {
            let token = |i: usize| token0Call::abi_decode_returns(answers[i].as_ref()?).ok();
            let reserves = getReservesCall::abi_decode_returns(answers[2].as_ref()?).ok()?;
            let reserves = [reserves.reserve0.to(), reserves.reserve1.to()];
            Some(Held { tokens: [token(0)?, token(1)?], reserves })
        }));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Bytes;

    use super::*;
    use crate::kind::Call;

    #[test]
    fn what_says_nothing_is_no_pair() {
        struct Silent;
        impl Reader for Silent {
            fn read(&self, calls: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
                Ok(vec![None; calls.len()])
            }
        }
        assert_eq!(pairs(&Silent, &[Address::repeat_byte(1)], None).unwrap(), [None]);
    }
}
