//! `streamctl completions`: what a shell needs to complete commands and options.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use eyre::WrapErr;

/// Print a completion script for a shell.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl completions bash > ~/.local/share/bash-completion/completions/streamctl\n  \
    streamctl completions zsh > ~/.zfunc/_streamctl")]
pub(crate) struct CompletionsArgs {
    /// The shell to complete in.
    shell: Shell,
}

impl CompletionsArgs {
    /// `Root` is the whole program's command line.
    pub(crate) fn run<Root: CommandFactory>(self) -> eyre::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Root::command(), "streamctl", &mut script);
        io::stdout().lock().write_all(&script).wrap_err("printing the completion script")
    }
}
