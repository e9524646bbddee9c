// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";
import {FalseToken} from "../mocks/FalseToken.sol";

/// @dev The first implementation of the standard has eleven proven flaws. Each test replays the way to one of them and
/// shows where it ends.
abstract contract FlawsTest is PreparedStreams {
    /// @dev There, the sender is an argument, so anybody spends anybody's allowance.
    function test_NobodySpendsAnAllowance() external {
        uint256 senders = token.balanceOf(sender);
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, streaming, 0, DEPOSIT));
        streaming.create(payee, address(token), START, STOP, PAYMENT, INTERVAL);
        token.mint(stranger, DEPOSIT);
        token.approve(address(streaming), DEPOSIT);
        uint256 id = streaming.create(payee, address(token), START, STOP, PAYMENT, INTERVAL);
        vm.stopPrank();

        assertEq(stateOf(id).sender, stranger);
        assertEq(token.balanceOf(stranger), 0);
        assertEq(token.balanceOf(sender), senders);
    }

    /// @dev There, the second party's terms win, whatever the first consented to.
    function test_ConsentIsBoundToTerms() external {
        confirm(sender, Terms(address(token), STOP, PAYMENT + 1, INTERVAL));
        confirm(recipient, Terms(address(token), STOP, 90 * PAYMENT, INTERVAL));
        assertEq(stateOf(streamId), preparedState(0, 0));
        assertHoldings(token, 0, 0, 2 * DEPOSIT);
    }

    /// @dev There, a stream to oneself redeems its deposit twice, out of other people's money.
    function test_NoSelfStreamRedeemsTwice() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.RecipientInvalid.selector, sender));
        vm.prank(sender);
        streaming.create(sender, address(token), START, STOP, PAYMENT, INTERVAL);
    }

    /// @dev There, an update executes only at times that leave whole intervals to the stop.
    function test_UpdateAtAnyTime() external {
        Terms memory terms = Terms(address(token), STOP, PAYMENT / 2, INTERVAL);
        for (uint256 offset = 0; offset < INTERVAL; ++offset) {
            uint256 snapshot = vm.snapshotState();
            setTime(START + INTERVAL + offset);
            confirm(sender, terms);
            confirm(recipient, terms);
            IMoneyStreaming.StreamState memory state = stateOf(streamId);
            assertEq(state.updateEpoch, 1);
            assertEq(state.stop, STOP);
            assertEq(state.start, START + (offset == 0 ? 1 : 2) * INTERVAL);
            vm.revertToState(snapshot);
        }
    }

    /// @dev There, an update makes another stream and logs the id of the old one.
    function test_ExecuteUpdateNamesTheLiveId() external {
        uint256 nextId = streaming.nextStreamId();
        Terms memory terms = Terms(address(token), STOP, 2 * PAYMENT, INTERVAL);
        confirm(sender, terms);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogExecuteUpdate(streamId, sender, recipient, address(token), STOP, 2 * PAYMENT, INTERVAL);
        confirm(recipient, terms);

        assertEq(streaming.nextStreamId(), nextId);
        (,,, uint256 balance,,, uint256 payment,) = streaming.getStream(streamId);
        assertEq(balance, 2 * DEPOSIT);
        assertEq(payment, 2 * PAYMENT);
    }

    /// @dev There, an update before the start makes the stream start at once.
    function test_UpdateBeforeStartKeepsTheStart() external {
        Terms memory terms = Terms(address(token), STOP, 2 * PAYMENT, INTERVAL);
        confirm(sender, terms);
        confirm(recipient, terms);
        assertEq(stateOf(streamId).start, START);
        setTime(START + INTERVAL - 1);
        assertEq(streaming.balanceOf(streamId, recipient), 0);
    }

    /// @dev There, a revocation logs any terms, proposed or not.
    function test_RevokeLogsOnlyLiveTerms() external {
        confirm(recipient, Terms(address(token), STOP, 2 * PAYMENT, INTERVAL));
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.UpdateNotProposed.selector, streamId, 0));
        vm.prank(recipient);
        streaming.revokeUpdate(streamId, address(token), STOP, 3 * PAYMENT, INTERVAL);
    }

    /// @dev There, a recipient whom the token refuses makes the redemption fail and so holds the sender's money.
    function test_BlockedRecipientDoesNotLockTheSender() external {
        BlockingToken blocking = new BlockingToken();
        fund(blocking);
        uint256 id = createStream(address(blocking));
        setTime(START + 20 * INTERVAL);
        blocking.setBlocked(recipient, true);
        redeemStream(id);

        assertHoldings(blocking, 0, 0, 20 * PAYMENT);
        vm.prank(recipient);
        streaming.claim(address(blocking), payee);
        assertHoldings(blocking, 0, 20 * PAYMENT, 0);
    }

    /// @dev There and here: an interval that has not ended is the sender's. It is the standard's meaning, so it is
    /// documented, and the sender gains one payment at the most.
    function test_RedeemBeforeTheBoundaryTakesOnePayment() external {
        setTime(START + 20 * INTERVAL - 1);
        redeemStream(streamId);
        setTime(START + 20 * INTERVAL);
        redeemStream(otherId);
        assertHoldings(token, 19 * PAYMENT + 20 * PAYMENT, 0, 0);
    }

    /// @dev There, in the first deployment, a token that answers false gives streams for nothing.
    function test_FalseIsARefusal() external {
        FalseToken refusing = new FalseToken();
        vm.startPrank(stranger);
        refusing.approve(address(streaming), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, refusing));
        streaming.create(recipient, address(refusing), START, STOP, PAYMENT, INTERVAL);
        vm.stopPrank();
    }

    /// @dev There, streams to nobody, of no payment, and of tokens that are none are accepted.
    function test_UselessStreamsAreRefused() external {
        vm.startPrank(sender);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.RecipientInvalid.selector, address(0)));
        streaming.create(address(0), address(token), START, STOP, PAYMENT, INTERVAL);
        vm.expectRevert(IMoneyStreaming.PaymentZero.selector);
        streaming.create(recipient, address(token), START, STOP, 0, INTERVAL);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.TokenInvalid.selector, stranger));
        streaming.create(recipient, stranger, START, STOP, PAYMENT, INTERVAL);
        vm.stopPrank();
    }
}

contract BlockFlawsTest is FlawsTest, BlockClock {}

contract TimestampFlawsTest is FlawsTest, TimestampClock {}
