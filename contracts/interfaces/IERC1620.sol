// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title ERC-1620 Money Streaming
/// @notice The published standard: seven functions, six events, ERC-165 id `0x56615d9f`. Names and parameters are the
/// standard's, misprints corrected as its headings and events demand. What this suite adds is in {IMoneyStreaming}.
/// @dev Token amounts are in the token's smallest unit. Times ("blocks") are readings of the contract's ERC-6372
/// clock: block numbers on a block clock, Unix seconds on a timestamp clock.
///
/// Accrual is in whole intervals, in arrears: nothing at `start`, `payment` at the end of each interval, the whole
/// deposit at `stop`. An interval that has begun but not ended is the sender's.
interface IERC1620 {
    /// @notice A stream was created and funded with `payment * (stop - start) / interval`.
    event LogCreate(
        uint256 indexed _streamId,
        address indexed _sender,
        address indexed _recipient,
        address _tokenAddress,
        uint256 _startBlock,
        uint256 _stopBlock,
        uint256 _payment,
        uint256 _interval
    );

    /// @notice `_funds` left the stream for its recipient.
    event LogWithdraw(uint256 indexed _streamId, address indexed _recipient, uint256 _funds);

    /// @notice The stream ended; its balance was divided between the parties.
    event LogRedeem(
        uint256 indexed _streamId,
        address indexed _sender,
        address indexed _recipient,
        uint256 _senderBalance,
        uint256 _recipientBalance
    );

    /// @notice `_confirmer` consents to exactly these terms. Replaces an earlier consent of the same party.
    event LogConfirmUpdate(
        uint256 indexed _streamId,
        address indexed _confirmer,
        address _newTokenAddress,
        uint256 _newStopBlock,
        uint256 _newPayment,
        uint256 _newInterval
    );

    /// @notice A live consent to exactly these terms was withdrawn or refused by `revoker`.
    event LogRevokeUpdate(
        uint256 indexed _streamId,
        address indexed revoker,
        address _newTokenAddress,
        uint256 _newStopBlock,
        uint256 _newPayment,
        uint256 _newInterval
    );

    /// @notice Both parties consented to these terms and the stream runs by them. The stream keeps its id.
    event LogExecuteUpdate(
        uint256 indexed _newStreamId,
        address indexed _sender,
        address indexed _recipient,
        address _newTokenAddress,
        uint256 _newStopBlock,
        uint256 _newPayment,
        uint256 _newInterval
    );

    /// @notice Share of `_addr` in the stream at this moment: what is due for the recipient, what is refundable for
    /// the sender, zero for anybody else. The two shares add up to the stream's balance.
    ///
    /// Requirements:
    /// - `_streamId` is a stream that has not ended by redemption or settlement.
    function balanceOf(uint256 _streamId, address _addr) external view returns (uint256 balance);

    /// @notice The stream's parties, funds and terms. `balance` is the deposit less what was withdrawn.
    ///
    /// Requirements:
    /// - `_streamId` is a stream that has not ended by redemption or settlement.
    function getStream(uint256 _streamId)
        external
        view
        returns (
            address sender,
            address recipient,
            address tokenAddress,
            uint256 balance,
            uint256 startBlock,
            uint256 stopBlock,
            uint256 payment,
            uint256 interval
        );

    /// @notice Starts a stream from the caller to `_recipient` and pulls the whole deposit,
    /// `_payment * (_stopBlock - _startBlock) / _interval`, from the caller. Logs {LogCreate}.
    ///
    /// Requirements:
    /// - `_recipient` is not zero, the caller, the token or this contract.
    /// - `_tokenAddress` has code and delivers exactly the deposit; the caller's allowance covers it.
    /// - `now <= _startBlock < _stopBlock`, and `_stopBlock` fits 48 bits.
    /// - `_interval` divides `_stopBlock - _startBlock`.
    /// - `_payment` is not zero; the deposit fits 128 bits.
    ///
    /// Warning: a transaction mined after `_startBlock` reverts; {IMoneyStreaming-createFor} starts when it is mined.
    /// Warning: tokens whose balances change by themselves (rebasing) are not supported: streams of one token share
    /// one balance.
    /// @return streamId Identifier of the stream, counted from 1 and never used again.
    function create(
        address _recipient,
        address _tokenAddress,
        uint256 _startBlock,
        uint256 _stopBlock,
        uint256 _payment,
        uint256 _interval
    ) external returns (uint256 streamId);

    /// @notice Pays `_funds` of what is due to the recipient. Logs {LogWithdraw}.
    ///
    /// Requirements:
    /// - The caller is the recipient.
    /// - `_funds` is not zero and does not exceed what is due.
    ///
    /// Warning: reverts if the token refuses the recipient; see {IMoneyStreaming-withdrawTo}.
    function withdraw(uint256 _streamId, uint256 _funds) external;

    /// @notice Ends the stream: what is due goes to the recipient, the rest to the sender. A share that the token
    /// refuses to transfer becomes a credit, see {IMoneyStreaming-claim}. Logs {LogRedeem}.
    ///
    /// Requirements:
    /// - The caller is the sender or the recipient.
    ///
    /// Warning: an unfinished interval goes to the sender whole.
    function redeem(uint256 _streamId) external;

    /// @notice Consents to new terms. Logs {LogConfirmUpdate}; executes the update if the other party's live consent is
    /// to the same terms. Consent binds to the stream, its update epoch and all four terms, and ends when an update
    /// executes, when either party revokes it, or when its party confirms other terms.
    ///
    /// Execution settles the old terms as of now (what is due goes to the recipient, {LogWithdraw}), then rewrites the
    /// stream in place: it starts again at the first moment from which whole intervals reach exactly `_stopBlock`,
    /// less than one interval after `max(now, start)`. Unstreamed funds count towards the new deposit: the sender pays
    /// or receives the difference. Logs {LogExecuteUpdate} and {IMoneyStreaming-LogUpdateStart}.
    ///
    /// Requirements:
    /// - The caller is the sender or the recipient.
    /// - The terms differ from the current ones, satisfy what {create} demands of payment and deposit, and leave at
    ///   least one interval between `max(now, start)` and `_stopBlock`.
    /// - To execute, the token delivers the difference and the sender's allowance covers it; otherwise the call
    ///   reverts and the consent of the other party stays.
    ///
    /// Warning: while a consent stands, the other party chooses the moment of execution; the old terms run until then.
    /// Warning: with other terms than the standing proposal this makes a counter-proposal; to accept or revert use
    /// {IMoneyStreaming-acceptUpdate}.
    function confirmUpdate(
        uint256 _streamId,
        address _tokenAddress,
        uint256 _stopBlock,
        uint256 _payment,
        uint256 _interval
    ) external;

    /// @notice Ends a live consent to exactly these terms, the caller's own or the other party's.
    /// Logs {LogRevokeUpdate}.
    ///
    /// Requirements:
    /// - The caller is the sender or the recipient.
    /// - One of the two has consented to exactly these terms in this update epoch.
    function revokeUpdate(
        uint256 _streamId,
        address _tokenAddress,
        uint256 _stopBlock,
        uint256 _payment,
        uint256 _interval
    ) external;
}
