// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PartyHandler} from "./PartyHandler.sol";

/// @dev The clock moves only here, and where a party waits for something to be due. It never reaches the last reading
/// that a stream can hold, after which nothing could be created; the views are looked at there.
abstract contract TimeHandler is PartyHandler {
    uint256 private constant FAR = 2 ** 32;

    function step(uint256 seed) external action(seed) {
        _travel(_time + 1 + _pick(10));
    }

    /// @dev To the end of an interval, one unit before it or one after.
    function approachBoundary(uint256 seed) external action(seed) {
        (, Ghost memory ghost) = _pickLive();
        uint256 base = _time < ghost.start ? ghost.start : _time;
        uint256 nIntervals = (base - ghost.start) / ghost.terms.interval + 1 + _pick(3);
        _approach(ghost.start + nIntervals * ghost.terms.interval);
    }

    function approachStart(uint256 seed) external action(seed) {
        (, Ghost memory ghost) = _pickLive();
        _approach(ghost.start);
    }

    function approachStop(uint256 seed) external action(seed) {
        (, Ghost memory ghost) = _pickLive();
        _approach(ghost.terms.stop);
    }

    function leap(uint256 seed) external action(seed) {
        _travel(_time + 1 + _pick(_pick(8) == 0 ? FAR : 100_000));
    }

    function _approach(uint256 time) private {
        uint256 nearby = time + _pick(3) - 1;
        // The clock does not go back, nor to the end of time.
        if (nearby > _time && nearby < TIME_LIMIT / 2) _travel(nearby);
        else _travel(_time + 1);
    }
}
