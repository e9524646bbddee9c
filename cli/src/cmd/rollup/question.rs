//! What the commands that ask a rollup node share: the node, and the chain's token names and time if there is an endpoint.

use std::{
    collections::{BTreeSet, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::primitives::{Address, U256};
use bindings::cartesi::ETHER;
use clap::Args;
use eyre::{WrapErr, eyre};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::{
    amount::Token,
    application::{AppArgs, token_of},
    chain::{EndpointArgs, Node},
    moment::Moment,
    node::{NodeArgs, RollupNode, printable},
    output::Output,
    outputs::unnamed,
    streams::tokens,
};

/// Which application at which node.
#[derive(Args, Clone, Debug)]
pub(super) struct QuestionArgs {
    #[command(flatten)]
    pub(super) app: AppArgs,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    pub(super) endpoint: EndpointArgs,
}

/// A rollup node, and the chain below it if that is at hand.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) rollup: RollupNode,
    chain: Option<Node>,
}

impl QuestionArgs {
    pub(super) fn rollup(&self) -> eyre::Result<RollupNode> {
        RollupNode::new(&self.node.node_url, self.app.app)
    }

    /// Without an RPC endpoint, amounts are units and the time is this machine's.
    pub(super) async fn open(&self) -> eyre::Result<Asked> {
        let chain = match self.endpoint.rpc_url {
            Some(_) => Some(self.endpoint.connect(&[]).await?.0),
            None => None,
        };
        Ok(Asked { rollup: self.rollup()?, chain })
    }
}

impl Asked {
    /// The chain below, if there is an RPC endpoint.
    pub(super) fn chain(&self) -> Option<&Node> {
        self.chain.as_ref()
    }

    /// Unix seconds of the moment; without one it is now.
    pub(super) fn at(&self, moment: Option<Moment>) -> eyre::Result<u64> {
        let now = match &self.chain {
            Some(chain) => chain.timestamp,
            None => SystemTime::now().duration_since(UNIX_EPOCH).wrap_err("reading the clock")?.as_secs(),
        };
        Ok(moment.unwrap_or(Moment::In(0)).unix(now))
    }

    /// What it takes to write amounts of the one token that is asked about.
    ///
    /// # Errors
    /// If the chain is at hand and has no such token.
    pub(super) async fn token(&self, address: Address) -> eyre::Result<Token> {
        match &self.chain {
            Some(chain) => token_of(chain, address).await,
            None => Ok(unnamed(address)),
        }
    }

    /// What it takes to write amounts of these tokens.
    pub(super) async fn tokens(
        &self,
        addresses: impl IntoIterator<Item = Address>,
    ) -> eyre::Result<HashMap<Address, Token>> {
        known_tokens(self.chain.as_ref(), addresses).await
    }

    /// The answer to a question, as what it ought to be.
    pub(super) async fn ask<T: DeserializeOwned>(&self, question: &str) -> eyre::Result<T> {
        let answer = self.rollup.inspect(question).await?;
        serde_json::from_value(answer).map_err(|error| {
            eyre!("the application does not answer {question} as documented: {}", printable(&error.to_string()))
        })
    }

    /// Says how many requests were made to the chain, if that is asked for.
    pub(super) fn report(&self, output: &Output) {
        if let Some(chain) = &self.chain {
            chain.report(output);
        }
    }
}

/// What it takes to write amounts of these tokens; whole units of those that nobody tells anything of.
pub(super) async fn known_tokens(
    chain: Option<&Node>,
    addresses: impl IntoIterator<Item = Address>,
) -> eyre::Result<HashMap<Address, Token>> {
    let addresses: BTreeSet<Address> = addresses.into_iter().collect();
    let mut known: HashMap<_, _> = addresses.iter().map(|address| (*address, unnamed(*address))).collect();
    if let Some(chain) = chain {
        known.extend(tokens(chain, addresses.into_iter().filter(|address| *address != ETHER)).await?);
    }
    Ok(known)
}

/// An amount, which is decimal text.
pub(super) fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| U256::from_str_radix(&text, 10).ok()).flatten();
    number.ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is no amount")))
}
