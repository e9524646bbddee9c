//! From an intention to a receipt: simulate, explain a refusal, show, confirm, send, print the hash, wait.
//! Nothing is sent that the node has not run successfully first, and nothing without consent.

mod dry_run;
mod mined;

use std::time::Duration;

use alloy::{
    consensus::TxEnvelope,
    eips::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
    sol_types::{SolCall, SolEvent},
    transports::TransportError,
};
use bindings::{Clock, Revert};
use clap::Args;
use eyre::{WrapErr, bail, eyre};
use tokio::time::{Instant, sleep};

pub(crate) use self::mined::Mined;

use self::dry_run::DryRun;
use crate::{
    amount::{Token, format_amount},
    chain::Node,
    explain::{Words, explain},
    output::Output,
    signer::{Signer, SignerArgs},
};

/// How long a transaction may take to be mined before the command gives up waiting.
const MINING: Duration = Duration::from_secs(300);
/// First and longest pause between two looks for a receipt.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_LIMIT: Duration = Duration::from_secs(4);

/// Who signs, and how much is asked before; the same on every command that sends.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TxArgs {
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// Simulate only, and print what would be sent, for instance for a multisig.
    #[arg(long, help_heading = "Transaction")]
    pub(crate) dry_run: bool,
    /// Send without asking.
    #[arg(short, long, help_heading = "Transaction")]
    pub(crate) yes: bool,
    /// Number of the account's transaction, to replace one that is stuck; otherwise the next one.
    #[arg(long, value_name = "N", help_heading = "Transaction")]
    pub(crate) nonce: Option<u64>,
}

/// A transaction to be.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) to: Address,
    pub(crate) data: Bytes,
    /// Wei that it moves.
    pub(crate) value: U256,
    /// What it does, as an imperative: `create the stream`.
    pub(crate) what: String,
}

impl Call {
    pub(crate) fn new(to: Address, call: &impl SolCall, what: impl Into<String>) -> Self {
        Self { to, data: call.abi_encode().into(), value: U256::ZERO, what: what.into() }
    }

    /// The same call, paying `value` wei.
    pub(crate) fn paying(self, value: U256) -> Self {
        Self { value, ..self }
    }
}

/// What a refusal needs to be put into words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) token: Option<&'a Token>,
    pub(crate) clock: Clock,
}

/// Who acts.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) address: Address,
    /// Nobody signs in a dry run.
    signer: Option<Signer>,
}

/// One account that sends transactions one after the other.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    node: &'a Node,
    output: &'a Output,
    args: &'a TxArgs,
    from: Address,
    signer: Option<Signer>,
}

/// What gas costs, and where in the account's sequence the next transaction goes.
#[derive(Clone, Copy, Debug)]
struct Terms {
    nonce: u64,
    max_fee: u128,
    /// `None` on chains from before EIP-1559.
    max_tip: Option<u128>,
}

/// What it takes to send transactions that the person has agreed to.
#[derive(Debug)]
struct Agreed<'a> {
    signer: &'a Signer,
    /// Limit of the first.
    gas: u64,
    terms: Terms,
}

impl TxArgs {
    /// The account that acts.
    ///
    /// # Errors
    /// If none is named, or its key cannot be read.
    pub(crate) fn account(&self, output: &Output) -> eyre::Result<Account> {
        if self.dry_run {
            return Ok(Account { address: self.signer.account(output)?, signer: None });
        }
        let signer = self.signer.resolve(output)?;
        Ok(Account { address: signer.address(), signer: Some(signer) })
    }
}

impl<'a> Session<'a> {
    /// # Errors
    /// As [`TxArgs::account`].
    pub(crate) fn open(node: &'a Node, output: &'a Output, args: &'a TxArgs) -> eyre::Result<Self> {
        Ok(Self::of(args.account(output)?, node, output, args))
    }

    pub(crate) fn of(account: Account, node: &'a Node, output: &'a Output, args: &'a TxArgs) -> Self {
        let Account { address: from, signer } = account;
        Self { node, output, args, from, signer }
    }

    /// The account that acts.
    pub(crate) fn from(&self) -> Address {
        self.from
    }

