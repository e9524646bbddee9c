// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IMoneyStreaming} from "../contracts/interfaces/IMoneyStreaming.sol";
import {StreamingTest} from "./StreamingTest.sol";
import {PlainToken} from "./mocks/PlainToken.sol";

/// @dev Two streams of the same terms between the same parties, not yet started: `streamId` is for the test to act on,
/// `otherId` for it to leave alone. The sender holds what is left of `FUNDS` in two tokens and has approved all of it.
abstract contract PreparedStreams is StreamingTest {
    struct Terms {
        address token;
        uint256 stop;
        uint256 payment;
        uint256 interval;
    }

    uint256 internal constant START = 1_000_100;
    uint256 internal constant INTERVAL = 60;
    uint256 internal constant N_INTERVALS = 50;
    uint256 internal constant STOP = START + N_INTERVALS * INTERVAL;
    uint256 internal constant PAYMENT = 3e18;
    uint256 internal constant DEPOSIT = N_INTERVALS * PAYMENT;
    uint256 internal constant FUNDS = 100 * DEPOSIT;

    uint256 internal constant TIME_LIMIT = type(uint48).max;
    uint256 internal constant DEPOSIT_LIMIT = type(uint128).max;

    /// @dev Where the number of streams (224 bits) and of tokens (32 bits) are stored.
    bytes32 internal constant COUNTERS_SLOT = bytes32(uint256(5));

    address internal sender = makeAddr("sender");
    address internal recipient = makeAddr("recipient");
    address internal payee = makeAddr("payee");
    address internal stranger = makeAddr("stranger");

    PlainToken internal token;
    PlainToken internal otherToken;

    uint256 internal streamId;
    uint256 internal otherId;
    uint256 internal unknownId = 1729;

    function setUp() public virtual override {
        super.setUp();
        token = new PlainToken(18);
        otherToken = new PlainToken(6);
        fund(token);
        fund(otherToken);
        streamId = createStream(address(token));
        otherId = createStream(address(token));
    }

    function fund(PlainToken token_) internal {
        token_.mint(sender, FUNDS);
        vm.prank(sender);
        token_.approve(address(streaming), type(uint256).max);
    }

    function createStream(address token_) internal returns (uint256 id) {
        vm.prank(sender);
        return streaming.create(recipient, token_, START, STOP, PAYMENT, INTERVAL);
    }

    function redeemStream(uint256 id) internal {
        vm.prank(sender);
        streaming.redeem(id);
    }

    function confirm(address party, Terms memory terms) internal {
        vm.prank(party);
        streaming.confirmUpdate(streamId, terms.token, terms.stop, terms.payment, terms.interval);
    }

    function hasConfirmed(address party, Terms memory terms) internal view returns (bool confirmed) {
        return streaming.hasConfirmed(streamId, party, terms.token, terms.stop, terms.payment, terms.interval);
    }

    /* READING */

    function ids(uint256 id) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = id;
    }

    function stateOf(uint256 id) internal view returns (IMoneyStreaming.StreamState memory state) {
        return streaming.getStreams(ids(id))[0];
    }

    /// @dev What a prepared stream looks like when `nAccrued` intervals have ended.
    function preparedState(uint256 nAccrued, uint256 withdrawn)
        internal
        view
        returns (IMoneyStreaming.StreamState memory state)
    {
        state.sender = sender;
        state.recipient = recipient;
        state.token = address(token);
        state.balance = uint128(DEPOSIT - withdrawn);
        state.start = uint48(START);
        state.stop = uint48(STOP);
        state.payment = uint128(PAYMENT);
        state.interval = uint48(INTERVAL);
        state.due = uint128(nAccrued * PAYMENT - withdrawn);
        state.refundable = uint128((N_INTERVALS - nAccrued) * PAYMENT);
        state.withdrawn = uint128(withdrawn);
    }

    /// @dev Counts the intervals one by one, as a person with a calendar would.
    function countIntervals(uint256 start, uint256 stop, uint256 interval, uint256 time)
        internal
        pure
        returns (uint256 nEnded)
    {
        for (uint256 end = start + interval; end <= stop && end <= time; end += interval) {
            ++nEnded;
        }
    }

    /* ASSERTIONS */

    function assertEq(IMoneyStreaming.StreamState memory left, IMoneyStreaming.StreamState memory right) internal pure {
        assertEq(left.sender, right.sender, "sender");
        assertEq(left.recipient, right.recipient, "recipient");
        assertEq(left.token, right.token, "token");
        assertEq(left.balance, right.balance, "balance");
        assertEq(left.start, right.start, "start");
        assertEq(left.stop, right.stop, "stop");
        assertEq(left.payment, right.payment, "payment");
        assertEq(left.interval, right.interval, "interval");
        assertEq(left.due, right.due, "due");
        assertEq(left.refundable, right.refundable, "refundable");
        assertEq(left.withdrawn, right.withdrawn, "withdrawn");
        assertEq(left.updateEpoch, right.updateEpoch, "updateEpoch");
    }

    /// @dev The other stream is as it was made, whatever part of it has accrued.
    function assertOtherUntouched() internal view {
        assertEq(stateOf(otherId), preparedState(countIntervals(START, STOP, INTERVAL, streaming.clock()), 0));
    }

    /// @dev Of what was minted to the sender, the streaming contract holds the rest.
    function assertHoldings(IERC20 token_, uint256 ofRecipient, uint256 ofPayee, uint256 ofStreaming) internal view {
        assertEq(token_.balanceOf(recipient), ofRecipient, "recipient's tokens");
        assertEq(token_.balanceOf(payee), ofPayee, "payee's tokens");
        assertEq(token_.balanceOf(address(streaming)), ofStreaming, "contract's tokens");
        assertEq(token_.balanceOf(stranger), 0, "stranger's tokens");
        assertEq(token_.balanceOf(sender), FUNDS - ofRecipient - ofPayee - ofStreaming, "sender's tokens");
    }
}
