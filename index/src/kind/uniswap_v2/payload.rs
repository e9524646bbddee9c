//! The payloads of a pair's two projects.
//!
//! Amounts of tokens are in their units, exact. Dollars have 18 decimals and are each rounded once, half to even, from
//! fractions of the reserves; where there is no price they are zero. Reserves and prices are as of the end of each
//! block; a trade is priced by the reserves right before its own log, which is after the `Sync` that it causes.

use std::borrow::Cow;

use alloy::primitives::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    Place, Trade, TradeKind,
    price::{Prices, fee},
};
use crate::snapshot::{Account, EpochHead, Word};

/// Blocks that an epoch of pairs has at most: reserves of more would have more than the two mebibytes that IPFS tools take
/// as one block.
pub(crate) const MAX_BLOCKS: u64 = 10_000;

/// A number without a sign: in DAG-CBOR a byte string, the highest byte first, without leading zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub U256);

/// The pair of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairHead {
    /// Where it is.
    pub pair: Account,
    /// Its tokens.
    pub token0: Account,
    /// See `token0`.
    pub token1: Account,
    /// Decimals of its tokens.
    pub decimals0: u8,
    /// See `decimals0`.
    pub decimals1: u8,
}

/// What a pair holds, for each block of the epoch, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TotalReserves {
    /// Of which epoch.
    #[serde(flatten)]
    pub head: EpochHead,
    /// Of which pair.
    #[serde(flatten)]
    pub pair: PairHead,
    /// Units of token 0.
    pub reserve0: Vec<Amount>,
    /// Units of token 1.
    pub reserve1: Vec<Amount>,
    /// Dollars for a whole token 0.
    pub price0: Vec<Amount>,
    /// Dollars for a whole token 1.
    pub price1: Vec<Amount>,
    /// Dollars for all of token 0.
    pub reserve_usd0: Vec<Amount>,
    /// Dollars for all of token 1.
    pub reserve_usd1: Vec<Amount>,
}

/// What was traded in a pair in the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeVolume {
    /// Of which epoch.
    #[serde(flatten)]
    pub head: EpochHead,
    /// Of which pair.
    #[serde(flatten)]
    pub pair: PairHead,
    /// In the order of the chain.
    pub swaps: Vec<Swap>,
    /// In the order of the chain.
    pub mints: Vec<Change>,
    /// In the order of the chain.
    pub burns: Vec<Change>,
    /// What they come to.
    pub totals: Totals,
}

/// A swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Swap {
    /// Its block.
    pub block: u64,
    /// The place of its log in the block.
    pub idx: u64,
    /// Its transaction.
    pub tx: Word,
    /// Who called the pair.
    pub sender: Account,
    /// Who got what the pair gave.
    pub to: Account,
    /// What the pair got of token 0.
    pub amount0_in: Amount,
    /// What the pair got of token 1.
    pub amount1_in: Amount,
    /// What the pair gave of token 0.
    pub amount0_out: Amount,
    /// What the pair gave of token 1.
    pub amount1_out: Amount,
    /// Dollars for what moved of token 0 on balance.
    pub usd0: Amount,
    /// Dollars for what moved of token 1 on balance.
    pub usd1: Amount,
    /// The greater of both.
    pub usd: Amount,
    /// Dollars for three thousandths of what the pair got; of `usd`, if no price is known of that.
    pub fee_usd: Amount,
}

/// Liquidity that was added or taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its block.
    pub block: u64,
    /// The place of its log in the block.
    pub idx: u64,
    /// Its transaction.
    pub tx: Word,
    /// Who called the pair.
    pub sender: Account,
    /// Who got what the pair gave; nothing of a mint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Account>,
    /// Units of token 0.
    pub amount0: Amount,
    /// Units of token 1.
    pub amount1: Amount,
    /// Dollars for both.
    pub usd: Amount,
}

/// Sums over an epoch. Under the same names they are added up over epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Swaps.
    pub n_swaps: u64,
    /// Additions of liquidity.
    pub n_mints: u64,
    /// Removals of liquidity.
    pub n_burns: u64,
    /// Units of token 0 that swaps moved on balance.
    pub volume0: Amount,
    /// Units of token 1 that swaps moved on balance.
    pub volume1: Amount,
    /// Dollars for `volume0`, each swap at its price.
    pub volume_usd0: Amount,
    /// Dollars for `volume1`, each swap at its price.
    pub volume_usd1: Amount,
    /// Dollars for each swap's more valuable side.
    pub volume_usd: Amount,
    /// Three thousandths of what swaps brought of token 0, each rounded half to even.
    pub fee0: Amount,
    /// Three thousandths of what swaps brought of token 1, each rounded half to even.
    pub fee1: Amount,
    /// Dollars for the fees.
    pub fee_usd: Amount,
    /// Units of token 0 added.
    pub mint0: Amount,
    /// Units of token 1 added.
    pub mint1: Amount,
    /// Dollars for what was added.
    pub mint_usd: Amount,
    /// Units of token 0 taken.
    pub burn0: Amount,
    /// Units of token 1 taken.
    pub burn1: Amount,
    /// Dollars for what was taken.
    pub burn_usd: Amount,
}

