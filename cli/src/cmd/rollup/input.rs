//! What a user asks of the rollup: options to inputs, in the ABI's encoding or in JSON.

use std::{collections::HashMap, fs, path::PathBuf};

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use bindings::cartesi::{ETHER, StreamableToken as Rollup};
use clap::{Args, Parser, Subcommand, ValueEnum};
use eyre::{OptionExt, WrapErr, bail, ensure, eyre};
use serde_json::{Value, json};

use crate::{
    address::parse_address,
    amount::Token,
    application::parse_token,
    cmd::portal::{check_duration, start_of},
    moment::{Moment, format_duration, parse_duration, parse_moment},
    proof::parse_hex,
};

/// Longest payload of an input, in bytes, so that the whole input fits the 65,536 that a rollup takes.
const PAYLOAD_LIMIT: usize = 65_216;

/// How inputs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Encoding {
    Abi,
    Json,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum Ask {
    Transfer(TransferArgs),
    Stream(StreamArgs),
    Extend(ExtendArgs),
    Cancel(CancelArgs),
    Withdraw(WithdrawArgs),
    Batch(BatchArgs),
    Raw(RawArgs),
}

/// Move money at once.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup send transfer --app 0x75a1… --token 0x5FbD… --to 0x7099… --amount 12.5 --account alice")]
pub(super) struct TransferArgs {
    #[command(flatten)]
    money: MoneyArgs,
    /// Who is paid.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    to: Address,
}

/// Start a stream.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup send stream --app 0x75a1… --token 0x5FbD… --to 0x7099… --amount 3000 --over 30d --account alice")]
pub(super) struct StreamArgs {
    #[command(flatten)]
    money: MoneyArgs,
    /// Who is paid.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    to: Address,
    /// How long to stream, as in 30d or 1h30m.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    over: u64,
    /// When to start, as in +2h or 2027-01-01; without it, at once.
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    start: Option<Moment>,
}

/// Add money, time or both to a stream that you pay.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup send extend 7 --app 0x75a1… --token 0x5FbD… --amount 500 --over 5d --account alice")]
pub(super) struct ExtendArgs {
    /// Number of the stream in the rollup.
    #[arg(value_name = "ID")]
    id: u64,
    /// How much more, in whole tokens.
    #[arg(long, value_name = "AMOUNT", requires = "token", required_unless_present = "over")]
    amount: Option<String>,
    /// What the stream pays in: an ERC-20 token, or ether.
    #[arg(long, value_name = "ADDRESS|ether", value_parser = parse_token, requires = "amount")]
    token: Option<Address>,
    /// How much longer, as in 30d.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, required_unless_present = "amount")]
    over: Option<u64>,
}

/// End a stream that you pay; the recipient keeps what has streamed.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  streamctl rollup send cancel 7 --app 0x75a1… --account alice")]
pub(super) struct CancelArgs {
    /// Number of the stream in the rollup.
    #[arg(value_name = "ID")]
    id: u64,
}

/// Take money out: a voucher that pays it on the chain once the epoch is claimed.
///
/// Tokens are paid in the safe form: where a token refuses, the voucher waits. In the plain form, which older nodes need,
/// a voucher that the token answers with false is spent for nothing.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup send withdraw --app 0x75a1… --token ether --amount 0.5 --account bob\n  \
    streamctl rollup send withdraw --app 0x75a1… --token 0xdAC1… --amount 12.5 --account bob")]
pub(super) struct WithdrawArgs {
    #[command(flatten)]
    money: MoneyArgs,
    /// Pay a token by a plain transfer, as rollups v1 must.
    #[arg(long)]
    plain: bool,
}

/// Ask for several things at once: all happen, or none.
///
/// The file has one of them a line, as they are typed after send: transfer --token 0x5FbD… --to 0x7099… --amount 5. Empty
/// lines, and those that begin with #, are passed over.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  streamctl rollup send batch payday.txt --app 0x75a1… --account alice")]
pub(super) struct BatchArgs {
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Send bytes as they are.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup send raw 0xd9e8f780… --app 0x75a1… --account alice\n  \
    streamctl rollup send raw --file input.json --app 0x75a1… --account alice")]
#[group(required = true, multiple = false)]
pub(super) struct RawArgs {
    /// The bytes, in hex after 0x; anything else is taken for text.
    #[arg(value_name = "PAYLOAD")]
    payload: Option<String>,
    /// File with the bytes.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
struct MoneyArgs {
    /// What is paid: an ERC-20 token, or ether.
    #[arg(long, value_name = "ADDRESS|ether", value_parser = parse_token)]
    token: Address,
    /// How much, in whole tokens, as in 12.5.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
}

/// A line of a batch.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    ask: Ask,
}

/// What an input depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) tokens: &'a HashMap<Address, Token>,
    /// Unix time of the chain.
    pub(super) now: u64,
    pub(super) encoding: Encoding,
}

