// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev Like USDC: an account on the list neither sends nor receives.
contract BlockingToken is PlainToken(6) {
    error AccountBlocked(address account);

    mapping(address account => bool blocked) public isBlocked;

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!isBlocked[from], AccountBlocked(from));
        require(!isBlocked[to], AccountBlocked(to));
        super._update(from, to, amount);
    }
}
