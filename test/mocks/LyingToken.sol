// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @dev Moves tokens truthfully and answers `balanceOf` as it is told to.
contract LyingToken is PlainToken(18) {
    error Mute();

    enum Answer {
        Truth,
        Fixed,
        Nothing,
        Revert
    }

    Answer public answer;
    uint256 public fixedBalance;

    function lie(Answer answer_, uint256 balance) external {
        answer = answer_;
        fixedBalance = balance;
    }

    function balanceOf(address account) public view override returns (uint256 balance) {
        require(answer != Answer.Revert, Mute());
        if (answer == Answer.Nothing) {
            assembly {
                return(0, 0)
            }
        }
        return answer == Answer.Fixed ? fixedBalance : super.balanceOf(account);
    }
}
