// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";

abstract contract WithdrawMaxTest is PreparedStreams {
    function test_RevertGiven_StreamUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
        vm.prank(recipient);
        streaming.withdrawMax(unknownId, payee);
    }

    function test_RevertWhen_CallerNotRecipient() external {
        setTime(STOP);
        checkRefused(
            sender,
            sender,
            abi.encodeWithSelector(IMoneyStreaming.CallerNotRecipient.selector, streamId, sender, recipient)
        );
        checkRefused(
            stranger,
            stranger,
            abi.encodeWithSelector(IMoneyStreaming.CallerNotRecipient.selector, streamId, stranger, recipient)
        );
    }

    function test_RevertWhen_PayeeZero() external {
        setTime(STOP);
        checkRefused(recipient, address(0), abi.encodeWithSelector(IMoneyStreaming.PayeeInvalid.selector, address(0)));
    }

    function test_RevertWhen_PayeeStreamingContract() external {
        setTime(STOP);
        checkRefused(
            recipient, address(streaming), abi.encodeWithSelector(IMoneyStreaming.PayeeInvalid.selector, streaming)
        );
    }

    function test_RevertGiven_NothingDue() external {
        bytes memory revertReason = abi.encodeWithSelector(IMoneyStreaming.WithdrawZero.selector, streamId);
        checkRefused(recipient, payee, revertReason);
        setTime(START + INTERVAL - 1);
        checkRefused(recipient, payee, revertReason);
        setTime(STOP);
        vm.prank(recipient);
        streaming.withdrawMax(streamId, payee);
        checkRefused(recipient, payee, revertReason);
    }

    function test_GivenSomethingDue() external {
        setTime(START + 10 * INTERVAL);
        vm.prank(recipient);
        streaming.withdraw(streamId, 4 * PAYMENT + 1);
        setTime(START + 12 * INTERVAL + 7);

        uint256 due = 8 * PAYMENT - 1;
        vm.expectEmit(address(streaming));
        emit IERC1620.LogWithdraw(streamId, recipient, due);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(address(streaming), payee, due);
        vm.prank(recipient);
        uint256 amount = streaming.withdrawMax(streamId, payee);

        assertEq(amount, due);
        assertHoldings(token, 4 * PAYMENT + 1, due, 2 * DEPOSIT - 12 * PAYMENT);
        assertEq(stateOf(streamId), preparedState(12, 12 * PAYMENT));
        assertOtherUntouched();
    }

    function testFuzz_TakesWhatBalanceOfSays(uint256 time, uint256 before) external {
        time = bound(time, START + INTERVAL, STOP + INTERVAL);
        setTime(time);
        uint256 due = countIntervals(START, STOP, INTERVAL, time) * PAYMENT;
        before = bound(before, 0, due - 1);
        vm.startPrank(recipient);
        if (before != 0) streaming.withdraw(streamId, before);
        assertEq(streaming.balanceOf(streamId, recipient), due - before);
        assertEq(streaming.withdrawMax(streamId, payee), due - before);
        vm.stopPrank();
        assertHoldings(token, before, due - before, 2 * DEPOSIT - due);
    }

    function checkRefused(address caller, address to, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        vm.prank(caller);
        streaming.withdrawMax(streamId, to);
    }
}

contract BlockWithdrawMaxTest is WithdrawMaxTest, BlockClock {}

contract TimestampWithdrawMaxTest is WithdrawMaxTest, TimestampClock {}
