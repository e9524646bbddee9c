//! The tables of a source of streams: one for each event, and those that are derived from them. Owns names and columns.

use alloy::{
    json_abi::Event,
    primitives::{Address, address},
};

use crate::{
    Error, Result,
    abi::EventTable,
    config::Erc1620Config,
    event::{Emitter, Watch, Watched},
    rows::{Column, Table, Type},
};

/// Where Cartesi's deterministic deployment puts the order of inputs.
pub(crate) const INPUT_BOX: Address = address!("1b51e2992A2755Ba4D6F7094032DF91991a0Cfac");

/// The column `until_block` of a version that none follows.
pub(crate) const CURRENT: i64 = i64::MAX;

const STREAM_EVENTS: [&str; 9] = [
    "event LogCreate(uint256 indexed _streamId, address indexed _sender, address indexed _recipient, \
     address _tokenAddress, uint256 _startBlock, uint256 _stopBlock, uint256 _payment, uint256 _interval)",
    "event LogWithdraw(uint256 indexed _streamId, address indexed _recipient, uint256 _funds)",
    "event LogRedeem(uint256 indexed _streamId, address indexed _sender, address indexed _recipient, \
     uint256 _senderBalance, uint256 _recipientBalance)",
    "event LogConfirmUpdate(uint256 indexed _streamId, address indexed _confirmer, address _newTokenAddress, \
     uint256 _newStopBlock, uint256 _newPayment, uint256 _newInterval)",
    "event LogRevokeUpdate(uint256 indexed _streamId, address indexed revoker, address _newTokenAddress, \
     uint256 _newStopBlock, uint256 _newPayment, uint256 _newInterval)",
    "event LogExecuteUpdate(uint256 indexed _newStreamId, address indexed _sender, address indexed _recipient, \
     address _newTokenAddress, uint256 _newStopBlock, uint256 _newPayment, uint256 _newInterval)",
    "event LogUpdateStart(uint256 indexed streamId, uint256 updateEpoch, uint256 start, uint256 deposit)",
    "event LogCredit(uint256 indexed streamId, address indexed account, address indexed token, uint256 amount)",
    "event LogClaim(address indexed account, address indexed token, address to, uint256 amount)",
];

const PORTAL_EVENTS: [&str; 3] = [
    "event StreamForwarded(address indexed app, address indexed owner, address indexed streaming, uint256 streamId, \
     address token, uint256 amount)",
    "event CreditForwarded(address indexed app, address indexed owner, address indexed streaming, address token, \
     uint256 amount)",
    "event InboxOpened(address indexed app, address indexed owner, address inbox)",
];

const INPUT_ADDED: &str = "event InputAdded(address indexed appContract, uint256 indexed index, bytes input)";

/// What a source of this name watches. `contracts` is not empty.
///
/// # Errors
/// None but bugs: the events are well formed.
pub(crate) fn watch(source: &str, start_block: u64, contracts: &[Address], config: &Erc1620Config) -> Result<Watch> {
    let mut events = Vec::new();
    for text in STREAM_EVENTS {
        let mut event = watched(source, text, contracts)?;
        // For the history of one stream.
        let id = event.table.table.columns.iter().find(|column| column.name.ends_with("stream_id"));
        if let Some(id) = id.map(|column| column.name.clone()) {
            event.table.table.indexes.push([&id, "contract", "block", "idx"].map(str::to_owned).to_vec());
        }
        events.push(event);
    }
    if let Some(portal) = config.portal {
        for text in PORTAL_EVENTS {
            events.push(watched(source, text, &[portal])?);
        }
        events.push(watched(source, INPUT_ADDED, &[INPUT_BOX])?);
    }
    Ok(Watch { source: source.to_owned(), start_block, events, factory: None })
}

fn watched(source: &str, text: &str, contracts: &[Address]) -> Result<Watched> {
    let event = Event::parse(text).map_err(|error| Error::Config(format!("event of source {source}: {error}")))?;
    let table = EventTable::new(source, &event)?;
    Ok(Watched { table, emitter: Emitter::Contracts(contracts.to_vec()), topic1: None })
}

/// What the names of the source's tables begin with.
pub(crate) fn prefix(source: &str) -> String {
    source.replace('-', "_")
}

