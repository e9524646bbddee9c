//! The machine that a chain runs on: revm's, without what costs time and changes nothing here.

use alloy_primitives::{B256, FixedBytes, U256, keccak256, map::FbMap};
use revm::{
    Context, MainBuilder,
    bytecode::opcode,
    context::{
        BlockEnv, CfgEnv, Journal, TxEnv,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    handler::{FrameResult, Handler, MainnetEvm, post_execution},
    interpreter::{
        Host, Instruction, InstructionContext, InstructionExecResult, InstructionResult, instructions::system,
        interpreter::EthInterpreter, interpreter_types::MemoryTr,
    },
};

use crate::evm::{fork::ForkError, state::State};

/// What a slot of a mapping is hashed from: the key and the mapping's own slot.
const PAIR: usize = 64;

/// How many hashes are kept: 100 bytes each.
const MAX_KEPT: usize = 16_384;

/// What the machine works on.
type World = Context<BlockEnv, TxEnv, CfgEnv, State, Journal<State>, Hashes>;

/// The machine of one chain.
pub(super) type Machine = MainnetEvm<World>;

/// How a transaction ended, if it could begin.
pub(super) type Done = Result<ExecutionResult, EVMError<ForkError, InvalidTransaction>>;

/// Hashes of pairs of words. A third of a token's transfer is hashing, and agents come back to the same slots.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashes {
    kept: FbMap<PAIR, B256>,
}

impl Hashes {
    fn hash(&mut self, pair: FixedBytes<PAIR>) -> B256 {
        if let Some(hash) = self.kept.get(&pair) {
            return *hash;
        }
        if self.kept.len() == MAX_KEPT {
            self.kept.clear();
        }
        let hash = keccak256(pair);
        self.kept.insert(pair, hash);
        hash
    }
}

pub(super) fn machine(state: State, cfg: CfgEnv) -> Machine {
    let mut machine = World::new(state, cfg.spec).with_cfg(cfg).build_mainnet();
    let cost = machine.instruction.gas_table()[usize::from(opcode::KECCAK256)];
    machine.instruction.insert_instruction(opcode::KECCAK256, Instruction::new(keccak256_kept), cost);
    machine
}

/// Runs a transaction; what it changed is left in the journal.
pub(super) fn run(machine: &mut Machine, transaction: TxEnv) -> Done {
    machine.ctx.tx = transaction;
    Transact.run(machine)
}

/// KECCAK256 that looks pairs of words up. Everything else, and all that can go wrong, is the standard instruction's.
fn keccak256_kept(context: InstructionContext<'_, World, EthInterpreter>) -> InstructionExecResult {
    let stack = &mut context.interpreter.stack;
    let offset = match (stack.peek(0), stack.peek(1)) {
        (Ok(offset), Ok(size)) if size == U256::from(PAIR) => usize::try_from(offset).ok(),
        _ => None,
    };
    let n_bytes = context.interpreter.memory.size();
    let Some(offset) = offset.filter(|offset| n_bytes.checked_sub(PAIR).is_some_and(|last| *offset <= last)) else {
        return system::keccak256(context);
    };
    let pair = FixedBytes::from_slice(&context.interpreter.memory.slice_len(offset, PAIR));
    if !context.interpreter.gas.record_regular_cost(context.host.gas_params().keccak256_cost(PAIR)) {
        return Err(InstructionResult::OutOfGas);
    }
    let hash = context.host.chain.hash(pair);
    stack.pop()?;
    *stack.top().expect("the size of what is hashed is still there") = hash.into();
    Ok(())
}

/// The course of a transaction. Nobody is rewarded where gas costs nothing.
struct Transact;

impl Handler for Transact {
    type Evm = Machine;
    type Error = EVMError<ForkError, InvalidTransaction>;
    type HaltReason = HaltReason;

    fn reward_beneficiary(&self, machine: &mut Machine, result: &mut FrameResult) -> Result<(), Self::Error> {
        if machine.ctx.tx.gas_price == 0 {
            return Ok(());
        }
        post_execution::reward_beneficiary(&mut machine.ctx, result.gas()).map_err(From::from)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, TxKind};
    use revm::{ExecuteEvm, MainContext, database::InMemoryDB, primitives::hardfork::SpecId};

    use super::*;

    /// Runs `code` as a deployment, twice on one machine, and on revm's own.
    #[track_caller]
    fn check(code: &[u8], gas_limit: u64) -> ExecutionResult {
        let transaction = TxEnv {
            kind: TxKind::Create,
            data: code.to_vec().into(),
            gas_limit,
            caller: Address::repeat_byte(1),
            ..TxEnv::default()
        };
        let mut plain = Context::mainnet().with_db(InMemoryDB::default()).build_mainnet();
        let expected = plain.transact_one(transaction.clone()).unwrap();
        let mut machine = machine(State::default(), CfgEnv::new_with_spec(SpecId::OSAKA));
        machine.ctx.cfg.disable_nonce_check = true;
        assert_eq!(run(&mut machine, transaction.clone()).unwrap(), expected);
        machine.ctx.journaled_state.inner.state.clear();
        assert_eq!(run(&mut machine, transaction).unwrap(), expected);
        expected
    }

    /// MSTORE(0, 7), MSTORE(32, 9); KECCAK256(offset, size) twice, of which the last is returned as the code.
    fn hashing(offset: u16, size: u8) -> Vec<u8> {
        let [high, low] = offset.to_be_bytes();
        let hash = [0x60, size, 0x61, high, low, 0x20];
        [
            &[0x60, 7, 0x5f, 0x52, 0x60, 9, 0x60, 32, 0x52][..],
            &hash,
            &[0x50],
            &hash,
            &[0x5f, 0x52, 0x60, 32, 0x5f, 0xf3],
        ]
        .concat()
    }

    #[test]
    fn hashes_and_their_gas_are_revm_s() {
        let pair = [U256::from(7).to_be_bytes::<32>(), U256::from(9).to_be_bytes()].concat();
        let deployed = check(&hashing(0, 64), 100_000);
        assert_eq!(deployed.output().unwrap().as_ref(), keccak256(pair).as_slice());
        // In memory, beyond it, of other sizes.
        for (offset, size) in [(1, 64), (64, 64), (1_000, 64), (u16::MAX, 64), (0, 0), (0, 32), (0, 65), (32, 255)] {
            check(&hashing(offset, size), 200_000);
        }
        // Without operands, and with an offset beyond all memory.
        check(&[0x20], 100_000);
        check(&[0x60, 64, 0x20], 100_000);
        check(&[0x60, 64, 0x5f, 0x19, 0x20], 100_000);
        for gas_limit in 53_410..53_570 {
            check(&hashing(0, 64), gas_limit);
        }
    }

    #[test]
    fn few_hashes_are_kept() {
        let mut hashes = Hashes::default();
        for i in 0..u32::try_from(2 * MAX_KEPT + 1).unwrap() {
            let mut pair = FixedBytes::ZERO;
            pair[..4].copy_from_slice(&i.to_be_bytes());
            let hash = hashes.hash(pair);
            assert!(i % 997 != 0 || hash == keccak256(pair), "{i}");
            assert!(hashes.kept.len() <= MAX_KEPT);
        }
        assert_eq!(hashes.kept.len(), 1);
    }
}