impl PairHead {
    fn new(prices: &Prices<'_>, pair: usize) -> Self {
        let found = prices.market.pairs[pair];
        let [token0, token1] = found.tokens.map(|token| &prices.market.tokens[token]);
        Self {
            pair: Account(found.address),
            token0: Account(token0.address),
            token1: Account(token1.address),
            decimals0: token0.decimals,
            decimals1: token1.decimals,
        }
    }
}

impl TotalReserves {
    pub(crate) fn new(head: EpochHead, prices: &mut Prices<'_>, pair: usize) -> Self {
        let mut columns: [Vec<Amount>; 6] = Default::default();
        let tokens = prices.market.pairs[pair].tokens;
        for block in prices.blocks.first..=prices.blocks.last {
            let place = Place::end_of(block);
            let reserves = prices.reserves(pair, place).map(U256::from);
            for side in 0..2 {
                let price = prices.price(tokens[side], place);
                let decimals = prices.market.tokens[tokens[side]].decimals;
                let dollars = price.and_then(|price| price.of(reserves[side])).unwrap_or_default();
                let of_token = price.and_then(|price| price.of_token(decimals)).unwrap_or_default();
                columns[side].push(Amount(reserves[side]));
                columns[2 + side].push(Amount(of_token));
                columns[4 + side].push(Amount(dollars));
            }
        }
        let pair = PairHead::new(prices, pair);
        let [reserve0, reserve1, price0, price1, reserve_usd0, reserve_usd1] = columns;
        Self { head, pair, reserve0, reserve1, price0, price1, reserve_usd0, reserve_usd1 }
    }
}

impl TradeVolume {
    /// `trades` are those of the pair in the epoch, in the order of the chain.
    pub(crate) fn new(head: EpochHead, prices: &mut Prices<'_>, pair: usize, trades: &[Trade]) -> Self {
        let (mut swaps, mut mints, mut burns) = (Vec::new(), Vec::new(), Vec::new());
        let mut totals = Totals::default();
        for trade in trades {
            match trade.kind {
                TradeKind::Swap => swaps.push(totals.add_swap(prices, pair, trade)),
                TradeKind::Mint | TradeKind::Burn => {
                    let change = totals.add_change(prices, pair, trade);
                    if trade.kind == TradeKind::Mint { &mut mints } else { &mut burns }.push(change);
                }
            }
        }
        Self { head, pair: PairHead::new(prices, pair), swaps, mints, burns, totals }
    }

    /// What adds up over epochs, by name.
    #[must_use]
    pub fn sums(&self) -> Vec<(Cow<'static, str>, U256)> {
        self.totals.named().map(|(name, sum)| (Cow::Borrowed(name), sum)).into()
    }
}

impl Totals {
    /// How many sums there are.
    pub const COUNT: usize = 17;

