//! The netlist of a command, read and made a model, with what the command line sets in it.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use clap::Args;
use eyre::{WrapErr, bail, eyre};
use sim::{
    analysis::{
        Study,
        space::{Space, value_text},
    },
    kpi::{Bound, Kpi},
    model::{Model, Point, Value},
    netlist::Netlist,
    parameter::{Parameter, Role, Spread},
    runner::Control,
};

use super::fork::ForkArgs;

/// Which netlist, with what set in it.
#[derive(Args, Debug)]
pub(super) struct NetlistArgs {
    /// A netlist: a TOML file, or the name of a model in the box.
    #[arg(value_name = "NETLIST")]
    pub(super) netlist: String,
    /// Set a parameter, as in --set salary=5000; as often as needed. It stays so unless --over names it.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// What random numbers start from; the netlist's without it.
    #[arg(long)]
    seed: Option<u64>,
    /// How many threads; as many as there are cores without it. The results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    #[command(flatten)]
    fork: ForkArgs,
}

/// A netlist made a model.
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) model: Box<dyn Model>,
    /// With what was set as their values.
    pub(super) parameters: Vec<Parameter>,
    pub(super) kpis: Vec<Kpi>,
    pub(super) bounds: Vec<Bound>,
    pub(super) runs: u64,
    pub(super) seed: u64,
    pub(super) threads: usize,
    /// What was set on the command line.
    pub(super) set: Point,
}

impl NetlistArgs {
    /// Whether anything is asked of a run that is not in the netlist.
    pub(super) fn sets_anything(&self) -> bool {
        !self.set.is_empty() || self.seed.is_some() || self.fork.is_set()
    }

    pub(super) fn load(&self) -> eyre::Result<Loaded> {
        let (path, mut text) = read(&self.netlist)?;
        let mut netlist = Netlist::parse(&path, &text)?;
        self.fork.open(&mut netlist)?;
        // A folder of results goes on only from the same block.
        if let Some(note) = netlist.fork_note() {
            text.push_str(&format!("\n# {note}\n"));
        }
        let mut parameters = netlist.parameters();
        let set = set(&self.set, &mut parameters)?;
        for (name, value) in &set.values {
            netlist.set(name, value.clone())?;
        }
        let name = path.file_stem().map_or_else(|| "netlist".into(), |name| name.to_string_lossy().into_owned());
        let cores = || available_parallelism().map_or(1, NonZero::get);
        Ok(Loaded {
            name,
            text,
            parameters,
            kpis: netlist.kpis.clone(),
            bounds: netlist.bounds.clone(),
            runs: netlist.settings.runs,
            seed: self.seed.unwrap_or(netlist.settings.seed),
            threads: self.threads.map_or_else(cores, NonZero::get),
            model: netlist.model()?,
            set,
        })
    }
}

/// The netlist's file, or the one in the box of that name.
pub(super) fn read(netlist: &str) -> eyre::Result<(PathBuf, String)> {
    if let Some(bundled) = sim::netlist::bundled(netlist) {
        return Ok((PathBuf::from(format!("{netlist}.toml")), bundled.text.to_owned()));
    }
    let path = PathBuf::from(netlist);
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(_) if path.is_dir() => bail!("{netlist} is a folder; name a netlist: a TOML file, or a model in the box"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.extension().is_none() => {
            let known: Vec<_> = sim::netlist::BUNDLED.iter().map(|bundled| bundled.name).collect();
            bail!("{netlist} is neither a file nor a model in the box; there are {}", known.join(", "))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("there is no file {netlist}; streamctl sim new {netlist} writes one to start from")
        }
        Err(error) => Err(error).wrap_err_with(|| format!("reading {netlist}")),
    }
}

/// A folder that is there, for results to be read from.
pub(super) fn existing(folder: &Path) -> eyre::Result<&Path> {
    if !folder.is_dir() {
        bail!("there is no folder {}; name one that streamctl sim run or sweep wrote", folder.display());
    }
    Ok(folder)
}

/// A file to draw into, refused before any work if its ending is none of a picture.
pub(super) fn picture(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("png" | "svg") => Ok(path),
        _ => Err(format!("{text} ends neither in .png nor in .svg")),
    }
}

/// Puts what is set in place of the parameters' own values.
fn set(pairs: &[String], parameters: &mut [Parameter]) -> eyre::Result<Point> {
    let mut point = Point::default();
    for pair in pairs {
        let (name, text) = pair.split_once('=').ok_or_else(|| eyre!("--set {pair} has no =; say NAME=VALUE"))?;
        if point.values.iter().any(|(known, _)| known == name) {
            bail!("--set gives {name} twice");
        }
        let known = listed(parameters.iter().map(|parameter| &*parameter.name));
        let Some(parameter) = parameters.iter_mut().find(|parameter| parameter.name == name) else {
            bail!("the netlist has no parameter {name}; it has {known}");
        };
        parameter.value = value(text, parameter)?;
        point.values.push((name.to_owned(), parameter.value.clone()));
    }
    Ok(point)
}

