// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {StreamPortal} from "../../contracts/StreamPortal.sol";
import {IStreamInbox} from "../../contracts/interfaces/IStreamInbox.sol";
import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {PortalTest} from "./PortalTest.sol";

contract PortalOpenInboxTest is PortalTest {
    function test_RevertWhen_OwnerZero() external {
        vm.expectRevert(IStreamPortal.AccountZero.selector);
        portal.openInbox(app, address(0));
    }

    function test_GivenInboxNotOpen() external {
        address inbox = portal.inboxOf(app, bob);
        assertEq(inbox.code.length, 0);
        vm.expectEmit(address(portal));
        emit IStreamPortal.InboxOpened(app, bob, inbox);
        vm.prank(alice);
        assertEq(portal.openInbox(app, bob), inbox);
        checkServes(inbox, app, bob);
    }

    function test_GivenInboxOpen() external {
        address inbox = portal.openInbox(app, bob);
        vm.recordLogs();
        assertEq(portal.openInbox(app, bob), inbox);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_WhenAppWithoutCode() external {
        checkServes(portal.openInbox(alice, bob), alice, bob);
    }

    function testFuzz_AnInboxForEach(address app_, address owner, address otherApp, address otherOwner) external {
        vm.assume(owner != address(0) && (app_ != otherApp || owner != otherOwner));
        address inbox = portal.inboxOf(app_, owner);
        assertNotEq(inbox, portal.inboxOf(otherApp, otherOwner));
        assertEq(portal.openInbox(app_, owner), inbox);
        checkServes(inbox, app_, owner);
    }

    /// @dev Another StreamPortal, which may know another rollup, has other inboxes.
    function test_AnInboxForEachPortal() external {
        StreamPortal other = new StreamPortal(erc20Portal, etherPortal);
        assertNotEq(other.inboxOf(app, bob), portal.inboxOf(app, bob));
    }

    function test_Views() external view {
        assertEq(address(portal.erc20Portal()), address(erc20Portal));
        assertEq(address(portal.etherPortal()), address(etherPortal));
    }

    function checkServes(address inbox, address app_, address owner) private view {
        assertEq(IStreamInbox(payable(inbox)).app(), app_);
        assertEq(IStreamInbox(payable(inbox)).owner(), owner);
    }
}
