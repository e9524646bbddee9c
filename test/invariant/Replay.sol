// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";

/// @dev What a reader of nothing but the logs knows: every stream, consent and credit. It owes nothing to the model of
/// {World}, and demands of each log what the standard says of it.
abstract contract Replay is Test {
    struct Line {
        address sender;
        address recipient;
        address token;
        uint256 balance;
        uint256 start;
        uint256 stop;
        uint256 payment;
        uint256 interval;
        uint256 updateEpoch;
        bool isLive;
        /// Whether {LogUpdateStart} has still to follow {LogExecuteUpdate}.
        bool isUpdating;
    }

    Line[] internal _lines;
    mapping(uint256 streamId => mapping(address party => bytes32 terms)) private _confirmed;
    mapping(address token => mapping(address account => uint256 amount)) internal _replayedCredits;
    /// What the logs say the recipient was given, over the whole life of a stream.
    mapping(uint256 streamId => uint256 amount) internal _streamed;
    mapping(bytes32 topic => uint256 count) internal _nLogs;

    function _replay(Vm.Log[] memory logs, address emitter) internal {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != emitter) continue;
            bytes32 topic = logs[i].topics[0];
            ++_nLogs[topic];
            if (topic == IERC1620.LogCreate.selector) _replayCreate(logs[i]);
            else if (topic == IERC1620.LogWithdraw.selector) _replayWithdraw(logs[i]);
            else if (topic == IERC1620.LogRedeem.selector) _replayRedeem(logs[i]);
            else if (topic == IERC1620.LogConfirmUpdate.selector) _replayConfirm(logs[i]);
            else if (topic == IERC1620.LogRevokeUpdate.selector) _replayRevoke(logs[i]);
            else if (topic == IERC1620.LogExecuteUpdate.selector) _replayExecute(logs[i]);
            else if (topic == IMoneyStreaming.LogUpdateStart.selector) _replayStart(logs[i]);
            else if (topic == IMoneyStreaming.LogCredit.selector) _replayCredit(logs[i]);
            else if (topic == IMoneyStreaming.LogClaim.selector) _replayClaim(logs[i]);
            else revert("15: a log of no known kind");
        }
        for (uint256 i = 0; i < _lines.length; ++i) {
            assertFalse(_lines[i].isUpdating, "15: an update that does not say when it starts");
        }
    }

    function _replayCreate(Vm.Log memory log) private {
        Line memory line;
        (line.token, line.start, line.stop, line.payment, line.interval) =
            abi.decode(log.data, (address, uint256, uint256, uint256, uint256));
        line.sender = address(uint160(uint256(log.topics[2])));
        line.recipient = address(uint160(uint256(log.topics[3])));
        line.balance = (line.stop - line.start) / line.interval * line.payment;
        line.isLive = true;
        _lines.push(line);
        assertEq(uint256(log.topics[1]), _lines.length, "9: an id is not the one after the last");
    }

    function _replayWithdraw(Vm.Log memory log) private {
        Line storage line = _lineOf(log);
        uint256 amount = abi.decode(log.data, (uint256));
        assertEq(address(uint160(uint256(log.topics[2]))), line.recipient, "15: recipient of a withdrawal");
        assertTrue(amount != 0, "15: a withdrawal of nothing");
        line.balance -= amount;
        _streamed[uint256(log.topics[1])] += amount;
    }

    function _replayRedeem(Vm.Log memory log) private {
        Line storage line = _lineOf(log);
        (uint256 toSender, uint256 toRecipient) = abi.decode(log.data, (uint256, uint256));
        assertEq(address(uint160(uint256(log.topics[2]))), line.sender, "15: sender of a redemption");
        assertEq(address(uint160(uint256(log.topics[3]))), line.recipient, "15: recipient of a redemption");
        assertEq(toSender + toRecipient, line.balance, "9: a redemption is no partition");
        line.balance = 0;
        line.isLive = false;
        _streamed[uint256(log.topics[1])] += toRecipient;
    }

    function _replayConfirm(Vm.Log memory log) private {
        Line storage line = _lineOf(log);
        address party = address(uint160(uint256(log.topics[2])));
        assertTrue(party == line.sender || party == line.recipient, "12: a consent by a stranger");
        _confirmed[uint256(log.topics[1])][party] = keccak256(log.data);
    }

    function _replayRevoke(Vm.Log memory log) private {
        Line storage line = _lineOf(log);
        uint256 streamId = uint256(log.topics[1]);
        address revoker = address(uint160(uint256(log.topics[2])));
        assertTrue(revoker == line.sender || revoker == line.recipient, "12: a revocation by a stranger");
        bytes32 terms = keccak256(log.data);
        address other = revoker == line.sender ? line.recipient : line.sender;
        address confirmer = _confirmed[streamId][revoker] == terms ? revoker : other;
        assertEq(_confirmed[streamId][confirmer], terms, "10: a revocation of what nobody consented to");
        delete _confirmed[streamId][confirmer];
    }

    function _replayExecute(Vm.Log memory log) private {
        Line storage line = _lineOf(log);
        uint256 streamId = uint256(log.topics[1]);
        bytes32 terms = keccak256(log.data);
        assertEq(address(uint160(uint256(log.topics[2]))), line.sender, "15: sender of an update");
        assertEq(address(uint160(uint256(log.topics[3]))), line.recipient, "15: recipient of an update");
        assertEq(_confirmed[streamId][line.sender], terms, "10: executed without the sender");
        assertEq(_confirmed[streamId][line.recipient], terms, "10: executed without the recipient");
        delete _confirmed[streamId][line.sender];
        delete _confirmed[streamId][line.recipient];
        (line.token, line.stop, line.payment, line.interval) =
            abi.decode(log.data, (address, uint256, uint256, uint256));
        line.isUpdating = true;
    }

    function _replayStart(Vm.Log memory log) private {
        Line storage line = _lineOf(log);
        assertTrue(line.isUpdating, "15: a start without an update");
        (line.updateEpoch, line.start, line.balance) = abi.decode(log.data, (uint256, uint256, uint256));
        assertEq((line.stop - line.start) / line.interval * line.payment, line.balance, "15: deposit of an update");
        line.isUpdating = false;
    }

    function _replayCredit(Vm.Log memory log) private {
        address account = address(uint160(uint256(log.topics[2])));
        _replayedCredits[address(uint160(uint256(log.topics[3])))][account] += abi.decode(log.data, (uint256));
    }

    function _replayClaim(Vm.Log memory log) private {
        address account = address(uint160(uint256(log.topics[1])));
        address token = address(uint160(uint256(log.topics[2])));
        (, uint256 amount) = abi.decode(log.data, (address, uint256));
        assertEq(amount, _replayedCredits[token][account], "13: a claim of another amount than the credit");
        delete _replayedCredits[token][account];
    }

    function _lineOf(Vm.Log memory log) private view returns (Line storage line) {
        line = _lines[uint256(log.topics[1]) - 1];
        assertTrue(line.isLive, "9: a log of a stream that has ended");
    }
}
