//! The application of a Cartesi rollup on the chain: its contract, and the box that its inputs go into.

use alloy::{primitives::Address, rpc::types::TransactionReceipt, sol_types::SolCall};
use bindings::cartesi::{DataAvailability, ETHER, IApplication, IInputBox::InputAdded};
use clap::Args;
use eyre::{bail, eyre};

use crate::{
    address::parse_address,
    amount::Token,
    chain::Node,
    probe::{Answer, Query},
    tx::events,
};

/// How Ether is called where a token is named.
const ETHER_WORD: &str = "ether";

/// Which rollup.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct AppArgs {
    /// Application of the rollup, by its contract.
    #[arg(long, value_name = "ADDRESS", env = "STREAMCTL_APP", hide_env_values = true, value_parser = parse_address, help_heading = "Rollup")]
    pub(crate) app: Address,
}

/// An application's contract that answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Application {
    pub(crate) address: Address,
    pub(crate) input_box: Address,
}

impl AppArgs {
    /// What to ask; see [`AppArgs::application`].
    pub(crate) fn query(&self) -> Query {
        Query::new(self.app, &IApplication::getDataAvailabilityCall {})
    }

    /// The application, from the answer to [`query`](Self::query).
    ///
    /// # Errors
    /// If there is none at the address, or if its inputs are elsewhere than in an InputBox.
    pub(crate) async fn application(&self, node: &Node, answer: &Answer) -> eyre::Result<Application> {
        let (app, chain_id) = (self.app, node.chain_id);
        let Some(availability) = answer.decode::<IApplication::getDataAvailabilityCall>() else {
            if node.has_code(app).await? {
                bail!("{app} on chain {chain_id} is not a Cartesi application; check --app and the chain");
            }
            bail!("there is no contract at {app} on chain {chain_id}; check --app and the chain");
        };
        let input_box = DataAvailability::InputBoxCall::abi_decode(&availability)
            .map_err(|_| eyre!("the inputs of {app} are not in an InputBox; streamctl cannot reach this application"))?
            .inputBox;
        Ok(Application { address: app, input_box })
    }
}

impl Application {
    /// The input that the transaction added.
    ///
    /// # Errors
    /// If it added none.
    pub(crate) fn added(&self, receipt: &TransactionReceipt) -> eyre::Result<InputAdded> {
        self.all_added(receipt)
            .next()
            .ok_or_else(|| eyre!("transaction {} added no input for {}", receipt.transaction_hash, self.address))
    }

    /// All inputs that the transaction added.
    pub(crate) fn all_added(&self, receipt: &TransactionReceipt) -> impl Iterator<Item = InputAdded> {
        events::<InputAdded>(receipt, self.input_box).filter(|input| input.appContract == self.address)
    }
}

/// The address of a token, or the word for Ether, which is the zero address in a rollup.
pub(crate) fn parse_token(text: &str) -> eyre::Result<Address> {
    if text.eq_ignore_ascii_case(ETHER_WORD) { Ok(ETHER) } else { parse_address(text) }
}

/// What it takes to write amounts of a token in the rollup.
///
/// # Errors
/// If there is no such token on the chain.
pub(crate) async fn token_of(node: &Node, address: Address) -> eyre::Result<Token> {
    if address == ETHER { Ok(Token::ether()) } else { node.token(address).await }
}
