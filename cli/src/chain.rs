//! The RPC endpoint and the stream contract behind it. The one file that sets a provider up; it checks what it talks
//! to, and has a sentence for each way in which that can be the wrong thing.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, FixedBytes},
    providers::{DynProvider, Provider, RootProvider},
    rpc::{
        client::ClientBuilder,
        json_rpc::{RequestPacket, ResponsePacket, RpcError},
        types::TransactionRequest,
    },
    transports::{
        TransportError, TransportErrorKind, TransportFut,
        http::{Http, reqwest},
    },
};
use bindings::{Clock, ERC1620_INTERFACE_ID, IERC20, IMoneyStreaming as Streaming, create2_address};
use clap::Args;
use eyre::{WrapErr, bail, ensure, eyre};
use tower::Service;

use crate::{
    address::parse_address,
    amount::Token,
    output::Output,
    probe::{self, Answer, Query},
};

/// How long the endpoint may take to answer one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Which chain.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct EndpointArgs {
    /// RPC endpoint of a node.
    #[arg(long, value_name = "URL", env = "ETH_RPC_URL", hide_env_values = true, help_heading = "Chain")]
    pub(crate) rpc_url: Option<String>,
    /// Refuse to work on any chain but this.
    #[arg(long, value_name = "ID", help_heading = "Chain")]
    pub(crate) chain_id: Option<u64>,
}

/// Which chain and which contract; the same on every command that reads or sends.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ChainArgs {
    #[command(flatten)]
    pub(crate) endpoint: EndpointArgs,
    /// Stream contract, if not the one that `streamctl deploy` makes.
    #[arg(long, value_name = "ADDRESS", env = "STREAMCTL_CONTRACT", hide_env_values = true, value_parser = parse_address, help_heading = "Chain")]
    pub(crate) contract: Option<Address>,
    /// Clock of the stream contract: block or timestamp. Without --contract it is block.
    #[arg(long, value_name = "CLOCK", value_parser = parse_clock, help_heading = "Chain")]
    pub(crate) clock: Option<Clock>,
}

/// An RPC endpoint that answers.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) provider: DynProvider,
    pub(crate) chain_id: u64,
    /// Latest block when the command began.
    pub(crate) block: u64,
    /// Its Unix time.
    pub(crate) timestamp: u64,
    endpoint: String,
    requests: Arc<Requests>,
}

/// A stream contract on a chain.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    node: Node,
    pub(crate) contract: Address,
    pub(crate) clock: Clock,
    /// Reading of the contract's clock when the command began.
    pub(crate) now: u64,
}

impl Deref for Chain {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl ChainArgs {
    /// The contract that the options mean, whether or not it is there.
    pub(crate) fn address(&self) -> Address {
        self.contract.unwrap_or_else(|| create2_address(self.clock.unwrap_or(Clock::Block)))
    }

    /// The options that make another command find the same contract, each after a space.
    pub(crate) fn options(&self) -> String {
        let contract = self.contract.map(|contract| format!(" --contract {contract}"));
        let clock = self.clock.map(|clock| format!(" --clock {}", clock_name(clock)));
        contract.or(clock).unwrap_or_default()
    }

    /// Connects to the stream contract.
    ///
    /// # Errors
    /// If the endpoint does not answer, is of another chain, or has no stream contract at the address.
    pub(crate) async fn connect(&self) -> eyre::Result<Chain> {
        Ok(self.connect_asking(&[]).await?.0)
    }

    /// Connects as [`connect`](Self::connect), and has `queries` answered in the same request.
    pub(crate) async fn connect_asking(&self, queries: &[Query]) -> eyre::Result<(Chain, Vec<Answer>)> {
        let contract = self.address();
        let checks = [
            Query::new(contract, &Streaming::supportsInterfaceCall { interfaceId: FixedBytes(ERC1620_INTERFACE_ID) }),
            Query::new(contract, &Streaming::CLOCK_MODECall {}),
            Query::new(contract, &Streaming::clockCall {}),
        ];
        let (node, mut answers) = self.endpoint.connect(&[&checks, queries].concat()).await?;
        let rest = answers.split_off(checks.len());
        let is_streaming = answers[0].decode::<Streaming::supportsInterfaceCall>();
        let mode = answers[1].decode::<Streaming::CLOCK_MODECall>();
        let now = answers[2].decode::<Streaming::clockCall>();
        let (Some(true), Some(mode), Some(now)) = (is_streaming, mode, now) else {
            return Err(self.no_contract(&node).await);
        };
        let clock = Clock::from_mode(&mode)
            .ok_or_else(|| eyre!("{contract} runs on a clock that streamctl does not know, {mode:?}"))?;
        if let Some(wanted) = self.clock {
            ensure!(
                wanted == clock,
                "{contract} runs on the {} clock; drop --clock or name another --contract",
                clock_name(clock)
            );
        }
        Ok((Chain { node, contract, clock, now: now.to::<u64>() }, rest))
    }

