//! `[fork]`: the live chain whose state a netlist's runs start from, and the file that keeps what they read of it.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Netlist, NetlistError, section::Section};
use crate::evm::{Ask, Fork, ForkError, fork::http};

/// A live chain at a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForkSource {
    /// The node that is asked for what the file does not keep; without one, the file is all there is.
    pub url: Option<String>,
    /// The block; without one, that of the file, or the latest if there is no file yet.
    pub block: Option<u64>,
    /// What keeps what was read.
    pub file: PathBuf,
}

/// `[fork]`, or what stands in its place.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    from: ForkSource,
    span: Range<usize>,
    opened: Option<Arc<Fork>>,
}

impl Spec {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, NetlistError> {
        let from = ForkSource {
            url: section.get("url").map(|item| item.text().map(str::to_owned)).transpose()?,
            block: section.get("block").map(|item| item.whole()).transpose()?,
            file: section.require("file", "\"chain.json\", which keeps what is read of the chain")?.text()?.into(),
        };
        let span = section.span.clone();
        section.finish(["url", "block", "file"])?;
        Ok(Self { from, span, opened: None })
    }
}

impl Netlist {
    /// What `[fork]` says, if there is one; the file is seen from where the program runs.
    #[must_use]
    pub fn fork_source(&self) -> Option<ForkSource> {
        self.fork.as_ref().map(|spec| ForkSource { file: self.beside(&spec.from.file), ..spec.from.clone() })
    }

    /// Has runs start from this chain, whatever `[fork]` says. What `ask` reaches stands for the node at the URL, which
    /// else is asked over plain HTTP.
    ///
    /// # Errors
    /// If the node does not answer, or the file is not one of this chain and block.
    pub fn set_fork(&mut self, from: ForkSource, ask: Option<Ask>) -> Result<(), ForkError> {
        let opened = Some(open(&from, ask)?);
        self.fork = Some(Spec { from, span: 0..0, opened });
        Ok(())
    }

    /// The chain and the block that runs start from, where [`Self::set_fork`] said it: what results depend on beside the text.
    #[must_use]
    pub fn fork_note(&self) -> Option<String> {
        let block = self.fork.as_ref()?.opened.as_ref()?.block();
        Some(format!("started from block {} of chain {}", block.number, block.chain_id))
    }

    pub(crate) fn open_fork(&self) -> Result<Option<Arc<Fork>>, NetlistError> {
        let (Some(spec), Some(from)) = (&self.fork, self.fork_source()) else { return Ok(None) };
        if let Some(opened) = &spec.opened {
            return Ok(Some(Arc::clone(opened)));
        }
        let opened = open(&from, None);
        opened.map(Some).map_err(|error| self.source.error(&spec.span, format!("[fork]: {error}")))
    }

    /// The error of a netlist that starts from a chain, and has nothing on any.
    pub(crate) fn no_chain(&self) -> NetlistError {
        let span = self.fork.as_ref().map_or(0..0, |spec| spec.span.clone());
        self.source
            .error(&span, "there is nothing on the chain that it starts from: add [[contract]], or leave the chain out")
    }

    /// A file that the netlist names.
    fn beside(&self, file: &Path) -> PathBuf {
        Path::new(&self.source.path).parent().unwrap_or(Path::new("")).join(file)
    }
}

fn open(from: &ForkSource, ask: Option<Ask>) -> Result<Arc<Fork>, ForkError> {
    let ForkSource { url, block, file } = from;
    let Some(url) = url else {
        let fork = Fork::offline(file)?;
        let kept = fork.block().number;
        return match block {
            Some(block) if *block != kept => {
                let why = format!("it keeps block {kept}, and block {block} is asked for: name a URL and another file");
                Err(ForkError::File { path: file.display().to_string(), why })
            }
            _ => Ok(Arc::new(fork)),
        };
    };
    let block = match block {
        Some(block) => Some(*block),
        None if file.exists() => Some(Fork::offline(file)?.block().number),
        None => None,
    };
    let ask = ask.map_or_else(|| http(url), Ok)?;
    Fork::online(ask, block, file).map(Arc::new)
}