/// Each state that a stream has had, from the log that made it (`block`, `idx`) to the one that made the next
/// (`until_block`, `until_idx`). A stream was as in the row of block B or before that ends after B.
///
/// `withdrawn` and `deposit` are of the current terms. The totals are over all terms in the current token: what the
/// recipient withdrew, and what the sender paid in less what updates paid back. So `deposit_total - withdrawn_total` and
/// `deposit - withdrawn` are equal. `state` is 0 for streams that live and 1 for those that have ended, whose parties
/// got `sender_got` and `recipient_got` at the end; both are 0 before.
pub(crate) fn version(prefix: &str) -> Table {
    Table {
        name: format!("{prefix}_version"),
        columns: columns(&[
            ("block", Type::Integer),
            ("idx", Type::Integer),
            ("contract", Type::Blob),
            ("id", Type::Blob),
            ("until_block", Type::Integer),
            ("until_idx", Type::Integer),
            ("sender", Type::Blob),
            ("recipient", Type::Blob),
            ("token", Type::Blob),
            ("start", Type::Integer),
            ("stop", Type::Integer),
            ("payment", Type::Blob),
            ("interval", Type::Integer),
            ("withdrawn", Type::Blob),
            ("withdrawn_total", Type::Blob),
            ("deposit", Type::Blob),
            ("deposit_total", Type::Blob),
            ("update_epoch", Type::Integer),
            ("state", Type::Integer),
            ("sender_got", Type::Blob),
            ("recipient_got", Type::Blob),
        ]),
        // A log makes one version at most.
        n_key: 2,
        indexes: indexes(&[
            &["id", "contract", "block", "idx"],
            &["contract", "until_block", "id"],
            &["sender", "until_block", "contract", "id"],
            &["recipient", "until_block", "contract", "id"],
            &["token", "until_block", "contract", "id"],
            &["until_block", "state", "contract", "id"],
        ]),
    }
}

/// The clock of each contract that has a stream, with the block of its first: 0 for block numbers, 1 for Unix seconds.
pub(crate) fn contract(prefix: &str) -> Table {
    Table {
        name: format!("{prefix}_contract"),
        columns: columns(&[("contract", Type::Blob), ("clock", Type::Integer), ("block", Type::Integer)]),
        n_key: 1,
        indexes: Vec::new(),
    }
}

/// The name of the table of tokens that streams have been in.
pub(crate) fn token(prefix: &str) -> String {
    format!("{prefix}_token")
}

/// Deposits through StreamPortal. `origin` is 0 for those that somebody made with what is theirs, 1 for what was due of
/// a stream and 2 for a credit; `streaming` and `stream_id` are zero where there is none. `call` is what `account` does
/// in the rollup.
pub(crate) fn deposit(prefix: &str) -> Table {
    Table {
        name: format!("{prefix}_deposit"),
        columns: columns(&[
            ("block", Type::Integer),
            ("idx", Type::Integer),
            ("tx", Type::Blob),
            ("app", Type::Blob),
            ("input_index", Type::Blob),
            ("token", Type::Blob),
            ("account", Type::Blob),
            ("amount", Type::Blob),
            ("origin", Type::Integer),
            ("streaming", Type::Blob),
            ("stream_id", Type::Blob),
            ("call", Type::Blob),
        ]),
        n_key: 2,
        indexes: indexes(&[
            &["account", "block", "idx"],
            &["app", "token", "block", "idx"],
            &["token", "block", "idx"],
        ]),
    }
}

fn columns(columns: &[(&str, Type)]) -> Vec<Column> {
    columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect()
}

fn indexes(indexes: &[&[&str]]) -> Vec<Vec<String>> {
    indexes.iter().map(|index| index.iter().map(|name| (*name).to_owned()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use bindings::{
        IMoneyStreaming::IMoneyStreamingEvents, IStreamPortal::IStreamPortalEvents, cartesi::IInputBox::IInputBoxEvents,
    };

    use super::*;

    #[test]
    fn events_are_all_that_the_contracts_have() {
        let config = Erc1620Config { contracts: Vec::new(), portal: Some(Address::ZERO), tokens: Vec::new() };
        let watch = watch("streams", 0, &[Address::ZERO], &config).unwrap();
        let mut watched: Vec<_> = watch.events.iter().map(|event| event.table.signature).collect();
        let selectors =
            [IMoneyStreamingEvents::SELECTORS, IStreamPortalEvents::SELECTORS, IInputBoxEvents::SELECTORS].concat();
        let mut emitted: Vec<_> = selectors.into_iter().map(alloy::primitives::B256::from).collect();
        watched.sort_unstable();
        emitted.sort_unstable();
        assert_eq!(watched, emitted);
    }

    #[test]
    fn tables_are_named_after_the_source() {
        let config = Erc1620Config { contracts: Vec::new(), portal: None, tokens: Vec::new() };
        let watch = watch("my-streams", 0, &[Address::ZERO], &config).unwrap();
        assert_eq!(watch.events[0].table.table.name, "my_streams_log_create");
        assert_eq!(version(&prefix("my-streams")).name, "my_streams_version");
    }
}
