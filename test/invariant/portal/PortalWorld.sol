// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {CommonBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {Vm} from "forge-std/Vm.sol";

import {StreamPortal} from "../../../contracts/StreamPortal.sol";
import {IERC20Portal, IEtherPortal} from "../../../contracts/interfaces/ICartesi.sol";
import {IInputBox} from "../../StreamPortal/Cartesi.sol";
import {BlockingToken} from "../../mocks/BlockingToken.sol";
import {CrookedToken} from "../../mocks/CrookedToken.sol";
import {FeeToken} from "../../mocks/FeeToken.sol";
import {HalfReturnToken} from "../../mocks/HalfReturnToken.sol";
import {HookToken} from "../../mocks/HookToken.sol";
import {Intruder} from "../../mocks/Intruder.sol";
import {NoReturnToken} from "../../mocks/NoReturnToken.sol";
import {PlainApp} from "../../mocks/PlainApp.sol";
import {PlainToken} from "../../mocks/PlainToken.sol";

/// @dev Users, applications, tokens, and two books: what handlers know to have been deposited, and what somebody who
/// reads InputBox alone, as the rollup does, takes for credited. The books, and all balances, have to agree.
abstract contract PortalWorld is CommonBase, StdAssertions {
    /// @dev What the rollup reads in an input.
    struct Input {
        address app;
        address token;
        address account;
        uint256 amount;
        bytes32 call;
    }

    StreamPortal public immutable PORTAL;
    IInputBox internal immutable INPUT_BOX;

    PlainToken internal immutable PLAIN = new PlainToken(18);
    HookToken internal immutable HOOK = new HookToken();
    CrookedToken internal immutable CROOKED = new CrookedToken();
    FeeToken internal immutable FEE = new FeeToken();
    HalfReturnToken internal immutable HALF = new HalfReturnToken();
    NoReturnToken internal immutable NO_RETURN = new NoReturnToken();
    BlockingToken internal immutable BLOCKING = new BlockingToken();
    Intruder public immutable INTRUDER = new Intruder();

    address[] internal _tokens;
    address[] internal _apps;
    address[] internal _users;

    uint256 private _entropy;
    mapping(bytes4 action => uint256 count) public nCalls;
    uint256 public nRefused;

    /// @dev Inputs that the latest action is bound to add, in order.
    Input[] private _expected;
    /// @dev How many of them it has added.
    uint256 private _nRead;
    uint256 internal _nInputs;
    mapping(address app => uint256 count) internal _nInputsOf;
    mapping(address app => mapping(address token => mapping(address account => uint256))) internal _deposited;
    mapping(address app => mapping(address token => mapping(address account => uint256))) internal _credited;
    mapping(address token => mapping(address account => uint256 amount)) internal _donated;

    constructor(StreamPortal portal, IInputBox inputBox) {
        PORTAL = portal;
        INPUT_BOX = inputBox;
        _tokens = [
            address(PLAIN),
            address(HOOK),
            address(CROOKED),
            address(FEE),
            address(HALF),
            address(NO_RETURN),
            address(BLOCKING),
            // Ether, as the rollup has it.
            address(0)
        ];
        _apps = [address(new PlainApp()), address(new PlainApp())];
        _users = [address(0xa11ce), address(0xb0b), address(0xca401)];
        HOOK.setHook(address(portal), INTRUDER);
    }

    /// @dev Runs an action on choices that `seed` decides, and compares what it added with what it was bound to add.
    modifier action(uint256 seed) {
        _entropy = seed;
        ++nCalls[msg.sig];
        delete _expected;
        _nRead = 0;
        vm.recordLogs();
        _;
        _readInputs(vm.getRecordedLogs());
        assertEq(_nRead, _expected.length, "4: inputs");
    }

    function _expect(address app, address token, address account, uint256 amount, bytes memory call) internal {
        _expected.push(Input(app, token, account, amount, keccak256(call)));
        _deposited[app][token][account] += amount;
    }

    /// @dev Makes a call that is bound to pass or bound to fail, as `passes` says.
    function _act(address caller, uint256 value, bytes memory call, bool passes) internal {
        vm.prank(caller);
        (bool passed, bytes memory reason) = address(PORTAL).call{value: value}(call);
        if (passes && !passed) {
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
        assertEq(passed, passes, "a call that was bound to fail");
        // The logs of a call that failed are recorded like others, though they never were: they are read and dropped.
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (passes) _readInputs(logs);
        else ++nRefused;
    }

    /// @dev Amounts are large enough that each fee and toll takes something.
    function _passes(address token, address app) internal view returns (bool) {
        if (token == address(CROOKED)) return CROOKED.tollOf(address(PORTAL)) == 0 && CROOKED.tollOf(app) == 0;
        if (token == address(FEE)) return FEE.feeBasisPoints() == 0;
        return token != address(NO_RETURN);
    }

    function _fund(address account, address token, uint256 amount) internal {
        PlainToken(token).mint(account, amount);
        vm.prank(account);
        (bool approved,) = token.call(abi.encodeCall(IERC20.approve, (address(PORTAL), amount)));
        assertTrue(approved, "approve");
    }

    /// @dev What a refused deposit left is put away, so that it is not lying about for the next.
    function _putAway(address account, address token) internal {
        vm.startPrank(account);
        (bool cleared,) = token.call(abi.encodeCall(IERC20.approve, (address(PORTAL), 0)));
        vm.stopPrank();
        assertTrue(cleared, "approve");
    }

    /* READING */

    function _readInputs(Vm.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(INPUT_BOX)) continue;
            assertLt(_nRead, _expected.length, "4: an input that nobody was bound to add");
            Input memory input = _parse(address(uint160(uint256(logs[i].topics[1]))), abi.decode(logs[i].data, (bytes)));
            Input memory expected = _expected[_nRead];
            assertEq(input.app, expected.app, "4: app");
            assertEq(input.token, expected.token, "4: token");
            assertEq(input.account, expected.account, "4: account");
            assertEq(input.amount, expected.amount, "4: amount");
            assertEq(input.call, expected.call, "4: call");
            _credited[input.app][input.token][input.account] += input.amount;
            ++_nInputsOf[input.app];
            ++_nInputs;
            ++_nRead;
        }
    }

    /// @dev As the rollup reads it, and with its rule: it is the account's if a portal says that StreamPortal deposited.
    function _parse(address app, bytes memory input) private view returns (Input memory parsed) {
        assertEq(bytes4(input), bytes4(0x415bf363), "4: selector");
        (, address app_, address msgSender,,,,, bytes memory payload) = abi.decode(
            _slice(input, 4, input.length), (uint256, address, address, uint256, uint256, uint256, uint256, bytes)
        );
        assertEq(app_, app, "4: app of the input");
        uint256 offset = 0;
        if (msgSender == address(PORTAL.erc20Portal())) {
            parsed.token = address(bytes20(_slice(payload, 0, 20)));
            offset = 20;
        } else {
            assertEq(msgSender, address(PORTAL.etherPortal()), "4: portal");
        }
        assertEq(address(bytes20(_slice(payload, offset, offset + 20))), address(PORTAL), "4: depositor");
        parsed.app = app;
        parsed.amount = uint256(bytes32(_slice(payload, offset + 20, offset + 52)));
        parsed.account = address(bytes20(_slice(payload, offset + 52, offset + 72)));
        parsed.call = keccak256(_slice(payload, offset + 72, payload.length));
    }

    function _slice(bytes memory data, uint256 from, uint256 to) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) {
            part[i - from] = data[i];
        }
    }

    /* CHOICE */

    function _pick(uint256 n) internal returns (uint256 choice) {
        _entropy = uint256(keccak256(abi.encode(_entropy)));
        return _entropy % n;
    }

    function _pickAmount() internal returns (uint256 amount) {
        return 1e18 + _pick(1e24);
    }

    function _pickApp() internal returns (address app) {
        return _apps[_pick(_apps.length)];
    }

    function _pickUser() internal returns (address user) {
        return _users[_pick(_users.length)];
    }

    /// @dev Not Ether.
    function _pickToken() internal returns (address token) {
        return _tokens[_pick(_tokens.length - 1)];
    }
}
