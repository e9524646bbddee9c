//! A chain with StreamPortal, a node, and what both sides say of the same money.

use std::collections::BTreeMap;

use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, Bytes, TxKind, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::sol;
use alloy::sol_types::SolCall;
use bindings::cartesi::{ETHER, Outputs};
use bindings::{DemoToken, IERC20, IStreamPortal, Revert, portal_address, portal_creation_code};
use rollup::{Chain, Event, InputStatus, Node};
use serde_json::Value;

use crate::world::{
    EPOCH_LENGTH, World, addInputCall, ask, depositERC20TokensCall, depositEtherCall, executeOutputCall, step, user,
};

sol! {
    function transfer(address to, uint256 amount) external;
    function safeTransfer(address token, address to, uint256 amount) external;
    function wasOutputExecuted(uint256 outputIndex) external view returns (bool);
}

/// Anvil's accounts, by number: two users, and a stranger who also executes vouchers, so that a payout is all that
/// moves a user's Ether meanwhile.
pub const ALICE: usize = 0;
pub const BOB: usize = 1;
pub const STRANGER: usize = 2;

/// Gas of transactions that are to fail on the chain, where nobody can estimate it.
const GAS: u64 = 10_000_000;

/// What became of an input: its status, its outputs and its reports.
pub type Taken = (InputStatus, usize, usize);

/// Whose portal a deposit goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Cartesi,
    StreamPortal,
}

/// What a voucher pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payout {
    pub output: u64,
    pub token: Address,
    pub account: Address,
    pub amount: U256,
}

pub struct Circle {
    // Before the world, whose chain it reads.
    pub node: Node,
    pub world: World,
}

pub fn account(number: usize) -> Address {
    user(number).address()
}

impl Circle {
    pub async fn start(name: &str) -> Self {
        let world = World::start(name).await;
        let circle = Self { node: world.node().await, world };
        assert_eq!(circle.chain().deploy(&portal_creation_code()).await.unwrap(), portal_address());
        // A block a second, whatever the machine's clock does.
        circle.rpc("anvil_setBlockTimestampInterval", 1).await;
        circle
    }

    pub fn app(&self) -> Address {
        self.world.app
    }

    pub fn chain(&self) -> Chain {
        Chain::at(self.world.anvil.url().parse().unwrap(), Some(user(0)))
    }

    async fn rpc(&self, method: &'static str, parameter: u64) {
        let _: Value = self.world.provider.raw_request(method.into(), [parameter]).await.unwrap();
    }

    /// Has the next block's time be `time`.
    pub async fn wait_until(&self, time: u64) {
        self.rpc("evm_setNextBlockTimestamp", time).await;
    }

    /// The time of the last block.
    pub async fn time(&self) -> u64 {
        let block = self.world.provider.get_block(alloy::eips::BlockId::latest()).await.unwrap().unwrap();
        block.header.timestamp
    }

    pub async fn deploy(&self, code: Bytes) -> Address {
        let request = TransactionRequest::default().from(account(STRANGER)).with_deploy_code(code);
        let pending = self.world.provider.send_transaction(request).await.unwrap();
        pending.get_receipt().await.unwrap().contract_address.unwrap()
    }

    pub async fn send(&self, from: usize, to: Address, value: u64, call: impl SolCall) {
        self.world.send(from, to, value, call).await;
    }

    /// Why a call reverts. It is mined as well, and fails there.
    pub async fn refused(&self, from: usize, to: Address, value: u64, call: impl SolCall) -> String {
        let request = TransactionRequest {
            from: Some(account(from)),
            to: Some(TxKind::Call(to)),
            value: Some(U256::from(value)),
            gas: Some(GAS),
            input: Bytes::from(call.abi_encode()).into(),
            ..Default::default()
        };
        let provider = &self.world.provider;
        let error = provider.call(request.clone()).await.unwrap_err();
        let answer = error.as_error_resp().unwrap_or_else(|| panic!("{error}")).as_revert_data().unwrap_or_default();
        let receipt = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
        assert!(!receipt.status());
        Revert::decode(&answer).to_string()
    }

