// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ITransferHook} from "./HookToken.sol";

/// @dev In each callback of a token makes one call, and lets the transfer pass.
contract Intruder is ITransferHook {
    uint256 public nCallbacks;
    /// @dev In how many of them a lock, and not anything else, stopped the call.
    uint256 public nLocked;

    address private _target;
    bytes private _call;

    function aim(address target, bytes calldata call) external {
        _target = target;
        _call = call;
    }

    function tokensToSend(address, address, uint256) external {
        _enter();
    }

    function tokensReceived(address, address, uint256) external {
        _enter();
    }

    function _enter() private {
        (bool entered, bytes memory reason) = _target.call(_call);
        ++nCallbacks;
        if (!entered && bytes4(reason) == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector) ++nLocked;
    }
}
