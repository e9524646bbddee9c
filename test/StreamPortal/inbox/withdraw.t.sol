// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStreamInbox} from "../../../contracts/interfaces/IStreamInbox.sol";
import {BlockClock, TimestampClock} from "../../StreamingTest.sol";
import {ForwardTest} from "../ForwardTest.sol";

abstract contract InboxWithdrawTest is ForwardTest {
    IStreamInbox internal opened;

    function setUp() public override {
        super.setUp();
        opened = IStreamInbox(payable(portal.openInbox(app, bob)));
        setTime(START + 20 * INTERVAL);
    }

    /// @dev Money that came to StreamPortal without it would be nobody's. The owner is no exception.
    function test_RevertWhen_CallerNotStreamPortal() external {
        address[4] memory callers = [alice, bob, app, inbox];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStreamInbox.CallerNotPortal.selector, callers[i], portal));
            vm.prank(callers[i]);
            opened.withdraw(streaming, streamId);
        }
        assertEq(streaming.balanceOf(streamId, inbox), 20 * PAYMENT);
    }

    function test_WhenCallerStreamPortal() external {
        vm.prank(address(portal));
        opened.withdraw(streaming, streamId);
        assertEq(token.balanceOf(address(portal)), 20 * PAYMENT);
        assertEq(streaming.balanceOf(streamId, inbox), 0);
    }
}

contract BlockInboxWithdrawTest is InboxWithdrawTest, BlockClock {}

contract TimestampInboxWithdrawTest is InboxWithdrawTest, TimestampClock {}
