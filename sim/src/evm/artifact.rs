//! Compiled contracts: where they are found, and what their JSON says, whichever tool wrote it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy_primitives::{Bytes, hex};
use serde_json::Value;

use crate::evm::{
    abi::{Abi, AbiError},
    names::hint,
};

/// No artifact is larger: Ocean's, with their syntax trees, take about one MiB.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// How many entries of a folder are looked at.
const MAX_ENTRIES: usize = 10_000;

/// Contracts that come with this program: name, ABI, and bytecode.
const BUNDLED: [(&str, &str, &str); 3] = [
    (
        "BlockMoneyStreaming",
        include_str!("../../../bindings/abi/MoneyStreaming.json"),
        include_str!("../../../bindings/abi/BlockMoneyStreaming.json"),
    ),
    (
        "TimestampMoneyStreaming",
        include_str!("../../../bindings/abi/MoneyStreaming.json"),
        include_str!("../../../bindings/abi/TimestampMoneyStreaming.json"),
    ),
    (
        "DemoToken",
        include_str!("../../../bindings/abi/DemoToken.json"),
        include_str!("../../../bindings/abi/DemoToken.json"),
    ),
];

/// Why there is no contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// There is no such file.
    #[error("no artifact {reference} in {places}; {remedy}")]
    Missing {
        /// What was asked for.
        reference: String,
        /// Where it was looked for.
        places: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file is no artifact.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A compiled contract.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Its interface.
    pub abi: Arc<Abi>,
    /// What deploys it, or why nothing does.
    creation: Result<Bytes, AbiError>,
}

impl Artifact {
    /// The artifact that `reference` names, seen from `folder`:
    /// - `npm:@openzeppelin/contracts/VestingWallet`: of a package under `lib/node_modules` or `node_modules` of that
    ///   folder or one above, by its path there or by the contract's name alone;
    /// - `forge:MyToken` or `forge:MyToken.sol/MyToken`: from forge's `out` of that folder or one above;
    /// - `bundled:DemoToken`: of this program;
    /// - anything else: a path, seen from the folder.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn find(reference: &str, folder: &Path) -> Result<Self, ArtifactError> {
        match reference.split_once(':') {
            Some(("npm", rest)) => Self::read(&find_npm(reference, rest, folder)?),
            Some(("forge", rest)) => Self::read(&find_forge(reference, rest, folder)?),
            Some(("bundled", name)) => Self::bundled(name),
            _ => Self::read(&find_path(reference, folder)?),
        }
    }

    /// The artifact in the file.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let fault = |why: String| ArtifactError::Unreadable { path: path.display().to_string(), why };
        let size = fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
        if size > MAX_FILE {
            return Err(fault(format!("{size} bytes are more than the {MAX_FILE} of an artifact")));
        }
        let json = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self::parse(&name, &json).map_err(fault)
    }

    /// The contract of this program.
    ///
    /// # Errors
    /// If there is none of the name.
    pub fn bundled(name: &str) -> Result<Self, ArtifactError> {
        let Some((_, abi, code)) = BUNDLED.iter().find(|(bundled, ..)| *bundled == name) else {
            let names: Vec<_> = BUNDLED.iter().map(|(bundled, ..)| *bundled).collect();
            return Err(ArtifactError::Missing {
                reference: format!("bundled:{name}"),
                places: format!("this program, which has {}{}", names.join(", "), hint(name, names.iter().copied())),
                remedy: "name one of these, or a file",
            });
        };
        let interface = Self::parse(name, abi).expect("the committed ABI is whole");
        let code = Self::parse(name, code).expect("the committed bytecode is whole");
        Ok(Self { creation: code.creation, ..interface })
    }

    /// The artifact of the contract `name`, from the JSON that forge, Hardhat, Truffle, Waffle or solc's standard output
    /// writes for it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(name: &str, json: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(json).map_err(|error| format!("no JSON: {error}"))?;
        let abi = match &json {
            Value::Array(_) => &json,
            Value::Object(_) => {
                json.get("abi").ok_or("it has no abi; name the JSON that a compiler wrote for a contract")?
            }
            _ => return Err("it is neither an object nor an ABI".to_owned()),
        };
        let name = json.get("contractName").and_then(Value::as_str).unwrap_or(name);
        let abi = serde_json::from_value(abi.clone()).map_err(|error| format!("its abi: {error}"))?;
        let abi = Abi::new(name, &abi).map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), abi: Arc::new(abi), creation: creation_code(name, &json) })
    }

    /// What deploys the contract, without its constructor's arguments.
    ///
    /// # Errors
    /// If it is abstract, an interface, not linked, or no hex.
    pub fn creation_code(&self) -> Result<&Bytes, AbiError> {
        self.creation.as_ref().map_err(Clone::clone)
    }
}

