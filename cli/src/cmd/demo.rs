//! `streamctl demo`: the life of a stream on a chain of its own, by the commands that anybody would type, an account of
//! every unit, and what an index of that chain has to tell.

use std::{env, fmt, fs, path::Path, process::Stdio};

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::{Filter, TransactionRequest},
    signers::local::{MnemonicBuilder, PrivateKeySigner},
    sol_types::{SolCall, SolEvent},
};
use bindings::{DETERMINISTIC_PROXY, DemoToken, IERC20, IMoneyStreaming as Streaming, SALT};
use clap::Args;
use eyre::{WrapErr, ensure, eyre};
use serde::Serialize;
use serde_json::Value;
use tokio::process::Command;

use crate::{
    amount::Token,
    anvil::Anvil,
    chain::{Chain, ChainArgs, EndpointArgs, Node},
    interrupt::Interrupt,
    output::{Output, text},
    probe::Query,
};

/// The mnemonic of anvil's own accounts, which everybody knows.
const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// What alice begins with, in units of the token, which has 6 decimals.
pub(crate) const MINTED: u64 = 10_000_000_000;

/// Play the life of a stream on a local chain: create, withdraw, update by consent, redeem, reconcile, index.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl demo\n  \
    streamctl demo --json | jq .reconciliation")]
pub(crate) struct DemoArgs {}

impl DemoArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let mut interrupt = Interrupt::listen()?;
        let anvil = Anvil::start().await?;
        let folder = env::temp_dir().join(format!("streamctl-demo-{}", std::process::id()));
        let played = tokio::select! {
            played = play(&anvil, &folder, output) => played,
            () = interrupt.received() => Err(eyre!("the demo was interrupted; its chain is gone")),
        };
        anvil.stop().await?;
        drop(fs::remove_dir_all(folder));
        played
    }
}

/// Who is who, and where.
struct Stage<'a> {
    output: &'a Output,
    url: &'a str,
    /// Where the index is.
    folder: &'a Path,
    alice: Actor,
    bob: Actor,
    steps: Vec<Step>,
}

pub(crate) struct Actor {
    name: &'static str,
    pub(crate) key: PrivateKeySigner,
}

async fn play(anvil: &Anvil, folder: &Path, output: &Output) -> eyre::Result<()> {
    fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
    let mut stage = Stage {
        output,
        url: anvil.url(),
        folder,
        alice: Actor::of_anvil("alice", 0),
        bob: Actor::of_anvil("bob", 1),
        steps: Vec::new(),
    };
    let (alice, bob) = (stage.alice.key.address(), stage.bob.key.address());
    stage.say(format_args!("A chain of its own runs at {}.\n  alice {alice}\n  bob   {bob}", stage.url))?;

    stage.alice("deploy").await?;
    let chain = chain_at(stage.url).connect().await?;
    let token = fund(&chain, alice).await?;
    let address = token.address;
    stage.say(format_args!("alice holds {} at {address}.", token.amount(U256::from(MINTED))))?;

    stage
        .alice(&format!(
            "create --recipient {bob} --token {address} --amount 3600 --over 12h --every 1h --block-time 12s"
        ))
        .await?;
    stage.mine(&chain, 1000).await?;
    stage.bob("show 1").await?;
    stage.bob("withdraw 1 --max").await?;
    stage.alice("update propose 1 --payment 500").await?;
    stage.bob("update accept 1").await?;
    stage.mine(&chain, 800).await?;
    stage.bob("balance 1").await?;
    stage.alice("redeem 1").await?;

    let reconciliation = Reconciliation::read(&chain, token, alice, bob).await?;
    reconciliation.check()?;
    stage.say(&reconciliation)?;

    stage.alice("index init streams").await?;
    stage.alice("index run --once --listen 127.0.0.1:0").await?;
    stage.alice("index streams --state all").await?;
    stage.alice("index verify").await?;
    if output.json {
        output.result(&Report {
            chain_id: chain.chain_id,
            contract: chain.contract,
            steps: stage.steps,
            reconciliation,
        })
    } else {
        output.tell("What is final is chained by content addresses, so that others can check it.")
    }
}

fn chain_at(url: &str) -> ChainArgs {
    let endpoint = EndpointArgs { rpc_url: Some(url.to_owned()), ..EndpointArgs::default() };
    ChainArgs { endpoint, ..ChainArgs::default() }
}

/// The key of one of anvil's own accounts.
pub(crate) fn anvil_key(index: u32) -> PrivateKeySigner {
    MnemonicBuilder::from_phrase_nth(MNEMONIC, index)
}

