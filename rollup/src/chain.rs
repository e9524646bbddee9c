//! The chain, as the node reads and writes it. The one file with a provider.

use std::time::Duration;

use alloy::network::EthereumWallet;
use alloy::primitives::{Address, B256, Bytes, U256, address};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::{BlockNumberOrTag, Filter, Log, TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolEvent};
use alloy::transports::http::reqwest::Url;
use tokio::time::{sleep, timeout};

use crate::cartesi::{DataAvailability, IApplication, IAuthority, IInputBox, ISelfHostedApplicationFactory, Inputs};
use crate::store::{Execution, Found, Input, InputStatus, Setup};

/// How long a transaction may take to be mined.
const MINED: Duration = Duration::from_secs(120);

/// Between two looks whether it is mined: the first and the longest. A chain of one's own has mined it at once.
const LOOKS: (Duration, Duration) = (Duration::from_millis(2), Duration::from_secs(1));

/// Blocks that one request for logs covers at most.
pub(crate) const MAX_BLOCKS: u64 = 10_000;

/// Deploys what it is called with, after a salt.
const PROXY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// Why the chain does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The endpoint is not there, or fails.
    #[error("the chain does not answer: {0}")]
    Rpc(String),
    /// Not an application of Cartesi rollups 2.
    #[error("{0} is no application of Cartesi rollups 2 on this chain: {1}")]
    NotAnApp(Address, String),
    /// A claim was mined and failed.
    #[error("the claim of epoch {epoch} was refused in transaction {transaction}")]
    ClaimRefused {
        /// Which epoch.
        epoch: u64,
        /// Where.
        transaction: B256,
    },
    /// A contract is not there after the transaction that should make it.
    #[error("transaction {0} made no contract; the chain may lack the deterministic deployment proxy")]
    NotDeployed(B256),
    /// The endpoint answers what no chain can.
    #[error("the chain's answer makes no sense: {0}")]
    Nonsense(&'static str),
}

/// What some blocks hold.
pub(crate) struct Scan {
    pub(crate) found: Found,
    /// The last of these blocks and its hash.
    pub(crate) last: (u64, B256),
}

/// A chain with an application.
#[derive(Clone, Debug)]
pub struct Chain {
    provider: DynProvider,
    /// Who claims.
    claimer: Option<Address>,
}

impl Chain {
    /// The chain at `url`. With a signer, claims can be submitted.
    #[must_use]
    pub fn at(url: Url, signer: Option<PrivateKeySigner>) -> Self {
        let claimer = signer.as_ref().map(PrivateKeySigner::address);
        let provider = match signer {
            Some(signer) => ProviderBuilder::new()
                .with_simple_nonce_management()
                .wallet(EthereumWallet::from(signer))
                .connect_http(url)
                .erased(),
            None => ProviderBuilder::new().connect_http(url).erased(),
        };
        Self { provider, claimer }
    }

    /// What the contract of an application says of itself.
    pub async fn setup(&self, app: Address) -> Result<Setup, ChainError> {
        let chain_id = self.provider.get_chain_id().await.map_err(rpc)?;
        let contract = IApplication::new(app, &self.provider);
        let not_an_app = |error: alloy::contract::Error| ChainError::NotAnApp(app, error.to_string());
        let availability = contract.getDataAvailability().call().await.map_err(not_an_app)?;
        let input_box = DataAvailability::InputBoxCall::abi_decode(&availability)
            .map_err(|_| ChainError::NotAnApp(app, "its inputs are not in an InputBox alone".to_owned()))?
            .inputBox;
        let consensus = contract.getOutputsMerkleRootValidator().call().await.map_err(not_an_app)?;
        let template_hash = contract.getTemplateHash().call().await.map_err(not_an_app)?;
        let epoch_length =
            IAuthority::new(consensus, &self.provider).getEpochLength().call().await.map_err(not_an_app)?;
        let box_block =
            IInputBox::new(input_box, &self.provider).getDeploymentBlockNumber().call().await.map_err(not_an_app)?;
        let (epoch_length, from_block) = (short(epoch_length)?, short(box_block)?);
        if epoch_length == 0 {
            return Err(ChainError::Nonsense("an epoch has no blocks"));
        }
        Ok(Setup { chain_id, input_box, app, consensus, epoch_length, template_hash, from_block })
    }

