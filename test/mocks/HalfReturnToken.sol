// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @dev Like BNB: `transfer` returns nothing, everything else returns true.
contract HalfReturnToken {
    error BalanceTooLow(address account, uint256 balance, uint256 amount);
    error AllowanceTooLow(address spender, uint256 allowance, uint256 amount);

    mapping(address account => uint256 balance) public balanceOf;
    mapping(address owner => mapping(address spender => uint256 amount)) public allowance;

    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool approved) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool moved) {
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= amount, AllowanceTooLow(msg.sender, allowed, amount));
        allowance[from][msg.sender] = allowed - amount;
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) private {
        uint256 balance = balanceOf[from];
        require(balance >= amount, BalanceTooLow(from, balance, amount));
        balanceOf[from] = balance - amount;
        balanceOf[to] += amount;
    }
}
