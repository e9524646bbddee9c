// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Portal, IEtherPortal} from "./ICartesi.sol";
import {IMoneyStreaming} from "./IMoneyStreaming.sol";

/// @title Portal of streams into a Cartesi rollup
/// @notice Moves tokens or Ether to the application of a rollup that runs StreamableToken, and starts streams there, in
/// one transaction. There is no owner, fee or upgrade, and between calls no token, allowance or Ether stays here, but
/// what somebody donates, which is nobody's.
///
/// @dev Who is who. Each hop takes the one before from `msg.sender`, and none believes what it is told:
///
/// | Hop | `msg.sender` there | what it says of it |
/// | --- | --- | --- |
/// | user to StreamPortal | the user | `account`, below |
/// | StreamPortal to Cartesi's portal | StreamPortal | `sender` in the payload, as depositor |
/// | Cartesi's portal to InputBox | Cartesi's portal | `msgSender` of the input |
/// | InputBox to the rollup | | the input, as it was added |
///
/// So the payload of a token's deposit is `token (20 bytes) | StreamPortal (20) | amount (32) | account (20) | call`, that
/// of Ether the same without the token; the call is the rest, and may be empty.
///
/// The rollup has the addresses of Cartesi's portals and of StreamPortal in its configuration. When an input's
/// `msgSender` is one of the former and its depositor is the latter, and only then, the first 20 bytes of the data are
/// the account: it is credited, it makes the call, and it gets back what cannot be credited. Nobody else can be that
/// depositor, because Cartesi's portals take the depositor from their caller, and StreamPortal calls them with data of
/// its own making alone: `account` is
/// - with a call, always who called StreamPortal: if it could be anybody else, a unit deposited for Bob would let the
///   depositor act as Bob;
/// - without one, whoever was named: to be credited needs no consent.
///
/// A call that fails in the rollup leaves its account credited. Nothing is lost by a bad call, and no call can make a
/// deposit be refused.
///
/// Requirements of every deposit and every forward:
/// - `app` has code and is not this contract.
/// - The token moves exact amounts: what arrives here and what arrives at `app` is measured.
/// - `transferFrom` of the token returns true. {IERC20Portal} demands it: tokens that return nothing there (USDT) cannot
///   enter a rollup by it. Those where `transfer` alone returns nothing can, and leave by the safe form of withdrawal.
/// - The input fits 65,536 bytes, or InputBox reverts: `call` has up to 65,124 bytes with tokens and 65,144 with Ether.
///
/// Warning: that `app` runs StreamableToken and knows this StreamPortal cannot be seen from here. An application that
/// does not know it credits this contract, from where nothing comes back.
interface IStreamPortal {
    /// @notice One stream in the rollup, from the depositor.
    struct StreamOrder {
        address recipient;
        uint256 amount;
        /// Seconds since 1970, or 0: at once.
        uint64 start;
        /// Seconds.
        uint64 duration;
    }

    /// @notice What was due of a stream went to `app` for `owner`.
    event StreamForwarded(
        address indexed app,
        address indexed owner,
        IMoneyStreaming indexed streaming,
        uint256 streamId,
        address token,
        uint256 amount
    );

    /// @notice A credit, which no longer belongs to any stream, went to `app` for `owner`.
    event CreditForwarded(
        address indexed app, address indexed owner, IMoneyStreaming indexed streaming, address token, uint256 amount
    );

    /// @notice From here on there is code at the address of this inbox.
    event InboxOpened(address indexed app, address indexed owner, address inbox);

    /// @notice A deposit is at least one unit.
    error AmountZero();
    /// @notice Nothing is credited to the zero address, and it has no inbox.
    error AccountZero();
    /// @notice An application has code, and is not this contract.
    error AppInvalid(address app);
    /// @notice There is no contract at this address, or it does not answer as a token.
    error TokenInvalid(address token);
    /// @notice The token refused the permit, and the allowance does not cover what is needed without it.
    error PermitRefused(address token, uint256 allowance, uint256 amount);
    /// @notice There is at least one order.
    error OrdersEmpty();
    /// @notice The orders stream no more than what is deposited with them.
    error OrdersExceedDeposit(uint256 total, uint256 amount);
    /// @notice The token delivered another amount than the deposit; tokens with a transfer fee are not supported.
    error DepositNotReceived(address token, uint256 received, uint256 amount);
    /// @notice The application received another amount than the deposit.
    error DepositNotDelivered(address token, address app, uint256 received, uint256 amount);
    /// @notice The token left another balance here than there was.
    error BalanceNotRestored(address token, uint256 balance, uint256 balanceBefore);
    /// @notice Cartesi's portal failed without a reason: `transferFrom` of the token returns nothing, or reverts so.
    error TokenRefused(address token);
    /// @notice The stream pays somebody else than the inbox.
    error RecipientNotInbox(uint256 streamId, address recipient, address inbox);
    /// @notice Nothing of the token came out of the inbox.
    error NothingForwarded(address token);

