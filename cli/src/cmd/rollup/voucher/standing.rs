//! How vouchers stand, by what the chain says of them: a node is asked for proofs, and never for the truth.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use alloy::primitives::{Address, B256};
use bindings::{
    Clock,
    cartesi::{IApplication, IOutputsMerkleRootValidator},
};
use eyre::{bail, ensure, eyre};
use serde::Serialize;

use super::was_executed;
use crate::{chain::Node, node, probe::Query, proof::Proof, tx::refusal};

/// Questions in one request: each takes 164 bytes of the 48 KB of code that a node accepts.
const N_QUESTIONS: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    Executable,
    Executed,
    /// The chain has not accepted a claim with it.
    Unclaimed,
}

/// How each of these vouchers stands.
pub(super) async fn standings(node: &Node, app: Address, vouchers: &[node::Output]) -> eyre::Result<Vec<Standing>> {
    let proofs = vouchers.iter().map(Proof::of).collect::<eyre::Result<Vec<_>>>()?;
    let roots: Vec<Option<B256>> = proofs.iter().map(|proof| proof.as_ref().map(Proof::root)).collect();
    let valid = valid_roots(node, app, roots.iter().flatten().copied().collect()).await?;
    let mut standings = Vec::with_capacity(vouchers.len());
    for (vouchers, roots) in vouchers.chunks(N_QUESTIONS).zip(roots.chunks(N_QUESTIONS)) {
        let queries: Vec<_> = vouchers.iter().map(|voucher| Query::new(app, &was_executed(voucher.index))).collect();
        let answers = node.ask(&queries).await?;
        for ((voucher, root), answer) in vouchers.iter().zip(roots).zip(answers) {
            let was_executed = answer.decode::<IApplication::wasOutputExecutedCall>();
            let was_executed =
                was_executed.ok_or_else(|| eyre!("{app} does not tell whether {} was executed", voucher.index))?;
            standings.push(match root {
                _ if was_executed => Standing::Executed,
                Some(root) if valid.get(root) == Some(&true) => Standing::Executable,
                _ => Standing::Unclaimed,
            });
        }
    }
    Ok(standings)
}

/// Which of these roots the application's consensus accepts.
async fn valid_roots(node: &Node, app: Address, roots: BTreeSet<B256>) -> eyre::Result<HashMap<B256, bool>> {
    let answers = node.ask(&[Query::new(app, &IApplication::getOutputsMerkleRootValidatorCall {})]).await?;
    let validator = answers[0].decode::<IApplication::getOutputsMerkleRootValidatorCall>();
    let validator = validator.ok_or_else(|| eyre!("{app} does not name its consensus; check --app and the chain"))?;
    let roots: Vec<B256> = roots.into_iter().collect();
    let mut valid = HashMap::new();
    for roots in roots.chunks(N_QUESTIONS) {
        let query = |root: &B256| {
            let call = IOutputsMerkleRootValidator::isOutputsMerkleRootValidCall {
                appContract: app,
                outputsMerkleRoot: *root,
            };
            Query::new(validator, &call)
        };
        let answers = node.ask(&roots.iter().map(query).collect::<Vec<_>>()).await?;
        for (root, answer) in roots.iter().zip(answers) {
            let is_valid = answer.decode::<IOutputsMerkleRootValidator::isOutputsMerkleRootValidCall>();
            valid.insert(*root, is_valid.unwrap_or(false));
        }
    }
    Ok(valid)
}

/// Has the chain check the proof.
///
/// # Errors
/// If the application's contract does not accept it, or has no such function.
pub(super) async fn check(node: &Node, app: Address, proof: &Proof) -> eyre::Result<()> {
    let call = IApplication::validateOutputCall { output: proof.output.clone(), proof: proof.validity() };
    let answers = node.ask(&[Query::new(app, &call)]).await?;
    let answer = &answers[0];
    ensure!(
        answer.success,
        refusal(&answer.data, None, Clock::Timestamp)
            .wrap_err(format!("the chain does not accept the node's proof of output {}", proof.index))
    );
    if !answer.data.is_empty() {
        bail!("{app} checks no proofs; check --app and the chain");
    }
    Ok(())
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Executable => "executable",
            Self::Executed => "executed",
            Self::Unclaimed => "not yet claimed",
        })
    }
}
