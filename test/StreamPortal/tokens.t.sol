// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";
import {CrookedToken} from "../mocks/CrookedToken.sol";
import {FalseToken} from "../mocks/FalseToken.sol";
import {FeeToken} from "../mocks/FeeToken.sol";
import {GasBurnerToken} from "../mocks/GasBurnerToken.sol";
import {HalfReturnToken} from "../mocks/HalfReturnToken.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {Intruder} from "../mocks/Intruder.sol";
import {LyingToken} from "../mocks/LyingToken.sol";
import {NoReturnToken} from "../mocks/NoReturnToken.sol";
import {PausingToken} from "../mocks/PausingToken.sol";
import {IPortalErrors} from "./Cartesi.sol";
import {PortalTest} from "./PortalTest.sol";

/// @dev Whatever the token does: the deposit is exact and nothing is kept, or nothing has happened.
contract PortalTokensTest is PortalTest {
    uint256 private constant AMOUNT = 500e18;

    /* CARTESI'S PORTAL */

    /// @dev What Cartesi's portal does with such a token by itself: it reverts, and says nothing.
    function test_CartesiRefusesTokenThatReturnsNothing() external {
        NoReturnToken silent = new NoReturnToken();
        silent.mint(alice, AMOUNT);
        vm.startPrank(alice);
        silent.approve(address(erc20Portal), AMOUNT);
        vm.expectRevert(bytes(""));
        erc20Portal.depositERC20Tokens(IERC20(address(silent)), app, AMOUNT, "");
        vm.stopPrank();
        assertEq(silent.balanceOf(alice), AMOUNT);
    }

    /// @dev Why amounts are measured here.
    function test_CartesiCreditsMoreThanItGotOfTokenWithFee() external {
        FeeToken fee = new FeeToken();
        fee.setFee(100);
        fee.mint(alice, AMOUNT);
        vm.startPrank(alice);
        fee.approve(address(erc20Portal), AMOUNT);
        expectInput(address(erc20Portal), abi.encodePacked(address(fee), alice, AMOUNT));
        erc20Portal.depositERC20Tokens(fee, app, AMOUNT, "");
        vm.stopPrank();
        assertEq(fee.balanceOf(app), AMOUNT / 100 * 99);
    }

    /* RETURN VALUES */

    function test_NoReturn() external {
        NoReturnToken silent = new NoReturnToken();
        checkRefused(address(silent), abi.encodeWithSelector(IStreamPortal.TokenRefused.selector, silent));
        assertEq(silent.allowance(alice, address(portal)), AMOUNT);
    }

    function test_TransferAloneReturnsNothing() external {
        checkDeposited(address(new HalfReturnToken()));
    }

    function test_False() external {
        FalseToken liar = new FalseToken();
        fund(address(liar), AMOUNT);
        liar.setRefusing(true);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, liar));
        depositNow(address(liar));
        liar.setRefusing(false);
        depositNow(address(liar));
        assertEq(liar.balanceOf(app), AMOUNT);
    }

    /// @dev False on the leg of Cartesi's portal alone.
    function test_FalseToCartesi() external {
        fund(address(token), AMOUNT);
        vm.mockCall(
            address(token), abi.encodeCall(IERC20.transferFrom, (address(portal), app, AMOUNT)), abi.encode(false)
        );
        vm.expectRevert(IPortalErrors.ERC20TransferFailed.selector);
        depositNow(address(token));
        vm.clearMockedCalls();
        checkNothingHappened(address(token));
    }

    /// @dev A token that says true and moves nothing.
    function test_MovesNothingHere() external {
        fund(address(token), AMOUNT);
        vm.mockCall(address(token), abi.encodeWithSelector(IERC20.transferFrom.selector), abi.encode(true));
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.DepositNotReceived.selector, token, 0, AMOUNT));
        depositNow(address(token));
    }

    function test_MovesNothingToTheApplication() external {
        fund(address(token), AMOUNT);
        vm.mockCall(
            address(token), abi.encodeCall(IERC20.transferFrom, (address(portal), app, AMOUNT)), abi.encode(true)
        );
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.DepositNotDelivered.selector, token, app, 0, AMOUNT));
        depositNow(address(token));
    }

    /* AMOUNTS */

    function test_TollHere() external {
        CrookedToken crooked = new CrookedToken();
        crooked.setToll(address(portal), 1);
        checkRefused(
            address(crooked),
            abi.encodeWithSelector(IStreamPortal.DepositNotReceived.selector, crooked, AMOUNT - 1, AMOUNT)
        );
    }

    function test_TollAtTheApplication() external {
        CrookedToken crooked = new CrookedToken();
        crooked.setToll(app, 1);
        checkRefused(
            address(crooked),
            abi.encodeWithSelector(IStreamPortal.DepositNotDelivered.selector, crooked, app, AMOUNT - 1, AMOUNT)
        );
    }

    function test_TakesNothingFromHere() external {
        CrookedToken crooked = new CrookedToken();
        crooked.setSpared(address(portal), true);
        checkRefused(
            address(crooked), abi.encodeWithSelector(IStreamPortal.BalanceNotRestored.selector, crooked, AMOUNT, 0)
        );
    }

    function test_KeepsTheAllowance() external {
        CrookedToken crooked = new CrookedToken();
        crooked.setForgetful(true);
        checkDeposited(address(crooked));
    }

    function testFuzz_Fee(uint256 feeBasisPoints) external {
        FeeToken fee = new FeeToken();
        fund(address(fee), AMOUNT);
        feeBasisPoints = bound(feeBasisPoints, 1, 10_000);
        fee.setFee(feeBasisPoints);
        uint256 received = AMOUNT - AMOUNT * feeBasisPoints / 10_000;
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.DepositNotReceived.selector, fee, received, AMOUNT));
        depositNow(address(fee));
        checkNothingHappened(address(fee));
    }

    /* REFUSALS */

    function test_Blocking() external {
        BlockingToken blocking = new BlockingToken();
        blocking.setBlocked(app, true);
        checkRefused(address(blocking), abi.encodeWithSelector(BlockingToken.AccountBlocked.selector, app));
        blocking.setBlocked(app, false);
        blocking.setBlocked(address(portal), true);
        checkRefused(address(blocking), abi.encodeWithSelector(BlockingToken.AccountBlocked.selector, portal));
    }

    function test_Pausing() external {
        PausingToken pausing = new PausingToken();
        fund(address(pausing), AMOUNT);
        pausing.setPaused(true);
        vm.expectRevert(PausingToken.Paused.selector);
        depositNow(address(pausing));
        checkNothingHappened(address(pausing));
    }

    function test_GasBurner() external {
        GasBurnerToken burner = new GasBurnerToken();
        fund(address(burner), AMOUNT);
        burner.setArmed(true);
        vm.expectRevert();
        vm.prank(alice);
        portal.deposit{gas: 1e6}(address(burner), app, AMOUNT, bob);
        checkNothingHappened(address(burner));
    }

    /* BALANCES */

    function test_LyingBalances() external {
        LyingToken lying = new LyingToken();
        fund(address(lying), AMOUNT);
        lying.lie(LyingToken.Answer.Fixed, AMOUNT);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.DepositNotReceived.selector, lying, 0, AMOUNT));
        depositNow(address(lying));
        lying.lie(LyingToken.Answer.Nothing, 0);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.TokenInvalid.selector, lying));
        depositNow(address(lying));
        lying.lie(LyingToken.Answer.Revert, 0);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.TokenInvalid.selector, lying));
        depositNow(address(lying));
        lying.lie(LyingToken.Answer.Truth, 0);
        checkNothingHappened(address(lying));
    }

    /// @dev Contracts that are no tokens, those of this journey among them.
    function test_NoTokens() external {
        address[5] memory strangers =
            [address(portal), address(erc20Portal), address(etherPortal), address(inputBox), app];
        for (uint256 i = 0; i < strangers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStreamPortal.TokenInvalid.selector, strangers[i]));
            depositNow(strangers[i]);
        }
        assertInputs(0);
    }

    /* DONATIONS */

    function test_DonationsBeforehand() external {
        token.mint(address(portal), 17);
        token.mint(app, 19);
        vm.deal(address(portal), 18);
        fund(address(token), AMOUNT);
        expectTokens(address(token), AMOUNT, bob, "");
        depositNow(address(token));
        assertKept(address(token), 17, 18);

        vm.deal(alice, 5);
        expectEther(5, bob, "");
        vm.prank(alice);
        portal.depositEther{value: 5}(app, bob);
        assertEq(app.balance, 5);
        assertKept(address(token), 17, 18);
    }

    /// @dev No donation can be drawn on: not by depositing it, nor by forwarding it.
    function test_DonationsAreNobodys() external {
        token.mint(address(portal), AMOUNT);
        vm.startPrank(alice);
        token.approve(address(portal), type(uint256).max);
        vm.expectRevert();
        portal.deposit(address(token), app, AMOUNT, alice);
        vm.expectRevert(IStreamPortal.AmountZero.selector);
        portal.depositEther(app, alice);
        vm.stopPrank();
        assertKept(address(token), AMOUNT, 0);
    }

    /// @dev Ether comes only with a deposit, or by force.
    function test_NoEtherIsTaken() external {
        vm.deal(alice, 5);
        vm.startPrank(alice);
        (bool taken,) = address(portal).call{value: 1}("");
        assertFalse(taken);
        (taken,) = address(portal).call{value: 1}(abi.encodeCall(portal.deposit, (address(token), app, 1, alice)));
        assertFalse(taken);
        (taken,) = address(portal).call{value: 1}(abi.encodeCall(portal.multicall, (new bytes[](0))));
        assertFalse(taken);
        vm.stopPrank();

        new Bequest{value: 7}(payable(address(portal)));
        fund(address(token), AMOUNT);
        depositNow(address(token));
        assertKept(address(token), 0, 7);
    }

    /// @dev Who donates in the middle of a deposit spoils it, and nothing else.
    function test_DonationsOnTheWay() external {
        HookToken hooked = new HookToken();
        fund(address(hooked), AMOUNT);
        Intruder intruder = new Intruder();
        address[2] memory receivers = [address(portal), app];
        bytes[2] memory reasons = [
            abi.encodeWithSelector(IStreamPortal.DepositNotReceived.selector, hooked, AMOUNT + 1, AMOUNT),
            abi.encodeWithSelector(IStreamPortal.BalanceNotRestored.selector, hooked, 1, 0)
        ];
        Donor donor = new Donor(hooked, intruder);
        for (uint256 i = 0; i < 2; ++i) {
            intruder.aim(address(donor), abi.encodeCall(Donor.donate, (address(portal), receivers[i])));
            hooked.setHook(receivers[i], intruder);
            vm.expectRevert(reasons[i]);
            depositNow(address(hooked));
            hooked.setHook(receivers[i], Intruder(address(0)));
        }
        checkNothingHappened(address(hooked));
    }

    /* CHECKS */

    function depositNow(address asset) private {
        vm.prank(alice);
        portal.deposit(asset, app, AMOUNT, bob);
    }

    function checkDeposited(address asset) private {
        fund(asset, AMOUNT);
        expectTokens(asset, AMOUNT, bob, "");
        depositNow(asset);
        assertEq(IERC20(asset).balanceOf(app), AMOUNT);
        assertNothingKept(asset);
    }

    function checkRefused(address asset, bytes memory revertReason) private {
        if (IERC20(asset).balanceOf(alice) == 0) fund(asset, AMOUNT);
        vm.expectRevert(revertReason);
        depositNow(asset);
        checkNothingHappened(asset);
    }

    function checkNothingHappened(address asset) private view {
        assertInputs(0);
        assertEq(IERC20(asset).balanceOf(alice), AMOUNT);
        assertEq(IERC20(asset).balanceOf(app), 0);
        assertNothingKept(asset);
    }
}

/// @dev Gives Ether to whom it likes, who is not asked.
contract Bequest {
    constructor(address payable heir) payable {
        selfdestruct(heir);
    }
}

/// @dev Mints in the middle of a transfer. The hook steps aside, or it would be called for its own gift.
contract Donor {
    HookToken private immutable TOKEN;
    Intruder private immutable HOOK;

    constructor(HookToken token, Intruder hook) {
        TOKEN = token;
        HOOK = hook;
    }

    function donate(address account, address hooked) external {
        TOKEN.setHook(hooked, Intruder(address(0)));
        TOKEN.mint(account, 1);
        TOKEN.setHook(hooked, HOOK);
    }
}
