//! `streamctl rollup demo`: money goes from a chain of its own into the rollup, streams there, and comes back by a voucher.

use std::{env, fmt, fs, path::PathBuf, process::Stdio, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use bindings::IERC20;
use clap::Args;
use eyre::{WrapErr, bail, ensure, eyre};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    amount::Token,
    anvil::Anvil,
    chain::{EndpointArgs, Node},
    cmd::demo::{Actor, MINTED, Step, command, fund},
    interrupt::Interrupt,
    output::{Output, text},
    probe::Query,
};

/// How long the node may take to come up, or to see what happened.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds between blocks of the story.
const BLOCK_TIME: u64 = 12;

/// Play the circle on a local chain: deposit and stream, watch, cancel, withdraw, claim, execute, reconcile.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup demo\n  \
    streamctl rollup demo --json | jq .reconciliation")]
pub(super) struct DemoArgs {}

impl DemoArgs {
    pub(super) async fn run(self, output: &Output) -> eyre::Result<()> {
        let mut interrupt = Interrupt::listen()?;
        let anvil = Anvil::start().await?;
        let directory = env::temp_dir().join(format!("streamctl-rollup-demo-{}", std::process::id()));
        let played = tokio::select! {
            played = play(&anvil, &directory, output) => played,
            () = interrupt.received() => Err(eyre!("the demo was interrupted; its chain is gone")),
        };
        anvil.stop().await?;
        drop(fs::remove_dir_all(directory));
        played
    }
}

/// The node, as a process that anybody could start.
struct Served {
    _child: Child,
    app: Address,
    node_url: String,
}

#[derive(Deserialize)]
struct Up {
    app: Address,
    node_url: String,
}

struct Stage<'a> {
    output: &'a Output,
    url: &'a str,
    variables: Vec<(&'static str, String)>,
    steps: Vec<Step>,
}

async fn play(anvil: &Anvil, directory: &PathBuf, output: &Output) -> eyre::Result<()> {
    let (alice, bob, operator) = (Actor::of_anvil("alice", 0), Actor::of_anvil("bob", 1), Actor::of_anvil("carol", 9));
    let served = serve(anvil.url(), directory, &operator).await?;
    let endpoint = EndpointArgs { rpc_url: Some(anvil.url().to_owned()), ..EndpointArgs::default() };
    let (node, _) = endpoint.connect(&[]).await?;
    let token = fund(&node, alice.key.address()).await?;
    let variables = vec![("STREAMCTL_APP", served.app.to_string()), ("STREAMCTL_NODE_URL", served.node_url.clone())];
    let mut stage = Stage { output, url: anvil.url(), variables, steps: Vec::new() };
    let (at, to) = (token.address, bob.key.address());
    stage.say(format_args!(
        "A chain of its own runs at {}, and a node of the rollup at {}.\n  alice {}, with {} at {at}\n  bob   {to}",
        anvil.url(),
        served.node_url,
        alice.key.address(),
        token.amount(U256::from(MINTED)),
    ))?;

    stage.play(&alice, &format!("portal stream --token {at} --amount 3600 --to {to} --over 1h")).await?;
    stage.play(&alice, &format!("portal stream --token {at} --amount 2400 --to {to} --over 2h")).await?;
    for _ in 0..2 {
        stage.pass(&node, 50).await?;
        stage.play(&bob, &format!("rollup balance {to} --token {at}")).await?;
    }
    stage.play(&alice, "rollup send cancel 2").await?;
    stage.play(&bob, &format!("rollup send withdraw --token {at} --amount 1000")).await?;
    stage.pass(&node, 20).await?;
    stage.until_executable(&bob).await?;
    stage.play(&bob, "rollup voucher execute --all").await?;
    stage.play(&bob, &format!("rollup solvency {at}")).await?;

    let reconciliation = Reconciliation::read(&node, token, served.app, [&alice, &bob], &mut stage).await?;
    reconciliation.check()?;
    if output.json {
        output.result(&Report { app: served.app, steps: stage.steps, reconciliation })
    } else {
        output.result(&reconciliation)
    }
}

