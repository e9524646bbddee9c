// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {PlainToken} from "../mocks/PlainToken.sol";

abstract contract CreateForTest is PreparedStreams {
    function test_RevertWhen_RecipientZero() external {
        checkRefused(
            address(0),
            PAYMENT,
            INTERVAL,
            N_INTERVALS,
            abi.encodeWithSelector(IMoneyStreaming.RecipientInvalid.selector, address(0))
        );
    }

    function test_RevertWhen_IntervalZero() external {
        checkRefused(recipient, PAYMENT, 0, N_INTERVALS, abi.encodeWithSelector(IMoneyStreaming.IntervalZero.selector));
    }

    function test_RevertWhen_IntervalsZero() external {
        checkTimeframeRefused(INTERVAL, 0, streaming.clock());
    }

    function test_RevertWhen_StopBeyondLimit() external {
        uint256 time = streaming.clock();
        checkTimeframeRefused(1, TIME_LIMIT - time + 1, TIME_LIMIT + 1);
        checkTimeframeRefused(TIME_LIMIT - time + 1, 1, TIME_LIMIT + 1);
    }

    function test_RevertWhen_TimeframeOverflows() external {
        checkTimeframeRefused(type(uint256).max, 1, type(uint256).max);
        checkTimeframeRefused(1, type(uint256).max, type(uint256).max);
        checkTimeframeRefused(2, type(uint256).max / 2 + 1, type(uint256).max);
        checkTimeframeRefused(1 << 128, 1 << 128, type(uint256).max);
        checkTimeframeRefused(type(uint256).max, type(uint256).max, type(uint256).max);
    }

    function test_RevertWhen_RecipientToken() external {
        checkRefused(
            address(token),
            PAYMENT,
            INTERVAL,
            N_INTERVALS,
            abi.encodeWithSelector(IMoneyStreaming.RecipientInvalid.selector, token)
        );
    }

    function test_RevertWhen_PaymentZero() external {
        checkRefused(recipient, 0, INTERVAL, N_INTERVALS, abi.encodeWithSelector(IMoneyStreaming.PaymentZero.selector));
    }

    function test_RevertWhen_DepositBeyondLimit() external {
        uint256 payment = DEPOSIT_LIMIT / N_INTERVALS + 1;
        checkRefused(
            recipient,
            payment,
            INTERVAL,
            N_INTERVALS,
            abi.encodeWithSelector(IMoneyStreaming.DepositExceedsLimit.selector, payment, N_INTERVALS, DEPOSIT_LIMIT)
        );
    }

    function test_RevertGiven_ClockBeyondLimit() external {
        setTime(TIME_LIMIT + 5);
        checkRefused(
            recipient,
            PAYMENT,
            1,
            1,
            abi.encodeWithSelector(IMoneyStreaming.TimeframeInvalid.selector, TIME_LIMIT, TIME_LIMIT + 1, TIME_LIMIT)
        );
    }

    function test_RevertGiven_AllowanceShort() external {
        vm.prank(sender);
        token.approve(address(streaming), DEPOSIT - 1);
        checkRefused(
            recipient,
            PAYMENT,
            INTERVAL,
            N_INTERVALS,
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(streaming), DEPOSIT - 1, DEPOSIT
            )
        );
    }

    function test_WhenTermsValid() external {
        setTime(START);
        uint256 nextId = streaming.nextStreamId();
        vm.expectEmit(address(streaming));
        emit IERC1620.LogCreate(nextId, sender, recipient, address(token), START, STOP, PAYMENT, INTERVAL);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(sender, address(streaming), DEPOSIT);
        vm.prank(sender);
        uint256 id = streaming.createFor(recipient, address(token), PAYMENT, INTERVAL, N_INTERVALS);

        assertEq(id, nextId);
        assertEq(streaming.nextStreamId(), nextId + 1);
        assertEq(stateOf(id), preparedState(0, 0));
        assertHoldings(token, 0, 0, 3 * DEPOSIT);
        assertOtherUntouched();
    }

    function test_WhenStopAtLimit() external {
        uint256 duration = TIME_LIMIT - streaming.clock();
        vm.prank(sender);
        uint256 id = streaming.createFor(recipient, address(token), PAYMENT, duration, 1);
        assertEq(stateOf(id).stop, TIME_LIMIT);
        assertEq(stateOf(id).balance, PAYMENT);
    }

    function testFuzz_AsCreate(uint256 time, uint256 interval, uint256 nIntervals, uint256 payment) external {
        time = bound(time, 0, TIME_LIMIT - 1);
        interval = bound(interval, 1, TIME_LIMIT - time);
        nIntervals = bound(nIntervals, 1, (TIME_LIMIT - time) / interval);
        payment = bound(payment, 1, DEPOSIT_LIMIT / nIntervals);
        PlainToken huge = new PlainToken(18);
        huge.mint(sender, type(uint256).max);
        setTime(time);

        vm.startPrank(sender);
        huge.approve(address(streaming), type(uint256).max);
        uint256 id = streaming.createFor(recipient, address(huge), payment, interval, nIntervals);
        uint256 sameId =
            streaming.create(recipient, address(huge), time, time + interval * nIntervals, payment, interval);
        vm.stopPrank();

        assertEq(stateOf(id), stateOf(sameId));
        assertEq(huge.balanceOf(address(streaming)), 2 * payment * nIntervals);
    }

    /// @dev Products and sums beyond 256 bits are refused as too long, never wrapped into something shorter.
    function testFuzz_NeverWraps(uint256 interval, uint256 nIntervals) external {
        interval = bound(interval, 1, type(uint256).max);
        nIntervals = bound(nIntervals, (TIME_LIMIT - streaming.clock()) / interval + 1, type(uint256).max);
        vm.expectPartialRevert(IMoneyStreaming.TimeframeInvalid.selector);
        vm.prank(sender);
        streaming.createFor(recipient, address(token), 1, interval, nIntervals);
    }

    function checkTimeframeRefused(uint256 interval, uint256 nIntervals, uint256 stop) private {
        checkRefused(
            recipient,
            PAYMENT,
            interval,
            nIntervals,
            abi.encodeWithSelector(IMoneyStreaming.TimeframeInvalid.selector, streaming.clock(), stop, TIME_LIMIT)
        );
    }

    function checkRefused(
        address recipient_,
        uint256 payment,
        uint256 interval,
        uint256 nIntervals,
        bytes memory revertReason
    ) private {
        vm.expectRevert(revertReason);
        vm.prank(sender);
        streaming.createFor(recipient_, address(token), payment, interval, nIntervals);
    }
}

contract BlockCreateForTest is CreateForTest, BlockClock {}

contract TimestampCreateForTest is CreateForTest, TimestampClock {}
