// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {StreamPortal} from "../../../contracts/StreamPortal.sol";
import {MoneyStreaming} from "../../../contracts/MoneyStreaming.sol";
import {IMoneyStreaming} from "../../../contracts/interfaces/IMoneyStreaming.sol";
import {IStreamInbox} from "../../../contracts/interfaces/IStreamInbox.sol";
import {IStreamPortal} from "../../../contracts/interfaces/IStreamPortal.sol";
import {IInputBox} from "../../StreamPortal/Cartesi.sol";
import {HostileStreaming} from "../../mocks/HostileStreaming.sol";
import {ITransferHook} from "../../mocks/HookToken.sol";
import {PlainToken} from "../../mocks/PlainToken.sol";
import {ITraveller} from "../World.sol";
import {PortalWorld} from "./PortalWorld.sol";

/// @dev What users, strangers and hostile contracts do.
abstract contract PortalHandler is PortalWorld {
    MoneyStreaming private immutable STREAMING;
    ITraveller private immutable TRAVELLER;
    HostileStreaming private immutable HOSTILE = new HostileStreaming();

    constructor(StreamPortal portal, IInputBox inputBox, MoneyStreaming streaming, ITraveller traveller)
        PortalWorld(portal, inputBox)
    {
        STREAMING = streaming;
        TRAVELLER = traveller;
        INTRUDER.aim(address(portal), abi.encodeCall(portal.openInbox, (address(this), address(this))));
    }

    /* DEPOSITS */

    function deposit(uint256 seed) external action(seed) {
        (address user, address app, address token, uint256 amount) = _pickDeposit();
        address beneficiary = _pickUser();
        bool passes = _passes(token, app);
        if (passes) _expect(app, token, beneficiary, amount, "");
        _act(user, 0, abi.encodeCall(PORTAL.deposit, (token, app, amount, beneficiary)), passes);
        _putAway(user, token);
    }

    function depositAndStream(uint256 seed) external action(seed) {
        (address user, address app, address token, uint256 amount) = _pickDeposit();
        IStreamPortal.StreamOrder[] memory orders = _pickOrders(amount);
        bool passes = _passes(token, app);
        if (passes) _expect(app, token, user, amount, _callOf(token, orders));
        _act(user, 0, abi.encodeCall(PORTAL.depositAndStream, (token, app, amount, orders)), passes);
        _putAway(user, token);
    }

    function depositAndCall(uint256 seed) external action(seed) {
        (address user, address app, address token, uint256 amount) = _pickDeposit();
        // Every so often too long for an input.
        bytes memory call = new bytes(_pick(16) == 0 ? 65_125 : _pick(300));
        bool passes = _passes(token, app) && call.length <= 65_124;
        if (passes) _expect(app, token, user, amount, call);
        _act(user, 0, abi.encodeCall(PORTAL.depositAndCall, (token, app, amount, call)), passes);
        _putAway(user, token);
    }

    /// @dev Both or none.
    function depositTwice(uint256 seed) external action(seed) {
        (address user, address app, address token, uint256 amount) = _pickDeposit();
        bytes[] memory calls = new bytes[](2);
        uint256 part = 5e17;
        bool isSpoilt = _pick(4) == 0;
        calls[0] = abi.encodeCall(PORTAL.depositAndCall, (token, app, part, "{}"));
        calls[1] = abi.encodeCall(PORTAL.deposit, (token, app, isSpoilt ? 0 : amount - part, user));
        bool passes = _passes(token, app) && !isSpoilt;
        if (passes) {
            _expect(app, token, user, part, "{}");
            _expect(app, token, user, amount - part, "");
        }
        _act(user, 0, abi.encodeCall(PORTAL.multicall, (calls)), passes);
        _putAway(user, token);
    }

    /// @dev Nobody deposits what is somebody else's, whatever was approved.
    function depositAnothers(uint256 seed) external action(seed) {
        (address user, address app, address token, uint256 amount) = _pickDeposit();
        address thief = address(0x7e1ef);
        _act(thief, 0, abi.encodeCall(PORTAL.deposit, (token, app, amount, thief)), false);
        _putAway(user, token);
    }

    /* ETHER */

    function depositEther(uint256 seed) external action(seed) {
        (address user, address app, uint256 amount) = _pickEther();
        address beneficiary = _pickUser();
        if (amount != 0) _expect(app, address(0), beneficiary, amount, "");
        _act(user, amount, abi.encodeCall(PORTAL.depositEther, (app, beneficiary)), amount != 0);
    }

    function depositEtherAndStream(uint256 seed) external action(seed) {
        (address user, address app, uint256 amount) = _pickEther();
        IStreamPortal.StreamOrder[] memory orders = _pickOrders(amount);
        if (amount != 0) _expect(app, address(0), user, amount, _callOf(address(0), orders));
        _act(user, amount, abi.encodeCall(PORTAL.depositEtherAndStream, (app, orders)), amount != 0);
    }

    function depositEtherAndCall(uint256 seed) external action(seed) {
        (address user, address app, uint256 amount) = _pickEther();
        bytes memory call = new bytes(_pick(300));
        if (amount != 0) _expect(app, address(0), user, amount, call);
        _act(user, amount, abi.encodeCall(PORTAL.depositEtherAndCall, (app, call)), amount != 0);
    }

    /* FORWARDS */

    /// @dev A salary of one payment, forwarded by anybody; for the wrong owner or application it is refused.
    function forwardStream(uint256 seed) external action(seed) {
        (address app, address owner, address token) = (_pickApp(), _pickUser(), _pickToken());
        uint256 amount = _pickAmount();
        uint256 streamId = _createSalary(app, owner, token, amount);
        TRAVELLER.travel(STREAMING.clock() + 1);
        bytes memory call = abi.encodeCall(PORTAL.forwardStream, (app, address(0xbad), STREAMING, streamId));
        _act(_pickUser(), 0, call, false);

        // What comes here is measured, so a toll here is borne by the owner, and one at the application is refused.
        bool passes = token == address(CROOKED) ? CROOKED.tollOf(app) == 0 : _passes(token, app);
        if (token == address(CROOKED)) amount -= CROOKED.tollOf(address(PORTAL));
        if (passes) _expect(app, token, owner, amount, "");
        _act(_pickUser(), 0, abi.encodeCall(PORTAL.forwardStream, (app, owner, STREAMING, streamId)), passes);
    }

    function forwardCredit(uint256 seed) external action(seed) {
        (address app, address owner) = (_pickApp(), _pickUser());
        address token = address(BLOCKING);
        uint256 amount = _pickAmount();
        address inbox = PORTAL.inboxOf(app, owner);
        uint256 streamId = _createSalary(app, owner, token, amount);
        TRAVELLER.travel(STREAMING.clock() + 1);
        uint256[] memory ids = new uint256[](1);
        ids[0] = streamId;
        BLOCKING.setBlocked(inbox, true);
        STREAMING.settle(ids);
        BLOCKING.setBlocked(inbox, false);

        bytes memory call = abi.encodeCall(PORTAL.forwardCredit, (app, owner, STREAMING, token));
        _expect(app, token, owner, amount, "");
        _act(_pickUser(), 0, call, true);
        _act(_pickUser(), 0, call, false);
    }

    /// @dev What a contract that lies delivers is credited, and what it says is not.
    function forwardLies(uint256 seed) external action(seed) {
        (address app, address owner) = (_pickApp(), _pickUser());
        uint256 amount = _pick(3) == 0 ? 0 : _pickAmount();
        HOSTILE.claimToPay(PORTAL.inboxOf(app, owner), address(PLAIN));
        HOSTILE.aim(address(PLAIN), abi.encodeCall(PlainToken.mint, (address(PORTAL), amount)));
        IMoneyStreaming hostile = IMoneyStreaming(address(HOSTILE));
        bytes memory call = _pick(2) == 0
            ? abi.encodeCall(PORTAL.forwardStream, (app, owner, hostile, _pick(9)))
            : abi.encodeCall(PORTAL.forwardCredit, (app, owner, hostile, address(PLAIN)));
        if (amount != 0) _expect(app, address(PLAIN), owner, amount, "");
        _act(_pickUser(), 0, call, amount != 0);
    }

    function openInbox(uint256 seed) external action(seed) {
        _act(_pickUser(), 0, abi.encodeCall(PORTAL.openInbox, (_pickApp(), _pickUser())), true);
    }

    /// @dev Nobody but its owner moves an inbox, and nobody but StreamPortal makes it pay StreamPortal.
    function meddle(uint256 seed) external action(seed) {
        (address app, address owner) = (_pickApp(), _pickUser());
        IStreamInbox inbox = IStreamInbox(payable(PORTAL.openInbox(app, owner)));
        bytes[3] memory calls = [
            abi.encodeCall(inbox.execute, (address(PLAIN), 0, abi.encodeCall(PLAIN.transfer, (address(0xbad), 1)))),
            abi.encodeCall(inbox.withdraw, (STREAMING, 1)),
            abi.encodeCall(inbox.claim, (STREAMING, address(BLOCKING)))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(address(0xbad));
            (bool passed,) = address(inbox).call(calls[i]);
            assertFalse(passed, "5: somebody else moved an inbox");
        }
    }

    /* TOKENS */

    function donate(uint256 seed) external action(seed) {
        address token = _pickToken();
        // Of inboxes, StreamPortal and applications.
        address[3] memory accounts = [address(PORTAL), PORTAL.inboxOf(_pickApp(), _pickUser()), _pickApp()];
        address account = accounts[_pick(3)];
        uint256 amount = _pickAmount();
        // The contract is at rest here, so a call out of the hook would be no re-entry.
        HOOK.setHook(address(PORTAL), ITransferHook(address(0)));
        uint256 before = PlainToken(token).balanceOf(account);
        PlainToken(token).mint(account, amount);
        _donated[token][account] += PlainToken(token).balanceOf(account) - before;
        HOOK.setHook(address(PORTAL), INTRUDER);
    }

    function donateEther(uint256 seed) external action(seed) {
        uint256 amount = 1 + _pick(1e18);
        // By force, as nothing else would do.
        vm.deal(address(PORTAL), address(PORTAL).balance + amount);
        _donated[address(0)][address(PORTAL)] += amount;
    }

    function switchFee(uint256 seed) external action(seed) {
        FEE.setFee(_pick(2) == 0 ? 0 : 1 + _pick(10_000));
    }

    function switchCrooked(uint256 seed) external action(seed) {
        CROOKED.setForgetful(_pick(2) == 0);
        CROOKED.setToll(address(PORTAL), _pick(4) == 0 ? 1 + _pick(1e17) : 0);
        address app = _pickApp();
        CROOKED.setToll(app, _pick(4) == 0 ? 1 + _pick(1e17) : 0);
    }

    /// @dev From the next transfer on, the hook tries this.
    function aim(uint256 seed) external action(seed) {
        (address app, address user, uint256 choice) = (_pickApp(), _pickUser(), _pick(5));
        bytes memory call;
        if (choice == 0) call = abi.encodeCall(PORTAL.deposit, (address(HOOK), app, 1, user));
        if (choice == 1) call = abi.encodeCall(PORTAL.depositEther, (app, user));
        if (choice == 2) call = abi.encodeCall(PORTAL.forwardStream, (app, user, STREAMING, 1));
        if (choice == 3) call = abi.encodeCall(PORTAL.forwardCredit, (app, user, STREAMING, address(HOOK)));
        if (choice == 4) call = abi.encodeCall(PORTAL.permit, (address(HOOK), 0, 0, 27, 0, 0));
        INTRUDER.aim(address(PORTAL), call);
    }

    /* CHOICE */

    function _pickDeposit() private returns (address user, address app, address token, uint256 amount) {
        (user, app, token, amount) = (_pickUser(), _pickApp(), _pickToken(), _pickAmount());
        _fund(user, token, amount);
    }

    /// @dev Every so often nothing.
    function _pickEther() private returns (address user, address app, uint256 amount) {
        (user, app, amount) = (_pickUser(), _pickApp(), _pick(8) == 0 ? 0 : 1 + _pick(100 ether));
        vm.deal(user, amount);
    }

    function _pickOrders(uint256 amount) private returns (IStreamPortal.StreamOrder[] memory orders) {
        orders = new IStreamPortal.StreamOrder[](1 + _pick(4));
        for (uint256 i = 0; i < orders.length; ++i) {
            // Casts: starts and durations are small.
            orders[i] = IStreamPortal.StreamOrder(
                _pickUser(), _pick(amount / orders.length + 1), uint64(_pick(1e9)), uint64(_pick(1e9))
            );
        }
    }

    function _callOf(address token, IStreamPortal.StreamOrder[] memory orders) private pure returns (bytes memory) {
        bytes[] memory calls = new bytes[](orders.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            calls[i] = abi.encodeWithSelector(
                0xf5626dbc, token, orders[i].recipient, orders[i].amount, orders[i].start, orders[i].duration
            );
        }
        return calls.length == 1 ? calls[0] : abi.encodeWithSelector(0x1e897afb, calls);
    }

    /// @dev A stream of one payment, which is due one step from here. It is created while the token is honest.
    function _createSalary(address app, address owner, address token, uint256 amount) private returns (uint256 id) {
        uint256 fee = FEE.feeBasisPoints();
        FEE.setFee(0);
        address sender = address(0x5e4de4);
        PlainToken(token).mint(sender, amount);
        vm.startPrank(sender);
        (bool approved,) = token.call(abi.encodeCall(PlainToken(token).approve, (address(STREAMING), amount)));
        id = STREAMING.createFor(PORTAL.inboxOf(app, owner), token, amount, 1, 1);
        vm.stopPrank();
        assertTrue(approved, "approve");
        FEE.setFee(fee);
    }
}
