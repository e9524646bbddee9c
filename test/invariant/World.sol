// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {MoneyStreaming} from "../../contracts/MoneyStreaming.sol";
import {BlockingToken} from "../mocks/BlockingToken.sol";
import {FalseToken} from "../mocks/FalseToken.sol";
import {FeeToken} from "../mocks/FeeToken.sol";
import {GasBurnerToken} from "../mocks/GasBurnerToken.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {NoReturnToken} from "../mocks/NoReturnToken.sol";
import {PausingToken} from "../mocks/PausingToken.sol";
import {PlainToken} from "../mocks/PlainToken.sol";
import {ReturnBombToken} from "../mocks/ReturnBombToken.sol";
import {Reentry} from "./Reentry.sol";
import {Replay} from "./Replay.sol";

/// @dev Whoever knows which clock the contract runs by.
interface ITraveller {
    function travel(uint256 time) external;
}

/// @dev Accounts, tokens, and a model of what the contract owes to whom. Handlers act on the contract, tell the model
/// what must have happened, and after each action everything is compared: each stream, each balance, each credit.
abstract contract World is Replay {
    struct Terms {
        address token;
        uint256 stop;
        uint256 payment;
        uint256 interval;
    }

    struct Ghost {
        address sender;
        address recipient;
        uint256 start;
        uint256 withdrawn;
        uint256 updateEpoch;
        bool isLive;
        Terms terms;
    }

    struct Consent {
        bool isLive;
        uint256 updateEpoch;
        Terms terms;
    }

    /// @dev Of one stream and token, over the whole life of the stream.
    struct Totals {
        uint256 pulled;
        uint256 withdrawn;
        uint256 settled;
        uint256 redeemed;
        uint256 credited;
    }

    struct Shares {
        uint256 due;
        uint256 refundable;
        uint256 withdrawn;
        uint256 updateEpoch;
        bool isLive;
    }

    uint256 internal constant TIME_LIMIT = type(uint48).max;
    uint256 internal constant DEPOSIT_LIMIT = type(uint128).max;
    /// @dev Enough for the longest batch against a token that burns all it gets.
    uint256 private constant ACT_GAS = 30_000_000;
    /// @dev What a call that is bound to fail may burn.
    uint256 private constant REFUSED_GAS = 2_000_000;

    MoneyStreaming public immutable STREAMING;
    Reentry public immutable REENTRY;
    ITraveller private immutable TRAVELLER;

    PlainToken internal immutable PLAIN = new PlainToken(18);
    PlainToken internal immutable VAST = new PlainToken(36);
    NoReturnToken internal immutable NO_RETURN = new NoReturnToken();
    BlockingToken internal immutable BLOCKING = new BlockingToken();
    FeeToken internal immutable FEE = new FeeToken();
    HookToken internal immutable HOOK = new HookToken();
    GasBurnerToken internal immutable BURNER = new GasBurnerToken();
    PausingToken internal immutable PAUSING = new PausingToken();
    FalseToken internal immutable FALSE = new FalseToken();
    ReturnBombToken internal immutable BOMB = new ReturnBombToken();

    address[] internal _tokens;
    address[] internal _parties;
    address[] internal _strangers;
    /// @dev Parties, strangers and payees: everybody who can hold tokens, but for the contract.
    address[] internal _accounts;

    uint256 internal _time;
    uint256 private _entropy;
    mapping(bytes4 action => uint256 count) public nCalls;

    Ghost[] internal _ghosts;
    mapping(uint256 streamId => mapping(address party => Consent)) internal _consents;
    mapping(uint256 streamId => mapping(address token => Totals)) internal _totals;
    /// @dev What accrued under terms that have ended, by the terms alone.
    mapping(uint256 streamId => uint256 amount) internal _accruedBefore;
    mapping(address token => mapping(address account => uint256 amount)) internal _book;
    mapping(address token => mapping(address account => uint256 amount)) internal _credits;
    mapping(address token => uint256 amount) internal _claimed;
    mapping(address token => uint256 amount) internal _donated;
    mapping(uint256 streamId => Shares) private _shares;
    /// @dev Whether, in this action, the recipient withdrew.
    mapping(uint256 streamId => bool) private _hasWithdrawn;

    constructor(MoneyStreaming streaming, ITraveller traveller) {
        STREAMING = streaming;
        TRAVELLER = traveller;
        REENTRY = new Reentry(streaming);
        _tokens = [
            address(PLAIN),
            address(VAST),
            address(NO_RETURN),
            address(BLOCKING),
            address(FEE),
            address(HOOK),
            address(BURNER),
            address(PAUSING),
            address(FALSE),
            address(BOMB)
        ];
        _parties = [makeAddr("ann"), makeAddr("ben"), makeAddr("cat"), makeAddr("dan")];
        _strangers = [makeAddr("sly"), makeAddr("tom")];
        _accounts =
            [_parties[0], _parties[1], _parties[2], _parties[3], _strangers[0], _strangers[1], makeAddr("vault")];
        for (uint256 i = 0; i < _tokens.length; ++i) {
            for (uint256 j = 0; j < _accounts.length; ++j) {
                // Strangers approve too: what they hold is there to be stolen.
                _endow(_tokens[i], _accounts[j]);
            }
        }
        for (uint256 i = 0; i < _accounts.length; ++i) {
            HOOK.setHook(_accounts[i], REENTRY);
        }
        HOOK.setHook(address(streaming), REENTRY);
        _time = streaming.clock();
    }

    /// @dev An action starts from one random word, at the time that the last one left.
    modifier action(uint256 seed) {
        _entropy = seed;
        TRAVELLER.travel(_time);
        vm.recordLogs();
        _;
        ++nCalls[msg.sig];
        _reconcile();
    }

    /* CHANCE */

    function _pick(uint256 n) internal returns (uint256 choice) {
        _entropy = uint256(keccak256(abi.encode(_entropy)));
        return _entropy % n;
    }

    function _pickToken() internal returns (address token) {
        return _tokens[_pick(_tokens.length)];
    }

    function _pickParty() internal returns (address party) {
        return _parties[_pick(_parties.length)];
    }

    function _pickStranger(Ghost memory ghost) internal returns (address stranger) {
        stranger = _accounts[_pick(_accounts.length)];
        if (stranger == ghost.sender || stranger == ghost.recipient) stranger = _strangers[_pick(_strangers.length)];
    }

    /* CALLS */

    function _travel(uint256 time) internal {
        _time = time;
        _look(time);
    }

    /// @dev Moves the clock for a moment, not the time of the campaign.
    function _look(uint256 time) internal {
        TRAVELLER.travel(time);
    }

    /// @dev Whatever reverts here fails the campaign.
    function _act(address caller, bytes memory data) internal returns (bytes memory result) {
        bool done;
        vm.prank(caller);
        (done, result) = address(STREAMING).call{gas: ACT_GAS}(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    /// @dev That nothing changes is seen when the action ends, because the model is not told of anything.
    function _refused(address caller, bytes memory data) internal returns (bytes memory reason) {
        _readLogs();
        bool done;
        vm.prank(caller);
        (done, reason) = address(STREAMING).call{gas: REFUSED_GAS}(data);
        assertFalse(done, "12: a call that must fail succeeds");
        // Logs of a call that reverts are recorded all the same.
        vm.getRecordedLogs();
    }

    function _refused(address caller, bytes memory data, bytes memory expected) internal {
        assertEq(_refused(caller, data), expected, "12: refused for another reason");
    }

    /// @dev Logs are read before anything whose logs do not count.
    function _readLogs() internal {
        _replay(vm.getRecordedLogs(), address(STREAMING));
    }

    /* MODEL */

    function _accrued(Ghost memory ghost, uint256 time) internal pure returns (uint256 accrued) {
        if (time >= ghost.terms.stop) return _deposit(ghost);
        if (time <= ghost.start) return 0;
        uint256 elapsed = time - ghost.start;
        return ghost.terms.payment * ((elapsed - elapsed % ghost.terms.interval) / ghost.terms.interval);
    }

    function _deposit(Ghost memory ghost) internal pure returns (uint256 deposit) {
        return ghost.terms.payment * ((ghost.terms.stop - ghost.start) / ghost.terms.interval);
    }

    function _due(Ghost memory ghost) internal view returns (uint256 due) {
        return _accrued(ghost, _time) - ghost.withdrawn;
    }

    /// @dev Whether the token lets these tokens through.
    function _moves(address token, address from, address to) internal view returns (bool) {
        if (token == address(BLOCKING)) return !BLOCKING.isBlocked(from) && !BLOCKING.isBlocked(to);
        if (token == address(PAUSING)) return !PAUSING.isPaused();
        if (token == address(FALSE)) return !FALSE.isRefusing();
        if (token == address(BURNER)) return !BURNER.isArmed();
        if (token == address(HOOK)) return !REENTRY.refuses(from) && !REENTRY.refuses(to);
        return true;
    }

    function _canPay(address token, address to) internal view returns (bool) {
        if (token == address(BOMB) && BOMB.bomb() == ReturnBombToken.Bomb.Revert) return false;
        return _moves(token, address(STREAMING), to);
    }

    function _canPull(address token, address from, uint256 amount) internal view returns (bool) {
        return _moves(token, from, address(STREAMING)) && _fee(token, amount) == 0;
    }

    function _fee(address token, uint256 amount) internal view returns (uint256 fee) {
        return token == address(FEE) ? amount * FEE.feeBasisPoints() / 10_000 : 0;
    }

    function _modelPull(uint256 streamId, address token, address from, uint256 amount) internal {
        _book[token][from] -= amount;
        _book[token][address(STREAMING)] += amount;
        _totals[streamId][token].pulled += amount;
    }

    function _modelPay(address token, address to, uint256 amount) internal {
        _book[token][address(STREAMING)] -= amount;
        _book[token][to] += amount - _fee(token, amount);
    }

    /// @dev Whether the money was paid, otherwise it is a credit.
    function _modelPayOrCredit(uint256 streamId, address token, address to, uint256 amount)
        internal
        returns (bool isPaid)
    {
        isPaid = _canPay(token, to);
        if (isPaid) {
            _modelPay(token, to, amount);
        } else {
            _credits[token][to] += amount;
            _totals[streamId][token].credited += amount;
        }
    }

    function _modelCreate(address sender, address recipient, uint256 start, Terms memory terms) internal {
        _ghosts.push(Ghost(sender, recipient, start, 0, 0, true, terms));
        uint256 streamId = _ghosts.length;
        _modelPull(streamId, terms.token, sender, _deposit(_ghosts[streamId - 1]));
    }

    function _modelWithdraw(uint256 streamId, address to, uint256 amount) internal {
        Ghost storage ghost = _ghosts[streamId - 1];
        ghost.withdrawn += amount;
        _modelPay(ghost.terms.token, to, amount);
        _totals[streamId][ghost.terms.token].withdrawn += amount;
        _hasWithdrawn[streamId] = true;
    }

    function _modelEnd(uint256 streamId) internal {
        Ghost storage ghost = _ghosts[streamId - 1];
        ghost.isLive = false;
        uint256 accrued = _accrued(ghost, _time);
        uint256 due = accrued - ghost.withdrawn;
        uint256 refund = _deposit(ghost) - accrued;
        _accruedBefore[streamId] += accrued;
        address token = ghost.terms.token;
        if (_modelPayOrCredit(streamId, token, ghost.recipient, due)) _totals[streamId][token].redeemed += due;
        if (_modelPayOrCredit(streamId, token, ghost.sender, refund)) _totals[streamId][token].redeemed += refund;
    }

    function _modelUpdate(uint256 streamId, Terms memory terms) internal {
        Ghost storage ghost = _ghosts[streamId - 1];
        (uint256 start, uint256 pulled, uint256 refund) = _plan(ghost, terms);
        uint256 due = _due(ghost);
        address token = ghost.terms.token;
        _accruedBefore[streamId] += _accrued(ghost, _time);
        if (_modelPayOrCredit(streamId, token, ghost.recipient, due)) _totals[streamId][token].settled += due;
        if (_modelPayOrCredit(streamId, token, ghost.sender, refund)) _totals[streamId][token].settled += refund;
        _modelPull(streamId, terms.token, ghost.sender, pulled);
        if (token != terms.token) {
            // What is kept never leaves the stream, so with another token there is nothing to keep.
            assertEq(refund, _deposit(ghost) - _accrued(ghost, _time), "model: something kept in another token");
        }
        ghost.start = start;
        ghost.withdrawn = 0;
        ++ghost.updateEpoch;
        ghost.terms = terms;
        _consents[streamId][ghost.sender].isLive = false;
        _consents[streamId][ghost.recipient].isLive = false;
    }

    /// @dev What an update at this moment does to the start and to the sender's purse.
    function _plan(Ghost memory ghost, Terms memory terms)
        internal
        view
        returns (uint256 start, uint256 pulled, uint256 refund)
    {
        uint256 base = _base(ghost);
        uint256 nIntervals = (terms.stop - base) / terms.interval;
        start = terms.stop - nIntervals * terms.interval;
        uint256 deposit = nIntervals * terms.payment;
        uint256 rest = _deposit(ghost) - _accrued(ghost, _time);
        if (ghost.terms.token != terms.token) return (start, deposit, rest);
        return deposit > rest ? (start, deposit - rest, uint256(0)) : (start, uint256(0), rest - deposit);
    }

    function _base(Ghost memory ghost) internal view returns (uint256 base) {
        return _time > ghost.start ? _time : ghost.start;
    }

    function _hasConsented(uint256 streamId, address party, Terms memory terms) internal view returns (bool) {
        Consent memory consent = _consents[streamId][party];
        return consent.isLive && consent.updateEpoch == _ghosts[streamId - 1].updateEpoch
            && keccak256(abi.encode(consent.terms)) == keccak256(abi.encode(terms));
    }

    function _ids() internal view returns (uint256[] memory streamIds) {
        streamIds = new uint256[](_ghosts.length);
        for (uint256 i = 0; i < streamIds.length; ++i) {
            streamIds[i] = i + 1;
        }
    }

    /* COMPARISON */

    /// @dev Every stream as the model has it, and no share moved but by those who may move it.
    function _reconcile() private {
        _readLogs();
        assertEq(STREAMING.nextStreamId(), _ghosts.length + 1, "9: number of streams");
        IMoneyStreaming.StreamState[] memory states = STREAMING.getStreams(_ids());
        uint256 nCompared = 0;
        for (uint256 i = 0; i < states.length; ++i) {
            _compare(_ghosts[i], states[i]);
            _compareShares(i + 1, states[i]);
            ++nCompared;
        }
        assertEq(nCompared, _ghosts.length, "12: streams compared");
        for (uint256 i = 0; i < _tokens.length; ++i) {
            _compareBook(_tokens[i]);
        }
    }

    function _compare(Ghost memory ghost, IMoneyStreaming.StreamState memory state) private view {
        if (!ghost.isLive) {
            assertEq(state.sender, address(0), "9: an ended stream lives");
            return;
        }
        assertEq(state.sender, ghost.sender, "12: sender");
        assertEq(state.recipient, ghost.recipient, "12: recipient");
        assertEq(state.token, ghost.terms.token, "16: token");
        assertEq(state.start, ghost.start, "16: start");
        assertEq(state.stop, ghost.terms.stop, "16: stop");
        assertEq(state.payment, ghost.terms.payment, "16: payment");
        assertEq(state.interval, ghost.terms.interval, "16: interval");
        assertEq(state.updateEpoch, ghost.updateEpoch, "10: update epoch");
        assertEq(state.withdrawn, ghost.withdrawn, "12: withdrawn");
        assertEq(state.due, _due(ghost), "4: due");
        assertEq(state.refundable, _deposit(ghost) - _accrued(ghost, _time), "4: refundable");
    }

    function _compareShares(uint256 streamId, IMoneyStreaming.StreamState memory state) private {
        Shares memory earlier = _shares[streamId];
        bool isLive = state.sender != address(0);
        if (earlier.isLive && isLive && earlier.updateEpoch == state.updateEpoch) {
            assertLe(state.refundable, earlier.refundable, "7: the sender's share grows");
            uint256 taken = state.withdrawn - earlier.withdrawn;
            if (!_hasWithdrawn[streamId]) assertEq(taken, 0, "6: a withdrawal that the recipient did not make");
            assertGe(state.due + taken, earlier.due, "6: the recipient's share falls");
        }
        _shares[streamId] = Shares(state.due, state.refundable, state.withdrawn, state.updateEpoch, isLive);
        _hasWithdrawn[streamId] = false;
    }

    function _compareBook(address token) private view {
        assertEq(
            IERC20(token).balanceOf(address(STREAMING)), _book[token][address(STREAMING)], "11: tokens of the contract"
        );
        for (uint256 i = 0; i < _accounts.length; ++i) {
            address account = _accounts[i];
            assertEq(IERC20(token).balanceOf(account), _book[token][account], "11: tokens of an account");
            assertEq(STREAMING.creditOf(token, account), _credits[token][account], "13: credit of an account");
        }
        assertEq(STREAMING.creditOf(token, address(STREAMING)), 0, "13: credit of the contract");
    }

    function _endow(address token, address account) private {
        uint256 amount = type(uint256).max / 16;
        PlainToken(token).mint(account, amount);
        vm.prank(account);
        NoReturnToken(token).approve(address(STREAMING), type(uint256).max);
        _book[token][account] = amount;
    }
}
