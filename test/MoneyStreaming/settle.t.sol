// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";

abstract contract SettleTest is PreparedStreams {
    IMoneyStreaming.StreamState internal nothing;

    function test_RevertWhen_ListEmpty() external {
        setTime(STOP);
        vm.expectRevert(IMoneyStreaming.NothingToSettle.selector);
        streaming.settle(new uint256[](0));
    }

    function test_RevertGiven_StreamsUnknown() external {
        setTime(STOP);
        redeemStream(streamId);
        uint256[] memory list = new uint256[](3);
        (list[0], list[1], list[2]) = (streamId, 0, unknownId);
        vm.expectRevert(IMoneyStreaming.NothingToSettle.selector);
        streaming.settle(list);
    }

    function test_RevertGiven_StopNotReached() external {
        setTime(STOP - 1);
        vm.expectRevert(IMoneyStreaming.NothingToSettle.selector);
        vm.prank(recipient);
        streaming.settle(ids(streamId));
    }

    function test_GivenStopReached() external {
        setTime(STOP);
        vm.prank(recipient);
        streaming.withdrawTo(streamId, payee, PAYMENT);

        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(streamId, sender, recipient, 0, DEPOSIT - PAYMENT);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(address(streaming), recipient, DEPOSIT - PAYMENT);
        vm.prank(stranger);
        bool[] memory settled = streaming.settle(ids(streamId));

        assertEq(settled.length, 1);
        assertTrue(settled[0]);
        assertEq(stateOf(streamId), nothing);
        assertHoldings(token, DEPOSIT - PAYMENT, PAYMENT, DEPOSIT);
        assertOtherUntouched();
    }

    function test_GivenAllDueWithdrawn() external {
        setTime(STOP + 1);
        vm.prank(recipient);
        streaming.withdrawMax(streamId, payee);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(streamId, sender, recipient, 0, 0);
        vm.prank(stranger);
        streaming.settle(ids(streamId));

        assertEq(stateOf(streamId), nothing);
        assertHoldings(token, 0, DEPOSIT, DEPOSIT);
    }

    function test_GivenTokenRefusesRecipient() external {
        BlockingToken blocking = new BlockingToken();
        fund(blocking);
        uint256 id = createStream(address(blocking));
        blocking.setBlocked(recipient, true);
        setTime(STOP);
        vm.expectEmit(address(streaming));
        emit IMoneyStreaming.LogCredit(id, recipient, address(blocking), DEPOSIT);
        vm.prank(stranger);
        streaming.settle(ids(id));

        assertEq(stateOf(id), nothing);
        assertEq(streaming.creditOf(address(blocking), recipient), DEPOSIT);
        assertHoldings(blocking, 0, 0, DEPOSIT);
    }

    function test_WhenListMixed() external {
        vm.startPrank(sender);
        uint256 longerId = streaming.create(recipient, address(token), START, STOP + INTERVAL, PAYMENT, INTERVAL);
        uint256 otherTokenId = streaming.create(recipient, address(otherToken), START, STOP, PAYMENT, INTERVAL);
        vm.stopPrank();
        setTime(STOP);
        uint256[] memory list = new uint256[](5);
        (list[0], list[1], list[2], list[3], list[4]) = (longerId, otherTokenId, unknownId, streamId, 0);

        vm.prank(stranger);
        bool[] memory settled = streaming.settle(list);

        assertEq(settled.length, 5);
        assertFalse(settled[0]);
        assertTrue(settled[1]);
        assertFalse(settled[2]);
        assertTrue(settled[3]);
        assertFalse(settled[4]);
        assertEq(stateOf(streamId), nothing);
        assertEq(stateOf(otherTokenId), nothing);
        assertEq(stateOf(longerId).due, DEPOSIT);
        assertEq(stateOf(longerId).refundable, PAYMENT);
        assertHoldings(token, DEPOSIT, 0, 2 * DEPOSIT + PAYMENT);
        assertHoldings(otherToken, DEPOSIT, 0, 0);
        assertOtherUntouched();
    }

    function test_WhenIdRepeated() external {
        setTime(STOP);
        uint256[] memory list = new uint256[](2);
        (list[0], list[1]) = (streamId, streamId);
        bool[] memory settled = streaming.settle(list);

        assertTrue(settled[0]);
        assertFalse(settled[1]);
        assertHoldings(token, DEPOSIT, 0, DEPOSIT);
        assertOtherUntouched();
    }
}

contract BlockSettleTest is SettleTest, BlockClock {}

contract TimestampSettleTest is SettleTest, TimestampClock {}
