//! A chain in memory: accounts, blocks that the caller makes, transactions and views.

use std::{fmt, sync::Arc};

use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use alloy_sol_types::SolCall;
use revm::{
    context::{
        CfgEnv, Journal, TxEnv,
        result::{EVMError, ExecutionResult},
    },
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

use crate::evm::{
    abi::{Abi, AbiError},
    artifact::Artifact,
    contract::Contract,
    event::Event,
    fork::{Fork, ForkBlock, ForkError},
    machine::{Done, Machine, machine, run},
    names::{Names, address_of},
    refusal::{Error, Known},
    state::{Layer, State},
    value::{Arg, show_bytes},
};

/// The rules of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The hard fork; by default the latest that mainnet has, Osaka.
    pub spec: SpecId,
    /// The chain's id.
    pub chain_id: u64,
    /// How much gas a transaction or a view may take. The cap of EIP-7825 and the gas limit of blocks do not apply.
    pub gas_limit: u64,
    /// What a unit of gas costs the sender in wei, and is burned.
    pub base_fee: u64,
    /// What a unit of gas costs the sender in wei beyond that, and goes to the zero address.
    pub tip: u64,
}

impl Default for Rules {
    /// Osaka, 30 million gas a transaction, and gas for nothing.
    fn default() -> Self {
        Self { spec: SpecId::OSAKA, chain_id: 31_337, gas_limit: 30_000_000, base_fee: 0, tip: 0 }
    }
}

/// A block's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its height.
    pub number: u64,
    /// Its time, in Unix seconds.
    pub timestamp: u64,
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The gas that it took.
    pub gas: u64,
    /// What it logged.
    pub logs: Vec<Log>,
    /// What the call returned.
    pub output: Bytes,
}

/// A chain's state, blocks and names at a moment. Chains that start from it share it, and cost what they change.
#[derive(Clone, Debug)]
pub struct Snapshot {
    layer: Arc<Layer>,
    fork: Option<Arc<Fork>>,
    known: Arc<Known>,
    rules: Rules,
    block: Block,
}

impl Snapshot {
    /// A chain that goes on from here.
    #[must_use]
    pub fn chain(&self) -> Chain {
        let state = State::over(Arc::clone(&self.layer), self.fork.clone());
        let mut chain = Chain::build(state, self.rules, Arc::clone(&self.known));
        chain.set_block(self.block);
        chain
    }
}

/// A chain.
pub struct Chain {
    evm: Machine,
    known: Arc<Known>,
    rules: Rules,
}

impl Default for Chain {
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

impl Chain {
    /// An empty chain at block 0 of second 0.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let mut chain = Self::build(State::default(), rules, Arc::default());
        chain.set_block(Block { number: 0, timestamp: 0 });
        chain
    }

    /// A chain that goes on from a live one, in the block after the fork's.
    #[must_use]
    pub fn fork(fork: Arc<Fork>, rules: Rules) -> Self {
        let at = fork.block();
        let state = State::over(Arc::default(), Some(fork));
        let mut chain = Self::build(state, Rules { chain_id: at.chain_id, ..rules }, Arc::default());
        chain.set_block(Block { number: at.number.saturating_add(1), timestamp: at.timestamp.saturating_add(1) });
        chain
    }

    fn build(state: State, rules: Rules, known: Arc<Known>) -> Self {
        let mut cfg = CfgEnv::new_with_spec(rules.spec);
        cfg.chain_id = rules.chain_id;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        // Whoever acts is named by the caller, contracts included; there are no signatures and no queue of nonces.
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        let mut evm = machine(state, cfg);
        evm.ctx.block.basefee = rules.base_fee;
        evm.ctx.block.gas_limit = rules.gas_limit;
        Self { evm, known, rules }
    }

