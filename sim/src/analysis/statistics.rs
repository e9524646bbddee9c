//! Statistics of samples: moments, quantiles, and confidence intervals of a mean, a proportion and a quantile. Everything
//! is computed from `libm`, so that every machine gets the same digits.

use serde::Serialize;

/// The longest that the continued fraction of the incomplete beta function goes on. It needs about the square root of its
/// greater argument: 100,000 steps are enough for 10^9 degrees of freedom.
const MAX_TERMS: u32 = 100_000;

/// Above this many degrees of freedom, four terms of the expansion around the normal distribution are as exact.
const MANY_DEGREES: f64 = 1_000.0;

/// Mean and variance of numbers that come one by one (Welford 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Moments {
    /// How many.
    pub n: u64,
    /// Their mean; 0 if there are none.
    pub mean: f64,
    /// The sum of their squared distances from the mean.
    squares: f64,
}

impl Moments {
    /// The moments of `values`.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut moments = Self::default();
        for value in values {
            moments.add(*value);
        }
        moments
    }

    /// Takes one more in.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let from_old = value - self.mean;
        self.mean += from_old / self.n as f64;
        self.squares += from_old * (value - self.mean);
    }

    /// The variance of a sample: squared distances over n - 1. 0 for fewer than two numbers.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.n < 2 { 0.0 } else { self.squares / (self.n - 1) as f64 }
    }

    /// The standard deviation of a sample.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        self.variance().sqrt()
    }

    /// Where the mean of all numbers lies with probability `confidence`, if they are normal or many: Student's t times the
    /// standard error. From minus to plus infinity for fewer than two.
    #[must_use]
    pub fn mean_interval(&self, confidence: f64) -> Interval {
        if self.n < 2 {
            return Interval { low: f64::NEG_INFINITY, high: f64::INFINITY };
        }
        let n = self.n as f64;
        let half = student_quantile(0.5 + confidence / 2.0, n - 1.0) * self.deviation() / n.sqrt();
        Interval { low: self.mean - half, high: self.mean + half }
    }
}

/// From low to high.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Half of its width.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether `value` lies in it; its ends do.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The `p` quantile of `sorted`: between two of them, what lies on the line (type 7 of Hyndman and Fan, as R and numpy by
/// default). NaN if there are none.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the slice")]
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = (place as usize).min(last);
    let above = (below + 1).min(last);
    let weight = place - below as f64;
    // Two equal ends are not subtracted: infinity less infinity is no number.
    if weight == 0.0 || sorted[below] == sorted[above] {
        sorted[below]
    } else {
        sorted[below] * (1.0 - weight) + sorted[above] * weight
    }
}

/// Where the `p` quantile of the whole population lies with probability `confidence` at least, whatever its distribution:
/// between two of `sorted`, whose ranks come from the binomial distribution with half of the risk on each side. An end is
/// infinite where the sample is too small to have one.
#[must_use]
pub fn quantile_interval(sorted: &[f64], p: f64, confidence: f64) -> Interval {
    let risk = (1.0 - confidence) / 2.0;
    let n = sorted.len();
    let (mut low, mut high, mut cumulated) = (f64::NEG_INFINITY, f64::INFINITY, 0.0);
    for (n_below, value) in sorted.iter().enumerate() {
        cumulated += binomial(n, n_below, p);
        // The quantile is less than this value if no more than those before it lie below the quantile.
        if cumulated <= risk {
            low = *value;
        }
        if cumulated >= 1.0 - risk {
            high = *value;
            break;
        }
    }
    Interval { low, high }
}

/// The probability of `k` successes out of `n`, each with probability `p`.
fn binomial(n: usize, k: usize, p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return if (p <= 0.0 && k == 0) || (p >= 1.0 && k == n) { 1.0 } else { 0.0 };
    }
    let (n, k) = (n as f64, k as f64);
    let ways = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    libm::exp(ways + k * libm::log(p) + (n - k) * libm::log1p(-p))
}

/// Where a proportion lies with probability `confidence`, seen `n_true` times out of `n` (Wilson's score interval). From 0
/// to 1 if nothing was seen.
#[must_use]
pub fn proportion_interval(n_true: u64, n: u64, confidence: f64) -> Interval {
    if n == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (z, n, seen) = (normal_quantile(0.5 + confidence / 2.0), n as f64, n_true as f64 / n as f64);
    let scale = 1.0 + z * z / n;
    let middle = (seen + z * z / (2.0 * n)) / scale;
    let half = z / scale * (seen * (1.0 - seen) / n + z * z / (4.0 * n * n)).sqrt();
    // Rounding would leave 1e-17 where the formula has 0.
    let low = if n_true == 0 { 0.0 } else { (middle - half).max(0.0) };
    Interval { low, high: if seen >= 1.0 { 1.0 } else { (middle + half).min(1.0) } }
}

