// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";

import {IStreamPortal} from "../../contracts/interfaces/IStreamPortal.sol";
import {IInputBox} from "./Cartesi.sol";
import {PortalTest} from "./PortalTest.sol";

contract PortalDepositAndCallTest is PortalTest {
    uint256 private constant AMOUNT = 500e18;
    uint256 private constant CALL_LIMIT = 65_124;
    bytes private constant JSON =
        '{"method":"stream","args":{"token":"ether","recipient":"0xb0b","amount":5,"duration":60}}';

    function setUp() public override {
        super.setUp();
        fund(address(token), AMOUNT);
    }

    function test_RevertWhen_AmountZero() external {
        vm.expectRevert(IStreamPortal.AmountZero.selector);
        depositAndCall(0, JSON);
    }

    function test_RevertWhen_CallBeyondLimit() external {
        // Arguments in the ABI's encoding come in words of 32 bytes.
        vm.expectRevert(abi.encodeWithSelector(IInputBox.InputTooLarge.selector, app, 65_540, 65_536));
        depositAndCall(AMOUNT, new bytes(CALL_LIMIT + 1));
        assertInputs(0);
        assertEq(token.balanceOf(alice), AMOUNT);
        assertEq(token.balanceOf(app), 0);
        assertNothingKept(address(token));
    }

    function test_WhenCallAtLimit() external {
        expectTokens(address(token), AMOUNT, alice, new bytes(CALL_LIMIT));
        depositAndCall(AMOUNT, new bytes(CALL_LIMIT));
        assertEq(token.balanceOf(app), AMOUNT);
    }

    function test_WhenCallEmpty() external {
        expectTokens(address(token), AMOUNT, alice, "");
        depositAndCall(AMOUNT, "");
        assertEq(token.balanceOf(app), AMOUNT);
    }

    function test_WhenCallGiven() external {
        expectTokens(address(token), AMOUNT, alice, JSON);
        depositAndCall(AMOUNT, JSON);
        assertInputs(1);
        assertEq(token.balanceOf(app), AMOUNT);
        assertNothingKept(address(token));
    }

    /// @dev Whatever the call is, the account that makes it is the caller, and the first that follows the amount.
    function testFuzz_NobodyCallsForAnother(address caller, bytes calldata call) external {
        vm.assume(caller != address(0) && caller != address(portal));
        token.mint(caller, AMOUNT);
        vm.prank(caller);
        token.approve(address(portal), AMOUNT);
        expectTokens(address(token), AMOUNT, caller, call);
        vm.prank(caller);
        portal.depositAndCall(address(token), app, AMOUNT, call);
        assertNothingKept(address(token));
    }

    /// @dev The layout, byte by byte.
    function test_Payload() external {
        vm.recordLogs();
        depositAndCall(1, hex"c0ffee");
        bytes memory input = abi.decode(lastData(), (bytes));
        bytes memory payload = bytes.concat(
            bytes20(address(token)),
            bytes20(address(portal)),
            hex"0000000000000000000000000000000000000000000000000000000000000001",
            bytes20(alice),
            hex"c0ffee"
        );
        assertEq(input.length, 4 + 8 * 32 + 32 + 96);
        assertEq(bytes4(input), bytes4(0x415bf363));
        for (uint256 i = 0; i < payload.length; ++i) {
            assertEq(input[4 + 9 * 32 + i], payload[i]);
        }
    }

    function lastData() private returns (bytes memory data) {
        bytes32 topic = IInputBox.InputAdded.selector;
        assertEq(topic, 0xc05d337121a6e8605c6ec0b72aa29c4210ffe6e5b9cefdd6a7058188a8f66f98);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic) data = logs[i].data;
        }
    }

    function depositAndCall(uint256 amount, bytes memory call) private {
        vm.prank(alice);
        portal.depositAndCall(address(token), app, amount, call);
    }
}
