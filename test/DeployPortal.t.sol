// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {StreamPortal} from "../contracts/StreamPortal.sol";
import {DeployPortal} from "../script/DeployPortal.s.sol";

/// @dev The script is a part of the test, because only what a test deploys itself goes through the proxy.
contract DeployPortalTest is Test, DeployPortal {
    string private constant OUT = "lib/node_modules/@cartesi/rollups/out/";

    address private expected;

    function setUp() external {
        bytes memory args = abi.encode(ERC20_PORTAL, ETHER_PORTAL);
        expected = vm.computeCreate2Address(0, keccak256(abi.encodePacked(type(StreamPortal).creationCode, args)));
    }

    function test_RevertGiven_NoErc20Portal() external {
        vm.expectRevert(abi.encodeWithSelector(CartesiMissing.selector, ERC20_PORTAL));
        this.deploy();
    }

    function test_RevertGiven_NoEtherPortal() external {
        address inputBox = deployCartesi("InputBox", "");
        assertEq(deployCartesi("ERC20Portal", abi.encode(inputBox)), address(ERC20_PORTAL));
        vm.expectRevert(abi.encodeWithSelector(CartesiMissing.selector, ETHER_PORTAL));
        this.deploy();
    }

    function test_AddressDependsOnTheCodeAlone() external {
        deployCartesi();
        assertEq(expected.code.length, 0);
        checkDeployed();
    }

    function test_TwiceIsHarmless() external {
        deployCartesi();
        checkDeployed();
        bytes32 hash = expected.codehash;
        checkDeployed();
        assertEq(expected.codehash, hash);
    }

    function test_RunDeploys() external {
        deployCartesi();
        this.run();
        assertGt(expected.code.length, 0);
    }

    function checkDeployed() private {
        assertEq(deploy(), expected);
        assertEq(address(StreamPortal(expected).erc20Portal()), address(ERC20_PORTAL));
        assertEq(address(StreamPortal(expected).etherPortal()), address(ETHER_PORTAL));
    }

    /// @dev As Cartesi does it, to the same addresses.
    function deployCartesi() private {
        address inputBox = deployCartesi("InputBox", "");
        assertEq(deployCartesi("ERC20Portal", abi.encode(inputBox)), address(ERC20_PORTAL));
        assertEq(deployCartesi("EtherPortal", abi.encode(inputBox)), address(ETHER_PORTAL));
    }

    function deployCartesi(string memory name, bytes memory args) private returns (address deployed) {
        bytes memory code = abi.encodePacked(vm.getCode(string.concat(OUT, name, ".sol/", name, ".json")), args);
        (bool done, bytes memory answer) = CREATE2_FACTORY.call(abi.encodePacked(SALT, code));
        assertTrue(done);
        return address(bytes20(answer));
    }
}
