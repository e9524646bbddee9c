//! FLASH V3, the cadCAD model of a token with a staking reward and two constant-product pools, over any kind of number. In
//! exact decimals it gives the notebook's digits.
//!
//! State: the external pool of F FLASH and A ALT, the internal pool of f and a, the sum of all stakes, the market's yield
//! m, the mint rate φ. `swap(i; x, y)` sells i to a pool: out = y - x y / (x + i), x' = x + i, y' = y - out. In each
//! timestep, all from the old state:
//!
//! - swap: an amount in [0, 100) of FLASH or ALT, drawn;
//! - arbitrage: with P = A/F, p = a/f, k = a f, T = sqrt(k P): k/T - f FLASH if p > P, else T - a ALT;
//! - stake: S = (A / sqrt(A/F - (φ - m)) - F) / φ;
//! - external pool: the drawn swap, then S φ FLASH that is minted and sold;
//! - internal pool: the arbitrage, then the purchase of the stake: `swap` of S ALT;
//! - stakes: + S.
//!
//! The corrected variant differs where the notebook does not do what it says:
//!
//! - m is the yield that the timestep before drew. The notebook draws it, and keeps the first.
//! - The price to reach is px2 = px1 - (φ - m) with px1 = A/F, and a pool that holds fl2 = A / sqrt(px1 px2) FLASH has it.
//!   The notebook's A / sqrt(px2) is that only at px1 = 1, and makes stakes negative elsewhere.
//! - There is no stake where φ <= m or px2 <= 0. The notebook has no value there, or the root of a negative number.
//! - S FLASH are bought for S a / (f - S) ALT. The notebook pays S ALT.
//!
//! The older variant is the notebook's table 39: nobody stakes. The notebook's fee and burn rates are used by no function
//! of it, and are no parameters here.

mod settings;

use std::marker::PhantomData;

use crate::{
    blocks::{BlockError, Moment, Number, Recording, Schedule, Signal, StateBlocks},
    draws::mix,
    model::Run,
    rows::{Column, Rows},
};

pub use self::settings::{Settings, Variant, parameters};

/// The model over numbers `N`.
#[derive(Clone, Debug)]
pub struct FlashV3<N> {
    settings: Settings,
    luck: Luck,
    n_timesteps: u64,
    recording: Recording,
    columns: Vec<Column>,
    has_signals: bool,
    number: PhantomData<N>,
}

/// Where the swaps and yields come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Luck {
    /// Each is a function of seed, run, timestep and purpose.
    Drawn,
    /// The swaps of the timesteps from 1, and no yields. A run ends in an error where there are no more.
    Given(Vec<Swap>),
}

/// A swap in the external pool: how much of what is sold to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swap {
    /// How much.
    pub amount: f64,
    /// What.
    pub token: Token,
}

/// What a pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The token with the staking reward.
    Flash,
    /// The other.
    Alt,
}

impl Token {
    const fn name(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::Alt => "alt",
        }
    }
}

/// What a pool of the two tokens holds of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool<N> {
    /// FLASH.
    pub flash: N,
    /// ALT.
    pub alt: N,
}

impl<N: Number> Pool<N> {
    /// Sells `amount` of `token` to the pool.
    fn swap(self, token: Token, amount: N) -> Result<Self, BlockError> {
        let (x, y) = match token {
            Token::Flash => (self.flash, self.alt),
            Token::Alt => (self.alt, self.flash),
        };
        let sum = x.try_add(amount)?;
        // The quotient itself would skip a rounding, which shows where the pool is nearly emptied.
        let out = y.try_sub(x.try_mul(y)?.try_div(sum)?)?;
        let left = y.try_sub(out)?;
        Ok(match token {
            Token::Flash => Self { flash: sum, alt: left },
            Token::Alt => Self { alt: sum, flash: left },
        })
    }

    /// ALT for one FLASH.
    fn price(self) -> Result<N, BlockError> {
        Ok(self.alt.try_div(self.flash)?)
    }
}

/// The state variables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State<N> {
    /// The yield that the market offers.
    pub market_apy: N,
    /// The pool that everybody trades in.
    pub external: Pool<N>,
    /// The pool that is kept at the price of the other, and that stakes are bought in.
    pub internal: Pool<N>,
    /// All stakes.
    pub staked: N,
}

