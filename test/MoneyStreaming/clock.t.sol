// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BlockMoneyStreaming} from "../../contracts/BlockMoneyStreaming.sol";
import {TimestampMoneyStreaming} from "../../contracts/TimestampMoneyStreaming.sol";
import {BlockClock, StreamingTest, TimestampClock} from "../StreamingTest.sol";

abstract contract ClockTest is StreamingTest {
    function test_WhenTimeWithinLimit() external {
        checkClock(0, 0);
        checkClock(1_000_000, 1_000_000);
        checkClock(type(uint48).max, type(uint48).max);
    }

    function test_WhenTimeBeyondLimit() external {
        checkClock(uint256(type(uint48).max) + 1, type(uint48).max);
        checkClock(type(uint64).max, type(uint48).max);
    }

    function checkClock(uint256 time, uint48 expected) private {
        setTime(time);
        assertEq(streaming.clock(), expected);
    }
}

contract BlockClockTest is ClockTest, BlockClock {
    function test_Mode() external view {
        assertEq(BlockMoneyStreaming(address(streaming)).CLOCK_MODE(), "mode=blocknumber&from=default");
    }

    function test_OtherClockDoesNotMatter() external {
        vm.warp(123_456);
        assertEq(streaming.clock(), 1_000_000);
    }
}

contract TimestampClockTest is ClockTest, TimestampClock {
    function test_Mode() external view {
        assertEq(TimestampMoneyStreaming(address(streaming)).CLOCK_MODE(), "mode=timestamp");
    }

    function test_OtherClockDoesNotMatter() external {
        vm.roll(123_456);
        assertEq(streaming.clock(), 1_000_000);
    }
}
