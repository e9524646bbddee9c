// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {World} from "./World.sol";

/// @dev Everything that the parties of a stream may do. An action makes what it needs (a stream, something due, a
/// proposal) if there is none, so no call is thrown away. Where the token refuses a strict transfer, the call must fail.
abstract contract PartyHandler is World {
    /// @dev What a token gets to move a share, or the call fails.
    uint256 private constant TRANSFER_GAS = 300_000;

    function create(uint256 seed) external action(seed) {
        _createStream();
    }

    function createFor(uint256 seed) external action(seed) {
        (address sender, address recipient) = _pickPair();
        Terms memory terms = _pickTerms(_time);
        // The stop of chance may lie anywhere; here it is a whole number of intervals from the start.
        uint256 nIntervals = (terms.stop - _time) / terms.interval;
        terms.stop = _time + nIntervals * terms.interval;
        if (!_canFund(sender, _time, terms)) terms.token = address(PLAIN);
        REENTRY.aim(_ghosts.length + 1, sender, recipient, terms.token);
        bytes memory data = abi.encodeCall(
            IMoneyStreaming.createFor, (recipient, terms.token, terms.payment, terms.interval, nIntervals)
        );
        bytes memory result = _act(sender, data);
        _modelCreate(sender, recipient, _time, terms);
        assertEq(abi.decode(result, (uint256)), _ghosts.length, "9: id of a stream");
    }

    function withdraw(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickDue();
        uint256 amount = 1 + _pick(_due(ghost));
        bytes memory data = abi.encodeCall(IERC1620.withdraw, (streamId, amount));
        _payStrictly(streamId, ghost, ghost.recipient, amount, data);
    }

    function withdrawTo(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickDue();
        address to = _accounts[_pick(_accounts.length)];
        uint256 amount = 1 + _pick(_due(ghost));
        bytes memory data = abi.encodeCall(IMoneyStreaming.withdrawTo, (streamId, to, amount));
        _payStrictly(streamId, ghost, to, amount, data);
    }

    function withdrawMax(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickDue();
        address to = _accounts[_pick(_accounts.length)];
        bytes memory data = abi.encodeCall(IMoneyStreaming.withdrawMax, (streamId, to));
        _payStrictly(streamId, ghost, to, _due(ghost), data);
    }

    /// @dev Invariant 8: in two parts or at once, the same.
    function withdrawSplit(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickDue();
        uint256 first = _pick(_due(ghost));
        // A fee that is rounded down is another for two transfers than for one; that is between it and its token.
        bool hasFee = _fee(ghost.terms.token, _due(ghost)) != 0;
        if (first == 0 || hasFee || !_canPay(ghost.terms.token, ghost.recipient)) {
            _payWhole(streamId, ghost);
            return;
        }
        uint256 second = 1 + _pick(_due(ghost) - first);
        _aim(streamId, ghost);
        _readLogs();
        uint256 snapshot = vm.snapshotState();
        _act(ghost.recipient, abi.encodeCall(IERC1620.withdraw, (streamId, first)));
        _act(ghost.recipient, abi.encodeCall(IERC1620.withdraw, (streamId, second)));
        bytes32 inTwo = _fingerprint(ghost.terms.token);
        vm.revertToStateAndDelete(snapshot);
        // Logs of the path not taken.
        vm.getRecordedLogs();
        _act(ghost.recipient, abi.encodeCall(IERC1620.withdraw, (streamId, first + second)));
        assertEq(_fingerprint(ghost.terms.token), inTwo, "8: two withdrawals are not their sum");
        _modelWithdraw(streamId, ghost.recipient, first + second);
    }

    /// @dev Invariant 13: it never reverts, whatever the token does.
    function redeem(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickLive();
        _aim(streamId, ghost);
        _act(_pickOf(ghost), abi.encodeCall(IERC1620.redeem, (streamId)));
        _modelEnd(streamId);
    }

    /// @dev With too little gas nothing happens; it never becomes a credit that a willing token would have paid.
    function redeemStarved(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickLive();
        _aim(streamId, ghost);
        address caller = _pickOf(ghost);
        uint256 gasLimit = 40_000 + _pick(600_000);
        _readLogs();
        vm.prank(caller);
        (bool done, bytes memory reason) =
            address(STREAMING).call{gas: gasLimit}(abi.encodeCall(IERC1620.redeem, (streamId)));
        if (done) {
            bool isPromised = gasLimit > TRANSFER_GAS || ghost.withdrawn == _deposit(ghost);
            assertTrue(isPromised, "13: a token got less gas than it is promised");
            _modelEnd(streamId);
        } else {
            bool isTold = bytes4(reason) == IMoneyStreaming.GasTooLow.selector;
            assertTrue(isTold || reason.length == 0, "13: starved for another reason");
            vm.getRecordedLogs();
        }
    }

    /// @dev Mostly a proposal; now and then it meets the other party's and executes.
    function confirmUpdate(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickLive();
        _confirm(streamId, ghost, _pickOf(ghost), _pickUpdate(ghost), false);
    }

    function executeUpdate(uint256 seed) external action(seed) {
        (uint256 streamId, address proposer, Terms memory terms) = _pickProposal();
        Ghost memory ghost = _ghosts[streamId - 1];
        address caller = _otherOf(ghost, proposer);
        // A counter-proposal, which must die with the update.
        Terms memory counter = _pickUpdate(ghost);
        if (!_hasConsented(streamId, proposer, counter)) _confirm(streamId, ghost, caller, counter, false);
        _confirm(streamId, ghost, caller, terms, false);
    }

    function acceptUpdate(uint256 seed) external action(seed) {
        (uint256 streamId, address proposer, Terms memory terms) = _pickProposal();
        Ghost memory ghost = _ghosts[streamId - 1];
        _confirm(streamId, ghost, _otherOf(ghost, proposer), terms, true);
    }

    /// @dev What is not proposed is not accepted: other terms, one's own terms.
    function acceptUnproposed(uint256 seed) external action(seed) {
        (uint256 streamId, address proposer, Terms memory terms) = _pickProposal();
        Ghost memory ghost = _ghosts[streamId - 1];
        address caller = _otherOf(ghost, proposer);
        uint256 change = _pick(5);
        if (change == 0) ++terms.payment;
        if (change == 1) terms.stop += terms.interval;
        // An interval of one is the shortest, and still fits the timeframe.
        if (change == 2) terms.interval = terms.interval == 1 ? 2 : 1;
        if (change == 3) terms.token = terms.token == address(PLAIN) ? address(VAST) : address(PLAIN);
        if (change == 4) caller = proposer;
        if (_isUnfit(ghost, terms) || _hasConsented(streamId, _otherOf(ghost, caller), terms)) return;
        _refused(
            caller,
            abi.encodeCall(
                IMoneyStreaming.acceptUpdate, (streamId, terms.token, terms.stop, terms.payment, terms.interval)
            ),
            abi.encodeWithSelector(IMoneyStreaming.UpdateNotProposed.selector, streamId, ghost.updateEpoch)
        );
    }

    function revokeUpdate(uint256 seed) external action(seed) {
        (uint256 streamId, address proposer, Terms memory terms) = _pickProposal();
        _revoke(streamId, proposer, _pickOf(_ghosts[streamId - 1]), terms);
    }

    /// @dev What is over cannot be revoked: an executed, revoked or replaced consent.
    function revokeStale(uint256 seed) external action(seed) {
        (uint256 streamId, address proposer, Terms memory terms) = _pickProposal();
        Ghost memory ghost = _ghosts[streamId - 1];
        if (_pick(2) == 0) {
            _revoke(streamId, proposer, proposer, terms);
        } else {
            _confirm(streamId, ghost, _otherOf(ghost, proposer), terms, false);
        }
        // The token may have refused the update.
        if (_hasConsented(streamId, proposer, terms)) return;
        _refused(
            _pickOf(ghost),
            _revocation(streamId, terms),
            abi.encodeWithSelector(
                IMoneyStreaming.UpdateNotProposed.selector, streamId, _ghosts[streamId - 1].updateEpoch
            )
        );
    }

    /// @dev Anybody settles: streams that are over, beside some that are not and ids that are none.
    function settle(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickStopped();
        uint256[] memory streamIds = new uint256[](1 + _pick(4));
        for (uint256 i = 0; i < streamIds.length; ++i) {
            streamIds[i] = _pick(_ghosts.length + 2);
        }
        streamIds[_pick(streamIds.length)] = streamId;
        _aim(streamId, ghost);
        address caller = _accounts[_pick(_accounts.length)];
        bool[] memory settled = abi.decode(_act(caller, abi.encodeCall(IMoneyStreaming.settle, (streamIds))), (bool[]));
        assertEq(settled.length, streamIds.length, "12: number of settlements");
        for (uint256 i = 0; i < streamIds.length; ++i) {
            bool isOver = streamIds[i] != 0 && streamIds[i] <= _ghosts.length && _ghosts[streamIds[i] - 1].isLive
                && _time >= _ghosts[streamIds[i] - 1].terms.stop;
            assertEq(settled[i], isOver, "12: settled before its stop, or not after");
            if (isOver) _modelEnd(streamIds[i]);
        }
    }

    function claim(uint256 seed) external action(seed) {
        (address token, address account) = _pickCredit();
        address to = _accounts[_pick(_accounts.length)];
        uint256 amount = _credits[token][account];
        bytes memory data = abi.encodeCall(IMoneyStreaming.claim, (token, to));
        if (!_canPay(token, to)) {
            _refused(account, data);
            return;
        }
        assertEq(abi.decode(_act(account, data), (uint256)), amount, "13: a claim pays another amount");
        delete _credits[token][account];
        _claimed[token] += amount;
        _modelPay(token, to, amount);
        _refused(account, data, abi.encodeWithSelector(IMoneyStreaming.NothingToClaim.selector, account, token));
    }

    function multicallCreate(uint256 seed) external action(seed) {
        (address sender, address recipient) = _pickPair();
        Terms memory terms = _pickTerms(_time);
        terms.stop = _time + terms.interval;
        if (!_canFund(sender, _time, terms)) terms.token = address(NO_RETURN);
        bytes[] memory calls = new bytes[](2);
        calls[0] = _creation(recipient, _time, terms);
        calls[1] = calls[0];
        REENTRY.aim(_ghosts.length + 1, sender, recipient, terms.token);
        _act(sender, abi.encodeCall(STREAMING.multicall, (calls)));
        _modelCreate(sender, recipient, _time, terms);
        _modelCreate(sender, recipient, _time, terms);
    }

    function multicallEnd(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickDue();
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(IMoneyStreaming.withdrawMax, (streamId, ghost.recipient));
        calls[1] = abi.encodeCall(IERC1620.redeem, (streamId));
        bytes memory data = abi.encodeCall(STREAMING.multicall, (calls));
        if (!_payStrictly(streamId, ghost, ghost.recipient, _due(ghost), data)) return;
        _modelEnd(streamId);
    }

    /// @dev A consent replaced by another, and that one revoked, all in one call.
    function multicallConsent(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickLive();
        address party = _pickOf(ghost);
        address other = _otherOf(ghost, party);
        Terms memory older = _pickUpdate(ghost);
        Terms memory newer = _pickUpdate(ghost);
        if (_hasConsented(streamId, other, older) || _hasConsented(streamId, other, newer)) return;
        bytes[] memory calls = new bytes[](3);
        calls[0] = _confirmation(streamId, older);
        calls[1] = _confirmation(streamId, newer);
        calls[2] = _revocation(streamId, newer);
        _act(party, abi.encodeCall(STREAMING.multicall, (calls)));
        _consents[streamId][party] = Consent(false, ghost.updateEpoch, newer);
    }

    /* STEPS */

    function _createStream() internal returns (uint256 streamId) {
        (address sender, address recipient) = _pickPair();
        uint256 start = _time + (_pick(2) == 0 ? 0 : _pick(100));
        Terms memory terms = _pickTerms(start);
        // Until the end of time: the start is what gives way.
        if (terms.stop == TIME_LIMIT) start += (terms.stop - start) % terms.interval;
        else terms.stop -= (terms.stop - start) % terms.interval;
        REENTRY.aim(_ghosts.length + 1, sender, recipient, terms.token);
        if (!_canFund(sender, start, terms)) {
            _refuseCreation(sender, recipient, start, terms);
            terms.token = address(PLAIN);
        }
        bytes memory result = _act(sender, _creation(recipient, start, terms));
        _modelCreate(sender, recipient, start, terms);
        streamId = _ghosts.length;
        assertEq(abi.decode(result, (uint256)), streamId, "9: id of a stream");
    }

    function _refuseCreation(address sender, address recipient, uint256 start, Terms memory terms) private {
        bytes memory reason = _refused(sender, _creation(recipient, start, terms));
        if (terms.token != address(FEE)) return;
        uint256 deposit = _deposit(Ghost(sender, recipient, start, 0, 0, true, terms));
        assertEq(
            reason,
            abi.encodeWithSelector(
                IMoneyStreaming.DepositNotReceived.selector, FEE, deposit - _fee(address(FEE), deposit), deposit
            ),
            "1: a fee is refused for another reason"
        );
    }

    function _payStrictly(uint256 streamId, Ghost memory ghost, address to, uint256 amount, bytes memory data)
        private
        returns (bool isPaid)
    {
        _aim(streamId, ghost);
        isPaid = _canPay(ghost.terms.token, to);
        if (isPaid) {
            _act(ghost.recipient, data);
            _modelWithdraw(streamId, to, amount);
        } else {
            _refused(ghost.recipient, data);
        }
    }

    function _payWhole(uint256 streamId, Ghost memory ghost) private {
        bytes memory data = abi.encodeCall(IERC1620.withdraw, (streamId, _due(ghost)));
        _payStrictly(streamId, ghost, ghost.recipient, _due(ghost), data);
    }

    function _confirm(uint256 streamId, Ghost memory ghost, address caller, Terms memory terms, bool mustExecute)
        private
    {
        _aim(streamId, ghost);
        bytes memory data = mustExecute
            ? abi.encodeCall(
                IMoneyStreaming.acceptUpdate, (streamId, terms.token, terms.stop, terms.payment, terms.interval)
            )
            : _confirmation(streamId, terms);
        if (!_hasConsented(streamId, _otherOf(ghost, caller), terms)) {
            _act(caller, data);
            _consents[streamId][caller] = Consent(true, ghost.updateEpoch, terms);
            return;
        }
        (uint256 start, uint256 pulled,) = _plan(ghost, terms);
        if (pulled != 0 && !_canPull(terms.token, ghost.sender, pulled)) {
            _refused(caller, data);
            return;
        }
        _act(caller, data);
        uint256 base = _base(ghost);
        assertTrue(base <= start && start < base + terms.interval, "16: the model's start");
        _modelUpdate(streamId, terms);
        _checkStale(streamId, ghost.sender);
        _checkStale(streamId, ghost.recipient);
    }

    function _checkStale(uint256 streamId, address party) private view {
        Terms memory terms = _consents[streamId][party].terms;
        assertFalse(
            STREAMING.hasConfirmed(streamId, party, terms.token, terms.stop, terms.payment, terms.interval),
            "10: a consent outlives the update"
        );
    }

    function _revoke(uint256 streamId, address proposer, address caller, Terms memory terms) private {
        _act(caller, _revocation(streamId, terms));
        _consents[streamId][proposer].isLive = false;
        assertFalse(
            STREAMING.hasConfirmed(streamId, proposer, terms.token, terms.stop, terms.payment, terms.interval),
            "10: a revoked consent stands"
        );
    }

    /* CHOICES */

    function _pickPair() private returns (address sender, address recipient) {
        uint256 i = _pick(_parties.length);
        uint256 j = (i + 1 + _pick(_parties.length - 1)) % _parties.length;
        return (_parties[i], _parties[j]);
    }

    function _pickOf(Ghost memory ghost) private returns (address party) {
        return _pick(2) == 0 ? ghost.sender : ghost.recipient;
    }

    function _otherOf(Ghost memory ghost, address party) internal pure returns (address other) {
        return party == ghost.sender ? ghost.recipient : ghost.sender;
    }

    /// @dev From one unit to the limits; the stop need not be whole intervals away.
    function _pickTerms(uint256 base) private returns (Terms memory terms) {
        uint256[4] memory longest = [uint256(1), 10, 1000, 1_000_000];
        uint256[3] memory most = [uint256(10), 50, 1000];
        terms.token = _pickToken();
        terms.interval = 1 + _pick(longest[_pick(longest.length)]);
        uint256 nIntervals = 1 + _pick(most[_pick(most.length)]);
        terms.stop = base + nIntervals * terms.interval + _pick(terms.interval);
        if (_pick(16) == 0) terms.stop = TIME_LIMIT;
        uint256 dearest = DEPOSIT_LIMIT / ((terms.stop - base) / terms.interval);
        uint256 size = _pick(8);
        if (size == 0) terms.payment = 1;
        else if (size == 1) terms.payment = dearest;
        else if (size == 2) terms.payment = 1 + _pick(dearest);
        else terms.payment = 1 + _pick(1e6);
    }

    function _pickUpdate(Ghost memory ghost) private returns (Terms memory terms) {
        terms = _pickTerms(_base(ghost));
        // Half of the updates stay with their token.
        if (_pick(2) == 0) terms.token = ghost.terms.token;
        if (keccak256(abi.encode(terms)) == keccak256(abi.encode(ghost.terms))) {
            terms.token = terms.token == address(PLAIN) ? address(VAST) : address(PLAIN);
        }
    }

    function _pickLive() internal returns (uint256 streamId, Ghost memory ghost) {
        uint256 offset = _pick(_ghosts.length + 1);
        for (uint256 i = 0; i < _ghosts.length && streamId == 0; ++i) {
            uint256 index = (i + offset) % _ghosts.length;
            if (_ghosts[index].isLive) streamId = index + 1;
        }
        if (streamId == 0) streamId = _createStream();
        ghost = _ghosts[streamId - 1];
    }

    function _pickDue() internal returns (uint256 streamId, Ghost memory ghost) {
        uint256 offset = _pick(_ghosts.length + 1);
        for (uint256 i = 0; i < _ghosts.length && streamId == 0; ++i) {
            uint256 index = (i + offset) % _ghosts.length;
            if (_ghosts[index].isLive && _due(_ghosts[index]) != 0) streamId = index + 1;
        }
        if (streamId == 0) {
            streamId = _createStream();
            ghost = _ghosts[streamId - 1];
            _travel(ghost.start + ghost.terms.interval);
        }
        ghost = _ghosts[streamId - 1];
    }

    function _pickStopped() private returns (uint256 streamId, Ghost memory ghost) {
        uint256 offset = _pick(_ghosts.length + 1);
        for (uint256 i = 0; i < _ghosts.length && streamId == 0; ++i) {
            uint256 index = (i + offset) % _ghosts.length;
            if (_ghosts[index].isLive && _time >= _ghosts[index].terms.stop) streamId = index + 1;
        }
        while (streamId == 0) {
            uint256 latest = _createStream();
            // The end of time is kept for the views.
            if (_ghosts[latest - 1].terms.stop == TIME_LIMIT) continue;
            streamId = latest;
            _travel(_ghosts[latest - 1].terms.stop + _pick(3));
        }
        ghost = _ghosts[streamId - 1];
    }

    /// @dev A live consent that can still be executed.
    function _pickProposal() internal returns (uint256 streamId, address proposer, Terms memory terms) {
        uint256 offset = _pick(_ghosts.length + 1);
        for (uint256 i = 0; i < _ghosts.length; ++i) {
            uint256 index = (i + offset) % _ghosts.length;
            Ghost memory ghost = _ghosts[index];
            if (!ghost.isLive) continue;
            for (uint256 j = 0; j < 2; ++j) {
                proposer = j == 0 ? ghost.sender : ghost.recipient;
                terms = _consents[index + 1][proposer].terms;
                if (_hasConsented(index + 1, proposer, terms) && !_isUnfit(ghost, terms)) {
                    return (index + 1, proposer, terms);
                }
            }
        }
        Ghost memory chosen;
        (streamId, chosen) = _pickLive();
        proposer = _pickOf(chosen);
        terms = _pickUpdate(chosen);
        _confirm(streamId, chosen, proposer, terms, false);
    }

    function _isUnfit(Ghost memory ghost, Terms memory terms) private view returns (bool) {
        uint256 base = _base(ghost);
        return terms.stop > TIME_LIMIT || terms.stop < base + terms.interval
            || terms.payment > DEPOSIT_LIMIT / ((terms.stop - base) / terms.interval)
            || keccak256(abi.encode(terms)) == keccak256(abi.encode(ghost.terms));
    }

    /// @dev If nobody has a credit, a token refuses the end of a stream, and now somebody has one.
    function _pickCredit() private returns (address token, address account) {
        uint256 offset = _pick(_tokens.length * _accounts.length);
        for (uint256 i = 0; i < _tokens.length * _accounts.length; ++i) {
            uint256 index = (i + offset) % (_tokens.length * _accounts.length);
            (token, account) = (_tokens[index / _accounts.length], _accounts[index % _accounts.length]);
            if (_credits[token][account] != 0) return (token, account);
        }
        PAUSING.setPaused(false);
        (address sender, address recipient) = _pickPair();
        Terms memory terms = Terms(address(PAUSING), _time + 10, 1 + _pick(1e6), 10);
        _act(sender, _creation(recipient, _time, terms));
        _modelCreate(sender, recipient, _time, terms);
        PAUSING.setPaused(true);
        _act(recipient, abi.encodeCall(IERC1620.redeem, (_ghosts.length)));
        _modelEnd(_ghosts.length);
        if (_pick(2) == 0) PAUSING.setPaused(false);
        return (address(PAUSING), sender);
    }

    /* CALLS */

    function _canFund(address sender, uint256 start, Terms memory terms) private view returns (bool) {
        return _canPull(terms.token, sender, terms.payment * ((terms.stop - start) / terms.interval));
    }

    function _aim(uint256 streamId, Ghost memory ghost) internal {
        REENTRY.aim(streamId, ghost.sender, ghost.recipient, ghost.terms.token);
    }

    function _creation(address recipient, uint256 start, Terms memory terms) internal pure returns (bytes memory) {
        return
            abi.encodeCall(IERC1620.create, (recipient, terms.token, start, terms.stop, terms.payment, terms.interval));
    }

    function _confirmation(uint256 streamId, Terms memory terms) internal pure returns (bytes memory) {
        return
            abi.encodeCall(IERC1620.confirmUpdate, (streamId, terms.token, terms.stop, terms.payment, terms.interval));
    }

    function _revocation(uint256 streamId, Terms memory terms) internal pure returns (bytes memory) {
        return abi.encodeCall(IERC1620.revokeUpdate, (streamId, terms.token, terms.stop, terms.payment, terms.interval));
    }

    /// @dev Everything about streams, and who holds how much of one token.
    function _fingerprint(address token) private view returns (bytes32 hash) {
        uint256[] memory balances = new uint256[](_accounts.length + 1);
        for (uint256 i = 0; i < _accounts.length; ++i) {
            balances[i] = IERC20(token).balanceOf(_accounts[i]);
        }
        balances[_accounts.length] = IERC20(token).balanceOf(address(STREAMING));
        return keccak256(abi.encode(STREAMING.getStreams(_ids()), balances));
    }
}
