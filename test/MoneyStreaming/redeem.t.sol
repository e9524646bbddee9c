// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";

abstract contract RedeemTest is PreparedStreams {
    function test_RevertGiven_StreamUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
        redeemStream(unknownId);
    }

    function test_RevertGiven_StreamEnded() external {
        redeemStream(streamId);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId));
        redeemStream(streamId);
    }

    function test_RevertWhen_CallerStranger() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.CallerNotParty.selector, streamId, stranger));
        vm.prank(stranger);
        streaming.redeem(streamId);
    }

    function test_WhenCallerSender() external {
        setTime(START + 20 * INTERVAL);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(streamId, sender, recipient, 30 * PAYMENT, 20 * PAYMENT);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(address(streaming), recipient, 20 * PAYMENT);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(address(streaming), sender, 30 * PAYMENT);
        vm.prank(sender);
        streaming.redeem(streamId);

        checkEnded(streamId);
        assertHoldings(token, 20 * PAYMENT, 0, DEPOSIT);
        assertOtherUntouched();
    }

    function test_WhenCallerRecipient() external {
        setTime(START + 20 * INTERVAL + 59);
        vm.prank(recipient);
        streaming.redeem(streamId);

        checkEnded(streamId);
        assertHoldings(token, 20 * PAYMENT, 0, DEPOSIT);
    }

    function test_WhenStartNotReached() external {
        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(streamId, sender, recipient, DEPOSIT, 0);
        redeemStream(streamId);
        assertHoldings(token, 0, 0, DEPOSIT);
    }

    function test_WhenStopPassed() external {
        setTime(STOP + 1_000_000);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(streamId, sender, recipient, 0, DEPOSIT);
        redeemStream(streamId);
        assertHoldings(token, DEPOSIT, 0, DEPOSIT);
    }

    function test_GivenAPartWithdrawn() external {
        setTime(START + 20 * INTERVAL);
        vm.prank(recipient);
        streaming.withdrawTo(streamId, payee, 5 * PAYMENT + 1);
        setTime(START + 30 * INTERVAL);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(streamId, sender, recipient, 20 * PAYMENT, 25 * PAYMENT - 1);
        redeemStream(streamId);
        assertHoldings(token, 25 * PAYMENT - 1, 5 * PAYMENT + 1, DEPOSIT);
    }

    function test_GivenAllDueWithdrawn() external {
        setTime(START + 20 * INTERVAL);
        vm.prank(recipient);
        streaming.withdrawMax(streamId, payee);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(streamId, sender, recipient, 30 * PAYMENT, 0);
        redeemStream(streamId);
        assertHoldings(token, 0, 20 * PAYMENT, DEPOSIT);
    }

    function test_GivenTokenRefusesRecipient() external {
        (BlockingToken blocking, uint256 id) = createBlockingStream();
        blocking.setBlocked(recipient, true);

        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(id, sender, recipient, 30 * PAYMENT, 20 * PAYMENT);
        vm.expectEmit(address(streaming));
        emit IMoneyStreaming.LogCredit(id, recipient, address(blocking), 20 * PAYMENT);
        redeemStream(id);

        checkEnded(id);
        assertEq(streaming.creditOf(address(blocking), recipient), 20 * PAYMENT);
        assertEq(streaming.creditOf(address(blocking), sender), 0);
        assertHoldings(blocking, 0, 0, 20 * PAYMENT);
    }

    function test_GivenTokenRefusesSender() external {
        (BlockingToken blocking, uint256 id) = createBlockingStream();
        blocking.setBlocked(sender, true);

        vm.expectEmit(address(streaming));
        emit IMoneyStreaming.LogCredit(id, sender, address(blocking), 30 * PAYMENT);
        vm.prank(recipient);
        streaming.redeem(id);

        checkEnded(id);
        assertEq(streaming.creditOf(address(blocking), sender), 30 * PAYMENT);
        assertEq(streaming.creditOf(address(blocking), recipient), 0);
        assertHoldings(blocking, 20 * PAYMENT, 0, 30 * PAYMENT);
    }

    function test_GivenTokenRefusesBoth() external {
        (BlockingToken blocking, uint256 id) = createBlockingStream();
        blocking.setBlocked(address(streaming), true);
        redeemStream(id);

        checkEnded(id);
        assertEq(streaming.creditOf(address(blocking), recipient), 20 * PAYMENT);
        assertEq(streaming.creditOf(address(blocking), sender), 30 * PAYMENT);
        assertHoldings(blocking, 0, 0, DEPOSIT);
    }

    /// @dev Whenever it happens and whatever was withdrawn, the two shares are the deposit, to the unit.
    function testFuzz_Partition(uint256 time, uint256 interval, uint256 nIntervals, uint256 payment, uint256 taken)
        external
    {
        interval = bound(interval, 1, 1 << 32);
        nIntervals = bound(nIntervals, 1, 64);
        payment = bound(payment, 1, FUNDS / 2 / nIntervals);
        uint256 stop = START + nIntervals * interval;
        time = bound(time, START, stop + interval);
        vm.prank(sender);
        uint256 id = streaming.create(recipient, address(token), START, stop, payment, interval);
        setTime(time);
        uint256 accrued = countIntervals(START, stop, interval, time) * payment;
        taken = bound(taken, 0, accrued);
        if (taken != 0) {
            vm.prank(recipient);
            streaming.withdrawTo(id, payee, taken);
        }

        vm.expectEmit(address(streaming));
        emit IERC1620.LogRedeem(id, sender, recipient, nIntervals * payment - accrued, accrued - taken);
        redeemStream(id);
        assertHoldings(token, accrued - taken, taken, 2 * DEPOSIT);
        checkEnded(id);
        assertOtherUntouched();
    }

    function createBlockingStream() private returns (BlockingToken blocking, uint256 id) {
        blocking = new BlockingToken();
        fund(blocking);
        id = createStream(address(blocking));
        setTime(START + 20 * INTERVAL);
    }

    function checkEnded(uint256 id) private {
        IMoneyStreaming.StreamState memory nothing;
        assertEq(stateOf(id), nothing);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, id));
        streaming.getStream(id);
    }
}

contract BlockRedeemTest is RedeemTest, BlockClock {}

contract TimestampRedeemTest is RedeemTest, TimestampClock {}
