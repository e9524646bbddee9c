// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @dev Stands for an application: has code and takes Ether, unless it is told to refuse it or to do something first.
contract PlainApp {
    error EtherRefused();

    bool public isRefusing;
    address private _target;
    bytes private _call;
    uint256 public nFailed;

    receive() external payable {
        require(!isRefusing, EtherRefused());
        if (_target == address(0)) return;
        (bool done,) = _target.call(_call);
        if (!done) ++nFailed;
    }

    function setRefusing(bool refusing) external {
        isRefusing = refusing;
    }

    function aim(address target, bytes calldata call) external {
        _target = target;
        _call = call;
    }
}
