// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";

abstract contract WithdrawTest is PreparedStreams {
    function test_RevertGiven_StreamUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
        vm.prank(recipient);
        streaming.withdraw(unknownId, 1);
    }

    function test_RevertGiven_StreamEnded() external {
        redeemStream(streamId);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId));
        vm.prank(recipient);
        streaming.withdraw(streamId, 1);
    }

    function test_RevertWhen_CallerSender() external {
        checkCallerRefused(sender);
    }

    function test_RevertWhen_CallerStranger() external {
        checkCallerRefused(stranger);
    }

    function test_RevertWhen_AmountZero() external {
        setTime(STOP);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.WithdrawZero.selector, streamId));
        vm.prank(recipient);
        streaming.withdraw(streamId, 0);
    }

    function test_RevertWhen_StartNotReached() external {
        checkAmountRefused(1, 0);
    }

    function test_RevertWhen_AmountExceedsDue() external {
        setTime(START + 2 * INTERVAL);
        checkAmountRefused(2 * PAYMENT + 1, 2 * PAYMENT);
        checkAmountRefused(type(uint256).max, 2 * PAYMENT);
        vm.prank(recipient);
        streaming.withdraw(streamId, PAYMENT);
        checkAmountRefused(PAYMENT + 1, PAYMENT);
    }

    function test_RevertGiven_TokenRefusesRecipient() external {
        BlockingToken blocking = new BlockingToken();
        fund(blocking);
        uint256 id = createStream(address(blocking));
        setTime(START + INTERVAL);
        blocking.setBlocked(recipient, true);

        vm.expectRevert(abi.encodeWithSelector(BlockingToken.AccountBlocked.selector, recipient));
        vm.prank(recipient);
        streaming.withdraw(id, PAYMENT);
        assertEq(streaming.balanceOf(id, recipient), PAYMENT);
        assertEq(streaming.creditOf(address(blocking), recipient), 0);
    }

    function test_WhenAmountPartOfDue() external {
        setTime(START + 10 * INTERVAL + 59);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogWithdraw(streamId, recipient, 4 * PAYMENT + 1);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(address(streaming), recipient, 4 * PAYMENT + 1);
        vm.prank(recipient);
        streaming.withdraw(streamId, 4 * PAYMENT + 1);

        assertHoldings(token, 4 * PAYMENT + 1, 0, 2 * DEPOSIT - 4 * PAYMENT - 1);
        assertEq(stateOf(streamId), preparedState(10, 4 * PAYMENT + 1));
        assertEq(streaming.balanceOf(streamId, sender), DEPOSIT - 10 * PAYMENT);
        assertOtherUntouched();
    }

    function test_WhenAmountAllDue() external {
        setTime(START + 10 * INTERVAL);
        vm.prank(recipient);
        streaming.withdraw(streamId, 10 * PAYMENT);

        assertHoldings(token, 10 * PAYMENT, 0, 2 * DEPOSIT - 10 * PAYMENT);
        assertEq(stateOf(streamId), preparedState(10, 10 * PAYMENT));
        checkAmountRefused(1, 0);
    }

    function test_WhenStopPassed() external {
        setTime(STOP + 1_000_000);
        vm.prank(recipient);
        streaming.withdraw(streamId, DEPOSIT);

        assertHoldings(token, DEPOSIT, 0, DEPOSIT);
        assertEq(stateOf(streamId), preparedState(N_INTERVALS, DEPOSIT));
    }

    /// @dev Two withdrawals equal one of their sum; what is left to each party does not depend on the way.
    function testFuzz_PathIndependence(uint256 time, uint256 first, uint256 second) external {
        time = bound(time, START + INTERVAL, STOP + INTERVAL);
        setTime(time);
        uint256 due = countIntervals(START, STOP, INTERVAL, time) * PAYMENT;
        first = bound(first, 1, due - 1);
        second = bound(second, 1, due - first);

        vm.startPrank(recipient);
        streaming.withdraw(streamId, first);
        streaming.withdraw(streamId, second);
        streaming.withdraw(otherId, first + second);
        vm.stopPrank();

        assertEq(stateOf(streamId), stateOf(otherId));
        assertHoldings(token, 2 * (first + second), 0, 2 * (DEPOSIT - first - second));
    }

    /// @dev However often the recipient withdraws, the totals at the end are the accrued and the rest.
    function testFuzz_AnyNumberOfWithdrawals(uint256[12] calldata amounts, uint256[12] calldata delays) external {
        uint256 total = 0;
        uint256 time = START;
        for (uint256 i = 0; i < amounts.length; ++i) {
            time += bound(delays[i], 0, 8 * INTERVAL);
            setTime(time);
            uint256 due = countIntervals(START, STOP, INTERVAL, time) * PAYMENT - total;
            if (due == 0) continue;
            uint256 amount = bound(amounts[i], 1, due);
            vm.prank(recipient);
            streaming.withdraw(streamId, amount);
            total += amount;
            assertEq(streaming.balanceOf(streamId, recipient), due - amount);
        }
        uint256 accrued = countIntervals(START, STOP, INTERVAL, time) * PAYMENT;
        redeemStream(streamId);
        assertHoldings(token, accrued, 0, DEPOSIT);
        assertOtherUntouched();
    }

    function checkCallerRefused(address caller) private {
        setTime(STOP);
        vm.expectRevert(
            abi.encodeWithSelector(IMoneyStreaming.CallerNotRecipient.selector, streamId, caller, recipient)
        );
        vm.prank(caller);
        streaming.withdraw(streamId, 1);
    }

    function checkAmountRefused(uint256 amount, uint256 due) private {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.WithdrawExceedsBalance.selector, streamId, amount, due));
        vm.prank(recipient);
        streaming.withdraw(streamId, amount);
    }
}

contract BlockWithdrawTest is WithdrawTest, BlockClock {}

contract TimestampWithdrawTest is WithdrawTest, TimestampClock {}
