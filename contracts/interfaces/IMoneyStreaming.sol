// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC1620} from "./IERC1620.sol";

/// @title Money streaming beyond ERC-1620
/// @notice What users of a stream need and the standard leaves out: exact starts, withdrawals to any address, updates
/// that cannot turn into counter-offers, settlement by anybody after the stop, credits, batch reads; and every error.
/// @dev There is no owner, fee, upgrade or Ether. Units are those of {IERC1620}.
interface IMoneyStreaming is IERC1620 {
    /// @notice All there is to know of a stream at one moment. A stream that does not exist is all zeros.
    struct StreamState {
        address sender;
        address recipient;
        address token;
        /// Deposit less withdrawals; always `due + refundable`.
        uint128 balance;
        uint48 start;
        uint48 stop;
        uint128 payment;
        uint48 interval;
        /// Accrued and not withdrawn: the recipient's share.
        uint128 due;
        /// Not accrued: the sender's share.
        uint128 refundable;
        /// Withdrawn under the current terms.
        uint128 withdrawn;
        /// Number of executed updates.
        uint16 updateEpoch;
    }

    /// @notice An executed update starts again at `start` with `deposit`, which {IERC1620-LogExecuteUpdate} cannot say.
    event LogUpdateStart(uint256 indexed streamId, uint256 updateEpoch, uint256 start, uint256 deposit);

    /// @notice The token refused to move `amount` from `streamId` to `account`; it can be claimed.
    event LogCredit(uint256 indexed streamId, address indexed account, address indexed token, uint256 amount);

    /// @notice `account` took its whole credit in `token`, paid out to `to`.
    event LogClaim(address indexed account, address indexed token, address to, uint256 amount);

    /// @notice There is no stream of this id, or it has ended.
    error StreamUnknown(uint256 streamId);
    /// @notice Only the recipient may do this.
    error CallerNotRecipient(uint256 streamId, address caller, address recipient);
    /// @notice Only the sender and the recipient may do this.
    error CallerNotParty(uint256 streamId, address caller);
    /// @notice A recipient is not zero, the sender, the token or this contract.
    error RecipientInvalid(address recipient);
    /// @notice Money is not paid out to zero or to this contract.
    error PayeeInvalid(address payee);
    /// @notice There is no contract at this address, or it does not answer as a token.
    error TokenInvalid(address token);
    /// @notice A stream starts now or later.
    error StartInPast(uint256 start, uint256 time);
    /// @notice A timeframe must not be empty, nor its stop overflow 48 bits.
    error TimeframeInvalid(uint256 start, uint256 stop, uint256 limit);
    /// @notice An interval is at least one unit of the clock.
    error IntervalZero();
    /// @notice A timeframe is a whole number of intervals.
    error TimeframeNotDivisible(uint256 duration, uint256 interval);
    /// @notice A payment is at least one unit of the token.
    error PaymentZero();
    /// @notice A deposit fits 128 bits.
    error DepositExceedsLimit(uint256 payment, uint256 nIntervals, uint256 limit);
    /// @notice The token delivered another amount than the deposit; tokens with a transfer fee are not supported.
    error DepositNotReceived(address token, uint256 received, uint256 amount);
    /// @notice A withdrawal is at least one unit of the token.
    error WithdrawZero(uint256 streamId);
    /// @notice No more than what is due can be withdrawn.
    error WithdrawExceedsBalance(uint256 streamId, uint256 amount, uint256 balance);
    /// @notice The stream has these terms already.
    error TermsUnchanged(uint256 streamId);
    /// @notice From `start` on, no whole interval ends at or before `stop`.
    error UpdateTooShort(uint256 start, uint256 stop, uint256 interval);
    /// @notice Neither party (for {acceptUpdate}: the other party) has a live consent to these terms.
    error UpdateNotProposed(uint256 streamId, uint256 updateEpoch);
    /// @notice A stream is updated at most 65,535 times.
    error UpdateEpochExhausted(uint256 streamId);
    /// @notice Of these streams, none exists and has reached its stop.
    error NothingToSettle();
    /// @notice The caller has no credit in this token.
    error NothingToClaim(address account, address token);
    /// @notice The transaction needs more gas, so that a token's transfer cannot be starved into a credit.
    error GasTooLow(uint256 gas, uint256 limit);
    /// @notice This contract knows as many tokens as it can count, 2^32 - 1.
    error TokensExhausted(address token);

    /// @notice Starts a stream now that runs for `nIntervals` intervals; see {IERC1620-create}.
    ///
    /// Requirements: as {IERC1620-create}, and `nIntervals` is not zero.
    /// @return streamId Identifier of the stream.
    function createFor(address recipient, address token, uint256 payment, uint256 interval, uint256 nIntervals)
        external
        returns (uint256 streamId);

    /// @notice Pays `amount` of what is due to `to`, an address of the recipient's choice.
    /// Logs {IERC1620-LogWithdraw} with the recipient.
    ///
    /// Requirements:
    /// - The caller is the recipient.
    /// - `to` is not zero or this contract.
    /// - `amount` is not zero and does not exceed what is due.
    function withdrawTo(uint256 streamId, address to, uint256 amount) external;

    /// @notice Pays all that is due at the moment of execution to `to`; see {withdrawTo}.
    ///
    /// Requirements: as {withdrawTo}; something is due.
    /// @return amount What was paid.
    function withdrawMax(uint256 streamId, address to) external returns (uint256 amount);

    /// @notice Consents to the terms that the other party has proposed, and executes them, or reverts; see
    /// {IERC1620-confirmUpdate}.
    ///
    /// Requirements: as {IERC1620-confirmUpdate}; the other party has a live consent to exactly these terms.
    function acceptUpdate(uint256 streamId, address token, uint256 stop, uint256 payment, uint256 interval) external;

    /// @notice Ends streams that have reached their stop; anybody may. What is due goes to each recipient, as a credit
    /// if the token refuses. Logs {IERC1620-LogRedeem} for each. Ids that do not exist or still run are passed over, so
    /// that one of them cannot spoil a batch.
    ///
    /// Requirements:
    /// - At least one of the streams can be settled.
    /// @return settled For each id, whether this call ended the stream.
    function settle(uint256[] calldata streamIds) external returns (bool[] memory settled);

    /// @notice Pays the caller's whole credit in `token` to `to`. Logs {LogClaim}.
    ///
    /// Requirements:
    /// - The caller has a credit in `token`.
    /// - `to` is not zero or this contract.
    /// @return amount What was paid.
    function claim(address token, address to) external returns (uint256 amount);

    /// @notice What `account` can {claim} in `token`.
    function creditOf(address token, address account) external view returns (uint256 amount);

    /// @notice Whether `party` has a live consent to exactly these terms.
    ///
    /// Requirements:
    /// - `streamId` is a stream that has not ended.
    function hasConfirmed(
        uint256 streamId,
        address party,
        address token,
        uint256 stop,
        uint256 payment,
        uint256 interval
    ) external view returns (bool confirmed);

    /// @notice The state of many streams at once; never reverts, zeros stand for streams that do not exist.
    function getStreams(uint256[] calldata streamIds) external view returns (StreamState[] memory streams);

    /// @notice Identifier that the next stream will get; all smaller ones, from 1, were given out.
    function nextStreamId() external view returns (uint256 streamId);
}
