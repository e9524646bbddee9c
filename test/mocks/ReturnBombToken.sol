// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev While it is armed, `transfer` answers with as many bytes as it is told to: true and zeros after it has moved the
/// tokens, or a revert. A megabyte costs the token 2.2 million gas; 250,000 bytes fit into 300,000 gas.
contract ReturnBombToken is PlainToken(18) {
    enum Bomb {
        None,
        Return,
        Revert
    }

    Bomb public bomb;
    uint256 public nBytes;

    function arm(Bomb bomb_, uint256 nBytes_) external {
        bomb = bomb_;
        nBytes = nBytes_;
    }

    function transfer(address to, uint256 amount) public override returns (bool moved) {
        uint256 size = nBytes;
        if (bomb == Bomb.Revert) {
            assembly {
                revert(0, size)
            }
        }
        moved = super.transfer(to, amount);
        if (bomb == Bomb.Return) {
            // The memory is overwritten, but nothing of this call reads it again.
            assembly {
                mstore(0, 1)
                calldatacopy(0x20, calldatasize(), 0x60)
                return(0, size)
            }
        }
    }
}
