//! What peers and the desk say to each other: JSON with Pooler's names, and the texts that are signed.

use alloy::{
    primitives::{Address, Bytes, Signature},
    signers::{SignerSync, local::PrivateKeySigner},
};
use serde::{Deserialize, Serialize};

use super::desk::Refusal;
use crate::{dag::Range, snapshot::Project};

/// A peer's snapshot of a project at an epoch; both the vote and the question what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The epoch's blocks.
    pub epoch: Range,
    /// Of what.
    #[serde(rename = "projectID")]
    pub project: Project,
    /// The peer.
    #[serde(rename = "instanceID")]
    pub peer: Address,
    /// The snapshot's address.
    #[serde(rename = "snapshotCID")]
    pub cid: String,
    /// The peer's signature by EIP-191 of all of the above and the chain's id.
    pub signature: Bytes,
}

impl Submission {
    /// Signs.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn sign(
        signer: &PrivateKeySigner,
        chain_id: u64,
        (project, epoch): (Project, Range),
        cid: String,
    ) -> Result<Self, alloy::signers::Error> {
        let mut submission = Self { epoch, project, peer: signer.address(), cid, signature: Bytes::new() };
        submission.signature = sign(signer, &submission.text(chain_id))?;
        Ok(submission)
    }

    /// Checks that the peer has signed it.
    pub(crate) fn check(&self, chain_id: u64) -> Result<(), Refusal> {
        check(&self.text(chain_id), self.peer, &self.signature)
    }

    fn text(&self, chain_id: u64) -> String {
        let Self { epoch: Range { begin, end }, project, cid, .. } = self;
        format!("streamctl: snapshot\nchain: {chain_id}\nproject: {project}\nblocks: {begin} to {end}\ncid: {cid}")
    }
}

/// That a peer follows a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Which.
    #[serde(rename = "projectID")]
    pub project: Project,
    /// The peer.
    #[serde(rename = "instanceID")]
    pub peer: Address,
    /// The peer's signature by EIP-191 of all of the above and the chain's id.
    pub signature: Bytes,
}

impl Registration {
    /// Signs.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn sign(signer: &PrivateKeySigner, chain_id: u64, project: Project) -> Result<Self, alloy::signers::Error> {
        let mut registration = Self { project, peer: signer.address(), signature: Bytes::new() };
        registration.signature = sign(signer, &registration.text(chain_id))?;
        Ok(registration)
    }

    /// Checks that the peer has signed it.
    pub(crate) fn check(&self, chain_id: u64) -> Result<(), Refusal> {
        check(&self.text(chain_id), self.peer, &self.signature)
    }

    fn text(&self, chain_id: u64) -> String {
        format!("streamctl: peer of a project\nchain: {chain_id}\nproject: {}", self.project)
    }
}

/// Whether an epoch is agreed on. Needs no signature, as it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochQuestion {
    /// The epoch's blocks.
    pub epoch: Range,
    /// Of what.
    #[serde(rename = "projectID")]
    pub project: Project,
    /// Who asks, if it says so; the answer does not depend on it.
    #[serde(rename = "instanceID", default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
}

/// Where a vote, or an epoch, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The vote counts; there are not enough yet.
    Accepted,
    /// Enough peers have signed the same snapshot.
    Finalized,
    /// The window is over without agreement. Later votes can still bring it.
    Indeterminate,
    /// The peer has not voted on this epoch.
    #[serde(rename = "NOTSUBMITTED")]
    NotSubmitted,
    /// The epoch is agreed on.
    ConsensusAchieved,
    /// It is not.
    NoConsensus,
}

/// The desk's answer to a vote or a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Where it is.
    pub status: Status,
    /// Whether the peer's vote came after the window.
    pub delayed_submission: bool,
    /// What is agreed on.
    #[serde(rename = "finalizedSnapshotCID")]
    pub final_cid: Option<String>,
}

fn sign(signer: &PrivateKeySigner, text: &str) -> Result<Bytes, alloy::signers::Error> {
    Ok(signer.sign_message_sync(text.as_bytes())?.as_bytes().into())
}

fn check(text: &str, peer: Address, signature: &[u8]) -> Result<(), Refusal> {
    let signer = Signature::from_raw(signature).and_then(|signature| signature.recover_address_from_msg(text));
    match signer {
        Ok(signer) if signer == peer => Ok(()),
        Ok(signer) => Err(Refusal::Signature(format!("the signature is not {peer}'s of this content, but {signer}'s"))),
        Err(error) => Err(Refusal::Signature(format!("the signature of {peer} cannot be read: {error}"))),
    }
}
