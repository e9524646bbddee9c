//! Why terms are refused: the contract's errors, by the contract's names.

/// Terms that the contract refuses. Times are in clock units, amounts in units of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a field is, IMoneyStreaming the rest")]
pub enum Error {
    #[error("start {start} is before the present time {time}")]
    StartInPast { start: u64, time: u64 },
    #[error("a timeframe from {start} to {stop} is empty or ends after {limit}")]
    TimeframeInvalid { start: u64, stop: u64, limit: u64 },
    #[error("interval is 0")]
    IntervalZero,
    #[error("duration {duration} is not a multiple of interval {interval}")]
    TimeframeNotDivisible { duration: u64, interval: u64 },
    #[error("payment is 0")]
    PaymentZero,
    #[error("deposit of {n_intervals} payments of {payment} exceeds {limit}")]
    DepositExceedsLimit { payment: u128, n_intervals: u64, limit: u128 },
    #[error("the stream has these terms already")]
    TermsUnchanged,
    #[error("no whole interval of {interval} fits between {start} and {stop}")]
    UpdateTooShort { start: u64, stop: u64, interval: u64 },
}
