//! What outputs of StreamableToken say, by name: notices, and vouchers of withdrawals.

use std::{collections::HashMap, fmt};

use alloy::{
    primitives::{Address, Bytes, U256, address},
    sol_types::{SolCall, SolInterface},
};
use bindings::{
    IERC20,
    cartesi::{
        ETHER, ISafeERC20Transfer,
        Notices::NoticesCalls,
        Outputs::{DelegateCallVoucherCall, OutputsCalls, VoucherCall},
        SCALE,
    },
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    amount::{Token, short_address},
    moment::format_instant,
    node::Output,
    output::text,
};

/// Where Cartesi's deterministic deployment puts the code that vouchers of the safe form run as the application's.
const SAFE_ERC20_TRANSFER: Address = address!("b7C2bcAA4437425cfcE9d233bFf15EF461273D63");

/// The meaning of notices that is known.
const VERSION: u16 = 1;

/// An output, decoded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Decoded {
    #[serde(serialize_with = "text")]
    pub(crate) index: u64,
    #[serde(serialize_with = "text")]
    pub(crate) input: u64,
    #[serde(serialize_with = "text")]
    pub(crate) epoch: u64,
    pub(crate) kind: Kind,
    /// What it says has happened, or what it does; `unknown` if that is not StreamableToken's.
    pub(crate) name: &'static str,
    #[serde(serialize_with = "by_name")]
    args: Vec<(&'static str, Arg)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Notice,
    Voucher,
    DelegateCallVoucher,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Arg {
    Token(Address),
    Account(Address),
    /// In units of the token that stands before it.
    Amount(U256),
    /// In units scaled by 2^64.
    Scaled(U256),
    Number(u64),
    /// Unix seconds.
    Time(u64),
    Bytes(Bytes),
}

type Meaning = (&'static str, Vec<(&'static str, Arg)>);

impl Decoded {
    pub(crate) fn of(output: &Output) -> Self {
        let (kind, (name, args)) = match OutputsCalls::abi_decode_validate(&output.raw_data) {
            Ok(OutputsCalls::Notice(call)) => (Kind::Notice, notice(&call.payload)),
            Ok(OutputsCalls::Voucher(call)) => (Kind::Voucher, voucher(&call)),
            Ok(OutputsCalls::DelegateCallVoucher(call)) => (Kind::DelegateCallVoucher, delegate_call(&call)),
            Err(_) => (Kind::Unknown, ("unknown", vec![("payload", Arg::Bytes(output.raw_data.clone()))])),
        };
        Self { index: output.index, input: output.input_index, epoch: output.epoch_index, kind, name, args }
    }

    pub(crate) fn is_voucher(&self) -> bool {
        matches!(self.kind, Kind::Voucher | Kind::DelegateCallVoucher)
    }

    /// The token that its amounts are of, if it says so.
    pub(crate) fn token(&self) -> Option<Address> {
        self.args.iter().find_map(|(_, arg)| if let Arg::Token(token) = arg { Some(*token) } else { None })
    }

    /// What it says, amounts in the tokens that are known.
    pub(crate) fn words(&self, tokens: &HashMap<Address, Token>) -> String {
        let token = self.token().and_then(|token| tokens.get(&token));
        let amount = |units: U256| token.map_or_else(|| format!("{units} units"), |token| token.amount(units));
        let words = self.args.iter().map(|(name, arg)| match arg {
            Arg::Token(address) => match token {
                Some(token) if token.address == ETHER => format!("{name} {}", token.symbol),
                _ => format!("{name} {address}"),
            },
            Arg::Account(account) => format!("{name} {account}"),
            Arg::Amount(units) => format!("{name} {}", amount(*units)),
            Arg::Scaled(scaled) => format!("{name} {}", amount(*scaled / SCALE)),
            Arg::Number(number) => format!("{name} {number}"),
            Arg::Time(time) => format!("{name} {}", format_instant(*time)),
            Arg::Bytes(bytes) => format!("{name} of {} bytes", bytes.len()),
        });
        format!("{}: {}", self.name, words.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notice => "notice",
            Self::Voucher => "voucher",
            Self::DelegateCallVoucher => "delegate call",
            Self::Unknown => "unknown",
        })
    }
}

/// Tokens that outputs name, as nobody has told their decimals.
pub(crate) fn unnamed(token: Address) -> Token {
    if token == ETHER {
        return Token::ether();
    }
    Token { address: token, symbol: format!("units of {}", short_address(token)), decimals: 0 }
}

