// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev A transfer needs as much gas as it is told to. With less it fails at once, which is worse than running out: the
/// caller is left with enough to go on.
contract HeavyToken is PlainToken(18) {
    error GasShort(uint256 gas, uint256 gasNeeded);

    uint256 public gasNeeded;

    function setGasNeeded(uint256 gasNeeded_) external {
        gasNeeded = gasNeeded_;
    }

    function transfer(address to, uint256 amount) public override returns (bool moved) {
        uint256 gas = gasleft();
        require(gas >= gasNeeded, GasShort(gas, gasNeeded));
        return super.transfer(to, amount);
    }
}
