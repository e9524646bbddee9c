// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {BlockClock, StreamingTest, TimestampClock} from "../StreamingTest.sol";

contract PlainToken is ERC20 {
    constructor(address account) ERC20("Plain", "PLN") {
        _mint(account, 1e30);
    }
}

/// @dev Each measured call is a transaction of its own: cold storage, intrinsic gas, after refunds, as in a receipt.
/// The contract and the token are in use, the allowance is unlimited and both parties hold the token; 3,600 tokens run
/// over 3,600 steps.
abstract contract GasTest is StreamingTest {
    PlainToken internal token;
    address internal sender = makeAddr("sender");
    address internal recipient = makeAddr("recipient");
    uint256 internal start;
    uint256 internal stop;
    uint256 internal streamId;

    uint256 internal constant PAYMENT = 1e18;

    function setUp() public override {
        super.setUp();
        token = new PlainToken(sender);
        start = streaming.clock() + 100;
        stop = start + 3600;
        vm.startPrank(sender);
        assertTrue(token.transfer(recipient, 1e18));
        token.approve(address(streaming), type(uint256).max);
        streaming.create(recipient, address(token), start, stop, PAYMENT, 1);
        streamId = streaming.create(recipient, address(token), start, stop, PAYMENT, 1);
        vm.stopPrank();
        setTime(start);
    }

    function group() internal pure virtual returns (string memory);

    function pin(string memory name) internal returns (uint256 gas) {
        return vm.snapshotGasLastCall(group(), name);
    }

    function test_Create() external {
        vm.prank(sender);
        streaming.create(recipient, address(token), start, stop, PAYMENT, 1);
        assertLe(pin("create"), 125_000);
    }

    function test_CreateFor() external {
        vm.prank(sender);
        streaming.createFor(recipient, address(token), PAYMENT, 1, 3600);
        assertLe(pin("createFor"), 125_000);
    }

    function test_Withdraw() external {
        setTime(start + 1800);
        vm.prank(recipient);
        streaming.withdraw(streamId, 900 * PAYMENT);
        assertLe(pin("withdraw a part"), 53_000);
        vm.prank(recipient);
        streaming.withdraw(streamId, 100 * PAYMENT);
        assertLe(pin("withdraw a part again"), 53_000);
    }

    function test_WithdrawAfterStop() external {
        setTime(stop);
        vm.prank(recipient);
        streaming.withdraw(streamId, 3600 * PAYMENT);
        assertLe(pin("withdraw all after the stop"), 53_000);
    }

    function test_WithdrawMax() external {
        setTime(start + 1800);
        vm.prank(recipient);
        streaming.withdrawMax(streamId, recipient);
        assertLe(pin("withdrawMax"), 54_000);
    }

    function test_Redeem() external {
        setTime(start + 1800);
        vm.prank(sender);
        streaming.redeem(streamId);
        assertLe(pin("redeem half way"), 56_000);
    }

    function test_Settle() external {
        setTime(stop);
        uint256[] memory ids = new uint256[](1);
        ids[0] = streamId;
        streaming.settle(ids);
        assertLe(pin("settle one"), 56_000);
    }

    function test_Revoke() external {
        vm.prank(sender);
        streaming.confirmUpdate(streamId, address(token), stop + 3600, PAYMENT, 1);
        vm.prank(recipient);
        streaming.revokeUpdate(streamId, address(token), stop + 3600, PAYMENT, 1);
        pin("revokeUpdate");
    }

    function test_ExtendPaidOut() external {
        setTime(start + 1800);
        vm.prank(recipient);
        streaming.withdraw(streamId, 1800 * PAYMENT);
        confirmBoth(stop + 3600, PAYMENT, "nothing due, sender tops up");
    }

    function test_Shorten() external {
        setTime(start + 1800);
        vm.prank(recipient);
        streaming.withdraw(streamId, 1800 * PAYMENT);
        confirmBoth(stop - 900, PAYMENT, "nothing due, sender is refunded");
    }

    function test_ExtendWithDue() external {
        setTime(start + 1800);
        vm.prank(sender);
        streaming.confirmUpdate(streamId, address(token), stop + 3600, PAYMENT, 1);
        vm.prank(recipient);
        streaming.confirmUpdate(streamId, address(token), stop + 3600, PAYMENT, 1);
        assertLe(pin("second confirmation, recipient is paid, sender tops up"), 85_000);
    }

    function confirmBoth(uint256 newStop, uint256 payment, string memory what) internal {
        vm.prank(sender);
        streaming.confirmUpdate(streamId, address(token), newStop, payment, 1);
        assertLe(pin("first confirmation"), 57_000);
        vm.prank(recipient);
        streaming.confirmUpdate(streamId, address(token), newStop, payment, 1);
        assertLe(pin(string.concat("second confirmation, ", what)), 75_000);
    }
}

/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract BlockGasTest is GasTest, BlockClock {
    function group() internal pure override returns (string memory) {
        return "BlockMoneyStreaming";
    }
}

/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract TimestampGasTest is GasTest, TimestampClock {
    function group() internal pure override returns (string memory) {
        return "TimestampMoneyStreaming";
    }
}
