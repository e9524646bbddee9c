//! The application's process and its files: started, watched, copied, put back.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::SystemTime;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::machine::Machine;

/// Copies of the files that are kept. Beyond the oldest, inputs are fed again from the first on.
const COPIES: usize = 8;

/// What the application runs as, and where.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Variables besides those that it inherits.
    pub variables: Vec<(OsString, OsString)>,
    /// Where the application keeps its files, and where copies of them lie.
    pub directory: PathBuf,
}

/// A running application and the rollup HTTP API that it alone is served; both end when this is dropped.
pub(crate) struct Application {
    program: Program,
    child: Child,
    api: JoinHandle<io::Result<()>>,
}

impl Program {
    /// What the application says.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("application.log")
    }

    fn files(&self) -> PathBuf {
        self.directory.join("application")
    }

    fn copies(&self) -> PathBuf {
        self.directory.join("copies")
    }

    fn spawn(&self, url: &str) -> io::Result<Child> {
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program is named"))?;
        let log = File::options().create(true).append(true).open(self.log())?;
        Command::new(program)
            .args(arguments)
            .envs(self.variables.iter().cloned())
            .env("ROLLUP_HTTP_SERVER_URL", url)
            .current_dir(self.files())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
    }

    /// The inputs after which copies were made, in order.
    fn copied(&self) -> io::Result<Vec<u64>> {
        let mut copied = Vec::new();
        match fs::read_dir(self.copies()) {
            Ok(entries) => {
                for entry in entries {
                    copied.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        copied.sort_unstable();
        Ok(copied)
    }
}

impl Application {
    /// Starts the process, and serves it the rollup HTTP API on a free port.
    pub(crate) async fn start(program: Program, machine: &Machine) -> io::Result<Self> {
        fs::create_dir_all(program.files())?;
        // Each process has an API of its own: what a dead one still has under way cannot reach its successor's requests.
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let child = program.spawn(&format!("http://{}", listener.local_addr()?))?;
        let router = machine.router();
        let api =
            tokio::spawn(
                async move { axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await },
            );
        Ok(Self { program, child, api })
    }

    /// Waits until the process ends.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Starts the process again on the same files.
    pub(crate) async fn restart(&mut self, machine: &Machine) -> io::Result<()> {
        self.end().await?;
        *self = Self::start(self.program.clone(), machine).await?;
        Ok(())
    }

    async fn end(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            Some(_) => Ok(()),
            None => self.child.kill().await,
        }
    }

    /// Copies the files as they are after `n_inputs`. The application must be waiting for the next.
    pub(crate) fn copy(&self, n_inputs: u64) -> io::Result<()> {
        let (copies, partial) = (self.program.copies(), self.program.directory.join("copy"));
        fs::create_dir_all(&copies)?;
        remove(&partial)?;
        copy_all(&self.program.files(), &partial)?;
        let place = copies.join(n_inputs.to_string());
        remove(&place)?;
        fs::rename(partial, place)?;
        let copied = self.program.copied()?;
        for old in copied.iter().rev().skip(COPIES) {
            remove(&copies.join(old.to_string()))?;
        }
        Ok(())
    }

    /// Puts back the newest copy that has at most `n_inputs`, and starts the process on it. Gives the number of inputs
    /// that it has had.
    pub(crate) async fn put_back(&mut self, n_inputs: u64, machine: &Machine) -> io::Result<u64> {
        self.end().await?;
        let (files, partial) = (self.program.files(), self.program.directory.join("copy"));
        remove(&partial)?;
        let mut count = 0;
        for copied in self.program.copied()? {
            if copied > n_inputs {
                remove(&self.program.copies().join(copied.to_string()))?;
            } else {
                count = copied;
            }
        }
        match count {
            0 => fs::create_dir_all(&partial)?,
            count => copy_all(&self.program.copies().join(count.to_string()), &partial)?,
        }
        remove(&files)?;
        fs::rename(partial, files)?;
        self.restart(machine).await?;
        Ok(count)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.api.abort();
    }
}

/// Which start of the system this is, where the system tells; elsewhere each asking is another.
pub(crate) fn boot() -> String {
    let told = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    told.unwrap_or_else(|_| format!("{:?} {}", SystemTime::now(), std::process::id()))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), &place)?;
            // A copy outlives a power cut, the files that the application works on need not.
            File::open(place)?.sync_all()?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
