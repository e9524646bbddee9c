// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";

abstract contract GetStreamTest is PreparedStreams {
    function test_RevertGiven_StreamUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
        streaming.getStream(unknownId);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, 0));
        streaming.getStream(0);
    }

    function test_RevertGiven_StreamEnded() external {
        redeemStream(streamId);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId));
        streaming.getStream(streamId);
    }

    function test_GivenNothingWithdrawn() external view {
        checkStream(DEPOSIT, START, Terms(address(token), STOP, PAYMENT, INTERVAL));
    }

    function test_GivenAPartWithdrawn() external {
        setTime(START + 20 * INTERVAL);
        vm.prank(recipient);
        streaming.withdraw(streamId, 5 * PAYMENT + 1);
        checkStream(DEPOSIT - 5 * PAYMENT - 1, START, Terms(address(token), STOP, PAYMENT, INTERVAL));
    }

    function test_GivenStreamUpdated() external {
        setTime(START + 20 * INTERVAL);
        Terms memory terms = Terms(address(otherToken), STOP + 1, PAYMENT + 1, 7 * INTERVAL);
        confirm(sender, terms);
        confirm(recipient, terms);
        // 1801 units of the clock are left: four intervals of 420, after a gap of 121.
        checkStream(4 * PAYMENT + 4, START + 20 * INTERVAL + 121, terms);
        setTime(STOP);
        vm.prank(recipient);
        streaming.withdraw(streamId, PAYMENT);
        checkStream(3 * PAYMENT + 4, START + 20 * INTERVAL + 121, terms);
    }

    function test_WhenClockBeyondLimit() external {
        setTime(type(uint64).max);
        checkStream(DEPOSIT, START, Terms(address(token), STOP, PAYMENT, INTERVAL));
    }

    function checkStream(uint256 balance, uint256 start, Terms memory terms) private view {
        bytes memory expected =
            abi.encode(sender, recipient, terms.token, balance, start, terms.stop, terms.payment, terms.interval);
        (bool answered, bytes memory returned) =
            address(streaming).staticcall(abi.encodeCall(streaming.getStream, (streamId)));
        assertTrue(answered);
        assertEq(returned, expected);
    }
}

contract BlockGetStreamTest is GetStreamTest, BlockClock {}

contract TimestampGetStreamTest is GetStreamTest, TimestampClock {}
