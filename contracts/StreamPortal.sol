// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {StreamInbox} from "./StreamInbox.sol";
import {IERC20Portal, IEtherPortal, IStreamableToken} from "./interfaces/ICartesi.sol";
import {IMoneyStreaming} from "./interfaces/IMoneyStreaming.sol";
import {IStreamInbox} from "./interfaces/IStreamInbox.sol";
import {IStreamPortal} from "./interfaces/IStreamPortal.sol";

/// @title Portal of streams into a Cartesi rollup
/// @dev It has no storage. See {IStreamPortal}.
contract StreamPortal is IStreamPortal, ReentrancyGuardTransient, Multicall {
    using SafeERC20 for IERC20;

    /// @dev A deposit on its way: whose tokens were measured, where they go and for whom.
    struct Passage {
        address token;
        address app;
        uint256 amount;
        /// Balance of this contract before the tokens came.
        uint256 balanceBefore;
        address account;
    }

    /// @dev What the rollup takes for Ether.
    address private constant ETHER = address(0);

    IERC20Portal private immutable ERC20_PORTAL;
    IEtherPortal private immutable ETHER_PORTAL;

    /// @dev What inboxes are clones of.
    address private immutable INBOX;

    constructor(IERC20Portal erc20Portal_, IEtherPortal etherPortal_) {
        ERC20_PORTAL = erc20Portal_;
        ETHER_PORTAL = etherPortal_;
        INBOX = address(new StreamInbox());
    }

    /* TOKENS */

    /// @inheritdoc IStreamPortal
    function permit(address token, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        require(token.code.length != 0, TokenInvalid(token));
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {}
        catch {
            uint256 allowance = IERC20(token).allowance(msg.sender, address(this));
            require(allowance >= amount, PermitRefused(token, allowance, amount));
        }
    }

    /// @inheritdoc IStreamPortal
    function deposit(address token, address app, uint256 amount, address beneficiary) external nonReentrant {
        require(beneficiary != address(0), AccountZero());
        _deposit(token, app, amount, beneficiary, "");
    }

    /// @inheritdoc IStreamPortal
    function depositAndStream(address token, address app, uint256 amount, StreamOrder[] calldata orders)
        external
        nonReentrant
    {
        _deposit(token, app, amount, msg.sender, _encode(token, amount, orders));
    }

    /// @inheritdoc IStreamPortal
    function depositAndCall(address token, address app, uint256 amount, bytes calldata call) external nonReentrant {
        _deposit(token, app, amount, msg.sender, call);
    }

    /* ETHER */

    /// @inheritdoc IStreamPortal
    function depositEther(address app, address beneficiary) external payable nonReentrant {
        require(beneficiary != address(0), AccountZero());
        _depositEther(app, beneficiary, "");
    }

    /// @inheritdoc IStreamPortal
    function depositEtherAndStream(address app, StreamOrder[] calldata orders) external payable nonReentrant {
        _depositEther(app, msg.sender, _encode(ETHER, msg.value, orders));
    }

    /// @inheritdoc IStreamPortal
    function depositEtherAndCall(address app, bytes calldata call) external payable nonReentrant {
        _depositEther(app, msg.sender, call);
    }

    /* STREAMS */

    /// @inheritdoc IStreamPortal
    function forwardStream(address app, address owner, IMoneyStreaming streaming, uint256 streamId)
        external
        nonReentrant
        returns (uint256 amount)
    {
        _requireApp(app);
        address inbox = _openInbox(app, owner);
        // Recipient and token are all that matters here: the amount is measured.
        // slither-disable-next-line unused-return
        (, address recipient, address token,,,,,) = streaming.getStream(streamId);
        require(recipient == inbox, RecipientNotInbox(streamId, recipient, inbox));

        uint256 balanceBefore = _balanceOf(token, address(this));
        IStreamInbox(payable(inbox)).withdraw(streaming, streamId);
        amount = _grownBy(token, address(this), balanceBefore);
        require(amount != 0, NothingForwarded(token));
        emit StreamForwarded(app, owner, streaming, streamId, token, amount);
        _pass(Passage(token, app, amount, balanceBefore, owner), "");
    }

    /// @inheritdoc IStreamPortal
    function forwardCredit(address app, address owner, IMoneyStreaming streaming, address token)
        external
        nonReentrant
        returns (uint256 amount)
    {
        _requireApp(app);
        address inbox = _openInbox(app, owner);

        uint256 balanceBefore = _balanceOf(token, address(this));
        IStreamInbox(payable(inbox)).claim(streaming, token);
        amount = _grownBy(token, address(this), balanceBefore);
        require(amount != 0, NothingForwarded(token));
        emit CreditForwarded(app, owner, streaming, token, amount);
        _pass(Passage(token, app, amount, balanceBefore, owner), "");
    }

    /// @inheritdoc IStreamPortal
    function openInbox(address app, address owner) external nonReentrant returns (address inbox) {
        return _openInbox(app, owner);
    }

    /* VIEWS */

    /// @inheritdoc IStreamPortal
    function inboxOf(address app, address owner) public view returns (address inbox) {
        return Clones.predictDeterministicAddressWithImmutableArgs(INBOX, abi.encode(app, owner), 0);
    }

    /// @inheritdoc IStreamPortal
    function erc20Portal() external view returns (IERC20Portal) {
        return ERC20_PORTAL;
    }

    /// @inheritdoc IStreamPortal
    function etherPortal() external view returns (IEtherPortal) {
        return ETHER_PORTAL;
    }

    /* PASSAGE */

    /// @dev Measures what arrives, because a token may keep a fee.
    function _deposit(address token, address app, uint256 amount, address account, bytes memory call) private {
        require(amount != 0, AmountZero());
        _requireApp(app);
        uint256 balanceBefore = _balanceOf(token, address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = _grownBy(token, address(this), balanceBefore);
        require(received == amount, DepositNotReceived(token, received, amount));
        _pass(Passage(token, app, amount, balanceBefore, account), call);
    }

    /// @dev Cartesi's portal credits what it is told to move, so what it moves is measured as well.
    function _pass(Passage memory passage, bytes memory call) private {
        IERC20 token = IERC20(passage.token);
        uint256 appBefore = _balanceOf(passage.token, passage.app);
        token.forceApprove(address(ERC20_PORTAL), passage.amount);
        bytes memory data = abi.encodePacked(passage.account, call);
        try ERC20_PORTAL.depositERC20Tokens(token, passage.app, passage.amount, data) {}
        catch (bytes memory reason) {
            require(reason.length != 0, TokenRefused(passage.token));
            LowLevelCall.bubbleRevert(reason);
        }

        uint256 delivered = _grownBy(passage.token, passage.app, appBefore);
        require(delivered == passage.amount, DepositNotDelivered(passage.token, passage.app, delivered, passage.amount));
        uint256 balance = _balanceOf(passage.token, address(this));
        require(balance == passage.balanceBefore, BalanceNotRestored(passage.token, balance, passage.balanceBefore));
        // Tokens leave an allowance as it was if it is without limit, as one of 2^256 - 1 is.
        if (token.allowance(address(this), address(ERC20_PORTAL)) != 0) token.forceApprove(address(ERC20_PORTAL), 0);
    }

    function _depositEther(address app, address account, bytes memory call) private {
        require(msg.value != 0, AmountZero());
        _requireApp(app);
        ETHER_PORTAL.depositEther{value: msg.value}(app, abi.encodePacked(account, call));
    }

    function _openInbox(address app, address owner) private returns (address inbox) {
        require(owner != address(0), AccountZero());
        inbox = inboxOf(app, owner);
        if (inbox.code.length != 0) return inbox;
        emit InboxOpened(app, owner, inbox);
        return Clones.cloneDeterministicWithImmutableArgs(INBOX, abi.encode(app, owner), 0);
    }

    function _balanceOf(address token, address account) private view returns (uint256 balance) {
        (bool answered, bytes memory data) = token.staticcall(abi.encodeCall(IERC20.balanceOf, (account)));
        require(answered && data.length >= 32, TokenInvalid(token));
        return abi.decode(data, (uint256));
    }

    function _grownBy(address token, address account, uint256 balanceBefore) private view returns (uint256 amount) {
        return Math.saturatingSub(_balanceOf(token, account), balanceBefore);
    }

    function _requireApp(address app) private view {
        require(app.code.length != 0 && app != address(this), AppInvalid(app));
    }

    /* CALLS */

    /// @dev The rollup's call that starts these streams.
    function _encode(address token, uint256 amount, StreamOrder[] calldata orders)
        private
        pure
        returns (bytes memory call)
    {
        require(orders.length != 0, OrdersEmpty());
        uint256 total = 0;
        bytes[] memory calls = new bytes[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            StreamOrder calldata order = orders[i];
            total = Math.saturatingAdd(total, order.amount);
            calls[i] = abi.encodeCall(
                IStreamableToken.stream, (token, order.recipient, order.amount, order.start, order.duration)
            );
        }
        require(total <= amount, OrdersExceedDeposit(total, amount));
        return calls.length == 1 ? calls[0] : abi.encodeCall(IStreamableToken.batch, (calls));
    }
}
