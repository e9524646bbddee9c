// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "./IMoneyStreaming.sol";

/// @title Recipient of streams that go on into a rollup
/// @notice Whoever wants a salary in the rollup `app` gives {IStreamPortal-inboxOf} as the recipient of the stream. From
/// then on anybody may have what is due taken there, for the owner; every other right of a recipient is the owner's.
/// @dev A clone that has `abi.encode(app, owner)` in its code, so its address says whom it serves before it exists.
interface IStreamInbox {
    /// @notice Only the StreamPortal that made this inbox may do this.
    error CallerNotPortal(address caller, address portal);
    /// @notice Only the owner may do this.
    error CallerNotOwner(address caller, address owner);

    /// @notice Ether that arrives is the owner's.
    receive() external payable;

    /// @notice Calls `target` as this inbox: ends or updates a stream, withdraws to another address, claims, moves what
    /// the inbox holds. Reverts as the call does.
    ///
    /// Requirements:
    /// - The caller is the owner.
    /// - The inbox has `value` wei, with what is sent along.
    ///
    /// Warning: a call to an address without code succeeds.
    /// Warning: {IStreamPortal} calls `withdrawMax(uint256,address)` and `claim(address,address)` of any address for
    /// anybody; do not give this inbox rights in contracts that take these for something else.
    /// @return result What the call returned.
    function execute(address target, uint256 value, bytes calldata data) external payable returns (bytes memory result);

    /// @notice Withdraws all that is due of a stream to StreamPortal.
    ///
    /// Requirements:
    /// - The caller is StreamPortal.
    function withdraw(IMoneyStreaming streaming, uint256 streamId) external;

    /// @notice Claims the whole credit in `token` to StreamPortal.
    ///
    /// Requirements:
    /// - The caller is StreamPortal.
    function claim(IMoneyStreaming streaming, address token) external;

    /// @notice Address of the application in whose rollup the owner is credited.
    function app() external view returns (address);

    /// @notice Who is credited, and who may do all else.
    function owner() external view returns (address);
}
