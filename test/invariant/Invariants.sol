// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {MoneyStreaming} from "../../contracts/MoneyStreaming.sol";
import {ReturnBombToken} from "../mocks/ReturnBombToken.sol";
import {StrangerHandler} from "./StrangerHandler.sol";
import {TimeHandler} from "./TimeHandler.sol";
import {TokenHandler} from "./TokenHandler.sol";
import {ITraveller, World} from "./World.sol";

/// @dev The invariants, by their numbers in README.md, over every stream. Each check says how many streams it looked
/// at. What concerns a single action is checked by the handlers, {World} and {Replay} when the action ends.
contract Invariants is StrangerHandler, TokenHandler, TimeHandler {
    constructor(MoneyStreaming streaming, ITraveller traveller) World(streaming, traveller) {}

    modifier atPresent() {
        _look(_time);
        _;
        _look(_time);
    }

    /// @dev 1.
    function checkSolvency() external atPresent returns (uint256 nVisited) {
        IMoneyStreaming.StreamState[] memory states = STREAMING.getStreams(_ids());
        nVisited = states.length;
        for (uint256 i = 0; i < _tokens.length; ++i) {
            address token = _tokens[i];
            uint256 owed = _donated[token];
            uint256 nOfToken = 0;
            for (uint256 j = 0; j < states.length; ++j) {
                ++nOfToken;
                if (states[j].token == token) owed += states[j].balance;
            }
            for (uint256 j = 0; j < _accounts.length; ++j) {
                owed += STREAMING.creditOf(token, _accounts[j]);
            }
            assertEq(IERC20(token).balanceOf(address(STREAMING)), owed, "1: the contract holds what it owes");
            if (nOfToken < nVisited) nVisited = nOfToken;
        }
    }

    /// @dev 2, and of 13 that what was credited is claimed once.
    function checkConservation() external atPresent returns (uint256 nVisited) {
        IMoneyStreaming.StreamState[] memory states = STREAMING.getStreams(_ids());
        uint256[] memory credited = new uint256[](_tokens.length);
        for (uint256 i = 0; i < states.length; ++i) {
            ++nVisited;
            for (uint256 j = 0; j < _tokens.length; ++j) {
                uint256 balance = states[i].token == _tokens[j] ? states[i].balance : 0;
                uint256 pulled = _totals[i + 1][_tokens[j]].pulled;
                if (pulled == 0) {
                    assertEq(balance, 0, "2: a balance out of nothing");
                    continue;
                }
                Totals memory totals = _totals[i + 1][_tokens[j]];
                uint256 given = totals.withdrawn + totals.settled + totals.redeemed + totals.credited;
                assertEq(pulled, given + balance, "2: pulled is given or kept");
                credited[j] += totals.credited;
            }
        }
        for (uint256 j = 0; j < _tokens.length; ++j) {
            uint256 owed = 0;
            // The model's credits are the contract's, as each action has shown.
            for (uint256 i = 0; i < _accounts.length; ++i) {
                owed += _credits[_tokens[j]][_accounts[i]];
            }
            assertEq(credited[j], _claimed[_tokens[j]] + owed, "13: credited is claimed or owed");
        }
    }

    /// @dev 3. Strangers take turns.
    function checkSplit() external atPresent returns (uint256 nVisited) {
        for (uint256 i = 0; i < _ghosts.length; ++i) {
            ++nVisited;
            Ghost memory ghost = _ghosts[i];
            if (!ghost.isLive) continue;
            (,,, uint256 balance,,,,) = STREAMING.getStream(i + 1);
            uint256 due = STREAMING.balanceOf(i + 1, ghost.recipient);
            uint256 refundable = STREAMING.balanceOf(i + 1, ghost.sender);
            assertEq(due + refundable, balance, "3: the shares are the balance");
            address stranger = _accounts[(i + _time) % _accounts.length];
            if (stranger == ghost.sender || stranger == ghost.recipient) stranger = address(0);
            assertEq(STREAMING.balanceOf(i + 1, stranger), 0, "3: a stranger has a share");
        }
    }

    /// @dev 4, from the present on: the contract cannot be asked about its past. Times take turns.
    function checkAccrual() external atPresent returns (uint256 nVisited) {
        for (uint256 i = 0; i < _ghosts.length; ++i) {
            ++nVisited;
            if (!_ghosts[i].isLive) continue;
            uint256 start = _ghosts[i].start;
            uint256 interval = _ghosts[i].terms.interval;
            uint256 stop = _ghosts[i].terms.stop;
            uint256 latest = _time;
            uint256 accrued = 0;
            uint256[8] memory times = [
                start,
                start + interval - 1,
                start + interval,
                start + (stop - start) / interval / 2 * interval,
                stop - 1,
                stop,
                stop + 1,
                TIME_LIMIT
            ];
            for (uint256 j = 0; j < times.length; ++j) {
                // A stream of one interval has some of these in another order.
                if (times[j] < latest || (i + j + _time) % 3 != 0) continue;
                latest = times[j];
                _look(latest);
                accrued = _checkAccrued(i + 1, latest, accrued);
            }
        }
    }

    /// @dev 5.
    function checkViews() external atPresent returns (uint256 nVisited) {
        uint256[3] memory times = [_time, TIME_LIMIT, type(uint64).max];
        nVisited = _ghosts.length;
        for (uint256 i = 0; i < times.length; ++i) {
            _look(times[i]);
            assertEq(STREAMING.clock(), times[i] < TIME_LIMIT ? times[i] : TIME_LIMIT, "5: the clock saturates");
            uint256 nAtTime = 0;
            IMoneyStreaming.StreamState[] memory states = STREAMING.getStreams(_ids());
            for (uint256 j = 0; j < _ghosts.length; ++j) {
                ++nAtTime;
                Ghost memory ghost = _ghosts[j];
                if (!ghost.isLive) continue;
                assertLe(states[j].withdrawn, _accrued(ghost, times[i]), "5: more withdrawn than accrued");
                assertEq(STREAMING.balanceOf(j + 1, ghost.recipient), states[j].due, "5: due by another view");
                assertEq(STREAMING.balanceOf(j + 1, ghost.sender), states[j].refundable, "5: refundable by another");
                (,,, uint256 balance,,,,) = STREAMING.getStream(j + 1);
                assertEq(balance, states[j].balance, "5: balance by another view");
            }
            if (nAtTime < nVisited) nVisited = nAtTime;
        }
    }

    /// @dev 8.
    function checkPaths() external atPresent returns (uint256 nVisited) {
        IMoneyStreaming.StreamState[] memory states = STREAMING.getStreams(_ids());
        for (uint256 i = 0; i < _ghosts.length; ++i) {
            ++nVisited;
            uint256 earned = _accruedBefore[i + 1];
            if (_ghosts[i].isLive) earned += _accrued(_ghosts[i], _time);
            assertEq(_streamed[i + 1] + states[i].due, earned, "8: what the recipient gets depends on the path");
        }
    }

    /// @dev 9.
    function checkIds() external atPresent returns (uint256 nVisited) {
        assertEq(STREAMING.nextStreamId(), _ghosts.length + 1, "9: number of streams");
        for (uint256 i = 0; i < _ghosts.length; ++i) {
            ++nVisited;
            if (_ghosts[i].isLive) continue;
            bytes memory reason = abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, i + 1);
            (bool done, bytes memory answer) =
                address(STREAMING).staticcall(abi.encodeCall(IERC1620.getStream, (i + 1)));
            assertFalse(done, "9: an ended stream answers");
            assertEq(answer, reason, "9: an ended stream answers for another reason");
        }
    }

    /// @dev 10. Accounts other than the parties take turns.
    function checkConsents() external atPresent returns (uint256 nVisited) {
        for (uint256 i = 0; i < _ghosts.length; ++i) {
            ++nVisited;
            Ghost memory ghost = _ghosts[i];
            if (!ghost.isLive) continue;
            _checkConsent(i + 1, ghost.sender, ghost.terms);
            _checkConsent(i + 1, ghost.recipient, ghost.terms);
            _checkConsent(i + 1, _accounts[(i + _time) % _accounts.length], ghost.terms);
        }
    }

    /// @dev 14.
    function checkLock() external view {
        assertEq(REENTRY.nEntered(), 0, "14: a function was entered again, or refused for another reason");
    }

    /// @dev 15.
    function checkReplay() external atPresent returns (uint256 nVisited) {
        assertEq(_lines.length, _ghosts.length, "15: a stream without its log");
        IMoneyStreaming.StreamState[] memory states = STREAMING.getStreams(_ids());
        for (uint256 i = 0; i < _lines.length; ++i) {
            ++nVisited;
            assertEq(_lines[i].isLive, states[i].sender != address(0), "15: alive");
            if (!_lines[i].isLive) continue;
            assertEq(_lines[i].updateEpoch, states[i].updateEpoch, "15: update epoch");
            _checkLine(i);
        }
        for (uint256 i = 0; i < _tokens.length; ++i) {
            for (uint256 j = 0; j < _accounts.length; ++j) {
                assertEq(_replayedCredits[_tokens[i]][_accounts[j]], _credits[_tokens[i]][_accounts[j]], "15: credit");
            }
        }
    }

    /// @dev 13, and 1 to the last unit: with every token as hostile as it can be, parties end all streams; when the
    /// tokens relent, everybody claims; then the contract holds nothing but donations.
    function drain() external atPresent returns (uint256 nVisited) {
        _switchAll(true);
        uint256[] memory streamIds = new uint256[](1);
        for (uint256 i = 0; i < _ghosts.length; ++i) {
            ++nVisited;
            if (!_ghosts[i].isLive) continue;
            _aim(i + 1, _ghosts[i]);
            if (_time >= _ghosts[i].terms.stop && i % 3 == 0) {
                streamIds[0] = i + 1;
                _act(_strangers[0], abi.encodeCall(IMoneyStreaming.settle, (streamIds)));
            } else {
                address party = i % 2 == 0 ? _ghosts[i].sender : _ghosts[i].recipient;
                _act(party, abi.encodeCall(IERC1620.redeem, (i + 1)));
            }
        }
        _switchAll(false);
        for (uint256 i = 0; i < _tokens.length; ++i) {
            for (uint256 j = 0; j < _accounts.length; ++j) {
                if (STREAMING.creditOf(_tokens[i], _accounts[j]) == 0) continue;
                _act(_accounts[j], abi.encodeCall(IMoneyStreaming.claim, (_tokens[i], _accounts[j])));
            }
            assertEq(
                IERC20(_tokens[i]).balanceOf(address(STREAMING)), _donated[_tokens[i]], "13: something is left behind"
            );
        }
    }

    /// @dev Every action that a campaign may take.
    function actions() external pure returns (bytes4[] memory selectors) {
        bytes4[39] memory all = [
            this.create.selector,
            this.createFor.selector,
            this.withdraw.selector,
            this.withdrawTo.selector,
            this.withdrawMax.selector,
            this.withdrawSplit.selector,
            this.redeem.selector,
            this.redeemStarved.selector,
            this.confirmUpdate.selector,
            this.executeUpdate.selector,
            this.acceptUpdate.selector,
            this.acceptUnproposed.selector,
            this.revokeUpdate.selector,
            this.revokeStale.selector,
            this.settle.selector,
            this.claim.selector,
            this.multicallCreate.selector,
            this.multicallEnd.selector,
            this.multicallConsent.selector,
            this.strangerWithdraws.selector,
            this.strangerUpdates.selector,
            this.strangerEnds.selector,
            this.strangerClaims.selector,
            this.callUnknown.selector,
            this.overdraw.selector,
            this.switchBlocking.selector,
            this.switchPausing.selector,
            this.switchFalse.selector,
            this.switchBurner.selector,
            this.switchBomb.selector,
            this.switchFee.selector,
            this.switchHook.selector,
            this.donate.selector,
            this.step.selector,
            this.approachBoundary.selector,
            this.approachStart.selector,
            this.approachStop.selector,
            this.leap.selector,
            // Creation is what everything else lives on, so it comes twice.
            this.create.selector
        ];
        selectors = new bytes4[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            selectors[i] = all[i];
        }
    }

    function nLogs(bytes32 topic) external view returns (uint256 count) {
        return _nLogs[topic];
    }

    function _checkAccrued(uint256 streamId, uint256 time, uint256 earlier) private view returns (uint256 accrued) {
        uint256[] memory streamIds = new uint256[](1);
        streamIds[0] = streamId;
        IMoneyStreaming.StreamState memory state = STREAMING.getStreams(streamIds)[0];
        accrued = uint256(state.due) + state.withdrawn;
        uint256 elapsed = time > state.start ? time - state.start : 0;
        assertGe(accrued, earlier, "4: accrued falls");
        assertEq(accrued % state.payment, 0, "4: part of a payment");
        if (time <= state.start) assertEq(accrued, 0, "4: accrued before the start");
        if (time < state.stop) {
            uint256 nPayments = accrued / state.payment;
            assertLe(nPayments * state.interval, elapsed, "4: paid in advance");
            assertGt((nPayments + 1) * state.interval, elapsed, "4: paid late");
        } else {
            assertEq(state.refundable, 0, "4: not all accrued at the stop");
            assertEq(accrued, _deposit(_ghosts[streamId - 1]), "4: not the deposit at the stop");
        }
    }

    function _checkConsent(uint256 streamId, address account, Terms memory current) private view {
        Terms memory terms = _consents[streamId][account].terms;
        assertEq(
            STREAMING.hasConfirmed(streamId, account, terms.token, terms.stop, terms.payment, terms.interval),
            _hasConsented(streamId, account, terms),
            "10: a consent that the party has not given, or one lost"
        );
        assertFalse(
            STREAMING.hasConfirmed(streamId, account, current.token, current.stop, current.payment, current.interval),
            "10: a consent to what holds"
        );
    }

    function _checkLine(uint256 index) private view {
        Line memory line = _lines[index];
        (
            address sender,
            address recipient,
            address token,
            uint256 balance,
            uint256 start,
            uint256 stop,
            uint256 payment,
            uint256 interval
        ) = STREAMING.getStream(index + 1);
        assertEq(line.sender, sender, "15: sender");
        assertEq(line.recipient, recipient, "15: recipient");
        assertEq(line.token, token, "15: token");
        assertEq(line.balance, balance, "15: balance");
        assertEq(line.start, start, "15: start");
        assertEq(line.stop, stop, "15: stop");
        assertEq(line.payment, payment, "15: payment");
        assertEq(line.interval, interval, "15: interval");
    }

    function _switchAll(bool hostile) private {
        PAUSING.setPaused(hostile);
        FALSE.setRefusing(hostile);
        BURNER.setArmed(hostile);
        BOMB.arm(hostile ? ReturnBombToken.Bomb.Revert : ReturnBombToken.Bomb.None, 200_000);
        FEE.setFee(hostile ? 10_000 : 0);
        BLOCKING.setBlocked(address(STREAMING), hostile);
        REENTRY.setRefuses(address(STREAMING), hostile);
        for (uint256 i = 0; i < _accounts.length; ++i) {
            BLOCKING.setBlocked(_accounts[i], hostile);
            REENTRY.setRefuses(_accounts[i], hostile);
        }
    }
}