    /// Each under its name.
    #[must_use]
    pub fn named(&self) -> [(&'static str, U256); Self::COUNT] {
        [
            ("burn0", self.burn0.0),
            ("burn1", self.burn1.0),
            ("burn_usd", self.burn_usd.0),
            ("fee0", self.fee0.0),
            ("fee1", self.fee1.0),
            ("fee_usd", self.fee_usd.0),
            ("mint0", self.mint0.0),
            ("mint1", self.mint1.0),
            ("mint_usd", self.mint_usd.0),
            ("n_burns", U256::from(self.n_burns)),
            ("n_mints", U256::from(self.n_mints)),
            ("n_swaps", U256::from(self.n_swaps)),
            ("volume0", self.volume0.0),
            ("volume1", self.volume1.0),
            ("volume_usd", self.volume_usd.0),
            ("volume_usd0", self.volume_usd0.0),
            ("volume_usd1", self.volume_usd1.0),
        ]
    }

    fn add_swap(&mut self, prices: &mut Prices<'_>, pair: usize, trade: &Trade) -> Swap {
        let known = prices.market.pairs[pair].tokens.map(|token| prices.price(token, trade.place));
        let moved = trade.moved();
        let [usd0, usd1] = [0, 1].map(|i| known[i].and_then(|price| price.of(moved[i])).unwrap_or_default());
        let usd = usd0.max(usd1);
        // What came in has a price, or else the other side stands for it.
        let fee_usd = [0, 1].map(|i| known[i].and_then(|price| price.of_fee(trade.into[i])).unwrap_or_default());
        let is_priced = [0, 1].iter().any(|i| known[*i].is_some() && !trade.into[*i].is_zero());
        let fee_usd = if is_priced { fee_usd[0].saturating_add(fee_usd[1]) } else { fee(usd) };
        self.n_swaps += 1;
        self.volume0.add(moved[0]);
        self.volume1.add(moved[1]);
        self.volume_usd0.add(usd0);
        self.volume_usd1.add(usd1);
        self.volume_usd.add(usd);
        self.fee0.add(fee(trade.into[0]));
        self.fee1.add(fee(trade.into[1]));
        self.fee_usd.add(fee_usd);
        Swap {
            block: trade.place.block,
            idx: trade.place.idx,
            tx: trade.tx.into(),
            sender: Account(trade.sender),
            to: Account(trade.to.unwrap_or_default()),
            amount0_in: Amount(trade.into[0]),
            amount1_in: Amount(trade.into[1]),
            amount0_out: Amount(trade.out[0]),
            amount1_out: Amount(trade.out[1]),
            usd0: Amount(usd0),
            usd1: Amount(usd1),
            usd: Amount(usd),
            fee_usd: Amount(fee_usd),
        }
    }

    fn add_change(&mut self, prices: &mut Prices<'_>, pair: usize, trade: &Trade) -> Change {
        let known = prices.market.pairs[pair].tokens.map(|token| prices.price(token, trade.place));
        let moved = trade.moved();
        let usd = [0, 1].map(|i| known[i].and_then(|price| price.of(moved[i])).unwrap_or_default());
        let usd = usd[0].saturating_add(usd[1]);
        let (count, sums) = match trade.kind {
            TradeKind::Burn => (&mut self.n_burns, [&mut self.burn0, &mut self.burn1, &mut self.burn_usd]),
            _ => (&mut self.n_mints, [&mut self.mint0, &mut self.mint1, &mut self.mint_usd]),
        };
        *count += 1;
        sums.into_iter().zip([moved[0], moved[1], usd]).for_each(|(sum, amount)| sum.add(amount));
        Change {
            block: trade.place.block,
            idx: trade.place.idx,
            tx: trade.tx.into(),
            sender: Account(trade.sender),
            to: trade.to.map(Account),
            amount0: Amount(moved[0]),
            amount1: Amount(moved[1]),
            usd: Amount(usd),
        }
    }
}

impl Amount {
    /// Only a contract that is no pair moves so much that the sum stops at the top.
    fn add(&mut self, amount: U256) {
        self.0 = self.0.saturating_add(amount);
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.0.to_be_bytes::<32>();
        serializer.serialize_bytes(&bytes[self.0.leading_zeros() / 8..])
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_bytes(Bytes("up to 32 bytes without leading zeros"))?;
        let is_shortest = bytes.len() <= 32 && bytes.first() != Some(&0);
        let expected = || de::Error::invalid_length(bytes.len(), &"up to 32 bytes without leading zeros");
        is_shortest.then(|| Self(U256::from_be_slice(&bytes))).ok_or_else(expected)
    }
}

/// Takes a byte string that is expected to be so.
struct Bytes(&'static str);

impl de::Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256};

    use super::*;
    use crate::{block::Blocks, content, epoch::Epoch};

    /// Numbers of so many bits, one a block: a reserve has 112, and what is worth dollars at most 192.
    fn column(n_bits: usize) -> Vec<Amount> {
        vec![Amount(U256::MAX >> (256 - n_bits)); usize::try_from(MAX_BLOCKS).unwrap()]
    }

    #[test]
    fn reserves_of_the_longest_epoch_are_one_block() {
        let top = i64::MAX.cast_unsigned();
        let epoch = Epoch {
            id: top,
            blocks: Blocks { first: top, last: top },
            begin_parent_hash: B256::repeat_byte(0xff),
            end_hash: B256::repeat_byte(0xff),
            end_timestamp: top,
        };
        let account = Account(Address::repeat_byte(0xff));
        let pair = PairHead { pair: account, token0: account, token1: account, decimals0: 255, decimals1: 255 };
        let payload = TotalReserves {
            head: EpochHead::new("uniswap-v2", &"s".repeat(32), &epoch),
            pair,
            reserve0: column(112),
            reserve1: column(112),
            price0: column(192),
            price1: column(192),
            reserve_usd0: column(192),
            reserve_usd1: column(192),
        };
        let n_bytes = content::encode(&payload).len();
        assert!((1_000_000..2 << 20).contains(&n_bytes), "{n_bytes}");
    }

    #[test]
    fn swaps_have_a_bounded_length() {
        let (most, account, word) = (Amount(U256::MAX), Account(Address::ZERO), Word([0xff; 32]));
        let swap = Swap {
            block: u64::MAX,
            idx: u64::MAX,
            tx: word,
            sender: account,
            to: account,
            amount0_in: most,
            amount1_in: most,
            amount0_out: most,
            amount1_out: most,
            usd0: most,
            usd1: most,
            usd: most,
            fee_usd: most,
        };
        assert_eq!(content::encode(&swap).len(), 453);
    }
}