    /// Has the node run the call, and sends nothing.
    ///
    /// # Errors
    /// If the call is refused.
    pub(crate) async fn check(&self, call: &Call, subject: Subject<'_>) -> eyre::Result<()> {
        self.simulate(call, subject).await.map(|_| ())
    }

    /// Sends `calls` in order, each after the one before was mined, and returns their receipts. The first is simulated
    /// before anything is asked; the others, which may depend on it, before they are sent. A dry run prints the calls
    /// as the command's result and returns `None`.
    ///
    /// # Errors
    /// If a call is refused, if the person says no, or if the chain does.
    pub(crate) async fn run(
        &self,
        calls: &[Call],
        subject: Subject<'_>,
    ) -> eyre::Result<Option<Vec<TransactionReceipt>>> {
        let Some(Agreed { signer, gas, mut terms }) = self.agree(calls, subject).await? else { return Ok(None) };
        let (first, rest) = calls.split_first().expect("what is agreed on is at least one transaction");
        let mut receipts = vec![self.send(signer, first, gas, terms, subject).await?];
        for call in rest {
            let gas = self.simulate(call, subject).await?;
            terms.nonce += 1;
            receipts.push(self.send(signer, call, gas, terms, subject).await?);
        }
        Ok(Some(receipts))
    }

    /// Sends `calls` that do not need each other, as [`run`](Self::run) does, but goes on after one that the chain refuses.
    /// The outcomes are in the order of the calls; they end early with one of which nobody knows what became of it.
    ///
    /// # Errors
    /// If the first call is refused before anything was asked, or if the person says no. Nothing was sent then.
    pub(crate) async fn run_each(
        &self,
        calls: &[Call],
        subject: Subject<'_>,
    ) -> eyre::Result<Option<Vec<eyre::Result<TransactionReceipt>>>> {
        let Some(Agreed { signer, gas, mut terms }) = self.agree(calls, subject).await? else { return Ok(None) };
        let mut simulated = Some(gas);
        let mut outcomes = Vec::with_capacity(calls.len());
        for call in calls {
            let gas = match simulated.take() {
                Some(gas) => gas,
                None => match self.estimate(call).await {
                    Ok(gas) => gas,
                    Err(error) => {
                        let is_refusal = error.as_error_resp().is_some();
                        outcomes.push(Err(self.refused(call, error, subject).await));
                        if is_refusal {
                            continue;
                        }
                        break;
                    }
                },
            };
            match self.mine(signer, call, gas, terms).await {
                Ok(receipt) => outcomes.push(self.judge(call, receipt, subject).await),
                Err(error) => {
                    outcomes.push(Err(error));
                    break;
                }
            }
            terms.nonce += 1;
        }
        Ok(Some(outcomes))
    }