    /// What is here, for other chains to go on from. Takes time in proportion to what was written since the last snapshot,
    /// or to all state if an earlier snapshot is still held.
    pub fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            layer: self.state_mut().share(),
            fork: self.state().fork().cloned(),
            known: Arc::clone(&self.known),
            rules: self.rules,
            block: self.block(),
        }
    }

    /// The block that transactions go into.
    #[must_use]
    pub fn block(&self) -> Block {
        let block = &self.evm.ctx.block;
        Block { number: block.number.saturating_to(), timestamp: block.timestamp.saturating_to() }
    }

    /// Transactions go into this block from here on.
    pub fn set_block(&mut self, block: Block) {
        self.evm.ctx.block.number = U256::from(block.number);
        self.evm.ctx.block.timestamp = U256::from(block.timestamp);
    }

    /// Ends the block; the next comes `dt_secs` later.
    pub fn mine(&mut self, dt_secs: u64) {
        let Block { number, timestamp } = self.block();
        self.set_block(Block { number: number.saturating_add(1), timestamp: timestamp.saturating_add(dt_secs) });
    }

    /// The block of the live chain that this one goes on from.
    pub(crate) fn fork_block(&self) -> Option<ForkBlock> {
        self.state().fork().map(|fork| fork.block())
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// From here on a unit of gas costs `base_fee` wei that are burned and `tip` wei that go to the zero address.
    pub fn set_gas_price(&mut self, base_fee: u64, tip: u64) {
        self.rules = Rules { base_fee, tip, ..self.rules };
        self.evm.ctx.block.basefee = base_fee;
    }

    /// An account by name, with this much wei in addition to what it has. Its address depends on the name alone.
    ///
    /// # Errors
    /// If the start state is not to be had, or the balance would exceed 2^256.
    pub fn account(&mut self, name: &str, wei: U256) -> Result<Address, Error> {
        let address = address_of(name);
        self.name(name, address);
        if !wei.is_zero() {
            self.fund(address, wei)?;
        }
        Ok(address)
    }

    /// Gives `wei` to the account, out of nothing.
    ///
    /// # Errors
    /// If the start state is not to be had, or the balance would exceed 2^256.
    pub fn fund(&mut self, address: Address, wei: U256) -> Result<(), Error> {
        let account = self.state().account(address)?.unwrap_or_default();
        let balance = account.balance.checked_add(wei).ok_or_else(|| Error::Invalid {
            call: format!("gift of {wei} wei to {}", self.known.names.show(address)),
            why: format!("with the balance {} it exceeds 2^256", account.balance),
        })?;
        self.state_mut().set_account(address, AccountInfo { balance, ..account });
        Ok(())
    }

    /// Calls an address by a name, in arguments and in errors.
    pub fn name(&mut self, name: &str, address: Address) {
        Arc::make_mut(&mut self.known).names.insert(name, address);
    }

    /// Who is where.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.known.names
    }

    /// Learns the errors and events of an interface, for contracts that other contracts deploy.
    pub fn learn(&mut self, abi: &Abi) {
        Arc::make_mut(&mut self.known).learn(abi);
    }

    /// The contract at `address`, called `name`, with the interface of `abi`.
    pub fn contract(&mut self, name: &str, address: Address, abi: &Arc<Abi>) -> Contract {
        let known = Arc::make_mut(&mut self.known);
        known.learn(abi);
        known.names.insert(name, address);
        Contract { name: name.to_owned(), address, abi: Arc::clone(abi) }
    }

    /// Deploys `artifact` as `name`, by `from`.
    ///
    /// # Errors
    /// If it has no bytecode, its constructor takes other arguments or reverts.
    pub fn deploy(&mut self, from: Address, name: &str, artifact: &Artifact, args: &[Arg]) -> Result<Contract, Error> {
        self.learn(&artifact.abi);
        let arguments = artifact.abi.constructor_arguments(args, self.names())?;
        let code = artifact.creation_code()?;
        let address = self.deploy_code(from, [code.as_ref(), &arguments].concat().into())?;
        Ok(self.contract(name, address, &artifact.abi))
    }

    /// Deploys what `code`, with the constructor's arguments behind it, makes. The address is that of `from` and its nonce.
    ///
    /// # Errors
    /// If the deployment does not work out.
    pub fn deploy_code(&mut self, from: Address, code: Bytes) -> Result<Address, Error> {
        let nonce = self.nonce(from)?;
        self.send(self.transaction(from, TxKind::Create, U256::ZERO, code))?;
        Ok(from.create(nonce))
    }

    /// Sends a transaction, in the present block.
    ///
    /// # Errors
    /// If it reverts, stops, or cannot be sent. If it reverts or stops, the sender's nonce and fee are gone all the same.
    pub fn transact(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        calldata: impl Into<Bytes>,
    ) -> Result<Receipt, Error> {
        self.send(self.transaction(from, TxKind::Call(to), value, calldata.into()))
    }

    /// Sends a typed call, without Ether.
    ///
    /// # Errors
    /// As [`Chain::transact`].
    pub fn call(&mut self, from: Address, to: Address, call: &impl SolCall) -> Result<Receipt, Error> {
        self.transact(from, to, U256::ZERO, call.abi_encode())
    }

    /// What the contract answers; nothing is changed, and gas costs nothing.
    ///
    /// # Errors
    /// If the call reverts or stops.
    pub fn view(&mut self, from: Address, to: Address, calldata: impl Into<Bytes>) -> Result<Bytes, Error> {
        self.look(from, to, calldata).map(|receipt| receipt.output)
    }

    /// As [`Chain::view`], with the gas that a transaction would take.
    pub(crate) fn look(&mut self, from: Address, to: Address, calldata: impl Into<Bytes>) -> Result<Receipt, Error> {
        let mut transaction = self.transaction(from, TxKind::Call(to), U256::ZERO, calldata.into());
        transaction.gas_price = 0;
        self.evm.ctx.cfg.disable_fee_charge = true;
        self.evm.ctx.cfg.disable_base_fee = true;
        let done = run(&mut self.evm, transaction);
        self.evm.ctx.cfg.disable_fee_charge = false;
        self.evm.ctx.cfg.disable_base_fee = false;
        self.journal().state.clear();
        self.conclude(done)
    }

    /// What the contract answers to a typed call.
    ///
    /// # Errors
    /// As [`Chain::view`], and if the answer is not of the call's type.
    pub fn ask<C: SolCall>(&mut self, from: Address, to: Address, call: &C) -> Result<C::Return, Error> {
        let answer = self.view(from, to, call.abi_encode())?;
        C::abi_decode_returns(&answer).map_err(|error| {
            Error::Abi(AbiError::Answer {
                contract: self.names().show(to),
                signature: C::SIGNATURE.to_owned(),
                answer: format!("{} ({error})", show_bytes(&answer)),
                wanted: std::any::type_name::<C::Return>().to_owned(),
            })
        })
    }

    /// The event that a log is, if a contract that the chain knows has it.
    #[must_use]
    pub fn event(&self, log: &Log) -> Option<Event> {
        self.known.event(log)
    }

    /// What the account has, in wei.
    ///
    /// # Errors
    /// If the start state is not to be had.
    pub fn balance(&self, address: Address) -> Result<U256, ForkError> {
        Ok(self.state().account(address)?.map_or(U256::ZERO, |account| account.balance))
    }

    /// How many transactions the account has sent, or contracts deployed.
    ///
    /// # Errors
    /// If the start state is not to be had.
    pub fn nonce(&self, address: Address) -> Result<u64, ForkError> {
        Ok(self.state().account(address)?.map_or(0, |account| account.nonce))
    }

    /// The account's code.
    ///
    /// # Errors
    /// If the start state is not to be had.
    pub fn code(&self, address: Address) -> Result<Bytes, ForkError> {
        let code = self.state().account(address)?.and_then(|account| account.code);
        Ok(code.map_or_else(Bytes::new, |code| code.original_bytes()))
    }

    /// A slot of the account's storage.
    ///
    /// # Errors
    /// If the start state is not to be had.
    pub fn storage(&self, address: Address, slot: U256) -> Result<U256, ForkError> {
        self.state().slot(address, slot)
    }

    /// Writes a slot of the account's storage, past all contracts.
    ///
    /// # Errors
    /// If the start state is not to be had.
    pub fn set_storage(&mut self, address: Address, slot: U256, value: U256) -> Result<(), ForkError> {
        self.state_mut().set_slot(address, slot, value)
    }

    fn transaction(&self, caller: Address, kind: TxKind, value: U256, data: Bytes) -> TxEnv {
        let Rules { chain_id, gas_limit, base_fee, tip, .. } = self.rules;
        TxEnv {
            tx_type: 0,
            caller,
            gas_limit,
            gas_price: u128::from(base_fee) + u128::from(tip),
            kind,
            value,
            data,
            nonce: 0,
            chain_id: Some(chain_id),
            access_list: Default::default(),
            gas_priority_fee: None,
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: Vec::new(),
        }
    }

    fn send(&mut self, transaction: TxEnv) -> Result<Receipt, Error> {
        let done = run(&mut self.evm, transaction);
        let Journal { database, inner } = self.journal();
        if done.is_ok() {
            database.commit(&mut inner.state);
        } else {
            inner.state.clear();
        }
        self.conclude(done)
    }

    /// Readies the machine for the next transaction, and words how the last one ended.
    fn conclude(&mut self, done: Done) -> Result<Receipt, Error> {
        // Nothing of the journal outlives a transaction, so that it may count them from zero again.
        self.journal().inner.transaction_id = Default::default();
        match done {
            Ok(ExecutionResult::Success { gas, logs, output, .. }) => {
                Ok(Receipt { gas: gas.tx_gas_used(), logs, output: output.into_data() })
            }
            Ok(ExecutionResult::Revert { gas, output, .. }) => Err(Error::Reverted {
                call: self.last_call(),
                reason: Box::new(self.known.reason(&output)),
                gas: gas.tx_gas_used(),
            }),
            Ok(ExecutionResult::Halt { reason, gas, .. }) => {
                Err(Error::Stopped { call: self.last_call(), why: format!("{reason:?}"), gas: gas.tx_gas_used() })
            }
            Err(EVMError::Database(error)) => Err(Error::Fork(error)),
            Err(error) => Err(Error::Invalid { call: self.last_call(), why: error.to_string() }),
        }
    }

    fn last_call(&self) -> String {
        let TxEnv { caller, kind, data, .. } = &self.evm.ctx.tx;
        self.known.call(*caller, kind.to().copied(), data)
    }

    const fn journal(&mut self) -> &mut Journal<State> {
        &mut self.evm.ctx.journaled_state
    }

    const fn state(&self) -> &State {
        &self.evm.ctx.journaled_state.database
    }

    const fn state_mut(&mut self) -> &mut State {
        &mut self.evm.ctx.journaled_state.database
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("block", &self.block()).field("rules", &self.rules).finish_non_exhaustive()
    }
}