    pub async fn input(&self, from: usize, payload: &[u8]) {
        let call = addInputCall { app: self.app(), payload: payload.to_vec().into() };
        self.send(from, self.world.contracts.input_box, 0, call).await;
    }

    /// Deposits for the caller, who makes `call` right after.
    pub async fn deposit(&self, way: Way, from: usize, token: Address, amount: U256, call: &[u8]) {
        let (app, exec) = (self.app(), Bytes::from(call.to_vec()));
        let contracts = &self.world.contracts;
        match way {
            Way::Cartesi if token == ETHER => {
                self.send(from, contracts.ether_portal, amount.to(), depositEtherCall { app, exec }).await;
            }
            Way::Cartesi => {
                let call = depositERC20TokensCall { token, app, amount, exec };
                self.send(from, contracts.erc20_portal, 0, call).await;
            }
            Way::StreamPortal if token == ETHER => {
                let call = IStreamPortal::depositEtherAndCallCall { app, call: exec };
                self.send(from, portal_address(), amount.to(), call).await;
            }
            Way::StreamPortal => {
                let call = IStreamPortal::depositAndCallCall { token, app, amount, call: exec };
                self.send(from, portal_address(), 0, call).await;
            }
        }
    }

    /// Mints `amount` of a demo token for a user, and lets both portals take it.
    pub async fn fund(&self, token: Address, number: usize, amount: U256) {
        self.send(number, token, 0, DemoToken::mintCall { account: account(number), amount }).await;
        for spender in [self.world.contracts.erc20_portal, portal_address()] {
            self.send(number, token, 0, DemoToken::approveCall { spender, value: U256::MAX }).await;
        }
    }

    /// What becomes of the inputs that the node finds.
    pub async fn take(&mut self) -> Vec<Taken> {
        let events = step(&mut self.node).await;
        let taken = events.into_iter().filter_map(|event| match event {
            Event::Processed { status, n_outputs, n_reports, .. } => Some((status, n_outputs, n_reports)),
            _ => None,
        });
        taken.collect()
    }

    /// Mines up to the first block of the next epoch.
    pub async fn next_epoch(&self) {
        let block = self.world.provider.get_block_number().await.unwrap();
        self.world.mine(EPOCH_LENGTH - block % EPOCH_LENGTH).await;
    }

    /// Ends the epoch, whose outputs can be executed from here on. Nothing new may be waiting.
    pub async fn end_epoch(&mut self) {
        self.next_epoch().await;
        let events = step(&mut self.node).await;
        assert!(!events.iter().any(|event| matches!(event, Event::Processed { .. })), "{events:?}");
        // The node may have claimed before, if the last input was in the epoch's last block.
        let store = self.world.store();
        assert_eq!(store.last_accepted_epoch().unwrap().unwrap().n_outputs, Some(store.n_outputs().unwrap()));
    }

    /// What the application's reports say, in order.
    pub fn reports(&self) -> Vec<String> {
        let store = self.world.store();
        let reports = (0..).map_while(|index| store.report(index).unwrap());
        let message = |report: rollup::Report| {
            let report: Value = serde_json::from_slice(&report.raw).unwrap();
            assert_eq!(report["error"], true);
            report["message"].as_str().unwrap().to_owned()
        };
        reports.map(message).collect()
    }

    /// A number from the application's answer to a question.
    pub async fn asked(&self, question: &str, field: &str) -> U256 {
        let answer: Value = serde_json::from_str(&ask(&self.node, question).await).unwrap();
        answer[field].as_str().unwrap_or_else(|| panic!("{question}: {answer}")).parse().unwrap()
    }

    /// What an account has in the rollup.
    pub async fn balance(&self, token: Address, who: Address) -> U256 {
        self.asked(&format!("balance/{token}/{who}"), "balance").await
    }

    /// What an account can spend in the rollup.
    pub async fn available(&self, token: Address, who: Address) -> U256 {
        self.asked(&format!("available/{token}/{who}"), "available").await
    }