/// An input, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    /// What it asks for, as an imperative.
    pub(super) what: String,
    pub(super) bytes: Vec<u8>,
}

/// An input in both encodings.
struct Said {
    what: String,
    abi: Vec<u8>,
    json: Value,
}

impl Ask {
    /// What is asked for, with the lines of a batch read.
    ///
    /// # Errors
    /// If a file cannot be read, or a line of it be understood.
    pub(super) fn read(self) -> eyre::Result<(Self, Vec<Self>)> {
        let lines = match &self {
            Self::Batch(batch) => batch.lines()?,
            _ => Vec::new(),
        };
        Ok((self, lines))
    }

    pub(super) fn token(&self) -> Option<Address> {
        match self {
            Self::Transfer(args) => Some(args.money.token),
            Self::Stream(args) => Some(args.money.token),
            Self::Withdraw(args) => Some(args.money.token),
            Self::Extend(args) => args.token,
            Self::Cancel(_) | Self::Batch(_) | Self::Raw(_) => None,
        }
    }

    /// The input; `lines` are those of a batch.
    ///
    /// # Errors
    /// If an amount or a moment cannot be, or if the input exceeds what a rollup takes.
    pub(super) fn payload(&self, lines: &[Self], setting: Setting<'_>) -> eyre::Result<Payload> {
        let payload = match self {
            Self::Raw(raw) => raw.payload()?,
            Self::Batch(_) => batch(lines, setting)?.encoded(setting.encoding),
            ask => ask.said(setting)?.encoded(setting.encoding),
        };
        let length = payload.bytes.len();
        ensure!(length <= PAYLOAD_LIMIT, "the input has {length} bytes, and a rollup takes {PAYLOAD_LIMIT}; send less");
        Ok(payload)
    }

    fn said(&self, setting: Setting<'_>) -> eyre::Result<Said> {
        match self {
            Self::Transfer(args) => args.said(setting),
            Self::Stream(args) => args.said(setting),
            Self::Extend(args) => args.said(setting),
            Self::Cancel(CancelArgs { id }) => Ok(Said {
                what: format!("cancel stream {id}"),
                abi: Rollup::cancelStreamCall { streamId: *id }.abi_encode(),
                json: json!({ "method": "cancel_stream", "args": { "stream_id": id.to_string() } }),
            }),
            Self::Withdraw(args) => args.said(setting),
            Self::Batch(_) | Self::Raw(_) => bail!("a batch holds neither batches nor raw bytes"),
        }
    }
}

impl Said {
    fn encoded(self, encoding: Encoding) -> Payload {
        let bytes = match encoding {
            Encoding::Abi => self.abi,
            Encoding::Json => self.json.to_string().into_bytes(),
        };
        Payload { what: self.what, bytes }
    }
}

impl Setting<'_> {
    fn amount(&self, token: Address, amount: &str) -> eyre::Result<(U256, String)> {
        let token = self.tokens.get(&token).ok_or_eyre("a token is looked up before amounts of it are read")?;
        let units = token.parse(amount)?;
        ensure!(!units.is_zero(), "the amount is zero; the smallest is one unit of the token");
        Ok((units, token.amount(units)))
    }
}

impl TransferArgs {
    fn said(&self, setting: Setting<'_>) -> eyre::Result<Said> {
        let (token, recipient) = (self.money.token, self.to);
        let (amount, written) = setting.amount(token, &self.money.amount)?;
        let args = json!({ "token": token, "recipient": recipient, "amount": amount.to_string() });
        Ok(Said {
            what: format!("transfer {written} to {recipient}"),
            abi: Rollup::transferCall { token, recipient, amount }.abi_encode(),
            json: json!({ "method": "transfer", "args": args }),
        })
    }
}