fn notice(payload: &Bytes) -> Meaning {
    use Arg::{Account, Amount, Number, Scaled, Time, Token};
    match NoticesCalls::abi_decode_validate(payload) {
        Ok(NoticesCalls::deposited(n)) if n.version == VERSION => (
            "deposited",
            vec![("token", Token(n.token)), ("account", Account(n.account)), ("amount", Amount(n.amount))],
        ),
        Ok(NoticesCalls::transferred(n)) if n.version == VERSION => (
            "transferred",
            vec![
                ("token", Token(n.token)),
                ("sender", Account(n.sender)),
                ("recipient", Account(n.recipient)),
                ("amount", Amount(n.amount)),
            ],
        ),
        Ok(NoticesCalls::streamStarted(n)) if n.version == VERSION => (
            "streamStarted",
            vec![
                ("stream", Number(n.stream)),
                ("token", Token(n.token)),
                ("sender", Account(n.sender)),
                ("recipient", Account(n.recipient)),
                ("amount", Amount(n.amount)),
                ("start", Time(n.start)),
                ("stop", Time(n.stop)),
            ],
        ),
        Ok(NoticesCalls::streamExtended(n)) if n.version == VERSION => (
            "streamExtended",
            vec![
                ("stream", Number(n.stream)),
                ("amount", Amount(n.amount)),
                ("streamed", Scaled(n.streamed)),
                ("total", Scaled(n.total)),
                ("time", Time(n.time)),
                ("stop", Time(n.stop)),
            ],
        ),
        Ok(NoticesCalls::streamCancelled(n)) if n.version == VERSION => (
            "streamCancelled",
            vec![
                ("stream", Number(n.stream)),
                ("streamed", Scaled(n.streamed)),
                ("refunded", Scaled(n.refunded)),
                ("time", Time(n.time)),
            ],
        ),
        Ok(NoticesCalls::withdrawn(n)) if n.version == VERSION => (
            "withdrawn",
            vec![("token", Token(n.token)), ("account", Account(n.account)), ("amount", Amount(n.amount))],
        ),
        _ => ("unknown", vec![("payload", Arg::Bytes(payload.clone()))]),
    }
}

fn voucher(call: &VoucherCall) -> Meaning {
    let VoucherCall { destination, value, payload } = call;
    let paid = |token: Address, account: Address, amount: U256| {
        vec![("token", Arg::Token(token)), ("account", Arg::Account(account)), ("amount", Arg::Amount(amount))]
    };
    match IERC20::transferCall::abi_decode_validate(payload) {
        Ok(transfer) if value.is_zero() => ("transfer", paid(*destination, transfer.to, transfer.value)),
        _ if payload.is_empty() => ("transfer", paid(ETHER, *destination, *value)),
        _ => (
            "unknown",
            vec![
                ("destination", Arg::Account(*destination)),
                ("value", Arg::Amount(*value)),
                ("payload", Arg::Bytes(payload.clone())),
            ],
        ),
    }
}

fn delegate_call(call: &DelegateCallVoucherCall) -> Meaning {
    let DelegateCallVoucherCall { destination, payload } = call;
    match ISafeERC20Transfer::safeTransferCall::abi_decode_validate(payload) {
        // Code of any other address could do anything in the application's name.
        Ok(transfer) if *destination == SAFE_ERC20_TRANSFER => (
            "safeTransfer",
            vec![
                ("token", Arg::Token(transfer.token)),
                ("account", Arg::Account(transfer.to)),
                ("amount", Arg::Amount(transfer.value)),
            ],
        ),
        _ => ("unknown", vec![("destination", Arg::Account(*destination)), ("payload", Arg::Bytes(payload.clone()))]),
    }
}

