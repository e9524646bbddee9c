// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {TimestampClock} from "../StreamingTest.sol";
import {ForwardTest} from "../StreamPortal/ForwardTest.sol";

/// @dev As in {GasTest}: each measured call is a transaction of its own, as in a receipt. Cartesi's contracts are those of
/// npm; the application has inputs and holds the token already, and the allowance is spent to the last unit.
abstract contract PortalGasTest is ForwardTest {
    uint256 private constant AMOUNT = 3600e18;

    function setUp() public override {
        super.setUp();
        fund(address(token), AMOUNT + 1);
        vm.deal(alice, AMOUNT);
        vm.startPrank(alice);
        portal.deposit(address(token), app, 1, alice);
        portal.depositEther{value: 1}(app, alice);
        vm.stopPrank();
    }

    function test_Deposit() external {
        vm.prank(alice);
        portal.deposit(address(token), app, AMOUNT, bob);
        assertLe(pin("deposit"), 119_000);
    }

    function test_DepositAndStreamOne() external {
        vm.prank(alice);
        portal.depositAndStream(address(token), app, AMOUNT, someOrders(1, AMOUNT));
        assertLe(pin("depositAndStream, 1 order"), 122_000);
    }

    function test_DepositAndStreamTen() external {
        vm.prank(alice);
        portal.depositAndStream(address(token), app, AMOUNT, someOrders(10, AMOUNT));
        assertLe(pin("depositAndStream, 10 orders"), 154_000);
    }

    function test_DepositEther() external {
        vm.prank(alice);
        portal.depositEther{value: AMOUNT / 2}(app, bob);
        assertLe(pin("depositEther"), 84_000);
    }

    function test_DepositEtherAndStreamOne() external {
        vm.prank(alice);
        portal.depositEtherAndStream{value: AMOUNT / 2}(app, someOrders(1, AMOUNT / 2));
        assertLe(pin("depositEtherAndStream, 1 order"), 87_000);
    }

    function test_ForwardStream() external {
        setTime(START + 20 * INTERVAL);
        forward(streamId);
        assertLe(pin("forwardStream, inbox opened"), 193_000);
        setTime(START + 30 * INTERVAL);
        forward(streamId);
        assertLe(pin("forwardStream"), 141_000);
    }

    function pin(string memory name) private returns (uint256 gas) {
        return vm.snapshotGasLastCall("StreamPortal", name);
    }
}

/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract StreamPortalGasTest is PortalGasTest, TimestampClock {}
