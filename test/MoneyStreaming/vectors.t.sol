// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMoneyStreaming} from "../../contracts/interfaces/IMoneyStreaming.sol";
import {PreparedStreams} from "../PreparedStreams.sol";
import {BlockClock, TimestampClock} from "../StreamingTest.sol";
import {PlainToken} from "../mocks/PlainToken.sol";

/// @dev Runs every row of the golden vectors through the contract. What the columns mean is told beside them.
abstract contract VectorsTest is PreparedStreams {
    PlainToken internal huge;
    PlainToken internal otherHuge;
    string internal json;

    function setUp() public override {
        super.setUp();
        huge = new PlainToken(18);
        otherHuge = new PlainToken(18);
        fundHugely(huge);
        fundHugely(otherHuge);
        json = vm.readFile("test/vectors/accrual.json");
    }

    function test_Accrual() external {
        uint256[] memory cells = vm.parseJsonUintArray(json, ".accrual.cells");
        uint256 nColumns = countColumns(".accrual.columns", 10);
        checkIsWhole(cells.length, nColumns);
        for (uint256 row = 0; row < cells.length; row += nColumns) {
            uint256 id = createRow(cells, row);
            withdrawRow(cells, row, id);

            IMoneyStreaming.StreamState memory state = stateOf(id);
            assertEq(uint256(state.balance) + state.withdrawn, cells[row + 6], "deposit");
            assertEq(uint256(state.due) + state.withdrawn, cells[row + 7], "accrued");
            assertEq(state.due, cells[row + 8], "due");
            assertEq(state.refundable, cells[row + 9], "refundable");
            assertEq(streaming.balanceOf(id, recipient), cells[row + 8], "balanceOf(recipient)");
            assertEq(streaming.balanceOf(id, sender), cells[row + 9], "balanceOf(sender)");
        }
    }

    function test_Updates() external {
        uint256[] memory cells = vm.parseJsonUintArray(json, ".updates.cells");
        uint256 nColumns = countColumns(".updates.columns", 15);
        checkIsWhole(cells.length, nColumns);
        for (uint256 row = 0; row < cells.length; row += nColumns) {
            streamId = createRow(cells, row);
            withdrawRow(cells, row, streamId);
            Terms memory terms = termsOf(cells, row + 6);
            uint256 senders = huge.balanceOf(sender);
            uint256 sendersOther = otherHuge.balanceOf(sender);
            uint256 recipients = huge.balanceOf(recipient);
            confirm(recipient, terms);
            confirm(sender, terms);

            IMoneyStreaming.StreamState memory state = stateOf(streamId);
            assertEq(state.token, terms.token, "token");
            assertEq(state.start, cells[row + 10], "newStart");
            assertEq(state.stop, terms.stop, "newStop");
            assertEq(state.payment, terms.payment, "newPayment");
            assertEq(state.interval, terms.interval, "newInterval");
            assertEq(state.balance, cells[row + 11], "newDeposit");
            assertEq(state.refundable, cells[row + 11], "newDeposit");
            assertEq(huge.balanceOf(recipient) - recipients, cells[row + 12], "due");
            bool sameToken = terms.token == address(huge);
            assertEq(huge.balanceOf(sender) + (sameToken ? cells[row + 13] : 0), senders + cells[row + 14], "refunded");
            assertEq(otherHuge.balanceOf(sender) + (sameToken ? 0 : cells[row + 13]), sendersOther, "pulled");
        }
    }

    function test_Invalid() external {
        uint256[] memory cells = vm.parseJsonUintArray(json, ".invalid.cells");
        string[] memory errors = vm.parseJsonStringArray(json, ".invalid.errors");
        uint256 nColumns = countColumns(".invalid.columns", 9);
        checkIsWhole(cells.length, nColumns);
        assertEq(errors.length, cells.length / nColumns);
        for (uint256 i = 0; i < errors.length; ++i) {
            uint256 row = i * nColumns;
            setTime(cells[row]);
            vm.expectRevert(errorOf(errors[i], cells, row + 5));
            vm.prank(sender);
            streaming.create(recipient, address(huge), cells[row + 1], cells[row + 2], cells[row + 3], cells[row + 4]);
        }
    }

    function test_InvalidUpdates() external {
        uint256[] memory cells = vm.parseJsonUintArray(json, ".invalidUpdates.cells");
        string[] memory errors = vm.parseJsonStringArray(json, ".invalidUpdates.errors");
        uint256 nColumns = countColumns(".invalidUpdates.columns", 13);
        checkIsWhole(cells.length, nColumns);
        assertEq(errors.length, cells.length / nColumns);
        for (uint256 i = 0; i < errors.length; ++i) {
            uint256 row = i * nColumns;
            streamId = createRow(cells, row);
            setTime(cells[row + 4]);
            bytes memory revertReason = keccak256(bytes(errors[i])) == keccak256("TermsUnchanged")
                ? abi.encodeWithSelector(IMoneyStreaming.TermsUnchanged.selector, streamId)
                : errorOf(errors[i], cells, row + 9);
            Terms memory terms = termsOf(cells, row + 5);
            vm.expectRevert(revertReason);
            confirm(i % 2 == 0 ? sender : recipient, terms);
        }
    }

    function fundHugely(PlainToken token_) private {
        token_.mint(sender, type(uint256).max);
        vm.prank(sender);
        token_.approve(address(streaming), type(uint256).max);
    }

    /// @dev The stream whose terms are the four cells from `first` on.
    function createRow(uint256[] memory cells, uint256 first) private returns (uint256 id) {
        setTime(0);
        vm.prank(sender);
        return
            streaming.create(
                recipient, address(huge), cells[first], cells[first + 1], cells[first + 2], cells[first + 3]
            );
    }

    /// @dev At the time of the row the recipient takes what the row says was withdrawn.
    function withdrawRow(uint256[] memory cells, uint256 row, uint256 id) private {
        setTime(cells[row + 5]);
        if (cells[row + 4] == 0) return;
        vm.prank(recipient);
        streaming.withdraw(id, cells[row + 4]);
    }

    function termsOf(uint256[] memory cells, uint256 first) private view returns (Terms memory terms) {
        address token_ = cells[first + 3] == 1 ? address(huge) : address(otherHuge);
        return Terms(token_, cells[first], cells[first + 1], cells[first + 2]);
    }

    /// @dev All arguments of these errors are of type `uint256`; their number is the cell `first`, they follow it.
    function errorOf(string memory name, uint256[] memory cells, uint256 first)
        private
        pure
        returns (bytes memory revertReason)
    {
        string memory signature = string.concat(name, "(");
        bytes memory arguments;
        for (uint256 i = 1; i <= cells[first]; ++i) {
            signature = string.concat(signature, i == 1 ? "uint256" : ",uint256");
            arguments = bytes.concat(arguments, bytes32(cells[first + i]));
        }
        return bytes.concat(bytes4(keccak256(bytes(string.concat(signature, ")")))), arguments);
    }

    function countColumns(string memory key, uint256 expected) private view returns (uint256 nColumns) {
        nColumns = vm.parseJsonStringArray(json, key).length;
        assertEq(nColumns, expected, "the columns have changed");
    }

    function checkIsWhole(uint256 nCells, uint256 nColumns) private pure {
        assertGt(nCells, 0);
        assertEq(nCells % nColumns, 0);
    }
}

contract BlockVectorsTest is VectorsTest, BlockClock {}

contract TimestampVectorsTest is VectorsTest, TimestampClock {}