fn creation_code(name: &str, json: &Value) -> Result<Bytes, AbiError> {
    let bad = |why: String| AbiError::BadItem { item: format!("the bytecode of {name}"), why };
    let evm = json.get("evm").and_then(|evm| evm.get("bytecode"));
    let Some(field) = json.get("bytecode").or(evm) else {
        return Err(bad("the artifact has an ABI only; name one that was compiled with bytecode".to_owned()));
    };
    let text = match field {
        Value::String(text) => text,
        Value::Object(object) => match object.get("object") {
            Some(Value::String(text)) => text,
            _ => return Err(bad("its object is no text".to_owned())),
        },
        _ => return Err(bad("it is neither text nor an object".to_owned())),
    };
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.is_empty() {
        return Err(bad("it is empty: the contract is abstract or an interface; name one that inherits it".to_owned()));
    }
    if let Some(at) = digits.find("__") {
        let placeholder: String = digits[at..].chars().take(40).collect();
        let libraries = libraries(json).unwrap_or_else(|| placeholder.trim_matches(['_', '$']).to_owned());
        return Err(bad(format!("it is not linked with {libraries}; compile it with its libraries' addresses")));
    }
    hex::decode(digits).map(Into::into).map_err(|error| bad(format!("it is no hex: {error}")))
}

/// The names of the libraries that the bytecode has to be linked with, where the artifact tells.
fn libraries(json: &Value) -> Option<String> {
    let inside = |field: &str| json.get(field).and_then(|bytecode| bytecode.get("linkReferences"));
    let evm = json.get("evm").and_then(|evm| evm.get("bytecode")?.get("linkReferences"));
    let files = json.get("linkReferences").or_else(|| inside("bytecode")).or(evm)?.as_object()?;
    let names: Vec<&str> =
        files.values().filter_map(Value::as_object).flat_map(|names| names.keys()).map(String::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn find_path(reference: &str, folder: &Path) -> Result<PathBuf, ArtifactError> {
    let path = folder.join(reference);
    if path.is_file() {
        return Ok(path);
    }
    let remedy = "a path is seen from the netlist's folder; or name npm:<package>/<contract> or forge:<contract>";
    Err(missing(reference, &[path], remedy))
}

/// Where packages keep the artifact of a contract that is called by its name alone.
const NPM_FOLDERS: [&str; 4] = ["build/contracts", "artifacts", "build", "out"];

fn find_npm(reference: &str, rest: &str, folder: &Path) -> Result<PathBuf, ArtifactError> {
    let remedy = "run `make lib`, or install the package with npm; write npm:<package>/<contract>";
    let n_parts = if rest.starts_with('@') { 2 } else { 1 };
    let at = rest.match_indices('/').nth(n_parts - 1).map(|(at, _)| at);
    let Some((package, inside)) = at.map(|at| (&rest[..at], &rest[at + 1..])) else {
        return Err(missing(reference, &[folder.to_owned()], remedy));
    };
    if Path::new(rest).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return Err(missing(reference, &[PathBuf::from(rest)], "a package's files are named from its folder down"));
    }
    let mut places = Vec::new();
    for root in ancestors(folder) {
        for modules in ["lib/node_modules", "node_modules"] {
            let home = root.join(modules).join(package);
            if !home.is_dir() {
                places.push(home);
                continue;
            }
            let by_name = NPM_FOLDERS.iter().map(|folder| home.join(folder).join(format!("{inside}.json")));
            let mut tried: Vec<PathBuf> = [home.join(inside)].into_iter().chain(by_name).collect();
            if let Some(found) = tried.iter().find(|path| path.is_file()) {
                return Ok(found.clone());
            }
            places.append(&mut tried);
        }
    }
    Err(missing(reference, &places, remedy))
}

fn find_forge(reference: &str, rest: &str, folder: &Path) -> Result<PathBuf, ArtifactError> {
    let (source, name) = rest.split_once('/').map_or((None, rest), |(source, name)| (Some(source), name));
    let mut places = Vec::new();
    for root in ancestors(folder) {
        let out = root.join("out");
        let sources: Vec<PathBuf> = match source {
            Some(source) => vec![out.join(source)],
            None => sources(&out),
        };
        let found: Vec<_> =
            sources.iter().map(|source| source.join(format!("{name}.json"))).filter(|path| path.is_file()).collect();
        match found.as_slice() {
            [] => places.push(out),
            [one] => return Ok(one.clone()),
            several => {
                return Err(missing(
                    reference,
                    several,
                    "several sources have one; write forge:<Source>.sol/<contract>",
                ));
            }
        }
    }
    Err(missing(reference, &places, "run `forge build`"))
}

/// The folders of sources in forge's output, sorted.
fn sources(out: &Path) -> Vec<PathBuf> {
    let Ok(entries) = out.read_dir() else { return Vec::new() };
    let mut sources: Vec<_> = entries.take(MAX_ENTRIES).flatten().map(|entry| entry.path()).collect();
    sources.retain(|path| path.is_dir());
    sources.sort();
    sources
}

/// The folder and those above it, from the file system's root if it can be told.
fn ancestors(folder: &Path) -> Vec<PathBuf> {
    // The folder of a bare file name is empty.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    absolute.ancestors().map(Path::to_owned).collect()
}

fn missing(reference: &str, places: &[PathBuf], remedy: &'static str) -> ArtifactError {
    const SHOWN: usize = 6;
    let mut shown: Vec<_> = places.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    if places.len() > SHOWN {
        shown.push(format!("{} other places", places.len() - SHOWN));
    }
    ArtifactError::Missing { reference: reference.to_owned(), places: shown.join(", "), remedy }
}
