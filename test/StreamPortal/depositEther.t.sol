// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {PlainApp} from "../mocks/PlainApp.sol";
import {IPortalErrors} from "./Cartesi.sol";
import {PortalTest} from "./PortalTest.sol";

contract PortalDepositEtherTest is PortalTest {
    uint256 private constant AMOUNT = 5 ether;

    function setUp() public override {
        super.setUp();
        vm.deal(alice, AMOUNT);
    }

    function test_RevertWhen_BeneficiaryZero() external {
        checkRefused(app, address(0), AMOUNT, abi.encodeWithSelector(IStreamPortal.AccountZero.selector));
    }

    function test_RevertWhen_NoEther() external {
        checkRefused(app, bob, 0, abi.encodeWithSelector(IStreamPortal.AmountZero.selector));
    }

    function test_RevertWhen_AppWithoutCode() external {
        checkRefused(alice, bob, AMOUNT, abi.encodeWithSelector(IStreamPortal.AppInvalid.selector, alice));
    }

    function test_RevertWhen_AppStreamPortal() external {
        checkRefused(
            address(portal), bob, AMOUNT, abi.encodeWithSelector(IStreamPortal.AppInvalid.selector, address(portal))
        );
    }

    function test_RevertGiven_AppRefusesEther() external {
        PlainApp(payable(app)).setRefusing(true);
        checkRefused(app, bob, AMOUNT, abi.encodeWithSelector(IPortalErrors.EtherTransferFailed.selector));
    }

    function test_WhenEtherSent() external {
        expectEther(AMOUNT - 1, bob, "");
        vm.prank(alice);
        portal.depositEther{value: AMOUNT - 1}(app, bob);
        assertInputs(1);
        assertEq(alice.balance, 1);
        assertEq(app.balance, AMOUNT - 1);
        assertEq(address(portal).balance, 0);
        assertEq(address(etherPortal).balance, 0);
    }

    function testFuzz_Credits(address beneficiary, uint256 amount) external {
        vm.assume(beneficiary != address(0));
        amount = bound(amount, 1, AMOUNT);
        expectEther(amount, beneficiary, "");
        vm.prank(alice);
        portal.depositEther{value: amount}(app, beneficiary);
        assertEq(app.balance, amount);
        assertEq(alice.balance, AMOUNT - amount);
        assertEq(address(portal).balance, 0);
    }

    function checkRefused(address app_, address beneficiary, uint256 amount, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        vm.prank(alice);
        portal.depositEther{value: amount}(app_, beneficiary);
        assertInputs(0);
        assertEq(alice.balance, AMOUNT);
        assertEq(address(portal).balance, 0);
    }
}
