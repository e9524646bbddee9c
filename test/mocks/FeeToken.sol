// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev Takes a fee out of what the recipient receives, and burns it. There is none until one is set.
contract FeeToken is PlainToken(18) {
    uint256 public feeBasisPoints;

    function setFee(uint256 basisPoints) external {
        feeBasisPoints = basisPoints;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0), amount * feeBasisPoints / 10_000);
    }
}