    /// Simulates the first of `calls`, and has the person agree to all. A dry run prints the calls instead, and gives
    /// `None`.
    async fn agree(&self, calls: &[Call], subject: Subject<'_>) -> eyre::Result<Option<Agreed<'_>>> {
        let (first, rest) = calls.split_first().expect("a command sends at least one transaction");
        let gas = self.simulate(first, subject).await?;
        let Some(signer) = &self.signer else {
            self.output.result(&DryRun::new(self.node.chain_id, self.from, gas, calls))?;
            return Ok(None);
        };
        let terms = self.terms().await?;
        self.show(first, gas, terms, rest);
        if !self.args.yes && !self.output.confirm("Send?")? {
            bail!("nothing was sent");
        }
        Ok(Some(Agreed { signer, gas, terms }))
    }

    async fn simulate(&self, call: &Call, subject: Subject<'_>) -> eyre::Result<u64> {
        match self.estimate(call).await {
            Ok(gas) => Ok(gas),
            Err(error) => Err(self.refused(call, error, subject).await),
        }
    }

    /// Gas that the call takes, with a margin for a state that moves on before it is mined.
    async fn estimate(&self, call: &Call) -> Result<u64, TransportError> {
        let gas = self.node.provider.estimate_gas(self.request(call)).await?;
        Ok(gas + gas / 4)
    }

    async fn refused(&self, call: &Call, error: TransportError, subject: Subject<'_>) -> eyre::Report {
        self.sentence(error, subject).await.wrap_err(format!("cannot {}", call.what))
    }

    fn request(&self, call: &Call) -> TransactionRequest {
        TransactionRequest::default()
            .with_from(self.from)
            .with_to(call.to)
            .with_input(call.data.clone())
            .with_value(call.value)
    }

    async fn terms(&self) -> eyre::Result<Terms> {
        let provider = &self.node.provider;
        let nonce = match self.args.nonce {
            Some(nonce) => nonce,
            None => provider.get_transaction_count(self.from).pending().await.map_err(|e| self.node.sentence(e))?,
        };
        match provider.estimate_eip1559_fees().await {
            Ok(fees) => {
                Ok(Terms { nonce, max_fee: fees.max_fee_per_gas, max_tip: Some(fees.max_priority_fee_per_gas) })
            }
            Err(TransportError::UnsupportedFeature(_) | TransportError::ErrorResp(_)) => {
                let max_fee = provider.get_gas_price().await.map_err(|error| self.node.sentence(error))?;
                Ok(Terms { nonce, max_fee, max_tip: None })
            }
            Err(error) => Err(self.node.sentence(error)),
        }
    }

    fn show(&self, first: &Call, gas: u64, terms: Terms, rest: &[Call]) {
        let fee = coins(rounded_up(U256::from(gas).saturating_mul(U256::from(terms.max_fee))));
        let chain = self.node.chain_id;
        self.output.note(format_args!("On chain {chain}, {} will", self.from));
        self.output.note(format_args!("  {}, for a fee of at most {fee} of the chain's coin", first.what));
        for call in rest {
            self.output.note(format_args!("  {}", call.what));
        }
    }

    async fn send(
        &self,
        signer: &Signer,
        call: &Call,
        gas: u64,
        terms: Terms,
        subject: Subject<'_>,
    ) -> eyre::Result<TransactionReceipt> {
        let receipt = self.mine(signer, call, gas, terms).await?;
        self.judge(call, receipt, subject).await
    }

    /// The receipt of a transaction that was mined, whether or not it reverted.
    async fn mine(&self, signer: &Signer, call: &Call, gas: u64, terms: Terms) -> eyre::Result<TransactionReceipt> {
        let mut request =
            self.request(call).with_nonce(terms.nonce).with_gas_limit(gas).with_chain_id(self.node.chain_id);
        match terms.max_tip {
            Some(tip) => request = request.with_max_fee_per_gas(terms.max_fee).with_max_priority_fee_per_gas(tip),
            None => request = request.with_gas_price(terms.max_fee),
        }
        let hash = self.broadcast(signer, request).await?.wrap_err_with(|| format!("cannot {}", call.what))?;
        self.output.note(format_args!("sent {hash}: {}", call.what));
        self.wait(hash).await
    }

    /// # Errors
    /// If the transaction reverted.
    async fn judge(
        &self,
        call: &Call,
        receipt: TransactionReceipt,
        subject: Subject<'_>,
    ) -> eyre::Result<TransactionReceipt> {
        if receipt.status() {
            return Ok(receipt);
        }
        let reason = self.replay(call, &receipt, subject).await;
        Err(reason.wrap_err(format!("transaction {} was mined but reverted", receipt.transaction_hash)))
    }

    async fn broadcast(&self, signer: &Signer, request: TransactionRequest) -> eyre::Result<eyre::Result<B256>> {
        let sent = match signer {
            Signer::Local(key) => {
                let envelope: TxEnvelope =
                    request.build(&EthereumWallet::from(key.clone())).await.wrap_err("signing the transaction")?;
                self.node.provider.send_raw_transaction(&envelope.encoded_2718()).await
            }
            Signer::Unlocked(_) => self.node.provider.send_transaction(request).await,
        };
        Ok(match sent {
            Ok(pending) => Ok(*pending.tx_hash()),
            Err(error) => Err(self.rejection(error).await),
        })
    }

    async fn wait(&self, hash: B256) -> eyre::Result<TransactionReceipt> {
        let end = Instant::now() + MINING;
        let mut pause = PAUSE;
        loop {
            // No node has mined it yet; an earlier look is a request for nothing.
            sleep(pause).await;
            let receipt = self.node.provider.get_transaction_receipt(hash).await;
            let receipt = receipt.map_err(|error| self.node.sentence(error));
            if let Some(receipt) = receipt.wrap_err_with(|| format!("transaction {hash} was sent, and may be mined"))? {
                return Ok(receipt);
            }
            if Instant::now() > end {
                bail!(
                    "transaction {hash} is not mined after {} seconds, and may still be; send another with --nonce of \
                     the same number to replace it",
                    MINING.as_secs()
                );
            }
            pause = (pause * 2).min(PAUSE_LIMIT);
        }
    }

    /// Why a mined transaction reverted: what the same call answers in its block.
    async fn replay(&self, call: &Call, receipt: &TransactionReceipt, subject: Subject<'_>) -> eyre::Report {
        let block = receipt.block_number.unwrap_or_default().into();
        match self.node.provider.call(self.request(call)).block(block).await {
            Ok(_) => eyre!("the state has moved on between the simulation and the block; run the command again"),
            Err(error) => self.sentence(error, subject).await,
        }
    }

    async fn sentence(&self, error: TransportError, subject: Subject<'_>) -> eyre::Report {
        let Some(response) = error.as_error_resp() else {
            return self.node.sentence(error);
        };
        match response.as_revert_data() {
            Some(data) => refusal(&data, subject.token, subject.clock),
            None if response.message.contains("revert") => refusal(&[], subject.token, subject.clock),
            None => self.rejection(error).await,
        }
    }

    /// Why the node does not take a transaction; nodes differ in the rest of the text.
    async fn rejection(&self, error: TransportError) -> eyre::Report {
        let message = error.as_error_resp().map(|response| response.message.to_lowercase()).unwrap_or_default();
        let from = self.from;
        let says = |text: &str| message.contains(text);
        if says("nonce too low") {
            let next = self.node.provider.get_transaction_count(from).await;
            let next = next.map_or_else(|_| String::new(), |next| format!(", the next is {next}"));
            eyre!(
                "the nonce is used up: {from} has sent another transaction of this number{next}; run the command again without --nonce"
            )
        } else if says("nonce too high") {
            eyre!("the nonce is too high: transactions of {from} before it are missing; leave --nonce out")
        } else if says("insufficient funds") {
            let balance = self.node.provider.get_balance(from).await.unwrap_or_default();
            let balance = coins(balance);
            eyre!("{from} cannot pay the network fee: it has {balance} of the chain's coin; send it some")
        } else if says("underpriced") || says("already known") || says("already imported") {
            eyre!("a transaction of {from} with this number waits already; wait until it is mined")
        } else {
            self.node.sentence(error)
        }
    }
}

/// An amount of the coin that a chain's fees are paid in; all chains in use give it 18 decimals.
fn coins(wei: U256) -> String {
    format_amount(wei, 18)
}

/// Up to three digits that say something; more of an upper bound is noise.
fn rounded_up(wei: U256) -> U256 {
    let n_digits = wei.to_string().len();
    let Some(n_noise) = n_digits.checked_sub(3) else { return wei };
    let scale = U256::from(10).pow(U256::from(n_noise));
    wei.div_ceil(scale).saturating_mul(scale)
}

/// The sentence for what a reverted call returned.
pub(crate) fn refusal(data: &[u8], token: Option<&Token>, clock: Clock) -> eyre::Report {
    let amount = |units: U256| match token {
        Some(token) => token.amount(units),
        None => format!("{units} units"),
    };
    eyre!(explain(&Revert::decode(data), &Words { amount: &amount, clock }))
}

/// The first event of type `E` that `contract` logged.
pub(crate) fn event<E: SolEvent>(receipt: &TransactionReceipt, contract: Address) -> eyre::Result<E> {
    events(receipt, contract)
        .next()
        .ok_or_else(|| eyre!("transaction {} did not log {}", receipt.transaction_hash, E::SIGNATURE))
}

/// All events of type `E` that `contract` logged.
pub(crate) fn events<E: SolEvent>(receipt: &TransactionReceipt, contract: Address) -> impl Iterator<Item = E> {
    receipt
        .logs()
        .iter()
        .filter(move |log| log.address() == contract)
        .filter_map(|log| E::decode_log(&log.inner).ok())
        .map(|log| log.data)
}
