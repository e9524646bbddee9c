// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {ReentrantHook} from "../mocks/ReentrantHook.sol";

/// @dev From each callback of a token with hooks, each function that changes state is called again, alone and within a
/// batch. The lock stops it, and what can be read there is what will be true afterwards.
abstract contract ReentrancyTest is PreparedStreams {
    uint256 internal constant HALF = START + N_INTERVALS / 2 * INTERVAL;
    uint256 internal constant HALF_DEPOSIT = DEPOSIT / 2;

    HookToken internal hooked;
    ReentrantHook internal hook;
    uint256 internal watchedId;

    function setUp() public override {
        super.setUp();
        hooked = new HookToken();
        token = hooked;
        fund(hooked);
        streamId = createStream(address(hooked));
        otherId = createStream(address(hooked));
        watchedId = streamId;
        hook = new ReentrantHook(streaming);
        hooked.setHook(sender, hook);
        hooked.setHook(recipient, hook);
        hooked.setHook(payee, hook);
        hooked.setHook(address(streaming), hook);
    }

    function test_Create() external {
        watchedId = streaming.nextStreamId();
        checkLocked(create, 2);
        checkSeen(preparedState(0, 0));
        assertHoldings(token, 0, 0, 3 * DEPOSIT);
        assertOtherUntouched();
    }

    function test_CreateFor() external {
        watchedId = streaming.nextStreamId();
        setTime(START);
        checkLocked(createFor, 2);
        checkSeen(preparedState(0, 0));
        assertHoldings(token, 0, 0, 3 * DEPOSIT);
        assertOtherUntouched();
    }

    function test_Withdraw() external {
        setTime(HALF);
        checkLocked(withdraw, 2);
        checkSeen(preparedState(25, PAYMENT));
        assertHoldings(token, PAYMENT, 0, 2 * DEPOSIT - PAYMENT);
        assertOtherUntouched();
    }

    function test_WithdrawTo() external {
        setTime(HALF);
        checkLocked(withdrawTo, 2);
        checkSeen(preparedState(25, PAYMENT));
        assertHoldings(token, 0, PAYMENT, 2 * DEPOSIT - PAYMENT);
        assertOtherUntouched();
    }

    function test_WithdrawMax() external {
        setTime(HALF);
        checkLocked(withdrawMax, 2);
        checkSeen(preparedState(25, HALF_DEPOSIT));
        assertHoldings(token, 0, HALF_DEPOSIT, 2 * DEPOSIT - HALF_DEPOSIT);
        assertOtherUntouched();
    }

    function test_Redeem() external {
        IMoneyStreaming.StreamState memory nothing;
        setTime(HALF);
        checkLocked(redeem, 4);
        checkSeen(nothing);
        checkNoCredit();
        assertHoldings(token, HALF_DEPOSIT, 0, DEPOSIT);
        assertOtherUntouched();
    }

    function test_Settle() external {
        IMoneyStreaming.StreamState memory nothing;
        setTime(STOP);
        checkLocked(settle, 2);
        checkSeen(nothing);
        checkNoCredit();
        assertHoldings(token, DEPOSIT, 0, DEPOSIT);
        assertOtherUntouched();
    }

    function test_UpdateThatPulls() external {
        setTime(HALF);
        checkLocked(confirmDearer, 4);
        checkSeen(updatedState(2 * PAYMENT));
        checkNoCredit();
        assertHoldings(token, HALF_DEPOSIT, 0, 2 * DEPOSIT);
        assertOtherUntouched();
    }

    function test_UpdateThatRefunds() external {
        setTime(HALF);
        checkLocked(acceptCheaper, 4);
        checkSeen(updatedState(PAYMENT / 2));
        checkNoCredit();
        assertHoldings(token, HALF_DEPOSIT, 0, DEPOSIT + HALF_DEPOSIT / 2);
        assertOtherUntouched();
    }

    function test_Claim() external {
        setTime(HALF);
        vm.mockCallRevert(address(hooked), abi.encodeWithSelector(hooked.transfer.selector), "");
        redeemStream(streamId);
        vm.clearMockedCalls();
        checkLocked(claim, 2);
        assertEq(streaming.creditOf(address(hooked), recipient), 0);
        assertEq(streaming.creditOf(address(hooked), sender), HALF_DEPOSIT);
        assertHoldings(token, 0, HALF_DEPOSIT, DEPOSIT + HALF_DEPOSIT);
        assertOtherUntouched();
    }

    /* ACTS */

    function create() private {
        createStream(address(hooked));
    }

    function createFor() private {
        vm.prank(sender);
        streaming.createFor(recipient, address(hooked), PAYMENT, INTERVAL, N_INTERVALS);
    }

    function withdraw() private {
        vm.prank(recipient);
        streaming.withdraw(streamId, PAYMENT);
    }

    function withdrawTo() private {
        vm.prank(recipient);
        streaming.withdrawTo(streamId, payee, PAYMENT);
    }

    function withdrawMax() private {
        vm.prank(recipient);
        streaming.withdrawMax(streamId, payee);
    }

    function redeem() private {
        redeemStream(streamId);
    }

    function settle() private {
        streaming.settle(ids(streamId));
    }

    function confirmDearer() private {
        Terms memory terms = Terms(address(hooked), STOP, 2 * PAYMENT, INTERVAL);
        confirm(recipient, terms);
        confirm(sender, terms);
    }

    function acceptCheaper() private {
        confirm(sender, Terms(address(hooked), STOP, PAYMENT / 2, INTERVAL));
        vm.prank(recipient);
        streaming.acceptUpdate(streamId, address(hooked), STOP, PAYMENT / 2, INTERVAL);
    }

    function claim() private {
        vm.prank(recipient);
        streaming.claim(address(hooked), payee);
    }

    /* CHECKS */

    /// @dev Runs `act` once for each way back in, each time from the same state; what the last run did stands.
    function checkLocked(function() internal act, uint256 nCallbacks) private {
        bytes[] memory calls = waysIn();
        for (uint256 i = 0; i < calls.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            hook.aim(calls[i], watchedId);
            act();
            assertEq(hook.nCallbacks(), nCallbacks, "callbacks");
            assertEq(hook.nLocked(), nCallbacks, "locked");
            if (i + 1 != calls.length) vm.revertToState(snapshot);
        }
    }

    function waysIn() private view returns (bytes[] memory calls) {
        uint256 n = 11;
        calls = new bytes[](2 * n);
        address asset = address(hooked);
        calls[0] = abi.encodeCall(streaming.create, (payee, asset, STOP, STOP + 1, 1, 1));
        calls[1] = abi.encodeCall(streaming.createFor, (payee, asset, 1, 1, 1));
        calls[2] = abi.encodeCall(streaming.withdraw, (otherId, 1));
        calls[3] = abi.encodeCall(streaming.withdrawTo, (otherId, payee, 1));
        calls[4] = abi.encodeCall(streaming.withdrawMax, (otherId, payee));
        calls[5] = abi.encodeCall(streaming.redeem, (otherId));
        calls[6] = abi.encodeCall(streaming.settle, (ids(otherId)));
        calls[7] = abi.encodeCall(streaming.claim, (asset, payee));
        calls[8] = abi.encodeCall(streaming.confirmUpdate, (otherId, asset, STOP, 1, INTERVAL));
        calls[9] = abi.encodeCall(streaming.acceptUpdate, (otherId, asset, STOP, 1, INTERVAL));
        calls[10] = abi.encodeCall(streaming.revokeUpdate, (otherId, asset, STOP, 1, INTERVAL));
        for (uint256 i = 0; i < n; ++i) {
            bytes[] memory batch = new bytes[](1);
            batch[0] = calls[i];
            calls[n + i] = abi.encodeCall(streaming.multicall, (batch));
        }
    }

    function checkSeen(IMoneyStreaming.StreamState memory state) private view {
        assertEq(stateOf(watchedId), state);
        assertEq(hook.seen(), keccak256(abi.encode(state)), "seen");
    }

    function checkNoCredit() private view {
        assertEq(streaming.creditOf(address(hooked), recipient), 0);
        assertEq(streaming.creditOf(address(hooked), sender), 0);
    }

    /// @dev Half way through, with the other half of the intervals to go at another payment.
    function updatedState(uint256 payment) private view returns (IMoneyStreaming.StreamState memory state) {
        state = preparedState(0, 0);
        state.start = uint48(HALF);
        state.payment = uint128(payment);
        state.balance = uint128(N_INTERVALS / 2 * payment);
        state.refundable = state.balance;
        state.updateEpoch = 1;
    }
}

contract BlockReentrancyTest is ReentrancyTest, BlockClock {}

contract TimestampReentrancyTest is ReentrancyTest, TimestampClock {}
