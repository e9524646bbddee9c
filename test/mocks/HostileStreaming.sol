// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @dev Answers as MoneyStreaming does and says what it is told to. When it is asked for money it makes one call of
/// somebody's choice, and claims to have paid without limit.
contract HostileStreaming {
    address public recipient;
    address public token;
    uint256 public nAsked;
    /// @dev How often the call failed, which it keeps to itself.
    uint256 public nFailed;

    address private _target;
    bytes private _call;

    function claimToPay(address recipient_, address token_) external {
        recipient = recipient_;
        token = token_;
    }

    function aim(address target, bytes calldata call) external {
        _target = target;
        _call = call;
    }

    function getStream(uint256)
        external
        view
        returns (address, address, address, uint256, uint256, uint256, uint256, uint256)
    {
        return (msg.sender, recipient, token, type(uint256).max, 0, 1, type(uint256).max, 1);
    }

    function withdrawMax(uint256, address) external returns (uint256 amount) {
        return _act();
    }

    function claim(address, address) external returns (uint256 amount) {
        return _act();
    }

    function _act() private returns (uint256 amount) {
        ++nAsked;
        if (_target == address(0)) return type(uint256).max;
        (bool done,) = _target.call(_call);
        if (!done) ++nFailed;
        return type(uint256).max;
    }
}
