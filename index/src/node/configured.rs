//! A node as the configuration describes it.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::Node;
use crate::{
    Result,
    chain::{BlockingReader, Chain},
    config::{Config, KindConfig, SourceConfig},
    consensus,
    fetch::Following,
    identity,
    kind::Kind,
    metrics::Calls,
    rpc::Bounds,
    stage::Dag,
};

impl Node<Chain> {
    /// The node that `config` describes, whose calls to the chain run on `runtime`.
    ///
    /// # Errors
    /// If the configuration has no kinds or no endpoints to make it of.
    pub fn new(config: &Config, runtime: Handle) -> Result<Self> {
        let chain = Arc::new(Chain::new(&config.chain, Bounds::default())?);
        let identity = identity(config, &config.kinds()?);
        let (sources, chain_id) = (config.clone(), config.chain.id);
        let reader = Arc::new(BlockingReader::new(Arc::clone(&chain), runtime));
        let following = Following {
            poll: Duration::from_millis(config.chain.poll_ms),
            finality_blocks: config.chain.finality_blocks,
        };
        Ok(Self {
            store: config.store.clone(),
            epochs: config.epochs,
            following,
            feed: chain,
            reader,
            kinds: Box::new(move || sources.kinds()),
            on_final: Box::new(move || vec![Box::new(Dag::new(chain_id))]),
            sinks: config.consensus.iter().map(|_| consensus::SINK.to_owned()).collect(),
            identity,
        })
    }

    /// Counts what is asked of the chain.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.feed.calls()
    }
}

/// What makes another index of it if it changes: rows and snapshots depend on it.
fn identity(config: &Config, kinds: &[Box<dyn Kind>]) -> Vec<(String, String)> {
    let chain = ("chain.id".to_owned(), config.chain.id.to_string());
    let sources = config.sources.iter().map(|source| (identity::source(&source.name), describe(source, kinds)));
    [chain].into_iter().chain(sources).collect()
}

fn describe(source: &SourceConfig, kinds: &[Box<dyn Kind>]) -> String {
    let start_block = source.start_block;
    match &source.kind {
        KindConfig::Erc1620(config) => {
            let (contracts, portal, tokens) = (&config.contracts, config.portal, &config.tokens);
            format!("erc1620 from {start_block} of {contracts:?}, portal {portal:?}, tokens {tokens:?}")
        }
        KindConfig::UniswapV2(config) => format!(
            "uniswap-v2 from {start_block} of {}, pairs {:?}, weth {}, stables {:?}, whitelist {:?}, threshold {:?}, init code hash {:?}",
            config.factory,
            config.pairs,
            config.weth,
            config.stables,
            config.whitelist,
            config.threshold,
            config.init_code_hash
        ),
        KindConfig::Events(config) => {
            let watch = kinds.iter().map(|kind| kind.watch()).find(|watch| watch.source == source.name);
            // The file may be elsewhere and say the same.
            let events: Vec<_> = watch
                .into_iter()
                .flat_map(|watch| &watch.events)
                .map(|event| format!("{} {}", event.table.table.name, event.table.signature))
                .collect();
            let factory = config.factory.as_ref().map(|factory| (factory.address, &factory.event, &factory.argument));
            let text = format!("events from {start_block} of {:?}, factory {factory:?}, {events:?}", config.contracts);
            if config.reads.is_empty() { text } else { format!("{text}, reads {:?}", config.reads) }
        }
    }
}
