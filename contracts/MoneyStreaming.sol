// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IERC1620} from "./interfaces/IERC1620.sol";
import {IMoneyStreaming} from "./interfaces/IMoneyStreaming.sol";

/// @title Money streaming over a clock
/// @dev Derived contracts choose the clock and nothing else. See {IERC1620} and {IMoneyStreaming}.
abstract contract MoneyStreaming is IMoneyStreaming, IERC6372, ERC165, ReentrancyGuardTransient, Multicall {
    using SafeERC20 for IERC20;

    /// @dev Three slots. The deposit is `_accrued` at `stop`, the balance is the deposit less `withdrawn`.
    struct Stream {
        address recipient;
        uint48 start;
        uint48 stop;
        //
        uint128 payment;
        uint128 withdrawn;
        //
        address sender;
        uint48 interval;
        uint32 tokenIndex;
        uint16 updateEpoch;
    }

    struct Terms {
        address token;
        uint256 stop;
        uint256 payment;
        uint256 interval;
    }

    /// @dev Latest reading of the clock that a stream can hold.
    uint256 private constant TIME_LIMIT = type(uint48).max;

    uint256 private constant DEPOSIT_LIMIT = type(uint128).max;

    /// @dev What a token gets to move a share that may become a credit; several times the dearest common token's need.
    uint256 private constant TRANSFER_GAS = 300_000;

    /// @dev A call passes on 63/64 of what is left after its own cost, which 5,000 covers.
    uint256 private constant TRANSFER_GAS_LIMIT = TRANSFER_GAS + TRANSFER_GAS / 63 + 5000;

    mapping(uint256 streamId => Stream) private _streams;

    /// @dev Hash of the stream, its update epoch and the terms that a party consents to.
    mapping(uint256 streamId => mapping(address party => bytes32 hash)) private _consents;

    mapping(address token => mapping(address account => uint256 amount)) private _credits;

    /// @dev Tokens are counted from 1. A mapping, because an array would read its length on each access.
    mapping(uint256 tokenIndex => address token) private _tokens;
    mapping(address token => uint256 tokenIndex) private _tokenIndexes;

    uint224 private _nStreams;
    uint32 private _nTokens;

    /* CREATION */

    /// @inheritdoc IERC1620
    function create(
        address _recipient,
        address _tokenAddress,
        uint256 _startBlock,
        uint256 _stopBlock,
        uint256 _payment,
        uint256 _interval
    ) external nonReentrant returns (uint256 streamId) {
        uint256 time = clock();
        require(_startBlock >= time, StartInPast(_startBlock, time));
        return _create(_recipient, _startBlock, Terms(_tokenAddress, _stopBlock, _payment, _interval));
    }

    /// @inheritdoc IMoneyStreaming
    function createFor(address recipient, address token, uint256 payment, uint256 interval, uint256 nIntervals)
        external
        nonReentrant
        returns (uint256 streamId)
    {
        uint256 time = clock();
        uint256 stop = Math.saturatingAdd(time, Math.saturatingMul(interval, nIntervals));
        return _create(recipient, time, Terms(token, stop, payment, interval));
    }

    /* WITHDRAWAL */

    /// @inheritdoc IERC1620
    function withdraw(uint256 _streamId, uint256 _funds) external nonReentrant {
        Stream memory stream = _streamOfRecipient(_streamId);
        _withdraw(_streamId, stream, msg.sender, _funds);
    }

    /// @inheritdoc IMoneyStreaming
    function withdrawTo(uint256 streamId, address to, uint256 amount) external nonReentrant {
        Stream memory stream = _streamOfRecipient(streamId);
        _requirePayee(to);
        _withdraw(streamId, stream, to, amount);
    }

    /// @inheritdoc IMoneyStreaming
    function withdrawMax(uint256 streamId, address to) external nonReentrant returns (uint256 amount) {
        Stream memory stream = _streamOfRecipient(streamId);
        _requirePayee(to);
        amount = _due(stream, clock());
        _withdraw(streamId, stream, to, amount);
    }

    /* END */

    /// @inheritdoc IERC1620
    function redeem(uint256 _streamId) external nonReentrant {
        Stream memory stream = _existing(_streamId);
        _counterparty(_streamId, stream.sender, stream.recipient);
        _end(_streamId, stream, clock());
    }

    /// @inheritdoc IMoneyStreaming
    function settle(uint256[] calldata streamIds) external nonReentrant returns (bool[] memory settled) {
        uint256 time = clock();
        settled = new bool[](streamIds.length);
        bool any = false;
        for (uint256 i = 0; i < streamIds.length; ++i) {
            Stream memory stream = _streams[streamIds[i]];
            if (stream.sender == address(0) || time < stream.stop) continue;
            _end(streamIds[i], stream, time);
            settled[i] = true;
            any = true;
        }
        require(any, NothingToSettle());
    }

    /// @inheritdoc IMoneyStreaming
    function claim(address token, address to) external nonReentrant returns (uint256 amount) {
        amount = _credits[token][msg.sender];
        require(amount != 0, NothingToClaim(msg.sender, token));
        _requirePayee(to);
        delete _credits[token][msg.sender];
        emit LogClaim(msg.sender, token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /* UPDATE */

    /// @inheritdoc IERC1620
    function confirmUpdate(
        uint256 _streamId,
        address _tokenAddress,
        uint256 _stopBlock,
        uint256 _payment,
        uint256 _interval
    ) external nonReentrant {
        _confirmUpdate(_streamId, Terms(_tokenAddress, _stopBlock, _payment, _interval), false);
    }

    /// @inheritdoc IMoneyStreaming
    function acceptUpdate(uint256 streamId, address token, uint256 stop, uint256 payment, uint256 interval)
        external
        nonReentrant
    {
        _confirmUpdate(streamId, Terms(token, stop, payment, interval), true);
    }

    /// @inheritdoc IERC1620
    function revokeUpdate(
        uint256 _streamId,
        address _tokenAddress,
        uint256 _stopBlock,
        uint256 _payment,
        uint256 _interval
    ) external nonReentrant {
        Stream storage stream = _streams[_streamId];
        address other = _counterparty(_streamId, stream.sender, stream.recipient);
        Terms memory terms = Terms(_tokenAddress, _stopBlock, _payment, _interval);
        bytes32 hash = _hash(_streamId, stream.updateEpoch, terms);
        address confirmer = _consents[_streamId][msg.sender] == hash ? msg.sender : other;
        require(_consents[_streamId][confirmer] == hash, UpdateNotProposed(_streamId, stream.updateEpoch));
        delete _consents[_streamId][confirmer];
        emit LogRevokeUpdate(_streamId, msg.sender, _tokenAddress, _stopBlock, _payment, _interval);
    }

    /* VIEWS */

    /// @inheritdoc IERC1620
    function balanceOf(uint256 _streamId, address _addr) external view returns (uint256 balance) {
        Stream memory stream = _existing(_streamId);
        if (_addr == stream.recipient) return _due(stream, clock());
        if (_addr == stream.sender) return _refundable(stream, clock());
        return 0;
    }

    /// @inheritdoc IERC1620
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
        )
    {
        Stream memory stream = _existing(_streamId);
        return (
            stream.sender,
            stream.recipient,
            _tokens[stream.tokenIndex],
            _accrued(stream, stream.stop) - stream.withdrawn,
            stream.start,
            stream.stop,
            stream.payment,
            stream.interval
        );
    }

    /// @inheritdoc IMoneyStreaming
    function getStreams(uint256[] calldata streamIds) external view returns (StreamState[] memory streams) {
        uint256 time = clock();
        streams = new StreamState[](streamIds.length);
        for (uint256 i = 0; i < streamIds.length; ++i) {
            Stream memory stream = _streams[streamIds[i]];
            if (stream.sender == address(0)) continue;
            uint256 due = _due(stream, time);
            uint256 refundable = _refundable(stream, time);
            // Casts: both are parts of a deposit, which fits 128 bits.
            streams[i] = StreamState({
                sender: stream.sender,
                recipient: stream.recipient,
                token: _tokens[stream.tokenIndex],
                balance: uint128(due + refundable),
                start: stream.start,
                stop: stream.stop,
                payment: stream.payment,
                interval: stream.interval,
                due: uint128(due),
                refundable: uint128(refundable),
                withdrawn: stream.withdrawn,
                updateEpoch: stream.updateEpoch
            });
        }
    }

    /// @inheritdoc IMoneyStreaming
    function hasConfirmed(
        uint256 streamId,
        address party,
        address token,
        uint256 stop,
        uint256 payment,
        uint256 interval
    ) external view returns (bool confirmed) {
        uint16 updateEpoch = _existing(streamId).updateEpoch;
        return _consents[streamId][party] == _hash(streamId, updateEpoch, Terms(token, stop, payment, interval));
    }

    /// @inheritdoc IMoneyStreaming
    function creditOf(address token, address account) external view returns (uint256 amount) {
        return _credits[token][account];
    }

    /// @inheritdoc IMoneyStreaming
    function nextStreamId() external view returns (uint256 streamId) {
        return uint256(_nStreams) + 1;
    }

    /// @inheritdoc IERC6372
    function clock() public view returns (uint48 time) {
        // Cast: saturates, so that no view of a stream ever reverts.
        return uint48(Math.min(_time(), TIME_LIMIT));
    }

    /// @inheritdoc ERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool supported) {
        return interfaceId == type(IERC1620).interfaceId || interfaceId == type(IMoneyStreaming).interfaceId
            || interfaceId == type(IERC6372).interfaceId || super.supportsInterface(interfaceId);
    }

    /* CLOCK */

    /// @dev Reading of the clock: never decreases, and starts anywhere.
    function _time() internal view virtual returns (uint256 time);

    /* EFFECTS */

    function _create(address recipient, uint256 start, Terms memory terms) private returns (uint256 streamId) {
        require(
            recipient != address(0) && recipient != msg.sender && recipient != address(this),
            RecipientInvalid(recipient)
        );
        require(terms.interval != 0, IntervalZero());
        require(start < terms.stop && terms.stop <= TIME_LIMIT, TimeframeInvalid(start, terms.stop, TIME_LIMIT));
        uint256 duration = terms.stop - start;
        require(duration % terms.interval == 0, TimeframeNotDivisible(duration, terms.interval));
        uint256 deposit = _deposit(recipient, duration / terms.interval, terms);

        streamId = ++_nStreams;
        // Casts: the guards bound times by 48 bits, the payment by 128; an interval is no longer than the duration.
        _streams[streamId] = Stream({
            recipient: recipient,
            start: uint48(start),
            stop: uint48(terms.stop),
            payment: uint128(terms.payment),
            withdrawn: 0,
            sender: msg.sender,
            interval: uint48(terms.interval),
            tokenIndex: _indexOf(terms.token),
            updateEpoch: 0
        });
        emit LogCreate(streamId, msg.sender, recipient, terms.token, start, terms.stop, terms.payment, terms.interval);
        _pull(terms.token, msg.sender, deposit);
    }

    function _withdraw(uint256 streamId, Stream memory stream, address to, uint256 amount) private {
        uint256 due = _due(stream, clock());
        require(amount != 0, WithdrawZero(streamId));
        require(amount <= due, WithdrawExceedsBalance(streamId, amount, due));
        // Cast: the sum is at most what has accrued, a part of the deposit.
        _streams[streamId].withdrawn = uint128(stream.withdrawn + amount);
        emit LogWithdraw(streamId, msg.sender, amount);
        IERC20(_tokens[stream.tokenIndex]).safeTransfer(to, amount);
    }

    function _end(uint256 streamId, Stream memory stream, uint256 time) private {
        uint256 due = _due(stream, time);
        uint256 refundable = _refundable(stream, time);
        delete _streams[streamId];
        emit LogRedeem(streamId, stream.sender, stream.recipient, refundable, due);
        address token = _tokens[stream.tokenIndex];
        _payOrCredit(streamId, token, stream.recipient, due);
        _payOrCredit(streamId, token, stream.sender, refundable);
    }

    function _confirmUpdate(uint256 streamId, Terms memory terms, bool mustExecute) private {
        Stream storage stream = _streams[streamId];
        address sender = stream.sender;
        address recipient = stream.recipient;
        address other = _counterparty(streamId, sender, recipient);
        uint256 start = _alignedStart(Math.max(clock(), stream.start), terms);
        uint256 deposit = _deposit(recipient, (terms.stop - start) / terms.interval, terms);
        // The token comes last because it costs a slot of its own to read.
        require(
            terms.stop != stream.stop || terms.interval != stream.interval || terms.payment != stream.payment
                || terms.token != _tokens[stream.tokenIndex],
            TermsUnchanged(streamId)
        );
        bytes32 hash = _hash(streamId, stream.updateEpoch, terms);
        bool executes = _consents[streamId][other] == hash;
        require(executes || !mustExecute, UpdateNotProposed(streamId, stream.updateEpoch));

        emit LogConfirmUpdate(streamId, msg.sender, terms.token, terms.stop, terms.payment, terms.interval);
        if (!executes) {
            _consents[streamId][msg.sender] = hash;
            return;
        }
        // An older consent of the caller dies with the epoch that its hash names.
        delete _consents[streamId][other];
        _executeUpdate(streamId, terms, start, deposit);
    }

    function _executeUpdate(uint256 streamId, Terms memory terms, uint256 start, uint256 deposit) private {
        Stream memory old = _streams[streamId];
        require(old.updateEpoch != type(uint16).max, UpdateEpochExhausted(streamId));
        uint256 due = _due(old, clock());
        uint256 refundable = _refundable(old, clock());
        address oldToken = _tokens[old.tokenIndex];
        uint256 kept = terms.token == oldToken ? Math.min(refundable, deposit) : 0;
        uint16 updateEpoch = old.updateEpoch + 1;

        // Casts: as in `_create`; the start is between two clock values.
        _streams[streamId] = Stream({
            recipient: old.recipient,
            start: uint48(start),
            stop: uint48(terms.stop),
            payment: uint128(terms.payment),
            withdrawn: 0,
            sender: old.sender,
            interval: uint48(terms.interval),
            tokenIndex: terms.token == oldToken ? old.tokenIndex : _indexOf(terms.token),
            updateEpoch: updateEpoch
        });

        if (due != 0) emit LogWithdraw(streamId, old.recipient, due);
        emit LogExecuteUpdate(
            streamId, old.sender, old.recipient, terms.token, terms.stop, terms.payment, terms.interval
        );
        emit LogUpdateStart(streamId, updateEpoch, start, deposit);

        if (deposit != kept) _pull(terms.token, old.sender, deposit - kept);
        _payOrCredit(streamId, oldToken, old.recipient, due);
        _payOrCredit(streamId, oldToken, old.sender, refundable - kept);
    }

    function _indexOf(address token) private returns (uint32 tokenIndex) {
        // Cast: indexes are given out from a 32-bit counter.
        tokenIndex = uint32(_tokenIndexes[token]);
        if (tokenIndex == 0) {
            require(_nTokens != type(uint32).max, TokensExhausted(token));
            tokenIndex = ++_nTokens;
            _tokenIndexes[token] = tokenIndex;
            _tokens[tokenIndex] = token;
        }
    }

    /* TRANSFERS */

    /// @dev Measures what arrives, because a token may keep a fee.
    function _pull(address token, address from, uint256 amount) private {
        uint256 balanceBefore = _ownBalance(token);
        IERC20(token).safeTransferFrom(from, address(this), amount);
        uint256 received = Math.saturatingSub(_ownBalance(token), balanceBefore);
        require(received == amount, DepositNotReceived(token, received, amount));
    }

    function _payOrCredit(uint256 streamId, address token, address to, uint256 amount) private {
        if (amount == 0 || _tryTransfer(token, to, amount)) return;
        _credits[token][to] += amount;
        emit LogCredit(streamId, to, token, amount);
    }

    /// @dev Whatever the token does, the caller goes on: gas is bounded, returned bytes are not copied, and a refusal
    /// is an answer.
    function _tryTransfer(address token, address to, uint256 amount) private returns (bool moved) {
        uint256 gasLeft = gasleft();
        require(gasLeft >= TRANSFER_GAS_LIMIT, GasTooLow(gasLeft, TRANSFER_GAS_LIMIT));
        bytes memory data = abi.encodeCall(IERC20.transfer, (to, amount));
        uint256 gasLimit = TRANSFER_GAS;
        assembly ("memory-safe") {
            mstore(0, 0)
            moved := call(gasLimit, token, 0, add(data, 0x20), mload(data), 0, 0x20)
            switch returndatasize()
            case 0 { moved := and(moved, iszero(iszero(extcodesize(token)))) }
            default { moved := and(moved, and(gt(returndatasize(), 0x1f), eq(mload(0), 1))) }
        }
    }

    function _ownBalance(address token) private view returns (uint256 balance) {
        (bool answered, bytes memory data) = token.staticcall(abi.encodeCall(IERC20.balanceOf, (address(this))));
        require(answered && data.length >= 32, TokenInvalid(token));
        return abi.decode(data, (uint256));
    }

    /* GUARDS */

    function _existing(uint256 streamId) private view returns (Stream memory stream) {
        stream = _streams[streamId];
        require(stream.sender != address(0), StreamUnknown(streamId));
    }

    function _streamOfRecipient(uint256 streamId) private view returns (Stream memory stream) {
        stream = _existing(streamId);
        require(msg.sender == stream.recipient, CallerNotRecipient(streamId, msg.sender, stream.recipient));
    }

    function _counterparty(uint256 streamId, address sender, address recipient) private view returns (address other) {
        require(sender != address(0), StreamUnknown(streamId));
        if (msg.sender == sender) return recipient;
        require(msg.sender == recipient, CallerNotParty(streamId, msg.sender));
        return sender;
    }

    function _requirePayee(address to) private view {
        require(to != address(0) && to != address(this), PayeeInvalid(to));
    }

    /// @dev Deposit for `nIntervals` of `terms`, within its limit.
    function _deposit(address recipient, uint256 nIntervals, Terms memory terms)
        private
        pure
        returns (uint256 deposit)
    {
        require(recipient != terms.token, RecipientInvalid(recipient));
        require(terms.payment != 0, PaymentZero());
        deposit = Math.saturatingMul(terms.payment, nIntervals);
        require(deposit <= DEPOSIT_LIMIT, DepositExceedsLimit(terms.payment, nIntervals, DEPOSIT_LIMIT));
    }

    /// @dev First moment from `base` on from which whole intervals reach exactly the stop.
    function _alignedStart(uint256 base, Terms memory terms) private pure returns (uint256 start) {
        require(terms.interval != 0, IntervalZero());
        require(terms.stop <= TIME_LIMIT, TimeframeInvalid(base, terms.stop, TIME_LIMIT));
        uint256 duration = Math.saturatingSub(terms.stop, base);
        require(duration >= terms.interval, UpdateTooShort(base, terms.stop, terms.interval));
        return base + duration % terms.interval;
    }

    /* ARITHMETIC */

    /// @dev Rounds down to whole intervals, in favour of the sender: what is not accrued is the sender's.
    function _accrued(Stream memory stream, uint256 time) private pure returns (uint256 accrued) {
        uint256 end = Math.min(time, stream.stop);
        if (end <= stream.start) return 0;
        return (end - stream.start) / stream.interval * stream.payment;
    }

    function _due(Stream memory stream, uint256 time) private pure returns (uint256 due) {
        return _accrued(stream, time) - stream.withdrawn;
    }

    function _refundable(Stream memory stream, uint256 time) private pure returns (uint256 refundable) {
        return _accrued(stream, stream.stop) - _accrued(stream, time);
    }

    function _hash(uint256 streamId, uint256 updateEpoch, Terms memory terms) private pure returns (bytes32 hash) {
        return keccak256(abi.encode(streamId, updateEpoch, terms.token, terms.stop, terms.payment, terms.interval));
    }
}
