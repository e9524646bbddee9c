//! The Sobol sequence: points that fill a cube more evenly than random ones.

use crate::draws::mix;

/// The bits of a coordinate, and so of the number of points.
const BITS: usize = 32;

/// The most dimensions that a sequence may have.
pub const MAX_DIMENSIONS: usize = 512;

/// Primitive polynomials and first direction numbers of dimensions 2 to 21: degree, inner coefficients, numbers. Facts of
/// S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci. Comput. 30,
/// 2635-2654 (2008), file `new-joe-kuo-6.21201`.
const JOE_AND_KUO: [(usize, u32, &[u32]); 20] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
    (5, 11, &[1, 1, 5, 1, 1]),
    (5, 13, &[1, 1, 1, 3, 11]),
    (5, 14, &[1, 3, 5, 5, 31]),
    (6, 1, &[1, 3, 3, 9, 7, 49]),
    (6, 13, &[1, 1, 1, 15, 21, 21]),
    (6, 16, &[1, 3, 1, 13, 27, 49]),
    (6, 19, &[1, 1, 1, 15, 7, 5]),
    (6, 22, &[1, 3, 1, 15, 13, 25]),
    (6, 25, &[1, 1, 5, 5, 19, 61]),
    (7, 1, &[1, 3, 7, 11, 23, 15, 103]),
    (7, 4, &[1, 3, 7, 13, 13, 15, 69]),
];

/// The sequence, from its second point on: the first is zero in all dimensions.
#[derive(Clone, Debug)]
pub struct Sequence {
    directions: Vec<[u32; BITS]>,
    state: Vec<u32>,
    n_drawn: u32,
}

impl Sequence {
    /// The sequence in so many dimensions, [`MAX_DIMENSIONS`] at most. From dimension 22 on the polynomials continue in
    /// their order and the first direction numbers are drawn from a fixed seed: still a Sobol sequence, whose projections on
    /// two of those dimensions nobody has chosen for evenness.
    ///
    /// # Panics
    /// If there are too many dimensions.
    #[must_use]
    pub fn new(n_dimensions: usize) -> Self {
        assert!(n_dimensions <= MAX_DIMENSIONS, "{n_dimensions} dimensions");
        let mut directions: Vec<[u32; BITS]> = Vec::with_capacity(n_dimensions);
        directions.push(std::array::from_fn(|bit| 1 << (BITS - 1 - bit)));
        directions.extend(JOE_AND_KUO.iter().map(|(degree, inner, first)| expand(*degree, *inner, first)));
        let polynomials = primitive_polynomials().skip(JOE_AND_KUO.len());
        let n_more = n_dimensions.saturating_sub(directions.len());
        for (dimension, (degree, inner)) in (directions.len()..).zip(polynomials.take(n_more)) {
            let first: Vec<u32> = (0..degree).map(|bit| own_number(dimension, bit)).collect();
            directions.push(expand(degree, inner, &first));
        }
        directions.truncate(n_dimensions);
        Self { directions, state: vec![0; n_dimensions], n_drawn: 0 }
    }

    /// The next point, as fractions of 2^32. `None` once all of them have been drawn.
    pub fn next_point(&mut self) -> Option<&[u32]> {
        let bit = self.n_drawn.trailing_ones() as usize;
        self.n_drawn = self.n_drawn.checked_add(1)?;
        for (state, directions) in self.state.iter_mut().zip(&self.directions) {
            *state ^= directions[bit];
        }
        Some(&self.state)
    }
}

/// An odd number below 2^(bit + 1).
#[allow(clippy::cast_possible_truncation, reason = "the upper half of 64 random bits")]
fn own_number(dimension: usize, bit: usize) -> u32 {
    let drawn = (mix((dimension as u64) << 8 | bit as u64) >> 32) as u32;
    (drawn & ((1 << (bit + 1)) - 1)) | 1
}

/// All direction numbers, out of the first few and the recurrence of the polynomial.
fn expand(degree: usize, inner: u32, first: &[u32]) -> [u32; BITS] {
    let mut directions = [0; BITS];
    for bit in 0..BITS {
        directions[bit] = if bit < degree {
            first[bit] << (BITS - 1 - bit)
        } else {
            let before = directions[bit - degree];
            (1..degree)
                .filter(|term| (inner >> (degree - 1 - term)) & 1 == 1)
                .fold(before ^ (before >> degree), |direction, term| direction ^ directions[bit - term])
        };
    }
    directions
}

