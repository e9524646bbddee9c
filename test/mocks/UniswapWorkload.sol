// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

interface IWrappedEther {
    function deposit() external payable;
}

interface IPair is IERC20 {
    function token0() external view returns (IERC20);

    function token1() external view returns (IERC20);

    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 timestamp);

    function mint(address to) external returns (uint256 liquidity);

    function burn(address to) external returns (uint256 amount0, uint256 amount1);

    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata callback) external;
}

/// @dev A token whose whole supply is `owner`'s from the beginning.
contract WorkloadToken is ERC20 {
    uint8 private immutable DECIMALS;

    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 supply, address owner)
        ERC20(name_, symbol_)
    {
        DECIMALS = decimals_;
        _mint(owner, supply);
    }

    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }
}

/// @dev Owns tokens, and deals with pairs directly: everything it does follows from a number that it is given, so that
/// the same calls make the same chain. Anybody may call it.
contract WorkloadTrader {
    /// Of 64 operations one adds liquidity, one removes some, and the others are swaps.
    uint256 private constant OPERATIONS = 64;

    function wrap(IWrappedEther weth) external payable {
        weth.deposit{value: msg.value}();
    }

    function open(IPair pair, uint256 amount0, uint256 amount1) external {
        _give(pair.token0(), pair, amount0);
        _give(pair.token1(), pair, amount1);
        pair.mint(address(this));
    }

    function run(IPair[] calldata pairs, uint256 random, uint256 count) external {
        for (uint256 i; i < count; ++i) {
            random = uint256(keccak256(abi.encode(random, i)));
            IPair pair = pairs[random % pairs.length];
            uint256 operation = (random >> 32) % OPERATIONS;
            if (operation == 0) _add(pair);
            else if (operation == 1) _remove(pair);
            else _swap(pair, 1 + (random >> 64) % 40, (random >> 128) & 1 == 0);
        }
    }

    /// @dev A thousandth of what the pair holds.
    function _add(IPair pair) private {
        (uint256 reserve0, uint256 reserve1,) = pair.getReserves();
        _give(pair.token0(), pair, reserve0 / 1000 + 1);
        _give(pair.token1(), pair, reserve1 / 1000 + 1);
        pair.mint(address(this));
    }

    /// @dev A thousandth of what this contract has in the pair.
    function _remove(IPair pair) private {
        _give(pair, pair, pair.balanceOf(address(this)) / 1000);
        pair.burn(address(this));
    }

    /// @dev Gives so many ten-thousandths of the reserve, and takes as much as the pair lets go; too little for one unit
    /// of the other token is no swap.
    function _swap(IPair pair, uint256 tenThousandths, bool isZeroIn) private {
        (uint256 reserve0, uint256 reserve1,) = pair.getReserves();
        (uint256 reserveIn, uint256 reserveOut) = isZeroIn ? (reserve0, reserve1) : (reserve1, reserve0);
        uint256 amountIn = reserveIn * tenThousandths / 10_000;
        uint256 amountOut = amountIn * 997 * reserveOut / (reserveIn * 1000 + amountIn * 997);
        if (amountOut == 0) return;
        _give(isZeroIn ? pair.token0() : pair.token1(), pair, amountIn);
        (uint256 amount0Out, uint256 amount1Out) = isZeroIn ? (uint256(0), amountOut) : (amountOut, 0);
        pair.swap(amount0Out, amount1Out, address(this), "");
    }

    function _give(IERC20 token, IPair pair, uint256 amount) private {
        require(token.transfer(address(pair), amount));
    }
}