    /// Why there is no stream contract.
    async fn no_contract(&self, node: &Node) -> eyre::Report {
        let contract = self.address();
        match node.has_code(contract).await {
            Err(error) => error,
            Ok(true) => {
                eyre!("{contract} on chain {} is not a stream contract; check --contract and the chain", node.chain_id)
            }
            Ok(false) if self.contract.is_some() => {
                eyre!("there is no contract at {contract} on chain {}; check --contract and the chain", node.chain_id)
            }
            Ok(false) => eyre!(
                "no stream contract at {contract} on chain {}; run `streamctl deploy` or pass --contract",
                node.chain_id
            ),
        }
    }
}

impl EndpointArgs {
    /// Connects to the endpoint alone, and has `queries` answered in the same request.
    pub(crate) async fn connect(&self, queries: &[Query]) -> eyre::Result<(Node, Vec<Answer>)> {
        let Some(url) = self.rpc_url.as_deref() else {
            bail!("no RPC endpoint; pass --rpc-url or set ETH_RPC_URL");
        };
        let requests = Arc::<Requests>::default();
        let provider = provider(url, Arc::clone(&requests))?;
        let endpoint = without_secrets(url);
        let answers = ask(&provider, queries).await.map_err(|error| sentence(&endpoint, error))??;
        if let Some(wanted) = self.chain_id {
            ensure!(
                wanted == answers.chain_id,
                "{endpoint} is chain {}, not {wanted}; pass the --rpc-url of chain {wanted}",
                answers.chain_id
            );
        }
        let node = Node {
            provider,
            chain_id: answers.chain_id,
            block: answers.block,
            timestamp: answers.timestamp,
            endpoint,
            requests,
        };
        Ok((node, answers.answers))
    }
}

impl Node {
    /// Asks everything in one request, of the latest block.
    pub(crate) async fn ask(&self, queries: &[Query]) -> eyre::Result<Vec<Answer>> {
        let answers = ask(&self.provider, queries).await.map_err(|error| self.sentence(error))??;
        Ok(answers.answers)
    }

    /// What it takes to write amounts of the token at `address`.
    ///
    /// # Errors
    /// If there is no contract.
    pub(crate) async fn token(&self, address: Address) -> eyre::Result<Token> {
        let answers = self.ask(&token_queries(address)).await?;
        self.token_of(address, &answers).await
    }

    /// The token at `address`, from the answers to [`token_queries`].
    pub(crate) async fn token_of(&self, address: Address, answers: &[Answer]) -> eyre::Result<Token> {
        let [symbol, decimals] = answers else {
            unreachable!("a token is asked for two things");
        };
        if decimals.data.is_empty() && !self.has_code(address).await? {
            bail!("there is no token at {address} on chain {}; check the address and the chain", self.chain_id);
        }
        Ok(Token::from_answers(address, symbol.returned(), decimals.returned()))
    }

    pub(crate) async fn has_code(&self, address: Address) -> eyre::Result<bool> {
        let code = self.provider.get_code_at(address).await.map_err(|error| self.sentence(error))?;
        Ok(!code.is_empty())
    }

    /// An error of the endpoint in words; reverts are for [`crate::tx`].
    pub(crate) fn sentence(&self, error: TransportError) -> eyre::Report {
        sentence(&self.endpoint, error)
    }

    /// Says how many requests were made, if that is asked for.
    pub(crate) fn report(&self, output: &Output) {
        if output.verbose {
            let requests = self.requests.calls.load(Ordering::Relaxed);
            let round_trips = self.requests.round_trips.load(Ordering::Relaxed);
            output.note(format_args!("{requests} requests in {round_trips} round trips"));
        }
    }
}

/// What to ask of a token to write its amounts; see [`Node::token_of`].
pub(crate) fn token_queries(address: Address) -> [Query; 2] {
    [Query::new(address, &IERC20::symbolCall {}), Query::new(address, &IERC20::decimalsCall {})]
}

pub(crate) fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Block => "block",
        Clock::Timestamp => "timestamp",
    }
}