    /// What an account holds on the chain.
    pub async fn held(&self, token: Address, account: Address) -> U256 {
        if token == ETHER {
            return self.world.provider.get_balance(account).await.unwrap();
        }
        self.viewed(token, IERC20::balanceOfCall { account }).await
    }

    /// What a contract answers.
    pub async fn viewed<C: SolCall>(&self, contract: Address, call: C) -> C::Return {
        let request = TransactionRequest::default().to(contract).input(Bytes::from(call.abi_encode()).into());
        C::abi_decode_returns(&self.world.provider.call(request).await.unwrap()).unwrap()
    }

    /// What vouchers have yet to pay, in order.
    pub fn unpaid(&self) -> Vec<Payout> {
        let store = self.world.store();
        let outputs = (0..store.n_outputs().unwrap()).map(|index| store.output(index).unwrap().unwrap());
        let unpaid = outputs.filter(|output| output.execution_transaction.is_none());
        unpaid.filter_map(|output| payout(output.index, &output.raw)).collect()
    }

    /// Executes a voucher, once: a second time it is refused.
    pub async fn execute(&mut self, output: u64) {
        let (app, (raw, proof)) = (self.app(), self.world.proof(output));
        let call = executeOutputCall { output: raw, proof };
        self.send(STRANGER, app, 0, call.clone()).await;
        assert!(self.viewed(app, wasOutputExecutedCall { outputIndex: U256::from(output) }).await);
        let held = self.held(ETHER, app).await;
        assert_eq!(self.refused(STRANGER, app, 0, call).await, "OutputNotReexecutable(…)");
        assert_eq!(self.held(ETHER, app).await, held);
        self.take().await;
        assert!(self.unpaid().iter().all(|payout| payout.output != output));
    }

    /// Executes all vouchers, the last first, and checks that each account gets on the chain what its vouchers say.
    pub async fn execute_all(&mut self) {
        let unpaid = self.unpaid();
        let mut expected = BTreeMap::new();
        for Payout { token, account, amount, .. } in &unpaid {
            let held = self.held(*token, *account).await;
            *expected.entry((*token, *account)).or_insert(held) += *amount;
        }
        // Alice claims, and claims cost gas; but none is due in between.
        for payout in unpaid.iter().rev() {
            self.execute(payout.output).await;
        }
        for ((token, account), expected) in expected {
            assert_eq!(self.held(token, account).await, expected, "{account} in {token}");
        }
    }

    /// Checks a token's books against the chain: all that the application holds is accounted for, to the unit. The
    /// accounts are all that have any of it, and their streams are of whole units a second.
    pub async fn audit(&self, token: Address, accounts: &[Address]) {
        let question = format!("solvency/{token}");
        let supply = self.asked(&question, "supply").await;
        let (locked, available) = (self.asked(&question, "locked").await, self.asked(&question, "available").await);
        assert_eq!(locked + available, supply);
        let unpaid = self.unpaid();
        let unpaid = unpaid.iter().filter(|payout| payout.token == token).map(|payout| payout.amount);
        assert_eq!(self.held(token, self.app()).await, supply + unpaid.sum::<U256>(), "{token}");
        let mut balances = U256::ZERO;
        for account in accounts {
            balances += self.balance(token, *account).await;
        }
        assert_eq!(balances, supply, "{token}");
    }
}

/// What an output pays; `None` if it is a notice.
fn payout(output: u64, raw: &[u8]) -> Option<Payout> {
    if let Ok(voucher) = Outputs::VoucherCall::abi_decode(raw) {
        let (token, account, amount) = match transferCall::abi_decode(&voucher.payload) {
            Ok(call) if voucher.value.is_zero() => (voucher.destination, call.to, call.amount),
            _ => (ETHER, voucher.destination, voucher.value),
        };
        return Some(Payout { output, token, account, amount });
    }
    let voucher = Outputs::DelegateCallVoucherCall::abi_decode(raw).ok()?;
    let safeTransferCall { token, to, amount } = safeTransferCall::abi_decode(&voucher.payload).unwrap();
    Some(Payout { output, token, account: to, amount })
}
