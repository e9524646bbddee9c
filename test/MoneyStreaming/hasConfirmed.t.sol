// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";

abstract contract HasConfirmedTest is PreparedStreams {
    Terms internal terms;

    function setUp() public override {
        super.setUp();
        terms = Terms(address(token), STOP, 2 * PAYMENT, INTERVAL);
    }

    function test_RevertGiven_StreamUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, unknownId));
        streaming.hasConfirmed(unknownId, sender, terms.token, terms.stop, terms.payment, terms.interval);
    }

    function test_RevertGiven_StreamEnded() external {
        confirm(sender, terms);
        redeemStream(streamId);
        vm.expectRevert(abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId));
        streaming.hasConfirmed(streamId, sender, terms.token, terms.stop, terms.payment, terms.interval);
    }

    function test_GivenNoConsent() external view {
        assertFalse(hasConfirmed(sender, terms));
        assertFalse(hasConfirmed(recipient, terms));
    }

    function test_GivenConsent() external {
        confirm(sender, terms);
        assertTrue(hasConfirmed(sender, terms));
        assertFalse(hasConfirmed(recipient, terms));
        assertFalse(hasConfirmed(stranger, terms));
        assertFalse(hasConfirmed(sender, Terms(address(otherToken), STOP, 2 * PAYMENT, INTERVAL)));
        assertFalse(hasConfirmed(sender, Terms(address(token), STOP + 1, 2 * PAYMENT, INTERVAL)));
        assertFalse(hasConfirmed(sender, Terms(address(token), STOP, 2 * PAYMENT + 1, INTERVAL)));
        assertFalse(hasConfirmed(sender, Terms(address(token), STOP, 2 * PAYMENT, INTERVAL + 1)));
        assertFalse(streaming.hasConfirmed(otherId, sender, terms.token, terms.stop, terms.payment, terms.interval));
    }

    function test_GivenConsentRevoked() external {
        confirm(sender, terms);
        vm.prank(recipient);
        streaming.revokeUpdate(streamId, terms.token, terms.stop, terms.payment, terms.interval);
        assertFalse(hasConfirmed(sender, terms));
    }

    function test_GivenUpdateExecuted() external {
        confirm(sender, terms);
        confirm(recipient, terms);
        assertEq(stateOf(streamId).updateEpoch, 1);
        assertFalse(hasConfirmed(sender, terms));
        assertFalse(hasConfirmed(recipient, terms));
    }
}

contract BlockHasConfirmedTest is HasConfirmedTest, BlockClock {}

contract TimestampHasConfirmedTest is HasConfirmedTest, TimestampClock {}
