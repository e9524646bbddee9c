// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Vm} from "forge-std/Vm.sol";

import {IERC1620} from "../../contracts/interfaces/IERC1620.sol";
import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";

/// @dev What the outside world relies on to the byte: the standard's selectors and topics, interface ids, the storage of
/// a stream, and that there is no way to pay Ether.
abstract contract StandardTest is PreparedStreams {
    function test_Selectors() external pure {
        assertEq(IERC1620.balanceOf.selector, bytes4(0x3656eec2));
        assertEq(IERC1620.getStream.selector, bytes4(0x894e9a0d));
        assertEq(IERC1620.create.selector, bytes4(0xd0174145));
        assertEq(IERC1620.withdraw.selector, bytes4(0x441a3e70));
        assertEq(IERC1620.redeem.selector, bytes4(0xdb006a75));
        assertEq(IERC1620.confirmUpdate.selector, bytes4(0x63aef682));
        assertEq(IERC1620.revokeUpdate.selector, bytes4(0xc5daca92));
    }

    function test_Topics() external pure {
        assertEq(IERC1620.LogCreate.selector, 0x423751e4650808e365f2255a83be649efc58833777158ceb788549ba102cced1);
        assertEq(IERC1620.LogWithdraw.selector, 0x125e889e0ad284210ec4c8448f648c2a782a6d7f2f9d607aefd518485a78c7f4);
        assertEq(IERC1620.LogRedeem.selector, 0xff72f0afe99649065fe51103b8e6177f865b08295c2a211ac54c13969a08d6b4);
        assertEq(IERC1620.LogConfirmUpdate.selector, 0xb34ecde1edd9dca113c19634291cd72c01df1ef42da78fe38bf8d6d5fc68571c);
        assertEq(IERC1620.LogRevokeUpdate.selector, 0xb42e0870648db2bc9e6f3dba1ae2b29628cba8d139077e11e9eddf784d0bd8fd);
        assertEq(IERC1620.LogExecuteUpdate.selector, 0x22d436a2dc9bb1c1f56ac5144978bb667601f889bd8eb47a97760bdd977a700c);
    }

    /// @dev The standard has no function of this name; its misprinted signature is not answered.
    function test_MisprintedUpdateIsUnknown() external {
        vm.prank(sender);
        (bool answered,) = address(streaming)
            .call(abi.encodeWithSelector(bytes4(0x1ad4156f), streamId, token, STOP, 2 * PAYMENT, INTERVAL));
        assertFalse(answered);
    }

    function test_SupportsInterface() external view {
        assertEq(type(IERC1620).interfaceId, bytes4(0x56615d9f));
        assertTrue(streaming.supportsInterface(0x56615d9f));
        assertTrue(streaming.supportsInterface(type(IMoneyStreaming).interfaceId));
        assertTrue(streaming.supportsInterface(type(IERC6372).interfaceId));
        assertEq(type(IERC165).interfaceId, bytes4(0x01ffc9a7));
        assertTrue(streaming.supportsInterface(0x01ffc9a7));
        assertFalse(streaming.supportsInterface(0xffffffff));
        assertFalse(streaming.supportsInterface(0x00000000));
    }

    /// @dev Streams, parties and token are in use: one more stream changes three slots of its own and
    /// the counters, and no other.
    function test_AStreamIsThreeSlots() external {
        vm.startStateDiffRecording();
        uint256 id = createStream(address(token));
        Vm.AccountAccess[] memory accesses = vm.stopAndReturnStateDiff();
        uint256 first = uint256(keccak256(abi.encode(id, 0)));
        for (uint256 i = 0; i < accesses.length; ++i) {
            for (uint256 j = 0; j < accesses[i].storageAccesses.length; ++j) {
                Vm.StorageAccess memory access = accesses[i].storageAccesses[j];
                if (access.account != address(streaming) || access.previousValue == access.newValue) continue;
                assertTrue(access.slot == COUNTERS_SLOT || uint256(access.slot) - first < 3);
            }
        }
        assertEq(load(first), uint256(uint160(recipient)) | START << 160 | STOP << 208);
        assertEq(load(first + 1), PAYMENT);
        assertEq(load(first + 2), uint256(uint160(sender)) | INTERVAL << 160 | uint256(1) << 208);
        assertEq(load(first + 3), 0);
        assertEq(load(uint256(COUNTERS_SLOT)), id | uint256(1) << 224);
    }

    function test_WithdrawnIsTheUpperHalfOfTheSecondSlot() external {
        setTime(STOP);
        vm.prank(recipient);
        streaming.withdraw(streamId, PAYMENT + 1);
        assertEq(load(uint256(keccak256(abi.encode(streamId, 0))) + 1), PAYMENT | (PAYMENT + 1) << 128);
    }

    function test_AnEndedStreamLeavesNothing() external {
        redeemStream(streamId);
        uint256 first = uint256(keccak256(abi.encode(streamId, 0)));
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(load(first + i), 0);
        }
    }

    /// @dev What a party consents to is a hash, under the stream and the party; an executed update clears it.
    function test_AConsentIsAHash() external {
        Terms memory terms = Terms(address(token), STOP, 2 * PAYMENT, INTERVAL);
        uint256 slot = uint256(keccak256(abi.encode(sender, keccak256(abi.encode(streamId, 1)))));
        confirm(sender, terms);
        assertEq(load(slot), uint256(keccak256(abi.encode(streamId, 0, terms))));
        confirm(recipient, terms);
        assertEq(load(slot), 0);
        terms.payment = PAYMENT;
        confirm(sender, terms);
        assertEq(load(slot), uint256(keccak256(abi.encode(streamId, 1, terms))));
    }

    /// @dev Every function that changes state, in a call that works without Ether.
    function test_EtherIsRefused() external {
        Terms memory terms = Terms(address(token), STOP, 2 * PAYMENT, INTERVAL);
        uint256 creditedId = createStream(address(token));
        vm.mockCallRevert(address(token), abi.encodeWithSelector(IERC20.transfer.selector), "");
        redeemStream(creditedId);
        vm.clearMockedCalls();
        confirm(sender, terms);
        setTime(START);
        checkEtherRefused(
            sender, abi.encodeCall(streaming.create, (recipient, terms.token, START, STOP, PAYMENT, INTERVAL))
        );
        checkEtherRefused(
            sender, abi.encodeCall(streaming.createFor, (recipient, terms.token, PAYMENT, INTERVAL, N_INTERVALS))
        );
        checkEtherRefused(
            recipient, abi.encodeCall(streaming.confirmUpdate, (streamId, terms.token, STOP, terms.payment, INTERVAL))
        );
        checkEtherRefused(
            recipient, abi.encodeCall(streaming.acceptUpdate, (streamId, terms.token, STOP, terms.payment, INTERVAL))
        );
        checkEtherRefused(
            recipient, abi.encodeCall(streaming.revokeUpdate, (streamId, terms.token, STOP, terms.payment, INTERVAL))
        );
        checkEtherRefused(sender, abi.encodeCall(streaming.claim, (terms.token, sender)));
        checkEtherRefused(sender, abi.encodeCall(streaming.multicall, (new bytes[](0))));

        setTime(STOP);
        checkEtherRefused(recipient, abi.encodeCall(streaming.withdraw, (streamId, PAYMENT)));
        checkEtherRefused(recipient, abi.encodeCall(streaming.withdrawTo, (streamId, payee, PAYMENT)));
        checkEtherRefused(recipient, abi.encodeCall(streaming.withdrawMax, (streamId, payee)));
        checkEtherRefused(recipient, abi.encodeCall(streaming.redeem, (streamId)));
        checkEtherRefused(stranger, abi.encodeCall(streaming.settle, (ids(streamId))));
    }

    function test_BareEtherIsRefused() external {
        vm.deal(address(this), 1 ether);
        (bool answered,) = address(streaming).call{value: 1}("");
        assertFalse(answered);
        (answered,) = address(streaming).call{value: 1}(hex"12345678");
        assertFalse(answered);
    }

    function checkEtherRefused(address caller, bytes memory call) private {
        uint256 snapshot = vm.snapshotState();
        vm.deal(caller, 1);
        vm.prank(caller);
        (bool answered,) = address(streaming).call{value: 1}(call);
        assertFalse(answered);
        assertEq(address(streaming).balance, 0);
        vm.prank(caller);
        (answered,) = address(streaming).call(call);
        assertTrue(answered);
        vm.revertToState(snapshot);
    }

    function load(uint256 slot) private view returns (uint256 value) {
        return uint256(vm.load(address(streaming), bytes32(slot)));
    }
}

contract BlockStandardTest is StandardTest, BlockClock {}

contract TimestampStandardTest is StandardTest, TimestampClock {}
