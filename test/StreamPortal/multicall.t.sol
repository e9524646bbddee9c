// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {ForwardTest} from "./ForwardTest.sol";

abstract contract PortalMulticallTest is ForwardTest {
    uint256 internal constant AMOUNT = 500e18;

    function setUp() public override {
        super.setUp();
        fund(address(token), AMOUNT);
    }

    function test_RevertWhen_ACallReverts() external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(portal.deposit, (address(token), app, AMOUNT, bob));
        calls[1] = abi.encodeCall(portal.deposit, (address(token), app, 0, bob));
        vm.expectRevert(IStreamPortal.AmountZero.selector);
        vm.prank(alice);
        portal.multicall(calls);
        assertInputs(0);
        assertEq(token.balanceOf(alice), AMOUNT);
    }

    function test_WhenCallsDeposit() external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(portal.deposit, (address(token), app, 1, bob));
        calls[1] = abi.encodeCall(portal.depositAndCall, (address(token), app, 2, "{}"));
        expectTokens(address(token), 1, bob, "");
        vm.prank(alice);
        portal.multicall(calls);
        assertInputs(2);
        assertEq(token.balanceOf(app), 3);
        assertNothingKept(address(token));
    }

    function test_WhenCallsForward() external {
        setTime(STOP);
        uint256 otherId = createLater();
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(portal.forwardStream, (app, bob, streaming, streamId));
        calls[1] = abi.encodeCall(portal.forwardStream, (app, bob, streaming, otherId));
        setTime(STOP + 2 * INTERVAL);
        bytes[] memory results = portal.multicall(calls);
        assertEq(results[0], abi.encode(SALARY));
        assertEq(results[1], abi.encode(2 * PAYMENT));
        assertInputs(2);
        assertEq(token.balanceOf(app), SALARY + 2 * PAYMENT);
        assertNothingKept(address(token));
    }

    /// @dev One payment could be spent by each of the calls.
    function test_RevertWhen_EtherSentAlong() external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(portal.depositEther, (app, bob));
        calls[1] = calls[0];
        vm.deal(alice, 1);
        vm.prank(alice);
        (bool taken,) = address(portal).call{value: 1}(abi.encodeCall(portal.multicall, (calls)));
        assertFalse(taken);
        vm.expectRevert(IStreamPortal.AmountZero.selector);
        portal.multicall(calls);
    }

    function createLater() private returns (uint256 id) {
        token.mint(alice, 10 * PAYMENT);
        vm.startPrank(alice);
        token.approve(address(streaming), 10 * PAYMENT);
        id = streaming.createFor(inbox, address(token), PAYMENT, INTERVAL, 10);
        vm.stopPrank();
    }
}

contract BlockPortalMulticallTest is PortalMulticallTest, BlockClock {}

contract TimestampPortalMulticallTest is PortalMulticallTest, TimestampClock {}
