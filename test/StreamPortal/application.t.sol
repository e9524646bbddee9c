// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IApplicationFactory, IAuthorityFactory, IInputBox} from "./Cartesi.sol";
import {PortalTest} from "./PortalTest.sol";

/// @dev Into an application of Cartesi's own, from its factories.
contract PortalApplicationTest is PortalTest {
    uint256 private constant AMOUNT = 500e18;

    function setUp() public override {
        super.setUp();
        IAuthorityFactory authorities = IAuthorityFactory(deployCartesi("AuthorityFactory", ""));
        IApplicationFactory applications = IApplicationFactory(deployCartesi("ApplicationFactory", ""));
        address authority = authorities.newAuthority(alice, 10);
        // The call by which applications say that InputBox has their inputs.
        bytes memory dataAvailability = abi.encodeWithSelector(0xb12c9ede, inputBox);
        app = applications.newApplication(authority, alice, bytes32(uint256(1)), dataAvailability);
        fund(address(token), AMOUNT);
        vm.deal(alice, AMOUNT);
    }

    function test_Tokens() external {
        expectTokens(address(token), AMOUNT, alice, batchCall(address(token), someOrders(3, AMOUNT)));
        vm.prank(alice);
        portal.depositAndStream(address(token), app, AMOUNT, someOrders(3, AMOUNT));
        assertEq(token.balanceOf(app), AMOUNT);
        assertNothingKept(address(token));
    }

    function test_Ether() external {
        expectEther(AMOUNT, alice, streamCall(address(0), someOrders(1, AMOUNT)[0]));
        vm.prank(alice);
        portal.depositEtherAndStream{value: AMOUNT}(app, someOrders(1, AMOUNT));
        assertEq(app.balance, AMOUNT);
        assertEq(address(portal).balance, 0);
    }

    /// @dev Whoever adds the same bytes without a portal is their `msgSender`, and whoever deposits without StreamPortal
    /// is the depositor: in neither case can the rollup take it for StreamPortal's.
    function test_NobodyElseIsStreamPortal() external {
        bytes memory payload = abi.encodePacked(address(token), address(portal), AMOUNT, bob, "{}");
        expectInput(alice, payload);
        vm.prank(alice);
        inputBox.addInput(app, payload);

        vm.startPrank(alice);
        token.approve(address(erc20Portal), AMOUNT);
        expectInput(address(erc20Portal), abi.encodePacked(address(token), alice, AMOUNT, bob, "{}"));
        erc20Portal.depositERC20Tokens(token, app, AMOUNT, abi.encodePacked(bob, "{}"));
        expectInput(address(etherPortal), abi.encodePacked(alice, uint256(1), bob, "{}"));
        etherPortal.depositEther{value: 1}(app, abi.encodePacked(bob, "{}"));
        vm.stopPrank();
        assertEq(IInputBox(address(inputBox)).getNumberOfInputs(app), 3);
    }
}
