//! What asks a command to stop in good order: Ctrl-C, and where there is one, the signal to terminate.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

/// Hears every request to stop from its creation on.
#[derive(Debug)]
pub(crate) struct Interrupt {
    #[cfg(unix)]
    signals: [Signal; 2],
    #[cfg(windows)]
    ctrl_c: CtrlC,
}

impl Interrupt {
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
    }

    #[cfg(windows)]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { ctrl_c: ctrl_c()? })
    }

    /// Returns once the command is asked to stop.
    #[cfg(unix)]
    pub(crate) async fn received(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    /// Returns once the command is asked to stop.
    #[cfg(windows)]
    pub(crate) async fn received(&mut self) {
        self.ctrl_c.recv().await;
    }
}
