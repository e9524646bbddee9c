//! Rows in the JSON forms of the published node: numbers in hexadecimal, bytes too, times as the chain has them.
//!
//! The published node tells when a row was written, by the clock. This one tells the time of the block that the row comes
//! from, so that the same chain gives the same replies.

use alloy::primitives::{Address, B256, U256, hex};
use alloy::sol_types::{SolCall, SolInterface};
use serde_json::{Value, json};

use crate::cartesi::{DataAvailability, Inputs, Outputs};
use crate::store::{Epoch, Input, Output, Report, Setup, Store, StoreError};

const DAY_SECS: u64 = 86_400;

/// The last second of the year 9999, after which a year has more digits than the form.
const MAX_SECS: u64 = 253_402_300_799;

pub(super) struct Shapes<'s> {
    pub(super) store: &'s Store,
    pub(super) setup: &'s Setup,
}

impl Shapes<'_> {
    /// No staging, no withdrawal after a foreclosure and no limit of execution: contracts 2.2.0 have none of the first,
    /// and a node without a machine none of the last.
    pub(super) fn application(&self, name: &str) -> Result<Value, StoreError> {
        let Setup { input_box, app, consensus, epoch_length, template_hash, from_block, .. } = self.setup;
        let data_availability = DataAvailability::InputBoxCall { inputBox: *input_box }.abi_encode();
        let block = number(self.store.blocks(1)?.first().map_or(0, |(block, _)| *block));
        let created_at = self.time(0)?;
        Ok(json!({
            "name": name,
            "iapplication_address": app,
            "iconsensus_address": consensus,
            "iinputbox_address": input_box,
            "template_hash": template_hash,
            "epoch_length": number(*epoch_length),
            "claim_staging_period": "0x0",
            "withdrawal_config": {
                "guardian": Address::ZERO,
                "log2_leaves_per_account": "0x0",
                "log2_max_num_of_accounts": "0x0",
                "accounts_drive_start_index": "0x0",
                "withdrawal_output_builder": Address::ZERO,
            },
            "data_availability": bytes(&data_availability),
            "consensus_type": "AUTHORITY",
            "enabled": true,
            "state": "ENABLED",
            "status": "OK",
            "reason": null,
            "iinputbox_block": number(*from_block),
            "last_epoch_check_block": block,
            "last_input_check_block": block,
            "last_output_check_block": block,
            "last_tournament_check_block": "0x0",
            "last_foreclose_check_block": "0x0",
            "last_accounts_drive_proved_check_block": "0x0",
            "last_withdrawal_check_block": "0x0",
            "processed_inputs": number(self.store.n_processed()?),
            "foreclose_block": "0x0",
            "foreclose_transaction": B256::ZERO,
            "accounts_drive_proved_block": "0x0",
            "accounts_drive_proved_transaction": B256::ZERO,
            "accounts_drive_merkle_root": B256::ZERO,
            "created_at": created_at,
            "updated_at": self.time(self.store.n_inputs()?.saturating_sub(1))?,
            "execution_parameters": execution_parameters(&created_at),
        }))
    }

    pub(super) fn epoch(&self, epoch: &Epoch) -> Result<Value, StoreError> {
        let Epoch { index, virtual_index, outputs_root, claim_transaction, status, .. } = epoch;
        let first_block = index.saturating_mul(self.setup.epoch_length);
        let (first_input, end) = self.store.inputs_of_epoch(*index)?;
        Ok(json!({
            "index": number(*index),
            "first_block": number(first_block),
            "last_block": number(first_block.saturating_add(self.setup.epoch_length.saturating_sub(1))),
            "input_index_lower_bound": number(first_input),
            "input_index_upper_bound": number(end),
            "machine_hash": null,
            "claim_hash": outputs_root,
            "outputs_merkle_root": outputs_root,
            "outputs_merkle_proof": null,
            "commitment": null,
            "commitment_proof": null,
            "claim_transaction_hash": claim_transaction,
            "tournament_address": null,
            "status": status.name(),
            "staged_at_block": null,
            "virtual_index": number(*virtual_index),
            "created_at": self.time(first_input)?,
            "updated_at": self.time(end.saturating_sub(1))?,
        }))
    }

    /// The place of the event among its block's is not kept, and is told as 0.
    pub(super) fn input(&self, input: &Input) -> Result<Value, StoreError> {
        let Input { index, epoch, block_number, transaction_hash, raw, status, .. } = input;
        let n_outputs = self.store.n_outputs_after(*index)?;
        let outputs_root = n_outputs.map(|n_outputs| self.store.root(n_outputs)).transpose()?;
        let time = self.time(*index)?;
        Ok(json!({
            "epoch_index": number(*epoch),
            "index": number(*index),
            "block_number": number(*block_number),
            "raw_data": bytes(raw),
            "decoded_data": decoded_input(raw),
            "status": status.name(),
            "machine_hash": null,
            "outputs_hash": outputs_root,
            "transaction_reference": transaction_hash,
            "transaction_hash": transaction_hash,
            "log_index": "0x0",
            "created_at": time,
            "updated_at": time,
        }))
    }

    /// Hash and proof are there once the output's own epoch is computed, and prove it in the tree at that epoch's end,
    /// which is the one that the epoch's claim names.
    pub(super) fn output(&self, output: &Output) -> Result<Value, StoreError> {
        let Output { index, input, epoch, raw, hash, execution_transaction } = output;
        let n_outputs = self.store.epoch(*epoch)?.and_then(|epoch| epoch.n_outputs);
        let siblings = n_outputs.map(|n_outputs| self.store.siblings(*index, n_outputs)).transpose()?;
        let time = self.time(*input)?;
        Ok(json!({
            "epoch_index": number(*epoch),
            "input_index": number(*input),
            "index": number(*index),
            "raw_data": bytes(raw),
            "decoded_data": decoded_output(raw),
            "hash": siblings.as_ref().map(|_| hash),
            "output_hashes_siblings": siblings.map(|siblings| siblings.to_vec()),
            "execution_transaction_hash": execution_transaction,
            "created_at": time,
            "updated_at": time,
        }))
    }

    pub(super) fn report(&self, report: &Report) -> Result<Value, StoreError> {
        let Report { index, input, epoch, raw } = report;
        let time = self.time(*input)?;
        Ok(json!({
            "epoch_index": number(*epoch),
            "input_index": number(*input),
            "index": number(*index),
            "raw_data": bytes(raw),
            "created_at": time,
            "updated_at": time,
        }))
    }

    fn time(&self, input: u64) -> Result<String, StoreError> {
        Ok(date_time(self.store.time_of_input(input)?))
    }
}

