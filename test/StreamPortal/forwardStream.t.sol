// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {FeeToken} from "../mocks/FeeToken.sol";
import {HalfReturnToken} from "../mocks/HalfReturnToken.sol";
import {NoReturnToken} from "../mocks/NoReturnToken.sol";
import {ForwardTest} from "./ForwardTest.sol";

abstract contract PortalForwardStreamTest is ForwardTest {
    function test_RevertWhen_AppWithoutCode() external {
        setTime(STOP);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.AppInvalid.selector, alice));
        portal.forwardStream(alice, bob, streaming, streamId);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.AppInvalid.selector, portal));
        portal.forwardStream(address(portal), bob, streaming, streamId);
    }

    function test_RevertWhen_OwnerZero() external {
        vm.expectRevert(IStreamPortal.AccountZero.selector);
        portal.forwardStream(app, address(0), streaming, streamId);
    }

    function test_RevertWhen_StreamUnknown() external {
        checkRefused(1729, abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, 1729));
    }

    /// @dev Neither another owner nor another application gets what is Bob's.
    function test_RevertWhen_StreamOfAnotherInbox() external {
        setTime(STOP);
        address other = portal.inboxOf(app, stranger);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.RecipientNotInbox.selector, streamId, inbox, other));
        portal.forwardStream(app, stranger, streaming, streamId);

        other = portal.inboxOf(address(token), bob);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.RecipientNotInbox.selector, streamId, inbox, other));
        portal.forwardStream(address(token), bob, streaming, streamId);
        assertEq(streaming.balanceOf(streamId, inbox), SALARY);
    }

    function test_RevertGiven_NothingDue() external {
        setTime(START + INTERVAL - 1);
        checkRefused(streamId, abi.encodeWithSelector(IMoneyStreaming.WithdrawZero.selector, streamId));
        assertEq(inbox.code.length, 0);
    }

    function test_RevertGiven_TokenKeepsFee() external {
        FeeToken fee = new FeeToken();
        uint256 id = createSalary(address(fee));
        fee.setFee(100);
        setTime(STOP);
        uint256 arrived = SALARY / 100 * 99;
        checkRefused(
            id,
            abi.encodeWithSelector(IStreamPortal.DepositNotDelivered.selector, fee, app, arrived / 100 * 99, arrived)
        );
        assertEq(streaming.balanceOf(id, inbox), SALARY);
    }

    function test_RevertGiven_TokenReturnsNothing() external {
        NoReturnToken silent = new NoReturnToken();
        uint256 id = createSalary(address(silent));
        setTime(STOP);
        checkRefused(id, abi.encodeWithSelector(IStreamPortal.TokenRefused.selector, silent));
        assertEq(streaming.balanceOf(id, inbox), SALARY);
    }

    function test_GivenInboxNotOpen() external {
        setTime(START + 20 * INTERVAL + 7);
        vm.expectEmit(address(portal));
        emit IStreamPortal.InboxOpened(app, bob, inbox);
        vm.expectEmit(address(portal));
        emit IStreamPortal.StreamForwarded(app, bob, streaming, streamId, address(token), 20 * PAYMENT);
        expectTokens(address(token), 20 * PAYMENT, bob, "");
        assertEq(forward(streamId), 20 * PAYMENT);

        assertGt(inbox.code.length, 0);
        assertInputs(1);
        assertEq(token.balanceOf(app), 20 * PAYMENT);
        assertEq(token.balanceOf(inbox), 0);
        assertEq(token.balanceOf(address(streaming)), SALARY - 20 * PAYMENT);
        assertEq(streaming.balanceOf(streamId, inbox), 0);
        assertNothingKept(address(token));
    }

    function test_GivenInboxOpen() external {
        setTime(START + 20 * INTERVAL);
        forward(streamId);
        setTime(STOP);
        vm.recordLogs();
        assertEq(forward(streamId), 30 * PAYMENT);
        // The inbox is not opened again.
        assertEq(vm.getRecordedLogs()[0].topics[0], IERC1620.LogWithdraw.selector);
        assertInputs(2);
        assertEq(token.balanceOf(app), SALARY);
        assertNothingKept(address(token));
    }

    function test_RevertGiven_StreamEnded() external {
        setTime(START + 20 * INTERVAL);
        vm.prank(alice);
        streaming.redeem(streamId);
        checkRefused(streamId, abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId));
        assertEq(token.balanceOf(inbox), 20 * PAYMENT);
    }

    function test_GivenPortalHoldsDonation() external {
        token.mint(address(portal), 17);
        vm.deal(address(portal), 18);
        setTime(START + INTERVAL);
        expectTokens(address(token), PAYMENT, bob, "");
        assertEq(forward(streamId), PAYMENT);
        assertKept(address(token), 17, 18);
    }

    function test_TokenWhereTransferAloneReturnsNothing() external {
        HalfReturnToken half = new HalfReturnToken();
        uint256 id = createSalary(address(half));
        setTime(STOP);
        expectTokens(address(half), SALARY, bob, "");
        assertEq(forward(id), SALARY);
        assertEq(half.balanceOf(app), SALARY);
        assertNothingKept(address(half));
    }

    /// @dev Whenever it is done and however often, all that is due gets there, and nothing else.
    function testFuzz_Forwards(uint256 first, uint256 second) external {
        first = bound(first, START + INTERVAL, STOP - INTERVAL);
        second = bound(second, first + INTERVAL, STOP + 1e6);
        setTime(first);
        uint256 due = (first - START) / INTERVAL * PAYMENT;
        expectTokens(address(token), due, bob, "");
        assertEq(forward(streamId), due);
        setTime(second);
        uint256 end = second < STOP ? second : STOP;
        uint256 rest = (end - START) / INTERVAL * PAYMENT - due;
        expectTokens(address(token), rest, bob, "");
        assertEq(forward(streamId), rest);
        assertEq(token.balanceOf(app), due + rest);
        assertNothingKept(address(token));
    }

    function checkRefused(uint256 id, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        forward(id);
        assertInputs(0);
        assertNothingKept(address(token));
    }
}

contract BlockPortalForwardStreamTest is PortalForwardStreamTest, BlockClock {}

contract TimestampPortalForwardStreamTest is PortalForwardStreamTest, TimestampClock {}
