// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {CommonBase} from "forge-std/Base.sol";

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {MoneyStreaming} from "../../contracts/MoneyStreaming.sol";
import {ITransferHook} from "../mocks/HookToken.sol";

/// @dev A hook that tries to get back into the contract, as the party that may do what it tries. Each callback tries
/// some of the functions, so that the gas of a bounded transfer suffices; together they try all.
contract Reentry is CommonBase, ITransferHook {
    error TransferRefused(address account);

    uint256 public constant N_FUNCTIONS = 13;
    uint256 private constant N_PER_CALLBACK = 4;

    MoneyStreaming private immutable STREAMING;

    mapping(address account => bool refuses) public refuses;
    mapping(uint256 index => uint256 count) public nAttempts;
    uint256 public nEntered;

    uint256 private _streamId;
    address private _sender;
    address private _recipient;
    address private _token;
    uint256 private _turn;

    constructor(MoneyStreaming streaming) {
        STREAMING = streaming;
    }

    function setRefuses(address account, bool refuses_) external {
        refuses[account] = refuses_;
    }

    function aim(uint256 streamId, address sender, address recipient, address token) external {
        (_streamId, _sender, _recipient, _token) = (streamId, sender, recipient, token);
    }

    function tokensToSend(address from, address, uint256) external {
        require(!refuses[from], TransferRefused(from));
        _strike();
    }

    function tokensReceived(address, address to, uint256) external {
        require(!refuses[to], TransferRefused(to));
        _strike();
    }

    function _strike() private {
        if (_sender == address(0)) return;
        for (uint256 i = 0; i < N_PER_CALLBACK; ++i) {
            uint256 index = _turn++ % N_FUNCTIONS;
            (address caller, bytes memory data) = _attempt(index);
            ++nAttempts[index];
            vm.prank(caller);
            (bool entered, bytes memory reason) = address(STREAMING).call(data);
            if (entered || bytes4(reason) != ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector) {
                ++nEntered;
            }
        }
    }

    function _attempt(uint256 index) private view returns (address caller, bytes memory data) {
        uint256 stop = type(uint48).max;
        if (index == 0) return (_sender, abi.encodeCall(IERC1620.create, (_recipient, _token, stop - 1, stop, 1, 1)));
        if (index == 1) return (_sender, abi.encodeCall(IMoneyStreaming.createFor, (_recipient, _token, 1, 1, 1)));
        if (index == 2) return (_recipient, abi.encodeCall(IERC1620.withdraw, (_streamId, 1)));
        if (index == 3) return (_recipient, abi.encodeCall(IMoneyStreaming.withdrawTo, (_streamId, _recipient, 1)));
        if (index == 4) return (_recipient, abi.encodeCall(IMoneyStreaming.withdrawMax, (_streamId, _recipient)));
        if (index == 5) return (_sender, abi.encodeCall(IERC1620.redeem, (_streamId)));
        if (index == 6) return (_recipient, abi.encodeCall(IERC1620.redeem, (_streamId)));
        if (index == 7) return (_sender, abi.encodeCall(IERC1620.confirmUpdate, (_streamId, _token, stop, 1, 1)));
        if (index == 8) {
            return (_recipient, abi.encodeCall(IMoneyStreaming.acceptUpdate, (_streamId, _token, stop, 1, 1)));
        }
        if (index == 9) return (_sender, abi.encodeCall(IERC1620.revokeUpdate, (_streamId, _token, stop, 1, 1)));
        if (index == 10) return (_recipient, abi.encodeCall(IMoneyStreaming.claim, (_token, _recipient)));
        if (index == 11) {
            uint256[] memory streamIds = new uint256[](1);
            streamIds[0] = _streamId;
            return (_recipient, abi.encodeCall(IMoneyStreaming.settle, (streamIds)));
        }
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(IERC1620.redeem, (_streamId));
        return (_sender, abi.encodeCall(STREAMING.multicall, (calls)));
    }
}
