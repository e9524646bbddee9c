// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PartyHandler} from "./PartyHandler.sol";

/// @dev What must not work: strangers, and parties who take what is not theirs. Each call fails for the right reason.
abstract contract StrangerHandler is PartyHandler {
    function strangerWithdraws(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickDue();
        // The sender is a stranger to what is due.
        address caller = _pick(2) == 0 ? ghost.sender : _pickStranger(ghost);
        bytes memory reason =
            abi.encodeWithSelector(IMoneyStreaming.CallerNotRecipient.selector, streamId, caller, ghost.recipient);
        address to = _pick(2) == 0 ? caller : ghost.recipient;
        _refused(caller, abi.encodeCall(IERC1620.withdraw, (streamId, 1)), reason);
        _refused(caller, abi.encodeCall(IMoneyStreaming.withdrawTo, (streamId, to, 1)), reason);
        _refused(caller, abi.encodeCall(IMoneyStreaming.withdrawMax, (streamId, to)), reason);
        _refused(caller, _batch(abi.encodeCall(IMoneyStreaming.withdrawMax, (streamId, to))), reason);
    }

    function strangerUpdates(uint256 seed) external action(seed) {
        (uint256 streamId, address proposer, Terms memory terms) = _pickProposal();
        Ghost memory ghost = _ghosts[streamId - 1];
        address caller = _pickStranger(ghost);
        bytes memory reason = _notParty(streamId, caller);
        _refused(caller, _confirmation(streamId, terms), reason);
        _refused(caller, _revocation(streamId, terms), reason);
        _refused(
            caller,
            abi.encodeCall(
                IMoneyStreaming.acceptUpdate, (streamId, terms.token, terms.stop, terms.payment, terms.interval)
            ),
            reason
        );
        _refused(caller, _batch(_confirmation(streamId, terms)), reason);
        assertTrue(_hasConsented(streamId, proposer, terms), "10: the model's consent");
    }

    function strangerEnds(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickLive();
        address caller = _pickStranger(ghost);
        _refused(caller, abi.encodeCall(IERC1620.redeem, (streamId)), _notParty(streamId, caller));
        _refused(caller, _batch(abi.encodeCall(IERC1620.redeem, (streamId))), _notParty(streamId, caller));
        if (_time >= ghost.terms.stop) return;
        uint256[] memory streamIds = new uint256[](1);
        streamIds[0] = streamId;
        bytes memory reason = abi.encodeWithSelector(IMoneyStreaming.NothingToSettle.selector);
        _refused(caller, abi.encodeCall(IMoneyStreaming.settle, (streamIds)), reason);
        _refused(ghost.sender, abi.encodeCall(IMoneyStreaming.settle, (streamIds)), reason);
    }

    function strangerClaims(uint256 seed) external action(seed) {
        address caller = _strangers[_pick(_strangers.length)];
        address token = _pickToken();
        address to = _pick(2) == 0 ? caller : _pickParty();
        _refused(
            caller,
            abi.encodeCall(IMoneyStreaming.claim, (token, to)),
            abi.encodeWithSelector(IMoneyStreaming.NothingToClaim.selector, caller, token)
        );
    }

    /// @dev Streams that have ended, and ids that were never given out.
    function callUnknown(uint256 seed) external action(seed) {
        uint256 streamId = _pick(_ghosts.length + 3);
        if (streamId != 0 && streamId <= _ghosts.length && _ghosts[streamId - 1].isLive) {
            streamId = _ghosts.length + 1 + _pick(3);
        }
        address caller = _pickParty();
        Terms memory terms = Terms(_pickToken(), _time + 10, 1, 1);
        bytes memory reason = abi.encodeWithSelector(IMoneyStreaming.StreamUnknown.selector, streamId);
        _refused(caller, abi.encodeCall(IERC1620.withdraw, (streamId, 1)), reason);
        _refused(caller, abi.encodeCall(IMoneyStreaming.withdrawTo, (streamId, caller, 1)), reason);
        _refused(caller, abi.encodeCall(IMoneyStreaming.withdrawMax, (streamId, caller)), reason);
        _refused(caller, abi.encodeCall(IERC1620.redeem, (streamId)), reason);
        _refused(caller, _confirmation(streamId, terms), reason);
        _refused(caller, _revocation(streamId, terms), reason);
        _refused(caller, abi.encodeCall(IERC1620.getStream, (streamId)), reason);
        _refused(caller, abi.encodeCall(IERC1620.balanceOf, (streamId, caller)), reason);
    }

    function overdraw(uint256 seed) external action(seed) {
        (uint256 streamId, Ghost memory ghost) = _pickLive();
        uint256 due = _due(ghost);
        uint256 amount = _pick(4) == 0 ? type(uint256).max : due + 1;
        bytes memory reason =
            abi.encodeWithSelector(IMoneyStreaming.WithdrawExceedsBalance.selector, streamId, amount, due);
        _refused(ghost.recipient, abi.encodeCall(IERC1620.withdraw, (streamId, amount)), reason);
        _refused(
            ghost.recipient, abi.encodeCall(IMoneyStreaming.withdrawTo, (streamId, ghost.recipient, amount)), reason
        );
        reason = abi.encodeWithSelector(IMoneyStreaming.WithdrawZero.selector, streamId);
        _refused(ghost.recipient, abi.encodeCall(IERC1620.withdraw, (streamId, 0)), reason);
    }

    function _notParty(uint256 streamId, address caller) private pure returns (bytes memory reason) {
        return abi.encodeWithSelector(IMoneyStreaming.CallerNotParty.selector, streamId, caller);
    }

    function _batch(bytes memory data) private view returns (bytes memory) {
        bytes[] memory calls = new bytes[](1);
        calls[0] = data;
        return abi.encodeCall(STREAMING.multicall, (calls));
    }
}
