// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {MoneyStreaming} from "../../contracts/MoneyStreaming.sol";
import {ITransferHook} from "./HookToken.sol";

/// @dev In each callback makes one call into the contract, looks at one stream, and lets the transfer pass. It keeps
/// little, because a bounded transfer has no gas for more.
contract ReentrantHook is ITransferHook {
    uint128 public nCallbacks;
    /// @dev In how many of them the lock, and not anything else, stopped the call.
    uint128 public nLocked;
    /// @dev Hash of the stream's state as the latest callback saw it.
    bytes32 public seen;

    MoneyStreaming private immutable STREAMING;
    bytes private _call;
    uint256[] private _streamIds;

    constructor(MoneyStreaming streaming) {
        STREAMING = streaming;
    }

    function aim(bytes calldata call, uint256 streamId) external {
        _call = call;
        _streamIds = [streamId];
    }

    function tokensToSend(address, address, uint256) external {
        _enter();
    }

    function tokensReceived(address, address, uint256) external {
        _enter();
    }

    function _enter() private {
        (bool entered, bytes memory reason) = address(STREAMING).call(_call);
        ++nCallbacks;
        if (!entered && bytes4(reason) == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector) ++nLocked;
        seen = keccak256(abi.encode(STREAMING.getStreams(_streamIds)[0]));
    }
}
