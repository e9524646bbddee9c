// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {FeeToken} from "../mocks/FeeToken.sol";
import {PortalTest} from "./PortalTest.sol";

contract PortalDepositTest is PortalTest {
    uint256 private constant AMOUNT = 500e18;

    function setUp() public override {
        super.setUp();
        fund(address(token), AMOUNT);
    }

    function test_RevertWhen_BeneficiaryZero() external {
        vm.expectRevert(IStreamPortal.AccountZero.selector);
        vm.prank(alice);
        portal.deposit(address(token), app, AMOUNT, address(0));
    }

    function test_RevertWhen_AmountZero() external {
        checkRefused(address(token), app, 0, abi.encodeWithSelector(IStreamPortal.AmountZero.selector));
    }

    function test_RevertWhen_AppWithoutCode() external {
        address nobody = makeAddr("nobody");
        checkRefused(address(token), nobody, AMOUNT, abi.encodeWithSelector(IStreamPortal.AppInvalid.selector, nobody));
        checkRefused(
            address(token), address(0), AMOUNT, abi.encodeWithSelector(IStreamPortal.AppInvalid.selector, address(0))
        );
    }

    function test_RevertWhen_AppStreamPortal() external {
        checkRefused(
            address(token),
            address(portal),
            AMOUNT,
            abi.encodeWithSelector(IStreamPortal.AppInvalid.selector, address(portal))
        );
    }

    function test_RevertWhen_TokenWithoutCode() external {
        checkRefused(address(0), app, AMOUNT, abi.encodeWithSelector(IStreamPortal.TokenInvalid.selector, address(0)));
    }

    function test_RevertGiven_AllowanceShort() external {
        token.mint(alice, 1);
        checkRefused(
            address(token),
            app,
            AMOUNT + 1,
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, portal, AMOUNT, AMOUNT + 1)
        );
    }

    function test_RevertGiven_DepositorPoor() external {
        vm.prank(alice);
        token.approve(address(portal), AMOUNT + 1);
        checkRefused(
            address(token),
            app,
            AMOUNT + 1,
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, alice, AMOUNT, AMOUNT + 1)
        );
    }

    function test_RevertGiven_TokenKeepsFee() external {
        FeeToken fee = new FeeToken();
        fee.setFee(100);
        fund(address(fee), AMOUNT);
        checkRefused(
            address(fee),
            app,
            AMOUNT,
            abi.encodeWithSelector(IStreamPortal.DepositNotReceived.selector, fee, AMOUNT / 100 * 99, AMOUNT)
        );
    }

    function test_WhenBeneficiaryDepositor() external {
        expectTokens(address(token), AMOUNT, alice, "");
        depositFor(alice, AMOUNT);
        assertInputs(1);
        assertNothingKept(address(token));
    }

    function test_WhenBeneficiarySomebodyElse() external {
        expectTokens(address(token), AMOUNT - 1, bob, "");
        depositFor(bob, AMOUNT - 1);
        assertInputs(1);
        assertEq(token.balanceOf(alice), 1);
        assertEq(token.balanceOf(bob), 0);
        assertEq(token.balanceOf(app), AMOUNT - 1);
        assertEq(token.allowance(alice, address(portal)), 1);
        assertNothingKept(address(token));
    }

    function test_WhenAmountWithoutLimit() external {
        fund(address(token), type(uint256).max - AMOUNT);
        vm.prank(alice);
        token.approve(address(portal), type(uint256).max);
        expectTokens(address(token), type(uint256).max, alice, "");
        depositFor(alice, type(uint256).max);
        assertEq(token.balanceOf(app), type(uint256).max);
        assertNothingKept(address(token));
    }

    function testFuzz_Credits(address beneficiary, uint256 first, uint256 second) external {
        vm.assume(beneficiary != address(0));
        first = bound(first, 1, AMOUNT - 1);
        second = bound(second, 1, AMOUNT - first);
        expectTokens(address(token), first, beneficiary, "");
        depositFor(beneficiary, first);
        expectTokens(address(token), second, beneficiary, "");
        depositFor(beneficiary, second);
        assertInputs(2);
        assertEq(token.balanceOf(app), first + second);
        assertEq(token.balanceOf(alice), AMOUNT - first - second);
        assertNothingKept(address(token));
    }

    function depositFor(address beneficiary, uint256 amount) private {
        vm.prank(alice);
        portal.deposit(address(token), app, amount, beneficiary);
    }

    function checkRefused(address asset, address app_, uint256 amount, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        vm.prank(alice);
        portal.deposit(asset, app_, amount, bob);
        assertInputs(0);
    }
}
