// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "../mocks/PlainToken.sol";
import {ReturnBombToken} from "../mocks/ReturnBombToken.sol";
import {World} from "./World.sol";

/// @dev Tokens turn hostile, and back, while streams run.
abstract contract TokenHandler is World {
    /// @dev The contract itself is on the list of those who may be blocked.
    function switchBlocking(uint256 seed) external action(seed) {
        address account = _pick(8) == 0 ? address(STREAMING) : _pickParty();
        BLOCKING.setBlocked(account, !BLOCKING.isBlocked(account));
    }

    function switchPausing(uint256 seed) external action(seed) {
        PAUSING.setPaused(!PAUSING.isPaused());
    }

    function switchFalse(uint256 seed) external action(seed) {
        FALSE.setRefusing(!FALSE.isRefusing());
    }

    function switchBurner(uint256 seed) external action(seed) {
        BURNER.setArmed(!BURNER.isArmed());
    }

    function switchBomb(uint256 seed) external action(seed) {
        // At least a word, or it is no answer; at most what the bounded gas pays for.
        BOMB.arm(ReturnBombToken.Bomb(_pick(3)), 32 + _pick(200_000));
    }

    function switchFee(uint256 seed) external action(seed) {
        FEE.setFee(_pick(2) == 0 ? 0 : 1 + _pick(10_000));
    }

    function switchHook(uint256 seed) external action(seed) {
        address account = _pick(8) == 0 ? address(STREAMING) : _pickParty();
        REENTRY.setRefuses(account, !REENTRY.refuses(account));
    }

    /// @dev Whoever sends tokens to the contract gives nobody anything.
    function donate(uint256 seed) external action(seed) {
        address token = _pickToken();
        if (!_moves(token, address(0), address(STREAMING))) token = address(PLAIN);
        uint256 amount = 1 + _pick(1e24);
        // The contract is at rest here, so a call out of the hook would be no re-entry.
        REENTRY.aim(0, address(0), address(0), address(0));
        PlainToken(token).mint(address(STREAMING), amount);
        _book[token][address(STREAMING)] += amount;
        _donated[token] += amount;
    }
}
