// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {CommonBase} from "forge-std/Base.sol";
import {Test} from "forge-std/Test.sol";

import {BlockMoneyStreaming} from "../contracts/BlockMoneyStreaming.sol";
import {MoneyStreaming} from "../contracts/MoneyStreaming.sol";
import {TimestampMoneyStreaming} from "../contracts/TimestampMoneyStreaming.sol";

/// @dev What a suite needs to know of the clock it runs over.
abstract contract Clocked is CommonBase {
    function deployStreaming() internal virtual returns (MoneyStreaming);

    /// @dev Moves the suite's clock, and only that one.
    function setTime(uint256 time) internal virtual;
}

/// @dev A test over either clock. A suite is an abstract contract on this one; two contracts that add {BlockClock} and
/// {TimestampClock} run it.
abstract contract StreamingTest is Test, Clocked {
    MoneyStreaming internal streaming;

    function setUp() public virtual {
        streaming = deployStreaming();
        vm.label(address(streaming), "streaming");
        setTime(1_000_000);
    }
}

abstract contract BlockClock is Clocked {
    function deployStreaming() internal override returns (MoneyStreaming) {
        return new BlockMoneyStreaming();
    }

    function setTime(uint256 time) internal override {
        vm.roll(time);
    }
}

abstract contract TimestampClock is Clocked {
    function deployStreaming() internal override returns (MoneyStreaming) {
        return new TimestampMoneyStreaming();
    }

    function setTime(uint256 time) internal override {
        vm.warp(time);
    }
}
