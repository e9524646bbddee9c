// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";

abstract contract WithdrawToTest is PreparedStreams {
    function setUp() public override {
        super.setUp();
        setTime(START + 10 * INTERVAL);
    }

    function test_RevertGiven_StreamUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
        vm.prank(recipient);
        streaming.withdrawTo(unknownId, payee, 1);
    }

    function test_RevertWhen_CallerNotRecipient() external {
        checkRefused(
            sender,
            payee,
            1,
            abi.encodeWithSelector(IMoneyStreaming.CallerNotRecipient.selector, streamId, sender, recipient)
        );
        checkRefused(
            payee,
            payee,
            1,
            abi.encodeWithSelector(IMoneyStreaming.CallerNotRecipient.selector, streamId, payee, recipient)
        );
    }

    function test_RevertWhen_PayeeZero() external {
        checkRefused(
            recipient, address(0), 1, abi.encodeWithSelector(IMoneyStreaming.PayeeInvalid.selector, address(0))
        );
    }

    function test_RevertWhen_PayeeStreamingContract() external {
        checkRefused(
            recipient, address(streaming), 1, abi.encodeWithSelector(IMoneyStreaming.PayeeInvalid.selector, streaming)
        );
    }

    function test_RevertWhen_AmountZero() external {
        checkRefused(recipient, payee, 0, abi.encodeWithSelector(IMoneyStreaming.WithdrawZero.selector, streamId));
    }

    function test_RevertWhen_AmountExceedsDue() external {
        checkRefused(
            recipient,
            payee,
            10 * PAYMENT + 1,
            abi.encodeWithSelector(
                IMoneyStreaming.WithdrawExceedsBalance.selector, streamId, 10 * PAYMENT + 1, 10 * PAYMENT
            )
        );
    }

    function test_RevertGiven_TokenRefusesPayee() external {
        (BlockingToken blocking, uint256 id) = createBlockingStream();
        blocking.setBlocked(payee, true);
        vm.expectRevert(abi.encodeWithSelector(BlockingToken.AccountBlocked.selector, payee));
        vm.prank(recipient);
        streaming.withdrawTo(id, payee, PAYMENT);
        assertEq(streaming.balanceOf(id, recipient), DEPOSIT);
    }

    function test_WhenPayeeThirdParty() external {
        vm.expectEmit(address(streaming));
        emit IERC1620.LogWithdraw(streamId, recipient, 4 * PAYMENT);
        vm.expectEmit(address(token));
        emit IERC20.Transfer(address(streaming), payee, 4 * PAYMENT);
        vm.prank(recipient);
        streaming.withdrawTo(streamId, payee, 4 * PAYMENT);

        assertHoldings(token, 0, 4 * PAYMENT, 2 * DEPOSIT - 4 * PAYMENT);
        assertEq(stateOf(streamId), preparedState(10, 4 * PAYMENT));
        assertOtherUntouched();
    }

    function test_WhenPayeeRecipient() external {
        vm.prank(recipient);
        streaming.withdrawTo(streamId, recipient, 10 * PAYMENT);
        assertHoldings(token, 10 * PAYMENT, 0, 2 * DEPOSIT - 10 * PAYMENT);
    }

    function test_WhenPayeeSender() external {
        vm.prank(recipient);
        streaming.withdrawTo(streamId, sender, 10 * PAYMENT);
        assertHoldings(token, 0, 0, 2 * DEPOSIT - 10 * PAYMENT);
    }

    function test_GivenTokenRefusesRecipient() external {
        (BlockingToken blocking, uint256 id) = createBlockingStream();
        blocking.setBlocked(recipient, true);
        vm.prank(recipient);
        streaming.withdrawTo(id, payee, DEPOSIT);
        assertHoldings(blocking, 0, DEPOSIT, 0);
    }

    function createBlockingStream() private returns (BlockingToken blocking, uint256 id) {
        blocking = new BlockingToken();
        fund(blocking);
        setTime(START);
        id = createStream(address(blocking));
        setTime(STOP);
    }

    function checkRefused(address caller, address to, uint256 amount, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        vm.prank(caller);
        streaming.withdrawTo(streamId, to, amount);
    }
}

contract BlockWithdrawToTest is WithdrawToTest, BlockClock {}

contract TimestampWithdrawToTest is WithdrawToTest, TimestampClock {}
