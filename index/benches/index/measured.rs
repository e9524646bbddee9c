//! A node in a process of its own, and what it took of time, processor and memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use index::config::Config;
use index::node::{self, Node};
use index::progress::{Event, Observer, Progress};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

/// The first argument of such a process.
pub(crate) const WORD: &str = "measured-node";

/// When nothing was committed for so long, all is done.
const QUIET: Duration = Duration::from_millis(300);

/// Ticks of a second in `/proc`.
const TICKS: f64 = 100.0;

/// Until when a node runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// Until block `head` is stored, so many epochs have snapshots, and all that follows from them is done.
    Done { head: u64, n_epochs: u64 },
    /// Until the other side is gone.
    Told,
}

impl Until {
    pub(crate) fn parse(head: &str, n_epochs: &str) -> Self {
        match (head.parse(), n_epochs.parse()) {
            (Ok(head), Ok(n_epochs)) => Self::Done { head, n_epochs },
            _ => Self::Told,
        }
    }

    fn arguments(self) -> [String; 2] {
        match self {
            Self::Done { head, n_epochs } => [head, n_epochs].map(|number| number.to_string()),
            Self::Told => ["-", "-"].map(str::to_owned),
        }
    }
}

/// Times are in seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// From the beginning of the process to the last commit.
    pub(crate) wall: f64,
    /// Of the process itself, in user and in system mode.
    pub(crate) cpu: f64,
    /// The most memory that was resident.
    pub(crate) peak_mb: f64,
    pub(crate) rows: u64,
    pub(crate) snapshots: u64,
    /// What the transactions of each stage took; for the first stage, with the wait for the chain.
    pub(crate) stages: BTreeMap<String, f64>,
    /// Processes that ran or wanted to, on average over a minute, when it ended.
    pub(crate) load: f64,
}

impl Measured {
    pub(crate) fn of_download(time: Duration) -> Self {
        Self { wall: time.as_secs_f64(), load: load(), ..Self::default() }
    }
}

/// A node that runs. It ends with this process, however that goes: then the pipe to it closes.
pub(crate) struct Running {
    child: Child,
    input: ChildStdin,
    until: Until,
}

pub(crate) fn start(config: &Path, until: Until) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(WORD).arg(config).args(until.arguments());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = child.stdin.take().expect("it is a pipe");
    Running { child, input, until }
}

impl Running {
    /// Waits until it is done, if that is its own affair, and else tells it to end.
    pub(crate) fn end(self) -> Measured {
        let Self { child, input, until } = self;
        let _input = matches!(until, Until::Done { .. }).then_some(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the node ended with {}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// What such a process does.
pub(crate) fn run(config: &Path, until: Until) {
    let begin = Instant::now();
    let config = Config::read(config).unwrap();
    let commits = Arc::new(Mutex::new(Commits { last: begin, stages: BTreeMap::new() }));
    let observed = Arc::clone(&commits);
    let observer: Observer = Arc::new(move |event| observed.lock().unwrap().note(event));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (progress, cpu) = runtime.block_on(async {
        let node = Node::new(&config, Handle::current()).unwrap();
        let (progress_in, mut progress) = watch::channel(Progress::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(node::run(node, observer, progress_in, async { drop(stopped.await) }));
        match until {
            Until::Done { head, n_epochs } => {
                let is_done = |now: &Progress| now.stored >= Some(head) && now.epochs >= n_epochs;
                std::thread::spawn(|| {
                    drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
                    std::process::exit(1);
                });
                // A node that ends too early says why below.
                drop(progress.wait_for(is_done).await);
                while !task.is_finished() && commits.lock().unwrap().last.elapsed() < QUIET {
                    tokio::time::sleep(QUIET / 10).await;
                }
            }
            Until::Told => {
                let read = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
                read.await.unwrap().unwrap();
            }
        }
        let reached = (*progress.borrow(), cpu());
        drop(stop);
        task.await.unwrap().unwrap();
        reached
    });
    let Commits { last, stages } = &*commits.lock().unwrap();
    let measured = Measured {
        wall: (*last - begin).as_secs_f64(),
        cpu,
        peak_mb: peak_mb(),
        rows: progress.rows,
        snapshots: progress.snapshots,
        stages: stages.iter().map(|(stage, time)| ((*stage).to_owned(), time.as_secs_f64())).collect(),
        load: load(),
    };
    println!("{}", serde_json::to_string(&measured).unwrap());
}

struct Commits {
    last: Instant,
    stages: BTreeMap<&'static str, Duration>,
}

impl Commits {
    /// One thread writes, so what passes between two commits is the second's.
    fn note(&mut self, event: &Event) {
        if let Event::Committed { stage } = event {
            *self.stages.entry(stage).or_default() += self.last.elapsed();
            self.last = Instant::now();
        }
    }
}

/// Seconds, without those of children.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name, which is in brackets, the fields from the third on.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS
}

fn peak_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1_024.0 / 1e6
}

fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}
