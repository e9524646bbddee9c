// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Script, console} from "forge-std/Script.sol";

import {StreamPortal} from "../contracts/StreamPortal.sol";
import {IERC20Portal, IEtherPortal} from "../contracts/interfaces/ICartesi.sol";

/// @notice Deploys StreamPortal through the deterministic deployment proxy, at the same address on every chain that has
/// Cartesi rollups 2.2.0. If it is there already, it is left alone.
contract DeployPortal is Script {
    error CartesiMissing(address portal);

    bytes32 internal constant SALT = 0;

    /// @dev Where Cartesi's own deployment, by the same proxy and without salt, puts the portals of 2.2.0.
    IERC20Portal internal constant ERC20_PORTAL = IERC20Portal(0xACA6586A0Cf05bD831f2501E7B4aea550dA6562D);
    IEtherPortal internal constant ETHER_PORTAL = IEtherPortal(0xA632c5c05812c6a6149B7af5C56117d1D2603828);

    function run() external {
        vm.startBroadcast();
        address portal = deploy();
        vm.stopBroadcast();
        console.log("StreamPortal", portal);
    }

    /// @dev Under a broadcast `new` with a salt goes through the proxy; so the address is computed for it.
    function deploy() public returns (address portal) {
        require(address(ERC20_PORTAL).code.length != 0, CartesiMissing(address(ERC20_PORTAL)));
        require(address(ETHER_PORTAL).code.length != 0, CartesiMissing(address(ETHER_PORTAL)));
        bytes memory args = abi.encode(ERC20_PORTAL, ETHER_PORTAL);
        portal = vm.computeCreate2Address(SALT, keccak256(abi.encodePacked(type(StreamPortal).creationCode, args)));
        if (portal.code.length == 0) portal = address(new StreamPortal{salt: SALT}(ERC20_PORTAL, ETHER_PORTAL));
    }
}
