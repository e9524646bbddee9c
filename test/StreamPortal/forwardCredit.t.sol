// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";
import {ForwardTest} from "./ForwardTest.sol";

abstract contract PortalForwardCreditTest is ForwardTest {
    uint256 internal constant CREDIT = 20 * PAYMENT;

    BlockingToken internal blocking;

    function setUp() public override {
        super.setUp();
        blocking = new BlockingToken();
        streamId = createSalary(address(blocking));
    }

    function test_RevertWhen_AppWithoutCode() external {
        credit();
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.AppInvalid.selector, alice));
        portal.forwardCredit(alice, bob, streaming, address(blocking));
    }

    function test_RevertWhen_OwnerZero() external {
        vm.expectRevert(IStreamPortal.AccountZero.selector);
        portal.forwardCredit(app, address(0), streaming, address(blocking));
    }

    function test_RevertWhen_TokenWithoutCode() external {
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.TokenInvalid.selector, alice));
        portal.forwardCredit(app, bob, streaming, alice);
    }

    function test_RevertGiven_NoCredit() external {
        checkRefused();
        assertEq(inbox.code.length, 0);
    }

    function test_GivenCredit() external {
        credit();
        vm.expectEmit(address(portal));
        emit IStreamPortal.InboxOpened(app, bob, inbox);
        vm.expectEmit(address(portal));
        emit IStreamPortal.CreditForwarded(app, bob, streaming, address(blocking), CREDIT);
        expectTokens(address(blocking), CREDIT, bob, "");
        assertEq(forwardCredit(), CREDIT);

        assertGt(inbox.code.length, 0);
        assertInputs(1);
        assertEq(streaming.creditOf(address(blocking), inbox), 0);
        assertEq(blocking.balanceOf(app), CREDIT);
        assertEq(blocking.balanceOf(inbox), 0);
        assertNothingKept(address(blocking));
    }

    function test_RevertGiven_CreditForwarded() external {
        credit();
        forwardCredit();
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.NothingToClaim.selector, inbox, blocking));
        forwardCredit();
        assertInputs(1);
    }

    function test_GivenPortalHoldsDonation() external {
        credit();
        blocking.mint(address(portal), 17);
        expectTokens(address(blocking), CREDIT, bob, "");
        assertEq(forwardCredit(), CREDIT);
        assertKept(address(blocking), 17, 0);
    }

    /// @dev Ends the stream while the token refuses the inbox, and relents.
    function credit() private {
        setTime(START + 20 * INTERVAL);
        blocking.setBlocked(inbox, true);
        vm.prank(alice);
        streaming.redeem(streamId);
        blocking.setBlocked(inbox, false);
        assertEq(streaming.creditOf(address(blocking), inbox), CREDIT);
    }

    function forwardCredit() private returns (uint256 amount) {
        vm.prank(stranger);
        return portal.forwardCredit(app, bob, streaming, address(blocking));
    }

    function checkRefused() private {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.NothingToClaim.selector, inbox, blocking));
        forwardCredit();
        assertInputs(0);
    }
}

contract BlockPortalForwardCreditTest is PortalForwardCreditTest, BlockClock {}

contract TimestampPortalForwardCreditTest is PortalForwardCreditTest, TimestampClock {}
