// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";

abstract contract GetStreamsTest is PreparedStreams {
    IMoneyStreaming.StreamState internal nothing;

    function test_WhenListEmpty() external view {
        assertEq(streaming.getStreams(new uint256[](0)).length, 0);
    }

    function test_GivenStreamUnknown() external view {
        assertEq(stateOf(0), nothing);
        assertEq(stateOf(unknownId), nothing);
        assertEq(stateOf(type(uint256).max), nothing);
    }

    function test_GivenStreamEnded() external {
        redeemStream(streamId);
        assertEq(stateOf(streamId), nothing);
    }

    function test_GivenStreamLive() external {
        assertEq(stateOf(streamId), preparedState(0, 0));
        setTime(START + 20 * INTERVAL + 59);
        vm.prank(recipient);
        streaming.withdraw(streamId, 5 * PAYMENT + 1);
        assertEq(stateOf(streamId), preparedState(20, 5 * PAYMENT + 1));
        setTime(STOP);
        assertEq(stateOf(streamId), preparedState(N_INTERVALS, 5 * PAYMENT + 1));
    }

    function test_GivenStreamUpdated() external {
        setTime(START + 20 * INTERVAL);
        Terms memory terms = Terms(address(otherToken), STOP + 1, PAYMENT + 1, 7 * INTERVAL);
        confirm(sender, terms);
        confirm(recipient, terms);
        setTime(STOP);

        // 1801 units of the clock were left: four intervals of 420, after a gap of 121. One unit is missing.
        IMoneyStreaming.StreamState memory state = stateOf(streamId);
        assertEq(state.sender, sender);
        assertEq(state.recipient, recipient);
        assertEq(state.token, address(otherToken));
        assertEq(state.start, START + 20 * INTERVAL + 121);
        assertEq(state.stop, STOP + 1);
        assertEq(state.payment, PAYMENT + 1);
        assertEq(state.interval, 7 * INTERVAL);
        assertEq(state.balance, 4 * PAYMENT + 4);
        assertEq(state.due, 3 * PAYMENT + 3);
        assertEq(state.refundable, PAYMENT + 1);
        assertEq(state.withdrawn, 0);
        assertEq(state.updateEpoch, 1);
    }

    function test_WhenListMixed() external {
        setTime(START + 20 * INTERVAL);
        vm.prank(recipient);
        streaming.withdraw(streamId, PAYMENT);
        uint256[] memory list = new uint256[](5);
        (list[0], list[1], list[2], list[3], list[4]) = (otherId, unknownId, streamId, 0, otherId);
        IMoneyStreaming.StreamState[] memory states = streaming.getStreams(list);

        assertEq(states.length, 5);
        assertEq(states[0], preparedState(20, 0));
        assertEq(states[1], nothing);
        assertEq(states[2], preparedState(20, PAYMENT));
        assertEq(states[3], nothing);
        assertEq(states[4], preparedState(20, 0));
    }

    function test_WhenClockBeyondLimit() external {
        setTime(type(uint64).max);
        assertEq(stateOf(streamId), preparedState(N_INTERVALS, 0));
    }
}

contract BlockGetStreamsTest is GetStreamsTest, BlockClock {}

contract TimestampGetStreamsTest is GetStreamsTest, TimestampClock {}
