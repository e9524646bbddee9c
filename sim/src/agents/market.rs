//! The agents of the Web3 Sustainability Loop: marketplaces that grow with what is spent on them, and who mints and burns
//! the token.

use super::{Agent, Builder, Gauge, Kind, Takes, required, with_default};
use crate::{
    economy::State,
    netlist::{NetlistError, Number},
};

const YEAR: f64 = 31_536_000.0;

/// Marketplaces whose sales grow.
pub(super) const MARKETPLACES: Kind = Kind {
    name: "marketplaces",
    doc: "data marketplaces whose number and sales grow with the ratio of research to sales, and who pay the network its fees; needs [loop]",
    keys: &[
        required("to", Takes::Agent, "who gets the network's fees"),
        with_default("currency", Takes::Text, "USD", "the asset that fees are paid in"),
        with_default("n_marketplaces", Takes::Number, "1", "how many there are at first"),
        with_default("sales", Takes::Number, "20e3 / 30d", "what one of them sells a second at first, in the currency"),
    ],
    gauges: &[Gauge {
        name: "n_marketplaces",
        doc: "how many there are",
        read: |state, _, _| state.market().map(|market| Number::Float(market.n_marketplaces)),
    }],
    build: Marketplaces::build,
};

/// Buys the token and burns it.
pub(super) const BURNER: Kind = Kind {
    name: "burner",
    doc: "spends its currency on the token in equal slices, each at the price that the slice before has left, and burns it; needs [loop]",
    keys: &[
        with_default("currency", Takes::Text, "USD", "the asset it spends"),
        with_default("n_slices", Takes::Number, "10", "in how many slices"),
    ],
    gauges: &[],
    build: Burner::build,
};

/// Mints the token by a curve.
pub(super) const MINTER: Kind = Kind {
    name: "minter",
    doc: "mints the token by an exponential curve with ramps, and gives it to an agent; needs [loop]",
    keys: &[
        required("to", Takes::Agent, "who gets what is minted"),
        required("total", Takes::Number, "how much is minted in the end"),
        with_default("token", Takes::Text, "OCEAN", "the asset that is minted"),
        with_default("every", Takes::Number, "1d", "least seconds between two mints"),
        with_default("half_life", Takes::Number, "4", "years until half is minted, without ramps"),
        with_default("t0", Takes::Number, "0.5", "years until the first ramp; nothing is minted before"),
        with_default("t1", Takes::Number, "1", "years until the second ramp"),
        with_default("t2", Takes::Number, "1.4", "years until the third ramp"),
        with_default("t3", Takes::Number, "3", "years until the full curve"),
        with_default("m1", Takes::Number, "0.10", "the first ramp's share of the full curve"),
        with_default("m2", Takes::Number, "0.25", "the second ramp's share"),
        with_default("m3", Takes::Number, "0.50", "the third ramp's share"),
        with_default(
            "joint",
            Takes::Text,
            "as-published",
            "where ramps join: `as-published` takes the earlier ramps' values at t, as TokenSPICE's code does, `continuous` at their ends, as its text says",
        ),
    ],
    gauges: &[],
    build: Minter::build,
};

struct Marketplaces {
    to: usize,
    currency: usize,
}

impl Marketplaces {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let (n_marketplaces, sales) = (builder.positive("n_marketplaces")?, builder.positive("sales")?);
        let to = builder.agent("to")?;
        let currency =
            builder.state.asset(builder.text("currency")).map_err(|message| builder.error("currency", message))?;
        let market = builder.state.market().map_err(|message| builder.source.error(&builder.span, message))?;
        market.n_marketplaces = n_marketplaces;
        market.sales = sales;
        Ok(Box::new(Self { to, currency }))
    }
}

impl Agent for Marketplaces {
    fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
        let dt = state.dt() as f64;
        let market = state.market()?;
        let growth = market.growth_a_year(market.research_to_sales());
        let growth_a_tick = libm::pow(growth + 1.0, 1.0 / (YEAR / dt)) - 1.0;
        market.n_marketplaces *= 1.0 + growth_a_tick;
        market.sales *= 1.0 + growth_a_tick;
        let sold = market.n_marketplaces * market.sales * dt;
        let fees = market.network_revenue(sold);
        state.deposit(self.to, self.currency, fees)
    }
}

struct Burner {
    currency: usize,
    n_slices: u64,
}

impl Burner {
    /// More slices than this are finer than any price.
    const MAX_SLICES: u64 = 10_000;

    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let currency =
            builder.state.asset(builder.text("currency")).map_err(|message| builder.error("currency", message))?;
        let n_slices = builder.whole("n_slices")?;
        if !(1..=Self::MAX_SLICES).contains(&n_slices) {
            let message = format!("`n_slices` is {n_slices}, not one of 1 to {}", Self::MAX_SLICES);
            return Err(builder.error("n_slices", message));
        }
        builder.state.market().map_err(|message| builder.source.error(&builder.span, message))?;
        Ok(Box::new(Self { currency, n_slices }))
    }
}

impl Agent for Burner {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        let balance = state.balance(me, self.currency)?;
        if balance > 0.0 {
            let slice = balance / self.n_slices as f64;
            let market = state.market()?;
            for _ in 0..self.n_slices {
                let price = market.price()?;
                market.burned += slice / price;
                market.burned_value += slice;
            }
            state.transfer(me, None, self.currency, balance)?;
        }
        Ok(())
    }
}

