//! `streamctl sim new`: a netlist to start from.

use std::{
    fmt,
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::PathBuf,
};

use clap::Args;
use eyre::{WrapErr, bail};
use serde::Serialize;
use sim::netlist::{BUNDLED, bundled};

use super::desk::Desk;

/// Write a netlist to start from: a copy of a model in the box.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    streamctl sim new mine.toml\n  \
    streamctl sim new mine.toml --from flash-v3")]
pub(super) struct NewArgs {
    /// The file that is written.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which model is copied.
    #[arg(long, value_name = "MODEL", default_value = "payroll")]
    from: String,
}

#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    from: String,
}

impl NewArgs {
    pub(super) fn run(self, desk: &Desk) -> eyre::Result<()> {
        let Some(model) = bundled(&self.from) else {
            let known: Vec<_> = BUNDLED.iter().map(|model| model.name).collect();
            bail!("there is no model {} in the box; there are {}", self.from, known.join(", "));
        };
        let file = match OpenOptions::new().write(true).create_new(true).open(&self.file) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("{} is there already; name another file", self.file.display());
            }
            file => file.wrap_err_with(|| format!("making {}", self.file.display()))?,
        };
        let written = |mut file: std::fs::File| file.write_all(model.text.as_bytes());
        written(file).wrap_err_with(|| format!("writing {}", self.file.display()))?;
        desk.output.result(&Written { file: self.file, from: self.from })
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        writeln!(f, "{file}, a copy of {}", self.from)?;
        write!(f, "  try  streamctl sim run {file}")
    }
}