/// `text` as a value of the kind that the netlist's own value is of. A text is one of those that the netlist lists; numbers
/// may go beyond what they are swept over.
fn value(text: &str, parameter: &Parameter) -> eyre::Result<Value> {
    let Parameter { name, value: own, .. } = parameter;
    let number = || {
        sim::netlist::constant(text).map_err(|error| {
            let error = error.strip_prefix(&format!("`{text}`: ")).unwrap_or(&error);
            eyre!("--set {name}={text}: {error}; the netlist has {}", value_text(own))
        })
    };
    Ok(match own {
        Value::Text(_) => match &parameter.spread {
            Some(Spread::List(known)) if !known.contains(&Value::Text(text.to_owned())) => {
                let known: Vec<_> = known.iter().map(value_text).collect();
                bail!("--set {name}={text}: the parameter is one of {}", known.join(", "));
            }
            _ => Value::Text(text.to_owned()),
        },
        Value::Flag(_) => match text {
            "true" => Value::Flag(true),
            "false" => Value::Flag(false),
            _ => bail!("--set {name}={text}: the parameter is true or false"),
        },
        Value::Float(_) | Value::Integer(_) => number()?,
    })
}

/// Names one after the other, for messages.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// `point` and, for parameters that it does not set, what the command line sets.
fn with_set(set: &Point, point: &Point) -> Point {
    let own = |(name, _): &&(String, Value)| point.values.iter().all(|(known, _)| known != name);
    Point { values: point.values.iter().chain(set.values.iter().filter(own)).cloned().collect() }
}

impl Loaded {
    /// What analyses need.
    pub(super) fn study<'a>(&'a self, control: Control<'a>) -> eyre::Result<Study<'a>> {
        if self.kpis.is_empty() {
            bail!("{} has no KPI to look at; add a table [[kpi]] with a name and a column", self.name);
        }
        Ok(Study { model: &*self.model, kpis: &self.kpis, seed: self.seed, control })
    }

    /// The parameters of these names, or those of the role.
    pub(super) fn space(&self, names: &[String], role: Option<Role>) -> eyre::Result<Space> {
        if names.is_empty() {
            let has_role = |parameter: &&Parameter| Some(parameter.role) == role;
            let free: Vec<_> = self.parameters.iter().filter(|parameter| !self.is_set(parameter)).cloned().collect();
            if self.parameters.iter().filter(has_role).count() > 0 && free.iter().filter(has_role).count() == 0 {
                bail!("--set leaves nothing to vary; leave a parameter out of it, or name one with --over");
            }
            return Ok(match role {
                Some(role) => Space::of_role(&free, role)?,
                None if self.spread().is_empty() => bail!(
                    "no parameter of {} may vary; give one a list, or low and high, and leave it out of --set",
                    self.name
                ),
                None => Space::new(&self.spread())?,
            });
        }
        let chosen = names.iter().map(|name| self.parameter(name)).collect::<eyre::Result<Vec<_>>>()?;
        Ok(Space::new(&chosen)?)
    }

    /// The parameters that may be something else, but for those that the command line sets.
    pub(super) fn spread(&self) -> Vec<Parameter> {
        let may_vary = |parameter: &&Parameter| parameter.spread.is_some() && !self.is_set(parameter);
        self.parameters.iter().filter(may_vary).cloned().collect()
    }

    fn is_set(&self, parameter: &Parameter) -> bool {
        self.set.values.iter().any(|(name, _)| *name == parameter.name)
    }

    pub(super) fn parameter(&self, name: &str) -> eyre::Result<Parameter> {
        let known = || listed(self.parameters.iter().map(|parameter| &*parameter.name));
        let found = self.parameters.iter().find(|parameter| parameter.name == name).cloned();
        found.ok_or_else(|| eyre!("{} has no parameter {name}; it has {}", self.name, known()))
    }

    /// The KPI that is asked for, or the only one.
    pub(super) fn kpi(&self, name: Option<&str>) -> eyre::Result<String> {
        let known = || listed(self.kpis.iter().map(|kpi| &*kpi.name));
        match (name, &*self.kpis) {
            (Some(name), kpis) if kpis.iter().any(|kpi| kpi.name == name) => Ok(name.to_owned()),
            (Some(name), _) => bail!("{} has no KPI {name}; it has {}", self.name, known()),
            (None, [kpi]) => Ok(kpi.name.clone()),
            (None, _) => bail!("say which KPI; {} has {}", self.name, known()),
        }
    }

    /// `point` with what the command line sets, so that results say it.
    pub(super) fn with_set(&self, point: &Point) -> Point {
        with_set(&self.set, point)
    }
}
