// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev Honest until it is told to cheat, which it can do on one leg of a journey alone.
contract CrookedToken is PlainToken(18) {
    mapping(address account => uint256 toll) public tollOf;
    mapping(address account => bool spared) public isSpared;
    bool public isForgetful;

    /// @dev Of what is sent to `account`, as much is burnt on arrival.
    function setToll(address account, uint256 toll) external {
        tollOf[account] = toll;
    }

    /// @dev What `account` sends is made anew, and not taken from it.
    function setSpared(address account, bool spared) external {
        isSpared[account] = spared;
    }

    /// @dev Allowances are not used up.
    function setForgetful(bool forgetful) external {
        isForgetful = forgetful;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(isSpared[from] ? address(0) : from, to, amount);
        if (to != address(0) && tollOf[to] != 0) super._update(to, address(0), tollOf[to]);
    }

    function _spendAllowance(address owner, address spender, uint256 amount) internal override {
        if (!isForgetful) super._spendAllowance(owner, spender, amount);
    }
}
