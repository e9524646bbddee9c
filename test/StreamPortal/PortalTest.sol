// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Test} from "forge-std/Test.sol";

import {StreamPortal} from "../../contracts/StreamPortal.sol";
import {IERC20Portal, IEtherPortal} from "../../contracts/interfaces/ICartesi.sol";
import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {PlainToken} from "../mocks/PlainToken.sol";
import {PlainApp} from "../mocks/PlainApp.sol";
import {IInputBox, IInputs} from "./Cartesi.sol";

/// @dev StreamPortal over Cartesi's own bytecode.
abstract contract PortalFixture is Test {
    string private constant OUT = "lib/node_modules/@cartesi/rollups/out/";

    IInputBox internal inputBox;
    IERC20Portal internal erc20Portal;
    IEtherPortal internal etherPortal;
    StreamPortal internal portal;
    address internal app;
    PlainToken internal token;
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    function deployPortal() internal {
        inputBox = IInputBox(deployCartesi("InputBox", ""));
        erc20Portal = IERC20Portal(deployCartesi("ERC20Portal", abi.encode(inputBox)));
        etherPortal = IEtherPortal(deployCartesi("EtherPortal", abi.encode(inputBox)));
        portal = new StreamPortal(erc20Portal, etherPortal);
        app = address(new PlainApp());
        token = new PlainToken(18);
        vm.label(address(portal), "portal");
        vm.label(app, "app");
    }

    function deployCartesi(string memory name, bytes memory args) internal returns (address) {
        return vm.deployCode(string.concat(OUT, name, ".sol/", name, ".json"), args);
    }

    /// @dev Alice has `amount` and lets StreamPortal have it.
    function fund(address asset, uint256 amount) internal {
        PlainToken(asset).mint(alice, amount);
        vm.prank(alice);
        // Some tokens return nothing here.
        (bool approved,) = asset.call(abi.encodeCall(IERC20.approve, (address(portal), amount)));
        assertTrue(approved);
    }

    /// @dev The next call adds exactly this input to `app`'s.
    function expectInput(address msgSender, bytes memory payload) internal {
        uint256 index = inputBox.getNumberOfInputs(app);
        bytes memory input = abi.encodeCall(
            IInputs.EvmAdvance,
            (block.chainid, app, msgSender, block.number, block.timestamp, block.prevrandao, index, payload)
        );
        vm.expectEmit(address(inputBox));
        emit IInputBox.InputAdded(app, index, input);
    }

    function expectTokens(address asset, uint256 amount, address account, bytes memory call) internal {
        expectInput(address(erc20Portal), abi.encodePacked(asset, address(portal), amount, account, call));
    }

    function expectEther(uint256 amount, address account, bytes memory call) internal {
        expectInput(address(etherPortal), abi.encodePacked(address(portal), amount, account, call));
    }

    function assertInputs(uint256 n) internal view {
        assertEq(inputBox.getNumberOfInputs(app), n, "inputs");
    }

    function assertNothingKept(address asset) internal view {
        assertKept(asset, 0, 0);
    }

    function assertKept(address asset, uint256 balance, uint256 ether_) internal view {
        assertEq(IERC20(asset).balanceOf(address(portal)), balance, "kept tokens");
        assertEq(IERC20(asset).allowance(address(portal), address(erc20Portal)), 0, "kept allowance");
        assertEq(address(portal).balance, ether_, "kept Ether");
    }

    function streamCall(address asset, IStreamPortal.StreamOrder memory order) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                bytes4(0xf5626dbc), asset, order.recipient, order.amount, order.start, order.duration
            );
    }

    function someOrders(uint256 n, uint256 total) internal pure returns (IStreamPortal.StreamOrder[] memory orders) {
        orders = new IStreamPortal.StreamOrder[](n);
        uint256 left = total;
        for (uint256 i = 0; i < n; ++i) {
            uint256 amount = i + 1 == n ? left : total / n;
            left -= amount;
            // Casts: there are few orders.
            orders[i] = IStreamPortal.StreamOrder(address(uint160(0xb0b + i)), amount, uint64(i), uint64(3600 + i));
        }
    }

    function batchCall(address asset, IStreamPortal.StreamOrder[] memory orders) internal pure returns (bytes memory) {
        bytes[] memory calls = new bytes[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            calls[i] = streamCall(asset, orders[i]);
        }
        return abi.encodeWithSelector(bytes4(0x1e897afb), calls);
    }
}

abstract contract PortalTest is PortalFixture {
    function setUp() public virtual {
        deployPortal();
    }
}
