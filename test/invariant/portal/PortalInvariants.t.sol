// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {StreamingTest, BlockClock, TimestampClock} from "../../StreamingTest.sol";
import {PortalFixture} from "../../StreamPortal/PortalTest.sol";
import {ITraveller} from "../World.sol";
import {PortalInvariants} from "./PortalInvariants.sol";

/// @dev One campaign checks all invariants, so that each holds in every state that any action leads to.
abstract contract PortalInvariantTest is StreamingTest, PortalFixture, ITraveller {
    uint256 private constant N_DRIVEN = 400;

    PortalInvariants internal invariants;

    function setUp() public override {
        super.setUp();
        deployPortal();
        invariants = new PortalInvariants(portal, inputBox, streaming, this);
        targetContract(address(invariants));
        targetSelector(FuzzSelector(address(invariants), invariants.actions()));
    }

    function travel(uint256 time) external {
        setTime(time);
    }

    function invariant_AllHold() external view {
        checkAll();
    }

    /// @dev A fixed sequence, long enough that every action, refusals and ways back in come up.
    function test_EveryActionRuns() external {
        bytes4[] memory actions = invariants.actions();
        for (uint256 i = 0; i < N_DRIVEN; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("driven", i)));
            (bool done, bytes memory reason) =
                address(invariants).call(abi.encodeWithSelector(actions[seed % actions.length], seed));
            if (!done) {
                assembly ("memory-safe") {
                    revert(add(reason, 0x20), mload(reason))
                }
            }
            if (i % 10 == 0) checkAll();
        }
        checkAll();
        for (uint256 i = 0; i < actions.length; ++i) {
            assertGt(invariants.nCalls(actions[i]), 0, "an action that never ran");
        }
        assertGt(invariants.nInputs(), N_DRIVEN / 4, "inputs");
        assertGt(invariants.nRefused(), 0, "refusals");
        assertGt(invariants.INTRUDER().nLocked(), 0, "ways back in");
        assertGt(invariants.checkInboxes(), 0, "inboxes");
    }

    /// @dev A check that stops early looks at less than there is, and fails.
    function checkAll() private view {
        assertEq(invariants.checkNothingKept(), invariants.nTokens(), "1: tokens looked at");
        assertEq(invariants.checkCredited(), invariants.nInputs(), "2: inputs looked at");
        invariants.checkInboxes();
        invariants.checkLock();
    }
}

contract BlockPortalInvariantTest is PortalInvariantTest, BlockClock {}

contract TimestampPortalInvariantTest is PortalInvariantTest, TimestampClock {}
