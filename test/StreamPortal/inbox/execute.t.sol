// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";

import {StreamInbox} from "../../../contracts/StreamInbox.sol";
import {IMoneyStreaming} from "../../../contracts/interfaces/IMoneyStreaming.sol";
import {IStreamInbox} from "../../../contracts/interfaces/IStreamInbox.sol";
import {BlockClock, TimestampClock} from "../../StreamingTest.sol";
import {ForwardTest} from "../ForwardTest.sol";

abstract contract InboxExecuteTest is ForwardTest {
    IStreamInbox internal opened;

    function setUp() public override {
        super.setUp();
        opened = IStreamInbox(payable(portal.openInbox(app, bob)));
        setTime(START + 20 * INTERVAL);
    }

    function test_RevertWhen_CallerNotOwner() external {
        address[4] memory callers = [alice, stranger, app, address(portal)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStreamInbox.CallerNotOwner.selector, callers[i], bob));
            vm.prank(callers[i]);
            opened.execute(address(streaming), 0, abi.encodeCall(streaming.redeem, (streamId)));
        }
    }

    /// @dev It has no application and no owner.
    function test_RevertWhen_InboxClonedContract() external {
        StreamInbox cloned = new StreamInbox();
        vm.expectRevert();
        cloned.owner();
        vm.expectRevert();
        cloned.app();
        vm.expectRevert();
        cloned.execute(address(token), 0, "");
        // The calls go in, and it is not for want of code that they fail.
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, 1729));
        cloned.withdraw(streaming, 1729);
    }

    function test_RevertWhen_CallReverts() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, 1729));
        execute(address(streaming), abi.encodeCall(streaming.redeem, (1729)));
    }

    function test_RevertWhen_CallRevertsWithoutReason() external {
        vm.expectRevert(Errors.FailedCall.selector);
        execute(address(token), "");
    }

    function test_RevertWhen_ValueExceedsEther() external {
        vm.deal(inbox, 4);
        vm.expectRevert(Errors.FailedCall.selector);
        vm.prank(bob);
        opened.execute(stranger, 5, "");
    }

    function test_WhenValueSentAlong() external {
        vm.deal(bob, 5);
        vm.prank(bob);
        assertEq(opened.execute{value: 5}(app, 5, "").length, 0);
        assertEq(app.balance, 5);
        assertEq(inbox.balance, 0);
    }

    function test_GivenEtherInInbox() external {
        vm.deal(alice, 5);
        vm.prank(alice);
        (bool taken,) = inbox.call{value: 5}("");
        assertTrue(taken);
        vm.prank(bob);
        opened.execute(stranger, 3, "");
        assertEq(stranger.balance, 3);
        assertEq(inbox.balance, 2);
    }

    function test_WhenOwnerRedeems() external {
        execute(address(streaming), abi.encodeCall(streaming.redeem, (streamId)));
        assertEq(token.balanceOf(inbox), 20 * PAYMENT);
        assertEq(token.balanceOf(alice), SALARY - 20 * PAYMENT);
        bytes memory answer = execute(address(token), abi.encodeCall(token.transfer, (bob, 20 * PAYMENT)));
        assertEq(answer, abi.encode(true));
        assertEq(token.balanceOf(bob), 20 * PAYMENT);
    }

    function test_WhenOwnerConfirmsUpdate() external {
        execute(
            address(streaming),
            abi.encodeCall(streaming.confirmUpdate, (streamId, address(token), STOP, PAYMENT / 2, INTERVAL))
        );
        assertTrue(streaming.hasConfirmed(streamId, inbox, address(token), STOP, PAYMENT / 2, INTERVAL));
    }

    function test_WhenOwnerWithdrawsToAnotherAddress() external {
        execute(address(streaming), abi.encodeCall(streaming.withdrawTo, (streamId, stranger, PAYMENT)));
        assertEq(token.balanceOf(stranger), PAYMENT);
        assertEq(forward(streamId), 19 * PAYMENT);
    }

    function test_WhenOwnerClaims() external {
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transfer.selector), "");
        vm.prank(alice);
        streaming.redeem(streamId);
        vm.clearMockedCalls();
        execute(address(streaming), abi.encodeCall(streaming.claim, (address(token), stranger)));
        assertEq(token.balanceOf(stranger), 20 * PAYMENT);
    }

    function test_WhenOwnerDepositsWhatIsInInbox() external {
        vm.prank(alice);
        streaming.redeem(streamId);
        execute(address(token), abi.encodeCall(token.approve, (address(portal), 20 * PAYMENT)));
        expectTokens(address(token), 20 * PAYMENT, bob, "");
        execute(address(portal), abi.encodeCall(portal.deposit, (address(token), app, 20 * PAYMENT, bob)));
        assertEq(token.balanceOf(app), 20 * PAYMENT);
        assertNothingKept(address(token));
    }

    /// @dev Whoever it is, only the owner is obeyed.
    function testFuzz_OnlyOwnerExecutes(address caller, address target, bytes calldata data) external {
        vm.assume(caller != bob);
        vm.expectRevert(abi.encodeWithSelector(IStreamInbox.CallerNotOwner.selector, caller, bob));
        vm.prank(caller);
        opened.execute(target, 0, data);
    }

    function execute(address target, bytes memory data) private returns (bytes memory result) {
        vm.prank(bob);
        return opened.execute(target, 0, data);
    }
}

contract BlockInboxExecuteTest is InboxExecuteTest, BlockClock {}

contract TimestampInboxExecuteTest is InboxExecuteTest, TimestampClock {}