/// What the policies give.
#[derive(Clone, Copy, Debug)]
pub struct Signals<N> {
    market_apy: Signal<N>,
    swap: Signal<(Token, N)>,
    arbitrage: Signal<(Token, N)>,
    stake: Signal<N>,
}

impl<N> Default for Signals<N> {
    fn default() -> Self {
        Self {
            market_apy: Signal::default(),
            swap: Signal::default(),
            arbitrage: Signal::default(),
            stake: Signal::default(),
        }
    }
}

/// What a run keeps: its settings as numbers.
#[derive(Clone, Copy, Debug)]
pub struct Case<N> {
    variant: Variant,
    seed: u64,
    run: u64,
    mint_rate: N,
    swap_factor: f64,
    apy_low: i64,
    apy_spread: u64,
    zero: N,
    hundred: N,
}

/// Purposes of the draws.
const APY: u64 = 0;
const AMOUNT: u64 = 1;
const TOKEN: u64 = 2;

impl<N> Case<N> {
    /// 64 random bits for a purpose of a timestep.
    const fn draw(&self, timestep: u64, purpose: u64) -> u64 {
        mix(mix(mix(mix(self.seed) ^ self.run) ^ timestep) ^ purpose)
    }
}

impl<N: Number> FlashV3<N> {
    /// A model of `n_timesteps`, whose rows hold the state, and the signals if `has_signals`.
    ///
    /// # Errors
    /// If `recording` is every 0th timestep.
    pub fn new(
        settings: Settings,
        luck: Luck,
        (n_timesteps, recording): (u64, Recording),
        has_signals: bool,
    ) -> Result<Self, BlockError> {
        if recording == Recording::Every(0) {
            return Err(BlockError::Parameter("every 0th timestep is recorded: pass 1 or more".into()));
        }
        let mut columns = Vec::new();
        if has_signals {
            columns.push(N::column("market_apy_draw"));
            columns.push(N::column("ext_swap_amount"));
            columns.push(Column::text("ext_swap_input_token"));
            columns.push(N::column("int_swap_amount"));
            columns.push(Column::text("int_swap_input_token"));
            columns.push(N::column("flash_to_stake"));
        }
        columns.extend(["market_apy", "ext_alt", "ext_flash", "int_alt", "int_flash", "staked"].map(N::column));
        Ok(Self { settings, luck, n_timesteps, recording, columns, has_signals, number: PhantomData })
    }

    fn draw_swap(&self, case: &Case<N>, timestep: u64) -> Result<(Token, N), BlockError> {
        let swap = match &self.luck {
            Luck::Drawn => {
                let unit = (case.draw(timestep, AMOUNT) >> 11) as f64 * const { 1.0 / (1_u64 << 53) as f64 };
                let token = if case.draw(timestep, TOKEN) >> 63 == 0 { Token::Flash } else { Token::Alt };
                Swap { amount: unit * case.swap_factor, token }
            }
            Luck::Given(swaps) => {
                let index = usize::try_from(timestep - 1).unwrap_or(usize::MAX);
                *swaps.get(index).ok_or_else(|| {
                    BlockError::State(format!("{} swaps are given: give one for each timestep", swaps.len()))
                })?
            }
        };
        Ok((swap.token, N::from_double(swap.amount)?))
    }

    fn draw_apy(case: &Case<N>, timestep: u64) -> Result<N, BlockError> {
        let drawn = (case.draw(timestep, APY) % case.apy_spread).cast_signed();
        Ok(N::from_integer(case.apy_low + drawn)?.try_div(case.hundred)?)
    }
}

/// What brings the internal pool to the price of the external one.
fn arbitrage<N: Number>(state: &State<N>) -> Result<(Token, N), BlockError> {
    let (target_price, price) = (state.external.price()?, state.internal.price()?);
    let product = state.internal.alt.try_mul(state.internal.flash)?;
    let alt = product.try_mul(target_price)?.try_sqrt()?;
    Ok(if price > target_price {
        (Token::Flash, product.try_div(alt)?.try_sub(state.internal.flash)?)
    } else {
        (Token::Alt, alt.try_sub(state.internal.alt)?)
    })
}