async fn serve(url: &str, directory: &PathBuf, operator: &Actor) -> eyre::Result<Served> {
    let program = env::current_exe().wrap_err("finding this program")?;
    let mut child = Command::new(program)
        .args(["rollup", "up", "--json", "--port", "0", "--rpc-url", url, "--data-dir"])
        .arg(directory)
        .env("STREAMCTL_PRIVATE_KEY", operator.key.to_bytes().to_string())
        .env_remove("STREAMCTL_APP")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .wrap_err("starting the node")?;
    let stdout = child.stdout.take().ok_or_else(|| eyre!("the node has no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let first = timeout(PATIENCE, lines.next_line()).await.wrap_err("waiting for the node")??;
    let Some(first) = first else {
        let ended = child.wait_with_output().await?;
        bail!("the node did not come up:\n{}", String::from_utf8_lossy(&ended.stderr).trim_end());
    };
    let Up { app, node_url } = serde_json::from_str(&first).wrap_err("reading what the node says")?;
    // What the node goes on to say has to go somewhere.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(Served { _child: child, app, node_url })
}

impl Stage<'_> {
    async fn play(&mut self, actor: &Actor, line: &str) -> eyre::Result<()> {
        let step = command(self.url, actor, line, self.output.json, &self.variables).await?;
        self.say(&step)?;
        self.steps.push(step);
        Ok(())
    }

    async fn pass(&self, node: &Node, n_blocks: u64) -> eyre::Result<()> {
        let params = (format!("{n_blocks:#x}"), format!("{BLOCK_TIME:#x}"));
        let mined = node.provider.raw_request::<_, Value>("anvil_mine".into(), params).await;
        mined.map_err(|error| node.sentence(error))?;
        self.say(format_args!("… {} minutes pass …", n_blocks * BLOCK_TIME / 60))
    }

    /// Waits for the epoch of the withdrawal to be claimed.
    async fn until_executable(&self, actor: &Actor) -> eyre::Result<()> {
        let begin = Instant::now();
        loop {
            let listed = command(self.url, actor, "rollup voucher list", true, &self.variables).await?;
            if listed.result.to_string().contains("executable") {
                return self.say("… the authority has claimed the epoch …");
            }
            ensure!(begin.elapsed() < PATIENCE, "the epoch was not claimed: {}", listed.result);
            sleep(Duration::from_millis(200)).await;
        }
    }

    fn say(&self, text: impl fmt::Display) -> eyre::Result<()> {
        if self.output.json {
            return Ok(());
        }
        self.output.tell(text)?;
        self.output.tell("")
    }
}

/// `streamctl rollup demo --json`.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(serialize_with = "text")]
    app: Address,
    steps: Vec<Step>,
    reconciliation: Reconciliation,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reconciliation)
    }
}

/// Where every unit is: on the chain by the token, in the rollup by the application.
#[derive(Debug, Serialize)]
struct Reconciliation {
    #[serde(skip)]
    token: Token,
    #[serde(serialize_with = "text")]
    minted: U256,
    #[serde(serialize_with = "text")]
    alice_holds: U256,
    #[serde(serialize_with = "text")]
    bob_holds: U256,
    #[serde(serialize_with = "text")]
    application_holds: U256,
    #[serde(serialize_with = "text")]
    deposited: U256,
    #[serde(serialize_with = "text")]
    withdrawn: U256,
    #[serde(serialize_with = "text")]
    supply: U256,
}

impl Reconciliation {
    async fn read(
        node: &Node,
        token: Token,
        app: Address,
        [alice, bob]: [&Actor; 2],
        stage: &mut Stage<'_>,
    ) -> eyre::Result<Self> {
        let holders = [alice.key.address(), bob.key.address(), app];
        let queries = holders.map(|account| Query::new(token.address, &IERC20::balanceOfCall { account }));
        let answers = node.ask(&queries).await?;
        let mut held = answers.iter().map(|answer| answer.decode::<IERC20::balanceOfCall>());
        let mut next = || held.next().flatten().ok_or_else(|| eyre!("the demo token does not say who holds it"));
        let line = format!("rollup solvency {}", token.address);
        let told = command(stage.url, alice, &line, true, &stage.variables).await?.result;
        let amount = |key: &str| -> eyre::Result<U256> {
            let value = told[key].as_str().ok_or_else(|| eyre!("the application does not tell {key}"))?;
            value.parse().wrap_err_with(|| format!("reading {key}"))
        };
        Ok(Self {
            minted: U256::from(MINTED),
            alice_holds: next()?,
            bob_holds: next()?,
            application_holds: next()?,
            deposited: amount("deposited")?,
            withdrawn: amount("withdrawn")?,
            supply: amount("supply")?,
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
        equal("alice", self.alice_holds, self.minted - self.deposited)?;
        equal("bob", self.bob_holds, self.withdrawn)?;
        equal("the application's contract", self.application_holds, self.supply)?;
        equal("the rollup", self.supply, self.deposited - self.withdrawn)
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("alice deposited", self.deposited),
            ("bob withdrew", self.withdrawn),
            ("streams in the rollup", self.supply),
            ("the application's contract holds", self.application_holds),
        ];
        let amounts = rows.map(|(_, amount)| self.token.amount(amount));
        let width = amounts.iter().map(String::len).max().unwrap_or_default();
        writeln!(f, "Every unit is accounted for, on both sides:")?;
        for ((what, _), amount) in rows.iter().zip(&amounts) {
            writeln!(f, "  {what:<34}{amount:>width$}")?;
        }
        Ok(())
    }
}
