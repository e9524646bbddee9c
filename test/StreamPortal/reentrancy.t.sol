// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {HookToken} from "../mocks/HookToken.sol";
import {HostileStreaming} from "../mocks/HostileStreaming.sol";
import {Intruder} from "../mocks/Intruder.sol";
import {PlainApp} from "../mocks/PlainApp.sol";
import {ForwardTest} from "./ForwardTest.sol";

/// @dev From each place where others get to act, each function is called again, alone and within a batch. The lock stops
/// it, and the deposit is what it would have been.
abstract contract PortalReentrancyTest is ForwardTest {
    uint256 internal constant AMOUNT = 500e18;

    HookToken internal hooked;
    Intruder internal intruder;

    function setUp() public override {
        super.setUp();
        hooked = new HookToken();
        intruder = new Intruder();
        streamId = createSalary(address(hooked));
        fund(address(hooked), AMOUNT);
        vm.deal(alice, AMOUNT);
        setTime(STOP);
        address[4] memory accounts = [alice, address(portal), app, address(streaming)];
        for (uint256 i = 0; i < accounts.length; ++i) {
            hooked.setHook(accounts[i], intruder);
        }
    }

    function test_TokenOfDeposit() external {
        checkLocked(deposit, 4, AMOUNT);
    }

    function test_TokenOfDepositAndCall() external {
        checkLocked(depositAndCall, 4, AMOUNT);
    }

    function test_TokenOfDepositAndStream() external {
        checkLocked(depositAndStream, 4, AMOUNT);
    }

    function test_TokenOfForward() external {
        checkLocked(forwardSalary, 4, SALARY);
    }

    function test_TokenOfCredit() external {
        vm.mockCallRevert(address(hooked), abi.encodeWithSelector(hooked.transfer.selector), "");
        vm.prank(alice);
        streaming.redeem(streamId);
        vm.clearMockedCalls();
        checkLocked(forwardCredit, 4, SALARY);
    }

    function test_Application() external {
        bytes[] memory calls = waysIn();
        for (uint256 i = 0; i < calls.length; ++i) {
            uint256 before = app.balance;
            intruder.aim(address(portal), calls[i]);
            PlainApp(payable(app)).aim(address(intruder), abi.encodeCall(Intruder.tokensReceived, (app, app, 0)));
            expectEther(1, bob, "");
            vm.prank(alice);
            portal.depositEther{value: 1}(app, bob);
            assertEq(app.balance, before + 1);
            assertEq(intruder.nLocked(), i + 1);
            assertEq(address(portal).balance, 0);
        }
    }

    function test_Streaming() external {
        HostileStreaming hostile = new HostileStreaming();
        hostile.claimToPay(inbox, address(token));
        bytes[] memory calls = waysIn();
        for (uint256 i = 0; i < calls.length; ++i) {
            // It pays, and then tries to get in.
            intruder.aim(address(portal), calls[i]);
            hostile.aim(address(this), abi.encodeCall(this.payAndEnter, ()));
            expectTokens(address(token), 3, bob, "");
            portal.forwardStream(app, bob, IMoneyStreaming(address(hostile)), 1);
            expectTokens(address(token), 3, bob, "");
            portal.forwardCredit(app, bob, IMoneyStreaming(address(hostile)), address(token));
            assertEq(intruder.nLocked(), 2 * (i + 1));
            assertEq(hostile.nFailed(), 0);
        }
        assertEq(token.balanceOf(app), 6 * calls.length);
        assertNothingKept(address(token));
    }

    function test_TokenOfPermit() external {
        bytes[] memory calls = waysIn();
        PermitIntruder hostile = new PermitIntruder(address(portal));
        for (uint256 i = 0; i < calls.length; ++i) {
            hostile.aim(calls[i]);
            portal.permit(address(hostile), 1, 1, 27, 0, 0);
            assertFalse(hostile.hasEntered());
            assertEq(bytes4(hostile.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        }
    }

    function payAndEnter() external {
        token.mint(address(portal), 3);
        intruder.tokensReceived(address(0), address(0), 0);
    }

    /* ACTS */

    function deposit() private {
        expectTokens(address(hooked), AMOUNT, bob, "");
        vm.prank(alice);
        portal.deposit(address(hooked), app, AMOUNT, bob);
    }

    function depositAndCall() private {
        expectTokens(address(hooked), AMOUNT, alice, "{}");
        vm.prank(alice);
        portal.depositAndCall(address(hooked), app, AMOUNT, "{}");
    }

    function depositAndStream() private {
        expectTokens(address(hooked), AMOUNT, alice, batchCall(address(hooked), someOrders(2, AMOUNT)));
        vm.prank(alice);
        portal.depositAndStream(address(hooked), app, AMOUNT, someOrders(2, AMOUNT));
    }

    function forwardSalary() private {
        expectTokens(address(hooked), SALARY, bob, "");
        assertEq(forward(streamId), SALARY);
    }

    function forwardCredit() private {
        expectTokens(address(hooked), SALARY, bob, "");
        assertEq(portal.forwardCredit(app, bob, streaming, address(hooked)), SALARY);
    }

    /* CHECKS */

    /// @dev Runs `act` once for each way back in, each time from the same state.
    function checkLocked(function() internal act, uint256 nCallbacks, uint256 amount) private {
        bytes[] memory calls = waysIn();
        for (uint256 i = 0; i < calls.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            uint256 before = intruder.nCallbacks();
            uint256 lockedBefore = intruder.nLocked();
            intruder.aim(address(portal), calls[i]);
            act();
            assertEq(intruder.nCallbacks() - before, nCallbacks, "callbacks");
            assertEq(intruder.nLocked() - lockedBefore, nCallbacks, "locked");
            assertInputs(1);
            assertEq(hooked.balanceOf(app), amount);
            assertNothingKept(address(hooked));
            vm.revertToState(snapshot);
        }
    }

    function waysIn() private view returns (bytes[] memory calls) {
        uint256 n = 10;
        calls = new bytes[](2 * n);
        address asset = address(hooked);
        calls[0] = abi.encodeCall(portal.permit, (asset, 1, 1, 27, 0, 0));
        calls[1] = abi.encodeCall(portal.deposit, (asset, app, 1, alice));
        calls[2] = abi.encodeCall(portal.depositAndStream, (asset, app, 1, someOrders(1, 1)));
        calls[3] = abi.encodeCall(portal.depositAndCall, (asset, app, 1, "{}"));
        calls[4] = abi.encodeCall(portal.depositEther, (app, alice));
        calls[5] = abi.encodeCall(portal.depositEtherAndStream, (app, someOrders(1, 0)));
        calls[6] = abi.encodeCall(portal.depositEtherAndCall, (app, "{}"));
        calls[7] = abi.encodeCall(portal.forwardStream, (app, bob, streaming, streamId));
        calls[8] = abi.encodeCall(portal.forwardCredit, (app, bob, streaming, asset));
        calls[9] = abi.encodeCall(portal.openInbox, (app, bob));
        for (uint256 i = 0; i < n; ++i) {
            bytes[] memory batch = new bytes[](1);
            batch[0] = calls[i];
            calls[n + i] = abi.encodeCall(portal.multicall, (batch));
        }
    }
}

/// @dev A token that does nothing but try to get in when it is given a permit.
contract PermitIntruder {
    address private immutable PORTAL;

    bool public hasEntered;
    bytes public answer;
    bytes private _call;

    constructor(address portal) {
        PORTAL = portal;
    }

    function aim(bytes calldata call) external {
        _call = call;
    }

    function permit(address, address, uint256, uint256, uint8, bytes32, bytes32) external {
        (hasEntered, answer) = PORTAL.call(_call);
    }
}

contract BlockPortalReentrancyTest is PortalReentrancyTest, BlockClock {}

contract TimestampPortalReentrancyTest is PortalReentrancyTest, TimestampClock {}
