//! What a refusal means and what to do about it, in a sentence. Owns the words; decoding is in `bindings`.

mod rollup;

use alloy::primitives::{U256, hex};
use bindings::{
    Clock, CommonToken::CommonTokenErrors as Token, IMoneyStreaming::IMoneyStreamingErrors as Streaming, Revert,
};

/// How the amounts and times of the call at hand are written.
pub(crate) struct Words<'a> {
    /// Writes an amount of the token in question, with its symbol.
    pub(crate) amount: &'a dyn Fn(U256) -> String,
    pub(crate) clock: Clock,
}

/// The sentence for a reverted call. Ends with the error's name, so that it can be looked up.
pub(crate) fn explain(revert: &Revert, words: &Words<'_>) -> String {
    let sentence = match revert {
        Revert::Streaming(error) => words.terms(error).or_else(|| words.streaming(error)),
        Revert::Portal(error) => words.portal(error),
        Revert::Cartesi(error) => Some(words.cartesi(error)),
        Revert::Token(error) => Some(words.token(error)),
        Revert::Message(text) => Some(format!("the token or contract says {text:?}")),
        Revert::Panic(..) => Some("a contract failed from within; the token may be broken".to_owned()),
        Revert::Unknown(answer) => Some(unknown(answer)),
        Revert::Empty => Some(
            "the call was refused without a reason; the transaction may need more gas, or the token may be broken"
                .to_owned(),
        ),
    };
    match (sentence, revert.name()) {
        (Some(sentence), Some(name)) => format!("{sentence} ({name})"),
        (Some(sentence), None) => sentence,
        (None, _) => revert.to_string(),
    }
}

fn unknown(answer: &[u8]) -> String {
    match answer.first_chunk::<4>() {
        Some(selector) => format!(
            "a contract refused with an error that streamctl does not know, selector {}; the token's documentation \
             may name it",
            hex::encode_prefixed(selector)
        ),
        None => "a contract refused with an answer that is no error of Solidity".to_owned(),
    }
}

