// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {PortalTest} from "./PortalTest.sol";

contract PortalDepositEtherAndStreamTest is PortalTest {
    uint256 private constant AMOUNT = 5 ether;

    function setUp() public override {
        super.setUp();
        vm.deal(alice, AMOUNT);
    }

    function test_RevertWhen_NoOrders() external {
        checkRefused(AMOUNT, someOrders(0, 0), abi.encodeWithSelector(IStreamPortal.OrdersEmpty.selector));
    }

    function test_RevertWhen_OrdersExceedEther() external {
        checkRefused(
            AMOUNT,
            someOrders(2, AMOUNT + 1),
            abi.encodeWithSelector(IStreamPortal.OrdersExceedDeposit.selector, AMOUNT + 1, AMOUNT)
        );
    }

    function test_RevertWhen_NoEther() external {
        checkRefused(0, someOrders(1, 0), abi.encodeWithSelector(IStreamPortal.AmountZero.selector));
    }

    function test_WhenOneOrder() external {
        IStreamPortal.StreamOrder[] memory orders = someOrders(1, AMOUNT);
        expectEther(AMOUNT, alice, streamCall(address(0), orders[0]));
        depositAndStream(AMOUNT, orders);
        checkArrived(AMOUNT);
    }

    function test_WhenSeveralOrders() external {
        IStreamPortal.StreamOrder[] memory orders = someOrders(10, AMOUNT);
        expectEther(AMOUNT, alice, batchCall(address(0), orders));
        depositAndStream(AMOUNT, orders);
        checkArrived(AMOUNT);
    }

    function testFuzz_Encodes(uint256 amount, uint256 nOrders, uint256 total) external {
        amount = bound(amount, 1, AMOUNT);
        nOrders = bound(nOrders, 1, 50);
        IStreamPortal.StreamOrder[] memory orders = someOrders(nOrders, bound(total, 0, amount));
        bytes memory call = nOrders == 1 ? streamCall(address(0), orders[0]) : batchCall(address(0), orders);
        expectEther(amount, alice, call);
        depositAndStream(amount, orders);
        checkArrived(amount);
    }

    function depositAndStream(uint256 amount, IStreamPortal.StreamOrder[] memory orders) private {
        vm.prank(alice);
        portal.depositEtherAndStream{value: amount}(app, orders);
    }

    function checkArrived(uint256 amount) private view {
        assertEq(app.balance, amount);
        assertEq(alice.balance, AMOUNT - amount);
        assertEq(address(portal).balance, 0);
    }

    function checkRefused(uint256 amount, IStreamPortal.StreamOrder[] memory orders, bytes memory revertReason)
        private
    {
        vm.expectRevert(revertReason);
        depositAndStream(amount, orders);
        assertInputs(0);
        checkArrived(0);
    }
}
