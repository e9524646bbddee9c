// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {FeeToken} from "../mocks/FeeToken.sol";
import {PlainToken} from "../mocks/PlainToken.sol";

abstract contract CreateTest is PreparedStreams {
    function test_RevertWhen_StartInPast() external {
        setTime(START + 1);
        checkRefused(
            recipient,
            START,
            STOP,
            PAYMENT,
            INTERVAL,
            abi.encodeWithSelector(IMoneyStreaming.StartInPast.selector, START, START + 1)
        );
    }

    function test_RevertWhen_RecipientZero() external {
        checkRecipientRefused(address(0));
    }

    function test_RevertWhen_RecipientCaller() external {
        checkRecipientRefused(sender);
    }

    function test_RevertWhen_RecipientStreamingContract() external {
        checkRecipientRefused(address(streaming));
    }

    function test_RevertWhen_IntervalZero() external {
        checkRefused(recipient, START, STOP, PAYMENT, 0, abi.encodeWithSelector(IMoneyStreaming.IntervalZero.selector));
    }

    function test_RevertWhen_StopNotAfterStart() external {
        checkTimeframeRefused(START, START);
        checkTimeframeRefused(START, START - 1);
        checkTimeframeRefused(START, 0);
    }

    function test_RevertWhen_StopBeyondLimit() external {
        checkTimeframeRefused(START, TIME_LIMIT + 1);
        checkTimeframeRefused(START, type(uint256).max);
        checkTimeframeRefused(type(uint256).max, type(uint256).max);
    }

    function test_RevertWhen_DurationNotDivisible() external {
        checkRefused(
            recipient,
            START,
            STOP + 1,
            PAYMENT,
            INTERVAL,
            abi.encodeWithSelector(IMoneyStreaming.TimeframeNotDivisible.selector, N_INTERVALS * INTERVAL + 1, INTERVAL)
        );
        checkRefused(
            recipient,
            START,
            STOP,
            PAYMENT,
            type(uint256).max,
            abi.encodeWithSelector(
                IMoneyStreaming.TimeframeNotDivisible.selector, N_INTERVALS * INTERVAL, type(uint256).max
            )
        );
    }

    function test_RevertWhen_RecipientToken() external {
        checkRecipientRefused(address(token));
    }

    function test_RevertWhen_PaymentZero() external {
        checkRefused(recipient, START, STOP, 0, INTERVAL, abi.encodeWithSelector(IMoneyStreaming.PaymentZero.selector));
    }

    function test_RevertWhen_DepositBeyondLimit() external {
        checkDepositRefused(DEPOSIT_LIMIT / N_INTERVALS + 1);
        checkDepositRefused(type(uint256).max / N_INTERVALS + 1);
        checkDepositRefused(type(uint256).max);
    }

    function test_RevertWhen_TokenUnknown() external {
        exhaustTokens();
        PlainToken third = new PlainToken(0);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.TokensExhausted.selector, third));
        createStream(address(third));
    }

    function test_WhenTokenKnown() external {
        exhaustTokens();
        uint256 id = createStream(address(token));
        assertEq(stateOf(id), preparedState(0, 0));
    }

    function test_RevertWhen_TokenWithoutCode() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.TokenInvalid.selector, stranger));
        createStream(stranger);
    }

    function test_RevertWhen_TokenStreamingContract() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.TokenInvalid.selector, streaming));
        createStream(address(streaming));
    }

    function test_RevertGiven_AllowanceShort() external {
        vm.prank(sender);
        token.approve(address(streaming), DEPOSIT - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(streaming), DEPOSIT - 1, DEPOSIT
            )
        );
        createStream(address(token));
    }

    function test_RevertGiven_SenderPoor() external {
        vm.prank(sender);
        assertTrue(token.transfer(stranger, FUNDS - 3 * DEPOSIT + 1));
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, sender, DEPOSIT - 1, DEPOSIT)
        );
        createStream(address(token));
    }

    function test_RevertGiven_TokenKeepsFee() external {
        FeeToken fee = new FeeToken();
        fund(fee);
        fee.setFee(100);
        vm.expectRevert(
            abi.encodeWithSelector(IMoneyStreaming.DepositNotReceived.selector, fee, DEPOSIT - DEPOSIT / 100, DEPOSIT)
        );
        createStream(address(fee));
    }

    function test_WhenStartLater() external {
        uint256 nextId = streaming.nextStreamId();
        vm.expectEmit(address(streaming));
        emit IERC1620.LogCreate(nextId, sender, recipient, address(token), START, STOP, PAYMENT, INTERVAL);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(sender, address(streaming), DEPOSIT);
        uint256 id = createStream(address(token));

        assertEq(id, nextId);
        assertEq(streaming.nextStreamId(), nextId + 1);
        assertEq(stateOf(id), preparedState(0, 0));
        assertHoldings(token, 0, 0, 3 * DEPOSIT);
        assertOtherUntouched();
    }

    function test_WhenStartNow() external {
        setTime(START);
        uint256 id = createStream(address(token));
        assertEq(stateOf(id), preparedState(0, 0));
    }

    function test_WhenStartAndStopAtClockLimit() external {
        setTime(TIME_LIMIT - 1);
        vm.prank(sender);
        uint256 id = streaming.create(recipient, address(token), TIME_LIMIT - 1, TIME_LIMIT, PAYMENT, 1);
        assertEq(streaming.balanceOf(id, sender), PAYMENT);
        setTime(TIME_LIMIT);
        assertEq(streaming.balanceOf(id, recipient), PAYMENT);
    }

    function test_WhenDepositAtLimit() external {
        PlainToken huge = new PlainToken(36);
        huge.mint(sender, type(uint256).max);
        vm.startPrank(sender);
        huge.approve(address(streaming), DEPOSIT_LIMIT);
        uint256 id = streaming.create(recipient, address(huge), START, START + 3, DEPOSIT_LIMIT / 3, 1);
        vm.stopPrank();

        assertEq(DEPOSIT_LIMIT % 3, 0);
        assertEq(stateOf(id).balance, DEPOSIT_LIMIT);
        assertEq(huge.balanceOf(address(streaming)), DEPOSIT_LIMIT);
    }

    function test_WhenOneIntervalOfOnePayment() external {
        vm.prank(sender);
        uint256 id = streaming.create(recipient, address(token), START, START + 1, 1, 1);
        assertEq(stateOf(id).balance, 1);
        assertHoldings(token, 0, 0, 2 * DEPOSIT + 1);
    }

    function testFuzz_Deposit(uint256 start, uint256 interval, uint256 nIntervals, uint256 payment) external {
        start = bound(start, streaming.clock(), TIME_LIMIT - 1);
        interval = bound(interval, 1, TIME_LIMIT - start);
        nIntervals = bound(nIntervals, 1, (TIME_LIMIT - start) / interval);
        payment = bound(payment, 1, DEPOSIT_LIMIT / nIntervals);
        PlainToken huge = new PlainToken(18);
        huge.mint(sender, type(uint256).max);
        uint256 stop = start + nIntervals * interval;

        vm.startPrank(sender);
        huge.approve(address(streaming), payment * nIntervals);
        uint256 id = streaming.create(recipient, address(huge), start, stop, payment, interval);
        vm.stopPrank();

        IMoneyStreaming.StreamState memory state = stateOf(id);
        assertEq(huge.balanceOf(address(streaming)), payment * nIntervals);
        assertEq(state.balance, payment * nIntervals);
        assertEq(state.refundable, payment * nIntervals);
        assertEq(state.start, start);
        assertEq(state.stop, stop);
        assertEq(state.payment, payment);
        assertEq(state.interval, interval);
        setTime(stop);
        assertEq(streaming.balanceOf(id, recipient), payment * nIntervals);
    }

    /// @dev Any terms at all: either they are taken and the deposit is exact, or nothing has happened.
    function testFuzz_AnyTerms(uint256 start, uint256 stop, uint256 payment, uint256 interval) external {
        PlainToken huge = new PlainToken(18);
        huge.mint(sender, type(uint256).max);
        vm.startPrank(sender);
        huge.approve(address(streaming), type(uint256).max);
        try streaming.create(recipient, address(huge), start, stop, payment, interval) returns (uint256 id) {
            assertEq(huge.balanceOf(address(streaming)) * interval, payment * (stop - start));
            assertEq(stateOf(id).balance, huge.balanceOf(address(streaming)));
        } catch {
            bool valid = start >= streaming.clock() && start < stop && stop <= TIME_LIMIT && interval != 0
                && interval <= stop - start && (stop - start) % interval == 0 && payment != 0
                && payment <= DEPOSIT_LIMIT / ((stop - start) / interval);
            assertFalse(valid);
            assertEq(huge.balanceOf(address(streaming)), 0);
        }
        vm.stopPrank();
    }

    /// @dev The counter of tokens, 32 bits above the 224 of the counter of streams, at its end.
    function exhaustTokens() private {
        uint256 counters = uint256(vm.load(address(streaming), COUNTERS_SLOT));
        vm.store(address(streaming), COUNTERS_SLOT, bytes32(counters | uint256(type(uint32).max) << 224));
    }

    function checkRecipientRefused(address recipient_) private {
        checkRefused(
            recipient_,
            START,
            STOP,
            PAYMENT,
            INTERVAL,
            abi.encodeWithSelector(IMoneyStreaming.RecipientInvalid.selector, recipient_)
        );
    }

    function checkTimeframeRefused(uint256 start, uint256 stop) private {
        checkRefused(
            recipient,
            start,
            stop,
            PAYMENT,
            INTERVAL,
            abi.encodeWithSelector(IMoneyStreaming.TimeframeInvalid.selector, start, stop, TIME_LIMIT)
        );
    }

    function checkDepositRefused(uint256 payment) private {
        checkRefused(
            recipient,
            START,
            STOP,
            payment,
            INTERVAL,
            abi.encodeWithSelector(IMoneyStreaming.DepositExceedsLimit.selector, payment, N_INTERVALS, DEPOSIT_LIMIT)
        );
    }

    function checkRefused(
        address recipient_,
        uint256 start,
        uint256 stop,
        uint256 payment,
        uint256 interval,
        bytes memory revertReason
    ) private {
        vm.expectRevert(revertReason);
        vm.prank(sender);
        streaming.create(recipient_, address(token), start, stop, payment, interval);
    }
}

contract BlockCreateTest is CreateTest, BlockClock {}

contract TimestampCreateTest is CreateTest, TimestampClock {}
