//! What endpoints mean by their errors, which no standard says.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Answer;
use crate::block::Blocks;

/// Characters of a foreign text that reach a message.
const MAX_QUOTED: usize = 200;

/// An error of JSON-RPC.
#[derive(Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    pub(super) message: String,
}

/// What an error says; one that is no object is all message.
pub(super) fn fault(error: &RawValue) -> Fault {
    serde_json::from_str(error.get()).unwrap_or_else(|_| Fault { code: 0, message: error.get().to_owned() })
}

/// Whether it says that there were too many calls, which is not too many blocks or logs in one call.
pub(super) fn is_busy(fault: &Fault) -> bool {
    let message = fault.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if is_too_large(fault) {
        return false;
    }
    matches!(fault.code, 429 | -32005 | -32029)
        || says(&[
            "rate limit",
            "ratelimit",
            "too many requests",
            "too many calls",
            "requests per second",
            "compute units",
            "request limit",
            "exceeded its throughput",
            "over capacity",
            "credits",
            "quota",
        ])
}

fn is_too_large(fault: &Fault) -> bool {
    let message = fault.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    says(&[
        "block range",
        "blocks range",
        "range is too",
        "range too",
        "range limit",
        "query returned more than",
        "more than 10000 results",
        "response size",
        "response too large",
        "response is too big",
        "too many logs",
        "logs matched by query exceeds",
        "query exceeds",
        "max results",
        "query timeout",
        "deadline exceeded",
        "timed out",
        "limited to a",
        "is limited to",
        "exceed maximum block",
        "maximum number of blocks",
    ])
}

/// The answer that an error is. Nodes differ in codes and words, so both are looked at.
pub(super) fn refusal<T>(fault: &Fault) -> Answer<T> {
    let message = fault.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if fault.code == 3
        || fault.code == -32015
        || says(&[
            "revert",
            "invalid opcode",
            "invalidfeopcode",
            "invalid jump",
            "out of gas",
            "outofgas",
            "stack underflow",
            "stack overflow",
            "opcodenotfound",
            "bad instruction",
        ])
    {
        return Answer::Reverted;
    }
    if says(&[
        "missing trie node",
        "state not available",
        "state is not available",
        "historical state",
        "state is pruned",
        "state has been pruned",
        "pruned state",
        "state already discarded",
        "no state available",
        "archive",
        "required historical",
        "old data not available",
        "state histories",
    ]) {
        return Answer::NoState;
    }
    if matches!(fault.code, -32001 | -39001)
        || says(&[
            "unknown block",
            "header not found",
            "block not found",
            "resource not found",
            "could not find block",
            "block does not exist",
            "cannot find block",
            "header for hash not found",
            "blockoutofrange",
            "block is out of range",
            "beyond current head",
            "not currently canonical",
        ])
    {
        return Answer::Unknown;
    }
    if is_too_large(fault) {
        return Answer::TooLarge(range_in(&message));
    }
    Answer::Refused(format!("error {}: \"{}\"", fault.code, quoted(&fault.message)))
}

/// The range in texts such as "try with this block range [0x10, 0x20]".
fn range_in(message: &str) -> Option<Blocks> {
    let (_, rest) = message.split_once("range")?;
    let (_, rest) = rest.split_once('[')?;
    let (range, _) = rest.split_once(']')?;
    let (first, last) = range.split_once(',')?;
    let number = |text: &str| {
        let text = text.trim();
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    };
    Blocks::new(number(first)?, number(last)?)
}

/// A foreign text, short enough and without characters that move the cursor.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted: String =
        text.trim().chars().take(MAX_QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.trim().chars().nth(MAX_QUOTED).is_some() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refusal(code: i64, message: &str, expected: &Answer<u64>) {
        let fault = Fault { code, message: message.to_owned() };
        assert!(!is_busy(&fault), "{message}");
        assert_eq!(&refusal::<u64>(&fault), expected, "{message}");
    }

    #[test]
    fn refusals_are_told_apart() {
        for (code, message) in [(-32000, "header not found"), (-32001, "Resource not found"), (-32000, "Unknown block")]
        {
            check_refusal(code, message, &Answer::Unknown);
        }
        check_refusal(-39001, "finalized block not found", &Answer::Unknown);
        check_refusal(-32602, "block range extends beyond current head block", &Answer::Unknown);
        for (code, message) in [(3, "execution reverted: no"), (-32000, "execution reverted"), (-32015, "VM error")] {
            check_refusal(code, message, &Answer::Reverted);
        }
        check_refusal(-32000, "invalid opcode: INVALID", &Answer::Reverted);
        for message in [
            "missing trie node ab (path )",
            "state at block #5 is pruned state",
            "historical state 0x is not available",
        ] {
            check_refusal(-32000, message, &Answer::NoState);
        }
        let hinted = |first, last| Answer::TooLarge(Blocks::new(first, last));
        let text = "query returned more than 10000 results. Try with this block range [0x10, 0x1F].";
        check_refusal(-32005, text, &hinted(16, 31));
        let text = "Log response size exceeded. Based on your parameters, this block range should work: [0x0, 0x7]";
        check_refusal(-32602, text, &hinted(0, 7));
        check_refusal(-32005, "query exceeds max block range 1000", &Answer::TooLarge(None));
        check_refusal(-32000, "try with this block range [0x9, 0x1]", &Answer::TooLarge(None));
        check_refusal(-32000, "query timeout exceeded", &Answer::TooLarge(None));
        check_refusal(-32601, "method not found", &Answer::Refused("error -32601: \"method not found\"".to_owned()));
    }

    #[test]
    fn too_many_calls_are_told_from_too_many_blocks() {
        for (code, message) in [
            (429, ""),
            (-32005, "daily request count exceeded, request rate limited"),
            (-32000, "Your app has exceeded its compute units per second capacity"),
            (-32029, "Too Many Requests"),
        ] {
            assert!(is_busy(&Fault { code, message: message.to_owned() }), "{message}");
        }
    }
}
