//! Deposits into rollups through StreamPortal.

use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    At, Checksummed, Decimal, Page, Part, PlaceKey, Said, Streams,
    filter::{Bound, Bounds},
    history::after,
};
use crate::{Error, Result, rows::Row};

/// Deposits of a page at most; each may carry a call of 64 KB.
pub const DEPOSITS_LIMIT: u64 = 100;

/// Which deposits; all that are not `None` have to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepositFilter {
    /// For this account.
    pub account: Option<Address>,
    /// Into this application.
    pub app: Option<Address>,
    /// Of this token; zero for Ether.
    pub token: Option<Address>,
}

/// Where the tokens of a deposit come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OriginName {
    /// Somebody's own.
    Owned,
    /// What was due of a stream.
    Stream,
    /// What a stream contract owed.
    Credit,
}

/// A deposit; the amount is in units of the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DepositView {
    /// The block.
    pub block: u64,
    /// The log's place in the block.
    pub idx: u64,
    /// Unix seconds.
    pub timestamp: u64,
    /// The transaction.
    #[schema(value_type = String)]
    pub tx: B256,
    /// The application.
    pub app: Checksummed,
    /// Its place among the application's inputs.
    pub input_index: Decimal,
    /// Zero for Ether.
    pub token: Checksummed,
    /// What the token says its symbol is; `null` if it says nothing, and for Ether.
    pub token_symbol: Option<String>,
    /// Decimals of the token's amounts, as it says; `null` if it says nothing, and for Ether.
    pub token_decimals: Option<u8>,
    /// Who is credited.
    pub account: Checksummed,
    /// How much.
    pub amount: Decimal,
    /// Where it comes from.
    pub origin: OriginName,
    /// The stream contract that it comes from; `null` if from none.
    pub contract: Option<Checksummed>,
    /// The stream that it comes from; `null` if from none.
    pub stream_id: Option<Decimal>,
    /// What the account does with it in the rollup.
    #[schema(value_type = String)]
    pub call: Bytes,
}

impl Streams<'_> {
    /// Deposits until the end of a block, in the order of the chain. The source has to have a portal.
    ///
    /// # Errors
    /// Those of the database.
    pub fn deposits(
        &mut self,
        filter: &DepositFilter,
        at: At,
        page: Page<PlaceKey>,
    ) -> Result<Part<DepositView, PlaceKey>> {
        let mut bounds = Bounds::default();
        let (block, idx) = after(page.after);
        let (block, idx, last) = (bounds.bind(block), bounds.bind(idx), bounds.bind(Bound::count(at.block)));
        let mut conditions = format!("(d.block, d.idx) > ({block}, {idx}) AND d.block <= {last}");
        for (column, address) in [("account", filter.account), ("app", filter.app), ("token", filter.token)] {
            if let Some(address) = address {
                conditions.push_str(&format!(" AND d.{column} = {}", bounds.address(address)));
            }
        }
        let limit = page.limit().min(DEPOSITS_LIMIT);
        let bound = bounds.bind(Bound::count(limit));
        let sql = format!(
            "SELECT d.block, d.idx, b.timestamp, d.tx, d.app, d.input_index, d.token, d.account, d.amount, d.origin, \
             d.streaming, d.stream_id, d.call FROM {}_deposit d JOIN block b ON b.number = d.block WHERE {conditions} \
             ORDER BY d.block, d.idx LIMIT {bound}",
            self.prefix
        );
        let rows = self.ask(&sql, &bounds.0)?;
        let mut deposits = rows.iter().map(|row| DepositView::read(&row)).collect::<Result<Vec<_>>>()?;
        let said = self.said(deposits.iter().map(|deposit| deposit.token.0).collect())?;
        for deposit in &mut deposits {
            let Said { symbol, decimals } = said.get(&deposit.token.0).cloned().unwrap_or_default();
            (deposit.token_symbol, deposit.token_decimals) = (symbol, decimals);
        }
        Ok(Part::new(deposits, limit, |deposit| PlaceKey { block: deposit.block, idx: deposit.idx }))
    }
}

impl DepositView {
    fn read(row: &Row<'_>) -> Result<Self> {
        let origin = match row.integer(9)? {
            0 => OriginName::Owned,
            1 => OriginName::Stream,
            2 => OriginName::Credit,
            other => return Err(Error::Damaged(format!("origin {other} of a deposit is none"))),
        };
        Ok(Self {
            block: row.count(0)?,
            idx: row.count(1)?,
            timestamp: row.count(2)?,
            tx: row.hash(3)?,
            app: Checksummed(row.address(4)?),
            input_index: Decimal(row.amount(5)?),
            token: Checksummed(row.address(6)?),
            token_symbol: None,
            token_decimals: None,
            account: Checksummed(row.address(7)?),
            amount: Decimal(row.amount(8)?),
            origin,
            contract: (origin != OriginName::Owned).then(|| row.address(10).map(Checksummed)).transpose()?,
            stream_id: (origin == OriginName::Stream).then(|| row.amount(11).map(Decimal)).transpose()?,
            call: Bytes::copy_from_slice(row.blob(12)?),
        })
    }
}
