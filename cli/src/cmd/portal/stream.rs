//! `streamctl portal stream`: deposit and stream, in one transaction.

use std::{fmt, path::PathBuf};

use alloy::{
    primitives::{Address, U256},
    sol_types::SolError,
};
use bindings::{
    Clock,
    IStreamPortal::{self as Portal, StreamOrder},
};
use clap::Args;
use eyre::ensure;
use serde::Serialize;

use super::{
    crossing::{Crossed, CrossingArgs, portal_refusal},
    orders::{Setting, total},
};
use crate::{
    address::parse_address,
    amount::counted,
    moment::{Moment, format_duration, format_instant, parse_duration, parse_moment},
    output::{Output, text},
    tx::{Call, refusal},
};

/// Streams that are shown one by one.
const N_SHOWN: usize = 10;

/// Deposit tokens or Ether, and start streams with them in the rollup.
///
/// All of it is one transaction, after an approval if need be. If the rollup refuses a stream, none starts, and the
/// deposit is credited to you.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl portal stream --app 0x75a1… --token 0x5FbD… --amount 3000 --to 0x7099… --over 30d --account alice\n  \
    streamctl portal stream --app 0x75a1… --token ether --amount 1 --to 0x7099… --over 1h --start +10m --account alice\n  \
    streamctl portal stream --app 0x75a1… --token 0x5FbD… --orders salaries.csv --account alice\n\n\
    The file has a line recipient,amount,start,duration and such a line for each stream, as in 0x7099…,120.5,,30d; or it \
    is a JSON list of objects with these keys. Without a start, a stream starts at once.")]
pub(super) struct StreamArgs {
    /// How much to deposit, in whole tokens; with --orders, what the streams come to if left out.
    #[arg(long, value_name = "AMOUNT", required_unless_present = "orders")]
    amount: Option<String>,
    /// Who is paid.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, required_unless_present = "orders", requires = "over")]
    to: Option<Address>,
    /// How long to stream, as in 30d or 1h30m.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "to")]
    over: Option<u64>,
    /// When to start, as in +2h or 2027-01-01; without it, at once.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment, requires = "to")]
    start: Option<Moment>,
    /// File with the streams, in CSV or JSON.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "over", "start"])]
    orders: Option<PathBuf>,
    #[command(flatten)]
    crossing: CrossingArgs,
}

#[derive(Debug, Serialize)]
struct Started {
    #[serde(serialize_with = "text")]
    sender: Address,
    orders: Vec<Order>,
    #[serde(flatten)]
    crossed: Crossed,
}

#[derive(Debug, Serialize)]
struct Order {
    #[serde(serialize_with = "text")]
    recipient: Address,
    #[serde(serialize_with = "text")]
    amount: U256,
    /// Unix seconds, or 0: at once.
    #[serde(serialize_with = "text")]
    start: u64,
    #[serde(serialize_with = "text")]
    duration: u64,
}

impl StreamArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let crossing = self.crossing.open(output).await?;
        let sender = crossing.account.address;
        let setting = Setting { token: &crossing.token, sender, now: crossing.node.timestamp };
        let orders = self.read_orders(setting)?;
        let sum = total(&orders)?;
        let amount = match &self.amount {
            Some(amount) => crossing.token.parse(amount)?,
            None => sum,
        };
        let error = Portal::OrdersExceedDeposit { total: sum, amount };
        ensure!(sum <= amount, refusal(&error.abi_encode(), Some(&crossing.token), Clock::Timestamp));
        let n_streams = counted(u64::try_from(orders.len())?, "stream");
        let what = format!("deposit {} and start {n_streams}", crossing.token.amount(amount));
        let call = self.call(crossing.portal, amount, &orders, what);
        if let Some(crossed) = self.crossing.send(crossing, amount, call, output).await? {
            output.result(&Started { sender, orders: orders.into_iter().map(Order::from).collect(), crossed })?;
        }
        Ok(())
    }

    fn read_orders(&self, setting: Setting<'_>) -> eyre::Result<Vec<StreamOrder>> {
        match (&self.orders, self.to, self.over, &self.amount) {
            (Some(file), ..) => setting.read(file),
            (None, Some(to), Some(over), Some(amount)) => {
                Ok(vec![setting.order(to, amount, self.start.unwrap_or(Moment::In(0)), over)?])
            }
            _ => Err(portal_refusal(&Portal::OrdersEmpty {})),
        }
    }

    fn call(&self, portal: Address, amount: U256, orders: &[StreamOrder], what: String) -> Call {
        let (app, orders) = (self.crossing.app.app, orders.to_vec());
        if self.crossing.is_ether() {
            return Call::new(portal, &Portal::depositEtherAndStreamCall { app, orders }, what);
        }
        let token = self.crossing.token();
        Call::new(portal, &Portal::depositAndStreamCall { token, app, amount, orders }, what)
    }
}

impl From<StreamOrder> for Order {
    fn from(order: StreamOrder) -> Self {
        let StreamOrder { recipient, amount, start, duration } = order;
        Self { recipient, amount, start, duration }
    }
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_streams = counted(u64::try_from(self.orders.len()).unwrap_or(u64::MAX), "stream");
        writeln!(f, "Deposited {} and asked for {n_streams}", self.crossed.money())?;
        let row = |order: &Order| {
            let start = match order.start {
                0 => "at once".to_owned(),
                start => format!("from {}", format_instant(start)),
            };
            let (amount, over) = (self.crossed.token().amount(order.amount), format_duration(order.duration));
            ("stream", format!("{amount} to {} over {over}, {start}", order.recipient))
        };
        let mut rows: Vec<_> = self.orders.iter().take(N_SHOWN).map(row).collect();
        if let Some(n_more) = self.orders.len().checked_sub(N_SHOWN).filter(|n_more| *n_more != 0) {
            rows.push(("", format!("and {n_more} more")));
        }
        self.crossed.write(f, rows)
    }
}
