//! `streamctl rollup up`: Cartesi's contracts, an application and a node on one machine.

use std::{
    env, fmt,
    fs::{self, File, TryLockError},
    io::{self, IsTerminal, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ::rollup::{Chain, Config, Contracts, Event, InputStatus, Node, Program, Setup};
use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use bindings::{portal_address, portal_creation_code};
use clap::Args;
use eyre::{WrapErr, bail, ensure, eyre};
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    address::parse_address,
    amount::counted,
    anvil::Anvil,
    chain::EndpointArgs,
    cmd::demo::anvil_key,
    interrupt::Interrupt,
    output::{Output, text, write_rows},
    signer::{Signer, SignerArgs},
};

/// Between two looks at the chain.
const PAUSE: Duration = Duration::from_millis(200);

/// The application, where a client names it otherwise than by address.
const NAME: &str = "streamable-token";

/// Where the node keeps all that it knows, unless it is told otherwise.
pub(super) const DATA_DIR: &str = ".streamctl-rollup";

/// Serve an application of a Cartesi rollup on this machine: a node for development.
///
/// Without --rpc-url it starts a chain of its own, which is there again the next time. Contracts that are missing are
/// deployed. There is no Cartesi machine and no dispute: what is claimed is what the application said.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl rollup up\n  \
    streamctl rollup up --json | jq -c 'select(.event == \"processed\")'\n  \
    streamctl rollup up --rpc-url http://localhost:8545 --private-key-file key --dapp ./my-application")]
pub(crate) struct UpArgs {
    #[command(flatten)]
    endpoint: EndpointArgs,
    /// The application's contract; without it one is deployed.
    #[arg(long, value_name = "ADDRESS", env = "STREAMCTL_APP", hide_env_values = true, value_parser = parse_address)]
    app: Option<Address>,
    /// The application and its arguments; without it streamable-token, which is looked for beside streamctl.
    #[arg(long, value_name = "PROGRAM", num_args = 1.., value_terminator = ";")]
    dapp: Vec<PathBuf>,
    /// Where the node keeps its database, the application's files and its chain.
    #[arg(long, value_name = "DIR", default_value = DATA_DIR)]
    data_dir: PathBuf,
    /// Where inspect and JSON-RPC are served.
    #[arg(long, value_name = "PORT", default_value_t = 6751)]
    port: u16,
    /// Where the chain of its own listens.
    #[arg(long, value_name = "PORT", default_value_t = 8545)]
    chain_port: u16,
    /// Blocks in an epoch of an application that is deployed.
    #[arg(long, value_name = "BLOCKS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    epoch_length: u64,
    #[command(flatten)]
    signer: SignerArgs,
}

/// What is where.
#[derive(Debug, Serialize)]
struct Up {
    event: &'static str,
    #[serde(serialize_with = "text")]
    chain_id: u64,
    rpc_url: String,
    node_url: String,
    #[serde(serialize_with = "text")]
    app: Address,
    #[serde(serialize_with = "text")]
    input_box: Address,
    #[serde(serialize_with = "text")]
    portal: Address,
    #[serde(serialize_with = "text")]
    consensus: Address,
    #[serde(serialize_with = "text")]
    epoch_length: u64,
    claims: bool,
    data_dir: String,
}

impl UpArgs {
    pub(crate) async fn run(self, output: &Output) -> eyre::Result<()> {
        let mut interrupt = Interrupt::listen()?;
        fs::create_dir_all(&self.data_dir).wrap_err_with(|| format!("making {}", self.data_dir.display()))?;
        let data_dir = self.data_dir.canonicalize()?;
        let _lock = lock(&data_dir)?;
        let anvil = match &self.endpoint.rpc_url {
            Some(_) => None,
            None => Some(Anvil::start_kept(&data_dir.join("chain.json"), self.chain_port).await?),
        };
        let served = tokio::select! {
            served = self.serve(&data_dir, anvil.as_ref(), output) => served.map(|never| match never {}),
            () = interrupt.received() => Ok(()),
        };
        if let Some(anvil) = anvil {
            anvil.stop_kept().await?;
        }
        if served.is_ok() {
            output.note("stopped; the next `streamctl rollup up` goes on from here");
        }
        served
    }

    async fn serve(
        &self,
        data_dir: &Path,
        anvil: Option<&Anvil>,
        output: &Output,
    ) -> eyre::Result<std::convert::Infallible> {
        let url = match (anvil, &self.endpoint.rpc_url) {
            (Some(anvil), _) => anvil.url().to_owned(),
            (None, Some(url)) => url.clone(),
            (None, None) => bail!("there is no chain"),
        };
        let endpoint = EndpointArgs { rpc_url: Some(url.clone()), ..self.endpoint.clone() };
        endpoint
            .connect(&[])
            .await
            .wrap_err("connecting; without --rpc-url and ETH_RPC_URL a chain of its own is started")?;
        let chain = Chain::at(url.parse().wrap_err("reading --rpc-url")?, self.key(anvil.is_some(), output)?);
        let contracts = match (self.app, anvil) {
            (Some(_), None) => None,
            _ => Some(::rollup::deploy(&chain, &artifacts()?).await?),
        };
        let app = match (self.app, &contracts) {
            (Some(app), _) => app,
            (None, Some(contracts)) => ::rollup::deploy_app(&chain, contracts, self.epoch_length).await?,
            (None, None) => bail!("there is no application"),
        };
        if contracts.is_some() {
            chain.deploy(&portal_creation_code()).await?;
        }
        let program = self.program(data_dir, contracts.as_ref())?;
        let config = Config { app, program, database: data_dir.join("node.db"), pause: PAUSE };
        let mut node = Node::start(chain, config).await?;
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let listener = TcpListener::bind(address)
            .await
            .wrap_err_with(|| format!("listening on port {}; name another with --port", self.port))?;
        let node_url = format!("http://{}", listener.local_addr()?);
        let front = ::rollup::rpc::Node::new(data_dir.join("node.db"), NAME.to_owned(), node.machine());
        tokio::spawn(::rollup::rpc::serve(listener, front));
        Up::new(url, node_url, data_dir, &node).tell(output)?;
        let mut line = Line::new(output);
        Ok(node.run(|event| line.tell(&event)).await?)
    }

    /// Who deploys and claims: on a chain of its own anvil's first account, elsewhere nobody unless a signer is named.
    fn key(&self, is_own_chain: bool, output: &Output) -> eyre::Result<Option<PrivateKeySigner>> {
        if is_own_chain {
            return Ok(Some(anvil_key(0)));
        }
        match self.signer.resolve(output) {
            Ok(Signer::Local(key)) => Ok(Some(key)),
            Ok(Signer::Unlocked(_)) => bail!("the node needs a key of its own to claim; --unlocked has none"),
            Err(_) if self.app.is_some() => Ok(None),
            Err(error) => Err(error.wrap_err("deploying needs a signer")),
        }
    }

    fn program(&self, data_dir: &Path, contracts: Option<&Contracts>) -> eyre::Result<Program> {
        let command = match self.dapp.as_slice() {
            [] => vec![streamable_token()?.into(), "run".into()],
            [program, arguments @ ..] => {
                let program = program.canonicalize().unwrap_or_else(|_| program.clone());
                [program].into_iter().chain(arguments.iter().cloned()).map(Into::into).collect()
            }
        };
        let named = |name: &str, address: Address| (name.into(), address.to_string().into());
        let mut variables =
            vec![("STREAMABLE_TOKEN_DURABILITY".into(), "system".into()), named("STREAM_PORTAL", portal_address())];
        if let Some(contracts) = contracts {
            variables.extend([
                named("ETHER_PORTAL", contracts.ether_portal),
                named("ERC20_PORTAL", contracts.erc20_portal),
                named("ERC721_PORTAL", contracts.erc721_portal),
                named("ERC1155_SINGLE_PORTAL", contracts.erc1155_single_portal),
                named("ERC1155_BATCH_PORTAL", contracts.erc1155_batch_portal),
                named("SAFE_ERC20_TRANSFER", contracts.safe_erc20_transfer),
            ]);
        }
        Ok(Program { command, variables, directory: data_dir.to_owned() })
    }
}

/// Keeps a second node off the directory, for as long as the file is open.
pub(super) fn lock(data_dir: &Path) -> eyre::Result<File> {
    let file = File::create(data_dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(eyre!("another node works in {}; stop it, or name another --data-dir", data_dir.display()))
        }
        Err(TryLockError::Error(error)) => Err(error).wrap_err("locking the data directory"),
    }
}