impl Words<'_> {
    fn time(&self, time: U256) -> String {
        match self.clock {
            Clock::Block => format!("block {time}"),
            Clock::Timestamp => format!("Unix second {time}"),
        }
    }

    fn span(&self, units: U256) -> String {
        match self.clock {
            Clock::Block => format!("{units} blocks"),
            Clock::Timestamp => format!("{units} seconds"),
        }
    }

    fn amount(&self, amount: U256) -> String {
        (self.amount)(amount)
    }

    /// Refusals of the terms that a stream is to have.
    fn terms(&self, error: &Streaming) -> Option<String> {
        Some(match error {
            Streaming::RecipientInvalid(e) => format!(
                "{} cannot be the recipient: it is zero, the sender, the token or the stream contract; name another",
                e.recipient
            ),
            Streaming::TokenInvalid(e) => {
                format!("there is no token at {}; check the address and the chain", e.token)
            }
            Streaming::StartInPast(e) => format!(
                "the start, {}, is in the past: the chain is at {}; start later, or leave the start out to begin when \
                 the transaction is mined",
                self.time(e.start),
                self.time(e.time)
            ),
            Streaming::TimeframeInvalid(e) if e.stop > e.limit => format!(
                "the stop, {}, exceeds the last one that a stream can have, {}; choose an earlier stop",
                self.time(e.stop),
                self.time(e.limit)
            ),
            Streaming::TimeframeInvalid(e) => format!(
                "the stop, {}, does not come after the start, {}; choose a later stop",
                self.time(e.stop),
                self.time(e.start)
            ),
            Streaming::TimeframeNotDivisible(e) => format!(
                "{} are not a whole number of intervals of {}; `streamctl plan` finds terms that fit",
                self.span(e.duration),
                self.span(e.interval)
            ),
            Streaming::IntervalZero(_) => "the interval is zero; the shortest is 1".to_owned(),
            Streaming::PaymentZero(_) => {
                "the payment is zero; the smallest is one unit of the token, so choose a larger amount or a longer \
                 interval"
                    .to_owned()
            }
            Streaming::DepositExceedsLimit(e) => format!(
                "{} payments of {} exceed the largest deposit, {}; stream less",
                e.nIntervals,
                self.amount(e.payment),
                self.amount(e.limit)
            ),
            Streaming::DepositNotReceived(e) => format!(
                "the token delivered {} of {}; tokens that keep a fee on transfers cannot be streamed",
                self.amount(e.received),
                self.amount(e.amount)
            ),
            Streaming::TokensExhausted(e) => {
                format!("the contract cannot take {}: it knows as many tokens as it can count; use another", e.token)
            }
            Streaming::UpdateTooShort(e) => format!(
                "no whole interval of {} fits between {} and the stop, {}; choose a later stop or a shorter interval",
                self.span(e.interval),
                self.time(e.start),
                self.time(e.stop)
            ),
            _ => return None,
        })
    }

    /// Refusals that come from the state of a stream, or from who asks. `None` if a new error has no sentence.
    fn streaming(&self, error: &Streaming) -> Option<String> {
        Some(match error {
            Streaming::StreamUnknown(e) => format!(
                "stream {} does not exist, or it has ended; `streamctl list --state all` shows the streams that there are",
                e.streamId
            ),
            Streaming::CallerNotRecipient(e) => format!(
                "only the recipient of stream {0}, {1}, may do this, not {2}; sign with the key of {1}",
                e.streamId, e.recipient, e.caller
            ),
            Streaming::CallerNotParty(e) => format!(
                "{} is neither the sender nor the recipient of stream {1}; `streamctl show {1}` names them",
                e.caller, e.streamId
            ),
            Streaming::PayeeInvalid(e) => {
                format!("money cannot be paid out to {}; name another address with --to", e.payee)
            }
            Streaming::WithdrawZero(e) => format!(
                "there is nothing to withdraw from stream {0}; `streamctl show {0}` says when the next payment is",
                e.streamId
            ),
            Streaming::WithdrawExceedsBalance(e) => format!(
                "{} exceed what is due in stream {}, {}; withdraw less, or all of it with --max",
                self.amount(e.amount),
                e.streamId,
                self.amount(e.balance)
            ),
            Streaming::TermsUnchanged(e) => {
                format!("stream {} has these terms already; propose others", e.streamId)
            }
            Streaming::UpdateNotProposed(e) => format!(
                "nobody has proposed these terms for stream {0}; `streamctl update show {0}` lists what is proposed",
                e.streamId
            ),
            Streaming::UpdateEpochExhausted(e) => {
                format!("stream {} was updated as often as a stream can be; redeem it and create another", e.streamId)
            }
            Streaming::NothingToSettle(_) => {
                "none of these streams exists and has reached its stop; `streamctl show` says when one stops".to_owned()
            }
            Streaming::NothingToClaim(e) => format!("{} has no credit in token {}", e.account, e.token),
            Streaming::GasTooLow(e) => format!(
                "the transaction has {} gas left where {} are needed to pay a party; raise the gas limit",
                e.gas, e.limit
            ),
            Streaming::SafeERC20FailedOperation(e) => format!(
                "the token {} refused the transfer without a reason; check the balance, the allowance, and whether \
                 the token blocks an account",
                e.token
            ),
            Streaming::ReentrancyGuardReentrantCall(_) => {
                "the token called back into the stream contract, which is refused".to_owned()
            }
            _ => return None,
        })
    }

    fn token(&self, error: &Token) -> String {
        match error {
            Token::ERC20InsufficientBalance(e) => format!(
                "{} holds {} of the token, and {} are needed; top the account up",
                e.sender,
                self.amount(e.balance),
                self.amount(e.needed)
            ),
            Token::ERC20InsufficientAllowance(e) => format!(
                "{} is allowed to take {}, and {} are needed; approve that much",
                e.spender,
                self.amount(e.allowance),
                self.amount(e.needed)
            ),
            Token::AccountBlocked(e) => format!(
                "the token blocks {}; a blocked recipient can have the money paid to another address with --to",
                e.account
            ),
            Token::EnforcedPause(_) => "the token is paused; try again when it is not".to_owned(),
            Token::InsufficientBalance(_) => "the account holds less of the token than is needed; top it up".to_owned(),
            Token::InsufficientAllowance(_) => {
                "the sender's allowance for the stream contract is less than is needed; approve more".to_owned()
            }
            Token::OwnableUnauthorizedAccount(e) => format!("the token lets only its owner do this, not {}", e.account),
            Token::AccessControlUnauthorizedAccount(e) => {
                format!("the token lets only accounts with a certain role do this, not {}", e.account)
            }
            Token::ERC20InvalidSender(e) => format!("the token does not move money from {}", e.sender),
            Token::ERC20InvalidReceiver(e) => format!("the token does not move money to {}", e.receiver),
            Token::ERC20InvalidApprover(e) => format!("the token gives no allowance in the name of {}", e.approver),
            Token::ERC20InvalidSpender(e) => format!("the token gives no allowance to {}", e.spender),
            Token::ExpectedPause(_) => "the token does this only while it is paused".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::sol_types::{SolError, SolInterface};
    use bindings::IMoneyStreaming;

    use super::*;

    #[track_caller]
    fn check(clock: Clock, error: &[u8], expected: &str) {
        let words = Words { amount: &|amount| format!("{amount} DEMO"), clock };
        assert_eq!(explain(&Revert::decode(error), &words), expected);
    }

    #[test]
    fn values_are_in_the_words_of_the_call() {
        check(
            Clock::Block,
            &IMoneyStreaming::WithdrawExceedsBalance {
                streamId: U256::from(7),
                amount: U256::from(500),
                balance: U256::from(320),
            }
            .abi_encode(),
            "500 DEMO exceed what is due in stream 7, 320 DEMO; withdraw less, or all of it with --max \
             (WithdrawExceedsBalance)",
        );
        check(
            Clock::Timestamp,
            &IMoneyStreaming::StartInPast { start: U256::from(5), time: U256::from(9) }.abi_encode(),
            "the start, Unix second 5, is in the past: the chain is at Unix second 9; start later, or leave the start \
             out to begin when the transaction is mined (StartInPast)",
        );
    }

    #[test]
    fn an_unknown_error_is_named_by_its_selector() {
        check(
            Clock::Block,
            &[0xde, 0xad, 0xbe, 0xef, 0],
            "a contract refused with an error that streamctl does not know, selector 0xdeadbeef; the token's \
             documentation may name it",
        );
    }

    /// Library errors that cannot reach a user, because nothing calls what throws them, have no sentence.
    #[test]
    fn every_error_of_the_contract_has_a_sentence() {
        for selector in Streaming::SELECTORS {
            let name = Streaming::name_by_selector(*selector).unwrap();
            if ["AddressEmptyCode", "FailedCall"].contains(&name) {
                continue;
            }
            let encoded = [selector.as_slice(), &[0; 96]].concat();
            let known = (0..=3).find_map(|n| Streaming::abi_decode_validate(&encoded[..4 + 32 * n]).ok());
            let words = Words { amount: &|amount| amount.to_string(), clock: Clock::Block };
            let sentence = explain(&Revert::Streaming(known.unwrap()), &words);
            assert!(sentence.ends_with(&format!(" ({name})")), "{name}: {sentence}");
        }
    }
}
