//! `[loop]`: what the Web3 Sustainability Loop's agents share. The token's supply and price, and sums over the last month
//! and year. Sums add in the order of the ticks, so that they have the digits of TokenSPICE's.

/// Seconds of a month of 30 days.
pub(crate) const MONTH: i128 = 30 * 86_400;
/// Seconds of a year of 365 days.
pub(crate) const YEAR: i128 = 365 * 86_400;

/// The numbers that a netlist sets, and their values in TokenSPICE.
pub(crate) const SETTINGS: [(&str, &str, &str); 10] = [
    ("consume_fee", "0.03", "what the network gets of data that is consumed"),
    ("swap_fee", "0.001", "what the network gets of tokens that are swapped"),
    ("swaps_to_sales", "100", "swapped volume to consumed volume"),
    ("price_to_sales", "30", "valuation to a year's revenue of the network"),
    ("speculation", "150e6", "valuation by speculation at the beginning, in the currency"),
    ("speculation_growth", "0.10", "by how much speculation grows a year"),
    ("initial_supply", "690.9e6", "tokens at the beginning"),
    ("growth_at_zero", "-0.118", "growth of marketplaces a year without research"),
    ("growth_at_most", "0.415", "the most that research can make of it"),
    ("tau", "0.6", "the ratio of research to sales that gains half of that"),
];

/// How fundamentals and speculation make a valuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Valuation {
    /// The greater one.
    Greater,
    /// Their sum.
    Sum,
}

/// The loop's state.
#[derive(Clone, Debug)]
pub struct Market {
    settings: Settings,
    dt: i128,
    n_ticks: i128,
    /// How many marketplaces there are.
    pub n_marketplaces: f64,
    /// What one of them sells a second, in the currency.
    pub sales: f64,
    /// Tokens minted so far.
    pub minted: f64,
    /// Tokens burned so far.
    pub burned: f64,
    /// What was paid for the tokens that were burned, in the currency.
    pub burned_value: f64,
    speculation: f64,
    /// The network's revenue in the last year, which changes with a finished tick only.
    revenue_year: f64,
    sales_of_one: History,
    sales_of_all: History,
    revenue: History,
    spent: History,
    totals: [History; 4],
}

/// What does not change in a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) consume_fee: f64,
    pub(crate) swap_fee: f64,
    pub(crate) swaps_to_sales: f64,
    pub(crate) price_to_sales: f64,
    pub(crate) speculation: f64,
    pub(crate) speculation_growth: f64,
    pub(crate) initial_supply: f64,
    pub(crate) growth_at_zero: f64,
    pub(crate) growth_at_most: f64,
    pub(crate) tau: f64,
    pub(crate) valuation: Valuation,
}

/// A number of the market that columns may show: its name, what it is, and how it is read.
pub(crate) type MarketGauge = (&'static str, &'static str, fn(&Market) -> f64);

/// All of them.
pub(crate) const GAUGES: [MarketGauge; 22] = [
    ("n_marketplaces", "how many marketplaces there are", |m| m.n_marketplaces),
    ("sales_of_one_month", "what one marketplace sold in 30 days", |m| m.window(&m.sales_of_one, MONTH, 0)),
    ("sales_of_one_year", "what one marketplace sold in a year", |m| m.window(&m.sales_of_one, YEAR, 0)),
    ("sales_month", "what all marketplaces sold in 30 days", |m| m.window(&m.sales_of_all, MONTH, 0)),
    ("sales_year", "what all marketplaces sold in a year", |m| m.window(&m.sales_of_all, YEAR, 0)),
    ("revenue_month", "the network's revenue in 30 days", |m| m.window(&m.revenue, MONTH, 0)),
    ("revenue_year", "the network's revenue in a year", |m| m.revenue_year),
    ("revenue_growth_month", "its growth against the month before, inf without one", |m| m.revenue_growth(MONTH)),
    ("revenue_growth_year", "its growth against the year before, inf without one", |m| m.revenue_growth(YEAR)),
    ("valuation", "what the network is worth", Market::valuation),
    ("fundamentals", "what it is worth by its revenue", Market::fundamentals),
    ("speculation", "what it is worth by speculation", |m| m.speculation),
    ("supply", "tokens there are", Market::supply),
    ("minted", "tokens minted so far", |m| m.minted),
    ("burned", "tokens burned so far", |m| m.burned),
    ("minted_month", "tokens minted in 30 days", |m| m.change(0)),
    ("burned_month", "tokens burned in 30 days", |m| m.change(1)),
    ("minted_value_month", "change in 30 days of what all minted tokens are worth", |m| m.change(2)),
    ("burned_value_month", "what was paid in 30 days for tokens that were burned", |m| m.change(3)),
    ("research_month", "what grant takers spent in 30 days", Market::research_month),
    ("research_to_sales", "that over the network's revenue in 30 days", Market::research_to_sales),
    ("growth", "growth of marketplaces a year", |m| m.growth_a_year(m.research_to_sales())),
];

impl Market {
    pub(crate) fn new(settings: Settings, dt: u64) -> Self {
        let ticks = |seconds: i128| usize::try_from(seconds / i128::from(dt.max(1)) + 2).unwrap_or(usize::MAX);
        let rates = || History::new(ticks(2 * YEAR));
        let totals = || History::new(ticks(MONTH));
        Self {
            dt: i128::from(dt),
            n_ticks: 0,
            n_marketplaces: 0.0,
            sales: 0.0,
            minted: 0.0,
            burned: 0.0,
            burned_value: 0.0,
            speculation: settings.speculation,
            revenue_year: 0.0,
            sales_of_one: rates(),
            sales_of_all: rates(),
            revenue: rates(),
            spent: totals(),
            totals: [totals(), totals(), totals(), totals()],
            settings,
        }
    }