/// The program that runs inside the rollup: beside this one, or on the `PATH`.
fn streamable_token() -> eyre::Result<PathBuf> {
    let name = format!("streamable-token{}", env::consts::EXE_SUFFIX);
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join(&name)));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join(&name));
    beside.into_iter().chain(on_path).find(|program| program.is_file()).ok_or_else(|| {
        eyre!("there is no {name}; run `cargo install --locked --path dapp` in the repository, or name a --dapp")
    })
}

/// Cartesi's contracts, as npm installed them under `lib/` of this folder or one above.
fn artifacts() -> eyre::Result<PathBuf> {
    let here = env::current_dir().wrap_err("asking for the current folder")?;
    let found =
        here.ancestors().map(|root| root.join("lib/node_modules/@cartesi/rollups/out")).find(|out| out.is_dir());
    found.ok_or_else(|| eyre!("there are no contracts of Cartesi; run `make lib` in the repository, or name an --app"))
}

impl Up {
    fn new(rpc_url: String, node_url: String, data_dir: &Path, node: &Node) -> Self {
        let &Setup { chain_id, input_box, app, consensus, epoch_length, .. } = node.setup();
        let (claims, data_dir, portal) = (node.can_claim(), data_dir.display().to_string(), portal_address());
        let event = "up";
        Self { event, chain_id, rpc_url, node_url, app, input_box, portal, consensus, epoch_length, claims, data_dir }
    }

    fn tell(&self, output: &Output) -> eyre::Result<()> {
        output.result(self)?;
        if !self.claims {
            output.warn("nobody claims: this node's signer does not own the authority");
        }
        Ok(())
    }
}

