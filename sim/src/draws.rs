//! Random numbers that depend on the seed, the run, who draws and for what, and on nothing else: not on threads, not on
//! the order in which agents were created, not on what other agents draw.

use std::fmt;

/// 2^-53: what one unit in the last place of a uniform number is.
const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;

/// The golden ratio's fraction, the step of SplitMix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, PartialEq, Eq)]
pub struct Draws {
    state: u64,
}

impl Draws {
    /// The stream whose state is `state`.
    #[must_use]
    pub const fn from_state(state: u64) -> Self {
        Self { state }
    }

    /// The stream of `agent` for `purpose` in run `run` of the simulation with `seed`.
    #[must_use]
    pub fn keyed(seed: u64, run: u64, agent: &str, purpose: &str) -> Self {
        Self { state: mix(mix(mix(mix(seed) ^ run) ^ hash(agent)) ^ hash(purpose)) }
    }

    /// 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        let drawn = mix(self.state);
        self.state = self.state.wrapping_add(GOLDEN);
        drawn
    }

    /// A number in [0, 1), with 53 random bits.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * UNIT
    }

    /// A number in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of `0..n`; 0 if `n` is 0. `floor(u n)`, so that some are likelier than others by at most n 2^-53.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number in [0, n) fits")]
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// True with probability `p`.
    pub const fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// From the normal distribution with mean 0 and standard deviation 1, by Box and Muller; two uniform numbers.
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        libm::sqrt(-2.0 * libm::log(u)) * libm::cos(std::f64::consts::TAU * v)
    }

    /// From the exponential distribution with mean `mean`.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

impl fmt::Debug for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draws({:#x})", self.state)
    }
}

/// SplitMix64's step and mixing function: what it draws from `state`.
#[must_use]
pub const fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a, 64 bits.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_draws_as_published() {
        let mut draws = Draws::from_state(1_234_567);
        let drawn = [draws.next_u64(), draws.next_u64(), draws.next_u64()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let keys = [(1, 1, "a", "x"), (2, 1, "a", "x"), (1, 2, "a", "x"), (1, 1, "b", "x"), (1, 1, "a", "y")];
        let mut drawn: Vec<_> =
            keys.map(|(seed, run, agent, purpose)| Draws::keyed(seed, run, agent, purpose).unit()).into();
        drawn.sort_by(f64::total_cmp);
        drawn.dedup();
        assert_eq!(drawn.len(), keys.len());
    }

    #[test]
    fn normal_and_exponential_have_their_moments() {
        let mut draws = Draws::keyed(7, 1, "test", "moments");
        let n = 200_000;
        let normal: Vec<f64> = (0..n).map(|_| draws.normal()).collect();
        let mean = normal.iter().sum::<f64>() / f64::from(n);
        let variance = normal.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        let mean = (0..n).map(|_| draws.exponential(3.0)).sum::<f64>() / f64::from(n);
        assert!((mean - 3.0).abs() < 0.05, "{mean}");
    }
}
