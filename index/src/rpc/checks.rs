//! Whether headers and logs hold together. Pure: takes answers, and names what is wrong with them.

use std::collections::HashSet;

use alloy::primitives::{B256, Bloom, BloomInput};

use super::{Filter, Header, Logs};
use crate::block::Blocks;

/// What is wrong with answers about a range of blocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("block {0} is not there, though a head above it was seen")]
    Missing(u64),
    #[error("block {asked} was asked for and block {found} came")]
    OtherBlock { asked: u64, found: u64 },
    #[error("block {number} has parent {parent}, and the block before it is {before}")]
    Unlinked { number: u64, parent: B256, before: B256 },
    #[error("a log of block {block} is none of blocks {asked}")]
    OutsideRange { block: u64, asked: Blocks },
    #[error("log {idx} of block {block} was not asked for")]
    Unwatched { block: u64, idx: u64 },
    #[error("log {idx} of block {block} is of a block {found}, and the header's hash is {expected}")]
    ForeignBlock { block: u64, idx: u64, found: B256, expected: B256 },
    #[error("log {idx} of block {block} came twice")]
    Duplicate { block: u64, idx: u64 },
    #[error("log {idx} of block {block} came after a later one")]
    Disordered { block: u64, idx: u64 },
    #[error("log {idx} of block {block} is marked as removed")]
    Removed { block: u64, idx: u64 },
    #[error("the logs of block {0} are too many for one answer")]
    TooManyLogs(u64),
    #[error("block {0} has logs that were left out")]
    Withheld(u64),
    #[error("block {number} was {before} and is {after} after its logs were read")]
    EndChanged { number: u64, before: B256, after: B256 },
    #[error("block {0} was gone after its logs were read")]
    EndGone(u64),
}

/// The headers, which are those of `blocks` and linked.
pub(crate) fn linked(blocks: Blocks, answers: Vec<Option<Header>>) -> Result<Vec<Header>, Violation> {
    let mut headers: Vec<Header> = Vec::with_capacity(answers.len());
    for (number, header) in (blocks.first..=blocks.last).zip(answers) {
        let header = header.ok_or(Violation::Missing(number))?;
        if header.block.number != number {
            return Err(Violation::OtherBlock { asked: number, found: header.block.number });
        }
        if let Some(before) = headers.last()
            && before.block.hash != header.block.parent
        {
            let (parent, before) = (header.block.parent, before.block.hash);
            return Err(Violation::Unlinked { number, parent, before });
        }
        headers.push(header);
    }
    Ok(headers)
}

/// Whether every log belongs to one of the headers, was asked for, and comes once and in order. `headers` are linked and
/// not empty.
pub(crate) fn placed(headers: &[Header], logs: &Logs, filter: &Filter) -> Result<(), Violation> {
    let first = headers[0].block.number;
    let asked = Blocks { first, last: headers[headers.len() - 1].block.number };
    let mut last = None;
    for (log, origin) in logs.iter().zip(logs.origins()) {
        let (block, idx) = (log.block, log.idx);
        let place = block.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        let header = place.and_then(|place| headers.get(place)).ok_or(Violation::OutsideRange { block, asked })?;
        if origin.removed {
            return Err(Violation::Removed { block, idx });
        }
        if !filter.wants(&log) {
            return Err(Violation::Unwatched { block, idx });
        }
        let expected = header.block.hash;
        if origin.block_hash != expected {
            return Err(Violation::ForeignBlock { block, idx, found: origin.block_hash, expected });
        }
        match last.cmp(&Some((block, idx))) {
            std::cmp::Ordering::Less => last = Some((block, idx)),
            std::cmp::Ordering::Equal => return Err(Violation::Duplicate { block, idx }),
            std::cmp::Ordering::Greater => return Err(Violation::Disordered { block, idx }),
        }
    }
    Ok(())
}