fn execution_parameters(created_at: &str) -> Value {
    json!({
        "snapshot_policy": "NONE",
        "advance_inc_cycles": "0x0",
        "advance_max_cycles": "0x0",
        "inspect_inc_cycles": "0x0",
        "inspect_max_cycles": "0x0",
        "advance_inc_deadline": "0x0",
        "advance_max_deadline": "0x0",
        "inspect_inc_deadline": "0x0",
        "inspect_max_deadline": "0x0",
        "load_deadline": "0x0",
        "store_deadline": "0x0",
        "fast_deadline": "0x0",
        "max_concurrent_inspects": 1,
        "created_at": created_at,
        "updated_at": created_at,
    })
}

/// Null for what is no call of `EvmAdvance`.
fn decoded_input(raw: &[u8]) -> Value {
    let Ok(input) = Inputs::EvmAdvanceCall::abi_decode(raw) else { return Value::Null };
    json!({
        "chain_id": word(input.chainId),
        "application_contract": input.appContract.to_string(),
        "sender": input.msgSender.to_string(),
        "block_number": word(input.blockNumber),
        "block_timestamp": word(input.blockTimestamp),
        "prev_randao": word(input.prevRandao),
        "index": word(input.index),
        "payload": bytes(&input.payload),
    })
}

/// Null for what is no output.
fn decoded_output(raw: &[u8]) -> Value {
    match Outputs::OutputsCalls::abi_decode(raw) {
        Ok(Outputs::OutputsCalls::Voucher(Outputs::VoucherCall { destination, value, payload })) => json!({
            "type": "Voucher",
            "destination": destination.to_string(),
            "value": word(value),
            "payload": bytes(&payload),
        }),
        Ok(Outputs::OutputsCalls::DelegateCallVoucher(Outputs::DelegateCallVoucherCall { destination, payload })) => {
            json!({
                "type": "DelegateCallVoucher",
                "destination": destination.to_string(),
                "payload": bytes(&payload),
            })
        }
        Ok(Outputs::OutputsCalls::Notice(Outputs::NoticeCall { payload })) => {
            json!({ "type": "Notice", "payload": bytes(&payload) })
        }
        Err(_) => Value::Null,
    }
}

fn number(number: u64) -> String {
    format!("{number:#x}")
}

fn word(word: U256) -> String {
    format!("{word:#x}")
}

pub(super) fn bytes(bytes: &[u8]) -> String {
    hex::encode_prefixed(bytes)
}

/// Seconds since 1970 as RFC 3339 writes them. Years are counted from March on, so that a leap day is the last of one.
fn date_time(secs: u64) -> String {
    let secs = secs.min(MAX_SECS);
    let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
    // Days since the 1st of March of the year 0, in cycles of 400 years.
    let days = secs / DAY_SECS + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, is_next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = 400 * cycle + year + is_next;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(secs: u64, expected: &str) {
        assert_eq!(date_time(secs), expected);
    }

    #[test]
    fn times_are_written_as_rfc_3339_does() {
        check(0, "1970-01-01T00:00:00Z");
        check(86_399, "1970-01-01T23:59:59Z");
        check(951_782_399, "2000-02-28T23:59:59Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(951_868_800, "2000-03-01T00:00:00Z");
        check(1_757_042_397, "2025-09-05T03:19:57Z");
        check(4_107_542_399, "2100-02-28T23:59:59Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
        check(253_402_300_799, "9999-12-31T23:59:59Z");
        check(u64::MAX, "9999-12-31T23:59:59Z");
    }
}
