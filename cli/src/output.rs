//! What a command prints: its result on stdout, as text or as one JSON object, and everything else on stderr.
//! Nothing in the program writes to stdout but through here.

use std::{
    fmt::{self, Display},
    io::{self, IsTerminal, Write},
};

use clap::Args;
use serde::{Serialize, Serializer, ser::SerializeMap};
use stream::Terms;

/// How much is said, and in which form; the same flags on every command.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    /// Print the result as one JSON object; integers are exact and quoted.
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing on stderr but warnings and errors.
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Say on stderr how many requests the command made.
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) verbose: bool,
}

impl Output {
    /// Prints the result of the command.
    pub(crate) fn result<T: Display + Serialize>(&self, value: &T) -> eyre::Result<()> {
        if self.json { self.tell(serde_json::to_string(value)?) } else { self.tell(value) }
    }

    /// Prints a part of a result that comes piece by piece.
    pub(crate) fn tell(&self, text: impl Display) -> eyre::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.to_string().trim_end().as_bytes())?;
        stdout.write_all(b"\n")?;
        stdout.flush()?;
        Ok(())
    }

    /// Tells the person at the terminal what goes on.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            say(text);
        }
    }

    /// Tells what the person must not miss.
    pub(crate) fn warn(&self, text: impl Display) {
        say(format_args!("warning: {text}"));
    }

    /// Prints why the command stops: the error and what it was doing, in one line.
    pub(crate) fn error(&self, error: &eyre::Report) {
        say(format_args!("error: {error:#}"));
    }

    /// Asks a question that `y` or `yes` answers in the affirmative. Only a terminal is asked.
    pub(crate) fn confirm(&self, question: &str) -> eyre::Result<bool> {
        eyre::ensure!(
            io::stdin().is_terminal(),
            "nothing was sent: there is no terminal to confirm on; pass --yes to send without asking"
        );
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} [y/N] ")?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}

/// A closed stderr is no reason to stop half-way through a transaction.
fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Serializes terms as the same keys on every command: `start`, `stop`, `payment`, `interval`, `n_intervals`, `deposit`.
pub(crate) fn exact_terms<S: Serializer>(terms: &Terms, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("start", &terms.start().to_string())?;
    map.serialize_entry("stop", &terms.stop().to_string())?;
    map.serialize_entry("payment", &terms.payment().to_string())?;
    map.serialize_entry("interval", &terms.interval().to_string())?;
    map.serialize_entry("n_intervals", &terms.n_intervals().to_string())?;
    map.serialize_entry("deposit", &terms.deposit().to_string())?;
    map.end()
}

/// Names and values under a headline, the values one below the other.
pub(crate) fn write_rows(f: &mut fmt::Formatter<'_>, rows: &[(&str, String)]) -> fmt::Result {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    rows.iter().try_for_each(|(name, value)| writeln!(f, "  {name:width$}  {value}"))
}

/// Serializes addresses with their checksum, hashes in full and integers in decimal: as they are displayed.
pub(crate) fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// As [`text`], with `null` for nothing.
pub(crate) fn maybe_text<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
