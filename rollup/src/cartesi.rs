//! What of Cartesi's contracts 2.2.0 the node speaks: signatures alone; the contracts themselves come from npm.

use alloy::primitives::{Address, address};
use alloy::sol;
pub use bindings::cartesi::{DataAvailability, Inputs, Outputs};

sol! {
    /// The order of inputs.
    #[sol(rpc)]
    interface IInputBox {
        /// `input` is a call of `EvmAdvance`.
        event InputAdded(address indexed appContract, uint256 indexed index, bytes input);

        function getDeploymentBlockNumber() external view returns (uint256);
        function getNumberOfInputs(address appContract) external view returns (uint256);
    }

    /// An application's contract.
    #[sol(rpc)]
    interface IApplication {
        /// An output was executed, which can happen once.
        event OutputExecuted(uint64 outputIndex, bytes output);

        function getOutputsMerkleRootValidator() external view returns (address);
        function getTemplateHash() external view returns (bytes32);
        function getDataAvailability() external view returns (bytes memory);
        function getDeploymentBlockNumber() external view returns (uint256);
    }

    /// A consensus of one: its owner claims, and is believed.
    #[sol(rpc)]
    interface IAuthority {
        function owner() external view returns (address);
        function getEpochLength() external view returns (uint256);
        function submitClaim(address appContract, uint256 lastProcessedBlockNumber, bytes32 outputsMerkleRoot) external;
        function isOutputsMerkleRootValid(address appContract, bytes32 outputsMerkleRoot) external view returns (bool);

        error NotFirstClaim(address appContract, uint256 lastProcessedBlockNumber);
    }

    /// Makes an authority and an application at addresses that follow from the arguments.
    #[sol(rpc)]
    interface ISelfHostedApplicationFactory {
        function calculateAddresses(address authorityOwner, uint256 epochLength, address appOwner, bytes32 templateHash, bytes dataAvailability, bytes32 salt) external view returns (address appAddress, address authorityAddress);
        function deployContracts(address authorityOwner, uint256 epochLength, address appOwner, bytes32 templateHash, bytes dataAvailability, bytes32 salt) external returns (address appAddress, address authorityAddress);
    }
}

/// Where the deterministic deployment of 2.2.0 puts the box, on every chain.
pub const INPUT_BOX: Address = address!("0x1b51e2992A2755Ba4D6F7094032DF91991a0Cfac");