    /// Makes a contract by the deterministic deployment proxy, unless it is there. Its address follows from its code.
    pub async fn deploy(&self, creation_code: &[u8]) -> Result<Address, ChainError> {
        let address = PROXY.create2_from_code(B256::ZERO, creation_code);
        if !self.has_code(address).await? {
            let input = [B256::ZERO.as_slice(), creation_code].concat();
            let request = TransactionRequest::default().to(PROXY).input(input.into());
            let pending = self.provider.send_transaction(request).await.map_err(rpc)?;
            let receipt = self.receipt(*pending.tx_hash()).await?;
            if !receipt.status() || !self.has_code(address).await? {
                return Err(ChainError::NotDeployed(receipt.transaction_hash));
            }
        }
        Ok(address)
    }

    /// Makes an authority and an application of the claimer's, unless they are there, and gives the application.
    pub(crate) async fn deploy_app(
        &self,
        factory: Address,
        input_box: Address,
        epoch_length: u64,
        template_hash: B256,
    ) -> Result<Address, ChainError> {
        let owner = self.claimer.ok_or(ChainError::Nonsense("nobody signs for the application"))?;
        let failed = |error: alloy::contract::Error| ChainError::Rpc(error.to_string());
        let availability = Bytes::from(DataAvailability::InputBoxCall { inputBox: input_box }.abi_encode());
        let factory = ISelfHostedApplicationFactory::new(factory, &self.provider);
        let (epoch_length, salt) = (U256::from(epoch_length), B256::ZERO);
        let expected = factory
            .calculateAddresses(owner, epoch_length, owner, template_hash, availability.clone(), salt)
            .call()
            .await
            .map_err(failed)?
            .appAddress;
        if !self.has_code(expected).await? {
            let call = factory.deployContracts(owner, epoch_length, owner, template_hash, availability, salt);
            let pending = call.send().await.map_err(failed)?;
            let receipt = self.receipt(*pending.tx_hash()).await?;
            if !receipt.status() {
                return Err(ChainError::NotDeployed(receipt.transaction_hash));
            }
        }
        Ok(expected)
    }

    async fn has_code(&self, address: Address) -> Result<bool, ChainError> {
        Ok(!self.provider.get_code_at(address).await.map_err(rpc)?.is_empty())
    }

    /// The number and the hash of the last block.
    pub(crate) async fn head(&self) -> Result<(u64, B256), ChainError> {
        let block = self.provider.get_block_by_number(BlockNumberOrTag::Latest).await.map_err(rpc)?;
        let header = block.ok_or(ChainError::Nonsense("there is no last block"))?.header;
        Ok((header.number, header.hash))
    }

    /// The hash of a block; `None` if the chain does not reach it.
    pub(crate) async fn block_hash(&self, number: u64) -> Result<Option<B256>, ChainError> {
        let block = self.provider.get_block_by_number(BlockNumberOrTag::Number(number)).await.map_err(rpc)?;
        Ok(block.map(|block| block.header.hash))
    }

    /// What happened from `from` to at most `to`, less than [`MAX_BLOCKS`] later, and the last block that this is about;
    /// `None` if the chain goes another way meanwhile.
    pub(crate) async fn found(&self, setup: &Setup, from: u64, to: u64) -> Result<Option<Scan>, ChainError> {
        let mut last = to;
        loop {
            // Logs name no chain. They are of this one if it has the same block before they are asked for and after.
            let Some(hash) = self.block_hash(last).await? else { return Ok(None) };
            match self.found_between(setup, from, last).await {
                // An endpoint may refuse what it finds too much.
                Err(ChainError::Rpc(_)) if last > from => last = from + (last - from) / 2,
                found => {
                    let (found, is_same) = (found?, self.block_hash(last).await? == Some(hash));
                    return Ok(is_same.then_some(Scan { found, last: (last, hash) }));
                }
            }
        }
    }

