// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Test} from "forge-std/Test.sol";

import {BlockMoneyStreaming} from "../contracts/BlockMoneyStreaming.sol";
import {TimestampMoneyStreaming} from "../contracts/TimestampMoneyStreaming.sol";
import {IERC1620} from "../contracts/interfaces/IERC1620.sol";
import {Deploy} from "../script/Deploy.s.sol";

/// @dev The script is a part of the test, because only what a test deploys itself goes through the proxy.
contract DeployTest is Test, Deploy {
    address internal blocks;
    address internal timestamps;

    function setUp() external {
        blocks = vm.computeCreate2Address(0, keccak256(type(BlockMoneyStreaming).creationCode));
        timestamps = vm.computeCreate2Address(0, keccak256(type(TimestampMoneyStreaming).creationCode));
    }

    function test_AddressesDependOnTheCodeAlone() external {
        assertEq(blocks.code.length, 0);
        assertEq(timestamps.code.length, 0);
        checkDeployed();
    }

    function test_TwiceIsHarmless() external {
        checkDeployed();
        bytes32 hash = blocks.codehash;
        checkDeployed();
        assertEq(blocks.codehash, hash);
    }

    function test_CompletesAHalfDoneDeployment() external {
        assertEq(address(new BlockMoneyStreaming{salt: 0}()), blocks);
        assertEq(timestamps.code.length, 0);
        checkDeployed();
    }

    function test_RunDeploys() external {
        this.run();
        assertEq(BlockMoneyStreaming(blocks).CLOCK_MODE(), "mode=blocknumber&from=default");
        assertEq(TimestampMoneyStreaming(timestamps).CLOCK_MODE(), "mode=timestamp");
    }

    function checkDeployed() private {
        (address deployedBlocks, address deployedTimestamps) = deploy();
        assertEq(deployedBlocks, blocks);
        assertEq(deployedTimestamps, timestamps);
        assertEq(BlockMoneyStreaming(blocks).CLOCK_MODE(), "mode=blocknumber&from=default");
        assertEq(TimestampMoneyStreaming(timestamps).CLOCK_MODE(), "mode=timestamp");
        assertTrue(IERC165(blocks).supportsInterface(type(IERC1620).interfaceId));
        assertTrue(IERC165(timestamps).supportsInterface(type(IERC1620).interfaceId));
    }
}
