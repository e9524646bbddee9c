// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";

abstract contract AcceptUpdateTest is PreparedStreams {
    Terms internal terms;

    function setUp() public override {
        super.setUp();
        terms = Terms(address(token), STOP, 2 * PAYMENT, INTERVAL);
    }

    function test_RevertGiven_StreamUnknown() external {
        streamId = unknownId;
        checkRefused(recipient, abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
    }

    function test_RevertWhen_CallerStranger() external {
        confirm(sender, terms);
        checkRefused(stranger, abi.encodeWithSelector(IMoneyStreaming.CallerNotParty.selector, streamId, stranger));
    }

    function test_RevertWhen_NoIntervalFits() external {
        confirm(sender, terms);
        setTime(STOP - INTERVAL + 1);
        checkRefused(
            recipient,
            abi.encodeWithSelector(IMoneyStreaming.UpdateTooShort.selector, STOP - INTERVAL + 1, STOP, INTERVAL)
        );
    }

    function test_RevertGiven_NoConsent() external {
        checkNotProposed(recipient, 0);
    }

    function test_RevertGiven_OnlyOwnConsent() external {
        confirm(recipient, terms);
        checkNotProposed(recipient, 0);
        assertTrue(hasConfirmed(recipient, terms));
    }

    function test_RevertGiven_CounterpartyConsentsToOtherTerms() external {
        Terms memory others = terms;
        others.payment -= 1;
        confirm(sender, others);
        checkNotProposed(recipient, 0);
        assertFalse(hasConfirmed(recipient, terms));
    }

    function test_RevertGiven_ConsentRevoked() external {
        confirm(sender, terms);
        vm.prank(sender);
        streaming.revokeUpdate(streamId, terms.token, terms.stop, terms.payment, terms.interval);
        checkNotProposed(recipient, 0);
    }

    function test_RevertGiven_ConsentOfAnEarlierEpoch() external {
        Terms memory first = Terms(address(token), STOP, 3 * PAYMENT, INTERVAL);
        confirm(sender, first);
        confirm(recipient, terms);
        confirm(recipient, first);
        assertEq(stateOf(streamId).updateEpoch, 1);
        checkNotProposed(sender, 1);
    }

    function test_RevertGiven_AllowanceShort() external {
        confirm(sender, terms);
        vm.prank(sender);
        token.approve(address(streaming), 0);
        checkRefused(
            recipient, abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, streaming, 0, DEPOSIT)
        );
    }

    function test_GivenCounterpartyConsentsToTheseTerms() external {
        confirm(sender, terms);
        setTime(START + 20 * INTERVAL);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogConfirmUpdate(streamId, recipient, address(token), STOP, 2 * PAYMENT, INTERVAL);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogWithdraw(streamId, recipient, 20 * PAYMENT);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogExecuteUpdate(streamId, sender, recipient, address(token), STOP, 2 * PAYMENT, INTERVAL);
        vm.expectEmit(address(streaming));
        emit IMoneyStreaming.LogUpdateStart(streamId, 1, START + 20 * INTERVAL, 60 * PAYMENT);
        accept(recipient);

        IMoneyStreaming.StreamState memory expected = preparedState(0, 0);
        expected.start = uint48(START + 20 * INTERVAL);
        expected.payment = uint128(2 * PAYMENT);
        expected.balance = uint128(60 * PAYMENT);
        expected.refundable = uint128(60 * PAYMENT);
        expected.updateEpoch = 1;
        assertEq(stateOf(streamId), expected);
        assertFalse(hasConfirmed(sender, terms));
        assertFalse(hasConfirmed(recipient, terms));
        assertHoldings(token, 20 * PAYMENT, 0, DEPOSIT + 60 * PAYMENT);
        assertOtherUntouched();
    }

    function accept(address party) private {
        vm.prank(party);
        streaming.acceptUpdate(streamId, terms.token, terms.stop, terms.payment, terms.interval);
    }

    function checkNotProposed(address caller, uint256 updateEpoch) private {
        checkRefused(caller, abi.encodeWithSelector(IMoneyStreaming.UpdateNotProposed.selector, streamId, updateEpoch));
    }

    function checkRefused(address caller, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        accept(caller);
    }
}

contract BlockAcceptUpdateTest is AcceptUpdateTest, BlockClock {}

contract TimestampAcceptUpdateTest is AcceptUpdateTest, TimestampClock {}
