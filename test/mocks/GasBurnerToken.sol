// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev While it is armed a transfer burns all the gas that it gets.
contract GasBurnerToken is PlainToken(18) {
    bool public isArmed;

    function setArmed(bool armed) external {
        isArmed = armed;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (isArmed) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        super._update(from, to, amount);
    }
}
