//! Deposits into rollups through StreamPortal. What anybody can put into an input is bytes to this file: it never fails on
//! them.

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolCall,
};
use bindings::cartesi::{ERC20_PORTAL, ETHER, ETHER_PORTAL, Inputs::EvmAdvanceCall};

use super::{changes::ask, tables, version::Place};
use crate::{
    Result,
    block::Blocks,
    database::Database,
    rows::{Rows, Value},
};

/// Where the tokens of a deposit come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Somebody's own.
    Owned,
    /// What was due of a stream of this contract.
    Stream { streaming: Address, id: U256 },
    /// What a stream contract owed.
    Credit { streaming: Address },
}

/// What an input says of a deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deposit {
    /// Zero for Ether.
    pub(crate) token: Address,
    /// Who is credited in the rollup.
    pub(crate) account: Address,
    pub(crate) amount: U256,
    /// What the account does there.
    pub(crate) call: Vec<u8>,
}

impl Deposit {
    /// The deposit that `input` is, if it came through `portal`: Cartesi's portal is who added the input, and names
    /// `portal` as the depositor.
    pub(crate) fn read(input: &[u8], portal: Address) -> Option<Self> {
        let advance = EvmAdvanceCall::abi_decode(input).ok()?;
        let (token, rest) = match advance.msgSender {
            ETHER_PORTAL => (ETHER, advance.payload.as_ref()),
            ERC20_PORTAL => take_address(&advance.payload)?,
            _ => return None,
        };
        let (depositor, rest) = take_address(rest)?;
        let (amount, rest) = rest.split_first_chunk::<32>()?;
        let (account, call) = take_address(rest)?;
        (depositor == portal).then(|| Self {
            token,
            account,
            amount: U256::from_be_bytes(*amount),
            call: call.to_vec(),
        })
    }
}

fn take_address(bytes: &[u8]) -> Option<(Address, &[u8])> {
    bytes.split_first_chunk::<20>().map(|(address, rest)| (Address::from(address), rest))
}

/// Writes the deposits of `blocks`.
pub(crate) fn write_deposits(database: &mut dyn Database, prefix: &str, portal: Address, blocks: Blocks) -> Result<()> {
    let table = tables::deposit(prefix);
    let mut forwarded = forwarded(database, prefix, blocks)?.into_iter().peekable();
    let inputs = inputs(database, prefix, blocks)?;
    let mut rows = Rows::new(table.columns.len());
    for row in inputs.iter() {
        let Some(deposit) = Deposit::read(row.blob(5)?, portal) else { continue };
        let (place, tx, app) = (Place { block: row.count(0)?, idx: row.count(1)? }, row.hash(2)?, row.address(3)?);
        // The portal announces what it forwards right before it deposits it, and does nothing else in between.
        let mut origin = Origin::Owned;
        while let Some(forward) = forwarded.next_if(|forward| forward.place < place) {
            origin = if forward.tx == tx && forward.app == app { forward.origin } else { Origin::Owned };
        }
        let (number, streaming, id) = match origin {
            Origin::Owned => (0, Address::ZERO, U256::ZERO),
            Origin::Stream { streaming, id } => (1, streaming, id),
            Origin::Credit { streaming } => (2, streaming, U256::ZERO),
        };
        rows.push_row(&[
            Value::count(place.block),
            Value::count(place.idx),
            Value::Blob(tx.as_slice()),
            Value::Blob(app.as_slice()),
            Value::Blob(row.blob(4)?),
            Value::Blob(deposit.token.as_slice()),
            Value::Blob(deposit.account.as_slice()),
            Value::Blob(&deposit.amount.to_be_bytes::<32>()),
            Value::Integer(number),
            Value::Blob(streaming.as_slice()),
            Value::Blob(&id.to_be_bytes::<32>()),
            Value::Blob(&deposit.call),
        ]);
    }
    database.insert(&table, &rows)?;
    Ok(())
}

/// The tokens that are deposited within `blocks`, with the block of each deposit. Ether says nothing of itself.
pub(crate) fn deposited(
    database: &mut dyn Database,
    prefix: &str,
    portal: Address,
    blocks: Blocks,
) -> Result<Vec<(u64, Address)>> {
    let mut deposited = Vec::new();
    for row in inputs(database, prefix, blocks)?.iter() {
        let token = Deposit::read(row.blob(5)?, portal).map(|deposit| deposit.token);
        if let Some(token) = token.filter(|token| *token != ETHER) {
            deposited.push((row.count(0)?, token));
        }
    }
    Ok(deposited)
}

