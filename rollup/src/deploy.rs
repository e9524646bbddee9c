//! Cartesi's contracts on a chain of one's own, from the artifacts that npm installed.

use std::fs;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::SolValue;
use serde::Deserialize;

use crate::chain::{Chain, ChainError};

/// Where the contracts are. With the same artifacts these are the same on every chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contracts {
    /// The order of inputs.
    pub input_box: Address,
    /// Takes Ether.
    pub ether_portal: Address,
    /// Takes ERC-20 tokens.
    pub erc20_portal: Address,
    /// Takes ERC-721 tokens.
    pub erc721_portal: Address,
    /// Takes one ERC-1155 token.
    pub erc1155_single_portal: Address,
    /// Takes many ERC-1155 tokens.
    pub erc1155_batch_portal: Address,
    /// Code for vouchers of tokens that return nothing.
    pub safe_erc20_transfer: Address,
    /// Makes applications.
    pub factory: Address,
}

/// Why the contracts are not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An artifact is missing or none.
    #[error("{path}: {why}; run `make` in the repository, which installs Cartesi's contracts")]
    Artifact {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Deserialize)]
struct Artifact {
    bytecode: Bytecode,
}

#[derive(Deserialize)]
struct Bytecode {
    object: Bytes,
}

/// Deploys what is not there yet, from the artifacts in `directory`, `@cartesi/rollups/out` of npm.
pub async fn deploy(chain: &Chain, directory: &Path) -> Result<Contracts, DeployError> {
    let with = |name: &str, arguments: Vec<u8>| -> Result<Vec<u8>, DeployError> {
        Ok([creation_code(directory, name)?, arguments].concat())
    };
    let input_box = chain.deploy(&with("InputBox", Vec::new())?).await?;
    let behind = |name: &str| with(name, input_box.abi_encode());
    let ether_portal = chain.deploy(&behind("EtherPortal")?).await?;
    let erc20_portal = chain.deploy(&behind("ERC20Portal")?).await?;
    let erc721_portal = chain.deploy(&behind("ERC721Portal")?).await?;
    let erc1155_single_portal = chain.deploy(&behind("ERC1155SinglePortal")?).await?;
    let erc1155_batch_portal = chain.deploy(&behind("ERC1155BatchPortal")?).await?;
    let safe_erc20_transfer = chain.deploy(&with("SafeERC20Transfer", Vec::new())?).await?;
    let applications = chain.deploy(&with("ApplicationFactory", Vec::new())?).await?;
    let authorities = chain.deploy(&with("AuthorityFactory", Vec::new())?).await?;
    let arguments = (authorities, applications).abi_encode_params();
    let factory = chain.deploy(&with("SelfHostedApplicationFactory", arguments)?).await?;
    Ok(Contracts {
        input_box,
        ether_portal,
        erc20_portal,
        erc721_portal,
        erc1155_single_portal,
        erc1155_batch_portal,
        safe_erc20_transfer,
        factory,
    })
}

/// Deploys an application of the chain's signer, whose epochs have `epoch_length` blocks, unless it is there.
pub async fn deploy_app(chain: &Chain, contracts: &Contracts, epoch_length: u64) -> Result<Address, DeployError> {
    Ok(chain.deploy_app(contracts.factory, contracts.input_box, epoch_length, template_hash()).await?)
}

/// There is no machine, and this says so.
fn template_hash() -> B256 {
    keccak256("streamctl development node: no machine")
}

fn creation_code(directory: &Path, name: &str) -> Result<Vec<u8>, DeployError> {
    let path = directory.join(format!("{name}.sol/{name}.json"));
    let read = || -> Result<Artifact, String> {
        serde_json::from_slice(&fs::read(&path).map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    };
    match read() {
        Ok(artifact) => Ok(artifact.bytecode.object.into()),
        Err(why) => Err(DeployError::Artifact { path, why }),
    }
}