impl Actor {
    pub(crate) fn of_anvil(name: &'static str, index: u32) -> Self {
        Self { name, key: anvil_key(index) }
    }
}

impl Stage<'_> {
    async fn alice(&mut self, line: &str) -> eyre::Result<()> {
        let step = command(self.url, &self.alice, line, self.output.json, &self.place()).await?;
        self.add(step)
    }

    async fn bob(&mut self, line: &str) -> eyre::Result<()> {
        let step = command(self.url, &self.bob, line, self.output.json, &self.place()).await?;
        self.add(step)
    }

    /// What the commands of the index need to be typed without it.
    fn place(&self) -> [(&'static str, String); 1] {
        [("STREAMCTL_INDEX_CONFIG", self.folder.join("index.toml").display().to_string())]
    }

    fn add(&mut self, step: Step) -> eyre::Result<()> {
        self.say(&step)?;
        self.steps.push(step);
        Ok(())
    }

    async fn mine(&self, chain: &Chain, n_blocks: u64) -> eyre::Result<()> {
        let params = (format!("{n_blocks:#x}"), "0xc");
        let mined = chain.provider.raw_request::<_, Value>("anvil_mine".into(), params).await;
        mined.map_err(|error| chain.sentence(error))?;
        self.say(format_args!("… {n_blocks} blocks pass …"))
    }

    /// Tells the story where a person listens.
    fn say(&self, text: impl fmt::Display) -> eyre::Result<()> {
        if self.output.json {
            return Ok(());
        }
        self.output.tell(text)?;
        self.output.tell("")
    }
}

/// Runs this very program as a person would.
pub(crate) async fn command(
    url: &str,
    actor: &Actor,
    line: &str,
    json: bool,
    variables: &[(&str, String)],
) -> eyre::Result<Step> {
    let program = env::current_exe().wrap_err("finding this program")?;
    let ran = Command::new(program)
        .args(line.split_whitespace())
        .args(json.then_some("--json"))
        .args(sends(line).then_some("--yes"))
        .env("ETH_RPC_URL", url)
        .env("STREAMCTL_PRIVATE_KEY", actor.key.to_bytes().to_string())
        .env_remove("STREAMCTL_CONTRACT")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .wrap_err_with(|| format!("running streamctl {line}"))?;
    ensure!(
        ran.status.success(),
        "`streamctl {line}` did not succeed:\n{}",
        String::from_utf8_lossy(&ran.stderr).trim_end()
    );
    let stdout = String::from_utf8(ran.stdout).wrap_err("reading what the command printed")?;
    let result = if json {
        serde_json::from_str(&stdout).wrap_err_with(|| format!("reading the JSON of streamctl {line}"))?
    } else {
        Value::String(stdout)
    };
    Ok(Step { account: actor.name, command: format!("streamctl {line}"), result })
}

/// Whether the command asks before it sends.
fn sends(line: &str) -> bool {
    !["show", "balance", "index", "rollup balance", "rollup solvency", "rollup outputs", "rollup voucher list"]
        .iter()
        .any(|read| line.starts_with(read))
}

/// Deploys the demo token where CREATE2 puts it, and mints for `account`. The node signs with its own first account.
pub(crate) async fn fund(chain: &Node, account: Address) -> eyre::Result<Token> {
    let code = &DemoToken::BYTECODE;
    let token = DETERMINISTIC_PROXY.create2_from_code(SALT, code);
    let deploy = [SALT.as_slice(), code].concat();
    let mint = DemoToken::mintCall { account, amount: U256::from(MINTED) }.abi_encode();
    for (to, data) in [(DETERMINISTIC_PROXY, deploy), (token, mint)] {
        let request = TransactionRequest::default().from(account).to(to).input(data.into());
        let pending = chain.provider.send_transaction(request).await.map_err(|error| chain.sentence(error))?;
        let receipt = pending.get_receipt().await.wrap_err("funding alice")?;
        ensure!(receipt.status(), "the demo token did not accept {}", receipt.transaction_hash);
    }
    chain.token(token).await
}

/// A command, and what it printed.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    account: &'static str,
    command: String,
    pub(crate) result: Value,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}$ {}", self.account, self.command)?;
        f.write_str(self.result.as_str().unwrap_or_default())
    }
}

/// `streamctl demo --json`.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(serialize_with = "text")]
    chain_id: u64,
    #[serde(serialize_with = "text")]
    contract: Address,
    steps: Vec<Step>,
    reconciliation: Reconciliation,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reconciliation)
    }
}