    /// @notice Gives the caller's permit (ERC-2612) for this contract to the token, for a {multicall} with a deposit. A
    /// permit that somebody else has brought to the token already is no obstacle.
    ///
    /// Requirements:
    /// - The token accepts the permit, or the caller's allowance covers `amount` already.
    function permit(address token, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Deposits `amount` base units of the caller's for `beneficiary`, who is credited in the rollup.
    ///
    /// Requirements:
    /// - `amount` and `beneficiary` are not zero.
    /// - The caller's allowance covers `amount`.
    function deposit(address token, address app, uint256 amount, address beneficiary) external;

    /// @notice Deposits `amount` base units for the caller, who starts these streams with it: all of them, or none if the
    /// rollup refuses one.
    ///
    /// Requirements:
    /// - `amount` is not zero; the caller's allowance covers it.
    /// - There are orders, and their sum does not exceed `amount`.
    function depositAndStream(address token, address app, uint256 amount, StreamOrder[] calldata orders) external;

    /// @notice Deposits `amount` base units for the caller, who makes `call` in the rollup right after: any input that
    /// StreamableToken knows, in the ABI's encoding or JSON.
    ///
    /// Requirements:
    /// - `amount` is not zero; the caller's allowance covers it.
    function depositAndCall(address token, address app, uint256 amount, bytes calldata call) external;

    /// @notice Deposits the Ether that is sent along for `beneficiary`; see {deposit}.
    ///
    /// Requirements:
    /// - Ether is sent along; `beneficiary` is not zero.
    /// - `app` accepts Ether.
    function depositEther(address app, address beneficiary) external payable;

    /// @notice Deposits the Ether that is sent along for the caller, who starts these streams with it; see
    /// {depositAndStream}.
    ///
    /// Requirements:
    /// - Ether is sent along; `app` accepts it.
    /// - There are orders, and their sum does not exceed what is sent.
    function depositEtherAndStream(address app, StreamOrder[] calldata orders) external payable;

    /// @notice Deposits the Ether that is sent along for the caller, who makes `call` in the rollup right after; see
    /// {depositAndCall}.
    ///
    /// Requirements:
    /// - Ether is sent along; `app` accepts it.
    function depositEtherAndCall(address app, bytes calldata call) external payable;

    /// @notice Takes all that is due of a stream of the owner's inbox into the rollup, for the owner; anybody may. Opens
    /// the inbox if need be. Logs {StreamForwarded}.
    ///
    /// Requirements:
    /// - `owner` is not zero.
    /// - The recipient of the stream is `inboxOf(app, owner)`, and something is due.
    ///
    /// Warning: what a redemption, a settlement or an executed update pays out is in the inbox, and no longer in the
    /// stream: the owner takes it from there by {IStreamInbox-execute}.
    /// Warning: `streaming` may be any address; what counts is what it delivers of the token that it names.
    /// @return amount What was credited, in base units of the stream's token.
    function forwardStream(address app, address owner, IMoneyStreaming streaming, uint256 streamId)
        external
        returns (uint256 amount);

    /// @notice Takes the inbox's whole credit in `token`, see {IMoneyStreaming-claim}, into the rollup, for the owner;
    /// anybody may. Opens the inbox if need be. Logs {CreditForwarded}.
    ///
    /// Requirements:
    /// - `owner` is not zero.
    /// - `inboxOf(app, owner)` has a credit in `token`.
    /// @return amount What was credited, in base units of `token`.
    function forwardCredit(address app, address owner, IMoneyStreaming streaming, address token)
        external
        returns (uint256 amount);

    /// @notice Puts the inbox at its address; anybody may. Logs {InboxOpened}, unless it is there already.
    ///
    /// Requirements:
    /// - `owner` is not zero.
    /// @return inbox The address, `inboxOf(app, owner)`.
    function openInbox(address app, address owner) external returns (address inbox);

    /// @notice Address of the inbox of `owner` for `app`, whether there is code at it yet or not.
    function inboxOf(address app, address owner) external view returns (address inbox);

    /// @notice Cartesi's portal of tokens that deposits go through.
    function erc20Portal() external view returns (IERC20Portal);

    /// @notice Cartesi's portal of Ether that deposits go through.
    function etherPortal() external view returns (IEtherPortal);
}