/// The headers of blocks that have no log in the answer, and whose bloom says that they may have one. Most of them have
/// none: a bloom says yes to much that is not there.
pub(crate) fn suspicious<'a>(headers: &'a [Header], logs: &Logs, filter: &Filter) -> Vec<&'a Header> {
    let bloom = |bytes: &[u8]| Bloom::from(BloomInput::Raw(bytes));
    let contracts: Vec<Bloom> = filter.contracts().iter().map(|contract| bloom(contract.as_slice())).collect();
    let events: Vec<Bloom> = filter.events().iter().map(|event| bloom(event.as_slice())).collect();
    let with_logs: HashSet<u64> = logs.iter().map(|log| log.block).collect();
    let may_have = |header: &Header, any: &[Bloom]| any.is_empty() || any.iter().any(|one| header.bloom.contains(one));
    headers
        .iter()
        // Chains that keep no blooms have them all zeros or all ones.
        .filter(|header| header.bloom != Bloom::ZERO && header.bloom != Bloom::repeat_byte(0xff))
        .filter(|header| !with_logs.contains(&header.block.number))
        .filter(|header| may_have(header, &contracts) && may_have(header, &events))
        .collect()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;
    use serde_json::json;

    use super::*;
    use crate::block::Block;

    const CONTRACT: Address = Address::repeat_byte(0xaa);
    const EVENT: B256 = B256::repeat_byte(0xee);

    fn hash(number: u64) -> B256 {
        B256::with_last_byte(number.try_into().unwrap())
    }

    fn header(number: u64) -> Header {
        let block = Block { number, hash: hash(number), parent: hash(number - 1), timestamp: number };
        Header { block, bloom: Bloom::ZERO }
    }

    fn headers() -> Vec<Header> {
        (10..=12).map(header).collect()
    }

    fn blocks() -> Blocks {
        Blocks { first: 10, last: 12 }
    }

    fn filter() -> Filter {
        Filter::new(vec![CONTRACT], vec![EVENT], vec![])
    }

    fn log(block: u64, idx: u64) -> serde_json::Value {
        json!({ "address": CONTRACT, "topics": [EVENT], "data": "0x", "blockNumber": format!("{block:#x}"),
            "blockHash": hash(block), "transactionHash": B256::ZERO, "logIndex": format!("{idx:#x}") })
    }

    fn logs(logs: Vec<serde_json::Value>) -> Logs {
        serde_json::from_value(json!(logs)).unwrap()
    }

    #[track_caller]
    fn check_linked(change: impl FnOnce(&mut Vec<Option<Header>>), expected: Result<usize, Violation>) {
        let mut answers: Vec<_> = headers().into_iter().map(Some).collect();
        change(&mut answers);
        assert_eq!(linked(blocks(), answers).map(|headers| headers.len()), expected);
    }

    #[test]
    fn headers_are_those_of_the_range_and_linked() {
        check_linked(|_| (), Ok(3));
        check_linked(|answers| answers[2] = None, Err(Violation::Missing(12)));
        check_linked(|answers| answers.swap(0, 1), Err(Violation::OtherBlock { asked: 10, found: 11 }));
        let other = B256::repeat_byte(9);
        check_linked(
            |answers| answers[1].as_mut().unwrap().block.hash = other,
            Err(Violation::Unlinked { number: 12, parent: hash(11), before: other }),
        );
    }

    #[track_caller]
    fn check_placed(given: Vec<serde_json::Value>, expected: Result<(), Violation>) {
        assert_eq!(placed(&headers(), &logs(given), &filter()), expected);
    }

    fn changed(key: &str, value: serde_json::Value) -> serde_json::Value {
        let mut log = log(11, 3);
        log[key] = value;
        log
    }

    #[test]
    fn logs_are_of_their_blocks_and_come_once_and_in_order() {
        check_placed(vec![], Ok(()));
        check_placed(vec![log(10, 0), log(10, 7), log(12, 0)], Ok(()));
        check_placed(vec![log(9, 0)], Err(Violation::OutsideRange { block: 9, asked: blocks() }));
        check_placed(vec![log(13, 0)], Err(Violation::OutsideRange { block: 13, asked: blocks() }));
        check_placed(vec![log(11, 3), log(11, 3)], Err(Violation::Duplicate { block: 11, idx: 3 }));
        check_placed(vec![log(11, 3), log(11, 2)], Err(Violation::Disordered { block: 11, idx: 2 }));
        check_placed(vec![log(11, 3), log(10, 4)], Err(Violation::Disordered { block: 10, idx: 4 }));
        check_placed(vec![changed("removed", json!(true))], Err(Violation::Removed { block: 11, idx: 3 }));
        let unwatched = Err(Violation::Unwatched { block: 11, idx: 3 });
        check_placed(vec![changed("address", json!(Address::ZERO))], unwatched.clone());
        check_placed(vec![changed("topics", json!([]))], unwatched);
        let (found, expected) = (hash(12), hash(11));
        let foreign = Violation::ForeignBlock { block: 11, idx: 3, found, expected };
        check_placed(vec![changed("blockHash", json!(found))], Err(foreign));
    }

    #[track_caller]
    fn check_suspicious(blooms: [Bloom; 3], given: &Logs, filter: &Filter, expected: &[u64]) {
        let mut headers = headers();
        headers.iter_mut().zip(blooms).for_each(|(header, bloom)| header.bloom = bloom);
        let found: Vec<u64> = suspicious(&headers, given, filter).iter().map(|header| header.block.number).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_bloom_with_contract_and_event_and_no_log_is_suspicious() {
        let (mut both, mut contract, mut event) = (Bloom::ZERO, Bloom::ZERO, Bloom::ZERO);
        both.accrue_raw_log(CONTRACT, &[EVENT]);
        contract.accrue(BloomInput::Raw(CONTRACT.as_slice()));
        event.accrue(BloomInput::Raw(EVENT.as_slice()));
        let (none, one) = (Logs::default(), logs(vec![log(10, 0)]));
        check_suspicious([both, contract, event], &none, &filter(), &[10]);
        check_suspicious([both, contract, both], &one, &filter(), &[12]);
        check_suspicious([both, contract, event], &none, &Filter::new(vec![], vec![EVENT], vec![]), &[10, 12]);
        check_suspicious([both, contract, Bloom::ZERO], &none, &Filter::default(), &[10, 11]);
        check_suspicious([Bloom::ZERO, Bloom::repeat_byte(0xff), Bloom::ZERO], &none, &Filter::default(), &[]);
    }
}
