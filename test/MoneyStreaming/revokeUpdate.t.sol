// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";

abstract contract RevokeUpdateTest is PreparedStreams {
    Terms internal terms;
    Terms internal others;

    function setUp() public override {
        super.setUp();
        terms = Terms(address(token), STOP, 2 * PAYMENT, INTERVAL);
        others = Terms(address(token), STOP, 3 * PAYMENT, INTERVAL);
    }

    function test_RevertGiven_StreamUnknown() external {
        streamId = unknownId;
        checkRefused(sender, abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
    }

    function test_RevertGiven_StreamEnded() external {
        confirm(sender, terms);
        redeemStream(streamId);
        checkRefused(sender, abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId));
    }

    function test_RevertWhen_CallerStranger() external {
        confirm(sender, terms);
        checkRefused(stranger, abi.encodeWithSelector(IMoneyStreaming.CallerNotParty.selector, streamId, stranger));
        assertTrue(hasConfirmed(sender, terms));
    }

    function test_RevertGiven_NoConsent() external {
        checkNotProposed(sender, 0);
        checkNotProposed(recipient, 0);
    }

    function test_RevertGiven_ConsentToOtherTerms() external {
        confirm(sender, others);
        confirm(recipient, others = Terms(address(otherToken), STOP, 2 * PAYMENT, INTERVAL));
        checkNotProposed(sender, 0);
        checkNotProposed(recipient, 0);
        assertTrue(hasConfirmed(recipient, others));
    }

    function test_RevertGiven_ConsentRevoked() external {
        confirm(sender, terms);
        revoke(sender);
        checkNotProposed(sender, 0);
        checkNotProposed(recipient, 0);
    }

    function test_RevertGiven_ConsentOfAnEarlierEpoch() external {
        confirm(sender, terms);
        confirm(recipient, others);
        confirm(sender, others);
        assertEq(stateOf(streamId).updateEpoch, 1);
        checkNotProposed(sender, 1);
        checkNotProposed(recipient, 1);
    }

    function test_GivenOwnConsent() external {
        confirm(sender, terms);
        confirm(recipient, others);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogRevokeUpdate(streamId, sender, terms.token, terms.stop, terms.payment, terms.interval);
        revoke(sender);

        assertFalse(hasConfirmed(sender, terms));
        assertTrue(hasConfirmed(recipient, others));
        assertEq(stateOf(streamId), preparedState(0, 0));
        assertHoldings(token, 0, 0, 2 * DEPOSIT);
        assertOtherUntouched();
        // The counterparty's consent to what was revoked is an offer again, and executes nothing.
        confirm(recipient, terms);
        assertEq(stateOf(streamId), preparedState(0, 0));
    }

    function test_GivenConsentOfCounterparty() external {
        confirm(sender, terms);
        confirm(recipient, others);
        vm.expectEmit(address(streaming));
        emit IERC1620.LogRevokeUpdate(streamId, recipient, terms.token, terms.stop, terms.payment, terms.interval);
        revoke(recipient);

        assertFalse(hasConfirmed(sender, terms));
        assertTrue(hasConfirmed(recipient, others));
    }

    function revoke(address party) private {
        vm.prank(party);
        streaming.revokeUpdate(streamId, terms.token, terms.stop, terms.payment, terms.interval);
    }

    function checkNotProposed(address caller, uint256 updateEpoch) private {
        checkRefused(caller, abi.encodeWithSelector(IMoneyStreaming.UpdateNotProposed.selector, streamId, updateEpoch));
    }

    function checkRefused(address caller, bytes memory revertReason) private {
        vm.expectRevert(revertReason);
        revoke(caller);
    }
}

contract BlockRevokeUpdateTest is RevokeUpdateTest, BlockClock {}

contract TimestampRevokeUpdateTest is RevokeUpdateTest, TimestampClock {}