/// Scaled amounts have the suffix that the application's own answers give them.
fn by_name<S: Serializer>(args: &[(&'static str, Arg)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(args.len()))?;
    for (name, arg) in args {
        match arg {
            Arg::Token(address) | Arg::Account(address) => map.serialize_entry(name, &address.to_string())?,
            Arg::Amount(units) => map.serialize_entry(name, &units.to_string())?,
            Arg::Scaled(scaled) => map.serialize_entry(&format!("{name}_scaled"), &scaled.to_string())?,
            Arg::Number(number) | Arg::Time(number) => map.serialize_entry(name, &number.to_string())?,
            Arg::Bytes(bytes) => map.serialize_entry(name, &bytes.to_string())?,
        }
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::sol_types::SolCall;
    use bindings::cartesi::{Notices, Outputs};

    const WHO: Address = Address::repeat_byte(0x11);
    const TOKEN: Address = Address::repeat_byte(0x22);

    #[track_caller]
    fn check(output: impl SolCall, kind: Kind, words: &str, args: &str) {
        let raw = serde_json::json!({
            "epoch_index": "0x1", "input_index": "0x2", "index": "0x3",
            "raw_data": Bytes::from(output.abi_encode()), "hash": null, "output_hashes_siblings": null,
        });
        let decoded = Decoded::of(&serde_json::from_value(raw).unwrap());
        let token = Token { address: TOKEN, symbol: "DEMO".to_owned(), decimals: 6 };
        let tokens = HashMap::from([(TOKEN, token), (ETHER, Token::ether())]);
        assert_eq!((decoded.kind, decoded.words(&tokens).as_str()), (kind, words));
        assert_eq!(serde_json::to_value(&decoded).unwrap()["args"].to_string(), args);
    }

    fn notice_of(call: impl SolCall) -> Outputs::NoticeCall {
        Outputs::NoticeCall { payload: call.abi_encode().into() }
    }

    #[test]
    fn notices_are_named() {
        let deposited =
            Notices::depositedCall { version: 1, token: TOKEN, account: WHO, amount: U256::from(12_500_000) };
        let args = format!(r#"{{"account":"{WHO}","amount":"12500000","token":"{TOKEN}"}}"#);
        let words = format!("deposited: token {TOKEN}, account {WHO}, amount 12.5 DEMO");
        check(notice_of(deposited.clone()), Kind::Notice, &words, &args);
        let cancelled = Notices::streamCancelledCall {
            version: 1,
            stream: 7,
            streamed: SCALE * U256::from(5) + U256::from(1),
            refunded: SCALE * U256::from(4) - U256::from(1),
            time: 1_801_396_805,
        };
        check(
            notice_of(cancelled),
            Kind::Notice,
            "streamCancelled: stream 7, streamed 5 units, refunded 3 units, time 2027-01-31 12:00:05 UTC",
            r#"{"refunded_scaled":"73786976294838206463","stream":"7","streamed_scaled":"92233720368547758081","time":"1801396805"}"#,
        );
        let other = Notices::depositedCall { version: 2, ..deposited };
        let encoded = Bytes::from(other.abi_encode());
        check(
            notice_of(other),
            Kind::Notice,
            "unknown: payload of 132 bytes",
            &format!(r#"{{"payload":"{encoded}"}}"#),
        );
    }

    #[test]
    fn vouchers_say_whom_they_pay() {
        let transfer: Bytes = IERC20::transferCall { to: WHO, value: U256::from(1_000_000) }.abi_encode().into();
        let args = format!(r#"{{"account":"{WHO}","amount":"1000000","token":"{TOKEN}"}}"#);
        let words = format!("transfer: token {TOKEN}, account {WHO}, amount 1 DEMO");
        let voucher = VoucherCall { destination: TOKEN, value: U256::ZERO, payload: transfer.clone() };
        check(voucher.clone(), Kind::Voucher, &words, &args);
        let safe = ISafeERC20Transfer::safeTransferCall { token: TOKEN, to: WHO, value: U256::from(1_000_000) };
        let safe: Bytes = safe.abi_encode().into();
        let call = DelegateCallVoucherCall { destination: SAFE_ERC20_TRANSFER, payload: safe.clone() };
        check(call, Kind::DelegateCallVoucher, &words.replace("transfer", "safeTransfer"), &args);
        let ether = VoucherCall { destination: WHO, value: U256::from(10).pow(U256::from(17)), payload: Bytes::new() };
        let args = format!(r#"{{"account":"{WHO}","amount":"100000000000000000","token":"{ETHER}"}}"#);
        check(ether, Kind::Voucher, &format!("transfer: token Ether, account {WHO}, amount 0.1 Ether"), &args);

        let stranger = DelegateCallVoucherCall { destination: WHO, payload: safe.clone() };
        let args = format!(r#"{{"destination":"{WHO}","payload":"{safe}"}}"#);
        check(stranger, Kind::DelegateCallVoucher, &format!("unknown: destination {WHO}, payload of 100 bytes"), &args);
        let paying = VoucherCall { value: U256::from(1), ..voucher };
        let args = format!(r#"{{"destination":"{TOKEN}","payload":"{transfer}","value":"1"}}"#);
        let words = format!("unknown: destination {TOKEN}, value 1 units, payload of 68 bytes");
        check(paying, Kind::Voucher, &words, &args);
    }
}
