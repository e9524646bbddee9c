//! Cartesi's contracts of npm on the local chain, with StreamPortal and an application whose owner claims what it likes.

use std::{fs, path::Path};

use alloy::{
    primitives::{Address, B256, Bytes, U256, hex, keccak256},
    sol,
    sol_types::{SolCall, SolEvent, SolValue},
};
use bindings::{
    DETERMINISTIC_PROXY,
    cartesi::{DataAvailability, ERC20_PORTAL, ETHER_PORTAL, IInputBox::InputAdded, Inputs},
    portal_address, portal_deployment_input,
};
use serde_json::{Value, json};

use crate::harness::{CAROL, Net};

sol! {
    function deployContracts(address authorityOwner, uint256 epochLength, address appOwner, bytes32 templateHash, bytes dataAvailability, bytes32 salt) external returns (address, address);
    function calculateAddresses(address authorityOwner, uint256 epochLength, address appOwner, bytes32 templateHash, bytes dataAvailability, bytes32 salt) external view returns (address appAddress, address authorityAddress);
    function submitClaim(address appContract, uint256 lastProcessedBlockNumber, bytes32 outputsMerkleRoot) external;
}

/// Blocks of an epoch.
const EPOCH: u64 = 10;

/// Levels of the outputs' tree.
const HEIGHT: usize = 63;

/// A chain with a rollup: `$APP`, `$PORTAL` and `$INPUT_BOX` are named.
pub(crate) fn rollup() -> Net {
    let net = rollup_without_portal();
    net.transact(CAROL, &DETERMINISTIC_PROXY.to_string(), &portal_deployment_input());
    net
}

/// As [`rollup`], before anybody has deployed StreamPortal.
pub(crate) fn rollup_without_portal() -> Net {
    let mut net = Net::new();
    let input_box = cartesi(&net);
    deploy(&net, "SafeERC20Transfer", &[]);
    let factories = [deploy(&net, "AuthorityFactory", &[]), deploy(&net, "ApplicationFactory", &[])];
    let factory = deploy(&net, "SelfHostedApplicationFactory", &factories.abi_encode()).to_string();
    let owner: Address = CAROL.parse().unwrap();
    let availability: Bytes = DataAvailability::InputBoxCall { inputBox: input_box }.abi_encode().into();
    let arguments = (owner, U256::from(EPOCH), owner, B256::ZERO, availability, B256::ZERO);
    net.send(CAROL, &factory, &deployContractsCall::from(arguments.clone()));
    let call = hex::encode_prefixed(calculateAddressesCall::from(arguments).abi_encode());
    let answer = net.rpc("eth_call", json!([{ "to": factory, "data": call }, "latest"]));
    let answer = hex::decode(answer.as_str().unwrap()).unwrap();
    let addresses = calculateAddressesCall::abi_decode_returns(&answer).unwrap();
    net.name("$APP", addresses.appAddress);
    net.name("$AUTHORITY", addresses.authorityAddress);
    net.name("$PORTAL", portal_address());
    net.name("$INPUT_BOX", input_box);
    net
}

/// Deploys what StreamPortal stands before, and gives the box of inputs.
pub(crate) fn cartesi(net: &Net) -> Address {
    let input_box = deploy(net, "InputBox", &[]);
    assert_eq!(deploy(net, "ERC20Portal", &input_box.abi_encode()), ERC20_PORTAL);
    assert_eq!(deploy(net, "EtherPortal", &input_box.abi_encode()), ETHER_PORTAL);
    input_box
}

fn deploy(net: &Net, name: &str, arguments: &[u8]) -> Address {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/node_modules/@cartesi/rollups/out");
    let artifact = fs::read(folder.join(format!("{name}.sol/{name}.json"))).expect("make lib installs the artifacts");
    let artifact: Value = serde_json::from_slice(&artifact).unwrap();
    let code = hex::decode(artifact["bytecode"]["object"].as_str().unwrap()).unwrap();
    let code = [code.as_slice(), arguments].concat();
    net.transact(CAROL, &DETERMINISTIC_PROXY.to_string(), &[B256::ZERO.as_slice(), &code].concat());
    DETERMINISTIC_PROXY.create2_from_code(B256::ZERO, code)
}

/// All inputs of the application: as they were added, and what they carry.
pub(crate) fn inputs(net: &Net) -> Vec<(Bytes, Inputs::EvmAdvanceCall)> {
    inputs_at(&net.url(), net.named("$INPUT_BOX"))
}

/// As [`inputs`], of a chain that answers at `url`.
pub(crate) fn inputs_at(url: &str, input_box: &str) -> Vec<(Bytes, Inputs::EvmAdvanceCall)> {
    let filter = json!([{ "fromBlock": "0x0", "address": input_box, "topics": [InputAdded::SIGNATURE_HASH] }]);
    let logs = crate::harness::rpc(url, "eth_getLogs", filter);
    let decode = |log: &Value| {
        let data = hex::decode(log["data"].as_str().unwrap()).unwrap();
        let (input,) = <(Bytes,)>::abi_decode_params(&data).unwrap();
        (input.clone(), Inputs::EvmAdvanceCall::abi_decode(&input).unwrap())
    };
    logs.as_array().unwrap().iter().map(decode).collect()
}

/// Has the authority claim a root, for the epoch that has just ended.
pub(crate) fn claim(net: &Net, root: B256) {
    let block = net.rpc("eth_blockNumber", json!([]));
    let block = u64::from_str_radix(block.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    let last = (block / EPOCH + 1) * EPOCH - 1;
    net.mine(last - block + 1);
    let claim = submitClaimCall {
        appContract: net.named("$APP").parse().unwrap(),
        lastProcessedBlockNumber: U256::from(last),
        outputsMerkleRoot: root,
    };
    net.send(CAROL, net.named("$AUTHORITY"), &claim);
}

/// The outputs' tree in full, level by level from the leaves up; what is missing is a tree of nothing.
pub(crate) struct Tree(Vec<Vec<B256>>);

impl Tree {
    pub(crate) fn of(outputs: &[Bytes]) -> Self {
        let mut levels = vec![outputs.iter().map(keccak256).collect::<Vec<_>>()];
        let mut nothing = B256::ZERO;
        for _ in 0..HEIGHT {
            let below = levels.last().unwrap();
            let level = below.chunks(2).map(|pair| join(pair[0], *pair.get(1).unwrap_or(&nothing))).collect();
            levels.push(level);
            nothing = join(nothing, nothing);
        }
        Self(levels)
    }

    pub(crate) fn root(&self) -> B256 {
        self.0[HEIGHT][0]
    }

    pub(crate) fn siblings(&self, index: usize) -> Vec<B256> {
        let mut nothing = B256::ZERO;
        let sibling = |(height, level): (usize, &Vec<B256>)| {
            let sibling = level.get((index >> height) ^ 1).copied().unwrap_or(nothing);
            nothing = join(nothing, nothing);
            sibling
        };
        self.0[..HEIGHT].iter().enumerate().map(sibling).collect()
    }
}

fn join(left: B256, right: B256) -> B256 {
    keccak256([left, right].concat())
}