    async fn found_between(&self, setup: &Setup, from: u64, to: u64) -> Result<Found, ChainError> {
        let range = Filter::new().from_block(from).to_block(to);
        let added = range
            .clone()
            .address(setup.input_box)
            .event_signature(IInputBox::InputAdded::SIGNATURE_HASH)
            .topic1(setup.app.into_word());
        let executed = range.address(setup.app).event_signature(IApplication::OutputExecuted::SIGNATURE_HASH);
        let mut found = Found::default();
        for log in self.provider.get_logs(&added).await.map_err(rpc)? {
            found.inputs.push(input(setup, &log)?);
        }
        for log in self.provider.get_logs(&executed).await.map_err(rpc)? {
            let event = log.log_decode::<IApplication::OutputExecuted>().map_err(|_| UNREADABLE)?;
            let (transaction, block, _) = place(&log)?;
            found.executions.push(Execution { output: event.inner.data.outputIndex, transaction, block });
        }
        Ok(found)
    }

    /// Whether this node may claim.
    pub(crate) async fn can_claim(&self, setup: &Setup) -> Result<bool, ChainError> {
        let Some(claimer) = self.claimer else { return Ok(false) };
        let owner = IAuthority::new(setup.consensus, &self.provider).owner().call().await;
        Ok(owner.is_ok_and(|owner| owner == claimer))
    }

    /// Whether the consensus has accepted this root.
    pub(crate) async fn is_accepted(&self, setup: &Setup, root: B256) -> Result<bool, ChainError> {
        let authority = IAuthority::new(setup.consensus, &self.provider);
        authority
            .isOutputsMerkleRootValid(setup.app, root)
            .call()
            .await
            .map_err(|error| ChainError::Rpc(error.to_string()))
    }

    /// Claims the outputs' root of an epoch, and waits for the transaction.
    pub(crate) async fn claim(&self, setup: &Setup, epoch: u64, root: B256) -> Result<B256, ChainError> {
        let last_block = U256::from((epoch + 1) * setup.epoch_length - 1);
        let authority = IAuthority::new(setup.consensus, &self.provider);
        let failed = |error: alloy::contract::Error| ChainError::Rpc(error.to_string());
        let pending = authority.submitClaim(setup.app, last_block, root).send().await.map_err(failed)?;
        let receipt = self.receipt(*pending.tx_hash()).await?;
        let transaction = receipt.transaction_hash;
        if receipt.status() { Ok(transaction) } else { Err(ChainError::ClaimRefused { epoch, transaction }) }
    }

    /// Waits until a transaction is mined.
    async fn receipt(&self, transaction: B256) -> Result<TransactionReceipt, ChainError> {
        let (mut pause, longest) = LOOKS;
        let mined = async {
            loop {
                if let Some(receipt) = self.provider.get_transaction_receipt(transaction).await.map_err(rpc)? {
                    return Ok(receipt);
                }
                sleep(pause).await;
                pause = longest.min(pause * 2);
            }
        };
        timeout(MINED, mined).await.unwrap_or_else(|_| {
            Err(ChainError::Rpc(format!("transaction {transaction} is not mined after {} seconds", MINED.as_secs())))
        })
    }
}

const UNREADABLE: ChainError = ChainError::Nonsense("an event cannot be read");

/// An input and the hash of its block.
fn input(setup: &Setup, log: &Log) -> Result<(Input, B256), ChainError> {
    let (transaction_hash, block_number, block_hash) = place(log)?;
    let event = log.log_decode::<IInputBox::InputAdded>().map_err(|_| UNREADABLE)?.inner.data;
    let call = Inputs::EvmAdvanceCall::abi_decode(&event.input).map_err(|_| UNREADABLE)?;
    let (index, epoch) = (short(event.index)?, block_number / setup.epoch_length);
    let (sender, raw, status) = (call.msgSender, event.input.to_vec(), InputStatus::Unprocessed);
    Ok((Input { index, epoch, block_number, transaction_hash, sender, raw, status }, block_hash))
}

fn place(log: &Log) -> Result<(B256, u64, B256), ChainError> {
    let place = log.transaction_hash.zip(log.block_number).zip(log.block_hash);
    let ((transaction, number), hash) = place.ok_or(ChainError::Nonsense("a log is in no block"))?;
    Ok((transaction, number, hash))
}

fn short(number: U256) -> Result<u64, ChainError> {
    u64::try_from(number).map_err(|_| ChainError::Nonsense("a number exceeds 64 bits"))
}

fn rpc(error: alloy::transports::TransportError) -> ChainError {
    ChainError::Rpc(error.to_string())
}