impl fmt::Display for Up {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "A rollup node for development is up")?;
        write_rows(
            f,
            &[
                ("chain", format!("{} at {}", self.chain_id, self.rpc_url)),
                ("application", self.app.to_string()),
                ("input box", self.input_box.to_string()),
                ("stream portal", self.portal.to_string()),
                ("epochs", format!("of {} blocks, accepted by {}", self.epoch_length, self.consensus)),
                ("JSON-RPC", format!("{}/rpc", self.node_url)),
                ("inspect", format!("{}/inspect/{}", self.node_url, self.app)),
                ("data", self.data_dir.clone()),
            ],
        )?;
        writeln!(f, "Next, in another terminal")?;
        writeln!(f, "  export ETH_RPC_URL={} STREAMCTL_NODE_URL={}", self.rpc_url, self.node_url)?;
        writeln!(f, "  export STREAMCTL_APP={}", self.app)?;
        writeln!(f, "  streamctl rollup status")
    }
}

/// The events as they come: lines of JSON or text, and on a terminal one line below that says where the node is.
struct Line<'o> {
    output: &'o Output,
    is_live: bool,
    block: u64,
    n_inputs: u64,
    n_outputs: u64,
    accepted: Option<u64>,
}

impl<'o> Line<'o> {
    fn new(output: &'o Output) -> Self {
        let is_live = !output.json && !output.quiet && io::stderr().is_terminal();
        Self { output, is_live, block: 0, n_inputs: 0, n_outputs: 0, accepted: None }
    }

    fn tell(&mut self, event: &Event) {
        let (value, sentence) = self.describe(event);
        self.clear();
        let told = match (self.output.json, sentence) {
            (true, _) => self.output.tell(value),
            (false, Some(sentence)) => self.output.tell(sentence),
            (false, None) => Ok(()),
        };
        // Nobody reads any more; the node works on.
        drop(told);
        self.draw();
    }

    fn describe(&mut self, event: &Event) -> (serde_json::Value, Option<String>) {
        match event {
            Event::Read { block, n_inputs } => {
                (self.block, self.n_inputs) = (*block, *n_inputs);
                (json!({ "event": "read", "block": block.to_string(), "n_inputs": n_inputs.to_string() }), None)
            }
            Event::Processed { input, status, n_outputs, n_reports } => {
                let (n_outputs, n_reports) = (*n_outputs as u64, *n_reports as u64);
                self.n_outputs += n_outputs;
                let value = json!({ "event": "processed", "input": input.to_string(), "status": status.name(),
                    "n_outputs": n_outputs.to_string(), "n_reports": n_reports.to_string() });
                let verdict = match status {
                    InputStatus::Accepted => "accepted",
                    InputStatus::Rejected => "rejected",
                    _ => "ended in an exception",
                };
                (
                    value,
                    Some(format!(
                        "input {input} {verdict}: {}, {}",
                        counted(n_outputs, "output"),
                        counted(n_reports, "report")
                    )),
                )
            }
            Event::Restarted { input } => {
                let sentence = format!("the application ended and was started again, at input {input}");
                (json!({ "event": "restarted", "input": input.to_string() }), Some(sentence))
            }
            Event::Reorganised { block, n_inputs } => {
                let sentence = format!("the chain went another way after block {block}; {n_inputs} inputs stay");
                let (block, n_inputs) = (block.to_string(), n_inputs.to_string());
                (json!({ "event": "reorganised", "block": block, "n_inputs": n_inputs }), Some(sentence))
            }
            Event::Claimed { epoch, transaction } => {
                let value = json!({ "event": "claimed", "epoch": epoch.to_string(), "transaction": transaction });
                (value, Some(format!("claimed epoch {epoch} in {transaction}")))
            }
            Event::Accepted { epoch } => {
                self.accepted = Some(*epoch);
                (json!({ "event": "accepted", "epoch": epoch.to_string() }), Some(format!("epoch {epoch} accepted")))
            }
            other => (json!({ "event": format!("{other:?}") }), None),
        }
    }

    fn draw(&self) {
        if self.is_live {
            let accepted = self.accepted.map_or("none".to_owned(), |epoch| epoch.to_string());
            let Self { block, n_inputs, n_outputs, .. } = self;
            let mut stderr = io::stderr().lock();
            let _ =
                write!(stderr, "block {block}, {n_inputs} inputs, {n_outputs} outputs, last epoch accepted {accepted}");
            let _ = stderr.flush();
        }
    }

    fn clear(&self) {
        if self.is_live {
            let _ = write!(io::stderr().lock(), "\r\x1b[2K");
        }
    }
}

/// Checks that a directory is a node's before anything in it is touched.
pub(super) fn is_data_dir(data_dir: &Path) -> eyre::Result<()> {
    ensure!(
        data_dir.join("node.db").is_file() || data_dir.join("lock").is_file(),
        "{} is no data directory of a rollup node; name it with --data-dir",
        data_dir.display()
    );
    Ok(())
}
