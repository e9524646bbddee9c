//! Any bytes as a portal's input. The first byte chooses the generation and the portal.

#![no_main]

use dapp::deposit::Deployment;
use dapp::metadata::{Generation, Metadata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, payload)) = input.split_first() else { return };
    let deployment = Deployment::default();
    let (generation, portals) =
        if choice % 2 == 0 { (Generation::V2, &deployment.v2) } else { (Generation::V1, &deployment.v1) };
    let msg_sender = match choice / 2 % 6 {
        0 => portals.ether,
        1 => portals.erc20,
        2 => portals.erc721,
        3 => portals.erc1155_single,
        4 => portals.erc1155_batch,
        _ => deployment.dapp_address_relay,
    };
    let metadata = Metadata { generation, app_contract: None, msg_sender, time: 0, input_index: 0 };
    let deposit = deployment.deposit(&metadata, payload);
    let is_user = generation == Generation::V2 && msg_sender == deployment.dapp_address_relay;
    assert_eq!(deposit.is_none(), is_user);
});
