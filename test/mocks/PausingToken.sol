// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev While it is paused nothing moves.
contract PausingToken is PlainToken(18) {
    error Paused();

    bool public isPaused;

    function setPaused(bool paused) external {
        isPaused = paused;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!isPaused, Paused());
        super._update(from, to, amount);
    }
}
