//! The netlists in the box, and their scripts.

use std::{fs, path::Path};

use super::Source;
use crate::script::Limits;

/// A netlist in the box.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Bundled {
    /// What it models: the first sentence of the comment that its text begins with.
    #[must_use]
    pub fn about(&self) -> String {
        let lines: Vec<&str> = self.text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim).collect();
        let comment = lines.join(" ");
        match comment.split_once(". ") {
            Some((sentence, _)) => format!("{sentence}."),
            None => comment,
        }
    }
}

macro_rules! bundle {
    ($($name:literal),* $(,)?) => {
        &[$(Bundled { name: $name, text: include_str!(concat!("../../netlists/", $name, ".toml")) }),*]
    };
}

/// All of them: ours first, then the reference models.
pub const BUNDLED: &[Bundled] = bundle![
    "payroll",
    "payroll-block-times",
    "subscriptions",
    "crowdsale",
    "griefers",
    "uniswap-v2",
    "scripted",
    "flash-v3",
    "predators",
    "simplegrant",
    "wsloop",
    "wsloop-2021",
    "scheduler",
    "simplepool",
    "oceanv3",
];

/// Scripts of netlists in the box: file and text.
const SCRIPTS: &[(&str, &str)] = &[
    ("predators.rhai", include_str!("../../netlists/predators.rhai")),
    ("scripted.rhai", include_str!("../../netlists/scripted.rhai")),
];

/// The text of the script in the box of this file name.
#[must_use]
pub fn bundled_script(file: &str) -> Option<&'static str> {
    SCRIPTS.iter().find(|(known, _)| *known == file).map(|(_, text)| *text)
}

impl Source {
    /// What errors call a script, and its text: that of the file beside the netlist, or, of a netlist in the box without
    /// such a file, that in the box.
    pub(crate) fn script(&self, file: &str) -> Result<(String, String), String> {
        let path = Path::new(&self.path).with_file_name(file);
        let shown = path.display().to_string();
        let most = Limits::default().source_bytes;
        let size = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) => {
                let is_bundled = BUNDLED.iter().any(|bundled| bundled.text == self.text);
                return match bundled_script(file) {
                    Some(text) if is_bundled => Ok((file.to_owned(), text.to_owned())),
                    _ => Err(format!("script {shown}: {error}; a script stands beside its netlist")),
                };
            }
        };
        if usize::try_from(size).map_or(true, |size| size > most) {
            return Err(format!("script {shown} has {size} bytes, and {most} are allowed: split it"));
        }
        fs::read_to_string(&path).map(|text| (shown.clone(), text)).map_err(|error| format!("script {shown}: {error}"))
    }
}

/// The netlist in the box of this name.
#[must_use]
pub fn bundled(name: &str) -> Option<&'static Bundled> {
    BUNDLED.iter().find(|bundled| bundled.name == name)
}
