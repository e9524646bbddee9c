// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {IMoneyStreaming} from "./interfaces/IMoneyStreaming.sol";
import {IStreamInbox} from "./interfaces/IStreamInbox.sol";

/// @title Recipient of streams that go on into a rollup
/// @dev StreamPortal deploys one, and its clones are the inboxes. See {IStreamInbox}.
contract StreamInbox is IStreamInbox {
    address private immutable PORTAL;

    constructor() {
        PORTAL = msg.sender;
    }

    /// @inheritdoc IStreamInbox
    receive() external payable {}

    /// @inheritdoc IStreamInbox
    // The owner may call any address.
    // slither-disable-next-line missing-zero-check
    function execute(address target, uint256 value, bytes calldata data)
        external
        payable
        returns (bytes memory result)
    {
        (, address owner_) = _parties();
        require(msg.sender == owner_, CallerNotOwner(msg.sender, owner_));
        (bool done, bytes memory answer) = target.call{value: value}(data);
        return Address.verifyCallResult(done, answer);
    }

    /// @inheritdoc IStreamInbox
    function withdraw(IMoneyStreaming streaming, uint256 streamId) external {
        _requirePortal();
        // What it returns is not believed: StreamPortal measures.
        // slither-disable-next-line unused-return
        streaming.withdrawMax(streamId, PORTAL);
    }

    /// @inheritdoc IStreamInbox
    function claim(IMoneyStreaming streaming, address token) external {
        _requirePortal();
        // As above.
        // slither-disable-next-line unused-return
        streaming.claim(token, PORTAL);
    }

    /// @inheritdoc IStreamInbox
    function app() external view returns (address) {
        (address app_,) = _parties();
        return app_;
    }

    /// @inheritdoc IStreamInbox
    function owner() external view returns (address) {
        (, address owner_) = _parties();
        return owner_;
    }

    function _requirePortal() private view {
        require(msg.sender == PORTAL, CallerNotPortal(msg.sender, PORTAL));
    }

    /// @dev The contract that is cloned has code here that is no two addresses, so it reverts and has no owner.
    function _parties() private view returns (address app_, address owner_) {
        return abi.decode(Clones.fetchCloneArgs(address(this)), (address, address));
    }
}
