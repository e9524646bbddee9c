// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @dev What the tests know of Cartesi rollups 2.2.0, whose contracts they run as they come from npm.
interface IInputBox {
    event InputAdded(address indexed appContract, uint256 indexed index, bytes input);

    error InputTooLarge(address appContract, uint256 inputLength, uint256 maxInputLength);

    function addInput(address appContract, bytes calldata payload) external returns (bytes32 hash);

    function getNumberOfInputs(address appContract) external view returns (uint256 n);
}

/// @dev The form in which the rollup gets an input.
interface IInputs {
    function EvmAdvance(
        uint256 chainId,
        address appContract,
        address msgSender,
        uint256 blockNumber,
        uint256 blockTimestamp,
        uint256 prevRandao,
        uint256 index,
        bytes calldata payload
    ) external;
}

interface IAuthorityFactory {
    function newAuthority(address authorityOwner, uint256 epochLength) external returns (address authority);
}

interface IApplicationFactory {
    function newApplication(
        address outputsMerkleRootValidator,
        address appOwner,
        bytes32 templateHash,
        bytes calldata dataAvailability
    ) external returns (address application);
}

interface IPortalErrors {
    error ERC20TransferFailed();
    error EtherTransferFailed();
}
