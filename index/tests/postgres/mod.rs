//! A PostgreSQL server for tests: one a test binary, gone with it. Each test has a schema of its own.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Holds the end of a pipe: the script at its other end stops the server when it closes.
struct Server {
    url: String,
    _input: ChildStdin,
    _script: Child,
}

/// The URL of a schema that nobody else has, on a server that this binary starts at the first call. Nothing, and a
/// notice, if none can be had.
///
/// # Panics
/// If none can be had and `CI` is `true`.
pub(crate) fn url() -> Option<String> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    static N_SCHEMAS: AtomicU32 = AtomicU32::new(0);
    match SERVER.get_or_init(start) {
        Ok(server) => {
            let number = N_SCHEMAS.fetch_add(1, Ordering::Relaxed);
            Some(format!("{}?schema=test_{number}", server.url))
        }
        Err(reason) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must have PostgreSQL: {reason}");
            eprintln!("passed over without PostgreSQL: {reason}; run index/tests/postgres/install.sh");
            None
        }
    }
}

fn start() -> Result<Server, String> {
    let programs =
        programs().ok_or("initdb, pg_ctl and postgres are neither on the PATH nor in /usr/lib/postgresql")?;
    let directory = std::env::temp_dir().join(format!("index-postgres-{}", std::process::id()));
    fs::remove_dir_all(&directory).ok();
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    // The tests may lie where only their owner reads.
    let script = directory.join("server.sh");
    fs::write(&script, include_str!("server.sh")).map_err(|error| error.to_string())?;
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).map_err(|error| error.to_string())?;
    let mut command = command(&directory)?;
    command.arg("sh").arg(&script).arg(&programs).arg(&directory).current_dir("/");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("the server's script: {error}"))?;
    let input = child.stdin.take().expect("it is a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let mut said = String::new();
    output.read_line(&mut said).map_err(|error| error.to_string())?;
    if said.trim() != "ready" {
        output.read_to_string(&mut said).ok();
        return Err(format!("the server does not start: {said}"));
    }
    let host = directory.to_str().ok_or("the folder for temporary files has an odd name")?.replace('/', "%2F");
    Ok(Server { url: format!("postgres://streamctl:hunter2@{host}/postgres"), _input: input, _script: child })
}

/// The folder of the server's programs; an empty path if they are on the PATH.
fn programs() -> Option<PathBuf> {
    let has_all = |folder: &Path| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file());
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| has_all(&folder)) {
        return Some(PathBuf::new());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|version| version.path().join("bin"));
    let number = |folder: &PathBuf| folder.iter().rev().nth(1).and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions.filter(|folder| has_all(folder)).max_by_key(number)
}

/// What runs a program that may own a cluster, which root may not: it becomes the user `postgres`, or `nobody`.
fn command(directory: &Path) -> Result<Command, String> {
    if id(&["-u"]) != Some(0) {
        return Ok(Command::new("env"));
    }
    let user = ["postgres", "nobody"].into_iter().find(|user| id(&["-u", user]).is_some());
    let user = user.ok_or("root may not run it, and there is no user postgres")?;
    let (uid, gid) = (id(&["-u", user]), id(&["-g", user]));
    chown(directory, uid, gid).map_err(|error| format!("{}: {error}", directory.display()))?;
    let exists = |name: &str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
    if exists("setpriv") {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={user}"), &format!("--regid={}", gid.unwrap_or(0)), "--clear-groups", "--"]);
        return Ok(command);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--"]);
    Ok(command)
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
