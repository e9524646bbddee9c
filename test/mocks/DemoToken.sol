// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev Anybody mints, anybody blocks anybody: for demonstrations and tests on local chains only.
contract DemoToken is ERC20 {
    error AccountBlocked(address account);

    mapping(address account => bool blocked) public isBlocked;

    constructor() ERC20("Demo Dollar", "DEMO") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!isBlocked[from], AccountBlocked(from));
        require(!isBlocked[to], AccountBlocked(to));
        super._update(from, to, amount);
    }
}
