// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {IInputBox} from "./Cartesi.sol";
import {PortalTest} from "./PortalTest.sol";

contract PortalDepositAndStreamTest is PortalTest {
    uint256 private constant AMOUNT = 500e18;

    function setUp() public override {
        super.setUp();
        fund(address(token), AMOUNT);
    }

    function test_RevertWhen_NoOrders() external {
        checkRefused(AMOUNT, someOrders(0, 0), abi.encodeWithSelector(IStreamPortal.OrdersEmpty.selector));
    }

    function test_RevertWhen_OrdersExceedAmount() external {
        checkRefused(
            AMOUNT,
            someOrders(3, AMOUNT + 1),
            abi.encodeWithSelector(IStreamPortal.OrdersExceedDeposit.selector, AMOUNT + 1, AMOUNT)
        );
    }

    function test_RevertWhen_SumOfOrdersOverflows() external {
        IStreamPortal.StreamOrder[] memory orders = someOrders(3, AMOUNT);
        orders[1].amount = type(uint256).max;
        checkRefused(
            AMOUNT,
            orders,
            abi.encodeWithSelector(IStreamPortal.OrdersExceedDeposit.selector, type(uint256).max, AMOUNT)
        );
    }

    function test_RevertWhen_AmountZero() external {
        checkRefused(0, someOrders(1, 0), abi.encodeWithSelector(IStreamPortal.AmountZero.selector));
    }

    function test_WhenOneOrder() external {
        IStreamPortal.StreamOrder[] memory orders = new IStreamPortal.StreamOrder[](1);
        orders[0] = IStreamPortal.StreamOrder(bob, AMOUNT, 1_800_000_000, type(uint32).max);
        expectTokens(
            address(token),
            AMOUNT,
            alice,
            abi.encodeWithSelector(0xf5626dbc, token, bob, AMOUNT, 1_800_000_000, type(uint32).max)
        );
        depositAndStream(AMOUNT, orders);
        assertEq(token.balanceOf(app), AMOUNT);
        assertNothingKept(address(token));
    }

    function test_WhenSeveralOrders() external {
        IStreamPortal.StreamOrder[] memory orders = someOrders(10, AMOUNT);
        expectTokens(address(token), AMOUNT, alice, batchCall(address(token), orders));
        depositAndStream(AMOUNT, orders);
        assertEq(token.balanceOf(app), AMOUNT);
        assertNothingKept(address(token));
    }

    function test_WhenOrdersBelowAmount() external {
        IStreamPortal.StreamOrder[] memory orders = someOrders(2, AMOUNT / 2);
        expectTokens(address(token), AMOUNT, alice, batchCall(address(token), orders));
        depositAndStream(AMOUNT, orders);
        assertEq(token.balanceOf(app), AMOUNT);
        assertNothingKept(address(token));
    }

    /// @dev Of a batch, 68 bytes are its head and 256 are each of its streams: of 65,124 bytes, 254 streams need 65,092.
    function test_RevertWhen_TooManyOrdersForAnInput() external {
        uint256 n = 254;
        depositAndStream(AMOUNT / 2, someOrders(n, AMOUNT / 2));
        assertInputs(1);
        vm.expectPartialRevert(IInputBox.InputTooLarge.selector);
        depositAndStream(AMOUNT / 2, someOrders(n + 1, AMOUNT / 2));
        assertInputs(1);
        assertEq(token.balanceOf(alice), AMOUNT / 2);
        assertNothingKept(address(token));
    }

    function testFuzz_Encodes(uint256 amount, IStreamPortal.StreamOrder[] memory orders) external {
        vm.assume(orders.length != 0);
        uint256 n = orders.length > 200 ? 200 : orders.length;
        assembly ("memory-safe") {
            mstore(orders, n)
        }
        amount = bound(amount, 1, AMOUNT);
        uint256 left = amount;
        for (uint256 i = 0; i < n; ++i) {
            orders[i].amount = bound(orders[i].amount, 0, left);
            left -= orders[i].amount;
        }
        bytes memory call = n == 1 ? streamCall(address(token), orders[0]) : batchCall(address(token), orders);
        expectTokens(address(token), amount, alice, call);
        depositAndStream(amount, orders);
        assertEq(token.balanceOf(app), amount);
        assertNothingKept(address(token));
    }

    function depositAndStream(uint256 amount, IStreamPortal.StreamOrder[] memory orders) private {
        vm.prank(alice);
        portal.depositAndStream(address(token), app, amount, orders);
    }

    function checkRefused(uint256 amount, IStreamPortal.StreamOrder[] memory orders, bytes memory revertReason)
        private
    {
        vm.expectRevert(revertReason);
        depositAndStream(amount, orders);
        assertInputs(0);
        assertEq(token.balanceOf(alice), AMOUNT);
    }
}
