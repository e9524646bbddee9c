// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";

abstract contract MulticallTest is PreparedStreams {
    function test_RevertWhen_ACallReverts() external {
        setTime(STOP);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(streaming.withdraw, (streamId, PAYMENT));
        calls[1] = abi.encodeCall(streaming.withdraw, (streamId, DEPOSIT));
        vm.expectRevert(
            abi.encodeWithSelector(
                IMoneyStreaming.WithdrawExceedsBalance.selector, streamId, DEPOSIT, DEPOSIT - PAYMENT
            )
        );
        vm.prank(recipient);
        streaming.multicall(calls);
        assertEq(stateOf(streamId), preparedState(N_INTERVALS, 0));
        assertHoldings(token, 0, 0, 2 * DEPOSIT);
    }

    function test_WhenCallsChangeState() external {
        setTime(START);
        uint256 nextId = streaming.nextStreamId();
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(streaming.createFor, (recipient, address(token), PAYMENT, INTERVAL, N_INTERVALS));
        calls[1] = abi.encodeCall(streaming.create, (recipient, address(token), START, STOP, PAYMENT, INTERVAL));
        calls[2] = abi.encodeCall(streaming.redeem, (nextId));
        vm.prank(sender);
        bytes[] memory results = streaming.multicall(calls);

        assertEq(results.length, 3);
        assertEq(results[0], abi.encode(nextId));
        assertEq(results[1], abi.encode(nextId + 1));
        assertEq(results[2].length, 0);
        assertEq(stateOf(nextId).sender, address(0));
        assertEq(stateOf(nextId + 1), preparedState(0, 0));
        assertHoldings(token, 0, 0, 3 * DEPOSIT);
        assertOtherUntouched();
    }

    function test_WhenCallsRead() external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(streaming.clock, ());
        calls[1] = abi.encodeCall(streaming.balanceOf, (streamId, sender));
        bytes[] memory results = streaming.multicall(calls);
        assertEq(results[0], abi.encode(streaming.clock()));
        assertEq(results[1], abi.encode(DEPOSIT));
    }
}

contract BlockMulticallTest is MulticallTest, BlockClock {}

contract TimestampMulticallTest is MulticallTest, TimestampClock {}
