// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Script, console} from "forge-std/Script.sol";

import {BlockMoneyStreaming} from "../contracts/BlockMoneyStreaming.sol";
import {TimestampMoneyStreaming} from "../contracts/TimestampMoneyStreaming.sol";

/// @notice Deploys both clocks through the deterministic deployment proxy, at the same addresses on every chain.
/// A contract that is already there is left alone.
contract Deploy is Script {
    bytes32 internal constant SALT = 0;

    function run() external {
        vm.startBroadcast();
        (address blocks, address timestamps) = deploy();
        vm.stopBroadcast();
        console.log("BlockMoneyStreaming    ", blocks);
        console.log("TimestampMoneyStreaming", timestamps);
    }

    /// @dev Under a broadcast `new` with a salt goes through the proxy; so the addresses are computed for it.
    function deploy() public returns (address blocks, address timestamps) {
        blocks = vm.computeCreate2Address(SALT, keccak256(type(BlockMoneyStreaming).creationCode));
        if (blocks.code.length == 0) blocks = address(new BlockMoneyStreaming{salt: SALT}());
        timestamps = vm.computeCreate2Address(SALT, keccak256(type(TimestampMoneyStreaming).creationCode));
        if (timestamps.code.length == 0) timestamps = address(new TimestampMoneyStreaming{salt: SALT}());
    }
}
