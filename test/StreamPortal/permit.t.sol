// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {PermitToken} from "../mocks/PermitToken.sol";
import {PortalTest} from "./PortalTest.sol";

contract PortalPermitTest is PortalTest {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 private constant AMOUNT = 500e18;

    PermitToken private signed;
    address private owner;
    uint256 private key;

    function setUp() public override {
        super.setUp();
        signed = new PermitToken();
        (owner, key) = makeAddrAndKey("owner");
        signed.mint(owner, AMOUNT);
    }

    function test_RevertWhen_TokenWithoutCode() external {
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.TokenInvalid.selector, alice));
        portal.permit(alice, AMOUNT, block.timestamp, 27, 0, 0);
    }

    function test_RevertGiven_AllowanceShort() external {
        fund(address(token), AMOUNT - 1);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.PermitRefused.selector, token, AMOUNT - 1, AMOUNT));
        vm.prank(alice);
        portal.permit(address(token), AMOUNT, block.timestamp, 27, 0, 0);
    }

    function test_GivenAllowanceCoversAmount() external {
        fund(address(token), AMOUNT);
        vm.prank(alice);
        portal.permit(address(token), AMOUNT, block.timestamp, 27, 0, 0);
        assertEq(token.allowance(alice, address(portal)), AMOUNT);
    }

    function test_RevertWhen_SignatureSomebodyElses() external {
        (, uint256 otherKey) = makeAddrAndKey("other");
        checkRefused(otherKey, block.timestamp);
    }

    function test_RevertWhen_DeadlinePassed() external {
        vm.warp(1_000_000);
        checkRefused(key, block.timestamp - 1);
    }

    function test_GivenPermitUsedUpBySomebodyElse() external {
        (uint8 v, bytes32 r, bytes32 s) = sign(key, block.timestamp);
        vm.prank(bob);
        signed.permit(owner, address(portal), AMOUNT, block.timestamp, v, r, s);
        vm.prank(owner);
        portal.permit(address(signed), AMOUNT, block.timestamp, v, r, s);
        assertEq(signed.allowance(owner, address(portal)), AMOUNT);
        assertEq(signed.nonces(owner), 1);
    }

    function test_WhenPermitValid() external {
        (uint8 v, bytes32 r, bytes32 s) = sign(key, block.timestamp);
        vm.prank(owner);
        portal.permit(address(signed), AMOUNT, block.timestamp, v, r, s);
        assertEq(signed.allowance(owner, address(portal)), AMOUNT);
        assertEq(signed.allowance(address(portal), address(erc20Portal)), 0);
    }

    /// @dev Somebody else's permit is of no use: it is the caller's that is given to the token.
    function test_RevertWhen_CallerNotSigner() external {
        (uint8 v, bytes32 r, bytes32 s) = sign(key, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.PermitRefused.selector, signed, 0, AMOUNT));
        vm.prank(bob);
        portal.permit(address(signed), AMOUNT, block.timestamp, v, r, s);
    }

    function test_PermitAndDepositInOneCall() external {
        (uint8 v, bytes32 r, bytes32 s) = sign(key, block.timestamp);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(portal.permit, (address(signed), AMOUNT, block.timestamp, v, r, s));
        calls[1] = abi.encodeCall(portal.depositAndStream, (address(signed), app, AMOUNT, someOrders(1, AMOUNT)));
        // The permit is taken out of the mempool and brought to the token first.
        vm.prank(bob);
        signed.permit(owner, address(portal), AMOUNT, block.timestamp, v, r, s);
        expectTokens(address(signed), AMOUNT, owner, streamCall(address(signed), someOrders(1, AMOUNT)[0]));
        vm.prank(owner);
        portal.multicall(calls);
        assertEq(signed.balanceOf(app), AMOUNT);
        assertNothingKept(address(signed));
    }

    function checkRefused(uint256 signer, uint256 deadline) private {
        (uint8 v, bytes32 r, bytes32 s) = sign(signer, deadline);
        vm.expectRevert(abi.encodeWithSelector(IStreamPortal.PermitRefused.selector, signed, 0, AMOUNT));
        vm.prank(owner);
        portal.permit(address(signed), AMOUNT, deadline, v, r, s);
    }

    function sign(uint256 signer, uint256 deadline) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 hash = keccak256(abi.encode(PERMIT, owner, portal, AMOUNT, signed.nonces(owner), deadline));
        return vm.sign(signer, keccak256(abi.encodePacked(hex"1901", signed.DOMAIN_SEPARATOR(), hash)));
    }
}
