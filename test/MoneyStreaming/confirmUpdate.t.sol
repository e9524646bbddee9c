// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Vm} from "forge-std/Vm.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";
import {FeeToken} from "../mocks/FeeToken.sol";

abstract contract ConfirmUpdateTest is PreparedStreams {
    /// @dev Half of the stream has run; at `HALF` what is due equals what is refundable.
    uint256 internal constant HALF = START + N_INTERVALS / 2 * INTERVAL;
    uint256 internal constant HALF_DEPOSIT = DEPOSIT / 2;

    Terms internal terms;

    function setUp() public override {
        super.setUp();
        // From `HALF` on: 30 intervals of 100 after a gap of 5.
        terms = Terms(address(token), HALF + 3005, 2 * PAYMENT, 100);
    }

    function test_RevertGiven_StreamUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
        vm.prank(sender);
        streaming.confirmUpdate(unknownId, terms.token, terms.stop, terms.payment, terms.interval);
    }

    function test_RevertGiven_StreamEnded() external {
        redeemStream(streamId);
        checkRefused(sender, terms, abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId));
    }

    function test_RevertWhen_CallerStranger() external {
        checkRefused(
            stranger, terms, abi.encodeWithSelector(IMoneyStreaming.CallerNotParty.selector, streamId, stranger)
        );
    }

    function test_RevertWhen_IntervalZero() external {
        terms.interval = 0;
        checkRefused(sender, terms, abi.encodeWithSelector(IMoneyStreaming.IntervalZero.selector));
    }

    function test_RevertWhen_StopBeyondLimit() external {
        terms.stop = TIME_LIMIT + 1;
        checkRefused(
            sender,
            terms,
            abi.encodeWithSelector(IMoneyStreaming.TimeframeInvalid.selector, START, TIME_LIMIT + 1, TIME_LIMIT)
        );
        setTime(HALF);
        terms.stop = type(uint256).max;
        checkRefused(
            sender,
            terms,
            abi.encodeWithSelector(IMoneyStreaming.TimeframeInvalid.selector, HALF, type(uint256).max, TIME_LIMIT)
        );
    }

    function test_RevertWhen_NoIntervalFitsAfterTheClock() external {
        setTime(HALF);
        checkTooShort(HALF, HALF + 99);
        checkTooShort(HALF, HALF);
        checkTooShort(HALF, HALF - 1);
        checkTooShort(HALF, 0);
        terms.interval = type(uint256).max;
        checkTooShort(HALF, TIME_LIMIT);
    }

    function test_RevertWhen_NoIntervalFitsAfterTheStart() external {
        checkTooShort(START, START + 99);
        checkTooShort(START, START);
    }

    function test_RevertWhen_RecipientToken() external {
        terms.token = recipient;
        checkRefused(sender, terms, abi.encodeWithSelector(IMoneyStreaming.RecipientInvalid.selector, recipient));
    }

    function test_RevertWhen_PaymentZero() external {
        terms.payment = 0;
        checkRefused(sender, terms, abi.encodeWithSelector(IMoneyStreaming.PaymentZero.selector));
    }

    function test_RevertWhen_DepositBeyondLimit() external {
        setTime(HALF);
        terms.payment = DEPOSIT_LIMIT / 30 + 1;
        checkRefused(
            sender,
            terms,
            abi.encodeWithSelector(IMoneyStreaming.DepositExceedsLimit.selector, terms.payment, 30, DEPOSIT_LIMIT)
        );
        terms.payment = type(uint256).max;
        checkRefused(
            sender,
            terms,
            abi.encodeWithSelector(IMoneyStreaming.DepositExceedsLimit.selector, terms.payment, 30, DEPOSIT_LIMIT)
        );
    }

    function test_RevertWhen_TermsUnchanged() external {
        terms = Terms(address(token), STOP, PAYMENT, INTERVAL);
        checkRefused(sender, terms, abi.encodeWithSelector(IMoneyStreaming.TermsUnchanged.selector, streamId));
        setTime(HALF);
        checkRefused(recipient, terms, abi.encodeWithSelector(IMoneyStreaming.TermsUnchanged.selector, streamId));
    }

    function test_WhenOneTermDiffers() external {
        checkStored(Terms(address(otherToken), STOP, PAYMENT, INTERVAL));
        checkStored(Terms(address(token), STOP + 1, PAYMENT, INTERVAL));
        checkStored(Terms(address(token), STOP, PAYMENT + 1, INTERVAL));
        checkStored(Terms(address(token), STOP, PAYMENT, INTERVAL + 1));
    }

    function test_GivenNoConsent() external {
        setTime(HALF);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogConfirmUpdate(streamId, sender, terms.token, terms.stop, terms.payment, terms.interval);
        confirm(sender, terms);

        assertTrue(hasConfirmed(sender, terms));
        assertFalse(hasConfirmed(recipient, terms));
        assertEq(stateOf(streamId), preparedState(25, 0));
        assertHoldings(token, 0, 0, 2 * DEPOSIT);
        assertOtherUntouched();
    }

    function test_GivenEarlierConsentOfCaller() external {
        confirm(recipient, terms);
        Terms memory others = Terms(address(token), STOP, PAYMENT + 1, INTERVAL);
        confirm(recipient, others);
        assertFalse(hasConfirmed(recipient, terms));
        assertTrue(hasConfirmed(recipient, others));
        confirm(recipient, others);
        assertTrue(hasConfirmed(recipient, others));
        assertEq(stateOf(streamId), preparedState(0, 0));
    }

    function test_GivenCounterpartyConsentsToOtherTerms() external {
        confirm(recipient, terms);
        Terms memory others = terms;
        others.payment += 1;
        confirm(sender, others);

        assertTrue(hasConfirmed(sender, others));
        assertTrue(hasConfirmed(recipient, terms));
        assertEq(stateOf(streamId), preparedState(0, 0));
        assertHoldings(token, 0, 0, 2 * DEPOSIT);
        assertOtherUntouched();
    }

    function test_RevertGiven_UpdatesExhausted() external {
        // The topmost 16 bits of the third slot count the updates.
        bytes32 slot = bytes32(uint256(keccak256(abi.encode(streamId, 0))) + 2);
        vm.store(address(streaming), slot, vm.load(address(streaming), slot) | bytes32(uint256(0xffff) << 240));
        assertEq(stateOf(streamId).updateEpoch, 65_535);
        confirm(sender, terms);
        checkRefused(recipient, terms, abi.encodeWithSelector(IMoneyStreaming.UpdateEpochExhausted.selector, streamId));
    }

    function test_RevertGiven_TokensExhausted() external {
        uint256 counters = uint256(vm.load(address(streaming), COUNTERS_SLOT));
        vm.store(address(streaming), COUNTERS_SLOT, bytes32(counters | uint256(type(uint32).max) << 224));
        terms.token = address(otherToken);
        confirm(sender, terms);
        checkRefused(recipient, terms, abi.encodeWithSelector(IMoneyStreaming.TokensExhausted.selector, otherToken));
    }

    function test_RevertGiven_TokenWithoutCode() external {
        terms.token = stranger;
        confirm(sender, terms);
        checkRefused(recipient, terms, abi.encodeWithSelector(IMoneyStreaming.TokenInvalid.selector, stranger));
        assertEq(stateOf(streamId), preparedState(0, 0));
    }

    function test_RevertGiven_AllowanceShort() external {
        setTime(HALF);
        confirm(sender, terms);
        uint256 missing = 60 * PAYMENT - HALF_DEPOSIT;
        vm.prank(sender);
        token.approve(address(streaming), missing - 1);
        checkRefused(
            recipient,
            terms,
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, streaming, missing - 1, missing)
        );
        assertTrue(hasConfirmed(sender, terms));
        assertFalse(hasConfirmed(recipient, terms));
        assertEq(stateOf(streamId), preparedState(25, 0));
        assertHoldings(token, 0, 0, 2 * DEPOSIT);
    }

    function test_RevertGiven_TokenKeepsFee() external {
        FeeToken fee = new FeeToken();
        fund(fee);
        fee.setFee(100);
        terms.token = address(fee);
        setTime(HALF);
        confirm(sender, terms);
        checkRefused(
            recipient,
            terms,
            abi.encodeWithSelector(
                IMoneyStreaming.DepositNotReceived.selector, fee, 60 * PAYMENT * 99 / 100, 60 * PAYMENT
            )
        );
    }

    function test_WhenRecipientConfirmsLast() external {
        setTime(HALF);
        confirm(sender, terms);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogConfirmUpdate(streamId, recipient, terms.token, terms.stop, terms.payment, terms.interval);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogWithdraw(streamId, recipient, HALF_DEPOSIT);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogExecuteUpdate(
            streamId, sender, recipient, terms.token, terms.stop, terms.payment, terms.interval
        );
        vm.expectEmit(address(streaming));
        emit IMoneyStreaming.LogUpdateStart(streamId, 1, HALF + 5, 60 * PAYMENT);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(sender, address(streaming), 60 * PAYMENT - HALF_DEPOSIT);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(address(streaming), recipient, HALF_DEPOSIT);
        confirm(recipient, terms);

        checkRewritten(HALF + 5, 30, 1);
        assertHoldings(token, HALF_DEPOSIT, 0, DEPOSIT + 60 * PAYMENT);
        assertOtherUntouched();
    }

    function test_WhenSenderConfirmsLast() external {
        setTime(HALF);
        confirm(recipient, terms);
        confirm(sender, terms);
        checkRewritten(HALF + 5, 30, 1);
        assertHoldings(token, HALF_DEPOSIT, 0, DEPOSIT + 60 * PAYMENT);
    }

    function test_WhenDepositGrows() external {
        terms.payment = HALF_DEPOSIT / 30 + 1;
        execute(HALF);
        assertHoldings(token, HALF_DEPOSIT, 0, DEPOSIT + HALF_DEPOSIT + 30);
    }

    function test_WhenDepositShrinks() external {
        terms.payment = HALF_DEPOSIT / 30 - 1;
        // Nothing is pulled, so no allowance is needed.
        vm.prank(sender);
        token.approve(address(streaming), 0);
        execute(HALF);
        assertHoldings(token, HALF_DEPOSIT, 0, DEPOSIT + HALF_DEPOSIT - 30);
    }

    function test_WhenDepositStays() external {
        terms.payment = HALF_DEPOSIT / 30;
        uint256 held = token.balanceOf(sender);
        vm.recordLogs();
        execute(HALF);
        assertEq(countLogs(IERC20.Transfer.selector), 1);
        assertEq(token.balanceOf(sender), held);
        assertHoldings(token, HALF_DEPOSIT, 0, DEPOSIT + HALF_DEPOSIT);
    }

    function test_WhenTokenChanges() external {
        terms.token = address(otherToken);
        execute(HALF);
        checkRewritten(HALF + 5, 30, 1);
        assertHoldings(token, HALF_DEPOSIT, 0, DEPOSIT);
        assertHoldings(otherToken, 0, 0, 60 * PAYMENT);
        assertOtherUntouched();
    }

    function test_WhenStartNotReached() external {
        terms.stop = START + 130;
        vm.recordLogs();
        execute(START - 1);
        assertEq(countLogs(IERC1620.LogWithdraw.selector), 0);
        checkRewritten(START + 30, 1, 1);
        assertHoldings(token, 0, 0, DEPOSIT + 2 * PAYMENT);
    }

    function test_WhenStopPassed() external {
        terms.stop = STOP + 1000 + 199;
        execute(STOP + 1000);
        checkRewritten(STOP + 1000 + 99, 1, 1);
        assertHoldings(token, DEPOSIT, 0, DEPOSIT + 2 * PAYMENT);
    }

    function test_GivenAPartWithdrawn() external {
        setTime(HALF);
        vm.prank(recipient);
        streaming.withdrawTo(streamId, payee, 7);
        execute(HALF);
        checkRewritten(HALF + 5, 30, 1);
        assertHoldings(token, HALF_DEPOSIT - 7, 7, DEPOSIT + 60 * PAYMENT);
    }

    function test_GivenAllDueWithdrawn() external {
        setTime(HALF);
        vm.prank(recipient);
        streaming.withdrawMax(streamId, payee);
        vm.recordLogs();
        execute(HALF);
        assertEq(countLogs(IERC1620.LogWithdraw.selector), 0);
        assertHoldings(token, 0, HALF_DEPOSIT, DEPOSIT + 60 * PAYMENT);
    }

    function test_GivenOldTokenRefusesRecipient() external {
        BlockingToken blocking = useBlockingToken();
        blocking.setBlocked(recipient, true);
        setTime(HALF);
        confirm(sender, terms);
        vm.expectEmit(address(streaming));
        emit IMoneyStreaming.LogCredit(streamId, recipient, address(blocking), HALF_DEPOSIT);
        confirm(recipient, terms);

        assertEq(streaming.creditOf(address(blocking), recipient), HALF_DEPOSIT);
        assertHoldings(blocking, 0, 0, HALF_DEPOSIT);
        checkRewritten(HALF + 5, 30, 1);
    }

    function test_GivenOldTokenRefusesSender() external {
        BlockingToken blocking = useBlockingToken();
        blocking.setBlocked(sender, true);
        setTime(HALF);
        confirm(recipient, terms);
        vm.expectEmit(address(streaming));
        emit IMoneyStreaming.LogCredit(streamId, sender, address(blocking), HALF_DEPOSIT);
        confirm(sender, terms);

        assertEq(streaming.creditOf(address(blocking), sender), HALF_DEPOSIT);
        assertHoldings(blocking, HALF_DEPOSIT, 0, HALF_DEPOSIT);
        checkRewritten(HALF + 5, 30, 1);
    }

    function test_GivenConsentsOfAnEarlierEpoch() external {
        Terms memory others = Terms(address(otherToken), STOP, PAYMENT, INTERVAL);
        confirm(sender, others);
        confirm(recipient, terms);
        confirm(sender, terms);
        checkRewritten(START + 5, 45, 1);

        confirm(recipient, others);
        assertFalse(hasConfirmed(sender, others));
        assertTrue(hasConfirmed(recipient, others));
        checkRewritten(START + 5, 45, 1);
    }

    function test_GivenUpdatedBefore() external {
        execute(HALF);
        setTime(HALF + 5 + 300);
        vm.prank(recipient);
        streaming.withdrawTo(streamId, payee, PAYMENT);
        terms = Terms(address(otherToken), HALF + 5 + 300 + 77, 1, 7);
        execute(HALF + 5 + 300);

        checkRewritten(HALF + 5 + 300, 11, 2);
        assertHoldings(token, HALF_DEPOSIT + 5 * PAYMENT, PAYMENT, DEPOSIT);
        assertHoldings(otherToken, 0, 0, 11);
    }

    /// @dev Same token and another, at any time, whatever was withdrawn, whether the deposit grows or shrinks: the terms
    /// are kept to the letter, the start is the latest that leaves whole intervals, and every unit has its owner.
    function testFuzz_Execution(
        uint256 time,
        uint256 taken,
        uint256 gap,
        uint256 nIntervals,
        uint256 payment,
        uint256 interval,
        bool sameToken
    ) external {
        time = bound(time, START - 100, STOP + 100);
        setTime(time);
        uint256 accrued = countIntervals(START, STOP, INTERVAL, time) * PAYMENT;
        taken = bound(taken, 0, accrued);
        if (taken != 0) {
            vm.prank(recipient);
            streaming.withdrawTo(streamId, payee, taken);
        }

        uint256 base = time > START ? time : START;
        interval = bound(interval, 1, 1 << 40);
        nIntervals = bound(nIntervals, 1, 64);
        gap = bound(gap, 0, interval - 1);
        payment = bound(payment, 1, 2 * DEPOSIT / nIntervals);
        terms.token = sameToken ? address(token) : address(otherToken);
        terms.stop = base + gap + nIntervals * interval;
        terms.payment = payment;
        terms.interval = interval;
        execute(time);

        checkRewritten(base + gap, nIntervals, 1);
        assertHoldings(token, accrued - taken, taken, DEPOSIT + (sameToken ? nIntervals * payment : 0));
        assertHoldings(otherToken, 0, 0, sameToken ? 0 : nIntervals * payment);
        assertOtherUntouched();
    }

    /// @dev Over the whole range of stops and intervals the aligned start is less than one interval after the clock.
    function testFuzz_Alignment(uint256 time, uint256 stop, uint256 interval) external {
        time = bound(time, START, TIME_LIMIT - 1);
        stop = bound(stop, time + 1, TIME_LIMIT);
        interval = bound(interval, 1, stop - time);
        terms = Terms(address(otherToken), stop, 1, interval);
        // One unit a payment, up to 2^48 of them.
        assertGt(otherToken.balanceOf(sender), TIME_LIMIT);
        execute(time);

        IMoneyStreaming.StreamState memory state = stateOf(streamId);
        assertEq(state.stop, stop);
        assertGe(state.start, time);
        assertLt(state.start, time + interval);
        assertEq(uint256(state.balance) * interval, stop - state.start);
        assertEq(state.due, 0);
    }

    function execute(uint256 time) private {
        setTime(time);
        confirm(sender, terms);
        confirm(recipient, terms);
    }

    /// @dev Makes `streamId` a stream of a token that can refuse; the terms to come are in the plain one.
    function useBlockingToken() private returns (BlockingToken blocking) {
        blocking = new BlockingToken();
        fund(blocking);
        streamId = createStream(address(blocking));
    }

    /// @dev The stream runs by `terms` from `start` on, nothing has accrued, and no consent is left.
    function checkRewritten(uint256 start, uint256 nIntervals, uint256 updateEpoch) private view {
        IMoneyStreaming.StreamState memory expected;
        expected.sender = sender;
        expected.recipient = recipient;
        expected.token = terms.token;
        expected.balance = uint128(nIntervals * terms.payment);
        expected.start = uint48(start);
        expected.stop = uint48(terms.stop);
        expected.payment = uint128(terms.payment);
        expected.interval = uint48(terms.interval);
        expected.refundable = expected.balance;
        expected.updateEpoch = uint16(updateEpoch);
        assertEq(stateOf(streamId), expected);
        assertFalse(hasConfirmed(sender, terms));
        assertFalse(hasConfirmed(recipient, terms));
    }

    function checkStored(Terms memory terms_) private {
        confirm(recipient, terms_);
        assertTrue(hasConfirmed(recipient, terms_));
        assertEq(stateOf(streamId), preparedState(0, 0));
    }

    function checkTooShort(uint256 base, uint256 stop) private {
        terms.stop = stop;
        checkRefused(
            recipient,
            terms,
            abi.encodeWithSelector(IMoneyStreaming.UpdateTooShort.selector, base, stop, terms.interval)
        );
    }

    function checkRefused(address caller, Terms memory terms_, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        confirm(caller, terms_);
    }

    function countLogs(bytes32 topic) private returns (uint256 n) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic) ++n;
        }
    }
}

contract BlockConfirmUpdateTest is ConfirmUpdateTest, BlockClock {}

contract TimestampConfirmUpdateTest is ConfirmUpdateTest, TimestampClock {}