/// The distribution function of the normal distribution with mean 0 and standard deviation 1.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The inverse of [`normal_cdf`], exact to about 1e-15 of its value (Halley's method on `erfc`). Infinite at 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() || p <= 0.0 {
        return if p <= 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    }
    if p > 0.5 {
        // 1 - p is exact in this half, and the tail below keeps all its digits.
        return if p >= 1.0 { f64::INFINITY } else { -normal_quantile(1.0 - p) };
    }
    if p == 0.5 {
        return 0.0;
    }
    let tail = libm::sqrt(-2.0 * libm::log(p));
    // Abramowitz and Stegun 26.2.22, wrong by 3e-3 at most; every step of Halley's cubes the error.
    let mut x = (2.30753 + 0.27061 * tail) / (1.0 + tail * (0.99229 + tail * 0.04481)) - tail;
    for _ in 0..4 {
        let density = libm::exp(-x * x / 2.0) / libm::sqrt(std::f64::consts::TAU);
        if density == 0.0 {
            break;
        }
        let step = (normal_cdf(x) - p) / density;
        x -= step / (1.0 + x * step / 2.0);
    }
    x
}

/// The probability that Student's t with `degrees` of freedom is at most `t`, exact to about 1e-12.
#[must_use]
pub fn student_cdf(t: f64, degrees: f64) -> f64 {
    if t.is_nan() || degrees.is_nan() || degrees <= 0.0 {
        return f64::NAN;
    }
    if t.is_infinite() {
        return if t > 0.0 { 1.0 } else { 0.0 };
    }
    let square = t * t;
    let (x, rest) = (degrees / (degrees + square), square / (degrees + square));
    let front = libm::exp(degrees / 2.0 * log_of(x, rest) + 0.5 * log_of(rest, x) - log_beta_half(degrees / 2.0));
    let tail = 0.5 * incomplete_beta((x, rest), (degrees / 2.0, 0.5), front);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The inverse of [`student_cdf`], exact to about 1e-10 of its value: the root is bracketed and halved up to 1,000 degrees
/// of freedom, and beyond that expanded around the normal quantile (Abramowitz and Stegun 26.7.5), wrong by the fourth power
/// of 1 / degrees.
#[must_use]
pub fn student_quantile(p: f64, degrees: f64) -> f64 {
    if p < 0.5 {
        return -student_quantile(1.0 - p, degrees);
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    if degrees > MANY_DEGREES {
        let z = normal_quantile(p);
        let (z2, v) = (z * z, degrees);
        let first = (z2 + 1.0) * z / 4.0;
        let second = ((5.0 * z2 + 16.0) * z2 + 3.0) * z / 96.0;
        let third = (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) * z / 384.0;
        return z + (first + (second + third / v) / v) / v;
    }
    let mut high = 1.0;
    while student_cdf(high, degrees) < p && high < 1e300 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if student_cdf(middle, degrees) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// The logarithm of `x`, which is 1 less `rest`, from whichever of both has the digits.
fn log_of(x: f64, rest: f64) -> f64 {
    if x < 0.5 { libm::log(x) } else { libm::log1p(-rest) }
}

/// The logarithm of the beta function of `a` and 1/2. For large arguments the gamma functions would cancel; their ratio has a
/// series whose next term is below 1e-14 from 50 on.
fn log_beta_half(a: f64) -> f64 {
    let half_log_pi = 0.5 * libm::log(std::f64::consts::PI);
    if a < 50.0 {
        return half_log_pi + libm::lgamma(a) - libm::lgamma(a + 0.5);
    }
    let square = a * a;
    half_log_pi - (0.5 * libm::log(a) - (0.125 - (1.0 / 192.0 - 1.0 / 640.0 / square) / square) / a)
}

/// The regularised incomplete beta function of `x` and the two exponents, by its continued fraction (Lentz's method). `front`
/// is x^a (1 - x)^b over the beta function, which is the same from both sides.
fn incomplete_beta((x, rest): (f64, f64), (a, b): (f64, f64), front: f64) -> f64 {
    if x <= 0.0 || rest <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    // On the other side of its middle the fraction converges fast.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta((rest, x), (b, a), front);
    }
    let off_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / off_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..MAX_TERMS {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / off_zero(1.0 + term * d);
            c = off_zero(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction / a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(value: f64, expected: f64, error: f64) {
        assert!((value - expected).abs() <= error, "{value} for {expected}");
    }

    #[test]
    fn moments_by_hand() {
        // Squared distances from 5: 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32, over 7.
        let moments = Moments::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        close(moments.mean, 5.0, 0.0);
        close(moments.variance(), 32.0 / 7.0, 1e-15);
        assert_eq!(Moments::of(&[3.0]).variance(), 0.0);
        assert_eq!(Moments::default().mean_interval(0.95), Interval { low: f64::NEG_INFINITY, high: f64::INFINITY });
        // Far from zero the naive sum of squares would lose all digits.
        close(Moments::of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]).variance(), 30.0, 1e-6);
    }

    #[test]
    fn quantiles_by_hand() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        for (p, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 2.5), (0.9, 3.7), (1.0, 4.0)] {
            close(quantile(&sorted, p), expected, 1e-15);
        }
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY], 0.75), f64::INFINITY);
    }

    #[test]
    fn student_quantiles_as_published() {
        // Tables of NIST/SEMATECH and of every textbook.
        let table = [
            (0.95, 1.0, 6.314),
            (0.975, 1.0, 12.706),
            (0.975, 2.0, 4.303),
            (0.975, 5.0, 2.571),
            (0.95, 10.0, 1.812),
            (0.975, 10.0, 2.228),
            (0.995, 10.0, 3.169),
            (0.975, 30.0, 2.042),
            (0.995, 30.0, 2.750),
            (0.975, 100.0, 1.984),
            (0.9995, 4.0, 8.610),
            (0.975, 1e6, 1.960),
        ];
        for (p, degrees, t) in table {
            close(student_quantile(p, degrees), t, 5.1e-4);
            close(student_quantile(1.0 - p, degrees), -t, 5.1e-4);
        }
        // One degree is Cauchy's distribution, two have a closed form.
        close(student_quantile(0.9, 1.0), libm::tan(std::f64::consts::PI * 0.4), 1e-10);
        close(student_quantile(0.9, 2.0), 0.8 * libm::sqrt(2.0 / (1.0 - 0.64)), 1e-10);
        // Both methods meet where one takes over.
        close(student_quantile(0.999, 1_000.0), student_quantile(0.999, 1_000.000_1), 1e-9);
        close(student_cdf(2.0, 1e9), normal_cdf(2.0), 1e-9);
        close(student_cdf(student_quantile(0.99, 5e5), 5e5), 0.99, 1e-12);
        close(student_cdf(student_quantile(0.01, 99.0), 99.0), 0.01, 1e-12);
        close(student_cdf(student_quantile(0.01, 101.0), 101.0), 0.01, 1e-12);
    }

    #[test]
    fn normal_quantiles_as_published() {
        // 20 digits of Wichura's check values: AS 241.
        close(normal_quantile(0.25), -0.674_489_750_196_081_7, 2e-16);
        close(normal_quantile(0.001), -3.090_232_306_167_813_5, 2e-15);
        close(normal_quantile(1e-20), -9.262_340_089_798_408, 4e-15);
        close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-15);
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(normal_quantile(0.5), 0.0);
        assert!(normal_quantile(f64::NAN).is_nan() && normal_quantile(5e-324) < -38.0);
    }

    #[test]
    fn wilson_as_published() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        let table =
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)];
        for (n_true, n, low, high) in table {
            let interval = proportion_interval(n_true, n, 0.95);
            close(interval.low, low, 5.1e-5);
            close(interval.high, high, 5.1e-5);
        }
        assert_eq!(proportion_interval(5, 5, 0.95).high, 1.0);
        assert_eq!(proportion_interval(0, 0, 0.95), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn order_statistics_as_published() {
        // Conover: for the median of 10 at 95 %, ranks 2 and 9; of 20, ranks 6 and 15.
        let sorted = |n: i32| (1..=n).map(f64::from).collect::<Vec<_>>();
        assert_eq!(quantile_interval(&sorted(10), 0.5, 0.95), Interval { low: 2.0, high: 9.0 });
        assert_eq!(quantile_interval(&sorted(20), 0.5, 0.95), Interval { low: 6.0, high: 15.0 });
        let few = quantile_interval(&sorted(5), 0.5, 0.95);
        assert_eq!(few, Interval { low: f64::NEG_INFINITY, high: f64::INFINITY });
    }
}
