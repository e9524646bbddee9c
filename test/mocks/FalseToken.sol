// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev Answers false, and moves nothing, where others revert: balance or allowance too low, or told to refuse.
contract FalseToken is PlainToken(18) {
    bool public isRefusing;

    function setRefusing(bool refusing) external {
        isRefusing = refusing;
    }

    function transfer(address to, uint256 amount) public override returns (bool moved) {
        if (isRefusing || balanceOf(msg.sender) < amount) return false;
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool moved) {
        if (isRefusing || balanceOf(from) < amount || allowance(from, msg.sender) < amount) return false;
        return super.transferFrom(from, to, amount);
    }
}
