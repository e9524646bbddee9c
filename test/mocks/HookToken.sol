// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev What a hook may do is up to it; if it reverts, the transfer does.
interface ITransferHook {
    function tokensToSend(address from, address to, uint256 amount) external;

    function tokensReceived(address from, address to, uint256 amount) external;
}

/// @dev Like ERC-777 with its registry: calls the sender's hook before it moves tokens and the recipient's after. An
/// account has none until one is set, and anybody sets anybody's.
contract HookToken is PlainToken(18) {
    mapping(address account => ITransferHook hook) public hookOf;

    function setHook(address account, ITransferHook hook) external {
        hookOf[account] = hook;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (address(hookOf[from]) != address(0)) hookOf[from].tokensToSend(from, to, amount);
        super._update(from, to, amount);
        if (address(hookOf[to]) != address(0)) hookOf[to].tokensReceived(from, to, amount);
    }
}