/// How much FLASH is staked.
fn stake<N: Number>(case: &Case<N>, state: &State<N>) -> Result<N, BlockError> {
    let Pool { flash, alt } = state.external;
    let is_corrected = case.variant == Variant::Corrected;
    if case.mint_rate <= state.market_apy {
        if is_corrected {
            return Ok(case.zero);
        }
        let (rate, apy) = (case.mint_rate, state.market_apy);
        return Err(BlockError::State(format!(
            "the notebook has no stake where the mint rate, {rate}, is not above the market's yield, {apy}"
        )));
    }
    let price = state.external.price()?;
    let target = price.try_sub(case.mint_rate.try_sub(state.market_apy)?)?;
    let root = if is_corrected {
        if target <= case.zero {
            return Ok(case.zero);
        }
        price.try_mul(target)?.try_sqrt()?
    } else {
        target.try_sqrt()?
    };
    Ok(alt.try_div(root)?.try_sub(flash)?.try_div(case.mint_rate)?)
}

/// The internal pool after the purchase of the stake.
fn buy_stake<N: Number>(variant: Variant, pool: Pool<N>, stake: N) -> Result<Pool<N>, BlockError> {
    if variant != Variant::Corrected {
        return pool.swap(Token::Alt, stake);
    }
    let left = pool.flash.try_sub(stake)?;
    if stake >= pool.flash {
        let flash = pool.flash;
        return Err(BlockError::State(format!("a stake of {stake} FLASH is not to be had of a pool of {flash}")));
    }
    Ok(Pool { flash: left, alt: pool.alt.try_add(stake.try_mul(pool.alt)?.try_div(left)?)? })
}

impl<N: Number> StateBlocks for FlashV3<N> {
    type State = State<N>;
    type Signals = Signals<N>;
    type Case = Case<N>;

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn schedule(&self) -> Schedule {
        Schedule { n_timesteps: self.n_timesteps, n_blocks: 1, n_history: 0, recording: self.recording }
    }

    fn start(&self, run: &Run<'_>) -> Result<(Case<N>, State<N>), BlockError> {
        self.settings.at(run.point)?.begin(run)
    }

    fn policies(
        &self,
        case: &mut Case<N>,
        moment: &Moment<'_, State<N>>,
        signals: &mut Signals<N>,
    ) -> Result<(), BlockError> {
        let state = &moment.old.state;
        if self.luck == Luck::Drawn {
            signals.market_apy.set("market_apy", Self::draw_apy(case, moment.timestep)?)?;
        }
        signals.swap.set("ext_swap", self.draw_swap(case, moment.timestep)?)?;
        signals.arbitrage.set("int_swap", arbitrage(state)?)?;
        if case.variant != Variant::Older {
            signals.stake.set("flash_to_stake", stake(case, state)?)?;
        }
        Ok(())
    }

    fn updates(
        &self,
        case: &mut Case<N>,
        moment: &Moment<'_, State<N>>,
        signals: &Signals<N>,
        next: &mut State<N>,
    ) -> Result<(), BlockError> {
        let old = &moment.old.state;
        let (token, amount) = signals.swap.need("ext_swap")?;
        next.external = old.external.swap(token, amount)?;
        let (token, amount) = signals.arbitrage.need("int_swap")?;
        next.internal = old.internal.swap(token, amount)?;
        if let Some(stake) = signals.stake.get() {
            next.external = next.external.swap(Token::Flash, stake.try_mul(case.mint_rate)?)?;
            next.internal = buy_stake(case.variant, next.internal, stake)?;
            next.staked = old.staked.try_add(stake)?;
        }
        if let (Variant::Corrected, Some(drawn)) = (case.variant, signals.market_apy.get()) {
            next.market_apy = drawn;
        }
        Ok(())
    }

    fn record(&self, state: &State<N>, signals: &Signals<N>, rows: &mut Rows) {
        if self.has_signals {
            N::record(signals.market_apy.get(), rows);
            for swap in [signals.swap.get(), signals.arbitrage.get()] {
                N::record(swap.map(|(_, amount)| amount), rows);
                rows.text(swap.map_or("", |(token, _)| token.name()));
            }
            N::record(signals.stake.get(), rows);
        }
        let State { market_apy, external, internal, staked } = *state;
        for number in [market_apy, external.alt, external.flash, internal.alt, internal.flash, staked] {
            N::record(Some(number), rows);
        }
    }
}
