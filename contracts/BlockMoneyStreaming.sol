// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MoneyStreaming} from "./MoneyStreaming.sol";

/// @title Money streaming in blocks, the letter of ERC-1620
/// @dev Warning: where the EVM's block number is another chain's (Arbitrum), so is this clock. A stream lasts as many
/// blocks as agreed, whatever time they take.
contract BlockMoneyStreaming is MoneyStreaming {
    // The name is ERC-6372's.
    // forge-lint: disable-next-line(mixed-case-function)
    function CLOCK_MODE() external pure returns (string memory mode) {
        return "mode=blocknumber&from=default";
    }

    function _time() internal view override returns (uint256 time) {
        return block.number;
    }
}