impl StreamArgs {
    fn said(&self, setting: Setting<'_>) -> eyre::Result<Said> {
        let (token, recipient, duration) = (self.money.token, self.to, self.over);
        let (amount, written) = setting.amount(token, &self.money.amount)?;
        let start = start_of(self.start.unwrap_or(Moment::In(0)), setting.now)?;
        check_duration(duration)?;
        let args = json!({ "token": token, "recipient": recipient, "amount": amount.to_string(),
            "duration": duration, "start": start });
        Ok(Said {
            what: format!("stream {written} to {recipient} over {}", format_duration(duration)),
            abi: Rollup::streamCall { token, recipient, amount, start, duration }.abi_encode(),
            json: json!({ "method": "stream", "args": args }),
        })
    }
}

impl ExtendArgs {
    fn said(&self, setting: Setting<'_>) -> eyre::Result<Said> {
        let (id, duration) = (self.id, self.over.unwrap_or(0));
        check_duration(duration)?;
        let (amount, more) = match (&self.amount, self.token) {
            (Some(amount), Some(token)) => setting.amount(token, amount)?,
            _ => (U256::ZERO, String::new()),
        };
        let longer = self.over.map(format_duration).unwrap_or_default();
        let by = [more, longer].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" and ");
        let args = json!({ "stream_id": id.to_string(), "amount": amount.to_string(), "duration": duration });
        Ok(Said {
            what: format!("extend stream {id} by {by}"),
            abi: Rollup::extendStreamCall { streamId: id, amount, duration }.abi_encode(),
            json: json!({ "method": "extend_stream", "args": args }),
        })
    }
}

impl WithdrawArgs {
    fn said(&self, setting: Setting<'_>) -> eyre::Result<Said> {
        let token = self.money.token;
        let safe = !self.plain && token != ETHER;
        let (amount, written) = setting.amount(token, &self.money.amount)?;
        let args = json!({ "token": token, "amount": amount.to_string(), "safe": safe });
        let abi = if safe {
            Rollup::safeWithdrawCall { token, amount }.abi_encode()
        } else {
            Rollup::withdrawCall { token, amount }.abi_encode()
        };
        let json = json!({ "method": "withdraw", "args": args });
        Ok(Said { what: format!("withdraw {written}"), abi, json })
    }
}

fn batch(lines: &[Ask], setting: Setting<'_>) -> eyre::Result<Said> {
    ensure!(!lines.is_empty(), "there is nothing in the batch; put at least one line into it");
    let said = |(i, ask): (usize, &Ask)| ask.said(setting).wrap_err_with(|| format!("number {} of the batch", i + 1));
    let said = lines.iter().enumerate().map(said).collect::<eyre::Result<Vec<_>>>()?;
    let what = said.iter().map(|said| said.what.as_str()).collect::<Vec<_>>().join("; ");
    let calls: Vec<&Value> = said.iter().map(|said| &said.json).collect();
    Ok(Said {
        what: format!("do all of these or none: {what}"),
        abi: Rollup::batchCall { calls: said.iter().map(|said| said.abi.clone().into()).collect() }.abi_encode(),
        json: json!({ "method": "batch", "args": { "calls": calls } }),
    })
}

impl BatchArgs {
    fn lines(&self) -> eyre::Result<Vec<Ask>> {
        let file = self.file.display();
        let text = fs::read_to_string(&self.file).wrap_err_with(|| format!("reading {file}"))?;
        let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| {
                let line = Line::try_parse_from(line.split_whitespace()).map_err(|error| {
                    let text = error.render().to_string();
                    let sentence = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                    eyre!("line {number} of {file}: {sentence}")
                })?;
                Ok(line.ask)
            })
            .collect()
    }
}

impl RawArgs {
    fn payload(&self) -> eyre::Result<Payload> {
        let bytes = match (&self.payload, &self.file) {
            (Some(text), _) if text.starts_with("0x") => parse_hex(text)?,
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(file)) => fs::read(file).wrap_err_with(|| format!("reading {}", file.display()))?,
            (None, None) => bail!("there are no bytes to send; name them, or a --file"),
        };
        Ok(Payload { what: format!("read {} bytes", bytes.len()), bytes })
    }
}
