//! A local chain of one's own: finds anvil, starts it on a free port, and ends it with its owner.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use eyre::{WrapErr, bail, ensure, eyre};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

/// How long anvil may take to bind its port.
const STARTUP: Duration = Duration::from_secs(20);

/// What anvil prints once the port that it chose is bound, before the address.
const LISTENING: &str = "Listening on ";

/// A running anvil; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Anvil {
    url: String,
    child: Child,
}

impl Anvil {
    /// Starts anvil on a port that the system picks, mining a block for each transaction.
    ///
    /// # Errors
    /// If there is no anvil, or it does not come up.
    pub(crate) async fn start() -> eyre::Result<Self> {
        // Else it writes old states under the home directory, and leaves them there when it is ended.
        let arguments = ["--port", "0", "--max-persisted-states", "0"];
        Self::start_with(&arguments.map(OsString::from)).await
    }

    /// Starts anvil on `port` with what `state` keeps from the last time, mining a block for each transaction and one
    /// every two seconds. The states of old blocks are in a folder beside it, and do not outlive a start.
    ///
    /// # Errors
    /// If there is no anvil, or it does not come up.
    #[allow(dead_code, reason = "tests that share this file start fresh chains")]
    pub(crate) async fn start_kept(state: &Path, port: u16) -> eyre::Result<Self> {
        let port = port.to_string();
        let old_states = state.with_extension("states");
        match fs::remove_dir_all(&old_states) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).wrap_err_with(|| format!("deleting {}", old_states.display()));
            }
            _ => {}
        }
        let arguments = ["--port", &port, "--block-time", "2", "--mixed-mining", "--state-interval", "1"];
        let paths = ["--state".into(), state.into(), "--cache-path".into(), old_states.into()];
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).chain(paths).collect();
        Self::start_with(&arguments)
            .await
            .wrap_err_with(|| format!("port {port} may be taken; name another --chain-port"))
    }

    async fn start_with(arguments: &[OsString]) -> eyre::Result<Self> {
        let program = find()?;
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .wrap_err_with(|| format!("starting {}", program.display()))?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.trim().strip_prefix(LISTENING) {
                    return Ok(format!("http://{address}"));
                }
            }
            bail!("{} ended before it listened", program.display())
        };
        let url = timeout(STARTUP, listening)
            .await
            .map_err(|_| eyre!("{} does not listen after {} seconds", program.display(), STARTUP.as_secs()))??;
        // What anvil goes on to print has to go somewhere, or it would block on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { url, child })
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it once its state is kept, which it writes every second.
    #[allow(dead_code, reason = "tests that share this file start fresh chains")]
    pub(crate) async fn stop_kept(self) -> eyre::Result<()> {
        sleep(Duration::from_millis(1_500)).await;
        self.stop().await
    }

    /// Ends it and waits until it has.
    pub(crate) async fn stop(mut self) -> eyre::Result<()> {
        // An interrupt at the terminal ends it as well.
        match self.child.try_wait()? {
            Some(_) => Ok(()),
            None => self.child.kill().await.wrap_err("ending anvil"),
        }
    }
}

/// The native program: `STREAMCTL_ANVIL`, else what npm installed under `lib/` of this folder or one above, else the
/// `PATH`. npm's launchers are passed over, because they do not end when their program does.
fn find() -> eyre::Result<PathBuf> {
    if let Some(program) = env::var_os("STREAMCTL_ANVIL") {
        let program = PathBuf::from(program);
        ensure!(program.is_file(), "STREAMCTL_ANVIL is {}, where there is no program", program.display());
        return Ok(program);
    }
    let here = env::current_dir().wrap_err("asking for the current folder")?;
    if let Some(program) = here.ancestors().find_map(installed) {
        return Ok(program);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name())).find(|program| program.is_file()).ok_or_else(|| {
        eyre!("there is no anvil; run `make lib` in the repository, install Foundry, or set STREAMCTL_ANVIL")
    })
}

fn installed(root: &Path) -> Option<PathBuf> {
    let packages = root.join("lib/node_modules/@foundry-rs").read_dir().ok()?;
    packages
        .flatten()
        .filter(|package| package.file_name().to_string_lossy().starts_with("anvil-"))
        .map(|package| package.path().join("bin").join(name()))
        .find(|program| program.is_file())
}

fn name() -> String {
    format!("anvil{}", env::consts::EXE_SUFFIX)
}
