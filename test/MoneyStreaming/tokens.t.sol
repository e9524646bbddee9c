// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {FalseToken} from "../mocks/FalseToken.sol";
import {FeeToken} from "../mocks/FeeToken.sol";
import {GasBurnerToken} from "../mocks/GasBurnerToken.sol";
import {HeavyToken} from "../mocks/HeavyToken.sol";
import {LyingToken} from "../mocks/LyingToken.sol";
import {NoReturnToken} from "../mocks/NoReturnToken.sol";
import {PausingToken} from "../mocks/PausingToken.sol";
import {PlainToken} from "../mocks/PlainToken.sol";
import {ReturnBombToken} from "../mocks/ReturnBombToken.sol";

/// @dev Tokens that are odd, hostile or broken. Whatever they do, it stays among the streams of that token.
abstract contract TokensTest is PreparedStreams {
    uint256 internal constant HALF = START + N_INTERVALS / 2 * INTERVAL;
    uint256 internal constant HALF_DEPOSIT = DEPOSIT / 2;

    /// @dev What a share that may become a credit costs at most, with the call that bounds it.
    uint256 internal constant PAYOUT_GAS = 350_000;

    /// @dev Neither prepared stream, nor the token that they are of, notices.
    modifier othersUntouched() {
        _;
        assertOtherUntouched();
        assertEq(stateOf(otherId - 1), preparedState(countIntervals(START, STOP, INTERVAL, streaming.clock()), 0));
        assertHoldings(token, 0, 0, 2 * DEPOSIT);
    }

    /* ANSWERS */

    function test_NoReturn_LivesAWholeLife() external othersUntouched {
        NoReturnToken silent = new NoReturnToken();
        silent.mint(sender, FUNDS);
        vm.prank(sender);
        silent.approve(address(streaming), FUNDS);
        streamId = createStream(address(silent));
        setTime(HALF);
        vm.prank(recipient);
        streaming.withdrawTo(streamId, payee, PAYMENT);
        Terms memory terms = Terms(address(silent), STOP, 2 * PAYMENT, INTERVAL);
        confirm(sender, terms);
        confirm(recipient, terms);
        assertHoldings(IERC20(address(silent)), HALF_DEPOSIT - PAYMENT, PAYMENT, DEPOSIT);
        redeemStream(streamId);
        assertHoldings(IERC20(address(silent)), HALF_DEPOSIT - PAYMENT, PAYMENT, 0);
        assertEq(streaming.creditOf(address(silent), sender), 0);
    }

    function test_False_IsARefusal() external othersUntouched {
        FalseToken refusing = new FalseToken();
        use(refusing);
        refusing.setRefusing(true);
        bytes memory refusal = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, refusing);
        vm.expectRevert(refusal);
        createStream(address(refusing));
        setTime(HALF);
        vm.expectRevert(refusal);
        vm.prank(recipient);
        streaming.withdraw(streamId, 1);
        redeemStream(streamId);
        checkCredits(refusing, HALF_DEPOSIT, HALF_DEPOSIT);
        vm.expectRevert(refusal);
        vm.prank(recipient);
        streaming.claim(address(refusing), recipient);
        checkCredits(refusing, HALF_DEPOSIT, HALF_DEPOSIT);

        refusing.setRefusing(false);
        claimAll(refusing);
    }

    /// @dev The fee of a payout is its receiver's; a pull that a fee diminishes is refused.
    function test_Fee_SetWhileAStreamRuns() external othersUntouched {
        FeeToken fee = new FeeToken();
        use(fee);
        fee.setFee(100);
        setTime(HALF);
        Terms memory terms = Terms(address(fee), STOP, 2 * PAYMENT, INTERVAL);
        confirm(sender, terms);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMoneyStreaming.DepositNotReceived.selector, fee, HALF_DEPOSIT * 99 / 100, HALF_DEPOSIT
            )
        );
        confirm(recipient, terms);

        vm.prank(recipient);
        streaming.withdraw(streamId, PAYMENT);
        assertEq(fee.balanceOf(recipient), PAYMENT * 99 / 100);
        assertEq(fee.balanceOf(address(streaming)), DEPOSIT - PAYMENT);
        redeemStream(streamId);
        assertEq(fee.balanceOf(recipient), HALF_DEPOSIT * 99 / 100);
        assertEq(fee.balanceOf(sender), FUNDS - DEPOSIT + HALF_DEPOSIT * 99 / 100);
        assertEq(fee.balanceOf(address(streaming)), 0);
    }

    function test_Lying_CannotPretendADeposit() external othersUntouched {
        LyingToken lying = new LyingToken();
        fund(lying);
        lying.lie(LyingToken.Answer.Fixed, DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.DepositNotReceived.selector, lying, 0, DEPOSIT));
        createStream(address(lying));
        lying.lie(LyingToken.Answer.Nothing, 0);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.TokenInvalid.selector, lying));
        createStream(address(lying));
        lying.lie(LyingToken.Answer.Revert, 0);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.TokenInvalid.selector, lying));
        createStream(address(lying));
    }

    /// @dev More than the deposit, or less than before, is not the deposit either.
    function test_Lying_MustDeliverExactly() external othersUntouched {
        PlainToken lying = new PlainToken(18);
        fund(lying);
        bytes[] memory balances = new bytes[](2);
        (balances[0], balances[1]) = (abi.encode(7), abi.encode(7 + DEPOSIT + 1));
        vm.mockCalls(address(lying), abi.encodeCall(IERC20.balanceOf, (address(streaming))), balances);
        vm.expectRevert(
            abi.encodeWithSelector(IMoneyStreaming.DepositNotReceived.selector, lying, DEPOSIT + 1, DEPOSIT)
        );
        createStream(address(lying));
        (balances[0], balances[1]) = (abi.encode(7), abi.encode(6));
        vm.mockCalls(address(lying), abi.encodeCall(IERC20.balanceOf, (address(streaming))), balances);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.DepositNotReceived.selector, lying, 0, DEPOSIT));
        createStream(address(lying));
    }

    function test_Lying_CannotHoldAStream() external othersUntouched {
        LyingToken lying = new LyingToken();
        use(lying);
        lying.lie(LyingToken.Answer.Revert, 0);
        setTime(HALF);
        vm.prank(recipient);
        streaming.withdrawTo(streamId, payee, PAYMENT);
        redeemStream(streamId);
        lying.lie(LyingToken.Answer.Truth, 0);
        assertHoldings(lying, HALF_DEPOSIT - PAYMENT, PAYMENT, 0);
    }

    /* REFUSALS */

    function test_Pausing_HoldsNobody() external othersUntouched {
        PausingToken pausing = new PausingToken();
        use(pausing);
        uint256 settledId = createStream(address(pausing));
        uint256 updatedId = createStream(address(pausing));
        pausing.setPaused(true);
        vm.expectRevert(PausingToken.Paused.selector);
        createStream(address(pausing));
        setTime(HALF);
        vm.expectRevert(PausingToken.Paused.selector);
        vm.prank(recipient);
        streaming.withdrawMax(streamId, payee);

        redeemStream(streamId);
        checkCredits(pausing, HALF_DEPOSIT, HALF_DEPOSIT);
        streamId = updatedId;
        Terms memory dearer = Terms(address(pausing), STOP, 2 * PAYMENT, INTERVAL);
        confirm(recipient, dearer);
        vm.expectRevert(PausingToken.Paused.selector);
        confirm(sender, dearer);
        Terms memory cheaper = Terms(address(pausing), STOP, PAYMENT - 1, INTERVAL);
        confirm(recipient, cheaper);
        confirm(sender, cheaper);
        checkCredits(pausing, DEPOSIT, HALF_DEPOSIT + N_INTERVALS / 2);
        setTime(STOP);
        vm.prank(stranger);
        streaming.settle(ids(settledId));
        checkCredits(pausing, 2 * DEPOSIT, HALF_DEPOSIT + N_INTERVALS / 2);

        pausing.setPaused(false);
        vm.prank(recipient);
        streaming.withdrawMax(updatedId, recipient);
        claimAll(pausing);
    }

    function test_Vanished_LeavesViewsAndCredits() external othersUntouched {
        use(new PlainToken(18));
        address gone = stateOf(streamId).token;
        bytes memory code = gone.code;
        vm.etch(gone, "");
        setTime(HALF);
        assertEq(streaming.balanceOf(streamId, recipient), HALF_DEPOSIT);
        assertEq(stateOf(streamId).token, gone);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, gone));
        vm.prank(recipient);
        streaming.withdraw(streamId, 1);

        redeemStream(streamId);
        checkCredits(IERC20(gone), HALF_DEPOSIT, HALF_DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, gone));
        vm.prank(recipient);
        streaming.claim(gone, recipient);

        vm.etch(gone, code);
        claimAll(PlainToken(gone));
    }

    function test_Vanished_CanBeUpdatedAway() external {
        use(new PlainToken(18));
        address gone = stateOf(streamId).token;
        vm.etch(gone, "");
        setTime(HALF);
        Terms memory terms = Terms(address(otherToken), STOP, PAYMENT, INTERVAL);
        confirm(sender, terms);
        confirm(recipient, terms);
        checkCredits(IERC20(gone), HALF_DEPOSIT, HALF_DEPOSIT);
        assertEq(stateOf(streamId).token, address(otherToken));
        assertHoldings(otherToken, 0, 0, HALF_DEPOSIT);
    }

    /* SIZES */

    function test_Decimals_DoNotMatter() external othersUntouched {
        uint8[2] memory decimals = [0, 36];
        for (uint256 i = 0; i < decimals.length; ++i) {
            PlainToken sized = new PlainToken(decimals[i]);
            sized.mint(sender, FUNDS);
            setTime(START);
            vm.startPrank(sender);
            sized.approve(address(streaming), FUNDS);
            uint256 id = streaming.createFor(recipient, address(sized), 1, 1, 3);
            vm.stopPrank();
            setTime(START + 2);
            redeemStream(id);
            assertHoldings(sized, 2, 0, 0);
        }
    }

    /// @dev Deposits are bounded by 128 bits, the sum of several and of their credits is not.
    function test_HugeSupply_AddsUp() external othersUntouched {
        PausingToken pausing = new PausingToken();
        pausing.mint(sender, type(uint256).max);
        vm.startPrank(sender);
        pausing.approve(address(streaming), type(uint256).max);
        for (uint256 i = 0; i < 3; ++i) {
            streamId = streaming.create(recipient, address(pausing), START, STOP, DEPOSIT_LIMIT, STOP - START);
        }
        vm.stopPrank();
        assertEq(pausing.balanceOf(address(streaming)), 3 * DEPOSIT_LIMIT);
        pausing.setPaused(true);
        setTime(STOP);
        for (uint256 i = 0; i < 3; ++i) {
            redeemStream(streamId - i);
        }
        checkCredits(pausing, 3 * DEPOSIT_LIMIT, 0);
        pausing.setPaused(false);
        vm.prank(recipient);
        assertEq(streaming.claim(address(pausing), payee), 3 * DEPOSIT_LIMIT);
        assertEq(pausing.balanceOf(payee), 3 * DEPOSIT_LIMIT);
    }

    /* GAS */

    function test_ReturnBomb_IsNotCopied() external othersUntouched {
        ReturnBombToken bomb = new ReturnBombToken();
        use(bomb);
        bomb.arm(ReturnBombToken.Bomb.Return, 200_000);
        checkRedeemGas();
        assertHoldings(bomb, HALF_DEPOSIT, 0, 0);
    }

    function test_ReturnBomb_AsARevertIsCredited() external othersUntouched {
        ReturnBombToken bomb = new ReturnBombToken();
        use(bomb);
        bomb.arm(ReturnBombToken.Bomb.Revert, 200_000);
        checkRedeemGas();
        checkCredits(bomb, HALF_DEPOSIT, HALF_DEPOSIT);
        bomb.arm(ReturnBombToken.Bomb.None, 0);
        claimAll(bomb);
    }

    function test_ReturnBomb_TooDearIsCredited() external othersUntouched {
        ReturnBombToken bomb = new ReturnBombToken();
        use(bomb);
        bomb.arm(ReturnBombToken.Bomb.Return, 1_000_000);
        checkRedeemGas();
        checkCredits(bomb, HALF_DEPOSIT, HALF_DEPOSIT);
        bomb.arm(ReturnBombToken.Bomb.None, 0);
        claimAll(bomb);
    }

    function test_GasBurner_IsCredited() external othersUntouched {
        GasBurnerToken burner = new GasBurnerToken();
        use(burner);
        burner.setArmed(true);
        checkRedeemGas();
        checkCredits(burner, HALF_DEPOSIT, HALF_DEPOSIT);
        burner.setArmed(false);
        claimAll(burner);
    }

    function test_Starved_Reverts() external othersUntouched {
        use(new PlainToken(18));
        setTime(HALF);
        vm.expectPartialRevert(IMoneyStreaming.GasTooLow.selector);
        vm.prank(recipient);
        streaming.redeem{gas: 300_000}(streamId);
        assertEq(stateOf(streamId).balance, DEPOSIT);
    }

    /// @dev A caller who chooses the gas chooses between everything and nothing, even if the token needs nearly all the
    /// gas that it is granted. Given enough runs, either payout is the one that is short.
    function testFuzz_StarvingNeverCredits(uint256 gas) external {
        gas = bound(gas, 300_000, 450_000);
        HeavyToken heavy = new HeavyToken();
        use(heavy);
        heavy.setGasNeeded(298_000);
        setTime(HALF);
        vm.prank(recipient);
        (bool redeemed,) = address(streaming).call{gas: gas}(abi.encodeCall(streaming.redeem, (streamId)));
        checkCredits(heavy, 0, 0);
        assertHoldings(heavy, redeemed ? HALF_DEPOSIT : 0, 0, redeemed ? 0 : DEPOSIT);
        if (gas < 309_000) assertFalse(redeemed);
        if (gas > 440_000) assertTrue(redeemed);
    }

    /// @dev What needs more than is granted is credited, and can be claimed with as much gas as it takes.
    function test_Heavy_IsCredited() external othersUntouched {
        HeavyToken heavy = new HeavyToken();
        use(heavy);
        heavy.setGasNeeded(301_000);
        checkRedeemGas();
        checkCredits(heavy, HALF_DEPOSIT, HALF_DEPOSIT);
        claimAll(heavy);
    }

    function use(PlainToken token_) private {
        fund(token_);
        streamId = createStream(address(token_));
    }

    /// @dev Half way, whatever the token does costs no more than two bounded payouts.
    function checkRedeemGas() private {
        setTime(HALF);
        vm.prank(recipient);
        uint256 gasBefore = gasleft();
        streaming.redeem(streamId);
        assertLe(gasBefore - gasleft(), 2 * PAYOUT_GAS);
        assertEq(stateOf(streamId).sender, address(0));
    }

    function checkCredits(IERC20 token_, uint256 ofRecipient, uint256 ofSender) private view {
        assertEq(streaming.creditOf(address(token_), recipient), ofRecipient, "recipient's credit");
        assertEq(streaming.creditOf(address(token_), sender), ofSender, "sender's credit");
    }

    /// @dev Both parties take their credits, and those were all that the contract still had to pay.
    function claimAll(PlainToken token_) private {
        uint256 credits = streaming.creditOf(address(token_), recipient);
        uint256 recipients = token_.balanceOf(recipient);
        vm.prank(recipient);
        assertEq(streaming.claim(address(token_), recipient), credits);
        assertEq(token_.balanceOf(recipient), recipients + credits);
        credits = streaming.creditOf(address(token_), sender);
        uint256 senders = token_.balanceOf(sender);
        vm.prank(sender);
        assertEq(streaming.claim(address(token_), sender), credits);
        assertEq(token_.balanceOf(sender), senders + credits);
        checkCredits(token_, 0, 0);
        assertEq(token_.balanceOf(address(streaming)), 0);
    }
}

contract BlockTokensTest is TokensTest, BlockClock {}

contract TimestampTokensTest is TokensTest, TimestampClock {}
