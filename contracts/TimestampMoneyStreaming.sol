// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MoneyStreaming} from "./MoneyStreaming.sol";

/// @title Money streaming in seconds, for chains whose blocks do not measure time
contract TimestampMoneyStreaming is MoneyStreaming {
    // The name is ERC-6372's.
    // forge-lint: disable-next-line(mixed-case-function)
    function CLOCK_MODE() external pure returns (string memory mode) {
        return "mode=timestamp";
    }

    function _time() internal view override returns (uint256 time) {
        return block.timestamp;
    }
}