/// Where every unit went, by the token's transfers, against what the stream's events and the balances say.
#[derive(Debug, Serialize)]
struct Reconciliation {
    #[serde(skip)]
    token: Token,
    #[serde(serialize_with = "text")]
    minted: U256,
    #[serde(serialize_with = "text")]
    pulled_from_sender: U256,
    #[serde(serialize_with = "text")]
    paid_to_sender: U256,
    #[serde(serialize_with = "text")]
    paid_to_recipient: U256,
    #[serde(serialize_with = "text")]
    withdrawn_by_events: U256,
    #[serde(serialize_with = "text")]
    redeemed_by_events: U256,
    #[serde(serialize_with = "text")]
    refunded_by_events: U256,
    #[serde(serialize_with = "text")]
    sender_holds: U256,
    #[serde(serialize_with = "text")]
    recipient_holds: U256,
    #[serde(serialize_with = "text")]
    contract_holds: U256,
}

impl Reconciliation {
    async fn read(chain: &Chain, token: Token, alice: Address, bob: Address) -> eyre::Result<Self> {
        let filter = Filter::new().address(vec![token.address, chain.contract]).from_block(0);
        let logs = chain.provider.get_logs(&filter).await.map_err(|error| chain.sentence(error))?;
        let transfers: Vec<_> = logs.iter().filter_map(|log| decode::<IERC20::Transfer>(token.address, log)).collect();
        let moved = |from: Address, to: Address| {
            transfers.iter().filter(|t| t.from == from && t.to == to).map(|t| t.value).sum::<U256>()
        };
        let withdrawn = logs.iter().filter_map(|log| decode::<Streaming::LogWithdraw>(chain.contract, log));
        let redeemed: Vec<_> =
            logs.iter().filter_map(|log| decode::<Streaming::LogRedeem>(chain.contract, log)).collect();
        let holders = [alice, bob, chain.contract];
        let queries = holders.map(|account| Query::new(token.address, &IERC20::balanceOfCall { account }));
        let answers = chain.ask(&queries).await?;
        let mut held = answers.iter().map(|answer| answer.decode::<IERC20::balanceOfCall>());
        let mut next = || held.next().flatten().ok_or_else(|| eyre!("the demo token does not say who holds it"));
        Ok(Self {
            minted: moved(Address::ZERO, alice),
            pulled_from_sender: moved(alice, chain.contract),
            paid_to_sender: moved(chain.contract, alice),
            paid_to_recipient: moved(chain.contract, bob),
            withdrawn_by_events: withdrawn.map(|log| log._funds).sum(),
            redeemed_by_events: redeemed.iter().map(|log| log._recipientBalance).sum(),
            refunded_by_events: redeemed.iter().map(|log| log._senderBalance).sum(),
            sender_holds: next()?,
            recipient_holds: next()?,
            contract_holds: next()?,
            token,
        })
    }

    /// # Errors
    /// If a unit is missing or too many.
    fn check(&self) -> eyre::Result<()> {
        let equal = |what: &str, left: U256, right: U256| {
            ensure!(left == right, "{what}: {} is not {}", self.token.amount(left), self.token.amount(right));
            Ok(())
        };
        equal("alice", self.sender_holds, self.minted - self.pulled_from_sender + self.paid_to_sender)?;
        equal("bob", self.recipient_holds, self.paid_to_recipient)?;
        equal("events of bob", self.paid_to_recipient, self.withdrawn_by_events + self.redeemed_by_events)?;
        equal("events of alice", self.paid_to_sender, self.refunded_by_events)?;
        equal("contract", self.contract_holds, U256::ZERO)?;
        equal("sum", self.minted, self.sender_holds + self.recipient_holds + self.contract_holds)
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("alice paid in", self.pulled_from_sender),
            ("bob withdrew", self.withdrawn_by_events),
            ("bob got at the end", self.redeemed_by_events),
            ("alice got back", self.refunded_by_events),
            ("the contract keeps", self.contract_holds),
        ];
        let amounts = rows.map(|(_, amount)| self.token.amount(amount));
        let width = amounts.iter().map(String::len).max().unwrap_or_default();
        writeln!(f, "Every unit is accounted for:")?;
        for ((what, _), amount) in rows.iter().zip(&amounts) {
            writeln!(f, "  {what:<20}{amount:>width$}")?;
        }
        Ok(())
    }
}

fn decode<E: SolEvent>(address: Address, log: &alloy::rpc::types::Log) -> Option<E> {
    (log.address() == address).then(|| E::decode_log(&log.inner).ok().map(|log| log.data)).flatten()
}