    /// Notes what the tick that ends was like; `spent` is what grant takers spent in it.
    pub(crate) fn end_tick(&mut self, spent: f64) -> Result<(), String> {
        self.n_ticks += 1;
        self.spent.push(spent);
        self.sales_of_one.push(self.sales);
        self.sales_of_all.push(self.sales * self.n_marketplaces);
        self.revenue.push(self.network_revenue(self.n_marketplaces * self.sales));
        self.revenue_year = self.window(&self.revenue, YEAR, 0);
        let price = self.price()?;
        let now = [self.minted, self.burned, self.minted * price, self.burned_value];
        for (total, value) in self.totals.iter_mut().zip(now) {
            total.push(value);
        }
        let growth_a_second = self.settings.speculation_growth / YEAR as f64;
        self.speculation *= 1.0 + growth_a_second * self.dt as f64;
        Ok(())
    }

    /// What the network gets of sales of `consumed`.
    pub(crate) fn network_revenue(&self, consumed: f64) -> f64 {
        let swapped = self.settings.swaps_to_sales * consumed;
        self.settings.consume_fee * consumed + self.settings.swap_fee * swapped
    }

    /// The token's price in the currency.
    ///
    /// # Errors
    /// If it is not above zero.
    pub(crate) fn price(&self) -> Result<f64, String> {
        let price = self.valuation() / self.supply();
        if price > 0.0 {
            Ok(price)
        } else {
            Err(format!("a valuation of {} and a supply of {} make no price", self.valuation(), self.supply()))
        }
    }

    fn valuation(&self) -> f64 {
        match self.settings.valuation {
            Valuation::Greater if self.fundamentals() >= self.speculation => self.fundamentals(),
            Valuation::Greater => self.speculation,
            Valuation::Sum => self.fundamentals() + self.speculation,
        }
    }

    fn fundamentals(&self) -> f64 {
        self.revenue_year * self.settings.price_to_sales
    }

    fn supply(&self) -> f64 {
        self.settings.initial_supply + self.minted - self.burned
    }

    /// Research over revenue in the last month; 0 without research.
    pub(crate) fn research_to_sales(&self) -> f64 {
        let research = self.research_month();
        if research == 0.0 { 0.0 } else { research / self.window(&self.revenue, MONTH, 0) }
    }

    /// Growth a year that a ratio of research to sales makes.
    pub(crate) fn growth_a_year(&self, ratio: f64) -> f64 {
        let Settings { growth_at_zero, growth_at_most, tau, .. } = self.settings;
        growth_at_zero + (growth_at_most - growth_at_zero) * (1.0 - libm::pow(0.5, ratio / tau))
    }

    fn research_month(&self) -> f64 {
        let n_ticks = self.ticks_of_a_month();
        self.spent.range(self.n_ticks - n_ticks, self.n_ticks).iter().fold(0.0, |sum, spent| sum + spent)
    }

    /// Growth of revenue against the stretch of `seconds` before.
    fn revenue_growth(&self, seconds: i128) -> f64 {
        let before = self.window(&self.revenue, seconds, seconds);
        if before == 0.0 { f64::INFINITY } else { self.window(&self.revenue, seconds, 0) / before - 1.0 }
    }

    /// Change of a total over 30 days, or since the beginning.
    fn change(&self, total: usize) -> f64 {
        let at = |tick: i128| self.totals[total].range(tick, tick + 1).first().copied();
        let last = at(self.n_ticks - 1).unwrap_or(0.0);
        at(self.n_ticks - 1 - self.ticks_of_a_month()).map_or(last, |before| last - before)
    }

    fn ticks_of_a_month(&self) -> i128 {
        (MONTH + self.dt - 1) / self.dt
    }

    /// The sum of a rate a second over the `seconds` that end `before_end` seconds before the last tick's end.
    fn window(&self, rates: &History, seconds: i128, before_end: i128) -> f64 {
        let end = self.n_ticks * self.dt - before_end;
        let start = end - seconds;
        let first = start.div_euclid(self.dt).max(0);
        let last = (end.div_euclid(self.dt) + 1).min(self.n_ticks);
        let seconds_in = |tick: i128| (end.min((tick + 1) * self.dt - 1) - start.max(tick * self.dt) + 1) as f64;
        match rates.range(first, last) {
            [] => 0.0,
            [only] => only * seconds_in(first),
            // Only the ends may be cut; all between are whole ticks.
            [head, between @ .., tail] => {
                let dt = self.dt as f64;
                let sum = between.iter().fold(head * seconds_in(first), |sum, rate| sum + rate * dt);
                sum + tail * seconds_in(last - 1)
            }
        }
    }
}

/// One value a tick, of which the last are kept.
#[derive(Clone, Debug)]
struct History {
    values: Vec<f64>,
    /// The tick of the first value that is kept.
    first: i128,
    n_kept: usize,
}

impl History {
    const fn new(n_kept: usize) -> Self {
        Self { values: Vec::new(), first: 0, n_kept }
    }

    fn push(&mut self, value: f64) {
        if self.values.len() >= self.n_kept.saturating_mul(2) {
            let n_dropped = self.values.len() - self.n_kept;
            self.values.drain(..n_dropped);
            self.first += n_dropped as i128;
        }
        self.values.push(value);
    }

    /// The values of ticks `from..to`, as far as there are any.
    fn range(&self, from: i128, to: i128) -> &[f64] {
        let at = |tick: i128| usize::try_from(tick - self.first).unwrap_or(0).min(self.values.len());
        let (from, to) = (at(from), at(to));
        &self.values[from.min(to)..to]
    }
}
