// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {PlainToken} from "../mocks/PlainToken.sol";

abstract contract BalanceOfTest is PreparedStreams {
    function test_RevertGiven_StreamUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
        streaming.balanceOf(unknownId, recipient);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, 0));
        streaming.balanceOf(0, address(0));
    }

    function test_RevertGiven_StreamEnded() external {
        redeemStream(streamId);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId));
        streaming.balanceOf(streamId, sender);
    }

    function test_WhenAccountStranger() external {
        setTime(START + 20 * INTERVAL);
        assertEq(streaming.balanceOf(streamId, stranger), 0);
        assertEq(streaming.balanceOf(streamId, address(0)), 0);
        assertEq(streaming.balanceOf(streamId, address(streaming)), 0);
    }

    function test_WhenStartNotReached() external {
        checkShares(0, DEPOSIT);
        setTime(0);
        checkShares(0, DEPOSIT);
        setTime(START - 1);
        checkShares(0, DEPOSIT);
        setTime(START);
        checkShares(0, DEPOSIT);
    }

    function test_WhenIntervalBegun() external {
        setTime(START + INTERVAL - 1);
        checkShares(0, DEPOSIT);
        setTime(STOP - 1);
        checkShares(DEPOSIT - PAYMENT, PAYMENT);
    }

    function test_WhenIntervalEnded() external {
        setTime(START + INTERVAL);
        checkShares(PAYMENT, DEPOSIT - PAYMENT);
        setTime(START + 2 * INTERVAL);
        checkShares(2 * PAYMENT, DEPOSIT - 2 * PAYMENT);
    }

    function test_WhenStopReached() external {
        setTime(STOP);
        checkShares(DEPOSIT, 0);
        setTime(STOP + 1_000_000);
        checkShares(DEPOSIT, 0);
    }

    function test_GivenAPartWithdrawn() external {
        setTime(START + 20 * INTERVAL);
        vm.prank(recipient);
        streaming.withdraw(streamId, 5 * PAYMENT + 1);
        checkShares(15 * PAYMENT - 1, 30 * PAYMENT);
    }

    function test_WhenClockBeyondLimit() external {
        setTime(TIME_LIMIT);
        checkShares(DEPOSIT, 0);
        setTime(TIME_LIMIT + 1);
        checkShares(DEPOSIT, 0);
        setTime(type(uint64).max);
        checkShares(DEPOSIT, 0);
    }

    function testFuzz_Accrual(uint256 start, uint256 interval, uint256 nIntervals, uint256 payment, uint256 time)
        external
    {
        start = bound(start, streaming.clock(), 1 << 40);
        interval = bound(interval, 1, 1 << 40);
        nIntervals = bound(nIntervals, 1, 100);
        payment = bound(payment, 1, FUNDS / 2 / nIntervals);
        uint256 stop = start + nIntervals * interval;
        vm.prank(sender);
        uint256 id = streaming.create(recipient, address(token), start, stop, payment, interval);

        time = bound(time, start - 1, stop + interval);
        setTime(time);
        uint256 accrued = countIntervals(start, stop, interval, time) * payment;
        assertEq(streaming.balanceOf(id, recipient), accrued);
        assertEq(streaming.balanceOf(id, sender), nIntervals * payment - accrued);
    }

    /// @dev Over the whole range of terms and times: nothing until the start, then ever more whole payments, the whole
    /// deposit from the stop on; and no reading ever reverts.
    function testFuzz_AccrualIsMonotone(
        uint256 interval,
        uint256 nIntervals,
        uint256 payment,
        uint256 earlier,
        uint256 later
    ) external {
        interval = bound(interval, 1, TIME_LIMIT - START);
        nIntervals = bound(nIntervals, 1, (TIME_LIMIT - START) / interval);
        payment = bound(payment, 1, DEPOSIT_LIMIT / nIntervals);
        uint256 stop = START + nIntervals * interval;
        uint256 id = createHugeStream(stop, payment, interval);
        later = bound(later, 0, type(uint64).max);
        earlier = bound(earlier, 0, later);

        setTime(earlier);
        uint256 dueEarlier = streaming.balanceOf(id, recipient);
        assertEq(streaming.balanceOf(id, sender), nIntervals * payment - dueEarlier);
        if (earlier <= START) assertEq(dueEarlier, 0);
        setTime(later);
        uint256 dueLater = streaming.balanceOf(id, recipient);
        assertGe(dueLater, dueEarlier);
        assertEq(dueLater % payment, 0);
        assertEq(dueLater == nIntervals * payment, later >= stop);
        if (later >= START && later < stop) {
            assertLe(dueLater / payment * interval, later - START);
            assertGt((dueLater / payment + 1) * interval, later - START);
        }
    }

    function createHugeStream(uint256 stop, uint256 payment, uint256 interval) private returns (uint256 id) {
        PlainToken huge = new PlainToken(18);
        huge.mint(sender, type(uint256).max);
        vm.startPrank(sender);
        huge.approve(address(streaming), type(uint256).max);
        id = streaming.create(recipient, address(huge), START, stop, payment, interval);
        vm.stopPrank();
    }

    function checkShares(uint256 ofRecipient, uint256 ofSender) private view {
        assertEq(streaming.balanceOf(streamId, recipient), ofRecipient);
        assertEq(streaming.balanceOf(streamId, sender), ofSender);
    }
}

contract BlockBalanceOfTest is BalanceOfTest, BlockClock {}

contract TimestampBalanceOfTest is BalanceOfTest, TimestampClock {}
