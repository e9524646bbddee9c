// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {IInputBox} from "./Cartesi.sol";
import {PortalTest} from "./PortalTest.sol";

contract PortalDepositEtherAndCallTest is PortalTest {
    uint256 private constant AMOUNT = 5 ether;
    uint256 private constant CALL_LIMIT = 65_144;

    function setUp() public override {
        super.setUp();
        vm.deal(alice, AMOUNT);
    }

    function test_RevertWhen_NoEther() external {
        vm.expectRevert(IStreamPortal.AmountZero.selector);
        depositAndCall(0, "{}");
    }

    function test_RevertWhen_CallBeyondLimit() external {
        vm.expectRevert(abi.encodeWithSelector(IInputBox.InputTooLarge.selector, app, 65_540, 65_536));
        depositAndCall(AMOUNT, new bytes(CALL_LIMIT + 1));
        assertInputs(0);
        checkArrived(0);
    }

    function test_WhenCallAtLimit() external {
        expectEther(AMOUNT, alice, new bytes(CALL_LIMIT));
        depositAndCall(AMOUNT, new bytes(CALL_LIMIT));
        checkArrived(AMOUNT);
    }

    function test_WhenCallGiven() external {
        expectEther(AMOUNT - 1, alice, hex"d9e8f7800000000000000000000000000000000000000000000000000000000000000001");
        depositAndCall(AMOUNT - 1, hex"d9e8f7800000000000000000000000000000000000000000000000000000000000000001");
        assertInputs(1);
        checkArrived(AMOUNT - 1);
    }

    function testFuzz_NobodyCallsForAnother(address caller, bytes calldata call) external {
        vm.assume(caller != address(portal) && caller != app);
        vm.deal(caller, AMOUNT);
        expectEther(AMOUNT, caller, call);
        vm.prank(caller);
        portal.depositEtherAndCall{value: AMOUNT}(app, call);
        assertEq(app.balance, AMOUNT);
        assertEq(address(portal).balance, 0);
    }

    function depositAndCall(uint256 amount, bytes memory call) private {
        vm.prank(alice);
        portal.depositEtherAndCall{value: amount}(app, call);
    }

    function checkArrived(uint256 amount) private view {
        assertEq(app.balance, amount);
        assertEq(alice.balance, AMOUNT - amount);
        assertEq(address(portal).balance, 0);
    }
}
