// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Cartesi rollups 2.2.0: moves tokens of the caller to an application and adds an input that says so,
/// `token (20 bytes) | caller (20) | value (32) | execLayerData`, to the application's inputs.
interface IERC20Portal {
    function depositERC20Tokens(IERC20 token, address appContract, uint256 value, bytes calldata execLayerData) external;
}

/// @notice Cartesi rollups 2.2.0: the same for Ether, `caller (20 bytes) | value (32) | execLayerData`.
interface IEtherPortal {
    function depositEther(address appContract, bytes calldata execLayerData) external payable;
}

/// @notice Inputs of StreamableToken, the application in the rollup, that StreamPortal writes. The zero address as a
/// token is Ether. Nothing on this layer implements them.
interface IStreamableToken {
    /// @notice Streams `amount` from the account that makes the call; a `start` of 0 is at once, times are in seconds.
    function stream(address token, address recipient, uint256 amount, uint64 start, uint64 duration) external;

    /// @notice Makes all of these calls or none.
    function batch(bytes[] calldata calls) external;
}
