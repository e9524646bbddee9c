// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {BlockClock, StreamingTest, TimestampClock} from "../StreamingTest.sol";
import {Invariants} from "./Invariants.sol";
import {ITraveller} from "./World.sol";

/// @dev One campaign checks all invariants, so that each holds in every state that any action leads to.
abstract contract InvariantTest is StreamingTest, ITraveller {
    uint256 private constant N_DRIVEN = 400;

    Invariants internal invariants;

    function setUp() public override {
        super.setUp();
        invariants = new Invariants(streaming, this);
        targetContract(address(invariants));
        targetSelector(FuzzSelector(address(invariants), invariants.actions()));
    }

    function travel(uint256 time) external {
        setTime(time);
    }

    function invariant_AllHold() external {
        checkAll();
    }

    function afterInvariant() external {
        uint256 nStreams = streaming.nextStreamId() - 1;
        assertEq(invariants.drain(), nStreams, "13: streams looked at");
    }

    /// @dev A fixed sequence, long enough that every action, every log and every way back in comes up.
    function test_EveryActionRuns() external {
        bytes4[] memory actions = invariants.actions();
        for (uint256 i = 0; i < N_DRIVEN; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("driven", i)));
            bytes4 action = actions[seed % actions.length];
            (bool done, bytes memory reason) = address(invariants).call(abi.encodeWithSelector(action, seed));
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
        for (uint256 i = 0; i < invariants.REENTRY().N_FUNCTIONS(); ++i) {
            assertGt(invariants.REENTRY().nAttempts(i), 0, "a function that was never entered again");
        }
        bytes32[9] memory topics = [
            IERC1620.LogCreate.selector,
            IERC1620.LogWithdraw.selector,
            IERC1620.LogRedeem.selector,
            IERC1620.LogConfirmUpdate.selector,
            IERC1620.LogRevokeUpdate.selector,
            IERC1620.LogExecuteUpdate.selector,
            IMoneyStreaming.LogUpdateStart.selector,
            IMoneyStreaming.LogCredit.selector,
            IMoneyStreaming.LogClaim.selector
        ];
        for (uint256 i = 0; i < topics.length; ++i) {
            assertGt(invariants.nLogs(topics[i]), 0, "a log that never came");
        }
        assertGt(streaming.nextStreamId(), 1, "no streams");
        assertEq(invariants.drain(), streaming.nextStreamId() - 1, "13: streams looked at");
    }

    /// @dev A check that stops early looks at fewer streams than there are, and fails.
    function checkAll() private {
        uint256 nStreams = streaming.nextStreamId() - 1;
        assertEq(invariants.checkSolvency(), nStreams, "1: streams looked at");
        assertEq(invariants.checkConservation(), nStreams, "2: streams looked at");
        assertEq(invariants.checkSplit(), nStreams, "3: streams looked at");
        assertEq(invariants.checkAccrual(), nStreams, "4: streams looked at");
        assertEq(invariants.checkViews(), nStreams, "5: streams looked at");
        assertEq(invariants.checkPaths(), nStreams, "8: streams looked at");
        assertEq(invariants.checkIds(), nStreams, "9: streams looked at");
        assertEq(invariants.checkConsents(), nStreams, "10: streams looked at");
        invariants.checkLock();
        assertEq(invariants.checkReplay(), nStreams, "15: streams looked at");
    }
}

contract BlockInvariantTest is InvariantTest, BlockClock {}

contract TimestampInvariantTest is InvariantTest, TimestampClock {}