fn parse_clock(text: &str) -> eyre::Result<Clock> {
    Clock::ALL
        .into_iter()
        .find(|clock| clock_name(*clock) == text)
        .ok_or_else(|| eyre!("the clocks are block and timestamp"))
}

/// Asks everything in one request, of the latest block. The inner error is of an endpoint that cannot answer so.
pub(crate) async fn ask(
    provider: &DynProvider,
    queries: &[Query],
) -> Result<eyre::Result<probe::Answers>, TransportError> {
    let request = TransactionRequest::default().with_deploy_code(probe::encode(queries));
    let returned: Bytes = provider.call(request).latest().await?;
    Ok(probe::decode(&returned, queries.len())
        .ok_or_else(|| eyre!("the endpoint does not run code in eth_call; use another --rpc-url")))
}

/// A provider whose requests nobody counts, and what to call its endpoint.
pub(crate) fn plain_provider(url: &str) -> eyre::Result<(DynProvider, String)> {
    Ok((provider(url, Arc::default())?, without_secrets(url)))
}

fn provider(url: &str, requests: Arc<Requests>) -> eyre::Result<DynProvider> {
    let url: reqwest::Url =
        url.parse().map_err(|error| eyre!("the RPC endpoint is not a URL such as http://localhost:8545: {error}"))?;
    ensure!(
        matches!(url.scheme(), "http" | "https"),
        "the RPC endpoint is at a {} URL; pass one that begins with http:// or https://",
        url.scheme()
    );
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().wrap_err("setting up HTTP")?;
    let is_local = is_local(&url);
    let transport = Counted { inner: Http::with_client(client, url), requests };
    let client = ClientBuilder::default().transport(transport, is_local);
    Ok(RootProvider::<alloy::network::Ethereum>::new(client).erased())
}

/// Whether the endpoint is on this machine.
pub(crate) fn is_local(url: &reqwest::Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Paths and queries of endpoints often hold a key.
fn without_secrets(url: &str) -> String {
    match url.parse::<reqwest::Url>() {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => "the endpoint".to_owned(),
    }
}

/// Why the endpoint does not answer, and what to do about it.
pub(crate) fn sentence(endpoint: &str, error: TransportError) -> eyre::Report {
    match error {
        RpcError::ErrorResp(error) => eyre!("{endpoint} refuses: {}", error.message),
        RpcError::Transport(error) => transport_sentence(endpoint, &error),
        RpcError::DeserError { .. } => eyre!("{endpoint} does not answer in JSON-RPC; is it an RPC endpoint?"),
        error => eyre!("talking to {endpoint}: {error}"),
    }
}

fn transport_sentence(endpoint: &str, error: &TransportErrorKind) -> eyre::Report {
    if let Some(error) = error.as_http_error() {
        return match error.status {
            401 | 403 => eyre!("{endpoint} refuses access (HTTP {}); check the key in --rpc-url", error.status),
            429 => eyre!("{endpoint} is asked too often (HTTP 429); wait, or use another --rpc-url"),
            status => eyre!("{endpoint} answers with HTTP {status}; is it an RPC endpoint?"),
        };
    }
    let TransportErrorKind::Custom(custom) = error else {
        return eyre!("talking to {endpoint}: {error}");
    };
    match custom.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => {
            eyre!("{endpoint} does not answer within {} seconds; use another --rpc-url", TIMEOUT.as_secs())
        }
        Some(error) if error.is_connect() => {
            eyre!("cannot reach {endpoint}; is the node running, and is --rpc-url right?")
        }
        // The error's own text has the whole URL, and with it the key.
        Some(_) => eyre!("{endpoint} breaks off its answer; run the command again"),
        None => eyre!("talking to {endpoint}: {custom}"),
    }
}

/// What was asked of the endpoint.
#[derive(Debug, Default)]
struct Requests {
    calls: AtomicU64,
    round_trips: AtomicU64,
}

/// Counts what passes.
#[derive(Clone, Debug)]
struct Counted {
    inner: Http<reqwest::Client>,
    requests: Arc<Requests>,
}

impl Service<RequestPacket> for Counted {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let calls = u64::try_from(packet.len()).unwrap_or(u64::MAX);
        self.requests.calls.fetch_add(calls, Ordering::Relaxed);
        self.requests.round_trips.fetch_add(1, Ordering::Relaxed);
        self.inner.call(packet)
    }
}