struct Minter {
    to: usize,
    token: usize,
    total: f64,
    left: f64,
    every: u64,
    curve: Curve,
    last: Option<u64>,
}

impl Minter {
    /// After so many half lives the rest is minted, as Bitcoin's is.
    const N_HALF_LIVES: f64 = 34.0;

    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let is_continuous = match builder.text("joint") {
            "continuous" => true,
            "as-published" => false,
            other => {
                let message = format!("`joint` cannot be \"{other}\": there are as-published, continuous");
                return Err(builder.error("joint", message));
            }
        };
        let t = ["t0", "t1", "t2", "t3"].map(|key| builder.positive(key));
        let m = ["m1", "m2", "m3"].map(|key| builder.positive(key));
        let [t0, t1, t2, t3] = t;
        let [m1, m2, m3] = m;
        let curve = Curve {
            half_life: builder.positive("half_life")?,
            t: [t0?, t1?, t2?, t3?],
            m: [m1?, m2?, m3?],
            is_continuous,
        };
        if curve.half_life == 0.0 {
            return Err(builder.error("half_life", "`half_life` is 0: it is in years, above 0"));
        }
        if !curve.t.is_sorted() || !curve.m.is_sorted() {
            return Err(builder.error("t0", format!("the ramps {:?} or {:?} do not rise", curve.t, curve.m)));
        }
        let token = builder.state.asset(builder.text("token")).map_err(|message| builder.error("token", message))?;
        builder.state.market().map_err(|message| builder.source.error(&builder.span, message))?;
        let total = builder.positive("total")?;
        let (to, every) = (builder.agent("to")?, builder.whole("every")?);
        Ok(Box::new(Self { to, token, total, left: total, every, curve, last: None }))
    }
}

impl Agent for Minter {
    fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
        let tick = state.tick();
        let is_early = self.last.is_some_and(|last| (tick - last).saturating_mul(state.dt()) < self.every);
        if self.left == 0.0 || tick == 0 || is_early {
            return Ok(());
        }
        let years = |tick: u64| (tick * state.dt()) as f64 / YEAR;
        let t = years(tick);
        let before = self.last.map_or(0.0, years);
        let mut minted = (self.curve.share(t) - self.curve.share(before)) * self.total;
        if t / self.curve.half_life > Self::N_HALF_LIVES || self.left < minted {
            minted = self.left;
        }
        if minted < 0.0 {
            return Err(format!("the curve falls between {before} and {t} years"));
        }
        state.market()?.minted += minted;
        state.deposit(self.to, self.token, minted)?;
        self.last = Some(tick);
        self.left -= minted;
        Ok(())
    }
}

/// What share of the total is minted after t years: four exponential pieces.
struct Curve {
    half_life: f64,
    t: [f64; 4],
    m: [f64; 3],
    is_continuous: bool,
}

impl Curve {
    fn share(&self, t: f64) -> f64 {
        let [t0, t1, t2, t3] = self.t;
        let [m1, m2, m3] = self.m;
        let f = |t: f64| 1.0 - libm::pow(0.5, t / self.half_life);
        let g1 = |t: f64| m1 * f(t - t0);
        let g2 = |t: f64, joint: f64| m2 * f(t - t0) - m2 * f(t1 - t0) + joint;
        let g3 = |t: f64, joint: f64| m3 * f(t - t0) - m3 * f(t2 - t0) + joint;
        let at = |end: f64| if self.is_continuous { end } else { t };
        let joint1 = g1(at(t1));
        let joint2 = g2(at(t2), joint1);
        let joint3 = g3(at(t3), joint2);
        match t {
            t if t < t0 => 0.0,
            t if t < t1 => g1(t),
            t if t < t2 => g2(t, joint1),
            t if t < t3 => g3(t, joint2),
            t => (1.0 - joint3) * f(t - t3) + joint3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(is_continuous: bool) -> Curve {
        Curve { half_life: 4.0, t: [0.5, 1.0, 1.4, 3.0], m: [0.10, 0.25, 0.50], is_continuous }
    }

    #[test]
    fn the_published_curve_mints_more_than_its_text_says() {
        let (code, text) = (curve(false), curve(true));
        let excess = |t: f64| code.share(t) / text.share(t) - 1.0;
        assert_eq!((code.share(0.4), text.share(0.4)), (0.0, 0.0));
        assert_eq!(code.share(0.9), text.share(0.9));
        assert!((excess(1.2) - 0.19).abs() < 0.01, "{}", excess(1.2));
        assert!((code.share(3.0) - 0.206).abs() < 0.001 && (text.share(3.0) - 0.127).abs() < 0.001);
        assert!((excess(20.0) - 0.03).abs() < 0.01, "{}", excess(20.0));
    }

    #[test]
    fn the_continuous_curve_has_no_jumps() {
        let text = curve(true);
        for t in [0.5, 1.0, 1.4, 3.0] {
            assert!((text.share(t + 1e-9) - text.share(t - 1e-9)).abs() < 1e-8, "at {t}");
        }
    }
}
