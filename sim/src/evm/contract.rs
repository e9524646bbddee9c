//! A deployed contract with its interface: calls by function name with values.

use std::sync::Arc;

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, U256};

use crate::evm::{
    abi::{Abi, AbiError, Prepared},
    chain::{Chain, Receipt},
    refusal::Error,
    value::Arg,
};

/// A contract at an address.
#[derive(Clone, Debug)]
pub struct Contract {
    /// What it is called in the simulation.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// Its interface.
    pub abi: Arc<Abi>,
}

impl Contract {
    /// Sends a transaction of `from` with `value` wei that calls `function`, named or by signature.
    ///
    /// # Errors
    /// If the arguments do not fit, or the transaction does not work out.
    pub fn send(
        &self,
        chain: &mut Chain,
        (from, value): (Address, U256),
        function: &str,
        args: &[Arg],
    ) -> Result<Receipt, Error> {
        let data = self.abi.function_for(function, args, chain.names())?.encode(args, chain.names())?;
        chain.transact(from, self.address, value, data)
    }

    /// What `function` answers to `from`; nothing is changed.
    ///
    /// # Errors
    /// If the arguments do not fit, the call does not work out, or the answer is not what the ABI says.
    pub fn view(
        &self,
        chain: &mut Chain,
        from: Address,
        function: &str,
        args: &[Arg],
    ) -> Result<Vec<DynSolValue>, Error> {
        let function = Arc::clone(self.abi.function_for(function, args, chain.names())?);
        self.view_prepared(chain, from, &function, args)
    }

    /// As [`Contract::view`], where the function answers with one unsigned number.
    ///
    /// # Errors
    /// As [`Contract::view`], and if the answer is something else.
    pub fn number(&self, chain: &mut Chain, from: Address, function: &str, args: &[Arg]) -> Result<U256, Error> {
        let function = Arc::clone(self.abi.function_for(function, args, chain.names())?);
        match self.view_prepared(chain, from, &function, args)?.as_slice() {
            [DynSolValue::Uint(number, _)] => Ok(*number),
            other => Err(Error::Abi(AbiError::Answer {
                contract: self.name.clone(),
                signature: function.signature().to_owned(),
                answer: format!("{other:?}"),
                wanted: "uint".to_owned(),
            })),
        }
    }

    /// As [`Contract::send`], with the function looked up before.
    ///
    /// # Errors
    /// As [`Contract::send`].
    pub fn send_prepared(
        &self,
        chain: &mut Chain,
        (from, value): (Address, U256),
        function: &Prepared,
        args: &[Arg],
    ) -> Result<Receipt, Error> {
        let data = function.encode(args, chain.names())?;
        chain.transact(from, self.address, value, data)
    }

    /// As [`Contract::view`], with the function looked up before.
    ///
    /// # Errors
    /// As [`Contract::view`].
    pub fn view_prepared(
        &self,
        chain: &mut Chain,
        from: Address,
        function: &Prepared,
        args: &[Arg],
    ) -> Result<Vec<DynSolValue>, Error> {
        let data = function.encode(args, chain.names())?;
        let answer = chain.view(from, self.address, data)?;
        Ok(function.decode(&answer, &self.name)?)
    }
}
