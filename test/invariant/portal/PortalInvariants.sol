// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {MoneyStreaming} from "../../../contracts/MoneyStreaming.sol";
import {StreamPortal} from "../../../contracts/StreamPortal.sol";
import {IStreamInbox} from "../../../contracts/interfaces/IStreamInbox.sol";
import {IInputBox} from "../../StreamPortal/Cartesi.sol";
import {ITraveller} from "../World.sol";
import {PortalHandler} from "./PortalHandler.sol";

/// @dev The checks, by the numbers in README.md. Each returns how much it looked at.
contract PortalInvariants is PortalHandler {
    constructor(StreamPortal portal, IInputBox inputBox, MoneyStreaming streaming, ITraveller traveller)
        PortalHandler(portal, inputBox, streaming, traveller)
    {}

    function actions() external pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](18);
        selectors[0] = this.deposit.selector;
        selectors[1] = this.depositAndStream.selector;
        selectors[2] = this.depositAndCall.selector;
        selectors[3] = this.depositTwice.selector;
        selectors[4] = this.depositAnothers.selector;
        selectors[5] = this.depositEther.selector;
        selectors[6] = this.depositEtherAndStream.selector;
        selectors[7] = this.depositEtherAndCall.selector;
        selectors[8] = this.forwardStream.selector;
        selectors[9] = this.forwardCredit.selector;
        selectors[10] = this.forwardLies.selector;
        selectors[11] = this.openInbox.selector;
        selectors[12] = this.meddle.selector;
        selectors[13] = this.donate.selector;
        selectors[14] = this.donateEther.selector;
        selectors[15] = this.switchFee.selector;
        selectors[16] = this.switchCrooked.selector;
        selectors[17] = this.aim.selector;
    }

    function nTokens() external view returns (uint256 n) {
        return _tokens.length;
    }

    function nInputs() external view returns (uint256 n) {
        return _nInputs;
    }

    function checkNothingKept() external view returns (uint256 nChecked) {
        for (; nChecked < _tokens.length; ++nChecked) {
            address token = _tokens[nChecked];
            assertEq(_balance(token, address(PORTAL)), _donated[token][address(PORTAL)], "1: kept");
            if (token == address(0)) continue;
            assertEq(IERC20(token).allowance(address(PORTAL), address(PORTAL.erc20Portal())), 0, "1: allowance");
            assertEq(_balance(token, address(PORTAL.erc20Portal())), 0, "1: kept by Cartesi's portal");
        }
    }

    function checkCredited() external view returns (uint256 nChecked) {
        for (uint256 i = 0; i < _apps.length; ++i) {
            nChecked += _nInputsOf[_apps[i]];
            assertEq(INPUT_BOX.getNumberOfInputs(_apps[i]), _nInputsOf[_apps[i]], "2: inputs");
            for (uint256 j = 0; j < _tokens.length; ++j) {
                address token = _tokens[j];
                uint256 total = 0;
                for (uint256 k = 0; k < _users.length; ++k) {
                    uint256 credited = _credited[_apps[i]][token][_users[k]];
                    assertEq(credited, _deposited[_apps[i]][token][_users[k]], "2: credited");
                    total += credited;
                }
                assertEq(_balance(token, _apps[i]), total + _donated[token][_apps[i]], "3: application");
            }
        }
    }

    /// @dev What an inbox holds is what it was given; nothing of it goes anywhere without the owner.
    function checkInboxes() external view returns (uint256 nChecked) {
        for (uint256 i = 0; i < _apps.length; ++i) {
            for (uint256 j = 0; j < _users.length; ++j) {
                address inbox = PORTAL.inboxOf(_apps[i], _users[j]);
                for (uint256 k = 0; k < _tokens.length; ++k) {
                    assertEq(_balance(_tokens[k], inbox), _donated[_tokens[k]][inbox], "5: inbox");
                }
                if (inbox.code.length == 0) continue;
                assertEq(IStreamInbox(payable(inbox)).app(), _apps[i], "5: app");
                assertEq(IStreamInbox(payable(inbox)).owner(), _users[j], "5: owner");
                ++nChecked;
            }
        }
    }

    function checkLock() external view {
        assertEq(INTRUDER.nLocked(), INTRUDER.nCallbacks(), "6: entered again");
    }

    function _balance(address token, address account) private view returns (uint256 balance) {
        return token == address(0) ? account.balance : IERC20(token).balanceOf(account);
    }
}
