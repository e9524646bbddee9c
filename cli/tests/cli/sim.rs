//! What a person sees of `streamctl sim`, in a folder of its own and without a chain. The model of most tests computes in
//! whole numbers, so that every number in a transcript is exact.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Map, Value};

use crate::{
    harness::{check, streamctl},
    json,
};

mod analyses;
mod folders;
mod shards;

/// A well fills a jar, and the jar leaks.
const JAR: &str = include_str!("sim/jar.toml");

/// The program's working folder, which ends with the test, and a transcript of what was typed there.
struct Desk {
    folder: PathBuf,
    transcript: String,
}

impl Desk {
    /// A folder with `jar.toml` in it.
    fn new() -> Self {
        static N_DESKS: AtomicU32 = AtomicU32::new(0);
        let n = N_DESKS.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sim-{}-{n}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let desk = Self { folder, transcript: String::new() };
        desk.write("jar.toml", JAR);
        desk
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    /// Writes `jar.toml` under another name, with `new` in place of `old`.
    #[track_caller]
    fn write_jar(&self, name: &str, old: &str, new: &str) {
        assert_eq!(JAR.matches(old).count(), 1, "{old}");
        self.write(name, &JAR.replace(old, new));
    }

    fn command(&self, line: &str) -> Command {
        let mut command = streamctl();
        command.arg("sim").args(line.split_whitespace()).current_dir(&self.folder);
        command
    }

    fn output(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Runs the command and adds it, with all that it prints, to the transcript.
    fn run(&mut self, line: &str) {
        self.run_with(&[], line);
    }

    /// The same with variables as an array job sets them.
    fn run_with(&mut self, variables: &[(&str, &str)], line: &str) {
        let ran = self.command(line).envs(variables.iter().copied()).output().unwrap();
        let variables: String = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        writeln!(self.transcript, "{variables}$ streamctl sim {line}").unwrap();
        for (stream, bytes) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            for line in String::from_utf8_lossy(bytes).lines() {
                writeln!(self.transcript, "{stream}| {line}").unwrap();
            }
        }
        writeln!(self.transcript, "exit {}\n", ran.status.code().unwrap()).unwrap();
    }

    /// The JSON that a command prints, whose keys are all documented, though it may exit with 1.
    #[track_caller]
    fn json(&self, line: &str) -> Value {
        let ran = self.output(&format!("{line} --json"));
        let printed: Value = serde_json::from_slice(&ran.stdout)
            .unwrap_or_else(|error| panic!("{line}: {error}: {}", String::from_utf8_lossy(&ran.stderr)));
        let command = line.split_whitespace().next().unwrap();
        json::check(&format!("sim {command}"), &without_points(&printed));
        printed
    }

    /// The fingerprint of what a command leaves; it must succeed.
    #[track_caller]
    fn fingerprint(&self, line: &str) -> String {
        let printed = self.json(line);
        printed["fingerprint"].as_str().unwrap_or_else(|| panic!("{line}: {printed}")).to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Compares the transcript with the one on file.
    #[track_caller]
    fn check(self, name: &str) {
        // Which models there are is the box's business.
        let models = names_in_the_box().join(", ");
        check(name, &self.transcript.replace(&models, "[models]"));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Names of parameters are the netlist's, and no keys to be documented.
fn without_points(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = |(key, value): (&String, &Value)| {
                let value = if key == "point" { Value::Object(Map::new()) } else { without_points(value) };
                (key.clone(), value)
            };
            Value::Object(map.iter().map(kept).collect())
        }
        Value::Array(values) => values.iter().map(without_points).collect(),
        value => value.clone(),
    }
}

fn names_in_the_box() -> Vec<String> {
    let ran = streamctl().args(["sim", "models", "--json"]).output().unwrap();
    let models: Value = serde_json::from_slice(&ran.stdout).unwrap();
    models["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn sim_runs() {
    let mut desk = Desk::new();
    desk.run("run jar.toml");
    desk.run("run jar.toml");
    desk.run("run jar.toml --resume");
    desk.run("run jar.toml --resume --runs 4");
    desk.run("run jar.toml --resume --set flow=5");
    desk.run("run jar.toml --runs 2 --seed 7 --set flow=5 --set mood=wild --format csv --out set");
    desk.run("run simplegrant --json");
    fs::create_dir(desk.path("notes")).unwrap();
    desk.write("notes/letter.txt", "");
    desk.run("run jar.toml --out notes --resume");
    assert_eq!(
        fs::read_to_string(desk.path("set/part-00000.csv")).unwrap(),
        "simulation,subset,run,substep,timestep,jar,ground,flow,mood\n\
         0,0,1,0,0,0,0,5,wild\n0,0,1,0,1,4,1,5,wild\n0,0,1,0,2,8,2,5,wild\n\
         0,0,1,0,3,12,3,5,wild\n0,0,1,0,4,16,4,5,wild\n0,0,1,0,5,20,5,5,wild\n"
    );
    desk.check("sim_runs");
}

#[test]
fn sim_runs_that_cannot_be() {
    let mut desk = Desk::new();
    for line in [
        "run jar.toml --set flwo=5",
        "run jar.toml --set flow=much",
        "run jar.toml --set flow=5x",
        "run jar.toml --set flow",
        "run jar.toml --set flow=5 --set flow=6",
        "run jar.toml --set mood=angry",
        "run jar.toml --runs 0",
        "run jar.toml --runs -1",
        "run jar.toml --threads 0",
        "run jar.toml --format xml",
        "run jra.toml",
        "run jar",
        "run .",
        "run",
    ] {
        desk.run(line);
    }
    assert!(!desk.path("jar").exists(), "a refused run leaves a folder");
    desk.check("sim_runs_that_cannot_be");
}

/// Runs that fail are counted and said to be so, and the others go on.
#[test]
fn sim_runs_that_fail() {
    let mut desk = Desk::new();
    desk.write_jar("dry.toml", "WATER = 1_000_000", "WATER = 30");
    desk.run("run dry.toml --set flow=10 --out all");
    desk.run("sweep dry.toml --over flow --levels 2 --runs 2 --out some");
    desk.run("assert some");
    assert_eq!(
        fs::read_to_string(desk.path("some/failures.csv")).unwrap().lines().next(),
        Some("subset,run,timestep,reason")
    );
    desk.check("sim_runs_that_fail");
}

#[test]
fn sim_netlists_that_are_none() {
    let mut desk = Desk::new();
    desk.write_jar("kind.toml", "kind = \"idle\"", "kind = \"idel\"");
    desk.write_jar("key.toml", "kind = \"idle\"", "kind = \"idle\"\nspeed = 1");
    desk.write_jar("agent.toml", "to = \"ground\"", "to = \"grund\"");
    desk.write_jar("steps.toml", "steps = 6", "steps = -6");
    desk.write_jar("name.toml", "amount = \"min(leak, jar.WATER)\"", "amount = \"min(laek, jar.WATER)\"");
    desk.write_jar("open.toml", "[columns]", "[columns");
    desk.write_jar("column.toml", "column = \"jar\"", "column = \"jug\"");
    desk.write_jar("bound.toml", "min = 5\nmax = 50", "min = 50\nmax = 5");
    desk.write_jar("model.toml", "[sim]", "[sim]\nmodel = \"flash-v4\"");
    desk.write_jar(
        "artifact.toml",
        "[columns]",
        "[[contract]]\nname = \"TOKEN\"\nartifact = \"token.json\"\n\n[columns]",
    );
    desk.write("empty.toml", "");
    fs::write(desk.path("bytes.toml"), [0xff, 0xfe]).unwrap();
    for name in
        ["kind", "key", "agent", "steps", "name", "open", "column", "bound", "model", "artifact", "empty", "bytes"]
    {
        desk.run(&format!("run {name}.toml"));
        assert!(!desk.path(name).exists(), "{name} leaves a folder");
    }
    desk.check("sim_netlists_that_are_none");
}

#[test]
fn sim_writes_netlists() {
    let mut desk = Desk::new();
    desk.run("new mine.toml");
    desk.run("new mine.toml");
    desk.run("new other.toml --from simplegrant --json");
    desk.run("new third.toml --from greed");
    desk.run("new no/such/folder.toml");
    let own = desk.fingerprint("run other.toml");
    assert_eq!(desk.fingerprint("run simplegrant"), own);
    desk.check("sim_writes_netlists");
}

/// Every model in the box says what it is, and its copy is a netlist that a person may go on from.
#[cfg(unix)]
#[test]
fn sim_models_can_be_copied() {
    let desk = Desk::new();
    // Contracts of others are looked for above the netlist, and the folder for tests may be anywhere.
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/node_modules");
    std::os::unix::fs::symlink(packages, desk.path("node_modules")).unwrap();
    let models = desk.json("models");
    let names = names_in_the_box();
    assert!(names.len() >= 9, "{names:?}");
    for (name, model) in names.iter().zip(models["models"].as_array().unwrap()) {
        assert!(model["about"].as_str().unwrap().len() > 20, "{model}");
        let written = desk.output(&format!("new {name}-copy.toml --from {name}"));
        assert!(written.status.success(), "{name}: {}", String::from_utf8_lossy(&written.stderr));
        // Refused once the netlist is read and its contracts are found, before any run.
        let refused = desk.output(&format!("sweep ./{name}-copy.toml --over no-such-thing"));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.starts_with(&format!("error: {name}-copy has no parameter no-such-thing; it has ")), "{said}");
    }
    let text = String::from_utf8(desk.output("models").stdout).unwrap();
    assert!(names.iter().all(|name| text.contains(name.as_str())), "{text}");
    let kinds = desk.json("models --agents");
    let transfer = kinds["models"].as_array().unwrap().iter().find(|kind| kind["name"] == "transfer").unwrap();
    let keys = transfer["keys"].as_array().unwrap();
    assert_eq!((&keys[0]["name"], &keys[0]["is_required"]), (&"to".into(), &true.into()));
    assert_eq!((&keys[3]["name"], &keys[3]["default"]), (&"every".into(), &"1".into()));
    assert_eq!(transfer["gauges"][0]["name"], "n_transfers");
    let text = String::from_utf8(desk.output("models --agents").stdout).unwrap();
    assert!(text.contains("\n  .n_transfers  how many payments it made\n"), "{text}");
}

/// Whether a file begins as pictures of its ending do, and has more than a frame in it.
#[track_caller]
fn is_picture(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let head: &[u8] = if path.extension().unwrap() == "png" { b"\x89PNG\r\n\x1a\n" } else { b"<svg" };
    assert!(bytes.starts_with(head) && bytes.len() > 1_000, "{}", path.display());
}
