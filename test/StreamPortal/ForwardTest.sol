// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {StreamingTest} from "../StreamingTest.sol";
import {PlainToken} from "../mocks/PlainToken.sol";
import {PortalFixture} from "./PortalTest.sol";

/// @dev Bob's salary: a stream of Alice's to his inbox, which is not open yet. It has not started.
abstract contract ForwardTest is StreamingTest, PortalFixture {
    uint256 internal constant START = 1_000_100;
    uint256 internal constant INTERVAL = 60;
    uint256 internal constant N_INTERVALS = 50;
    uint256 internal constant STOP = START + N_INTERVALS * INTERVAL;
    uint256 internal constant PAYMENT = 3e18;
    uint256 internal constant SALARY = N_INTERVALS * PAYMENT;

    address internal inbox;
    address internal stranger = makeAddr("stranger");
    uint256 internal streamId;

    function setUp() public virtual override {
        super.setUp();
        deployPortal();
        inbox = portal.inboxOf(app, bob);
        vm.label(inbox, "inbox");
        streamId = createSalary(address(token));
    }

    /// @dev In any token that has `mint` and `approve`.
    function createSalary(address asset) internal returns (uint256 id) {
        PlainToken(asset).mint(alice, SALARY);
        vm.startPrank(alice);
        (bool approved,) = asset.call(abi.encodeCall(IERC20.approve, (address(streaming), SALARY)));
        assertTrue(approved);
        id = streaming.create(inbox, asset, START, STOP, PAYMENT, INTERVAL);
        vm.stopPrank();
    }

    function forward(uint256 id) internal returns (uint256 amount) {
        vm.prank(stranger);
        return portal.forwardStream(app, bob, streaming, id);
    }
}
