// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {HostileStreaming} from "../mocks/HostileStreaming.sol";
import {NoReturnToken} from "../mocks/NoReturnToken.sol";
import {PlainToken} from "../mocks/PlainToken.sol";
import {PortalTest} from "./PortalTest.sol";

/// @dev A contract that lies about its streams gets what it delivers credited, to the owner of the inbox, and no more.
contract PortalStreamingTest is PortalTest {
    HostileStreaming private hostile;
    address private inbox;

    function setUp() public override {
        super.setUp();
        hostile = new HostileStreaming();
        inbox = portal.inboxOf(app, bob);
        hostile.claimToPay(inbox, address(token));
        // What there is to be had.
        token.mint(address(portal), 1000);
        token.mint(inbox, 1000);
        fund(address(token), 1000);
    }

    function test_DeliversNothing() external {
        checkRefused(abi.encodeWithSelector(IStreamPortal.NothingForwarded.selector, token));
    }

    function test_DeliversAnotherToken() external {
        PlainToken other = new PlainToken(6);
        hostile.aim(address(other), abi.encodeCall(other.mint, (address(portal), 1000)));
        checkRefused(abi.encodeWithSelector(IStreamPortal.NothingForwarded.selector, token));
        assertEq(other.balanceOf(address(portal)), 0);
    }

    function test_DeliversToAnother() external {
        hostile.aim(address(token), abi.encodeCall(token.mint, (app, 1000)));
        checkRefused(abi.encodeWithSelector(IStreamPortal.NothingForwarded.selector, token));
    }

    /// @dev The allowance that Alice gave is for her deposits.
    function test_PullsWhatAliceApproved() external {
        hostile.aim(address(token), abi.encodeCall(token.transferFrom, (alice, address(portal), 1000)));
        checkRefused(abi.encodeWithSelector(IStreamPortal.NothingForwarded.selector, token));
        assertEq(token.balanceOf(alice), 1000);
    }

    function test_DeliversLessThanItSays() external {
        hostile.aim(address(token), abi.encodeCall(token.mint, (address(portal), 3)));
        expectTokens(address(token), 3, bob, "");
        assertEq(portal.forwardStream(app, bob, IMoneyStreaming(address(hostile)), 1), 3);
        expectTokens(address(token), 3, bob, "");
        assertEq(portal.forwardCredit(app, bob, IMoneyStreaming(address(hostile)), address(token)), 3);
        assertEq(token.balanceOf(app), 6);
        assertEq(token.balanceOf(inbox), 1000);
        assertKept(address(token), 1000, 0);
        assertEq(hostile.nAsked(), 2);
    }

    function test_NamesNoToken() external {
        hostile.claimToPay(inbox, bob);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.TokenInvalid.selector, bob));
        portal.forwardStream(app, bob, IMoneyStreaming(address(hostile)), 1);
    }

    function test_NamesTokenThatReturnsNothing() external {
        NoReturnToken silent = new NoReturnToken();
        hostile.claimToPay(inbox, address(silent));
        hostile.aim(address(silent), abi.encodeCall(silent.mint, (address(portal), 3)));
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.TokenRefused.selector, silent));
        portal.forwardStream(app, bob, IMoneyStreaming(address(hostile)), 1);
        assertEq(silent.balanceOf(address(portal)), 0);
    }

    /// @dev Contracts that are no streams, those of this journey among them, and an address without code.
    function test_NoStreams() external {
        portal.openInbox(app, bob);
        address[7] memory strangers = [
            alice, address(portal), address(erc20Portal), address(etherPortal), address(inputBox), inbox, address(token)
        ];
        for (uint256 i = 0; i < strangers.length; ++i) {
            vm.expectRevert();
            portal.forwardStream(app, bob, IMoneyStreaming(strangers[i]), 1);
            vm.expectRevert();
            portal.forwardCredit(app, bob, IMoneyStreaming(strangers[i]), address(token));
        }
        checkUntouched();
    }

    function checkRefused(bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        portal.forwardStream(app, bob, IMoneyStreaming(address(hostile)), 1);
        vm.expectRevert(revertReason);
        portal.forwardCredit(app, bob, IMoneyStreaming(address(hostile)), address(token));
        checkUntouched();
    }

    function checkUntouched() private view {
        assertInputs(0);
        assertEq(hostile.nAsked(), 0);
        assertEq(token.balanceOf(app), 0);
        assertEq(token.balanceOf(inbox), 1000);
        assertKept(address(token), 1000, 0);
    }
}
