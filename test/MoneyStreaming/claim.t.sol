// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";

abstract contract ClaimTest is PreparedStreams {
    BlockingToken internal blocking;
    uint256 internal firstId;
    uint256 internal secondId;
    uint256 internal runningId;

    function setUp() public override {
        super.setUp();
        blocking = new BlockingToken();
        fund(blocking);
        firstId = createStream(address(blocking));
        secondId = createStream(address(blocking));
        runningId = createStream(address(blocking));
    }

    function test_RevertGiven_NoCredit() external {
        checkRefused(
            recipient, payee, abi.encodeWithSelector(IMoneyStreaming.NothingToClaim.selector, recipient, blocking)
        );
    }

    function test_RevertGiven_CreditInAnotherToken() external {
        credit();
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.NothingToClaim.selector, recipient, token));
        vm.prank(recipient);
        streaming.claim(address(token), payee);
    }

    function test_RevertWhen_PayeeZero() external {
        credit();
        checkRefused(recipient, address(0), abi.encodeWithSelector(IMoneyStreaming.PayeeInvalid.selector, address(0)));
    }

    function test_RevertWhen_PayeeStreamingContract() external {
        credit();
        checkRefused(
            recipient, address(streaming), abi.encodeWithSelector(IMoneyStreaming.PayeeInvalid.selector, streaming)
        );
    }

    function test_RevertGiven_TokenRefusesPayee() external {
        credit();
        checkRefused(recipient, recipient, abi.encodeWithSelector(BlockingToken.AccountBlocked.selector, recipient));
        assertEq(streaming.creditOf(address(blocking), recipient), 20 * PAYMENT);
    }

    function test_RevertGiven_CreditClaimed() external {
        credit();
        vm.prank(recipient);
        streaming.claim(address(blocking), payee);
        checkRefused(
            recipient, payee, abi.encodeWithSelector(IMoneyStreaming.NothingToClaim.selector, recipient, blocking)
        );
    }

    function test_GivenCreditOfOneStream() external {
        credit();
        vm.expectEmit(address(streaming));
        emit IMoneyStreaming.LogClaim(recipient, address(blocking), payee, 20 * PAYMENT);
        vm.expectEmit(address(blocking));
        emit IERC20.Transfer(address(streaming), payee, 20 * PAYMENT);
        vm.prank(recipient);
        uint256 amount = streaming.claim(address(blocking), payee);

        assertEq(amount, 20 * PAYMENT);
        assertEq(streaming.creditOf(address(blocking), recipient), 0);
        assertEq(streaming.creditOf(address(blocking), sender), 30 * PAYMENT);
        assertHoldings(blocking, 0, 20 * PAYMENT, 30 * PAYMENT + 2 * DEPOSIT);
        assertEq(stateOf(runningId).balance, DEPOSIT);
        assertEq(stateOf(runningId).due, 20 * PAYMENT);
        assertOtherUntouched();
    }

    function test_GivenCreditOfSeveralStreams() external {
        credit();
        blocking.setBlocked(recipient, true);
        setTime(START + 25 * INTERVAL);
        redeemStream(secondId);
        blocking.setBlocked(recipient, false);
        assertEq(streaming.creditOf(address(blocking), recipient), 45 * PAYMENT);

        vm.prank(recipient);
        assertEq(streaming.claim(address(blocking), recipient), 45 * PAYMENT);
        assertHoldings(blocking, 45 * PAYMENT, 0, 30 * PAYMENT + DEPOSIT);
    }

    /// @dev Ends the first stream while the token refuses both; of the two it goes on to refuse the recipient.
    function credit() private {
        setTime(START + 20 * INTERVAL);
        blocking.setBlocked(recipient, true);
        blocking.setBlocked(sender, true);
        redeemStream(firstId);
        blocking.setBlocked(sender, false);
    }

    function checkRefused(address caller, address to, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        vm.prank(caller);
        streaming.claim(address(blocking), to);
    }
}

contract BlockClaimTest is ClaimTest, BlockClock {}

contract TimestampClaimTest is ClaimTest, TimestampClock {}
