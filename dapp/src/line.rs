//! Lines, the one thing that accounts add up.
//!
//! Every event of a stream adds a line, `slope * t + intercept`, from its time on. What a side of an account is worth at
//! `t` is the sum of the lines of all events up to `t`, taken at `t`.
//!
//! Numbers here are residues modulo 2^256, and may pass through any of them on the way. The result is exact because the
//! true value lies between zero and 2^256: a stream adds less than 2^192 scaled units, and there are fewer than 2^63
//! streams.

use std::ops::{Add, AddAssign, Neg};

use alloy_primitives::U256;

use crate::column::Residue;

/// Binary digits after the point in a scaled amount: one base unit of a token is 2^64 scaled units.
pub const SCALE_BITS: usize = 64;

/// A straight line over time, in scaled units and seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) slope: Residue,
    pub(crate) intercept: Residue,
}

impl Line {
    pub(crate) const ZERO: Self = Self { slope: Residue(U256::ZERO), intercept: Residue(U256::ZERO) };

    /// The line that is worth nothing at `time` and grows by `slope` each second.
    pub(crate) fn rising(slope: U256, time: u64) -> Self {
        let intercept = U256::ZERO.wrapping_sub(slope.wrapping_mul(U256::from(time)));
        Self { slope: Residue(slope), intercept: Residue(intercept) }
    }

    /// The line that is worth `amount` at all times.
    pub(crate) fn flat(amount: U256) -> Self {
        Self { slope: Residue::default(), intercept: Residue(amount) }
    }

    /// The line's value at `time`, in scaled units.
    pub(crate) fn at(self, time: u64) -> U256 {
        self.slope.0.wrapping_mul(U256::from(time)).wrapping_add(self.intercept.0)
    }
}

impl Add for Line {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            slope: Residue(self.slope.0.wrapping_add(other.slope.0)),
            intercept: Residue(self.intercept.0.wrapping_add(other.intercept.0)),
        }
    }
}

impl AddAssign for Line {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Neg for Line {
    type Output = Self;

    fn neg(self) -> Self {
        Self { slope: Residue(self.slope.0.wrapping_neg()), intercept: Residue(self.intercept.0.wrapping_neg()) }
    }
}