/// The inputs that were added in `blocks`, in order.
fn inputs(database: &mut dyn Database, prefix: &str, blocks: Blocks) -> Result<Rows> {
    let sql = format!(
        "SELECT block, idx, tx, app_contract, index_, input FROM {prefix}_input_added \
         WHERE block BETWEEN ?1 AND ?2 ORDER BY block, idx"
    );
    ask(database, blocks, &sql)
}

struct Forwarded {
    place: Place,
    tx: B256,
    app: Address,
    origin: Origin,
}

/// What the portal announces in `blocks`, in order.
fn forwarded(database: &mut dyn Database, prefix: &str, blocks: Blocks) -> Result<Vec<Forwarded>> {
    let mut all = Vec::new();
    let streams = format!(
        "SELECT block, idx, tx, app, streaming, stream_id FROM {prefix}_stream_forwarded WHERE block BETWEEN ?1 AND ?2"
    );
    let credits =
        format!("SELECT block, idx, tx, app, streaming FROM {prefix}_credit_forwarded WHERE block BETWEEN ?1 AND ?2");
    for (sql, is_stream) in [(streams, true), (credits, false)] {
        for row in ask(database, blocks, &sql)?.iter() {
            let streaming = row.address(4)?;
            let origin =
                if is_stream { Origin::Stream { streaming, id: row.amount(5)? } } else { Origin::Credit { streaming } };
            let place = Place { block: row.count(0)?, idx: row.count(1)? };
            all.push(Forwarded { place, tx: row.hash(2)?, app: row.address(3)?, origin });
        }
    }
    all.sort_unstable_by_key(|forwarded| forwarded.place);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Bytes;

    use super::*;

    const PORTAL: Address = Address::repeat_byte(7);
    const TOKEN: Address = Address::repeat_byte(8);
    const ALICE: Address = Address::repeat_byte(9);

    fn input(sender: Address, payload: &[&[u8]]) -> Vec<u8> {
        let payload = Bytes::from(payload.concat());
        let zero = U256::ZERO;
        EvmAdvanceCall {
            chainId: zero,
            appContract: Address::ZERO,
            msgSender: sender,
            blockNumber: zero,
            blockTimestamp: zero,
            prevRandao: zero,
            index: zero,
            payload,
        }
        .abi_encode()
    }

    #[track_caller]
    fn check(input: &[u8], expected: Option<(Address, u64, &[u8])>) {
        let expected = expected.map(|(token, amount, call)| Deposit {
            token,
            account: ALICE,
            amount: U256::from(amount),
            call: call.to_vec(),
        });
        assert_eq!(Deposit::read(input, PORTAL), expected);
    }

    #[test]
    fn deposits_of_the_portal_are_read_and_all_else_is_not() {
        let amount = U256::from(5).to_be_bytes::<32>();
        let ether: [&[u8]; 3] = [PORTAL.as_slice(), &amount, ALICE.as_slice()];
        let token: [&[u8]; 5] = [TOKEN.as_slice(), PORTAL.as_slice(), &amount, ALICE.as_slice(), b"call"];
        check(&input(ETHER_PORTAL, &ether), Some((ETHER, 5, b"")));
        check(&input(ERC20_PORTAL, &token), Some((TOKEN, 5, b"call")));
        // Somebody who is no portal, a portal of another kind, and a depositor who is not StreamPortal.
        check(&input(ALICE, &token), None);
        check(&input(ETHER_PORTAL, &token), None);
        check(&input(ERC20_PORTAL, &[TOKEN.as_slice(), ALICE.as_slice(), &amount, ALICE.as_slice()]), None);
        // A deposit that says for whom only in part.
        check(&input(ERC20_PORTAL, &[TOKEN.as_slice(), PORTAL.as_slice(), &amount, &ALICE[..19]]), None);
    }

    #[test]
    fn no_bytes_fail() {
        let amount = U256::from(5).to_be_bytes::<32>();
        let whole = input(ERC20_PORTAL, &[TOKEN.as_slice(), PORTAL.as_slice(), &amount, ALICE.as_slice(), b"call"]);
        for end in 0..whole.len() {
            // The ABI pads a payload, and some decoders do without the padding.
            let read = Deposit::read(&whole[..end], PORTAL);
            assert!(end + 32 > whole.len() || read.is_none(), "{end}");
        }
        for i in 0..whole.len() {
            let mut bent = whole.clone();
            bent[i] ^= 0xff;
            drop(Deposit::read(&bent, PORTAL));
        }
    }
}