/// Degree and inner coefficients of the primitive polynomials over GF(2), by degree and then by coefficients.
fn primitive_polynomials() -> impl Iterator<Item = (usize, u32)> {
    (1..BITS).flat_map(|degree| {
        (0..1_u32 << (degree - 1)).filter(move |inner| is_primitive(degree, *inner)).map(move |inner| (degree, inner))
    })
}

/// Whether x has the order 2^degree - 1 modulo the polynomial, found by going through its powers.
fn is_primitive(degree: usize, inner: u32) -> bool {
    let polynomial = 1_u32 << degree | inner << 1 | 1;
    let order = (1_u32 << degree) - 1;
    let mut power = 1_u32;
    for exponent in 1..=order {
        power <<= 1;
        if power >> degree == 1 {
            power ^= polynomial;
        }
        if power == 1 {
            return exponent == order;
        }
    }
    false
}

/// Shuffles the halves of the unit interval, of each half, and so on down (Owen 1995): what is even stays even, and each
/// number by itself is random.
#[must_use]
pub(crate) fn scramble(fraction: u32, key: u64) -> u32 {
    let mut scrambled = 0;
    for bit in 0..BITS {
        // The bits above decide, with the key, whether the two halves of their interval change places.
        let above = if bit == 0 { 0 } else { u64::from(fraction >> (BITS - bit)) };
        let flip = mix(key ^ mix((bit as u64) << 32 | above)) >> 63 == 1;
        scrambled = scrambled << 1 | ((fraction >> (BITS - 1 - bit)) & 1 ^ u32::from(flip));
    }
    scrambled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(n_dimensions: usize, n: usize) -> Vec<Vec<f64>> {
        let mut sequence = Sequence::new(n_dimensions);
        let unit = |fraction: &u32| f64::from(*fraction) / 4_294_967_296.0;
        (0..n).map(|_| sequence.next_point().unwrap().iter().map(unit).collect()).collect()
    }

    #[test]
    fn first_points_as_published() {
        // The output of Joe and Kuo's program for three dimensions.
        let expected = [
            [0.5, 0.5, 0.5],
            [0.75, 0.25, 0.25],
            [0.25, 0.75, 0.75],
            [0.375, 0.375, 0.625],
            [0.875, 0.875, 0.125],
            [0.625, 0.125, 0.875],
            [0.125, 0.625, 0.375],
            [0.1875, 0.3125, 0.9375],
            [0.6875, 0.8125, 0.4375],
        ];
        assert_eq!(points(3, 9), expected);
    }

    #[test]
    fn polynomials_are_those_of_the_table() {
        let own: Vec<_> = primitive_polynomials().take(JOE_AND_KUO.len()).collect();
        let table: Vec<_> = JOE_AND_KUO.iter().map(|(degree, inner, _)| (*degree, *inner)).collect();
        assert_eq!(own, table);
        for (degree, _, first) in JOE_AND_KUO {
            assert_eq!(first.len(), degree);
            assert!(first.iter().enumerate().all(|(bit, number)| number % 2 == 1 && number >> (bit + 1) == 0));
        }
    }

    #[test]
    fn every_dimension_has_one_point_in_each_stratum() {
        const N: usize = 256;
        for scrambled in [false, true] {
            let mut sequence = Sequence::new(MAX_DIMENSIONS);
            let mut seen = vec![[0; N]; MAX_DIMENSIONS];
            let mut take = |point: &[u32]| {
                for (dimension, (seen, fraction)) in seen.iter_mut().zip(point).enumerate() {
                    let fraction = if scrambled { scramble(*fraction, dimension as u64) } else { *fraction };
                    seen[(fraction >> 24) as usize] += 1;
                }
            };
            take(&[0; MAX_DIMENSIONS]);
            for _ in 1..N {
                take(sequence.next_point().unwrap());
            }
            assert!(seen.iter().flatten().all(|n| *n == 1));
        }
    }

    #[test]
    fn two_dimensions_fill_a_chessboard() {
        // A (0, 2)-sequence: each of 16 squares, and each slab of 2 by 8, has one of the first 16 points.
        let mut points = points(2, 15);
        points.push(vec![0.0, 0.0]);
        // Ordered by their bits, positive numbers are ordered.
        let cell = |x: f64, n: f64| (x * n).floor().to_bits();
        for (columns, rows) in [(4.0, 4.0), (2.0, 8.0), (8.0, 2.0), (16.0, 1.0)] {
            let mut cells: Vec<_> = points.iter().map(|p| (cell(p[0], columns), cell(p[1], rows))).collect();
            cells.sort_unstable();
            cells.dedup();
            assert_eq!(cells.len(), 16, "{columns} by {rows}");
        }
    }
}
