//! A chain with Cartesi's contracts, an application, and a node.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs};

use alloy::network::EthereumWallet;
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol;
use alloy::sol_types::SolCall;
use rollup::{Chain, Config, Contracts, Event, Node, Program, Store};

use crate::anvil::Anvil;

sol! {
    function depositEther(address app, bytes exec) external payable;
    function depositERC20Tokens(address token, address app, uint256 amount, bytes exec) external;
    function addInput(address app, bytes payload) external returns (bytes32);
    struct Proof { uint64 outputIndex; bytes32[] siblings; }
    function executeOutput(bytes output, Proof proof) external;
    function validateOutput(bytes output, Proof proof) external view;
}

pub const EPOCH_LENGTH: u64 = 10;

/// Anvil's first accounts; the first claims.
const KEYS: [&str; 3] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];

pub struct World {
    pub anvil: Anvil,
    pub provider: DynProvider,
    pub contracts: Contracts,
    pub app: Address,
    pub directory: PathBuf,
}

pub fn user(number: usize) -> PrivateKeySigner {
    KEYS[number].parse().unwrap()
}

/// The program, built as the tests are.
pub fn streamable_token() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let tests = env::current_exe().unwrap();
            let folder = tests.parent().unwrap().parent().unwrap();
            let mut build = Command::new(env!("CARGO"));
            let profile = folder.file_name().unwrap().to_str().unwrap();
            let profile = if profile == "debug" { "dev" } else { profile };
            build.args(["build", "--quiet", "--locked", "-p", "dapp", "--profile", profile]);
            assert!(build.status().unwrap().success());
            folder.join("streamable-token")
        })
        .clone()
}

impl World {
    pub async fn start(name: &str) -> Self {
        let anvil = Anvil::start().await.unwrap();
        let url = anvil.url().parse().unwrap();
        let mut wallet = EthereumWallet::from(user(0));
        (1..KEYS.len()).for_each(|number| wallet.register_signer(user(number)));
        let provider = ProviderBuilder::new().with_simple_nonce_management().wallet(wallet).connect_http(url).erased();
        let directory = env::temp_dir().join(format!("rollup-{name}-{}", std::process::id()));
        fs::remove_dir_all(&directory).ok();
        fs::create_dir_all(&directory).unwrap();
        let chain = Chain::at(anvil.url().parse().unwrap(), Some(user(0)));
        let artifacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/node_modules/@cartesi/rollups/out");
        let contracts = rollup::deploy(&chain, &artifacts).await.unwrap();
        let app = rollup::deploy_app(&chain, &contracts, EPOCH_LENGTH).await.unwrap();
        Self { anvil, provider, contracts, app, directory }
    }

    pub async fn node(&self) -> Node {
        Self::node_of(self.anvil.url(), self.app, &self.directory).await
    }

    pub async fn node_of(url: &str, app: Address, directory: &Path) -> Node {
        let chain = Chain::at(url.parse().unwrap(), Some(user(0)));
        let program = Program {
            command: vec![streamable_token().into(), "run".into()],
            variables: vec![
                ("STREAMABLE_TOKEN_DURABILITY".into(), "system".into()),
                ("STREAM_PORTAL".into(), bindings::portal_address().to_string().into()),
            ],
            directory: directory.to_owned(),
        };
        let (database, pause) = (directory.join("node.db"), Duration::from_millis(50));
        Node::start(chain, Config { app, program, database, pause }).await.unwrap()
    }

    pub fn database(&self) -> PathBuf {
        self.directory.join("node.db")
    }

    pub fn store(&self) -> Store {
        Store::open(&self.database()).unwrap()
    }

    pub async fn send(&self, from: usize, to: Address, value: u64, call: impl SolCall) -> TransactionReceipt {
        let request = TransactionRequest::default()
            .from(user(from).address())
            .to(to)
            .value(U256::from(value))
            .input(Bytes::from(call.abi_encode()).into());
        let receipt = self.provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status());
        receipt
    }

    pub async fn deposit_ether(&self, from: usize, amount: u64, exec: &[u8]) {
        let call = depositEtherCall { app: self.app, exec: exec.to_vec().into() };
        self.send(from, self.contracts.ether_portal, amount, call).await;
    }

    pub async fn input(&self, from: usize, payload: &str) {
        let call = addInputCall { app: self.app, payload: payload.as_bytes().to_vec().into() };
        self.send(from, self.contracts.input_box, 0, call).await;
    }

    pub async fn mine(&self, blocks: u64) {
        let _: () = self.provider.raw_request("anvil_mine".into(), [U256::from(blocks)]).await.unwrap();
    }

    /// An output of an accepted epoch, with its proof.
    pub fn proof(&self, index: u64) -> (Bytes, Proof) {
        let store = self.store();
        let output = store.output(index).unwrap().unwrap();
        let epoch = store.epoch(output.epoch).unwrap().unwrap();
        let siblings: Vec<B256> = store.siblings(index, epoch.n_outputs.unwrap()).unwrap().to_vec();
        (output.raw.into(), Proof { outputIndex: index, siblings })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// What a node tells in one step.
pub async fn step(node: &mut Node) -> Vec<Event> {
    let mut events = Vec::new();
    node.step(|event| events.push(event)).await.unwrap();
    events
}

/// The answer to a question, as text.
pub async fn ask(node: &Node, question: &str) -> String {
    let machine = node.machine();
    let answer = machine.inspect(question.as_bytes()).await.unwrap();
    String::from_utf8(answer.reports.concat()).unwrap()
}
